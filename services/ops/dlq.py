"""`relay dlq`: list dead letters, show why each was refused, and send them back to their streams."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from schemas.refusals import RefusalReason
from schemas.registry import REGISTRY
from services.ops.kafka_client import Headers, Sending, send_all
from services.ops.reading import Connection, reading
from services.ops.terminal import UsageError, complain, err, moment, out, plural, servers, shown
from services.platform.storage.records import headers_from_text

PREFIX = "dlq-"
PROGRESS_FROM = 50
LISTED = 100
REPLAYER = "relay-command"
LETTER = (
    "id", "service", "stream", "partition", "offset", "reason", "stage", "detail", "event", "first_at", "last_at",
    "attempts", "judged_by",
)  # fmt: skip

LIST_EXAMPLES = """
Examples:

    relay dlq list
    relay dlq list police.incidents --reason unknown_force
    relay dlq list --all --json
"""
SHOW_EXAMPLES = """
Example: `relay dlq show 2c9b6b0e-7c39-5f53-bb1c-2f5a9c6d7e10`
"""
REPLAY_EXAMPLES = """
Examples:

    relay dlq replay 2c9b6b0e-7c39-5f53-bb1c-2f5a9c6d7e10
    relay dlq replay --reason unknown_force --stream police.incidents --dry-run
"""


class State(StrEnum):
    """`open`: refused and nothing more; `again`: it was sent again and refused again, as another dead letter;
    `accepted`: the event was accepted since; `settled`: this very record was judged again and has another end."""

    OPEN = "open"
    AGAIN = "again"
    ACCEPTED = "accepted"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as its stream's owner keeps it; `detail` says which field is wrong, and quotes no value."""

    id: str
    service: str
    stream: str
    partition: int
    offset: int
    reason: str
    stage: str
    detail: str
    event: str | None
    first_at: datetime
    last_at: datetime
    attempts: int
    judged_by: str
    replays: int
    state: State


@dataclass(frozen=True, slots=True)
class Content:
    """The record itself, as it came."""

    key: bytes | None
    value: bytes | None
    headers: Headers


Stream = Annotated[str | None, typer.Argument(metavar="[STREAM]", help="Only those of this stream.")]
Reason = Annotated[str | None, typer.Option(help="Only those refused for this reason.")]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    dlq = typer.Typer(help="Dead letters: list them, show one, send them back.", no_args_is_help=True)
    dlq.command("list", epilog=LIST_EXAMPLES)(list_letters)
    dlq.command("show", epilog=SHOW_EXAMPLES, no_args_is_help=True)(show)
    dlq.command("replay", epilog=REPLAY_EXAMPLES, no_args_is_help=True)(replay)
    app.add_typer(dlq, name="dlq")


def list_letters(
    stream: Stream = None,
    reason: Reason = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that were accepted or refused anew since.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on each line.")] = False,
) -> None:
    """List dead letters that still need somebody, by reason.

    Exit status: 0 there are none, 1 there are, 2 not begun.
    """
    _check(stream, reason)
    with reading(servers().database) as conn:
        letters = find(conn, stream=stream, reason=reason)
    shown = [letter for letter in letters if everything or letter.state is State.OPEN]
    if as_json:
        sys.stdout.writelines(json.dumps(asdict(letter), default=str) + "\n" for letter in shown)
    else:
        print_letters(shown)
    raise typer.Exit(1 if any(letter.state is State.OPEN for letter in shown) else 0)


def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The dead letter's id, as `relay dlq list` shows it.")],
    payload: Annotated[
        bool, typer.Option("--payload", help="Show the content too: it is personal data, so only with a reason.")
    ] = False,
) -> None:
    """Show why a record was refused, and its headers. Content is shown with --payload only.

    Exit status: 0 shown, 1 there is no such dead letter, 2 not begun.
    """
    with reading(servers().database) as conn:
        letters = find(conn, ids=[identity])
        contents = content_of(conn, [letter.id for letter in letters])
    if not letters:
        complain(f"There is no dead letter {identity}; `relay dlq list --all` shows all.")
        raise typer.Exit(1)
    letter, content = letters[0], contents[letters[0].id]
    print_letter(letter, content)
    if payload:
        sys.stdout.flush()
        sys.stdout.buffer.write((content.value or b"") + b"\n")
    else:
        err.print("--payload shows its content, which is personal data.", style="dim")


def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Dead letters, by id.")] = None,
    reason: Reason = None,
    stream: Annotated[str | None, typer.Option(help="With --reason: only those of this stream.")] = None,
    by: Annotated[str, typer.Option(help="Who sends them back, by a pseudonym; it goes into a header.")] = REPLAYER,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say which ones, and send nothing.")] = False,
) -> None:
    """Send dead letters back to the stream that they came from: the same key, content and headers.

    Every service skips what it has accepted before. A service tries its own refusals for an unknown type, version,
    value, force or agency again by itself, after each release and policy; this command is for all others, or to be
    sooner. A record that is still wrong becomes a dead letter again, with a new id.

    Exit status: 0 all sent, 1 not all, 2 not begun.
    """
    _check(stream, reason)
    if bool(ids) == bool(reason):
        raise UsageError("Give either ids or --reason.")
    if not by.isascii() or not by.replace("-", "").isalnum():
        raise UsageError("--by is a pseudonym of letters, digits and hyphens.")
    addresses = servers()
    with reading(addresses.database) as conn:
        letters = find(conn, stream=stream, reason=reason, ids=ids or None)
        if not ids:
            letters = [letter for letter in letters if letter.state is State.OPEN]
        contents = content_of(conn, [letter.id for letter in letters])
    unknown = sorted(set(ids or ()) - {letter.id for letter in letters})
    for identity in unknown:
        complain(f"There is no dead letter {identity}.")
    if dry_run:
        print_letters(letters)
        out.print(f"Would send back: {plural(len(letters), 'record')}.")
        raise typer.Exit(1 if unknown else 0)
    sent = _send(addresses.kafka, [sending(letter, contents[letter.id], by) for letter in letters])
    failed = [letter for letter, why in zip(letters, sent, strict=True) if why is not None]
    out.print(f"Sent back: {plural(len(letters) - len(failed), 'record')}.", style="bold green")
    for letter, why in zip(letters, sent, strict=True):
        if why is not None:
            complain(f"{letter.id} was not taken by {letter.stream}: {why}")
    raise typer.Exit(1 if failed or unknown else 0)


def sending(letter: Letter, content: Content, by: str) -> Sending:
    """The record as it came, with headers that say that it is a replay: of which dead letter, by whom, and the how
    manyeth."""
    kept = [(name, value) for name, value in content.headers if not name.startswith(PREFIX)]
    said = {"dlq-replay-of": letter.id, "dlq-replayed-by": by, "dlq-replay-count": str(letter.replays + 1)}
    return Sending(
        letter.stream, content.key, content.value, (*kept, *((name, text.encode()) for name, text in said.items()))
    )


def find(
    conn: Connection, *, stream: str | None = None, reason: str | None = None, ids: Sequence[str] | None = None
) -> list[Letter]:
    """Dead letters as their owners keep them, by reason and time; all states."""
    rows = conn.execute(
        """select r.dead_letter, r.service, r.topic, r.partition, r."offset", r.reason, r.stage, r.detail, r.event_id,
            r.first_at, r.last_at, r.attempts, r.judged_by, r.headers, array[
            r.settled_at is not null,
            r.event_id is not null and exists (select 1 from inbox i
                where i.service = r.service and i.event_id = r.event_id and i.source = r.source and i.at >= r.first_at),
            r.event_id is not null and exists (select 1 from refusal n where n.service = r.service
                and n.topic = r.topic and n.event_id = r.event_id and n.source = r.source
                and n.first_at > r.first_at)]
        from refusal r where r.dead_letter is not null and (%(topic)s::text is null or r.topic = %(topic)s)
            and (%(reason)s::text is null or r.reason = %(reason)s)
            and (%(ids)s::text[] is null or r.dead_letter = any(%(ids)s)) order by r.topic, r.reason, r.first_at""",
        {"topic": stream, "reason": reason, "ids": None if ids is None else list(ids)},
    ).fetchall()
    return [_letter(known, headers, ends) for *known, headers, ends in rows]


def content_of(conn: Connection, ids: Sequence[str]) -> dict[str, Content]:
    """The records of these dead letters."""
    rows = conn.execute(
        "select dead_letter, key, value, headers from refusal where dead_letter = any(%s)", (list(ids),)
    ).fetchall()
    return {identity: Content(key, value, headers_from_text(headers)) for identity, key, value, headers in rows}


def replays_of(headers: Headers) -> int:
    """How often the record had been sent back before it came to this end."""
    said = next((value for name, value in headers if name == "dlq-replay-count"), b"0")
    return int(said) if said.isdigit() and len(said) < len("1000") else 0


def _letter(known: Sequence[Any], headers: str, ends: Sequence[bool]) -> Letter:
    """`ends`: whether the record is settled, its event accepted, its event refused again, in the order that counts."""
    others = (State.SETTLED, State.ACCEPTED, State.AGAIN)
    state = next((other for other, is_so in zip(others, ends, strict=True) if is_so), State.OPEN)
    return Letter(**dict(zip(LETTER, known, strict=True)), replays=replays_of(headers_from_text(headers)), state=state)


def _sentence(reason: str) -> str:
    """What a reason means; one that this release does not know is left to speak for itself."""
    return next((known.sentence for known in RefusalReason if known == reason), "")


def _check(stream: str | None, reason: str | None) -> None:
    if stream is not None and stream.removesuffix(".dlq") not in REGISTRY.topics_in:
        raise UsageError(f"There is no stream {stream}; there are {', '.join(REGISTRY.topics_in)}.")
    if reason is not None and reason not in {*RefusalReason}:
        raise UsageError(f"There is no reason {reason}; there are {', '.join(RefusalReason)}.")


def _send(kafka: str, records: Sequence[Sending]) -> list[str | None]:
    with Progress(
        TextColumn("Sending back"),
        BarColumn(),
        MofNCompleteColumn(),
        console=err,
        transient=True,
        disable=len(records) < PROGRESS_FROM,
    ) as progress:
        return list(progress.track(send_all(kafka, records), total=len(records)))


def print_letters(letters: Sequence[Letter]) -> None:
    if not letters:
        out.print("No dead letters.", style="green")
        return
    reasons = Counter((letter.stream, letter.reason) for letter in letters)
    for (stream, reason), number in reasons.items():
        out.print(f"{stream}: {plural(number, 'record')}, {reason}", style="bold")
        out.print(f"  {_sentence(reason)}")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("dead letter", no_wrap=True)
    table.add_column("what is wrong", overflow="fold")
    for letter in letters[:LISTED]:
        what = Text(letter.detail)
        again = f", sent back {plural(letter.replays, 'time')} before" if letter.replays else ""
        done = "" if letter.state is State.OPEN else f"; {letter.state}"
        what.append(f"\n{letter.reason}, {moment(letter.first_at)}{again}{done}", style="dim")
        if letter.event:
            what.append(f"\nevent {shown(letter.event)}", style="dim")
        table.add_row(letter.id, what)
    out.print(table)
    out.print("relay dlq show ID has the source and all headers.", style="dim")
    if len(letters) > LISTED:
        out.print(f"… and {len(letters) - LISTED} more: --json shows all.", style="dim")


def print_letter(letter: Letter, content: Content) -> None:
    out.print(f"{letter.reason}: {_sentence(letter.reason)}", style="bold red")
    out.print(f"  {letter.detail}\n", soft_wrap=True)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("came on", f"{letter.stream}, partition {letter.partition}, offset {letter.offset}")
    table.add_row(
        "refused by", f"{letter.service}, at {letter.stage}, {plural(letter.attempts, 'try', lambda _: 'tries')}"
    )
    table.add_row("first, last", f"{moment(letter.first_at)}; {moment(letter.last_at)}")
    table.add_row("now", str(letter.state))
    table.add_row("content", plural(len(content.value or b""), "byte"))
    if letter.event:
        table.add_row("event", Text(shown(letter.event)))
    for name, value in content.headers:
        table.add_row(Text(shown(name)), Text(repr(value)[2:-1]))
    out.print(table)
