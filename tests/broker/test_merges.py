"""Records of one person on real servers: merged and parted in any order, by several workers, nobody is told twice."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from typer.testing import CliRunner

from schemas.envelope import fact_id
from schemas.values import CorrectionReason, Withdrawn
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.ops.cli import app
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import Key
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stored_notifications import notification_from_json
from services.platform.domain.linking.links import files_of
from services.platform.local.embedded import Servers
from services.platform.recovery.guarded import guarded
from services.platform.storage import database as tables
from services.platform.storage.changes import Accepted
from services.platform.storage.records import Record
from services.platform.streaming.decode import read
from services.platform.streaming.judging import Judging
from services.platform.streaming.sending import Message
from services.platform.streaming.work import Work
from tests.broker.conftest import Play
from tests.broker.relay import NOW, PSEUDONYMS, Relay, drained, message, shipped_policy, until
from tests.broker.troubled import fates, service
from tests.support import builders as b

pytestmark = pytest.mark.broker

MERGED = "uk.police.persons-merged"
A, B, C = (f"record:{b.SYSTEM}:woman-{name}" for name in "abc")


def incident(n: int, her: str, him: str, crime: str = "CR") -> Message:
    at = b.NOON - timedelta(days=10 * n)
    parties = (b.victim(record=b.record(her)), b.suspect(record=b.record(him)))
    body = b.incident(f"{crime}{n}", occurred_at=at, reported_at=at, parties=parties)
    return message(body, "uk.police.incident-reported", time=at)


def merge(kept: str, *others: str, version: int = 1) -> Message:
    return message(b.merged(kept, *others), MERGED, version=version)


def apart(kept: str, version: int) -> Message:
    gone = Withdrawn(occurred_at=NOW, withdrawn=True, correction_reason=CorrectionReason.WRONG_PERSON)
    return message(gone, MERGED, version=version, subject=f"{b.SYSTEM}/{kept}")


EVENTS = (
    incident(1, "woman-a", "man-1"),
    incident(2, "woman-b", "man-2"),
    incident(3, "woman-a", "man-1"),
    incident(4, "woman-c", "man-1"),
    incident(5, "woman-b", "man-1"),
    message(b.children("CR1", b.child(record=b.record("child-a"))), "uk.police.children-linked"),
    message(b.children("CR2", b.child(record=b.record("child-b"))), "uk.police.children-linked"),
    merge("woman-a", "woman-b"),
    merge("woman-b", "woman-c"),
    merge("man-2", "man-1"),
    merge("child-b", "child-a"),
)
PARTINGS = (
    apart("woman-a", 2),
    merge("woman-b", version=2),
    apart("man-2", 2),
    merge("woman-a", "woman-c", version=3),
    apart("child-b", 2),
)


@asynccontextmanager
async def unit_of(url: str, name: str, rules: tuple[Rule, ...] = INCIDENTS.rules) -> AsyncIterator[Work]:
    pool = tables.pool(url, size=2)
    await pool.open()
    try:
        service = replace(INCIDENTS, name=name, rules=rules)
        yield guarded(Judging(service, shipped_policy(), PSEUDONYMS, "release"), pool)
    finally:
        await pool.close()


def as_records(events: Sequence[Message]) -> list[Record]:
    return [
        Record(event.topic, 0, offset, NOW, event.key, event.value, tuple(event.headers))
        for offset, event in enumerate(events)
    ]


def holding(events: Sequence[Message]) -> dict[Key, str]:
    """What agencies must hold, by the pure core alone."""
    now, facts = datetime.now(UTC), []
    policy = shipped_policy().at(now)
    for record in as_records(events):
        accepted = read(record)
        assert isinstance(accepted, Accepted)
        facts.append(accepted.fact)
    held: dict[Key, str] = {}
    for file in files_of(facts, policy.is_placeholder).values():
        held |= {n.key: repr(n.content) for n in evaluate([file], {}, INCIDENTS.rules, policy, NOW, now).notifications}
    return held


@pytest.mark.parametrize("seed", range(12))
def test_what_is_held_at_the_end_is_the_same_in_any_order_and_batching(database: str, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - only to mix them
    events = [*rng.sample(EVENTS, rng.randint(4, len(EVENTS))), *rng.sample(PARTINGS, rng.randint(0, len(PARTINGS)))]
    records = as_records(events)
    rng.shuffle(records)

    async def story() -> dict[Key, str]:
        async with unit_of(database, "incidents") as work:
            left = [replace(record, offset=offset) for offset, record in enumerate(records)]
            while left:
                del left[: await work.batches.take(left[: rng.randint(1, 5)])]
                while rng.random() < 0.5 and await work.due.evaluate():
                    pass
            while await work.due.evaluate():
                pass
            async with work.database.pool.connection() as conn:
                rows = await (await conn.execute("select file, content from delivery where state = 'live'")).fetchall()
                gone = await (await conn.execute("select * from unexplained")).fetchall()
        assert gone == []
        delivered = [notification_from_json(content) for _, content in rows]
        return {n.key: repr(n.content) for n in delivered if not n.key.rule.startswith("unanswered")}

    tables.migrate(database)
    assert asyncio.run(story()) == holding(events)


def fact_of(event: Message) -> str:
    said = dict(event.headers)
    return fact_id(said["ce_source"].decode(), said["ce_id"].decode())


def addresses(relay: Relay) -> dict[str, str]:
    return {"RELAY_KAFKA": relay.servers.kafka, "RELAY_DATABASE": relay.database}


async def sent(relay: Relay) -> list[tuple[str, str, str, str]]:
    return [
        (n.rule, n.subject, n.agency, n.kind) for delivered in (await relay.all_delivered()).values() for n in delivered
    ]


def test_a_merge_tells_of_what_it_joins_and_its_withdrawal_corrects_those_alone(play: Play) -> None:
    mine = replace(INCIDENTS, name=service().name)
    history = (incident(1, "woman-a", "man-1"), incident(2, "woman-b", "man-1"), incident(3, "woman-a", "man-1"))
    her_children = message(b.children("CR1", b.child()), "uk.police.children-linked")

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(*history, her_children)
            await relay.settled(worker)
            before = await sent(relay)
            assert "escalation" not in {rule for rule, *_ in before}

            joining = merge("woman-a", "woman-b")
            await relay.publish(joining)
            await relay.settled(worker)
            new = sorted(set(await sent(relay)) - set(before))
            assert new == [("escalation", "CR1/party/1", "dait-54", "notify")]
            (count,) = [n for n in (await relay.all_delivered())["dait-54"] if n.rule == "escalation"]
            assert fact_of(joining) in count.grounds
            assert len(await sent(relay)) == len(before) + 1

            # An evaluation of one of her records, asked for by itself, is an evaluation at her.
            await relay.rows("update case_file set next_evaluation_at = now() where file = %s returning 1", B)
            await relay.settled(worker)
            rows = await relay.rows(
                "select file, next_evaluation_at is null from case_file where file = any(%s)", [A, B]
            )
            assert dict(rows) == {A: False, B: True}

            shown = CliRunner().invoke(app, ["explain", B, "--json", "--role", "audit"], env=addresses(relay))
            delivered = {(duty["rule"], duty["subject"]) for duty in json.loads(shown.stdout)["delivered"]}
            assert {
                ("escalation", "CR1/party/1"),
                ("high_risk", "CR1/party/1"),
                ("high_risk", "CR2/party/1"),
            } <= delivered

            await relay.publish(apart("woman-a", 2))
            await relay.settled(worker)
            assert sorted(set(await sent(relay)) - {*before, *new}) == [
                ("escalation", "CR1/party/1", "dait-54", "correct")
            ]
            assert len(await sent(relay)) == len(before) + 2
            assert await relay.rows("select file from delivery where subject = 'CR2/party/1' and file <> %s", B) == []
        assert await fates(relay, mine.name) == {"accepted": 6}

    play(story)


def test_a_person_of_several_incidents_services_and_records_is_counted_once_past_her_time(
    database: str, servers: Servers
) -> None:
    incidents = (incident(1, "woman-a", "man-1"), incident(2, "woman-b", "man-1"), incident(3, "woman-c", "man-1"))

    async def accepted(*events: Message) -> None:
        for name, rules in (("one", INCIDENTS.rules[::2]), ("another", INCIDENTS.rules[1::2])):
            async with unit_of(database, name, rules) as work:
                left = as_records(events)
                while left:
                    del left[: await work.batches.take(left)]
                while await work.due.evaluate():
                    pass

    def past_their_time() -> int:
        addresses = {"RELAY_KAFKA": servers.kafka, "RELAY_DATABASE": database}
        counted = CliRunner().invoke(app, ["status", "--json"], env=addresses)
        return int(json.loads(counted.stdout)["people_unanswered"])

    tables.migrate(database)
    asyncio.run(accepted(*incidents, incident(4, "woman-a", "man-1")))
    assert past_their_time() == 0
    with psycopg.connect(database) as conn:
        conn.execute("insert into clock (set_to) values (now() + interval '60 days')")
    assert past_their_time() == 3
    asyncio.run(accepted(merge("woman-a", "woman-b")))
    assert past_their_time() == 2


def test_a_merge_and_what_it_concerns_never_miss_each_other(play: Play) -> None:
    """Two workers; every woman's third callout is with her other record, or he has two."""
    mine, women = replace(INCIDENTS, name=service().name), 25

    def life(n: int) -> list[Message]:
        hers = [incident(i, f"w{n}-{'ab'[i % 2]}", f"m{n}-{'ab'[i > 2]}", f"W{n}x") for i in (1, 2, 3)]
        return [*hers, merge(f"w{n}-a", f"w{n}-b"), merge(f"m{n}-b", f"m{n}-a")]

    async def story(relay: Relay) -> None:
        events = [event for n in range(women) for event in life(n)]
        random.Random(2).shuffle(events)  # noqa: S311 - only to mix them
        async with AsyncExitStack() as stack:
            first, second = [await stack.enter_async_context(relay.working(mine)) for _ in range(2)]

            async def shared() -> bool:
                return all(worker.running[0].consumer.partitions for worker in (first, second))

            await until(shared)
            await relay.publish(*events)
            await until(lambda: drained(relay, first))
        assert await fates(relay, mine.name) == {"accepted": 5 * women}
        counted = await relay.rows("select count(*) from delivery where rule = 'escalation' and state = 'live'")
        assert counted == [(women,)]
        assert await relay.rows("select 1 from unexplained") == []

    play(story)
