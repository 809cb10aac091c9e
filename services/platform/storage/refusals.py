"""What a service has refused, whole: what it may try again, and what its stream's owner writes dead letters of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import TupleRow

from schemas.carried import carried
from schemas.refusals import Refusal
from services.platform.storage.records import Record, claimed, headers_to_text
from services.platform.storage.rows import Connection, array, columns, with_rows

Place = tuple[str, int, int]  # topic, partition, offset


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """`letter`: the id of its dead letter, where this service owns the stream."""

    record: Record
    refusal: Refusal
    at: datetime
    judged_by: str
    letter: str | None


class Refusals:
    """Those of one service, within the caller's transaction."""

    def __init__(self, service: str) -> None:
        self.service = service

    async def open(self, conn: Connection, judged_by: str, limit: int) -> list[TupleRow]:
        """Refusals that this release and policy have not tried: topic, partition, offset, time, key, value, headers."""
        rows = await conn.execute(_OPEN_REFUSALS, {"s": self.service, "by": judged_by, "n": limit})
        return await rows.fetchall()

    async def write(self, conn: Connection, refused: Iterable[RefusalRow]) -> set[Place]:
        """The records that were never refused before, by topic, partition and offset."""
        rows = {
            (row.record.topic, row.record.partition, row.record.offset): (
                row.refusal.reason.value,
                row.refusal.stage,
                row.refusal.detail,
                claimed(row.record, "ce_id"),
                claimed(row.record, "ce_source"),
                row.record.key,
                row.record.value,
                headers_to_text(row.record.headers),
                row.record.timestamp,
                row.at,
                row.at,
                row.judged_by,
                row.letter,
                array(sorted(carried(row.record.key, row.record.value, row.record.headers))),
            )
            for row in refused
        }
        if not rows:
            return set()
        written = await conn.execute(
            _WRITE_REFUSALS, (self.service, *columns([(*place, *row) for place, row in rows.items()], 17))
        )
        return {(topic, partition, offset) async for topic, partition, offset, attempts in written if attempts == 1}

    async def settle(self, conn: Connection, records: Iterable[Record], now: datetime) -> None:
        """They have another end now."""
        await with_rows(
            conn,
            self.service,
            """update refusal r set settled_at = u.at
            from unnest(%b::text[], %b::int[], %b::bigint[], %b::timestamptz[]) as u(topic, partition, o, at)
            where r.service = %s and r.topic = u.topic and r.partition = u.partition and r."offset" = u.o""",
            [(record.topic, record.partition, record.offset, now) for record in records],
        )

    async def tried(self, conn: Connection, topic: str, partition: int, offset: int, judged_by: str) -> None:
        await conn.execute(
            """update refusal set judged_by = %s, attempts = attempts + 1
            where service = %s and topic = %s and partition = %s and "offset" = %s""",
            (judged_by, self.service, topic, partition, offset),
        )

    async def restore(self, conn: Connection, row: RefusalRow) -> bool:
        """A refusal whose dead letter was read back: it needs no other. Whether it was unknown."""
        known = await conn.execute(
            'select 1 from refusal where service = %s and topic = %s and partition = %s and "offset" = %s',
            (self.service, row.record.topic, row.record.partition, row.record.offset),
        )
        return await known.fetchone() is None and bool(await self.write(conn, [row]))


_WRITE_REFUSALS = """
insert into refusal (service, topic, partition, "offset", reason, stage, detail, event_id, source, key, value, headers,
    timestamp, first_at, last_at, judged_by, dead_letter, names)
select %s, topic, partition, o, reason, stage, detail, event_id, source, key, value, headers, timestamp, first_at,
    last_at, judged_by, letter, names::text[]
from unnest(%b::text[], %b::int[], %b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[], %b::text[],
    %b::bytea[], %b::bytea[], %b::text[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::text[],
    %b::text[], %b::text[])
as u(topic, partition, o, reason, stage, detail, event_id, source, key, value, headers, timestamp, first_at, last_at,
    judged_by, letter, names)
on conflict (service, topic, partition, "offset") do update set reason = excluded.reason, stage = excluded.stage,
    detail = excluded.detail, last_at = excluded.last_at, judged_by = excluded.judged_by, names = excluded.names,
    attempts = refusal.attempts + 1, settled_at = null
returning topic, partition, "offset", attempts
"""
_REFUSED_BY_ANOTHER = """
(select topic, partition, "offset", timestamp, key, value, headers from refusal
where service = %(s)s and settled_at is null and judged_by {} %(by)s
order by judged_by, topic, partition, "offset" limit %(n)s)
"""
# Those before it in the index and those behind it: by what is not equal no index finds anything.
_OPEN_REFUSALS = " union all ".join(_REFUSED_BY_ANOTHER.format(beside) for beside in "<>") + " limit %(n)s"
