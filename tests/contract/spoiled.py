"""Records that carry marked values and are refused: every way to spoil one beside its headers."""

import json
from collections.abc import Iterator
from typing import Any

from schemas.envelope import Record

MARK = "Zq9999x"


def spoiled(record: Record) -> Iterator[tuple[str, Record]]:
    """The record, wrong in each of these ways, with marked values in it. Its headers are as they were."""
    body = json.loads(record.value)
    yield "not JSON", record._replace(value=f"{{{MARK}: '{MARK}'".encode() + record.value)
    yield "half of it", record._replace(value=record.value[: len(record.value) // 2])
    yield "a list around it", record._replace(value=b"[" + record.value + b"]")
    yield "two encodings", record._replace(value=record.value + MARK.encode("utf-16"))
    yield "a field twice", record._replace(value=f'{{"{MARK}":1,"{MARK}":"{MARK}",'.encode() + record.value[1:])
    yield "too deep", record._replace(value=_with(body, (MARK,), _deep(100)))
    yield "too large", record._replace(value=_with(body, (MARK,), MARK * 400_000))
    yield "a field that is not known", record._replace(value=_with(body, (MARK,), MARK))
    for path in leaves(body):
        here = "/".join("#" if isinstance(step, int) else step for step in path)
        yield f"{here}: an object", record._replace(value=_with(body, path, {MARK: MARK}))
        yield f"{here}: another text", record._replace(value=_with(body, path, f"{MARK} and \u0000 {MARK}"))
        yield f"{here}: an unknown value", record._replace(value=_with(body, path, MARK))


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where a body holds something that is no object and no list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        yield path
        return
    for step, below in inner:
        yield from leaves(below, (*path, step))


def _with(body: Any, path: tuple[str | int, ...], new: Any) -> bytes:
    changed = json.loads(json.dumps(body))
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = new
    return json.dumps(changed).encode()


def _deep(levels: int) -> Any:
    return [_deep(levels - 1)] if levels else MARK
