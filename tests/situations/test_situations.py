"""Each situation: what agencies must be told by law and guidance is what the rules of all services tell them."""

import pytest

from tests.situations.comparing import differences
from tests.situations.playing import as_shipped, in_other_orders
from tests.situations.reading import Written, all_situations

each = pytest.mark.parametrize("written", all_situations(), ids=lambda written: written.name)


@each
def test_agencies_are_told_what_the_law_asks_for(written: Written) -> None:
    situation = written.situation
    found = differences(situation, as_shipped(written))
    where = f"{written.file}:{written.line}: {situation.title}\n  ({situation.law})"
    if situation.known_gap is not None:
        assert found, f"{where}\n  This gap has been closed. Remove: known_gap: {situation.known_gap}"
        pytest.xfail(situation.known_gap)
    if found:
        pytest.fail("\n    ".join([where, *found]), pytrace=False)


@each
def test_the_order_of_arrival_changes_nothing_held(written: Written) -> None:
    played = as_shipped(written)
    in_order, reversed_, shuffled = in_other_orders(played, written.situation.title)
    assert reversed_ == in_order
    assert shuffled == in_order
    if not played.answered and not played.escalated:
        assert played.held == in_order
