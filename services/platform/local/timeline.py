"""A picture of who held what, from when until when: for the terminal, and as SVG.

Each matter of an agency is one line. Each moment at which something was told or ended is one column, so a night in
which much happens is as wide as a month in which nothing does.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Literal
from xml.etree import ElementTree as ET

from rich.text import Text

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.agency_responses.v1 import Answer
from services.ops import words
from services.ops.notifications import headline
from services.ops.terminal import moment
from services.ops.words import Names
from services.platform.policy.clocks import LONDON

State = Literal["live", "closed", "withdrawn"]
DELIVERED, ANSWERED, STILL_HELD = "●", "◆", "▶"
ENDS: Mapping[State, str] = {"live": STILL_HELD, "closed": "○", "withdrawn": "×"}
STYLES: Mapping[State, str] = {"live": "", "closed": "green", "withdrawn": "red"}
ENDED, TAKEN_BACK = ENDS["closed"], ENDS["withdrawn"]
LEGEND = f"{DELIVERED} told  {ANSWERED} answered  {ENDED} ended  {TAKEN_BACK} taken back  {STILL_HELD} still held"
LONGEST_LABEL, SHORTEST_LABEL, COLUMNS = 60, 28, (4, 3, 2)  # characters

# Of the SVG, in its own units.
ROW, STEP, LEFT, RIGHT, TOP = 22, 34, 430, 380, 84
COLOURS: Mapping[State, str] = {"live": "#1f4e79", "closed": "#2e7d32", "withdrawn": "#b3261e"}


@dataclass(frozen=True, slots=True)
class Held:
    """One matter as an agency held it: from when until when, how and why it ended, and when it was answered."""

    agency: str
    what: str
    delivered: datetime
    ended: datetime | None = None
    how: State = "live"
    why: str = ""
    answered: tuple[datetime, ...] = ()


def held(
    notifications: Sequence[NotificationIssued], answers: Sequence[tuple[datetime, Answer]] = ()
) -> tuple[Held, ...]:
    """What each agency held and when; agencies, and what each of them held, in the order of the first telling."""
    by_duty: dict[tuple[str, str, str], list[NotificationIssued]] = {}
    for notification in notifications:
        by_duty.setdefault((notification.agency, notification.rule, notification.subject), []).append(notification)
    found = [_held(of_duty, answers) for of_duty in by_duty.values()]
    first = {row.agency: row.delivered for row in sorted(found, key=lambda row: row.delivered, reverse=True)}
    return tuple(sorted(found, key=lambda row: (first[row.agency], row.agency, row.delivered)))


def _held(of_duty: Sequence[NotificationIssued], answers: Sequence[tuple[datetime, Answer]]) -> Held:
    last = max(of_duty, key=lambda notification: notification.revision)
    ids = {notification.notification for notification in of_duty}
    over = last.state != "live"
    return Held(
        agency=last.agency,
        what=headline(last),
        delivered=min(notification.issued_at for notification in of_duty),
        ended=last.issued_at if over else None,
        how=last.state,
        why=words.reason(last.reason) if over and last.reason else "",
        answered=tuple(at for at, answer in answers if answer.notification in ids),
    )


@dataclass(frozen=True, slots=True)
class Columns:
    """The moments at which something was told or ended, in order."""

    moments: tuple[datetime, ...]

    @classmethod
    def of(cls, rows: Sequence[Held]) -> "Columns":
        times = {row.delivered for row in rows} | {row.ended for row in rows if row.ended}
        return cls(tuple(sorted(times)))

    def at(self, when: datetime) -> int:
        """The column of this moment: an answer stands in that of the last thing that was told or ended before it."""
        return max(bisect_right(self.moments, when) - 1, 0)

    def last(self, row: Held) -> int:
        """The column in which the line of this matter ends."""
        return self.at(row.ended) if row.ended else len(self.moments) - 1

    def headings(self) -> Iterator[tuple[int, str, str, str]]:
        """Column, year, month and day, each empty where it is that of the column before."""
        before = ("", "", "")
        for number, when in enumerate(self.moments):
            local = when.astimezone(LONDON)
            now = (f"{local:%Y}", f"{local:%b}", str(local.day))
            changed = next((part for part in range(3) if now[part] != before[part]), 3)
            year, month, day = (now[part] if part >= changed else "" for part in range(3))
            yield number, year, month, day
            before = now


def lines(rows: Sequence[Held], names: Names, width: int) -> Iterator[Text]:
    """The picture for a terminal of this many characters."""
    columns = Columns.of(rows)
    count = len(columns.moments)
    step = next((step for step in COLUMNS if step * count + SHORTEST_LABEL <= width), COLUMNS[-1])
    label = min(LONGEST_LABEL, max(SHORTEST_LABEL, width - step * count))
    headings = list(columns.headings())
    for part in (1, 2, 3):
        yield Text(" " * label + "".join(str(heading[part]).ljust(step) for heading in headings), "dim")
    for agency, matters in groupby(rows, key=lambda row: row.agency):
        yield Text(names.agency(agency), "bold")
        for row in matters:
            line = Text(_cut(f"  {row.what}", label - 1).ljust(label))
            line.append(_bar(row, columns, step), STYLES[row.how])
            yield line
    yield Text(LEGEND, "dim")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _bar(row: Held, columns: Columns, step: int) -> str:
    first, last = columns.at(row.delivered), columns.last(row)
    bar = [" "] * (step * len(columns.moments))
    end = step * last if row.ended else step * last + step - 1
    bar[step * first : end + 1] = "─" * (end + 1 - step * first)
    bar[end] = ENDS[row.how]
    bar[step * first] = DELIVERED
    for when in row.answered:
        column = columns.at(when)
        bar[step * column + (1 if column < last or not row.ended else -1)] = ANSWERED
    return "".join(bar).rstrip()


def svg(rows: Sequence[Held], names: Names) -> str:
    """The picture as a document of its own. Each mark tells its moment and its reason where a pointer rests on it."""
    columns = Columns.of(rows)
    groups = [(agency, list(matters)) for agency, matters in groupby(rows, key=lambda row: row.agency)]
    height = TOP + ROW * (len(rows) + len(groups)) + 2 * ROW
    width = LEFT + STEP * len(columns.moments) + RIGHT
    root = ET.Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width} {height}", "role": "img"},
        width=str(width),
        height=str(height),
    )
    root.set("font-family", "sans-serif")
    root.set("font-size", "13")
    ET.SubElement(root, "title").text = "What each agency held, and when"
    ET.SubElement(root, "rect", width="100%", height="100%", fill="white")
    _write(root, 12, 24, "What each agency held, and when", weight="bold")
    for number, *parts in columns.headings():
        for line, part in enumerate(parts):
            _write(root, LEFT + STEP * number, 40 + 16 * line, part, fill="#555555")
    y = TOP + ROW
    for agency, matters in groups:
        _write(root, 12, y, names.agency(agency), weight="bold")
        y += ROW
        for row in matters:
            _write(root, 24, y, _cut(row.what, LONGEST_LABEL), hint=row.what)
            _draw(root, row, columns, y - 4)
            y += ROW
    _write(root, 12, y + ROW // 2, LEGEND, fill="#555555")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _draw(root: ET.Element, row: Held, columns: Columns, y: int) -> None:
    """The line of one matter with its marks, and why it ended behind it."""
    first, last = LEFT + STEP * columns.at(row.delivered), LEFT + STEP * columns.last(row)
    end = last if row.ended else last + STEP // 2
    colour = COLOURS[row.how]
    at = {"x1": str(first), "x2": str(end), "y1": str(y), "y2": str(y)}
    ET.SubElement(root, "line", at, stroke=colour).set("stroke-width", "2")
    _mark(root, first, y, DELIVERED, colour, f"{moment(row.delivered)}: told")
    for when in row.answered:
        at_answer = LEFT + STEP * columns.at(when)
        x = at_answer + (STEP // 3 if at_answer < last or not row.ended else -STEP // 3)
        _mark(root, x, y, ANSWERED, colour, f"{moment(when)}: answered")
    said = f"{moment(row.ended)}: {row.why}" if row.ended else "Still held"
    _mark(root, end, y, ENDS[row.how], colour, said)
    if row.ended:
        _write(root, end + 12, y + 4, row.why, fill=colour, size="11")


def _mark(root: ET.Element, x: int, y: int, sign: str, colour: str, hint: str) -> None:
    mark = _write(root, x, y + 5, sign, fill=colour, hint=hint)
    mark.set("text-anchor", "middle")


def _write(
    root: ET.Element,
    x: int,
    y: int,
    text: str,
    *,
    fill: str = "#111111",
    weight: str = "normal",
    size: str = "13",
    hint: str = "",
) -> ET.Element:
    written = ET.SubElement(root, "text", x=str(x), y=str(y), fill=fill)
    written.set("font-weight", weight)
    written.set("font-size", size)
    written.text = text
    if hint:
        ET.SubElement(written, "title").text = hint
    return written
