"""A million files that have a next evaluation, a thousand of them due at once, two workers, one of them killed."""

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.platform.streaming.sending import Message
from tests.bench.entrants import Entrant
from tests.bench.history import copy
from tests.bench.stage import Stage
from tests.bench.throughput import WARM

TABLE = {"relay": "case_file", "plain": "file"}
KILL_AFTER_SECONDS = 0.3
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Due:
    """Seconds from falling due until the evaluation was committed. `missed`: files that were not looked at; `twice`:
    files that were looked at more than once for it."""

    entrant: Entrant
    files: int
    due: int
    p50: float
    worst: float
    missed: int
    twice: int


def due(
    stage: Stage, entrant: Entrant, files: int, at_once: int, load: Sequence[Message], tell: Callable[[str], None]
) -> Due:
    """The files are what the load's events left behind, and copies of them, whose next evaluation is a year away."""
    table = TABLE[entrant.name]
    with stage.appearance(entrant) as shown:
        shown.start(1)
        shown.warm(load[:WARM])
        tell(f"{entrant.title}: {len(load):,} events")
        shown.publish_all(load[WARM:])
        shown.settle(240)
        ((own,),) = shown.rows(f"select count(*) from {table}")  # noqa: S608 - our own names
        tell(f"{entrant.title}: {files:,} files")
        copy(shown, 1, -(-files // own), only=table)
        ahead = "next_evaluation_at = now() + interval '1 year' where next_evaluation_at is null"
        shown.rows(f"update {table} set {ahead}")  # noqa: S608 - our own names
        shown.start(1)
        time.sleep(5)
        ((total,),) = shown.rows(f"select count(*) from {table}")  # noqa: S608
        tell(f"{entrant.title}: {at_once:,} due at once")
        shown.rows("drop table if exists fell_due")
        shown.rows(
            f"create table fell_due as select file, evaluations, null::float8 as took from {table} "  # noqa: S608
            f"where position('~' in file) = 0 order by file limit {at_once:d}"
        )
        shown.rows(f"update {table} f set next_evaluation_at = now() from fell_due d where d.file = f.file")  # noqa: S608
        began = time.monotonic()
        killed, missed = False, at_once
        while missed and time.monotonic() - began < PATIENCE_SECONDS:
            if not killed and time.monotonic() - began > KILL_AFTER_SECONDS:
                shown.workers[0].send_signal(signal.SIGKILL)
                killed = True
            took = time.monotonic() - began
            shown.rows(
                f"update fell_due d set took = %s from {table} f "  # noqa: S608
                "where f.file = d.file and f.evaluations > d.evaluations and d.took is null",
                took,
            )
            ((missed,),) = shown.rows("select count(*) from fell_due where took is null")
            time.sleep(0.02)
        ((p50, worst),) = shown.rows(
            "select percentile_cont(0.5) within group (order by took), max(took) from fell_due where took is not null"
        )
        ((twice,),) = shown.rows(
            f"select count(*) from fell_due d join {table} f using (file) where f.evaluations > d.evaluations + 1"  # noqa: S608
        )
    return Due(entrant, total, at_once, p50 or 0.0, worst or 0.0, missed, twice)
