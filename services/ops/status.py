"""`relay status`: for each service how far it is behind, what became of what it read, and what waits for a person."""

import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.ops.broker_status import (
    JUDGE_SECONDS,
    SEARCH_SECONDS,
    Broker,
    Positions,
    Unread,
    ask,
    search,
    within,
)
from services.ops.kafka_client import Partition
from services.ops.reading import Connection, reading
from services.ops.running import find_running
from services.ops.terminal import err, moment, out, servers, span
from services.ops.verdict import Service, Status, wrong
from services.platform.settings import Addresses
from services.platform.storage import read_models
from services.platform.storage.read_models import Count, Question, clock
from services.platform.streaming.groups import group_of

LEAST_PAUSE = 1.0

EXAMPLES = """
Examples:

    relay status
    relay status --watch 5
    relay status --json | jq '.services[] | {service, lag, lag_seconds}'
"""

KAFKA_SECONDS = 2.5
# As long as it takes to read and to judge, with the time to load the rules and policy.
UNREAD_SECONDS = KAFKA_SECONDS + SEARCH_SECONDS + JUDGE_SECONDS
COUNTS: Mapping[str, Question[Count]] = {
    "outbox": read_models.OUTBOX,
    "parked": read_models.PARKED,
    "pending": read_models.PENDING_FACTS,
    "unexplained": read_models.UNEXPLAINED,
    "faulted_files": read_models.FAULTED_FILES,
    "asks_overdue": read_models.ASKS_OVERDUE,
}


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXAMPLES)(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object; with --watch one on each line.")] = False,
    watch: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Again every so many seconds, until Ctrl-C.")
    ] = None,
) -> None:
    """Say whether all is well, what is not, and how each service is doing.

    The first line says whether all is well. It is not where people are past their time, because an event about them is
    unread or an agency has not answered; where a service has no worker, is a minute behind, cannot publish, or has
    something faulted, refused by the broker or without a reason; and where Kafka does not answer. docs/runbook.md says
    what to do. What was refused and what waits for a link is counted here: `relay dlq list` and `relay pending list`
    say more.

    Exit status: 0 all is well, 1 something is wrong, 2 not begun.
    """
    addresses, running = servers(), find_running()
    if watch is None:
        now = _status_now(addresses)
        _write(now) if as_json else out.print(_shown(now))
        if not as_json and running is not None and running.health and addresses.kafka == running.kafka:
            out.print(f"Health and metrics: {running.health}/readyz, /metrics", style="dim")
        raise typer.Exit(1 if now.wrong else 0)
    try:
        with Live(console=out, auto_refresh=False, transient=False) as live:
            while True:
                now = _status_now(addresses)
                _write(now) if as_json else live.update(_shown(now), refresh=True)
                time.sleep(max(LEAST_PAUSE, watch))
    except KeyboardInterrupt:
        err.print("Ended.", style="dim")


def _status_now(addresses: Addresses) -> Status:
    with reading(addresses.database) as conn:
        known = tuple(sorted(read_models.SERVICES.ask(conn)))
    # Kafka first: a service commits what it has stored, so nothing committed by now may lack in what is read next.
    broker = within(KAFKA_SECONDS, lambda: ask(addresses.kafka, known))
    with reading(addresses.database) as conn:
        now, positions, tables = clock(conn), _positions(conn), _Tables(conn)
    ahead: Iterable[str] = ()
    unread = None
    if broker is not None:
        ahead = _moved_ahead(broker, positions)
        unread = within(UNREAD_SECONDS, partial(search, addresses.kafka, broker, positions, now))
    found = Status(
        at=now,
        wrong=(),
        people_unanswered=tables.people_unanswered,
        people_unread=None if unread is None else unread.people,
        all_searched=unread is not None and unread.all_searched,
        services=tuple(tables.service(name, positions.get(name, {}), broker, unread, now) for name in known),
        moved_ahead=tuple(ahead),
    )
    return replace(found, wrong=tuple(wrong(found, kafka_answers=broker is not None)))


def _moved_ahead(broker: Broker, positions: Mapping[str, Positions]) -> Iterable[str]:
    for service, places in sorted(positions.items()):
        for (topic, partition), (offset, _) in sorted(places.items()):
            if broker.committed.get((group_of(service), topic, partition), 0) > offset:
                yield f"{service} on {topic}/{partition}"


class _Tables:
    """The counts of all services, each read once."""

    def __init__(self, conn: Connection) -> None:
        self.counts = {name: dict[str, int](question.ask(conn)) for name, question in COUNTS.items()}
        self.fates = {(each.service, each.fate): each.number for each in read_models.FATES.ask(conn)}
        self.oldest_faulted = dict[str, datetime](read_models.OLDEST_FAULTED.ask(conn))
        self.outbox_seconds = dict[str, float](read_models.OLDEST_IN_OUTBOX.ask(conn))
        (self.people_unanswered,) = read_models.PEOPLE_UNANSWERED.ask(conn)
        self.releases = {each.service: (each.release, each.policy_version) for each in read_models.RELEASES.ask(conn)}

    def service(
        self,
        name: str,
        positions: Positions,
        broker: Broker | None,
        unread: Unread | None,
        now: datetime,
    ) -> Service:
        times = {} if unread is None else unread.times
        lag = None if broker is None else broker.lag_of(positions, times, now)
        group = group_of(name)
        waited_for = [] if lag is None else lag.unread
        open_ends = [*waited_for, *([self.oldest_faulted[name]] if name in self.oldest_faulted else [])]
        reached = [read_to for _, read_to in positions.values()]
        release, policy = self.releases.get(name, (None, None))
        pending = self.counts["pending"].get(name, 0)
        accepted = sum(self.fates.get((name, fate), 0) for fate in ("accepted", "superseded", "not_ours"))
        return Service(
            service=name,
            workers=None if broker is None else broker.members.get(group, 0),
            lag=None if lag is None else lag.records,
            group_lag=None if broker is None else broker.group_lag(group, positions),
            lag_seconds=None if lag is None else lag.seconds,
            read_to=min((when for when in reached if when is not None), default=None) if None not in reached else None,
            decided=max(0, accepted - pending),
            pending=pending,
            refused=self.fates.get((name, "refused"), 0),
            faulted=self.fates.get((name, "faulted"), 0),
            repeated=self.fates.get((name, "repeated"), 0),
            outbox=self.counts["outbox"].get(name, 0),
            outbox_seconds=self.outbox_seconds.get(name, 0.0),
            parked=self.counts["parked"].get(name, 0),
            asks_overdue=self.counts["asks_overdue"].get(name, 0),
            unexplained=self.counts["unexplained"].get(name, 0),
            faulted_files=self.counts["faulted_files"].get(name, 0),
            oldest_without_outcome=max((max(0.0, (now - at).total_seconds()) for at in open_ends), default=None),
            release=release,
            policy_version=policy,
        )


def _positions(conn: Connection) -> dict[str, dict[Partition, tuple[int, datetime | None]]]:
    found: dict[str, dict[Partition, tuple[int, datetime | None]]] = {}
    for service, topic, partition, offset, read_to in read_models.STREAM_POSITIONS.ask(conn):
        found.setdefault(service, {})[topic, partition] = (offset, read_to)
    return found


def _write(now: Status) -> None:
    sys.stdout.write(TypeAdapter(Status).dump_json(now).decode() + "\n")
    sys.stdout.flush()


ROWS: Mapping[str, str] = {
    "workers": "workers",
    "lag": "unread records",
    "lag_seconds": "oldest unread",
    "group_lag": "lag (committed offset)",
    "decided": "decided",
    "pending": "pending (needs a link)",
    "refused": "refused",
    "faulted": "faulted records",
    "faulted_files": "faulted files",
    "repeated": "repeated",
    "outbox": "not yet published",
    "parked": "refused by the broker",
    "asks_overdue": "answers overdue",
    "unexplained": "notifications without a reason",
    "oldest_without_outcome": "oldest unfinished record",
}
ALARMING = frozenset({"faulted", "faulted_files", "parked", "unexplained"})
PRESSING = frozenset({"refused", "asks_overdue", "pending", "lag", "group_lag"})
TIMES = frozenset({"lag_seconds", "oldest_without_outcome"})


def _shown(now: Status) -> RenderableType:
    """Services side by side: there are few of them, with many values each."""
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
    return Group(*_verdict(now), Text(f"{moment(now.at)}; {running}", style="dim"), table)


def _verdict(now: Status) -> Iterable[Text]:
    if not now.wrong:
        yield Text("All is well: every event is read, and nobody is past a time.", style="bold green")
        return
    first, *others = now.wrong
    yield Text(f"Something is wrong: {first}", style="bold red")
    yield from (Text(f"  {other[:1].upper()}{other[1:]}", style="red") for other in others)


def _cells(name: str, services: Iterable[Service]) -> Iterable[Text]:
    for service in services:
        value = asdict(service)[name]
        if value is None and name not in TIMES:
            yield Text("not known", style="dim")
        elif name in TIMES:
            yield Text("not known" if value is None and name == "lag_seconds" else span(value) if value else "–")
        else:
            style = "bold red" if name in ALARMING and value else "yellow" if name in PRESSING and value else ""
            yield Text(f"{value:,}", style=style)
