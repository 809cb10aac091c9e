"""What rules state: duties owed to agencies, and who is told nothing and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from schemas.classes import DataClass, Form
from services.casefile.facts import Key

Basis = Literal["recorded", "alleged", "assessed", "court_found"]
Urgency = Literal["routine", "prompt", "urgent"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that could be said, with what decides who may hear it. `about`: the place that it is about."""

    what: str
    value: Any
    data_class: DataClass
    form: Form = Form.FULL
    about: str | None = None
    basis: Basis = "recorded"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted from the agency, by when; `met_by` when a rule already knows a fact that meets it."""

    ask: Literal["acknowledge", "accept", "decide"]
    by: datetime
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """The policy row behind a duty: its route, version, source and the power to share."""

    route: str
    policy_version: str
    source: str
    lawful_basis: str = ""
    gateway: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Duty:
    """This agency must know this matter. Times are data: a rule never asks what time it is.

    `person`: the place whose duty it is (the victim, the child), for grants that speak of the subject.
    `grounds`: ids of every fact it rests on, links included. `opens`: not told before; with `settles`, not told either
    while the streams have not been read up to it. `met_by` and `ended`: the facts that ended it and a closed-list
    reason; a duty that has ended is stated still. `next_able`: agencies asked in turn when this one declines.
    """

    key: Key
    kind: str  # of the agency
    person: str
    grounds: tuple[str, ...]
    matter: tuple[Item, ...]
    why: Why
    opens: datetime
    tell_by: datetime
    asks: tuple[Ask, ...] = ()
    remind_at: tuple[datetime, ...] = ()
    lapses: datetime | None = None
    met_by: tuple[str, ...] = ()
    ended: str | None = None
    settles: bool = False
    shortest_window: timedelta = timedelta(hours=1)
    next_able: tuple[str, ...] = ()
    inspector: str | None = None  # the risk-holding force's duty inspector, last rung of the ladder
    desk: str = "duty"
    urgency: Urgency = "prompt"
    gather: Literal["singly", "batch", "digest"] = "singly"
    texts: tuple[str, ...] = ()

    def over(self, now: datetime) -> str | None:
        """Why it has ended, or None while it lives."""
        if self.met_by or self.ended:
            return self.ended or "met"
        return "lapsed" if self.lapses is not None and self.lapses <= now else None

    def moments(self) -> Iterator[datetime]:
        """Every instant at which something new may be said of it."""
        if not (self.met_by or self.ended):
            yield self.opens
            yield from self.remind_at
            if self.lapses is not None:
                yield self.lapses


@dataclass(frozen=True, slots=True)
class Withheld:
    """Considered, and told nothing: why, in one word of the closed list."""

    key: Key
    kind: str
    grounds: tuple[str, ...]
    reason: str
    why: Why


Statement = Duty | Withheld
Content = tuple[tuple[str, str | None, Any, Basis], ...]  # (what, about, value, basis), projected


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one agency; the newest of a key is what the agency was told.

    `asked_at`: the revision since which the asks stand: an answer to an older one no longer counts.
    `first_told_at`: when this run of the duty began, reminders and updates keep it.
    """

    kind: Literal["notify", "update", "remind", "close", "correct"]
    state: Literal["live", "closed", "withdrawn"]
    key: Key
    revision: int
    grounds: tuple[str, ...]
    content: Content
    asks: tuple[Ask, ...]
    reason: str | None
    late: bool
    at: datetime
    first_told_at: datetime
    asked_at: int
    duty: dict[str, Any] = field(default_factory=dict)  # agency_kind, desk, urgency, gather, texts, tell_by, why




@dataclass(frozen=True, slots=True)
class Look:
    """One comparison of owed with told. `held_back_until`: a duty waits for the streams to be read this far."""

    notices: tuple[Notice, ...]
    withheld: tuple[Withheld, ...]
    unexplained: tuple[Key, ...]
    faulted: tuple[str, ...]  # names of rules that raised
    look_again_at: datetime | None
    held_back_until: datetime | None
