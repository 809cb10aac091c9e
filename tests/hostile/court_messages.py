"""Court messages that nobody may believe, and odd ones that must be read: made of the real ones, one change each."""

# ruff: noqa: ARG005, E501 - one way of spoiling a line, all called alike; nothing is kept secret by chance

from collections.abc import Callable
from pathlib import Path
from random import Random

from schemas.refusals import RefusalReason as R
from tests.hostile.records import MARKED, ROOT

# The courts' own messages, where they lie beside the project; the examples are of the project's making.
REFERENCE = ROOT.parent / "shared" / "reference" / "spi"
FILES: tuple[Path, ...] = (*sorted((ROOT / "schemas/examples/spi").glob("*.xml")), *sorted(REFERENCE.glob("*.xml")))
MESSAGES = tuple(file.read_bytes() for file in FILES)

Way = Callable[[bytes, Random], bytes]
DECLARATION_ENDS = b"?>"


def hostile_message(good: bytes, random: Random) -> tuple[str, bytes, frozenset[R] | None]:
    """In which way it was made, what came of it, and for which reasons it may be refused; empty where it must be read,
    None where either may be."""
    what = random.choice(tuple(WAYS))
    reasons, spoil = WAYS[what]
    return what, spoil(bare(good), random), reasons


def bare(message: bytes) -> bytes:
    """Without its declaration, in UTF-8."""
    stripped = message.lstrip(b"\xef\xbb\xbf \r\n\t")
    return stripped.partition(DECLARATION_ENDS)[2].lstrip() if stripped.startswith(b"<?xml") else stripped


def _with_dtd(*subsets: bytes) -> Way:
    return lambda message, random: b"<!DOCTYPE x [" + random.choice(subsets) + b"]>" + message


def _inside(*pieces: bytes) -> Way:
    """One of these right after some tag's end."""

    def spoil(message: bytes, random: Random) -> bytes:
        last = message.rindex(b"</")
        at = random.choice([at for at in range(last) if message[at : at + 1] == b">"]) + 1
        return message[:at] + random.choice(pieces) + message[at:]

    return spoil


def _lied(*lies: tuple[bytes, str]) -> Way:
    """Declared as one thing and written as another."""

    def spoil(message: bytes, random: Random) -> bytes:
        declared, written = random.choice(lies)
        return (b'<?xml version="1.0" encoding="' + declared + b'"?>' + message).decode().encode(written)

    return spoil


def _shaken(message: bytes, random: Random) -> bytes:
    """Bytes anywhere, in references too; so none of them is a marked value, since references are repeated by design."""
    shaking = bytearray(message)
    for _ in range(random.randint(1, 5)):
        at, length = random.randrange(len(shaking) + 1), random.choice([0, 1, 1, 8])
        pieces = (
            b"",
            random.randbytes(random.choice([1, 4])),
            b"<",
            b">",
            b"&",
            b"]]>",
            b"<![CDATA[",
            b"\x00",
            b"/>",
        )
        shaking[at : at + length] = random.choice(pieces)
    return bytes(shaking)


def _grown(message: bytes, random: Random) -> bytes:
    """An element many times over, or a text many times as long."""
    starts = [at for at in range(len(message)) if message[at : at + 1] == b"<" and message[at + 1 : at + 2].isalpha()]
    for at in random.sample(starts, len(starts)):
        name = message[at + 1 :].split(b">", 1)[0].split()[0].rstrip(b"/")
        end = message.find(b"</" + name + b">", at)
        if end > 0:
            whole = message[at : end + len(name) + 3]
            times = min(200, 300_000 // len(whole))
            return message[:at] + whole * times + message[at + len(whole) :]
    return message


BILLION = b'<!ENTITY a "%s">' % MARKED + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
)
ENTITIES = (
    BILLION,
    b'<!ENTITY e SYSTEM "file:///etc/passwd">',
    b'<!ENTITY % p SYSTEM "http://127.0.0.1:1/%s.dtd"> %%p;'.replace(b"%s", MARKED),
    b'<!ENTITY big "' + b"x" * 100_000 + b'">',
    b'<!ATTLIST x y CDATA "' + MARKED + b'">',
    b'<!NOTATION n SYSTEM "x">',
    b"",
)
ROWS: tuple[tuple[str, set[R] | None, Way], ...] = (
    ("entities", {R.XML_ENTITIES}, _with_dtd(*ENTITIES)),
    ("a document type", {R.XML_ENTITIES}, lambda m, r: r.choice([b'<!DOCTYPE x SYSTEM "file:///dev/zero">', b'<!DOCTYPE x PUBLIC "a" "http://127.0.0.1:1/">', b"<!DOCTYPE x>"]) + m),
    ("a character that XML does not name", set(), _inside(b"&nbsp;", b"&rsquo;", b"A & B", b"AT&T ", b"&#11;", b"&#146;")),
    ("an entity that nothing declares", {R.NOT_XML}, _inside(b"&%s;" % MARKED, b"&e;", b"&amp ", b"&#12 ")),
    ("a character that is none", {R.NOT_XML}, _inside(b"&#0;", b"&#xD800;", b"&#x110000;", b"&#99999999999999999999;", b"\x00", b"\xef\xbf\xbf")),
    ("a control character", set(), _inside(b"\x01", b"two\x0bor three words")),
    ("cut off", {R.INCOMPLETE, R.NOT_XML, R.WRONG_ENCODING}, lambda m, r: m[: r.randrange(1, m.rindex(b">"))].rstrip()),
    ("empty", {R.INCOMPLETE, R.NOT_XML}, lambda m, r: r.choice([b"", b" \r\n", b"\xef\xbb\xbf", b"<?xml version='1.0'?>", b"<!-- %s -->" % MARKED])),
    ("more after its end", {R.NOT_XML}, lambda m, r: m + r.choice([b"<x/>", MARKED, b"</x>", b"\x00"])),
    ("another language", {R.NOT_XML, R.INCOMPLETE}, lambda m, r: r.choice([b'{"a":"%s"}' % MARKED, MARKED, b"%PDF-1.7", b"PK\x03\x04", b"<html><br>%s</html>" % MARKED, b"\x00" * 50])),
    ("other XML", {R.NOT_A_COURT_RESULT, R.NOT_XML, R.INCOMPLETE}, lambda m, r: r.choice([b"<Letter>%s</Letter>" % MARKED, b"<ResultedCaseMessage/>", b"<a>&lt;Defendant/%s</a>" % MARKED, b"<a>" + b"&lt;b/>" * 1000 + b"</a>"])),
    ("too large", {R.TOO_LARGE}, lambda m, r: m + b" " * (5_000_001 - len(m)) if r.random() < 0.5 else _inside(b"<!--" + b"x" * 5_000_001 + b"-->")(m, r)),
    ("too deep", {R.TOO_DEEP}, _inside(b"<a>" * 101 + b"</a>" * 101, b"<a>" * 5_000 + b"</a>" * 5_000)),
    ("an encoding that is none", {R.WRONG_ENCODING}, lambda m, r: b'<?xml version="1.0" encoding="' + r.choice([b"klingon", MARKED, b"rot13", b"hex", b"zlib", b"base64", b"undefined", b"idna", b"punycode", b"mbcs", b"oem", b"utf-7", b"utf-32", b"shift_jis", b"gb18030", b"x" * 300]) + b'"?>' + m),
    ("windows-1252 and no word of it", set(), _inside(b"\xff", b"\xe9 ", b"it\x92s")),
    ("bytes that are not as declared", {R.WRONG_ENCODING}, _inside(b"\xc0\xaf", b"\xed\xa0\x80", b"\x81", b"\xf8\x88\x80\x80\x80")),
    ("declared as another width", {R.WRONG_ENCODING, R.NOT_XML}, _lied((b"UTF-16", "utf-8"), (b"utf-16le", "utf-8"))),
    ("an attribute twice", {R.NOT_XML}, lambda m, r: b"<x a='1' a='%s'>" % MARKED + m + b"</x>"),
    ("a prefix that nothing declares", {R.NOT_XML}, _inside(b"<q:x/>", b"<x q:y='1'/>")),
    ("a declaration in the middle", {R.NOT_XML}, _inside(b'<?xml version="1.0"?>')),
    ("an instruction", set(), _inside(b'<?xml-stylesheet href="file:///etc/passwd"?>', b"<?php echo '%s' ?>" % MARKED, b"<?x " + b"?" * 10_000 + b"?>")),
    ("an inclusion", set(), _inside(b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>')),
    ("comments", set(), _inside(b"<!--" + b"-x" * 10_000 + b"-->", b"<!-- <!DOCTYPE x> -->")),
    ("an element more", set(), _inside(b"<Extra xmlns='urn:x' xsi:schemaLocation='http://127.0.0.1:1/' xmlns:xsi='urn:xsi'/>", b"<x " + b" ".join(b'a%d="1"' % n for n in range(1000)) + b"/>", b"<E><![CDATA[<!DOCTYPE x>]]></E>")),
    ("another encoding, told", set(), _lied((b"UTF-16", "utf-16"), (b"utf-8", "utf-8"), (b"UTF-8", "utf-8-sig"))),
    ("wrapped", set(), lambda m, r: b"<e:Envelope xmlns:e='urn:soap'><e:Body>" + m + b"</e:Body></e:Envelope>"),
    ("wrapped as a text", set(), lambda m, r: b"<Body>" + m.replace(b"&", b"&amp;").replace(b"<", b"&lt;") + b"</Body>"),
    ("an element many times", None, _grown),
    ("bytes changed", None, _shaken),
)  # fmt: skip
WAYS = {what: (None if reasons is None else frozenset(reasons), spoil) for what, reasons, spoil in ROWS}
