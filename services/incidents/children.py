"""Children who saw, heard or live with it, and who in education hears of each (DA Act 2021 s.3, s.49A)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from schemas.classes import DataClass
from schemas.police_incidents.v1 import Child, ChildrenLinked, IncidentReported
from schemas.values import Residence, child_place
from services.incidents import said
from services.incidents.incident import ADULT_FROM, areas_of, not_between_adults, victims_in, younger
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, CaseFile, Fact, Incident
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed
from services.platform.domain.people.victims import kept_for_specialist
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Agency, Areas, Chosen, DeskName
from services.platform.policy.policy import Policy


@dataclass(frozen=True, eq=False)
class Affected:
    """The child of this file at one place: what is said of it, and the incident. `file`: the incident by itself."""

    file: CaseFile
    fact: Fact
    stated: ChildrenLinked
    child: Child
    by: Fact
    incident: IncidentReported

    @property
    def place(self) -> str:
        return child_place(self.stated.crime_reference, self.child.number, self.stated.stated_by)

    @property
    def on(self) -> date:
        return london_day(self.incident.reported_at)

    @property
    def recorded_at(self) -> datetime:
        """When both that there was an incident and that it concerns this child had been recorded."""
        return max(self.fact.at, self.by.at)

    @property
    def born(self) -> date | None:
        """The date of birth, unless it is doubted in this incident."""
        return self.child.born_by(self.on)

    @property
    def grown_up(self) -> Reason | None:
        born = self.born
        return Reason.NOT_A_CHILD if born is not None and not younger(born, ADULT_FROM, self.on) else None

    @property
    def outside(self) -> Reason | None:
        """Why a child's routes after domestic abuse are not this one's, or None (s.3)."""
        if (waits := kept_for_specialist(self.incident)) is not None:
            return waits
        if self.grown_up is not None:
            return self.grown_up
        reasons = [not_between_adults(self.incident, victim) for victim in victims_in(self.incident)]
        return None if None in reasons else next(iter(reasons), None)

    def areas(self, school_urn: str | None = None) -> Areas:
        """Whose areas choose the child's agencies; the victim's are those of the first victim."""
        victim = next((party.residence for party in victims_in(self.incident)), Residence())
        areas = areas_of(self.incident, victim=victim, child=self.child.residence)
        return areas.model_copy(update={"school_urn": school_urn})


def affected(file: CaseFile) -> Iterator[Affected]:
    """The child of this file, once for each place at which it stands, in incidents that are known."""
    for incident in file.incidents:
        yield from _affected_of(incident)


@lru_cache(maxsize=INCIDENTS_REMEMBERED)
def _affected_of(known: Incident) -> tuple[Affected, ...]:
    """Remembered, as victims are."""
    file = known.file()
    return tuple(
        Affected(file, fact, stated, child, by, incident)
        for by, incident in file.of(IncidentReported)
        for fact, stated in file.of(ChildrenLinked)
        for child in stated.children
        if child_place(stated.crime_reference, child.number, stated.stated_by) in file.own_places
    )


def child_school(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The safeguarding lead of each establishment of a child, for its own pupil only, to be read before its next
    session (DA Act 2021 s.49A); of one in its holidays the holiday contact, of whom nothing is asked. A child who
    stands at two places of one incident is told of once."""
    stated: set[tuple[str, str]] = set()
    for child in affected(file):
        if not child.child.school_urns:
            none = Reason.HOME_EDUCATED if child.child.home_educated else Reason.NO_SCHOOL_NAMED
            yield from state(file, policy, "child_school", child, child.outside or none)
        for school in establishments(child, policy):
            twice = Reason.STATED_TWICE if (child.by.id, school.agency.id) in stated else None
            yield from state(
                file,
                policy,
                "child_school",
                child,
                child.outside or twice,
                school.named(child),
                school_urn=school.urns[0],
                route=school.route,
                desk=school.desk,
            )
            stated.add((child.by.id, school.agency.id))


def child_school_closed(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The education desk of the child's authority, in place of a school in its holidays (Operation Encompass)."""
    stated: set[str] = set()
    for child in affected(file):
        closed = [school for school in establishments(child, policy) if school.closed_until and school.is_its_own]
        if closed:
            matter = tuple(item for school in closed for item in school.named(child))
            twice = Reason.STATED_TWICE if child.by.id in stated else None
            yield from state(file, policy, "child_school_closed", child, child.outside or twice, matter)
            stated.add(child.by.id)


def child_school_reopens(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The safeguarding lead again, on the first morning of the term of a school that was in its holidays; to be read
    before its first session."""
    stated: set[tuple[str, str]] = set()
    for child in affected(file):
        for school in establishments(child, policy):
            if school.closed_until is not None:
                twice = Reason.STATED_TWICE if (child.by.id, school.agency.id) in stated else None
                yield from state(
                    file,
                    policy,
                    "child_school_reopens",
                    child,
                    child.outside or twice,
                    school.named(child),
                    school_urn=school.urns[0],
                    opens=school.closed_until,
                )
                stated.add((child.by.id, school.agency.id))


def child_home_educated(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The local authority's education desk, for a child who is educated at home (guidance; no duty under s.49A)."""
    for child in affected(file):
        if child.child.home_educated and not child.child.school_urns:
            yield from state(file, policy, "child_home_educated", child, child.outside)


def child_encompass_desk(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The Encompass desk of the force in whose area a child lives, where another force recorded the incident; beside
    the child's school, never in its place (DA Act 2021 s.49A(2)-(3))."""
    stated: set[str] = set()
    for child in affected(file):
        lives_in = policy.force_of(child.child.residence)
        here = Reason.LIVES_IN_THIS_FORCE if lives_in in (None, child.incident.force_code) else None
        twice = Reason.STATED_TWICE if child.by.id in stated else None
        why_not = child.outside or here or twice
        yield from state(file, policy, "child_encompass_desk", child, why_not)
        if why_not is None:
            stated.add(child.by.id)


@dataclass(frozen=True, slots=True)
class Establishment:
    """An agency that serves schools of a child, with those that it is told for. `closed_until`: the first morning of
    term, where all of them are in their holidays. `is_its_own`: no authority's desk that stands in for it."""

    agency: Agency
    urns: tuple[str, ...]
    closed_until: datetime | None
    is_its_own: bool

    @property
    def route(self) -> str:
        if self.closed_until is None:
            return "child_school"
        return "child_school_holiday_contact" if self.is_its_own else "child_school_closed"

    @property
    def desk(self) -> DeskName:
        """In its holidays the one that it has for them, if it has one."""
        has_one = any(desk.desk == "holiday" for desk in self.agency.desks)
        return "holiday" if self.closed_until is not None and has_one else "duty"

    def named(self, child: Affected) -> tuple[Item, ...]:
        return derived("schools", self.urns, DataClass.C, about=child.place)


def establishments(child: Affected, policy: Policy) -> Iterator[Establishment]:
    """Whoever serves the child's schools, each once; closed as of the later of report and statement."""
    found: dict[str, tuple[Chosen, tuple[str, ...]]] = {}
    for urn in dict.fromkeys(child.child.school_urns):
        for chosen in policy.chosen(policy.route("child_school", child.on), child.areas(urn)):
            _, urns = found.get(chosen.agency.id, (chosen, ()))
            found[chosen.agency.id] = (chosen, (*urns, urn))
    for chosen, urns in found.values():
        at, la_code = max(child.incident.reported_at, child.stated.occurred_at), child.child.residence.la_code
        mornings = [policy.closed_until(at, urn, la_code) for urn in urns]
        closed = [morning for morning in mornings if morning is not None]
        until = min(closed) if len(closed) == len(urns) else None
        yield Establishment(chosen.agency, urns, until, chosen.agency.kind == chosen.recipient.kind)


def state(
    file: CaseFile,
    policy: Policy,
    rule: str,
    child: Affected,
    why_not: Reason | None,
    matter: tuple[Item, ...] = (),
    school_urn: str | None = None,
    *,
    route: str | None = None,
    desk: DeskName = "duty",
    opens: datetime | None = None,
) -> Iterator[Statement]:
    """What is owed to education under a rule, with what happened in outline, or why nothing."""
    grounds = (child.fact, child.by)
    areas = child.areas(school_urn)
    yield from owed(
        file,
        policy,
        rule=rule,
        route=route,
        subject=child.place,
        person=child.place,
        areas=areas,
        on=child.on,
        recorded_at=child.recorded_at,
        grounds=grounds,
        opens=opens,
        desk=desk,
        matter=(
            *said.each(child.by, said.REFERENCES),
            *said.each(child.by, said.OUTLINE, about=child.place),
            *said.of_child(child.fact, child.stated, child.child, child.incident),
            *matter,
        ),
        why_not=why_not,
    )


RULES = (
    Rule(
        "child_school",
        child_school,
        title="Pupil reported to be affected by domestic abuse",
        routes=("child_school", "child_school_holiday_contact"),
        reads=(IncidentReported, ChildrenLinked),
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_school_closed",
        child_school_closed,
        title="Pupil reported to be affected by domestic abuse, whose school is closed",
        routes=("child_school", "child_school_closed"),
        reads=(IncidentReported, ChildrenLinked),
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_school_reopens",
        child_school_reopens,
        title="Pupil reported in the holidays to be affected by domestic abuse",
        routes=("child_school", "child_school_reopens"),
        reads=(IncidentReported, ChildrenLinked),
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_home_educated",
        child_home_educated,
        title="Child educated at home and reported to be affected by domestic abuse",
        routes=("child_home_educated",),
        reads=(IncidentReported, ChildrenLinked),
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_encompass_desk",
        child_encompass_desk,
        title="Child of this area, affected by domestic abuse reported to another force",
        routes=("child_encompass_desk",),
        reads=(IncidentReported, ChildrenLinked),
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
)
