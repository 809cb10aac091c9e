"""What rules state (duties owed to agencies, and who is told nothing and why) and what agencies were told."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid5

from schemas.classes import Basis, DataClass, Form
from services.platform.domain.core.facts import Key
from services.platform.domain.core.reasons import Reason
from services.platform.policy import model

AskName = Literal[model.AskName, "act"]  # who is asked in the end is asked to act
DeskName = model.DeskName
Urgency = model.Urgency
Content = tuple[tuple[str, str | None, Any, Basis], ...]  # (what, about, value, basis), projected
NOTIFICATIONS = UUID("3b1f7a52-6c0e-5d6b-9a64-7f2f0c1d8e35")


@dataclass(frozen=True, slots=True)
class Present:
    """Says of an item that it speaks of now, and from when until when it is true. A notification that is closed does
    not repeat it: what becomes so later would prove it wrong."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        return (self.since is None or self.since <= now) and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that could be said, with what decides who may hear it. `about`: the place that it is about; `present`:
    only of what may be so today and not tomorrow."""

    what: str
    value: Any
    data_class: DataClass
    form: Form = Form.FULL
    about: str | None = None
    basis: Basis = "recorded"
    present: Present | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """What is wanted from the agency, by when, and the coded answers accepted. `met_by`: the answer that met it, which
    escalation finds; rules leave it empty. `counted`: in which time shares of its time are measured.
    `needs_reason`: answers that decide only with a coded reason."""

    ask: AskName
    by: datetime
    answers: tuple[str, ...]
    counted: model.Counted = "elapsed"
    met_by: str | None = None
    needs_reason: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """The policy row behind a duty: its route, version, source and the power to share."""

    route: str
    policy_version: str
    source: str
    lawful_basis: str = ""
    gateway: str = ""
    purpose: str = ""
    by_default: bool = False  # no agency of this kind serves that area: a default desk was chosen
    measured_by: str = field(default="", compare=False)  # thresholds and counts, as `explain` says them; kept nowhere


@dataclass(frozen=True, slots=True)
class LastStep:
    """The last escalation step: who is asked to act when the whole time has passed, what to do, and which answers
    count."""

    agency: str
    kind: str
    desk: DeskName
    text: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Duty:
    """This agency must know this matter. Times are data: a rule never asks what time it is.

    `person`: the place of the victim or child whom it is about, for grants that speak of the subject; `same_person`:
    that person's other places in this matter. `changes_at`: when items of the matter begin or cease to be true.
    `grounds`: ids of every fact that it rests on, links included. `arose`: when there was cause for it; `on`: that day
    in London.

    `opens`: told from then on; None: as soon as it is known. With `settles`, not before the streams have been read up
    to `opens` either. `lapses_as`: why it has ended from `lapses` on. `met_by` and `ended`: the facts that ended it,
    and a reason of the closed list; a duty that has ended is still stated.

    `asked_for`: a code of what its asks are about: while it is the same, an answered ask is not asked anew. None: they
    are about the whole matter. `next_able`: agencies that are asked in turn when this one declines.
    """

    key: Key
    kind: str  # of the agency
    person: str
    grounds: tuple[str, ...]
    matter: tuple[Item, ...]
    why: Why
    arose: datetime
    on: date
    tell_by: datetime
    opens: datetime | None = None
    asks: tuple[Ask, ...] = ()
    remind_at: tuple[datetime, ...] = ()
    changes_at: tuple[datetime, ...] = ()
    lapses: datetime | None = None
    lapses_as: str = Reason.LAPSED
    met_by: tuple[str, ...] = ()
    ended: str | None = None
    asked_for: str | None = None
    settles: bool = False
    shortest_window: timedelta = timedelta(hours=1)
    next_able: tuple[str, ...] = ()
    last_step: LastStep | None = None
    ends_after: model.Within | None = None  # from the first telling, whether anybody has answered or not
    escalates: bool = True  # whether silence reminds this agency and is told to others
    desk: DeskName = "duty"
    urgency: Urgency = "prompt"
    gather: Literal["singly", "batch", "digest"] = "singly"
    texts: tuple[str, ...] = ()
    same_person: tuple[str, ...] = ()

    def but(self, **changes: Any) -> "Duty":
        """As `dataclasses.replace`, six times as fast: an evaluation of a long file changes thousands."""
        changed = object.__new__(Duty)
        changed.__dict__.update(self.__dict__, **changes)
        return changed

    def over(self, now: datetime) -> str | None:
        """Why it has ended, or None while it lives."""
        if self.met_by or self.ended:
            return self.ended or Reason.MET
        return self.lapses_as if self.lapses is not None and self.lapses <= now else None

    def as_true_at(self, moment: datetime) -> "Duty":
        """The same with those items alone that were true at this moment."""
        if not self.changes_at:
            return self
        true = tuple(item for item in self.matter if item.present is None or item.present.holds(moment))
        return self.but(matter=true)

    def speaks_of_now(self) -> frozenset[str]:
        """The names of those items of the matter that can change with the day."""
        return frozenset(item.what for item in self.matter if item.present is not None)

    def moments(self) -> tuple[datetime, ...]:
        """Every instant at which something new may be said of it."""
        if self.met_by or self.ended:
            return ()
        opens = () if self.opens is None else (self.opens,)
        changes = (*self.remind_at, *opens, *self.changes_at)
        return changes if self.lapses is None else (*changes, self.lapses)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Considered, and told nothing: why, in one word of the closed list."""

    key: Key
    kind: str
    grounds: tuple[str, ...]
    reason: str
    why: Why


Statement = Duty | Withheld


class Whom(NamedTuple):
    """The person at a place when a notification was sent, as far as that was stated. `record`: the record itself, not
    the person whose records merges join; `born`: a date as it is written."""

    record: str | None
    name: str | None = None
    born: str | None = None

    def as_known_before(self, before: "Whom | None") -> "Whom":
        """The same person with what was known before and is stated no longer."""
        if before is None:
            return self
        return Whom(self.record or before.record, self.name or before.name, self.born or before.born)


@dataclass(frozen=True, slots=True)
class Asked:
    """An ask as this agency was told it: `by` allows for a late telling; `since`: from when it has stood unanswered."""

    ask: AskName
    by: datetime
    answers: tuple[str, ...]
    since: datetime
    met_by: str | None = None
    needs_reason: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one agency. The newest of each key is the delivery state.

    `grounds`: those of the duty; of a sent notification, those at the time of sending. `asked_in`: the revision since
    which the asks are open; `asked_since`: when that was sent. `first_told_at`: when this run of the duty began;
    reminders and updates keep it. `texts`: codes of fixed texts. `late`: first told after `tell_by`. `changed`: in an
    update, what differs from the revision before, by name and never by value: items of the matter, and `asks`, `texts`
    and `urgency`.

    `whom`: who stood at `person` when it was sent; None where it is about no person's place, or where that is not
    known. `asked_for`: that of the duty. Both are kept, and sent to nobody.
    """

    kind: Literal["notify", "update", "remind", "close", "correct"]
    state: Literal["live", "closed", "withdrawn"]
    key: Key
    agency_kind: str
    person: str
    revision: int
    grounds: tuple[str, ...]
    content: Content
    asks: tuple[Asked, ...]
    asked_at: int
    asked_since: datetime
    reason: str | None
    late: bool
    at: datetime
    first_told_at: datetime
    arose: datetime
    tell_by: datetime
    desk: DeskName
    urgency: Urgency
    gather: Literal["singly", "batch", "digest"]
    texts: tuple[str, ...]
    why: Why
    changed: tuple[str, ...] = ()
    whom: Whom | None = None
    asked_for: str | None = None

    @property
    def id(self) -> str:
        """The notification's id: the same key and revision have one id for ever."""
        return notification_id(self.key, self.revision)

    def heeds(self, answered: int) -> bool:
        """Whether an answer to this revision counts for the newest: what was replaced by more than it, or taken back,
        is not what its agency has taken on."""
        return self.state != "withdrawn" and answered >= self.asked_at

    @property
    def replaces(self) -> str | None:
        """The id of the notification before it, or None for the first."""
        return notification_id(self.key, self.revision - 1) if self.revision > 1 else None


def notification_id(key: Key, revision: int) -> str:
    """Names cannot contain the separator, so no two keys share an id."""
    return str(uuid5(NOTIFICATIONS, "\x1f".join((*key, str(revision)))))


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that raised, for these files: its name, the class of the error and its place in the code, no message."""

    rule: str
    error: str
    where: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of comparing what is owed with what was delivered.

    `held_back_until`: a duty waits until the streams have been read this far. `regrounded`: nothing is sent, but a
    delivered duty rests on other facts now, or has been answered: its newest notification, to be remembered with the
    new grounds and answers. `withheld`: all of them; the caller records what changed.
    """

    notifications: tuple[Notification, ...]
    withheld: tuple[Withheld, ...]
    unexplained: tuple[Key, ...]
    evaluate_again_at: datetime | None
    held_back_until: datetime | None
    regrounded: tuple[Notification, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def faulted(self) -> tuple[str, ...]:
        """Names of the rules that raised."""
        return tuple(fault.rule for fault in self.faults)
