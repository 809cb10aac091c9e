"""What Kafka says of the services: how far each is behind, how many workers it has, and who waits unread."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

from schemas.registry import REGISTRY
from services.ops.kafka_client import Partition, ends_and_committed, members_of, records_between
from services.ops.terminal import UsageError
from services.platform.storage.records import Record
from services.platform.streaming.groups import group_of

SEARCH_SECONDS, JUDGE_SECONDS = 2.0, 2.0
Positions = Mapping[Partition, tuple[int, datetime | None]]
T = TypeVar("T")


class Lag(NamedTuple):
    """How far a service is behind. `unread`: the broker's time of the oldest unread record of each partition.
    `seconds`: None if not known."""

    records: int
    seconds: float | None
    unread: Sequence[datetime]


@dataclass(frozen=True)
class Unread:
    """What was found among unread records. `times`: when the first unread record of each partition was written, if it
    could be read. `people`: how many people are past their time unread. `all_searched`: False if there was no time for
    all records, so there may be more."""

    times: Mapping[Partition, datetime]
    people: int
    all_searched: bool


@dataclass(frozen=True)
class Broker:
    """What Kafka says. `ends`: the offset that the next record of each partition gets. `committed`: by group and
    partition."""

    ends: Mapping[Partition, int]
    committed: Mapping[tuple[str, str, int], int]
    members: Mapping[str, int]

    def lag_of(self, positions: Positions, times: Mapping[Partition, datetime], now: datetime) -> Lag:
        lags = {place: max(0, self.ends.get(place, 0) - offset) for place, (offset, _) in positions.items()}
        unread = [times[place] for place, lag in lags.items() if lag and place in times]
        known = bool(positions) and all(place in times for place, lag in lags.items() if lag)
        seconds = max((max(0.0, (now - when).total_seconds()) for when in unread), default=0.0)
        return Lag(sum(lags.values()), seconds if known else None, unread)

    def group_lag(self, group: str, positions: Positions) -> int:
        return sum(max(0, self.ends.get(place, 0) - self.committed.get((group, *place), 0)) for place in positions)

    def unread_spans(self, positions: Mapping[str, Positions]) -> dict[Partition, tuple[int, int]]:
        """By partition, the first offset that some service has not read, and the end."""
        first: dict[Partition, int] = {}
        for places in positions.values():
            for place, (offset, _) in places.items():
                if offset < self.ends.get(place, 0):
                    first[place] = min(offset, first.get(place, offset))
        return {place: (offset, self.ends[place]) for place, offset in first.items()}


def ask(kafka: str, services: Sequence[str]) -> Broker:
    """How far streams and groups are. UsageError where Kafka does not answer."""
    groups = [group_of(service) for service in services]
    ends, committed = ends_and_committed(kafka, REGISTRY.topics_in, groups)
    return Broker(ends, committed, members_of(kafka, groups) if groups else {})


def search(kafka: str, broker: Broker, positions: Mapping[str, Positions], now: datetime) -> Unread:
    """What lies unread, for as long as there is time. UsageError where Kafka does not answer."""
    spans = broker.unread_spans(positions)
    records = [_record(read) for read in records_between(kafka, spans, SEARCH_SECONDS)] if spans else []
    times: dict[Partition, datetime] = {}
    reached: dict[Partition, int] = {}
    for record in records:
        place = (record.topic, record.partition)
        times[place] = min(record.timestamp, times.get(place, record.timestamp))
        reached[place] = max(record.offset + 1, reached.get(place, 0))
    if not records:
        return Unread(times, 0, not spans)
    # Rules and policy take half a second to import and load, and are needed only where something lies unread.
    judging: Any = import_module("services.ops.unread_people")
    people, all_judged = judging.people_past_their_time(
        [(record, _behind(record, positions)) for record in records], now, JUDGE_SECONDS
    )
    all_read = all(reached.get(place, 0) >= end for place, (_, end) in spans.items())
    return Unread(times, people, all_read and all_judged)


def within(seconds: float, work: Callable[[], T]) -> T | None:
    """The result of the work; None if it takes longer, or if Kafka does not answer. A frozen broker accepts connections
    and never answers, so nobody must have to wait for it. Raises whatever else the work raises."""
    found: Future[T] = Future()

    def run() -> None:
        try:
            found.set_result(work())
        except BaseException as problem:  # noqa: BLE001 - raised again where it is waited for
            found.set_exception(problem)

    threading.Thread(target=run, daemon=True).start()
    try:
        return found.result(seconds)
    except (TimeoutError, UsageError):
        return None


def _behind(record: Record, positions: Mapping[str, Positions]) -> list[str]:
    """The services that have yet to read this record."""
    place = (record.topic, record.partition)
    return [service for service, places in positions.items() if place in places and places[place][0] <= record.offset]


def _record(came: Any) -> Record:
    at = datetime.fromtimestamp(max(0, came.timestamp) / 1000, UTC)
    return Record(came.topic, came.partition, came.offset, at, came.key, came.value, tuple(came.headers))
