"""Whatever the loop asks of the database is found by index, however much the tables hold."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from schemas.agency_notifications.v1 import NotificationIssued
from services.incidents.__main__ import SERVICE
from services.platform.recovery.guarded import guarded
from services.platform.storage import database as tables
from services.platform.storage.records import Record
from services.platform.streaming.judging import Judging
from services.platform.streaming.loop import Loop
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.publisher import Publisher
from services.platform.streaming.sending import Message
from services.platform.streaming.work import Work
from tests.broker.conftest import Play
from tests.broker.relay import PSEUDONYMS, Relay, message, until
from tests.chaos.load import load
from tests.support import builders as b

pytestmark = pytest.mark.broker

ROWS = 30_000
# No statement of the loop has cause to read more of one table's rows than a batch has to do with.
MOST_ROWS = 6_000

LONG_HISTORY = (
    """insert into record select 'incidents', 'court.convictions', 0, n, 'accepted', 'many' || n, now()
    from generate_series(1, {rows}) n""",
    "insert into inbox select 'incidents', 'many' || n, 'source', '', now() from generate_series(1, {rows}) n",
    """insert into fact select 'incidents', 'many' || n, 'source', 'many' || n, 'kind', 'M' || n, 'kind', 1, 'source',
    now(), 'type', '{{}}', '', true, case when mod(n, 10) = 0 then 'no_incident' end, now()
    from generate_series(1, {rows}) n""",
    "insert into reference select 'incidents', 'crime:M' || n from generate_series(1, {rows}) n",
    """insert into fact_reference select 'incidents', 'crime:M' || n, 'kind', 'M' || n
    from generate_series(1, {rows}) n""",
    """insert into place select 'incidents', 'M' || n, 'M' || n || '/party/1', 'p' || n
    from generate_series(1, {rows}) n""",
    """insert into file_membership select 'incidents', 'file' || n, 'many' || n, '{{}}'
    from generate_series(1, {rows}) n""",
    """insert into case_file select 'incidents', 'file' || n, 1, now(), now() + interval '1 year', now() + interval
    '1 year', '{{}}', now() - interval '1 day' from generate_series(1, {rows}) n""",
    """insert into evaluation select 'incidents', 'file' || n, 1, now(), null, 'event', array['many' || n], 'r', 'p',
    '{{}}', '{{}}', '[]', '{{}}', '{{}}' from generate_series(1, {rows}) n""",
    """insert into notification select 'incidents', 'rule', 'M' || n, 'agency', 1, 'notification' || n, 'file' || n, 1,
    'notify', now(), '{{}}' from generate_series(1, {rows}) n""",
    """insert into delivery select 'incidents', 'rule', 'M' || n, 'agency', 'file' || n, 1, 'live', '{{}}'
    from generate_series(1, {rows}) n""",
    """insert into withheld select 'incidents', 'rule', 'M' || n, 'agency', 'file' || n, 'kind', 'reason', '{{}}', now()
    from generate_series(1, {rows}) n""",
    """insert into unexplained select 'incidents', 'rule', 'M' || n, 'agency', 'file' || n, now()
    from generate_series(1, {rows}) n""",
    """insert into answer select 'incidents', 'many' || n, 'kind', 'M' || n, 'rule', 'M' || n, 'agency', 1
    from generate_series(1, {rows}) n""",
    """insert into outbox (service, topic, duty, revision, headers, at, parked)
    select 'incidents', 'topic' || n, 'rule/M' || n || '/agency', 1, '[]', now(), 'too_large'
    from generate_series(1, {rows}) n""",
    """insert into outbox (service, topic, duty, revision, headers, at)
    select 'convictions', 'agency.dait-54.notifications', 'rule/M' || n || '/agency', 1, '[]', now()
    from generate_series(1, {rows}) n""",
    """insert into refusal select 'incidents', 'court.convictions', 0, n, 'not_json', 'decode', '', null, null, null,
    null, '[]', now(), now(), now(), 1, 'then', null, now() from generate_series(1, {rows}) n""",
    """insert into refusal select 'incidents', 'court.convictions', 1, n, 'not_json', 'decode', '', null, null, null,
    null, '[]', now(), now(), now(), 1, '{judged}', null, null from generate_series(1, {rows}) n""",
    """insert into archive select 'police.incidents', 1000, n, now(), null, null, '[]'
    from generate_series(1, {rows}) n""",
)


@pytest.mark.parametrize("known", ["analyze", "vacuum", None])
def test_the_loop_reads_no_table_from_end_to_end(play: Play, known: str | None) -> None:
    """`known`: how the server has learnt how long tables are and what is in them; where they have just begun to grow,
    neither."""

    async def story(relay: Relay) -> None:
        work = await at_work(relay)
        await know_nothing(relay)
        for statement in LONG_HISTORY:
            await relay.rows(statement.format(rows=ROWS, judged=work.judging.judged_by))
        if known is not None:
            with psycopg.connect(relay.database, autocommit=True) as conn:
                conn.execute(known)
        before = read_so_far(relay.database)
        delivered = await put_through(relay, work, load(1, 12, datetime.now(UTC)).events)
        await put_through(relay, work, [answer(notification) for notification in delivered])
        await work.database.pool.close()
        after = read_so_far(relay.database)
        assert all(after[table] > before[table] for table in ("fact", "delivery", "case_file"))
        read = {table: after[table] - before[table] for table in after}
        assert {table: rows for table, rows in read.items() if rows > MOST_ROWS} == {}

    play(story)


async def know_nothing(relay: Relay) -> None:
    """Keeps the server from learning about some of the tables halfway, as it does about once a minute."""
    async with await psycopg.AsyncConnection.connect(relay.database) as conn:
        rows = await conn.execute("select tablename from pg_tables where schemaname = 'public'")
        for (table,) in await rows.fetchall():
            await conn.execute(SQL("alter table {} set (autovacuum_enabled = off)").format(Identifier(table)))


async def at_work(relay: Relay) -> Work:
    pool = tables.pool(relay.database, size=4)
    await pool.open()
    return guarded(Judging(SERVICE, relay.policies, PSEUDONYMS, "release"), pool)


async def put_through(relay: Relay, work: Work, messages: Sequence[Message]) -> list[NotificationIssued]:
    """All that a worker does with these messages, from beginning to end; the first notifications that were issued."""
    loop = Loop(work, Offsets(relay.servers.kafka))
    await relay.publish(*messages)
    read = await relay.records(*SERVICE.reads)
    records = [
        Record(
            r.topic,
            r.partition,
            r.offset,
            datetime.fromtimestamp(r.timestamp / 1000, UTC),
            r.key,
            r.value,
            tuple(r.headers),
        )
        for r in read
    ]
    for first in range(0, len(records), 50):
        batch = records[first : first + 50]
        while batch:
            del batch[: await loop.handle(batch)]
    await work.database.note_ends({(r.topic, r.partition): r.offset + 1 for r in records}, await work.database.clock())
    await loop.evaluate_due()
    await loop.retry_refused()
    publishing = asyncio.create_task(
        Publisher(SERVICE.name, work.database.pool, relay.sender, work.commits.happened).run()
    )
    await until(lambda: all_sent(work))
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    return [notification for notifications in (await relay.all_delivered()).values() for notification in notifications][
        :50
    ]


async def all_sent(work: Work) -> bool:
    async with work.database.transaction() as conn:
        pending = await conn.execute(
            "select from outbox where service = %s and parked is null limit 1", (SERVICE.name,)
        )
        return await pending.fetchone() is None


def answer(notification: NotificationIssued) -> Message:
    return message(b.acknowledged(notification.notification, agency=notification.agency), "uk.agency.acknowledged")


def read_so_far(database: str) -> dict[str, int]:
    """Rows that were read of each table, from end to end or by an index."""
    with psycopg.connect(database) as conn:
        rows = conn.execute(
            """select t.relname, t.seq_tup_read + coalesce(sum(i.idx_tup_read), 0) from pg_stat_user_tables t
            left join pg_stat_user_indexes i using (relid) group by t.relid, t.relname, t.seq_tup_read"""
        )
        return {table: int(read) for table, read in rows}
