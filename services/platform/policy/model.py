"""What deployers decide: who exists, who may see what, who is told what and by when; dated, each with its source."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from schemas import values as v
from schemas.classes import DataClass, Form

Whose = Literal["subject", "own_pupils", "case", "any"]
Serves = Literal["victim", "child", "suspect", "case", "case_and_victim", "school", "named"]
AskName = Literal["acknowledge", "accept", "decide"]
DeskName = Literal["duty", "manager", "strategic", "holiday"]
Urgency = Literal["routine", "prompt", "urgent"]
Counted = Literal["elapsed", "working", "school"]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
KindName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]

FactType = Annotated[str, Field(pattern=r"^uk\.(police|court|agency)\.[a-z0-9]+(-[a-z0-9]+)*$")]
CourtPrefix = Annotated[str, Field(pattern=r"^[A-JZ][A-Z0-9]{1,6}$")]
Area = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,5}$")]
Count = Annotated[int, Field(ge=1, le=20_000)]
Ticks = Annotated[int, Field(ge=0, le=60)]
Share = Annotated[float, Field(gt=0, le=1)]


class Row(BaseModel):
    """A line of a policy file: unknown keys are mistakes, and are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Dated(Row):
    """In force from the first day up to, and not on, the second; `source` says what it rests on."""

    begins: v.Day
    ends: v.Day | None = None
    source: Annotated[v.Text, Field(min_length=1)]

    def in_force(self, on: date) -> bool:
        return self.begins <= on and (self.ends is None or on < self.ends)


class Grant(Row):
    """What a kind of agency may see. A form of `full` covers all forms of its class."""

    data_class: DataClass
    form: Form = Form.FULL
    whose: Whose = "subject"


class LastStep(Row):
    """Who is asked to act when the whole time has passed and nobody has answered: an agency of this kind where she, or
    the child, lives; without a kind the silent agency's own senior. `text` says what to do, `answers` what was done."""

    kind: KindName | None = None
    desk: DeskName = "duty"
    text: v.Code
    answers: Annotated[tuple[v.Code, ...], Field(min_length=1)]


class Kind(Row):
    """One row of the table of agencies: by whose area it is chosen, and all that it may see.

    `serves: named` is chosen by no route: it is told only of what it has itself asked for (a refuge). A kind that
    serves a `school` `falls_back_to` another kind where the school is not known. `last_step`: where escalation ends
    when one of them was asked and does not answer.
    """

    kind: KindName
    title: v.Text
    serves: Serves
    grants: tuple[Grant, ...]
    outward: bool  # outside police, courts and CPS: its notifications carry the line on safe contact
    texts: tuple[v.Code, ...] = ()
    falls_back_to: KindName | None = None
    last_step: LastStep | None = None
    source: Annotated[v.Text, Field(min_length=1)]

    @property
    def supports_victims(self) -> bool:
        """Whether it is one of her support services, and no desk of the police."""
        return self.serves == "victim" and self.outward


class Desk(Row):
    """An address inside an agency, for a stretch of time."""

    desk: DeskName
    name: v.Text
    begins: AwareDatetime | None = None
    ends: AwareDatetime | None = None


class Agency(Row):
    """One agency with its own id, topic and grants beyond its kind's.

    `courts` are areas of courts, as the table of courts names them. `able_for` are local authorities and forces where
    it does not serve, but can be asked in another's place. A `default` serves wherever no other of its kind does.
    """

    id: v.AgencyId
    kind: KindName
    name: v.Text
    forces: frozenset[v.ForceCode] = frozenset()
    las: frozenset[v.LaCode] = frozenset()
    courts: frozenset[Area] = frozenset()
    schools: frozenset[v.SchoolUrn] = frozenset()
    able_for: frozenset[Area] = frozenset()
    desks: tuple[Desk, ...]
    begins: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    default: bool = False
    gateway: v.Text | None = None
    languages: tuple[v.Code, ...] = ("en",)
    extra_grants: tuple[Grant, ...] = ()

    def in_force(self, at: datetime) -> bool:
        return (self.begins is None or self.begins <= at) and (self.ends is None or at < self.ends)


class Within(Row):
    """A length of time, in exactly one unit. `hours` and `minutes` are elapsed; `working_days` end at the close of that
    day, London time; `days_beginning_with` counts the first day and `days_after` does not, both ending as that last day
    ends; `next_session`: before the next session of the child's establishment, `by_end_of_day`: the same day."""

    minutes: Count | None = None
    hours: Count | None = None
    working_days: Count | None = None
    days_beginning_with: Count | None = None
    days_after: Count | None = None
    next_session: bool = False
    by_end_of_day: bool = False

    @model_validator(mode="before")
    @classmethod
    def of_one_unit(cls, given: Any) -> Any:
        """Refuses none, and more than one; what is no unit at all is reported by its own name."""
        if isinstance(given, dict) and set(given) <= set(cls.model_fields):
            units = [unit for unit, length in given.items() if length not in (None, False, "false")]
            if len(units) != 1:
                raise ValueError("give one unit of time, such as `hours: 24` or `working_days: 1`")
        return given

    @property
    def counted(self) -> Counted:
        """In which time a share of it is measured: who works on working days only is alarmed on those only, and of what
        a school has to read before its next session on the morning before that, at the latest."""
        if self.next_session:
            return "school"
        return "working" if self.working_days is not None else "elapsed"


class Asking(Row):
    """One ask of a recipient. `needs_reason`: those of its answers that decide only with a coded reason."""

    ask: AskName
    within: Within
    answers: Annotated[tuple[v.Code, ...], Field(min_length=1)]
    needs_reason: tuple[v.Code, ...] = ()

    @model_validator(mode="after")
    def reasons_are_of_answers(self) -> Self:
        if not set(self.needs_reason) <= set(self.answers):
            raise ValueError("`needs_reason` names some of `answers`")
        return self


class Recipient(Row):
    """One recipient of a route."""

    kind: KindName
    within: Within | None = None  # else the route's
    asks: tuple[Asking, ...] = ()
    urgency: Urgency | None = None
    gather: Literal["singly", "batch", "digest"] = "singly"
    texts: tuple[v.Code, ...] = ()


class Power(Row):
    lawful_basis: Annotated[v.Text, Field(min_length=1)]
    gateway: Annotated[v.Text, Field(min_length=1)]
    purpose: Annotated[v.Text, Field(min_length=1)]


class Route(Dated):
    """Who is told of one thing that a rule finds, by when, what is asked, under which power. Nobody: `recipients:
    []`."""

    route: v.Code
    recipients: tuple[Recipient, ...]
    within: Within
    urgency: Urgency = "prompt"
    shortest_window: timedelta = timedelta(hours=1)  # the least time anyone gets when told late
    settles: timedelta | None = None  # set where the rule rests on absence
    reminders: tuple[Within, ...] = ()
    ends_after: Within | None = None  # from the first telling: then nobody is asked any longer, answered or not
    escalates: bool = True  # where False nobody is reminded and nobody else hears of the silence
    power: Power
    tells_from: AwareDatetime
    texts: tuple[v.Code, ...] = ()

    def __hash__(self) -> int:
        return hash((self.route, self.begins))  # its content is compared where two are alike in this


class Thresholds(Dated):
    """Ticks at which an area refers, for one tool; None: that tool has no tick count. No forces: every other force."""

    forces: frozenset[v.ForceCode] = frozenset()
    tool: v.Text
    marac: Ticks | None
    idva_without_consent: Ticks | None
    idva_with_consent: Ticks | None


class Window(Dated):
    """A count of incidents over a stretch of time: `escalation` (3 in 12 months). No forces: every other force.

    `counts`: whether the day of the first incident is the first day of the stretch, or the day before it.
    """

    window: v.Code
    forces: frozenset[v.ForceCode] = frozenset()
    n: Annotated[int, Field(ge=1)]
    months: Annotated[int, Field(ge=1, le=1200)]
    counts: Literal["beginning_with", "after"] = "beginning_with"
    counts_by: Literal["reported_at", "occurred_at"] = "reported_at"


class Clock(Dated):
    """A length of time that a rule works with and no route has: the last day of a power, how long a view is current."""

    clock: v.Code
    within: Within


class LinkClock(Dated):
    """How long a fact type may wait for its people before escalation begins; the agencies of `route` are told at once.

    `variant`: the action or outcome that this row is for (`discharged`, `granted`); none: all others of the type.
    """

    type: FactType
    variant: v.Code | None = None
    route: v.Code | None
    within: Within
    settles: timedelta = timedelta(0)


class EscalationSteps(Dated):
    """Shares of an ask's window at which the next person hears that nobody answered."""

    remind: Share = 0.25
    manager: Share = 0.5
    strategic: Share = 0.75
    next_able: Share = 0.75
    last_step: Share = 1.0


class Limits(Dated):
    """Where a worker stops by itself, so that a person looks first.

    `faulted_files_a_minute`: when rules raise in more files than this within a minute, the release is bad.
    """

    faulted_files_a_minute: Count


class Text(Row):
    """Fixed words on notifications: on every one, on those that leave police, courts and CPS, or where a row names
    them."""

    text: v.Code
    words: Annotated[v.Text, Field(min_length=1)]
    on: Literal["every", "outward", "named"] = "named"
    when_over: bool = False  # asks for nothing, and stays on a notification that closes or takes back
    instead_of: v.Code | None = None  # the text that a kind of agency does not read which reads this one
    read_by: frozenset[KindName] = frozenset()  # where a rule names it: these kinds alone read it; none: all do
    source: Annotated[v.Text, Field(min_length=1)]


class Force(Row):
    code: v.ForceCode
    name: v.Text


class LocalAuthority(Row):
    """A local authority with its three-figure code, and the force in whose area it lies."""

    la_code: v.LaCode
    name: v.Text
    force: v.ForceCode


class Court(Row):
    """The courts whose code begins with `prefix` (the longest that fits counts), their area, and when they sit."""

    prefix: CourtPrefix
    area: Area
    name: v.Text
    sits: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")
    sits_from: time = time(10)


class MarkedOffence(Row):
    """An offence code that marks its case as domestic abuse."""

    code: v.Code
    title: v.Text
    source: Annotated[v.Text, Field(min_length=1)]


class NoOffence(Row):
    """A code that stands among offences and is none: nobody is ever convicted of it."""

    code: v.Code
    title: v.Text
    source: Annotated[v.Text, Field(min_length=1)]


class MayState(Row):
    """The kinds of agency that may say this; `any_kind`: whoever was asked."""

    type: FactType
    kinds: frozenset[KindName] = frozenset()
    any_kind: bool = False
    source: Annotated[v.Text, Field(min_length=1)]


class Placeholder(Row):
    """What a source writes where it does not know a person: it names nobody. Case, spaces and punctuation aside."""

    placeholder: Annotated[v.Text, Field(min_length=1)]


class PlaceWord(Row):
    """A word of an order's free text that says a place. `#` stands for one to four words.

    `in_names`: it counts only at the end of a name, as in "Nowhere Close".
    """

    place_word: Annotated[v.Text, Field(min_length=1)]
    in_names: bool = False


class NotPlace(Row):
    """A phrase that holds such a word and says no place. `{word}` stands for any single one of these words."""

    not_place: Annotated[v.Text, Field(min_length=1)]


def _is_a_pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error:
        raise ValueError("a regular expression is expected") from None
    return text


class PlaceholderIdentifier(Row):
    """An identifier that looks real and names nobody: all of its canonical form matches the pattern."""

    identifier: Literal["urn", "asn", "defendant_id"]
    pattern: Annotated[v.Text, Field(min_length=1), AfterValidator(_is_a_pattern)]
    source: Annotated[v.Text, Field(min_length=1)]


class Term(Row):
    """A stretch in which a school is open, its first and its last day included."""

    first: v.Day
    last: v.Day

    @model_validator(mode="after")
    def ends_after_it_begins(self) -> Self:
        if self.last < self.first:
            raise ValueError("`last` must not be before `first`")
        return self


class SchoolCalendar(Row):
    """The terms of a local authority's schools, or of one establishment that sets its own; half-terms are two terms.

    `inset`: days in term without pupils. `session_begins`: when the first session of a day begins, London time.
    """

    la_code: v.LaCode | None = None
    school_urn: v.SchoolUrn | None = None
    terms: Annotated[tuple[Term, ...], Field(min_length=1)]
    inset: frozenset[v.Day] = frozenset()
    session_begins: time | None = None
    source: Annotated[v.Text, Field(min_length=1)]

    @model_validator(mode="after")
    def of_one_owner(self) -> Self:
        if (self.la_code is None) == (self.school_urn is None):
            raise ValueError("give `la_code` for an authority or `school_urn` for one establishment")
        return self


class DayTimes(Row):
    """Hours that hold wherever no calendar says otherwise.

    `longest_break_days`: a calendar that knows no session within so many days has run out, and the next one is asked.
    `school_morning`: from when a school can be reached before its first session: when one that was closed is told again
    on the first working day of its term, and from when its silence is measured on a working day.
    """

    session_begins: time
    school_morning: time
    working_day_opens: time
    working_day_closes: time
    longest_break_days: Count
    bank_holidays_added: frozenset[v.Day] = frozenset()
    source: Annotated[v.Text, Field(min_length=1)]

    @model_validator(mode="after")
    def opens_before_it_closes(self) -> Self:
        if self.working_day_closes <= self.working_day_opens:
            raise ValueError("`working_day_opens` must be before `working_day_closes`")
        if self.session_begins <= self.school_morning:
            raise ValueError("`school_morning` must be before `session_begins`")
        return self


class Areas(Row):
    """Where the people of a matter are, for choosing agencies; never shown."""

    victim: v.Residence = v.Residence()
    child: v.Residence = v.Residence()
    suspect: v.Residence = v.Residence()
    case_force: str | None = None
    court_ou: str | None = None
    school_urn: str | None = None


class Chosen(Row):
    """The agency that serves, others that are able to in its place, and whether policy had to fall back.

    `recipient.kind` is the kind that the route names; `agency.kind` is another where a school is not known.
    `by_default`: the area was not known, or nobody serves it.
    """

    recipient: Recipient
    agency: Agency
    next_able: tuple[Agency, ...] = ()
    by_default: bool = False

    def is_able(self, agency: str) -> bool:
        """Whether the agency with this id is the one, or able in its place."""
        return agency in {self.agency.id, *(other.id for other in self.next_able)}


def moments(agency: Agency) -> Iterator[datetime]:
    """Every instant at which this agency or one of its desks begins or ends."""
    stretches = [(agency.begins, agency.ends), *((desk.begins, desk.ends) for desk in agency.desks)]
    yield from (moment for stretch in stretches for moment in stretch if moment is not None)
