"""JSON from outside, read without trusting that a field has the type that its sender's schema says."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from schemas.bounded_json import read_object
from schemas.refusals import Refusal

MAX_BYTES = 5_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NOTHING: Mapping[str, Any] = {}

Object = Mapping[str, Any]


def parsed(message: bytes, names: frozenset[str]) -> Object | Refusal:
    """The one object of a message, or why there is none. A list counts as an object that holds its items, and a byte
    order mark, which gateways add, is forgiven. `names`: the fields that a refusal may repeat."""
    content = message.removeprefix(BYTE_ORDER_MARK).strip(b" \t\r\n")
    if content.startswith(b"["):
        content = b'{"messages":' + content + b"}"
    return read_object(content, largest=MAX_BYTES, names=names)


def may_be_json(said: str) -> bool:
    """Whether a text may be an object or a list of its own, as gateways put each other's messages into texts."""
    return said.lstrip()[:1] in ("{", "[") and '"' in said


def objects(holder: Object, *names: str) -> list[Object]:
    """All objects in the fields of these names, whether a field holds one or a list of them."""
    found = [holder.get(name) for name in names]
    listed = [value if isinstance(value, list) else [value] for value in found]
    return [each for values in listed for each in values if isinstance(each, dict)]


def inside(holder: Object, *path: str) -> Object:
    """The object at the end of this path; an empty one where there is none."""
    for name in path:
        holder = next(iter(objects(holder, name)), NOTHING)
    return holder


def text(holder: Object, *names: str) -> str:
    """The first of these fields that says something, without white space at its ends. A number counts as its digits."""
    return next((said for name in names if (said := _written(holder.get(name)))), "")


def first_text(holders: Iterable[Object], *names: str) -> str:
    """The first that any of these objects says in one of these fields."""
    return next((said for holder in holders if (said := text(holder, *names))), "")


def truth(holder: Object, name: str) -> bool | None:
    value = holder.get(name)
    return value if isinstance(value, bool) else None


def number(holder: Object, name: str) -> int | None:
    """A whole number, also one that is written as a text; None for one of more than nine digits."""
    said = text(holder, name)
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 9 else None


def _written(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
