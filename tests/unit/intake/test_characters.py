"""A character with one reading is read; one with two is refused by its line and column."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.refusals import Refusal
from services.intake.markup import parsed

UTF_8 = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def said(message: bytes) -> str | None:
    root = parsed(message)
    assert not isinstance(root, Refusal), root.detail
    return root.text


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (b"Wren & her family", "Wren & her family"),
        (b"M&S and AT&T, 1&2", "M&S and AT&T, 1&2"),
        (b"5&nbsp;&pound; it&rsquo;s &AMP; &eacute;", "5\xa0£ it’s & é"),
        (b"&lt;b&gt; &amp;nbsp; &#233; &#xE9;", "<b> &nbsp; é é"),
        (b"<![CDATA[R & B &nbsp;]]>", "R & B &nbsp;"),
        (b"Invented Road\x0bNot to contact her\x1f", "Invented Road Not to contact her "),
        (b"Invented Road&#11;Not to contact her", "Invented Road Not to contact her"),
        (b"\x02CJ88116\x03", " CJ88116 "),
        (b"Andr\xe9, \x93not\x94 to contact her, it\x92s made", "André, “not” to contact her, it’s made"),
        (b"it&#146;s made", "it’s made"),
        ("André’s".encode(), "André’s"),
    ],
)
def test_a_character_with_one_reading_is_read(inside: bytes, text: str) -> None:
    assert said(UTF_8 + b"<a>" + inside + b"</a>") == text


def test_what_declares_latin_1_and_uses_a_character_of_windows_1252_is_read_as_that() -> None:
    assert said(b'<?xml version="1.0" encoding="ISO-8859-1"?><a>it\x92s Andr\xe9</a>') == "it’s André"


@pytest.mark.parametrize(
    ("inside", "reason", "column"),
    [
        (b"A&B; C", "not_xml", 5),
        (b"R &amp B", "not_xml", 6),
        (b"R &rsquo B", "not_xml", 6),
        (b"one &#12 two", "not_xml", 8),
        (b"CJ88\x0b116", "not_xml", 8),
        (b"2026-06&#11;-01", "not_xml", 11),
        (b"a \x00 b", "not_xml", 6),
        (b"caf\xc3\xa9 and caf\xe9", "wrong_encoding", 17),
        (b"a\x81", "wrong_encoding", 5),
        (b"\xed\xa0\x80", "wrong_encoding", 4),
        (b"R & B <b>", "not_xml", 15),
        (b"&nbsp;&nbsp;<b></c>", "not_xml", 21),
    ],
)
def test_what_has_two_readings_is_refused_by_line_and_column_and_not_repeated(
    inside: bytes, reason: str, column: int
) -> None:
    found = parsed(UTF_8 + b"\n<a>" + inside + b"</a>")
    assert isinstance(found, Refusal)
    assert (found.reason, found.detail.partition(":")[0]) == (reason, f"the message, line 3, column {column}")
    assert not any(word in found.detail for word in ("CJ88", "caf", "B;"))


def test_a_message_of_nothing_but_control_characters_costs_no_more_than_its_length() -> None:
    assert said(b"<a>" + b"\x01 " * 200_000 + b"</a>") is not None


@given(st.binary(max_size=60), st.sampled_from([UTF_8, b"", b'<?xml version="1.0" encoding="cp1252"?>']))
def test_no_bytes_raise(inside: bytes, declaration: bytes) -> None:
    parsed(declaration + b"<a>" + inside + b"</a>")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<&]\ufffe\uffff"), max_size=60))
def test_a_text_of_ordinary_characters_is_read_as_it_is(text: str) -> None:
    assert (said(UTF_8 + f"<a>{text}</a>".encode()) or "") == text
