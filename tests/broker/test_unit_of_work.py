"""What only PostgreSQL can show of the unit of work: what two events, two workers or very many files do to one
another."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from schemas import registry
from schemas.agency_responses.v1 import WithdrawnByAgency
from schemas.refusals import Refusal, RefusalReason
from schemas.values import Frozen
from services.incidents.rules import RULES
from services.order_variations.rules import RULES as ORDER_RULES
from services.platform import metrics
from services.platform.domain.core.stored_notifications import notification_from_json
from services.platform.local.embedded import Servers
from services.platform.recovery.guarded import guarded
from services.platform.running.worker import measure
from services.platform.storage import database as tables
from services.platform.storage.gauges import gauges
from services.platform.storage.pseudonyms import pseudonyms_of
from services.platform.storage.records import Partition, Record
from services.platform.storage.writer import UNTIL_RECOVERED
from services.platform.streaming.attempts import Attempts
from services.platform.streaming.broker import NotThereYet
from services.platform.streaming.halting import Halt
from services.platform.streaming.judging import Judging
from services.platform.streaming.loop import Loop
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.service import Service
from services.platform.streaming.starts import ALONE_AFTER
from services.platform.streaming.topics import TopicSpec, apply_topics
from services.platform.streaming.work import Work
from tests.broker.relay import NOW, PSEUDONYMS, shipped_policy, until
from tests.support import builders as b

pytestmark = pytest.mark.broker

STREAM = "police.incidents"
SERVICE = Service("incidents", STREAM, (STREAM, "agency.responses"), RULES)
ORDERS = Service("order_variations", "court.order-variations", ("court.order-variations",), ORDER_RULES)


@asynccontextmanager
async def unit_on(
    url: str,
    release: str = "release",
    contract: registry.Registry = registry.REGISTRY,
    service: Service = SERVICE,
) -> AsyncIterator[Work]:
    tables.migrate(url)
    pool = tables.pool(url, size=4)
    await pool.open()
    try:
        yield guarded(Judging(service, shipped_policy(), PSEUDONYMS, release, contract), pool)
    finally:
        await pool.close()


def record(
    body: Frozen, type_: str, *, offset: int, version: int = 1, source: str = "police", id_: str | None = None
) -> Record:
    envelope, said = registry.event(body, type_, source, NOW, version)
    encoded = registry.encode(envelope, said)
    headers = tuple((name, id_.encode() if id_ and name == "ce_id" else text) for name, text in encoded.headers)
    return Record(registry.REGISTRY.topic_of(type_), 0, offset, NOW, encoded.key, encoded.value, headers)


def incident(crime: str, *, offset: int, source: str = "police", id_: str | None = None) -> Record:
    return record(b.incident(crime), "uk.police.incident-reported", offset=offset, source=source, id_=id_)


def fates(url: str) -> list[str]:
    with psycopg.connect(url) as conn:
        return [fate for (fate,) in conn.execute('select fate from record order by "offset"')]


def rows(url: str, query: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query).fetchall()


@pytest.mark.parametrize("at_once", [1, 3])
def test_an_id_is_its_source_s_alone_and_has_one_content_and_version(database: str, at_once: int) -> None:
    async def story() -> None:
        records = [
            incident("CR1", offset=0, source="police-a", id_="7"),
            incident("CR2", offset=1, source="police-b", id_="7"),
            incident("CR2", offset=2, source="police-b", id_="7"),
            incident("CR3", offset=3, source="police-b", id_="7"),
            record(b.incident("CR2"), "uk.police.incident-reported", offset=4, version=2, source="police-b", id_="7"),
        ]
        async with unit_on(database) as work:
            while records:
                del records[: await work.batches.take(records[:at_once])]

    asyncio.run(story())
    assert fates(database) == ["accepted", "accepted", "repeated", "refused", "refused"]
    with psycopg.connect(database) as conn:
        current = conn.execute("select source, event_id, subject from fact where is_current order by source").fetchall()
        delivered = conn.execute("select distinct subject from delivery where rule = 'high_risk' order by 1").fetchall()
    assert current == [("police-a", "7", "CR1"), ("police-b", "7", "CR2")]
    assert delivered == [("CR1/party/1",), ("CR2/party/1",)]


def test_what_was_rolled_back_is_counted_once_it_is_done_and_not_before(database: str) -> None:
    def counted() -> dict[str, float]:
        return {
            f"{sample.name} {sorted(sample.labels.values())}": sample.value
            for metric in (metrics.RECORDS, metrics.REFUSALS, metrics.EVALUATIONS, metrics.NOTIFICATIONS_SENT)
            for family in metric.collect()
            for sample in family.samples
            if sample.name.endswith("_total") and sample.labels["service"] == SERVICE.name
        }

    async def story() -> None:
        records = [incident("CR1", offset=0), replace(incident("CR2", offset=1), value=b"{")]
        async with unit_on(database) as work, work.database.pool.connection() as conn:
            for statement in REFUSED_AT_COMMIT:
                await conn.execute(statement)
            await conn.commit()
            before = counted()
            with pytest.raises(psycopg.errors.SerializationFailure):
                await work.batches.take(records)
            assert counted() == before
            await conn.execute("drop trigger refused on record")
            await conn.commit()
            while records:
                del records[: await work.batches.take(records)]
            more = {name: number - before.get(name, 0) for name, number in counted().items()}
        assert more["relay_records_total ['accepted', 'incidents']"] == 1
        assert more["relay_records_total ['incidents', 'refused']"] == 1
        assert more["relay_refusals_total ['incidents', 'incomplete']"] == 1
        evaluations, notifications = rows(
            database, "select (select count(*) from evaluation), (select count(*) from notification)"
        )[0]
        assert more["relay_evaluations_total ['event', 'incidents']"] == evaluations
        assert more["relay_notifications_total ['incidents', 'notify']"] == notifications

    asyncio.run(story())


REFUSED_AT_COMMIT: tuple[LiteralString, ...] = (
    """create function refuse() returns trigger language plpgsql as $$
    begin raise 'not now' using errcode = 'serialization_failure'; end $$""",
    """create constraint trigger refused after insert on record deferrable initially deferred
    for each row execute function refuse()""",
)


def test_a_partition_that_nobody_has_read_yet_holds_back_what_rests_on_absence(database: str) -> None:
    async def story() -> None:
        async with unit_on(database) as work:
            ends = {(STREAM, 0): 0, (STREAM, 1): 3, ("agency.responses", 0): 0}
            await work.database.note_ends(ends, NOW)
            async with work.database.transaction() as conn:
                assert (await work.database.reached(conn))[0] is None
            await work.database.note_ends(ends | {(STREAM, 1): 0}, NOW + timedelta(minutes=1))
            async with work.database.transaction() as conn:
                assert (await work.database.reached(conn))[0] == NOW + timedelta(minutes=1)

    asyncio.run(story())


def test_a_new_release_makes_very_many_files_due_however_long_that_takes(database: str) -> None:
    async def story() -> None:
        async with unit_on(database) as work, work.database.transaction() as conn:
            for statement in SLOW_FILES:
                await conn.execute(statement)
        quick = "-c timezone=UTC -c transaction_timeout=400ms"
        async with AsyncConnectionPool(database, open=False, kwargs={"options": quick}) as pool:
            work = guarded(Judging(SERVICE, shipped_policy(), PSEUDONYMS, "release"), pool)
            await work.due.renew(files_a_second=50)

    asyncio.run(story())
    with psycopg.connect(database) as conn:
        due = conn.execute(
            """select count(*), extract(epoch from max(next_evaluation_at) - min(next_evaluation_at)) from case_file
            where due_because = 'release' and next_evaluation_at < now() + interval '1 hour'"""
        )
        assert due.fetchone() == (2500, 49)
        assert conn.execute("select release from release").fetchall() == [("release",)]


SLOW_FILES = (
    """insert into case_file (service, file, next_evaluation_at)
    select 'incidents', 'file' || n, now() + interval '1 year' from generate_series(1, 2500) n""",
    """create function slow() returns trigger language plpgsql as
    $$ begin if random() < 0.2 then perform pg_sleep(0.001); end if; return new; end $$""",
    "create trigger slow before update on case_file for each row execute function slow()",
)


@pytest.mark.parametrize("answer_at", [3, 2], ids=["after the move", "before it"])
def test_an_answer_goes_with_its_duty_which_an_event_beside_it_in_the_batch_moves_to_another_file(
    database: str, answer_at: int
) -> None:
    linked = "uk.police.children-linked"

    def children(who: str, *, offset: int) -> Record:
        return record(b.children("CR1", b.child(record=b.record(who))), linked, offset=offset, version=offset)

    async def story() -> None:
        async with unit_on(database) as work:
            assert await work.batches.take([incident("CR1", offset=0), children("one", offset=1)]) == 2
            async with work.database.transaction() as conn:
                ids = await conn.execute("select id, agency from notification where rule = 'child_school'")
                (notification, agency), *_ = await ids.fetchall()
            answer = record(b.acknowledged(notification, agency=agency), "uk.agency.acknowledged", offset=answer_at)
            moves = children("another", offset=5 - answer_at)
            assert await work.batches.take(sorted([moves, answer], key=lambda each: each.offset)) == 2

    asyncio.run(story())
    with psycopg.connect(database) as conn:
        evaluated = conn.execute(
            """select l.file from answer a
            join delivery t on (t.rule, t.subject, t.agency) = (a.rule, a.duty_subject, a.agency)
            join evaluation l on a.fact_id = any(l.fact_ids) and l.file = t.file
            join fact f on f.id = a.fact_id and f.is_current"""
        )
        assert evaluated.fetchall() == [("record:vale-records:another",)]


@pytest.mark.parametrize("at_once", [(1,) * 6, (6,), (1, 5), (3, 3)])
def test_a_place_that_was_nobody_s_for_a_while_and_then_another_s_is_told_on_under_the_same_key(
    database: str, at_once: tuple[int, ...]
) -> None:
    """Each party is named in one version and left out of the next: no file is joined to another by that."""
    him = b.suspect(2, relationships=())

    def version(number: int, who: str | None) -> Record:
        parties = (him,) if who is None else (b.victim(1, record=b.record(who)), him)
        body = b.incident("CR1", parties=parties)
        return record(body, "uk.police.incident-reported", offset=number - 1, version=number)

    async def story() -> None:
        records = [version(n, who) for n, who in enumerate(("one", None, "one", None, None, "another"), 1)]
        async with unit_on(database) as work:
            for portion in at_once:
                offered, records = records[:portion], records[portion:]
                while offered:
                    del offered[: await work.batches.take(offered)]

    asyncio.run(story())
    delivered = rows(database, "select distinct file, state from delivery where rule = 'high_risk'")
    assert delivered == [("record:vale-records:another", "live")]
    in_order = """select count(*) filter (where revision = 1), count(*) - count(distinct revision) from notification
        where rule = 'high_risk' and agency = 'idva-larkmead'"""
    assert rows(database, in_order) == [(1, 0)]
    assert fates(database) == ["accepted"] * 6


def test_what_was_told_anew_of_a_place_that_moves_on_in_the_same_batch_lies_where_it_moved_to(database: str) -> None:
    """Her two records are found to be one person's, and then her incident is found to be another woman's."""
    reported = "uk.police.incident-reported"

    def version(number: int, who: str, **over: Any) -> Record:
        body = b.incident("CR1", parties=(b.victim(record=b.record(who)), b.suspect()), **over)
        return record(body, reported, offset=number, version=number)

    merged = record(b.merged("kept", "other"), "uk.police.persons-merged", offset=1)
    elsewhere = b.incident("CR2", parties=(b.victim(record=b.record("kept")), b.suspect()))
    batch = [
        merged,
        record(elsewhere, reported, offset=2),
        version(3, "other", abuse_types=("stalking",)),
        version(4, "another", abuse_types=("stalking",)),
    ]

    async def story() -> None:
        async with unit_on(database) as work:
            assert await work.batches.take([version(0, "other")]) == 1
            assert await work.batches.take(batch) == len(batch)

    asyncio.run(story())
    delivered = rows(
        database, "select distinct file, state from delivery where subject = 'CR1/party/1' and state = 'live'"
    )
    assert delivered == [("record:vale-records:another", "live")]


def test_what_was_told_of_a_fact_goes_with_it_to_another_home(database: str) -> None:
    """An application is known by the defendant's arrest alone at first; its correction says the case."""
    applied = "uk.court.application-lodged"
    only_asn = b.references(urn=None)

    async def story() -> None:
        async with unit_on(database, service=ORDERS) as work:
            first = b.application(references=only_asn, order=None)
            assert await work.batches.take([record(first, applied, offset=0)]) == 1
            await work.database.note_ends({(ORDERS.owns, 0): 1}, NOW + timedelta(days=1))
            async with work.database.transaction() as conn:
                await conn.execute("update case_file set next_evaluation_at = now()")
            assert await work.due.evaluate() == 1
            second = b.application(references=b.references(), order=None)
            assert await work.batches.take([record(second, applied, offset=1, version=2)]) == 1

    asyncio.run(story())
    delivered = rows(database, "select distinct file, state from delivery where rule = 'unlinked_application'")
    assert delivered == [(f"unlinked:urn:{b.URN}", "live")]


def test_an_agency_takes_back_no_answer_of_another(database: str) -> None:
    acknowledged = "uk.agency.acknowledged"

    def taken_back(notification: str, agency: str, version: int) -> Record:
        body = WithdrawnByAgency(occurred_at=NOW, withdrawn=True, agency=agency, actor="desk-1")
        envelope, said = registry.event(body, acknowledged, agency, NOW, version, subject=notification)
        encoded = registry.encode(envelope, said)
        return Record("agency.responses", 0, version, NOW, encoded.key, encoded.value, encoded.headers)

    async def story() -> None:
        async with unit_on(database) as work:
            assert await work.batches.take([incident("CR1", offset=0)]) == 1
            delivered = rows(
                database, "select id from notification where rule = 'high_risk' and agency = 'idva-larkmead'"
            )
            notification = str(delivered[0][0])
            answer = record(b.acknowledged(notification, agency="idva-larkmead"), acknowledged, offset=1)
            assert await work.batches.take([answer, taken_back(notification, "marac-larkmead", 2)]) == 2
            current = (
                "select body.agency from fact f, json_to_record(f.content::json) body(agency text) where f.is_current"
            )
            assert ("idva-larkmead",) in rows(database, current)
            assert await work.batches.take([taken_back(notification, "idva-larkmead", 3)]) == 1

    asyncio.run(story())
    ends = rows(database, "select fate, count(*) from record where topic = 'agency.responses' group by 1 order by 1")
    assert ends == [("accepted", 2), ("not_ours", 1)]


def test_a_record_taken_alone_when_its_worker_ended_on_purpose_is_not_set_aside_by_the_next(
    servers: Servers, database: str
) -> None:
    async def story() -> None:
        async with unit_on(database) as work:
            async with work.database.transaction() as conn:
                for _ in range(ALONE_AFTER):
                    await Attempts(SERVICE.name).count_start(conn, STREAM, 0, 0)
            loop = Loop(work, Offsets(servers.kafka))
            await loop.assigned(frozenset({(STREAM, 0)}), {})
            async with work.database.transaction() as conn:
                await conn.execute("alter table fact rename to elsewhere")
            with pytest.raises(Halt):
                await loop.handle([incident("CR1", offset=0)])
            async with work.database.transaction() as conn:
                await conn.execute("alter table elsewhere rename to fact")
            assert await loop.handle([incident("CR1", offset=0)]) == 1

    apply_topics(servers.kafka, [TopicSpec(STREAM, 1)])
    asyncio.run(story())
    assert fates(database) == ["accepted"]


def test_a_record_at_which_workers_waited_that_moved_on_or_ended_in_order_is_not_set_aside(
    servers: Servers, database: str
) -> None:
    """As many as a record that kills its worker is allowed, and more: none of them died of it."""

    async def begin_in_vain(loop: Loop) -> None:
        async def begun() -> bool:
            return bool(
                await _rows(database, "select 1 from pg_locks where not granted and relation = 'fact'::regclass")
            )

        pending = asyncio.create_task(loop.handle([incident("CR1", offset=0)]))
        await until(begun)
        pending.cancel()
        await asyncio.wait([pending])

    async def story() -> None:
        async with unit_on(database) as work:
            async with await psycopg.AsyncConnection.connect(database) as holder:
                await holder.execute("lock table fact")
                for _ in range(3):
                    loop = Loop(work, Offsets(servers.kafka))
                    for _ in range(2):
                        await loop.assigned(frozenset({(STREAM, 0)}), {})
                        await begin_in_vain(loop)
                    await loop.leave()
            loop = Loop(work, Offsets(servers.kafka))
            await loop.assigned(frozenset({(STREAM, 0)}), {})
            assert await loop.handle([incident("CR1", offset=0)]) == 1

    apply_topics(servers.kafka, [TopicSpec(STREAM, 1)])
    asyncio.run(story())
    assert fates(database) == ["accepted"]


def test_a_deployment_keeps_its_secret_for_pseudonyms_and_another_one_has_another(database: str) -> None:
    async def secret() -> bytes:
        tables.migrate(database)
        async with await psycopg.AsyncConnection.connect(database) as conn:
            return (await pseudonyms_of(conn)).secret

    first = asyncio.run(secret())
    assert len(first) >= 64
    assert asyncio.run(secret()) == first
    with psycopg.connect(database) as conn:
        conn.execute("drop schema public cascade")
        conn.execute("create schema public")
    assert asyncio.run(secret()) != first


def test_a_broker_that_does_not_know_a_stream_yet_is_asked_again_and_one_that_went_back_halts(
    servers: Servers, database: str
) -> None:
    there, nowhere = ((f"stream-{secrets.token_hex(4)}", 0) for _ in range(2))

    async def story() -> None:
        async with unit_on(database) as work:
            async with work.database.transaction() as conn:
                await work.database.writer.advance(conn, {there: (1, NOW), nowhere: (1, NOW)})
            loop = Loop(work, Offsets(servers.kafka))
            with pytest.raises(NotThereYet):
                await loop.assigned(frozenset({there, nowhere}), {})
            with pytest.raises(Halt):
                await loop.assigned(frozenset({there}), {})

    apply_topics(servers.kafka, [TopicSpec(there[0], 1)])
    asyncio.run(story())


def test_a_stream_that_others_read_on_while_a_worker_was_stopped_has_not_gone_back(
    servers: Servers, database: str
) -> None:
    stream = (f"stream-{secrets.token_hex(4)}", 0)

    async def story() -> None:
        async with unit_on(database) as work:

            class StoppedBehind(Offsets):
                async def end_offsets(self, topics: Collection[str]) -> dict[Partition, int]:
                    ends = await super().end_offsets(topics)
                    async with work.database.transaction() as conn:
                        await work.database.writer.advance(conn, {stream: (ends[stream] + 1, NOW)})
                    return ends

            await Loop(work, StoppedBehind(servers.kafka)).assigned(frozenset({stream}), {})

    apply_topics(servers.kafka, [TopicSpec(stream[0], 1)])
    asyncio.run(story())


def test_two_halves_of_a_matter_that_are_read_before_either_is_written_find_each_other(database: str) -> None:
    linked = record(b.children("CR1", b.child()), "uk.police.children-linked", offset=0)

    async def story() -> None:
        async with unit_on(database) as one, unit_on(database) as other:
            async with await psycopg.AsyncConnection.connect(database) as holder:
                await holder.execute("insert into reference values (%s, 'crime:CR1')", (SERVICE.name,))
                taking = asyncio.create_task(one.batches.take([incident("CR1", offset=0)]))
                taking_other = asyncio.create_task(other.batches.take([replace(linked, partition=1)]))
                await until(lambda: waiting_for_locks(holder, 2))
            assert (await taking, await taking_other) == (1, 1)

    asyncio.run(story())
    assert rows(database, "select kind from fact where missing is not null") == []
    assert rows(database, "select count(*) from delivery where rule = 'child_school'") == [(1,)]


def test_a_record_that_another_worker_has_ended_meanwhile_is_not_set_aside(database: str) -> None:
    """A worker that slept while its partition moved, and wakes about to give up a record."""
    read, refusal = incident("CR1", offset=0), Refusal(RefusalReason.FAULTED, "decide", "could not be judged")

    async def story() -> None:
        async with unit_on(database) as owner, unit_on(database, "release before") as zombie:
            async with await psycopg.AsyncConnection.connect(database) as holder:
                await holder.execute("lock table fact")
                taking = asyncio.create_task(owner.batches.take([read]))
                await until(lambda: waiting_for_locks(holder, 1))
                setting_aside = asyncio.create_task(zombie.batches.set_aside(read, refusal, "faulted"))
                await until(lambda: waiting_for_locks(holder, 2))
            assert await taking == 1
            await setting_aside

    asyncio.run(story())
    assert fates(database) == ["accepted"]
    assert rows(database, "select count(*) from refusal") == [(0,)]
    assert rows(database, "select count(*) from outbox where topic like '%.dlq'") == [(0,)]


def test_a_record_that_another_release_has_accepted_is_not_refused_when_it_is_delivered_again(database: str) -> None:
    unknown = incident("CR1", offset=0)
    without_types = registry.Registry(tuple(replace(stream, types=()) for stream in registry.STREAMS))

    async def story() -> None:
        async with unit_on(database) as owner, unit_on(database, "release before", without_types) as zombie:
            assert await owner.batches.take([unknown]) == 1
            assert await zombie.batches.take([unknown]) == 1

    asyncio.run(story())
    assert fates(database) == ["accepted"]
    assert rows(database, "select count(*) from refusal") == [(0,)]


async def waiting_for_locks(conn: psycopg.AsyncConnection[tuple[object, ...]], sessions: int) -> bool:
    found = await conn.execute(
        "select count(distinct pid) from pg_locks where not granted"
        " and pid in (select pid from pg_stat_activity where datname = current_database())"
    )
    return await found.fetchone() == (sessions,)


def test_asks_past_their_time_are_counted_without_going_through_the_duties_that_are_live(database: str) -> None:
    async def story() -> None:
        async with unit_on(database) as work:
            await work.batches.take([incident("CR1", offset=0)])
            async with work.database.transaction() as conn:
                contents = [content async for (content,) in await conn.execute("select content from delivery")]
                asks = [
                    ask for content in contents for ask in notification_from_json(content).asks if ask.met_by is None
                ]
                await conn.execute(OPEN_ASKS)
            async with work.database.pool.connection() as conn:
                await conn.set_autocommit(True)
                await conn.execute("analyze delivery")
                await conn.set_autocommit(False)
            by = sorted(ask.by for ask in asks)
            assert by
            for now in (by[0] - timedelta(seconds=1), *by):
                async with work.database.transaction() as conn:
                    before = await scanned(conn, "delivery")
                    await conn.execute(
                        "insert into clock (set_to) values (%s) on conflict (singleton)"
                        " do update set set_to = excluded.set_to",
                        (now,),
                    )
                    await gauges(conn)
                    assert await scanned(conn, "delivery") == before
                overdue = metrics.REGISTRY.get_sample_value("relay_asks_overdue", {"service": "incidents"})
                assert overdue == sum(at <= now for at in by)

    asyncio.run(story())


# Live duties whose asks lie far ahead, whose asks are met, and ended ones whose asks were never met.
OPEN_ASKS = """
insert into delivery (service, rule, subject, agency, file, revision, state, content)
select 'incidents', 'rule', 'S' || n, 'agency', 'file', 1, case n % 3 when 0 then 'closed' else 'live' end,
json_build_object('asks', json_build_array(json_build_object(
    'by', case n % 3 when 1 then '2199-01-01T00:00:00+00:00' else '2020-01-01T00:00:00+00:00' end,
    'met_by', case n % 3 when 2 then 'fact' end)))::text
from generate_series(1, 6000) n
"""


def test_gauges_that_take_too_long_are_asked_for_again_and_stop_no_worker(database: str) -> None:
    async def story() -> None:
        tables.migrate(database)
        async with await psycopg.AsyncConnection.connect(database) as conn:
            for statement in SLOW_GAUGE:
                await conn.execute(statement)
        async with tables.pool(database, size=1) as pool:
            measuring = asyncio.create_task(measure(pool))
            await asyncio.sleep(2)
            assert not measuring.done()
            measuring.cancel()
            await asyncio.wait([measuring])

    asyncio.run(story())


SLOW_GAUGE = (
    "alter table unexplained rename to unexplained_rows",
    """create view unexplained as select service from unexplained_rows union all
    select set_config('transaction_timeout', '0', true) || set_config('transaction_timeout', '50', true)
    || pg_sleep(5)""",
)


async def scanned(conn: psycopg.AsyncConnection[tuple[object, ...]], *names: str) -> dict[object, object]:
    """How often this transaction has read each of these tables from end to end."""
    rows = await conn.execute(
        "select relname, seq_scan from pg_stat_xact_user_tables where relname = any(%s)", (list(names),)
    )
    return {table: count async for table, count in rows}


def test_what_is_no_record_is_not_passed_over_in_a_database_that_went_back_and_the_next_worker_waits_for_a_recovery(
    database: str,
) -> None:
    async def story() -> None:
        async with unit_on(database) as work:
            assert await work.batches.take([incident("CR1", offset=0), incident("CR2", offset=1)]) == 2
            with psycopg.connect(database) as conn:
                conn.execute("update stream_position set next_offset = 1")
            with pytest.raises(Halt):
                await work.database.pass_over({(STREAM, 0): 3}, NOW)

    asyncio.run(story())
    with psycopg.connect(database) as conn:
        assert conn.execute("select next_offset, evaluate_from from stream_position").fetchall() == [
            (1, UNTIL_RECOVERED)
        ]


def test_once_recovered_looks_wait_for_what_the_streams_hold_and_for_nothing_that_is_gone(database: str) -> None:
    async def story() -> None:
        async with unit_on(database) as work:
            assert await work.batches.take([incident("CR1", offset=0)]) == 1
            async with work.database.transaction() as conn:
                await work.database.writer.hold_evaluations_until_recovered(conn, [(STREAM, 0), (STREAM, 7)])
                await work.database.writer.resume_evaluations(conn)
                assert {at.evaluate_from for at in (await work.database.positions(conn)).values()} == {UNTIL_RECOVERED}
                await work.database.writer.recovered(conn, {(STREAM, 0): 5})
                assert [at.evaluate_from for _, at in sorted((await work.database.positions(conn)).items())] == [
                    5,
                    None,
                ]

    asyncio.run(story())


def test_who_took_her_on_is_told_in_whatever_order_a_service_hears_of_it(database: str) -> None:
    """The answers are to another service's notifications; some orders hear of them before the incident."""

    async def story() -> None:
        reads = (STREAM, "court.order-variations", "agency.responses")
        async with unit_on(database) as referring:
            await referring.batches.take([incident(b.CRIME, offset=0)])
            declined = b.declined(await _referral_to(database, "idva-larkmead"))
            await referring.batches.take([record(declined, "uk.agency.declined", offset=0)])
            accepted = b.accepted(await _referral_to(database, "idva-downland"), agency="idva-downland")
        made = b.orders_resulted(b.order(protected_persons=(b.protected(),)))
        events: list[tuple[Frozen, str]] = [
            (b.incident(b.CRIME), "uk.police.incident-reported"),
            (b.charge(), "uk.police.charge-preferred"),
            (made, "uk.court.orders-resulted"),
            (declined, "uk.agency.declined"),
            (accepted, "uk.agency.accepted"),
        ]
        for turn, order in enumerate(list(permutations(events))[::5]):
            mine = replace(ORDERS, name=f"orders-{turn}", reads=reads)
            batches = [[n] for n in range(len(order))] if turn % 2 else [range(len(order))]
            async with unit_on(database, service=mine) as work:
                for batch in batches:
                    pending = [record(*order[n], offset=n) for n in batch]
                    while pending:
                        pending = pending[await work.batches.take(pending) :]
            delivered = await _rows(
                database,
                "select agency from delivery where service = %s and state = 'live' and agency like 'idva-%%'",
                mine.name,
            )
            assert delivered == [("idva-downland",)], [kind for _, kind in order]
            assert await _rows(database, "select count(*) from unexplained") == [(0,)]
            # The next one tells the same duties, under the same ids.
            await _rows(database, "with gone as (delete from notification where service = %s) select 1", mine.name)

    asyncio.run(story())


async def _referral_to(url: str, agency: str) -> str:
    rows = await _rows(url, "select id from notification where rule = 'high_risk' and agency = %s", agency)
    return str(rows[0][0])


async def _rows(url: str, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        return await (await conn.execute(query, values)).fetchall()
