"""docs/performance.md and its plots, from what one run measured and nothing else."""

import math
import os
import sysconfig
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from services.platform.project import PROJECT
from tests.bench.due import Due
from tests.bench.entrants import ENTRANTS, RELAY, settings
from tests.bench.evaluations import Cost
from tests.bench.history import Grown
from tests.bench.latency import Latency
from tests.bench.long_files import LongFile
from tests.bench.startup import Start
from tests.bench.throughput import Pace

Found = TypeVar("Found")
DOCUMENT = PROJECT / "docs" / "performance.md"
COLOURS = {"before": "#85b4dc", "relay": "#1d70b8", "plain": "#00703c", "quix": "#d4351c", "limit": "#505a5f"}
SIZE = (7.2, 3.2)


@dataclass
class Run:
    """Everything that one run has measured; a section that was left out is empty."""

    began: str
    command: str
    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])
    seconds: float = 0.0
    evaluations: list[Cost] = field(default_factory=list)
    evaluations_before: dict[int, tuple[float, float]] = field(default_factory=dict)  # milliseconds, cold and warm
    starts: list[Start] = field(default_factory=list)
    helps: dict[str, float] = field(default_factory=dict)  # seconds, by the release's name
    paces: list[Pace] = field(default_factory=list)
    rounds: int = 1
    latencies: list[Latency] = field(default_factory=list)
    rate_seconds: float = 0.0
    long_files: list[LongFile] = field(default_factory=list)
    histories: list[Grown] = field(default_factory=list)
    dues: list[Due] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def write(run: Run) -> Path:
    """The document, and a plot for each section that has one; plots of sections that were left out are removed."""
    folder = DOCUMENT.with_suffix("")
    folder.mkdir(exist_ok=True)
    _plot(folder / "throughput.svg", run.paces, _draw_paces)
    _plot(folder / "latency.svg", run.latencies, _draw_latencies)
    _plot(folder / "evaluations.svg", run.evaluations, _draw_evaluations)
    _plot(folder / "long-files.svg", run.long_files, _draw_long_files)
    _plot(folder / "history.svg", run.histories, _draw_histories)
    DOCUMENT.write_text("\n\n".join(_parts(run)) + "\n")
    return DOCUMENT


def _parts(run: Run) -> Iterable[str]:
    yield "# What the relay costs, and what others would"
    yield (
        f"Written by `{run.command}` on {run.began}, in {run.seconds / 60:,.0f} minutes, on {run.cores} cores that "
        f"Kafka, PostgreSQL, the publisher, the readers and the workers share; load before it began: "
        f"{run.load_before:.1f}. Ratios between contestants of one run say something; the figures of another machine "
        "say little. Nothing in this file is written by hand."
    )
    if run.failed:
        yield f"**Not measured in this run, or not whole, because something failed: {', '.join(run.failed)}.**"
    yield "\n\n".join(_setting())
    if aims := tuple(_aims(run)):
        yield "\n\n".join(_held_to(aims))
    if run.paces:
        yield "\n\n".join(_throughput(run.paces, run.rounds))
    if run.latencies:
        yield "\n\n".join(_latency(run))
    if run.evaluations:
        yield "\n\n".join(_evaluations(run.evaluations))
    if run.long_files:
        yield "\n\n".join(_long(run.long_files))
    if run.histories:
        yield "\n\n".join(_history(run.histories))
    if run.dues:
        yield "\n\n".join(_due(run.dues))
    if run.starts:
        yield "\n\n".join(_starts(run.starts))


def _setting() -> Iterable[str]:
    yield "## Who is measured, and at what"
    yield (
        "All do the same work: they read `police.incidents` (six partitions, filled by crime reference), parse and "
        "check each record with the schemas that ship, keep what is current, link it to people, evaluate every file "
        "that an event touches with the rules of the service `incidents`, and publish the notifications to the "
        "agencies' topics, where a reader that counts committed records only takes them. The events are families with"
        " their incidents, assessments and statements about children: late, out of order, doubled, corrected and "
        "withdrawn. Charges and courts are left out, so that links between matters cost nobody anything."
    )
    yield (
        "The relay does more than the others: it records every evaluation, what was withheld from whom and why, the "
        "end of each record and the event as it came, and publishes each decision for audit. All contestants run under "
        f"the same Python {python_version()} ({_interpreter()}) and libraries (pydantic {version('pydantic')}, the "
        "newest that Quix Streams takes; the release before has those that it names), on one Kafka broker and one "
        "PostgreSQL that waits for the disk at every commit."
    )
    yield _table(
        ("", "versions", "state lies in", "settings", "what it promises"),
        (
            (entrant.title, entrant.versions, KEPT[entrant.keeps], settings(entrant), entrant.promises)
            for entrant in ENTRANTS
        ),
        numbers=False,
    )


@dataclass(frozen=True, slots=True)
class Aim:
    """What the relay is to reach, and what it reached: at most `bound`, or at least where `at_least`."""

    what: str
    bound: float
    found: float
    unit: str
    before: float | None = None  # the same of the release before
    at_least: bool = False
    why_missed: str = ""

    @property
    def met(self) -> bool:
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    @property
    def verdict(self) -> str:
        return "met" if self.met else f"**missed**{': ' if self.why_missed else ''}{self.why_missed}"


BESIDE_BEFORE = 2.0  # times as fast
BESIDE_QUIX = 1.0
BESIDE_PLAIN = 1.5  # times as long
READY_SECONDS, HELP_SECONDS = 10.0, 0.3
EVALUATION_MS = {1_000: (100.0, 20.0)}  # cold and warm
WAL_KB, DISK_KB = 13.0, 11.0  # an event
WHY_BESIDE_QUIX = "each evaluation, who was not told and why, each decision and the event as it came are kept as well"
WHY_STORED = "each evaluation, each decision and the event as it came are kept"
WHY_LATER = "a batch holds what came during the last one, so what it asks of PostgreSQL counts twice"
NOT_SLOWER_BY_HISTORY = 0.8  # of the pace without any; one run's noise


def _aims(run: Run) -> Iterable[Aim]:
    """Of those sections that were measured. A time beside one that fell behind says nothing, so it is left out."""
    yield from _aims_of_a_backlog({pace.entrant.name: pace for pace in run.paces if pace.workers == 1})
    yield from _aims_of_latency(run.latencies)
    for cost in run.evaluations:
        if cost.facts in EVALUATION_MS:
            most_cold, most_warm = EVALUATION_MS[cost.facts]
            cold, warm = run.evaluations_before.get(cost.facts, (None, None))
            what = f"one more event in a file of {cost.facts:,} facts, to evaluate"
            each = 1_000 * cost.warm.all / cost.facts
            why = f"each of its matters is found again among those remembered, {each:.0f} µs for each"
            yield Aim(f"{what} warm", most_warm, cost.warm.all, "ms", warm, why_missed=why)
            reading = cost.cold.read + cost.cold.delivered
            why = f"to read its contents and what was delivered takes {reading:.0f} ms, before anything is judged"
            yield Aim(f"{what} cold", most_cold, cost.cold.all, "ms", cold, why_missed=why)
    if RELAY.name in run.helps:
        found, before = run.helps[RELAY.name], run.helps.get("before")
        yield Aim("`relay --help`, processor time", HELP_SECONDS, found, "s", before)
    paces = [each.events_a_second for each in run.histories if each.entrant is RELAY]
    if len(paces) > 1 and paces[0]:
        held = (paces[-1] or 0.0) / paces[0]
        yield Aim("the pace in the most history, of that in none", NOT_SLOWER_BY_HISTORY, held, "times", at_least=True)
    for start in run.starts:
        if start.what.startswith("all services"):
            yield Aim(f"ready: {start.what}", READY_SECONDS, start.seconds, "s")


def _aims_of_a_backlog(paces: Mapping[str, Pace]) -> Iterable[Aim]:
    """With one worker: two share these cores with broker and database, so what they reach is only reported."""
    relay, before, quix, limit = (paces.get(name) for name in ("relay", "before", "quix", "limit"))
    if relay is None or relay.events_a_second is None:
        return
    mine, then = relay.events_a_second, before.events_a_second if before else None
    if then and before:
        most = limit.events_a_second if limit else None
        why = f"the limit, which keeps nothing, reaches {most / then:.2f} times with the same rules" if most else ""
        what = "a backlog beside the release before, one worker"
        yield Aim(what, BESIDE_BEFORE, mine / then, "times", 1.0, at_least=True, why_missed=why)
        spent = relay.processor_seconds / before.processor_seconds
        least = limit.processor_seconds / before.processor_seconds if limit else None
        why = f"the limit, which keeps nothing, needs {least:.2f} with the same rules" if least else ""
        what = "processor time of its worker, beside the release before"
        yield Aim(what, 1 / BESIDE_BEFORE, spent, "times", 1.0, why_missed=why)
    if quix and (theirs := quix.events_a_second):
        what, ratio_then = "a backlog beside Quix Streams, one worker", then / theirs if then else None
        yield Aim(what, BESIDE_QUIX, mine / theirs, "times", ratio_then, at_least=True, why_missed=WHY_BESIDE_QUIX)
    kb = {name: (pace.wal / pace.events / 1_000, pace.disk / pace.events / 1_000) for name, pace in paces.items()}
    wal_then, disk_then = kb.get("before", (None, None))
    yield Aim(
        "written ahead by PostgreSQL (WAL), an event", WAL_KB, kb["relay"][0], "kB", wal_then, why_missed=WHY_STORED
    )
    yield Aim("by which the database grows, an event", DISK_KB, kb["relay"][1], "kB", disk_then, why_missed=WHY_STORED)


def _aims_of_latency(found: Iterable[Latency]) -> Iterable[Aim]:
    kept_up = {(each.entrant.name, each.rate): each for each in found if each.kept_up}
    for rate in sorted({rate for _, rate in kept_up}):
        mine, plain, then = (kept_up.get((name, rate)) for name in ("relay", "plain", "before"))
        if mine and plain:
            p50, p99 = (then.p50 / plain.p50, then.p99 / plain.p99) if then else (None, None)
            at, why = f"beside the plain loop, {rate:,} a second", WHY_LATER
            yield Aim(f"p50 {at}", BESIDE_PLAIN, mine.p50 / plain.p50, "times", p50, why_missed=why)
            yield Aim(f"p99 {at}", BESIDE_PLAIN, mine.p99 / plain.p99, "times", p99, why_missed=why)


def _held_to(aims: Sequence[Aim]) -> Iterable[str]:
    yield "## What the relay is held to"
    yield (
        "*Before* is the release before, measured in the same run. What was tried: [a batch in few "
        "exchanges](adr/0011-a-batch-in-few-exchanges.md) and [an evaluation remembers what it worked "
        "out](adr/0013-an-evaluation-remembers-earlier-ones.md)."
    )
    yield _table(
        ("", "aim", "before", "now", "met, or why not"),
        (
            (
                aim.what,
                f"{'at least' if aim.at_least else 'at most'} {aim.bound:g} {aim.unit}",
                "–" if aim.before is None else f"{aim.before:,.2f}",
                f"{aim.found:,.2f}",
                aim.verdict,
            )
            for aim in aims
        ),
    )


def _interpreter() -> str:
    """How this interpreter was built: one without PGO needs about 1.16 times the instructions."""
    flags = f"{sysconfig.get_config_var('CONFIG_ARGS') or ''} {sysconfig.get_config_var('PY_CORE_CFLAGS') or ''}"
    pgo = "--enable-optimizations" in flags or "-fprofile-use" in flags
    lto = "--with-lto" in flags or "-flto" in flags
    return f"built {'with' if pgo else 'without'} PGO, {'with' if lto else 'without'} LTO"


KEPT = {"postgres": "PostgreSQL", "rocksdb": "RocksDB", "memory": "memory"}


def _throughput(paces: Sequence[Pace], rounds: int) -> Iterable[str]:
    yield "## A backlog"
    yield (
        f"{paces[0].events:,} events at once, to workers that are at work and warm; until the last notification is "
        "read. *Processor* is the workers' own, for each event. *Memory* is the most that one worker had. *Held* is "
        "the share of what agencies hold at the end that is as the relay's first run left it, out of all that either "
        "has: the limit's two workers each know half of a family that spans partitions. The release "
        "before has other rules and words, so what it left is not compared. *WAL* and *disk* are what "
        "PostgreSQL wrote ahead and by how much the database grew, for each event. With one worker all took turns, "
        f"{rounds} time(s), and the run with the median pace is shown. Two workers share these cores with the broker "
        "and the database, so what they reach is reported and is no aim."
    )
    first = next((pace for pace in paces if pace.entrant is RELAY), paces[0])
    base = {pace.workers: pace.events_a_second for pace in paces if pace.entrant is RELAY}
    yield _table(
        (
            "",
            "workers",
            "events/s",
            "of the relay's",
            "notifications",
            "processor, ms",
            "memory, MiB",
            "held",
            "WAL, kB",
            "disk, kB",
        ),
        (
            (
                pace.entrant.title,
                f"{pace.workers}",
                _number(pace.events_a_second) or "not done in time",
                _ratio(pace.events_a_second, base.get(pace.workers)),
                f"{pace.notifications:,}",
                f"{1_000 * pace.processor_seconds / pace.events:.2f}",
                f"{pace.resident_mib:,.0f}",
                _held_alike(pace, first),
                *(_kb(size, pace) for size in (pace.wal, pace.disk)),
            )
            for pace in paces
        ),
    )
    yield "![Events a second by contestant, for one and two workers](performance/throughput.svg)"


def _held_alike(pace: Pace, first: Pace) -> str:
    if pace.entrant.name == "before":
        return "–"
    return f"{len(pace.held & first.held) / max(1, len(pace.held | first.held)):.1%}"


def _kb(size: int, pace: Pace) -> str:
    return f"{size / pace.events / 1_000:.1f}" if pace.entrant.keeps == "postgres" else ""


def _latency(run: Run) -> Iterable[str]:
    yield "## From publish to the agency's read"
    yield (
        f"One worker, warm; events published at a steady rate for {run.rate_seconds:g} seconds, each at its own time "
        "whatever has become of those before it, and timed until the first notification that rests on it is read. "
        "Events of which nobody is told until something else happens are not counted. *Behind* is how many records "
        "were not read when the last was published. Who told of the later half only after more than a second, by the "
        "median, or had not told all ten seconds after the last, *fell behind*: its backlog grew, and its times are "
        "those of what it did tell, and would go on growing."
    )
    yield _table(
        ("events/s", "", "p50, ms", "p99, ms", "worst, ms", "events told of", "behind", ""),
        (
            (
                f"{found.rate:,}",
                found.entrant.title,
                *(_ms(seconds) for seconds in (found.p50, found.p99, found.worst)),
                f"{found.delivered:,}",
                f"{found.behind:,}",
                "kept up" if found.kept_up else "**fell behind**",
            )
            for found in sorted(run.latencies, key=lambda found: found.rate)
        ),
    )
    yield "![Median and 99th percentile of latency by rate](performance/latency.svg)"


def _evaluations(evaluations: Sequence[Cost]) -> Iterable[str]:
    yield "## One evaluation"
    yield (
        "The rules alone, the same for every contestant: an evaluation of one victim's incidents after one more, "
        "all told before, in milliseconds of processor time. *Cold*: by a worker that has not met the file and reads "
        "all of it; *warm*: by the one that evaluated it before. *Read*: contents, *delivered*: what was delivered and "
        "withheld, each from its text."
    )
    yield _table(
        ("facts", "", "read", "delivered", "evaluate", "all", "for each fact", "notifications"),
        (
            (
                f"{cost.facts:,}",
                how,
                *(f"{ms:,.2f}" for ms in (spent.read, spent.delivered, spent.evaluation, spent.all)),
                f"{spent.all / cost.facts:,.3f}",
                f"{cost.notifications:,}",
            )
            for cost in evaluations
            for how, spent in (("cold", cost.cold), ("warm", cost.warm))
        ),
    )
    yield "![Cost of an evaluation by the length of its file](performance/evaluations.svg)"


def _long(found: Sequence[LongFile]) -> Iterable[str]:
    yield "## One more event in a long file"
    yield (
        "One high-risk incident, published when nothing else goes on, until the first agency has read of it; the "
        "median of seven, in milliseconds. It touches her file and his, which are equally long, so it includes two "
        "evaluations, and whatever each engine does to fetch and keep so much state."
    )
    lengths = sorted({each.facts for each in found})
    ms = {(each.entrant.name, each.facts): each.seconds for each in found}
    yield _table(
        ("facts", *(entrant.title for entrant in ENTRANTS)),
        ((f"{n:,}", *(_ms(ms.get((e.name, n), math.inf)) for e in ENTRANTS)) for n in lengths),
    )
    yield "![Latency of one more event by the length of the file](performance/long-files.svg)"


def _history(found: Sequence[Grown]) -> Iterable[str]:
    yield "## Among the history of others"
    yield (
        f"{found[0].events:,} new events at once, one worker that stays up, in tables that already hold so many rows "
        "of other people's history: what earlier events left behind, copied under other names, every table in its real "
        "proportion. Only those that keep their state in PostgreSQL have such tables; the others' state grows in the "
        "same way in RocksDB, with its changelog, or in memory."
    )
    yield _table(
        ("", "rows of history", "database, GiB", "events/s"),
        (
            (each.entrant.title, f"{each.rows:,}", f"{each.gib:.2f}", _number(each.events_a_second) or "not in time")
            for each in found
        ),
    )
    yield "![Events a second by rows of history](performance/history.svg)"


def _due(found: Sequence[Due]) -> Iterable[str]:
    yield "## Many files fall due"
    yield (
        "Two workers; so many files with a next evaluation, of which so many fall due at one instant; one of the two "
        "is killed 0.3 seconds later. Seconds from falling due until the evaluation is committed. Quix Streams and the "
        "limit have no clock that makes a file due again, so they are not here."
    )
    yield _table(
        ("", "files", "due", "p50, s", "worst, s", "missed", "evaluated twice"),
        (
            (
                d.entrant.title,
                f"{d.files:,}",
                f"{d.due:,}",
                f"{d.p50:.2f}",
                f"{d.worst:.2f}",
                f"{d.missed}",
                f"{d.twice}",
            )
            for d in found
        ),
    )


def _starts(found: Sequence[Start]) -> Iterable[str]:
    yield "## Starting"
    yield _table(("", "seconds"), ((start.what, f"{start.seconds:.1f}") for start in found))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    under = ["---", *(["---:" if numbers else "---"] * (len(head) - 1))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, under, *rows))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _ratio(value: float | None, base: float | None) -> str:
    return "" if value is None or not base else f"{value / base:.2f}"


def _ms(seconds: float) -> str:
    return f"{1_000 * seconds:,.0f}" if math.isfinite(seconds) else "–"


def _plot(path: Path, found: Sequence[Found], draw: Callable[[Axes, Sequence[Found]], None]) -> None:
    """The same figures give the same file; without any there is none."""
    if not found:
        path.unlink(missing_ok=True)
        return
    with mpl.rc_context({"svg.hashsalt": "referral-relay", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        draw(axes, found)
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    path.write_text("".join(f"{line.rstrip()}\n" for line in path.read_text().splitlines()))


def _draw_paces(axes: Axes, found: Sequence[Pace]) -> None:
    workers = sorted({pace.workers for pace in found})
    entrants = list(dict.fromkeys(pace.entrant for pace in reversed(found)))
    for row, entrant in enumerate(entrants):
        for column, count in enumerate(workers):
            speed = next((p.events_a_second for p in found if (p.entrant, p.workers) == (entrant, count)), None) or 0.0
            place = row + 0.38 * (0.5 - column)
            bar = axes.barh(place, speed, 0.36, color=COLOURS[entrant.name], alpha=1 - 0.45 * column)
            axes.bar_label(bar, [f"{speed:,.0f} ({count} worker{'s' * (count > 1)})"], padding=3)
    axes.set_yticks(range(len(entrants)), [entrant.title for entrant in entrants])
    axes.set_xlabel("events a second")
    axes.margins(x=0.25)


def _draw_latencies(axes: Axes, found: Sequence[Latency]) -> None:
    for entrant in ENTRANTS:
        mine = sorted(
            (each for each in found if each.entrant is entrant and each.delivered), key=lambda each: each.rate
        )
        rates = [each.rate for each in mine]
        axes.plot(
            rates, [1_000 * e.p50 for e in mine], "o-", color=COLOURS[entrant.name], label=f"{entrant.title}, p50"
        )
        axes.plot(
            rates, [1_000 * e.p99 for e in mine], "^:", color=COLOURS[entrant.name], label=f"{entrant.title}, p99"
        )
    axes.set(xscale="log", yscale="log", xlabel="events a second", ylabel="milliseconds")
    _ticks(axes, sorted({each.rate for each in found}))


def _draw_evaluations(axes: Axes, found: Sequence[Cost]) -> None:
    lengths = [cost.facts for cost in found]
    axes.plot(lengths, [cost.cold.all for cost in found], "o-", color="#d4351c", label="cold")
    axes.plot(lengths, [cost.warm.all for cost in found], "o-", color="#1d70b8", label="warm")
    axes.set(xscale="log", yscale="log", xlabel="facts in the file", ylabel="milliseconds of processor time")
    _ticks(axes, lengths)


def _draw_long_files(axes: Axes, found: Sequence[LongFile]) -> None:
    for entrant in ENTRANTS:
        mine = [each for each in found if each.entrant is entrant]
        lengths, ms = [each.facts for each in mine], [1_000 * each.seconds for each in mine]
        axes.plot(lengths, ms, "o-", color=COLOURS[entrant.name], label=entrant.title)
    axes.set(xscale="log", yscale="log", xlabel="facts in the file", ylabel="milliseconds")
    _ticks(axes, sorted({each.facts for each in found}))


def _draw_histories(axes: Axes, found: Sequence[Grown]) -> None:
    for entrant in ENTRANTS:
        mine = [each for each in found if each.entrant is entrant]
        if mine:
            rows = [each.rows / 1e6 for each in mine]
            speeds = [each.events_a_second or 0.0 for each in mine]
            axes.plot(rows, speeds, "o-", color=COLOURS[entrant.name], label=entrant.title)
    axes.set(xlabel="million rows of history", ylabel="events a second")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


def _ticks(axes: Axes, at: Sequence[int]) -> None:
    axes.set_xticks(at, [f"{each:,}" for each in at])
    axes.minorticks_off()
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
