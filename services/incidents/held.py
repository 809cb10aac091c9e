"""An incident that only a specialist may route: a suspect who is police, or honour-based abuse."""

from collections.abc import Iterable, Iterator

from schemas.classes import DataClass
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, RiskAssessed
from schemas.values import party_place
from services.incidents import said
from services.incidents.incident import areas_of, possible_victims
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
)
