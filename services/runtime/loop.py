"""The one loop that owns acknowledgements: every way in which a batch can fail has its end here."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import structlog
from psycopg import (
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    errors,
)

from schemas.refusals import Refusal, RefusalReason
from services.runtime.engine import Halt, HaltReason, Partition, Record
from services.runtime.logs import Event
from services.runtime.shell import Shell

OURS_TRIES = 3
ALONE_AFTER = 3  # starts that ended at the same record, before it is taken alone
ALONE_SPAN = 500  # a batch: the record that ends workers lies within it
CONTENDED_TRIES = 12  # of one record by itself, before it is counted as one that hangs
FAULTED_A_MINUTE = 50
FAULT_WINDOW = timedelta(minutes=1)
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)

# A transaction that lost to another, or took too long: smaller and again.
CONTENDED = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.LockNotAvailable,
    errors.QueryCanceled,
    errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
)

T = TypeVar("T")

log = structlog.get_logger("relay")


@dataclass(slots=True)
class _Tries:
    """How a batch has fared so far: `size` of its records are tried next."""

    size: int
    contended: int = 0
    ours: int = 0
    pauses: int = 0

    @property
    def alone(self) -> bool:
        return self.size == 1

    def halve(self) -> None:
        self.size = (self.size + 1) // 2

    def pause(self) -> float:
        """Seconds to wait before the next try, longer each time."""
        self.pauses += 1
        return PAUSES[min(self.pauses, len(PAUSES)) - 1]


class Loop:
    """Takes what the engine hands over for one service, and says how much of it is done."""

    def __init__(
        self,
        shell: Shell,
        committed: Callable[[Collection[Partition]], Awaitable[dict[Partition, int | None]]],
        begins: Callable[[Collection[str]], Awaitable[dict[Partition, int]]],
    ) -> None:
        self.shell, self._committed, self._begins = shell, committed, begins
        self.service = shell.service
        self._unproven: set[Partition] = set()
        self._proven: set[Partition] = set()
        self._faults: list[float] = []
        self._careful: dict[Partition, int] = {}  # up to and including this offset, records are taken alone

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        """Holds what the group committed and what the broker still has against what the database knows."""
        positions = await self._waiting_for_database(self._positions)
        group, begins = await self._committed(partitions), await self._begins({topic for topic, _ in partitions})
        for partition in sorted(partitions):
            known, _ = positions.get(partition, (None, None))
            reached, first = group.get(partition), begins.get(partition, 0)
            if reached is not None and reached > (known or 0):
                log.critical(
                    Event.DATABASE_BEHIND_GROUP, service=self.service.name, topic=partition[0], partition=partition[1]
                )
                raise Halt(HaltReason.OFFSETS_AHEAD)
            if first > (known or 0):
                log.critical(Event.RECORDS_GONE, service=self.service.name, topic=partition[0], partition=partition[1])
                raise Halt(HaltReason.OFFSETS_UNKNOWN)
        self._unproven |= partitions
        self._proven -= partitions

    async def handle(self, records: Sequence[Record]) -> int:
        """How many of the leading records have their end. Waits while the database is away, halts for what is ours."""
        batch = list(records)
        await self._waiting_for_database(lambda: self._count_starts(batch))
        first = batch[0]
        if self._careful.get((first.topic, first.partition), -1) >= first.offset:
            return await self._alone(first)
        careful = next(
            (n for n, r in enumerate(batch) if self._careful.get((r.topic, r.partition), -1) >= r.offset), len(batch)
        )
        done = await self._smaller_until_done(batch[:careful])
        await self._waiting_for_database(lambda: self._prove(batch[:done]))
        await self.halt_if_too_many_faulted()
        return done

    async def _smaller_until_done(self, batch: Sequence[Record]) -> int:
        tries = _Tries(len(batch))
        while True:
            try:
                return await self.shell.take(batch[: tries.size])
            except Exception as problem:  # noqa: BLE001 - whatever it is has its end here, or nothing is acknowledged
                if await self._ended(problem, batch[0], tries):
                    return 1

    async def _ended(self, problem: Exception, first: Record, tries: "_Tries") -> bool:
        """What follows from a batch that failed: another try, smaller or later, or its first record has its end."""
        match problem:
            case DataError() if tries.alone:
                detail = "the content: a value that the database can hold is expected in every field"
                refusal = Refusal(RefusalReason.NOT_STORABLE, "decide", detail)
                await self._set_aside(first, refusal, "refused")
                return True
            case _ if isinstance(problem, CONTENDED):
                tries.contended += 1
                if tries.alone and tries.contended >= CONTENDED_TRIES:
                    return await self._fault(first, "contended")
                tries.halve()
                await asyncio.sleep(random.uniform(0, tries.pause()))  # noqa: S311 - only to part two workers
            case IntegrityError() | ProgrammingError() | NotSupportedError() | InternalError():
                tries.ours += 1
                log.error(Event.DATABASE_REFUSES, service=self.service.name, sqlstate=problem.sqlstate)
                if tries.ours >= OURS_TRIES:
                    raise Halt(HaltReason.DATABASE_REFUSES) from None
                await asyncio.sleep(tries.pause())
            case OperationalError() | InterfaceError():
                log.warning(Event.DATABASE_AWAITED, service=self.service.name, error=type(problem).__name__)
                await asyncio.sleep(tries.pause())
            case _ if tries.alone:
                log.error(Event.RECORD_FAULTED, service=self.service.name, exc_info=problem)
                return await self._fault(first, type(problem).__name__)
            case _:
                tries.halve()
        return False

    async def _alone(self, record: Record) -> int:
        """A record at which workers died before: its own try is counted first, and the second is not made."""
        tries = await self._waiting_for_database(lambda: self._count_alone(record))
        if tries > 1:
            await self._fault(record, "kills_or_hangs")
            return 1
        done = await self._smaller_until_done([record])
        await self._waiting_for_database(lambda: self._forget(record))
        return done

    async def _fault(self, record: Record, why: str) -> bool:
        """Keeps a record that could not be judged, with an alarm; it is judged again after each release.

        A release that faults record after record is stopped instead: nothing more is acknowledged.
        """
        now = time.monotonic()
        self._faults = [at for at in self._faults if now - at < FAULT_WINDOW.total_seconds()] + [now]
        if len(self._faults) > FAULTED_A_MINUTE:
            log.critical(Event.TOO_MANY_FAULTED, service=self.service.name, records=len(self._faults))
            raise Halt(HaltReason.TOO_MANY_FAULTED)
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.critical(Event.RECORD_SET_ASIDE, service=self.service.name, why=why, **place)
        detail = "the relay could not judge this record; it is kept, and judged again after a release"
        await self._set_aside(record, Refusal(RefusalReason.FAULTED, "decide", detail), "faulted")
        return True

    async def _set_aside(self, record: Record, refusal: Refusal, fate: str) -> None:
        await self._waiting_for_database(lambda: self.shell.set_aside(record, refusal, fate))

    async def _waiting_for_database(self, work: Callable[[], Awaitable[T]]) -> T:
        tries = _Tries(1)
        while True:
            try:
                return await work()
            except (*CONTENDED, OperationalError, InterfaceError) as problem:
                log.warning(Event.DATABASE_AWAITED, service=self.service.name, error=type(problem).__name__)
                await asyncio.sleep(tries.pause())

    async def _positions(self) -> dict[Partition, tuple[int, object]]:
        async with self.shell.transaction() as conn:
            return dict(await self.shell.store.positions(conn))

    async def _count_starts(self, batch: Sequence[Record]) -> None:
        """Counts, in a transaction of its own, that work begins at a partition's first record since it was assigned."""
        first: dict[Partition, Record] = {}
        for record in batch:
            partition = (record.topic, record.partition)
            if partition in self._unproven:
                first.setdefault(partition, record)
        if not first:
            return
        async with self.shell.transaction() as conn:
            for partition, record in first.items():
                if (
                    await self.shell.ledger.count_start(conn, record.topic, record.partition, record.offset)
                    > ALONE_AFTER
                ):
                    self._careful[partition] = record.offset + ALONE_SPAN
        self._unproven -= first.keys()

    async def _prove(self, done: Sequence[Record]) -> None:
        """Progress was made: earlier starts at these partitions count no more."""
        newest = {(r.topic, r.partition): r.offset for r in done}
        proven = {p: offset for p, offset in newest.items() if p not in self._proven}
        if proven:
            async with self.shell.transaction() as conn:
                await self.shell.ledger.forget_starts(conn, proven)
            self._proven |= proven.keys()

    async def _count_alone(self, record: Record) -> int:
        async with self.shell.transaction() as conn:
            return await self.shell.ledger.count_alone(conn, record.topic, record.partition, record.offset)

    async def _forget(self, record: Record) -> None:
        async with self.shell.transaction() as conn:
            await self.shell.ledger.forget_starts(conn, {(record.topic, record.partition): record.offset})

    async def halt_if_too_many_faulted(self) -> None:
        """A release that raises on file after file is stopped before it has judged them all."""
        if not self.shell.faults_since_check:
            return
        self.shell.faults_since_check = 0
        async with self.shell.transaction() as conn:
            faulted = await self.shell.store.faulted_since(conn, FAULT_WINDOW)
        if faulted > FAULTED_A_MINUTE:
            log.critical(Event.TOO_MANY_FAULTED, service=self.service.name, files=faulted)
            raise Halt(HaltReason.TOO_MANY_FAULTED)
