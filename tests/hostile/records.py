"""Records that nobody may believe, and neighbours that everybody must: grown from the examples, one change each.

Each way of spoiling a record is bad by how it is made, and says which reasons may be given for it; none of them asks the
contract. Each harmless way leaves the record as good as it was, however odd it looks. What is wild may be either.
"""

# ruff: noqa: ARG005, E501 - one way of spoiling a line, all called alike; nothing is kept secret by chance

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from schemas.refusals import RefusalReason as R
from schemas.registry import REGISTRY, EventType, Publication, Stream, publication

ROOT = Path(__file__).parents[2]
MARK = "Zq7hostile"
MARKED = MARK.encode()

Headers = tuple[tuple[str, bytes | None], ...]
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as a publisher may put it on a stream."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers

    def with_value(self, value: bytes | None) -> "Sent":
        return Sent(self.topic, self.key, value, self.headers)

    def with_header(self, name: str, *values: bytes | None) -> "Sent":
        """This header with these values, in place of what it was; without any it is gone."""
        rest = tuple(header for header in self.headers if header[0] != name)
        return Sent(self.topic, self.key, self.value, (*rest, *((name, value) for value in values)))

    def header(self, name: str) -> bytes:
        return next(value or b"" for known, value in self.headers if known == name)

    @property
    def stream(self) -> Stream:
        return REGISTRY.stream_of(self.topic)

    @property
    def type(self) -> EventType:
        return REGISTRY.types[self.header("ce_type").decode().rpartition(".")[0]][1]


@dataclass(frozen=True, slots=True)
class Hostile:
    """`reasons`: for which it may be refused; empty where it must be accepted, None where either may be."""

    what: str
    sent: Sent
    reasons: frozenset[R] | None


def examples() -> tuple[Sent, ...]:
    """Every example of every stream into the relay, as it is published."""
    found = []
    for file in sorted((ROOT / "schemas" / "examples").rglob("*.json")):
        ready = publication(file.read_bytes())
        if isinstance(ready, Publication):
            found.append(Sent(ready.topic, ready.record.key, ready.record.value, tuple(ready.record.headers)))
    return tuple(found)


EXAMPLES = examples()


def hostile(good: Sent, random: Random) -> Hostile:
    """One record made of a good one, in one way of all."""
    what = random.choice(tuple(WAYS))
    reasons, spoil = WAYS[what]
    return Hostile(what, spoil(good, random), reasons)


def paths(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every place in a body with what is there, the body itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in inner:
        yield (*path, step), below
        yield from paths(below, (*path, step))


HERE = "PUT-HERE"


def with_raw(body: Any, path: Path_, raw: bytes) -> bytes:
    """The body as JSON with these bytes as the value at that place."""
    changed = json.loads(json.dumps(body))
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = HERE
    return json.dumps(changed, ensure_ascii=False).encode().replace(f'"{HERE}"'.encode(), raw)


def _body(good: Sent) -> Any:
    return json.loads(good.value or b"")


Way = Callable[[Sent, Random], Sent]


def _somewhere(*raw: bytes) -> Way:
    """One of these in place of any value, or as the value of a field that is not known."""

    def spoil(good: Sent, random: Random) -> Sent:
        body = _body(good)
        path = random.choice([(MARK,), *(path for path, _ in paths(body))])
        return good.with_value(with_raw(body, path, random.choice(raw)))

    return spoil


def _unknown_field(*raw: bytes) -> Way:
    def spoil(good: Sent, random: Random) -> Sent:
        return good.with_value(with_raw(_body(good), (MARK,), random.choice(raw)))

    return spoil


def _header(name: str, *values: bytes | None) -> Way:
    return lambda good, random: good.with_header(name, random.choice(values))


def _version(basis: str, *values: bytes) -> Way:
    return lambda good, random: good.with_header("ce_factversionbasis", basis.encode()).with_header(
        "ce_factversion", random.choice(values)
    )


def _value(change: Callable[[bytes, Random], bytes | None]) -> Way:
    return lambda good, random: good.with_value(change(good.value or b"", random))


def _also(*headers: tuple[str, bytes | None]) -> Way:
    def spoil(good: Sent, random: Random) -> Sent:
        chosen = random.choice(headers)
        place = random.randint(0, len(good.headers))
        return Sent(good.topic, good.key, good.value, (*good.headers[:place], chosen, *good.headers[place:]))

    return spoil


NEEDED = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_factversion")
OTHER_KINDS: dict[type, tuple[bytes, ...]] = {
    str: (b"{}", b"[]", b"7", b"-0.5", b"true", b'["x"]', b'{"x":1}'),
    int: (b'"7"', b"{}", b"[7]", b"0.5", b'""', b"true"),
    bool: (b'"true"', b"{}", b"[]", b"0", b"1.0", b'"yes"'),
    list: (b'"x"', b"{}", b"7", b"true", b'{"0":1}'),
    dict: (b'"x"', b"[]", b"7", b"true", b'[{"x":1}]'),
}
# No calendar, clock or lifetime has these; each is neither a day nor a moment.
NO_TIMES = (
    *("2026-02-30", "2026-13-01", "0000-01-01", "0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31", "2026-3-2"),
    *("2026-03-02T12:00:00", "2026-03-02T24:00:00Z", "2026-03-02T12:60:00Z", "2016-12-31T23:59:60Z", "20260302"),
    *("2026-03-02T12:00:00+14:01", "2026-03-02T12:00:00-24:00", "2026-03-02T12:00:00+05:60", "1767225600", "now"),
    *("0001-01-01T00:00:00Z", "1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-12:00"),
    *("2026-03-02 12:00:00Z", "2026-03-02T12:00:00.Z", "2026-03-02T12:00:00.1234567890Z", "٢٠٢٦-٠٣-٠٢", "-2026-03-02"),
    *("2026-03-02T12:00:00+0100", "2026-W10-1", "2026-061", "+002026-03-02", "2026-03-02T12:00Z", "", " ", "1e9"),
)
# All of these are one and the same moment or day to whoever reads RFC 3339.
BIRTH = "date_of_birth"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _other_kind(good: Sent, random: Random) -> Sent:
    body = _body(good)
    places = [(path, OTHER_KINDS[type(value)]) for path, value in paths(body) if type(value) in OTHER_KINDS]
    path, kinds = random.choice(places)
    return good.with_value(with_raw(body, path, random.choice(kinds)))


def _no_time(good: Sent, random: Random) -> Sent:
    body = _body(good)
    texts = [(path, value) for path, value in paths(body) if isinstance(value, str)]
    places = [path for path, value in texts if MOMENT.fullmatch(value) or DAY.fullmatch(value)]
    places = [path for path in places if path[-1] != BIRTH]
    return good.with_value(with_raw(body, random.choice(places), json.dumps(random.choice(NO_TIMES)).encode()))


def _no_birth_date(good: Sent, random: Random) -> Sent:
    """A date of birth that cannot be right is doubted, and refuses nothing; of what states none nothing is changed."""
    body = _body(good)
    for path, value in paths(body):
        if path and path[-1] == BIRTH and isinstance(value, str):
            return good.with_value(with_raw(body, path, json.dumps(random.choice(NO_TIMES)).encode()))
    return good


def _without_a_needed_field(good: Sent, random: Random) -> Sent:
    body = _body(good)
    model = good.type.withdrawn if body.get("withdrawn") else good.type.newest
    assert model is not None
    needed = [name for name, field in model.model_fields.items() if field.is_required() and name != "withdrawn"]
    del body[random.choice(needed)]
    return good.with_value(json.dumps(body).encode())


def _a_field_twice(good: Sent, random: Random) -> Sent:
    value = good.value or b""
    starts = [found.end() for found in re.finditer(rb"\{(?=\")", value)]
    at = random.choice(starts)
    name = value[at : value.index(b":", at)]
    first, second = random.choice(
        [(name, name), (b'"%s"' % MARKED, b'"%s"' % MARKED), (b'""', b'"\\u0000"'[:1] + b'"')]
    )
    once = b"%s:1," % first if first == name else b"%s:1,%s:2," % (first, second)
    return good.with_value(value[:at] + once + value[at:])


def _cut(value: bytes, random: Random) -> bytes:
    return value[: random.randrange(len(value))]


def _too_large(good: Sent, random: Random) -> Sent:
    """Of white space, of text, of lists or of numbers; by one byte or by half as much again."""
    value, largest = good.value or b"", good.stream.largest_message
    missing = random.choice([largest + 1, largest * 3 // 2]) - len(value)
    field = b',"%s":' % MARKED
    fill: dict[str, Callable[[], bytes]] = {
        "white space": lambda: b" " * missing + value,
        "a text": lambda: value[:-1] + field + b'"' + b"x" * missing + b'"}',
        "lists": lambda: value[:-1] + field + b"[" + b"[]," * (missing // 3) + b"[]]}",
        "numbers": lambda: value[:-1] + field + b"[" + b"1," * (missing // 2) + b"1]}",
    }
    return good.with_value(random.choice(tuple(fill.values()))())


def _many_headers(good: Sent, random: Random) -> Sent:
    size = random.choice([17_000, 100_000])
    many: dict[str, Callable[[], Headers]] = {
        "one": lambda: (("other", b"x" * size),),
        "a name": lambda: (("x" * size, b""),),
        "many": lambda: tuple((f"other-{number}", MARKED) for number in range(size // 16)),
    }
    return Sent(good.topic, good.key, good.value, (*good.headers, *random.choice(tuple(many.values()))()))


def _another_key(good: Sent, random: Random) -> Sent:
    key = good.key or b""
    keys = (None, b"", MARKED, key + b"\x00", key + b" ", key.upper() + b"x", b"\xff\xfe", key[:-1], MARKED * 10_000)
    return Sent(good.topic, random.choice(keys), good.value, good.headers)


def _another_subject(good: Sent, random: Random) -> Sent:
    """In key and header alike: it is not what the content says that it is about, or no place where it says nothing."""
    subject = random.choice([b"!%s" % MARKED, b"(%s)" % MARKED, b"%s?" % MARKED])
    return Sent(good.topic, subject, good.value, good.with_header("ce_subject", subject).headers)


def _too_long_a_subject(good: Sent, random: Random) -> Sent:
    subject = MARKED * random.choice([21, 100, 1000])
    return Sent(good.topic, subject, good.value, good.with_header("ce_subject", subject).headers)


def _of_another_stream(good: Sent, random: Random) -> Sent:
    others = [
        name for stream, fact in REGISTRY.types.values() if stream.topic != good.topic for name in fact.on_the_wire
    ]
    return good.with_header("ce_type", random.choice(others).encode())


def _missing_header(good: Sent, random: Random) -> Sent:
    name = random.choice(NEEDED)
    return good.with_header(name, *random.choice([(), (b"",), (None,)]))


def _header_twice(good: Sent, random: Random) -> Sent:
    name = random.choice(NEEDED)
    again = random.choice([name, name.upper(), name.title()])
    value = random.choice([b"another", MARKED])
    return Sent(good.topic, good.key, good.value, (*good.headers, (again, value)))


def structured(good: Sent, change: Callable[[dict[str, Any]], object] = dict) -> Sent:
    """The same event with its attributes around its content."""
    document: dict[str, Any] = {
        name.removeprefix("ce_"): (value or b"").decode() for name, value in good.headers if name.startswith("ce_")
    }
    document["data"] = _body(good)
    change(document)
    headers = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
    return Sent(good.topic, good.key, json.dumps(document).encode(), headers)


def _structured_without(good: Sent, random: Random) -> Sent:
    name = random.choice([*(needed.removeprefix("ce_") for needed in NEEDED), "data"])
    return structured(good, lambda document: document.pop(name))


def _structured_wrong(good: Sent, random: Random) -> Sent:
    name = random.choice([needed.removeprefix("ce_") for needed in NEEDED])
    wrong = random.choice([{MARK: 1}, [MARK], True, -1.5, f"{MARK} \r\n", "\u200b", 10**17 + 0.5])
    return structured(good, lambda document: document.update({name: wrong}))


def _as_a_batch(good: Sent, _: Random) -> Sent:
    one = structured(good)
    headers = (("content-type", b"application/cloudevents-batch+json"),)
    return Sent(one.topic, one.key, b"[" + (one.value or b"") + b"]", headers)


def _wild(good: Sent, random: Random) -> Sent:
    """Bytes changed, put in and taken out, anywhere in the record."""

    def shaken(content: bytes) -> bytes:
        shaking = bytearray(content)
        for _ in range(random.randint(1, 4)):
            at, length = random.randrange(len(shaking) + 1), random.choice([0, 1, 1, 1, 8])
            shaking[at : at + length] = random.choice([b"", random.randbytes(random.choice([1, 1, 4])), *WILD])
        return bytes(shaking)

    part = random.choice(["value", "value", "value", "key", "header", "name"])
    if part == "value":
        return good.with_value(shaken(good.value or b""))
    if part == "key":
        return Sent(good.topic, shaken(good.key or b""), good.value, good.headers)
    at = random.randrange(len(good.headers))
    name, value = good.headers[at]
    changed = (
        (name, shaken(value or b""))
        if part == "header"
        else (shaken(name.encode()).decode(errors="surrogateescape"), value)
    )
    return Sent(good.topic, good.key, good.value, (*good.headers[:at], changed, *good.headers[at + 1 :]))


WILD = (
    b"\x00",
    b"\xff",
    b'"',
    b"\\",
    b"{",
    b"[",
    b"}",
    b"]",
    b",",
    b":",
    b"null",
    b"1e999",
    b"\\u",
    b"-",
    b"\r\n",
    MARKED,
)


def _wild_fields(good: Sent, random: Random) -> Sent:
    """Values moved between places of two bodies."""
    body, other = _body(good), _body(random.choice(EXAMPLES))
    for _ in range(random.randint(1, 3)):
        path = random.choice([path for path, _ in paths(body)])
        _, value = random.choice([*paths(other)])
        body = json.loads(with_raw(body, path, json.dumps(value).encode()))
    return good.with_value(json.dumps(body).encode())


def _reordered(good: Sent, random: Random) -> Sent:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = [(key, shuffled(below)) for key, below in value.items()]
            random.shuffle(items)
            return dict(items)
        return [shuffled(below) for below in value] if isinstance(value, list) else value

    headers = list(good.headers)
    random.shuffle(headers)
    content = json.dumps(
        shuffled(_body(good)), indent=random.choice([None, 1, 8]), ensure_ascii=random.choice([True, False])
    )
    return Sent(good.topic, good.key, random.choice(["", "\r\n\t "]).join(("", content, "")).encode(), tuple(headers))


def _otherwise_written_time(good: Sent, random: Random) -> Sent:
    moments = (
        "{day}t{clock}z",
        "{day}T{clock}.000000000Z",
        "{day}T{clock}+00:00",
        "{day}T{clock}-00:00",
        "{day}T{clock}+13:59",
    )
    written = random.choice(
        [*moments, "1900-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "2026-02-28T23:59:59.999999999-12:00"]
    )
    return good.with_header("ce_time", written.format(day="2024-02-29", clock="23:59:59").encode())


def _cased_headers(good: Sent, random: Random) -> Sent:
    cased = random.choice([str.upper, str.title])
    return Sent(good.topic, good.key, good.value, tuple((cased(name), value) for name, value in good.headers))


ODD_BUT_GOOD = (
    *(b"0", b"-0", b"-0.0", b"9223372036854775807", b"-9223372036854775808", b"1e308", b"5e-324", b"1E+2", b"null"),
    *(
        b'""',
        '"Zoë Ångström \U0001f9ff"'.encode(),
        b'"\\ud83e\\uddff"',
        b'"\\u0001\\u001f"',
        b'"\\u202e\\ufeff"',
        b"[]",
        b"{}",
    ),
    *(b"[" * 31 + b"]" * 31, b'{"a":' * 31 + b"1" + b"}" * 31, b"[" + b"[]," * 10_000 + b"[]]", b'{"":{"":{"":1}}}'),
    *(
        b'"<script>' + MARKED + b'</script>"',
        b'"\'; drop table fact; --"',
        b'"${jndi:ldap://x}"',
        b'"%s%n{0.__class__}"',
    ),
    *(b"[" + b"1e15," * 1000 + b"1]", b"0." + b"1" * 5000, b'"' + b"\\\\" * 5000 + b'"'),
)

ROWS: tuple[tuple[str, set[R] | None, Way], ...] = (
    # What the bytes are.
    ("cut off", {R.INCOMPLETE, R.WRONG_ENCODING}, _value(_cut)),
    ("a tombstone", {R.INCOMPLETE}, _value(lambda *_: None)),
    ("white space alone", {R.INCOMPLETE}, _value(lambda *_: b" \r\n\t ")),
    ("more after its end", {R.NOT_JSON}, _value(lambda value, _: value + b" {%s}" % MARKED)),
    ("another language", {R.NOT_JSON}, _value(lambda value, random: random.choice([b"<a>%s</a>" % MARKED, b"%PDF-1.7 " + MARKED, b"---\na: " + MARKED, MARKED + b",1,2", b"'%s'" % MARKED, b"\x50\x4b\x03\x04" + b"z"]))),
    ("UTF-16 or UTF-32", {R.WRONG_ENCODING}, _value(lambda value, random: value.decode().encode(random.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])))),
    ("a byte order mark", {R.WRONG_ENCODING}, _value(lambda value, _: b"\xef\xbb\xbf" + value)),
    ("bytes that are no UTF-8", {R.WRONG_ENCODING}, _somewhere(b'"Zo\xeb %s"' % MARKED, b'"\xc0\xaf"', b'"\xc1\x81"', b'"\xe0\x80\xaf"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xf8\x88\x80\x80\x80"', b'"\xff"', b'"\x80"')),
    ("half of a pair", {R.HALF_A_CHARACTER}, _somewhere(b'"\\ud83d %s"' % MARKED, b'"\\udc00"', b'"\\udfff\\ud800"', b'{"\\ud800":1}')),
    ("NUL", {R.NUL_CHARACTER}, _somewhere(b'"%s\\u0000"' % MARKED, b'"\x00"', b'{"\\u0000":1}', b'["\\u0000"]')),
    ("a control character in a text", {R.NOT_JSON}, _somewhere(b'"%s\x01"' % MARKED, b'"\n"', b'"\x1b[2J"', b'"\t"')),
    ("no finite number", {R.NOT_FINITE_NUMBER}, _somewhere(b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e999999999999", b"1" + b"0" * 400 + b".0")),
    ("a number beyond 64 bits", {R.NUMBER_TOO_LARGE}, _somewhere(b"9223372036854775808", b"-9223372036854775809", b"1" + b"0" * 400, b"-" + b"9" * 5000, b"[18446744073709551616]")),
    ("no number", {R.NOT_JSON}, _somewhere(b"01", b"+1", b".5", b"1.", b"0x10", b"1_000", b"1e", b"--1", b"nan", b"True", b"undefined", "１".encode())),
    ("too deep", {R.TOO_DEEP}, _somewhere(b"[" * 33 + b"]" * 33, b'{"a":' * 40 + b"1" + b"}" * 40, b"[" * 20_000 + b"]" * 20_000, b"[" * 40_000, b'[{"x":' * 10_000)),
    ("too large", {R.TOO_LARGE}, _too_large),
    ("a key twice", {R.DUPLICATE_KEY}, _a_field_twice),
    ("no object", {R.INVALID_FIELD}, _value(lambda value, random: random.choice([b"[" + value + b"]", b"null", b"7", b'"%s"' % MARKED, b"true", b"[]"]))),
    # What the content says.
    ("another kind of value", {R.INVALID_FIELD, R.UNKNOWN_VALUE, R.MISSING_FIELD}, _other_kind),
    ("a time that is none", {R.INVALID_FIELD}, _no_time),
    ("a needed field left out", {R.MISSING_FIELD}, _without_a_needed_field),
    # What stands around it.
    ("a needed header left out", {R.MISSING_HEADER}, _missing_header),
    ("a header twice", {R.INVALID_HEADER}, _header_twice),
    ("no headers", {R.MISSING_HEADER, R.INVALID_HEADER}, lambda good, _: Sent(good.topic, good.key, good.value, ())),
    ("headers without end", {R.TOO_LARGE}, _many_headers),
    ("a header that is no UTF-8", {R.INVALID_HEADER}, lambda good, random: good.with_header(random.choice(NEEDED), b"\xff%s" % MARKED)),
    ("a name that is no UTF-8", {R.INVALID_HEADER}, _also(("ce_\udcff" + MARK, b"x"), ("\udc80", None), ("ce_id\udcc0\udcaf", b""))),
    ("a name with NUL", {R.INVALID_HEADER}, _also(("ce_id\x00", b"x"), ("\x00" + MARK, MARKED))),
    ("headers within a header", {R.INVALID_HEADER}, lambda good, random: good.with_header(random.choice(["ce_id", "ce_source", "ce_subject", "ce_type"]), random.choice([b"x\r\nce_id: %s" % MARKED, b"x\n%s" % MARKED, b"\x1b]0;%s\x07" % MARKED, b"x\x00y", b" ", b"\x7f"]))),
    ("an id out of form", {R.INVALID_HEADER}, _header("ce_id", MARKED * 100, b"-" + MARKED, b"../../%s" % MARKED, b"' or 1=1", "ｆｕｌｌ".encode(), b"a b")),
    ("a version out of bounds", {R.INVALID_HEADER}, _header("ce_factversion", b"0", b"-1", b"+1", b"1.0", b"1e3", b"9223372036854775808", b"-9223372036854775808", b"9" * 19, b"9" * 10_000, "１".encode(), "٣".encode(), b" 1", b"1 ", b"0x1", b"1_0", MARKED, b"00", b"NaN")),
    ("a source time that is none", {R.INVALID_HEADER}, lambda good, random: good.with_header("ce_time", random.choice([time for time in NO_TIMES if time]).encode())),
    ("another specification", {R.INVALID_HEADER}, _header("ce_specversion", b"0.3", b"1", b"2.0", b"1.0 ", MARKED)),
    ("another content type", {R.INVALID_HEADER}, _header("content-type", b"text/csv", b"application/json; charset=utf-16", b"application/xml", MARKED, b"application/json\r\n", b"multipart/form-data; boundary=%s" % MARKED)),
    ("an unknown type", {R.UNKNOWN_TYPE}, _header("ce_type", MARKED, b"uk.police.%s.v1" % MARKED.lower(), b"uk.police.incident-reported.v1.v1", b"UK.POLICE.INCIDENT-REPORTED.V1", b"$ref", b"." * 200)),
    ("an unknown version", {R.UNKNOWN_VERSION}, lambda good, random: good.with_header("ce_type", f"{good.type.name}.v{random.choice([0, 2, 9, 999, 1000, 'x', -1])}".encode())),
    ("a type of another stream", {R.WRONG_STREAM}, _of_another_stream),
    ("another key", {R.KEY_MISMATCH}, _another_key),
    ("another subject", {R.SUBJECT_MISMATCH, R.INVALID_HEADER}, _another_subject),
    ("a subject without end", {R.INVALID_HEADER, R.TOO_LARGE}, _too_long_a_subject),
    ("a packed batch's header", {R.TOO_LARGE}, _also(("relay-still-packed", b"gzip"))),
    # Attributes around the content.
    ("structured, without an attribute", {R.MISSING_HEADER, R.INCOMPLETE}, _structured_without),
    ("structured, with a wrong attribute", {R.INVALID_HEADER}, _structured_wrong),
    ("structured, cut off", {R.INCOMPLETE, R.WRONG_ENCODING}, lambda good, random: (one := structured(good)).with_value(_cut(one.value or b"", random))),
    ("structured, its content in base64", {R.INCOMPLETE}, lambda good, _: structured(good, lambda document: document.update(data_base64=document.pop("data") and "e30="))),
    ("structured, a batch", {R.INVALID_FIELD}, _as_a_batch),
    ("structured, of another kind", {R.INVALID_FIELD}, lambda good, random: structured(good, lambda document: document.update(data=random.choice([None, [], MARK, 7, [document["data"]]])))),
    # Odd, and not bad.
    ("written otherwise", set(), _reordered),
    ("a field of a later release", set(), _unknown_field(*ODD_BUT_GOOD)),
    ("a header of somebody else's", set(), _also(("x-" + MARK, b"\xff\x00\r\n"), ("", b""), ("ce_later", b"1"), ("ce_data", MARKED), ("ce_", b"\x00"), ("traceparent", b"x"), ("ce_traceparent", b"00-broken"), ("dlq-reason", b"none"), ("ce_correlationid", None), ("Ä", b"x"))),
    ("headers in capitals", set(), _cased_headers),
    ("a time written otherwise", set(), _otherwise_written_time),
    ("a date of birth that is none", set(), _no_birth_date),
    ("the least and the greatest version", set(), _version("source", b"1", b"9223372036854775807", b"4294967296")),
    ("a version made of a time ahead", {R.SOURCE_TIME_AHEAD}, _version("written", b"9223372036854775807")),
    ("structured", set(), lambda good, _: structured(good)),
    ("structured, with more attributes", set(), lambda good, _: structured(good, lambda document: document.update({MARK: [MARK], "dataschema": 7}))),
    # Either.
    ("bytes changed", None, _wild),
    ("fields exchanged", None, _wild_fields),
)  # fmt: skip
WAYS = {what: (None if reasons is None else frozenset(reasons), spoil) for what, reasons, spoil in ROWS}


def kinds(found: Sequence[Hostile]) -> set[str]:
    return {each.what for each in found}
