"""One word for each thing: what machines and people read is named by the words of the design, never by the old ones.

Old words are refused as names: of modules, classes, functions, arguments, fields and variables, of metrics, log events,
tables, columns and indexes, of policy's tables and of documents. In sentences a word keeps its ordinary meaning.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.platform import metrics
from services.platform.logs import Event
from services.platform.policy.tables import TABLES as POLICY
from services.platform.storage.tables import TABLES

PROJECT = Path(__file__).parents[2]
INSTEAD = {
    "look": "evaluation",
    "looks": "evaluations",
    "looked": "evaluated",
    "notice": "notification",
    "notices": "notifications",
    "rung": "escalation step",
    "rungs": "escalation steps",
    "ladder": "escalation steps",
    "ladders": "escalation steps",
    "told": "delivered, or delivery state",
    "stands": "is current",
    "standing": "current",
    "waiting": "pending",
    "home": "unlinked file",
    "homes": "unlinked files",
    "lies_in": "file membership",
    "shell": "batch",
    "store": "writer",
    "ledger": "reader",
    "heart": "reconcile",
}
# Names in which such a word has its ordinary meaning, or is the field's own.
ORDINARY = {
    "first_told_at": "when somebody was told: a verb, and no state",
    "nobody_is_told": "a sentence that gives the reason",
    "home": "where somebody lives or an incident happened",
    "other_home": "where an incident happened",
    "home_educated": "how a child is educated",
    "child_home_educated": "how a child is educated",
    "order_stands": "a court's order stands in law",
    "order_stands_until_decided": "a court's order stands in law",
    "stands_now": "a court's order stands in law",
    "while_it_stands": "a court's order stands in law",
    "standing": "a court's order that stands in law",
    "store": "an argument of Faust's",
    "store_true": "a word of argparse's",
}


def as_words(name: str) -> str:
    """`OldestWaiting` and `_OLDEST_WAITING` as `oldest_waiting`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip("_"))
    return re.sub(r"[^a-z0-9]+", "_", parted.lower())


def old_word_in(name: str) -> str | None:
    """The old word that a name has in it, unless the name is one of the ordinary ones."""
    words = as_words(name)
    if words in ORDINARY:
        return None
    return next((old for old in INSTEAD if f"_{old}_" in f"_{words}_"), None)


def names_in(text: str) -> Iterator[str]:
    """Every name that a module gives to something, by its syntax."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
            case ast.Constant(value=str(name)) if re.fullmatch(r"[a-z]+(_[a-z]+)+", name):
                yield name


def names_for_machines() -> Iterator[str]:
    """Names that alarms, dashboards, queries and deployers use."""
    yield from (family.name for family in metrics.REGISTRY.collect())
    yield from Event
    for table in TABLES.sorted_tables:
        yield table.name
        yield from (column.name for column in table.columns)
        yield from (str(index.name) for index in table.indexes)
    yield from POLICY
    for folder, kind in (("docs", "*.md"), ("docs", "*.svg"), ("deploy", "*.yaml")):
        yield from (file.stem for file in (PROJECT / folder).rglob(kind))


MODULES = sorted({f for part in ("schemas", "services") for f in (PROJECT / part).rglob("*.py")})


@pytest.mark.parametrize("module", MODULES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_no_old_word_is_a_name_in_the_code(module: Path) -> None:
    names = {module.stem, *names_in(module.read_text(encoding="utf-8"))}
    found = {name: f"say {INSTEAD[old]}" for name in names if (old := old_word_in(name))}
    assert not found


def test_no_old_word_is_a_name_that_machines_read() -> None:
    found = {name: f"say {INSTEAD[old]}" for name in names_for_machines() if (old := old_word_in(name))}
    assert not found


@pytest.mark.parametrize(
    "name", ["relay_oldest_waiting_seconds", "LooksRecorded", "_TOLD", "look_through", "file_home"]
)
def test_an_old_word_is_found_in_a_name_however_it_is_written(name: str) -> None:
    assert old_word_in(name)


def test_each_ordinary_name_is_still_used() -> None:
    used = {as_words(name) for module in MODULES for name in names_in(module.read_text(encoding="utf-8"))}
    values = {as_words(value) for module in MODULES for value in re.findall(r'"(\w+)"', module.read_text("utf-8"))}
    assert set(ORDINARY) <= used | values
