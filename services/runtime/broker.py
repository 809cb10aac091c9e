"""What else is said to Kafka: messages sent for certain, offsets read, topics made as declared."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import (
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    ProducerClosed,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from services.runtime import logs

LINGER_MS = 2
REQUEST_MS = 10_000
# The topic's own limit decides; this one only keeps nonsense off the wire.
LARGEST_REQUEST = 16 * 1024 * 1024
# Below the limit of every topic: a batch above it would be refused as a whole, and sent again one by one.
LARGEST_BATCH = 32 * 1024
# Of one topic. Many more, and those who wait for room in a batch wake each other up until they time out (shown with
# 10,000).
AT_ONCE = 500
# Topics in trouble that have a producer, and so connections, of their own.
TOPICS_APART = 8
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
ASK_AGAIN_SECONDS = 15.0
STOP_SECONDS = 10.0
# What a group that is not sharing out calls itself, with members and without.
SHARED_OUT = ("Stable", "Empty", "Dead")

log = structlog.get_logger("relay")

Partition = tuple[str, int]
Answer = TypeVar("Answer")


class RefusedFor(StrEnum):
    """Why the broker will never take a message as it is."""

    TOO_LARGE = "too_large"
    UNKNOWN_TOPIC = "unknown_topic"
    NOT_AUTHORISED = "not_authorised"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to send; the same key in the same topic keeps its order."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The broker has it, on all replicas in sync."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker refused it for its own sake; nothing of it was written."""

    reason: RefusedFor


Outcome = Sent | Refused


class _Producer:
    """One idempotent producer; what it still had to deliver when it was retired is sent again by its successor."""

    def __init__(self, kafka: str) -> None:
        self.client = AIOKafkaProducer(
            bootstrap_servers=kafka,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_batch_size=LARGEST_BATCH,
            request_timeout_ms=REQUEST_MS,
            max_request_size=LARGEST_REQUEST,
        )
        self._retired = asyncio.Event()

    async def deliver(self, message: Message) -> Sent:
        """Raises KafkaError where this producer cannot."""
        retired = asyncio.create_task(self._retired.wait())
        accepted = asyncio.create_task(self._accept(message))
        try:
            # A client that is closed meanwhile leaves those who ask it for a topic waiting for ever.
            await asyncio.wait([accepted, retired], return_when=asyncio.FIRST_COMPLETED)
            if not accepted.done():
                raise ProducerClosed
            delivery = accepted.result()
            while not delivery.done():
                await asyncio.wait([delivery, retired], timeout=ASK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                # It never gives a batch up by itself, so a topic that went away has to be asked for.
                if not delivery.done() and (retired.done() or await self.misses(message.topic)):
                    raise ProducerClosed if retired.done() else UnknownTopicOrPartitionError
        finally:
            retired.cancel()
            accepted.cancel()
        written = delivery.result()
        return Sent(written.partition, written.offset)

    async def _accept(self, message: Message) -> asyncio.Future[Any]:
        """Puts it into the producer's buffer; what it returns is the delivery."""
        await self._find(message.topic)
        delivery: asyncio.Future[Any] = await self.client.send(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            timestamp_ms=message.timestamp_ms,
        )
        return delivery

    async def _find(self, topic: str) -> None:
        """Spares a message the long wait of `send` for a topic that is not there."""
        known = self.client.client.cluster
        if known.partitions_for_topic(topic) is None:
            await self.client.client.add_topic(topic)
        if known.partitions_for_topic(topic) is None:
            if topic in known.unauthorized_topics:
                raise TopicAuthorizationFailedError(topic)
            if await self.misses(topic):
                raise UnknownTopicOrPartitionError

    async def misses(self, topic: str) -> bool:
        """Whether the broker itself says that it has no such topic."""
        try:
            return topic not in (await self.client.client.fetch_all_metadata()).topics()
        except KafkaError:
            return False

    async def refusal(self, message: Message, error: KafkaError) -> RefusedFor | None:
        """What is wrong with the message itself; None where the trouble lies elsewhere."""
        match error:
            case MessageSizeTooLargeError() | RecordListTooLargeError():
                return RefusedFor.TOO_LARGE
            case TopicAuthorizationFailedError():
                return RefusedFor.NOT_AUTHORISED
            case InvalidTopicError():
                return RefusedFor.UNKNOWN_TOPIC
            case InvalidTimestampError() | PolicyViolationError():
                return RefusedFor.INVALID
            case UnknownTopicOrPartitionError() if await self.misses(message.topic):
                return RefusedFor.UNKNOWN_TOPIC
        return None

    async def retire(self) -> None:
        try:
            await asyncio.wait_for(self.client.stop(), STOP_SECONDS)
        except (KafkaError, TimeoutError):
            with suppress(KafkaError):
                await self.client.client.close()
        self._retired.set()


class _Lane:
    """The producer that topics share, or that a topic in trouble has to itself."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._producer: _Producer | None = None
        self._replacing = asyncio.Lock()
        self._stopped = False

    async def current(self) -> _Producer:
        """Waits until the broker is there; raises ProducerClosed once the lane has been stopped."""
        async with self._replacing:
            pause = FIRST_PAUSE
            while self._producer is None:
                if self._stopped:
                    raise ProducerClosed
                producer = _Producer(self._kafka)
                try:
                    await producer.client.start()
                    self._producer = producer
                except KafkaError as error:
                    await producer.retire()
                    log.warning(logs.Event.BROKER_AWAITED, error=type(error).__name__)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
            return self._producer

    async def replace(self, producer: _Producer) -> bool:
        """False where another has already done it."""
        async with self._replacing:
            if self._producer is not producer:
                return False
            self._producer = None
            await producer.retire()
            return True

    async def stop(self) -> None:
        self._stopped = True
        async with self._replacing:
            producer, self._producer = self._producer, None
            if producer is not None:
                await producer.retire()


class Sender:
    """Sends until the broker has answered: trouble is waited out, only a refusal of the message itself comes back.

    After a refusal an idempotent producer fails whatever it sends to that partition, and one whose topic has no leader
    fails what waits there now and then. So a topic in trouble gets a producer to itself, which is replaced as often as
    it fails, and keeps no other topic waiting. Those who shared a batch with a refused message are sent again by a
    producer of their own, to see which one it was.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._shared = _Lane(kafka)
        self._apart: dict[str, _Lane] = {}
        self._places: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))

    async def start(self) -> None:
        """Waits until the broker is there."""
        await self._shared.current()

    async def stop(self) -> None:
        await asyncio.gather(*(lane.stop() for lane in (self._shared, *self._apart.values())))

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]] = (),
        timestamp_ms: int | None = None,
    ) -> Outcome:
        """Returns when the broker has taken or refused it, however long that takes."""
        return await self._settle(Message(topic, key, value, tuple(headers), timestamp_ms))

    async def send_all(self, messages: Sequence[Message]) -> list[Outcome]:
        """Outcomes in the order of the messages; of one topic and key the next goes out once the last has its end."""
        lanes: dict[tuple[str, bytes | None], list[int]] = defaultdict(list)
        for number, message in enumerate(messages):
            lanes[message.topic, message.key].append(number)
        outcomes: dict[int, Outcome] = {}

        async def run(lane: list[int]) -> None:
            for number in lane:
                outcomes[number] = await self._settle(messages[number])

        async with asyncio.TaskGroup() as group:
            for lane in lanes.values():
                group.create_task(run(lane))
        return [outcomes[number] for number in range(len(messages))]

    async def _settle(self, message: Message) -> Outcome:
        pause = FIRST_PAUSE
        while True:
            async with self._places[message.topic]:
                lane = self._apart.get(message.topic, self._shared)
                try:
                    producer = await lane.current()
                except ProducerClosed:
                    if lane is self._shared:
                        raise
                    continue
                try:
                    return await producer.deliver(message)
                except KafkaError as error:
                    trouble = type(error).__name__
                    refusal = await producer.refusal(message, error)
                if await self._part(message.topic, lane, producer):
                    log.warning(logs.Event.PRODUCER_REPLACED, topic=message.topic, error=trouble)
                outcome = await self._alone(message) if refusal is not None else None
            if outcome is not None:
                return outcome
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _part(self, topic: str, lane: _Lane, producer: _Producer) -> bool:
        """Gives a topic in trouble a fresh producer, to itself; False where another message of it has done so."""
        if lane is not self._shared:
            return await lane.replace(producer)
        if topic in self._apart:
            return False
        if len(self._apart) < TOPICS_APART:
            self._apart[topic] = _Lane(self._kafka)
            return True
        # With so many in trouble it is not theirs: the shared producer is replaced, and all begin anew with it.
        apart, self._apart = self._apart, {}
        replaced = await self._shared.replace(producer)
        await asyncio.gather(*(lane.stop() for lane in apart.values()))
        return replaced

    async def _alone(self, message: Message) -> Outcome | None:
        """By a producer of its own, so that a refusal is this message's; None when that could not be learnt."""
        producer = _Producer(self._kafka)
        try:
            await producer.client.start()
            return await producer.deliver(message)
        except KafkaError as error:
            reason = await producer.refusal(message, error)
        finally:
            await producer.retire()
        if reason is None:
            return None
        log.error(logs.Event.MESSAGE_REFUSED, topic=message.topic, reason=reason)
        return Refused(reason)


@dataclass(frozen=True, slots=True)
class Unowned:
    """Of a group's topics: partitions that none of its members holds, and topics that the broker does not know."""

    partitions: frozenset[Partition]
    topics: frozenset[str]


class Offsets:
    """Reads where streams begin and end, what groups have committed and who holds what, in no group itself.

    Waits for the broker.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka

    async def begin_offsets(self, topics: Collection[str]) -> dict[Partition, int]:
        """The first offset still kept of each partition; a topic that does not exist has none."""
        return await self._of_topics(AIOKafkaConsumer.beginning_offsets, topics)

    async def end_offsets(self, topics: Collection[str]) -> dict[Partition, int]:
        """The offset that the next record of each partition will get."""
        return await self._of_topics(AIOKafkaConsumer.end_offsets, topics)

    async def committed(self, group: str) -> dict[Partition, int]:
        """The group's committed offsets; a partition for which it has none is left out."""

        async def ask() -> dict[Partition, int]:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka, request_timeout_ms=REQUEST_MS)
            try:
                await admin.start()
                answer = await admin.list_consumer_group_offsets(group)
            finally:
                await admin.close()
            return {
                (place.topic, place.partition): known.offset for place, known in answer.items() if known.offset >= 0
            }

        return await _until_answered(ask)

    async def unowned(self, group: str, topics: Collection[str]) -> Unowned | None:
        """What is left to no member; None while the group is sharing out, or its coordinator is not ready."""

        async def ask() -> Unowned | None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka, request_timeout_ms=REQUEST_MS)
            try:
                await admin.start()
                described = await admin.describe_topics(list(topics))
                (response,) = await admin.describe_consumer_groups([group])
            finally:
                await admin.close()
            ((failed, _, state, _, _, members, *_),) = response.groups
            if failed or state not in SHARED_OUT:
                return None
            held = {
                (place.topic, place.partition)
                for *_, share in members
                if share
                for place in ConsumerProtocol.ASSIGNMENT.decode(share).partitions()
            }
            there = {topic["topic"]: topic["partitions"] for topic in described if not topic["error_code"]}
            all_of_them = {(name, place["partition"]) for name, places in there.items() for place in places}
            return Unowned(frozenset(all_of_them - held), frozenset(topics) - there.keys())

        return await _until_answered(ask)

    async def _of_topics(self, of: Callable[..., Awaitable[Any]], topics: Collection[str]) -> dict[Partition, int]:
        async def ask() -> dict[Partition, int]:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, request_timeout_ms=REQUEST_MS)
            try:
                await consumer.start()
                known = (await consumer._client.fetch_all_metadata()).partitions_for_topic  # noqa: SLF001
                places = [TopicPartition(topic, number) for topic in topics for number in known(topic) or ()]
                answer = await of(consumer, places) if places else {}
            finally:
                await consumer.stop()
            return {(place.topic, place.partition): offset for place, offset in answer.items()}

        return await _until_answered(ask)


async def _until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    pause = FIRST_PAUSE
    while True:
        try:
            return await ask()
        except KafkaError as error:
            log.warning(logs.Event.BROKER_AWAITED, error=type(error).__name__)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as declared; None leaves a setting to the broker."""

    name: str
    partitions: int
    retention_ms: int | None = None
    max_message_bytes: int | None = None
    timestamp_type: Literal["CreateTime", "LogAppendTime"] | None = None
    replication_factor: int = -1

    def configs(self) -> dict[str, str]:
        declared = {
            "retention.ms": self.retention_ms,
            "max.message.bytes": self.max_message_bytes,
            "message.timestamp.type": self.timestamp_type,
        }
        return {name: str(value) for name, value in declared.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an existing topic is not as declared; it is for a person to change it."""

    topic: str
    setting: str
    declared: str
    found: str


@dataclass(frozen=True, slots=True)
class Applied:
    created: tuple[str, ...]
    differences: tuple[Difference, ...]


def apply_topics(kafka: str, specs: Sequence[TopicSpec]) -> Applied:
    """Creates the topics that are missing and tells how the others differ; changes and deletes nothing.

    Blocks, and raises kafka.errors.KafkaError where the broker cannot be reached or refuses.
    """
    admin = KafkaAdminClient(bootstrap_servers=kafka.split(","))
    try:
        existing = set(admin.list_topics())
        missing = [spec for spec in specs if spec.name not in existing]
        if missing:
            admin.create_topics(
                {
                    spec.name: {
                        "num_partitions": spec.partitions,
                        "replication_factor": spec.replication_factor,
                        "configs": spec.configs(),
                    }
                    for spec in missing
                },
                wait_for_metadata=True,
            )
        present = [spec for spec in specs if spec.name in existing]
        return Applied(tuple(spec.name for spec in missing), tuple(_differences(admin, present)))
    finally:
        admin.close()


def _differences(admin: KafkaAdminClient, specs: Sequence[TopicSpec]) -> Iterator[Difference]:
    if not specs:
        return
    names = [spec.name for spec in specs]
    partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(names)}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    settings = admin.describe_configs(resources, config_filter="all")["topic"]
    for spec in specs:
        if partitions[spec.name] != spec.partitions:
            yield Difference(spec.name, "partitions", str(spec.partitions), str(partitions[spec.name]))
        for setting, declared in spec.configs().items():
            found = settings[spec.name][setting]["value"]
            if found != declared:
                yield Difference(spec.name, setting, declared, found)
