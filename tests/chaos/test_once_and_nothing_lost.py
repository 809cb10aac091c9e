"""Once, and nothing lost: two workers under load are killed and ended, their broker and database restarted."""

import sys
from pathlib import Path

import pytest

from tests.chaos.faults import KINDS
from tests.chaos.run import Outcome, run


@pytest.mark.broker
def test_two_workers_lose_nothing_and_issue_nothing_twice_through_a_fault_of_each_kind(tmp_path: Path) -> None:
    outcome = run(seed=20261123, families=175, troubles=len(KINDS), folder=tmp_path)
    tell(outcome)
    assert outcome.verdict.clean, str(outcome.verdict)
    assert outcome.events >= 2000
    assert set(outcome.struck) == set(KINDS)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_workers_lose_nothing_and_issue_nothing_twice_through_a_hundred_faults(tmp_path: Path, seed: int) -> None:
    """A third of them with each seed."""
    outcome = run(seed, families=400, troubles=34, folder=tmp_path)
    tell(outcome)
    assert outcome.verdict.clean, str(outcome.verdict)


def tell(outcome: Outcome) -> None:
    verdict, struck = outcome.verdict, ", ".join(f"{number} x {kind}" for kind, number in outcome.struck.items())
    sys.stdout.write(
        f"{outcome.events} events in {outcome.seconds:.0f} s through {struck}: "
        f"{len(verdict.lost)} lost, {len(verdict.twice)} issued twice, {len(verdict.wrong)} wrong\n"
    )
