"""A rule's one declaration: its function, and all that policy, documents and commands need to know of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.values import Body
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.policy.policy import Policy
from services.platform.policy.tables import Named

Bodies = tuple[type[Body], ...]


class RuleIncompleteError(TypeError):
    """A declaration that lacks a part, so that its module does not import."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as a service runs it. A declaration without a name, title, route or fact type raises RuleIncompleteError.

    `name`: part of the key of every duty, so it never changes. `title`: the headline over its notifications; withdrawn
    ones carry it too, so it asks for nothing. `routes`, `clocks`, `windows`: the policy rows that it asks for. `reads`:
    the bodies of all facts and answers that it reads. `needs`: the rule runs only on a file that holds at least one of
    these; by default any of `reads`. `runs_in`: files of persons, or files of references that lead to nobody yet.
    `speaks_of`: `incident` if it states the same about an incident whatever else the file holds, else `file`.
    """

    name: str
    states: Callable[[CaseFile, Policy], Iterator[Statement]]
    title: str = ""
    routes: tuple[str, ...] = ()
    reads: Bodies = ()
    needs: Bodies = ()
    clocks: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    runs_in: Literal["persons", "references"] = "persons"
    speaks_of: Literal["file", "incident"] = "file"

    def __post_init__(self) -> None:
        _check(self.name, title=self.title, routes=self.routes, reads=self.reads)
        if not set(self.needs) <= set(self.reads):
            raise RuleIncompleteError(
                f"the rule `{self.name}` needs a fact type that it does not read: add it to `reads`"
            )

    def runs_for(self, file: CaseFile) -> bool:
        """Whether this is a kind of file that the rule runs in, with a fact that it needs."""
        return file.is_unlinked == (self.runs_in == "references") and file.holds(self.needs or self.reads)


@dataclass(frozen=True, slots=True)
class DerivedRule:
    """What the relay itself owes because of another duty: named and titled like a rule, and computed by no function of
    a file. `routes`: none where the rows of the other duty's route apply."""

    name: str
    title: str = ""
    reads: Bodies = ()
    routes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self.name, title=self.title, reads=self.reads)


def named_by(rules: Iterable[Rule | DerivedRule]) -> Named:
    """The names that these rules ask of policy."""
    declared = tuple(rules)
    own = tuple(rule for rule in declared if isinstance(rule, Rule))
    return Named(
        routes=frozenset(route for rule in declared for route in rule.routes),
        clocks=frozenset(clock for rule in own for clock in rule.clocks),
        windows=frozenset(window for rule in own for window in rule.windows),
    )


def _check(name: str, **parts: object) -> None:
    if not name:
        raise RuleIncompleteError("a rule lacks `name`")
    for part, given in parts.items():
        if not given:
            raise RuleIncompleteError(f"the rule `{name}` lacks `{part}`")
