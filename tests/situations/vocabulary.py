"""The words in which situations are written: what may happen, and what must be told, to whom and by when."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.court_convictions.v1 import Remand, Verdict
from schemas.police_incidents.v1 import AbuseType, Grade, RiskTool, SupportReferral, UnsafeAdult
from schemas.values import Relationship

Area = Literal["Larkmead", "Downland", "Severnmouth", "not stated"]
PoliceForce = Literal["Westmarch", "Severnmouth"]
Marker = Literal[
    "strangulation", "weapon", "threat_to_kill", "stalking", "sexual_violence", "pregnant", "separation"
]  # fmt: skip
OrderKind = Literal[
    "restraining order", "restraining order on acquittal", "sexual offence order", "protection order",
    "stalking protection order"
]  # fmt: skip


def _as_list(written: Any) -> Any:
    return [written] if isinstance(written, str) else written


Strings = Annotated[tuple[str, ...], BeforeValidator(_as_list)]


class Words(BaseModel):
    """Anything that is not one of these words is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(Words):
    """`who`: the same name is the same person in every incident; "not known" is somebody without a record."""

    who: str | None = None
    role: Literal["victim", "suspect", "unresolved"] | None = None
    number: int | None = None
    age: int | None = None
    born: str | None = None
    lives_in: Area = "Larkmead"
    police: bool = False
    works_with: Literal["children", "adults"] | None = None
    care_and_support_needs: bool | None = None
    relationship: Relationship = Relationship.INTIMATE
    schools: Strings = ()


class Assessed(Words):
    """What an officer recorded of the risk. `ticks` (answers of yes), `unknown` and `not_asked` are the checklist's; a
    `tick_count` is what a source states beside it."""

    graded: Grade = Grade.HIGH
    tool: RiskTool = RiskTool.DASH_2009_27
    ticks: int = 0
    unknown: int = 0
    not_asked: int = 0
    tick_count: int | None = None
    judged_high: bool | None = None


class IncidentStep(Assessed):
    """`incident: CR1`. Vera is the victim and Silas the suspect, unless others are named."""

    incident: str
    victim: Person = Person()
    suspect: Person = Person()
    people: tuple[Person, ...] = ()  # in place of those two
    force: PoliceForce = "Westmarch"
    reported: str | None = None  # else when it is recorded
    occurred: str | None = None  # else when it was reported
    abuse: tuple[AbuseType, ...] = (AbuseType.PHYSICAL,)
    markers: tuple[Marker, ...] = ()
    suicide_threat: int | None = None  # by this party
    firearms: Literal["yes", "no", "not_checked"] | None = None
    support: SupportReferral = SupportReferral.AGREED
    roles: Literal["clear", "unresolved"] = "clear"
    counter_allegation: bool | None = None
    historic: bool | None = None
    safe_contact: Literal["recorded_with_sender", "none", "unknown"] = "recorded_with_sender"


class RiskStep(Assessed):
    """`risk_assessed: CR1`: a later view of the risk to one party."""

    risk_assessed: str
    party: int = 1
    assessor: str = "dait"


class FactStep(Words):
    """`fact: uk.police.persons-merged`: a fact of any type, with what its source says of it, field by field."""

    fact: str
    says: dict[str, Any]


class ChildSaid(Words):
    who: str | None = None
    number: int | None = None
    schools: Strings = ("100001",)
    lives_in: Area = "Larkmead"
    born: str = "4 May 2017"  # or "not stated"
    under_5_not_in_school: bool | None = None
    childcare: Literal["nursery", "childminder"] | None = None
    another_school_today: bool | None = None
    unborn: bool | None = None
    injured: bool | None = None
    intervened: bool | None = None
    target: bool | None = None
    home_educated: bool | None = None
    unsafe_adult: UnsafeAdult = UnsafeAdult.FATHER


class ChildrenStep(Words):
    """`children: CR1`: all the children of an incident; Cora, unless others are named."""

    children: str
    are: tuple[ChildSaid, ...] = (ChildSaid(),)
    said_by: str | None = None  # an agency, else the police


class OfCase(Words):
    """Which case of which man: Silas's in one case, unless another is named."""

    urn: str = "54DC0012326"
    asn: str | None = "2654DC0100000000001A"
    defendant: str = "Silas Suspecttest"


class Charged(Words):
    number: int = 1
    code: str = "OF61102"
    incident: str = "CR1"
    parties: tuple[int, ...] = (1, 2)


class View(Words):
    view: Literal["wants", "does_not", "unknown"]
    party: str = "CR1/1"
    at: str
    alone: bool | None = None


class ChargeStep(OfCase):
    """`charge: Silas`: he is charged with assaulting Vera in CR1, unless other offences are named."""

    charge: str
    offences: tuple[Charged, ...] = (Charged(),)
    her_views: tuple[View, ...] = ()


class Decided(Words):
    """What the court did with one offence. Convicted and sentenced for good, unless something else is said."""

    number: int = 1
    code: str = "OF61102"
    verdict: Verdict | Literal["none"] = Verdict.CONVICTED
    final: bool = True
    sentenced: str | None = None
    results: Strings = ("1015",)
    qualifiers: Strings = ()


class HearingStep(OfCase):
    """`hearing: Crown Court`: that day's results of one defendant."""

    hearing: Literal["Crown Court", "magistrates' court", "youth court", "court not known"]
    held_on: str | None = None  # else the day on which it is recorded
    offences: tuple[Decided, ...] = (Decided(),)
    domestic_abuse_stated: bool = False
    case_markers: Strings = ()
    remand: Remand = Remand.UNKNOWN
    bail_conditions: Strings = ()
    custody: bool | None = None
    next: str | None = None  # the day on which the case goes on
    born: str | None = "3 February 1989"


class OrderSaid(Words):
    """`protects`: parties ("CR1/1") or people by name whom the result names by code; `made`: on which day the order was
    imposed that is changed now, and `order` its kind."""

    order: OrderKind = "restraining order"
    action: Literal["imposed", "varied", "discharged", "replaced", "changed_not_stated"] = "imposed"
    number: int = 1
    made: str | None = None
    protects: Strings = ()
    named_in_text: bool = False
    ends: str | None = None
    words: str | None = None
    zone: str | None = None


class OrdersStep(OfCase):
    """`orders: Crown Court`: all that one hearing did to orders."""

    orders: Literal["Crown Court", "magistrates' court"]
    held_on: str | None = None  # else the day on which it is recorded
    are: tuple[OrderSaid, ...] = (OrderSaid(),)


class ApplicationStep(OfCase):
    """`application: APP1`: somebody asks the court to lift or change an order."""

    application: str
    asks_to: Literal["discharge", "vary", "renew"] = "discharge"
    made: str | None = None  # on which day the order was imposed; none: not stated
    by: Literal["defendant", "prosecution", "protected_person", "other"] = "defendant"
    served: str | None = None
    hearing_at: str | None = None
    oral: bool = False
    place_term_proposed: bool | None = None
    same_firm: bool | None = None
    grounds: Strings = ()


class ApplicationEndStep(OfCase):
    """`application_withdrawn: APP1`, or `application_decided: APP1` with its outcome."""

    application_withdrawn: str | None = None
    application_decided: str | None = None
    outcome: Literal["granted", "part", "refused"] = "refused"


class LinkStep(OfCase):
    """A desk says whom a case, order or application is about, or that it is about nobody here."""

    linked: Literal["case", "order", "application"] | None = None
    link_refused: Literal["case", "order", "application"] | None = None
    reference: str | None = None  # of the application
    made: str | None = None
    to: Strings = ()
    because: Literal["not_domestic_abuse", "not_ours", "duplicate"] = "not_domestic_abuse"
    said_by: str = "dait-54"


class AttributionStep(OfCase):
    """`order_protects: [CR1/1]`: a desk confirms whom the order protects that was made on a day; empty: nobody here."""

    order_protects: Strings
    order: OrderKind = "restraining order"
    made: str
    said_by: str = "dait-54"


class MergeStep(Words):
    """`one_person: [Vera, Vera at the hospital]`: two records are found to be one person's."""

    one_person: tuple[str, ...]


class AnswerStep(Words):
    """`answer: accepted`, by an agency, to the newest notification of a rule, or with `nobody_asked` to nothing."""

    answer: Literal["acknowledged", "accepted", "declined", "decided"]
    by: str
    about: str | None = None  # the rule
    place: str | None = None
    revision: int | None = None  # of the notification that is answered; else the newest
    decision: str | None = None
    reason: str | None = None
    nobody_asked: bool = False


class TakenBackStep(Words):
    """`taken_back: the charge`: its source withdraws what was recorded under that `name`."""

    taken_back: str


class NowStep(Words):
    """`told_by_now`: what has been told at this moment, all of it."""

    told_by_now: tuple["Told", ...]


Step = (
    IncidentStep | RiskStep | ChildrenStep | ChargeStep | HearingStep | OrdersStep | ApplicationStep
    | ApplicationEndStep | LinkStep | AttributionStep | MergeStep | AnswerStep | TakenBackStep | NowStep | FactStep
)  # fmt: skip
VERBS: dict[str, type[Words]] = {
    "incident": IncidentStep,
    "risk_assessed": RiskStep,
    "children": ChildrenStep,
    "charge": ChargeStep,
    "hearing": HearingStep,
    "orders": OrdersStep,
    "application": ApplicationStep,
    "application_withdrawn": ApplicationEndStep,
    "application_decided": ApplicationEndStep,
    "linked": LinkStep,
    "link_refused": LinkStep,
    "order_protects": AttributionStep,
    "one_person": MergeStep,
    "answer": AnswerStep,
    "taken_back": TakenBackStep,
    "told_by_now": NowStep,
    "fact": FactStep,
}


class Happening(Words):
    """One thing that happens. `at`: when its source recorded it; `arrives`: when the relay has it, if that is later;
    `version`: of what it says, else one more than the last one said of the same thing."""

    at: str
    arrives: str | None = None
    version: int | None = None
    name: str | None = None
    step: Step

    @model_validator(mode="before")
    @classmethod
    def _verb(cls, written: Any) -> Any:
        if not isinstance(written, dict):
            raise ValueError("each happening says when (`at`) and what")  # noqa: TRY004 - pydantic reports these
        ours = {key: value for key, value in written.items() if key in {"at", "arrives", "version", "name"}}
        rest = {key: value for key, value in written.items() if key not in ours}
        verb = next((VERBS[key] for key in rest if key in VERBS), None)
        if verb is None:
            raise ValueError(f"say what happened: one of {', '.join(VERBS)}")
        return {**ours, "step": verb.model_validate(rest)}


class Told(Words):
    """One rule to one or more agencies. What is not mentioned may be anything.

    `rule: any` stands for a rule that has yet to be written, in a situation with a known gap. `state`: what is closed
    or corrected has been told, and no longer stands.
    """

    rule: str
    to: Annotated[Strings, Field(min_length=1)]
    about: str | None = None  # words in the place that it is about
    state: Literal["live", "closed", "corrected"] = "live"
    because: str | None = None  # why it was closed or corrected
    last: Literal["notified", "updated", "reminded"] | None = None
    changed: Strings | None = None  # by name, all that an update says is new in it
    sent: str | None = None  # when the newest notification of it was
    route: str | None = None
    by: str | None = None
    late: bool | None = None
    urgency: Literal["routine", "prompt", "urgent"] | None = None
    desk: str | None = None
    gather: Literal["singly", "batch", "digest"] | None = None
    asks: dict[str, str] | None = None  # all of them, with the time of each
    texts: Strings = ()
    without_texts: Strings = ()
    says: dict[str, Any] = {}
    says_nothing_of: Strings = ()
    never_mentions: Strings = ()  # in any of its values
    why: str | None = None  # for the reader


class NotTold(Words):
    """`because`: the reason that the relay gives; or `why`, in plain words, where a rule has nothing to say."""

    rule: str
    to: Strings = ()
    about: str | None = None
    because: str | None = None
    why: str | None = None

    @model_validator(mode="after")
    def _says_why(self) -> "NotTold":
        if not (self.because or self.why):
            raise ValueError("say because (the relay's reason) or why (in plain words)")
        return self


class Situation(Words):
    """What happened, and all that must be told of it, unless `only_about` names the rules that matter here."""

    title: str
    law: str
    story: str | None = None
    happens: Annotated[tuple[Happening, ...], Field(min_length=1)]
    seen: str | None = None  # else at the last thing that happens
    told: tuple[Told, ...]
    not_told: tuple[NotTold, ...] = ()
    only_about: Strings = ()
    known_gap: str | None = None


class Document(Words):
    about: str
    situations: Annotated[tuple[Situation, ...], Field(min_length=1)]
