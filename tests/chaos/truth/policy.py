"""The YAML in deploy/ read plainly, and whom it names for an area: the verifier shares no code with the relay."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from tests.chaos.truth.facts import LONDON

Row = Mapping[str, Any]
DEPLOY = Path(__file__).parents[3] / "deploy"


@dataclass(frozen=True)
class Lives:
    """A force and a local authority, as far as they are known."""

    force: str | None = None
    la: str | None = None

    @property
    def known(self) -> bool:
        return self.force is not None or self.la is not None


@dataclass(frozen=True)
class Areas:
    """Whose areas choose."""

    case: str | None = None
    court: str | None = None
    victim: Lives = Lives()
    child: Lives = Lives()
    suspect: Lives = Lives()
    school: str | None = None


class Policy:
    """Rows by the name of their list, over all files of the two folders."""

    def __init__(self, deploy: Path = DEPLOY) -> None:
        self.rows: dict[str, list[Row]] = {}
        for path in sorted([*deploy.glob("policy/*.yaml"), *deploy.glob("agencies/*.yaml")]):
            for name, rows in yaml.safe_load(path.read_text()).items():
                if isinstance(rows, list):
                    self.rows.setdefault(name, []).extend(rows)
                elif name == "times":
                    self.rows[name] = rows

    def told(self, route: str, areas: Areas, but: str | None = None) -> dict[str, list[str]]:
        """The agencies of a route, each with what is asked of it: a kind is chosen by whom it serves (domain 2.5).
        `but`: without this kind."""
        found: dict[str, list[str]] = {}
        for told in next(row for row in self.rows["routes"] if row["route"] == route)["told"]:
            if told["kind"] != but:
                for agency in self.of_kind(told["kind"], areas):
                    found.setdefault(agency, sorted(asking["ask"] for asking in told.get("asks", ())))
        return found

    def of_kind(self, kind: str, areas: Areas) -> Iterator[str]:
        case = Lives(areas.case)
        match next(row["serves"] for row in self.rows["kinds"] if row["kind"] == kind):
            case "case":
                yield self.serving(kind, case, areas.court)
            case "case_and_victim":
                yield self.serving(kind, case, areas.court)
                if areas.victim.known:
                    yield self.serving(kind, areas.victim)
            case "school":
                yield self.school(areas.school, areas.child if areas.child.known else case)
            case whose:
                lives = {"victim": areas.victim, "child": areas.child, "suspect": areas.suspect}[whose]
                yield self.serving(kind, lives if lives.known else case)

    def school(self, urn: str | None, lives: Lives) -> str:
        """The school's own lead; of a school that is in no file, and of none, the authority's desk."""
        own = [row["id"] for row in self.rows["agencies"] if urn in _texts(row.get("schools"))]
        return own[0] if own else self.serving("la_education", lives)

    def serving(self, kind: str, lives: Lives, court: str | None = None) -> str:
        """By court, else by authority, else by force, else, the authority unknown, by one of the force's; the least id,
        and the default where nobody serves."""
        force = lives.force or self.force_of(lives.la)
        agencies = [row for row in self.rows["agencies"] if row["kind"] == kind]
        ways = [
            [
                row["id"]
                for row in agencies
                if court is not None and self.court_area(court) in _texts(row.get("courts"))
            ],
            [row["id"] for row in agencies if lives.la in _texts(row.get("las"))],
            [row["id"] for row in agencies if force in _texts(row.get("forces"))],
            [
                row["id"]
                for row in agencies
                if lives.la is None and force and force in map(self.force_of, _texts(row.get("las")))
            ],
            [row["id"] for row in agencies if row.get("default")],
        ]
        return str(min(next(found for found in ways if found)))

    def able(self, kind: str, lives: Lives, case: str) -> list[str]:
        """Whoever serves there, then those that can be asked in its place."""
        lives = lives if lives.known else Lives(case)
        force = lives.force or self.force_of(lives.la)
        of_kind = sorted((row for row in self.rows["agencies"] if row["kind"] == kind), key=lambda row: str(row["id"]))
        serving = [row["id"] for row in of_kind if lives.la in _texts(row.get("las"))]
        serving += [row["id"] for row in of_kind if force in _texts(row.get("forces"))]
        if lives.la is None and force is not None:
            serving += [row["id"] for row in of_kind if force in map(self.force_of, _texts(row.get("las")))]
        able = [row["id"] for row in of_kind if {lives.la, force} & set(_texts(row.get("able_for")))]
        return list(dict.fromkeys([self.serving(kind, lives), *serving, *able]))

    def force_of(self, la: str | None) -> str | None:
        return next((str(r["force"]) for r in self.rows["local_authorities"] if str(r["la_code"]) == la), None)

    def court_area(self, court: str) -> str | None:
        fitting = [row for row in self.rows["courts"] if court.startswith(row["prefix"])]
        return str(max(fitting, key=lambda row: len(row["prefix"]))["area"]) if fitting else None

    def of_force(self, rows: Iterable[Row], force: str) -> Row | None:
        """The force's own row, else that of all others."""
        found = list(rows)
        own = [row for row in found if force in _texts(row.get("forces"))]
        return next(iter(own or [row for row in found if not row.get("forces")]), None)

    def reopens(self, at: datetime, urn: str, la: str | None) -> datetime | None:
        """The first morning of the next term of a school in its holidays: by its own calendar, else its authority's;
        one without a next term that is near enough says nothing."""
        times: Any = self.rows["times"]
        day, calendars = at.astimezone(LONDON).date(), self.rows["school_calendars"]
        own = [row for row in calendars if str(row.get("school_urn")) == urn]
        for row in own + [row for row in calendars if la is not None and str(row.get("la_code")) == la]:
            terms = sorted(row["terms"], key=lambda term: term["first"])
            begun = [term for term in terms if term["first"] <= day]
            begins = _time(row.get("session_begins") or times["session_begins"])
            in_school = (
                moment
                for moment in (datetime.combine(day + timedelta(days=n), begins, LONDON) for n in range(90))
                if moment > at and moment.weekday() < 5 and moment.date() not in row.get("inset", ())
            )
            if begun and any(moment.date() <= begun[-1]["last"] for moment in in_school):
                return None
            near = max(term["last"] for term in begun) + timedelta(days=times["longest_break_days"]) if begun else day
            following = [term["first"] for term in terms if day < term["first"] <= near]
            if following:
                return datetime.combine(following[0], _time(times["school_morning"]), LONDON)
        return None

    def thresholds(self, tool: str, force: str) -> Row:
        """Empty for a tool whose ticks are not counted."""
        return self.of_force((row for row in self.rows["thresholds"] if row["tool"] == tool), force) or {}

    def window(self, name: str, force: str) -> Row:
        row = self.of_force((row for row in self.rows["windows"] if row["window"] == name), force)
        assert row is not None
        return row

    def unlinked_route(self, kind: str, variant: str | None) -> str | None:
        rows = [row for row in self.rows["link_clocks"] if row["type"] == kind]
        fitting = [row for row in rows if row.get("variant") == variant] or [r for r in rows if "variant" not in r]
        return fitting[0]["route"] if fitting else None

    @cached_property
    def da_offences(self) -> frozenset[str]:
        return frozenset(row["code"] for row in self.rows["da_offences"])

    @cached_property
    def no_offences(self) -> frozenset[str]:
        return frozenset(row["code"] for row in self.rows["no_offences"])

    @cached_property
    def nobody(self) -> frozenset[str]:
        """What sources write for persons whom they do not know."""
        return frozenset(_letters(row["placeholder"]) for row in self.rows["placeholders"])

    def says_a_place(self, text: str) -> bool:
        """The plain words of the list; the runs' own texts have no others."""
        said = f" {' '.join(text.lower().split())} "
        return any(f" {row['place_word']} " in said for row in self.rows["place_words"] if "in_names" not in row)

    def is_nobody(self, record: str) -> bool:
        return _letters(record) in self.nobody


def within(window: Row, first: date, later: date) -> bool:
    """Whether a day lies in the months that begin with another: the last is the day before the corresponding one."""
    months = first.year * 12 + first.month - 1 + window["months"]
    start = date(months // 12, months % 12 + 1, 1)
    after = date((months + 1) // 12, (months + 1) % 12 + 1, 1)
    return first <= later <= min(start + timedelta(days=first.day - 2), after - timedelta(days=1))


def _time(written: str | int) -> time:
    """YAML reads 17:00 as minutes."""
    return time.fromisoformat(written) if isinstance(written, str) else time(*divmod(written, 60))


def _texts(values: Iterable[object] | None) -> list[str]:
    return [str(value) for value in values or ()]


def _letters(written: str) -> str:
    return "".join(letter for letter in written.casefold() if letter.isalnum())
