"""Incidents that mount up: how often within a window the same people's incidents came to the notification of police."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache

from schemas.police_incidents.v1 import IncidentReported
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, Fact
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Window
from services.platform.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Counted:
    """One incident with the moment that counts and the window in force on the day on which it was reported."""

    fact: Fact
    incident: IncidentReported
    moment: datetime
    window: Window


@dataclass(frozen=True, slots=True)
class Reached:
    """A number that was reached at one incident. `before` counted towards it; `after` followed while its window ran."""

    at: Counted
    before: tuple[Counted, ...]
    after: tuple[Counted, ...] = ()

    @property
    def all(self) -> tuple[Counted, ...]:
        return (*self.before, self.at, *self.after)


def counted(incidents: Iterable[Fact], window: str, policy: Policy) -> list[Counted]:
    """Callouts and disclosures in order: one for each incident log, historic ones left out."""
    logs: dict[tuple[str, str], Counted] = {}
    known = (_counted(fact, window, policy) for fact in incidents)
    for each in sorted(known, key=lambda each: (each.incident.reported_at, each.incident.crime_reference)):
        if not each.incident.historic:
            logs.setdefault((each.incident.force_code, each.incident.incident_log), each)
    return sorted(logs.values(), key=lambda each: (each.moment, each.incident.crime_reference))


@lru_cache(maxsize=INCIDENTS_REMEMBERED)
def _counted(fact: Fact, window: str, policy: Policy) -> Counted:
    """Remembered for the next evaluation, as victims are."""
    assert isinstance(fact.body, IncidentReported)  # noqa: S101 - nothing else is counted
    incident = fact.body
    row = policy.window(window, incident.force_code, london_day(incident.reported_at))
    moment = incident.reported_at if row.counts_by == "reported_at" else incident.occurred_from
    return Counted(fact, incident, moment, row)


def thresholds_reached(incidents: Iterable[Counted], policy: Policy) -> list[Reached]:
    """Each time that a number was reached anew: what follows while its window runs belongs to it. One pass."""
    recent: deque[Counted] = deque()
    found: list[Reached] = []
    after: list[list[Counted]] = []
    for each in incidents:
        while recent and not policy.within_window(each.window, recent[0].moment, each.moment):
            recent.popleft()
        if found and policy.within_window(found[-1].at.window, found[-1].at.moment, each.moment):
            after[-1].append(each)
        elif len(recent) + 1 >= each.window.n:
            found.append(Reached(each, tuple(recent)))
            after.append([])
        recent.append(each)
    return [replace(reached, after=tuple(followed)) for reached, followed in zip(found, after, strict=True)]


def newest_of_each_count(incidents: Iterable[Counted], policy: Policy) -> Iterator[tuple[Counted, ...]]:
    """For each incident at which the number is reached or passed, the newest that make up the number, itself last."""
    recent: deque[Counted] = deque()
    for each in incidents:
        recent.append(each)
        while len(recent) > each.window.n or not policy.within_window(each.window, recent[0].moment, each.moment):
            recent.popleft()
        if len(recent) == each.window.n:
            yield tuple(recent)
