"""The engine seam: hands a service the records of its streams in order, and acknowledges exactly what it says is done.

Faust joins the group, fetches and rebalances; it keeps no tables, sends nothing and acknowledges nothing by itself
(docs/adr/0001-faust-stateless-one-loop.md says why). Its aiokafka consumer lives in a thread of its own, so that
heartbeats go on while the event loop judges.
"""

import asyncio
import logging
import os
import random
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import faust
import faust.app
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.exceptions import ConsumerNotStarted

from services.runtime import lenient_records, logs, metrics
from services.runtime.broker import Partition
from services.runtime.offsets import Offsets, Unowned

BATCH = 500
BUFFER = 2 * BATCH
BUFFER_BYTES = 32 * 1024 * 1024  # or so few, where they are large
HEADER_BYTES = 64
GATHER_SECONDS = 0.01
COMMIT_SECONDS = 0.5
# A partition that is wanted elsewhere waits this long for the batch in hand; after that its new owner may repeat it.
REVOKE_SECONDS = 4.0
STOP_SECONDS = 15.0
SETTLE_SECONDS = 5.0
REQUEST_SECONDS = 10.0
A_WEEK = 7 * 24 * 60 * 60.0
NONE_DONE_PAUSE = 0.05
# The group's leader joins again when it learns that a topic has come, or has more partitions than it knew.
METADATA_MS = 2_000
# How often a member asks whether partitions are left to nobody; it waits longer where joining again did not help.
WATCH_SECONDS = 5.0
LONGEST_WATCH_SECONDS = 60.0
SHARING_SECONDS = 0.5
RESTART_SECONDS = 1.0
EXIT_HALTED = 70

# A consumer whose thread has not begun, or has ended with its membership, answers with the last or not at all.
UNAVAILABLE = (KafkaError, TimeoutError, ConsumerNotStarted)
NO_TIME = datetime.fromtimestamp(0, UTC)


class HaltReason(StrEnum):
    """Why a service ends its process rather than go on."""

    OFFSETS_AHEAD = "offsets_ahead"
    OFFSETS_UNKNOWN = "offsets_unknown"
    DATABASE_REFUSES = "database_refuses"
    TOO_MANY_FAULTED = "too_many_faulted"
    CLOCK_JUMPED = "clock_jumped"
    FAULT = "fault"


class Halt(Exception):  # noqa: N818 - it is an order, not an error
    """Raised by a handler: acknowledge nothing more and end the process with status 70."""

    def __init__(self, reason: HaltReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class NotThereYet(Exception):  # noqa: N818 - nothing is wrong yet
    """Raised by `assigned`: the broker does not say enough of these partitions to judge them. It is asked again."""


@dataclass(frozen=True, slots=True)
class Record:
    """What came off a stream, untouched; the timestamp is the broker's, 1970 where that one cannot be a time."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def size(self) -> int:
        """Bytes of what it holds; a header without any takes memory too."""
        headers = sum(len(name) + len(value) + HEADER_BYTES for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


log = structlog.get_logger("relay")

Handle = Callable[[Sequence[Record]], Awaitable[int]]
Assigned = Callable[[frozenset[Partition]], Awaitable[None]]


class _WithoutProducer(faust.app.BootStrategy):
    enable_kafka_producer = False


class _App(faust.App):
    logger = logging.getLogger("faust")
    BootStrategy = _WithoutProducer


class _Membership:
    """One life of a Faust app in its group; when Faust gives up, the consumer begins another."""

    def __init__(
        self, *, group: str, topics: Sequence[str], kafka: str, folder: Path, instance: str | None, news: asyncio.Event
    ) -> None:
        self._kafka = kafka
        self._app = _App(
            group,
            broker=";".join(f"kafka://{address.strip()}" for address in kafka.split(",")),
            store="memory://",
            datadir=folder / group,
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            key_serializer="raw",
            value_serializer="raw",
            stream_wait_empty=False,
            stream_buffer_maxsize=BATCH,  # Faust holds as many again, however large they are
            broker_session_timeout=6,
            broker_heartbeat_interval=2,
            broker_max_poll_records=BATCH,
            # A database that is away for long is no reason to leave the group: heartbeats say that this process lives,
            # and the watchdog that its loop does.
            broker_max_poll_interval=A_WEEK,
            consumer_auto_offset_reset="earliest",
            consumer_metadata_max_age_ms=METADATA_MS,
            consumer_group_instance_id=instance,
        )
        # Without acks Faust's own book of acknowledgements stays empty, so it has nothing to commit on its way out.
        channel = self._app.topic(*topics, key_serializer="raw", value_serializer="raw", acks=False)
        self._app.agent(channel, name="read")(self._read)
        self._app.on_partitions_revoked.connect(self._on_revoked)
        self._app.on_partitions_assigned.connect(self._on_assigned)
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

    async def open(self, epoch: int) -> None:
        """Notes where reading begins in each partition and lets records in; raises KafkaError."""
        committed = await self.committed(self.partitions)
        unknown = [TopicPartition(*place) for place, offset in committed.items() if offset is None]
        first = await self._request("beginning_offsets", unknown) if unknown else {}
        if epoch == self.epoch:
            self._next = {place: first[place] if offset is None else offset for place, offset in committed.items()}
            self.unchecked = False
            self.ready = True
            self._open.set()

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, int | None]:
        """The group's committed offsets, from the broker; raises KafkaError."""
        return {place: await self._request("committed", TopicPartition(*place)) for place in sorted(partitions)}

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
            offsets, epoch = self._done, self.epoch
            self._done = {}
            if not offsets:
                return
            try:
                await self._call("commit", {TopicPartition(*place): offset for place, offset in offsets.items()})
            except (CommitFailedError, IllegalStateError):
                # The group has moved on: the partitions' next owner repeats these, and the inbox knows them.
                log.info(logs.Event.COMMIT_TOO_LATE, partitions=len(offsets))
            except UNAVAILABLE as error:
                log.warning(logs.Event.COMMIT_DELAYED, error=type(error).__name__)
                if epoch == self.epoch:
                    self._done = offsets | self._done

    async def _request(self, name: str, *arguments: Any) -> Any:
        async with self._one_request:
            return await self._call(name, *arguments)

    async def _call(self, name: str, *arguments: Any) -> Any:
        # Faust's own commit would take any error of the broker's as a crash; its consumer's thread is not public.
        consumer: Any = self._app.consumer
        thread = consumer._thread  # noqa: SLF001
        async with asyncio.timeout(REQUEST_SECONDS):
            return await thread.call_thread(getattr(thread._ensure_consumer(), name), *arguments)  # noqa: SLF001

    async def _on_revoked(self, *_about: Any, **_signal: Any) -> None:
        self._generation = None
        self.ready = False
        self._empty()
        self._room.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._free.wait(), REVOKE_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.commit(), SETTLE_SECONDS)
        self._forget()

    async def _on_assigned(self, *about: Any, **_signal: Any) -> None:
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
            record = _record(message)
            self._held += record.size
            self.buffer.append(record)
            self._news.set()

    async def _is_first_from(self, place: Partition, offset: int) -> bool:
        """Asks the broker itself whether the records before this one are gone, or were only passed over."""
        epoch, start = self.epoch, self._next[place]
        probe = AIOKafkaConsumer(bootstrap_servers=self._kafka, auto_offset_reset="earliest")
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await probe.start()
                probe.assign([TopicPartition(*place)])
                probe.seek(TopicPartition(*place), start)
                first = await probe.getone()
        except UNAVAILABLE:
            return epoch != self.epoch
        finally:
            await probe.stop()
        if first.offset >= offset:
            log.warning(logs.Event.RECORDS_GONE, topic=place[0], partition=place[1], start=start, first=offset)
        return bool(first.offset >= offset)


def _record(message: Any) -> Record:
    try:
        timestamp = datetime.fromtimestamp(message.timestamp, UTC)
    except (OverflowError, ValueError, OSError, TypeError):
        timestamp = NO_TIME
    headers = tuple((name, content or b"") for name, content in message.headers or ())
    return Record(message.topic, message.partition, message.offset, timestamp, message.key, message.value, headers)


class Consumer:
    """One service's consumer group; several of them share a process and an event loop.

    `handle` is given a batch in order and returns how many of its leading records are durably done; exactly those are
    acknowledged, and the others come first in the next batch. `assigned` is awaited after every assignment, before any
    record of it is handled. Whatever either of them raises ends the process with status 70, but for `NotThereYet`.

    A leader that has just learnt of no topics, as while its broker starts, gives nobody anything and tells nobody.
    So every member asks the broker now and then what is left to no member, and joins again.
    """

    def __init__(
        self,
        *,
        group: str,
        topics: Sequence[str],
        kafka: str,
        folder: Path,
        handle: Handle,
        assigned: Assigned,
        instance: str | None = None,
    ) -> None:
        lenient_records.install()
        self._group = group
        self._topics = tuple(topics)
        self._kafka = kafka
        self._folder = folder
        self._handle = handle
        self._assigned = assigned
        self._instance = instance
        self._membership: _Membership | None = None
        self._offsets = Offsets(kafka)
        # The assignment of no partitions, by its membership and epoch, that left none to nobody.
        self._rightly_empty: tuple[_Membership, int] | None = None
        self._news = asyncio.Event()
        self._doubt = asyncio.Event()
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether the group has given it its share, and the store has agreed to it.

        No partitions are a share where other members hold them all, and none where some are left to nobody.
        """
        member = self._membership
        if member is None or not member.ready:
            return False
        return bool(member.partitions) or self._rightly_empty == (member, member.epoch)

    @property
    def partitions(self) -> frozenset[Partition]:
        """What it is assigned now."""
        return frozenset() if self._membership is None else self._membership.partitions

    async def start(self) -> None:
        """Returns at once; the broker is waited for, and `ready` tells when work has begun."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._tasks = [
            asyncio.create_task(self._guarded(work()), name=f"{self._group}:{work.__name__.strip('_')}")
            for work in (self._stay_member, self._hand_out, self._commit_now_and_then, self._watch)
        ]

    async def stop(self) -> None:
        """Finishes the batch in hand, commits and leaves the group; what is not done goes back to the broker.

        A batch that takes too long is cancelled: nothing of it was acknowledged.
        """
        self._stopping.set()
        self._news.set()
        member, hand, *beside = self._tasks
        for task in beside:
            task.cancel()
        await asyncio.wait([hand], timeout=STOP_SECONDS)
        hand.cancel()
        await asyncio.wait([hand, *beside])
        self._leaving.set()
        await asyncio.wait([member])

    async def committed(self, partitions: Collection[Partition]) -> dict[Partition, int | None]:
        """The group's committed offsets of partitions assigned now; None where it has none."""
        while True:
            membership = self._membership
            try:
                if membership is not None:
                    return await membership.committed(partitions)
            except UNAVAILABLE as error:
                log.warning(logs.Event.BROKER_AWAITED, group=self._group, error=type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, going on would acknowledge past it
            end_process(error, group=self._group)

    async def _stay_member(self) -> None:
        while not self._leaving.is_set():
            await self._live_once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), RESTART_SECONDS)

    async def _live_once(self) -> None:
        """One membership from joining to leaving; it ends when Faust gives up, or when the service stops."""
        membership = self._membership = _Membership(
            group=self._group,
            topics=self._topics,
            kafka=self._kafka,
            folder=self._folder,
            instance=self._instance,
            news=self._news,
        )
        life = asyncio.create_task(membership.run())
        leaving = asyncio.create_task(self._leaving.wait())
        await asyncio.wait([life, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not self._leaving.is_set():
            error = life.exception() if not life.cancelled() else None
            log.warning(logs.Event.ENGINE_RESTARTED, group=self._group, error=type(error).__name__)
        for task in (life, leaving):
            task.cancel()
        await asyncio.wait([life, leaving])
        async with asyncio.timeout(STOP_SECONDS):
            await membership.leave()

    async def _hand_out(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            membership = self._membership
            if membership is not None and membership.unchecked:
                await self._begin(membership)
            elif membership is not None and membership.buffer:
                if len(membership.buffer) < BATCH:
                    await asyncio.sleep(GATHER_SECONDS)
                await self._hand_batch(membership)
            else:
                await self._news.wait()

    async def _begin(self, membership: _Membership) -> None:
        epoch, partitions = membership.epoch, membership.partitions
        try:
            await self._assigned(partitions)
            await membership.open(epoch)
            if not partitions:
                self._doubt.set()
        except (*UNAVAILABLE, NotThereYet) as error:
            log.warning(logs.Event.BROKER_AWAITED, group=self._group, error=type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)

    async def _hand_batch(self, membership: _Membership) -> None:
        epoch, batch = membership.epoch, membership.take_batch()
        done = 0
        try:
            # The partitions may have been revoked while more was gathered: then nothing is left to hand out.
            done = await self._handle(batch) if batch else 0
        finally:
            membership.put_back(batch, done, epoch)
        if done == 0:
            await asyncio.sleep(NONE_DONE_PAUSE)

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            if self._membership is not None:
                await self._membership.commit()

    async def _watch(self) -> None:
        """Joins again where partitions are left to nobody for two looks on end, or this member's share never came."""
        pause, doubted = WATCH_SECONDS, None
        wait = pause
        while True:
            with suppress(TimeoutError):
                # Not all members at once: when one has joined again, the others' shares are new as well.
                await asyncio.wait_for(self._doubt.wait(), wait * random.uniform(1, 2))  # noqa: S311
            self._doubt.clear()
            share = self._share
            unowned = await self._offsets.unowned(self._group, self._topics)
            wait = SHARING_SECONDS
            if unowned is None or share is None or share != self._share or share[0].unchecked:
                continue
            wait = pause
            member, _ = share
            self._say_unowned(unowned, member)
            if not unowned.partitions and member.ready:
                pause = wait = WATCH_SECONDS
                if not unowned.topics:
                    self._rightly_empty = share
                doubted = None
            elif doubted == share:
                pause = min(2 * pause, LONGEST_WATCH_SECONDS)
                member.give_up()
            else:
                doubted = share

    @property
    def _share(self) -> tuple[_Membership, int] | None:
        return None if self._membership is None else (self._membership, self._membership.epoch)

    def _say_unowned(self, unowned: Unowned, member: _Membership) -> None:
        metrics.UNOWNED.labels(self._group).set(len(unowned.partitions))
        if unowned.partitions:
            log.error(
                logs.Event.PARTITIONS_UNOWNED,
                group=self._group,
                partitions=len(unowned.partitions),
                held=len(member.partitions),
            )
        for topic in sorted(unowned.topics):
            log.warning(logs.Event.TOPIC_MISSING, group=self._group, topic=topic)


def end_process(error: Exception, *, group: str) -> NoReturn:
    """Ends the process at once: in Faust an exception that leaves an agent loses the event."""
    reason = error.reason if isinstance(error, Halt) else HaltReason.FAULT
    log.critical(logs.Event.HALTED, group=group, reason=reason, error=type(error).__name__, exc_info=error)
    logs.flush()
    os._exit(EXIT_HALTED)
