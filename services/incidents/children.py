"""Tell education about each child who saw, heard or lives with it (DA Act 2021 s.3, s.49A)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from schemas.agency_responses.v1 import HeldRoutes, SchoolIdentified
from schemas.classes import DataClass
from schemas.places import child_place
from schemas.police_incidents.v1 import Child, ChildrenLinked, IncidentReported
from schemas.values import NURSERY, Residence
from services.incidents import said
from services.incidents.incident import ADULT_FROM, areas_of, not_between_adults, victims_in, younger
from services.incidents.released import HELD_HONOUR_BASED, READ_OF_RELEASES, Released, released_in, waits
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, CaseFile, Fact, Incident
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies, Rule
from services.platform.domain.core.stating import owed
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Agency, Areas, Chosen, DeskName
from services.platform.policy.policy import Policy

COMPULSORY_SCHOOL_AGE = 5  # Education Act 1996 s.8


@dataclass(frozen=True, eq=False)
class Affected:
    """The child of this file at one place: what is said of it, and the incident. `file`: the incident by itself."""

    file: CaseFile
    fact: Fact
    stated: ChildrenLinked
    child: Child
    by: Fact
    incident: IncidentReported
    released: Released

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
    def is_at_school(self) -> bool:
        """Whether a school or college is stated; a nursery is none."""
        return any(not urn.startswith(NURSERY) for urn in self.child.school_urns)

    @property
    def not_under_five(self) -> Reason | None:
        """Why it is no child under five who is not in school, or None. The date of birth decides the age; without one
        that is believed, what the source says of it."""
        if self.child.unborn:
            return Reason.NOT_BORN
        if self.is_at_school or self.child.under_5_not_in_school is False:
            return Reason.AT_SCHOOL
        if self.born is None:
            return None if self.child.under_5_not_in_school else Reason.NOT_UNDER_FIVE
        return None if younger(self.born, COMPULSORY_SCHOOL_AGE, self.on) else Reason.NOT_UNDER_FIVE

    @property
    def school_to_find(self) -> Reason | None:
        """Why nobody is asked to find a school, a nursery or a childminder, or None: none is stated, and it is no small
        child at home; or the child is at another one today."""
        stated = self.child
        if stated.another_school_today:
            return None
        if stated.unborn:
            return Reason.NOT_BORN
        if stated.school_urns:
            return Reason.AT_SCHOOL
        if stated.home_educated:
            return Reason.HOME_EDUCATED
        unseen = stated.childcare is None and self.not_under_five is None
        return Reason.UNDER_FIVE_NOT_IN_SCHOOL if unseen else None

    def waits(self, routes: HeldRoutes) -> Reason | None:
        """Why these routes wait for a specialist, or None."""
        return waits(self.incident, self.released, routes)

    def released_by(self, routes: HeldRoutes) -> tuple[Fact, ...]:
        """By what these routes have been released, where they waited."""
        return (self.released[routes],) if routes in self.released else ()

    def outside(self, routes: HeldRoutes) -> Reason | None:
        """Why a child's routes after domestic abuse are not this one's, or None (s.3)."""
        if (reason := self.waits(routes) or self.grown_up) is not None:
            return reason
        reasons = [not_between_adults(self.incident, victim) for victim in victims_in(self.incident)]
        return None if None in reasons else next(iter(reasons), None)

    def areas(self, school_urn: str | None = None) -> Areas:
        """Whose areas choose the child's agencies; the victim's are those of the first victim."""
        victim = next((party.residence for party in victims_in(self.incident)), Residence())
        areas = areas_of(self.incident, victim=victim, child=self.child.residence)
        return areas.model_copy(update={"school_urn": school_urn})


def affected(file: CaseFile, policy: Policy) -> Iterator[Affected]:
    """The child of this file, once for each place at which it stands, in incidents that are known."""
    for incident in file.incidents:
        yield from _affected_of(incident, policy)


@lru_cache(maxsize=INCIDENTS_REMEMBERED)
def _affected_of(known: Incident, policy: Policy) -> tuple[Affected, ...]:
    """Remembered, as victims are."""
    file = known.file()
    return tuple(
        Affected(file, fact, stated, child, by, incident, released_in(file, incident, policy))
        for by, incident in file.of(IncidentReported)
        for fact, stated in file.of(ChildrenLinked)
        for child in stated.children
        if child_place(stated.crime_reference, child.number, stated.stated_by) in file.own_places
    )


def child_school(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The safeguarding lead of each of a child's establishments, for its own pupil only, before its next session (DA
    Act 2021 s.49A). During its holidays, the holiday contact is told and asked nothing. A child at two places of one
    incident is told of once."""
    stated: set[tuple[str, str]] = set()
    for child in affected(file, policy):
        schools = tuple(establishments(child, policy))
        if not schools:
            none = Reason.HOME_EDUCATED if child.child.home_educated else Reason.NO_SCHOOL_NAMED
            yield from state(file, policy, "child_school", child, child.outside(HeldRoutes.SCHOOLS) or none)
        for school in schools:
            twice = Reason.STATED_TWICE if (child.by.id, school.agency.id) in stated else None
            yield from state(
                file,
                policy,
                "child_school",
                child,
                child.outside(HeldRoutes.SCHOOLS) or twice,
                school.named(child.place),
                school=school,
                route=school.route,
                desk=school.desk,
            )
            stated.add((child.by.id, school.agency.id))


def child_school_closed(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The education desk of the child's authority, in place of a school in its holidays (Operation Encompass)."""
    stated: set[str] = set()
    for child in affected(file, policy):
        closed = [school for school in establishments(child, policy) if school.closed_until and school.is_its_own]
        if closed:
            matter = tuple(item for school in closed for item in school.named(child.place))
            twice = Reason.STATED_TWICE if child.by.id in stated else None
            yield from state(
                file, policy, "child_school_closed", child, child.outside(HeldRoutes.SCHOOLS) or twice, matter
            )
            stated.add(child.by.id)


def child_school_reopens(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The safeguarding lead again, on the first morning of the term of a school that was in its holidays; to be read
    before its first session."""
    stated: set[tuple[str, str]] = set()
    for child in affected(file, policy):
        for school in establishments(child, policy):
            if school.closed_until is not None:
                twice = Reason.STATED_TWICE if (child.by.id, school.agency.id) in stated else None
                yield from state(
                    file,
                    policy,
                    "child_school_reopens",
                    child,
                    child.outside(HeldRoutes.SCHOOLS) or twice,
                    school.named(child.place),
                    school=school,
                    opens=school.closed_until,
                )
                stated.add((child.by.id, school.agency.id))


def child_home_educated(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The local authority's education desk, for a child who is educated at home (guidance; no duty under s.49A)."""
    for child in affected(file, policy):
        if child.child.home_educated and not child.child.school_urns:
            yield from state(file, policy, "child_home_educated", child, child.outside(HeldRoutes.SCHOOLS))


def child_find_school(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The education desk of the child's authority finds the school, nursery or childminder of a child for whom none is
    stated, or where it is today, and says so; then that one is told (Operation Encompass guidance)."""
    stated: set[str] = set()
    for child in affected(file, policy):
        if child.school_to_find is Reason.AT_SCHOOL:
            continue
        found = tuple(fact for fact, _ in schools_found(child, policy))
        twice = Reason.STATED_TWICE if child.by.id in stated else None
        why_not = child.outside(HeldRoutes.SCHOOLS) or child.school_to_find or twice
        yield from state(file, policy, "child_find_school", child, why_not, met_by=found)
        if why_not is None:
            stated.add(child.by.id)


def child_encompass_desk(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The Encompass desk of the force in whose area a child lives, where another force recorded the incident; beside
    the child's school, never in its place (DA Act 2021 s.49A(2)-(3))."""
    stated: set[str] = set()
    for child in affected(file, policy):
        lives_in = policy.force_of(child.child.residence)
        here = Reason.LIVES_IN_THIS_FORCE if lives_in in (None, child.incident.force_code) else None
        twice = Reason.STATED_TWICE if child.by.id in stated else None
        why_not = child.outside(HeldRoutes.CHILD_SERVICES) or here or twice
        yield from state(file, policy, "child_encompass_desk", child, why_not, held=HeldRoutes.CHILD_SERVICES)
        if why_not is None:
            stated.add(child.by.id)


@dataclass(frozen=True, slots=True)
class Establishment:
    """An agency that serves schools of a child, with those that it is told for. `closed_until`: the first morning of
    term, where all of them are in their holidays. `is_its_own`: no authority's desk that stands in for it. `found`: by
    what it is known, where only an authority has said that the child is there."""

    agency: Agency
    urns: tuple[str, ...]
    closed_until: datetime | None
    is_its_own: bool
    found: Fact | None

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

    def named(self, place: str) -> tuple[Item, ...]:
        """Its schools, as those of whoever stands at this place."""
        return derived("schools", self.urns, DataClass.C, about=place)


def establishments(child: Affected, policy: Policy) -> Iterator[Establishment]:
    """Whoever serves the child's schools, each once; closed as of when the incident was reported, the child stated or
    the school found, whichever is last."""
    known: dict[str, Fact | None] = dict.fromkeys(child.child.school_urns)
    for fact, body in schools_found(child, policy):
        for urn in body.school_urns:
            known.setdefault(urn, fact)
    yield from serving(
        known, child.areas(), max(child.incident.reported_at, child.stated.occurred_at), child.on, policy
    )


def serving(
    known: Mapping[str, Fact | None], areas: Areas, since: datetime, on: date, policy: Policy
) -> Iterator[Establishment]:
    """Whoever serves these schools, each once. `known`: to each, by which finding alone it is known, if by one."""
    found: dict[str, tuple[Chosen, tuple[str, ...]]] = {}
    for urn in known:
        there = areas.model_copy(update={"school_urn": urn})
        for chosen in policy.chosen(policy.route("child_school", on), there):
            _, urns = found.get(chosen.agency.id, (chosen, ()))
            found[chosen.agency.id] = (chosen, (*urns, urn))
    for chosen, urns in found.values():
        by = None if None in (facts := [known[urn] for urn in urns]) else facts[0]
        at = since if by is None else max(since, by.body.occurred_at)
        mornings = [policy.closed_until(at, urn, areas.child.la_code) for urn in urns]
        closed = [morning for morning in mornings if morning is not None]
        until = min(closed) if len(closed) == len(urns) else None
        yield Establishment(chosen.agency, urns, until, chosen.agency.kind == chosen.recipient.kind, by)


def schools_found(child: Affected, policy: Policy) -> Iterator[tuple[Fact, SchoolIdentified]]:
    """What the education desk of the child's own authority has found of its schools; no other's word counts."""
    desks = policy.chosen(policy.route("child_find_school", child.on), child.areas())
    entitled = {chosen.agency.id for chosen in desks}
    return (
        (fact, found)
        for fact, found in child.file.of(SchoolIdentified)
        if found.place == child.place and found.agency in entitled
    )


def state(
    file: CaseFile,
    policy: Policy,
    rule: str,
    child: Affected,
    why_not: Reason | None,
    matter: tuple[Item, ...] = (),
    *,
    school: Establishment | None = None,
    held: HeldRoutes = HeldRoutes.SCHOOLS,
    met_by: tuple[Fact, ...] = (),
    route: str | None = None,
    desk: DeskName = "duty",
    opens: datetime | None = None,
    since: datetime | None = None,
) -> Iterator[Statement]:
    """What is owed to education under a rule, with what happened in outline, or why nothing. `held`: which kind of
    route it is while it waits for a specialist desk. `since`: from when its times run, if not from the facts."""
    found = () if school is None or school.found is None else (school.found,)
    later = (*found, *child.released_by(held))
    areas = child.areas(None if school is None else school.urns[0])
    yield from owed(
        file,
        policy,
        rule=rule,
        route=route,
        subject=child.place,
        person=child.place,
        areas=areas,
        on=child.on,
        recorded_at=since or max((child.recorded_at, *(fact.at for fact in later))),
        grounds=(child.fact, child.by, *later),
        met_by=met_by,
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


READ_OF_CHILD: Bodies = (IncidentReported, ChildrenLinked, SchoolIdentified, *READ_OF_RELEASES)

RULES = (
    Rule(
        "child_school",
        child_school,
        title="Pupil reported to be affected by domestic abuse",
        routes=("child_school", "child_school_holiday_contact", "child_find_school", HELD_HONOUR_BASED),
        reads=READ_OF_CHILD,
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_school_closed",
        child_school_closed,
        title="Pupil reported to be affected by domestic abuse, whose school is closed",
        routes=("child_school", "child_school_closed", "child_find_school", HELD_HONOUR_BASED),
        reads=READ_OF_CHILD,
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_school_reopens",
        child_school_reopens,
        title="Pupil reported in the holidays to be affected by domestic abuse",
        routes=("child_school", "child_school_reopens", "child_find_school", HELD_HONOUR_BASED),
        reads=READ_OF_CHILD,
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_home_educated",
        child_home_educated,
        title="Child educated at home and reported to be affected by domestic abuse",
        routes=("child_home_educated", HELD_HONOUR_BASED),
        reads=READ_OF_CHILD,
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_encompass_desk",
        child_encompass_desk,
        title="Child of this area, affected by domestic abuse reported to another force",
        routes=("child_encompass_desk", HELD_HONOUR_BASED),
        reads=READ_OF_CHILD,
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "child_find_school",
        child_find_school,
        title="Child affected by domestic abuse, whose school is not known",
        routes=("child_find_school", HELD_HONOUR_BASED),
        reads=READ_OF_CHILD,
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
)
