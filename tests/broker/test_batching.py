"""However the records of a backlog fall into batches, agencies hold the same at the end."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from schemas import registry
from schemas.police_incidents.v1 import Grade
from services.convictions.__main__ import SERVICE as CONVICTIONS
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform.domain.core.duties import notification_id
from services.platform.domain.core.escalation import ESCALATION_STEPS
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.stored_notifications import notification_from_json
from services.platform.recovery.guarded import guarded
from services.platform.storage import database as tables
from services.platform.storage.records import Record
from services.platform.storage.tables import TABLES
from services.platform.streaming.judging import Judging
from services.platform.streaming.service import Service
from services.platform.streaming.work import Work
from tests.broker.relay import NOW, PSEUDONYMS, shipped_policy
from tests.support import builders as b
from tests.unit.domain.test_real_rules import FACTS, INCIDENT

pytestmark = pytest.mark.broker

HERS = Key("high_risk", b.VICTIM, "idva-larkmead")
ANSWERS = (b.fact(b.acknowledged(notification_id(HERS, 1), agency=HERS.agency)),)


def as_record(fact: Fact, offset: int) -> Record:
    subject = fact.subject if fact.withdrawn else None
    envelope, said = registry.event(fact.body, fact.kind, "test", fact.at, fact.version, subject=subject)
    encoded = registry.encode(envelope, said)
    topic = registry.REGISTRY.topic_of(fact.kind)
    return Record(topic, 0, offset, NOW, encoded.key, encoded.value, tuple(encoded.headers))


def as_records(facts: Sequence[Fact]) -> list[Record]:
    return [as_record(fact, offset) for offset, fact in enumerate(facts)]


@asynccontextmanager
async def at_work(url: str, service: Service) -> AsyncIterator[Work]:
    pool = tables.pool(url, size=2)
    await pool.open()
    try:
        yield guarded(Judging(service, shipped_policy(), PSEUDONYMS, "release"), pool)
    finally:
        await pool.close()


async def put_through(work: Work, batches: Sequence[Sequence[Record]]) -> None:
    for batch in batches:
        left = list(batch)
        while left:
            del left[: await work.batches.take(left)]
    while await work.due.evaluate():
        pass


def held(url: str, service: str) -> dict[Key, object]:
    with psycopg.connect(url) as conn:
        rows = conn.execute("select content from delivery where service = %s and state = 'live'", (service,)).fetchall()
    notifications = [notification_from_json(content) for (content,) in rows]
    return {n.key: n.content for n in notifications if n.key.rule not in ESCALATION_STEPS}


def empty(url: str) -> None:
    """As before anything was read: a notification has the same id in every service."""
    names = [table.name for table in TABLES.sorted_tables if table.name != "deployment"]
    with psycopg.connect(url) as conn:
        conn.execute(SQL("truncate {}").format(SQL(", ").join(map(Identifier, names))))


def split(records: Sequence[Record], rng: random.Random) -> list[list[Record]]:
    left, batches = list(records), list[list[Record]]()
    while left:
        size = rng.randint(1, len(left))
        batches.append(left[:size])
        del left[:size]
    return batches


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("service", [INCIDENTS, CONVICTIONS, ORDER_VARIATIONS], ids=lambda service: service.name)
def test_what_is_held_at_the_end_is_the_same_in_every_batching(database: str, service: Service, seed: int) -> None:
    """The incident is told first, so that the answer to what was told of it is an answer in every batching."""
    rng = random.Random(seed)  # noqa: S311 - only to mix them
    facts = rng.sample([fact for fact in FACTS if fact is not INCIDENT], rng.randint(6, 16))
    facts += rng.sample(ANSWERS, rng.randint(0, 1))
    rng.shuffle(facts)
    records = [record for record in as_records([INCIDENT, *facts]) if record.topic in service.reads]
    first, rest = records[:1], records[1:]
    batchings = {
        "one": [[record] for record in rest],
        "whole": [rest],
        "other": split(rest, rng),
        "another": split(rest, rng),
    }

    async def story(batches: Sequence[Sequence[Record]]) -> None:
        async with at_work(database, service) as work:
            await put_through(work, [first, *batches])

    tables.migrate(database)
    found = dict[str, dict[Key, object]]()
    for name, batches in batchings.items():
        asyncio.run(story(batches))
        found[name] = held(database, service.name)
        empty(database)
    assert found["whole"] == found["one"]
    assert found["other"] == found["one"]
    assert found["another"] == found["one"]


def test_a_file_is_evaluated_once_for_a_batch_and_the_evaluation_names_the_events_in_their_order(database: str) -> None:
    facts = [
        b.fact(b.incident()),
        b.fact(b.children()),
        b.fact(b.incident(risk=b.risk(Grade.STANDARD)), version=2),
    ]

    async def story() -> None:
        async with at_work(database, INCIDENTS) as work:
            assert await work.batches.take(as_records(facts)) == len(facts)

    tables.migrate(database)
    asyncio.run(story())
    with psycopg.connect(database) as conn:
        accepted = conn.execute('select fact_id from record order by "offset", topic').fetchall()
        evaluations = conn.execute("select file, number, fact_ids from evaluation").fetchall()
    files = [file for file, _, _ in evaluations]
    assert len(set(files)) == len(files)
    assert max((fact_ids for _, _, fact_ids in evaluations), key=len) == [i for (i,) in accepted]
