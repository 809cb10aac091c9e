"""The people of an incident: its victims, the suspects beside them, and whose areas choose the agencies."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache

from schemas.births import age_on, contradicted, known_age
from schemas.places import Place, party_place
from schemas.police_incidents.v1 import IncidentReported, Party, RiskAssessed
from schemas.values import Relationship, Residence, Role
from services.incidents.assessed import Assessment, deciding
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, CaseFile, Fact, Incident
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies
from services.platform.domain.people.victims import held, later_views
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Areas
from services.platform.policy.policy import Policy

CONNECTED_FROM, ADULT_FROM = 16, 18  # the law's own ages (DA Act 2021 s.1(2), s.3), alike in every area
NOWHERE = Residence()

READ_OF_VICTIMS: Bodies = (IncidentReported, RiskAssessed)  # by `victims`


@dataclass(frozen=True, eq=False)
class Victim:
    """One victim at one place of one incident, with every view of the risk to her. `file`: the incident by itself."""

    file: CaseFile
    fact: Fact
    incident: IncidentReported
    party: Party
    assessments: tuple[Assessment, ...]

    @cached_property
    def place(self) -> Place:
        return party_place(self.incident.crime_reference, self.party.number)

    @cached_property
    def on(self) -> date:
        return london_day(self.incident.reported_at)

    @cached_property
    def areas(self) -> Areas:
        return areas_of(self.incident, victim=self.party.residence)

    @cached_property
    def suspects(self) -> tuple[Place, ...]:
        """Their places, where it is domestic abuse between adults."""
        if self.not_between_adults is not None:
            return ()
        crime = self.incident.crime_reference
        return tuple(party_place(crime, suspect.number) for suspect in against(self.incident, self.party))

    @cached_property
    def not_between_adults(self) -> Reason | None:
        return not_between_adults(self.incident, self.party)

    @cached_property
    def deciding(self) -> Assessment:
        return deciding(self.assessments)

    @cached_property
    def held(self) -> Reason | None:
        """Why ordinary routes wait for a specialist, or for the roles to be resolved, or None."""
        return held(self.incident)

    @cached_property
    def outside(self) -> Reason | None:
        """Why the routes of an adult victim of domestic abuse are not hers, or None."""
        return self.held or self.not_between_adults


def victims(file: CaseFile, policy: Policy) -> Iterator[Victim]:
    """The person of this file as a victim, once for each place at which she is one."""
    for incident in file.incidents:
        yield from _victims_of(incident, policy)


@lru_cache(maxsize=INCIDENTS_REMEMBERED)
def _victims_of(known: Incident, policy: Policy) -> tuple[Victim, ...]:
    """Remembered: every rule asks for them, and the next evaluation again."""
    file = known.file()
    later = later_views(file)
    return tuple(
        Victim(file, fact, incident, party, assessments(fact, incident, party, later, policy))
        for fact, incident in file.of(IncidentReported)
        for party in victims_in(incident)
        if party_place(incident.crime_reference, party.number) in file.own_places
    )


def assessments(
    fact: Fact,
    incident: IncidentReported,
    party: Party,
    later: dict[str, list[tuple[Fact, RiskAssessed]]],
    policy: Policy,
) -> tuple[Assessment, ...]:
    """The incident's own view and the later ones of one party, each with the thresholds of her area and its tool."""
    area = policy.risk_holding_force(areas_of(incident, victim=party.residence)) or incident.force_code
    views = [(fact, incident.risk, incident.reported_at)]
    place = party_place(incident.crime_reference, party.number)
    views += [(f, view.risk, view.occurred_at) for f, view in later.get(place, ())]
    return tuple(Assessment(f, risk, policy.thresholds(area, risk.tool, london_day(at))) for f, risk, at in views)


def parties(incident: IncidentReported, role: Role) -> Iterable[Party]:
    return (party for party in incident.parties if party.role is role)


def victims_in(incident: IncidentReported) -> tuple[Party, ...]:
    """Whether a party is judged as a victim: while roles are unresolved every party is, whatever role is stated (domain
    2.1)."""
    return incident.parties if incident.roles_unresolved else tuple(parties(incident, Role.VICTIM))


def against(incident: IncidentReported, victim: Party) -> tuple[Party, ...]:
    """Those from whom a victim may have suffered it: while roles are unresolved, everybody else."""
    others = incident.parties if incident.roles_unresolved else parties(incident, Role.SUSPECT)
    return tuple(party for party in others if party is not victim)


def possible_victims(incident: IncidentReported) -> Iterator[Party]:
    """The victims; while roles are unresolved all who may be one, the likeliest first, and always at least one."""
    ranks = (Role.VICTIM, Role.UNRESOLVED, Role.SUSPECT)
    return iter(sorted(incident.parties, key=lambda party: (ranks.index(party.role), party.number)))


def areas_of(incident: IncidentReported, victim: Residence = NOWHERE, child: Residence = NOWHERE) -> Areas:
    """Whose areas choose the agencies of an incident."""
    suspect = next((party.residence for party in parties(incident, Role.SUSPECT)), NOWHERE)
    return Areas(victim=victim, child=child, suspect=suspect, case_force=incident.force_code)


def not_between_adults(incident: IncidentReported, victim: Party) -> Reason | None:
    """Why it is not abuse between two people of 16 or more who are personally connected (s.1, s.2), or None."""
    on, suspects = london_day(incident.reported_at), against(incident, victim)
    if under(victim, CONNECTED_FROM, on):
        return Reason.VICTIM_UNDER_16
    if suspects and all(under(suspect, CONNECTED_FROM, on) for suspect in suspects):
        return Reason.SUSPECT_UNDER_16
    return None if connected(victim, suspects) else Reason.NOT_PERSONALLY_CONNECTED


def connected(victim: Party, suspects: Iterable[Party]) -> bool:
    """Whether they may be connected: only a statement about every suspect says no; nothing stated is not no."""
    stated = [[*_to(victim, suspect), *_to(suspect, victim)] for suspect in suspects]
    return not stated or any(set(each) != {Relationship.NOT_CONNECTED} for each in stated)


def _to(party: Party, other: Party) -> Iterator[Relationship]:
    return (c.relationship for c in party.relationships if c.to_party == other.number)


def under(party: Party, years: int, on: date) -> bool:
    """Whether a party is known to be younger; somebody of unknown age is not. Where the age and the date of birth that
    are stated disagree, that alone is known which both say."""
    if party.born is not None:
        return younger(party.born, years, on)
    if party.age is not None and (other := contradicted(party.date_of_birth)) is not None:
        return party.age < years and younger(other, years, on)
    age = known_age(party.age)
    return age is not None and age < years


def younger(born: date, years: int, on: date) -> bool:
    """Whether somebody born on that day has not completed so many years."""
    return age_on(born, on) < years
