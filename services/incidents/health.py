"""Who in health hears: the health visitor of a child under five not in school, the midwife of a pregnant victim."""

from collections.abc import Iterator

from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, RiskAssessed
from services.incidents import said
from services.incidents.assessed import Level
from services.incidents.front_door import READ_OF_CHILDREN, SOCIAL_CARE, Considered, considered
from services.incidents.incident import Victim, areas_of, victims, victims_in
from services.incidents.measures import of_risk
from services.incidents.released import HELD_HONOUR_BASED
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed
from services.platform.policy.policy import SAFE_CONTACT_FRESH, Policy

MIDWIFE = frozenset({"midwife"})
OWN_CHILD = frozenset({"child", "son", "daughter"})


def child_health_visitor(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The health visitor of a child under five who is not in school, as soon as social care hears of a referral, else
    within a working day (Children Act 2004 s.11). The child of one incident is told of once."""
    stated: set[str] = set()
    for one in considered(file, policy):
        child = one.child
        twice = Reason.STATED_TWICE if child.by.id in stated else None
        why_not = one.outside or child.not_under_five or twice
        recorded_at = max(fact.at for fact in one.decisive)
        matter = (*one.without_account, *one.risk)
        yield from one.state(
            file, policy, "child_health_visitor", why_not, matter=matter, recorded_at=recorded_at, route=_route(one)
        )
        if why_not is None:
            stated.add(child.by.id)


def _route(one: Considered) -> str:
    if one.urgent:
        return "child_health_visitor_hour"
    return "child_health_visitor_same_day" if one.same_day else "child_health_visitor"


def pregnant_victim(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Social care before the birth, and the midwife, of a pregnant victim: within the hour at high risk or where there
    was strangulation. Where her unborn child is stated in the incident, its own referral tells social care."""
    for her in victims(file, policy):
        if expects_a_child(her):
            outside = her.held or (her.outside if her.outside is Reason.NOT_PERSONALLY_CONNECTED else None)
            twice = Reason.STATED_TWICE if unborn_in(her) else None
            yield from _of_pregnancy(her, file, policy, SOCIAL_CARE, outside or twice)
            yield from _of_pregnancy(her, file, policy, MIDWIFE, outside)


def expects_a_child(her: Victim) -> bool:
    """Whether the marker of pregnancy stands, which is about her whom the incident's own assessment is of, or an unborn
    child of hers is stated."""
    if her.party is not victims_in(her.incident)[0]:
        return False
    markers = her.incident.markers
    return (markers is not None and bool(markers.pregnant)) or unborn_in(her)


def unborn_in(her: Victim) -> bool:
    """Whether an unborn child of hers is stated in this incident."""
    return any(
        child.unborn and child.relation_to_victim in OWN_CHILD
        for _, stated in her.file.of(ChildrenLinked)
        for child in stated.children
    )


def _of_pregnancy(
    her: Victim, file: CaseFile, policy: Policy, kinds: frozenset[str], why_not: Reason | None
) -> Iterator[Statement]:
    high = her.deciding.level is Level.HIGH
    strangled = her.incident.markers is not None and bool(her.incident.markers.strangulation)
    rests_on = (her.fact,) if her.deciding.fact is her.fact else (her.fact, her.deciding.fact)
    yield from owed(
        file,
        policy,
        rule="pregnant_victim",
        route="pregnant_victim_hour" if high or strangled else "pregnant_victim",
        only_kinds=kinds,
        subject=her.place,
        person=her.place,
        areas=areas_of(her.incident, victim=her.party.residence, child=her.party.residence),
        on=her.on,
        recorded_at=her.deciding.fact.at if high and not strangled else her.fact.at,
        grounds=rests_on,
        matter=said.of_victim(her, policy, her.deciding),
        measured_by=of_risk(her.deciding),
        why_not=why_not,
    )


RULES = (
    Rule(
        "child_health_visitor",
        child_health_visitor,
        title="Child under five, not in school, reported to be affected by domestic abuse",
        routes=(
            "child_health_visitor_hour",
            "child_health_visitor_same_day",
            "child_health_visitor",
            HELD_HONOUR_BASED,
        ),
        reads=READ_OF_CHILDREN,
        needs=(ChildrenLinked,),
        windows=("child_incidents",),
    ),
    Rule(
        "pregnant_victim",
        pregnant_victim,
        title="Pregnant victim in a domestic abuse incident",
        routes=("pregnant_victim_hour", "pregnant_victim"),
        reads=(IncidentReported, RiskAssessed, ChildrenLinked),
        needs=(IncidentReported,),
        clocks=(SAFE_CONTACT_FRESH,),
        speaks_of="incident",
    ),
)
