"""Brings a service up from what the streams' owners have archived, where Kafka no longer keeps what it has not read."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.platform.storage.read_models import STREAM_POSITIONS
from services.platform.storage.records import Partition, Record, headers_from_text
from services.platform.storage.writer import RecordRow
from services.platform.streaming.loop import Loop
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.service import Service
from services.platform.streaming.work import Work

AT_ONCE = 500


@dataclass(frozen=True, order=True, slots=True)
class Stretch:
    """Offsets of one partition, from `start` to just before `end`."""

    topic: str
    partition: int
    start: int
    end: int

    @property
    def offsets(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Known:
    """What the database and the broker say. `read`: by service and partition, the offset to read next. `gaps`: by
    service, offsets that it has given up. `first`: the first offset that the broker still keeps."""

    read: Mapping[str, Mapping[Partition, int]]
    gaps: Mapping[str, Collection[Stretch]]
    first: Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """`archived`: to be read from the owners' archive. `lost`: neither the broker nor an archive has them.
    `owners_first`: owners that have not read what is lost either, and must be filled before."""

    archived: tuple[Stretch, ...]
    lost: tuple[Stretch, ...]
    owners_first: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a record ended with its stream's owner; its content is kept unless it only repeated another."""

    offset: int
    fate: str
    fact_id: str | None
    record: Record | None


class ArchiveLacksError(Exception):
    """The archive lacks a record that its owner accepted; the text names the place."""


def plan(service: Service, owners: Mapping[str, str], known: Known) -> Plan:
    """What must be read from archives before the broker's own records can be read on. `owners`: by topic.

    An owner has no other archive than its own: what it has not read itself and the broker has dropped is lost.
    """
    archived, lost, owners_first = list[Stretch](), list[Stretch](), set[str]()
    mine = known.read.get(service.name, {})
    for (topic, partition), first in sorted(known.first.items()):
        start = mine.get((topic, partition), 0)
        if topic not in service.reads or first <= start:
            continue
        owner = owners[topic]
        covered = max(start, known.read.get(owner, {}).get((topic, partition), 0))
        if covered > start:
            archived.append(Stretch(topic, partition, start, covered))
        lost += (
            Stretch(topic, partition, max(start, gap.start), gap.end)
            for gap in sorted(known.gaps.get(owner, ()))
            if (gap.topic, gap.partition) == (topic, partition) and gap.end > start
        )
        if covered < first:
            lost.append(Stretch(topic, partition, covered, first))
            if owner != service.name:
                owners_first.add(owner)
    return Plan(tuple(archived), tuple(lost), tuple(sorted(owners_first)))


class Filling:
    """Fill one service while none of its workers runs. If it is interrupted, the next call goes on from there."""

    def __init__(self, work: Work, owners: Mapping[str, str], offsets: Offsets) -> None:
        self.database, self.owners, self.offsets = work.database, owners, offsets
        self.service = work.judging.service
        self._loop = Loop(work, offsets)

    async def plan(self) -> Plan:
        first = await self.offsets.begin_offsets(self.service.reads)
        async with self.database.transaction() as conn:
            read: dict[str, dict[Partition, int]] = {}
            for position in await STREAM_POSITIONS.ask_in_worker(conn):
                read.setdefault(position.service, {})[position.topic, position.partition] = position.next_offset
            rows = await conn.execute("select service, topic, partition, first, past_last from gap")
            gaps: dict[str, list[Stretch]] = {}
            async for service, *stretch in rows:
                gaps.setdefault(service, []).append(Stretch(*stretch))
        return plan(self.service, self.owners, Known(read, gaps, first))

    async def count(self, stretches: Iterable[Stretch]) -> int:
        """How many records the archives hold of these."""
        total = 0
        async with self.database.transaction() as conn:
            await conn.execute("set local transaction_timeout = 0")
            for stretch in stretches:
                rows = await conn.execute(
                    f"select count(*) from record r where {_OF_STRETCH}",  # noqa: S608 - our own words
                    self._of(stretch, stretch.start),
                )
                total += (await rows.fetchone() or (0,))[0]
        return total

    async def fill(self, chosen: Plan) -> AsyncIterator[int]:
        """Accepts all that the archives hold of the plan, gives up what is lost, and yields how many more are done.

        Nothing is evaluated before the service has read all that its streams hold now.
        """
        ends = await self.offsets.end_offsets(self.service.reads)
        async with self.database.transaction() as conn:
            await self.database.writer.hold_evaluations(conn, ends)
        for stretch in chosen.archived:
            async for done in self._accept(stretch):
                yield done
        async with self.database.transaction() as conn:
            for gap in chosen.lost:
                await self.database.writer.write_gap(conn, gap.topic, gap.partition, gap.start, gap.end)
                await self.database.writer.advance(conn, {(gap.topic, gap.partition): (gap.end, None)})

    async def positions(self) -> dict[Partition, int]:
        """Where the service reads on, in each partition of its streams."""
        async with self.database.transaction() as conn:
            known = await self.database.reader.positions(conn)
        return {place: at.next_offset for place, at in known.items() if place[0] in self.service.reads}

    async def _accept(self, stretch: Stretch) -> AsyncIterator[int]:
        start = stretch.start
        while rows := await self._read(stretch, start):
            await self._repeat(stretch, [row for row in rows if row.record is None])
            records = [row.record for row in rows if row.record is not None]
            while records:
                del records[: await self._loop.handle(records)]
            start = rows[-1].offset + 1
            await self._pass(stretch, start)
            yield len(rows)
        await self._pass(stretch, stretch.end)

    async def _read(self, stretch: Stretch, start: int) -> list[_Ended]:
        """The next records as their owner took them: what it accepted as archived, what it refused as it keeps it."""
        async with self.database.transaction() as conn:
            rows = await conn.execute(
                f"""select r."offset", r.fate, r.fact_id, coalesce(a.timestamp, f.timestamp),
                    case when a.topic is not null then a.key else f.key end,
                    case when a.topic is not null then a.value else f.value end, coalesce(a.headers, f.headers)
                from record r
                left join archive a on (a.topic, a.partition, a."offset") = (r.topic, r.partition, r."offset")
                left join refusal f on (f.service, f.topic, f.partition, f."offset")
                    = (r.service, r.topic, r.partition, r."offset")
                where {_OF_STRETCH} order by r."offset" limit %(most)s""",  # noqa: S608 - our own words
                self._of(stretch, start) | {"most": AT_ONCE},
            )
            return [_ended(stretch, *row) async for row in rows]

    async def _repeat(self, stretch: Stretch, rows: Sequence[_Ended]) -> None:
        """What only repeated another record is not in the archive, and has its end all the same."""
        async with self.database.transaction() as conn:
            (now, _) = await self.database.reader.clocks(conn)
            ends = [RecordRow(stretch.topic, stretch.partition, row.offset, row.fate, row.fact_id, now) for row in rows]
            await self.database.writer.write_records(conn, ends)

    async def _pass(self, stretch: Stretch, to: int) -> None:
        async with self.database.transaction() as conn:
            await self.database.writer.advance(conn, {(stretch.topic, stretch.partition): (to, None)})

    def _of(self, stretch: Stretch, start: int) -> dict[str, object]:
        return {
            "owner": self.owners[stretch.topic],
            "topic": stretch.topic,
            "partition": stretch.partition,
            "start": start,
            "end": stretch.end,
        }


def _ended(stretch: Stretch, offset: int, fate: str, fact_id: str | None, *content: Any) -> _Ended:
    timestamp, key, value, headers = content
    if headers is None and fate != "repeated":
        raise ArchiveLacksError(f"{stretch.topic}, partition {stretch.partition}, offset {offset} ({fate})")
    if headers is None:
        return _Ended(offset, fate, fact_id, None)
    came = Record(stretch.topic, stretch.partition, offset, timestamp, key, value, headers_from_text(headers))
    return _Ended(offset, fate, fact_id, came)


_OF_STRETCH = """r.service = %(owner)s and r.topic = %(topic)s and r.partition = %(partition)s
and r."offset" >= %(start)s and r."offset" < %(end)s"""
