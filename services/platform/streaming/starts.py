"""Counts how often work began at a record without getting past it: so a record that ends its worker is found."""

from collections.abc import Mapping, Sequence

from services.platform.storage.records import Partition, Record
from services.platform.streaming.attempts import Attempts
from services.platform.streaming.errors import Failures
from services.platform.streaming.service_database import ServiceDatabase

ALONE_AFTER = 3  # starts that ended at the same record, before it is taken alone
ALONE_SPAN = 500  # a batch: the record that ends workers lies within it


class Starts:
    """Those of one service in this process. Each count is a transaction of its own, which survives the worker."""

    def __init__(self, database: ServiceDatabase, failures: Failures) -> None:
        self._database, self._failures = database, failures
        self._attempts = Attempts(database.service.name)
        self._unproven: set[Partition] = set()
        self._proven: set[Partition] = set()
        self._begun: dict[Partition, int] = {}  # counted by this process, which has got past none of them
        self._taken_alone: Record | None = None
        self._careful: dict[Partition, int] = {}  # up to and including this offset, records are taken alone

    def assigned(self, partitions: frozenset[Partition]) -> None:
        self._unproven |= partitions
        self._proven -= partitions

    def is_taken_alone(self, record: Record) -> bool:
        """Whether workers have ended at this record, or near it."""
        return self._careful.get((record.topic, record.partition), -1) >= record.offset

    async def leave(self) -> None:
        """Takes back what was counted against records that this process has left to others: it did not die of them."""
        if self._begun:
            await self._failures.until_stored(self._take_back)
        if (left := self._taken_alone) is not None:
            await self.passed_alone(left)

    async def begin(self, batch: Sequence[Record]) -> None:
        """Counts that work begins at a partition's first record since it was assigned."""
        first: dict[Partition, Record] = {}
        for record in batch:
            partition = (record.topic, record.partition)
            if partition in self._unproven:
                first.setdefault(partition, record)
        if first:
            await self._failures.until_stored(lambda: self._count(first))

    async def passed(self, done: Sequence[Record]) -> None:
        """Progress was made, so earlier starts at these partitions no longer count."""
        newest = {(r.topic, r.partition): r.offset for r in done}
        proven = {p: offset for p, offset in newest.items() if p not in self._proven}
        if proven:
            await self._forget(proven)
            self._proven |= proven.keys()

    async def halted(self, batch: Sequence[Record]) -> None:
        """The worker ends on purpose: none of these records has ended it."""
        await self._forget({(r.topic, r.partition): r.offset for r in batch})

    async def take_alone(self, record: Record) -> int:
        """As `try_alone`, of a record that the engine handed over: `leave` takes the count back."""
        tries = await self.try_alone(record)
        self._taken_alone = record
        return tries

    async def try_alone(self, record: Record) -> int:
        """How often this record was taken by itself, this time included."""

        async def count() -> int:
            async with self._database.transaction() as conn:
                return await self._attempts.count_alone(conn, record.topic, record.partition, record.offset)

        return await self._failures.until_stored(count)

    async def passed_alone(self, record: Record) -> None:
        """The worker has got past this record."""

        async def forget() -> None:
            async with self._database.transaction() as conn:
                await self._attempts.forget_alone(conn, record.topic, record.partition, record.offset)

        await self._failures.until_stored(forget)
        if self._taken_alone is record:
            self._taken_alone = None

    async def _count(self, first: Mapping[Partition, Record]) -> None:
        async with self._database.transaction() as conn:
            for partition, record in first.items():
                place = (record.topic, record.partition, record.offset)
                careful = await self._attempts.furthest_alone(conn, *place)
                if await self._attempts.count_start(conn, *place) > ALONE_AFTER:
                    careful = max(careful, record.offset + ALONE_SPAN)
                self._careful[partition] = careful
        self._unproven -= first.keys()
        self._begun |= {partition: record.offset for partition, record in first.items()}

    async def _take_back(self) -> None:
        async with self._database.transaction() as conn:
            await self._attempts.take_back_starts(conn, self._begun)
        self._begun.clear()

    async def _forget(self, up_to: Mapping[Partition, int]) -> None:
        async def forget() -> None:
            async with self._database.transaction() as conn:
                await self._attempts.forget_starts(conn, up_to)

        await self._failures.until_stored(forget)
        self._begun = {partition: at for partition, at in self._begun.items() if partition not in up_to}
