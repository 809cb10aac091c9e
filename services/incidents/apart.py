"""Refer each party at high risk as a victim while roles are unresolved, to services that no other party has."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial

from schemas.classes import DataClass
from schemas.places import party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, RiskAssessed
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
from services.platform.domain.people.separate_services import APART, answered_about_others, shares
from services.platform.domain.people.victims import kept_for_specialist, later_views
from services.platform.policy.clocks import london_day
from services.platform.policy.model import Agency, Chosen
from services.platform.policy.policy import Policy

NOBODY_LEFT = "no_second_service"
# Items about the incident and no one in it: injury, markers and support belong to one party, and it is not said which.
OF_NOBODY = ("occurred_from", "occurred_to", "historic", "location_type")


def high_risk_apart(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Refer this party to an IDVA service of its own, with nothing about anybody else. If none is left, the DAIT
    supervisor finds one. MARAC and the DAIT would read both, so they wait for the roles (1.12 rule 7)."""
    for her in victims(file, policy):
        if her.held is not Reason.ROLES_UNRESOLVED:
            continue
        short = None if her.deciding.level is Level.HIGH else Reason.BELOW_THRESHOLD
        grounds = tuple({fact.id: fact for fact in (her.fact, her.deciding.fact)}.values())
        state = partial(
            owed,
            file,
            policy,
            rule=APART,
            subject=her.place,
            person=her.place,
            areas=her.areas,
            on=her.on,
            recorded_at=her.deciding.fact.at,
            grounds=grounds,
            matter=matter(her),
            measured_by=of_risk(her.deciding),
        )
        served, passed_over = own_services(file, her, policy)
        why_not = her.not_between_adults or short
        if served:
            yield from state(route=APART, recipients=served, why_not=why_not)
        else:
            yield from state(route=NOBODY_LEFT, why_not=why_not)
        yield from state(route=APART, recipients=passed_over, why_not=why_not or Reason.KNOWS_ANOTHER_PARTY)


def own_services(file: CaseFile, her: Victim, policy: Policy) -> tuple[list[Chosen], list[Chosen]]:
    """The services in force that are this party's alone, and each of those by itself that has answered about another
    party; whoever has answered to this very referral goes on."""
    answered = {key.agency for key in file.words_on_her if key[:2] == (APART, her.place)}
    of_others = answered_about_others(file) - answered
    served: list[Chosen] = []
    passed_over: list[Chosen] = []
    for share in shares(file, her.incident, policy, policy.route(APART, her.on))[her.party.number]:
        in_force = [known for agency in share.services if (known := policy.agency(agency.id)) is not None]
        if free := [agency for agency in in_force if agency.id not in of_others]:
            served.append(of_those(share.chosen, free))
        passed_over += [of_those(share.chosen, [agency]) for agency in in_force if agency.id in of_others]
    return served, passed_over


def of_those(chosen: Chosen, agencies: Sequence[Agency]) -> Chosen:
    """These, at least one, in place of all that policy chose, the first to be asked first."""
    first, *others = agencies
    by_default = chosen.by_default and first.id == chosen.agency.id
    return chosen.model_copy(update={"agency": first, "next_able": tuple(others), "by_default": by_default})


def matter(her: Victim) -> tuple[Item, ...]:
    """Who she is and how high the risk is, and nothing about anybody else."""
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
