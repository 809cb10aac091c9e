"""Compares what the database has read with what the group committed and with what the broker still keeps."""

import time
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NoReturn

import structlog

from services.platform.logs import Event
from services.platform.storage.records import Partition
from services.platform.storage.writer import UNTIL_RECOVERED
from services.platform.streaming.broker import NotThereYet
from services.platform.streaming.errors import Failures
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import RECOVER, Halt, HaltReason
from services.platform.streaming.hooks import Positions
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.service_database import ServiceDatabase

FOUND_FOR_SECONDS = 30.0

FILL = "the broker no longer keeps records that this service has not read: `relay fill` it first (docs/runbook.md)"
AWAITED = "what agencies were told must be read back first: stop all workers, then `relay recover` (docs/runbook.md)"
RESTORED = "the stream ends before what this service has read: was it made anew, or restored? (docs/runbook.md)"

log = structlog.get_logger("relay")


class StreamChecks:
    """Those of one service. Each halts the process where going on would lose or double records."""

    def __init__(self, database: ServiceDatabase, offsets: Offsets, failures: Failures) -> None:
        self._database, self._offsets, self._failures = database, offsets, failures
        self.service = database.service
        self._read_next: Mapping[Partition, int] = {}  # when the streams' ends were noted last
        self._record_at: dict[Partition, tuple[int, float]] = {}  # one that is next, and when it was seen there

    async def check(self) -> None:
        """Check all partitions, as `assigned` does, before anything is evaluated or published. No evaluation may rest
        on a database that went back, or on a clock that was moved while no worker ran."""
        await self._failures.until_stored(self._database.check_clock)
        group = await self._offsets.committed(group_of(self.service.name))
        begins = await self._offsets.begin_offsets(self.service.reads)
        positions, ends = await self._reached(self.service.reads)
        if positions and not ends:
            raise NotThereYet
        if any(at.evaluate_from == UNTIL_RECOVERED for at in positions.values()):
            log.critical(Event.RECOVERY_AWAITED, service=self.service.name, advice=AWAITED)
            raise Halt(HaltReason.OFFSETS_AHEAD)
        self.compare(begins.keys() & ends.keys(), group, begins, positions, ends)

    async def assigned(
        self, partitions: frozenset[Partition], group: Mapping[Partition, int | None]
    ) -> Mapping[Partition, int]:
        """Where each of these partitions begins. `group`: what the group had committed before."""
        topics = {topic for topic, _ in partitions}
        begins = await self._offsets.begin_offsets(topics)
        positions, ends = await self._reached(topics)
        if not partitions <= begins.keys() & ends.keys():
            # A broker that has just started may not know its topics yet: that says nothing of what they hold.
            raise NotThereYet
        self.compare(partitions, group, begins, positions, ends)
        return begins

    async def note_ends(self, ends: Mapping[Partition, int], at: datetime) -> None:
        """`ends`: the streams' end offsets, asked for after `at`: where all is read, it is read up to `at`.

        The broker may lose records under a running worker: those that were read, which is seen while others have not
        taken all of their places; or those that were not, when it keeps them no longer. Halts at either.
        """
        before, self._read_next = self._read_next, await self._database.note_ends(ends, at)
        passed = dict[Partition, int]()
        for place, end in ends.items():
            known, was = self._read_next[place], before.get(place, 0)
            if was > end:
                self._halt_went_back(place, end, was)
            if place in before and was == known < end and not self._waits_at(place, known):
                first = await self._offsets.first_record(place, known, end)
                if first is None:
                    await self.check()  # the answer may be old: another worker may have read what was kept then
                elif first < end:
                    self._record_at[place] = known, time.monotonic()
                else:
                    passed[place] = end
        if passed:
            await self._database.pass_over(passed, at)

    def _waits_at(self, place: Partition, offset: int) -> bool:
        """Whether a record was found there a while ago. It is looked for again after that: it may be kept no longer."""
        lay_at, seen = self._record_at.get(place, (-1, 0.0))
        return lay_at == offset and time.monotonic() - seen < FOUND_FOR_SECONDS

    async def _reached(self, topics: Collection[str]) -> tuple[Positions, Mapping[Partition, int]]:
        """Positions in the database, then ends of the streams: others read on meanwhile.

        What the group committed and where streams begin was asked before, for the same reason.
        """
        positions = await self._failures.until_stored(self._positions)
        return positions, await self._offsets.end_offsets(topics)

    async def _positions(self) -> Positions:
        async with self._database.transaction() as conn:
            return await self._database.positions(conn)

    def compare(
        self,
        partitions: Collection[Partition],
        group: Mapping[Partition, int | None],
        begins: Mapping[Partition, int],
        positions: Positions,
        ends: Mapping[Partition, int],
    ) -> None:
        for partition in sorted(partitions):
            known = positions[partition].next_offset if partition in positions else None
            reached, first = group.get(partition), begins[partition]
            if reached is not None and reached > (known or 0):
                place = self._place(partition)
                log.critical(Event.DATABASE_BEHIND_GROUP, **place, group=reached, database=known or 0, advice=RECOVER)
                raise Halt(HaltReason.OFFSETS_AHEAD)
            if known is not None and known > ends[partition]:
                self._halt_went_back(partition, ends[partition], known)
            if first > (known or 0):
                log.critical(
                    Event.RECORDS_GONE, **self._place(partition), first=first, database=known or 0, advice=FILL
                )
                raise Halt(HaltReason.OFFSETS_UNKNOWN)

    def _halt_went_back(self, partition: Partition, end: int, known: int) -> NoReturn:
        log.critical(Event.STREAM_WENT_BACK, **self._place(partition), end=end, database=known, advice=RESTORED)
        raise Halt(HaltReason.OFFSETS_AHEAD)

    def _place(self, partition: Partition) -> dict[str, str | int]:
        return {"service": self.service.name, "topic": partition[0], "partition": partition[1]}
