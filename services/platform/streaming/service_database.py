"""One service's part of the database: its transactions, each guarded by the two hooks of `hooks.py`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import NamedTuple, TypeVar

from psycopg import AsyncTransaction
from psycopg_pool import AsyncConnectionPool

from services.platform import metrics
from services.platform.storage.database import AWAY
from services.platform.storage.reader import Begun, Position, Reader
from services.platform.storage.records import Partition
from services.platform.storage.refusals import Refusals
from services.platform.storage.rows import Connection
from services.platform.storage.writer import Writer
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import DatabaseWentBack
from services.platform.streaming.hooks import ClockHook, Positions, RestoreHook
from services.platform.streaming.service import Service

T = TypeVar("T")


class Reached(NamedTuple):
    """How far a service has read all of its streams, None while one of them has not been read at all; and whether it is
    catching up: then it accepts, and evaluates nothing."""

    read_to: datetime | None
    catching_up: bool


class ServiceDatabase:
    """Opens transactions for one service, and tells the time and the positions in them."""

    def __init__(
        self,
        service: Service,
        pool: AsyncConnectionPool[Connection],
        reader: Reader,
        writer: Writer,
        clock_hook: ClockHook,
        restore_hook: RestoreHook,
    ) -> None:
        self.service, self.pool = service, pool
        self.reader, self.writer, self.refusals = reader, writer, Refusals(service.name)
        self._clock_hook, self._restore_hook = clock_hook, restore_hook

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self._opened() as transaction:
            yield transaction.connection

    async def attempt(self, work: Callable[[Connection], Awaitable[T]], keeps: Callable[[T], bool]) -> T:
        """What this work comes to in a transaction, which is rolled back unless `keeps` says that the outcome stays."""
        async with self._opened() as transaction:
            outcome = await work(transaction.connection)
            transaction.force_rollback = not keeps(outcome)
            return outcome

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[AsyncTransaction]:
        try:
            async with self.pool.connection() as conn, conn.transaction() as transaction:
                yield transaction
        except DatabaseWentBack:
            with suppress(*AWAY):
                async with self.pool.connection() as conn, conn.transaction():
                    await self._restore_hook.hold(conn)
            raise

    async def begin(
        self,
        conn: Connection,
        partitions: Iterable[Partition],
        events: Collection[tuple[str, str]],
        notifications: Collection[str],
        names: Collection[str],
    ) -> tuple[datetime, Begun]:
        """Now, and what a batch starts from: see `Reader.begin`."""
        now_of, check = self._clock_hook.ask(), self._restore_hook.ask()
        begun = await self.reader.begin(conn, partitions, events, notifications, names)
        now = now_of(begun.clocks)
        check(begun.positions)
        return now, begun

    async def now(self, conn: Connection) -> datetime:
        now_of = self._clock_hook.ask()
        return now_of(await self.reader.clocks(conn))

    async def clock(self) -> datetime:
        async with self.pool.connection() as conn:
            return await self.now(conn)

    async def answers(self) -> bool:
        try:
            await self.clock()
        except AWAY:
            return False
        return True

    async def check_clock(self) -> None:
        async with self.transaction() as conn:
            await self._clock_hook.check(conn)

    async def positions(self, conn: Connection) -> Positions:
        """How far this service has read. DatabaseWentBack where that is less than this process has seen."""
        check = self._restore_hook.ask()
        positions = await self.reader.positions(conn)
        check(positions)
        return positions

    async def reached(self, conn: Connection) -> Reached:
        return self.reached_at(await self.positions(conn))

    def reached_at(self, positions: Positions) -> Reached:
        read = [position.read_to for (topic, _), position in positions.items() if topic in self.service.reads]
        known = [when for when in read if when is not None]
        catching_up = any(position.evaluate_from is not None for position in positions.values())
        return Reached(min(known) if known and len(known) == len(read) else None, catching_up)

    def committed(self, offsets: Iterable[tuple[Partition, int]]) -> None:
        """These are the next offsets, and committed."""
        self._restore_hook.committed(offsets)

    async def caught_up(self, now: datetime) -> None:
        """All is read that evaluations were held for."""
        async with self.transaction() as conn:
            await conn.execute("set local transaction_timeout = 0")
            await self._restore_hook.caught_up(conn, now)

    async def note_ends(self, ends: Mapping[Partition, int], at: datetime) -> Mapping[Partition, int]:
        """Where each of these partitions is read next. `ends`: the streams' end offsets, asked for after `at`: where
        all is read, it is read up to `at`."""
        async with self.transaction() as conn:
            positions = await self.positions(conn)
            if new := ends.keys() - positions.keys():
                await self.reader.meet(conn, new)  # else what is in them would not count as unread
            read = {p: (end, at) for p, end in ends.items() if positions.get(p, Position()).next_offset >= end}
            await self.writer.advance(conn, read)
            await self._clock_hook.keep(conn)
        for (topic, partition), end in ends.items():
            offset, read_to, _ = positions.get((topic, partition), Position())
            behind = (at - read_to).total_seconds() if offset < end and read_to is not None else 0.0
            labels = (group_of(self.service.name), topic, str(partition))
            metrics.LAG.measured(max(0, end - offset), *labels)
            metrics.LAG_SECONDS.measured(max(0.0, behind), *labels)
        return {place: positions.get(place, Position()).next_offset for place in ends}

    async def pass_over(self, ends: Mapping[Partition, int], at: datetime) -> None:
        """Notes partitions as read up to these offsets, at this time: between them and what was read is no record.

        Halts where the database went back since: then there are records between them.
        """
        async with self.transaction() as conn:
            await self.positions(conn)
            await self.writer.advance(conn, {place: (end, at) for place, end in ends.items()})
