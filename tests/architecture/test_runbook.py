"""Whoever is called finds every alarm in the runbook."""

from pathlib import Path

import pytest

from services.platform import metrics
from services.platform.logs import Event
from services.platform.streaming.halting import HaltReason

MEASURED = "_measured_timestamp_seconds"
RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")


def metric_names() -> list[str]:
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name for family in metrics.REGISTRY.collect()
    }
    # Said once, of every gauge.
    return sorted({name for name in families if not name.endswith(MEASURED)} | {f"NAME{MEASURED}"})


@pytest.mark.parametrize("name", [*Event, *HaltReason, *metric_names()])
def test_the_runbook_says_what_it_means(name: str) -> None:
    assert f"`{name}`" in RUNBOOK
