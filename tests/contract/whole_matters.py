"""Whole matters made up at random: one man, the women and children about him, what courts made of it, and what people
answered; told over a year, with every personal text and date a value found nowhere else."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from schemas import places
from schemas import values as v
from schemas.court_convictions import v1 as convictions
from schemas.court_order_variations import v1 as orders
from schemas.court_order_variations.v1 import Attribution, OrderAction
from schemas.police_incidents import v1 as police
from services.platform.domain.core.facts import Fact
from tests.support import builders as b

FIRST = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)  # a Monday in term
H, D = timedelta(hours=1), timedelta(days=1)
SCHOOLS = ("100001", "100002", "100003", "100004", "100005", "999999")
RESIDENCES = (("54", "866"), ("54", "865"), ("53", "916"), ("54", None), (None, None))
ROUTING = frozenset({"la_code", "force", "force_code", "school_urns", "court_ou"})  # unknown ones would route elsewhere


B = TypeVar("B", bound=BaseModel)


class Marks:
    """Values that are planted: each is given out once, for one field of one statement."""

    def __init__(self) -> None:
        self.planted: dict[str, Planted] = {}

    def text(self, where: "Planted") -> str:
        value = f"Zq{len(self.planted):04d}x"
        self.planted[value] = where
        return value

    def day(self, where: "Planted", after: date) -> date:
        value = after + timedelta(days=len(self.planted))
        while value.isoformat() in self.planted:
            value += timedelta(days=1)
        self.planted[value.isoformat()] = where
        return value


@dataclass(frozen=True, slots=True)
class Planted:
    """Where a marked value stands: the field (`Party.name`), whom it is about, and in which role that person is."""

    field: str
    about: str | None = None
    role: str | None = None


def plant(body: B, personal: Collection[str], marks: Marks) -> B:
    """The same statement, with a marked value in every field of these that has room for one: texts, codes that are
    free, and days, each near the one that it replaces."""
    return _planted(body, personal, marks, Planted(""), "")


def _planted(model: B, personal: Collection[str], marks: Marks, where: Planted, crime: str) -> B:
    crime = getattr(model, "crime_reference", crime)
    where = _where(model, where, crime)
    changed: dict[str, Any] = {}
    for name, info in type(model).model_fields.items():
        value, here = getattr(model, name), replace(where, field=f"{type(model).__name__}.{name}")
        if isinstance(value, BaseModel):
            changed[name] = _planted(value, personal, marks, where, crime)
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            changed[name] = tuple(_planted(element, personal, marks, where, crime) for element in value)
        elif here.field in personal and name not in ROUTING and here.field not in DECISIVE:
            match _room(info):
                case "day" if value is not None:
                    changed[name] = marks.day(here, value)
                case "codes":
                    changed[name] = tuple(marks.text(here) for _ in value)
                case "text":
                    changed[name] = marks.text(here)
    return model.model_copy(update=changed)


def _where(model: BaseModel, outer: Planted, crime: str) -> Planted:
    match model:
        case police.Party():
            return Planted("", places.party_place(crime, model.number), model.role)
        case police.Child():
            return Planted("", places.child_place(crime, model.number))
        case police.RiskAssessed():
            return Planted("", places.party_place(crime, model.party))
        case police.VictimView():
            return Planted("", model.party.place)
    return outer


# What rules look at: another value would be another case.
DECISIVE = frozenset(
    {"Order.code", "ResultedOffence.code", "ChargedOffence.code", "Result.cjs_result_code", "Result.qualifiers"}
    | {"IncidentReported.safe_contact_recorded_on", "HearingResulted.case_markers"}
)


def _room(info: FieldInfo) -> str | None:
    """Whether a field takes any text, a list of texts or a day."""
    kinds = set(_types(info.annotation))
    if date in kinds and datetime not in kinds:
        return "day"
    if str not in kinds:
        return None
    return "codes" if _lists(info.annotation) else "text"


def _lists(annotation: Any) -> bool:
    """Whether it is a list, or a list that may be missing."""
    if get_origin(annotation) in (Annotated, Union, UnionType):
        return any(map(_lists, get_args(annotation)))
    return get_origin(annotation) is tuple


def _types(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) in (Annotated, tuple, Union, UnionType):
        for inner in get_args(annotation):
            yield from _types(inner)
    else:
        yield annotation


@dataclass
class Step:
    """What happens at one moment: facts come in, or nothing but time passes."""

    at: datetime
    facts: list[Fact] = field(default_factory=list)


@dataclass
class Matter:
    """One man's matter, step by step, with all that was planted in it."""

    steps: list[Step]
    marks: Marks

    def at_once(self) -> "Matter":
        """The same, all read together at its end, and a day of silence after it."""
        last = self.steps[-1].at
        everything = [fact for step in self.steps for fact in step.facts]
        return Matter([Step(last, everything), Step(last + 25 * H)], self.marks)


class Author:
    """Makes one matter up. All that is random comes from `random`."""

    def __init__(self, random: Random, personal: Collection[str]) -> None:
        self.random, self.personal, self.marks = random, personal, Marks()
        self.steps: list[Step] = []
        self.versions: dict[tuple[str, str], int] = {}
        self.women = random.randint(1, 3)
        self.incidents: list[police.IncidentReported] = []
        self.children: dict[str, police.ChildrenLinked] = {}
        self.made: list[str] = []  # places of orders
        self.kept: list[Fact] = []
        self.hearings = 0

    def matter(self) -> Matter:
        at = FIRST
        for number in range(self.random.randint(1, 4)):
            at += self.random.choice((2 * H, 3 * D, 20 * D))
            self.happens(at, self.incident(f"CR{number + 1}", at))
            if self.maybe(0.7):
                at += H
                self.happens(at, self.children_of(self.incidents[-1], at))
            if self.maybe(0.3):
                self.happens(at + H, self.assessment(self.incidents[-1], at + H))
            if self.maybe(0.3):
                self.passes(at + 25 * H)
        if self.maybe(0.8):
            at = self.court(at + 10 * D)
        for _ in range(self.random.randint(0, 3)):
            at += self.random.choice((H, D, 40 * D))
            self.correct(at)
        self.passes(at + 2 * H)
        self.passes(at + 60 * D)
        return Matter(list(self.gathered()), self.marks)

    def gathered(self) -> Iterator[Step]:
        """Some of what happens is read at once, later than it was said."""
        pending: list[Fact] = []
        for step in sorted(self.steps, key=lambda step: step.at):
            pending += step.facts
            if not step.facts or self.maybe(0.25):
                yield Step(step.at, pending)
                pending = []

    def maybe(self, share: float) -> bool:
        return self.random.random() < share

    def passes(self, at: datetime) -> None:
        self.steps.append(Step(at))

    def happens(self, at: datetime, body: v.Body) -> None:
        self.steps.append(Step(at, [self.said(at, body)]))

    def said(self, at: datetime, body: v.Body) -> Fact:
        planted = plant(body, self.personal, self.marks)
        key = (b.kind_of(type(body)), str(body.subject))  # type: ignore[attr-defined]
        self.versions[key] = self.versions.get(key, 0) + 1
        fact = b.fact(planted, version=self.versions[key], at=at)
        self.kept.append(fact)
        return fact

    def unlinked_file(self) -> v.Residence:
        force, la_code = self.random.choice(RESIDENCES)
        return v.Residence(force=force, la_code=la_code)

    def incident(self, crime: str, at: datetime) -> police.IncidentReported:
        woman = self.random.randint(1, self.women)
        born = {1: date(1960, 1, 1), 2: date(1970, 1, 1), 3: date(2009, 6, 1)}[woman]
        common = {"date_of_birth": born, "is_police": False, "language": "pl", "interpreter_needed": True}
        her = b.victim(1, record=b.record(f"woman-{woman}"), residence=self.unlinked_file(), age=None, **common)
        him = b.suspect(
            2,
            record=b.record("man"),
            residence=self.unlinked_file(),
            date_of_birth=date(1950, 1, 1),
            age=None,
            is_police=self.maybe(0.08),
            position_of_trust=self.random.choice((None, "children")),
            lives_with=(1,),
        )
        parties = [her, him]
        if self.maybe(0.15):  # both are named the other way round: he says that she hit him
            parties = [
                her.model_copy(update={"role": v.Role.SUSPECT}),
                him.model_copy(update={"role": v.Role.VICTIM}),
            ]
        elif self.maybe(0.1):
            parties = [party.model_copy(update={"role": v.Role.UNRESOLVED}) for party in parties]
        if self.maybe(0.3):
            other = self.random.randint(1, 3) % 3 + 1
            third = b.victim(
                3, record=b.record(f"woman-{other}" if other != woman else "mother"), residence=self.unlinked_file()
            )
            parties.append(
                third.model_copy(update={"age": None, "date_of_birth": date(1940, 1, 1), "relationships": ()})
            )
        ticks = self.random.randint(0, 20)
        answers = self.random.choice(((), b.answers(yes=ticks, unknown=self.random.randint(0, 4))))
        abuse = [police.AbuseType.PHYSICAL, police.AbuseType.STALKING]
        if self.maybe(0.08):
            abuse.append(police.AbuseType.HBA)
        body = b.incident(
            crime,
            reported_at=at,
            occurred_at=at,
            parties=tuple(parties),
            abuse_types=tuple(abuse),
            historic=self.maybe(0.05),
            location="somewhere",
            circumstances="something",
            markers=police.Markers(strangulation=self.maybe(0.3), pregnant=True, suicide_threat=(2,)),
            firearms_certificate="yes",
            primary_perpetrator="unresolved" if self.maybe(0.05) else "identified",
            support_referral=self.random.choice(list(police.SupportReferral)),
            safe_contact=self.random.choice(("recorded_with_sender", "none", "unknown")),
            safe_contact_recorded_on=(at - self.random.choice((D, 20 * D, 40 * D))).date(),
            risk=b.risk(self.random.choice(list(police.Grade)), answers=answers, tool_version="1"),
        )
        self.incidents.append(body)
        return body

    def children_of(self, incident: police.IncidentReported, at: datetime) -> police.ChildrenLinked:
        woman = self.random.randint(1, 2)
        those = tuple(
            b.child(
                number,
                record=b.record(f"child-{woman}-{number}"),
                date_of_birth=date(2012 + number, 1, 1),
                voice="something",
                relation_to_victim="child",
                injured=self.maybe(0.2),
                residence=self.unlinked_file(),
                home_educated=self.maybe(0.1),
                school_urns=tuple(self.random.sample(SCHOOLS, self.random.choice((0, 1, 1, 1, 2)))),
            )
            for number in range(1, self.random.randint(1, 3) + 1)
        )
        body = b.children(incident.crime_reference, *those, occurred_at=at)
        self.children[incident.crime_reference] = body
        return body

    def assessment(self, incident: police.IncidentReported, at: datetime) -> police.RiskAssessed:
        party = self.random.choice(incident.parties)
        return b.risk_assessed(
            incident.crime_reference,
            party.number,
            occurred_at=at,
            risk=b.risk(self.random.choice(list(police.Grade)), tool_version="1"),
            lower_because="something",
        )

    def court(self, at: datetime) -> datetime:
        charged = [
            b.charged(n, incident.crime_reference, tuple(party.number for party in incident.parties))
            for n, incident in enumerate(self.incidents, 1)
            if n == 1 or self.maybe(0.7)
        ]
        views = tuple(
            police.VictimView(
                party=b.party_ref(1, offence.crime_reference),
                view="wants",
                at=at,
                by_role="officer",
                how="x",
                alone=True,
            )
            for offence in charged[:1]
        )
        if self.maybe(0.85):
            self.happens(at, b.charge(*charged, occurred_at=at, victim_views_on_order=views))
        for _ in range(self.random.randint(1, 3)):
            at += 14 * D
            at = self.hearing(at, charged)
            if self.maybe(0.5):
                at = self.attribute(at + H)
        for number in range(self.random.randint(0, 2)):
            at = self.application(f"APP{number + 1}", at + 5 * D)
        if self.maybe(0.3):
            parties = [b.party_ref(1, self.random.choice(self.incidents).crime_reference)]
            self.happens(at + H, b.link_made(*parties, occurred_at=at + H))
        return at

    def hearing(self, at: datetime, charged: list[police.ChargedOffence]) -> datetime:
        self.hearings += 1
        offences = [
            b.offence(
                offence.sequence,
                title="something",
                verdict=self.random.choice(list(convictions.Verdict)),
                results=(b.result(label="x", text="x", prompts=(convictions.Prompt(label="x", value="x"),)),),
            )
            for offence in charged
        ]
        his = b.defendant(
            date_of_birth=date(1945, 1, 1),
            pnc_id="x",
            cro_number="x",
            record=b.record("man"),
            residence=self.unlinked_file(),
        )
        common = {"occurred_at": at, "hearing_on": at.date(), "defendant": his}
        bail = (convictions.BailCondition(code="x", text="x", zone="x"),)
        remand = self.random.choice(list(convictions.Remand))
        court_type = self.random.choice(list(convictions.CourtType))
        self.happens(at, b.hearing(*offences, bail_conditions=bail, remand=remand, court_type=court_type, **common))
        result = b.orders_resulted(*self.orders_of(at.date()), **common)
        self.happens(at + H, result)
        self.made += [result.place_of(order) for order in result.orders if order.action in ("imposed", "replaced")]
        return at + H

    def orders_of(self, on: date) -> Iterator[orders.Order]:
        for number in range(1, self.random.choice((0, 1, 1, 2, 3)) + 1):
            actions = [OrderAction.IMPOSED] if not self.made else list(OrderAction)
            action = self.random.choice(actions)
            earlier = self.random.choice((None, *self.made)) if action is not OrderAction.IMPOSED else None
            yield b.order(
                self.random.choice(("3047", "3081", "3307")),
                number=number,
                action=action,
                order=earlier,
                made_on=on,
                protected_persons=tuple(self.protected()),
                prohibitions=(orders.Prohibition(code="x", text="x", zone=self.random.choice(("x", None))),),
                place_term_added=True,
                cause=self.random.choice(("sentence", "application", "breach_proceedings")),
            )

    def protected(self) -> Iterator[orders.ProtectedPerson]:
        for _ in range(self.random.choice((0, 1, 1, 1, 2))):
            incident = self.random.choice(self.incidents)
            crime = incident.crime_reference
            match self.random.randint(0, 3):
                case 0 if crime in self.children:
                    record = self.random.choice(self.children[crime].children).record
                    yield orders.ProtectedPerson(role="child", record=record, attribution=Attribution.CODED)
                case 1:
                    yield b.protected(None, attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
                case _:
                    victims = [party for party in incident.parties if party.role is not v.Role.SUSPECT]
                    party = self.random.choice(victims or list(incident.parties))
                    yield b.protected(party.number, crime)

    def attribute(self, at: datetime) -> datetime:
        if self.made:
            incident = self.random.choice(self.incidents)
            whom = self.random.choice(((), (b.party_ref(1, incident.crime_reference),)))
            self.happens(at, b.attribution(*whom, order=self.random.choice(self.made), occurred_at=at))
        return at

    def application(self, reference: str, at: datetime) -> datetime:
        order = self.random.choice((None, *self.made))
        self.happens(
            at,
            b.application(
                reference,
                occurred_at=at,
                lodged_at=at,
                order=order,
                served_on_prosecutor_at=at,
                action=self.random.choice(("vary", "discharge", "renew")),
                applicant_role=self.random.choice(list(orders.ApplicantRole)),
                represented=True,
                same_firm_as_defendant=self.maybe(0.8),
                grounds_coded=("x",),
                place_term_proposed=self.maybe(0.5),
                offence_code="x",
            ),
        )
        if self.maybe(0.4):
            at += 6 * D
            self.happens(at, b.application_withdrawn(reference, occurred_at=at))
        if self.maybe(0.6):
            at += 9 * D
            on = at.date()
            self.happens(at, b.application_decided(reference, occurred_at=at, decided_on=on, reasons_code="x"))
        return at

    def correct(self, at: datetime) -> None:
        """Something is stated again: other schools, another person, a police suspect; or taken back."""
        match self.random.randint(0, 3):
            case 0 if self.children:
                crime = self.random.choice(sorted(self.children))
                self.happens(at, self.children_of(self._incident(crime), at))
            case 1:
                fact = self.random.choice(self.kept)
                if not fact.withdrawn and fact.version == self.versions[fact.kind, fact.subject]:
                    self.versions[fact.kind, fact.subject] += 1
                    self.steps.append(Step(at, [b.withdrawal(fact, at=at)]))
            case _:
                before = self.random.choice(self.incidents)
                again = self.incident(before.crime_reference, before.reported_at)
                self.incidents.pop()
                self.incidents[self.incidents.index(before)] = again
                self.steps.append(Step(at, [self.said(at, again)]))

    def _incident(self, crime: str) -> police.IncidentReported:
        return next(incident for incident in self.incidents if incident.crime_reference == crime)
