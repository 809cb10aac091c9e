"""The one loop that owns acknowledgements: every way in which a batch can fail has its end here."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import TypeVar

import structlog
from psycopg import (
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    errors,
)
from psycopg_pool import PoolTimeout

from schemas.refusals import Refusal, RefusalReason
from services.runtime import metrics
from services.runtime.engine import Halt, HaltReason, Partition, Record
from services.runtime.logs import Event
from services.runtime.shell import Shell
from services.runtime.store import Connection

OURS_TRIES = 3
ALONE_AFTER = 3  # starts that ended at the same record, before it is taken alone
ALONE_SPAN = 500  # a batch: the record that ends workers lies within it
CONTENDED_TRIES = 12  # of one record by itself, before it is counted as one that hangs
FAULTED_FILES_A_MINUTE = 50
FAULT_WINDOW = timedelta(minutes=1)
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)

# A transaction that lost to another, or took too long: smaller and again.
CONTENDED = (
    errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable, errors.QueryCanceled, errors.TransactionTimeout,
    errors.IdleInTransactionSessionTimeout,
)  # fmt: skip

T = TypeVar("T")

log = structlog.get_logger("relay")


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
        self._careful: dict[Partition, int] = {}  # up to and including this offset, records are taken alone

    async def assigned(self, partitions: frozenset[Partition]) -> None:
        """Holds what the group committed and what the broker still has against what the database knows."""
        positions = await self._waiting_for_database(lambda: self._positions())
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
        """How many of the leading records have their end. Waits while the database is away; halts for what is ours to mend."""
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
        size, ours, contended, pause = len(batch), 0, 0, 0
        while True:
            try:
                return await self.shell.take(batch[:size])
            except DataError:
                if size == 1:
                    detail = "the database cannot hold a value of this event; send it again with values within the schema's limits"
                    await self._set_aside(batch[0], Refusal(RefusalReason.NOT_STORABLE, "decide", detail))
                    return 1
                size = (size + 1) // 2
            except CONTENDED:
                contended += 1
                if size == 1 and contended >= CONTENDED_TRIES:
                    return await self._fault(batch[0], "contended")
                size = max(1, size // 2)
                await asyncio.sleep(random.uniform(0, PAUSES[min(contended, len(PAUSES)) - 1]))  # noqa: S311 - only to part two workers
            except (IntegrityError, ProgrammingError, NotSupportedError, InternalError) as problem:
                ours += 1
                log.error(Event.DATABASE_REFUSES, service=self.service.name, sqlstate=problem.sqlstate)
                if ours >= OURS_TRIES:
                    raise Halt(HaltReason.DATABASE_REFUSES) from None
                await asyncio.sleep(PAUSES[ours])
            except (OperationalError, InterfaceError, PoolTimeout) as problem:
                log.warning(Event.DATABASE_AWAITED, service=self.service.name, error=type(problem).__name__)
                await asyncio.sleep(PAUSES[min(pause, len(PAUSES) - 1)])
                pause += 1
            except Exception as problem:
                if size > 1:
                    size = (size + 1) // 2
                    continue
                log.exception(Event.RECORD_FAULTED, service=self.service.name)
                return await self._fault(batch[0], type(problem).__name__)

    async def _alone(self, record: Record) -> int:
        """A record at which workers died before: its own try is counted first, and the second is not made."""
        tries = await self._waiting_for_database(lambda: self._count_alone(record))
        if tries > 1:
            return await self._fault(record, "kills_or_hangs")
        done = await self._smaller_until_done([record])
        await self._waiting_for_database(lambda: self._forget(record))
        return done

    async def _fault(self, record: Record, why: str) -> int:
        """Keeps a record that could not be judged, with an alarm; it is judged again after each release."""
        log.critical(
            Event.RECORD_SET_ASIDE,
            service=self.service.name,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            why=why,
        )
        await self._set_aside(
            record,
            Refusal(
                RefusalReason.FAULTED,
                "decide",
                "the relay could not judge this record; it is kept and judged again after a release",
            ),
            "faulted",
        )
        return 1

    async def _set_aside(self, record: Record, refusal: Refusal, fate: str = "refused") -> None:
        await self._waiting_for_database(lambda: self.shell.set_aside(record, refusal, fate))

    async def _waiting_for_database(self, work: Callable[[], Awaitable[T]]) -> T:
        pause = 0
        while True:
            try:
                return await work()
            except (*CONTENDED, OperationalError, InterfaceError, PoolTimeout) as problem:
                log.warning(Event.DATABASE_AWAITED, service=self.service.name, error=type(problem).__name__)
                await asyncio.sleep(PAUSES[min(pause, len(PAUSES) - 1)])
                pause += 1

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
                    await self.shell.store.count_start(conn, record.topic, record.partition, record.offset)
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
                await self.shell.store.forget_starts(conn, proven)
            self._proven |= proven.keys()

    async def _count_alone(self, record: Record) -> int:
        async with self.shell.transaction() as conn:
            return await self.shell.store.count_alone(conn, record.topic, record.partition, record.offset)

    async def _forget(self, record: Record) -> None:
        async with self.shell.transaction() as conn:
            await self.shell.store.forget_starts(conn, {(record.topic, record.partition): record.offset})

    async def halt_if_too_many_faulted(self) -> None:
        """A release that raises on file after file is stopped before it has judged them all."""
        if not self.shell.faults_since_check:
            return
        self.shell.faults_since_check = 0
        async with self.shell.transaction() as conn:
            faulted = await self.shell.store.faulted_since(conn, FAULT_WINDOW)
        if faulted > FAULTED_FILES_A_MINUTE:
            log.critical(Event.TOO_MANY_FAULTED, service=self.service.name, files=faulted)
            raise Halt(HaltReason.TOO_MANY_FAULTED)
