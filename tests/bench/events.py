"""What is published to every contestant: families with their incidents, assessments and children, corrected, withdrawn,
doubled and out of order.

Charges and courts stay out, since they need links between matters, and so do corrections that move a place to another
person, since all files between which it moves have to be looked at as one: simple loops do neither.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from schemas import values as v
from schemas.police_incidents.v1 import (
    ChildrenLinked,
    Grade,
    IncidentReported,
    Markers,
    Party,
    Risk,
    SupportReferral,
)
from services.platform.streaming.sending import Message
from tests.broker.relay import message
from tests.support import builders as b

SEED = 7
INCIDENTS = (1, 1, 2, 3, 4, 6)
CORRECTED, WITHDRAWN, REPEATED, ASSESSED, WITH_CHILDREN = 0.3, 0.06, 0.15, 0.2, 0.5
JITTER = 120  # how many events something may arrive too early or too late
SCHOOLS = ("100001", "100002", "100003", "100004")
AUTHORITIES = ("865", "866")


def events(count: int, tell: Callable[[int], None] = lambda _: None) -> Sequence[Message]:
    """The same for every contestant of a run, in the order of their arrival. `tell` hears how many are made."""
    chance = random.Random(SEED)  # noqa: S311 - a seed must give the same load again
    now = datetime.now(UTC)
    found: list[Message] = []
    number = 0
    while len(found) < count:
        for event in _Family(chance, number, now).events():
            found += [event] * (1 + (chance.random() < REPEATED))
        number += 1
        tell(len(found))
    placed = sorted((place + chance.uniform(0, JITTER), place) for place in range(count))
    return [found[place] for _, place in placed]


@dataclass
class _Family:
    """One couple and their children over most of a year; every second man has two families."""

    chance: random.Random
    number: int
    now: datetime
    lives: v.Residence = field(init=False)
    people: tuple[Party, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.lives = v.Residence(force="54", la_code=self.chance.choice(AUTHORITIES))
        hers = b.record(f"w{self.number}") if self.often(0.9) else None
        his = b.record(f"m{self.number // 2}") if self.often(0.9) else None
        self.people = (
            b.victim(record=hers, residence=self.lives, name=f"Example Woman{self.number}"),
            b.suspect(record=his, residence=self.lives, name=f"Example Man{self.number}"),
        )

    def events(self) -> Iterator[Message]:
        for place in range(self.chance.choice(INCIDENTS)):
            crime = f"5426{self.number:05d}{place}"
            at = self.now - timedelta(days=self.chance.randint(1, 300), minutes=self.chance.randint(0, 1_000))
            yield from self.versions(lambda: self.incident(crime, at), "uk.police.incident-reported", at)  # noqa: B023
            if self.often(ASSESSED):
                later = at + timedelta(hours=5)
                view = b.risk_assessed(crime, occurred_at=later, risk=self.risk())
                yield message(view, "uk.police.risk-assessed", time=later)
            if self.often(WITH_CHILDREN):
                yield from self.versions(lambda: self.of_children(crime, at), "uk.police.children-linked", at)  # noqa: B023

    def versions(
        self, delivered: Callable[[], IncidentReported | ChildrenLinked], kind: str, at: datetime
    ) -> Iterator[Message]:
        """The fact, sometimes a correction that says other things, sometimes taken back in the end."""
        first = delivered()
        yield message(first, kind, time=at)
        if self.often(CORRECTED):
            yield message(delivered(), kind, version=2, time=at + timedelta(hours=2))
        if self.often(WITHDRAWN):
            when = at + timedelta(hours=20)
            gone = v.Withdrawn(occurred_at=when, withdrawn=True, correction_reason=v.CorrectionReason.SENT_IN_ERROR)
            yield message(gone, kind, version=9, time=when, subject=first.subject)

    def incident(self, crime: str, at: datetime) -> IncidentReported:
        return b.incident(
            crime,
            occurred_at=at,
            reported_at=at,
            parties=self.people,
            risk=self.risk(),
            support_referral=self.chance.choice(list(SupportReferral)),
            markers=Markers(strangulation=self.often(0.2), weapon=self.often(0.1)),
        )

    def risk(self) -> Risk:
        yes = self.chance.randint(0, 16)
        return b.risk(
            self.chance.choice((Grade.STANDARD, Grade.STANDARD, Grade.MEDIUM, Grade.MEDIUM, Grade.HIGH)),
            answers=b.answers(yes=yes, no=27 - yes),
        )

    def of_children(self, crime: str, at: datetime) -> ChildrenLinked:
        many = [
            b.child(
                number,
                record=b.record(f"c{self.number}-{number}"),
                school_urns=(self.chance.choice(SCHOOLS),),
                injured=self.often(0.2),
                residence=self.lives,
            )
            for number in range(1, self.chance.randint(2, 3))
        ]
        return b.children(crime, *many, occurred_at=at)

    def often(self, share: float) -> bool:
        return self.chance.random() < share
