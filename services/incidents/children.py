"""Children who saw, heard or live with it, and who in education hears of each (DA Act 2021 s.3, s.49A)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from schemas.classes import DataClass
from schemas.police_incidents.v1 import Child, ChildrenLinked, IncidentReported
from schemas.values import Residence, child_place
from services.casefile.duties import Item, Statement
from services.casefile.facts import INCIDENTS_REMEMBERED, CaseFile, Fact, Incident
from services.casefile.matter import derived
from services.casefile.reasons import Reason
from services.casefile.stating import owed, withheld
from services.casefile.victims import kept_for_specialist
from services.incidents import said
from services.incidents.incident import ADULT_FROM, areas_of, not_between_adults, victims_in, younger
from services.policy.clocks import london_day
from services.policy.model import Areas
from services.policy.policy import Policy


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
    session (DA Act 2021 s.49A). A child who stands at two places of one incident is told of once."""
    told: set[tuple[str, str]] = set()
    for child in affected(file):
        if not child.child.school_urns:
            none = Reason.HOME_EDUCATED if child.child.home_educated else Reason.NO_SCHOOL_NAMED
            yield from state(file, policy, "child_school", child, child.outside or none)
        for agency, urns in establishments(child, policy).items():
            twice = Reason.STATED_TWICE if (child.by.id, agency) in told else None
            matter = derived("schools", urns, DataClass.C, about=child.place)
            yield from state(file, policy, "child_school", child, child.outside or twice, matter, school_urn=urns[0])
            told.add((child.by.id, agency))


def child_home_educated(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The local authority's education desk, for a child who is educated at home (guidance; no duty under s.49A)."""
    for child in affected(file):
        if child.child.home_educated and not child.child.school_urns:
            yield from state(file, policy, "child_home_educated", child, child.outside)


def establishments(child: Affected, policy: Policy) -> dict[str, tuple[str, ...]]:
    """The agencies that serve the child's schools, each with the schools that it is told for."""
    found: dict[str, tuple[str, ...]] = {}
    for urn in dict.fromkeys(child.child.school_urns):
        for chosen in policy.chosen(policy.route("child_school", child.on), child.areas(urn)):
            found[chosen.agency.id] = (*found.get(chosen.agency.id, ()), urn)
    return found


def state(
    file: CaseFile,
    policy: Policy,
    rule: str,
    child: Affected,
    why_not: Reason | None,
    matter: tuple[Item, ...] = (),
    school_urn: str | None = None,
) -> Iterator[Statement]:
    """What is owed to education under a rule, with what happened in outline, or why nothing."""
    grounds = (child.fact, child.by)
    areas = child.areas(school_urn)
    if why_not is not None:
        yield from withheld(
            file, policy, rule=rule, subject=child.place, areas=areas, on=child.on, grounds=grounds, reason=why_not
        )
        return
    yield from owed(
        file,
        policy,
        rule=rule,
        subject=child.place,
        person=child.place,
        areas=areas,
        on=child.on,
        recorded_at=child.recorded_at,
        grounds=grounds,
        matter=(
            *said.each(child.by, said.REFERENCES),
            *said.each(child.by, said.OUTLINE, about=child.place),
            *said.of_child(child.fact, child.stated, child.child, child.incident),
            *matter,
        ),
    )
