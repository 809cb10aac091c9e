"""How records are read and written by the contract: a record in, what it says or why it is refused out."""

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from schemas import values as v
from schemas.bounded_json import canonical, read_canonical, read_object
from schemas.envelope import (
    ATTRIBUTES,
    LARGEST_HEADERS,
    LONGEST_KEY,
    STILL_PACKED,
    Envelope,
    Headers,
    Record,
    VersionBasis,
    event_id,
    from_document,
    from_headers,
    from_usual_headers,
    id_in_message,
    is_structured,
    to_record,
    version_of,
)
from schemas.fact_types import EventType, Version
from schemas.field_errors import field_names, refusal_of
from schemas.refusals import Refusal, RefusalReason
from schemas.streams import REGISTRY, STREAMS, Registry, Stream

__all__ = [
    "REGISTRY",
    "STREAMS",
    "Envelope",
    "EventType",
    "Publication",
    "Received",
    "Record",
    "Refusal",
    "Registry",
    "Stream",
    "Version",
    "body_of",
    "check_strict",
    "decode",
    "encode",
    "encode_written",
    "event",
    "publication",
]

Said = TypeVar("Said", bound=v.Frozen)

_PLACE: TypeAdapter[str] = TypeAdapter(v.Place)


class Received(NamedTuple):
    """A record that could be read. `kind`: the type without version. `content`: as it came, in canonical JSON, fields
    that this release does not know included. `body`: in the newest version that this release knows."""

    envelope: Envelope
    body: v.Body
    content: bytes
    kind: str

    @property
    def withdrawn(self) -> bool:
        return isinstance(self.body, v.Withdrawn)


class Publication(NamedTuple):
    """An event that is ready to be sent."""

    topic: str
    received: Received
    record: Record


def decode(
    topic: str, key: bytes | None, value: bytes | None, headers: Headers, registry: Registry = REGISTRY
) -> Received | Refusal:
    """What a record says, or why it is refused; never raises for what a publisher sent. KeyError: unknown topic."""
    stream = registry.stream_of(topic)
    usual = from_usual_headers(headers)
    if usual is not None:
        return _of_envelope(usual, key, value, stream, registry)
    if any(name == STILL_PACKED for name, _ in headers):
        detail = "the record: a packed batch of at most 16 MiB, with records of at most 1 MiB, is expected"
        return Refusal(RefusalReason.TOO_LARGE, "decode", detail)
    size = sum(len(name) + len(text or b"") for name, text in headers)
    if size > LARGEST_HEADERS:
        detail = f"the headers have {size} bytes, at most {LARGEST_HEADERS} are taken"
        return Refusal(RefusalReason.TOO_LARGE, "decode", detail)
    if any(v.unstorable(name) for name, _ in headers):
        detail = "the headers: names in UTF-8 and without NUL are expected"
        return Refusal(RefusalReason.INVALID_HEADER, "decode", detail)
    if is_structured(headers):
        return _structured(key, value, stream, registry)
    return _binary(key, value, headers, stream, registry)


def encode(envelope: Envelope, body: v.Frozen) -> Record:
    """The record of an event, in binary mode. ValueError if the envelope and the body do not agree."""
    return _record(envelope, body, content_of(body))


def encode_written(envelope: Envelope, model: type[v.Frozen], fields: Mapping[str, Any]) -> Record:
    """The same of a body that is given as its JSON fields, in the order of their names and without defaults.

    It is read once as it was written, which costs half of making a model of every part. ValueError if the contract does
    not know it so.
    """
    content = to_json(fields)
    return _record(envelope, model.model_validate_json(content, strict=True, extra="forbid"), content)


def _record(envelope: Envelope, body: v.Frozen, content: bytes) -> Record:
    if subject_of(body) not in {None, envelope.subject}:
        raise ValueError("the subject of the envelope is not that of the body")
    if len(envelope.subject) > LONGEST_KEY:
        raise ValueError(f"a key has at most {LONGEST_KEY} characters")
    return to_record(envelope, content)


def subject_of(body: v.Frozen) -> str | None:
    """What the body says that it is about; None for a withdrawn version, which says it in the envelope alone."""
    subject: str | None = getattr(body, "subject", None)
    return subject


def content_of(body: v.Frozen) -> bytes:
    """Canonical JSON of a body. Defaults are left out: a field that a later release adds changes no older content."""
    return canonical(body.model_dump(mode="json", exclude_defaults=True))


def event(
    body: Said,
    type: str,  # noqa: A002
    source: str,
    time: datetime,
    version: int | None = None,
    *,
    received_in: str | None = None,
    subject: str | None = None,
    correlationid: str | None = None,
    causationid: str | None = None,
    registry: Registry = REGISTRY,
) -> tuple[Envelope, Said]:
    """The envelope for a body, its id computed. `type` may leave its version out: the newest is meant.

    Without `version` it is the microseconds of `time`, and the basis `written`. `received_in` tells the message
    in which it came from any other: with it, `time` is of its receipt, and the id is the same whenever it is received.
    `subject` only for a withdrawn version, which does not say it. ValueError for a time that can be no version.
    """
    if type in registry.types:
        type = registry.types[type][1].on_the_wire[-1]  # noqa: A001
    about = subject_of(body) or subject
    if about is None:
        raise ValueError("a withdrawn version needs the subject that it takes back")
    number = version_of(time) if version is None else version
    if received_in is not None:
        identity = id_in_message(type, about, received_in, content_of(body))
        return Envelope(identity, type, source, about, time, number, "receipt", correlationid, causationid), body
    basis: VersionBasis = "source" if version is not None else "written"
    identity = event_id(type, about, number, time, content_of(body))
    return Envelope(identity, type, source, about, time, number, basis, correlationid, causationid), body


def body_of(type_: str, content: str | bytes, registry: Registry = REGISTRY) -> v.Body:
    """The body of an accepted content, in the newest version. ValueError if this release cannot read it.

    It was read with every bound when it was accepted, and is kept in canonical JSON: the model alone reads it again,
    and it may be larger than its stream takes (of `1e15` there are eighteen characters).
    """
    text = content.encode() if isinstance(content, str) else content
    found = registry.find(type_)
    read = found if isinstance(found, Refusal) else _accepted(*found, text)
    if isinstance(read, Refusal):
        raise ValueError(f"{read.reason}: {read.detail}")  # noqa: TRY004
    return read


def check_strict(type_: str, content: bytes, registry: Registry = REGISTRY) -> Refusal | None:
    """What a writer should mend: as for a reader, and fields that the type does not know, too."""
    found = registry.find(type_)
    if isinstance(found, Refusal):
        return found
    largest = registry.types[found[0].name][0].largest_message
    read = _body(*found, content, largest=largest, strict=True)
    return read if isinstance(read, Refusal) else None


def publication(document: bytes, registry: Registry = REGISTRY) -> Publication | Refusal:
    """An event as people write it, in structured mode, ready to be sent, or what its writer should mend.

    `id` and `specversion` may be left out; so may `factversion`, which is then the microseconds of `time`.
    """
    largest = max(stream.largest_message for stream in registry.streams)
    written = read_object(document, largest=largest, names=_ENVELOPE_NAMES | registry.field_names)
    if isinstance(written, Refusal):
        return written
    content = canonical(written.get("data"))
    envelope = _misspelt(written) or _completed(written, content)
    if isinstance(envelope, Refusal):
        return envelope
    found = registry.find(envelope.type)
    if isinstance(found, Refusal):
        return found
    refusal = check_strict(envelope.type, content, registry)
    if refusal is not None:
        return refusal
    stream, _ = registry.types[found[0].name]
    if stream.direction == "out":
        return Refusal(RefusalReason.NOT_ENTITLED, "decide", "type: only the relay itself issues this", found[0].name)
    topic = stream.topic
    record = to_record(envelope, content)
    received = decode(topic, record.key, record.value, record.headers, registry)
    return received if isinstance(received, Refusal) else Publication(topic, received, record)


def _misspelt(written: dict[str, Any]) -> Refusal | None:
    """Other names are extensions, which CloudEvents allows; one that is nearly ours would be missed in silence."""
    for name in written.keys() - _ENVELOPE_NAMES:
        meant = difflib.get_close_matches(name, _ENVELOPE_NAMES, n=1, cutoff=0.8)
        if meant:
            detail = f"an attribute that is not known; did you mean {meant[0]}?"
            return Refusal(RefusalReason.UNKNOWN_FIELD, "decode", detail)
    if "data" not in written:
        return Refusal(RefusalReason.INCOMPLETE, "decode", "data: missing; the content is expected there")
    return None


def _completed(written: dict[str, Any], content: bytes) -> Envelope | Refusal:
    envelope = from_document({"specversion": "1.0", "id": "computed", "factversion": 1} | written)
    if isinstance(envelope, Refusal):
        return envelope
    if "factversion" not in written:
        try:
            envelope = replace(envelope, factversion=version_of(envelope.time), version_basis="written")
        except ValueError as error:
            return Refusal(RefusalReason.INVALID_HEADER, "decode", f"time: {error}")
    if "id" in written:
        return envelope
    e = envelope
    return replace(e, id=event_id(e.type, e.subject, e.factversion, e.time, content))


_ENVELOPE_NAMES = frozenset({*ATTRIBUTES, "data", "dataschema"})


def _binary(
    key: bytes | None, value: bytes | None, headers: Headers, stream: Stream, registry: Registry
) -> Received | Refusal:
    envelope = from_headers(headers)
    return envelope if isinstance(envelope, Refusal) else _of_envelope(envelope, key, value, stream, registry)


def _of_envelope(
    envelope: Envelope, key: bytes | None, value: bytes | None, stream: Stream, registry: Registry
) -> Received | Refusal:
    found = registry.find(envelope.type, stream)
    return found if isinstance(found, Refusal) else _received(envelope, *found, key, value, stream.largest_message)


def _structured(key: bytes | None, value: bytes | None, stream: Stream, registry: Registry) -> Received | Refusal:
    document = read_object(
        value, largest=stream.largest_message + LARGEST_HEADERS, names=_ENVELOPE_NAMES | registry.field_names
    )
    if isinstance(document, Refusal):
        return document
    envelope = from_document(document)
    if isinstance(envelope, Refusal):
        return envelope
    found = registry.find(envelope.type, stream)
    if isinstance(found, Refusal):
        return found
    if "data" not in document:
        detail = "data: missing; the content as a JSON object is expected, not as data_base64"
        return Refusal(RefusalReason.INCOMPLETE, "decode", detail, found[0].name)
    data = canonical(document["data"])
    return _received(envelope, *found, key, data, largest=len(data))


def _received(
    envelope: Envelope, fact: EventType, number: int, key: bytes | None, value: bytes | None, largest: int
) -> Received | Refusal:
    read = _body(fact, number, value, largest=largest)
    if isinstance(read, Refusal):
        return read
    body, content, stated = read
    subject = _in_one_spelling(fact, envelope.subject)
    if stated is not None and stated != subject:
        detail = "the envelope's subject: what the content is about is expected, see the type's page"
        return Refusal(RefusalReason.SUBJECT_MISMATCH, "validate", detail, fact.name)
    if envelope.subject != stated and not _is_place(envelope.subject):
        detail = "the envelope's subject: letters, digits and . _ : / - are expected"
        return Refusal(RefusalReason.INVALID_HEADER, "decode", detail, fact.name)
    if key is None or key != envelope.subject.encode():
        detail = "the record's key: the same text as the envelope's subject is expected"
        return Refusal(RefusalReason.KEY_MISMATCH, "validate", detail, fact.name)
    if subject != envelope.subject:
        envelope = replace(envelope, subject=subject)
    return Received(envelope, body, content, fact.name)


def _in_one_spelling(fact: EventType, subject: str) -> str:
    model = fact.newest
    return model.subject_in_one_spelling(subject) if issubclass(model, v.Body) else subject


def _body(
    fact: EventType, number: int, value: bytes | None, *, largest: int, strict: bool = False
) -> tuple[v.Body, bytes, str | None] | Refusal:
    """The body in the newest version, its canonical content, and the subject that it states, if it does."""
    model = fact.versions[number - 1].body
    document = read_canonical(value, largest=largest)
    if document is not None and value is not None:
        content = value
    else:
        careful = read_object(value, largest=largest, names=field_names(model))
        if isinstance(careful, Refusal):
            return replace(careful, type_name=fact.name)
        document, content = careful, canonical(careful)
    if fact.withdrawn is not None and _taken_back(document):
        model = fact.withdrawn
    body = _validated(model, content, fact, extra="forbid" if strict else "ignore")
    if isinstance(body, Refusal):
        return body
    stated = subject_of(body)
    return _newest(body, fact, number), content, stated


def _taken_back(document: Mapping[str, Any]) -> bool:
    return document.get("withdrawn", False) is not False


def _accepted(fact: EventType, number: int, content: bytes) -> v.Body | Refusal:
    model = fact.versions[number - 1].body
    if fact.withdrawn is not None and b'"withdrawn"' in content and _taken_back(json.loads(content)):
        model = fact.withdrawn
    body = _validated(model, content, fact, extra="ignore")
    return body if isinstance(body, Refusal) else _newest(body, fact, number)


def _validated(
    model: type[v.Frozen], content: bytes, fact: EventType, *, extra: Literal["forbid", "ignore"]
) -> v.Frozen | Refusal:
    try:
        return model.model_validate_json(content, strict=True, extra=extra)
    except ValidationError as error:
        return replace(refusal_of(error, model), type_name=fact.name)


def _newest(body: v.Frozen, fact: EventType, number: int) -> v.Body:
    """The same in the newest version; a withdrawn one is alike in all."""
    if not isinstance(body, v.Withdrawn):
        for later in fact.versions[number:]:
            if later.upcast is not None:
                body = later.upcast(body)
    # What is sent out is no Body; whoever reads those topics knows what it asked for.
    return cast(v.Body, body)


def _is_place(text: str) -> bool:
    try:
        _PLACE.validate_python(text)
    except ValidationError:
        return False
    return True
