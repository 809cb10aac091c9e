"""All rules of incidents, by the names under which agencies were told: a name is never changed."""

from schemas.police_incidents.v1 import ChildrenLinked
from services.incidents.apart import APART, high_risk_apart, resolve_roles
from services.incidents.births import RULE as BIRTH_DATE_DOUBTFUL
from services.incidents.births import birth_date_doubtful
from services.incidents.children import child_home_educated, child_school, child_school_closed, child_school_reopens
from services.incidents.escalation import escalation
from services.incidents.front_door import front_door_referral, young_person_referral
from services.incidents.held import held_for_specialist
from services.incidents.risk import (
    ask_safely,
    grade_review,
    high_risk,
    idva_with_consent,
    idva_without_consent,
    possible_above_threshold,
    ticks_above_grade,
    victim_support,
)
from services.platform.domain.core.evaluate import Rule

RULES = (
    Rule("high_risk", high_risk, speaks_of="incident"),
    Rule("idva_without_consent", idva_without_consent, speaks_of="incident"),
    Rule("idva_with_consent", idva_with_consent, speaks_of="incident"),
    Rule("victim_support", victim_support, speaks_of="incident"),
    Rule("ask_safely", ask_safely, speaks_of="incident"),
    Rule("ticks_above_grade", ticks_above_grade, speaks_of="incident"),
    Rule("possible_above_threshold", possible_above_threshold, speaks_of="incident"),
    Rule("grade_review", grade_review, speaks_of="incident"),
    Rule("escalation", escalation),
    Rule("child_school", child_school, speaks_of="incident"),
    Rule("child_school_closed", child_school_closed, speaks_of="incident"),
    Rule("child_school_reopens", child_school_reopens, speaks_of="incident"),
    Rule("child_home_educated", child_home_educated, speaks_of="incident"),
    Rule("front_door_referral", front_door_referral, needs=frozenset({ChildrenLinked})),
    Rule("young_person_referral", young_person_referral, speaks_of="incident"),
    Rule(BIRTH_DATE_DOUBTFUL, birth_date_doubtful, speaks_of="incident"),
    Rule(APART, high_risk_apart),
    Rule("resolve_roles", resolve_roles, speaks_of="incident"),
    Rule("held_for_specialist", held_for_specialist, speaks_of="incident"),
)
