"""Events that the broker has and some service has not read yet: found by any name that they carry."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.carried import carried, sought
from schemas.registry import REGISTRY, Received, Refusal, decode
from services.ops.kafka_client import Partition, ends_and_committed, records_between
from services.ops.reading import Connection
from services.platform.storage.read_models import STREAM_POSITIONS

SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Unread:
    """An event that waits to be read. `ahead`: records that are read before it; `services`: those that have not come to
    it; `event`: its id, where its headers give one. `refused_because`: why it will be refused, where that is plain."""

    topic: str
    event: str | None
    kind: str | None
    since: datetime
    ahead: int
    services: tuple[str, ...]
    refused_because: str | None = None


@dataclass(frozen=True, slots=True)
class UnreadEvents:
    """The unread events that carry a name. `records`: all that are unread; `searched`: those that there was time to
    read."""

    found: tuple[Unread, ...] = ()
    records: int = 0
    searched: int = 0


NOTHING_UNREAD = UnreadEvents()


def unread(conn: Connection, kafka: str, asked: str, may_know: Callable[[Received | Refusal], bool]) -> UnreadEvents:
    """The unread events that carry this name; nothing where the reader may not know of one of them, for the others are
    about the same matter. UsageError where Kafka does not answer."""
    ends, _ = ends_and_committed(kafka, REGISTRY.topics_in, ())
    read = _read(conn, ends)
    first = {place: min(by_service.values()) for place, by_service in read.items()}
    spans = {place: (first[place], ends[place]) for place in first if first[place] < ends[place]}
    names, found, searched = sought(asked), [], 0
    for record in records_between(kafka, spans, SECONDS) if spans else ():
        searched += 1
        if names.isdisjoint(carried(record.key, record.value, record.headers)):
            continue
        by_service = read[record.topic, record.partition]
        behind = {service: next_ for service, next_ in by_service.items() if next_ <= record.offset}
        said = decode(record.topic, record.key, record.value, record.headers)
        if not may_know(said):
            return NOTHING_UNREAD
        found.append(
            Unread(
                topic=record.topic,
                event=_header(record.headers, "ce_id"),
                kind=said.kind if isinstance(said, Received) else said.type_name,
                since=datetime.fromtimestamp(record.timestamp / 1000, UTC),
                ahead=record.offset - min(behind.values(), default=record.offset),
                services=tuple(sorted(behind)),
                refused_because=said.detail if isinstance(said, Refusal) else None,
            )
        )
    return UnreadEvents(tuple(found), sum(end - first for first, end in spans.values()), searched)


def _read(conn: Connection, partitions: Iterable[Partition]) -> Mapping[Partition, Mapping[str, int]]:
    """By partition, the offset that each service reads next which has ever read that stream; of a partition in which
    nothing was read the first."""
    known = {(p.service, p.topic, p.partition): p.next_offset for p in STREAM_POSITIONS.ask(conn)}
    readers = {(topic, service) for service, topic, _ in known}
    return {
        (topic, partition): {
            service: known.get((service, topic, partition), 0) for of, service in readers if of == topic
        }
        for topic, partition in partitions
        if any(of == topic for of, _ in readers)
    }


def _header(headers: object, name: str) -> str | None:
    known = dict(headers) if isinstance(headers, list | tuple) else {}
    value = known.get(name)
    return value.decode("ascii", errors="ignore") if isinstance(value, bytes) else None
