"""Situations hold every rule: each tells in one and is silent in another, and a changed condition is noticed."""

import pytest

from tests.situations import mutations
from tests.situations.playing import as_shipped
from tests.situations.reading import all_situations
from tests.situations.relay import RULES

NAMES = sorted(rule.name for rules in RULES.values() for rule in rules)


@pytest.mark.parametrize("rule", NAMES)
def test_every_rule_tells_somebody_in_one_situation(rule: str) -> None:
    assert any(told.rule == rule for written in mutations.without_gaps() for told in written.situation.told)


@pytest.mark.parametrize("rule", NAMES)
def test_every_rule_tells_nobody_in_one_situation_which_says_why(rule: str) -> None:
    assert any(one.rule == rule for written in mutations.without_gaps() for one in written.situation.not_told)


def test_what_an_agency_must_not_read_is_what_another_reads_under_that_name() -> None:
    """Else a name that was mistyped would be said to nobody, and the situation would hold nothing."""
    said: set[str] = {"location", "circumstances"}  # what no agency of ours is ever told
    unsaid: set[str] = set()
    for written in all_situations():
        for seen in as_shipped(written).seen:
            said |= {what for notification in seen.delivered.values() for what, *_ in notification.content}
            unsaid |= {what for told in seen.expected for what in told.says_nothing_of}
    assert unsaid <= said


@pytest.mark.parametrize("condition", mutations.CONDITIONS, ids=lambda condition: condition.rule)
def test_a_changed_condition_of_a_rule_fails_a_situation(condition: mutations.Condition) -> None:
    assert not list(mutations.survivors([mutations.of_condition(condition)]))
