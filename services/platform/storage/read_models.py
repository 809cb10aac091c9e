"""What the tables say of how the relay is doing: each question stated once, for commands, gauges and the story."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from services.platform.storage.clock import NOW
from services.platform.storage.rows import Connection
from services.platform.storage.sessions import Session

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Question(Generic[Row]):
    """A statement without parameters, and what each of its rows says."""

    statement: str
    row: Callable[..., Row]

    def ask(self, conn: Session) -> list[Row]:
        return [self.row(*row) for row in conn.execute(self.statement).fetchall()]

    async def ask_in_worker(self, conn: Connection) -> list[Row]:
        return [self.row(*row) async for row in await conn.execute(self.statement)]


class Count(NamedTuple):
    service: str
    number: int


class Age(NamedTuple):
    """Seconds, never below 0."""

    service: str
    seconds: float


class FateCount(NamedTuple):
    service: str
    fate: str
    number: int


class Since(NamedTuple):
    service: str
    at: datetime


class StreamPosition(NamedTuple):
    """The offset that a service reads next of a partition, and how far in time it has read it."""

    service: str
    topic: str
    partition: int
    next_offset: int
    read_to: datetime | None


class Release(NamedTuple):
    """What the files of a service were last made due for."""

    service: str
    release: str
    policy_version: str


# Linked in no service. A service that does not read the stream with the other half always lacks it: nobody waits.
# An answer to no notification of its sender is no link: its sender has been told.
PENDING = """
select f.service, f.id, f.accepted_at from fact f
where f.is_current and f.missing is not null and f.missing not in ('unknown_notification', 'not_the_recipient')
and not exists (
    select 1 from release r join fact o on o.service = r.service and o.id = f.id
    where o.is_current and o.missing is null)
"""


def _the_moment(now: datetime) -> datetime:
    return now


CLOCK: Question[datetime] = Question(f"select {NOW}", _the_moment)
SERVICES: Question[str] = Question("select service from release union select service from stream_position", str)
STREAM_POSITIONS = Question(
    "select service, topic, partition, next_offset, read_to from stream_position", StreamPosition
)
RELEASES = Question("select service, release, policy_version from release", Release)

OUTBOX = Question("select service, count(*) from outbox where parked is null group by service", Count)
PARKED = Question("select service, count(*) from outbox where parked is not null group by service", Count)
PENDING_FACTS = Question(f"select service, count(*) from ({PENDING}) p group by service", Count)  # noqa: S608
UNEXPLAINED = Question("select service, count(*) from unexplained group by service", Count)
FAULTED_FILES = Question("select service, count(*) from case_file where faulted_on is not null group by service", Count)
# When the open asks of a live duty are due, earliest first, is kept beside it: only what is past its time is read.
ASKS_OVERDUE = Question(
    f"""select service, sum(width_bucket({NOW}, asks_by)) from delivery
    where asks_by is not null and asks_by[1] <= {NOW} group by service""",  # noqa: S608 - our own words
    Count,
)
FATES = Question("select service, fate, count(*) from record group by service, fate", FateCount)

OLDEST_PENDING = Question(
    f"""select service, greatest(0, extract(epoch from {NOW} - min(accepted_at)))::float8
    from ({PENDING}) p group by service""",  # noqa: S608
    Age,
)
OLDEST_IN_OUTBOX = Question(
    f"""select service, greatest(0, extract(epoch from {NOW} - min(at)))::float8
    from outbox where parked is null group by service""",  # noqa: S608
    Age,
)
OLDEST_FAULTED = Question(
    "select service, min(first_at) from refusal where settled_at is null and reason = 'faulted' group by service", Since
)
# What was delivered about a person lies in the file of one of the person's records. Until somebody has answered, all
# asks of a notification are open.
PEOPLE_UNANSWERED = Question(
    f"""select count(distinct coalesce(j.person, t.file)) from delivery t
    left join joined j on j.service = t.service and j.record = t.file
    where t.asks_by is not null and t.asks_by[1] <= {NOW}""",  # noqa: S608 - our own words
    int,
)


def clock(conn: Session) -> datetime:
    """The one clock: a story's where one is being played, else the database's."""
    (now,) = CLOCK.ask(conn)
    return now
