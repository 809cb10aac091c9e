"""Whatever an agency may be told has words that a worker there would use."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from schemas.agency_notifications.v1 import Asked, Item, NotificationIssued
from schemas.field_errors import models_in
from schemas.registry import STREAMS
from services.casefile.ladder import RUNGS
from services.casefile.reasons import Reason
from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.ops import words
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.responses.rules import RULES as RESPONSES

PROJECT = Path(__file__).parents[3]
RULES = sorted({rule.name for rules in (INCIDENTS, CONVICTIONS, ORDER_VARIATIONS, RESPONSES) for rule in rules} | RUNGS)


def literals(model: type[BaseModel], field: str) -> list[str]:
    return [str(value) for value in get_args(model.model_fields[field].annotation)]


def leaves() -> list[str]:
    """Every field of every fact that is not itself a group of fields."""
    models = [m for s in STREAMS if s.direction == "in" for fact in s.types for m in models_in(fact.newest)]
    groups = {name for m in models for name, f in m.model_fields.items() if _holds_a_model(f.annotation)}
    return sorted({name for m in models for name in m.model_fields} - groups)


def _holds_a_model(annotation: object) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(_holds_a_model(inner) for inner in get_args(annotation))


def derived() -> list[str]:
    """Every name that a rule gives to something it worked out."""
    found: set[str] = set()
    for path in (PROJECT / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "derived"
            if named and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
                found.add(str(node.args[0].value))
    return sorted(found)


def indicators() -> list[str]:
    """Every sign of coercion; their names are put together where they are shown."""
    path = PROJECT / "services" / "order_variations" / "indicators.py"
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    return [
        f"indicator.{text}" for text in texts if isinstance(text, str) and re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", text)
    ]


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_headline(rule: str) -> None:
    assert rule in words.RULES


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_sentence(reason: Reason) -> None:
    assert words.REASONS[reason].endswith(".")


@pytest.mark.parametrize("ask", literals(Asked, "ask"))
def test_every_ask_has_words(ask: str) -> None:
    assert ask in words.ASKS


@pytest.mark.parametrize("kind", literals(NotificationIssued, "kind"))
def test_every_kind_of_notice_has_words(kind: str) -> None:
    assert kind in words.KINDS
    assert kind in words.WHAT_KINDS_MEAN


@pytest.mark.parametrize("basis", literals(Item, "basis"))
def test_every_basis_has_words(basis: str) -> None:
    assert basis in words.BASES


@pytest.mark.parametrize("what", [*leaves(), *derived(), *indicators()])
def test_every_item_that_may_be_shown_has_a_name(what: str) -> None:
    assert words.known(words.ITEMS, what)


def test_no_words_are_left_over_from_rules_that_are_gone() -> None:
    assert sorted(words.RULES) == RULES
    assert set(words.REASONS) == set(Reason)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (True, "yes"),
        ("controlling_coercive", "controlling coercive"),
        ("2025-10-04T21:15:00Z", "Sat 4 Oct 2025, 22:15"),
        ("2026-01-25", "Sun 25 Jan 2026"),
        (["physical", "threatening"], "physical, threatening"),
        ([], "none"),
        ("54DC0055525", "54DC0055525"),
        ("Nell Madeup", "Nell Madeup"),
        (16, "16"),
    ],
)
def test_values_are_written_as_people_write_them(value: object, said: str) -> None:
    assert words.value(value) == said  # type: ignore[arg-type]
