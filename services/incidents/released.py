"""Honour-based abuse, forced marriage and FGM: what the specialist desk has released, and what it has yet to decide."""

from collections.abc import Mapping

from schemas.agency_responses.v1 import HeldRoutes, RoutesReleased
from schemas.police_incidents.v1 import IncidentReported
from services.incidents.incident import areas_of, possible_victims
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies
from services.platform.domain.people.victims import DESKS_OF_HELD, kept_for_specialist
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

Released = Mapping[HeldRoutes, Fact]
READ_OF_RELEASES: Bodies = (RoutesReleased,)  # by `released_in`
HELD_HONOUR_BASED = DESKS_OF_HELD[Reason.HONOUR_BASED_ABUSE]


def released_in(file: CaseFile, incident: IncidentReported, policy: Policy) -> Released:
    """Each kind of route of the incident that its own specialist desk has released, with the fact that says so. What
    waits because a suspect is police is released by nobody (domain 1.12 rules 5 and 11)."""
    if kept_for_specialist(incident) is not Reason.HONOUR_BASED_ABUSE:
        return {}
    areas = areas_of(incident, victim=next(possible_victims(incident)).residence)
    row = policy.route(HELD_HONOUR_BASED, london_day(incident.reported_at))
    desks = {chosen.agency.id for chosen in policy.chosen(row, areas)}
    return {
        routes: fact
        for fact, body in file.of(RoutesReleased)
        if body.crime_reference == incident.crime_reference and body.agency in desks
        for routes in body.released
    }


def waits(incident: IncidentReported, released: Released, routes: HeldRoutes) -> Reason | None:
    """Why these routes wait for a specialist, or None."""
    return None if routes in released else kept_for_specialist(incident)
