"""The names that rules use are those that the shipped policy has."""

from pathlib import Path

import pytest

from services.platform.policy.load import PolicyRefusedError, load
from services.platform.policy.needed import NEEDED
from services.platform.project import PROJECT

POLICY, AGENCIES = PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies"


def test_the_shipped_policy_has_each_name_and_no_other() -> None:
    shipped = load(POLICY, AGENCIES)
    assert {row.route for row in shipped.routes} == NEEDED.routes
    assert {row.clock for row in shipped.clocks} == NEEDED.clocks
    assert {row.window for row in shipped.windows} == NEEDED.windows


def test_a_folder_without_a_route_that_rules_use_is_refused_and_says_which(tmp_path: Path) -> None:
    for file in POLICY.glob("*.yaml"):
        if file.name != "routes-responses.yaml":
            (tmp_path / file.name).write_text(file.read_text())
    with pytest.raises(PolicyRefusedError, match="answer_without_notification"):
        load(tmp_path, AGENCIES)
