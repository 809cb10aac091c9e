"""`python -m tests.bench.alone`: what the parts of an event cost, what an evaluation does, and how fast one worker is,
with the packages that ship."""

import argparse
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.bench.backlog import Pace, pace
from tests.bench.evaluations import LENGTHS, Cost, cost
from tests.bench.parts import Part, parts

out = Console(highlight=False)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.alone", description=__doc__)
    parser.add_argument("--events", type=int, default=3_000, help="how long the backlog is; 0 leaves it out")
    wanted = parser.parse_args()
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    out.print(_parts(parts()))
    with Progress(*bar, console=Console(stderr=True), transient=True) as progress:
        measured = list(progress.track(map(cost, LENGTHS), total=len(LENGTHS), description="Looking"))
        out.print(_costs(measured))
        if wanted.events:
            task = progress.add_task("Working off a backlog", total=wanted.events)
            worked = pace(wanted.events, lambda done, of: progress.update(task, completed=done, total=of))
            out.print(_pace(worked))


def _parts(measured: Iterable[Part]) -> Table:
    table = Table(title="Each part of an event's way: microseconds of processor time", title_justify="left")
    for column in ("part", "of", "microseconds"):
        table.add_column(column, justify="right" if column == "microseconds" else "left")
    for part in measured:
        table.add_row(part.what, part.of, f"{part.microseconds:,.0f}")
    return table


def _costs(measured: list[Cost]) -> Table:
    title = "An evaluation after one more incident, by the length of its file: milliseconds of processor time"
    table = Table(title=title, title_justify="left")
    for column in (
        "incidents",
        "by a worker that",
        "reads facts",
        "reads what was delivered",
        "evaluates",
        "in all",
        "notifications",
    ):
        table.add_column(column, justify="right")
    for found in measured:
        for who, spent in (("has not met it", found.cold), ("evaluated it before", found.warm)):
            numbers = (f"{number:,.2f}" for number in (spent.read, spent.delivered, spent.evaluation, spent.all))
            table.add_row(f"{found.facts:,}", who, *numbers, f"{found.notifications:,}")
    return table


def _pace(worked: Pace) -> Table:
    table = Table(title="One worker, a process of its own, on real servers", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for what, number in (
        ("events", f"{worked.events:,}"),
        ("seconds", f"{worked.seconds:,.1f}"),
        ("events a second", f"{worked.events_a_second:,.0f}"),
        ("of them seconds of the worker's own processor time", f"{worked.processor_seconds:,.1f}"),
        ("evaluations", f"{worked.evaluations:,}"),
        ("notifications issued", f"{worked.notifications:,}"),
        ("most memory, MiB", f"{worked.resident_mib:,.0f}"),
    ):
        table.add_row(what, number)
    return table


if __name__ == "__main__":
    main()
