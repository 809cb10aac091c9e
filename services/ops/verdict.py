"""What is wrong with the relay, in sentences, the most pressing first: people before machines."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from services.ops.terminal import plural, span

# As the alarm on a consumer group's lag in docs/runbook.md.
BEHIND_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """One service.

    `workers`: members of its consumer group. `lag`: records behind the end of its streams, by the offsets in its
    database; `group_lag`: by what its consumer group has committed. `lag_seconds`: the age of the oldest record that it
    has not read. Each of these is None if Kafka does not answer.

    `decided`: told, or told nobody and why. `oldest_without_outcome`: seconds since the oldest record that is unread,
    or faulted and not yet judged again; pending and refused records have their outcome.
    """

    service: str
    workers: int | None
    lag: int | None
    group_lag: int | None
    lag_seconds: float | None
    read_to: datetime | None
    decided: int
    pending: int
    refused: int
    faulted: int
    repeated: int
    outbox: int
    outbox_seconds: float
    parked: int
    asks_overdue: int
    unexplained: int
    faulted_files: int
    oldest_without_outcome: float | None
    release: str | None
    policy_version: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """All services at one moment.

    `wrong`: what somebody must see to, the most pressing first; empty where all is well. `people_unanswered`: people
    past their time for whom an agency has not answered; `people_unread`: those whose events no service has read in
    time, None where that is not known; `all_searched`: False where there was no time for all unread events, so
    there may be more. `moved_ahead`: groups that have committed more than the database holds.
    """

    at: datetime
    wrong: tuple[str, ...]
    people_unanswered: int
    people_unread: int | None
    all_searched: bool
    services: tuple[Service, ...]
    moved_ahead: tuple[str, ...]


def people(number: int) -> str:
    return plural(number, "person is", lambda _: "people are")


def wrong(now: Status, *, kafka_answers: bool) -> Iterator[str]:
    """Nothing where all is well."""
    if now.people_unread:
        yield f"{people(now.people_unread)} past their time, and nobody was told: the events about them are unread."
    for place in now.moved_ahead:
        yield f"the database knows less than was read ({place}): start nothing, see docs/runbook.md."
    if not kafka_answers:
        yield "Kafka does not answer: what is unread, and about how many people, is not known."
    elif not now.all_searched:
        yield "there was no time to search all unread events: more people may be past their time."
    for service in now.services:
        yield from _of_service(service)
    if now.people_unanswered:
        yield f"{people(now.people_unanswered)} past their time: agencies were told, and have not answered."


def _of_service(service: Service) -> Iterator[str]:
    name = service.service
    if service.workers == 0:
        yield f"no worker of {name} is running."
    if service.lag and (service.lag_seconds is None or service.lag_seconds >= BEHIND_SECONDS):
        oldest = "" if service.lag_seconds is None else f"; the oldest has waited {span(service.lag_seconds)}"
        yield f"{name} has not read {plural(service.lag, 'record')}{oldest}."
    if service.outbox_seconds >= BEHIND_SECONDS:
        unsent, waited = plural(service.outbox, "record"), span(service.outbox_seconds)
        yield f"{name} cannot publish: {unsent} not sent; the oldest has waited {waited}."
    for number, one, many, what in (
        (service.faulted, "record", "records", "could not be judged"),
        (service.parked, "notification", "notifications", "refused by the broker"),
        (service.faulted_files, "case file", "case files", "in which a rule raises an error"),
        (service.unexplained, "duty", "duties", "told, owed no longer, and without a reason"),
    ):
        if number:
            yield f"{name}: {number:,} {one if number == 1 else many} {what}; see docs/runbook.md."
