"""The contract in one table, stream to types to versions to body, and how records are read and written by it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, cast, runtime_checkable

from pydantic import TypeAdapter, ValidationError

from schemas import values as v
from schemas.agency_notifications import v1 as notifications_v1
from schemas.agency_responses import v1 as responses_v1
from schemas.bounded_json import canonical, read_object
from schemas.court_convictions import v1 as convictions_v1
from schemas.court_order_variations import v1 as orders_v1
from schemas.envelope import (
    LARGEST_HEADERS,
    LONGEST_KEY,
    Envelope,
    Headers,
    Record,
    VersionBasis,
    event_id,
    from_document,
    from_headers,
    is_structured,
    to_record,
    version_of,
)
from schemas.field_errors import field_names, refusal_of
from schemas.police_incidents import v1 as incidents_v1
from schemas.referral_decisions import v1 as decisions_v1
from schemas.refusals import Refusal, RefusalReason

__all__ = [
    "REGISTRY",
    "STREAMS",
    "Envelope",
    "FactType",
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
    "event",
    "publication",
]

Said = TypeVar("Said", bound=v.Frozen)

KIB = 1024
_PLACE: TypeAdapter[str] = TypeAdapter(v.Place)
_TYPE = re.compile(r"(uk\.[a-z]+\.[a-z]+(?:-[a-z0-9]+)*)\.v([1-9][0-9]{0,2})")


@runtime_checkable
class Stated(Protocol):
    """A body that says what it is about."""

    @property
    def subject(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Version:
    """One major version of a type. `upcast`: from the body of the version before; pure; None for the first."""

    body: type[v.Frozen]
    upcast: Callable[[Any], v.Frozen] | None = None


@dataclass(frozen=True, slots=True)
class FactType:
    """`name` has no version. `versions`: from v1 on, no gaps. `withdrawn`: None where nothing is ever taken back."""

    name: str
    versions: tuple[Version, ...]
    withdrawn: type[v.Withdrawn] | None = v.Withdrawn

    @property
    def newest(self) -> type[v.Frozen]:
        return self.versions[-1].body

    @property
    def on_the_wire(self) -> tuple[str, ...]:
        """`uk.police.incident-reported.v1`, oldest first."""
        return tuple(f"{self.name}.v{number}" for number, _ in enumerate(self.versions, 1))


@dataclass(frozen=True, slots=True)
class Stream:
    """A topic, or with `{agency}` in its name one topic for each agency.

    `direction`: into the relay, or out of it. `publishers`: in words, who writes it. `owner`: the service that answers
    for it: dead letters, archive, what is linked to nobody. `readers`: the other services, or in words who outside
    reads it. `largest_message`: bytes of content.
    """

    topic: str
    direction: Literal["in", "out"]
    publishers: tuple[str, ...]
    owner: str
    readers: tuple[str, ...]
    types: tuple[FactType, ...]
    partitions: int
    retention_days: int
    largest_message: int

    @property
    def dead_letter(self) -> str:
        return f"{self.topic}.dlq"

    @property
    def largest_record(self) -> int:
        """What the broker takes: more than is accepted, so that what is too large is refused with its reason."""
        return 2 * self.largest_message + LARGEST_HEADERS

    @property
    def largest_dead_letter(self) -> int:
        return self.largest_record + 2 * LARGEST_HEADERS

    def topic_for(self, agency: str) -> str:
        return self.topic.format(agency=agency)


@dataclass(frozen=True)
class Registry:
    """A contract: this project's is `REGISTRY`; a test may make its own."""

    streams: tuple[Stream, ...]

    @cached_property
    def types(self) -> Mapping[str, tuple[Stream, FactType]]:
        """Every type by its name without version."""
        return {fact.name: (stream, fact) for stream in self.streams for fact in stream.types}

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], Stream], ...]:
        named = ((re.escape(stream.topic), stream) for stream in self.streams)
        return tuple((re.compile(name.replace(r"\{agency\}", "[a-z0-9][a-z0-9-]*")), stream) for name, stream in named)

    def stream_of(self, topic: str) -> Stream:
        """The stream that a topic belongs to. KeyError for one that is in no contract: nobody should read it."""
        for pattern, stream in self._patterns:
            if pattern.fullmatch(topic):
                return stream
        raise KeyError(topic)

    def topic_of(self, name: str) -> str:
        """The topic on which a type (without version) is published. KeyError for an unknown one."""
        return self.types[name][0].topic

    def owned_by(self, service: str) -> tuple[Stream, ...]:
        return tuple(stream for stream in self.streams if stream.owner == service)

    def read_by(self, service: str) -> tuple[str, ...]:
        """The topics that a service reads, its own included."""
        incoming = (stream for stream in self.streams if stream.direction == "in")
        return tuple(s.topic for s in incoming if s.owner == service or service in s.readers)

    def find(self, type_: str, stream: Stream | None = None) -> tuple[FactType, int] | Refusal:
        """The type and major version that a `ce_type` names, expected on `stream` if given."""
        here = [name for s in ([stream] if stream else self.streams) for fact in s.types for name in fact.on_the_wire]
        match = _TYPE.fullmatch(type_)
        name = match[1] if match else re.sub(r"\.v[^.]*$", "", type_)
        if name not in self.types:
            expected = ", ".join(here) or "nothing yet"
            return Refusal(RefusalReason.UNKNOWN_TYPE, "decode", f"ce_type: unknown; known on this stream: {expected}")
        home, fact = self.types[name]
        if stream is not None and home is not stream:
            return Refusal(
                RefusalReason.WRONG_STREAM, "decode", f"ce_type: this type is published on {home.topic}", name
            )
        if match is None or int(match[2]) > len(fact.versions):
            expected = ", ".join(fact.on_the_wire)
            return Refusal(RefusalReason.UNKNOWN_VERSION, "decode", f"ce_type: known versions are {expected}", name)
        return fact, int(match[2])


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


def _fact(name: str, body: type[v.Frozen], withdrawn: type[v.Withdrawn] | None = v.Withdrawn) -> FactType:
    return FactType(name, (Version(body),), withdrawn)


def _said_by_agency(name: str, body: type[responses_v1.AgencyBody]) -> FactType:
    return _fact(name, body, responses_v1.WithdrawnByAgency)


STREAMS: tuple[Stream, ...] = (
    Stream(
        topic="police.incidents",
        direction="in",
        publishers=("police record systems", "police custody systems"),
        owner="incidents",
        readers=("convictions", "order_variations"),
        types=(
            _fact("uk.police.incident-reported", incidents_v1.IncidentReported),
            _fact("uk.police.risk-assessed", incidents_v1.RiskAssessed),
            _fact("uk.police.children-linked", incidents_v1.ChildrenLinked),
            _fact("uk.police.charge-preferred", incidents_v1.ChargePreferred),
        ),
        partitions=6,
        retention_days=28,
        largest_message=256 * KIB,
    ),
    Stream(
        topic="court.convictions",
        direction="in",
        publishers=("court result adapters",),
        owner="convictions",
        readers=("order_variations",),
        types=(_fact("uk.court.hearing-resulted", convictions_v1.HearingResulted),),
        partitions=3,
        retention_days=28,
        largest_message=512 * KIB,
    ),
    Stream(
        topic="court.order-variations",
        direction="in",
        publishers=("court result adapters", "court application adapters"),
        owner="order_variations",
        readers=("incidents", "convictions"),
        types=(
            _fact("uk.court.orders-resulted", orders_v1.OrdersResulted),
            _fact("uk.court.application-lodged", orders_v1.ApplicationLodged),
            _fact("uk.court.application-withdrawn", orders_v1.ApplicationWithdrawn),
            _fact("uk.court.application-decided", orders_v1.ApplicationDecided),
        ),
        partitions=3,
        retention_days=28,
        largest_message=512 * KIB,
    ),
    Stream(
        topic="agency.responses",
        direction="in",
        publishers=("agencies, through their gateways and the relay command",),
        owner="responses",
        readers=("incidents", "convictions", "order_variations"),
        types=(
            _said_by_agency("uk.agency.acknowledged", responses_v1.Acknowledged),
            _said_by_agency("uk.agency.accepted", responses_v1.Accepted),
            _said_by_agency("uk.agency.declined", responses_v1.Declined),
            _said_by_agency("uk.agency.decided", responses_v1.Decided),
            _said_by_agency("uk.agency.link-made", responses_v1.LinkMade),
            _said_by_agency("uk.agency.link-refused", responses_v1.LinkRefused),
            _said_by_agency("uk.agency.attribution-confirmed", responses_v1.AttributionConfirmed),
        ),
        partitions=3,
        retention_days=28,
        largest_message=64 * KIB,
    ),
    Stream(
        topic="agency.{agency}.notifications",
        direction="out",
        publishers=("incidents", "convictions", "order_variations", "responses"),
        owner="responses",
        readers=("the agency of that id, and nobody else",),
        types=(_fact("uk.relay.notification-issued", notifications_v1.NotificationIssued, None),),
        partitions=1,
        retention_days=28,
        largest_message=256 * KIB,
    ),
    Stream(
        topic="referral.decisions",
        direction="out",
        publishers=("incidents", "convictions", "order_variations", "responses"),
        owner="responses",
        readers=("audit",),
        types=(_fact("uk.relay.looked", decisions_v1.Looked, None),),
        partitions=3,
        retention_days=28,
        largest_message=512 * KIB,
    ),
)
REGISTRY = Registry(STREAMS)


def decode(
    topic: str, key: bytes | None, value: bytes | None, headers: Headers, registry: Registry = REGISTRY
) -> Received | Refusal:
    """What a record says, or why it is refused; never raises for what a publisher sent. KeyError: unknown topic."""
    stream = registry.stream_of(topic)
    size = sum(len(name) + len(text or b"") for name, text in headers)
    if size > LARGEST_HEADERS:
        detail = f"the headers have {size} bytes, at most {LARGEST_HEADERS} are taken"
        return Refusal(RefusalReason.TOO_LARGE, "decode", detail)
    read = _structured(value, stream, registry) if is_structured(headers) else _binary(value, headers, stream, registry)
    if isinstance(read, Refusal):
        return read
    if key is None or key != read.envelope.subject.encode():
        detail = "the record's key: the same text as the envelope's subject is expected"
        return Refusal(RefusalReason.KEY_MISMATCH, "validate", detail, read.kind)
    return read


def encode(envelope: Envelope, body: v.Frozen) -> Record:
    """The record of an event, in binary mode. ValueError if the envelope says something else than the body."""
    if subject_of(body) not in {None, envelope.subject}:
        raise ValueError("the subject of the envelope is not that of the body")
    if len(envelope.subject) > LONGEST_KEY:
        raise ValueError(f"a key has at most {LONGEST_KEY} characters")
    return to_record(envelope, content_of(body))


def subject_of(body: v.Frozen) -> str | None:
    """What the body says that it is about; None for a withdrawn version, which says it in the envelope alone."""
    return body.subject if isinstance(body, Stated) else None


def content_of(body: v.Frozen) -> bytes:
    """Canonical JSON of a body. Defaults are left out: a field that a later release adds changes no older content."""
    return canonical(body.model_dump(mode="json", exclude_defaults=True))


def event(
    body: Said,
    type: str,  # noqa: A002
    source: str,
    time: datetime,
    version: int | None = None,
    basis: VersionBasis | None = None,
    *,
    subject: str | None = None,
    correlationid: str | None = None,
    causationid: str | None = None,
    registry: Registry = REGISTRY,
) -> tuple[Envelope, Said]:
    """The envelope for a body, its id computed. `type` may leave its version out: the newest is meant.

    Without `version` it is the microseconds of `time`, and the basis `written`, unless the caller says `receipt`.
    `subject` only for a withdrawn version, which does not say it. ValueError for a time that can be no version.
    """
    if type in registry.types:
        type = registry.types[type][1].on_the_wire[-1]  # noqa: A001
    about = subject_of(body) or subject
    if about is None:
        raise ValueError("a withdrawn version needs the subject that it takes back")
    number = version_of(time) if version is None else version
    basis = basis or ("source" if version is not None else "written")
    identity = event_id(type, about, number, time, content_of(body))
    return Envelope(identity, type, source, about, time, number, basis, correlationid, causationid), body


def body_of(type_: str, content: str | bytes, registry: Registry = REGISTRY) -> v.Body:
    """The body of an accepted content, in the newest version. ValueError if this release cannot read it."""
    text = content.encode() if isinstance(content, str) else content
    found = registry.find(type_)
    read = found if isinstance(found, Refusal) else _body(*found, registry.types[found[0].name][0], text)
    if isinstance(read, Refusal):
        raise ValueError(f"{read.reason}: {read.detail}")  # noqa: TRY004
    return read[0]


def check_strict(type_: str, content: bytes, registry: Registry = REGISTRY) -> Refusal | None:
    """What a writer should mend: as for a reader, and fields that the type does not know, too."""
    found = registry.find(type_)
    if isinstance(found, Refusal):
        return found
    read = _body(*found, registry.types[found[0].name][0], content, strict=True)
    return read if isinstance(read, Refusal) else None


def publication(document: bytes, registry: Registry = REGISTRY) -> Publication | Refusal:
    """An event as people write it, in structured mode, ready to be sent, or what its writer should mend.

    `id` and `specversion` may be left out; so may `factversion`, which is then the microseconds of `time`.
    """
    largest = max(stream.largest_message for stream in registry.streams)
    written = read_object(document, largest=largest, names=_ENVELOPE_NAMES)
    if isinstance(written, Refusal):
        return written
    content = canonical(written.get("data"))
    envelope = from_document({"specversion": "1.0", "id": "computed", "factversion": 1} | written)
    if isinstance(envelope, Refusal):
        return envelope
    if "factversion" not in written:
        try:
            envelope = replace(envelope, factversion=version_of(envelope.time), version_basis="written")
        except ValueError as error:
            return Refusal(RefusalReason.INVALID_HEADER, "decode", f"time: {error}")
    if "id" not in written:
        e = envelope
        envelope = replace(e, id=event_id(e.type, e.subject, e.factversion, e.time, content))
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


_ENVELOPE_NAMES = frozenset({"data", *Envelope.__dataclass_fields__})


def _binary(value: bytes | None, headers: Headers, stream: Stream, registry: Registry) -> Received | Refusal:
    envelope = from_headers(headers)
    if isinstance(envelope, Refusal):
        return envelope
    found = registry.find(envelope.type, stream)
    return found if isinstance(found, Refusal) else _received(envelope, *found, stream, value)


def _structured(value: bytes | None, stream: Stream, registry: Registry) -> Received | Refusal:
    document = read_object(value, largest=stream.largest_message + LARGEST_HEADERS, names=_ENVELOPE_NAMES)
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
    return _received(envelope, *found, stream, canonical(document["data"]))


def _received(
    envelope: Envelope, fact: FactType, number: int, stream: Stream, value: bytes | None
) -> Received | Refusal:
    read = _body(fact, number, stream, value)
    if isinstance(read, Refusal):
        return read
    body, content, stated = read
    if stated is not None and stated != envelope.subject:
        detail = "the envelope's subject: what the content is about is expected, see the type's page"
        return Refusal(RefusalReason.SUBJECT_MISMATCH, "validate", detail, fact.name)
    if stated is None and not _is_place(envelope.subject):
        detail = "the envelope's subject: letters, digits and . _ : / - are expected"
        return Refusal(RefusalReason.INVALID_HEADER, "decode", detail, fact.name)
    return Received(envelope, body, content, fact.name)


def _body(
    fact: FactType, number: int, stream: Stream, value: bytes | None, *, strict: bool = False
) -> tuple[v.Body, bytes, str | None] | Refusal:
    """The body in the newest version, its canonical content, and the subject that it states, if it does."""
    model = fact.versions[number - 1].body
    document = read_object(value, largest=stream.largest_message, names=field_names(model))
    if isinstance(document, Refusal):
        return replace(document, type_name=fact.name)
    taken_back = fact.withdrawn is not None and document.get("withdrawn", False) is not False
    if taken_back and fact.withdrawn is not None:
        model = fact.withdrawn
    content = canonical(document)
    try:
        body = model.model_validate_json(content, strict=True, extra="forbid" if strict else "ignore")
    except ValidationError as error:
        return replace(refusal_of(error, model), type_name=fact.name)
    stated = subject_of(body)
    if not taken_back:
        for later in fact.versions[number:]:
            if later.upcast is not None:
                body = later.upcast(body)
    # What is sent out is no Body; whoever reads those topics knows what it asked for.
    return cast(v.Body, body), content, stated


def _is_place(text: str) -> bool:
    try:
        _PLACE.validate_python(text)
    except ValidationError:
        return False
    return True
