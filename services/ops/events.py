"""Events as people keep them (files, folders, standard input), read and checked before anything is sent."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import count
from pathlib import Path

from schemas.envelope import Envelope
from schemas.refusals import RefusalReason
from schemas.registry import REGISTRY, Publication, Refusal, decode, encode, publication
from schemas.values import Body
from services.intake import common_platform, spi
from services.intake.court_hearings import Read
from services.ops.mending import hint
from services.platform.streaming.admit import SOURCE_AHEAD

STANDARD_INPUT = "-"


class Format(StrEnum):
    """`json`: one event, `jsonl`: one on each line, both as structured CloudEvents; `spi`: a court's own XML;
    `common-platform`: hearings and applications as Common Platform publishes them, in JSON."""

    JSON = "json"
    JSONL = "jsonl"
    SPI = "spi"
    COMMON_PLATFORM = "common-platform"


SUFFIXES = {".json": Format.JSON, ".jsonl": Format.JSONL, ".xml": Format.SPI}


@dataclass(frozen=True, slots=True)
class Ready:
    """An event that can be sent. `origin`: the file it comes from, with the line where there are several."""

    origin: str
    publication: Publication

    @property
    def time(self) -> datetime:
        return self.publication.received.envelope.time


@dataclass(frozen=True, slots=True)
class NotReady:
    """What will not be sent, and what its writer should mend; it quotes no value. `hint`: for the writer's own screen
    alone, which may repeat what is written."""

    origin: str
    refusal: Refusal
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A file, or what standard input held."""

    origin: str
    content: bytes
    format: Format | None


def receipts(first: datetime) -> Iterator[datetime]:
    """A time for each document that is read, later than the one before. So of two court messages that do not say when
    they were written, the one read later is current."""
    return (first + n * timedelta(microseconds=1) for n in count())


def format_of(file: Path) -> Format | None:
    """By its name, however it is spelt: `RESULT.XML` is XML."""
    return SUFFIXES.get(file.suffix.lower())


def find(path: Path) -> tuple[Path, ...]:
    """A file itself; of a folder all files in it, however deep, that hold events by their names, in their order."""
    if path.is_dir():
        return tuple(sorted(file for file in path.rglob("*") if file.is_file() and format_of(file)))
    return (path,)


def read_path(
    path: Path,
    format: Format | None,  # noqa: A002
    received: Iterator[datetime],
) -> list[Ready | NotReady]:
    """All events of a file, or of a folder in the order of their sources' times. OSError if it cannot be read."""
    read = [event for file in find(path) for event in events(_written(file, format), next(received))]
    return in_time(read) if path.is_dir() else read


def _written(file: Path, format: Format | None) -> Written:  # noqa: A002
    """By its name one event of the relay, a file of JSON may be a message of Common Platform too."""
    content, by_name = file.read_bytes(), format or format_of(file)
    if format is None and by_name is Format.JSON and common_platform.recognised(content):
        by_name = Format.COMMON_PLATFORM
    return Written(str(file), content, by_name)


def in_time(read: Sequence[Ready | NotReady]) -> list[Ready | NotReady]:
    """Those that can be sent by their sources' times, the others before them; equals stay in their order."""
    ready = sorted((event for event in read if isinstance(event, Ready)), key=lambda event: event.time)
    return [*(event for event in read if isinstance(event, NotReady)), *ready]


def that_would_be_taken(read: Iterable[Ready | NotReady], now: datetime) -> Iterator[Ready | NotReady]:
    """Refuse before sending what the relay would refuse in any case: events from the future, and events that share a
    source and an id with an earlier one but not its content."""
    first: dict[tuple[str, str], Ready] = {}
    for event in read:
        if isinstance(event, NotReady):
            yield event
            continue
        envelope, content = event.publication.received.envelope, event.publication.received.content
        before = first.setdefault((envelope.source, envelope.id), event).publication.received
        if envelope.time > now + SOURCE_AHEAD:
            detail = "time: more than an hour ahead of this machine's clock; set the right one"
            yield NotReady(event.origin, Refusal(RefusalReason.SOURCE_TIME_AHEAD, "validate", detail))
        elif (before.envelope.type, before.envelope.subject, before.content) != (
            envelope.type,
            envelope.subject,
            content,
        ):
            where = f"as in {first[envelope.source, envelope.id].origin}"
            detail = "id: used here for other content; a correction is a new event with a higher factversion"
            yield NotReady(event.origin, Refusal(RefusalReason.ID_REUSED, "validate", detail), where)
        else:
            yield event


def events(written: Written, received_at: datetime) -> Iterator[Ready | NotReady]:
    """Every event in the file. `received_at`: the time for a court message that does not say when it was written."""
    match written.format or guess(written.content):
        case Format.JSON:
            yield _one(_checked(written.origin, written.content))
        case Format.JSONL:
            lines = ((number, line) for number, line in enumerate(written.content.splitlines(), 1) if line.strip())
            for number, line in lines:
                yield from _line(f"{written.origin}:{number}", line, received_at)
        case Format.SPI:
            yield from _court_message(written.origin, spi.read(written.content, received_at))
        case Format.COMMON_PLATFORM:
            yield from _court_message(written.origin, common_platform.read(written.content, received_at))


def guess(content: bytes) -> Format:
    """By its first character; where that is no `<`, by whether its first line is a whole document of several, and
    whether it is a message of Common Platform."""
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Format.SPI
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) > 1 and _is_whole(lines[0]):
        return Format.JSONL
    return Format.COMMON_PLATFORM if common_platform.recognised(content) else Format.JSON


def _line(origin: str, line: bytes, received_at: datetime) -> Iterator[Ready | NotReady]:
    if common_platform.recognised(line):
        yield from _court_message(origin, common_platform.read(line, received_at))
    else:
        yield _checked(origin, line)


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _checked(origin: str, document: bytes) -> Ready | NotReady:
    read = publication(document)
    return NotReady(origin, read, hint(document, read)) if isinstance(read, Refusal) else Ready(origin, read)


def _one(read: Ready | NotReady) -> Ready | NotReady:
    """Where a document is not JSON, its writer may have meant several."""
    if isinstance(read, Ready) or read.refusal.reason is not RefusalReason.NOT_JSON:
        return read
    detail = f"{read.refusal.detail}. Write one event in a document, or one event a line (.jsonl)"
    return replace(read, refusal=replace(read.refusal, detail=detail))


def _court_message(origin: str, read: Read) -> Iterator[Ready | NotReady]:
    yield from (NotReady(origin, refusal) for refusal in read.refusals)
    if not read.facts and not read.refusals:
        detail = "the message: a defendant with offences is expected"
        yield NotReady(origin, Refusal(RefusalReason.NOT_A_COURT_RESULT, "decode", detail))
    hearings: dict[str, list[Publication | Refusal]] = {}
    for envelope, body in read.facts:
        hearings.setdefault(envelope.subject, []).append(_published(envelope, body))
    for of_one in hearings.values():
        yield from _together(origin, of_one)


def _published(envelope: Envelope, body: Body) -> Publication | Refusal:
    record = encode(envelope, body)
    topic = REGISTRY.topic_of(envelope.type.rpartition(".")[0])
    received = decode(topic, record.key, record.value, record.headers)
    return received if isinstance(received, Refusal) else Publication(topic, received, record)


def _together(origin: str, of_one: Sequence[Publication | Refusal]) -> Iterator[Ready | NotReady]:
    """All facts of one hearing, or none: without its orders a conviction looks like one that lacks them, and orders
    without it stand on no ground."""
    refusal = next((fact for fact in of_one if isinstance(fact, Refusal)), None)
    for fact in of_one:
        if isinstance(fact, Refusal):
            yield NotReady(origin, fact)
        elif refusal is not None:
            detail = f"{fact.received.kind}: not sent without the other fact of its hearing, which is refused"
            yield NotReady(origin, replace(refusal, detail=detail))
        else:
            yield Ready(origin, fact)
