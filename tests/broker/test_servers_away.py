"""Servers that go away are waited for in place; servers that went back, or forgot, halt the worker with advice."""

import asyncio

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from services.runtime.embedded import Name
from services.runtime.engine import EXIT_HALTED
from tests.broker.conftest import Play, Start
from tests.broker.relay import Relay
from tests.broker.troubled import STREAM, everybody_once, fates, incident, service, told

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("server", ["postgres", "kafka"])
def test_a_server_that_goes_away_is_waited_for_and_nothing_is_lost_or_told_twice(play: Play, server: Name) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
            unseen = relay.publish(*(incident(f"CR{n}") for n in range(2, 30)))
            if server == "postgres":
                await asyncio.gather(unseen, asyncio.to_thread(relay.servers.stop, server, kill=True))
            else:
                await asyncio.to_thread(relay.servers.stop, server)
            publishing = asyncio.create_task(relay.publish(incident("CR30")))
            await asyncio.to_thread(relay.servers.start, server)
            if server == "kafka":
                await unseen
            await publishing
            await relay.settled(worker)
        assert await told(relay) == everybody_once(*(f"CR{n}" for n in range(1, 31)))
        assert sum((await fates(relay, mine.name)).values()) == 30

    play(story)


def test_a_database_behind_its_group_halts_the_worker_and_says_what_it_needs(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"), incident("CR1", version=2))
            await relay.settled(worker)
        await relay.rows("update stream_position set next_offset = next_offset - 1 where next_offset > 0")
        process = start(relay, mine.name)
        assert await process.dies() == EXIT_HALTED
        (line,) = process.lines("database_behind_group")
        assert (line["topic"], line["group"], line["database"]) == (STREAM, 2, 1)
        assert "runbook" in line["advice"]
        assert process.lines("halted")[0]["reason"] == "offsets_ahead"

    play(story)


def test_records_gone_before_they_were_read_halt_the_worker_and_say_what_it_needs(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
        await relay.publish(incident("CR1", version=2))
        ((partition,),) = await relay.rows("select partition from stream_position where next_offset = 1")
        await asyncio.to_thread(forget, relay, TopicPartition(STREAM, partition), 2)
        process = start(relay, mine.name)
        assert await process.dies() == EXIT_HALTED
        (line,) = process.lines("records_gone")
        assert (line["topic"], line["partition"], line["first"], line["database"]) == (STREAM, partition, 2, 1)
        assert "runbook" in line["advice"]
        assert process.lines("halted")[0]["reason"] == "offsets_unknown"
        assert await fates(relay, mine.name) == {"accepted": 1}

    play(story)


def forget(relay: Relay, place: TopicPartition, before: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=relay.servers.kafka)
    try:
        admin.delete_records({place: before})
    finally:
        admin.close()
