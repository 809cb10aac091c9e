"""Once, and nothing lost: two workers under load are killed and ended, their servers restarted, a stream held back."""

import sys
from pathlib import Path

import pytest

from tests.chaos.faults import SHORT, faults
from tests.chaos.run import Outcome, run


@pytest.mark.long
@pytest.mark.broker
def test_two_workers_lose_nothing_and_issue_nothing_twice_through_a_fault_of_each_kind(tmp_path: Path) -> None:
    outcome = run(20261123, 80, faults(20261123, len(SHORT), SHORT), tmp_path)
    tell(outcome)
    assert outcome.verdict.clean, str(outcome.verdict)
    assert outcome.events >= 1000
    assert set(outcome.kinds) == set(SHORT)
    assert outcome.absences > 0


def tell(outcome: Outcome) -> None:
    verdict, struck = outcome.verdict, ", ".join(f"{number} x {kind}" for kind, number in outcome.kinds.items())
    sys.stdout.write(
        f"{outcome.events} events in {outcome.seconds:.0f} s through {struck}: "
        f"{len(verdict.lost)} lost, {len(verdict.twice)} issued twice, {len(verdict.wrong)} wrong\n"
    )
