"""While roles are unresolved: each party at high risk is referred as a victim, to services that share nobody."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from schemas.classes import DataClass
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, Party, RiskAssessed
from schemas.values import Role, party_place
from services.incidents import said
from services.incidents.assessed import Assessment, Level, in_order
from services.incidents.held import later_records, recorded
from services.incidents.incident import READ_OF_VICTIMS, Victim, areas_of, assessments, possible_victims, victims
from services.incidents.measures import of_risk
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed
from services.platform.domain.people.victims import kept_for_specialist, later_views
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Agency, Chosen, Route
from services.platform.policy.policy import Policy

APART, NOBODY_LEFT = "high_risk_roles_unresolved", "no_second_service"
# What is said of an incident and of nobody in it: injury, markers and support are one party's, and whose is not stated.
OF_NOBODY = ("occurred_from", "occurred_to", "historic", "location_type")


def high_risk_apart(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """An IDVA service that no other party of the incident is referred to, with nothing about them; where policy names
    none, the DAIT supervisor finds one. MARAC and the DAIT, who would read both, wait for the roles (1.12 rule 7)."""
    for her in victims(file, policy):
        if her.held is not Reason.ROLES_UNRESOLVED:
            continue
        short = None if her.deciding.level is Level.HIGH else Reason.BELOW_THRESHOLD
        grounds = tuple({fact.id: fact for fact in (her.fact, her.deciding.fact)}.values())
        served = list(hers(file, her, policy, policy.route(APART, her.on)))
        route, recipients = (APART, served) if served else (NOBODY_LEFT, None)
        yield from owed(
            file,
            policy,
            rule=APART,
            route=route,
            subject=her.place,
            person=her.place,
            areas=her.areas,
            on=her.on,
            recorded_at=her.deciding.fact.at,
            grounds=grounds,
            matter=matter(her),
            recipients=recipients,
            measured_by=of_risk(her.deciding),
            why_not=her.not_between_adults or short,
        )


def hers(file: CaseFile, her: Victim, policy: Policy, row: Route) -> Iterator[Chosen]:
    """The services in force of those that are shared out to her, the first to be asked first; none where all are
    another's."""
    parties = in_turn(file, her.incident)
    for chosen, service in shared_out(her.incident, parties, policy.rows.of_all_times, row)[her.party.number]:
        in_force = [known for agency in service if (known := policy.agency(agency.id)) is not None]
        if in_force:
            by_default = chosen.by_default and in_force[0].id == chosen.agency.id
            first, *others = in_force
            yield chosen.model_copy(update={"agency": first, "next_able": tuple(others), "by_default": by_default})


def in_turn(file: CaseFile, incident: IncidentReported) -> list[Party]:
    """Whoever was a victim in an earlier incident of all of them comes first, for a service may know of that; then by
    number. A later one changes nothing: their services would hear of the other. An incident of only some of them does
    not lie in the others' files, and each file must give the same order: else two of them had one service."""
    person = {party.number: person_at(file, incident, party) for party in incident.parties}
    before: set[str] = set()
    for _, other in file.of(IncidentReported):
        if not other.roles_unresolved and when(other) < when(incident):
            roles = {person_at(file, other, party): party.role for party in other.parties}
            if roles.keys() >= set(person.values()):
                before |= {who for who, role in roles.items() if role is Role.VICTIM}
    return sorted(incident.parties, key=lambda party: (person[party.number] not in before, party.number))


def when(incident: IncidentReported) -> tuple[datetime, str]:
    """Where an incident stands among others: no correction of its roles moves it."""
    return incident.reported_at, incident.crime_reference


def person_at(file: CaseFile, incident: IncidentReported, party: Party) -> str:
    place = party_place(incident.crime_reference, party.number)
    return file.persons.get(place, place)


def shared_out(
    incident: IncidentReported, parties: Sequence[Party], policy: Policy, row: Route
) -> dict[int, list[tuple[Chosen, tuple[Agency, ...]]]]:
    """The able services of each party by its number, for each kind that the route tells; each service is one party's.

    By the parties' order and areas and by nothing else: no later view of a risk and no agency's beginning or end gives
    a service to one party after it was another's.
    """
    found: dict[int, list[tuple[Chosen, tuple[Agency, ...]]]] = {party.number: [] for party in parties}
    of_each = [policy.chosen(row, areas_of(incident, victim=party.residence)) for party in parties]
    for told in row.told:
        wanted = [next(chosen for chosen in of_one if chosen.told == told) for of_one in of_each]
        shares = taken_in_turn([(chosen.agency, *chosen.next_able) for chosen in wanted])
        for party, chosen, share in zip(parties, wanted, shares, strict=True):
            found[party.number].append((chosen, share))
    return found


def taken_in_turn(wanted: Sequence[Sequence[Agency]]) -> list[tuple[Agency, ...]]:
    """In turn each takes the first that it may have and nobody has, until nothing is left."""
    shares: list[list[Agency]] = [[] for _ in wanted]
    taken: set[str] = set()
    before = -1
    while before < len(taken):
        before = len(taken)
        for share, may_have in zip(shares, wanted, strict=True):
            if (left := next((agency for agency in may_have if agency.id not in taken), None)) is not None:
                share.append(left)
                taken.add(left.id)
    return [tuple(share) for share in shares]


def matter(her: Victim) -> tuple[Item, ...]:
    """Who she is and how high the risk, and nothing of anybody else."""
    return (
        *said.each(her.fact, said.REFERENCES + OF_NOBODY),
        *said.people(her.fact, her.incident, her.party),
        *risk(her, her.deciding),
    )


def risk(her: Victim, view: Assessment) -> tuple[Item, ...]:
    """A view of the risk to her. The incident's own may be of another: of that the grade alone."""
    if view.fact is not her.fact:
        return said.of_risk(view, her.place)
    return (
        *said.each(view.fact, ("grade",), "risk.", her.place),
        *derived("risk.routed_by", view.routed_by, DataClass.K, about=her.place, basis="assessed"),
    )


def resolve_roles(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The DAIT supervisor decides who is victim and who is suspect, sooner where anybody is at high risk; by references
    alone, in the file of the first who may be a victim (1.12 rule 7)."""
    for fact, incident in file.of(IncidentReported):
        first = next(possible_victims(incident))
        place = party_place(incident.crime_reference, first.number)
        if not incident.roles_unresolved or place not in file.own_places:
            continue
        areas, on = areas_of(incident, victim=first.residence), london_day(incident.reported_at)
        high = since_high(file, fact, incident, policy)
        route = "resolve_roles" if high is None else "resolve_roles_high"
        views, linked = later_records(file, incident.crime_reference)
        yield from owed(
            file,
            policy,
            rule="resolve_roles",
            route=route,
            subject=place,
            person=place,
            areas=areas,
            on=on,
            recorded_at=high or fact.at,
            grounds=(fact, *views, *linked),
            matter=(
                *said.each(fact, said.REFERENCES),
                *derived("roles", "not_resolved", DataClass.R),
                *recorded("risk_assessed_at", views),
                *recorded("children_linked_at", linked),
            ),
            why_not=kept_for_specialist(incident),
        )


def since_high(file: CaseFile, fact: Fact, incident: IncidentReported, policy: Policy) -> datetime | None:
    """When a high risk to anybody was first recorded, or None."""
    later = later_views(file)
    views = [view for party in incident.parties for view in assessments(fact, incident, party, later, policy)]
    return next((view.fact.at for view in in_order(views) if view.level is Level.HIGH), None)


RULES = (
    Rule(
        APART,
        high_risk_apart,
        title="Referral at high risk as a victim, roles not settled",
        routes=(APART, NOBODY_LEFT),
        reads=READ_OF_VICTIMS,
    ),
    Rule(
        "resolve_roles",
        resolve_roles,
        title="Not settled who is the victim and who is the suspect",
        routes=("resolve_roles", "resolve_roles_high"),
        reads=(IncidentReported, RiskAssessed, ChildrenLinked),
        needs=(IncidentReported,),
        speaks_of="incident",
    ),
)
