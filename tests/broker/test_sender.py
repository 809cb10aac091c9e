"""What only Kafka can show of sending: a refused message spoils nothing but itself, and trouble is waited out."""

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, ProducerClosed

from services.platform.local.embedded import Servers, embedded_servers
from services.platform.storage.outgoing import RefusedFor
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.sending import (
    AT_ONCE,
    STOP_SECONDS,
    TOGETHER_SECONDS,
    Message,
    Outcome,
    Refused,
    Sender,
    Sent,
)
from services.platform.streaming.topics import Difference, TopicSpec, apply_topics
from tests.broker.relay import until
from tests.broker.second_broker import Broker, second_broker

pytestmark = pytest.mark.broker

DEADLINE = 60.0
MANY = 60


@pytest.fixture
def topic(servers: Servers) -> str:
    name = f"sender-{secrets.token_hex(4)}"
    apply_topics(servers.kafka, [TopicSpec(name, 1, max_message_bytes=60_000)])
    return name


def send_all(servers: Servers, messages: list[Message]) -> list[Outcome]:
    async def send() -> list[Outcome]:
        sender = Sender(servers.kafka)
        await sender.start()
        outcomes = await sender.send_all(messages)
        await sender.stop()
        return outcomes

    outcomes: list[Outcome] = within_deadline(send())
    return outcomes


def within_deadline(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, DEADLINE))


def read(servers: Servers, topic: str) -> list[tuple[bytes, bytes]]:
    """Key and value of everything in the topic's one partition."""

    async def consume() -> list[tuple[bytes, bytes]]:
        place = TopicPartition(topic, 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=servers.kafka)
        await consumer.start()
        consumer.assign([place])
        end = (await consumer.end_offsets([place]))[place]
        consumer.seek(place, 0)
        records = [await consumer.getone() for _ in range(end)]
        await consumer.stop()
        return [(record.key, record.value) for record in records]

    found: list[tuple[bytes, bytes]] = within_deadline(consume())
    return found


def test_a_message_that_is_too_large_is_refused_and_the_ones_around_it_are_sent(servers: Servers, topic: str) -> None:
    outcomes = send_all(
        servers,
        [
            Message(topic, b"a", b"before"),
            Message(topic, b"a", b"x" * 70_000),
            Message(topic, b"a", b"after"),
            Message(topic, b"b", b"beside"),
        ],
    )

    assert outcomes[1] == Refused(RefusedFor.TOO_LARGE)
    assert [type(outcome) for outcome in outcomes] == [Sent, Refused, Sent, Sent]
    assert sorted(read(servers, topic)) == [(b"a", b"after"), (b"a", b"before"), (b"b", b"beside")]


def test_a_message_with_neither_key_nor_value_is_refused_and_the_ones_around_it_are_sent(
    servers: Servers, topic: str
) -> None:
    outcomes = send_all(servers, [Message(topic, b"a", b"x"), Message(topic, None, None), Message(topic, b"b", b"y")])

    assert outcomes[1] == Refused(RefusedFor.INVALID)
    assert sorted(read(servers, topic)) == [(b"a", b"x"), (b"b", b"y")]


def test_small_messages_whose_batch_is_too_large_are_all_sent(servers: Servers) -> None:
    topic = f"sender-{secrets.token_hex(4)}"
    apply_topics(servers.kafka, [TopicSpec(topic, 1, max_message_bytes=2_000)])

    outcomes = send_all(servers, [Message(topic, str(number).encode(), b"x" * 900) for number in range(20)])

    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert {key for key, _ in read(servers, topic)} == {str(number).encode() for number in range(20)}


def test_a_topic_that_is_not_there_is_refused_at_once_and_not_made(servers: Servers, topic: str) -> None:
    nowhere = f"{topic}.nowhere"

    outcomes = send_all(servers, [Message(nowhere, b"a", b"1"), Message(topic, b"a", b"2")])

    assert outcomes[0] == Refused(RefusedFor.UNKNOWN_TOPIC)
    assert isinstance(outcomes[1], Sent)
    assert within_deadline(Offsets(servers.kafka).end_offsets([nowhere, topic])) == {(topic, 0): 1}


def test_where_many_topics_end_is_said_at_once(servers: Servers) -> None:
    """Each agency has a topic: a request must not take as many tenths of a second as there are."""
    names = [f"many-{secrets.token_hex(4)}" for _ in range(MANY)]
    apply_topics(servers.kafka, [TopicSpec(name, 1) for name in names])
    began = time.monotonic()
    assert within_deadline(Offsets(servers.kafka).end_offsets(names)) == {(name, 0): 0 for name in names}
    assert time.monotonic() - began < MANY * 0.05


def test_a_topic_without_a_leader_keeps_no_other_waiting_and_loses_nothing(tmp_path: Path) -> None:
    """Nor where another topic refuses a message, so that its producer has to be replaced."""
    plain, picky = "plain", "picky"
    spread = [f"spread-{number}" for number in range(10)]

    async def send(kafka: str, broker: Broker, leaderless: str) -> None:
        sender = Sender(kafka)
        await sender.start()
        numbered = [Message(leaderless, str(n).encode(), b"1") for n in range(AT_ONCE)]
        pending = asyncio.create_task(sender.send_all(numbered))
        refused = asyncio.create_task(sender.send(picky, b"a", b"x" * 2_000))
        for number in range(20):
            async with asyncio.timeout(STOP_SECONDS / 2):
                await sender.send(plain, b"a", str(number).encode())
            await asyncio.sleep(0.05)
        assert await refused == Refused(RefusedFor.TOO_LARGE)
        assert isinstance(await sender.send(picky, b"a", b"small"), Sent)
        assert not pending.done()
        await asyncio.to_thread(broker.start_again)
        assert all(isinstance(outcome, Sent) for outcome in await pending)
        await sender.stop()

    with embedded_servers(durable=False) as own, second_broker(own, tmp_path / "second") as broker:
        apply_topics(own.kafka, [TopicSpec(name, 1) for name in spread])
        leaderless = next(name for name in spread if asyncio.run(leader(own.kafka, name)) == broker.number)
        broker.kill()
        asyncio.run(until(lambda: has_no_leader(own.kafka, leaderless)))
        # Made when the first is the only broker left, which therefore leads them.
        apply_topics(own.kafka, [TopicSpec(plain, 1), TopicSpec(picky, 1, max_message_bytes=1_000)])
        within_deadline(send(own.kafka, broker, leaderless))


def test_a_sender_that_has_stopped_says_so_of_a_topic_that_was_in_trouble_too(servers: Servers, topic: str) -> None:
    async def send_after_the_end() -> None:
        sender = Sender(servers.kafka)
        await sender.start()
        assert await sender.send(topic, b"a", b"x" * 70_000) == Refused(RefusedFor.TOO_LARGE)
        await sender.stop()
        with pytest.raises(ProducerClosed):
            await sender.send(topic, b"a", b"too late")

    # Beside the test: a loop that only turns would never notice that its time is up.
    sending = Thread(target=within_deadline, args=(send_after_the_end(),), daemon=True)
    sending.start()
    sending.join(DEADLINE)
    assert not sending.is_alive()


async def leader(kafka: str, topic: str) -> int | None:
    """The number of the broker that leads the topic's one partition, -1 for none; None while nobody says."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    try:
        await admin.start()
        (described,) = await admin.describe_topics([topic])
    except KafkaError:
        return None
    finally:
        await admin.close()
    return int(described["partitions"][0]["leader"])


async def has_no_leader(kafka: str, topic: str) -> bool:
    return await leader(kafka, topic) == -1


def test_messages_of_one_key_keep_their_order(servers: Servers, topic: str) -> None:
    send_all(servers, [Message(topic, str(n % 7).encode(), str(n).encode()) for n in range(300)])

    lanes = defaultdict(list)
    for key, value in read(servers, topic):
        lanes[key].append(int(value))
    assert sum(len(lane) for lane in lanes.values()) == 300
    assert all(lane == sorted(lane) for lane in lanes.values())


def test_a_batch_costs_no_task_for_each_of_its_messages(servers: Servers, topic: str) -> None:
    made = list[str]()

    def counted(loop: asyncio.AbstractEventLoop, work: Any, **named: Any) -> asyncio.Task[Any]:
        made.append(str(work))
        return asyncio.Task(work, loop=loop, **named)

    async def send_twice() -> None:
        sender = Sender(servers.kafka)
        assert isinstance(await sender.send(topic, b"first", b"of all"), Sent)
        asyncio.get_running_loop().set_task_factory(counted)
        outcomes = await sender.send_all([Message(topic, str(n).encode(), b"x") for n in range(MANY)])
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        asyncio.get_running_loop().set_task_factory(None)
        await sender.stop()

    within_deadline(send_twice())

    assert len(made) < MANY / 2


def test_what_a_broker_had_accepted_and_not_answered_when_it_went_away_is_sent(servers: Servers, topic: str) -> None:
    """A topic that the producer knows: it takes the batch at once, and owes the deliveries."""

    async def send_through_a_restart() -> list[Outcome]:
        sender = Sender(servers.kafka)
        assert isinstance(await sender.send(topic, b"first", b"first"), Sent)
        await asyncio.to_thread(servers.stop, "kafka", kill=True)
        sending = asyncio.create_task(
            sender.send_all([Message(topic, str(n % 30).encode(), str(n).encode()) for n in range(90)])
        )
        await asyncio.sleep(TOGETHER_SECONDS * 2)
        assert not sending.done()
        await asyncio.to_thread(servers.start, "kafka")
        outcomes = await sending
        await sender.stop()
        return outcomes

    outcomes = within_deadline(send_through_a_restart())

    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    lanes = defaultdict(list)
    for key, value in read(servers, topic):
        if key != b"first":
            lanes[key].append(int(value))
    assert lanes == {str(n).encode(): [n, n + 30, n + 60] for n in range(30)}


def test_a_broker_that_is_away_is_waited_for_and_nothing_is_dropped(servers: Servers, topic: str) -> None:
    async def send_through_a_restart() -> list[Outcome]:
        sender = Sender(servers.kafka)
        await sender.start()
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as thread:
            await loop.run_in_executor(thread, lambda: servers.stop("kafka", kill=True))
            sending = asyncio.create_task(
                sender.send_all([Message(topic, str(n).encode(), str(n).encode()) for n in range(50)])
            )
            await loop.run_in_executor(thread, lambda: servers.start("kafka"))
        outcomes = await sending
        await sender.stop()
        return outcomes

    outcomes = within_deadline(send_through_a_restart())

    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert {value for _, value in read(servers, topic)} == {str(n).encode() for n in range(50)}


def test_topics_are_made_once_and_differences_told(servers: Servers) -> None:
    name = f"topics-{secrets.token_hex(4)}"
    spec = TopicSpec(name, 3, retention_ms=86_400_000, max_message_bytes=50_000, timestamp_type="LogAppendTime")

    first = apply_topics(servers.kafka, [spec])
    again = apply_topics(servers.kafka, [spec])
    changed = apply_topics(servers.kafka, [TopicSpec(name, 4, retention_ms=1_000)])

    assert first.created == (name,)
    assert (again.created, again.differences) == ((), ())
    assert set(changed.differences) == {
        Difference(name, "partitions", "4", "3"),
        Difference(name, "retention.ms", "1000", "86400000"),
    }
