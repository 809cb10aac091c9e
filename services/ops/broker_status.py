"""What Kafka says of the services: how far each is behind, how many workers it has, and who waits unread."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from schemas.registry import REGISTRY
from services.ops.kafka_client import Partition, ends_and_committed, members_of, records_between
from services.ops.terminal import UsageError
from services.runtime.groups import group_of
from services.runtime.records import Record

LOOK_THROUGH_SECONDS = 2.0
STREAMS_IN = tuple(stream.topic for stream in REGISTRY.streams if stream.direction == "in")
Positions = Mapping[Partition, tuple[int, datetime | None]]
T = TypeVar("T")


class Lag(NamedTuple):
    """`unread`: the broker's time of the oldest unread record of each partition; `seconds` None: not known."""

    records: int
    seconds: float | None
    unread: Sequence[datetime]


@dataclass(frozen=True)
class Broker:
    """`ends`: the offset that the next record of each partition gets; `committed`: by group and partition; `times`: of
    the first unread record of each partition; `people_unread`: how many people are past their time unread."""

    ends: Mapping[Partition, int]
    committed: Mapping[tuple[str, str, int], int]
    members: Mapping[str, int]
    times: Mapping[Partition, datetime]
    people_unread: int

    def lag_of(self, positions: Positions, now: datetime) -> Lag:
        lags = {place: max(0, self.ends.get(place, 0) - offset) for place, (offset, _) in positions.items()}
        unread = [self.times[place] for place, lag in lags.items() if lag and place in self.times]
        known = bool(positions) and all(place in self.times for place, lag in lags.items() if lag)
        seconds = max((max(0.0, (now - when).total_seconds()) for when in unread), default=0.0)
        return Lag(sum(lags.values()), seconds if known else None, unread)

    def group_lag(self, group: str, positions: Positions) -> int:
        return sum(max(0, self.ends.get(place, 0) - self.committed.get((group, *place), 0)) for place in positions)


def ask(kafka: str, services: Sequence[str], positions: Mapping[str, Positions], now: datetime) -> Broker:
    """All of it. UsageError where Kafka does not answer."""
    groups = [group_of(service) for service in services]
    ends, committed = ends_and_committed(kafka, STREAMS_IN, groups)
    members = members_of(kafka, groups) if groups else {}
    first: dict[Partition, int] = {}
    for places in positions.values():
        for place, (offset, _) in places.items():
            if offset < ends.get(place, 0):
                first[place] = min(offset, first.get(place, offset))
    spans = {place: (offset, ends[place]) for place, offset in first.items()}
    records = [_record(read) for read in records_between(kafka, spans, LOOK_THROUGH_SECONDS)] if spans else []
    times: dict[Partition, datetime] = {}
    for record in records:
        place = (record.topic, record.partition)
        times[place] = min(record.timestamp, times.get(place, record.timestamp))
    return Broker(ends, committed, members, times, _people_unread(records, positions, now))


def within(seconds: float, work: Callable[[], T]) -> T | None:
    """What the work gives; None where it takes longer, or where Kafka does not answer. A frozen broker takes
    connections and says nothing, so whoever waits for it must not be asked to wait."""
    found: list[T] = []

    def run() -> None:
        try:
            found.append(work())
        except UsageError:
            return

    working = threading.Thread(target=run, daemon=True)
    working.start()
    working.join(seconds)
    return found[0] if found else None


def _people_unread(records: Sequence[Record], positions: Mapping[str, Positions], now: datetime) -> int:
    if not records:
        return 0
    # Rules and policy take half a second to import and load, and are needed only where something lies unread.
    judging: Any = import_module("services.ops.unread_people")
    found: int = judging.people_past_their_time([(record, _behind(record, positions)) for record in records], now)
    return found


def _behind(record: Record, positions: Mapping[str, Positions]) -> list[str]:
    """The services that have yet to read this record."""
    place = (record.topic, record.partition)
    return [service for service, places in positions.items() if place in places and places[place][0] <= record.offset]


def _record(came: Any) -> Record:
    at = datetime.fromtimestamp(max(0, came.timestamp) / 1000, UTC)
    return Record(came.topic, came.partition, came.offset, at, came.key, came.value, tuple(came.headers))
