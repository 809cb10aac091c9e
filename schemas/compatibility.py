"""Compare the JSON Schema of each body with the committed one: does a change break those who write or read it?"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel

from schemas.classes import Marked
from schemas.field_errors import models_in

JsonSchema = Mapping[str, Any]

DATA_CLASS = "x-data-class"
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def mark_of(model: type[BaseModel], field: str) -> Marked | None:
    """The data class of a field, or None where it has none."""
    return next((m for m in model.model_fields[field].metadata if isinstance(m, Marked)), None)


def class_of(mark: Marked) -> str:
    """`P or S` for the identity of a party, `K (grade)` for a form of a class."""
    letter = mark.data_class.value if mark.data_class else "P or S"
    return letter if mark.form.value == "full" else f"{letter} ({mark.form.value})"


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a body, each property with its data class: who may see a field is part of the contract."""
    schema = model.model_json_schema(mode="validation")
    for inner in models_in(model):
        properties = (schema if inner is model else schema["$defs"][inner.__name__]).get("properties", {})
        for name, described in properties.items():
            mark = mark_of(inner, name)
            if mark is not None:
                described[DATA_CLASS] = class_of(mark)
    return schema


def breaking(old: JsonSchema, new: JsonSchema, direction: Literal["in", "out"] = "in") -> tuple[str, ...]:
    """Why a new schema breaks those who rely on the old one; empty if it does not.

    Events into the relay that were right must stay right. Events out of it must be right by the old schema, except for
    fields that old readers ignore. In both directions no field disappears, and no field changes its class of personal
    data.
    """
    narrower, wider = (new, old) if direction == "in" else (old, new)
    return tuple(dict.fromkeys((*_gone(old, new), *_narrowed(wider, narrower, wider, narrower, ""))))


def _gone(old: JsonSchema, new: JsonSchema) -> Iterator[str]:
    for name, was in _models(old):
        now = dict(_models(new)).get(name)
        if now is not None:
            for field in was.get("properties", {}).keys() - now.get("properties", {}).keys():
                yield f"{name}.{field} is gone"


def _models(schema: JsonSchema) -> Iterator[tuple[str, JsonSchema]]:
    yield "", schema
    yield from schema.get("$defs", {}).items()


def _resolved(node: JsonSchema, root: JsonSchema) -> JsonSchema:
    if "$ref" in node:
        target = root["$defs"][node["$ref"].removeprefix("#/$defs/")]
        return {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    return node


def _choices(node: JsonSchema, root: JsonSchema) -> list[JsonSchema]:
    node = _resolved(node, root)
    return [_resolved(choice, root) for choice in node["anyOf"]] if "anyOf" in node else [node]


def _values(node: JsonSchema) -> frozenset[str] | None:
    if "const" in node:
        return frozenset({repr(node["const"])})
    return frozenset(map(repr, node["enum"])) if "enum" in node else None


def _narrowed(old: JsonSchema, new: JsonSchema, old_root: JsonSchema, new_root: JsonSchema, at: str) -> Iterator[str]:
    """Where something that `old` allows is not allowed by `new`."""
    where = at or "the content"
    for key in ("default", DATA_CLASS):
        if old.get(key) != new.get(key) and at:
            yield f"{where}: {key} changes"
    choices = {choice.get("type"): choice for choice in _choices(new, new_root)}
    for was in _choices(old, old_root):
        now = choices.get(was.get("type"), choices.get(None) if len(choices) == 1 else None)
        if now is None:
            yield f"{where}: {was.get('type')} is no longer allowed"
        else:
            yield from _narrowed_choice(was, now, old_root, new_root, at)


def _narrowed_choice(
    was: JsonSchema, now: JsonSchema, old_root: JsonSchema, new_root: JsonSchema, at: str
) -> Iterator[str]:
    yield from (f"{at or 'the content'}: {what}" for what in _tightened(was, now))
    for field in sorted(set(now.get("required", ())) - set(was.get("required", ()))):
        yield f"{f'{at}.' if at else ''}{field}: becomes required"
    for field, inner in was.get("properties", {}).items():
        if field in now.get("properties", {}):
            inside = f"{at}.{field}" if at else field
            yield from _narrowed(inner, now["properties"][field], old_root, new_root, inside)
    if "items" in was and "items" in now:
        yield from _narrowed(was["items"], now["items"], old_root, new_root, f"{at}[]")


def _tightened(was: JsonSchema, now: JsonSchema) -> Iterator[str]:
    before, after = _values(was), _values(now)
    if after is not None and (before is None or not before <= after):
        gone = sorted(before - after) if before is not None else "others"
        yield f"values are no longer allowed: {gone}"
    yield from (f"{key} changes" for key in ("pattern", "format") if key in now and now[key] != was.get(key))
    yield from (f"{key} rises" for key in _LEAST if key in now and (key not in was or now[key] > was[key]))
    yield from (f"{key} falls" for key in _MOST if key in now and (key not in was or now[key] < was[key]))
