"""`relay publish`: sends events, after all of them were checked, and says what was sent, what was not, and why."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from kafka import KafkaProducer
from kafka.errors import KafkaError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

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
from services.ops.terminal import UsageError, err, kafka_called, out, plural, servers, shown

BROKER_SECONDS = 15
LISTED = 40
PROGRESS_FROM = 200

EXAMPLES = """
Examples:

    relay publish schemas/examples/police.incidents
    relay publish --dry-run new-incident.json
    relay publish --format spi results/*.xml
    cat events.jsonl | relay publish -
"""


@dataclass(frozen=True, slots=True)
class Unsent:
    """An event that the broker did not take."""

    event: Ready
    why: str


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
        Format | None, typer.Option(help="What the input is; without it, by the names of files and by what they hold.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check, and send nothing; needs no servers.")] = False,
) -> None:
    """Publish events: JSON as CloudEvents, or court results as courts send them.

    Everything is checked before anything is sent; what is right is sent even where something else is not. A folder's
    events go out in the order of their sources' times. Publishing the same again changes nothing.

    schemas/examples/story is what `make run` tells, each part at its own time: published in real time, its answers come
    before the notices that they answer, and whoever sent them hears that they belong to no notification.

    Exit status: 0 all published, 1 not all of it, 2 not begun.
    """
    read = list(that_would_be_taken(_read(paths, format), datetime.now(UTC)))
    ready = [event for event in read if isinstance(event, Ready)]
    refused = [event for event in read if isinstance(event, NotReady)]
    if not read:
        raise UsageError("Nothing to publish: no .json, .jsonl or .xml file is there.")
    unsent: Sequence[Unsent] = ()
    if not dry_run and ready:
        with connected(servers().kafka) as producer:
            unsent = send(producer, ready)
    lost = {id(failure.event) for failure in unsent}
    _tell([event for event in ready if id(event) not in lost], dry_run=dry_run)
    _tell_refused(refused, unsent)
    if refused or unsent:
        raise typer.Exit(1)


@contextmanager
def connected(kafka: str) -> Iterator[Any]:
    """A producer of which each message is written once, however often the connection breaks. UsageError if no broker
    is there."""
    wait_for(kafka)
    try:
        producer = KafkaProducer(
            bootstrap_servers=kafka.split(","),
            enable_idempotence=True,
            acks="all",
            linger_ms=2,
            max_block_ms=BROKER_SECONDS * 1000,
            delivery_timeout_ms=2 * BROKER_SECONDS * 1000,
            request_timeout_ms=BROKER_SECONDS * 1000,
            max_request_size=16 * 1024 * 1024,
        )
    except KafkaError:
        raise UsageError(f"{kafka_called()} cannot be reached: is it up?") from None
    try:
        yield producer
    finally:
        producer.close(timeout=BROKER_SECONDS)


def send(producer: Any, ready: Sequence[Ready]) -> list[Unsent]:
    """Sends in this order; those that the broker did not take."""
    with _progress(len(ready)) as progress:
        task = progress.add_task("Sending", total=len(ready))
        waiting = [(event, _start(producer, event)) for event in ready]
        failures = []
        for event, delivery in waiting:
            if (why := _ended(delivery)) is not None:
                failures.append(Unsent(event, why))
            progress.advance(task)
        return failures


def _start(producer: Any, event: Ready) -> Any:
    record = event.publication.record
    try:
        return producer.send(event.publication.topic, key=record.key, value=record.value, headers=list(record.headers))
    except KafkaError as problem:
        return problem


def _ended(delivery: Any) -> str | None:
    """None when the broker has it, else why it does not."""
    if not isinstance(delivery, KafkaError):
        with suppress(KafkaError):
            delivery.get(timeout=2 * BROKER_SECONDS)
            return None
    return f"{kafka_called()} did not take it: is it up, and are the topics there? See `relay topics apply`."


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


def _tell(sent: Sequence[Ready], *, dry_run: bool) -> None:
    said = "Could be published" if dry_run else "Published"
    if not sent:
        return
    out.print(f"{said}: {plural(len(sent), 'event')}.", style="bold green")
    if len(sent) > LISTED:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("topic")
        table.add_column("type", overflow="fold")
        table.add_column("events", justify="right")
        for (topic, kind), number in Counter((e.publication.topic, e.publication.received.kind) for e in sent).items():
            table.add_row(topic, kind, f"{number:,}")
        out.print(table)
    else:
        _tell_each(sent, ("from", "type", "about") if dry_run else ("event", "type", "about", "from"))
    if not dry_run:
        example = sent[0].publication.received.envelope.id if len(sent) == 1 else "EVENT"
        out.print("Whether the relay took it, and what came of it:", style="dim")
        out.print(f"  relay explain {example}", style="dim", markup=False, soft_wrap=True)


def _tell_each(sent: Sequence[Ready], columns: Sequence[str]) -> None:
    """A line each, never folded: what stands there is to be copied."""
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
        out.print(line, style=None if number else "dim", markup=False, soft_wrap=True)


def _tell_refused(refused: Sequence[NotReady], unsent: Sequence[Unsent]) -> None:
    if not refused and not unsent:
        return
    out.print(f"Not published: {plural(len(refused) + len(unsent), 'event')}.", style="bold red")
    for failure in refused:
        refusal = failure.refusal
        out.print(f"  {shown(failure.origin)}", style="bold", markup=False, soft_wrap=True)
        out.print(f"    {refusal.reason}: {refusal.reason.sentence}", markup=False, soft_wrap=True)
        out.print(f"    {refusal.detail}", markup=False, soft_wrap=True)
        if failure.hint:
            out.print(f"    {shown(failure.hint)}", style="cyan", markup=False, soft_wrap=True)
    for missed in unsent:
        out.print(f"  {shown(missed.event.origin)}", style="bold", markup=False, soft_wrap=True)
        out.print(f"    {missed.why}", markup=False, soft_wrap=True)


def _short(origin: str) -> str:
    path = Path(shown(origin))
    return f"{path.parent.name}/{path.name}" if path.parent.name else origin
