"""The characters of an XML message: its bytes read as text, and mended where only one thing can have been meant.

Courts' and gateways' systems write windows-1252 under a UTF-8 declaration, a bare `&`, HTML's named characters and
control characters. Where such a place has two readings the message is refused, by line and column.
"""

import codecs
import re
from dataclasses import dataclass
from html.entities import html5
from xml.sax.saxutils import escape

from schemas.refusals import Refusal, RefusalReason

UTF_8, WINDOWS_1252, LATIN_1 = "utf-8", "cp1252", "iso8859-1"
# Encodings in which each byte is a character, beside those of Unicode that are told apart by their first bytes.
OF_ONE_BYTE = re.compile(r"ascii|iso8859-\d+|cp\d+|koi8-[ru]|mac-\w+")
DECLARED = re.compile(rb"\s*<\?xml[^>]*?\sencoding\s*=\s*[\"']([^\"'<>]*)[\"']")
BOMS = (
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"<\x00", "utf-16-le"),
    (b"\x00<", "utf-16-be"),
)
# A byte that begins a character of UTF-8, and one that goes on with it: whoever wrote both may have meant UTF-8.
MAY_BE_UTF_8 = re.compile(rb"[\xc0-\xff][\x80-\xbf]")

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]"
_NUMBER = r"&#(?:[0-9]{1,7}|x[0-9A-Fa-f]{1,6});"
_ODD = re.compile(rf"{_CONTROL}|&(?!(?:amp|lt|gt|quot|apos);)")
_MARKS = re.compile(
    rf"(?P<opens><!\[CDATA\[|<!--|<\?)|(?P<edge>[<>]|&(?:amp;)*[lg]t;)|(?P<control>{_CONTROL})"
    rf"|(?P<number>{_NUMBER})|(?P<named>&[A-Za-z][A-Za-z0-9]{{0,31}};)|(?P<bare>&(?:[A-Za-z][A-Za-z0-9]{{0,31}}(?![\w;])"
    r"|(?![#A-Za-z_:])|(?=#(?![0-9A-Za-z]))))|(?P<unclear>&)"
)
_CLOSES = {"<![CDATA[": "]]>", "<!--": "-->", "<?": "?>"}
_KEPT = frozenset({"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"})
_HAS_A_DOCTYPE = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_CONTROL_ALONE, _EDGE = re.compile(_CONTROL), re.compile(r"[<>]|&(?:amp;)*[lg]t;")
MOST_CONTROLS = 0xA0
_BLANKS = " \t\r\n\x0b\x0c" + "".join(map(chr, (*range(1, 9), *range(14, 32), *range(127, 160))))
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_BLANK = re.compile(r"[ \t\r\n\xa0]")


CONTROL = "no control character is expected inside a word"
AMPERSAND = "`&amp;` is expected for an ampersand, or a reference that XML or HTML knows"


@dataclass(frozen=True, slots=True)
class Mended:
    """A text that an XML parser can read, and how places in it differ from those of what came."""

    text: str
    came: str
    moved: tuple[tuple[int, int], ...] = ()

    def place(self, line: int, column: int) -> str:
        """Where that line and column (from 0) of the mended text are in what came, in words."""
        starts = [0, *(found.end() for found in _LINE_ENDS.finditer(self.text))]
        at = starts[min(line, len(starts)) - 1] + column
        before = [by for where, by in self.moved if where <= at]
        return place(self.came, at + (before[-1] if before else 0))


def place(text: str, at: int) -> str:
    """The line and column of a character, both from 1."""
    line_starts = [0, *(found.end() for found in _LINE_ENDS.finditer(text, 0, at))]
    return f"line {len(line_starts)}, column {at - line_starts[-1] + 1}"


def decoded(message: bytes) -> str | Refusal:
    """The bytes as text: in the encoding that they begin with or declare, else UTF-8, else windows-1252."""
    for mark, of_unicode in BOMS:
        if message.startswith(mark):
            return _read(message.removeprefix(mark) if b"<" not in mark else message, of_unicode)
    declared = DECLARED.match(message)
    encoding = _named(declared[1].decode(LATIN_1)) if declared else UTF_8
    if encoding is None:
        expected = "UTF-8, or another encoding that its XML declaration names, is expected"
        return Refusal(RefusalReason.WRONG_ENCODING, "decode", f"the message, line 1, column 1: {expected}")
    return _read(message, encoding)


def mended(text: str) -> Mended | Refusal:
    """The text with every character that XML does not take written as it was meant, or the first that leaves it open.

    A text with a document type of its own is left as it is: the parser refuses it.
    """
    if not _ODD.search(text) or _HAS_A_DOCTYPE.search(text):
        began = text.lstrip()
        return Mended(began, text, ((0, len(text) - len(began)),))
    return _Mending(text).done()


def _named(declared: str) -> str | None:
    try:
        name = codecs.lookup(declared).name
    except (LookupError, ValueError):  # ValueError: a name that holds NUL
        return None
    return name if name == UTF_8 or OF_ONE_BYTE.fullmatch(name) else None


def _read(message: bytes, encoding: str) -> str | Refusal:
    """What declares ISO 8859-1, and has a byte that is a control character there, was written as windows-1252. So was
    what is no UTF-8 though it should be, and has no two bytes that may be a character of it."""
    tries = [WINDOWS_1252, LATIN_1] if encoding == LATIN_1 else [encoding]
    if encoding == UTF_8 and not MAY_BE_UTF_8.search(message):
        tries.append(WINDOWS_1252)
    wrong_at = 0
    for each in tries:
        try:
            return message.decode(each)
        except UnicodeDecodeError as error:
            wrong_at = error.start
    where = place(message[:wrong_at].decode(LATIN_1), wrong_at)
    expected = "a character of the encoding that the message declares is expected"
    return Refusal(RefusalReason.WRONG_ENCODING, "decode", f"the message, {where}: {expected}")


class _Mending:
    """One pass over a text, from mark to mark."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.copied = len(text) - len(text.lstrip())
        self.length = 0
        self.pieces: list[str] = []
        self.moved = [(0, self.copied)]
        self.node = _Node(0, 0, 0, several_words=False)

    def done(self) -> Mended | Refusal:
        """`begins`: where the text began in which a mark stands; `closes`: where the section ends that has no `&`."""
        begins, in_tag, closes = 0, False, 0
        for mark in _MARKS.finditer(self.text, self.copied):
            kind, at = mark.lastgroup, mark.start()
            if kind == "opens":
                begins, in_tag = mark.end(), False
                end = self.text.find(_CLOSES[mark[0]], at)
                closes = max(closes, len(self.text) if end < 0 else end)
            elif kind == "edge":
                begins, in_tag = mark.end(), mark[0].endswith(("<", "lt;"))
            elif kind == "control" or at >= closes:
                meant = self._meant(kind, mark, None if in_tag else begins)
                if meant is None:
                    return _refused(self.text, at, CONTROL if kind in ("control", "number") else AMPERSAND)
                self._write(mark, meant)
        return Mended("".join((*self.pieces, self.text[self.copied :])), self.text, tuple(self.moved))

    def _meant(self, kind: str | None, mark: re.Match[str], begins: int | None) -> str | None:
        """What stands for this mark; None where it could be two things. `begins` None: it is inside a tag."""
        said = mark[0]
        match kind:
            case "control":
                # No tag has such a character in it: left there, the parser refuses it.
                return said if begins is None else self._control(ord(said), mark, begins)
            case "number":
                number = int(said[3:-1], 16) if said[2] == "x" else int(said[2:-1])
                is_control = _CONTROL_ALONE.fullmatch(chr(number)) if number < MOST_CONTROLS else None
                return self._control(number, mark, begins) if is_control and begins is not None else said
            case "named" if said not in _KEPT:
                return escape(html5[said[1:]]) if said[1:] in html5 else None
            case "bare":
                return None if f"{said[1:]};" in html5 else f"&amp;{said[1:]}"
        return said if kind == "named" else None

    def _control(self, number: int, mark: re.Match[str], begins: int) -> str | None:
        """Between words it is a blank; in a single word, which may be a name, a code or a day, it could be nothing."""
        if number == 0:
            return None
        if meant := _windows(number):
            return meant
        if begins != self.node.begins:
            self.node = _node(self.text, begins)
        within = self.node.first < mark.start() and mark.end() < self.node.last
        return None if within and not self.node.several_words else " "

    def _write(self, mark: re.Match[str], meant: str) -> None:
        if meant == mark[0]:
            return
        before = self.text[self.copied : mark.start()]
        self.pieces += (before, meant)
        self.length += len(before) + len(meant)
        self.copied = mark.end()
        self.moved.append((self.length, self.copied - self.length))


@dataclass(frozen=True, slots=True)
class _Node:
    """The text between two tags: where it begins, its first character that is no blank, and the end of its last."""

    begins: int
    first: int
    last: int
    several_words: bool


def _node(text: str, begins: int) -> _Node:
    ends = _EDGE.search(text, begins)
    inside = text[begins : ends.start() if ends else len(text)]
    words = inside.strip(_BLANKS)
    first = begins + len(inside) - len(inside.lstrip(_BLANKS))
    return _Node(begins, first, first + len(words), bool(_BLANK.search(words)))


def _windows(number: int) -> str | None:
    """What windows-1252 has where Unicode has a control character that no text needs."""
    try:
        return bytes([number]).decode(WINDOWS_1252) if 0x80 <= number <= 0x9F else None
    except UnicodeDecodeError:
        return None


def _refused(text: str, at: int, expected: str) -> Refusal:
    return Refusal(RefusalReason.NOT_XML, "decode", f"the message, {place(text, at)}: {expected}")
