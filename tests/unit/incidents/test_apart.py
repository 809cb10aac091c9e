"""While roles are unresolved each party at high risk has a service of its own, and nobody is a perpetrator."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agency_responses.v1 import Accepted, Declined
from schemas.police_incidents.v1 import Grade, Injury, Markers, Party
from schemas.values import Role
from services.incidents.apart import high_risk_apart, resolve_roles
from services.incidents.children import child_school
from services.incidents.front_door import front_door_referral, young_person_referral
from services.incidents.risk import grade_review, high_risk, idva_without_consent, victim_support
from services.incidents.rules import RULES
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.domain.small import World
from tests.unit.incidents.seen import hears, owed, reasons, withheld

FIRST, SECOND, THIRD = b.VICTIM, b.SUSPECT, f"{b.CRIME}/party/3"
UNRESOLVED = (b.victim(role=Role.UNRESOLVED), b.suspect(role=Role.UNRESOLVED))
QUIET: dict[str, Any] = {"risk": b.risk(Grade.STANDARD)}
SOUTH, WEST = b.residence("54", "865"), b.residence("53", "916")
SEEN_OF_BOTH: dict[str, Any] = {"markers": Markers(strangulation=True, pregnant=True), "injury_level": Injury.SERIOUS}


def of(place: str, *more: Fact, **incident: Any) -> CaseFile:
    fields: dict[str, Any] = {"primary_perpetrator": "unresolved", "parties": UNRESOLVED, **SEEN_OF_BOTH}
    return b.case_file(b.fact(b.incident(**fields | incident)), *more, of=place)


def referred(*parties: Party, **incident: Any) -> dict[str, set[str]]:
    """Who is told of each party."""
    return {
        place: set(owed(high_risk_apart, of(place, parties=parties, **incident)))
        for place in (f"{b.CRIME}/party/{party.number}" for party in parties)
    }


@pytest.mark.parametrize(
    "parties",
    [UNRESOLVED, (b.victim(), b.suspect()), (b.victim(), b.suspect(role=Role.UNRESOLVED))],
    ids=["both unresolved", "roles stated and doubted", "one unresolved"],
)
def test_each_party_at_high_risk_is_referred_to_a_service_of_its_own(parties: tuple[Party, ...]) -> None:
    assert referred(*parties) == {FIRST: {"idva-harebell"}, SECOND: {"idva-downland"}}
    assert {"marac-larkmead", "dait-54"} <= set(withheld(high_risk, of(FIRST, parties=parties)))
    for rule in (high_risk, idva_without_consent, victim_support, grade_review):
        assert reasons(rule, of(SECOND, parties=parties)) == {Reason.ROLES_UNRESOLVED}


def test_it_says_who_it_is_and_the_grade_and_nothing_of_anybody_else() -> None:
    assert hears(owed(high_risk_apart, of(SECOND))["idva-downland"]) == {
        ("sender.force", None): "54",
        ("crime_reference", None): "CR1",
        ("incident_log", None): "LOG-CR1",
        ("reported_at", None): "2026-03-02T12:00:00Z",
        ("occurred_from", None): "2026-03-02T12:00:00Z",
        ("location_type", None): "home",
        ("parties.name", SECOND): "Silas Suspecttest",
        ("parties.age", SECOND): 36,
        ("roles", SECOND): "not_resolved",
        ("risk.grade", SECOND): "high",
        ("risk.routed_by", SECOND): "grade",
    }


def test_a_later_view_of_one_party_raises_that_one_alone_and_is_shown_of_that_one_alone() -> None:
    view = b.fact(b.risk_assessed(party=2, risk=b.risk(tick_count=20)))
    assert not owed(high_risk_apart, of(FIRST, view, **QUIET))
    assert hears(owed(high_risk_apart, of(SECOND, view, **QUIET))["idva-downland"])["risk.ticks", SECOND] == 20
    ordinary = ("risk.ticks", FIRST)
    assert ordinary not in hears(owed(high_risk_apart, of(FIRST, view))["idva-harebell"])


def test_of_three_who_live_together_two_have_a_service_and_the_third_is_for_the_dait_supervisor_within_the_hour() -> (
    None
):
    parties = [b.victim(n, role=Role.UNRESOLVED, relationships=()) for n in (1, 2, 3)]
    assert referred(*parties) == {
        FIRST: {"idva-downland"},
        SECOND: {"idva-harebell"},
        THIRD: {"dait-supervisor-54"},
    }
    duty = owed(high_risk_apart, of(THIRD, parties=tuple(parties)))["dait-supervisor-54"]
    assert duty.tell_by == b.NOON + timedelta(hours=1)
    assert "no_second_service" in duty.texts
    assert {about for _, about in hears(duty)} == {None, THIRD}


def test_each_of_two_who_live_apart_has_the_service_of_that_party_s_own_area() -> None:
    apart = (UNRESOLVED[0], UNRESOLVED[1].model_copy(update={"residence": SOUTH}))
    assert referred(*apart) == {FIRST: {"idva-larkmead"}, SECOND: {"idva-downland"}}
    duties = [duty for place in (FIRST, SECOND) for duty in owed(high_risk_apart, of(place, parties=apart)).values()]
    assert [duty.next_able for duty in duties] == [(), ("idva-harebell",)]


def test_for_two_whose_area_is_not_known_the_dait_supervisor_finds_services() -> None:
    nowhere = [party.model_copy(update={"residence": b.residence("99", None)}) for party in UNRESOLVED]
    assert referred(*nowhere) == {FIRST: {"dait-supervisor-54"}, SECOND: {"dait-supervisor-54"}}


def test_whoever_has_no_record_is_asked_for_after_those_who_have_one() -> None:
    without = (UNRESOLVED[0], UNRESOLVED[1].model_copy(update={"record": None}))
    assert referred(*without) == {FIRST: {"idva-downland"}, SECOND: {"idva-harebell"}}


def test_the_dait_supervisor_resolves_it_in_a_working_day_and_in_four_hours_where_anybody_is_at_high_risk() -> None:
    (calm,) = owed(resolve_roles, of(FIRST, **QUIET)).values()
    (high,) = owed(resolve_roles, of(FIRST)).values()
    raised_at = b.NOON + timedelta(hours=2)
    view = b.fact(b.risk_assessed(party=2, occurred_at=raised_at))
    (raised,) = owed(resolve_roles, of(FIRST, view, **QUIET)).values()
    assert [duty.key.agency for duty in (calm, high, raised)] == ["dait-supervisor-54"] * 3
    assert [duty.asks[0].by for duty in (calm, high, raised)] == [
        b.NOON.replace(day=3, hour=17),
        b.NOON + timedelta(hours=4),
        raised_at + timedelta(hours=4),
    ]
    assert {about for _, about in hears(high)} == {None}
    assert not owed(resolve_roles, of(SECOND))
    assert not owed(resolve_roles, b.case_file(b.fact(b.incident())))


def test_a_child_s_routes_run_and_nobody_is_a_suspect_there() -> None:
    children = b.fact(b.children(b.CRIME, b.child(injured=True)))
    file = of(b.CHILD, children)
    assert set(owed(child_school, file)) == {"school-100001"}
    heard = hears(owed(front_door_referral, file)["mash-866"])
    assert heard["roles", FIRST] == heard["roles", SECOND] == "not_resolved"
    assert not [what for what, _ in heard if what == "parties.role"]
    stated = hears(owed(front_door_referral, of(b.CHILD, children, parties=(b.victim(), b.suspect())))["mash-866"])
    assert not [what for what, _ in stated if what == "parties.role"]


def test_a_young_party_is_referred_as_one_who_may_be_a_victim() -> None:
    young = b.suspect(age=15)
    duties = owed(young_person_referral, of(SECOND, parties=(b.victim(), young)))
    assert set(duties) == {"mash-866", "child-abuse-unit-54"}
    assert not [duty for duty in duties.values() if "young_person_not_offender" in duty.texts]


def told_to_services(world: World) -> list[Notification]:
    return [notification for notification in world.sent if notification.key.agency.startswith("idva-")]


def places_of(notifications: Iterable[Notification]) -> dict[str, set[str]]:
    """The parties about whom each agency was told anything at all."""
    found: dict[str, set[str]] = {}
    for notification in notifications:
        key = asked_of(notification.key)[0] if notification.key.rule in ESCALATION_STEPS else notification.key
        abouts = {about for _, about, _, _ in notification.content if about is not None}
        found.setdefault(notification.key.agency, set()).update({key.subject, *abouts})
    return found


def says(notification: Notification, party: Party) -> bool:
    content = json.dumps([list(line) for line in notification.content])
    return str(party.name) in content or str(party.date_of_birth) in content


RESIDENCES = [b.residence(), SOUTH, WEST, b.residence("53", None), b.residence(None, None)]
PARTIES = st.tuples(st.sampled_from(RESIDENCES), st.sampled_from(RESIDENCES), st.sampled_from([*RESIDENCES, None])).map(
    lambda residences: tuple(
        b.victim(
            number,
            role=role,
            name=f"Example Party{number}",
            date_of_birth=f"19{80 + number}-01-01",
            age=None,
            relationships=(),
            residence=residence,
        )
        for number, (residence, role) in enumerate(
            zip(residences, (Role.VICTIM, Role.SUSPECT, Role.UNRESOLVED), strict=True), 1
        )
        if residence is not None
    )
)
VIEWS = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 3), st.sampled_from(list(Grade))), max_size=3)
SAID = st.lists(st.sampled_from([Accepted, Declined, None]), max_size=8)


@settings(max_examples=40)
@given(parties=PARTIES, grade=st.sampled_from(list(Grade)), views=VIEWS, said=SAID)
def test_no_service_ever_hears_of_two_parties_whatever_is_assessed_answered_or_left_unanswered(
    parties: tuple[Party, ...], grade: Grade, views: list[tuple[int, int, Grade]], said: list[Any]
) -> None:
    world = World(b.shipped(), RULES)
    body = b.incident(
        primary_perpetrator="unresolved", parties=parties, risk=b.risk(grade, tick_count=3), **SEEN_OF_BOTH
    )
    first, now = b.fact(body), b.NOON
    world.evaluate(first, now=now)
    for n, (party, hours, graded) in enumerate(sorted(views, key=lambda view: view[1])):
        now = max(now, b.NOON + timedelta(hours=hours))
        view = b.risk_assessed(party=party, assessor=f"officer-{n}", occurred_at=now, risk=b.risk(graded, tick_count=9))
        world.evaluate(b.fact(view), now=now)
    for answer in said:
        live = [
            n for n in world.delivered.values() if n.state == "live" and n.asks and n.key.agency.startswith("idva-")
        ]
        if answer is not None and live:
            world.answer(answer, min(live, key=lambda notification: notification.key).key, now)
        now = world.again if answer is None and world.again is not None else now + timedelta(hours=1)
        world.evaluate(now=now)
    assert all(len(places) == 1 for places in places_of(told_to_services(world)).values())
    by_place = {f"{b.CRIME}/party/{party.number}": party for party in parties}
    for agency, (place,) in places_of(told_to_services(world)).items():
        others = [party for other, party in by_place.items() if other != place]
        heard = [notification for notification in world.sent if notification.key.agency == agency]
        assert not [1 for notification in heard for party in others if says(notification, party)]


def test_when_roles_are_resolved_the_suspect_s_service_hears_that_it_was_taken_back_and_nothing_of_the_other() -> None:
    world = World(b.shipped(), RULES)
    body = b.incident(primary_perpetrator="unresolved", parties=UNRESOLVED)
    world.evaluate(b.fact(body), now=b.NOON)
    before = {n.key.agency: n for n in told_to_services(world)}
    assert {agency: n.key.subject for agency, n in before.items()} == {"idva-harebell": FIRST, "idva-downland": SECOND}
    resolved = b.fact(b.incident(primary_perpetrator="identified"), version=2, at=b.NOON + timedelta(hours=1))
    notifications = replaced(world, resolved)
    taken_back = {n.key.agency: n for n in notifications if n.key.rule == "high_risk_roles_unresolved"}
    assert set(taken_back) == {"idva-harebell", "idva-downland"}
    for notification in taken_back.values():
        assert (notification.kind, notification.state, notification.content) == ("correct", "withdrawn", ())
        assert notification.reason == Reason.GROUND_FELL
    delivered = {n.key.agency: n.key.subject for n in notifications if n.key.rule == "high_risk"}
    assert delivered == dict.fromkeys(("idva-larkmead", "marac-larkmead", "dait-54"), FIRST)
    supervisor = next(n for n in notifications if n.key.rule == "resolve_roles")
    assert supervisor.state == "withdrawn"


def replaced(world: World, fact: Fact) -> list[Notification]:
    """What is sent when a fact stands in place of its earlier version."""
    world.facts = tuple(known for known in world.facts if known.statement != fact.statement)
    return world.evaluate(fact, now=fact.at)


def test_an_earlier_incident_of_only_two_of_three_gives_no_service_to_two_of_them() -> None:
    first, second, third = (
        b.victim(n, role=Role.UNRESOLVED, relationships=(), record=b.record(f"record-{n}")) for n in (1, 2, 3)
    )
    she = second.model_copy(update={"number": 1, "role": Role.VICTIM})
    he = third.model_copy(update={"number": 2, "role": Role.SUSPECT})
    now = b.incident(primary_perpetrator="unresolved", parties=(first, second, third))
    world = World(b.shipped(), RULES)
    world.evaluate(b.fact(b.incident("CR0", parties=(she, he))), b.fact(now), now=b.NOON)
    delivered = [n.key for n in told_to_services(world) if n.key.subject.startswith(f"{b.CRIME}/")]
    assert {key.subject for key in delivered} == {FIRST, SECOND}
    assert len({key.agency for key in delivered}) == len(delivered)


def test_a_later_incident_in_which_she_is_the_victim_gives_neither_service_the_other_party() -> None:
    hers, his = b.record("she"), b.record("he")
    he_reports = (b.victim(record=his, role=Role.UNRESOLVED), b.suspect(record=hers, role=Role.UNRESOLVED))
    now = b.incident(primary_perpetrator="unresolved", parties=he_reports)
    after = b.NOON + timedelta(minutes=30)
    at: dict[str, Any] = {"reported_at": after, "occurred_at": after, "occurred_from": after, "occurred_to": after}
    again = b.incident("CR2", parties=(b.victim(record=hers), b.suspect(record=his)), **at)
    world = World(b.shipped(), RULES)
    world.evaluate(b.fact(now), now=b.NOON)
    notifications = world.evaluate(b.fact(again), now=after)
    assert "CR2/party/1" in {notification.key.subject for notification in notifications}
    assert not [
        notification.key for notification in notifications if notification.key.rule == "high_risk_roles_unresolved"
    ]
