"""Read JSON within bounds: limited depth and size, UTF-8, each key once, finite 64-bit numbers, text that can be
stored."""

import codecs
import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from pydantic_core import from_json, to_json

from schemas.refusals import Refusal, RefusalReason, Step, spoken_path
from schemas.values import MAX_INT, MIN_INT, unstorable

DEEPEST = 32  # bodies nest six deep; the parser of the standard library recurses

# Whole strings and all between brackets, up to a bracket, a string that never ends or the end: each byte is read once.
_TO_THE_NEXT_BRACKET = re.compile(
    rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+(?:(?P<opens>[\[{])|(?P<closes>[\]}])|(?P<endless>")|\Z)', re.DOTALL
)
_UNSTORABLE_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")  # NUL, halves of surrogate pairs, and whole pairs
_MOST_DIGITS = len(str(MAX_INT)) + 1
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_NO_NAMES: frozenset[str] = frozenset()


class _Problem(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, reason: RefusalReason, detail: str) -> None:
        self.refusal = Refusal(reason, "decode", detail)


class _TooLarge:
    """Marks a whole number that is too large, until its place in the document is known."""


def read_object(content: bytes | None, *, largest: int, names: frozenset[str] = _NO_NAMES) -> dict[str, Any] | Refusal:
    """The one object in `content`, or why it is refused. `names`: field names that a refusal may repeat."""
    try:
        return _read(content, largest, names)
    except _Problem as problem:
        return problem.refusal


def read_canonical(content: bytes | None, *, largest: int) -> dict[str, Any] | None:
    """The one object in `content` where it is written as `canonical` writes it and nothing in it is odd, as in most
    records; else None, and `read_object` says what it is or why it is refused.

    It is parsed and written again by a library: where that gives the very same bytes, no key came twice and nothing was
    spelt otherwise. Real numbers, which the library may spell in its own way, are left to `read_object`.
    """
    if not content or len(content) > largest or b"\\u0000" in content:
        return None
    try:
        value = from_json(content, allow_inf_nan=False)
    except ValueError:
        return None
    if type(value) is not dict or to_json(value) != content or not _is_canonical(value):
        return None
    return value


def _is_canonical(document: dict[str, Any]) -> bool:
    """Whether keys are in order, whole numbers fit, and there are no real ones; level by level, and no deeper than is
    taken."""
    level: list[Any] = [document]
    for _ in range(DEEPEST):
        if any(type(each) is dict and list(each) != sorted(each) for each in level):
            return False
        values = [v for each in level for v in (each.values() if type(each) is dict else each) if type(v) is not str]
        if any(type(v) is float or (type(v) is int and not MIN_INT <= v <= MAX_INT) for v in values):
            return False
        level = [v for v in values if type(v) is dict or type(v) is list]
        if not level:
            return True
    return False


def canonical(value: Any) -> bytes:
    """The one way of writing a JSON value: sorted keys, no spaces, UTF-8. Raises ValueError for NaN and surrogates."""
    return _canonical(value).encode()


def _read(content: bytes | None, largest: int, names: frozenset[str]) -> dict[str, Any]:
    if not content:
        raise _Problem(
            RefusalReason.INCOMPLETE, "the record has no content; a fact is taken back by a withdrawn version"
        )
    if len(content) > largest:
        raise _Problem(RefusalReason.TOO_LARGE, f"the content has {len(content)} bytes, at most {largest} are taken")
    text = _text(content)
    left_open = _left_open(content)
    odd: list[Any] = []
    real = _real(odd)
    try:
        value = json.loads(
            text, object_pairs_hook=_pairs(names), parse_int=_whole(odd), parse_float=real, parse_constant=real
        )
    except json.JSONDecodeError as error:
        raise _not_json(text, error, left_open=left_open) from None
    if not isinstance(value, dict):
        raise _Problem(RefusalReason.INVALID_FIELD, "the content: one JSON object is expected")
    if odd or _UNSTORABLE_ESCAPE.search(text):  # seldom: only the whole document tells which field it is
        for path, leaf in _leaves(value, ()):
            _check(path, leaf, names)
    return value


def _text(content: bytes) -> str:
    if content.startswith(codecs.BOM_UTF8):
        detail = "the content begins with a byte order mark; UTF-8 without one is expected"
        raise _Problem(RefusalReason.WRONG_ENCODING, detail)
    if (encoding := json.detect_encoding(content)) != "utf-8":
        raise _Problem(RefusalReason.WRONG_ENCODING, f"the content is {encoding.upper()}; UTF-8 is expected")
    if b"\x00" in content:
        raise _Problem(RefusalReason.NUL_CHARACTER, f"the content holds NUL at byte {content.index(0)}")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise _Problem(
            RefusalReason.WRONG_ENCODING, f"the content is not UTF-8 from byte {error.start} on; UTF-8 is expected"
        ) from None


def _left_open(content: bytes) -> bool:
    """Whether a string or bracket is still open at the end; never recurses, so it runs before the parser."""
    depth = 0
    for found in _TO_THE_NEXT_BRACKET.finditer(content):
        match found.lastgroup:
            case "opens":
                depth += 1
                if depth > DEEPEST:
                    raise _Problem(RefusalReason.TOO_DEEP, f"the content is nested deeper than {DEEPEST} levels")
            case "closes":
                depth -= 1
            case "endless":
                return True
    return depth > 0


def _not_json(text: str, error: json.JSONDecodeError, *, left_open: bool) -> _Problem:
    at = f"line {error.lineno}, column {error.colno}"
    if text.lstrip().startswith("<"):
        return _Problem(RefusalReason.NOT_JSON, "the content looks like XML; one JSON object is expected")
    if not text.strip() or left_open:
        return _Problem(RefusalReason.INCOMPLETE, f"the content stops before its end ({at})")
    if error.msg == "Extra data":
        return _Problem(RefusalReason.NOT_JSON, f"the content goes on after its end, at {at}; one object is expected")
    return _Problem(RefusalReason.NOT_JSON, f"the content stops being JSON at {at}")


def _pairs(names: frozenset[str]) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            raise _Problem(RefusalReason.DUPLICATE_KEY, f"{spoken_path((twice,), names)}: given more than once")
        return found

    return once


def _whole(odd: list[Any]) -> Callable[[str], int | _TooLarge]:
    def read(digits: str) -> int | _TooLarge:
        # Converting a very long text of digits costs quadratic time, and Python refuses it.
        number = int(digits) if len(digits) <= _MOST_DIGITS else _TooLarge()
        if _too_large(number):
            odd.append(number)
        return number

    return read


def _real(odd: list[Any]) -> Callable[[str], float]:
    def read(digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            odd.append(number)
        return number

    return read


def _too_large(number: int | _TooLarge) -> bool:
    return isinstance(number, _TooLarge) or not MIN_INT <= number <= MAX_INT


def _leaves(value: Any, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key), key
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*path, number))
    else:
        yield path, value


def _check(path: tuple[Step, ...], leaf: Any, names: frozenset[str]) -> None:
    def refuse(reason: RefusalReason, expected: str) -> NoReturn:
        raise _Problem(reason, f"{spoken_path(path, names)}: {expected}")

    if isinstance(leaf, str):
        if unstorable(leaf):
            if "\x00" in leaf:
                refuse(RefusalReason.NUL_CHARACTER, "the text holds NUL, which cannot be stored")
            refuse(RefusalReason.HALF_A_CHARACTER, "the text holds half of a surrogate pair; Unicode text is expected")
    elif isinstance(leaf, float):
        if not math.isfinite(leaf):
            refuse(RefusalReason.NOT_FINITE_NUMBER, "a finite number is expected")
    elif isinstance(leaf, int | _TooLarge) and _too_large(leaf):
        refuse(RefusalReason.NUMBER_TOO_LARGE, "a whole number of at most 64 bits is expected")
