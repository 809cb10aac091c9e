"""Records that must be refused, each with its reason: one table for the tests and the docs."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.envelope import Record
from schemas.refusals import RefusalReason
from schemas.registry import Publication, publication

TOPIC = "police.incidents"
GOOD = Path(__file__).parent / "examples/police.incidents/incident-reported/high-risk-strangulation.json"
Change = Callable[[Record], Record]


@dataclass(frozen=True, slots=True)
class BadInput:
    """`spoil` makes it out of a good record; None where it shows only beside policy, the clock or what came before."""

    what: str
    reason: RefusalReason
    spoil: Change | None = None


def good_record() -> Record:
    """A record that is accepted."""
    ready = publication(GOOD.read_bytes())
    assert isinstance(ready, Publication)  # noqa: S101 - the examples are tested
    return ready.record


def _content(value: bytes) -> Change:
    return lambda record: record._replace(value=value)


def _header(name: str, value: bytes | None) -> Change:
    def spoil(record: Record) -> Record:
        rest = tuple(header for header in record.headers if header[0] != name)
        return record._replace(headers=rest if value is None else (*rest, (name, value)))

    return spoil


def _twice(name: str) -> Change:
    return lambda record: record._replace(headers=(*record.headers, (name.upper(), b"another")))


def _field(change: Callable[[dict[str, Any]], object]) -> Change:
    def spoil(record: Record) -> Record:
        body = json.loads(record.value)
        change(body)
        return record._replace(value=json.dumps(body).encode())

    return spoil


def _text(written: bytes) -> Change:
    """The circumstances, replaced by raw bytes between their quotes."""

    def spoil(record: Record) -> Record:
        body = json.loads(record.value) | {"circumstances": "HERE"}
        return record._replace(value=json.dumps(body).encode().replace(b'"HERE"', written))

    return spoil


R = RefusalReason
BAD_INPUT: tuple[BadInput, ...] = (
    BadInput("not JSON", R.NOT_JSON, _content(b"{'crime_reference': 1}")),
    BadInput("two documents in one", R.NOT_JSON, lambda record: record._replace(value=record.value * 2)),
    BadInput("XML where JSON belongs", R.NOT_JSON, _content(b"<Incident/>")),
    BadInput(
        "half a message", R.INCOMPLETE, lambda record: record._replace(value=record.value[: len(record.value) // 2])
    ),
    BadInput("an empty message", R.INCOMPLETE, _content(b"")),
    BadInput("a list instead of an object", R.INVALID_FIELD, _content(b"[]")),
    BadInput("UTF-16", R.WRONG_ENCODING, lambda record: record._replace(value=record.value.decode().encode("utf-16"))),
    BadInput("Latin-1", R.WRONG_ENCODING, _text('"Zoë"'.encode("latin-1"))),
    BadInput(
        "a byte order mark", R.WRONG_ENCODING, lambda record: record._replace(value=b"\xef\xbb\xbf" + record.value)
    ),
    BadInput("half of a surrogate pair", R.HALF_A_CHARACTER, _text(b'"\\ud83d"')),
    BadInput("a NUL in a text", R.NUL_CHARACTER, _text(b'"\\u0000"')),
    BadInput("NaN", R.NOT_FINITE_NUMBER, _text(b"NaN")),
    BadInput("a number beyond all floats", R.NOT_FINITE_NUMBER, _text(b"1e999")),
    BadInput("a whole number beyond 64 bits", R.NUMBER_TOO_LARGE, _text(b"9223372036854775808")),
    BadInput("two million digits", R.TOO_LARGE, _text(b"9" * 2_000_000)),
    BadInput("a content larger than the stream takes", R.TOO_LARGE, _text(b'"' + b"x" * 300_000 + b'"')),
    BadInput("headers without end", R.TOO_LARGE, _header("ce_correlationid", b"x" * 20_000)),
    BadInput("a hundred lists in each other", R.TOO_DEEP, _text(b"[" * 100 + b"]" * 100)),
    BadInput("the same key twice", R.DUPLICATE_KEY, _text(b'"once", "circumstances": "twice"')),
    BadInput("no id", R.MISSING_HEADER, _header("ce_id", None)),
    BadInput("no headers at all", R.MISSING_HEADER, lambda record: record._replace(headers=())),
    BadInput("an id twice", R.INVALID_HEADER, _twice("ce_id")),
    BadInput("a header that is not UTF-8", R.INVALID_HEADER, _header("ce_source", b"\xff\xfe")),
    BadInput("a time without its offset", R.INVALID_HEADER, _header("ce_time", b"2026-03-02T12:00:00")),
    BadInput("a version that is no number", R.INVALID_HEADER, _header("ce_factversion", b"two")),
    BadInput("a content type that is not JSON", R.INVALID_HEADER, _header("content-type", b"text/csv")),
    BadInput("an unknown type", R.UNKNOWN_TYPE, _header("ce_type", b"uk.police.parking-fined.v1")),
    BadInput("an unknown version", R.UNKNOWN_VERSION, _header("ce_type", b"uk.police.incident-reported.v9")),
    BadInput("a type of another stream", R.WRONG_STREAM, _header("ce_type", b"uk.court.hearing-resulted.v1")),
    BadInput("an unknown coded value", R.UNKNOWN_VALUE, _field(lambda body: body.update(support_referral="maybe"))),
    BadInput("a number where a text belongs", R.INVALID_FIELD, _field(lambda body: body.update(crime_reference=7))),
    BadInput(
        "a text where a number belongs", R.INVALID_FIELD, _field(lambda body: body["parties"][0].update(age="32"))
    ),
    BadInput(
        "a date that no calendar has",
        R.INVALID_FIELD,
        _field(lambda body: body.update(reported_at="2026-02-30T10:00:00Z")),
    ),
    BadInput(
        "a year before 1900",
        R.INVALID_FIELD,
        _field(lambda body: body.update(safe_contact_recorded_on="0093-04-18")),
    ),
    BadInput("the same party number twice", R.INVALID_FIELD, _field(lambda body: body["parties"][1].update(number=1))),
    BadInput("a missing field", R.MISSING_FIELD, _field(lambda body: body.pop("parties"))),
    BadInput(
        "a subject that the content does not have",
        R.SUBJECT_MISMATCH,
        lambda record: _header("ce_subject", b"another")(record)._replace(key=b"another"),
    ),
    BadInput("a key that is not the subject", R.KEY_MISMATCH, lambda record: record._replace(key=b"another")),
    BadInput("no key", R.KEY_MISMATCH, lambda record: record._replace(key=b"")),
    BadInput("a source time more than an hour ahead", R.SOURCE_TIME_AHEAD),
    BadInput("the same source and id with another content or version", R.ID_REUSED),
    BadInput("a force that the policy does not know", R.UNKNOWN_FORCE),
    BadInput("an agency that the policy does not know", R.UNKNOWN_AGENCY),
    BadInput("an agency that may not state this", R.NOT_ENTITLED),
    BadInput("a link of a placeholder", R.PLACEHOLDER_NAMED),
    BadInput("a value that the database cannot hold", R.NOT_STORABLE),
    BadInput("a court message that is not XML", R.NOT_XML),
    BadInput("XML with entities", R.XML_ENTITIES),
    BadInput("XML that is no court result", R.NOT_A_COURT_RESULT),
)
