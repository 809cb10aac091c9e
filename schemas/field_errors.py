"""What is wrong with a field, and what is expected, in words that repeat nothing of the input."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.refusals import Refusal, RefusalReason, Step, spoken_path

MOST_SAID = 5
MOST_EVALUATED = 1000  # of a hundred thousand each would cost a dictionary, and the worker a second

# Pydantic's types of error; every other one is said in general words, in case its own quote the input.
_CODED = frozenset({"enum", "literal_error"})
_EXPECTED: Mapping[str, str] = {
    "missing": "required, and not there",
    "enum": "one of {expected} is expected",
    "literal_error": "{expected} is expected",
    "string_type": "a text is expected",
    "string_pattern_mismatch": "a text of the form {pattern} is expected",
    "string_too_long": "at most {max_length} characters are expected",
    "string_too_short": "at least {min_length} characters are expected",
    "int_type": "a whole number is expected",
    "int_from_float": "a whole number is expected",
    "float_type": "a number is expected",
    "bool_type": "true or false is expected",
    "greater_than_equal": "{ge} or more is expected",
    "less_than_equal": "{le} or less is expected",
    "date_type": "a date is expected, as 2026-03-02",
    "datetime_type": "a date and time with its offset is expected, as 2026-03-02T12:00:00Z",
    "timezone_aware": "a date and time with its offset is expected, as 2026-03-02T12:00:00Z",
    "tuple_type": "a list is expected",
    "list_type": "a list is expected",
    "too_short": "at least {min_length} elements are expected",
    "too_long": "at most {max_length} elements are expected",
    "model_type": "an object is expected",
    "dict_type": "an object is expected",
    "value_error": "{error}",  # from our own validators, which quote nothing
}


def refusal_of(error: ValidationError, model: type[BaseModel]) -> Refusal:
    """Everything that is wrong, the first few mistakes in words. An unknown coded value is the reason only if nothing
    else is wrong: a later release may know the value, but no release mends the rest. If everything is wrong, only that
    is said."""
    if error.error_count() > MOST_EVALUATED:
        detail = f"the content: wrong in {error.error_count()} places; content of this type is expected"
        return Refusal(RefusalReason.INVALID_FIELD, "validate", detail)
    found = error.errors(include_url=False, include_input=False)
    reason = min((_reason(e) for e in found), key=_ORDER.index)
    said = list(dict.fromkeys(_said(e, model) for e in sorted(found, key=lambda e: _ORDER.index(_reason(e)))))
    more = f"; and {len(said) - MOST_SAID} more" if len(said) > MOST_SAID else ""
    return Refusal(reason, "validate", "; ".join(said[:MOST_SAID]) + more)


@cache
def field_names(model: type[BaseModel]) -> frozenset[str]:
    """The names of all fields of a body, inner ones included."""
    return frozenset(name for inner in models_in(model) for name in inner.model_fields)


@cache
def models_in(model: type[BaseModel]) -> tuple[type[BaseModel], ...]:
    """The model and all models inside it, each once, outermost first."""
    found = {model: None}
    for field in model.model_fields.values():
        for inner in _models(field.annotation):
            found.update(dict.fromkeys(models_in(inner)))
    return tuple(found)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


_ORDER = (
    RefusalReason.MISSING_FIELD,
    RefusalReason.INVALID_FIELD,
    RefusalReason.UNKNOWN_FIELD,
    RefusalReason.UNKNOWN_VALUE,
)


def _reason(error: ErrorDetails) -> RefusalReason:
    if error["type"] == "missing":
        return RefusalReason.MISSING_FIELD
    if error["type"] == "extra_forbidden":
        return RefusalReason.UNKNOWN_FIELD
    return RefusalReason.UNKNOWN_VALUE if error["type"] in _CODED else RefusalReason.INVALID_FIELD


def _said(error: ErrorDetails, model: type[BaseModel]) -> str:
    names = field_names(model)
    if error["type"] == "extra_forbidden":
        *where, unknown = error["loc"]
        return f"{spoken_path(where, names)}: {_meant(str(unknown), _at(model, where))}"
    expected = _EXPECTED.get(error["type"], "not in the form that is expected")
    context = {key: str(value) for key, value in error.get("ctx", {}).items()}
    return f"{spoken_path(_path(error['loc'], names), names)}: {expected.format(**context)}"


def _path(loc: Sequence[Step], names: frozenset[str]) -> tuple[Step, ...]:
    # A type's own labels stand among the names, as "function-before" does: they are no place in the document.
    return tuple(step for step in loc if isinstance(step, int) or step in names)


def _meant(unknown: str, model: type[BaseModel] | None) -> str:
    known = tuple(model.model_fields) if model else ()
    near = difflib.get_close_matches(unknown, known, n=1)
    suggestion = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"a field that is not known there; {suggestion}"


def _at(model: type[BaseModel], path: Sequence[Step]) -> type[BaseModel] | None:
    """The innermost model at a path."""
    at: type[BaseModel] | None = model
    for step in path:
        if isinstance(step, str) and at is not None and step in at.model_fields:
            at = next(_models(at.model_fields[step].annotation), None)
    return at
