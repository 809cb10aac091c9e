"""Incidents that only a specialist may route: one duty to the desk that policy names, and silence everywhere else."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.police_incidents.v1 import AbuseType, Markers, SupportReferral
from services.incidents.apart import resolve_roles
from services.incidents.held import held_for_specialist
from services.incidents.rules import RULES
from services.platform.domain.core.duties import Duty, Withheld
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from tests.support import builders as b
from tests.unit.incidents.seen import hears, owed

HELD: dict[str, tuple[dict[str, Any], Reason]] = {
    "police": ({"parties": (b.victim(), b.suspect(is_police=True))}, Reason.SUSPECT_IS_POLICE),
    "honour": ({"abuse_types": (AbuseType.PHYSICAL, AbuseType.FM)}, Reason.HONOUR_BASED_ABUSE),
}
DESKS = {
    Reason.SUSPECT_IS_POLICE: {"psd-54", "out-of-force-desk-54"},
    Reason.HONOUR_BASED_ABUSE: {"specialist-desk-54"},
}
# Of a child in it as well.
ALL_DESKS = {
    Reason.SUSPECT_IS_POLICE: {"held_for_specialist": DESKS[Reason.SUSPECT_IS_POLICE]},
    Reason.HONOUR_BASED_ABUSE: {
        "held_for_specialist": {"specialist-desk-54"},
        "held_school": {"specialist-desk-54"},
        "held_child": {"named-social-care-866"},
    },
}


def files(**incident: Any) -> list[CaseFile]:
    """Of everybody in it."""
    facts = b.fact(b.incident(**incident)), b.fact(b.children(b.CRIME, b.child(injured=True)))
    return [b.case_file(*facts, of=of) for of in (b.VICTIM, b.SUSPECT, b.CHILD, "CR1/party/3")]


@pytest.mark.parametrize(("incident", "reason"), HELD.values(), ids=HELD)
def test_the_desk_that_policy_names_hears_once_and_nobody_else_at_all(incident: dict[str, Any], reason: Reason) -> None:
    loud: dict[str, Any] = {"markers": Markers(strangulation=True), "support_referral": SupportReferral.DECLINED}
    stated = [s for file in files(**loud | incident) for rule in RULES for s in rule.states(file, b.policy())]
    duties = [s for s in stated if isinstance(s, Duty)]
    rules = {duty.key.rule for duty in duties}
    assert {rule: {duty.key.agency for duty in duties if duty.key.rule == rule} for rule in rules} == ALL_DESKS[reason]
    silent = {s.key.rule: s.reason for s in stated if isinstance(s, Withheld)}
    assert set(silent.values()) == {reason}
    assert {"high_risk", "grade_review", "child_school", "front_door_referral"} <= set(silent)


@pytest.mark.parametrize(("incident", "reason"), HELD.values(), ids=HELD)
def test_it_says_references_and_type_only(incident: dict[str, Any], reason: Reason) -> None:
    for duty in owed(held_for_specialist, files(**incident)[0]).values():
        assert hears(duty) == {
            ("sender.force", None): "54",
            ("crime_reference", None): "CR1",
            ("incident_log", None): "LOG-CR1",
            ("reported_at", None): "2026-03-02T12:00:00Z",
            ("held_because", None): reason,
            ("children_linked_at", None): ("2026-03-02T12:00:00Z",),
        }


@pytest.mark.parametrize(("incident", "reason"), HELD.values(), ids=HELD)
def test_the_desk_hears_that_there_is_more_to_read_and_of_nobody_else_s_incident(
    incident: dict[str, Any], reason: Reason
) -> None:
    alone, day = b.fact(b.incident(**incident)), timedelta(days=1)
    high, linked = b.fact(b.risk_assessed(occurred_at=b.NOON + day)), b.fact(b.children())
    others = b.fact(b.incident("CR2")), b.fact(b.risk_assessed("CR2")), b.fact(b.children("CR2"))
    first = evaluate([b.linked_file(alone, *others)], {}, RULES, b.policy(), b.NOON, b.NOON)
    delivered = {k: n for k, n in remember({}, first).items() if k.rule == "held_for_specialist"}
    now = b.NOON + day
    second = evaluate([b.linked_file(alone, linked, high, *others)], delivered, RULES, b.policy(), now, now)
    updates = [notification for notification in second.notifications if notification.key in delivered]
    assert {(n.key.agency, n.kind, n.revision) for n in updates} == {(desk, "update", 2) for desk in DESKS[reason]}
    for notification in updates:
        added = {
            what: value for what, _, value, _ in set(notification.content) - set(delivered[notification.key].content)
        }
        assert added == {
            "risk_assessed_at": ("2026-03-03T12:00:00Z",),
            "children_linked_at": ("2026-03-02T12:00:00Z",),
        }


def test_that_there_are_no_children_is_nothing_to_read() -> None:
    incident, _ = HELD["honour"]
    facts = b.fact(b.incident(**incident)), b.fact(b.children().model_copy(update={"children": ()}))
    assert owed(held_for_specialist, b.case_file(*facts)) == owed(held_for_specialist, b.case_file(facts[0]))


def test_the_desk_is_told_and_answers_within_the_hour() -> None:
    incident, _ = HELD["honour"]
    duty = owed(held_for_specialist, files(**incident)[0])["specialist-desk-54"]
    assert duty.tell_by == duty.asks[0].by == b.NOON + timedelta(hours=1)


def test_a_suspect_who_is_police_comes_before_every_other_reason() -> None:
    everything = {**HELD["honour"][0], "primary_perpetrator": "unresolved", **HELD["police"][0]}
    assert set(owed(held_for_specialist, files(**everything)[0])) == DESKS[Reason.SUSPECT_IS_POLICE]
    assert not owed(resolve_roles, files(**everything)[0])


def test_silence_about_a_suspect_who_is_police_does_not_climb_into_the_force_where_he_may_work() -> None:
    for incident, reason in HELD.values():
        duties = owed(held_for_specialist, files(**incident)[0])
        ends = {duty.last_step.agency for duty in duties.values() if duty.last_step is not None}
        assert ends == (set(duties) if reason is Reason.SUSPECT_IS_POLICE else {"duty-inspector-54"})


def test_no_policy_lets_that_silence_climb_outside_the_desk_that_is_told() -> None:
    incident, _ = HELD["police"]
    kinds = [kind.model_copy(update={"last_step": b.policy().kind("dait").last_step}) for kind in b.policy().rows.kinds]
    careless = replace(b.shipped(), kinds=tuple(kinds)).at(b.NOON)
    stated = held_for_specialist(files(**incident)[0], careless)
    assert {duty.last_step for duty in stated if isinstance(duty, Duty)} == {None}


def test_a_victim_who_is_police_holds_nothing_up() -> None:
    assert not owed(held_for_specialist, files(parties=(b.victim(is_police=True), b.suspect()))[0])


def test_an_ordinary_incident_is_not_held() -> None:
    assert not [s for file in files() for s in held_for_specialist(file, b.policy())]
