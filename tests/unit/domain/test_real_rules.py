"""The same promises under the rules and the policy that ship, on generated lives with courts, orders and links."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.police_incidents.v1 import Grade
from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.ops.policies import load
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.platform.domain.core import evaluate
from services.platform.domain.core.evaluate import state
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.links import files_of
from tests.support import builders as b
from tests.unit.domain.small import D, H, World

DEPLOY = Path(__file__).parents[3] / "deploy"
POLICY = load(DEPLOY / "policy", DEPLOY / "agencies")
SERVICES: dict[str, tuple[Rule, ...]] = {
    "incidents": tuple(INCIDENTS),
    "convictions": tuple(CONVICTIONS),
    "order_variations": tuple(ORDER_VARIATIONS),
}
services = pytest.mark.parametrize("rules", SERVICES.values(), ids=SERVICES)
NOW = b.NOON + 5 * D
LATER = b.TODAY + 30 * D


def each(body: object, **over: object) -> Fact:
    return b.fact(body, **over)  # type: ignore[arg-type]


INCIDENT = each(b.incident())
ORDERS = each(b.orders_resulted(b.order()))
FACTS = (
    INCIDENT,
    each(b.incident(risk=b.risk(Grade.MEDIUM)), version=2),
    b.withdrawal(INCIDENT, version=3),
    each(b.incident("CR2", occurred_at=b.NOON - 30 * D)),
    each(b.incident("CR3", occurred_at=b.NOON - 90 * D, risk=b.risk(Grade.STANDARD))),
    each(b.incident("CR4", occurred_at=b.NOON - 3 * D, abuse_types=("hba",))),
    each(b.children()),
    each(b.children(b.CRIME, b.child(school_urns=()), b.child(2)), version=2),
    each(b.children("CR2")),
    each(b.risk_assessed(), at=b.NOON + D),
    each(b.charge()),
    b.withdrawal(each(b.charge())),
    each(b.hearing(b.offence(), da_finding_s56a="stated")),
    each(b.hearing(b.offence(verdict="acquitted"), da_finding_s56a="stated"), version=2),
    ORDERS,
    each(b.orders_resulted(b.order(protected_persons=(b.protected(),))), version=2),
    each(b.orders_resulted(), version=3),
    each(b.orders_resulted(b.order(action="discharged", order=b.order_at()), hearing_on=LATER)),
    each(b.attribution(b.party_ref())),
    each(b.application()),
    each(b.application_decided()),
    each(b.application_withdrawn()),
    each(b.link_made()),
    each(b.link_refused(), version=2),
)
facts = st.lists(st.sampled_from(FACTS), unique_by=lambda known: known.id, max_size=14)
whole_lives = st.lists(st.sampled_from(FACTS), unique_by=lambda known: known.id, min_size=12)
lives = settings(max_examples=25)


def delivered(rules: tuple[Rule, ...], *batches: list[Fact]) -> World:
    world = World(POLICY, rules)
    for batch in batches:
        world.evaluate(*batch, now=NOW)
        assert not [fault for one in world.evaluations for fault in one.faults]
    return world


def shuffled(given: list[Fact], rng: random.Random) -> Iterator[list[Fact]]:
    rest = list(given)
    rng.shuffle(rest)
    while rest:
        size = rng.randint(1, len(rest))
        yield rest[:size]
        rest = rest[size:]


@services
@lives
@given(given=facts, rng=st.randoms(use_true_random=False))
def test_any_order_and_any_batching_ends_in_the_same_holding(
    rules: tuple[Rule, ...], given: list[Fact], rng: random.Random
) -> None:
    one, other = delivered(rules, *([fact] for fact in given)), delivered(rules, *shuffled(given, rng))
    fresh = delivered(rules, given)
    assert one.held() == fresh.held()
    assert other.held() == fresh.held()
    assert not one.unexplained | other.unexplained


@services
@lives
@given(given=facts)
def test_a_second_look_says_nothing_and_each_duty_is_told_of_once_in_an_evaluation(
    rules: tuple[Rule, ...], given: list[Fact]
) -> None:
    world = World(POLICY, rules)
    for fact in given:
        sent = world.evaluate(fact, now=NOW)
        assert len({notification.key for notification in sent}) == len(sent)
        assert world.evaluate(now=NOW) == []


@services
@lives
@given(given=facts, shares=st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_between_one_look_and_the_next_nothing_happens(
    rules: tuple[Rule, ...], given: list[Fact], shares: list[float]
) -> None:
    world, now = delivered(rules, given), NOW
    for share in shares:
        again = world.again
        end = again or now + 400 * D
        assert world.evaluate(now=now + (end - now) * share * 0.999) == []
        if again is None:
            return
        now = again
        world.evaluate(now=now)


@services
@lives
@given(given=facts)
def test_when_everything_is_withdrawn_exactly_those_who_were_told_are_corrected(
    rules: tuple[Rule, ...], given: list[Fact]
) -> None:
    world = delivered(rules, *([fact] for fact in given))
    current = {key for key, notification in world.delivered.items() if notification.state != "withdrawn"}
    statements = {fact.statement: fact for fact in given}
    sent = world.evaluate(*(b.withdrawal(fact, version=99) for fact in statements.values()), now=NOW + H)
    assert {notification.key for notification in sent if notification.kind == "correct"} == current
    assert len(sent) == len(current)


@services
@lives
@given(given=facts)
def test_every_key_is_stated_by_one_file_at_a_time(rules: tuple[Rule, ...], given: list[Fact]) -> None:
    found: set[Key] = set()
    for file in files_of(given).values():
        stated, faults = state([file], rules, POLICY.at(NOW))
        assert not faults
        assert not found & {statement.key for statement in stated}
        found |= {statement.key for statement in stated}


@services
@lives
@given(given=whole_lives)
def test_a_rule_that_speaks_of_incidents_states_of_each_by_itself_what_it_states_in_the_whole_file(
    rules: tuple[Rule, ...], given: list[Fact]
) -> None:
    of_whole_files = [replace(rule, speaks_of="file") for rule in rules]
    for file in files_of(given).values():
        by_itself, _ = state([file], rules, POLICY.at(NOW))
        in_the_whole, _ = state([file], of_whole_files, POLICY.at(NOW))
        assert sorted(by_itself, key=lambda one: one.key) == sorted(in_the_whole, key=lambda one: one.key)


def test_what_is_stated_of_incidents_is_remembered_for_every_service_through_a_change_of_agencies() -> None:
    """With less room services would push out each other's, and every evaluation would be as slow as the first."""
    speaking = [rules for rules in SERVICES.values() if any(rule.speaks_of == "incident" for rule in rules)]
    assert 2 * len(speaking) <= evaluate.RULES_REMEMBERED


@pytest.mark.parametrize("digest", [b"", b"of the content"])
def test_another_content_under_the_same_id_is_judged_anew(digest: bytes) -> None:
    """What was read first may have been rolled back, and the other content come first the next time."""

    def about(grade: Grade) -> list[Fact]:
        body = b.incident(risk=b.risk(grade))
        said = digest and digest + grade.encode()
        return [Fact("one-id", b.kind_of(type(body)), b.CRIME, 1, b.NOON, body, digest=said)]

    def stated(grade: Grade) -> list[str]:
        victims = b.linked_file(*about(grade))
        return sorted(str(statement) for statement in state([victims], INCIDENTS, POLICY.at(NOW))[0])

    assert stated(Grade.HIGH) != stated(Grade.STANDARD)
    assert stated(Grade.HIGH) == stated(Grade.HIGH)


@services
@lives
@given(given=facts)
def test_a_rule_states_nothing_of_a_file_without_the_facts_that_it_needs(
    rules: tuple[Rule, ...], given: list[Fact]
) -> None:
    policy = POLICY.at(NOW)
    for file in files_of(given).values():
        of_here = [rule for rule in rules if file.is_unlinked == (rule.runs_in == "references")]
        assert not [one for rule in of_here if not rule.runs_for(file) for one in rule.states(file, policy)]
