"""Notifications that the broker will not have are parked with an alarm; only their own duty waits, and nothing is
lost."""

import asyncio
import os
import signal
from collections import Counter
from dataclasses import replace

import psycopg
import pytest
from aiokafka import ConsumerRecord
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from schemas import registry
from services.platform.storage import database
from services.platform.streaming import publisher
from services.platform.streaming.topics import apply_topics, topics
from tests.broker.conftest import Play, Start
from tests.broker.relay import Relay, until
from tests.broker.troubled import HEARS_OF_HIGH_RISK, delivered, everybody_once, fates, incident, service
from tests.support import builders as b

pytestmark = pytest.mark.broker

LOCK_SECONDS = database.TIMEOUTS_MS["lock_timeout"] / 1000
MARAC = "agency.marac-larkmead.notifications"


def limit(relay: Relay, topic: str, largest: int) -> None:
    alter(relay, topic, {"max.message.bytes": str(largest)})


def alter(relay: Relay, topic: str, settings: dict[str, str]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=relay.servers.kafka)
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])
    finally:
        admin.close()


def delete(relay: Relay, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=relay.servers.kafka)
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()


def size(record: ConsumerRecord) -> int:
    return sum(len(part) for part in (record.key, record.value, *(n.encode() + v for n, v in record.headers)) if part)


async def parked(relay: Relay) -> list[tuple[str, str, int, str | None]]:
    return [tuple(row) for row in await relay.rows("select topic, duty, revision, parked from outbox order by number")]


def test_a_notification_too_large_for_its_topic_holds_up_its_own_duty_alone(play: Play) -> None:
    mine = service()
    duty = "high_risk/CR1/party/1/marac-larkmead"

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR0"))
            await relay.settled(worker)
            (usual,) = await relay.records(MARAC)
            limit(relay, MARAC, size(usual) + 150)
        named = b.victim(record=b.record("victim-CR1"), name="V" * 200)
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1", parties=(named, b.suspect())))
            await relay.settled(worker)
            await relay.publish(incident("CR1", version=2), incident("CR2"), incident("CR3"))
            await relay.settled(worker)
            assert await parked(relay) == [(MARAC, duty, 1, "too_large"), (MARAC, duty, 2, None)]
            everywhere = everybody_once("CR0", "CR1", "CR2", "CR3")
            for notifications in everywhere.values():
                notifications["CR1/party/1 update"] = 1
            assert await delivered(relay) == everywhere | {
                "marac-larkmead": everybody_once("CR0", "CR2", "CR3")["dait-54"]
            }
        limit(relay, MARAC, 1_000_000)
        async with relay.working(mine) as worker:
            await relay.settled(worker)
        assert await delivered(relay) == everywhere
        assert await parked(relay) == []
        revisions = [
            notification.revision
            for notification in (await relay.all_delivered())["marac-larkmead"]
            if "CR1" in notification.subject
        ]
        assert revisions == [1, 2]

    play(story)


def test_a_notification_larger_than_the_catalogue_allows_is_parked_before_it_is_sent_and_holds_up_its_own_duty_alone(
    play: Play,
) -> None:
    mine = service()
    topics_of = {agency: f"agency.{agency}.notifications" for agency in HEARS_OF_HIGH_RISK}

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR0"))
            await relay.settled(worker)
            usual = max(len(record.value or b"") for record in await relay.records(*topics_of.values()))
        named = b.victim(record=b.record("victim-CR1"), name="V" * 200)
        async with relay.working(mine, contract=allowing(usual + 150)) as worker:
            await relay.publish(incident("CR1", parties=(named, b.suspect())))
            await relay.settled(worker)
            await relay.publish(incident("CR1", version=2), incident("CR2"))
            await relay.settled(worker)
        async with relay.working(mine, contract=allowing(usual + 150)) as worker:
            await relay.settled(worker)  # what does not fit stays parked
            too_large = {topic for topic, _, _, reason in await parked(relay) if reason == "too_large"}
            assert too_large
            notifications = await delivered(relay)
            for agency, topic in topics_of.items():
                hears = everybody_once("CR0", "CR2")[agency]
                if topic not in too_large:
                    hears += everybody_once("CR1")[agency] + Counter(["CR1/party/1 update"])
                assert notifications[agency] == hears
        async with relay.working(mine) as worker:
            await relay.settled(worker)
        assert await parked(relay) == []
        for agency in HEARS_OF_HIGH_RISK:
            assert [n.revision for n in (await relay.all_delivered())[agency] if "CR1" in n.subject] == [1, 2]

    play(story)


def allowing(largest: int) -> registry.Registry:
    """The contract, with another largest notification."""
    return registry.Registry(
        tuple(
            replace(stream, largest_message=largest) if "{agency}" in stream.topic else stream
            for stream in registry.STREAMS
        )
    )


def test_more_topics_and_rows_than_go_at_once_all_go_and_each_duty_in_order(play: Play) -> None:
    mine = service()
    few, many, duties = 3, 2 * publisher.ROWS_AT_ONCE, 5

    async def story(relay: Relay) -> None:
        names = [f"agency.{agency.id}.notifications" for agency in relay.policies.agencies]
        others = [name for name in names if name != MARAC][: publisher.TOPICS_AT_ONCE + 4]
        assert len(others) == publisher.TOPICS_AT_ONCE + 4
        for topic, rows in ((MARAC, many), *((name, few) for name in others)):
            await relay.rows(
                """insert into outbox (service, topic, duty, revision, key, value, headers, at)
                select %s, %s, 'duty-' || s.n %% %s, s.n, ('key-' || s.n %% %s)::bytea, s.n::text::bytea, '[]', now()
                from generate_series(1, %s) as s (n) order by s.n""",
                *(mine.name, topic, duties, duties, rows),
            )
        async with relay.working(mine):
            await until(lambda: _published(relay))
        assert Counter(record.topic for record in await relay.records(*others)) == dict.fromkeys(others, few)
        sent = [(record.key, int(record.value or b"")) for record in await relay.records(MARAC)]
        assert len(sent) == many
        for key in {key for key, _ in sent}:
            of_one = [number for own, number in sent if own == key]
            assert of_one == sorted(of_one)

    play(story)


def test_large_messages_are_taken_a_few_at_a_time(play: Play) -> None:
    limit_of_bytes = publisher.BYTES_AT_ONCE
    sizes = [limit_of_bytes // 2, limit_of_bytes // 2, 10, 3 * limit_of_bytes, 10]

    async def story(relay: Relay) -> None:
        for number, value in enumerate(sizes):
            await relay.rows(
                """insert into outbox (service, topic, duty, revision, key, value, headers, at)
                values ('own', %s, %s, 1, 'key', convert_to(repeat('x', %s), 'UTF8'), '[]', now())""",
                *(MARAC, f"duty-{number}", value),
            )
        taken: list[list[int]] = []
        async with await psycopg.AsyncConnection.connect(relay.database, autocommit=True) as conn:
            while rows := (await publisher.unpublished_rows(conn, "own", [MARAC])).get(MARAC):
                taken.append([len(row.message.value or b"") for row in rows])
                await conn.execute("delete from outbox where number = any(%s)", ([row.number for row in rows],))
        assert taken == [sizes[:2], sizes[2:4], sizes[4:]]

    play(story)


def test_a_topic_that_takes_nothing_for_now_delays_no_other(play: Play) -> None:
    """It is to be compacted, so a message without a key is trouble, which is waited out until the topic is mended."""
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR0"))
            await relay.settled(worker)
            (notification,) = await relay.records(MARAC)
            alter(relay, MARAC, {"cleanup.policy": "compact"})
            await relay.rows(
                """insert into outbox (service, topic, duty, revision, value, headers, at)
                values (%s, %s, 'duty', 1, %s, '[]', now())""",
                *(mine.name, MARAC, notification.value),
            )
            await until(lambda: _publishing(relay))
            await relay.publish(incident("CR1"))
            others = {agency: everybody_once("CR0", "CR1")[agency] for agency in OTHERS}
            await until(lambda: _told_at_least(relay, others))
            assert [row[0] for row in await parked(relay)] == [MARAC, MARAC]
            alter(relay, MARAC, {"cleanup.policy": "delete"})
            await relay.settled(worker)
        assert await delivered(relay) == everybody_once("CR0", "CR1")

    play(story)


OTHERS = tuple(agency for agency in HEARS_OF_HIGH_RISK if agency != "marac-larkmead")


async def _told_at_least(relay: Relay, expected: dict[str, Counter[str]]) -> bool:
    notifications = await delivered(relay)
    return all(notifications[agency] >= counted for agency, counted in expected.items())


def test_a_topic_that_is_not_there_parks_its_notifications_until_it_is_made(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            delete(relay, MARAC)
            await relay.publish(incident("CR1"))
            await until(lambda: _parked_as(relay, "unknown_topic"))
            await relay.publish(incident("CR1", version=2, injury_level="serious"), incident("CR2"))
            await relay.settled(worker)
            assert [row[3] for row in await parked(relay)].count("unknown_topic") == 2
        apply_topics(relay.servers.kafka, topics(relay.policies))
        async with relay.working(mine) as worker:
            await relay.settled(worker)
        assert await parked(relay) == []
        assert (await delivered(relay))["marac-larkmead"] >= Counter(["CR1/party/1 notify", "CR2/party/1 notify"])

    play(story)


async def _parked_as(relay: Relay, reason: str) -> bool:
    return reason in {row[3] for row in await parked(relay)}


def test_a_worker_that_is_stopped_while_it_publishes_does_not_keep_others_from_it(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        kafka, process = relay.servers.pids["kafka"], start(relay, mine.name)
        await relay.publish(incident("CR1"))
        await until(lambda: _told_of(relay, mine.name))
        os.kill(kafka, signal.SIGSTOP)
        try:
            await relay.rows(
                """insert into outbox (service, topic, duty, revision, key, value, headers, at)
                values (%s, %s, 'duty', 1, 'key', 'value', '[]', now())""",
                *(mine.name, MARAC),
            )
            await until(lambda: _publishing(relay))
            process.running.send_signal(signal.SIGSTOP)
        finally:
            os.kill(kafka, signal.SIGCONT)
        async with relay.working(mine):
            await until(lambda: _published(relay))
        assert b"value" in {record.value for record in await relay.records(MARAC)}

    play(story)


def test_what_could_not_be_marked_is_marked_later_and_not_sent_again(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
            before = len(await relay.records(MARAC))
            async with await psycopg.AsyncConnection.connect(relay.database) as other:
                await other.execute("select 1 from notification for update")
                await relay.rows(
                    """insert into outbox (service, topic, duty, revision, key, value, headers, notification_id, at)
                    select %s, %s, 'duty', 1, 'key', 'value', '[]', min(id), now() from notification""",
                    *(mine.name, MARAC),
                )
                await asyncio.sleep(2 * LOCK_SECONDS)
                assert await parked(relay) != []
            await relay.settled(worker)
        assert len(await relay.records(MARAC)) == before + 1

    play(story)


def test_a_worker_that_is_told_to_end_sends_what_waits(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine):
            await relay.rows(
                """insert into outbox (service, topic, duty, revision, key, value, headers, at)
                select %s, %s, 'duty-' || n, 1, 'key', 'value', '[]', now() from generate_series(1, %s) n""",
                *(mine.name, MARAC, 3 * publisher.ROWS_AT_ONCE),
            )
        assert await parked(relay) == []

    play(story)


async def _told_of(relay: Relay, name: str) -> bool:
    return await fates(relay, name) == {"accepted": 1} and await _published(relay)


async def _publishing(relay: Relay) -> bool:
    return bool(
        await relay.rows(
            """select 1 from pg_locks join pg_database d on d.oid = database
            where d.datname = current_database() and locktype = 'advisory' and granted"""
        )
    )


async def _published(relay: Relay) -> bool:
    return await parked(relay) == []
