"""One life in a consumer group: Faust joins, fetches and rebalances, and acknowledges nothing by itself.

It keeps no tables and sends nothing (docs/adr/0001-faust-stateless-one-loop.md says why). Its aiokafka consumer lives
in a thread of its own, so that heartbeats go on while the event loop judges.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import faust
import faust.app
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.exceptions import ConsumerNotStarted
from faust.tables.manager import TableManager

from services.platform import kafka as clients
from services.platform import logs
from services.platform.storage.records import BATCH, NO_TIME, Partition, Record
from services.platform.streaming.offsets import Offsets

BUFFER = 2 * BATCH
BUFFER_BYTES = 32 * 1024 * 1024  # or so few, where they are large
# A partition that is wanted elsewhere waits this long for the batch in hand; after that its new owner may repeat it.
REVOKE_SECONDS = 4.0
SETTLE_SECONDS = 5.0
REQUEST_SECONDS = 10.0

# A consumer whose thread has not begun, or has ended with its membership, answers with the last or not at all.
UNAVAILABLE = (KafkaError, TimeoutError, ConsumerNotStarted)

log = structlog.get_logger("relay")


class _WithoutProducer(faust.app.BootStrategy):
    enable_kafka_producer = False


class _NoTables(TableManager):
    async def on_start(self) -> None:
        """Begins at once: Faust waits a second for tables to be declared, and there are none."""
        await self._update_channels()
        await self.recovery.start()


class _App(faust.App):
    logger = logging.getLogger("faust")
    BootStrategy = _WithoutProducer

    def _create_directories(self) -> None:
        """Makes none: they would hold tables, and a container may write nowhere."""


class Membership:
    """One life of a Faust app in its group; when Faust gives up, the consumer begins another."""

    def __init__(
        self, *, group: str, topics: Sequence[str], kafka: str, instance: str | None, news: asyncio.Event
    ) -> None:
        self._offsets = Offsets(kafka)
        self._app = _App(
            group,
            **clients.group_member(kafka, BATCH),
            store="memory://",
            TableManager=_NoTables,
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            key_serializer="raw",
            value_serializer="raw",
            stream_wait_empty=False,
            stream_buffer_maxsize=BATCH,  # Faust holds as many again, however large they are
            consumer_group_instance_id=instance,
        )
        # Without acks Faust's own book of acknowledgements stays empty, so it has nothing to commit on its way out.
        channel = self._app.topic(*topics, key_serializer="raw", value_serializer="raw", acks=False)
        self._app.agent(channel, name="read")(self._read)
        self._app.on_partitions_revoked.connect(self.on_revoked)
        self._app.on_partitions_assigned.connect(self.on_assigned)
        self._news = news
        self._gone = asyncio.Event()
        self.partitions: frozenset[Partition] = frozenset()
        self.buffer: deque[Record] = deque()
        self._held = 0  # bytes in the buffer
        # Counts assignments: a batch begun under one acknowledges nothing under the next.
        self.epoch = 0
        self.unchecked = False
        self.ready = False
        self._generation: int | None = None
        self._next: dict[Partition, int] = {}
        self._open = asyncio.Event()
        self._room = asyncio.Event()
        self._done: dict[Partition, int] = {}
        self._free = asyncio.Event()
        self._free.set()
        self._one_request = asyncio.Lock()

    async def run(self) -> None:
        """Returns when Faust is to be replaced; raises what kept it from starting or made it give up."""
        await self._app.start()
        waits = [asyncio.ensure_future(self._app.wait_until_stopped()), asyncio.ensure_future(self._gone.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._app.crash_reason is not None:
            raise self._app.crash_reason

    def give_up(self) -> None:
        """Ends this membership, so that another begins and the group shares out anew."""
        self._gone.set()

    async def leave(self) -> None:
        """Commits what is done and leaves the group."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.commit(), SETTLE_SECONDS)
        self._forget()
        await self._app.stop()

    async def open(self, epoch: int, begins: Mapping[Partition, int]) -> None:
        """Note where reading begins in each partition, and let records in. KafkaError where the broker does not answer.

        `begins`: the first offset of each partition when the assignment was agreed to. If the broker deletes records
        after that, nobody has agreed to lose them.
        """
        committed = await self.committed(self.partitions)
        if epoch == self.epoch:
            for (topic, partition), offset in committed.items():
                first = begins[topic, partition]
                self._next[topic, partition] = max(offset or 0, first)
                if offset is not None and offset < first:
                    log.warning(logs.Event.RECORDS_GONE, topic=topic, partition=partition, start=offset, first=first)
            self.unchecked = False
            self.ready = True
            self._open.set()

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, int | None]:
        """The group's committed offsets, from the broker; raises KafkaError."""
        return {place: await self._committed_at(place) for place in sorted(partitions)}

    def take_batch(self) -> list[Record]:
        self._free.clear()
        return list(islice(self.buffer, BATCH))

    def put_back(self, batch: Sequence[Record], done: int, epoch: int) -> None:
        """Acknowledges the first `done` of the batch; the others stay first in line."""
        if epoch == self.epoch:
            for record in batch[:done]:
                self._done[record.topic, record.partition] = record.offset + 1
            if self._generation is not None:
                for _ in range(done):
                    self._held -= self.buffer.popleft().size
        self._room.set()
        self._free.set()

    async def commit(self) -> None:
        """Tells the broker what is done; what it did not take now it is told again the next time."""
        async with self._one_request:
            offsets, epoch = dict(self._done), self.epoch
            if not offsets:
                return
            try:
                commits = {TopicPartition(*place): offset for place, offset in offsets.items()}
                await self.ask(lambda consumer: consumer.commit(commits))
            except (CommitFailedError, IllegalStateError):
                # The group has moved on: the partitions' next owner repeats these, and the inbox knows them.
                log.info(logs.Event.COMMIT_TOO_LATE, partitions=len(offsets))
            except UNAVAILABLE as error:
                log.warning(logs.Event.COMMIT_DELAYED, error=type(error).__name__)
                return
            if epoch == self.epoch:
                # Only now, so that a commit which is cancelled on the way out is told again by the last one.
                self._done = {place: offset for place, offset in self._done.items() if offsets.get(place) != offset}

    async def _committed_at(self, place: Partition) -> int | None:
        async with self._one_request:
            offset: int | None = await self.ask(lambda consumer: consumer.committed(TopicPartition(*place)))
            return offset

    async def ask(self, question: Callable[[Any], Awaitable[Any]]) -> Any:
        """Ask Faust's consumer in the thread in which it lives. Raises as UNAVAILABLE says, and whatever the question
        raises."""
        # Faust's own commit would take any error of the broker's as a crash; its consumer's thread is not public.
        consumer: Any = self._app.consumer
        thread = consumer._thread  # noqa: SLF001
        async with asyncio.timeout(REQUEST_SECONDS):
            return await thread.call_thread(question, thread._ensure_consumer())  # noqa: SLF001

    async def on_revoked(self, *_about: Any, **_signal: Any) -> None:
        self._generation = None
        self.ready = False
        self._empty()
        self._room.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._free.wait(), REVOKE_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.commit(), SETTLE_SECONDS)
        self._forget()

    async def on_assigned(self, *about: Any, **_signal: Any) -> None:
        app, assigned = about
        self._forget()
        self.partitions = frozenset((place.topic, place.partition) for place in assigned)
        self._generation = app.consumer_generation_id
        self.unchecked = True
        self._news.set()

    def _forget(self) -> None:
        self.epoch += 1
        self._generation = None
        self.partitions = frozenset()
        self.unchecked = False
        self.ready = False
        self._empty()
        self._next.clear()
        self._done.clear()
        self._open.clear()
        self._room.set()

    def _empty(self) -> None:
        self.buffer.clear()
        self._held = 0

    @property
    def _is_full(self) -> bool:
        return len(self.buffer) >= BUFFER or self._held >= BUFFER_BYTES

    async def _read(self, stream: Any) -> None:
        # Not take_events(): its way out acknowledges the batch in hand, finished or not.
        events: AsyncIterable[Any] = stream.noack().events()
        async for event in events:
            await self._take(event.message)

    async def _take(self, message: Any) -> None:
        await self._open.wait()
        while self._is_full and message.generation_id == self._generation:
            self._room.clear()
            await self._room.wait()
        place = (message.topic, message.partition)
        if message.generation_id != self._generation:
            return
        if message.offset < self._next[place]:
            # Either repeated or a stream that was made anew: the inbox tells which, so it is handed out.
            log.warning(logs.Event.RECORDS_AGAIN, topic=message.topic, partition=message.partition)
        if message.offset > self._next[place] and not await self._is_first_from(place, message.offset):
            log.error(logs.Event.RECORDS_SKIPPED, topic=message.topic, partition=message.partition)
            self.give_up()
            return
        if message.generation_id == self._generation:
            self._next[place] = message.offset + 1
            record = record_of(message)
            self._held += record.size
            self.buffer.append(record)
            self._news.set()

    async def _is_first_from(self, place: Partition, offset: int) -> bool:
        """Asks the broker itself whether there is no record before this one, or Faust has only passed it over, or it is
        no longer kept: at the next assignment the loop halts for that."""
        epoch = self.epoch
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                first = await self._offsets.first_record(place, self._next[place], offset)
        except TimeoutError:
            return epoch != self.epoch
        return first is not None and first >= offset


def record_of(message: Any) -> Record:
    try:
        timestamp = datetime.fromtimestamp(message.timestamp, UTC)
    except (OverflowError, ValueError, OSError, TypeError):
        timestamp = NO_TIME
    headers = tuple((name, content or b"") for name, content in message.headers or ())
    return Record(message.topic, message.partition, message.offset, timestamp, message.key, message.value, headers)
