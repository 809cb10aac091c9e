"""Kafka as commands use it: in no group, answering within seconds or saying that it does not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, NoError
from kafka.structs import OffsetAndMetadata

from services.ops.terminal import UsageError

BROKER_MS = 10_000
FETCH_MS = 3_000
LARGEST_REQUEST = 16 * 1024 * 1024

Partition = tuple[str, int]
Headers = Sequence[tuple[str, bytes]]


class Sending(NamedTuple):
    """A record to send."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


def ends_and_committed(
    kafka: str, topics: Iterable[str], groups: Sequence[str]
) -> tuple[dict[Partition, int], dict[tuple[str, str, int], int]]:
    """The offset that the next record of each partition will get, and by group and partition what was committed."""
    with _answering(), _closing(_consumer(kafka)) as consumer:
        known = consumer.topics()
        places = [
            TopicPartition(topic, number)
            for topic in sorted(set(topics) & set(known))
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        ends = consumer.end_offsets(places, timeout_ms=BROKER_MS) if places else {}
        with _closing(_admin(kafka)) as admin:
            committed = admin.list_group_offsets(list(groups)) if groups else {}
    return (
        {(place.topic, place.partition): end for place, end in ends.items()},
        {
            (group, place.topic, place.partition): known_at.offset
            for group, places_of in committed.items()
            for place, known_at in places_of.items()
            if known_at.offset >= 0
        },
    )


def times_of(kafka: str, at: dict[Partition, int]) -> dict[Partition, datetime]:
    """The broker's time of the record at each of these offsets, as far as it comes within seconds."""
    if not at:
        return {}
    found: dict[Partition, datetime] = {}
    with _answering(), _closing(_consumer(kafka)) as consumer:
        places = [TopicPartition(*partition) for partition in at]
        consumer.assign(places)
        for place in places:
            consumer.seek(place, at[place.topic, place.partition])
        while len(found) < len(at) and (read := consumer.poll(timeout_ms=FETCH_MS, max_records=len(at))):
            for place, records in read.items():
                first = datetime.fromtimestamp(max(0, records[0].timestamp) / 1000, UTC)
                found.setdefault((place.topic, place.partition), first)
                consumer.pause(place)
    return found


def members_of(kafka: str, groups: Sequence[str]) -> dict[str, int]:
    """How many workers are members of each of these groups now; one that was killed counts until its time is up."""
    with _answering(), _closing(_admin(kafka)) as admin:
        described = admin.describe_groups(list(groups))
    return {group: len(described[group]["members"]) for group in groups}


def set_committed(kafka: str, group: str, offsets: Mapping[Partition, int]) -> None:
    """Makes a group without members read on from these offsets. UsageError where the broker does not do it."""
    with _answering(), _closing(_admin(kafka)) as admin:
        done = admin.alter_group_offsets(
            group, {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
        )
    if wrong := sorted({error.__name__ for error in done.values() if error is not NoError}):
        raise UsageError(f"Kafka did not move the group {group} ({', '.join(wrong)}): is a worker of it running?")


def send_all(kafka: str, records: Sequence[Sending]) -> Iterator[str | None]:
    """Sends in this order; for each record None once the broker has it, else why it did not take it."""
    with (
        _answering(),
        _closing(
            KafkaProducer(
                bootstrap_servers=kafka.split(","),
                enable_idempotence=True,
                acks="all",
                max_block_ms=BROKER_MS,
                request_timeout_ms=BROKER_MS,
                delivery_timeout_ms=2 * BROKER_MS,
                max_request_size=LARGEST_REQUEST,
            )
        ) as producer,
    ):
        for record in records:
            try:
                producer.send(record.topic, key=record.key, value=record.value, headers=list(record.headers)).get(
                    timeout=2 * BROKER_MS / 1000
                )
            except KafkaError as problem:
                yield type(problem).__name__
            else:
                yield None


def _consumer(kafka: str) -> Any:
    return KafkaConsumer(
        bootstrap_servers=kafka.split(","), group_id=None, enable_auto_commit=False, request_timeout_ms=BROKER_MS
    )


def _admin(kafka: str) -> Any:
    return KafkaAdminClient(bootstrap_servers=kafka.split(","), request_timeout_ms=BROKER_MS)


@contextmanager
def _closing(client: Any) -> Iterator[Any]:
    try:
        yield client
    finally:
        client.close()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except KafkaError as problem:
        raise UsageError(f"Kafka at RELAY_KAFKA does not answer ({type(problem).__name__}): is it up?") from None
