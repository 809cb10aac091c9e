"""Signs of coercion in the course of an application, as facts with their source; they advise and decide nothing."""

from collections.abc import Iterator, Mapping

from schemas.classes import Basis, DataClass
from schemas.court_order_variations.v1 import ApplicantRole, ApplicationLodged, OrderAction
from schemas.places import party_place
from schemas.police_incidents.v1 import IncidentReported
from schemas.values import Role
from services.order_variations.concerned import HerOrders
from services.platform.domain.core.duties import Item
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.matter import derived
from services.platform.domain.people.victims import held
from services.platform.domain.protection.orders import Standing
from services.platform.policy.clocks import end_of_day, london_day

HOW_SURE: Mapping[str, Basis] = {"abuse.incident_in_last_6_months": "alleged"}
ENOUGH = 2  # kinds; the time of an application is never one of them


def panel(
    hers: HerOrders, lodged: ApplicationLodged, order: Standing | None
) -> tuple[tuple[Item, ...], tuple[Fact, ...]]:
    """The indicators and what points the other way; the other facts behind them. Nothing unless two kinds agree. An
    incident that waits for a specialist is not named here, and is not denied (1.12 rules 5 and 11)."""
    if order is None:
        return (), ()
    repeats = tuple(_earlier(hers, lodged, order))
    happened = tuple(_recent_incidents(hers, lodged, order))
    index = _index_incidents(hers, order)
    recent = tuple(
        (fact, incident)
        for fact, incident in happened
        if held(incident) is None and incident.crime_reference not in index and _after(hers, order, incident)
    )
    firm = lodged.same_firm_as_defendant is True
    if sum((bool(repeats), firm, bool(recent))) < ENOUGH:
        return (), ()
    said = [("course_of_the_case.repeat_application", body.application) for _, body in repeats]
    said += [("representation.same_firm_as_defendant", lodged.application)] if firm else []
    said += [("abuse.incident_in_last_6_months", body.crime_reference) for _, body in recent]
    if _soon(hers, lodged, order):
        said.append(("timing.soon_after_the_order", order.place))
    other_way = [
        ("first_application", not repeats),
        ("no_recent_incident", not happened),
        ("asks_to_vary_only", lodged.action == "vary"),
    ]
    items = [
        item
        for what, source in said
        for item in derived(f"indicator.{what}", source, DataClass.IP, basis=HOW_SURE.get(what, "recorded"))
    ]
    items += [item for what, so in other_way if so for item in derived("points_the_other_way", what, DataClass.IP)]
    return tuple(items), tuple(source for source, _ in (*repeats, *recent))


def _earlier(hers: HerOrders, lodged: ApplicationLodged, order: Standing) -> Iterator[tuple[Fact, ApplicationLodged]]:
    for fact, body in hers.applications_for.get(order.place, ()):
        if body.application != lodged.application and body.lodged_at < lodged.lodged_at:
            yield fact, body


def _recent_incidents(
    hers: HerOrders, lodged: ApplicationLodged, order: Standing
) -> Iterator[tuple[Fact, IncidentReported]]:
    """Incidents between her and the suspects of the incident from which the order came."""
    policy, on = hers.policy, london_day(lodged.lodged_at)
    oldest = policy.before(lodged.lodged_at, policy.clock("indicator_recent_incident", on))
    suspects = _suspects(hers, order)
    for fact, incident in hers.file.of(IncidentReported):
        if oldest <= incident.reported_at <= lodged.lodged_at and suspects & _suspected(hers, incident):
            yield fact, incident


def _index_incidents(hers: HerOrders, order: Standing) -> frozenset[str]:
    """The crime references for which he was charged in the case that made the order: it is their answer, and they are
    no sign that anything has happened since."""
    made = tuple(each.made_by.fact for each in _in_its_place(hers, order) if each.made_by is not None)
    charges = (charge for fact in made for _, charge in hers.matters.charges(fact))
    return frozenset(offence.crime_reference for charge in charges for offence in charge.offences)


def _after(hers: HerOrders, order: Standing, incident: IncidentReported) -> bool:
    """Whether it happened, or went on, after the hearing that made the order; of an order that is known by its changes
    alone, after the first of these."""
    hearings = (e.body.occurred_at for each in _in_its_place(hers, order) for e in each.heard)
    return (incident.occurred_to or incident.occurred_from) > min(hearings)


def _in_its_place(hers: HerOrders, order: Standing) -> tuple[Standing, ...]:
    """The order, and those that it replaced on appeal: the same protection on another ground (PHA 1997 s.5A(3))."""
    found = [order]
    for latest in found:
        found += [
            each
            for each in hers.register.orders.values()
            if each not in found
            and any(c.action is OrderAction.REPLACED and c.element.place == latest.place for c in each.changes)
        ]
    return tuple(found)


def _suspects(hers: HerOrders, order: Standing) -> frozenset[str]:
    """The persons suspected in the incidents that the order's hearings lead to."""
    facts = [element.fact for element in order.heard]
    victims = [victim for fact in facts for victim in hers.matters.victims_of(fact)]
    return frozenset(person for victim in victims for person in _suspected(hers, victim.incident))


def _suspected(hers: HerOrders, incident: IncidentReported) -> frozenset[str]:
    places = (party_place(incident.crime_reference, p.number) for p in incident.parties if p.role is Role.SUSPECT)
    return frozenset(hers.file.persons.get(place, place) for place in places)


def _soon(hers: HerOrders, lodged: ApplicationLodged, order: Standing) -> bool:
    """She asks herself, soon after it was made."""
    if lodged.applicant_role is not ApplicantRole.PROTECTED_PERSON or order.made_on is None:
        return False
    clock = hers.policy.clock("indicator_soon_after_order", order.made_on)
    return lodged.lodged_at <= hers.policy.due(end_of_day(order.made_on), clock)
