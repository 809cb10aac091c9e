"""Referrals to the front door of children's social care: for children who live with abuse, and for parties under 18."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache

from schemas.agency_responses.v1 import HeldRoutes
from schemas.classes import DataClass
from schemas.doubts import DoubtReason
from schemas.places import party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, Party, RiskAssessed
from schemas.values import Role
from services.incidents import said
from services.incidents.assessed import Assessment, Level, deciding
from services.incidents.children import Affected, affected
from services.incidents.counts import counted, newest_of_each_count
from services.incidents.incident import ADULT_FROM, CONNECTED_FROM, areas_of, assessments, under, victims_in, younger
from services.incidents.measures import of_count, of_risk
from services.incidents.released import HELD_HONOUR_BASED, READ_OF_RELEASES, released_in, waits
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, CaseFile, Fact
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Bodies, Rule
from services.platform.domain.core.stating import owed
from services.platform.domain.people.doubtful_births import why_doubted
from services.platform.domain.people.victims import later_views
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

CHILD_PROTECTION = frozenset({"mash", "child_abuse_unit"})
SOCIAL_CARE = frozenset({"mash"})
YOUTH_JUSTICE = frozenset({"mash", "youth_justice"})
READ_OF_CHILDREN: Bodies = (IncidentReported, RiskAssessed, ChildrenLinked, *READ_OF_RELEASES)  # by `considered`


@dataclass(frozen=True, eq=False)
class Considered:
    """A child at the front door: the highest risk to a victim beside it, and the incidents that mount up to this."""

    child: Affected
    worst: Assessment | None
    count: tuple[Fact, ...]

    @property
    def high(self) -> bool:
        return self.worst is not None and self.worst.level is Level.HIGH

    @property
    def urgent(self) -> tuple[str, ...]:
        """What makes a referral one of the hour."""
        markers, child = self.child.incident.markers, self.child.child
        found = {
            "high_risk": self.high,
            "strangulation": markers is not None and markers.strangulation,
            "weapon": markers is not None and markers.weapon,
            "child_injured": child.injured,
            "child_intervened": child.intervened,
            "child_target": child.target,
        }
        return tuple(reason for reason, holds in found.items() if holds)

    @property
    def same_day(self) -> tuple[str, ...]:
        """What makes a referral one of the same day."""
        born = self.child.born
        found = {
            "unborn": self.child.child.unborn,
            "under_1": born is not None and younger(born, 1, self.child.on),
            "incidents_mount_up": bool(self.count),
        }
        return tuple(reason for reason, holds in found.items() if holds)

    @cached_property
    def why_not(self) -> Reason | None:
        below = None if self.urgent or self.same_day else Reason.BELOW_THRESHOLD
        return self.child.waits(HeldRoutes.CHILD_SERVICES) or self.child.grown_up or below

    @property
    def outside(self) -> Reason | None:
        """Why services for children hear nothing of this child, or None: who is referred is told of whatever the abuse
        is, any other child where it is domestic abuse (s.3)."""
        referred = self.why_not is None
        return None if referred else self.child.outside(HeldRoutes.CHILD_SERVICES)

    @property
    def released_by(self) -> tuple[Fact, ...]:
        """By what its routes have been released, where they waited for a specialist."""
        return self.child.released_by(HeldRoutes.CHILD_SERVICES)

    @property
    def decisive(self) -> tuple[Fact, ...]:
        """The facts that decide how soon, each once."""
        worst = (self.worst.fact,) if self.worst is not None and self.high else ()
        return tuple({fact.id: fact for fact in (self.child.fact, self.child.by, *worst, *self.released_by)}.values())

    @property
    def grounds(self) -> tuple[Fact, ...]:
        """The facts that decide how soon, that which the risk shown rests on, and the incidents that mount up."""
        shown = (self.worst.fact,) if self.worst is not None else ()
        return tuple({fact.id: fact for fact in (*self.decisive, *shown, *self.count)}.values())

    def measured_by(self, policy: Policy) -> str:
        """By which thresholds and count it was decided."""
        window = policy.window("child_incidents", self.child.incident.force_code, self.child.on)
        risk = (of_risk(self.worst),) if self.worst is not None else ()
        return "; ".join((*risk, of_count(window)))

    @property
    def matter(self) -> tuple[Item, ...]:
        """What happened, the child, the adults and how they are related, and why it is a referral."""
        child, reasons = self.child, (*self.urgent, *self.same_day)
        items = (
            *said.each(child.by, said.REFERENCES + said.WHAT_HAPPENED),
            *said.of_child(child.fact, child.stated, child.child, child.incident),
            *self.adults,
            *self.risk,
            *derived("referred_for", reasons, DataClass.K, about=child.place, basis="assessed"),
        )
        return tuple(dict.fromkeys(items))

    @property
    def without_account(self) -> tuple[Item, ...]:
        """When it was, and the child, with no account of what happened."""
        child = self.child
        return (
            *said.each(child.by, said.REFERENCES + said.WHEN),
            *said.of_child(child.fact, child.stated, child.child, child.incident),
        )

    @property
    def adults(self) -> tuple[Item, ...]:
        """Victims and suspects, and how they are related."""
        by, incident = self.child.by, self.child.incident
        return tuple(item for victim in victims_in(incident) for item in said.people(by, incident, victim))

    @property
    def risk(self) -> tuple[Item, ...]:
        """The highest risk to a victim beside the child, where one is assessed."""
        return said.of_risk(self.worst, self._assessed(self.worst)) if self.worst is not None else ()

    def state(
        self,
        file: CaseFile,
        policy: Policy,
        rule: str,
        why_not: Reason | None,
        *,
        matter: tuple[Item, ...],
        recorded_at: datetime,
        route: str | None = None,
    ) -> Iterator[Statement]:
        """What this child owes under a rule, or why nothing."""
        child = self.child
        return owed(
            file,
            policy,
            rule=rule,
            route=route,
            subject=child.place,
            person=child.place,
            areas=child.areas(),
            on=child.on,
            recorded_at=recorded_at,
            grounds=self.grounds,
            matter=matter,
            measured_by=self.measured_by(policy),
            why_not=why_not,
        )

    def _assessed(self, view: Assessment) -> str:
        """Whose risk it is: a later view names the party, the incident's own is of its first victim."""
        later, first = view.fact.body, victims_in(self.child.incident)[0]
        number = later.party if isinstance(later, RiskAssessed) else first.number
        return party_place(self.child.incident.crime_reference, number)


def front_door_referral(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A referral with a decision due: within the hour where the risk is high, there was strangulation or a weapon, or
    the child was hurt, stepped in or was aimed at; the same day for a baby, an unborn child, or incidents that mount
    up (Working Together 2023). The child of one incident is referred once."""
    referred: set[str] = set()
    for one in considered(file, policy):
        led_to = tuple(file.links.get(fact.id, ()) for fact in one.count)
        before = Reason.STATED_TWICE if one.child.by.id in referred else None
        yield from _referral(one, led_to, before, policy)
        if one.why_not is None:
            referred.add(one.child.by.id)


@lru_cache(maxsize=INCIDENTS_REMEMBERED)
def _referral(
    one: Considered, led_to: tuple[tuple[str, ...], ...], before: Reason | None, policy: Policy
) -> tuple[Statement, ...]:
    """Remembered for the next evaluation. `led_to`: for each incident that mounts up, the facts that lead from it here;
    `before`: why nothing is said at this place if the child of this incident has been referred."""
    child = one.child
    links = {**child.file.links, **{fact.id: ids for fact, ids in zip(one.count, led_to, strict=True) if ids}}
    file = replace(child.file, links=links)
    route = "front_door_referral" if one.urgent or not one.same_day else "front_door_same_day"
    recorded_at = max(fact.at for fact in one.decisive)
    why_not = one.why_not or before
    return tuple(
        one.state(file, policy, "front_door_referral", why_not, matter=one.matter, recorded_at=recorded_at, route=route)
    )


def front_door_contact(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Any other child is a contact for information: what is known of the child and the adults, no account of what
    happened, and no decision asked (Working Together 2023; local threshold policy)."""
    stated: set[str] = set()
    for one in considered(file, policy):
        child = one.child
        twice = Reason.STATED_TWICE if child.by.id in stated else None
        referred = Reason.SERVED_BY_HIGHER_ROUTE if one.why_not is None else None
        why_not = child.outside(HeldRoutes.CHILD_SERVICES) or referred or twice
        recorded_at = max(fact.at for fact in (child.fact, child.by, *one.released_by))
        matter = (*one.without_account, *one.adults, *one.risk)
        yield from one.state(file, policy, "front_door_contact", why_not, matter=matter, recorded_at=recorded_at)
        if why_not is None:
            stated.add(child.by.id)


def considered(file: CaseFile, policy: Policy) -> Iterator[Considered]:
    """The child of this file in each incident, with all that a referral depends on."""
    children = list(affected(file, policy))
    incidents = {child.by.id: child.by for child in children}
    counts = newest_of_each_count(counted(incidents.values(), "child_incidents", policy), policy)
    mounting = {those[-1].fact.id: tuple(each.fact for each in those) for those in counts}
    for child in children:
        yield _considered(child, mounting.get(child.by.id, ()), policy)


@lru_cache(maxsize=INCIDENTS_REMEMBERED)
def _considered(child: Affected, count: tuple[Fact, ...], policy: Policy) -> Considered:
    later = later_views(child.file)
    views = [
        view
        for victim in victims_in(child.incident)
        for view in assessments(child.by, child.incident, victim, later, policy)
    ]
    return Considered(child, deciding(views) if views else None, count)


def young_person_referral(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Social care for a victim or suspect under 18: a child first, whatever the role (Children Act 1989; DA Act 2021
    s.1 begins at 16)."""
    for fact, incident in file.of(IncidentReported):
        for index, party in enumerate(incident.parties):
            place = party_place(incident.crime_reference, party.number)
            young = under(party, ADULT_FROM, london_day(incident.reported_at)) or perhaps_a_small_child(party)
            if young and place in file.own_places:
                yield from referral_of_party(file, policy, fact, incident, index)


def perhaps_a_small_child(party: Party) -> bool:
    """By a date of birth or an age that is doubted for that reason alone. Meanwhile the routes of a child and of an
    adult run."""
    doubted = (why_doubted(party.date_of_birth), why_doubted(party.age))
    return DoubtReason.BIRTH_DATE_OF_SMALL_CHILD in doubted or DoubtReason.AGE_OF_SMALL_CHILD in doubted


def referral_of_party(
    file: CaseFile, policy: Policy, fact: Fact, incident: IncidentReported, index: int
) -> Iterator[Statement]:
    """One young party, by their own residence, with nothing about the others but how they are related."""
    party = incident.parties[index]
    place = party_place(incident.crime_reference, party.number)
    areas, on = areas_of(incident, child=party.residence), london_day(incident.reported_at)
    released = released_in(file, incident, policy)
    by = (released[HeldRoutes.CHILD_SERVICES],) if HeldRoutes.CHILD_SERVICES in released else ()
    suspect = party.role is Role.SUSPECT and not incident.roles_unresolved
    route = "young_suspect_referral" if suspect else "young_victim_referral"
    rule = "young_person_referral"
    child_only = under(party, CONNECTED_FROM, on) or perhaps_a_small_child(party)
    relations = (
        item
        for number in range(len(party.relationships))
        for item in said.each(fact, ("relationship", "current"), f"parties.{index}.relationships.{number}.")
    )
    yield from owed(
        file,
        policy,
        rule=rule,
        route=route,
        only_kinds=services_for(suspect=suspect, child_only=child_only),
        subject=place,
        person=place,
        areas=areas,
        on=on,
        recorded_at=max(each.at for each in (fact, *by)),
        grounds=(fact, *by),
        matter=(
            *said.each(fact, said.REFERENCES + said.WHAT_HAPPENED),
            *said.identity(fact, incident, party),
            *relations,
        ),
        why_not=waits(incident, released, HeldRoutes.CHILD_SERVICES),
    )


def services_for(*, suspect: bool, child_only: bool) -> frozenset[str]:
    """Who hears of a young party. Under 16 a child only, whom the child abuse unit protects. From 16 it is domestic
    abuse, which the DAIT investigates, and a child still (DA Act 2021 s.1): social care hears, and of a suspect youth
    justice."""
    if suspect:
        return SOCIAL_CARE if child_only else YOUTH_JUSTICE
    return CHILD_PROTECTION if child_only else SOCIAL_CARE


RULES = (
    Rule(
        "front_door_referral",
        front_door_referral,
        title="Referral of a child reported to be affected by domestic abuse",
        routes=("front_door_referral", "front_door_same_day", HELD_HONOUR_BASED),
        reads=READ_OF_CHILDREN,
        needs=(ChildrenLinked,),
        windows=("child_incidents",),
    ),
    Rule(
        "front_door_contact",
        front_door_contact,
        title="Child reported to be affected by domestic abuse, for information",
        routes=("front_door_contact", HELD_HONOUR_BASED),
        reads=READ_OF_CHILDREN,
        needs=(ChildrenLinked,),
        windows=("child_incidents",),
    ),
    Rule(
        "young_person_referral",
        young_person_referral,
        title="Referral of a young person in a domestic abuse incident",
        routes=("young_suspect_referral", "young_victim_referral", HELD_HONOUR_BASED),
        reads=(IncidentReported, *READ_OF_RELEASES),
        needs=(IncidentReported,),
        speaks_of="incident",
    ),
)
