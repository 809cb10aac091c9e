"""Policy has what rules ask for, and nothing that no rule asks for."""

from pathlib import Path

import pytest

from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.ops import policies
from services.platform.domain.core.asked_of_policy import asked_of_policy
from services.platform.policy.load import PolicyRefusedError, load
from services.platform.project import PROJECT

POLICY, AGENCIES = PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies"


def copy_of(shipped: Path, folder: Path, *, file: str, right: str, wrong: str) -> Path:
    for each in shipped.glob("*.yaml"):
        text = each.read_text()
        if each.name == file:
            assert right in text, "the shipped file says it in other words now"
            text = text.replace(right, wrong)
        (folder / each.name).write_text(text)
    return folder


def test_the_shipped_policy_has_each_name_and_no_other() -> None:
    assert policies.load(POLICY, AGENCIES).routes


def test_a_worker_does_not_start_without_a_route_that_one_of_its_rules_uses(tmp_path: Path) -> None:
    lacking = copy_of(
        POLICY, tmp_path, file="routes-incidents.yaml", right="route: grade_review", wrong="route: grade_reviewed"
    )
    said = "the table `routes` needs a row with `route: grade_review`: add it"
    with pytest.raises(PolicyRefusedError, match=said):
        load(lacking, AGENCIES, asked_of_policy(INCIDENTS))
    assert load(lacking, AGENCIES, asked_of_policy(CONVICTIONS)).routes


@pytest.mark.parametrize("route", ["answer_to_replaced", "answer_to_taken_back", "held_suspect_is_police"])
def test_a_worker_does_not_start_without_a_route_that_every_evaluation_uses(tmp_path: Path, route: str) -> None:
    (file,) = [each.name for each in POLICY.glob("*.yaml") if f"route: {route}\n" in each.read_text()]
    lacking = copy_of(POLICY, tmp_path, file=file, right=f"route: {route}\n", wrong="route: another\n")
    with pytest.raises(PolicyRefusedError, match=f"needs a row with `route: {route}`: add it"):
        load(lacking, AGENCIES, asked_of_policy(CONVICTIONS))


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        (
            "routes-incidents.yaml",
            "route: grade_review\n",
            "route: grade_reviews\n",
            "no rule uses the route `grade_reviews`; perhaps `grade_review` is meant: take this row out, or correct",
        ),
        ("clocks.yaml", "clock: attribution\n", "clock: waiting\n", "no rule uses the clock `waiting`: take this"),
        ("windows.yaml", "window: child_incidents\n", "window: counted\n", "no rule uses the window `counted`: take"),
    ],
)
def test_a_row_that_no_rule_uses_is_refused_with_its_line(
    tmp_path: Path, file: str, right: str, wrong: str, said: str
) -> None:
    line = next(number for number, text in enumerate((POLICY / file).read_text().splitlines(True), 1) if right in text)
    folder = copy_of(POLICY, tmp_path, file=file, right=right, wrong=wrong)
    with pytest.raises(PolicyRefusedError) as refused:
        policies.load(folder, AGENCIES)
    assert any(str(problem).startswith(f"{folder / file}:{line}: {said}") for problem in refused.value.problems)
