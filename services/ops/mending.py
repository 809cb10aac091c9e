"""What a writer is told beside a refusal, on the own screen alone: unlike a dead letter it may repeat what is there."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from schemas.envelope import ATTRIBUTES
from schemas.field_errors import models_in
from schemas.refusals import Refusal, RefusalReason
from schemas.registry import REGISTRY, Stream, subject_of

AROUND = frozenset({*ATTRIBUTES, "data", "dataschema"})
VERSION = re.compile(r"\.v[0-9]+$")
LIKE = 0.5


def hint(document: bytes, refusal: Refusal) -> str | None:
    """What to write instead; None where the refusal says all that is known."""
    if refusal.reason not in (
        RefusalReason.UNKNOWN_TYPE,
        RefusalReason.UNKNOWN_FIELD,
        RefusalReason.SUBJECT_MISMATCH,
    ):
        return None
    written = json.loads(document)  # it was read before it was refused for one of these
    if refusal.reason is RefusalReason.UNKNOWN_TYPE:
        return _type(str(written.get("type")))
    if refusal.reason is RefusalReason.SUBJECT_MISMATCH:
        return _subject(written)
    unknown = dict(_unknown(written))
    return "; ".join(f"unknown field: {name}{_perhaps(name, known)}" for name, known in unknown.items()) or None


def _perhaps(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=LIKE)
    return f" (did you mean {near[0]}?)" if near else ""


def _type(written: str) -> str:
    """The type that may be meant, and those of its stream that people may publish; without one all such streams."""
    streams = [stream for stream in REGISTRY.streams if stream.direction == "in"]
    known = {_short(fact.name): (stream, fact.on_the_wire[-1]) for stream in streams for fact in stream.types}
    near = difflib.get_close_matches(_short(VERSION.sub("", written)), known, n=1, cutoff=LIKE)
    if not near:
        return "these may be published: " + "; ".join(map(_types, streams))
    stream, meant = known[near[0]]
    return f"did you mean {meant}? {_types(stream)}"


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _types(stream: Stream) -> str:
    return f"{stream.topic} has {', '.join(name for fact in stream.types for name in fact.on_the_wire)}"


def _subject(written: Mapping[str, Any]) -> str | None:
    found = REGISTRY.find(written["type"])
    if isinstance(found, Refusal):
        return None
    fact, number = found
    body = fact.versions[number - 1].body.model_validate_json(json.dumps(written["data"]))
    subject = subject_of(body)
    name = next((name for name in type(body).model_fields if getattr(body, name) == subject), None)
    return f"expected: the {name}, which is {subject}" if name else f"expected: {subject}"


def _unknown(written: Mapping[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    """The unknown fields of the content and of the attributes around it, each with the names that are known there."""
    found = REGISTRY.find(str(written.get("type")))
    if not isinstance(found, Refusal) and isinstance(written.get("data"), dict):
        fact, number = found
        withdrawn = fact.withdrawn if written["data"].get("withdrawn") else None
        try:
            model = withdrawn or fact.versions[number - 1].body
            model.model_validate_json(json.dumps(written["data"]), strict=True, extra="forbid")
        except ValidationError as error:
            known = frozenset(name for part in models_in(model) for name in part.model_fields)
            for one in error.errors():
                if one["type"] == "extra_forbidden":
                    yield str(one["loc"][-1]), known
    for name in sorted(written.keys() - AROUND):
        yield name, AROUND
