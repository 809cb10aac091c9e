"""What is kept from one evaluation to the next spares work and changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agency_responses.v1 import Accepted, Acknowledged, Decided, Declined
from schemas.police_incidents.v1 import Grade, IncidentReported
from services.incidents.rules import RULES as INCIDENTS
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.platform.domain.core.duties import Evaluation, Statement
from services.platform.domain.core.escalation import MANAGER, STEPS
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.quiet import Memory
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed, withheld
from services.platform.domain.linking.links import files_of
from services.platform.policy.policy import Policy, PolicySet
from tests.support import builders as b
from tests.unit.domain import small, test_heart, test_real_rules
from tests.unit.domain.small import READ, D, H, World

Act = tuple[str, int]
ANSWERS = (Acknowledged, Accepted, Declined, Decided)
PAUSES = (timedelta(minutes=20), H, 5 * H, D, 9 * D, 70 * D)
acts = st.lists(
    st.tuples(
        st.sampled_from(
            ["fact", "fact", "answer", "answer a step", "wait", "wait until due", "release", "lose a rule"]
        ),
        st.integers(0, 60),
    ),
    min_size=6,
    max_size=30,
)
MANY = tuple(
    b.fact(
        b.incident(f"CR{n}", occurred_at=b.NOON - n * D, reported_at=b.NOON - n * D, risk=b.risk(Grade.HIGH)), at=b.NOON
    )
    for n in range(11, 17)
)


def found(evaluation: Evaluation) -> Mapping[str, Any]:
    """All of it, in no order."""
    return {
        "notifications": {notification.key: notification for notification in evaluation.notifications},
        "withheld": {statement.key: statement for statement in evaluation.withheld},
        "regrounded": {notification.key: notification for notification in evaluation.regrounded},
        "how many": (len(evaluation.notifications), len(evaluation.withheld), len(evaluation.regrounded)),
        "rest": replace(evaluation, notifications=(), withheld=(), regrounded=()),
    }


class Twice:
    """Evaluates with what earlier evaluations have kept and again as if nothing were kept, and holds that to be the
    same."""

    def __init__(self) -> None:
        self.memory = Memory(1_000)

    def __call__(self, *args: Any) -> Evaluation:
        remembering, afresh = evaluate(*args, remembered=self.memory), evaluate(*args, remembered=None)
        assert found(remembering) == found(afresh)
        assert found(evaluate(*args, remembered=Memory(0))) == found(afresh)
        return remembering


def lived(rules: Sequence[Rule], facts: Sequence[Fact], policies: Sequence[PolicySet], given: Sequence[Act]) -> World:
    """A world in which this happens one after the other: facts, answers, times and releases, as a whole life would."""
    world, now, waiting = World(policies[0], rules, Twice()), b.NOON + 25 * D, list(facts)
    for act, which in given:
        match act:
            case "fact" if waiting:
                world.evaluate(waiting.pop(which % len(waiting)), now=now)
            case "answer" | "answer a step":
                asked = sorted(
                    key
                    for key, told in world.delivered.items()
                    if told.asks and told.state == "live" and (act == "answer" or key.rule in STEPS)
                )
                if asked:
                    world.answer(ANSWERS[which % len(ANSWERS)], asked[which % len(asked)], now)
            case "wait":
                now += PAUSES[which % len(PAUSES)]
            case "wait until due":
                now = max(now, world.again or now)
            case "release":
                world.policy = policies[which % len(policies)]
            case "lose a rule":  # and find it again
                world.rules = rules if len(world.rules) < len(rules) else [*rules[: which % len(rules)]]
        world.evaluate(now=now)
    return world


def release(policy: PolicySet) -> PolicySet:
    """The same policy in another release, under which reminders and steps come sooner."""
    return replace(
        policy, escalation_steps=tuple(row.model_copy(update={"manager": 0.3}) for row in policy.escalation_steps)
    )


@settings(max_examples=40)
@given(acts)
def test_an_evaluation_that_remembers_finds_what_one_that_remembers_nothing_finds(given: list[Act]) -> None:
    lived(small.RULES, (*test_heart.FACTS, *MANY), (small.POLICY, release(small.POLICY)), given)


@settings(max_examples=15)
@given(acts)
def test_so_it_is_under_the_rules_for_incidents(given: list[Act]) -> None:
    policy = test_real_rules.POLICY
    lived(INCIDENTS, (*test_real_rules.FACTS, *MANY), (policy, release(policy)), given)


@settings(max_examples=15)
@given(acts)
def test_so_it_is_under_the_rules_for_orders(given: list[Act]) -> None:
    policy = test_real_rules.POLICY
    lived(ORDER_VARIATIONS, (*test_real_rules.FACTS, *MANY), (policy, release(policy)), given)


def two_incidents(rules: Sequence[Rule] = small.RULES[:1]) -> World:
    """Told of at noon; the DAIT has acknowledged both, the advocate neither."""
    world = World(rules=rules, judged_by=Twice())
    world.evaluate(*(b.fact(b.incident(crime)) for crime in ("CR1", "CR2")), now=b.NOON)
    for crime in ("CR1", "CR2"):
        world.answer(Acknowledged, Key("high_risk", f"{crime}/party/1", "north-dait"), b.NOON)
    world.evaluate(now=b.NOON)
    world.evaluate(now=b.NOON)  # now both are quiet
    return world


def until(world: World, end: timedelta) -> None:
    while world.again is not None and world.again <= b.NOON + end:
        world.evaluate(now=world.again)


def the_managers(world: World) -> Key:
    """The one notification by which the manager has heard."""
    (key,) = (key for key, told in world.delivered.items() if key.rule == MANAGER and told.state == "live")
    return key


@pytest.mark.parametrize("answered_after", [0.5 * H, 2.5 * H])
@pytest.mark.parametrize("answered", ["CR1", "CR2"])
@pytest.mark.parametrize("body", ANSWERS)
def test_who_answers_for_one_incident_counts_for_what_was_told_beside_it(
    answered: str, answered_after: timedelta, body: type
) -> None:
    """In time, or when the manager had been told of both in one."""
    world = two_incidents()
    until(world, answered_after)
    world.answer(Acknowledged, Key("high_risk", f"{answered}/party/1", "north-idva"), b.NOON + answered_after)
    world.evaluate(now=b.NOON + answered_after)
    until(world, 2.75 * H)
    world.evaluate(now=b.NOON + 2.75 * H)
    world.answer(body, the_managers(world), b.NOON + 2.75 * H)
    world.evaluate(now=b.NOON + 2.75 * H)
    until(world, 50 * H)


@pytest.mark.parametrize("body", [Acknowledged, Accepted])
def test_an_answer_for_two_incidents_still_counts_for_one_when_the_other_is_told_to_nobody_any_more(body: type) -> None:
    def stated(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        """Nothing more of the first of her incidents, once there is a fourth."""
        crimes = {incident.crime_reference for _, incident in file.of(IncidentReported)}
        for fact, incident, ref in small.victims(file):
            told: dict[str, Any] = {"rule": "high_risk", "subject": ref.place, "areas": small.areas(incident)}
            told |= {"on": fact.at.date(), "grounds": (fact,)}
            if incident.crime_reference == "CR1" and "CR4" in crimes:
                yield from withheld(file, policy, reason=Reason.HISTORIC, **told)
            elif incident.crime_reference != "CR4":
                yield from owed(file, policy, person=ref.place, recorded_at=fact.at, matter=(), **told)

    world = two_incidents((small.declared("high_risk", stated),))
    until(world, 2.75 * H)
    world.evaluate(now=b.NOON + 2.75 * H)
    world.answer(body, the_managers(world), b.NOON + 2.75 * H)
    world.evaluate(now=b.NOON + 2.75 * H)
    closed = world.evaluate(b.fact(b.incident("CR4")), now=b.NOON + 2.8 * H)
    assert {n.kind for n in closed} == {"close"}
    assert not world.evaluate(now=b.NOON + 2.9 * H)
    until(world, 20 * H)


def test_a_fact_of_another_incident_that_falls_takes_back_what_was_told_because_of_it() -> None:
    def stated(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        """Nothing of the first of her incidents, once there is a third, and nothing ever of the others."""
        if "CR1/party/1" not in file.own_places:
            return
        for fact, other in file.of(IncidentReported):
            if other.crime_reference != "CR1":
                of_other: dict[str, Any] = {
                    "rule": "pattern",
                    "subject": f"{other.crime_reference}/party/1",
                    "on": b.TODAY,
                }
                yield from withheld(
                    file, policy, areas=small.areas(other), grounds=(fact,), reason=Reason.HISTORIC, **of_other
                )
        facts = [fact for fact, _ in file.of(IncidentReported)]
        first, body = next((fact, body) for fact, body in file.of(IncidentReported) if body.crime_reference == "CR1")
        told: dict[str, Any] = {"rule": "pattern", "subject": "CR1/party/1", "areas": small.areas(body), "on": b.TODAY}
        if len(facts) == 2:
            yield from owed(
                file, policy, person="CR1/party/1", recorded_at=first.at, grounds=tuple(facts), matter=(), **told
            )
        else:
            yield from withheld(file, policy, grounds=(first,), reason=Reason.BELOW_COUNT, **told)

    first, second, third = (b.fact(b.incident(crime)) for crime in ("CR1", "CR2", "CR3"))
    world = World(rules=(small.declared("pattern", stated),), judged_by=Twice())
    assert {n.kind for n in world.evaluate(first, second, now=b.NOON)} == {"notify"}
    assert {n.kind for n in world.evaluate(third, now=b.NOON + H)} == {"close"}
    assert not world.evaluate(now=b.NOON + 2 * H)
    fourth = b.fact(b.incident("CR4"))
    assert {n.kind for n in world.evaluate(b.withdrawal(second), fourth, now=b.NOON + 3 * H)} == {"correct"}


def test_of_a_long_file_only_what_an_event_touches_is_judged_again() -> None:
    """And no more than the given number is kept."""
    memory = Memory(20)
    facts = [b.fact(b.incident(f"CR{n}")) for n in range(10)]
    files = [files_of(facts[:-1]), files_of(facts)]
    (file,) = (file for file in files[0].values() if not file.is_unlinked and "victim" in file.key)
    policy = small.POLICY.at(b.NOON)
    told = remember({}, evaluate([file], {}, small.RULES, policy, READ, b.NOON, remembered=memory))
    assert not evaluate([file], told, small.RULES, policy, READ, b.NOON, remembered=memory).notifications
    assert len(memory) == 9
    later = files[1][file.key]
    assert evaluate([later], told, small.RULES, policy, READ, b.NOON + H / 6, remembered=memory).notifications
    assert len(memory) <= 20
