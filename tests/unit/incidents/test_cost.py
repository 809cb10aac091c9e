"""A look costs in step with the length of its file, and little after one more fact: counted in calls, not in time."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from services.casefile.duties import Look
from services.casefile.links import files_of
from services.casefile.reconcile import remember
from tests.bench.looks import HERS, incident, look, met, without

SHORT, LONG = 40, 320
SLACK = 1.05


def test_a_look_at_a_file_that_nobody_has_looked_at_takes_calls_in_step_with_its_length() -> None:
    assert cold(LONG) <= SLACK * LONG / SHORT * cold(SHORT)


def test_a_look_after_one_more_incident_takes_calls_in_step_with_its_length() -> None:
    assert warm(LONG) <= SLACK * LONG / SHORT * warm(SHORT)


@pytest.mark.parametrize("length", [SHORT, LONG])
def test_after_one_more_incident_the_others_are_not_worked_out_again(length: int) -> None:
    for_each_other = (warm(length) - cold(1)) / (length - 1)
    assert for_each_other < cold(length) / length / 5


def cold(length: int) -> int:
    file, policy = files_of(incident(number, length) for number in range(length))[HERS], met()
    look(file, {}, met())  # calendars and the like are met once by a process
    return calls(lambda: look(file, {}, policy))


def warm(length: int) -> int:
    facts, policy = [incident(number, length) for number in range(length)], met()
    file = files_of(facts)[HERS]
    earlier = without(file, facts[-1])
    told = remember({}, look(earlier, {}, policy))
    look(earlier, told, policy)
    return calls(lambda: look(file, told, policy))


def calls(work: Callable[[], Look]) -> int:
    """How many functions, Python's own included, are called meanwhile."""
    counted = 0

    def count(_frame: FrameType, event: str, _what: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted
