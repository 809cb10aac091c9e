"""Children: each school its own pupil only, and the front door of social care as a referral."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.police_incidents.v1 import Child, Grade, Markers
from schemas.values import Relationship
from services.incidents.children import child_home_educated, child_school
from services.incidents.front_door import front_door_referral, young_person_referral
from services.incidents.rules import RULES
from services.platform.domain.core.escalation import LAST_STEP, MANAGER, STRATEGIC
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.domain.small import World
from tests.unit.incidents.seen import hears, matter, owed, reasons, withheld

QUIET: dict[str, Any] = {"risk": b.risk(Grade.STANDARD)}
ELSEWHERE = b.residence(force="53", la_code="916")


def childs(child: Child | None = None, *more: Fact, **incident: Any) -> CaseFile:
    children = b.fact(b.children(b.CRIME, child or b.child()))
    return b.case_file(b.fact(b.incident(**incident)), children, *more, of=b.CHILD)


def nth(crime: str, day: int) -> tuple[Fact, Fact]:
    """A quiet incident, and the child in it."""
    at = b.NOON + timedelta(days=day)
    return b.fact(b.incident(crime, reported_at=at, **QUIET)), b.fact(b.children(crime, occurred_at=at))


def test_the_school_is_told_within_two_hours_and_reads_it_before_its_next_session() -> None:
    duty = owed(child_school, childs())["school-100001"]
    assert duty.tell_by == b.NOON + timedelta(hours=2)
    assert [(ask.ask, ask.by) for ask in duty.asks] == [("acknowledge", datetime(2026, 3, 3, 8, 40, tzinfo=UTC))]
    assert (duty.person, duty.key.subject, duty.kind) == (b.CHILD, b.CHILD, "dsl")


# Monday at noon and Saturday, to be read by Tuesday's and Monday's first session: the working days begin at 07:30.
@pytest.mark.parametrize(
    ("delivered", "heard"),
    [
        ("2026-03-02T12:00", ["2026-03-02T13:32:30", "2026-03-02T15:05", "2026-03-02T16:37:30", "2026-03-03T08:40"]),
        ("2026-03-07T02:00", ["2026-03-09T07:47:30", "2026-03-09T08:05", "2026-03-09T08:22:30", "2026-03-09T08:40"]),
    ],
)
def test_a_school_that_has_not_read_it_is_heard_of_by_its_next_session_and_at_no_weekend(
    delivered: str, heard: list[str]
) -> None:
    at = datetime.fromisoformat(f"{delivered}Z")
    world = World(b.shipped(), [rule for rule in RULES if rule.name == "child_school"])
    world.evaluate(b.fact(b.incident(reported_at=at, **QUIET)), b.fact(b.children(occurred_at=at)), now=at)
    steps: list[tuple[datetime, str]] = []
    while world.again is not None and len(steps) < len(heard):
        now = world.again
        steps += [(now, notification.key.rule) for notification in world.evaluate(now=now)]
    rules = ("child_school", MANAGER, STRATEGIC, LAST_STEP)
    assert steps == [(datetime.fromisoformat(f"{step}Z"), rule) for step, rule in zip(heard, rules, strict=True)]


def test_each_school_of_a_child_keeps_its_own_calendar_and_hears_of_itself_alone() -> None:
    duties = owed(child_school, childs(b.child(school_urns=("100001", "100002"))))
    assert {agency: duty.asks[0].by.minute for agency, duty in duties.items()} == {
        "school-100001": 40,
        "school-100002": 20,
    }
    assert {agency: matter(duty)["schools"] for agency, duty in duties.items()} == {
        "school-100001": ("100001",),
        "school-100002": ("100002",),
    }


def test_a_school_hears_of_its_pupil_and_which_adult_is_unsafe_and_of_no_adult_by_name() -> None:
    sibling = b.child(2, name="Sol Siblingtest", school_urns=("100002",))
    children = b.fact(b.children(b.CRIME, b.child(voice="I was on the stairs"), sibling))
    file = b.case_file(b.fact(b.incident()), children, of=b.CHILD)
    duties = owed(child_school, file)
    assert set(duties) == {"school-100001"}
    heard = hears(duties["school-100001"])
    assert heard["children.name", b.CHILD] == "Cora Childtest"
    assert heard["children.voice", b.CHILD] == "I was on the stairs"
    assert heard["children.unsafe_adult", b.CHILD] == "father"
    assert heard["abuse_types", b.CHILD] == ("physical",)
    assert not {"Vera Victimtest", "Silas Suspecttest", "Sol Siblingtest", "high"} & {*map(str, heard.values())}


def test_any_grade_reaches_the_school() -> None:
    assert owed(child_school, childs(**QUIET))


def test_schools_that_policy_does_not_know_are_told_through_the_education_desk_once() -> None:
    duties = owed(child_school, childs(b.child(school_urns=("999998", "999999"))))
    assert set(duties) == {"la-education-866"}
    assert matter(duties["la-education-866"])["schools"] == ("999998", "999999")


def test_a_corrected_school_is_told_and_the_other_is_no_longer_owed() -> None:
    right = b.fact(b.children(b.CRIME, b.child(school_urns=("100002",))), version=2)
    file = b.linked_file(b.fact(b.incident()), b.fact(b.children()), right, of=b.CHILD)
    assert set(owed(child_school, file)) == {"school-100002"}


def test_no_school_named_is_said() -> None:
    assert reasons(child_school, childs(b.child(school_urns=()))) == {Reason.NO_SCHOOL_NAMED}


def test_a_child_educated_at_home_is_told_of_to_the_education_desk() -> None:
    file = childs(b.child(school_urns=(), home_educated=True))
    assert reasons(child_school, file) == {Reason.HOME_EDUCATED}
    assert set(owed(child_home_educated, file)) == {"la-education-866"}
    assert not owed(child_home_educated, childs())


def test_somebody_of_18_is_not_a_child() -> None:
    file = childs(b.child(date_of_birth=date(2008, 3, 2)))
    assert reasons(child_school, file) == reasons(front_door_referral, file) == {Reason.NOT_A_CHILD}
    assert owed(child_school, childs(b.child(date_of_birth=date(2008, 3, 3))))


def test_what_is_no_domestic_abuse_does_not_reach_the_school_and_the_front_door_still_does() -> None:
    apart = (b.connection(2, Relationship.NOT_CONNECTED),)
    file = childs(parties=(b.victim(relationships=apart), b.suspect(relationships=())))
    assert reasons(child_school, file) == {Reason.NOT_PERSONALLY_CONNECTED}
    assert owed(front_door_referral, file)


def test_a_child_whom_two_speakers_state_is_told_of_once() -> None:
    same = b.fact(b.children(b.CRIME, b.child(7, record=b.record("child-1")), stated_by="mash-866"))
    file = childs(None, same)
    assert [duty.key.subject for duty in owed(child_school, file).values()] == [b.CHILD]
    assert withheld(child_school, file) == {"school-100001": Reason.STATED_TWICE}
    assert reasons(front_door_referral, file) == {Reason.STATED_TWICE}


def test_children_of_an_incident_that_is_not_known_wait() -> None:
    alone = b.case_file(b.fact(b.children()), of=b.CHILD)
    assert not [s for rule in (child_school, front_door_referral) for s in rule(alone, b.policy())]


def test_high_risk_is_a_referral_of_the_hour_with_a_decision_by_the_next_working_day() -> None:
    duty = owed(front_door_referral, childs())["mash-866"]
    assert duty.tell_by == b.NOON + timedelta(hours=1)
    assert [(ask.ask, ask.by) for ask in duty.asks] == [
        ("acknowledge", b.NOON + timedelta(hours=1)),
        ("decide", datetime(2026, 3, 3, 17, tzinfo=UTC)),
    ]
    assert (duty.urgency, matter(duty)["referred_for"]) == ("urgent", ("high_risk",))


@pytest.mark.parametrize(
    "markers", [Markers(strangulation=True), Markers(weapon=True)], ids=["strangulation", "weapon"]
)
def test_strangulation_or_a_weapon_is_one_of_the_hour_at_any_grade(markers: Markers) -> None:
    duty = owed(front_door_referral, childs(markers=markers, **QUIET))["mash-866"]
    assert duty.why.route == "front_door_referral"
    assert matter(duty)["referred_for"] in (("strangulation",), ("weapon",))


@pytest.mark.parametrize("what", ["injured", "intervened", "target"])
def test_so_is_a_child_hurt_stepping_in_or_aimed_at(what: str) -> None:
    duty = owed(front_door_referral, childs(b.child(**{what: True}), **QUIET))["mash-866"]
    assert (duty.why.route, matter(duty)["referred_for"]) == ("front_door_referral", (f"child_{what}",))


@pytest.mark.parametrize(
    ("child", "reason"),
    [({"unborn": True, "date_of_birth": None}, "unborn"), ({"date_of_birth": date(2025, 3, 3)}, "under_1")],
)
def test_a_baby_or_an_unborn_child_is_referred_the_same_day(child: dict[str, Any], reason: str) -> None:
    duty = owed(front_door_referral, childs(b.child(**child), **QUIET))["mash-866"]
    assert duty.tell_by == datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
    assert matter(duty)["referred_for"] == (reason,)


def test_a_baby_at_high_risk_is_a_referral_of_the_hour() -> None:
    duty = owed(front_door_referral, childs(b.child(date_of_birth=date(2025, 9, 1))))["mash-866"]
    assert duty.tell_by == b.NOON + timedelta(hours=1)
    assert matter(duty)["referred_for"] == ("high_risk", "under_1")


def test_any_other_child_is_no_referral_and_it_is_said_why() -> None:
    assert withheld(front_door_referral, childs(b.child(date_of_birth=date(2025, 3, 2)), **QUIET)) == {
        "mash-866": Reason.BELOW_THRESHOLD
    }


def test_a_third_incident_with_the_child_is_a_referral_of_that_day() -> None:
    incidents = [nth("A", 0), nth("B", 100), nth("C", 200), nth("D", 201)]
    facts = [fact for pair in incidents for fact in pair]
    file = b.case_file(*facts, of="C/child/1")
    stated = {s.key.subject: s for s in front_door_referral(file, b.policy())}
    referred = {subject: set(s.grounds) for subject, s in stated.items() if not hasattr(s, "reason")}
    assert referred == {
        "C/child/1": {*(pair[0].id for pair in incidents[:3]), incidents[2][1].id},
        "D/child/1": {*(pair[0].id for pair in incidents[1:]), incidents[3][1].id},
    }


def test_a_later_assessment_of_her_makes_the_childs_referral_urgent() -> None:
    later = b.fact(b.risk_assessed(), at=b.NOON + timedelta(days=1))
    duty = owed(front_door_referral, childs(None, later, **QUIET))["mash-866"]
    assert duty.tell_by == b.NOON + timedelta(days=1, hours=1)
    assert later.id in duty.grounds


def test_the_front_door_is_that_of_where_the_child_lives() -> None:
    assert set(owed(front_door_referral, childs(b.child(residence=ELSEWHERE)))) == {"mash-916"}


def test_the_front_door_sees_the_adults_and_the_child_and_no_sibling() -> None:
    sibling = b.child(2, name="Sol Siblingtest")
    file = b.case_file(b.fact(b.incident()), b.fact(b.children(b.CRIME, b.child(), sibling)), of=b.CHILD)
    heard = hears(owed(front_door_referral, file)["mash-866"])
    assert heard["parties.name", b.VICTIM] == "Vera Victimtest"
    assert heard["parties.name", b.SUSPECT] == "Silas Suspecttest"
    assert heard["children.name", b.CHILD] == "Cora Childtest"
    assert "Sol Siblingtest" not in heard.values()


def test_a_victim_under_18_is_referred_within_the_hour_and_under_16_to_the_child_abuse_unit_too() -> None:
    for age, delivered in ((15, {"mash-866", "child-abuse-unit-54"}), (16, {"mash-866"}), (17, {"mash-866"})):
        file = b.case_file(b.fact(b.incident(parties=(b.victim(age=age), b.suspect()))))
        duties = owed(young_person_referral, file)
        assert set(duties) == delivered
        assert {duty.tell_by for duty in duties.values()} == {b.NOON + timedelta(hours=1)}
    assert not owed(young_person_referral, b.case_file(b.fact(b.incident())))


def test_a_suspect_under_18_is_a_child_first() -> None:
    file = b.case_file(b.fact(b.incident(parties=(b.victim(), b.suspect(age=17)))), of=b.SUSPECT)
    duty = owed(young_person_referral, file)["mash-866"]
    assert "young_person_not_offender" in duty.texts
    assert not any(item.about == b.VICTIM for item in duty.matter)
