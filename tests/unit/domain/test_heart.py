"""What an evaluation promises, shown on generated lives of a few people: once, in any order, corrected."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agency_responses.v1 import Accepted, Acknowledged, Declined
from schemas.police_incidents.v1 import Grade, SupportReferral
from services.platform.domain.core.duties import Notification, Statement
from services.platform.domain.core.escalation import ESCALATION_STEPS, rule_of
from services.platform.domain.core.evaluate import state
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stored_notifications import notification_from_json, notification_to_json
from services.platform.domain.linking.links import files_of
from services.platform.policy.policy import Policy
from tests.support import builders as b
from tests.unit.domain.small import POLICY, RULES, D, H, World

NOW = b.NOON + 25 * D


def incident(n: int, days_ago: int, grade: Grade = Grade.HIGH, version: int = 1, **over: object) -> Fact:
    at = b.NOON - days_ago * D
    return b.fact(
        b.incident(f"CR{n}", occurred_at=at, reported_at=at, risk=b.risk(grade), **over),
        version=version,
        at=at + version * H,
    )


def linked(n: int, *schools: str, version: int = 1, child: int = 1) -> Fact:
    return b.fact(
        b.children(f"CR{n}", b.child(record=b.record(f"child-{child}"), school_urns=schools)), version=version
    )


def charged(n: int, days_ago: int, hours: int = 0) -> Fact:
    at = b.NOON - days_ago * D + hours * H
    refs = b.references(urn=f"54DC000{n}26", asn=f"2654DC010000000000{n}A")
    return b.fact(b.charge(b.charged(crime=f"CR{n}"), references=refs, occurred_at=at), at=at)


INCIDENT_3 = incident(3, 10)
FACTS = (
    incident(1, 90),
    incident(1, 90, Grade.STANDARD, version=2),
    incident(1, 90, circumstances="a quarrel about money", version=3),
    incident(2, 40, Grade.MEDIUM),
    incident(2, 40, Grade.HIGH, version=2),
    INCIDENT_3,
    b.withdrawal(INCIDENT_3),
    incident(4, 5, support_referral=SupportReferral.DECLINED),
    linked(1, "900001"),
    linked(1, "900001", "900002", version=2),
    linked(1, "900002", version=3, child=2),
    linked(2, "900001"),
    b.withdrawal(linked(2, "900001")),
    linked(4),
    charged(1, 80),
    b.withdrawal(charged(1, 80)),
    charged(2, 3),
    charged(3, 9),
)
facts = st.lists(st.sampled_from(FACTS), unique_by=lambda known: known.id, max_size=10)
shuffles = st.randoms(use_true_random=False)
lives = settings(max_examples=40)


def batches(given: list[Fact], rng: random.Random) -> Iterator[list[Fact]]:
    rest = list(given)
    rng.shuffle(rest)
    while rest:
        size = rng.randint(1, len(rest))
        yield rest[:size]
        rest = rest[size:]


def told_one_by_one(given: list[Fact], now: datetime = NOW) -> World:
    world = World()
    for fact in given:
        world.evaluate(fact, now=now)
    return world


@lives
@given(facts, shuffles)
def test_any_order_and_any_batching_ends_in_the_same_holding(given: list[Fact], rng: random.Random) -> None:
    one, other = told_one_by_one(given), World()
    for batch in batches(given, rng):
        other.evaluate(*batch, now=NOW)
    assert one.held() == other.held()
    assert not one.unexplained
    assert not other.unexplained


@lives
@given(facts)
def test_what_is_held_is_what_a_fresh_relay_would_tell_those_who_may_still_act(given: list[Fact]) -> None:
    fresh = World()
    fresh.evaluate(*given, now=NOW)
    assert told_one_by_one(given).held() == fresh.held()


@lives
@given(facts, shuffles)
def test_each_notification_has_one_id_and_an_evaluation_says_one_thing_to_one_agency_about_one_duty(
    given: list[Fact], rng: random.Random
) -> None:
    world = World()
    for batch in batches(given, rng):
        sent = world.evaluate(*batch, now=NOW)
        assert len({notification.key for notification in sent}) == len(sent)
        assert world.evaluate(*batch, now=NOW) == []
    assert len({notification.id for notification in world.sent}) == len(world.sent)


@lives
@given(
    facts,
    st.lists(st.floats(0, 1), min_size=12, max_size=12),
    st.floats(0, 60),
    st.sampled_from(["answered", "silent"]),
)
def test_between_one_look_and_the_next_nothing_happens(
    given: list[Fact], shares: list[float], start: float, then: str
) -> None:
    world, now = World(), b.NOON + start * D
    world.evaluate(*given, now=now)
    if then == "answered":
        for key in [key for key in world.delivered if key.rule == "high_risk"]:
            world.answer(Accepted, key, now)
        world.evaluate(now=now)
    for share in shares:
        again = world.again
        end = again or now + 400 * D
        assert world.evaluate(now=now + (end - now) * share * 0.999) == []
        assert world.again == again
        if again is None:
            return
        now = again
        world.evaluate(now=now)


@lives
@given(facts, st.floats(0, 3))
def test_when_everything_is_withdrawn_exactly_those_who_were_told_are_corrected(
    given: list[Fact], later: float
) -> None:
    world = told_one_by_one(given)
    world.evaluate(now=NOW + later * H)
    current = {key for key, notification in world.delivered.items() if notification.state != "withdrawn"}
    subjects = {(fact.kind, fact.subject): fact for fact in given}
    gone = [b.withdrawal(fact, version=99) for fact in subjects.values()]
    sent = world.evaluate(*gone, now=NOW + 4 * H)
    assert {notification.key for notification in sent} == current
    assert {notification.kind for notification in sent} <= {"correct"}
    assert all(notification.content == () for notification in sent)


@lives
@given(facts, st.sampled_from(FACTS))
def test_a_change_is_written_to_exactly_those_for_whom_something_changed(given: list[Fact], last: Fact) -> None:
    world = told_one_by_one([fact for fact in given if fact.id != last.id])
    before = dict(world.delivered)
    sent = {notification.key: notification for notification in world.evaluate(last, now=NOW)}
    fresh = World()
    fresh.evaluate(*given, last, now=NOW)
    for key in {*before, *fresh.held()} - set(sent):
        if key.rule not in ESCALATION_STEPS and (key not in before or before[key].state == "live"):
            assert world.held().get(key) == fresh.held().get(key)
    for key, notification in sent.items():
        match notification.kind:
            case "notify":
                assert (
                    key not in before or before[key].state != "live" or _another_stands_there(before[key], notification)
                )
            case "update":
                assert _seen(notification) != _seen(before[key])
            case "correct" | "close":
                assert key not in fresh.held()
            case other:
                raise AssertionError(other)


def _another_stands_there(before: Notification, notification: Notification) -> bool:
    return notification.reason == Reason.ANOTHER_PERSON and notification.whom != before.whom


def _seen(notification: object) -> tuple[object, ...]:
    return tuple(getattr(notification, name) for name in ("content", "asks", "urgency", "texts"))


@lives
@given(facts, st.sampled_from([rule.name for rule in RULES]), st.floats(0, 30))
def test_a_release_that_loses_a_rule_writes_to_nobody_and_is_seen(given: list[Fact], lost: str, later: float) -> None:
    world = told_one_by_one(given)
    live = {key for key, n in world.delivered.items() if n.state == "live" and rule_of(key) == lost}
    world.rules = [rule for rule in RULES if rule.name != lost]
    sent = world.evaluate(now=NOW + later * D)
    assert not [notification for notification in sent if rule_of(notification.key) == lost]
    assert {key for key in world.unexplained if rule_of(key) == lost} == live
    world.rules = RULES
    assert not [n for n in world.evaluate(now=NOW + later * D) if n.kind == "notify" and n.key in live]
    assert not world.unexplained


@lives
@given(facts, st.sampled_from([rule.name for rule in RULES]), st.integers(0, 1))
def test_a_rule_that_raises_stops_itself_alone_and_mended_tells_nobody_twice(
    given: list[Fact], broken: str, after: int
) -> None:
    first, rest = given[: len(given) // 2], given[len(given) // 2 :]
    world, other = World(), World()
    for one in (world, other):
        one.evaluate(*first, now=NOW)
    world.rules = [raising(rule, after=after) if rule.name == broken else rule for rule in RULES]
    sent, should = world.evaluate(*rest, now=NOW), other.evaluate(*rest, now=NOW)
    faulted = {fault.rule for one in world.evaluations for fault in one.faults}
    assert faulted <= {broken}
    assert not faulted or not [
        notification
        for notification in sent
        if rule_of(notification.key) == broken and _in_a_fault(world, notification)
    ]
    assert [n for n in sent if rule_of(n.key) != broken] == [n for n in should if rule_of(n.key) != broken]
    assert not world.unexplained
    world.rules = RULES
    world.evaluate(now=NOW)
    assert world.held() == other.held()
    assert len({notification.id for notification in world.sent}) == len(world.sent) == len(other.sent)


def _in_a_fault(world: World, notification: object) -> bool:
    return any(notification in one.notifications for one in world.evaluations if one.faults)


class BadDataError(Exception):
    """What a rule might meet."""


def raising(rule: Rule, after: int) -> Rule:
    """The rule as it fails in every file in which it has so many statements to make."""

    def states(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        for made, statement in enumerate(rule.states(file, policy)):
            if made >= after:
                raise BadDataError("Vera Victimtest")
            yield statement

    return replace(rule, states=states)


def test_a_fault_names_the_class_and_the_place_and_never_the_message() -> None:
    world = World(rules=[raising(RULES[0], after=0)])
    world.evaluate(incident(1, 1), now=NOW)
    (fault,) = [fault for one in world.evaluations for fault in one.faults]
    assert (fault.rule, fault.error) == ("high_risk", "BadDataError")
    assert fault.where.startswith(f"{__name__}:")
    assert "Vera" not in repr(fault)


@lives
@given(facts)
def test_every_key_is_stated_by_one_file_at_a_time(given: list[Fact]) -> None:
    policy, found = POLICY.at(NOW), set[Key]()
    for file in files_of(given).values():
        stated, faults = state([file], RULES, policy)
        assert not faults
        keys = {statement.key for statement in stated}
        assert not keys & found
        found |= keys


def test_a_key_that_two_files_state_faults_its_rule() -> None:
    file = next(file for file in files_of([incident(1, 1)]).values() if "victim" in file.key)
    stated, faults = state([file, file], RULES, POLICY.at(NOW))
    assert {fault.error for fault in faults} == {"stated_twice"}
    assert not stated


@lives
@given(facts)
def test_a_place_that_moves_to_another_person_is_told_on_and_not_only_taken_back(given: list[Fact]) -> None:
    school = Key("child_told", "CR1/child/1", "second-school")
    world = told_one_by_one([incident(1, 90), linked(1, "900002"), *given])
    sent = world.evaluate(b.fact(linked(1, "900002", child=7).body, version=50), now=NOW)
    if [fact for fact in world.facts if fact.kind == incident(1, 90).kind and fact.subject == "CR1"]:
        assert world.delivered[school].state == "live"
    assert not [notification for notification in sent if notification.key == school and notification.kind == "correct"]
    assert world.membership[school] == "record:vale-records:child-7"


@lives
@given(st.lists(st.integers(0, 12), min_size=1, max_size=3), st.integers(0, 9), st.integers(1, 5))
def test_streams_read_at_different_speeds_raise_no_false_alarm(delays: list[int], lag: int, step: int) -> None:
    """Charges are read hours behind the clock. An absence is told of once they are read up to its settling time."""
    incidents = {n: incident(n, 10) for n, _ in enumerate(delays, 1)}
    charges = {n: charged(n, 10, hours=1 + delay) for n, delay in enumerate(delays, 1)}
    world, now = World(), incidents[1].at
    world.evaluate(*incidents.values(), now=now)
    while now < incidents[1].at + 30 * H:
        now += step * H
        world.read_to = now - lag * H
        read = [fact for fact in charges.values() if fact.at <= world.read_to and fact not in world.facts]
        world.evaluate(*read, now=now)
    alarmed = {notification.key.subject for notification in world.sent if notification.key.rule == "no_charge"}
    assert alarmed <= {f"CR{n}/party/1" for n, delay in enumerate(delays, 1) if delay > 2}


@lives
@given(facts, shuffles)
def test_walking_the_looks_again_gives_the_same_bytes(given: list[Fact], rng: random.Random) -> None:
    walked = list(batches(given, rng))
    said = []
    for world in (World(), World()):
        now = NOW
        for batch in walked:
            world.evaluate(*batch, now=now)
            now += H
            for key in sorted(key for key in world.delivered if key.rule == "high_risk"):
                world.answer(Acknowledged, key, now)
        said.append([notification_to_json(notification) for notification in world.sent])
    assert said[0] == said[1]


@lives
@given(facts, st.floats(0, 40))
def test_a_notification_reads_back_from_the_store_as_it_was(given: list[Fact], later: float) -> None:
    world = told_one_by_one(given)
    world.evaluate(now=NOW + later * D)
    for notification in world.sent:
        assert notification_from_json(notification_to_json(notification)) == notification


@lives
@given(facts, st.lists(st.tuples(st.sampled_from([Acknowledged, Accepted, Declined]), st.integers(0, 9)), max_size=8))
def test_answers_of_any_kind_at_any_time_settle_and_leave_nothing_unexplained(
    given: list[Fact], answers: list[tuple[type, int]]
) -> None:
    world = told_one_by_one(given)
    now = NOW
    for body, which in answers:
        now = world.again or now + H
        world.evaluate(now=now)
        asked = sorted(
            key for key, notification in world.delivered.items() if notification.asks and notification.state == "live"
        )
        if asked:
            world.answer(body, asked[which % len(asked)], now)
        sent = world.evaluate(now=now)
        assert len({notification.key for notification in sent}) == len(sent)
        assert world.evaluate(now=now) == []
        assert not world.unexplained
