"""The names of the rules, under which agencies were told: none is ever changed."""

from services.incidents.rules import RULES

NAMES = [
    "high_risk",
    "idva_without_consent",
    "idva_with_consent",
    "victim_support",
    "ask_safely",
    "ticks_above_grade",
    "possible_above_threshold",
    "grade_review",
    "escalation",
    "child_school",
    "child_school_closed",
    "child_school_reopens",
    "child_home_educated",
    "front_door_referral",
    "young_person_referral",
    "birth_date_doubtful",
    "high_risk_roles_unresolved",
    "resolve_roles",
    "held_for_specialist",
]


def test_names_are_added_and_never_changed() -> None:
    assert [rule.name for rule in RULES] == NAMES
