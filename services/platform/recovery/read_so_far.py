"""Tells whether a database forgot what a process saw in it: a standby was promoted, or a backup restored, under it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.platform.storage.reader import Position
from services.platform.storage.records import Partition


class WentBack(NamedTuple):
    """What was seen of a partition, and the less that is there now: the offset that comes next, or the moment up to
    which all was read, which goes on where no record comes."""

    partition: Partition
    seen: int | str
    found: int | str


class ReadSoFar:
    """The furthest committed position of each partition that this process has seen."""

    def __init__(self) -> None:
        self._seen: dict[Partition, Position] = {}

    def seen(self) -> Mapping[Partition, Position]:
        """As of now. To be taken before the database is asked: others commit while its answer is under way."""
        return dict(self._seen)

    def learn(self, offsets: Iterable[tuple[Partition, int]]) -> None:
        """Next offsets that are committed."""
        for partition, offset in offsets:
            self._further(partition, Position(offset))

    def went_back(self, found: Mapping[Partition, Position], seen: Mapping[Partition, Position]) -> WentBack | None:
        """The first partition of which less has been read than before, if there is one; otherwise remember these
        positions.

        `found`: committed positions; a partition that is left out has not been read. `seen`: positions from before they
        were asked for.
        """
        for partition, was in sorted(seen.items()):
            now = found.get(partition, Position())
            if now.next_offset < was.next_offset:
                return WentBack(partition, was.next_offset, now.next_offset)
            if was.read_to is not None and (now.read_to is None or now.read_to < was.read_to):
                return WentBack(partition, str(was.read_to), str(now.read_to))
        for partition, position in found.items():
            self._further(partition, position)
        return None

    def _further(self, partition: Partition, now: Position) -> None:
        was = self._seen.get(partition, Position())
        read_to = max((when for when in (was.read_to, now.read_to) if when is not None), default=None)
        self._seen[partition] = Position(max(was.next_offset, now.next_offset), read_to)
