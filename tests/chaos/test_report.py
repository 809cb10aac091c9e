"""What is written down of runs under faults says what was found, and what was left out."""

from datetime import date

from tests.chaos.report import written
from tests.chaos.run import Outcome, Struck
from tests.chaos.verifier import Verdict

CLEAN = Outcome(1, 1200, (Struck("worker killed", 0.5, 1.0), Struck("clock jumps", 2.0, 9.0)), 90, 7, Verdict())
CALM = Outcome(1, 1100, (), 60, 0, Verdict(wrong=["g"]))
SPOILT = Outcome(2, 1300, (Struck("worker killed", 4.5, 5.0),), 30, 5, Verdict(["a"], ["b", "c"], ["d", "e", "f"]))


def test_each_kind_has_a_row_with_what_was_found_in_the_runs_that_it_struck_in() -> None:
    text = written([CLEAN, SPOILT], [CALM], {"disk full": "no disk"}, date(2026, 3, 2))
    assert "2026-03-02: 3 faults of 2 kinds, seeds 1, 2, 2,500 events, 2 minutes" in text
    assert "**1 lost, 2 issued twice, 3 wrong.**" in text
    assert "| worker killed | 2 | 1 | 2 | 3 | 2.5, 4.5 | 3.0, 5.0 |" in text
    assert "| clock jumps | 1 | 0 | 0 | 0 | 2.0, 2.0 | 9.0, 9.0 |" in text
    assert "| disk full | left out: no disk |" in text
    assert "In 12 cases" in text
    assert "without a fault: **0 lost, 0 issued twice, 1 wrong** in 1,100 events" in text
