"""A relay for tests on real servers: topics made, tables migrated, services run in this process, notifications read
back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from kafka import TopicPartition as Place
from kafka.admin import KafkaAdminClient, OffsetSpec

from schemas import registry
from schemas.agency_notifications.v1 import NotificationIssued
from schemas.values import Frozen
from services.ops.policies import load
from services.platform.local.embedded import Servers
from services.platform.policy.policy import PolicySet
from services.platform.project import PROJECT
from services.platform.running.worker import Worker
from services.platform.storage import database
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.sending import Message, Sender
from services.platform.streaming.service import Service
from services.platform.streaming.topics import TopicSpec, apply_topics, topics

PATIENCE = 45.0
OFTEN = 0.05  # seconds
PSEUDONYMS = Pseudonyms(b"a secret of the tests")
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@cache
def shipped_policy() -> PolicySet:
    return load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")


def message(body: Frozen, type_: str, *, version: int = 1, time: datetime = NOW, subject: str | None = None) -> Message:
    """An event as a publisher sends it."""
    envelope, said = registry.event(body, type_, "test", time, version, subject=subject)
    record = registry.encode(envelope, said)
    return Message(registry.REGISTRY.topic_of(type_), record.key, record.value, record.headers)


@dataclass
class Relay:
    """One set of topics and tables, on which workers come and go."""

    servers: Servers
    database: str
    policies: PolicySet
    folder: Path
    sender: Sender = field(init=False)

    async def publish(self, *messages: Message) -> None:
        await self.sender.send_all(messages)

    @asynccontextmanager
    async def working(
        self, *services: Service, release: str | None = None, contract: registry.Registry = registry.REGISTRY
    ) -> AsyncIterator[Worker]:
        worker = Worker(
            services,
            self.servers.kafka,
            self.database,
            self.policies,
            release=release,
            contract=contract,
        )
        await worker.start()
        try:
            await until(lambda: is_ready(worker))
            yield worker
        finally:
            await worker.stop()

    async def all_delivered(self) -> dict[str, list[NotificationIssued]]:
        """What each agency's topic holds now, in order, by its id; those that were told nothing are left out.

        A notification that was delivered again, the same to the byte, is one: a worker that could not note what the
        broker has taken sends it once more.
        """
        topic_of = {f"agency.{agency.id}.notifications": agency.id for agency in self.policies.agencies}
        delivered: dict[str, dict[bytes, NotificationIssued]] = {}
        for topic, _, value in await self.read(*topic_of):
            delivered.setdefault(topic_of[topic], {})[value] = NotificationIssued.model_validate_json(value)
        return {agency: list(notifications.values()) for agency, notifications in delivered.items()}

    async def read(self, *names: str) -> list[tuple[str, dict[str, bytes], bytes]]:
        """Topic, headers and value of each record of these topics."""
        return [(r.topic, dict(r.headers), r.value or b"") for r in await self.records(*names)]

    async def records(self, *names: str) -> list[ConsumerRecord]:
        """Each record of these topics, up to their ends, by a plain consumer."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.servers.kafka)
        await consumer.start()
        try:
            specs = {spec.name: spec.partitions for spec in topics(self.policies)}
            places = [TopicPartition(name, partition) for name in names for partition in range(specs[name])]
            consumer.assign(places)
            await consumer.seek_to_beginning(*places)
            ends = await consumer.end_offsets(places)
            found: list[ConsumerRecord] = []
            while [place for place in places if await consumer.position(place) < ends[place]]:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
            return found
        finally:
            await consumer.stop()

    async def rows(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """What a statement gives, in a session and a transaction of its own."""
        async with await psycopg.AsyncConnection.connect(self.database) as conn:
            found = await conn.execute(query, values)
            return await found.fetchall() if found.description else []

    async def settled(self, worker: Worker) -> None:
        """Until every service has read all, looked at what is due and published what it owes."""
        await until(lambda: drained(self, worker))


DRAINED = """
select not exists (select 1 from outbox o where parked is null and not exists (select 1 from outbox p
    where (p.service, p.topic, p.duty) = (o.service, o.topic, o.duty) and p.parked is not null)) and not exists (
    select 1 from case_file f where next_evaluation_at <= now() or held_back_until <=
    (select min(read_to) from stream_position p where p.service = f.service))
"""


async def drained(relay: Relay, worker: Worker) -> bool:
    """Compares what each service has read with the ends of its streams, as the database and the broker tell them."""
    wanted = {topic for running in worker.running for topic in running.service.reads}
    ends = await Offsets(relay.servers.kafka).end_offsets(wanted)
    rows = await relay.rows("select service, topic, partition, next_offset from stream_position")
    read = {(service, topic, partition): offset for service, topic, partition, offset in rows}
    behind = [
        place
        for running in worker.running
        for place, end in ends.items()
        if place[0] in running.service.reads and read.get((running.service.name, *place), 0) < end
    ]
    # What is read comes to the outbox with its offset, so only what is asked for afterwards is known to be all.
    return not behind and await relay.rows(DRAINED) == [(True,)]


@asynccontextmanager
async def relay_on(servers: Servers, folder: Path, url: str | None = None) -> AsyncIterator[Relay]:
    """Tables and empty topics, and a sender for the test's events. `url`: of an empty database; servers that are fresh
    have one."""
    relay = Relay(servers, url or servers.database, shipped_policy(), folder)
    database.migrate(relay.database)
    await asyncio.to_thread(empty_topics, servers.kafka, topics(relay.policies))
    relay.sender = Sender(servers.kafka)
    await relay.sender.start()
    try:
        yield relay
    finally:
        await relay.sender.stop()


def empty_topics(kafka: str, specs: Sequence[TopicSpec]) -> None:
    """Makes the topics that are missing, and makes anew those in which something was ever written. The others are left
    as they are: to make all of them anew takes a broker seconds."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    try:
        written = written_to(admin, specs)
        if written:
            admin.delete_topics(sorted(written))
        deadline = time.monotonic() + PATIENCE
        while written & set(admin.list_topics()):
            assert time.monotonic() < deadline, "old topics did not go away in time"
            time.sleep(OFTEN)
    finally:
        admin.close()
    assert apply_topics(kafka, specs).differences == ()


def written_to(admin: KafkaAdminClient, specs: Sequence[TopicSpec]) -> set[str]:
    """Which of these topics have been written to, or have not as many partitions as they were made with."""
    made = set(admin.list_topics())
    known = [spec for spec in specs if spec.name in made]
    if not known:
        return set()
    found = admin.describe_topics([spec.name for spec in known])
    partitions = {topic["name"]: len(topic["partitions"]) for topic in found}
    ends = admin.list_partition_offsets(
        {Place(name, number): OffsetSpec.LATEST for name, count in partitions.items() for number in range(count)}
    )
    return {place.topic for place, end in ends.items() if end.offset} | {
        spec.name for spec in known if partitions[spec.name] != spec.partitions
    }


async def is_ready(worker: Worker) -> bool:
    return worker.ready


async def until(true: Callable[[], Awaitable[bool]], seconds: float = PATIENCE, every: float = OFTEN) -> None:
    """Waits for something that must come; fails when it does not. `every`: seconds between two questions."""
    deadline = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < deadline, "what was waited for did not come in time"
        await asyncio.sleep(every)
