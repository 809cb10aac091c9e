"""An incident that only a specialist may route: a suspect who is police, or honour-based abuse."""

from collections.abc import Iterable, Iterator

from schemas.agency_responses.v1 import HeldRoutes, RoutesReleased
from schemas.classes import DataClass
from schemas.places import party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, RiskAssessed
from services.incidents import said
from services.incidents.children import affected
from services.incidents.front_door import READ_OF_CHILDREN, considered
from services.incidents.incident import ADULT_FROM, areas_of, possible_victims, under
from services.incidents.released import HELD_HONOUR_BASED
from services.platform.domain.core.duties import Duty, Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed, within_its_agency
from services.platform.domain.people.victims import DESKS_OF_HELD, FOR_A_SPECIALIST, kept_for_specialist
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy


def held_for_specialist(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The desk that policy names, by references and type alone, in the file of the first who may be a victim (1.12
    rules 5 and 11). Later views of the risk and the children are for it to read as well: that there are some is an
    update."""
    for fact, incident in file.of(IncidentReported):
        first = next(possible_victims(incident))
        place = party_place(incident.crime_reference, first.number)
        reason = kept_for_specialist(incident)
        if reason is None or place not in file.own_places:
            continue
        views, linked = later_records(file, incident.crime_reference)
        stated = owed(
            file,
            policy,
            rule="held_for_specialist",
            route=DESKS_OF_HELD[reason],
            subject=place,
            person=place,
            areas=areas_of(incident, victim=first.residence),
            on=london_day(incident.reported_at),
            recorded_at=fact.at,
            grounds=(fact, *views, *linked),
            matter=(
                *said.each(fact, said.REFERENCES),
                *derived("held_because", reason, DataClass.R),
                *recorded("risk_assessed_at", views),
                *recorded("children_linked_at", linked),
            ),
        )
        yield from away_from_his_force(stated) if reason is Reason.SUSPECT_IS_POLICE else stated


def later_records(file: CaseFile, crime: str) -> tuple[list[Fact], list[Fact]]:
    """The views of the risk to anybody in an incident after its own, and the statements of children in it."""
    views = [fact for fact, view in file.of(RiskAssessed) if view.crime_reference == crime]
    linked = [fact for fact, stated in file.of(ChildrenLinked) if stated.crime_reference == crime and stated.children]
    return views, linked


def recorded(what: str, facts: Iterable[Fact]) -> tuple[Item, ...]:
    """When each was recorded, and nothing of what it says."""
    when = tuple(sorted(fact.at for fact in facts))
    return derived(what, when, DataClass.T) if when else ()


def held_school(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The specialist desk decides within four hours whether the school of a child in honour-based abuse, forced
    marriage or FGM is told: it releases the route, or keeps it back for a coded reason (1.12 rule 11)."""
    stated: set[str] = set()
    for child in affected(file, policy):
        held = kept_for_specialist(child.incident) is Reason.HONOUR_BASED_ABUSE
        if not held or child.grown_up or (not child.child.school_urns and child.school_to_find is not None):
            continue
        released = (
            fact
            for fact, body in file.of(RoutesReleased)
            if body.crime_reference == child.incident.crime_reference and HeldRoutes.SCHOOLS in body.released
        )
        yield from owed(
            file,
            policy,
            rule="held_school",
            subject=child.place,
            person=child.place,
            areas=child.areas(),
            on=child.on,
            recorded_at=child.recorded_at,
            grounds=(child.fact, child.by),
            matter=(
                *said.each(child.by, said.REFERENCES),
                *derived("held_because", Reason.HONOUR_BASED_ABUSE, DataClass.R),
                *recorded("children_linked_at", (child.fact,)),
            ),
            met_by=tuple(fact for fact in released if fact is child.released.get(HeldRoutes.SCHOOLS)),
            why_not=Reason.STATED_TWICE if child.by.id in stated else None,
        )
        stated.add(child.by.id)


def held_child(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The named social-care desk, in place of the front door, for a child in honour-based abuse, forced marriage or FGM
    (1.12 rule 11): a front door is staffed by many, and a relative may be among them."""
    stated: set[str] = set()
    for one in considered(file, policy):
        child = one.child
        if kept_for_specialist(child.incident) is Reason.HONOUR_BASED_ABUSE and not child.grown_up:
            twice = Reason.STATED_TWICE if child.by.id in stated else None
            yield from one.state(
                file,
                policy,
                "held_child",
                twice,
                matter=one.matter,
                recorded_at=child.recorded_at,
                route="held_social_care",
            )
            stated.add(child.by.id)


def held_party(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """The named social-care desk for a victim in honour-based abuse, forced marriage or FGM who is under 18 or has
    needs for care and support (1.12 rule 11; Care Act 2014 s.42)."""
    for fact, incident in file.of(IncidentReported):
        if kept_for_specialist(incident) is not Reason.HONOUR_BASED_ABUSE:
            continue
        for party in possible_victims(incident):
            place = party_place(incident.crime_reference, party.number)
            at_risk = party.care_and_support_needs or under(party, ADULT_FROM, london_day(incident.reported_at))
            if at_risk and place in file.own_places:
                yield from owed(
                    file,
                    policy,
                    rule="held_party",
                    route="held_social_care",
                    subject=place,
                    person=place,
                    areas=areas_of(incident, victim=party.residence, child=party.residence),
                    on=london_day(incident.reported_at),
                    recorded_at=fact.at,
                    grounds=(fact,),
                    matter=(
                        *said.each(fact, said.REFERENCES + said.WHAT_HAPPENED),
                        *said.people(fact, incident, party),
                    ),
                )


def away_from_his_force(stated: Iterable[Statement]) -> Iterator[Statement]:
    """Silence climbs to nobody outside the desk that is told: that may be the force in which he works (1.12 rule 5)."""
    return (within_its_agency(s) if isinstance(s, Duty) else s for s in stated)


RULES = (
    Rule(
        "held_for_specialist",
        held_for_specialist,
        title="Restricted incident, which only the desks named for it are told of",
        routes=FOR_A_SPECIALIST,
        reads=(IncidentReported, RiskAssessed, ChildrenLinked),
        needs=(IncidentReported,),
        speaks_of="incident",
    ),
    Rule(
        "held_school",
        held_school,
        title="Child in a restricted incident, whose school has not been told",
        routes=("held_school", HELD_HONOUR_BASED),
        reads=(IncidentReported, ChildrenLinked, RoutesReleased),
        needs=(ChildrenLinked,),
        speaks_of="incident",
    ),
    Rule(
        "held_child",
        held_child,
        title="Child in a restricted incident, for the named social-care desk",
        routes=("held_social_care", HELD_HONOUR_BASED),
        reads=READ_OF_CHILDREN,
        needs=(ChildrenLinked,),
        windows=("child_incidents",),
    ),
    Rule(
        "held_party",
        held_party,
        title="Person at risk in a restricted incident, for the named social-care desk",
        routes=("held_social_care",),
        reads=(IncidentReported,),
        speaks_of="incident",
    ),
)
