"""A rule is declared whole: a declaration that lacks a part raises where it is written, and so does not import."""

from collections.abc import Mapping
from typing import Any

import pytest

from schemas.court_convictions.v1 import HearingResulted
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported
from services.platform.domain.core.asked_of_policy import DERIVED_RULES, asked_of_policy
from services.platform.domain.core.escalation import ESCALATION_STEPS
from services.platform.domain.core.rules import DerivedRule, Rule, RuleIncompleteError, named_by
from services.platform.domain.people.ordinary_routes import INSTEAD
from services.platform.policy.tables import Named
from tests.support import builders as b
from tests.unit.domain.small import high_risk

WHOLE: Mapping[str, Any] = {"title": "A title", "routes": ("a_route",), "reads": (IncidentReported, ChildrenLinked)}


@pytest.mark.parametrize("part", sorted(WHOLE))
def test_a_rule_that_lacks_a_part_names_itself_and_the_part(part: str) -> None:
    given = {name: value for name, value in WHOLE.items() if name != part}
    with pytest.raises(RuleIncompleteError, match=f"the rule `a_rule` lacks `{part}`"):
        Rule("a_rule", high_risk, **given)


def test_a_rule_without_a_name_says_so() -> None:
    with pytest.raises(RuleIncompleteError, match="a rule lacks `name`"):
        Rule("", high_risk, **WHOLE)


def test_a_rule_cannot_need_a_fact_type_that_it_does_not_read() -> None:
    with pytest.raises(RuleIncompleteError, match="the rule `a_rule` needs a fact type that it does not read"):
        Rule("a_rule", high_risk, **WHOLE, needs=(HearingResulted,))


@pytest.mark.parametrize("part", ["title", "reads"])
def test_a_derived_rule_that_lacks_a_part_names_itself_and_the_part(part: str) -> None:
    given: dict[str, Any] = {name: WHOLE[name] for name in ("title", "reads") if name != part}
    with pytest.raises(RuleIncompleteError, match=f"the rule `a_rule` lacks `{part}`"):
        DerivedRule("a_rule", **given)


def test_a_rule_runs_in_files_of_its_kind_that_hold_a_fact_that_it_needs() -> None:
    incident, children = b.fact(b.incident()), b.fact(b.children(b.CRIME, b.child()))
    reads, needs = Rule("a_rule", high_risk, **WHOLE), Rule("a_rule", high_risk, **WHOLE, needs=(ChildrenLinked,))
    of_references = Rule("a_rule", high_risk, **WHOLE, runs_in="references")
    file = b.case_file(incident)
    assert (reads.runs_for(file), needs.runs_for(file), of_references.runs_for(file)) == (True, False, False)
    assert needs.runs_for(b.case_file(incident, children))
    assert not reads.runs_for(b.case_file(b.fact(b.hearing())))


def test_every_escalation_step_and_the_word_on_outdated_answers_is_declared() -> None:
    assert {rule.name for rule in DERIVED_RULES} == ESCALATION_STEPS


def test_what_rules_ask_of_policy_is_gathered_from_their_declarations() -> None:
    rule = Rule("a_rule", high_risk, **WHOLE, clocks=("a_clock",), windows=("a_window",))
    named = named_by([rule])
    assert named == Named(frozenset({"a_route"}), frozenset({"a_clock"}), frozenset({"a_window"}))
    assert asked_of_policy([rule]).routes == {"a_route", "answer_to_replaced", "answer_to_taken_back", *INSTEAD}
