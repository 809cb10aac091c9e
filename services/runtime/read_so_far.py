"""Tells whether a database forgot what a process saw in it: a standby was promoted, or a backup restored, under it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.runtime.broker import Partition


class WentBack(NamedTuple):
    """Offsets that come next in a partition: the one that was seen, and the lower one that is there now."""

    partition: Partition
    seen: int
    found: int


class ReadSoFar:
    """The furthest committed offset of each partition that this process has seen."""

    def __init__(self) -> None:
        self._next: dict[Partition, int] = {}

    def seen(self) -> Mapping[Partition, int]:
        """As of now. To be taken before the database is asked: others commit while its answer is under way."""
        return dict(self._next)

    def learn(self, offsets: Iterable[tuple[Partition, int]]) -> None:
        """Next offsets that are committed."""
        for partition, offset in offsets:
            self._next[partition] = max(self._next.get(partition, 0), offset)

    def went_back(self, found: Mapping[Partition, int], seen: Mapping[Partition, int]) -> WentBack | None:
        """The first partition of which less has been read than before, where there is one; else learns.

        `found`: committed next offsets, zero for partitions that are left out. `seen`: from before they were asked for.
        """
        for partition, offset in sorted(seen.items()):
            if (now := found.get(partition, 0)) < offset:
                return WentBack(partition, offset, now)
        self.learn(found.items())
        return None
