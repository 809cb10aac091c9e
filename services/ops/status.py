"""`relay status`: for each service how far it is behind, what became of what it read, and what waits for a person."""

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.registry import REGISTRY
from services.ops.kafka_client import Partition, ends_and_committed, times_of
from services.ops.reading import Connection, clock, reading
from services.ops.terminal import err, moment, out, servers, span
from services.runtime.gauges import ASKS_OVERDUE, WAITING
from services.runtime.groups import group_of
from services.runtime.running import find_running

LEAST_PAUSE = 1.0
# As the alarm on a consumer group's lag in docs/runbook.md.
BEHIND_SECONDS = 60.0

EXAMPLES = """
Examples:

    relay status
    relay status --watch 5
    relay status --json | jq '.services[] | {service, lag, lag_seconds}'
"""

COUNTS: Mapping[str, str] = {
    "outbox": "select service, count(*) from outbox where parked is null group by service",
    "parked": "select service, count(*) from outbox where parked is not null group by service",
    "waiting": f"select service, count(*) from ({WAITING}) w group by service",  # noqa: S608
    "unexplained": "select service, count(*) from unexplained group by service",
    "faulted_files": "select service, count(*) from case_file where faulted_on is not null group by service",
    "asks_overdue": ASKS_OVERDUE,
}


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `lag`: records behind the end of its streams, by what it has itself stored; `group_lag`: by what its
    consumer group has committed. `lag_seconds`: the age of the oldest record that it has not read; None: not known.
    `decided`: told, or told nobody and why. `oldest_without_outcome`: seconds; unread, or
    faulted and not yet judged again; what waits or is refused has its outcome."""

    service: str
    lag: int
    group_lag: int
    lag_seconds: float | None
    read_to: datetime | None
    decided: int
    waiting: int
    refused: int
    faulted: int
    repeated: int
    outbox: int
    parked: int
    asks_overdue: int
    unexplained: int
    faulted_files: int
    oldest_without_outcome: float | None
    release: str | None
    policy_version: str | None

    @property
    def needs_somebody(self) -> bool:
        """Whoever keeps the relay running; people at agencies who do not answer or link are not meant."""
        stuck = self.lag > 0 and (self.lag_seconds is None or self.lag_seconds >= BEHIND_SECONDS)
        return bool(stuck or self.faulted or self.parked or self.unexplained or self.faulted_files)


@dataclass(frozen=True, slots=True)
class Status:
    """All services at one moment. `moved_ahead`: groups that have committed more than the database holds."""

    at: datetime
    services: tuple[Service, ...]
    moved_ahead: tuple[str, ...]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXAMPLES)(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; with --watch one on each line.")] = False,
    watch: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Again every so many seconds, until Ctrl-C.")
    ] = None,
) -> None:
    """Say how each service is doing: lag, what was decided, waits or was refused, and asks past their time.

    Exit status: 0 the relay does its work, 1 a person must look at it, 2 not begun. That is where something is faulted,
    parked or unexplained, a record is unread for a minute, or the database is behind its consumer group;
    docs/runbook.md says what to do. What was refused, what waits for a link and who has not answered is counted here
    and never makes it 1: `relay dlq list` and `relay waiting list` have a status of their own.
    """
    addresses, running = servers(), find_running()
    if watch is None:
        now = _look(addresses.kafka, addresses.database)
        _write(now) if as_json else out.print(_shown(now))
        if not as_json and running is not None and running.health and addresses.kafka == running.kafka:
            out.print(f"Health and metrics: {running.health}/readyz, /metrics", style="dim", markup=False)
        raise typer.Exit(1 if now.moved_ahead or any(service.needs_somebody for service in now.services) else 0)
    try:
        with Live(console=out, auto_refresh=False, transient=False) as live:
            while True:
                now = _look(addresses.kafka, addresses.database)
                _write(now) if as_json else live.update(_shown(now), refresh=True)
                time.sleep(max(LEAST_PAUSE, watch))
    except KeyboardInterrupt:
        err.print("Ended.", style="dim")


def _look(kafka: str, database: str) -> Status:
    streams = [stream.topic for stream in REGISTRY.streams if stream.direction == "in"]
    with reading(database) as conn:
        known = _services(conn)
    ends, committed = ends_and_committed(kafka, streams, [group_of(service) for service in known])
    with reading(database) as conn:
        now, positions = clock(conn), _positions(conn)
        behind = {
            (service, place): (offset, ends.get(place, 0))
            for service, places in positions.items()
            for place, (offset, _) in places.items()
            if offset < ends.get(place, 0)
        }
        first_unread: dict[Partition, int] = {}
        for (_, place), (offset, _) in behind.items():
            first_unread[place] = min(offset, first_unread.get(place, offset))
        times = times_of(kafka, first_unread)
        tables = _Tables(conn)
        rows = [tables.service(name, positions.get(name, {}), ends, committed, times, now) for name in known]
    ahead = [
        f"{service} on {topic}/{partition}"
        for service in known
        for (topic, partition), (offset, _) in sorted(positions.get(service, {}).items())
        if committed.get((group_of(service), topic, partition), 0) > offset
    ]
    return Status(now, tuple(rows), tuple(ahead))


class _Tables:
    """The counts of all services, each read once."""

    def __init__(self, conn: Connection) -> None:
        self.counts: dict[str, dict[str, int]] = {n: dict(conn.execute(q).fetchall()) for n, q in COUNTS.items()}
        rows = conn.execute("select service, fate, count(*) from record group by service, fate").fetchall()
        self.fates = {(service, fate): number for service, fate, number in rows}
        rows = conn.execute(
            """select service, min(first_at) from refusal
            where settled_at is null and reason = 'faulted' group by service"""
        ).fetchall()
        self.oldest_faulted: dict[str, datetime] = dict(rows)
        rows = conn.execute("select service, release, policy_version from release").fetchall()
        self.releases = {service: (release, policy) for service, release, policy in rows}

    def service(
        self,
        name: str,
        positions: Mapping[Partition, tuple[int, datetime | None]],
        ends: Mapping[Partition, int],
        committed: Mapping[tuple[str, str, int], int],
        times: Mapping[Partition, datetime],
        now: datetime,
    ) -> Service:
        lags = {place: max(0, ends.get(place, 0) - offset) for place, (offset, _) in positions.items()}
        unread = [times[place] for place, lag in lags.items() if lag and place in times]
        seconds = max((max(0.0, (now - when).total_seconds()) for when in unread), default=0.0)
        known = bool(positions) and all(place in times for place, lag in lags.items() if lag)
        group = group_of(name)
        open_ends = [*unread, *([self.oldest_faulted[name]] if name in self.oldest_faulted else [])]
        reached = [read_to for _, read_to in positions.values()]
        release, policy = self.releases.get(name, (None, None))
        waiting = self.counts["waiting"].get(name, 0)
        accepted = sum(self.fates.get((name, fate), 0) for fate in ("accepted", "superseded", "not_ours"))
        return Service(
            service=name,
            lag=sum(lags.values()),
            group_lag=sum(max(0, ends.get(place, 0) - committed.get((group, *place), 0)) for place in positions),
            lag_seconds=seconds if known else None,
            read_to=min((when for when in reached if when is not None), default=None) if None not in reached else None,
            decided=max(0, accepted - waiting),
            waiting=waiting,
            refused=self.fates.get((name, "refused"), 0),
            faulted=self.fates.get((name, "faulted"), 0),
            repeated=self.fates.get((name, "repeated"), 0),
            outbox=self.counts["outbox"].get(name, 0),
            parked=self.counts["parked"].get(name, 0),
            asks_overdue=self.counts["asks_overdue"].get(name, 0),
            unexplained=self.counts["unexplained"].get(name, 0),
            faulted_files=self.counts["faulted_files"].get(name, 0),
            oldest_without_outcome=max((max(0.0, (now - at).total_seconds()) for at in open_ends), default=None),
            release=release,
            policy_version=policy,
        )


def _services(conn: Connection) -> tuple[str, ...]:
    rows = conn.execute("select service from release union select service from stream_position order by 1")
    return tuple(service for (service,) in rows.fetchall())


def _positions(conn: Connection) -> dict[str, dict[Partition, tuple[int, datetime | None]]]:
    found: dict[str, dict[Partition, tuple[int, datetime | None]]] = {}
    rows = conn.execute("select service, topic, partition, next_offset, read_to from stream_position").fetchall()
    for service, topic, partition, offset, read_to in rows:
        found.setdefault(service, {})[topic, partition] = (offset, read_to)
    return found


def _write(now: Status) -> None:
    sys.stdout.write(TypeAdapter(Status).dump_json(now).decode() + "\n")
    sys.stdout.flush()


ROWS: Mapping[str, str] = {
    "lag": "unread records",
    "lag_seconds": "oldest unread",
    "group_lag": "behind, by its group",
    "decided": "decided",
    "waiting": "waiting for a link",
    "refused": "refused",
    "faulted": "faulted records",
    "faulted_files": "faulted files",
    "repeated": "repeated",
    "outbox": "not yet published",
    "parked": "parked notices",
    "asks_overdue": "asks past their time",
    "unexplained": "unexplained",
    "oldest_without_outcome": "oldest without an end",
}
ALARMING = frozenset({"faulted", "faulted_files", "parked", "unexplained"})
PRESSING = frozenset({"refused", "asks_overdue", "waiting", "lag", "group_lag"})
TIMES = frozenset({"lag_seconds", "oldest_without_outcome"})


def _shown(now: Status) -> RenderableType:
    """Services side by side: there are few, and many things to say of each."""
    if not now.services:
        return Text("No service has run on these servers yet.", style="dim")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    for service in now.services:
        table.add_column(service.service, justify="right", overflow="fold")
    for name, title in ROWS.items():
        table.add_row(title, *_cells(name, now.services))
    releases = {(service.release, service.policy_version) for service in now.services}
    running = "; ".join(f"release {release}, policy {policy}" for release, policy in sorted(releases, key=str))
    said: list[RenderableType] = [Text(f"{moment(now.at)}; {running}", style="dim"), table]
    said += [
        Text(f"! The database is behind the group of {place}: run nothing, see docs/runbook.md.", "bold red")
        for place in now.moved_ahead
    ]
    return Group(*said)


def _cells(name: str, services: Iterable[Service]) -> Iterable[Text]:
    for service in services:
        value = asdict(service)[name]
        if name in TIMES:
            yield Text("not known" if value is None and name == "lag_seconds" else span(value) if value else "–")
        else:
            style = "bold red" if name in ALARMING and value else "yellow" if name in PRESSING and value else ""
            yield Text(f"{value:,}", style=style)
