"""Places and the keys of files are written and read back by the modules that declare them, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
# Modules that say how a text is made and taken apart.
DECLARE = {
    "schemas/places.py": "places",
    "schemas/identifiers.py": "spellings of identifiers",
    "schemas/matters.py": "references",
    "schemas/carried.py": "what people type, in every spelling",
    "services/platform/domain/core/file_keys.py": "keys of files",
    "services/platform/domain/core/subjects.py": "subjects of duties",
    "services/platform/domain/core/escalation.py": "subjects of escalation steps",
    "services/ops/files.py": "what people type: a duty as `rule/subject/agency`",
}
# Written anew while protection moves into one place.
MOVING = {"services/platform/domain/protection/orders.py"}
TAKES_APART = {"split", "rsplit", "partition", "rpartition"}
PARTS = ("/party/", "/child/", "/order/", "record:", "place:", "unlinked:", "crime:", "person:")
MODULES = sorted(
    name
    for part in ("schemas", "services")
    for file in (PROJECT / part).rglob("*.py")
    if (name := str(file.relative_to(PROJECT))) not in DECLARE.keys() | MOVING
)


def found_in(text: str) -> Iterator[str]:
    """Where a module takes a text apart at a slash, or writes a part of a place or of a key by itself."""
    tree = ast.parse(text)
    sentences = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[ast.Constant(value="/"), *_]) if name in TAKES_APART:
                yield f"{node.lineno}: {name} at a slash"
            case ast.Constant(value=str(value)) if id(node) not in sentences and " " not in value:
                yield from (f"{node.lineno}: {part}" for part in PARTS if value.startswith(part) or part in value[:60])
            case _:
                pass


@pytest.mark.parametrize("module", MODULES)
def test_no_place_and_no_key_of_a_file_is_written_or_taken_apart_here(module: str) -> None:
    assert not list(found_in((PROJECT / module).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text", ['crime = place.partition("/")[0]', 'key = f"record:{system}:{number}"', 'place = f"{crime}/party/{n}"']
)
def test_a_place_that_is_written_or_taken_apart_is_found(text: str) -> None:
    assert list(found_in(text))
