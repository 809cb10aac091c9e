"""Messages sent for certain: trouble is waited out, and only what the broker refuses for its own sake comes back."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
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

from services.platform import kafka as clients
from services.platform import logs
from services.platform.storage.outgoing import RefusedFor
from services.platform.streaming.broker import pauses

# Of one topic. Many more, and those who wait for room in a batch wake each other up until they time out (shown with
# 10,000).
AT_ONCE = 500
# Topics in trouble that have a producer, and so connections, of their own.
TOPICS_APART = 8
ASK_AGAIN_SECONDS = 15.0
# After that what a batch still lacks is waited for message by message: something keeps it.
TOGETHER_SECONDS = 1.0
STOP_SECONDS = 10.0

log = structlog.get_logger("relay")


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
Delivery = asyncio.Future[Any]  # done once the broker has answered


class _Producer:
    """One idempotent producer; what it still had to deliver when it was retired is sent again by its successor."""

    def __init__(self, kafka: str) -> None:
        self.client = AIOKafkaProducer(**clients.worker_producer(kafka))
        self._retired: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def deliver(self, message: Message) -> Sent:
        """Raises KafkaError where this producer cannot."""
        accepted = asyncio.create_task(self._accept(message))
        awaited: tuple[asyncio.Future[Any], ...] = (accepted, self._retired)
        try:
            # A client that is closed meanwhile leaves those who ask it for a topic waiting for ever.
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if not accepted.done():
                raise ProducerClosed
            delivery = accepted.result()
        finally:
            accepted.cancel()
        return await self.delivered(message, delivery)

    async def delivered(self, message: Message, delivery: Delivery) -> Sent:
        """Waits for the broker's answer to a message that this producer has accepted; raises like `deliver`."""
        while not delivery.done():
            await asyncio.wait(
                [delivery, self._retired], timeout=ASK_AGAIN_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            # It never gives a batch up by itself, so a topic that went away has to be asked for.
            if not delivery.done() and (self._retired.done() or await self.misses(message.topic)):
                raise ProducerClosed if self._retired.done() else UnknownTopicOrPartitionError
        return _sent(delivery)

    async def deliver_together(self, messages: Mapping[int, Message]) -> tuple[dict[int, Outcome], dict[int, Delivery]]:
        """Accepts messages of different keys and waits once for all: those sent, and those still under way.

        The wait ends early where one fails or something keeps them. Those that are in neither answer were not accepted.
        """
        accepted: dict[int, Delivery] = {}
        together = asyncio.create_task(self._accept_all(messages, accepted))
        try:
            await asyncio.wait([together, self._retired], timeout=TOGETHER_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            together.cancel()
        sent: dict[int, Outcome] = {
            number: _sent(delivery) for number, delivery in accepted.items() if _succeeded(delivery)
        }
        return sent, {number: delivery for number, delivery in accepted.items() if number not in sent}

    async def _accept_all(self, messages: Mapping[int, Message], accepted: dict[int, Delivery]) -> None:
        with suppress(KafkaError):  # whoever sends the message by itself hears what is wrong with it
            for number, message in messages.items():
                accepted[number] = await self._put(message)
        if accepted:
            await asyncio.wait(accepted.values(), return_when=asyncio.FIRST_EXCEPTION)

    async def _accept(self, message: Message) -> Delivery:
        await self._find(message.topic)
        return await self._put(message)

    async def _put(self, message: Message) -> Delivery:
        """Puts it into the producer's buffer, once there is room."""
        delivery: Delivery = await self.client.send(
            message.topic,
            value=message.value,
            key=message.key,
            headers=list(message.headers),
            timestamp_ms=message.timestamp_ms,
        )
        return delivery

    def knows(self, topic: str) -> bool:
        """Whether it can send to the topic without asking the broker about it."""
        return self.client.client.cluster.partitions_for_topic(topic) is not None

    async def _find(self, topic: str) -> None:
        """Spares a message the long wait of `send` for a topic that is not there."""
        if not self.knows(topic):
            await self.client.client.add_topic(topic)
        if not self.knows(topic):
            if topic in self.client.client.cluster.unauthorized_topics:
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
        self._retired.set_result(None)


def _succeeded(delivery: Delivery) -> bool:
    return delivery.done() and not delivery.cancelled() and delivery.exception() is None


def _sent(delivery: Delivery) -> Sent:
    """Raises KafkaError where the broker refused it."""
    written = delivery.result()
    return Sent(written.partition, written.offset)


def _is_whole(message: Message) -> bool:
    """Clients send no message with neither key nor value."""
    return message.key is not None or message.value is not None


@dataclass(frozen=True, slots=True)
class _Begun:
    """A message that this producer has accepted, and whose delivery it still owes."""

    producer: _Producer
    delivery: Delivery


class _Lane:
    """The producer that topics share, or that a topic in trouble has to itself."""

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._producer: _Producer | None = None
        self._replacing = asyncio.Lock()
        self._stopped = False

    @property
    def ready(self) -> _Producer | None:
        """The producer, where it need not be waited for."""
        return self._producer

    async def current(self) -> _Producer:
        """Waits until the broker is there; raises ProducerClosed once the lane has been stopped."""
        async with self._replacing:
            waits = pauses()
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
                    await asyncio.sleep(next(waits))
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
    """Send until the broker has answered. Trouble is waited out; only a refusal of the message itself is returned.

    After a refusal an idempotent producer fails everything that it sends to that partition. If a topic has no leader,
    the producer fails other topics' messages too. So a topic in trouble gets a producer of its own, which is replaced
    whenever it fails and holds up no other topic. Messages that shared a batch with a refused one are sent again by a
    producer of their own, to find out which one was refused.
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
        """Close the producers. Callers that wait, or come later, get ProducerClosed."""
        apart, self._apart = self._apart, {}
        await asyncio.gather(*(lane.stop() for lane in (self._shared, *apart.values())))

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
        firsts = {lane[0]: messages[lane[0]] for lane in lanes.values()}
        outcomes, under_way = await self._settle_together(firsts)

        async def run(lane: list[int]) -> None:
            for number in lane:
                if number not in outcomes:
                    outcomes[number] = await self._settle(messages[number], under_way.pop(number, None))

        async with asyncio.TaskGroup() as group:
            for lane in lanes.values():
                if not outcomes.keys() >= set(lane):
                    group.create_task(run(lane))
        return [outcomes[number] for number in range(len(messages))]

    async def _settle_together(self, messages: Mapping[int, Message]) -> tuple[dict[int, Outcome], dict[int, _Begun]]:
        """Outcomes of those that the shared producer sends without trouble, and what it still has under way. The rest
        has not begun."""
        producer = self._shared.ready
        if producer is None:
            return {}, {}
        easy = dict[int, Message]()
        with ExitStack() as taken:
            for number, message in messages.items():
                place = self._places[message.topic]
                if (
                    place.locked()
                    or message.topic in self._apart
                    or not (_is_whole(message) and producer.knows(message.topic))
                ):
                    continue
                await place.acquire()  # at once, since it is not locked
                taken.callback(place.release)
                easy[number] = message
            sent, under_way = await producer.deliver_together(easy)
        return sent, {number: _Begun(producer, delivery) for number, delivery in under_way.items()}

    async def _settle(self, message: Message, begun: _Begun | None = None) -> Outcome:
        """`begun`: by the shared producer, where it has the message already."""
        if not _is_whole(message):
            return Refused(RefusedFor.INVALID)
        if begun is not None:
            producer = begun.producer
            outcome = await self._outcome(message, self._shared, producer, producer.delivered(message, begun.delivery))
            if outcome is not None:
                return outcome
        waits = pauses()
        while True:
            async with self._places[message.topic]:
                lane = self._apart.get(message.topic, self._shared)
                try:
                    producer = await lane.current()
                except ProducerClosed:
                    if lane is self._shared:
                        raise
                    continue
                outcome = await self._outcome(message, lane, producer, producer.deliver(message))
            if outcome is not None:
                return outcome
            await asyncio.sleep(next(waits))

    async def _outcome(
        self, message: Message, lane: _Lane, producer: _Producer, delivery: Awaitable[Sent]
    ) -> Outcome | None:
        """None where the message is to be sent again, by the fresh producer that its topic has now."""
        try:
            return await delivery
        except KafkaError as error:
            trouble = type(error).__name__
            refusal = await producer.refusal(message, error)
        if await self._part(message.topic, lane, producer):
            log.warning(logs.Event.PRODUCER_REPLACED, topic=message.topic, error=trouble)
        return await self._alone(message) if refusal is not None else None

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
