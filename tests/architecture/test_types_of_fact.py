"""What the relay must know of a type of fact is in its declaration: nothing else asks an event which type it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.streams import REGISTRY

PROJECT = Path(__file__).parents[2]
BODIES = frozenset(body.__name__ for body in REGISTRY.of_body)
# Rules speak of types of fact, and adapters and the story make them. What several rules share is `people` and
# `protection`.
RULES = (
    "services/incidents",
    "services/convictions",
    "services/order_variations",
    "services/responses",
    "services/intake",
    "services/platform/domain/people",
    "services/platform/domain/protection",
)
# What is left, with its reason: such a question may go from here, and none may come.
LEFT = {
    "services/ops/explain.py": "whether a suspect is police is known of an incident alone",
    "services/ops/files.py": "whether a suspect is police is known of an incident alone",
    "services/platform/domain/core/matter.py": "whose identity it is while roles are unresolved",
}
MODULES = sorted(
    name
    for file in (PROJECT / "services").rglob("*.py")
    if not (name := str(file.relative_to(PROJECT))).startswith(RULES) and name not in LEFT
)


def asked_in(text: str) -> Iterator[str]:
    """Where a module asks of which type a body is."""
    tree = ast.parse(text)
    bodies = BODIES & {
        each.asname or each.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("schemas.")
        for each in node.names
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                asked: list[ast.AST] = [kinds]
            case ast.MatchClass(cls=kind):
                asked = [kind]
            case _:
                continue
        names = {each.id for kinds in asked for each in ast.walk(kinds) if isinstance(each, ast.Name)}
        yield from (f"{node.lineno}: {name}" for name in sorted(names & bodies))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_outside_rules_asks_an_event_which_type_it_is(module: str) -> None:
    assert not list(asked_in((PROJECT / module).read_text(encoding="utf-8")))


@pytest.mark.parametrize("module", LEFT)
def test_what_is_left_still_asks(module: str) -> None:
    assert list(asked_in((PROJECT / module).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    ["isinstance(body, Accepted)", "isinstance(body, Accepted | Decided)", "match body:\n case Decided(): ..."],
)
def test_a_question_for_a_type_is_found(text: str) -> None:
    assert list(asked_in(f"from schemas.agency_responses.v1 import Accepted, Decided\n{text}"))
