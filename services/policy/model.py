"""What deployers decide: who exists, who may see what, who is told of what and by when; dated, and each with its source."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas import values as v
from schemas.classes import DataClass, Form

Whose = Literal["subject", "own_pupils", "case", "any"]
Serves = Literal["victim", "child", "suspect", "case", "school", "policy"]
AskName = Literal["acknowledge", "accept", "decide"]


class Row(BaseModel):
    """A line of a policy file: unknown keys are mistakes, and are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Dated(Row):
    """In force from the first day up to, and not on, the second; `source` says what it rests on."""

    begins: date
    ends: date | None = None
    source: v.Text

    def in_force(self, on: date) -> bool:
        return self.begins <= on and (self.ends is None or on < self.ends)


class Grant(Row):
    """What a kind of agency may see. A form of `full` covers all forms of its class."""

    data_class: DataClass
    form: Form = Form.FULL
    whose: Whose = "subject"


class Kind(Row):
    """One row of the table of agencies: by whose area it is chosen, and all that it may see."""

    kind: v.AgencyId
    title: v.Text
    serves: Serves
    grants: tuple[Grant, ...]
    outward: bool  # outside police, courts and CPS: its notices carry the line on safe contact
    texts: tuple[v.Code, ...] = ()


class Desk(Row):
    """An address inside an agency, for a stretch of time."""

    desk: Literal["duty", "manager", "strategic"]
    name: v.Text
    begins: datetime | None = None
    ends: datetime | None = None


class Agency(Row):
    """One agency with its own id, topic and grants beyond its kind's."""

    id: v.AgencyId
    kind: v.AgencyId
    name: v.Text
    forces: frozenset[str] = frozenset()
    las: frozenset[str] = frozenset()
    courts: frozenset[str] = frozenset()
    schools: frozenset[str] = frozenset()
    desks: tuple[Desk, ...]
    begins: datetime | None = None
    ends: datetime | None = None
    default: bool = False  # serves wherever no other agency of its kind does
    gateway: v.Text | None = None
    languages: tuple[v.Code, ...] = ("en",)
    extra_grants: tuple[Grant, ...] = ()

    def in_force(self, at: datetime) -> bool:
        return (self.begins is None or self.begins <= at) and (self.ends is None or at < self.ends)


class Within(Row):
    """A length of time. `hours` and `minutes` are elapsed; `working_days` end at 17:00 of that day, London time;
    `days_beginning_with` counts the first day and `days_after` does not, both ending as that last day ends;
    `next_session`: before the next session of the child's establishment, `by_end_of_day`: the same day."""

    minutes: int | None = None
    hours: int | None = None
    working_days: int | None = None
    days_beginning_with: int | None = None
    days_after: int | None = None
    next_session: bool = False
    by_end_of_day: bool = False


class Asking(Row):
    ask: AskName
    within: Within
    answers: tuple[v.Code, ...]


class Told(Row):
    """One recipient of a route."""

    kind: v.AgencyId
    within: Within | None = None  # else the route's
    asks: tuple[Asking, ...] = ()
    urgency: Literal["routine", "prompt", "urgent"] | None = None
    gather: Literal["singly", "batch", "digest"] = "singly"
    texts: tuple[v.Code, ...] = ()


class Power(Row):
    lawful_basis: v.Text
    gateway: v.Text
    purpose: v.Text


class Route(Dated):
    """Who is told of one thing that a rule finds, by when, what is asked, and under which power."""

    route: v.Code
    told: tuple[Told, ...]
    within: Within
    urgency: Literal["routine", "prompt", "urgent"] = "prompt"
    shortest_window: timedelta = timedelta(hours=1)  # the least time anyone gets when told late
    settles: timedelta | None = None  # set where the rule rests on absence
    reminders: tuple[Within, ...] = ()
    power: Power
    tells_from: datetime
    texts: tuple[v.Code, ...] = ()


class Thresholds(Dated):
    """Ticks at which an area refers, for one tool; None: that tool has no tick count."""

    forces: frozenset[str]
    tool: v.Text
    marac: int | None
    idva_without_consent: int | None
    idva_with_consent: int | None


class Window(Dated):
    """A count of incidents over a stretch of time: `escalation` (3 in 12 months)."""

    window: v.Code
    forces: frozenset[str]
    n: Annotated[int, Field(ge=1)]
    months: Annotated[int, Field(ge=1)]
    counts_by: Literal["reported_at", "occurred_at"] = "reported_at"


class LinkClock(Dated):
    """How long a fact type may wait for its people before each step of its ladder; `route` is told at once."""

    type: v.Text
    route: v.Code | None
    within: Within
    settles: timedelta = timedelta(0)


class Ladder(Dated):
    """Shares of an ask's window at which the next person hears that nobody answered."""

    remind: float = 0.25
    manager: float = 0.5
    strategic: float = 0.75
    next_able: float = 0.75
    duty_inspector: float = 1.0


class Areas(Row):
    """Where the people of a matter are, for choosing agencies; never shown."""

    victim: v.Residence = v.Residence()
    child: v.Residence = v.Residence()
    suspect: v.Residence = v.Residence()
    case_force: str | None = None
    court_ou: str | None = None
    school_urn: str | None = None


class Chosen(Row):
    """The agency that serves, others that are able to in its place, and whether policy had to fall back on a default."""

    told: Told
    agency: Agency
    next_able: tuple[Agency, ...] = ()
    by_default: bool = False
