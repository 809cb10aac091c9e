"""A plain aiokafka loop with PostgreSQL: a batch is one transaction with its offsets, then its outbox is published.

The simplest tables that keep what the rules need. It relies on what the harness gives it: all records of one crime
reference lie in one partition, so two workers meet only in the files of persons, which are locked in key order.
"""

import argparse
import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition

from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.policy.policy import Policy
from services.platform.storage.outgoing import Outgoing
from tests.bench.contestants import work

BATCH = 300
DUE_AT_ONCE, DUE_SECONDS = 100, 0.25
SETTINGS = f"batches of up to {BATCH} records, read as they come; one connection, pipelined; idempotent producer"
TABLES: LiteralString = """
create table position (topic text, partition int, next_offset bigint not null, primary key (topic, partition));
create table inbox (id text primary key);
create table fact (
    crime text, statement text, subject text, id text not null, version bigint not null, at text not null,
    kind text not null, type text not null, content text not null, primary key (crime, statement, subject));
create table file (file text primary key, evaluations int not null default 0, next_evaluation_at timestamptz);
create index on file (next_evaluation_at) where next_evaluation_at is not null;
create table file_crime (file text, crime text, primary key (file, crime));
create table delivery (rule text, subject text, agency text, file text not null, content text not null,
    primary key (rule, subject, agency));
create index on delivery (file);
create table outbox (number bigint generated always as identity primary key, topic text not null, key bytea,
    value bytea, headers text not null);
"""

Connection = psycopg.AsyncConnection[Any]


@dataclass(slots=True)
class Files:
    """Locked files as a transaction changes them, and what it has to write."""

    of_crime: dict[str, Mapping[str, CaseFile]] = field(default_factory=dict)
    crimes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    delivered: dict[str, dict[Key, Notification]] = field(default_factory=lambda: defaultdict(dict))
    changed: dict[Key, tuple[str, Notification]] = field(default_factory=dict)
    evaluations: Counter[str] = field(default_factory=Counter)
    next_evaluation: dict[str, datetime | None] = field(default_factory=dict)
    sent: list[Outgoing] = field(default_factory=list)

    def evaluate(self, file: str, policy: Policy, now: datetime) -> None:
        parts = [self.of_crime[crime][file] for crime in self.crimes[file] if file in self.of_crime[crime]]
        found, self.delivered[file] = work.evaluate_file(work.whole(file, parts), self.delivered[file], policy, now)
        self.changed.update(
            {notification.key: (file, notification) for notification in (*found.regrounded, *found.notifications)}
        )
        self.next_evaluation[file] = found.evaluate_again_at
        self.sent += work.outgoing(found, policy)
        self.evaluations[file] += 1


class Loop:
    """One worker."""

    def __init__(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, conn: Connection) -> None:
        self.consumer, self.producer, self.conn = consumer, producer, conn

    async def run(self, stopping: asyncio.Event) -> None:
        await self.publish(await self.left_over())
        due_at = 0.0
        while not stopping.is_set():
            by_partition = await self.consumer.getmany(timeout_ms=20, max_records=BATCH)
            records = [record for records in by_partition.values() for record in records]
            if records:
                await self.publish(await self.take(records))
            if time.monotonic() >= due_at:
                while await self.evaluate_due():
                    continue
                due_at = time.monotonic() + DUE_SECONDS

    async def take(self, records: Sequence[ConsumerRecord]) -> list[tuple[int, Outgoing]]:
        """One transaction; what it put into the outbox."""
        heard = [(work.crime_of(r.key), work.heard(r.key, r.value, r.headers)) for r in records]
        async with self.conn.transaction():
            rows = await self.conn.execute(
                "select id from inbox where id = any(%s)", ([found[0].id for _, found in heard if found],)
            )
            known = {identity for (identity,) in await rows.fetchall()}
            current = await self._standing({crime for crime, _ in heard})
            now = work.now()
            policy = work.policies().at(now)
            files = Files({crime: work.parts_of(facts.values(), policy) for crime, facts in current.items()})
            parts, steps, written = dict(files.of_crime), [], {}
            inbox: list[str] = []
            for crime, found in heard:
                if found is None or found[0].id in known:
                    continue
                fact, stored = found
                known.add(fact.id)
                inbox.append(fact.id)
                if work.becomes_current(current[crime], fact):
                    current[crime][fact.statement] = fact
                    written[(crime, *fact.statement)] = stored
                    after = work.parts_of(current[crime].values(), policy)
                    steps.append((crime, after, work.touched(parts[crime], after)))
                    parts[crime] = after
            await self._lock({file for _, _, touched in steps for file in touched}, files, policy)
            for crime, after, touched in steps:
                files.of_crime[crime] = after
                for file in touched:
                    files.crimes[file].add(crime)
                    files.evaluate(file, policy, now)
            await self._many("insert into inbox select * from unnest(%s::text[])", [(i,) for i in inbox])
            await self._many(
                """insert into fact (crime, statement, subject, id, version, at, kind, type, content)
                select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[],
                %s::text[], %s::text[], %s::text[]) on conflict (crime, statement, subject) do update set
                id = excluded.id, version = excluded.version, at = excluded.at, kind = excluded.kind,
                type = excluded.type, content = excluded.content""",
                [(*where, i, version, at, *rest) for where, (i, _, version, at, *rest) in written.items()],
            )
            await self._many(
                "insert into file_crime select * from unnest(%s::text[], %s::text[]) on conflict do nothing",
                [(file, crime) for crime, _, touched in steps for file in touched],
            )
            await self._many(
                """insert into position select * from unnest(%s::text[], %s::int[], %s::bigint[])
                on conflict (topic, partition) do update set next_offset = excluded.next_offset""",
                list({r.partition: (r.topic, r.partition, r.offset + 1) for r in records}.values()),
            )
            return await self._write(files)

    async def evaluate_due(self) -> int:
        """Looks at files whose time has come, those in other hands skipped; how many."""
        async with self.conn.transaction():
            now = work.now()
            policy = work.policies().at(now)
            rows = await self.conn.execute(
                """select file from file where next_evaluation_at <= %s order by next_evaluation_at limit %s
                for update skip locked""",
                (now, DUE_AT_ONCE),
            )
            due = sorted(file for (file,) in await rows.fetchall())
            files = Files()
            if due:
                await self._lock(due, files, policy)
            for file in due:
                files.evaluate(file, policy, now)
            outbox = await self._write(files)
        await self.publish(outbox)
        return len(due)

    async def publish(self, outbox: Sequence[tuple[int, Outgoing]]) -> None:
        """Sends what was committed, then forgets it; after a crash in between it is sent again, under the same ids."""
        if outbox:
            messages = [work.message(row) for _, row in outbox]
            sent = [await self.producer.send(m.topic, m.value, m.key, headers=list(m.headers)) for m in messages]
            await asyncio.gather(*sent)
            await self.conn.execute("delete from outbox where number = any(%s)", ([number for number, _ in outbox],))

    async def left_over(self) -> list[tuple[int, Outgoing]]:
        """What an earlier process had committed and not sent."""
        rows = await self.conn.execute("select number, topic, key, value, headers from outbox order by number")
        return [(n, Outgoing(topic, "", 0, key, value, h, None)) for n, topic, key, value, h in await rows.fetchall()]

    async def _standing(self, crimes: Iterable[str]) -> dict[str, dict[tuple[str, str], Fact]]:
        found: dict[str, dict[tuple[str, str], Fact]] = {crime: {} for crime in crimes}
        rows = await self.conn.execute(
            "select crime, id, subject, version, at, kind, type, content from fact where crime = any(%s)",
            (sorted(found),),
        )
        for crime, *stored in await rows.fetchall():
            fact = work.fact_of(stored)
            found[crime][fact.statement] = fact
        return found

    async def _lock(self, names: Iterable[str], files: Files, policy: Policy) -> None:
        """Locks these files in key order and reads what they hold."""
        ordered = sorted(names)
        await self._many(
            "insert into file select * from unnest(%s::text[]) on conflict do nothing", [(n,) for n in ordered]
        )
        await self.conn.execute("select 1 from file where file = any(%s) order by file for update", (ordered,))
        rows = await self.conn.execute("select file, crime from file_crime where file = any(%s)", (ordered,))
        for file, crime in await rows.fetchall():
            files.crimes[file].add(crime)
        crimes = {crime for file in ordered for crime in files.crimes[file]} - files.of_crime.keys()
        current = await self._standing(crimes)
        files.of_crime.update({crime: work.parts_of(facts.values(), policy) for crime, facts in current.items()})
        rows = await self.conn.execute("select file, content from delivery where file = any(%s)", (ordered,))
        for file, content in await rows.fetchall():
            notification = work.notification_for(content)
            files.delivered[file][notification.key] = notification

    async def _write(self, files: Files) -> list[tuple[int, Outgoing]]:
        """What was told, when to look again, and the outbox with its numbers."""
        await self._many(
            """insert into delivery select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
            on conflict (rule, subject, agency) do update set file = excluded.file, content = excluded.content""",
            [(*key, file, work.json_of(notification)) for key, (file, notification) in files.changed.items()],
        )
        await self._many(
            """update file f set evaluations = f.evaluations + u.n, next_evaluation_at = u.at
            from unnest(%s::text[], %s::int[], %s::timestamptz[]) as u(file, n, at) where f.file = u.file""",
            [(file, files.evaluations[file], at) for file, at in files.next_evaluation.items()],
        )
        if not files.sent:
            return []
        rows = await self.conn.execute(
            """insert into outbox (topic, key, value, headers)
            select * from unnest(%b::text[], %b::bytea[], %b::bytea[], %b::text[]) returning number""",
            [list(column) for column in zip(*((r.topic, r.key, r.value, r.headers) for r in files.sent), strict=True)],
        )
        return [(number, row) for (number,), row in zip(await rows.fetchall(), files.sent, strict=True)]

    async def _many(self, statement: LiteralString, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            await self.conn.execute(statement, [list(column) for column in zip(*rows, strict=True)])


class Positions(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reading goes on at the offsets that the database has."""

    def __init__(self, consumer: AIOKafkaConsumer, conn: Connection) -> None:
        self.consumer, self.conn = consumer, conn

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing is held between batches."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        rows = await self.conn.execute("select topic, partition, next_offset from position")
        known = {TopicPartition(topic, partition): offset for topic, partition, offset in await rows.fetchall()}
        for partition in assigned:
            self.consumer.seek(partition, known.get(partition, 0))


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("kafka", "database", "group", "worker", "folder"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    work.policies()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with await psycopg.AsyncConnection.connect(asked.database, autocommit=True) as conn:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=asked.kafka,
            group_id=asked.group,
            auto_offset_reset="earliest",
            auto_commit_interval_ms=500,
            session_timeout_ms=6_000,
            heartbeat_interval_ms=2_000,
            fetch_max_wait_ms=50,
        )
        producer = AIOKafkaProducer(
            bootstrap_servers=asked.kafka, enable_idempotence=True, linger_ms=2, max_batch_size=128 * 1024
        )
        async with await psycopg.AsyncConnection.connect(asked.database, autocommit=True) as positions:
            consumer.subscribe([work.STREAM], listener=Positions(consumer, positions))
            await producer.start()
            await consumer.start()
            await Loop(consumer, producer, conn).run(stopping)
            await consumer.stop()
            await producer.stop()


if __name__ == "__main__":
    asyncio.run(main())
