"""Schools that cannot be reached: without a safeguarding lead on record, or with two notifications running unread."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from schemas.agency_responses.v1 import Accepted, Acknowledged, Decided, Declined, HeldRoutes
from schemas.police_incidents.v1 import ChildrenLinked
from services.incidents.children import READ_OF_CHILD, Affected, Establishment, affected, establishments, state
from services.incidents.released import HELD_HONOUR_BASED
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.policy.policy import Policy


def school_without_lead(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The education desk and the Encompass desk where a child lives, of a school that has no safeguarding lead on
    record; the education desk is told of the child in its place."""
    stated: set[tuple[str, tuple[str, ...]]] = set()
    for child in affected(file, policy):
        for school in establishments(child, policy):
            if not school.is_its_own:
                this = (child.by.id, school.urns)
                why_not = child.outside(HeldRoutes.SCHOOLS) or (Reason.STATED_TWICE if this in stated else None)
                matter = school.named(child.place)
                yield from state(file, policy, "school_without_lead", child, why_not, matter, school=school)
                stated.add(this)


def school_unread(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The same desks, of a school that has not read two notifications running about one child by the time of the
    second; until it has read one of them."""
    for first, second in _running(file, policy):
        opens = max(first.by, second.by)
        read = (*first.read, *second.read)
        if not any(fact.at <= opens for fact in read):
            yield from state(
                file,
                policy,
                "school_unread",
                second.child,
                None,
                second.school.named(second.child.place),
                school=second.school,
                opens=opens,
                since=opens,
                met_by=read,
            )


@dataclass(frozen=True, slots=True)
class _Notified:
    """A notification to a school of a child that was to be read by a time, and the answers that show that it was."""

    child: Affected
    school: Establishment
    by: datetime
    read: tuple[Fact, ...]


def _running(file: CaseFile, policy: Policy) -> Iterator[tuple[_Notified, _Notified]]:
    """Each notification about a child of this file with the one before it to the same school, in term; of several such
    schools at one place the first."""
    of_school: dict[str, dict[str, _Notified]] = {}
    for child in sorted(affected(file, policy), key=lambda child: (child.incident.reported_at, child.place)):
        for school in establishments(child, policy):
            in_term = school.is_its_own and school.closed_until is None
            if in_term and child.outside(HeldRoutes.SCHOOLS) is None:
                of_this = of_school.setdefault(school.agency.id, {})
                of_this.setdefault(child.by.id, _notified(child, school, policy, file))
    places: set[str] = set()
    for notified in of_school.values():
        for first, second in pairwise(notified.values()):
            if second.child.place not in places:
                places.add(second.child.place)
                yield first, second


def _notified(child: Affected, school: Establishment, policy: Policy, file: CaseFile) -> _Notified:
    row = policy.route("child_school", child.on)
    within = next(ask.within for recipient in row.recipients for ask in recipient.asks)
    recorded = max(fact.at for fact in (child.fact, child.by, *child.released_by(HeldRoutes.SCHOOLS)))
    since = recorded if school.found is None else max(recorded, school.found.at)
    by = policy.due(since, within, school_urn=school.urns[0], la_code=child.child.residence.la_code)
    key = Key("child_school", child.place, school.agency.id)
    return _Notified(child, school, by, tuple(answer.fact for answer in file.answers if answer.key == key))


ANSWERS = (Acknowledged, Accepted, Declined, Decided)

RULES = (
    Rule(
        "school_without_lead",
        school_without_lead,
        title="School without a safeguarding lead on record",
        routes=("school_without_lead", "child_school", "child_find_school", HELD_HONOUR_BASED),
        reads=READ_OF_CHILD,
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "school_unread",
        school_unread,
        title="School that has not read two notifications running",
        routes=("school_unread", "child_school", "child_find_school", HELD_HONOUR_BASED),
        reads=(*READ_OF_CHILD, *ANSWERS),
        needs=(ChildrenLinked,),
    ),
)
