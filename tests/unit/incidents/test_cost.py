"""An evaluation costs in proportion to its file, and little after one more fact: counted in steps, not in time."""

import pytest

from services.platform.domain.core.reconcile import remember
from services.platform.domain.linking.links import files_of
from tests.bench.evaluations import HERS, evaluate, incident, met, without
from tests.support.steps import steps

SHORT, LONG = 40, 320
SLACK = 1.05


def test_an_evaluation_at_a_file_that_nobody_has_looked_at_takes_steps_in_proportion_to_its_length() -> None:
    assert cold(LONG) <= SLACK * LONG / SHORT * cold(SHORT)


def test_an_evaluation_after_one_more_incident_takes_steps_in_proportion_to_its_length() -> None:
    assert warm(LONG) <= SLACK * LONG / SHORT * warm(SHORT)


@pytest.mark.parametrize("length", [SHORT, LONG])
def test_after_one_more_incident_the_others_are_not_worked_out_again(length: int) -> None:
    for_each_other = (warm(length) - cold(1)) / (length - 1)
    assert for_each_other < cold(length) / length / 5


def cold(length: int) -> int:
    file, policy = files_of(incident(number, length) for number in range(length))[HERS], met()
    evaluate(file, {}, met())  # calendars and the like are met once by a process
    return steps(lambda: evaluate(file, {}, policy))


def warm(length: int) -> int:
    facts, policy = [incident(number, length) for number in range(length)], met()
    file = files_of(facts)[HERS]
    earlier = without(file, facts[-1])
    delivered = remember({}, evaluate(earlier, {}, policy))
    evaluate(earlier, delivered, policy)
    return steps(lambda: evaluate(file, delivered, policy))
