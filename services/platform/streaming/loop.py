"""The one loop that owns acknowledgements: every way in which a batch can fail has its end here."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

import structlog

from schemas.refusals import Refusal, RefusalReason
from services.platform import metrics
from services.platform.logs import Event
from services.platform.policy.clocks import london_day
from services.platform.storage.reader import Position
from services.platform.storage.records import Partition, Record
from services.platform.storage.writer import UNTIL_RECOVERED
from services.platform.streaming.attempts import Attempts
from services.platform.streaming.broker import NotThereYet
from services.platform.streaming.errors import Failures, Then, Tries
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import Halt, HaltReason
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.unit_of_work import DUE_AT_ONCE, RECOVER, UnitOfWork

ALONE_AFTER = 3  # starts that ended at the same record, before it is taken alone
ALONE_SPAN = 500  # a batch: the record that ends workers lies within it
RETRY_TRIES = 2  # of a record that was set aside, at each release and policy
TAKE_BACK_SECONDS = 2.0
LOOKED_FOR_SECONDS = 30.0
FAULT_WINDOW = timedelta(minutes=1)

FILL = "the broker no longer keeps records that this service has not read: `relay fill` it first (docs/runbook.md)"
AWAITED = "what agencies were told must be read back first: stop all workers, then `relay recover` (docs/runbook.md)"
RESTORED = "the stream ends before what this service has read: was it made anew, or restored? (docs/runbook.md)"
RELEASE = "rules raise in file after file: go back to the release before, or mend this one, and start the worker again"

T = TypeVar("T")

log = structlog.get_logger("relay")


class Loop:
    """Takes what the engine hands over for one service, and says how much of it is done."""

    def __init__(
        self,
        unit: UnitOfWork,
        committed: Callable[[Collection[Partition]], Awaitable[dict[Partition, int | None]]],
        offsets: Offsets,
    ) -> None:
        self.unit, self._committed, self._offsets = unit, committed, offsets
        self.service = unit.service
        self._failures = Failures(unit.service.name, unit.database_answers)
        self._attempts = Attempts(unit.service.name)
        self._unproven: set[Partition] = set()
        self._proven: set[Partition] = set()
        self._begun: dict[Partition, int] = {}  # counted by this process, which has got past none of them
        self._taken_alone: Record | None = None
        self._faults: list[float] = []
        self._careful: dict[Partition, int] = {}  # up to and including this offset, records are taken alone
        self._read_next: Mapping[Partition, int] = {}  # when the streams' ends were noted last
        self._file_of: dict[Partition, tuple[int, float]] = {}  # a record that is next, and when it was seen there

    async def check(self) -> None:
        """As `assigned`, of all partitions, before anything is looked at or published: no evaluation may rest on a
        database that went back, whoever holds the partition that tells, nor on a clock that was moved while nobody
        watched."""
        await self._until_stored(self.unit.check_clock)
        group = await self._offsets.committed(group_of(self.service.name))
        begins = await self._offsets.begin_offsets(self.service.reads)
        positions, ends = await self._reached(self.service.reads)
        if positions and not ends:
            raise NotThereYet
        if any(at.evaluate_from == UNTIL_RECOVERED for at in positions.values()):
            log.critical(Event.RECOVERY_AWAITED, service=self.service.name, advice=AWAITED)
            raise Halt(HaltReason.OFFSETS_AHEAD)
        self.compare(begins.keys() & ends.keys(), group, begins, positions, ends)

    async def note_ends(self, ends: Mapping[Partition, int], at: datetime) -> None:
        """`ends`: the streams' end offsets, asked for after `at`: where all is read, it is read up to `at`.

        The broker may lose records under a running worker: those that were read, which is seen while others have not
        taken all of their places; or those that were not, when it keeps them no longer. Halts at either.
        """
        before, self._read_next = self._read_next, await self.unit.note_ends(ends, at)
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
                    self._file_of[place] = known, time.monotonic()
                else:
                    passed[place] = end
        if passed:
            await self.unit.pass_over(passed, at)

    def _waits_at(self, place: Partition, offset: int) -> bool:
        """Whether a record was found there a while ago. It is looked for again after that: it may be kept no longer."""
        lay_at, seen = self._file_of.get(place, (-1, 0.0))
        return lay_at == offset and time.monotonic() - seen < LOOKED_FOR_SECONDS

    async def assigned(self, partitions: frozenset[Partition]) -> Mapping[Partition, int]:
        """Holds what the group committed and what the broker still has against what the database knows; where each
        partition begins."""
        await self.leave()
        topics = {topic for topic, _ in partitions}
        group, begins = await self._committed(partitions), await self._offsets.begin_offsets(topics)
        positions, ends = await self._reached(topics)
        if not partitions <= begins.keys() & ends.keys():
            # A broker that has just started may not know its topics yet: that says nothing of what they hold.
            raise NotThereYet
        self.compare(partitions, group, begins, positions, ends)
        self._unproven |= partitions
        self._proven -= partitions
        return begins

    async def _reached(self, topics: Collection[str]) -> tuple[Mapping[Partition, Position], Mapping[Partition, int]]:
        """Positions in the database and ends of the streams, and of the database first: others read on meanwhile.

        What the group committed and where streams begin was asked before, for the same reason.
        """
        positions = await self._until_stored(self._positions)
        return positions, await self._offsets.end_offsets(topics)

    def compare(
        self,
        partitions: Collection[Partition],
        group: Mapping[Partition, int | None],
        begins: Mapping[Partition, int],
        positions: Mapping[Partition, Position],
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

    async def leave(self) -> None:
        """Takes back what was counted against records that this process has left to others: it did not die of them."""
        if self._begun:
            await self._until_stored(self._take_back_starts)
        if (left := self._taken_alone) is not None:
            await self._until_stored(lambda: self._forget_alone(left))
            self._taken_alone = None

    async def handle(self, records: Sequence[Record]) -> int:
        """How many of the leading records have their end. Waits while the database is away, halts for what is ours."""
        batch = list(records)
        await self._until_stored(lambda: self._count_starts(batch))
        try:
            return await self._handle(batch)
        except Halt:
            # The worker ends on purpose: none of these records has killed it.
            await self._until_stored(lambda: self._forget_starts(batch))
            raise

    async def evaluate_due(self) -> None:
        """Looks at all files that are due. One that cannot be looked at is faulted, and looked at again later."""
        tries = Tries(DUE_AT_ONCE)
        while True:
            try:
                evaluated = await self.unit.evaluate_due(tries.size)
            except Exception as problem:
                if await self._failures.of_work(problem, tries) is not Then.RETRY:
                    log.exception(Event.FILE_FAULTED, service=self.service.name)
                    await self._until_stored(self.unit.fault_first_due)
                    tries = Tries(DUE_AT_ONCE)
                continue
            await self._halt_if_too_many_faulted()
            if not evaluated:
                return
            tries = Tries(DUE_AT_ONCE)

    async def retry_refused(self) -> None:
        """Tries what was refused under another release or policy; one that kills the process is tried twice."""
        while waiting := await self._until_stored(self.unit.refused_before):
            for record in waiting:
                await self._retry(record)

    async def _handle(self, batch: Sequence[Record]) -> int:
        first = batch[0]
        if self._careful.get((first.topic, first.partition), -1) >= first.offset:
            return await self._alone(first)
        careful = next(
            (n for n, r in enumerate(batch) if self._careful.get((r.topic, r.partition), -1) >= r.offset), len(batch)
        )
        done = await self._smaller_until_done(batch[:careful])
        await self._until_stored(lambda: self._prove(batch[:done]))
        await self._halt_if_too_many_faulted()
        return done

    async def _smaller_until_done(self, batch: Sequence[Record]) -> int:
        tries = Tries(len(batch))
        while True:
            try:
                with metrics.BATCH_SECONDS.labels(self.service.name).time():
                    return await self.unit.take(batch[: tries.size])
            except Exception as problem:
                match await self._failures.of_work(problem, tries):
                    case Then.REFUSE:
                        detail = "the content: a value that the database can hold is expected in every field"
                        refusal = Refusal(RefusalReason.NOT_STORABLE, "decide", detail)
                        await self._set_aside(batch[0], refusal, "refused")
                        return 1
                    case Then.FAULT:
                        log.exception(Event.RECORD_FAULTED, service=self.service.name)
                        await self._fault(batch[0], type(problem).__name__)
                        return 1

    async def _alone(self, record: Record) -> int:
        """A record at which workers died before: its own try is counted first, and the second is not made."""
        tries = await self._until_stored(lambda: self._count_alone(record))
        self._taken_alone = record
        if tries > 1:
            await self._fault(record, "kills_or_hangs")
            done = 1
        else:
            async with self._no_death_of(record):
                done = await self._smaller_until_done([record])
        await self._until_stored(lambda: self._forget_alone(record))
        self._taken_alone = None
        await self._until_stored(lambda: self._prove([record]))
        return done

    async def _retry(self, record: Record) -> None:
        """As `_alone`, but that the worker may end twice meanwhile, since it may be for another reason; the record was
        set aside before, and stays so where it still has no other end."""
        tried = await self._until_stored(lambda: self._count_alone(record))
        async with self._no_death_of(record):
            if tried > RETRY_TRIES or not await self._has_another_end(record):
                place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
                log.warning(Event.RECORD_FAULTED, service=self.service.name, **place)
                await self._until_stored(lambda: self.unit.still_refused(record))
        await self._until_stored(lambda: self._forget_alone(record))
        await self._halt_if_too_many_faulted()

    @asynccontextmanager
    async def _no_death_of(self, record: Record) -> AsyncIterator[None]:
        """Where the worker ends on purpose meanwhile, takes back that this record was taken alone: it did not die of
        it. Told to end, it waits for a database that is away only so long."""
        try:
            yield
        except Halt:
            await self._until_stored(lambda: self._forget_alone(record))
            raise
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(TAKE_BACK_SECONDS):
                    await self._until_stored(lambda: self._forget_alone(record))
            raise

    async def _has_another_end(self, record: Record) -> bool:
        """Whether a record that was refused before has another end now."""
        tries = Tries(1)
        while True:
            try:
                await self.unit.take([record], again=True)
            except Exception as problem:  # noqa: BLE001 - it was refused for this before, and stays so
                if await self._failures.of_work(problem, tries) is not Then.RETRY:
                    return False
            else:
                return True

    async def _fault(self, record: Record, why: str) -> None:
        """Keeps a record that could not be judged, with an alarm; it is judged again after each release.

        A release that faults record after record is stopped instead: nothing more is acknowledged.
        """
        now = time.monotonic()
        self._faults = [at for at in self._faults if now - at < FAULT_WINDOW.total_seconds()] + [now]
        if len(self._faults) > await self._faulted_a_minute():
            log.critical(Event.TOO_MANY_FAULTED, service=self.service.name, records=len(self._faults), advice=RELEASE)
            raise Halt(HaltReason.TOO_MANY_FAULTED)
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.critical(Event.RECORD_SET_ASIDE, service=self.service.name, why=why, **place)
        detail = "the relay could not judge this record; it is kept, and judged again after a release"
        await self._set_aside(record, Refusal(RefusalReason.FAULTED, "decide", detail), "faulted")

    async def _set_aside(self, record: Record, refusal: Refusal, fate: str) -> None:
        await self._until_stored(lambda: self.unit.set_aside(record, refusal, fate))

    async def _until_stored(self, work: Callable[[], Awaitable[T]]) -> T:
        """Waits for the database in place; halts where it refuses what this release asks of it."""
        tries = Tries(1)
        while True:
            try:
                return await work()
            except Exception as problem:  # noqa: BLE001 - the table of errors says what ends the process
                await self._failures.of_note(problem, tries)

    async def _positions(self) -> Mapping[Partition, Position]:
        async with self.unit.transaction() as conn:
            return await self.unit.positions(conn)

    async def _count_starts(self, batch: Sequence[Record]) -> None:
        """Counts, in a transaction of its own, that work begins at a partition's first record since it was assigned."""
        first: dict[Partition, Record] = {}
        for record in batch:
            partition = (record.topic, record.partition)
            if partition in self._unproven:
                first.setdefault(partition, record)
        if not first:
            return
        async with self.unit.transaction() as conn:
            for partition, record in first.items():
                place = (record.topic, record.partition, record.offset)
                careful = await self._attempts.furthest_alone(conn, *place)
                if await self._attempts.count_start(conn, *place) > ALONE_AFTER:
                    careful = max(careful, record.offset + ALONE_SPAN)
                self._careful[partition] = careful
        self._unproven -= first.keys()
        self._begun |= {partition: record.offset for partition, record in first.items()}

    async def _take_back_starts(self) -> None:
        async with self.unit.transaction() as conn:
            await self._attempts.take_back_starts(conn, self._begun)
        self._begun.clear()

    async def _prove(self, done: Sequence[Record]) -> None:
        """Progress was made: earlier starts at these partitions count no more."""
        newest = {(r.topic, r.partition): r.offset for r in done}
        proven = {p: offset for p, offset in newest.items() if p not in self._proven}
        if proven:
            async with self.unit.transaction() as conn:
                await self._attempts.forget_starts(conn, proven)
            self._proven |= proven.keys()
            self._begun = {partition: at for partition, at in self._begun.items() if partition not in proven}

    async def _count_alone(self, record: Record) -> int:
        async with self.unit.transaction() as conn:
            return await self._attempts.count_alone(conn, record.topic, record.partition, record.offset)

    async def _forget_alone(self, record: Record) -> None:
        async with self.unit.transaction() as conn:
            await self._attempts.forget_alone(conn, record.topic, record.partition, record.offset)

    async def _forget_starts(self, records: Sequence[Record]) -> None:
        upto = {(r.topic, r.partition): r.offset for r in records}
        async with self.unit.transaction() as conn:
            await self._attempts.forget_starts(conn, upto)
        self._begun = {partition: at for partition, at in self._begun.items() if partition not in upto}

    async def _halt_if_too_many_faulted(self) -> None:
        """A release that raises on file after file is stopped before it has judged them all."""
        if not self.unit.faults_since_check:
            return
        faulted = await self._until_stored(lambda: self.unit.faulted_within(FAULT_WINDOW))
        self.unit.faults_since_check = 0
        if faulted > await self._faulted_a_minute():
            log.critical(Event.TOO_MANY_FAULTED, service=self.service.name, files=faulted, advice=RELEASE)
            raise Halt(HaltReason.TOO_MANY_FAULTED)

    async def _faulted_a_minute(self) -> int:
        now = await self._until_stored(self.unit.clock)
        return self.unit.policies.at(now).limits(london_day(now)).faulted_files_a_minute
