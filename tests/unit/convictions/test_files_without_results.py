"""Most of what police say concerns no court case: convictions runs no rule on it and compares nothing. Of a charge, it
runs those that tell her of it and prompt the CPS."""

from dataclasses import replace
from typing import NoReturn

import pytest

from services.convictions.rules import RULES
from services.platform.domain.core.evaluate import NOTHING_TO_EVALUATE, evaluate
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.policy.policy import Policy
from tests.support import builders as b


def runs(_file: CaseFile, _policy: Policy) -> NoReturn:
    raise AssertionError("this rule has nothing to read here")


OF_A_CHARGE = {"charge_in_her_case", "order_considered_at_charge"}
BROKEN = tuple(replace(rule, states=runs) for rule in RULES)


@pytest.mark.parametrize(
    "facts",
    [
        [b.fact(b.incident())],
        [b.fact(b.incident()), b.fact(b.children(b.CRIME, b.child()))],
    ],
    ids=["an incident", "an incident with children"],
)
def test_no_rule_of_convictions_runs_on_what_police_say_alone(facts: list[Fact]) -> None:
    file = b.linked_file(*facts)
    assert evaluate([file], {}, BROKEN, b.policy(), b.NOON, b.NOON) is NOTHING_TO_EVALUATE


def test_a_charge_makes_the_rules_run_that_read_it_alone() -> None:
    file = b.linked_file(b.fact(b.incident()), b.fact(b.charge()))
    found = evaluate([file], {}, BROKEN, b.policy(), b.NOON, b.NOON)
    assert set(found.faulted) == OF_A_CHARGE


def test_a_result_in_the_file_makes_rules_of_convictions_run() -> None:
    file = b.case_file(b.fact(b.incident()), b.fact(b.hearing()))
    found = evaluate([file], {}, BROKEN, b.policy(), b.NOON, b.NOON)
    assert set(found.faulted) == {rule.name for rule in RULES if rule.runs_in == "persons"} - OF_A_CHARGE
