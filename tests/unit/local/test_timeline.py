"""The picture of who held what, from when until when."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from services.ops.words import NO_NAMES
from services.platform.local.timeline import ANSWERED, LEGEND, Columns, Held, lines, svg

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=20)
NEXT_DAY = NOON + timedelta(days=1)
ROWS = (
    Held("dait-54", "Referral", NOON, answered=(NOON + timedelta(minutes=5),)),
    Held(
        "dait-54", "Question", LATER, ended=NEXT_DAY, how="closed", why="A person has answered.", answered=(NEXT_DAY,)
    ),
    Held("school-100001", "Pupil", NOON, ended=LATER, how="withdrawn", why="Another <school> & no other."),
)


def drawn(width: int) -> list[str]:
    return [line.plain for line in lines(ROWS, NO_NAMES, width)]


def test_each_moment_of_telling_or_ending_is_one_column() -> None:
    assert Columns.of(ROWS).moments == (NOON, LATER, NEXT_DAY)


def test_a_heading_says_year_month_and_day_only_where_they_change() -> None:
    assert list(Columns.of(ROWS).headings()) == [(0, "2026", "Jan", "31"), (1, "", "", ""), (2, "", "Feb", "1")]


def test_a_line_runs_from_the_telling_to_the_end_and_bears_the_answers() -> None:
    picture = drawn(60)
    assert [line[60 - 3 * 4 :] if "●─" in line or "●◆" in line else line for line in picture[3:]] == [
        "dait-54",
        "●◆─────────▶",
        "    ●──◆○",
        "school-100001",
        "●───×",
        LEGEND,
    ]


@pytest.mark.parametrize("width", [10, 40, 80, 200])
def test_the_picture_has_every_matter_at_every_width(width: int) -> None:
    assert sum("●" in line for line in drawn(width)) == len(ROWS) + 1  # the legend has one, too


def test_the_document_says_of_each_mark_when_and_why() -> None:
    root = ET.fromstring(svg(ROWS, NO_NAMES))  # noqa: S314 - it is our own
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "Sun 1 Feb 2026, 12:00: A person has answered." in titles
    assert "Sat 31 Jan 2026, 12:20: Another <school> & no other." in titles
    assert "Still held" in titles
    assert sum(text.text == ANSWERED for text in root.iter("{http://www.w3.org/2000/svg}text")) == 2
