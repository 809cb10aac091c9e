"""How often work began at a record without getting past it: what a record that ends its workers is known by."""

from collections.abc import Mapping

from services.platform.storage.records import Partition
from services.platform.storage.rows import Connection, with_rows


class Attempts:
    """Those of one service, each counted in a transaction of its own."""

    def __init__(self, service: str) -> None:
        self.service = service

    async def count_start(self, conn: Connection, topic: str, partition: int, offset: int) -> int:
        """How often work has begun at this record without getting past it, this time included."""
        return await self._count(
            conn,
            """insert into attempt as a (service, topic, partition, "offset", tries) values (%s, %s, %s, %s, 1)
            on conflict (service, topic, partition, "offset") do update set tries = a.tries + 1 returning tries""",
            (topic, partition, offset),
        )

    async def count_alone(self, conn: Connection, topic: str, partition: int, offset: int) -> int:
        """How often this record was taken by itself, this time included."""
        return await self._count(
            conn,
            """insert into attempt as a (service, topic, partition, "offset", tries, alone)
            values (%s, %s, %s, %s, 0, 1)
            on conflict (service, topic, partition, "offset") do update set alone = a.alone + 1 returning alone""",
            (topic, partition, offset),
        )

    async def furthest_alone(self, conn: Connection, topic: str, partition: int, offset: int) -> int:
        """The last record, from this one on, at which a worker ended while it had taken it alone; -1 for none."""
        return await self._count(
            conn,
            """select coalesce(max("offset"), -1) from attempt
            where service = %s and topic = %s and partition = %s and "offset" >= %s and alone > 0""",
            (topic, partition, offset),
        )

    async def forget_alone(self, conn: Connection, topic: str, partition: int, offset: int) -> None:
        await conn.execute(
            'delete from attempt where service = %s and topic = %s and partition = %s and "offset" = %s',
            (self.service, topic, partition, offset),
        )

    async def take_back_starts(self, conn: Connection, begun: Mapping[Partition, int]) -> None:
        """One start less at each of these places: the worker that began there is alive, or has ended in order."""
        await with_rows(
            conn,
            self.service,
            """update attempt a set tries = a.tries - 1
            from unnest(%b::text[], %b::int[], %b::bigint[]) as u(topic, partition, at)
            where a.service = %s and a.topic = u.topic and a.partition = u.partition and a."offset" = u.at
            and a.tries > 0""",
            [(topic, partition, offset) for (topic, partition), offset in begun.items()],
        )

    async def forget_starts(self, conn: Connection, up_to: Mapping[Partition, int]) -> None:
        """Those up to these offsets; that a record was taken alone stays known."""
        await with_rows(
            conn,
            self.service,
            """delete from attempt a using unnest(%b::text[], %b::int[], %b::bigint[]) as u(topic, partition, upto)
            where a.service = %s and a.topic = u.topic and a.partition = u.partition and a."offset" <= u.upto
            and (a.tries > 0 or a.alone = 0)""",
            [(topic, partition, offset) for (topic, partition), offset in up_to.items()],
        )

    async def _count(self, conn: Connection, statement: str, record: tuple[str, int, int]) -> int:
        row = await (await conn.execute(statement, (self.service, *record))).fetchone()
        assert row is not None  # noqa: S101 - each of these statements gives one row
        return int(row[0])
