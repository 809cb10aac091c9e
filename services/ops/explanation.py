"""What an explanation is made from, and what it says: rows as the database keeps them, and what a reader may know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from services.ops.unread import NOTHING_UNREAD, UnreadEvents
from services.platform.domain.core.duties import Duty, Notification, Withheld
from services.platform.domain.core.facts import Key

AUDIT, OPS = "audit", "ops"
Question = Literal["event", "notification", "duty", "person", "matter", "dead letter"]


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a fact as one service keeps it. `event`: its id as its source gave it."""

    service: str
    id: str
    source: str
    event: str
    kind: str
    subject: str
    statement: str
    version: int
    basis: str
    recorded_at: datetime
    accepted_at: datetime
    is_current: bool
    missing: str | None
    content_hash: bytes
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Issued:
    """A notification that was issued, and by which evaluation of which file. `published_at`: None if it is not out yet.
    `parked`: why it never will be."""

    service: str
    notification: Notification
    file: str
    evaluation: int
    published_at: datetime | None
    parked: str | None = None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A recorded evaluation."""

    service: str
    file: str
    number: int
    at: datetime
    cause: str
    facts: Sequence[str]
    release: str
    policy_version: str
    faulted: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement that somebody is told nothing, and since when."""

    service: str
    file: str
    withheld: Withheld
    since: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """What an agency said to one revision of a duty."""

    service: str
    fact: str
    kind: str
    key: Key
    revision: int
    code: str | None
    at: datetime
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that a service refused or could not judge. `settled_at`: when it had another end after all."""

    service: str
    topic: str
    reason: str
    stage: str
    detail: str
    at: datetime
    attempts: int
    letter: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class End:
    """The one end of a record of an event in a service."""

    service: str
    source: str
    fate: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PoliceMatters:
    """What belongs to an incident in which a suspect is police. `facts`: ids of all its versions, of every fact that
    names it, and of facts that those lead here. `forces`: the incident's, and the force in whose area he lives."""

    crimes: frozenset[str] = frozenset()
    facts: frozenset[str] = frozenset()
    forces: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Material:
    """Everything that the database keeps of the files that a question leads to.

    `about`: ids of the facts that were asked about; None: all facts in these files. `keys`: the duties that were asked
    about; None: all. `delivered`: the newest notification of each duty, with the grounds that it rests on now. `owed`:
    what rules and escalation steps state now; only this knows data classes. `measured_by`: the thresholds, counts and
    pairs behind each statement, if any. `police`: what not everybody may know of. `read_to`: how far each service has
    read.
    """

    asked: str
    question: Question
    now: datetime
    about: frozenset[str] | None = None
    keys: frozenset[Key] | None = None
    versions: tuple[Version, ...] = ()
    issued: tuple[Issued, ...] = ()
    delivered: Mapping[tuple[str, Key], Notification] = field(default_factory=dict)
    evaluations: tuple[Evaluated, ...] = ()
    kept: tuple[Kept, ...] = ()
    unexplained: Mapping[tuple[str, Key], datetime] = field(default_factory=dict)
    answers: tuple[Answered, ...] = ()
    refused: tuple[Refused, ...] = ()
    ends: tuple[End, ...] = ()
    owed: Mapping[tuple[str, Key], Duty] = field(default_factory=dict)
    police: PoliceMatters = PoliceMatters()
    read_to: Mapping[str, datetime | None] = field(default_factory=dict)
    measured_by: Mapping[tuple[str, Key], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: `ops` (no recipient and no content), `audit` (recipients, and what was said to them by name but not by
    value), or a kind of agency. `agency`: which one of that kind it is, if known."""

    role: str
    agency: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One revision: its kind, its evaluation, and why. `added`, `removed`: the names of items that are new or gone.
    `grounds`: the facts on which it rested when it was sent."""

    revision: int
    kind: str
    at: datetime
    late: bool
    reason: str | None
    published_at: datetime | None
    parked: str | None
    evaluation: int
    cause: str | None
    events: tuple[str, ...]
    release: str | None
    policy_version: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    notification: str | None
    grounds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """An ask, and whether it was answered in time."""

    ask: str
    by: datetime
    answers: tuple[str, ...]
    met_by: str | None
    overdue: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, as much as this reader may know of it."""

    answer: str
    code: str | None
    at: datetime
    revision: int
    counts: bool


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """Somebody who heard that an ask went unanswered."""

    rule: str
    ask: str
    recipient: str
    at: datetime
    state: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was said; `value` where this reader may see it."""

    what: str
    about: str | None
    value: Any
    basis: str
    shown: bool


@dataclass(frozen=True, slots=True)
class DeliveredDuty:
    """One duty that was delivered to an agency. Fields that this reader may not know are empty."""

    service: str
    rule: str
    subject: str
    recipient: str
    state: str
    delivered_at: datetime
    tell_by: datetime
    late: bool
    reason: str | None
    unexplained_since: datetime | None
    changes: tuple[Change, ...] = ()
    asks: tuple[Wanted, ...] = ()
    replies: tuple[Reply, ...] = ()
    steps: tuple[EscalationStep, ...] = ()
    lines: tuple[Line, ...] = ()
    grounds: tuple[str, ...] = ()
    lawful_basis: str = ""
    gateway: str = ""
    purpose: str = ""
    policy_version: str = ""
    policy_source: str = ""
    by_default: bool = False
    measured_by: str = ""


@dataclass(frozen=True, slots=True)
class WithheldFrom:
    """Somebody who was considered and told nothing, and why."""

    service: str
    rule: str
    subject: str
    recipient: str
    reason: str
    since: datetime
    grounds: tuple[str, ...]
    policy_version: str
    policy_source: str
    measured_by: str = ""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What will be told: from `opens` on, or, where it rests on absence, once all streams are read that far."""

    service: str
    rule: str
    subject: str
    recipient: str
    opens: datetime
    held_back: bool


@dataclass(frozen=True, slots=True)
class FactVersion:
    """A version of a fact. `state`: current, superseded or withdrawn; `missing`: the link that it waits for. `event`
    and `source`: what its source calls it, where this reader may know more than what it was told."""

    id: str
    event: str | None
    source: str | None
    kind: str
    subject: str
    version: int
    basis: str
    recorded_at: datetime
    accepted_at: datetime
    state: str
    missing: str | None
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Several contents of one version: all were accepted, and the one with the later source time is current."""

    kind: str
    subject: str
    version: int
    current: str | None
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    at: datetime
    what: Literal["accepted", "refused", "notified", "answered"]
    subject: str
    by: str
    ids: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole explanation for this reader. `restricted`: only what the reader's own kind was told; there may be more.
    `unread`: events that some service has not read."""

    asked: str
    question: Question
    role: str
    at: datetime
    delivered: tuple[DeliveredDuty, ...]
    withheld: tuple[WithheldFrom, ...]
    ahead: tuple[Ahead, ...]
    facts: tuple[FactVersion, ...]
    conflicts: tuple[Conflict, ...]
    refused: tuple[Refused, ...]
    ends: tuple[End, ...]
    faulted: tuple[str, ...]
    timeline: tuple[Moment, ...]
    restricted: bool
    unread: UnreadEvents = NOTHING_UNREAD
