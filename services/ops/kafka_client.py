"""Kafka as commands use it: in no group, answering within seconds or saying that it does not."""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, NoError
from kafka.structs import OffsetAndMetadata

from services.ops.terminal import UsageError, err, kafka_called
from services.platform import kafka as clients

FETCH_MS = 3_000
TELL_SECONDS, GIVE_UP_SECONDS, POLL_SECONDS = 2.0, 10.0, 0.2

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
    """The end of each partition (the offset that its next record gets), and what each group has committed."""
    with _answering(), _consumer(kafka) as consumer:
        known = consumer.topics()
        places = [
            TopicPartition(topic, number)
            for topic in sorted(set(topics) & set(known))
            for number in consumer.partitions_for_topic(topic) or ()
        ]
        ends = consumer.end_offsets(places, timeout_ms=clients.REQUEST_MS) if places else {}
        with _admin(kafka) as admin:
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


def records_between(kafka: str, spans: Mapping[Partition, tuple[int, int]], seconds: float) -> Iterator[Any]:
    """The records of each partition from the first offset up to the second, without the second; fewer if the time does
    not suffice."""
    until = time.monotonic() + seconds
    with _answering(), _consumer(kafka) as consumer:
        places = {TopicPartition(*partition): span for partition, span in spans.items()}
        consumer.assign(list(places))
        kept_from = consumer.beginning_offsets(list(places))
        for place, (first, _) in places.items():
            consumer.seek(place, max(first, kept_from[place]))
        left = set(places)
        while left and time.monotonic() < until:
            for place, records in consumer.poll(timeout_ms=FETCH_MS).items():
                yield from (record for record in records if record.offset < places[place][1])
            for place in [place for place in left if consumer.position(place) >= places[place][1]]:
                left.remove(place)
                consumer.pause(place)


def members_of(kafka: str, groups: Sequence[str]) -> dict[str, int]:
    """How many workers each of these groups has now. A worker that was killed counts until its session times out."""
    with _answering(), _admin(kafka) as admin:
        described = admin.describe_groups(list(groups))
    return {group: len(described[group]["members"]) for group in groups}


def set_committed(kafka: str, group: str, offsets: Mapping[Partition, int]) -> None:
    """Makes a group without members read on from these offsets. UsageError where the broker does not do it."""
    with _answering(), _admin(kafka) as admin:
        done = admin.alter_group_offsets(
            group, {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
        )
    if any(error is not NoError for error in done.values()):
        raise UsageError(f"Kafka did not move the group {group}: is a worker of it running?")


def send_all(kafka: str, records: Sequence[Sending]) -> Iterator[str | None]:
    """Sends in this order; for each record None once the broker has it, else why it did not take it."""
    with _answering(), clients.opened(KafkaProducer, clients.command_producer(kafka)) as producer:
        for record in records:
            if record.key is None and record.value is None:
                yield "it has neither key nor value, and clients send no such record"
                continue
            try:
                producer.send(record.topic, key=record.key, value=record.value, headers=list(record.headers)).get(
                    timeout=2 * clients.PUBLISHING_MS / 1000
                )
            except KafkaError as problem:
                yield type(problem).__name__
            else:
                yield None


@contextmanager
def _consumer(kafka: str) -> Iterator[Any]:
    wait_for(kafka)
    with clients.opened(KafkaConsumer, clients.reader(kafka)) as consumer:
        yield consumer


@contextmanager
def _admin(kafka: str) -> Iterator[Any]:
    with clients.opened(KafkaAdminClient, clients.admin(kafka)) as admin:
        yield admin


def wait_for(kafka: str) -> None:
    """Returns once one of these brokers takes a connection; says so where that is not at once. UsageError when the time
    is up: a client of its own would say nothing for half a minute."""
    began, said = time.monotonic(), False
    while not any(map(_takes_connections, kafka.split(","))):
        waited = time.monotonic() - began
        if waited >= GIVE_UP_SECONDS:
            raise UsageError(f"{kafka_called()} cannot be reached: is it up?")
        if waited >= TELL_SECONDS and not said:
            err.print(f"Waiting for Kafka at {kafka} ...", style="dim", soft_wrap=True)
            said = True
        time.sleep(POLL_SECONDS)


def _takes_connections(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=TELL_SECONDS):
            return True
    except OSError:
        return False


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except KafkaError:
        raise UsageError(f"{kafka_called()} does not answer: is it up?") from None
