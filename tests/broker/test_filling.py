"""A service that Kafka has forgotten is filled from the owners' archive, and says what nobody has any more."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer
from kafka import KafkaAdminClient, TopicPartition

from services.ops.fill import OWNERS
from services.ops.serving import SERVICES
from services.platform.project import PROJECT
from services.platform.recovery.filling import Filling
from services.platform.recovery.guarded import guarded
from services.platform.storage.database import pool
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import EXIT_HALTED
from services.platform.streaming.judging import Judging
from services.platform.streaming.offsets import Offsets
from tests.broker.conftest import Play
from tests.broker.relay import PSEUDONYMS, Relay, until
from tests.chaos.calm import held_when_calm
from tests.chaos.load import load
from tests.chaos.stated import Stated
from tests.chaos.verifier import marked, notification_topics, read, verify

LATE = "order_variations"
OTHERS = tuple(service for name, service in SERVICES.items() if name != LATE)
OF_OTHERS = ("police.incidents", "court.convictions", "agency.responses")
COMMAND = "from services.ops.cli import main; main()"


@dataclass(frozen=True)
class Said:
    status: int
    text: str


async def command(relay: Relay, *arguments: str) -> Said:
    """A `relay` command in a process of its own."""
    done = await asyncio.to_thread(_run, relay, [sys.executable, "-c", COMMAND, *arguments])
    return Said(done.returncode, done.stdout)


async def serve(relay: Relay, name: str) -> Said:
    """A worker that ends by itself."""
    done = await asyncio.to_thread(_run, relay, [sys.executable, "-m", "services.ops.serving", name])
    return Said(done.returncode, done.stdout)


def _run(relay: Relay, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "RELAY_KAFKA": relay.servers.kafka,
        "RELAY_DATABASE": relay.database,
        "COLUMNS": "200",
    }
    return subprocess.run(
        arguments,
        env=environment,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def forget(relay: Relay, before: Mapping[tuple[str, int], int]) -> None:
    """As Kafka does when the time of a stream is up."""
    admin = KafkaAdminClient(bootstrap_servers=relay.servers.kafka)
    try:
        admin.delete_records({TopicPartition(*place): offset for place, offset in before.items() if offset})
    finally:
        admin.close()


async def forget_all(relay: Relay, *topics: str) -> dict[tuple[str, int], int]:
    ends = await Offsets(relay.servers.kafka).end_offsets(topics)
    await asyncio.to_thread(forget, relay, ends)
    return ends


def test_a_service_that_is_new_beside_old_streams_is_filled_and_tells_what_it_would_have_told(play: Play) -> None:
    given = load(7, 40, datetime.now(UTC))
    events, half = given.events, len(given.events) // 2

    async def story(relay: Relay) -> None:
        async with relay.working(*OTHERS) as worker:
            await relay.publish(*events[:half])
            await relay.settled(worker)
        await forget_all(relay, *OF_OTHERS)
        async with relay.working(*OTHERS) as worker:
            await relay.publish(*events[half:])
            await relay.settled(worker)

        halted = await serve(relay, LATE)
        assert halted.status == EXIT_HALTED
        assert "offsets_unknown" in halted.text
        planned = await command(relay, "fill", LATE, "--dry-run")
        assert planned.status == 1
        assert "from the archive of incidents" in planned.text
        filled = await command(relay, "fill", LATE)
        assert filled.status == 0, filled.text
        assert f"{LATE} is filled" in filled.text
        assert await relay.rows("select count(*) > 0 from fact where service = %s", LATE) == [(True,)]
        assert await relay.rows("select 1 from evaluation where service = %s", LATE) == []
        again = await command(relay, "fill", LATE)
        assert again.status == 0
        assert "Nothing to fill" in again.text

        async with relay.working(*SERVICES.values()) as worker:
            await relay.settled(worker)
            await until(lambda: caught_up(relay))
            await relay.settled(worker)
        unbelievable = {marked(event.value, event.headers) for event in given.unbelievable}
        believable = [event for event in events if marked(event.value, event.headers) not in unbelievable]
        delivered = await asyncio.to_thread(lambda: read(relay.servers.kafka, notification_topics(relay.servers.kafka)))
        must_hold = held_when_calm(believable, relay.policies, datetime.now(UTC))
        verdict = verify(must_hold, delivered, Stated.of(believable))
        assert verdict.clean, str(verdict)
        await one_end_each(relay)

    play(story)


async def caught_up(relay: Relay) -> bool:
    """Looks go on, and what was read meanwhile has been looked at."""
    return not await relay.rows(
        """select 1 from stream_position where evaluate_from is not null union all
        select 1 from case_file where due_because = 'event' and next_evaluation_at is not null"""
    )


async def one_end_each(relay: Relay) -> None:
    """In the filled service too, and the one that its owner gave it."""
    for service in SERVICES.values():
        ends = await Offsets(relay.servers.kafka).end_offsets(service.reads)
        assert await relay.rows("select count(*) from record where service = %s", service.name) == [
            (sum(ends.values()),)
        ]
    assert (
        await relay.rows(
            """select mine.topic, owner.fate, mine.fate from record mine join record owner
            on (owner.topic, owner.partition, owner."offset") = (mine.topic, mine.partition, mine."offset")
            and owner.service = case mine.topic when 'police.incidents' then 'incidents' else 'convictions' end
            where mine.service = %s and mine.topic in ('police.incidents', 'court.convictions')
            and mine.fate <> owner.fate""",
            LATE,
        )
        == []
    )


def test_a_filling_that_is_interrupted_goes_on_from_there(play: Play) -> None:
    events = load(8, 12, datetime.now(UTC)).events

    async def story(relay: Relay) -> None:
        async with relay.working(*OTHERS) as worker:
            await relay.publish(*events)
            await relay.settled(worker)
        ends = await forget_all(relay, *OF_OTHERS)
        everything = sum(end for (topic, _), end in ends.items() if topic in OF_OTHERS)
        async with pool(relay.database, size=4) as connections:
            late = guarded(Judging(SERVICES[LATE], relay.policies, PSEUDONYMS, "release"), connections)
            filling = Filling(late, OWNERS, Offsets(relay.servers.kafka))
            first = [done async for done in _but_one(filling)]
            assert 0 < sum(first) < everything
            rest = await filling.plan()
            assert await filling.count(rest.archived) == everything - sum(first)
            assert sum([done async for done in filling.fill(rest)]) == everything - sum(first)
            assert (await filling.plan()).archived == ()
        counted = await relay.rows(
            "select count(*) from record where service = %s and topic = any(%s)", LATE, list(OF_OTHERS)
        )
        assert counted == [(everything,)]

    play(story)


async def _but_one(filling: Filling):  # type: ignore[no-untyped-def]
    async for done in filling.fill(await filling.plan()):
        yield done
        return


def test_what_its_owner_never_read_and_kafka_forgot_is_named_and_given_up_only_by_a_person(play: Play) -> None:
    events = load(9, 6, datetime.now(UTC)).events

    async def story(relay: Relay) -> None:
        await relay.publish(*events)
        ends = await forget_all(relay, "police.incidents")
        lost = {place: end for place, end in ends.items() if place[0] == "police.incidents" and end}
        assert (await serve(relay, "incidents")).status == EXIT_HALTED

        other = await command(relay, "fill", "convictions", "--accept-gap")
        assert other.status == 1
        assert "Fill incidents first" in other.text
        named = await command(relay, "fill", "incidents")
        assert named.status == 1
        for (topic, partition), end in lost.items():
            assert f"{topic}  {partition}          0 to {end - 1}" in named.text
        assert "--accept-gap" in named.text
        assert await relay.rows("select 1 from gap") == []

        assert (await command(relay, "fill", "incidents", "--accept-gap")).status == 0
        assert (await command(relay, "fill", "convictions")).status == 1  # it is lost for every reader
        assert (await command(relay, "fill", "convictions", "--accept-gap")).status == 0
        gaps = await relay.rows("select service, topic, partition, first, past_last from gap order by 1, 2, 3")
        wanted = [(name, *place, 0, end) for name in ("convictions", "incidents") for place, end in lost.items()]
        assert gaps == sorted(wanted)
        both = [SERVICES["incidents"], SERVICES["convictions"]]
        async with relay.working(*both) as worker:
            await relay.publish(*events[:5])
            await relay.settled(worker)

    play(story)


def test_a_service_of_which_a_worker_runs_is_not_filled_beside_it(play: Play) -> None:
    async def story(relay: Relay) -> None:
        await relay.publish(*load(9, 6, datetime.now(UTC)).events)
        async with relay.working(SERVICES["incidents"]) as worker:
            await relay.settled(worker)
        ends = await Offsets(relay.servers.kafka).end_offsets(["police.incidents"])
        await relay.rows("update stream_position set next_offset = 0 where topic = 'police.incidents'")
        await asyncio.to_thread(forget, relay, ends)
        # A worker would halt for the gap, or for a database that goes back under it: the group's member is enough.
        member = AIOKafkaConsumer(
            "police.incidents", bootstrap_servers=relay.servers.kafka, group_id=group_of("incidents")
        )
        await member.start()
        try:
            refused = await command(relay, "fill", "incidents", "--accept-gap")
        finally:
            await member.stop()
        assert refused.status == 2
        assert "stop them first" in refused.text
        assert await relay.rows("select 1 from gap") == []

    play(story)
