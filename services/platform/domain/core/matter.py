"""What could be said of a fact: each value with its data class, its form, whom it is about and how sure it is."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any

from pydantic import BaseModel

from schemas.births import DoubtfulAge, DoubtfulDate
from schemas.classes import Basis, DataClass, Form, Marked, Sure
from schemas.police_incidents.v1 import (
    IncidentReported,
    Party,
    Risk,
)
from schemas.streams import REGISTRY
from schemas.values import Body, Role
from services.platform.domain.core.duties import Item, Present
from services.platform.domain.core.facts import Fact

FOUND_BY_A_COURT = frozenset(each.newest for each in REGISTRY.facts.values() if each.found_by == "court")
DECIDED = frozenset({DataClass.O, DataClass.D})
ALLEGED = frozenset({DataClass.N, DataClass.O})
DOUBTFUL = frozenset({DoubtfulDate, DoubtfulAge})
PLAIN = frozenset({type(None), str, bool, int, float})
PERSON = re.compile(r"/(?:party|child)/\d+$")


def show(
    fact: Fact, path: str = "", about: str | None = None, basis: Basis | None = None, what: str | None = None
) -> tuple[Item, ...]:
    """The value at a dotted path of the fact's body (`risk.grade`, `children.0.name`), one item for each leaf.

    A whole number in the path is a position in a list. Class and form are the schema's marks; identity is P or S by the
    party's role, and S where no party is named. `about` is found where the schema says it: parties, children, the party
    of a risk assessment. Left out are values that are not known (None) and dates of birth and ages that are doubted.
    `what` renames a single leaf; else it is the last two names of its path. Raises AttributeError or IndexError where
    the body has no such path.
    """
    at: Any = fact.body
    trail = [at]
    names: list[str] = []
    mark: Marked | None = None
    for step in _steps(path):
        if isinstance(step, int):
            at = at[step]
        else:
            known = MARKS[type(at)]
            mark = None if known is None else known[step]
            at = getattr(at, step)
            names.append(step)
        trail.append(at)
    if mark is not None and type(at) is not tuple and MARKS[type(at)] is None:  # most are a leaf by themselves
        return () if _unknown(at) else (_item(fact.body, (at, mark, names, trail), about, basis, what),)
    leaves = tuple(_leaves(at, mark, names, trail))
    if what is not None and len(leaves) > 1:
        raise ValueError("a container cannot be given one name")
    return tuple(_item(fact.body, leaf, about, basis, what) for leaf in leaves)


def derived(
    what: str,
    value: Any,
    data_class: DataClass,
    form: Form = Form.FULL,
    about: str | None = None,
    basis: Basis = "recorded",
    present: Present | None = None,
) -> tuple[Item, ...]:
    """A value that a rule worked out, under the class that the rule's author answers for."""
    return (Item(what, plain(value), data_class, form, about, basis, present),)


def person_place(place: str | None) -> bool:
    """Whether a place is a person's (a party, a child) and not an order's, a hearing's or an application's."""
    return place is not None and PERSON.search(place) is not None


def plain(value: Any) -> Any:
    """A value as JSON can carry it and a notification can be compared: enums by value, times in UTC, lists as
    tuples."""
    if type(value) in PLAIN:
        return value
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case tuple() | list():
            return tuple(plain(element) for element in value)
    raise TypeError(f"{type(value).__name__} cannot be said in a notification")


@cache
def marks(model: type[BaseModel]) -> dict[str, Marked]:
    """The mark of each field of a model, and its basis where that is marked. TypeError for a field without a mark."""
    found = {}
    for name, info in model.model_fields.items():
        own = [mark for mark in info.metadata if isinstance(mark, Marked)]
        if not own and not (issubclass(model, Body) and name == "withdrawn"):
            raise TypeError(f"{model.__name__}.{name} has no data class")
        if own:
            sure = next((mark.basis for mark in info.metadata if isinstance(mark, Sure)), own[-1].basis)
            found[name] = replace(own[-1], basis=sure)
    return found


@cache
def _steps(path: str) -> tuple[int | str, ...]:
    return tuple(int(step) if step.isdigit() else step for step in path.split(".") if step)


class _Marks(dict[type, dict[str, Marked] | None]):
    """The marks of every model, None for what is no model. To ask Pydantic's classes whether something is an instance
    of theirs costs several times as much, and is asked for every part of every item."""

    def __missing__(self, kind: type) -> dict[str, Marked] | None:
        self[kind] = found = marks(kind) if issubclass(kind, BaseModel) else None
        return found


MARKS = _Marks()
Leaf = tuple[Any, Marked, list[str], list[Any]]


def _unknown(value: Any) -> bool:
    return value is None or type(value) in DOUBTFUL


def _leaves(value: Any, mark: Marked | None, names: list[str], trail: list[Any]) -> Iterator[Leaf]:
    if _unknown(value):
        return
    if (fields := MARKS[type(value)]) is not None:
        for name, own in fields.items():
            inner = getattr(value, name)
            yield from _leaves(inner, own, [*names, name], [*trail, inner])
    elif isinstance(value, tuple) and any(MARKS[type(element)] is not None for element in value):
        for element in value:
            yield from _leaves(element, mark, names, [*trail, element])
    elif mark is None:
        raise TypeError("a value without a data class cannot be shown")
    else:
        yield value, mark, names, trail


def _item(body: Body, leaf: Leaf, about: str | None, basis: Basis | None, what: str | None) -> Item:
    value, mark, names, trail = leaf
    kinds = [type(part) for part in trail]
    data_class = mark.data_class or _identity(body, trail, kinds)
    return Item(
        what or ".".join(names[-2:]),
        plain(value),
        data_class,
        mark.form,
        about or _about(body, trail, kinds),
        basis or mark.basis or _basis(body, data_class, kinds),
    )


def _identity(body: Body, trail: list[Any], kinds: list[type]) -> DataClass:
    """Whose identity it is; while roles are unresolved each party is judged as a possible victim."""
    if Party not in kinds:
        return DataClass.S
    if isinstance(body, IncidentReported) and body.roles_unresolved:
        return DataClass.P
    return DataClass.S if trail[kinds.index(Party)].role is Role.SUSPECT else DataClass.P


def _about(body: Body, trail: list[Any], kinds: list[type]) -> str | None:
    for part, kind in zip(reversed(trail), reversed(kinds), strict=True):
        if _says_whom(kind) and (place := part.place_in(body)) is not None:
            return str(place)
    return None


@cache
def _says_whom(kind: type) -> bool:
    """Whether parts of this kind say whom what they hold is about."""
    return hasattr(kind, "place_in")


def _basis(body: Body, data_class: DataClass, kinds: list[type]) -> Basis:
    """How sure it is (DPA 2018 s.38): what a court found, what a person assessed, what is said to have happened."""
    found = type(body) in FOUND_BY_A_COURT
    if found and data_class in DECIDED:
        return "court_found"
    if data_class is DataClass.K and Risk in kinds:
        return "assessed"
    if data_class in ALLEGED and not found:
        return "alleged"
    return "recorded"
