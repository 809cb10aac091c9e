"""Whatever an agency may be told has words that a worker there would use."""

import ast
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, JsonValue

from schemas.agency_notifications.v1 import Asked, Item, NotificationIssued
from schemas.agency_responses.v1 import Decision
from schemas.field_errors import models_in
from schemas.registry import STREAMS
from schemas.values import Relationship
from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.ops import words
from services.ops.rows import UNANSWERED
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.platform.domain.core.escalation import ESCALATION_STEPS, INSPECTOR, STEPS
from services.platform.domain.core.reasons import Reason
from services.responses.rules import RULES as RESPONSES

STALKING_ORDER = "stalking protection order (court result 3307) of Wed 25 Feb 2026, Swindon Crown Court, case 54DC1"
PROJECT = Path(__file__).parents[3]
RULES = sorted(
    {rule.name for rules in (INCIDENTS, CONVICTIONS, ORDER_VARIATIONS, RESPONSES) for rule in rules} | ESCALATION_STEPS
)


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
def test_every_kind_of_notification_has_words(kind: str) -> None:
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
    ("what", "value", "said"),
    [
        ("injured", True, "yes"),
        ("abuse_types", ["controlling_coercive"], "controlling or coercive"),
        ("abuse_types", ["physical", "threatening"], "physical, threatening"),
        ("abuse_types", [], "none"),
        ("reported_at", "2025-10-04T21:15:00Z", "Sat 4 Oct 2025, 22:15"),
        ("hearing_on", "2026-01-25", "Sun 25 Jan 2026"),
        ("references.urn", "54DC0055525", "54DC0055525"),
        ("parties.name", "Nell Madeup", "Nell Madeup"),
        ("age", 16, "16"),
        ("markers.suicide_threat", [2], "party 2"),
        ("support_referral", "declined", "she declined"),
        ("answered", "declined", "that you decline"),
        ("court_ou", "C54SD00", "Swindon Crown Court"),
        ("court_ou", "B99ZZ00", "court B99ZZ00"),
        ("offences.code", "CJ88116", "Assault by beating (CJ88116)"),
        ("offences.code", "ZZ99999", "offence code ZZ99999"),
        ("orders.code", "3047", "restraining order (court result 3047)"),
        ("still_binding", "9999", "order (court result 9999)"),
        ("order", "54DC1/A1/C54SD00/2026-02-25/order/3307/2", STALKING_ORDER),
        ("order", "not_known_here", "not known here"),
        ("sender.force", "54", "Vale (police force 54)"),
        ("sender.force", "77", "police force 77"),
        ("schools", ["100001", "999999"], "Invented Hill School, school 999999"),
        ("language", "pl", "Polish"),
    ],
)
def test_values_are_written_as_people_write_them(what: str, value: JsonValue, said: str) -> None:
    names = words.Names(schools={"100001": "Invented Hill School"}, forces={"54": "Vale"})
    assert words.value(what, value, names) == said


def test_a_title_never_asks_for_anything_since_it_stands_on_what_is_taken_back_as_well() -> None:
    asking = ("act ", "ask ", "check ", "complete ", "find ", "link ", "review ", "say ", "settle ", "assume ")
    assert not [
        title for title in words.RULES.values() for part in title.split(": ") if part.lower().startswith(asking)
    ]


@pytest.mark.parametrize("step", sorted(STEPS))
@pytest.mark.parametrize("ask", sorted(UNANSWERED.values()))
def test_each_step_of_an_escalation_says_what_to_do(step: str, ask: str) -> None:
    said = words.action(step, ask, "the victim's support service")
    assert said.endswith(("answer.", "answer here.", "act on it.", "acts on it."))
    if step == INSPECTOR:
        assert said.startswith("Ring now: the victim's support service.")


@pytest.mark.parametrize("decision", list(Decision))
def test_every_decision_has_words(decision: Decision) -> None:
    assert decision in words.DECISIONS


@pytest.mark.parametrize("relation", list(Relationship))
def test_every_relation_is_the_middle_of_a_sentence(relation: Relationship) -> None:
    assert words.relation(relation, current=True).split()[0] in ("is", "has")
