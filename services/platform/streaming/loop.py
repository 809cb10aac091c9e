"""The one loop that owns acknowledgements: every way in which a batch can fail has its end here."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import structlog

from schemas.refusals import Refusal, RefusalReason
from services.platform import metrics
from services.platform.logs import Event
from services.platform.policy.clocks import london_day
from services.platform.storage.records import Partition, Record
from services.platform.streaming.due import DUE_AT_ONCE
from services.platform.streaming.errors import Failures, Then, Tries
from services.platform.streaming.halting import Halt, HaltReason
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.starts import Starts
from services.platform.streaming.stream_checks import StreamChecks
from services.platform.streaming.work import Work

RETRY_TRIES = 2  # of a record that was set aside, at each release and policy
TAKE_BACK_SECONDS = 2.0
FAULT_WINDOW = timedelta(minutes=1)

RELEASE = "rules raise in file after file: go back to the release before, or mend this one, and start the worker again"

log = structlog.get_logger("relay")


class Loop:
    """Take the records that the engine hands over for one service, and return how many of them are done."""

    def __init__(self, work: Work, offsets: Offsets) -> None:
        self._work = work
        self.service = work.judging.service
        self._failures = Failures(self.service.name, work.database.answers)
        self.checks = StreamChecks(work.database, offsets, self._failures)
        self._starts = Starts(work.database, self._failures)
        self._faults: list[float] = []

    async def assigned(
        self, partitions: frozenset[Partition], group: Mapping[Partition, int | None]
    ) -> Mapping[Partition, int]:
        """Where each of these partitions begins. `group`: what the group had committed before."""
        await self.leave()
        begins = await self.checks.assigned(partitions, group)
        self._starts.assigned(partitions)
        return begins

    async def leave(self) -> None:
        """This process hands over no more of its partitions."""
        await self._starts.leave()

    async def handle(self, records: Sequence[Record]) -> int:
        """How many of the leading records have their end. Waits while the database is away, halts for what is ours."""
        batch = list(records)
        await self._starts.begin(batch)
        try:
            return await self._handle(batch)
        except Halt:
            await self._starts.halted(batch)
            raise

    async def evaluate_due(self) -> None:
        """Evaluates all files that are due. One that cannot be evaluated is faulted, and evaluated again later."""
        tries = Tries(DUE_AT_ONCE)
        while True:
            try:
                evaluated = await self._work.due.evaluate(tries.size)
            except Exception as problem:
                if await self._failures.of_work(problem, tries) is not Then.RETRY:
                    log.exception(Event.FILE_FAULTED, service=self.service.name)
                    await self._failures.until_stored(self._work.due.fault_first)
                    tries = Tries(DUE_AT_ONCE)
                continue
            await self._halt_if_too_many_faulted()
            if not evaluated:
                return
            tries = Tries(DUE_AT_ONCE)

    async def retry_refused(self) -> None:
        """Tries what was refused under another release or policy; one that kills the process is tried twice."""
        while refused := await self._failures.until_stored(self._work.batches.refused_before):
            for record in refused:
                await self._retry(record)

    async def _handle(self, batch: Sequence[Record]) -> int:
        if self._starts.is_taken_alone(batch[0]):
            return await self._alone(batch[0])
        alone_from = next((n for n, record in enumerate(batch) if self._starts.is_taken_alone(record)), len(batch))
        done = await self._smaller_until_done(batch[:alone_from])
        await self._starts.passed(batch[:done])
        await self._halt_if_too_many_faulted()
        return done

    async def _smaller_until_done(self, batch: Sequence[Record]) -> int:
        tries = Tries(len(batch))
        while True:
            try:
                with metrics.BATCH_SECONDS.labels(self.service.name).time():
                    return await self._work.batches.take(batch[: tries.size])
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
        if await self._starts.take_alone(record) > 1:
            await self._fault(record, "kills_or_hangs")
            done = 1
        else:
            async with self._no_death_of(record):
                done = await self._smaller_until_done([record])
        await self._starts.passed_alone(record)
        await self._starts.passed([record])
        return done

    async def _retry(self, record: Record) -> None:
        """As `_alone`, but that the worker may end twice meanwhile, since it may be for another reason; the record was
        set aside before, and stays so where it still has no other end."""
        tried = await self._starts.try_alone(record)
        async with self._no_death_of(record):
            if tried > RETRY_TRIES or not await self._has_another_end(record):
                place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
                log.warning(Event.RECORD_FAULTED, service=self.service.name, **place)
                await self._failures.until_stored(lambda: self._work.batches.still_refused(record))
        await self._starts.passed_alone(record)
        await self._halt_if_too_many_faulted()

    @asynccontextmanager
    async def _no_death_of(self, record: Record) -> AsyncIterator[None]:
        """Where the worker ends on purpose meanwhile, takes back that this record was taken alone: it did not die of
        it. Told to end, it waits for a database that is away only so long."""
        try:
            yield
        except Halt:
            await self._starts.passed_alone(record)
            raise
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(TAKE_BACK_SECONDS):
                    await self._starts.passed_alone(record)
            raise

    async def _has_another_end(self, record: Record) -> bool:
        """Whether a record that was refused before has another end now."""
        tries = Tries(1)
        while True:
            try:
                await self._work.batches.take_again(record)
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
        await self._failures.until_stored(lambda: self._work.batches.set_aside(record, refusal, fate))

    async def _halt_if_too_many_faulted(self) -> None:
        """A release that raises on file after file is stopped before it has judged them all."""
        if not self._work.commits.faults_since_check:
            return
        faulted = await self._failures.until_stored(lambda: self._work.due.faulted_within(FAULT_WINDOW))
        self._work.commits.faults_since_check = 0
        if faulted > await self._faulted_a_minute():
            log.critical(Event.TOO_MANY_FAULTED, service=self.service.name, files=faulted, advice=RELEASE)
            raise Halt(HaltReason.TOO_MANY_FAULTED)

    async def _faulted_a_minute(self) -> int:
        now = await self._failures.until_stored(self._work.database.clock)
        return self._work.judging.policies.at(now).limits(london_day(now)).faulted_files_a_minute
