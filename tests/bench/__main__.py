"""`python -m tests.bench [SECTION ...]`: the relay beside what people would use instead, in one run, on one machine."""

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from rich.console import Console
from rich.status import Status

from services.platform.local.embedded import embedded_servers
from services.platform.project import PROJECT
from services.platform.streaming.sending import Message
from tests.bench import document
from tests.bench.before import NoReleaseBeforeError, costs_before, release_before
from tests.bench.due import due
from tests.bench.entrants import ENTRANTS, PLAIN, RELAY, Entrant
from tests.bench.evaluations import cost
from tests.bench.events import events
from tests.bench.history import grown
from tests.bench.latency import latency, telling
from tests.bench.long_files import long_files
from tests.bench.stage import FellBehindError, Stage
from tests.bench.startup import Start, help_seconds, starts
from tests.bench.throughput import Pace, middle, pace

LONG_FILES = 3  # times the patience, for a thousand incidents of one woman

out = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything; `patience`: seconds that a contestant is given to get through what it was given;
    `rounds`: how often each works off the backlog with one worker, taking turns."""

    backlog: int
    rates: tuple[int, ...]
    rate_seconds: float
    lengths: tuple[int, ...]
    evaluated_lengths: tuple[int, ...]
    rounds: int
    rows: tuple[int, ...]
    backlog_in_history: int
    files: int
    due: int
    patience: float


FULL = Scale(
    backlog=5_000,
    rates=(50, 500, 2_000),
    rate_seconds=10.0,
    lengths=(1, 10, 100, 1_000),
    evaluated_lengths=(1, 10, 100, 1_000, 10_000),
    rounds=3,
    rows=(0, 1_000_000, 10_000_000),
    backlog_in_history=1_000,
    files=1_000_000,
    due=1_000,
    patience=90.0,
)
QUICK = Scale(
    backlog=1_000,
    rates=(50, 500, 2_000),
    rate_seconds=3.0,
    lengths=(1, 10, 100),
    evaluated_lengths=(1, 10, 100, 1_000),
    rounds=1,
    rows=(0, 100_000),
    backlog_in_history=400,
    files=50_000,
    due=300,
    patience=45.0,
)


@dataclass(slots=True)
class Bench:
    """One run: the stage, the load that all get, and what is found."""

    stage: Stage
    scale: Scale
    load: Sequence[Message]
    run: document.Run
    status: Status
    before: Entrant | None = None

    @property
    def entrants(self) -> Sequence[Entrant]:
        """All that take part, the release before first where there is one."""
        return ENTRANTS if self.before is None else (self.before, *ENTRANTS)

    def say(self, what: str) -> None:
        self.status.update(what)

    def done(self, what: str) -> None:
        out.print(f"[{time.strftime('%H:%M:%S')}] {what}", markup=False)
        out.file.flush()

    def evaluations(self) -> None:
        for length in self.scale.evaluated_lengths:
            self.say(f"evaluations: {length:,} facts, the rules alone")
            found = cost(length)
            self.run.evaluations.append(found)
            self.done(f"evaluations: {length:,} facts, {found.cold.all:,.1f} ms cold, {found.warm.all:,.1f} ms warm")
            if self.before is not None and length in document.EVALUATION_MS:
                self.run.evaluations_before |= (then := costs_before(self.before, [length]))
                cold, warm = then[length]
                self.done(f"evaluations: {length:,} facts, before: {cold:,.1f} ms cold, {warm:,.1f} ms warm")

    def startup(self) -> None:
        self.run.starts += starts(self.stage, self.load, lambda what: self.say(f"startup: {what}"))
        for start in self.run.starts:
            self.done(f"startup: {start.what}, {start.seconds:.1f} s")
        for release in (self.before, RELAY):
            if release is not None:
                self.run.helps[release.name] = seconds = help_seconds(release)
                self.done(f"startup: relay --help of {release.title}, {seconds:.2f} s of processor time")

    def throughput(self) -> None:
        """All take turns, so that what else the machine does meets all of them; the median of the rounds is taken."""
        self.run.rounds = self.scale.rounds
        for workers, rounds in ((1, self.scale.rounds), (2, 1)):
            turns = [[self._pace(entrant, workers) for entrant in self.entrants] for _ in range(rounds)]
            self.run.paces += [middle(of_one) for of_one in zip(*turns, strict=True)]

    def _pace(self, entrant: Entrant, workers: int) -> Pace:
        load = self.load[: self.scale.backlog]
        label = f"throughput: {entrant.title}, {workers} worker(s)"
        self.say(label)
        found = pace(
            self.stage,
            entrant,
            workers,
            load,
            self.scale.patience,
            lambda done: self.say(f"{label}, {done:,} of {len(load):,} events"),
        )
        speed = found.events_a_second
        self.done(f"{label}: " + ("not done in time" if speed is None else f"{speed:,.0f} events a second"))
        return found

    def latency(self) -> None:
        self.run.rate_seconds = self.scale.rate_seconds
        self.say("latency: which events have somebody told")
        tell_of = telling(self.load[: 20 + round(max(self.scale.rates) * self.scale.rate_seconds)])
        for rate in self.scale.rates:
            load = self.load[: 20 + round(rate * self.scale.rate_seconds)]
            for entrant in self.entrants if rate == min(self.scale.rates) else ENTRANTS:
                label = f"latency: {entrant.title}, {rate:,} a second"
                self.say(label)
                found = latency(self.stage, entrant, rate, load, tell_of, lambda _: None)
                self.run.latencies.append(found)
                how = "kept up" if found.kept_up else f"fell behind by {found.behind:,}"
                self.done(f"{label}: p50 {1e3 * found.p50:,.0f} ms, p99 {1e3 * found.p99:,.0f} ms, {how}")

    def long(self) -> None:
        for entrant in ENTRANTS:
            found = long_files(self.stage, entrant, self.scale.lengths, LONG_FILES * self.scale.patience, self.say)
            self.run.long_files += found
            each = ", ".join(f"{f.facts:,} facts {1e3 * f.seconds:,.0f} ms" for f in found)
            self.done(f"long: {entrant.title}: {each}")

    def history(self) -> None:
        for entrant in (RELAY, PLAIN):
            load = self.load[: self.scale.backlog_in_history * (len(self.scale.rows) + 1)]
            found = grown(self.stage, entrant, self.scale.rows, load, self.scale.patience, self.say)
            self.run.histories += found
            for each in found:
                self.done(
                    f"history: {entrant.title}, {each.rows:,} rows: {each.events_a_second or 0:,.0f} events a second"
                )

    def due(self) -> None:
        for entrant in (RELAY, PLAIN):
            found = due(
                self.stage, entrant, self.scale.files, self.scale.due, self.load[: 3 * self.scale.due], self.say
            )
            self.run.dues.append(found)
            self.done(f"due: {entrant.title}: worst {found.worst:.2f} s, {found.missed} missed, {found.twice} twice")


SECTIONS: Mapping[str, Callable[[Bench], None]] = {
    "startup": Bench.startup,
    "evaluations": Bench.evaluations,
    "throughput": Bench.throughput,
    "latency": Bench.latency,
    "long": Bench.long,
    "history": Bench.history,
    "due": Bench.due,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of: {', '.join(SECTIONS)}; all of them")
    parser.add_argument("--quick", action="store_true", help="fewer events, shorter files, less history")
    parser.add_argument("--before", metavar="REVISION", help="measure the release at this git revision beside it")
    parser.add_argument("--no-document", action="store_true", help="leave docs/performance.md as it is")
    asked = parser.parse_args()
    if unknown := set(asked.sections) - SECTIONS.keys():
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    scale = QUICK if asked.quick else FULL
    command = "make bench" + (" QUICK=1" if asked.quick else "")
    run = document.Run(datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC"), command)
    began = time.monotonic()
    with (
        Status("starting Kafka and PostgreSQL", console=Console(stderr=True)) as status,
        embedded_servers(durable=True) as servers,
    ):
        run.starts.append(Start("Kafka and PostgreSQL", time.monotonic() - began))
        status.update("writing the events")
        most = max(
            scale.backlog,
            round(max(scale.rates) * scale.rate_seconds) + 20,
            scale.backlog_in_history * (len(scale.rows) + 1),
            3 * scale.due,
        )
        load = events(most, lambda made: status.update(f"writing the events: {made:,} of {most:,}"))
        bench = Bench(Stage(servers), scale, load, run, status)
        if asked.before:
            status.update(f"making the release before, {asked.before}")
            try:
                bench.before = release_before(asked.before)
            except NoReleaseBeforeError as problem:
                run.failed.append("the release before")
                out.print(str(problem), markup=False)
        for name in asked.sections or SECTIONS:
            try:
                SECTIONS[name](bench)
            except (FellBehindError, RuntimeError, psycopg.Error) as problem:
                run.failed.append(name)
                out.print(f"{name}: {problem}", markup=False)
    run.seconds = time.monotonic() - began
    if not asked.sections and not asked.no_document:
        out.print(f"Written: {document.write(run).relative_to(PROJECT)}")
    if run.failed:
        sys.exit(f"Not measured, or not whole: {', '.join(run.failed)}")


if __name__ == "__main__":
    main()
