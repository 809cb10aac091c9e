"""A seeded load: families over all streams, with corrections, withdrawals, duplicates and late, disordered arrival."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas import values as v
from schemas.court_convictions.v1 import CourtType, Verdict
from schemas.court_order_variations.v1 import Attribution, ProtectedPerson
from schemas.police_incidents.v1 import ChildrenLinked, Grade, IncidentReported, Markers, Party, SupportReferral
from services.runtime.broker import Message
from tests import builders as b
from tests.broker.relay import message

SCHOOLS = ("100001", "100002", "100003", "100004")
AUTHORITIES = ("865", "866")
COURTS = {"C54SD00": CourtType.CROWN, "B54MW00": CourtType.MAGISTRATES}
DUPLICATED, WITHDRAWN, CORRECTED = 0.15, 0.06, 0.3
JITTER = 120  # how many events something may arrive too early or too late


def load(seed: int, families: int, now: datetime) -> list[Message]:
    """Some fifteen events a family, in the order of their arrival."""
    chance = random.Random(seed)  # noqa: S311 - a seed must give the same load again
    events = [event for number in range(families) for event in _Family(chance, number, now).events()]
    events += chance.sample(events, int(DUPLICATED * len(events)))
    placed = sorted((place + chance.uniform(0, JITTER), place) for place in range(len(events)))
    return [events[place] for _, place in placed]


@dataclass
class _Family:
    """One couple and what happens to them, over most of a year."""

    chance: random.Random
    number: int
    now: datetime
    crimes: list[str] = field(init=False, default_factory=list)

    def events(self) -> Iterator[Message]:
        for _ in range(self.chance.randint(1, 4)):
            yield from self.incident()
        if self.chance.random() < 0.6:
            yield from self.case()

    def ago(self, least: int, most: int) -> datetime:
        return self.now - timedelta(days=self.chance.randint(least, most), minutes=self.chance.randint(0, 1_000))

    def parties(self) -> tuple[Party, ...]:
        lives = v.Residence(force="54", la_code=self.chance.choice(AUTHORITIES))
        hers = b.record(f"w{self.number}") if self.chance.random() < 0.9 else None
        his = b.record(f"m{self.number // 2}") if self.chance.random() < 0.9 else None  # some men have two families
        return (
            b.victim(record=hers, residence=lives, name=f"Example Woman{self.number}"),
            b.suspect(record=his, residence=lives, name=f"Example Man{self.number}"),
        )

    def incident(self) -> Iterator[Message]:
        crime = f"5426{self.number:05d}{len(self.crimes)}"
        self.crimes.append(crime)
        at, kind = self.ago(20, 300), "uk.police.incident-reported"
        fields: dict[str, Any] = {
            "occurred_at": at,
            "reported_at": at,
            "parties": self.parties(),
            "risk": b.risk(self.chance.choice(list(Grade)), tick_count=self.chance.randint(0, 20)),
            "support_referral": self.chance.choice(list(SupportReferral)),
            "markers": Markers(strangulation=self.chance.random() < 0.2, weapon=self.chance.random() < 0.1),
        }
        first = b.incident(crime, **fields)
        yield message(first, kind, time=at)
        if self.chance.random() < CORRECTED:
            fields["risk"] = b.risk(self.chance.choice(list(Grade)))
            yield message(b.incident(crime, **fields), kind, version=2, time=at + timedelta(hours=1))
        yield from self.taken_back(first, kind, at)
        if self.chance.random() < 0.2:
            later = at + timedelta(hours=5)
            assessed = b.risk_assessed(crime, occurred_at=later, risk=b.risk(self.chance.choice(list(Grade))))
            yield message(assessed, "uk.police.risk-assessed", time=later)
        if self.chance.random() < 0.5:
            yield from self.children(crime, at)

    def children(self, crime: str, at: datetime) -> Iterator[Message]:
        kind = "uk.police.children-linked"

        def those() -> ChildrenLinked:
            lives = v.Residence(force="54", la_code=self.chance.choice(AUTHORITIES))
            many = [
                b.child(
                    n,
                    record=b.record(f"c{self.number}-{n}"),
                    school_urns=(self.chance.choice(SCHOOLS),),
                    injured=self.chance.random() < 0.2,
                    residence=lives,
                )
                for n in range(1, self.chance.randint(2, 3))
            ]
            return b.children(crime, *many, occurred_at=at)

        first = those()
        yield message(first, kind, time=at)
        if self.chance.random() < CORRECTED:
            yield message(those(), kind, version=2, time=at + timedelta(hours=2))
        yield from self.taken_back(first, kind, at)

    def taken_back(self, body: IncidentReported | ChildrenLinked, kind: str, at: datetime) -> Iterator[Message]:
        if self.chance.random() < WITHDRAWN:
            when = at + timedelta(days=1)
            gone = v.Withdrawn(occurred_at=when, withdrawn=True, correction_reason=v.CorrectionReason.SENT_IN_ERROR)
            yield message(gone, kind, version=9, time=when, subject=body.subject)

    def case(self) -> Iterator[Message]:
        crime, at = self.crimes[-1], self.ago(10, 15)
        court = self.chance.choice(list(COURTS))
        refs = b.references(urn=f"54DC{self.number:07d}", asn=f"2654DC01000000{self.number:06d}A", court_ou=court)
        common = {"references": refs, "court_ou": court, "hearing_on": at.date(), "occurred_at": at}
        charged = self.chance.random() < 0.85
        offences = [b.offence(verdict=self.chance.choice(list(Verdict)), final=self.chance.random() < 0.9)]
        events = [
            message(b.hearing(*offences, court_type=COURTS[court], **common), "uk.court.hearing-resulted", time=at)
        ]
        if charged:
            before = at - timedelta(days=4)
            charge = b.charge(b.charged(crime=crime), references=refs, occurred_at=before)
            events.append(message(charge, "uk.police.charge-preferred", time=before))
        elif self.chance.random() < 0.5:
            made = b.link_made(
                b.party_ref(1, crime), b.party_ref(2, crime), reference=f"{refs.urn}/{refs.asn}", agency="dait-54"
            )
            events.append(message(made, "uk.agency.link-made", time=at))
        if self.chance.random() < 0.6:
            events += self.orders(crime, at, common, refs)
        self.chance.shuffle(events)
        yield from events

    def orders(self, crime: str, at: datetime, common: dict[str, Any], refs: v.References) -> Iterator[Message]:
        kind = "uk.court.orders-resulted"
        coded = self.chance.random() < 0.5
        ref = b.party_ref(1, crime)
        whom = ProtectedPerson(role="victim", party=ref, attribution=Attribution.CODED) if coded else None
        order = b.order(made_on=at.date(), protected_persons=(whom,) if whom else ())
        resulted = b.orders_resulted(order, **common)
        yield message(resulted, kind, time=at)
        place = resulted.place_of(order)
        if not coded and self.chance.random() < 0.5:
            confirmed = b.attribution(ref, order=place, agency="dait-54")
            yield message(confirmed, "uk.agency.attribution-confirmed", time=at + timedelta(days=1))
        if self.chance.random() < 0.15:
            yield message(b.orders_resulted(**common), kind, version=2, time=at + timedelta(days=2))
        if self.chance.random() < 0.4:
            yield from self.application(place, at + timedelta(days=3), refs)

    def application(self, place: str, at: datetime, refs: v.References) -> Iterator[Message]:
        reference = f"APP{self.number}"
        named = refs.model_copy(update={"application": reference})
        fields: dict[str, Any] = {"occurred_at": at, "references": named}
        lodged = b.application(reference, order=place, lodged_at=at, served_on_prosecutor_at=at, **fields)
        yield message(lodged, "uk.court.application-lodged", time=at)
        if self.chance.random() < 0.5:
            outcome = self.chance.choice(["granted", "refused"])
            decided = b.application_decided(reference, outcome, **fields)
            yield message(decided, "uk.court.application-decided", time=at + timedelta(hours=4))
