"""The database went back and the broker did not: what was said since is read back, then the streams are read again."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from pydantic import ValidationError

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.referral_decisions.v1 import Evaluated
from schemas.refusals import Refusal, RefusalReason
from schemas.registry import REGISTRY
from services.platform import kafka as clients
from services.platform.domain.core.duties import Notification, notification_id
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_in, step_key
from services.platform.domain.core.facts import Key
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import Partition, Record
from services.platform.storage.refusals import RefusalRow
from services.platform.streaming import wire
from services.platform.streaming.groups import group_of
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.service_database import ServiceDatabase
from services.platform.streaming.work import Work

AT_ONCE = 500
POLL_MS = 500
# The broker's clock and the database's may differ, and what was committed before the backup may be published after it.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Behind:
    """Where a group has read further than the database knows."""

    service: str
    partition: Partition
    group: int
    database: int


@dataclass(slots=True)
class Back:
    """Counts of what was read back, and of notifications whose duty cannot be named any more."""

    notifications: int = 0
    unknown: int = 0
    letters: int = 0
    evaluations: int = 0
    nameless: list[str] = field(default_factory=list)


class CannotReadBackError(Exception):
    """What agencies were told cannot be read back whole; the text says why."""


class Recovery:
    """Recover all services of a database together, while none of their workers runs. After an interruption it begins
    again, and does nothing twice."""

    def __init__(self, works: Sequence[Work], kafka: str, offsets: Offsets) -> None:
        self.databases = {work.database.service.name: work.database for work in works}
        self.pseudonyms = {work.database.service.name: work.judging.pseudonyms for work in works}
        self.kafka, self.offsets = kafka, offsets

    async def behind(self) -> list[Behind]:
        """Where the database lies behind its groups; nothing: it did not go back."""
        found: list[Behind] = []
        for name, database in self.databases.items():
            committed = await self.offsets.committed(group_of(name))
            known = await self.positions(database)
            found += [
                Behind(name, place, offset, known.get(place, 0))
                for place, offset in sorted(committed.items())
                if offset > known.get(place, 0)
            ]
        return found

    async def forgotten(self) -> list[Behind]:
        """Records that must be read again although the broker no longer keeps the first of them: `group` is the first
        that it has."""
        found: list[Behind] = []
        for name, database in self.databases.items():
            first, known = await self.offsets.begin_offsets(database.service.reads), await self.positions(database)
            found += [
                Behind(name, place, offset, known.get(place, 0))
                for place, offset in sorted(first.items())
                if offset > known.get(place, 0)
            ]
        return found

    async def since(self) -> datetime | None:
        """A moment before the backup was made, as late as the database can tell; None where it holds nothing."""
        database = next(iter(self.databases.values()))
        async with database.transaction() as conn:
            row = await (await conn.execute("select max(read_to) from stream_position")).fetchone()
        return row[0] - MARGIN if row is not None and row[0] is not None else None

    async def hold_evaluations(self) -> None:
        """Until `finish`, no worker begins: its evaluations would know only a part of what agencies were told."""
        for database in self.databases.values():
            ends = await self.offsets.end_offsets(database.service.reads)
            async with database.transaction() as conn:
                await database.writer.hold_evaluations_until_recovered(conn, ends)

    async def finish(self) -> None:
        """All is read back. Nothing is evaluated before everything is read that the streams hold now."""
        for database in self.databases.values():
            ends = await self.offsets.end_offsets(database.service.reads)
            async with database.transaction() as conn:
                await database.writer.recovered(conn, ends)

    async def read_back(self, since: datetime | None, progress: Callable[[int, int], None]) -> Back:
        """Reads what agencies were told, which records have their dead letter and which looks were published, and
        remembers it. `progress` hears how many records have been read, of how many."""
        back, steps = Back(), list[tuple[NotificationIssued, datetime]]()
        async for records in read_since(self.kafka, since, progress):
            said = [self._notification(record) for record in records if record.topic.endswith(".notifications")]
            steps += [one for one in said if one is not None and one[0].rule in ESCALATION_STEPS]
            await self._remember([one for one in said if one is not None and one[0].rule not in ESCALATION_STEPS], back)
            await self._letters([record for record in records if record.topic.endswith(".dlq")], back)
            await self._evaluations([record for record in records if record.topic == wire.DECISIONS], back)
        # An escalation step names the duty that it is about by a pseudonym: that duty has been read back by now.
        for start in range(0, len(steps), AT_ONCE):
            await self._remember(steps[start : start + AT_ONCE], back)
        return back

    async def positions(self, database: ServiceDatabase) -> dict[Partition, int]:
        """From where the service reads on: in each partition of its streams, and from the beginning in those that the
        database does not know."""
        ends = await self.offsets.end_offsets(database.service.reads)
        async with database.transaction() as conn:
            known = await database.reader.positions(conn)
        return {place: known[place].next_offset if place in known else 0 for place in ends}

    def _notification(self, record: ConsumerRecord) -> tuple[NotificationIssued, datetime] | None:
        """The notification in a record; None for a service that no longer exists. Anything else that is no notification
        ends the recovery."""
        try:
            said = NotificationIssued.model_validate_json(record.value or b"")
        except ValidationError:
            place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
            raise CannotReadBackError(f"it is no notification that this release can read: {place}") from None
        return (said, _at(record)) if said.service in self.databases else None

    async def _remember(self, delivered: Sequence[tuple[NotificationIssued, datetime]], back: Back) -> None:
        by_service: dict[str, list[tuple[NotificationIssued, datetime]]] = defaultdict(list)
        for said, at in delivered:
            by_service[said.service].append((said, at))
        for name, ones in by_service.items():
            database = self.databases[name]
            async with database.transaction() as conn:
                rows: list[tuple[Notification, datetime]] = []
                for said, at in ones:
                    key = await self._key(database, said)
                    if key is None:
                        back.nameless.append(said.notification)
                    else:
                        rows.append((wire.notification_for(said, key), at))
                back.notifications += len(rows)
                back.unknown += await database.writer.restore_notifications(conn, rows)

    async def _key(self, database: ServiceDatabase, said: NotificationIssued) -> Key | None:
        if said.rule not in ESCALATION_STEPS:
            return key_of(said, (), self.pseudonyms[database.service.name])
        async with database.transaction() as conn:
            of = _duty_of_step(said.subject)
            rows = await conn.execute(
                "select rule, subject, agency from delivery where service = %s and rule = %s and subject = %s",
                (database.service.name, *of),
            )
            return key_of(said, [Key(*row) async for row in rows], self.pseudonyms[database.service.name])

    async def _letters(self, records: Iterable[ConsumerRecord], back: Back) -> None:
        """The same dead letter is written once, with one content."""
        reasons = {str(reason): reason for reason in RefusalReason}
        for record in records:
            if (read := wire.letter_of(record.headers)) is None:
                continue
            letter, headers = read
            database, reason = self.databases.get(letter.service), reasons.get(letter.reason)
            if database is None or reason is None:
                continue
            came = Record(
                letter.original_topic,
                int(letter.original_partition),
                int(letter.original_offset),
                datetime.fromisoformat(letter.original_timestamp),
                record.key,
                record.value,
                headers,
            )
            refusal = Refusal(reason, letter.stage, letter.exception_message, None)
            at = datetime.fromisoformat(letter.first_failed_at)
            row = RefusalRow(came, refusal, at, letter.service_version, letter.id)
            async with database.transaction() as conn:
                back.letters += await database.refusals.restore(conn, row)

    async def _evaluations(self, records: Iterable[ConsumerRecord], back: Back) -> None:
        highest: dict[str, dict[str, int]] = defaultdict(dict)
        for record in records:
            evaluation = Evaluated.model_validate_json(record.value or b"")
            known = highest[evaluation.service]
            known[evaluation.file] = max(evaluation.evaluation, known.get(evaluation.file, 0))
            back.evaluations += 1
        for name, numbers in highest.items():
            if (database := self.databases.get(name)) is not None:
                async with database.transaction() as conn:
                    await database.writer.restore_evaluations(conn, numbers)


def key_of(said: NotificationIssued, duties: Collection[Key], pseudonyms: Pseudonyms) -> Key | None:
    """The duty of a notification, which its id confirms. `duties`: those that an escalation step may be about."""
    possible = [Key(said.rule, said.subject, said.agency)]
    if said.rule in ESCALATION_STEPS:
        possible = [step_key(said.rule, duty, asked_in(said.subject)[1], said.agency) for duty in duties]
    for key in possible:
        if (
            notification_id(key, said.revision) == said.notification
            and wire.subject_of(key, pseudonyms) == said.subject
        ):
            return key
    return None


async def read_since(
    kafka: str, since: datetime | None, progress: Callable[[int, int], None]
) -> AsyncIterator[list[ConsumerRecord]]:
    """All that agencies were told, all dead letters and all published looks since then, in no group."""
    consumer = AIOKafkaConsumer(**clients.reader_from_start(kafka))
    await consumer.start()
    try:
        topics = [topic for topic in await consumer.topics() if said_in(topic)]
        ends = {TopicPartition(*place): end for place, end in (await Offsets(kafka).end_offsets(topics)).items()}
        consumer.assign(list(ends))
        await _seek(consumer, ends, since)
        at = {place: await consumer.position(place) for place in ends}
        total, read = sum(end - at[place] for place, end in ends.items()), 0
        while [place for place, end in ends.items() if await consumer.position(place) < end]:
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
            records = [record for place, some in found.items() for record in some if record.offset < ends[place]]
            read += len(records)
            progress(read, total)
            yield records
    finally:
        await consumer.stop()


def said_in(topic: str) -> bool:
    """Whether the relay itself writes into this topic."""
    if topic == wire.DECISIONS or topic.removesuffix(".dlq") in {s.topic for s in REGISTRY.streams if s.owner}:
        return topic == wire.DECISIONS or topic.endswith(".dlq")
    return topic.startswith("agency.") and topic.endswith(".notifications")


async def _seek(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], since: datetime | None) -> None:
    """To the first record of that time or later, in each of these partitions."""
    if since is None:
        await consumer.seek_to_beginning(*ends)
        return
    found = await consumer.offsets_for_times(dict.fromkeys(ends, int(since.timestamp() * 1000)))
    for place, end in ends.items():
        consumer.seek(place, found[place].offset if found[place] is not None else end)


def _duty_of_step(subject: str) -> tuple[str, str]:
    """Rule and subject of the duty that an escalation step's subject names."""
    return asked_in(subject)[0][:2]


def _at(record: ConsumerRecord) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)
