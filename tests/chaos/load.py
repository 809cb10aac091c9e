"""A seeded load: families over all streams, with corrections, withdrawals, duplicates and late, disordered arrival.

It lies days in the past, so that every settling time has passed, and no last day falls while it is judged. A live load
has incidents and cases as well that come while it is published: of those reminders fall due, and somebody may hear that
something is missing only where it is.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from schemas import values as v
from schemas.agency_responses.v1 import WithdrawnByAgency
from schemas.court_convictions.v1 import CourtType, Remand, Verdict
from schemas.court_order_variations.v1 import Attribution, Order, OrderAction, Prohibition, ProtectedPerson
from schemas.police_incidents.v1 import (
    AbuseType,
    ChildrenLinked,
    Grade,
    IncidentReported,
    Markers,
    Party,
    Risk,
    RiskTool,
    SupportReferral,
)
from services.platform.streaming.sending import Message
from tests.broker.relay import message
from tests.support import builders as b

SCHOOLS = ("100001", "100002", "100003", "100004", "100005", "199999")  # policy does not know the last
AUTHORITIES = {"54": ("865", "866"), "53": ("916",)}
COURTS = {
    "54": (("C54SD00", CourtType.CROWN), ("B54MW00", CourtType.MAGISTRATES)),
    "53": (("C53GL00", CourtType.CROWN), ("B53CH00", CourtType.YOUTH)),
}
OFFENCES = ("OF61102", "OF61102", "SC15005", "MC80530")  # an assault, a strangulation, and a breach that is no offence
LONDON = ZoneInfo("Europe/London")
CHANGES = (OrderAction.VARIED, OrderAction.DISCHARGED, OrderAction.CHANGED_NOT_STATED)
INCIDENTS = (1, 1, 2, 3, 4, 6)  # of a family
JITTER = 120  # how many events something may arrive too early or too late
APART = 100  # records between the first and the last of a live case, at most
LATE = 0.04  # arrives anywhere after its place

INCIDENT, CHILDREN, RISK, CHARGE, MERGED = (
    f"uk.police.{name}"
    for name in ("incident-reported", "children-linked", "risk-assessed", "charge-preferred", "persons-merged")
)
HEARING, ORDERS, LODGED, DECIDED, TAKEN_BACK = (
    f"uk.court.{name}"
    for name in (
        "hearing-resulted",
        "orders-resulted",
        "application-lodged",
        "application-decided",
        "application-withdrawn",
    )
)


@dataclass(frozen=True, slots=True)
class Shares:
    """How much there is of what can be rare: of families, of a person's facts, of all that is told."""

    cases: float
    convicted: float
    ordered: float
    merges: float
    strays: float
    corrected: float
    withdrawn: float
    repeated: float
    spoilt: float


CROWDED = Shares(  # more of everything than there is, so that it meets
    cases=0.6,
    convicted=0.6,
    ordered=0.6,
    merges=0.3,
    strays=0.1,
    corrected=0.3,
    withdrawn=0.06,
    repeated=0.15,
    spoilt=0.1,
)


@dataclass(frozen=True, slots=True)
class Load:
    """What is published, in the order of arrival, and which of it nobody may believe."""

    events: tuple[Message, ...]
    unbelievable: frozenset[Message]


# An event that is told when it happens: at this time.
Live = Callable[[datetime], Message]


@dataclass(frozen=True, slots=True)
class LiveLoad:
    """A load, and among it incidents that are reported, and cases that are heard, while it is published.

    `complete`: URNs of cases of which the charge and an order come with the hearing. `reported`: crime references.
    """

    events: tuple[Message | Live, ...]
    unbelievable: frozenset[Message]
    complete: frozenset[str]
    reported: frozenset[str]


def load(seed: int, families: int, now: datetime, shares: Shares = CROWDED, first: int = 0) -> Load:
    """Some twelve events a family; of some the very same record once or twice more. `first`: the number of the first
    family."""
    chance = random.Random(seed)  # noqa: S311 - a seed must give the same load again
    numbers = range(first, first + families)
    delivered = [event for number in numbers for event in _Family(chance, number, now, shares).events()]
    spoilt = list(_spoilt(chance, delivered, int(families * shares.spoilt)))
    again = [
        same
        for same in chance.sample(delivered, int(shares.repeated * len(delivered)))
        for _ in range(chance.randint(1, 2))
    ]
    places = [(_arrives(chance, place, len(delivered)), event) for place, event in enumerate(delivered)]
    places += [(chance.uniform(0, len(delivered)), event) for event in (*spoilt, *again)]
    return Load(tuple(event for _, event in sorted(places, key=lambda arrival: arrival[0])), frozenset(spoilt))


def live_load(seed: int, families: int, now: datetime) -> LiveLoad:
    """The load of so many families, and one family in three more to whom it happens live: what belongs to their case
    comes in any order and in different batches."""
    given, chance = load(seed, families, now), random.Random(seed)  # noqa: S311 - as above
    cases = [_Case(chance, number) for number in range(families, families + families // 3)]
    arrivals: list[tuple[float, Message | Live]] = list(enumerate(given.events))
    for case in cases:
        place = chance.uniform(0, len(given.events))
        arrivals.append((place / 2, case.incident))
        arrivals += [(place + chance.uniform(0, APART), event) for event in case.events()]
    events = tuple(event for _, event in sorted(arrivals, key=lambda arrival: arrival[0]))
    complete = frozenset(case.urn for case in cases if case.complete)
    return LiveLoad(events, given.unbelievable, complete, frozenset(case.crime for case in cases))


def _arrives(chance: random.Random, place: int, end: int) -> float:
    return chance.uniform(place, end) if chance.random() < LATE else place + chance.uniform(0, JITTER)


def _spoilt(chance: random.Random, events: Sequence[Message], number: int) -> Iterator[Message]:
    """Records that are cut short, of a type that nobody knows, or said by an agency whose word does not count."""
    for place, event in enumerate(chance.sample(list(events), number)):
        match place % 3:
            case 0:
                yield Message(event.topic, event.key, (event.value or b"")[:-1], event.headers)
            case 1:
                unknown = tuple((n, b"uk.police.weather-noticed.v1" if n == "ce_type" else x) for n, x in event.headers)
                yield Message(event.topic, event.key, event.value, unknown)
            case _:
                at = datetime(2026, 1, 5, 12, tzinfo=b.NOON.tzinfo) + timedelta(minutes=place)
                claimed = b.link_made(
                    b.party_ref(1, f"540{place}"), reference=f"54DC99{place:05d}/-", agency="marac-larkmead"
                )
                yield message(claimed, "uk.agency.link-made", time=at)


@dataclass
class _Family:
    """One couple and what happens to them, over more than a year."""

    chance: random.Random
    number: int
    now: datetime
    shares: Shares
    force: str = field(init=False)
    crimes: list[str] = field(init=False, default_factory=list)
    logs: list[str] = field(init=False, default_factory=list)
    besides: random.Random = field(init=False)  # for what is recorded beside the grade
    roles: tuple[v.Role, v.Role] = field(init=False, default=(v.Role.VICTIM, v.Role.SUSPECT))

    def __post_init__(self) -> None:
        self.force = self.chance.choice(("54", "54", "53"))
        self.besides = random.Random(self.number)  # noqa: S311 - a number must give the same again

    def events(self) -> Iterator[Message]:
        for _ in range(self.chance.choice(INCIDENTS)):
            yield from self.incident()
        if self.often(self.shares.cases):
            yield from self.case()
        if self.often(self.shares.merges):
            yield from self.merge()
        if self.often(self.shares.strays):
            yield from self.answer_to_nothing()

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    def ago(self, least: int, most: int) -> datetime:
        return self.now - timedelta(days=self.chance.randint(least, most), minutes=self.chance.randint(0, 1_000))

    def lives(self) -> v.Residence:
        if self.often(0.1):
            return v.Residence()
        force = self.force if self.often(0.9) else self.chance.choice(("53", "54"))
        return v.Residence(force=force, la_code=self.chance.choice(AUTHORITIES[force]) if self.often(0.9) else None)

    def record(self, name: str) -> v.RecordId | None:
        """Mostly a record; else none, or one of a source's words for nobody."""
        return b.record(name) if self.often(0.95) else self.chance.choice((None, b.record("Unknown")))

    def parties(self) -> tuple[Party, ...]:
        connected = v.Relationship.INTIMATE if self.often(0.95) else v.Relationship.NOT_CONNECTED
        again = f"w{self.number}{'b' if self.often(0.2) else ''}"  # she was entered a second time
        hers: dict[str, Any] = {"record": self.record(again), "name": f"Example Woman{self.number}"}
        his: dict[str, Any] = {"record": self.record(f"m{self.number // 2}"), "name": f"Example Man{self.number}"}
        lives, age = self.lives(), self.chance.choice((34,) * 18 + (17, 15))
        return (
            b.victim(
                role=self.roles[0],
                residence=lives,
                age=age,
                school_urns=(self.besides.choice(SCHOOLS),) if age < 18 else (),
                date_of_birth="2091-02-03" if self.often(0.03) else None,
                relationships=(b.connection(2, connected),),
                **hers,
            ),
            b.suspect(
                role=self.roles[1],
                residence=self.lives(),
                age=self.chance.choice((36,) * 18 + (17, 15)),
                relationships=(b.connection(1, connected),),
                is_police=self.often(0.04),
                **his,
            ),
        )

    def risk(self) -> Risk:
        answers = b.answers(yes=self.chance.randint(0, 14), not_asked=self.chance.choice((0, 0, 4)))
        count = self.chance.randint(0, 18) if self.often(0.3) else None
        return b.risk(
            self.chance.choice((Grade.STANDARD, Grade.STANDARD, Grade.MEDIUM, Grade.MEDIUM, Grade.HIGH)),
            tool=self.chance.choice((RiskTool.DASH_2009_27, RiskTool.SAFELIVES_RIC_24, RiskTool.DARA)),
            tick_count=count,
            answers=answers if self.often(0.7) else (),
            professional_judgement_high=self.often(0.1),
        )

    def incident(self) -> Iterator[Message]:
        crime = f"{self.force}26{self.number:05d}{len(self.crimes)}"
        again = self.chance.choice(self.logs) if self.logs and self.often(0.1) else f"LOG-{crime}"
        self.crimes.append(crime)
        self.logs.append(again)
        at = self.ago(20, 450)
        unresolved = self.often(0.05)
        self.roles = (v.Role.UNRESOLVED,) * 2 if unresolved else (v.Role.VICTIM, v.Role.SUSPECT)

        def delivered() -> IncidentReported:
            return b.incident(
                crime,
                occurred_at=at,
                reported_at=at,
                force_code=self.force,
                incident_log=again,
                historic=self.often(0.1),
                abuse_types=(AbuseType.HBA,) if self.often(0.03) else (AbuseType.PHYSICAL,),
                primary_perpetrator="unresolved" if unresolved else "identified",
                parties=self.parties(),
                risk=self.risk(),
                support_referral=self.chance.choice(list(SupportReferral)),
                markers=self.markers(),
                firearms_certificate=self.besides.choice(("yes", "no", "no", "no", "not_checked", None)),
            )

        yield from self.versions(delivered, INCIDENT, at)
        if self.often(0.3):
            later = at + timedelta(hours=5)
            view = b.risk_assessed(crime, occurred_at=later, risk=self.risk(), force_code=self.force)
            yield message(view, RISK, time=later)
        if self.often(0.5):
            yield from self.versions(lambda: self.children(crime, at), CHILDREN, at)

    def markers(self) -> Markers | None:
        if not self.often(0.8):
            return None
        return Markers(
            strangulation=self.often(0.2),
            weapon=self.often(0.1),
            suicide_threat=self.besides.choice((None, None, None, (), (1,), (2,))),
            pregnant=self.besides.random() < 0.1,
        )

    def versions(self, delivered: Any, kind: str, at: datetime) -> Iterator[Message]:
        """The fact, sometimes one or two corrections that say other things, sometimes taken back in the end."""
        first = delivered()
        yield message(first, kind, time=at)
        for version in (2, 3):
            if not self.often(self.shares.corrected):
                break
            yield message(delivered(), kind, version=version, time=at + timedelta(hours=version))
        if self.often(self.shares.withdrawn):
            yield self.withdrawn(kind, first.subject, at + timedelta(days=1))

    def withdrawn(self, kind: str, subject: str, at: datetime) -> Message:
        gone = v.Withdrawn(occurred_at=at, withdrawn=True, correction_reason=v.CorrectionReason.SENT_IN_ERROR)
        return message(gone, kind, version=9, time=at, subject=subject)

    def children(self, crime: str, at: datetime) -> ChildrenLinked:
        those = [
            b.child(
                number,
                record=self.record(f"c{self.number}-{number if self.often(0.9) else 9}"),
                name=f"Example Child{self.number}-{number}",
                date_of_birth=self.chance.choice(
                    (date(2017, 5, 4), date(2017, 5, 4), at.date(), date(2004, 1, 1), date(2117, 5, 4))
                ),
                school_urns=tuple(self.chance.sample(SCHOOLS, self.chance.choice((0, 1, 1, 1, 2)))),
                home_educated=self.often(0.3),
                injured=self.often(0.2),
                residence=self.lives(),
            )
            for number in range(1, self.chance.randint(1, 2) + 1)
        ]
        return b.children(crime, *those, occurred_at=at, force_code=self.force)

    def merge(self) -> Iterator[Message]:
        """Her two records, or one of hers and a stranger's; sometimes it was wrong, and is taken back."""
        at = self.ago(5, 15)
        other = f"w{self.number}b" if self.often(0.8) else f"w{self.number + 1}"
        delivered = b.merged(f"w{self.number}", other, occurred_at=at, force_code=self.force)
        yield message(delivered, MERGED, time=at)
        if self.often(0.2):
            none = b.merged(f"w{self.number}", occurred_at=at, force_code=self.force)
            yield message(none, MERGED, version=2, time=at + timedelta(hours=1))
        elif self.often(0.3):
            yield self.withdrawn(MERGED, delivered.subject, at + timedelta(days=1))

    def case(self) -> Iterator[Message]:
        at = self.ago(24, 34) if self.often(0.8) else self.ago(70, 90)
        court, sort = self.chance.choice(COURTS[self.force])
        refs = b.references(
            urn=f"{self.force}DC{self.number:07d}", asn=f"26{self.force}DC01000000{self.number:06d}A", court_ou=court
        )
        where = {"references": refs, "court_ou": court, "force_code": self.force}
        crime, code = self.crimes[-1], self.chance.choice(OFFENCES)
        delivered = [*self.hearings(at, where, sort, code), *self.leads(crime, at, refs, code)]
        delivered += self.taken_back(at, where, sort)
        if self.often(self.shares.ordered):
            delivered += self.orders(crime, at, where)
        self.chance.shuffle(delivered)
        yield from delivered

    def hearings(self, at: datetime, where: dict[str, Any], sort: CourtType, code: str) -> Iterator[Message]:
        """One hearing, sometimes adjourned from one a week before; sometimes amended."""

        def delivered(verdict: Verdict | None, when: datetime, sentenced: date | None) -> Any:
            heard = b.offence(
                code=code,
                verdict=verdict,
                final=sentenced is not None,
                sentenced_on=sentenced,
                verdict_date=when.date(),
                results=(b.result(ordered_date=when.date()),),
            )
            return b.hearing(
                heard,
                occurred_at=when,
                hearing_on=when.date(),
                court_type=sort,
                custody=self.often(0.3),
                remand=Remand.CUSTODY if self.often(0.2) else Remand.UNKNOWN,
                defendant=b.defendant(
                    residence=self.lives(), date_of_birth="2089-02-03" if self.often(0.05) else "1989-02-03"
                ),
                **where,
            )

        verdict = Verdict.CONVICTED if self.often(self.shares.convicted) else self.chance.choice(list(Verdict))
        if self.often(0.3):
            earlier = at - timedelta(days=7)
            yield message(delivered(verdict, earlier, None), HEARING, time=earlier)
            verdict_again = None if self.often(0.5) else verdict
            yield from self.versions(lambda: delivered(verdict_again, at, at.date()), HEARING, at)
        else:
            yield from self.versions(
                lambda: delivered(verdict, at, at.date() if self.often(0.9) else None), HEARING, at
            )

    def taken_back(self, at: datetime, where: dict[str, Any], sort: CourtType) -> Iterator[Message]:
        """The case is opened again; or the conditions of his bail are cancelled."""
        for share, code, result in ((0.2, "MC80524", "4584"), (0.1, "BA76504", "4596")):
            if self.often(share):
                at += timedelta(days=7)
                later = b.offence(
                    999,
                    code=code,
                    verdict=None,
                    verdict_date=None,
                    sentenced_on=None,
                    final=False,
                    results=(b.result(result, ordered_date=at.date()),),
                )
                when = {"occurred_at": at, "hearing_on": at.date(), "court_type": sort}
                yield message(b.hearing(later, **when, **where), HEARING, time=at)

    def leads(self, crime: str, at: datetime, refs: v.References, code: str) -> Iterator[Message]:
        """What links the case to its people: a charge (of that offence or another), a person, or nothing; a person may
        change her mind."""
        before, case = at - timedelta(days=4), f"{refs.urn}/{refs.asn}"
        if self.often(0.75):
            with_that = code if self.often(0.5) else OFFENCES[0]
            offences = [b.charged(crime=crime, code=with_that)]
            if len(self.crimes) > 1 and self.often(0.3):
                offences.append(b.charged(self.chance.choice((1, 2)), crime=self.crimes[0], parties=(1,), code=code))
            yield message(
                b.charge(*offences, references=refs, occurred_at=before, force_code=self.force), CHARGE, time=before
            )
            if self.often(self.shares.withdrawn):
                yield self.withdrawn(CHARGE, case, at)
        elif self.often(0.6):
            speaker = f"dait-{self.force}"
            made = b.link_made(b.party_ref(1, crime), b.party_ref(2, crime), reference=case, agency=speaker)
            yield message(made, "uk.agency.link-made", time=at)
            if self.often(0.3):
                refused = b.link_refused(reference=case, agency=speaker)
                yield message(refused, "uk.agency.link-refused", version=2, time=at + timedelta(days=1))
            if self.often(0.3):
                later = at + timedelta(days=2)
                gone = WithdrawnByAgency(
                    occurred_at=later,
                    withdrawn=True,
                    correction_reason=v.CorrectionReason.WRONG_PERSON,
                    agency=speaker,
                    actor=made.actor,
                )
                yield message(gone, "uk.agency.link-made", version=9, time=later, subject=made.subject)

    def orders(self, crime: str, at: datetime, where: dict[str, Any]) -> Iterator[Message]:
        """An order made at the hearing, sometimes not by its amendment; then confirmed, changed, applied about."""
        party = b.party_ref(1, crime)
        coded = [
            ProtectedPerson(role="victim", party=party, attribution=Attribution.CODED),
            ProtectedPerson(role="child", record=b.record(f"c{self.number}-1"), attribution=Attribution.CODED),
        ]
        whom = coded[: self.chance.randint(1, 2)] if self.often(0.6) else coded[1:] if self.often(0.2) else []
        zone = (Prohibition(code="PZ1", zone="an example zone"),) if self.often(0.3) else ()
        order = b.order(made_on=at.date(), protected_persons=tuple(whom), prohibitions=zone)
        made = b.orders_resulted(order, occurred_at=at, hearing_on=at.date(), **where)
        place = made.place_of(order)
        yield message(made, ORDERS, time=at)
        amended = self.often(0.1)
        if amended:
            none = b.orders_resulted(occurred_at=at, hearing_on=at.date(), **where)
            yield message(none, ORDERS, version=2, time=at + timedelta(days=2))
        if self.often(0.4):
            protects = (party,) if amended or self.often(0.8) else ()
            confirmed = b.attribution(*protects, order=place, agency=f"dait-{self.force}")
            yield message(confirmed, "uk.agency.attribution-confirmed", time=at + timedelta(days=1))
        if self.often(0.3):
            yield self.change(place, at + timedelta(days=3), where)
        if self.often(0.4):
            yield from self.application(place, at + timedelta(days=2), where["references"])

    def change(self, place: str, at: datetime, where: dict[str, Any]) -> Message:
        """A later hearing of the same court, that names the order or leaves it to be found."""
        changed: Order = b.order(
            number=2,
            action=self.chance.choice(CHANGES),
            order=place if self.often(0.7) else None,
            code="3263",
            made_on=at.date(),
            place_term_added=True if self.often(0.3) else None,
        )
        said = b.orders_resulted(changed, occurred_at=at, hearing_on=at.date(), **where)
        return message(said, ORDERS, time=at)

    def application(self, place: str, at: datetime, refs: v.References) -> Iterator[Message]:
        reference = f"APP{self.number}"
        common = {"occurred_at": at, "references": refs.model_copy(update={"application": reference})}
        lodged = b.application(reference, order=place, lodged_at=at, served_on_prosecutor_at=at, **common)
        yield message(lodged, LODGED, time=at)
        later = at + timedelta(hours=4)
        if self.often(0.4):
            outcome = self.chance.choice(("granted", "refused"))
            decided = b.application_decided(reference, outcome, decided_on=later.date(), **common)
            yield message(decided, DECIDED, time=later)
        elif self.often(0.2):
            yield message(b.application_withdrawn(reference, **common), TAKEN_BACK, time=later)

    def answer_to_nothing(self) -> Iterator[Message]:
        at, sender = self.ago(20, 30), self.chance.choice(("idva-larkmead", "mash-865", "dait-53"))
        notification = f"note-{self.number}"
        yield message(b.acknowledged(notification, agency=sender), "uk.agency.acknowledged", time=at)
        if self.often(0.5):
            yield message(b.declined(notification, agency=sender), "uk.agency.declined", time=at)


@dataclass
class _Case:
    """An incident, and later its case: charged, heard and ordered about; in one of three no order is made."""

    chance: random.Random
    number: int
    complete: bool = field(init=False)

    def __post_init__(self) -> None:
        self.complete = self.chance.random() < 2 / 3

    @property
    def crime(self) -> str:
        return f"5426{self.number:05d}0"

    @property
    def urn(self) -> str:
        return f"54DC{self.number:07d}"

    def incident(self, at: datetime) -> Message:
        woman = b.victim(record=b.record(f"w{self.number}"), name=f"Example Woman{self.number}")
        man = b.suspect(record=b.record(f"m{self.number}"), name=f"Example Man{self.number}")
        delivered = b.incident(
            self.crime, occurred_at=at, reported_at=at, incident_log=f"LOG-{self.crime}", parties=(woman, man)
        )
        return message(delivered, INCIDENT, time=at)

    def events(self) -> list[Live]:
        return [self.charge, self.hearing, *([self.order] if self.complete else [])]

    def where(self) -> dict[str, Any]:
        court, _ = COURTS["54"][0]
        refs = b.references(urn=self.urn, asn=f"2654DC01000000{self.number:06d}A", court_ou=court)
        return {"references": refs, "court_ou": court, "force_code": "54"}

    def charge(self, at: datetime) -> Message:
        delivered = b.charge(
            b.charged(crime=self.crime), references=self.where()["references"], occurred_at=at, force_code="54"
        )
        return message(delivered, CHARGE, time=at)

    def hearing(self, at: datetime) -> Message:
        day = at.astimezone(LONDON).date()
        heard = b.offence(
            code=OFFENCES[0],
            verdict=Verdict.CONVICTED,
            final=True,
            sentenced_on=day,
            verdict_date=day,
            results=(b.result(ordered_date=day),),
        )
        delivered = b.hearing(heard, occurred_at=at, hearing_on=day, court_type=CourtType.CROWN, **self.where())
        return message(delivered, HEARING, time=at)

    def order(self, at: datetime) -> Message:
        day = at.astimezone(LONDON).date()
        her = ProtectedPerson(role="victim", party=b.party_ref(1, self.crime), attribution=Attribution.CODED)
        made = b.orders_resulted(
            b.order(made_on=day, protected_persons=(her,)), occurred_at=at, hearing_on=day, **self.where()
        )
        return message(made, ORDERS, time=at)
