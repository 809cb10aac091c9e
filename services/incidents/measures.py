"""By which threshold, count and pair something was decided, and by which row of policy: words for `relay explain`."""

from collections.abc import Iterable

from services.incidents.assessed import Assessment
from services.platform.policy.model import Thresholds, Window

STEPS = (
    ("marac", "MARAC"),
    ("idva_without_consent", "IDVA without her agreement"),
    ("idva_with_consent", "IDVA with her agreement"),
)


def of_risk(view: Assessment) -> str:
    """The thresholds of the area and tool, and their row; nothing that was found of anybody."""
    row, tool = view.thresholds, view.risk.tool.value
    if row is None:
        return f"no thresholds row for {tool}: grade and judgement alone"
    steps = [f"{route} from {least}" for name, route in STEPS if (least := getattr(row, name)) is not None]
    ticks = f"ticks of {tool}: {', '.join(steps)}" if steps else f"{tool} has no tick count: grade and judgement alone"
    return f"{ticks}; {_row('thresholds', row)}"


def of_count(window: Window, pairs: Iterable[tuple[str, str]] = ()) -> str:
    """The count that decided: how many, in how long, between whom, and the policy row."""
    by = "when they were reported" if window.counts_by == "reported_at" else "when they happened"
    counts = "beginning with" if window.counts == "beginning_with" else "after"
    of = "".join(f"; counted: {victim} with {suspect}" for victim, suspect in pairs)
    said = f"{window.n} incidents in {window.months} months {counts} the day of the first, by {by}"
    return f"{said}{of}; {_row(f'windows, {window.window}', window)}"


def _row(table: str, row: Thresholds | Window) -> str:
    forces = f"force {', '.join(sorted(row.forces))}" if row.forces else "every force without a row of its own"
    return f"policy row {table} for {forces}, from {row.begins.isoformat()} ({row.source})"
