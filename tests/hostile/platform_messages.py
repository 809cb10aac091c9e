"""Messages of Common Platform that nobody may believe, and odd ones that must be read: one change each to a good one."""

# ruff: noqa: ARG005, E501 - one way of spoiling a line, all called alike; nothing is kept secret by chance

import json
from collections.abc import Callable
from random import Random

from schemas.refusals import RefusalReason as R
from tests.hostile.records import MARKED, ROOT

REFERENCE = ROOT.parent / "shared" / "reference" / "common-platform"
EXAMPLES = ROOT / "schemas" / "examples" / "common-platform"
MESSAGES = tuple(file.read_bytes() for folder in (EXAMPLES, REFERENCE) for file in sorted(folder.glob("*.json")))

Way = Callable[[bytes, Random], bytes]


def hostile_platform_message(good: bytes, random: Random) -> tuple[str, bytes, frozenset[R] | None]:
    """In which way it was made, what came of it, and for which reasons it may be refused; empty where it must be read,
    None where either may be."""
    what = random.choice(tuple(WAYS))
    reasons, spoil = WAYS[what]
    return what, spoil(good, random), reasons


def _member(*members: bytes) -> Way:
    """One of these as the first member of some object."""

    def spoil(message: bytes, random: Random) -> bytes:
        compact = json.dumps(json.loads(message)).encode()
        at = random.choice([at for at in range(len(compact) - 1) if compact[at : at + 2] == b'{"'])
        return compact[: at + 1] + random.choice(members) + b", " + compact[at + 1 :]

    return spoil


def _everywhere(*values: object) -> Way:
    """One of these in place of the values of one field, wherever it stands."""

    def spoil(message: bytes, random: Random) -> bytes:
        value = random.choice(values)
        whole = json.loads(message)
        name = random.choice(sorted(set(_names(whole))))
        return json.dumps(_replaced(whole, name, value)).encode()

    return spoil


def _names(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(name for inner in value.values() for name in _names(inner))]
    return [name for inner in value for name in _names(inner)] if isinstance(value, list) else []


def _replaced(value: object, name: str, by: object) -> object:
    if isinstance(value, dict):
        return {key: by if key == name else _replaced(inner, name, by) for key, inner in value.items()}
    return [_replaced(inner, name, by) for inner in value] if isinstance(value, list) else value


def _shaken(message: bytes, random: Random) -> bytes:
    shaking = bytearray(message)
    for _ in range(random.randint(1, 5)):
        at, length = random.randrange(len(shaking) + 1), random.choice([0, 1, 1, 8])
        pieces = (b"", random.randbytes(random.choice([1, 4])), b"{", b"}", b"[", b'"', b"\\", b"\x00", b",", b"null")
        shaking[at : at + length] = random.choice(pieces)
    return bytes(shaking)


def _grown(message: bytes, random: Random) -> bytes:
    """A list many times as long, or a text."""
    whole = json.loads(message)
    lists = [each for each in _holders(whole) if isinstance(each, list) and each]
    grown = random.choice(lists)
    grown += grown[:1] * min(200, 300_000 // len(json.dumps(grown[0])))
    return json.dumps(whole).encode()


def _holders(value: object) -> list[object]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(each for one in inner for each in _holders(one))]


def _wrapped(message: bytes, random: Random) -> bytes:
    said = message.decode()
    for _ in range(random.randint(1, 4)):
        said = json.dumps(
            random.choice([{"Message": said}, [said], {"data": {"body": said}}, {"Records": [{"x": said}]}])
        )
    return said.encode()


LONE = b'"x": "\\ud800%s"' % MARKED
ROWS: tuple[tuple[str, set[R] | None, Way], ...] = (
    ("cut off", {R.INCOMPLETE, R.NOT_JSON, R.WRONG_ENCODING}, lambda m, r: m.rstrip()[: r.randrange(1, len(m.rstrip()))]),
    ("empty", {R.INCOMPLETE}, lambda m, r: r.choice([b"", b" \r\n", b"\xef\xbb\xbf"])),
    ("more after its end", {R.NOT_JSON}, lambda m, r: m + r.choice([b"{}", MARKED, b"]"])),
    ("another language", {R.NOT_JSON, R.INCOMPLETE}, lambda m, r: r.choice([b"<a>%s</a>" % MARKED, MARKED, b"%PDF-1.7"])),
    ("other JSON", {R.NOT_A_COURT_RESULT}, lambda m, r: r.choice([b'{"a": "%s"}' % MARKED, b"{}", b"[[]]", b'{"hearing": "%s"}' % MARKED, b'{"hearing": [{"%s": 1}]}' % MARKED])),
    ("a value that is no object", {R.INVALID_FIELD, R.NOT_JSON}, lambda m, r: r.choice([b"7", b"null", b'"%s"' % MARKED, b"NaN"])),
    ("too large", {R.TOO_LARGE}, _member(b'"x": "' + b"x" * 5_000_001 + b'"')),
    ("too deep", {R.TOO_DEEP}, _member(b'"x": ' + b"[" * 40 + b"]" * 40, b'"x": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000)),
    ("a key twice", {R.DUPLICATE_KEY}, _member(b'"%s": 1, "%s": 2' % (MARKED, MARKED), b'"id": 1, "id": 2')),
    ("a text that cannot be stored", {R.NUL_CHARACTER, R.HALF_A_CHARACTER}, _member(LONE, b'"%s\\u0000": 1' % MARKED)),
    ("no finite number", {R.NOT_FINITE_NUMBER}, _member(b'"%s": NaN' % MARKED, b'"x": 1e999')),
    ("a number too large", {R.NUMBER_TOO_LARGE}, _member(b'"%s": 9223372036854775808' % MARKED, b'"x": ' + b"9" * 5_000)),
    ("another encoding", {R.WRONG_ENCODING}, lambda m, r: m.decode().encode(r.choice(["utf-16", "utf-32", "utf-16-le"]))),
    ("bytes that are no UTF-8", {R.WRONG_ENCODING}, _member(b'"x": "\xff"', b'"x": "\xe9 "', b'"x": "\xed\xa0\x80"')),
    ("a byte order mark", set(), lambda m, r: b"\xef\xbb\xbf" + m),
    ("a field more", set(), _member(b'"Zq": {"%s": ["<!DOCTYPE x>", 1.5, null]}' % MARKED, b'"\\u2028": "%s"' % MARKED)),
    ("wrapped", set(), _wrapped),
    ("a field of another kind", None, _everywhere(None, "", [], {}, 7, -1, True, 1.5, ["x"], [[{}]], {"x": 1}, "9" * 300, "2026-02-30", "’" * 5_000, "{", '{"hearing": {')),
    ("a list many times", None, _grown),
    ("bytes changed", None, _shaken),
)  # fmt: skip
WAYS = {what: (None if reasons is None else frozenset(reasons), spoil) for what, reasons, spoil in ROWS}
