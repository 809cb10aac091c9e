"""Tests use what the code shows to everybody: a name that begins with `_` may change without any of them."""

import ast
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FILES = sorted((PROJECT / "tests").rglob("*.py"))
OURS = ("schemas", "services")
# Public in spite of their names.
OF_NAMED_TUPLES = frozenset({"_asdict", "_fields", "_field_defaults", "_make", "_replace"})
BY_NAME = frozenset({"getattr", "hasattr", "setattr"})
OF_LIBRARIES = frozenset({"os._exit", "sys._getframe"})


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name not in OF_NAMED_TUPLES


def private_names(text: str) -> Iterator[str]:
    """Those that a test takes from the code: imported, reached into, set by name, or overridden in a class."""
    tree = ast.parse(text)
    ours = imported(tree)
    own = {id(node) for each in ast.walk(tree) if isinstance(each, ast.ClassDef) for node in of_itself(each, ours)}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] in OURS:
                yield from (name for name in (*module.split("."), *(each.name for each in names)) if is_private(name))
            case ast.Attribute(attr=name) if is_private(name) and id(node) not in own:
                if ast.unparse(node) not in OF_LIBRARIES:
                    yield ast.unparse(node)
            case ast.Call(func=ast.Name(id=by), args=[_, ast.Constant(value=str(name)), *_]) if by in BY_NAME:
                yield from [name] if is_private(name) else []
            case ast.ClassDef(name=of, body=body):
                inherited = {name for base in bases(node, ours) for name in dir(base)}
                methods = {each.name for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
                yield from (f"{of}.{name}" for name in methods & inherited if is_private(name))


def imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """What a test imports from the code: by its name there, the module and the name in it."""
    return {
        each.asname or each.name: (node.module, each.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in OURS
        for each in node.names
    }


def bases(node: ast.ClassDef, ours: dict[str, tuple[str, str]]) -> list[type]:
    """The classes of the code from which a test's class inherits."""
    named = [ours[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in ours]
    return [getattr(import_module(module), name) for module, name in named]


def of_itself(node: ast.ClassDef, ours: dict[str, tuple[str, str]]) -> Iterator[ast.Attribute]:
    """Where a class speaks of its own private attributes, and not of those of a class of the code."""
    inherited = {name for base in bases(node, ours) for name in (*dir(base), *set_in(base))}
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name) if name not in inherited:
                yield each


@cache
def set_in(base: type) -> frozenset[str]:
    """The attributes that the module of a class gives to objects of its own."""
    tree = ast.parse(Path(str(import_module(base.__module__).__file__)).read_text("utf-8"))
    return frozenset(
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_a_test_uses_no_private_name_of_the_code(path: Path) -> None:
    assert [*private_names(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from services.ops.dlq import _sentence", ["_sentence"]),
        ("from schemas._hidden import thing", ["_hidden"]),
        ("worker._pool.open()", ["worker._pool"]),
        ("setattr(reader, '_rows', 1)", ["_rows"]),
        ("from services.platform.streaming.loop import Loop\nclass L(Loop):\n def _handle(self): ...", ["L._handle"]),
        (
            "from services.platform.streaming.loop import Loop\nclass L(Loop):\n def go(self): self._starts.clear()",
            ["self._starts"],
        ),
        ("class Mine:\n def __init__(self): self._own = 1", []),
        ("key._replace(agency='a')\nos._exit(9)", []),
    ],
)
def test_private_names_are_found_however_they_are_used(text: str, found: list[str]) -> None:
    assert [*private_names(text)] == found
