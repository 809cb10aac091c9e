"""Matters of which an evaluation says nothing until a known moment, kept for the next: an event costs by its reach."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.platform.domain.core.duties import Duty, Notification, Statement, Withheld
from services.platform.domain.core.escalation import ESCALATION_STEPS, STEPS, place_of
from services.platform.domain.core.facts import Answer, Key
from services.platform.domain.core.subjects import matter_in
from services.platform.policy.policy import Policy

MATTERS_REMEMBERED = 4_000  # beside what was stated of each, which is remembered anyway, about 1 kB


@dataclass(frozen=True, slots=True)
class Matter:
    """All by which an evaluation goes in one matter (an incident, a case), as long as no fact that something was told
    for has fallen; the time, how far streams are read and who stands where excepted.

    `steps_delivered`: whether any escalation step was delivered, about whichever matter of the file.
    """

    name: str
    policy: Policy
    steps_delivered: bool
    stated: tuple[Statement, ...]
    delivered: tuple[Notification, ...]
    answers: tuple[Answer, ...]

    def __hash__(self) -> int:
        return hash((self.name, len(self.stated), len(self.delivered)))  # all else is compared

    @property
    def by_key(self) -> Mapping[Key, Notification]:
        return {notification.key: notification for notification in self.delivered}

    def has_news(self, now: datetime) -> bool:
        """Whether something is plainly to be told; what is not plain shows when it is judged."""
        delivered_keys = {notification.key for notification in self.delivered}
        return any(
            statement.key not in delivered_keys and statement.over(now) is None and not _is_ahead(statement, now)
            for statement in self.stated
            if isinstance(statement, Duty)
        )


@dataclass(frozen=True, slots=True)
class Quiet:
    """What an evaluation found of a matter of which it said nothing; so does each one until something is due.

    `until`: the next moment ahead, None for none. `lives`: whether anything is owed still. `withheld`: all of it.
    `steps_due`: by agency, when its people would first hear of silence if nobody had answered.
    """

    since: datetime
    until: datetime | None
    lives: bool
    withheld: tuple[Withheld, ...]
    steps_due: Mapping[str, datetime]

    def holds(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(slots=True)
class Memory:
    """The quiet matters that were judged last. Each is found by all that it was judged by: none is out of date."""

    most: int
    _known: dict[Matter, Quiet] = field(default_factory=dict)

    def of(self, matter: Matter, now: datetime) -> Quiet | None:
        quiet = self._known.get(matter)
        return quiet if quiet is not None and quiet.holds(now) else None

    def keep(self, matter: Matter, quiet: Quiet) -> None:
        self._known.pop(matter, None)
        self._known[matter] = quiet
        if len(self._known) > self.most:
            self._known.pop(next(iter(self._known)))

    def __len__(self) -> int:
        return len(self._known)


REMEMBERED = Memory(MATTERS_REMEMBERED)


def matters(
    stated: Iterable[Statement], delivered: Mapping[Key, Notification], answers: Iterable[Answer], policy: Policy
) -> list[Matter]:
    """What was stated, delivered and answered, each under the matter in which its place is."""
    owed: dict[str, list[Statement]] = defaultdict(list)
    of_subject: dict[str, list[Statement]] = {}  # most of a file's statements are about few places
    for statement in stated:
        subject = statement.key.subject
        if subject not in of_subject:
            of_subject[subject] = owed[matter_in(subject)]
        of_subject[subject].append(statement)
    about: dict[str, list[Notification]] = defaultdict(list)
    for key, notification in delivered.items():
        about[_matter_of(key)].append(notification)
    heard: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        heard[_matter_of(answer.key)].append(answer)
    steps_delivered = any(key.rule in STEPS for key in delivered)
    return [
        Matter(
            name,
            policy,
            steps_delivered,
            tuple(owed.get(name, ())),
            tuple(about.get(name, ())),
            tuple(heard.get(name, ())),
        )
        for name in dict.fromkeys((*owed, *about, *heard))
    ]


def _matter_of(key: Key) -> str:
    if key.rule not in ESCALATION_STEPS:
        return matter_in(key.subject)
    return matter_in(place_of(key)[1])


def _is_ahead(duty: Duty, now: datetime) -> bool:
    return duty.opens is not None and now < duty.opens
