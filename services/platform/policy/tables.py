"""The tables that policy files are made of, and their rows with the line on which each stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from services.platform.policy import model
from services.platform.policy.documents import Problem, Step, Written

R = TypeVar("R", bound=model.Row)

TABLES: Mapping[str, type[model.Row]] = MappingProxyType(
    {
        "kinds": model.Kind,
        "agencies": model.Agency,
        "routes": model.Route,
        "thresholds": model.Thresholds,
        "windows": model.Window,
        "clocks": model.Clock,
        "link_clocks": model.LinkClock,
        "escalation_steps": model.EscalationSteps,
        "limits": model.Limits,
        "texts": model.Text,
        "forces": model.Force,
        "local_authorities": model.LocalAuthority,
        "courts": model.Court,
        "da_offences": model.MarkedOffence,
        "no_offences": model.NoOffence,
        "may_state": model.MayState,
        "placeholders": model.Placeholder,
        "place_words": model.PlaceWord,
        "not_places": model.NotPlace,
        "placeholder_identifiers": model.PlaceholderIdentifier,
        "school_calendars": model.SchoolCalendar,
        "times": model.DayTimes,
    }
)


@dataclass(frozen=True)
class Named:
    """The names that rules use, which policy must therefore have."""

    routes: frozenset[str] = frozenset()
    clocks: frozenset[str] = frozenset()
    windows: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Placed(Generic[R]):
    """A row and where it was written."""

    row: R
    written: Written

    def problem(self, advice: str, *steps: Step) -> Problem:
        return self.written.problem(advice, *steps)

    @property
    def where(self) -> str:
        return f"{self.written.file}:{self.written.line()}"


@dataclass(frozen=True)
class Tables:
    """The rows of all files, by table."""

    rows: Mapping[str, tuple[Placed[Any], ...]]

    def of(self, row: type[R]) -> tuple[Placed[R], ...]:
        table = next(name for name, kept in TABLES.items() if kept is row)
        return self.rows.get(table, ())
