"""Find the names in a record, whatever else is wrong with it: people search refused records by them."""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from pydantic import BaseModel

from schemas import identifiers
from schemas.classes import DataClass, Marked
from schemas.envelope import Headers
from schemas.streams import REGISTRY
from schemas.values import unstorable

SHORTEST_NAME, LONGEST_NAME = 5, 200  # shorter are codes, as of a force
MOST_NAMES = 200
MOST_READ = 20_000  # texts: a large hearing repeats its references
NAMING_HEADERS = frozenset({"ce_id", "ce_subject"})
NAMING_ATTRIBUTES = frozenset({"id", "subject"})


def carried(key: bytes | None, value: bytes | None, headers: Headers) -> frozenset[str]:
    """The id of the event, its subject and every reference in its content, as `sought` spells them. Nothing is refused
    here: what cannot be read carries no name."""
    delivered = [key or b"", *(text or b"" for name, text in headers if name in NAMING_HEADERS)]
    texts = [text.decode("utf-8", errors="ignore") for text in delivered]
    texts += sorted(_in_content(value))
    found = {name for text in texts for part in _parts(text) for name in spellings(part)}
    return frozenset(sorted(found)[:MOST_NAMES])


def sought(asked: str) -> frozenset[str]:
    """What somebody types, in every spelling under which a record may carry it; of a party also its incident."""
    crime, slash, party = asked.strip().partition("/")
    of_a_party = bool(slash) and party.removeprefix("party/").isdigit()
    return frozenset((*spellings(asked), *(spellings(crime) if of_a_party else ())))


def spellings(text: str) -> Iterator[str]:
    """In capitals without blanks, and in the one form of a case number or an arrest/summons number."""
    plain = "".join(text.split()).upper()
    if not SHORTEST_NAME <= len(plain) <= LONGEST_NAME or unstorable(plain):
        return
    yield plain
    yield from filter(None, (identifiers.urn(plain), identifiers.asn(plain)))
    if "/" in plain:
        yield identifiers.case(plain)


def _parts(text: str) -> Iterator[str]:
    """A place and what it begins with: `54DC0012326/2654DC0100000004711B/C54SD00/2026-03-02` names its case, too."""
    steps = text.split("/")
    for number in range(1, len(steps) + 1):
        yield "/".join(steps[:number])
    if len(steps) > 1:
        yield steps[1]


def _in_content(value: bytes | None) -> frozenset[str]:
    """The first texts of fields that hold references. The content is searched and never parsed: it may be cut short, or
    so large that a parser would take seconds and many times its memory."""
    found: set[str] = set()
    literals = (literal[0] for field in _named().finditer(value or b"") for literal in _TEXT.finditer(field["said"]))
    for literal in islice(literals, MOST_READ):
        if len(found) == MOST_NAMES:
            break
        try:
            text = json.loads(literal, strict=False)
        except ValueError:
            continue
        if any(letter.isdigit() for letter in text):
            found.add(text)
    return frozenset(found)


_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


@cache
def _named() -> re.Pattern[bytes]:
    """A field that holds references with its text, if a digit is in it, or with the texts that its list begins with."""
    fields = "|".join(map(re.escape, sorted(reference_fields()))).encode()
    said = rb'(?="[^"0-9]*+[0-9])%b|\[\s*+(?:%b\s*+,?+\s*+)++' % (_TEXT.pattern, _TEXT.pattern)
    return re.compile(rb'"(?:%b)"\s*+:\s*+(?P<said>%b)' % (fields, said), re.DOTALL)


@cache
def reference_fields() -> frozenset[str]:
    """The fields of all types that hold references, and the two attributes of an envelope that do."""
    bodies: list[type[BaseModel]] = [
        version.body
        for stream, fact in REGISTRY.types.values()
        if stream.direction == "in"
        for version in fact.versions
    ]
    return NAMING_ATTRIBUTES.union(name for body in _with_parts(bodies) for name in _references_of(body))


def _with_parts(models: Iterable[type[BaseModel]]) -> frozenset[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    left = list(models)
    while left:
        if (model := left.pop()) not in found:
            found.add(model)
            left += (part for field in model.model_fields.values() for part in _models_in(field.annotation))
    return frozenset(found)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)


def _references_of(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if any(isinstance(mark, Marked) and mark.data_class is DataClass.R for mark in field.metadata):
            yield name
