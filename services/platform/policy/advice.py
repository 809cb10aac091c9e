"""What would be right, in words for the person who wrote the file, where a row does not validate."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

# What a field of this shape looks like when it is right.
SHAPES: Mapping[str, str] = MappingProxyType(
    {
        r"^[a-z0-9][a-z0-9-]{1,59}$": "write small letters, figures and hyphens, such as `idva-larkmead`",
        r"^[a-z][a-z0-9_]{1,39}$": "write small letters, figures and underscores, such as `la_education`",
        r"^[0-9]{3}$": "write three figures, such as `866`",
        r"^[0-9]{6}$": "write six figures, such as `100001`",
        r"^[A-Z0-9]{2,5}$": "write two to five capital letters or figures, such as `54`",
        r"^[A-JZ][A-Z0-9]{1,6}$": "write the beginning of a court's code, such as `C54` or `C54SD00`",
        r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}$": "write one word of at most 40 letters, figures, `_`, `.`, `+` and `-`",
        r"^uk\.(police|court|agency)\.[a-z0-9]+(-[a-z0-9]+)*$": (
            "write a type without its version, such as `uk.court.orders-resulted`"
        ),
    }
)

# By how the validator's name for the mistake begins; the first that fits.
MISTAKES: Mapping[str, str] = MappingProxyType(
    {
        "timezone": "write a moment with its zone, as 2026-04-01T09:00:00Z",
        "datetime": "write a moment with its zone, as 2026-04-01T09:00:00Z",
        "date": "write a day as 2026-04-01",
        "time_delta": "write a length of time as PT15M, PT1H or P1D",
        "time": "write a time of day as 08:30",
        "bool": "write true or false",
        "int": "write a whole number",
        "float": "write a number, such as 0.25",
        "tuple": "write a list",
        "frozen_set": "write a list",
        "model": "write keys and values, one a line",
        "string_type": "write something: this has no value",
        "string_too_short": "write something: this is empty",
    }
)


def advice(error: ErrorDetails, row: type[BaseModel]) -> str:
    """One sentence about one mistake that validating `row` found. It quotes field names, never a value."""
    *above, last = error["loc"] or ("",)
    where = f"`{'.'.join(map(str, error['loc']))}`: " if error["loc"] else ""
    kind, context = error["type"], error.get("ctx", {})
    match kind:
        case "missing":
            return f"`{last}` is missing here: add it"
        case "extra_forbidden":
            known = _model_at(row, above).model_fields
            return f"there is no `{last}` here{perhaps(str(last), known)}; what can stand here: {_listed(known)}"
        case "literal_error" | "enum":
            return f"{where}write one of {context['expected']}"
        case "string_pattern_mismatch":
            return where + SHAPES.get(context["pattern"], f"write what fits {context['pattern']}")
        case "value_error":
            return where + str(context["error"])
    for begins, right in MISTAKES.items():
        if kind.startswith(begins):
            return where + right
    return where + error["msg"]


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """A name that nothing has, with the nearest that something has."""
    names = sorted(known)
    return f"there is no {what} `{name}`{perhaps(name, names)}"


def perhaps(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), n=1)
    return f"; perhaps `{near[0]}` is meant" if near else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _model_at(row: type[BaseModel], steps: Iterable[Any]) -> type[BaseModel]:
    """The model of what lies at these steps inside a row."""
    for step in steps:
        if isinstance(step, str) and step in row.model_fields:
            row = next(_models(row.model_fields[step].annotation), row)
    return row


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
