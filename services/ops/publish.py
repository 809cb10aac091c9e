"""`relay publish`: sends events, after all of them were checked, and says what was sent, what was not, and why."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from kafka import KafkaProducer
from kafka.errors import KafkaError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from schemas.doubts import doubts
from services.ops.events import (
    STANDARD_INPUT,
    Format,
    NotReady,
    Ready,
    Written,
    events,
    read_path,
    receipts,
    that_would_be_taken,
)
from services.ops.kafka_client import wait_for
from services.ops.outcome import Fate, Outcome, Sent, awaited
from services.ops.policies import load
from services.ops.terminal import UsageError, complain, err, kafka_called, out, plural, servers, shown
from services.platform import kafka as clients
from services.platform.domain.linking.defendants import is_of_a_case, placeholder_doubts
from services.platform.policy.policy import PolicySet
from services.platform.settings import Addresses, load_settings

BROKER_SECONDS = clients.PUBLISHING_MS / 1000
QUIET_SECONDS = 5.0
LISTED = 40
PROGRESS_FROM = 200

EXAMPLES = """
Examples:

    relay publish schemas/examples/police.incidents
    relay publish --dry-run new-incident.json
    relay publish --format spi results/*.xml
    relay publish --format common-platform hearings/*.json
    cat events.jsonl | relay publish -
"""


@dataclass(frozen=True, slots=True)
class Unsent:
    """An event that the broker did not take."""

    event: Ready
    why: str


class Delivery(NamedTuple):
    """What the broker took, each with its place there, and what it did not."""

    sent: list[tuple[Ready, Sent]]
    unsent: list[Unsent]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(publish)


def publish(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Files, folders (all .json, .jsonl and .xml in them), `-` for standard input."
        ),
    ],
    format: Annotated[  # noqa: A002
        Format | None, typer.Option(help="What the input is. Default: told from names and contents of the files.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and send nothing; needs no servers.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Send, and do not wait for the outcome.")] = False,
) -> None:
    """Publish events: JSON as CloudEvents, or results as courts send them or Common Platform publishes them.

    Everything is checked before anything is sent; what is right is sent even where something else is not. A folder's
    events go out in the order of their sources' times. Publishing the same again changes nothing.

    schemas/examples/story is what `make run` tells, each part at its own time: published in real time, its answers come
    before the notifications that they answer, and whoever sent them hears that they belong to no notification.

    Then it waits until the relay has read them, and says of each what became of it: taken, or refused and why, or not
    read yet. What is doubtful in an event that was taken is named, for its sender to mend.

    Exit status: 0 all taken, or sent and not read yet; 1 not all of it; 2 not begun.
    """
    read = list(that_would_be_taken(_read(paths, format), datetime.now(UTC)))
    ready = [event for event in read if isinstance(event, Ready)]
    refused = [event for event in read if isinstance(event, NotReady)]
    if not read:
        raise UsageError("Nothing to publish: no .json, .jsonl or .xml file is there.")
    if dry_run:
        _tell_checked(ready)
        _tell_refused(refused, ())
        raise typer.Exit(1 if refused else 0)
    delivery, wrong = Delivery([], []), False
    if ready:
        addresses = servers()
        with connected(addresses.kafka) as producer:
            delivery = send(producer, ready)
        wrong = _tell_sent(
            delivery.sent, None if no_wait else _outcomes(addresses, [place for _, place in delivery.sent])
        )
    _tell_refused(refused, delivery.unsent)
    if refused or delivery.unsent or wrong:
        raise typer.Exit(1)


@contextmanager
def connected(kafka: str) -> Iterator[Any]:
    """A producer that writes each message once, however often the connection breaks. UsageError if no broker is
    there."""
    wait_for(kafka)
    with ExitStack() as stack:
        try:
            options = clients.command_producer(kafka)
            producer = stack.enter_context(clients.opened(KafkaProducer, options, timeout=BROKER_SECONDS))
        except KafkaError:
            raise UsageError(f"{kafka_called()} cannot be reached: is it up?") from None
        yield producer


def send(producer: Any, ready: Sequence[Ready]) -> Delivery:
    """Sends in this order."""
    delivery = Delivery([], [])
    with _progress(len(ready)) as progress:
        task = progress.add_task("Sending", total=len(ready))
        for event, future in [(event, _start(producer, event)) for event in ready]:
            place = _delivered(future, event)
            if place is None:
                why = f"{kafka_called()} did not take it: is it up, and are the topics there? See `relay topics apply`."
                delivery.unsent.append(Unsent(event, why))
            else:
                delivery.sent.append((event, place))
            progress.advance(task)
    return delivery


def _start(producer: Any, event: Ready) -> Any:
    record = event.publication.record
    try:
        return producer.send(event.publication.topic, key=record.key, value=record.value, headers=list(record.headers))
    except KafkaError as problem:
        return problem


def _delivered(future: Any, event: Ready) -> Sent | None:
    """Where the broker has it; None where it did not take it."""
    if isinstance(future, KafkaError):
        return None
    try:
        placed = future.get(timeout=2 * BROKER_SECONDS)
    except KafkaError:
        return None
    return Sent(event.publication.received, placed.topic, placed.partition, placed.offset)


def _outcomes(addresses: Addresses, sent: Sequence[Sent]) -> list[Outcome] | None:
    """What became of them; None where the database does not answer."""
    try:
        with _progress(len(sent)) as progress:
            task = progress.add_task("Reading", total=len(sent))
            return awaited(
                addresses.database, sent, QUIET_SECONDS, lambda number: progress.update(task, completed=number)
            )
    except UsageError as problem:
        complain(str(problem))
        return None


def _progress(total: int) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=err,
        transient=True,
        disable=total < PROGRESS_FROM,
    )


def _read(paths: Iterable[str], format: Format | None) -> Iterable[Ready | NotReady]:  # noqa: A002
    received = receipts(datetime.now(UTC))
    for path in paths:
        if path == STANDARD_INPUT:
            yield from events(Written("standard input", sys.stdin.buffer.read(), format), next(received))
            continue
        if not Path(path).exists():
            raise UsageError(f"There is no file or folder {shown(path)}.")
        try:
            yield from read_path(Path(path), format, received)
        except OSError as problem:
            raise UsageError(f"{shown(str(problem.filename or path))} cannot be read: {problem.strerror}.") from None


def _tell_checked(ready: Sequence[Ready]) -> None:
    if not ready:
        return
    out.print(f"Could be published: {plural(len(ready), 'event')}.", style="bold green")
    if len(ready) > LISTED:
        _count(ready)
    else:
        _tell_each(ready, ("from", "type", "about"))
    _tell_doubts(ready)


def _tell_sent(sent: Sequence[tuple[Ready, Sent]], became: Sequence[Outcome] | None) -> bool:
    """Says what was sent and what became of it; whether anything of it does not count."""
    if not sent:
        return False
    events = [event for event, _ in sent]
    out.print(f"Published: {plural(len(sent), 'event')}.", style="bold green")
    if len(sent) > LISTED:
        _count(events)
    else:
        _tell_each(events, ("event", "type", "about", "from"))
    for outcome, those in _alike(events, became or ()).items():
        style = (
            "green" if outcome.fate is Fate.ACCEPTED and outcome.counts else "yellow" if outcome.counts else "bold red"
        )
        out.print(f"{plural(len(those), 'event')}: {outcome.said}", style=style, soft_wrap=True)
        for event in those[:LISTED] if len(those) < len(sent) else ():
            out.print(f"  {_name_of(event)}", soft_wrap=True)
    _tell_doubts(events)
    out.print("Who was told because of it, and why:" if became else "What becomes of it:", style="dim")
    out.print(
        f"  relay explain {_name_of(events[0]) if len(events) == 1 else 'EVENT'}",
        style="dim",
        soft_wrap=True,
    )
    return not all(outcome.counts for outcome in became or ())


def _alike(events: Sequence[Ready], became: Sequence[Outcome]) -> dict[Outcome, list[Ready]]:
    """The events by what became of them; what needs somebody comes first."""
    found: dict[Outcome, list[Ready]] = {}
    for event, outcome in sorted(zip(events, became, strict=False), key=lambda pair: pair[1].counts):
        found.setdefault(outcome, []).append(event)
    return found


def _tell_doubts(events: Sequence[Ready]) -> None:
    """What is kept and not used, so that its sender can mend it; fields are named, values are not."""
    bodies = [event.publication.received.body for event in events]
    policy = _policy() if any(map(is_of_a_case, bodies)) else None
    doubtful = [
        (event, (*doubts(body), *(placeholder_doubts(body, policy.names_nobody) if policy else ())))
        for event, body in zip(events, bodies, strict=True)
    ]
    if not any(found for _, found in doubtful):
        return
    out.print("Accepted, but these parts of it cannot be used:", style="bold yellow")
    for event, found in doubtful:
        for doubt in found:
            out.print(f"  {_name_of(event)}  {doubt.field}", style="bold", soft_wrap=True)
            out.print(f"    {doubt.reason.sentence}", soft_wrap=True)


def _policy() -> PolicySet:
    settings = load_settings()
    return load(settings.policy, settings.agencies)


def _name_of(event: Ready) -> str:
    return event.publication.received.envelope.id


def _count(events: Sequence[Ready]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("topic")
    table.add_column("type", overflow="fold")
    table.add_column("events", justify="right")
    kinds = Counter((event.publication.topic, event.publication.received.kind) for event in events)
    for (topic, kind), number in kinds.items():
        table.add_row(topic, kind, f"{number:,}")
    out.print(table)


def _tell_each(sent: Sequence[Ready], columns: Sequence[str]) -> None:
    """One line each, never folded, because it is meant to be copied."""
    rows = [columns]
    for event in sent:
        received = event.publication.received
        cells = {
            "event": received.envelope.id,
            "type": received.kind.rpartition(".")[2] + (" (withdrawn)" if received.withdrawn else ""),
            "about": received.envelope.subject,
            "from": _short(event.origin),
        }
        rows.append([cells[column] for column in columns])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        out.print(line, style=None if number else "dim", soft_wrap=True)


def _tell_refused(refused: Sequence[NotReady], unsent: Sequence[Unsent]) -> None:
    if not refused and not unsent:
        return
    out.print(f"Not published: {plural(len(refused) + len(unsent), 'event')}.", style="bold red")
    for failure in refused:
        refusal = failure.refusal
        out.print(f"  {shown(failure.origin)}", style="bold", soft_wrap=True)
        out.print(f"    {refusal.reason}: {refusal.reason.sentence}", soft_wrap=True)
        out.print(f"    {refusal.detail}", soft_wrap=True)
        if failure.hint:
            out.print(f"    {shown(failure.hint)}", style="cyan", soft_wrap=True)
    for missed in unsent:
        out.print(f"  {shown(missed.event.origin)}", style="bold", soft_wrap=True)
        out.print(f"    {missed.why}", soft_wrap=True)


def _short(origin: str) -> str:
    path = Path(shown(origin))
    return f"{path.parent.name}/{path.name}" if path.parent.name else origin
