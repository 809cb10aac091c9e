"""A victim of 16 or 17 and the college or school that she goes to herself (Operation Encompass guidance 2025)."""

from collections.abc import Iterator
from datetime import datetime

from schemas.agency_responses.v1 import HeldRoutes
from schemas.classes import DataClass
from schemas.police_incidents.v1 import IncidentReported
from services.incidents import said
from services.incidents.children import READ_OF_CHILD, Establishment, affected, establishments, serving
from services.incidents.incident import (
    ADULT_FROM,
    CONNECTED_FROM,
    READ_OF_VICTIMS,
    Victim,
    against,
    areas_of,
    under,
    victims,
)
from services.incidents.released import HELD_HONOUR_BASED, released_in, waits
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed
from services.platform.policy.model import Areas, DeskName
from services.platform.policy.policy import Policy


def young_victim_college(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The safeguarding lead of her own college, as of a child's school, and never her parents; in its holidays its
    holiday contact and the education desk of her authority."""
    for her, college in _of_young_victims(file, policy):
        yield from _state(her, college, file, policy, "young_victim_college", college.route, desk=college.desk)
        if college.closed_until is not None and college.is_its_own:
            yield from _state(her, college, file, policy, "young_victim_college", "child_school_closed")


def young_victim_college_reopens(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The same lead again, on the first morning of the term of a college that was in its holidays."""
    for her, college in _of_young_victims(file, policy):
        if (opens := college.closed_until) is not None:
            yield from _state(
                her, college, file, policy, "young_victim_college_reopens", "child_school_reopens", opens=opens
            )


def _of_young_victims(file: CaseFile, policy: Policy) -> Iterator[tuple[Victim, Establishment]]:
    for her in victims(file, policy):
        if under(her.party, ADULT_FROM, her.on) and not under(her.party, CONNECTED_FROM, her.on):
            known = dict.fromkeys(her.party.school_urns)
            for college in serving(known, _areas(her), her.incident.reported_at, her.on, policy):
                yield her, college


def _areas(her: Victim) -> Areas:
    return areas_of(her.incident, victim=her.party.residence, child=her.party.residence)


def _state(
    her: Victim,
    college: Establishment,
    file: CaseFile,
    policy: Policy,
    rule: str,
    route: str,
    *,
    desk: DeskName = "duty",
    opens: datetime | None = None,
) -> Iterator[Statement]:
    released = released_in(her.file, her.incident, policy)
    by = (released[HeldRoutes.SCHOOLS],) if HeldRoutes.SCHOOLS in released else ()
    yield from owed(
        file,
        policy,
        rule=rule,
        route=route,
        subject=her.place,
        person=her.place,
        areas=_areas(her).model_copy(update={"school_urn": college.urns[0]}),
        on=her.on,
        recorded_at=max(fact.at for fact in (her.fact, *by)),
        grounds=(her.fact, *by),
        opens=opens,
        desk=desk,
        matter=(
            *said.each(her.fact, said.REFERENCES),
            *said.each(her.fact, said.OUTLINE, about=her.place),
            *_pupil(her),
            *college.named(her.place),
        ),
        why_not=waits(her.incident, released, HeldRoutes.SCHOOLS)
        or her.not_between_adults
        or _stated_among_children(her, college, file, policy),
    )


def _pupil(her: Victim) -> tuple[Item, ...]:
    """Who she is, as her college knows its pupil, and how whoever is not safe for her is related to her, unless it is
    not settled who that is."""
    known = (("pupil.name", her.party.name), ("pupil.date_of_birth", her.party.born))
    items = [
        item for what, is_ in known if is_ is not None for item in derived(what, is_, DataClass.C, about=her.place)
    ]
    if not her.incident.roles_unresolved:
        number = her.party.number
        ties = {
            *(
                c.relationship
                for s in against(her.incident, her.party)
                for c in s.relationships
                if c.to_party == number
            ),
        }
        related = tuple(sorted(ties))
        items += derived("pupil.unsafe_person", related, DataClass.C, about=her.place, basis="alleged") if ties else ()
    return tuple(items)


def _stated_among_children(her: Victim, college: Establishment, file: CaseFile, policy: Policy) -> Reason | None:
    """Whether she is stated among the children of the incident as well, and this college is told of her there."""
    there = (child for child in affected(file, policy) if child.by.id == her.fact.id)
    agencies = {school.agency.id for child in there for school in establishments(child, policy)}
    return Reason.STATED_TWICE if college.agency.id in agencies else None


READS = tuple(dict.fromkeys((*READ_OF_VICTIMS, *READ_OF_CHILD)))

RULES = (
    Rule(
        "young_victim_college",
        young_victim_college,
        title="Pupil reported to be a victim of domestic abuse",
        routes=(
            *("child_school", "child_school_holiday_contact", "child_school_closed", "child_find_school"),
            HELD_HONOUR_BASED,
        ),
        reads=READS,
        needs=(IncidentReported,),
        speaks_of="incident",
    ),
    Rule(
        "young_victim_college_reopens",
        young_victim_college_reopens,
        title="Pupil reported in the holidays to be a victim of domestic abuse",
        routes=("child_school", "child_school_reopens", "child_find_school", HELD_HONOUR_BASED),
        reads=READS,
        needs=(IncidentReported,),
        speaks_of="incident",
    ),
)
