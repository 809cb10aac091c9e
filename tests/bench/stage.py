"""The stage on which contestants appear one after the other: the same servers, fresh topics and an empty database."""

import signal
import subprocess
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg import sql

from services.platform.local.embedded import Servers
from services.platform.streaming.sending import Message
from services.platform.streaming.topics import topics
from tests.bench.contestants import work
from tests.bench.entrants import Addresses, Entrant, For
from tests.broker.relay import empty_topics
from tests.support.processes import most_resident_mib, processor_seconds

PARTITIONS = 6
POLL_SECONDS = 0.05
QUIET_SECONDS = 3.0  # longer than any contestant waits before it lets go of what it has
READY_SECONDS = 90.0
STOP_SECONDS = 15.0
SILENT: dict[str, Any] = {"log_level": 0}  # what it has to say about topics that come and go, nobody needs


class FellBehindError(Exception):
    """A contestant did not get through what it was given in the time that it was given."""


class Read(NamedTuple):
    """What an agency's reader got, and when by the clock of the publisher, which is the same machine's."""

    at: float
    topic: str
    value: bytes


@dataclass(slots=True)
class Reader:
    """Reads all agencies' topics as they would, committed records only, in a thread that does nothing else."""

    kafka: str
    names: Sequence[str]
    found: list[Read] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _read(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": "bench.reader",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
            | SILENT
        )
        consumer.assign([TopicPartition(name, 0, 0) for name in self.names])
        while not self._stopping.is_set():
            for record in consumer.consume(500, timeout=0.05):
                if record.error() is None:
                    self.found.append(Read(time.time(), record.topic() or "", record.value() or b""))
        consumer.close()


def _delivered(error: KafkaError | None, _: object) -> None:
    if error is not None:
        raise RuntimeError(f"the broker refused some of the load: {error.str()}")


@dataclass(slots=True)
class Appearance:
    """One contestant with its workers on fresh topics, and the agencies' reader."""

    entrant: Entrant
    addresses: Addresses
    reader: Reader
    wanted: For
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    published: int = 0
    _producer: Producer = field(init=False)
    _admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        kafka = {"bootstrap.servers": self.addresses.kafka} | SILENT
        self._producer = Producer(kafka | {"linger.ms": 2, "queue.buffering.max.messages": 1_000_000})
        self._admin = AdminClient(kafka)

    def start(self, workers: int) -> None:
        """Starts this many; each is a process of its own."""
        for _ in range(workers):
            number = len(self.workers)
            with (self.addresses.folder / f"{self.entrant.name}-{number}.log").open("wb") as log:
                self.workers.append(
                    subprocess.Popen(
                        self.entrant.command(self.addresses, number, self.wanted),
                        cwd=self.entrant.root,
                        env=self.entrant.environment(self.addresses),
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                )

    def publish(self, message: Message) -> None:
        """Into the partition of its crime reference; whoever publishes many waits for none of them."""
        crime = work.crime_of(message.key or b"")
        self._producer.produce(
            message.topic,
            message.value,
            message.key,
            partition=zlib.crc32(crime.encode()) % PARTITIONS,
            headers=list(message.headers),
            on_delivery=_delivered,
        )
        self._producer.poll(0)
        self.published += 1

    def publish_all(self, messages: Sequence[Message]) -> float:
        """All at once; when the first was given away."""
        began = time.time()
        for message in messages:
            self.publish(message)
        if self._producer.flush(30):
            raise RuntimeError("the broker did not take the load in time")
        return began

    def read_by_group(self) -> int:
        """How many records the group says that it has read."""
        asked = ConsumerGroupTopicPartitions(
            self.entrant.group, [TopicPartition(work.STREAM, partition) for partition in range(PARTITIONS)]
        )
        with suppress(Exception):
            found = self._admin.list_consumer_group_offsets([asked])[self.entrant.group].result(5)
            return sum(max(0, place.offset) for place in found.topic_partitions)
        return 0

    def settle(
        self, seconds: float, tell: Callable[[int], None] = lambda _: None, quiet: float = QUIET_SECONDS
    ) -> None:
        """Until all that was published is read, and the agencies have been told nothing more for a while."""
        deadline = time.monotonic() + seconds
        quiet_since = time.time()
        while True:
            self.check()
            done = self.read_by_group()
            tell(done)
            if done < self.published:
                quiet_since = time.time()
            elif time.time() - max([quiet_since, *(read.at for read in self.reader.found[-1:])]) > quiet:
                return
            if time.monotonic() > deadline:
                raise FellBehindError(f"{self.entrant.title} has read {done} of {self.published}")
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Fails where a worker has ended by itself; with what it said last."""
        for number, worker in enumerate(self.workers):
            if worker.poll() not in (None, -signal.SIGKILL):
                log = (self.addresses.folder / f"{self.entrant.name}-{number}.log").read_text(errors="replace")
                raise RuntimeError(f"a worker of {self.entrant.title} has ended:\n{log[-2_000:]}")

    def warm(self, messages: Sequence[Message]) -> float:
        """From the start of the workers until the first notification of these messages is read; returns these
        seconds."""
        began = self.publish_all(messages)
        deadline = time.monotonic() + READY_SECONDS
        while not self.reader.found:
            self.check()
            if time.monotonic() > deadline:
                raise FellBehindError(f"{self.entrant.title} told nobody anything")
            time.sleep(POLL_SECONDS / 5)
        return self.reader.found[0].at - began

    def most_resident_mib(self) -> float:
        """Of the worker that took most."""
        return max(most_resident_mib(worker.pid) for worker in self.workers if worker.poll() is None)

    def processor_seconds(self) -> float:
        return sum(processor_seconds(worker.pid) for worker in self.workers if worker.poll() is None)

    def rows(self, query: Any, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.addresses.database, autocommit=True) as conn:
            found = conn.execute(query, values)
            return found.fetchall() if found.description else []

    def stop(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            try:
                worker.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


@dataclass(slots=True)
class Stage:
    """The servers, used by one contestant at a time."""

    servers: Servers
    _number: int = 0

    @contextmanager
    def appearance(self, entrant: Entrant, wanted: For = "throughput") -> Iterator[Appearance]:
        """Everything fresh for it; gone afterwards, its processes too."""
        self._number += 1
        name = f"bench_{self._number}"
        with psycopg.connect(self.servers.database, autocommit=True) as conn:
            conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        url = urlunsplit(urlsplit(self.servers.database)._replace(path=f"/{name}"))
        specs = topics(work.policies())
        empty_topics(self.servers.kafka, specs)
        self._forget_leftovers({spec.name for spec in specs}, entrant.group)
        names = [f"agency.{agency.id}.notifications" for agency in work.policies().agencies]
        with tempfile.TemporaryDirectory() as folder:
            addresses = Addresses(self.servers.kafka, url, Path(folder))
            entrant.prepare(addresses)
            with Reader(self.servers.kafka, names) as reader:
                shown = Appearance(entrant, addresses, reader, wanted)
                try:
                    yield shown
                finally:
                    shown.stop()
        with psycopg.connect(self.servers.database, autocommit=True) as conn:
            conn.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    def _forget_leftovers(self, wanted: set[str], group: str) -> None:
        """Topics that a contestant made for itself, and what its group has read of topics that are gone."""
        admin = AdminClient({"bootstrap.servers": self.servers.kafka} | SILENT)
        others = [t for t in admin.list_topics(timeout=10).topics if t not in wanted and not t.startswith("__")]
        for gone in admin.delete_topics(others).values() if others else ():
            gone.result(30)
        with suppress(Exception):
            admin.delete_consumer_groups([group])[group].result(10)
