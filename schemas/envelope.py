"""The envelope of an event: CloudEvents 1.0 attributes, in a record's headers or around its content."""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, cast

from schemas.bounded_json import canonical
from schemas.refusals import Refusal, RefusalReason
from schemas.values import MAX_INT, RFC3339, read_moment, within_years

VersionBasis = Literal["source", "written", "receipt"]
Headers = Sequence[tuple[str, bytes | None]]

LARGEST_HEADERS = 16 * 1024
LONGEST_KEY = 200
# Publishers may pack their batches. A record that is larger than this when it is unpacked comes as the packed batch,
# under a header that names how it was packed.
LARGEST_UNPACKED = 5 * 1024 * 1024
STILL_PACKED = "relay-still-packed"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVENT_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:referral-relay:event")
FACT_IDS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:referral-relay:fact")

_PLAIN = re.compile(r"[!-~]{1,200}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,59}")
_DIGITS = re.compile(r"[0-9]{1,19}")
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_JSON_CONTENT = re.compile(r"(application|text)/([a-z0-9.-]+\+)?json( *; *charset=\"?utf-?8\"?)? *", re.IGNORECASE)
_STRUCTURED = "application/cloudevents"
_CONTENT_TYPE = "content-type"
_PREFIX = "ce_"

_NEEDED = ("specversion", "id", "source", "type", "subject", "time", "factversion")
ATTRIBUTES = (*_NEEDED, "factversionbasis", "correlationid", "causationid", "traceparent", "datacontenttype")
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "specversion": (re.compile(r"1\.0"), "1.0 is expected"),
    "id": (_ID, "1 to 60 letters, digits and . _ : - are expected, a letter or digit first"),
    "source": (_PLAIN, "1 to 200 printable ASCII characters without spaces are expected"),
    "type": (_PLAIN, "1 to 200 printable ASCII characters without spaces are expected"),
    "subject": (_PLAIN, "1 to 200 printable ASCII characters without spaces are expected"),
    "factversion": (_DIGITS, "a whole number from 1 to 9223372036854775807 is expected, written in digits"),
    "factversionbasis": (re.compile("source|written|receipt"), "source, written or receipt is expected"),
    "correlationid": (_PLAIN, "1 to 200 printable ASCII characters without spaces are expected"),
    "causationid": (_PLAIN, "1 to 200 printable ASCII characters without spaces are expected"),
    "datacontenttype": (_JSON_CONTENT, "application/json in UTF-8 is expected"),
}
_ALL_NEEDED = frozenset(_NEEDED)
_USUAL_NAMES: Mapping[str, str] = {_CONTENT_TYPE: "datacontenttype"} | {
    f"{_PREFIX}{attribute}": attribute for attribute in ATTRIBUTES if attribute != "datacontenttype"
}
_USUAL_FORMS: Mapping[str, re.Pattern[str]] = {attribute: form for attribute, (form, _) in _FORMS.items()} | {
    "time": RFC3339,
    "traceparent": _TRACE,
    "datacontenttype": re.compile("application/json"),
}


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who says what about which subject, when, in which version. `type` carries its major version.

    `version_basis`: where the version comes from: the source's own, the time at which it wrote the message, or, where
    that is missing or cannot be true, the time of receipt.
    """

    id: str
    type: str
    source: str
    subject: str
    time: datetime
    factversion: int
    version_basis: VersionBasis = "source"
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None


class Record(NamedTuple):
    """A Kafka record as it goes out: binary mode, all attributes in headers."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def event_id(type: str, subject: str, version: int, time: datetime, content: bytes) -> str:  # noqa: A002
    """The event's id, the same for the same statement whoever computes it; `content` is canonical JSON."""
    at = time.astimezone(UTC).isoformat(timespec="microseconds")
    stated = canonical([type, subject, version, at, hashlib.sha256(content).hexdigest()])
    return str(uuid.uuid5(EVENT_IDS, stated.decode()))


def id_in_message(type: str, subject: str, message: str, content: bytes) -> str:  # noqa: A002
    """The same for the same statement of the same message, whenever it is received; `message` tells it from others."""
    of_message = hashlib.sha256(message.encode(errors="surrogatepass")).hexdigest()
    stated = canonical([type, subject, of_message, hashlib.sha256(content).hexdigest()])
    return str(uuid.uuid5(EVENT_IDS, stated.decode()))


def fact_id(source: str, event: str) -> str:
    """The relay's own name for what a source said in this event: an event's id is its source's alone, and two sources
    may use one. Neither part can hold a space."""
    return str(uuid.uuid5(FACT_IDS, f"{source} {event}"))


def version_of(time: datetime) -> int:
    """The version of a source that has none: microseconds of its time. ValueError before 1970-01-01."""
    version = (time - EPOCH) // timedelta(microseconds=1)
    if version < 1:
        raise ValueError("a time after 1970-01-01T00:00:00Z is expected where no version is given")
    return version


def is_structured(headers: Headers) -> bool:
    """Whether the attributes stand around the content: by the content type, or because no header has any."""
    kind = next((value for name, value in headers if name.lower() == _CONTENT_TYPE), None)
    if kind is not None and kind.lower().startswith(_STRUCTURED.encode()):
        return True
    return not any(name.lower().startswith(_PREFIX) for name, _ in headers)


def from_headers(headers: Headers) -> Envelope | Refusal:
    """The envelope of a record in binary mode. What is given twice, by one name or by two, must be the same twice."""
    attributes: dict[str, str] = {}
    given_as: dict[str, str] = {}
    for name, value in headers:
        attribute, header = _attribute(name), name.lower()
        if attribute is None or not value:
            continue
        try:
            said = value.decode()
        except UnicodeDecodeError:
            return _refused(RefusalReason.INVALID_HEADER, f"{header}: UTF-8 is expected")
        if _meant(attribute, attributes.setdefault(attribute, said)) != _meant(attribute, said):
            names = " and ".join(dict.fromkeys((given_as[attribute], header)))
            return _refused(RefusalReason.INVALID_HEADER, f"{names}: given twice, and not the same")
        given_as.setdefault(attribute, header)
    refusal = _checked(attributes, lambda attribute: given_as.get(attribute, _header(attribute)))
    if refusal is not None:
        return refusal
    return _envelope(attributes, read_moment(attributes["time"]))


def from_usual_headers(headers: Headers) -> Envelope | None:
    """The same where each attribute is given once under its usual name, in its form, and nothing else is given, as in
    most records; else None, and `from_headers` says what it is or why it is refused."""
    attributes: dict[str, str] = {}
    for name, value in headers:
        attribute = _USUAL_NAMES.get(name)
        if attribute is None or not value or attribute in attributes:
            return None
        try:
            attributes[attribute] = said = value.decode("ascii")
        except UnicodeDecodeError:
            return None
        if not _USUAL_FORMS[attribute].fullmatch(said):
            return None
    if not attributes.keys() >= _ALL_NEEDED or not 1 <= int(attributes["factversion"]) <= MAX_INT:
        return None
    try:
        moment = within_years(read_moment(attributes["time"]))
    except ValueError:
        return None
    return _envelope(attributes, moment)


def from_document(document: Mapping[str, Any]) -> Envelope | Refusal:
    """The envelope of an event in structured mode, parsed; its `data` is the caller's."""
    attributes: dict[str, str] = {}
    for attribute in ATTRIBUTES:
        value = document.get(attribute)
        if isinstance(value, int) and attribute == "factversion" and not isinstance(value, bool):
            attributes[attribute] = str(value)  # CloudEvents' own integers end at 32 bits, so both ways are written
        elif isinstance(value, str):
            attributes[attribute] = value
        elif value is not None:
            return _refused(RefusalReason.INVALID_HEADER, f"{attribute}: a text is expected")
    refusal = _checked(attributes, str)
    if refusal is not None:
        return refusal
    return _envelope(attributes, read_moment(attributes["time"]))


def to_record(envelope: Envelope, content: bytes) -> Record:
    """The record of an event; its key is its subject."""
    headers = (
        ("ce_causationid", envelope.causationid),
        ("ce_correlationid", envelope.correlationid),
        ("ce_factversion", str(envelope.factversion)),
        ("ce_factversionbasis", envelope.version_basis),
        ("ce_id", envelope.id),
        ("ce_source", envelope.source),
        ("ce_specversion", "1.0"),
        ("ce_subject", envelope.subject),
        ("ce_time", envelope.time.astimezone(UTC).isoformat().replace("+00:00", "Z")),
        ("ce_traceparent", envelope.traceparent),
        ("ce_type", envelope.type),
        ("content-type", "application/json"),
    )
    given = tuple([(name, said.encode()) for name, said in headers if said is not None])
    return Record(envelope.subject.encode(), content, given)


def to_document(envelope: Envelope, content: bytes) -> dict[str, Any]:
    """The event in structured mode, as people write and read it."""
    written = {
        "specversion": "1.0",
        "id": envelope.id,
        "type": envelope.type,
        "source": envelope.source,
        "subject": envelope.subject,
        "time": envelope.time.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "factversion": envelope.factversion,
        "factversionbasis": None if envelope.version_basis == "source" else envelope.version_basis,
        "correlationid": envelope.correlationid,
        "causationid": envelope.causationid,
        "traceparent": envelope.traceparent,
        "data": json.loads(content),
    }
    return {name: value for name, value in written.items() if value is not None}


def _attribute(name: str) -> str | None:
    lower = name.lower()
    attribute = "datacontenttype" if lower == _CONTENT_TYPE else lower.removeprefix(_PREFIX)
    known = attribute in ATTRIBUTES and (lower == _CONTENT_TYPE or lower != attribute)
    return attribute if known else None


def _meant(attribute: str, said: str) -> str:
    """A content type without what makes no difference: case, blanks, quotes, and the charset that all JSON has."""
    if attribute != "datacontenttype":
        return said
    kind, *parameters = said.lower().replace('"', "").replace(" ", "").split(";")
    return ";".join((kind, *sorted(set(parameters) - {"charset=utf-8", "charset=utf8", ""})))


def _header(attribute: str) -> str:
    return _CONTENT_TYPE if attribute == "datacontenttype" else f"{_PREFIX}{attribute}"


def _refused(reason: RefusalReason, detail: str) -> Refusal:
    return Refusal(reason, "decode", detail)


def _checked(attributes: dict[str, str], say: Any) -> Refusal | None:
    missing = [say(name) for name in _NEEDED if not attributes.get(name)]
    if missing:
        return _refused(RefusalReason.MISSING_HEADER, f"missing: {', '.join(missing)}")
    if not _TRACE.fullmatch(attributes.get("traceparent", "")):
        attributes.pop("traceparent", None)  # W3C Trace Context: what cannot be read is treated as absent
    for name, (form, expected) in _FORMS.items():
        if name in attributes and not form.fullmatch(attributes[name]):
            return _refused(RefusalReason.INVALID_HEADER, f"{say(name)}: {expected}")
    if not 1 <= int(attributes["factversion"]) <= MAX_INT:
        return _refused(RefusalReason.INVALID_HEADER, f"{say('factversion')}: {_FORMS['factversion'][1]}")
    try:
        within_years(read_moment(attributes["time"]))
    except ValueError as error:
        return _refused(RefusalReason.INVALID_HEADER, f"{say('time')}: {error}")
    return None


def _envelope(attributes: Mapping[str, str], time: datetime) -> Envelope:
    """Of attributes that have been checked."""
    return Envelope(
        id=attributes["id"],
        type=attributes["type"],
        source=attributes["source"],
        subject=attributes["subject"],
        time=time.astimezone(UTC),
        factversion=int(attributes["factversion"]),
        version_basis=cast(VersionBasis, attributes.get("factversionbasis", "source")),
        correlationid=attributes.get("correlationid"),
        causationid=attributes.get("causationid"),
        traceparent=attributes.get("traceparent"),
    )
