"""No content reaches a reader who was not entitled to it when it was said, whatever is corrected afterwards.

Each invented person bears a word of their own, so that a value tells whom it is about. Who may read of whom is worked
out here from the agencies' areas and from domain.md 2.5, not by the code that chooses and projects.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import places
from schemas import values as v
from schemas.agency_responses.v1 import Accepted, Acknowledged, Declined
from schemas.police_incidents import v1 as police
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.escalation import OUTDATED
from services.platform.domain.core.facts import Fact, Key
from services.platform.policy.model import Agency
from tests.support import builders as b
from tests.unit.domain.small import World
from tests.unit.domain.test_real_rules import POLICY, SERVICES

CRIMES = ("CR1", "CR2")
GRADES = (police.Grade.HIGH, police.Grade.MEDIUM, police.Grade.STANDARD)
AGENCIES = {agency.id: agency for agency in POLICY.agencies}

# Whose area a kind of agency serves (domain.md 2.5); all others are chosen by the case.
HERS = frozenset({"idva", "victim_service", "marac", "adult_social_care", "midwife", "specialist_desk"})
THE_CHILD_S = frozenset({"mash", "la_education", "health_visitor", "child_abuse_unit", "encompass_desk"})
HERS_ALONE = frozenset({"idva", "victim_service"})  # of other victims they never read
# Fixed words that ask for nothing: they may stand on what is over.
ASK_NOTHING = frozenset(
    {"not_for_emergencies", "safe_contact", "restricted_file", "restricted_file_services", "do_not_raise_with_him"}
)


@dataclass(frozen=True)
class Person:
    """Somebody invented. `word`: stands in their name, and in all that is told of what happened to them."""

    word: str
    la_code: str
    force: str
    school: str | None = None

    @property
    def record(self) -> v.RecordId:
        return b.record(self.word.lower())

    @property
    def name(self) -> str:
        return f"{self.word} Inventedtest"

    @property
    def residence(self) -> v.Residence:
        return b.residence(self.force, self.la_code)


WOMEN = (
    Person("Zephyra", "866", "54"),
    Person("Quillona", "865", "54"),
    Person("Brindlea", "916", "53"),
    Person("Ostara", "866", "54"),
)
MEN = (Person("Grendor", "866", "54"), Person("Harkwin", "916", "53"))
CHILDREN = (
    Person("Pipkin", "866", "54", "100001"),
    Person("Tansel", "865", "54", "100003"),
    Person("Wrenna", "916", "53", "100005"),
)
PERSONS = {person.word: person for person in (*WOMEN, *MEN, *CHILDREN)}


class Report(NamedTuple):
    """The incident as it is stated now: who stands at its places, and how high the risk is."""

    crime: str
    woman: int
    man: int = 0
    grade: int = 0
    second: int | None = None  # another victim of the same incident
    agreed: bool = True


class Children(NamedTuple):
    crime: str
    child: int


class Withdraw(NamedTuple):
    crime: str


class Merge(NamedTuple):
    """Two women's records are one, or, without `stands`, two again."""

    one: int
    other: int
    stands: bool = True


class Court(NamedTuple):
    """The case as far as a charge, a sentence, an order or an application about it."""

    crime: str
    as_far_as: int


class Reply(NamedTuple):
    """An answer to the newest notification of a duty that is asked, or, `to_the_first`, to the first of any duty."""

    said: Literal["acknowledged", "accepted", "declined"]
    which: int
    to_the_first: bool = False


class Wait(NamedTuple):
    hours: int


Step = Report | Children | Withdraw | Merge | Court | Reply | Wait
SAID = {"acknowledged": Acknowledged, "accepted": Accepted, "declined": Declined}

crimes = st.sampled_from(CRIMES)
women = st.integers(0, len(WOMEN) - 1)
men = st.integers(0, len(MEN) - 1)
reports = st.builds(Report, crimes, women, men, st.sampled_from([0, 0, 1, 2]), st.none() | women, st.booleans())
waits = st.builds(Wait, st.sampled_from([1, 13, 19, 25, 24 * 15]))
steps: st.SearchStrategy[Step] = st.one_of(
    reports,
    women.map(lambda woman: Report("CR1", woman)),
    waits,
    waits,
    st.builds(Children, crimes, st.integers(0, len(CHILDREN) - 1)),
    st.builds(Withdraw, crimes),
    st.builds(Merge, women, women, stands=st.booleans()),
    st.builds(Court, crimes, st.integers(0, 4)),
    st.builds(Reply, st.sampled_from(list(SAID)), st.integers(0, 9), st.sampled_from([False, False, True])),
)


@dataclass
class Life:
    """A life as it happens, with what each agency was given and who stood where when it was."""

    world: World
    now: datetime = b.NOON
    version: int = 0
    stated: dict[str, Report] = field(default_factory=dict)
    children: dict[str, int] = field(default_factory=dict)
    merges: dict[frozenset[int], Fact] = field(default_factory=dict)
    given: dict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))
    told_of: dict[Key, Person] = field(default_factory=dict)
    answered_for: dict[str, Person] = field(default_factory=dict)
    too_late: set[str] = field(default_factory=set)  # answers that no longer counted when they were given

    def live(self, step: Step) -> None:
        facts = tuple(self.facts_of(step))
        if isinstance(step, Wait):
            end = self.now + timedelta(hours=step.hours)
            while (again := self.world.again) is not None and self.now < again < end:
                self.evaluate_files(again)
            self.evaluate_files(end)
        else:
            self.evaluate_files(self.now + timedelta(minutes=1), *facts)

    def evaluate_files(self, now: datetime, *facts: Fact) -> None:
        self.now = now
        for notification in self.world.evaluate(*facts, now=now):
            self.check(notification)
        for key, notification in self.world.delivered.items():
            self.check_taken_back(key, notification)

    def facts_of(self, step: Step) -> Iterator[Fact]:
        self.version += 1
        match step:
            case Report():
                self.stated[step.crime] = step
                yield b.fact(self.incident(step), version=self.version)
            case Children():
                self.children[step.crime] = step.child
                child = CHILDREN[step.child]
                said = b.child(
                    record=child.record, name=child.name, residence=child.residence, school_urns=(child.school,)
                )
                yield b.fact(b.children(step.crime, said), version=self.version)
            case Withdraw():
                if self.stated.pop(step.crime, None):
                    yield b.withdrawal(b.fact(b.incident(step.crime)), version=self.version)
            case Merge() if step.one != step.other:
                yield from self.merged(frozenset({step.one, step.other}), stands=step.stands)
            case Court():
                yield from self.court(step)
            case Reply():
                self.answer(step)

    def answer(self, step: Reply) -> None:
        delivered = self.world.delivered
        asked = sorted(key for key, n in delivered.items() if n.asks and (step.to_the_first or n.state == "live"))
        if asked:
            key = asked[step.which % len(asked)]
            revision = 1 if step.to_the_first else delivered[key].revision
            answer = self.world.answer(SAID[step.said], key, self.now, revision)
            if not delivered[key].heeds(revision):
                self.too_late.add(answer.id)
            elif (person := self.stands_at(delivered[key].person)) is not None:
                self.answered_for[answer.id] = person

    def incident(self, step: Report) -> police.IncidentReported:
        def victim(number: int, woman: Person) -> police.Party:
            return b.victim(
                number,
                record=woman.record,
                name=woman.name,
                residence=woman.residence,
                relationships=(b.connection(2),),
            )

        woman, man = WOMEN[step.woman], MEN[step.man]
        suspect = b.suspect(record=man.record, name=man.name, residence=man.residence)
        others = () if step.second in (None, step.woman) else (victim(3, WOMEN[step.second or 0]),)
        at = b.NOON - (CRIMES.index(step.crime) * 40) * timedelta(days=1)
        return b.incident(
            step.crime,
            occurred_at=at,
            reported_at=at,
            parties=(victim(1, woman), suspect, *others),
            risk=b.risk(GRADES[step.grade]),
            circumstances=f"what {woman.word} said happened to her",
            support_referral=police.SupportReferral.AGREED if step.agreed else police.SupportReferral.DECLINED,
        )

    def merged(self, pair: frozenset[int], *, stands: bool) -> Iterator[Fact]:
        one, other = (WOMEN[n].word.lower() for n in sorted(pair))
        fact = b.fact(b.merged(one, other), version=self.version)
        if stands:
            self.merges[pair] = fact
            yield fact
        elif self.merges.pop(pair, None):
            yield b.withdrawal(fact, version=self.version)

    def court(self, step: Court) -> Iterator[Fact]:
        refs = b.references(urn=f"54DC00{step.crime[2:]}2326", asn=f"2654DC010000000000{step.crime[2:]}A")
        protects = b.protected(crime=step.crime)
        order = places.order_place(b.hearing_place(refs=refs), "3047", 1)
        bodies = (
            b.charge(b.charged(crime=step.crime), references=refs),
            b.hearing(b.offence(), da_finding_s56a="stated", references=refs),
            b.orders_resulted(b.order(protected_persons=(protects,)), references=refs),
            b.application(references=refs, order=order),
        )
        yield from (b.fact(body, version=self.version) for body in bodies[: step.as_far_as])

    # Who stands where, and who may read of whom.

    def stands_at(self, place: str) -> Person | None:
        crime, _, at = place.partition("/")
        report = self.stated.get(crime)
        match at:
            case "party/1" if report:
                return WOMEN[report.woman]
            case "party/2" if report:
                return MEN[report.man]
            case "party/3" if report and report.second not in (None, report.woman):
                return WOMEN[report.second or 0]
            case "child/1" if crime in self.children:
                return CHILDREN[self.children[crime]]
        return None

    def same(self, one: Person, other: Person) -> bool:
        """Whether merges that stand make them one, directly or through others."""
        if one == other:
            return True
        if one not in WOMEN or other not in WOMEN:
            return False
        joined, before = {WOMEN.index(one)}, set[int]()
        while joined != before:
            before = set(joined)
            joined = joined.union(*(pair for pair in self.merges if pair & joined))
        return WOMEN.index(other) in joined

    def at_the_same_crime(self, one: Person, other: Person) -> bool:
        for crime in CRIMES:
            there = [
                p for place in ("party/1", "party/2", "party/3", "child/1") if (p := self.stands_at(f"{crime}/{place}"))
            ]
            if any(self.same(one, p) for p in there) and any(self.same(other, p) for p in there):
                return True
        return False

    def serves(self, agency: Agency, whom: Person) -> bool:
        """Whether this agency is one for this person; a default desk only where there is no other."""
        if agency.kind == "dsl":
            return whom.school in agency.schools
        hers = agency.kind in HERS and whom in WOMEN
        if not hers and agency.kind not in THE_CHILD_S:
            return True  # chosen by the case, or by him
        if agency.default:
            return not any(_in_area(other, whom) for other in AGENCIES.values() if other.kind == agency.kind)
        return _in_area(agency, whom) or any(self.same(whom, other) and _in_area(agency, other) for other in WOMEN)

    # What must hold.

    def check(self, notification: Notification) -> None:
        agency, said = AGENCIES[notification.key.agency], self.given[notification.key.agency]
        if notification.state != "live":
            new = [line for line in notification.content if line not in said]
            assert not new, f"{notification.kind} tells {agency.id} what it was not given"
            inviting = {text for text in notification.texts if text not in ASK_NOTHING}
            assert not inviting, f"{notification.kind} to {agency.id} still says {sorted(inviting)}"
            return
        said.update(notification.content)
        whom = self.stands_at(notification.person)
        if whom is None or notification.key.rule == OUTDATED:  # a reply to an answer goes to whoever gave that
            assert not any(_whom(line) for line in notification.content)
            assert notification.key.rule != OUTDATED or self.too_late.issuperset(notification.grounds)
            return
        assert self.serves(agency, whom), (
            f"{agency.id} is not for whom {notification.kind} of {notification.key.rule} is about"
        )
        for other in {person for line in notification.content for person in _whom(line)}:
            assert self.at_the_same_crime(whom, other), f"{agency.id} reads of somebody who is not there"
            if agency.kind in HERS_ALONE and other in WOMEN:
                assert self.same(whom, other), f"{agency.id} reads of another victim"
        self.told_of[notification.key] = whom

    def check_taken_back(self, key: Key, notification: Notification) -> None:
        """What was told of one person is never left current once another stands at that place, nor what its agency
        said about the one taken for the other."""
        before, whom = self.told_of.get(key), self.stands_at(notification.person)
        if notification.state == "withdrawn" or before is None or whom is None:
            return
        assert self.same(before, whom), f"{key.agency} still holds what it was told of another"
        for asked in notification.asks:
            if asked.met_by in self.answered_for:
                assert self.same(self.answered_for[asked.met_by], whom), "an answer about another person counts"


def _in_area(agency: Agency, whom: Person) -> bool:
    return bool({whom.la_code, whom.force} & (agency.las | agency.forces | agency.able_for))


def _whom(line: tuple[Any, ...]) -> set[Person]:
    """Whose words stand in a value."""
    return {person for word, person in PERSONS.items() if word in str(line[2])}


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=75)
@given(woman=women, life=st.lists(steps, min_size=3, max_size=12))
@example(woman=0, life=[Report("CR1", 0), Reply("acknowledged", 1), Report("CR1", 2)])
@example(
    woman=0,
    life=[
        Court("CR2", 2),
        Report("CR2", 0),
        Reply("acknowledged", 0, to_the_first=True),
        Withdraw("CR2"),
        Reply("acknowledged", 0, to_the_first=True),
    ],
)
def test_nothing_reaches_a_reader_who_was_not_entitled_to_it_when_it_was_said(
    service: str, woman: int, life: list[Step]
) -> None:
    lived = Life(World(POLICY, SERVICES[service]))
    for step in (Report("CR1", woman), *life):
        lived.live(step)
