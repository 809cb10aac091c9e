"""Rules declare all that they ask for: over all situations none asks policy or a file for anything else."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from schemas.police_incidents.v1 import IncidentReported
from services.platform.domain.people.ordinary_routes import INSTEAD
from tests.situations.reading import all_situations
from tests.situations.relay import RULES
from tests.situations.watching import Asked, asked_in

EACH = [pytest.param(rule, id=rule.name) for rules in RULES.values() for rule in rules]
BY_NAME = {rule.name: rule for rules in RULES.values() for rule in rules}


@cache
def asked() -> Mapping[str, Asked]:
    return asked_in(all_situations())


@pytest.mark.parametrize("rule", EACH)
def test_a_rule_asks_for_nothing_that_it_does_not_declare(rule: Any) -> None:
    assert not asked()[rule.name].beyond(rule)


@pytest.mark.parametrize("rule", EACH)
def test_a_rule_declares_no_route_or_window_that_no_situation_needs(rule: Any) -> None:
    """Any rule may meet each reason for which ordinary routes wait: those routes are declared for all of them."""
    found = asked()[rule.name]
    assert set(rule.routes) - {*INSTEAD} <= found.routes
    assert set(rule.windows) <= found.windows


@pytest.mark.parametrize(
    ("rule", "lacking", "said"),
    [
        ("missed_order", {"routes": ("missed_order_crown",)}, "missed_order routes: missed_order_magistrates"),
        ("missed_order", {"clocks": ("attribution",)}, "missed_order clocks: sentence_alteration"),
        ("escalation", {"windows": ()}, "escalation windows: escalation"),
        ("child_school", {"reads": (IncidentReported,), "needs": ()}, "child_school reads: ChildrenLinked"),
        ("high_risk", {"reads": (IncidentReported,)}, "high_risk reads: RiskAssessed"),
    ],
)
def test_a_declaration_that_lacks_what_its_rule_asks_for_is_found(
    rule: str, lacking: Mapping[str, Any], said: str
) -> None:
    of_the_rule = [one for one in all_situations() if any(told.rule == rule for told in one.situation.told)]
    short = replace(BY_NAME[rule], **lacking)
    rules = {name: tuple(short if one.name == rule else one for one in each) for name, each in RULES.items()}
    assert said in asked_in(of_the_rule, rules)[rule].beyond(short)
