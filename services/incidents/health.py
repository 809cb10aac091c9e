"""Who in health hears of a child under five who is not in school: the health visitor of where it lives."""

from collections.abc import Iterator

from schemas.police_incidents.v1 import ChildrenLinked
from services.incidents import said
from services.incidents.children import Affected
from services.incidents.front_door import READ_OF_CHILDREN, Considered, considered
from services.incidents.incident import younger
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed
from services.platform.policy.policy import Policy

COMPULSORY_SCHOOL_AGE = 5  # Education Act 1996 s.8


def child_health_visitor(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The health visitor of a child under five who is not in school, as soon as social care hears of a referral, else
    within a working day (Children Act 2004 s.11). The child of one incident is told of once."""
    stated: set[str] = set()
    for one in considered(file, policy):
        child = one.child
        twice = Reason.STATED_TWICE if child.by.id in stated else None
        why_not = one.outside or not_under_five(child) or twice
        yield from owed(
            file,
            policy,
            rule="child_health_visitor",
            route=_route(one),
            subject=child.place,
            person=child.place,
            areas=child.areas(),
            on=child.on,
            recorded_at=max(fact.at for fact in one.decisive),
            grounds=one.grounds,
            matter=(
                *said.each(child.by, said.REFERENCES + said.WHEN),
                *said.of_child(child.fact, child.stated, child.child, child.incident),
                *one.risk,
            ),
            measured_by=one.measured_by(policy),
            why_not=why_not,
        )
        if why_not is None:
            stated.add(child.by.id)


def not_under_five(child: Affected) -> Reason | None:
    """Why a child is not one under five who is not in school, or None. The date of birth decides the age; without one
    that is believed, what the source says of it."""
    stated = child.child
    if stated.unborn:
        return Reason.NOT_BORN
    if stated.school_urns or stated.under_5_not_in_school is False:
        return Reason.AT_SCHOOL
    if child.born is None:
        return None if stated.under_5_not_in_school else Reason.NOT_UNDER_FIVE
    return None if younger(child.born, COMPULSORY_SCHOOL_AGE, child.on) else Reason.NOT_UNDER_FIVE


def _route(one: Considered) -> str:
    if one.urgent:
        return "child_health_visitor_hour"
    return "child_health_visitor_same_day" if one.same_day else "child_health_visitor"


RULES = (
    Rule(
        "child_health_visitor",
        child_health_visitor,
        title="Child under five, not in school, reported to be affected by domestic abuse",
        routes=("child_health_visitor_hour", "child_health_visitor_same_day", "child_health_visitor"),
        reads=READ_OF_CHILDREN,
        needs=(ChildrenLinked,),
        windows=("child_incidents",),
    ),
)
