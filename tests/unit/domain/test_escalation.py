"""Answers, refusals and silence: who is asked next, who hears that nobody has answered, and when that ends."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.agency_responses.v1 import Accepted, Acknowledged, Decided, Decision, Declined
from schemas.court_convictions.v1 import Verdict
from schemas.police_incidents.v1 import Grade, Markers
from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.platform.domain.core.duties import Duty, Notification, Statement
from services.platform.domain.core.escalation import (
    ESCALATION_STEPS,
    INSPECTOR,
    LAST_STEP,
    MANAGER,
    OUTDATED,
    STRATEGIC,
    asked_of,
    step_key,
)
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from services.platform.policy.model import Within
from services.platform.policy.policy import Policy
from tests.support import builders as b
from tests.unit.domain.small import RULES, D, H, World, declared, said

IDVA, SOUTH, WEST = (Key("high_risk", b.VICTIM, f"{name}-idva") for name in ("north", "south", "west"))
EAST, DAIT = (IDVA._replace(agency=name) for name in ("east-idva", "north-dait"))
MINUTES = timedelta(minutes=1)
ONLY_HIGH_RISK = RULES[:1]


def told_on_time() -> World:
    """Told at once: the advocate is to acknowledge in 4 hours and accept in 24; the DAIT has acknowledged."""
    world = World(rules=ONLY_HIGH_RISK)
    world.evaluate(b.fact(b.incident()), now=b.NOON)
    world.answer(Acknowledged, DAIT, b.NOON)
    world.evaluate(now=b.NOON)
    return world


def steps(world: World, *, state: str = "live") -> set[tuple[str, str]]:
    return {
        (key.rule, asked_of(key)[1])
        for key, n in world.delivered.items()
        if key.rule in ESCALATION_STEPS and n.state == state
    }


def escalate(world: World, until: timedelta) -> list[tuple[timedelta, tuple[str, str, str]]]:
    """Every look up to a moment after noon: when, what was sent, by which rule, to whom."""
    found = []
    while world.again is not None and world.again <= b.NOON + until:
        now = world.again
        found += [(now - b.NOON, line) for line in said(world.evaluate(now=now))]
    return found


def test_silence_climbs_from_the_desk_to_the_duty_inspector() -> None:
    assert escalate(told_on_time(), 4 * H) == [
        (1 * H, ("remind", "high_risk", "north-idva")),
        (2 * H, ("notify", MANAGER, "north-idva")),
        (3 * H, ("notify", STRATEGIC, "north-idva")),
        (4 * H, ("notify", INSPECTOR, "north-inspector")),
    ]


def test_only_who_was_asked_to_take_it_on_has_another_asked_beside_it() -> None:
    world = told_on_time()
    beside = [when for when, line in escalate(world, 24 * H) if line == ("notify", "high_risk", "south-idva")]
    assert beside == [18 * H]


def test_a_receipt_that_nobody_ticked_discloses_nothing_to_a_second_service() -> None:
    def to_read(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        for duty in ONLY_HIGH_RISK[0].states(file, policy):
            if isinstance(duty, Duty) and duty.key == IDVA:
                yield duty.but(asks=tuple(ask for ask in duty.asks if ask.ask == "acknowledge"))

    world = World(rules=(declared("high_risk", to_read),))
    world.evaluate(b.fact(b.incident()), now=b.NOON)
    escalate(world, 400 * D)
    assert {key.agency for key in world.delivered} == {"north-idva", "north-inspector"}


def test_what_met_an_ask_is_kept_without_a_word_and_not_once_the_answer_is_taken_back() -> None:
    world = World(rules=ONLY_HIGH_RISK)
    world.evaluate(b.fact(b.incident()), now=b.NOON)
    said_yes = world.answer(Accepted, IDVA, b.NOON)
    assert world.evaluate(now=b.NOON) == []
    assert world.delivered[IDVA].revision == 1
    assert {asked.met_by for asked in world.delivered[IDVA].asks} == {said_yes.id}
    assert {asked.met_by for asked in world.delivered[DAIT].asks} == {None}
    world.evaluate(now=b.NOON)
    assert [notification for one in world.evaluations for notification in one.regrounded] == []
    world.answers.clear()
    assert world.evaluate(now=b.NOON) == []
    assert {asked.met_by for asked in world.delivered[IDVA].asks} == {None}


def test_each_escalation_step_goes_to_the_desk_that_can_still_act() -> None:
    world = told_on_time()
    escalate(world, 4 * H)
    desks = {(n.key.rule, n.key.agency): n.desk for n in world.sent if n.key.rule in ESCALATION_STEPS}
    assert desks[MANAGER, "north-idva"] == "manager"
    assert desks[STRATEGIC, "north-idva"] == "strategic"
    assert desks[INSPECTOR, "north-inspector"] == "duty"


def test_the_inspector_is_told_that_no_one_has_answered_and_never_which_service_of_hers_was_asked() -> None:
    world = told_on_time()
    escalate(world, 4 * H)
    (notification,) = [n for n in world.sent if n.key.rule == INSPECTOR]
    lines = {what: value for what, _, value, _ in notification.content}
    assert lines["unanswered.acknowledge"] == "the victim's support service"
    assert lines["parties.name"] == "Vera Victimtest"
    assert "idva" not in str(notification.content)
    assert notification.urgency == "urgent"


def test_an_acknowledgement_stops_its_own_ladder_and_those_who_heard_of_the_silence_hear_of_its_end() -> None:
    world = told_on_time()
    escalate(world, 2 * H)
    world.answer(Acknowledged, IDVA, b.NOON + 2 * H)
    (closed,) = world.evaluate(now=b.NOON + 2 * H)
    assert (closed.kind, closed.key.rule, closed.reason) == ("close", MANAGER, Reason.ANSWERED)
    assert [line for _, line in escalate(world, 12 * H)] == [
        ("remind", "high_risk", "north-idva"),
        ("notify", MANAGER, "north-idva"),
    ]
    assert steps(world) == {(MANAGER, "accept")}


def test_an_acceptance_meets_both_asks_and_ends_nothing_that_protects() -> None:
    world = told_on_time()
    world.answer(Accepted, IDVA, b.NOON + H / 2)
    assert world.evaluate(now=b.NOON + H / 2) == []
    assert escalate(world, 400 * D) == []
    assert world.delivered[IDVA].state == "live"


def test_only_the_recipient_answers() -> None:
    world = told_on_time()
    world.answer(Accepted, IDVA, b.NOON, agency="south-idva")
    world.evaluate(now=b.NOON)
    assert steps(world) == set()
    escalate(world, 2 * H)
    assert steps(world) == {(MANAGER, "acknowledge")}


def test_a_managers_answer_counts_for_the_duty() -> None:
    world = told_on_time()
    escalate(world, 2 * H)
    world.answer(Accepted, step_key(MANAGER, IDVA, "acknowledge", "north-idva"), b.NOON + 2 * H)
    world.evaluate(now=b.NOON + 2 * H)
    assert escalate(world, 400 * D) == []
    assert steps(world) == set()


def test_an_acceptance_by_the_inspector_counts_for_the_person() -> None:
    world = told_on_time()
    escalate(world, 4 * H)
    world.answer(Accepted, step_key(INSPECTOR, IDVA, "acknowledge", "north-inspector"), b.NOON + 4 * H)
    world.evaluate(now=b.NOON + 4 * H)
    assert steps(world) == set()
    assert escalate(world, 400 * D) == []


@pytest.mark.parametrize(("decision", "escalates"), [("risk_grade_confirmed", False), ("time_requested", True)])
def test_a_decision_about_something_else_leaves_open_what_was_to_be_decided(decision: str, *, escalates: bool) -> None:
    policy, supervisor = b.policy(), Key("grade_review", b.VICTIM, "dait-supervisor-54")
    file = b.linked_file(b.fact(b.incident(markers=Markers(strangulation=True))))
    delivered = remember({}, evaluate([file], {}, INCIDENTS, policy, b.NOON, b.NOON))
    answer = b.answer(b.decided(agency=supervisor.agency, decision=Decision(decision)), supervisor)
    sent = evaluate(
        [replace(file, answers=(answer,))], delivered, INCIDENTS, policy, b.NOON + 4 * H, b.NOON + 4 * H
    ).notifications
    escalated = {asked_of(notification.key) for notification in sent if notification.key.rule == INSPECTOR}
    assert ((supervisor, "decide") in escalated) is escalates


def test_to_decide_that_nothing_more_is_done_takes_nobody_on() -> None:
    policy, advocate = b.policy(), Key("high_risk", b.VICTIM, "idva-larkmead")
    file = b.linked_file(b.fact(b.incident()))
    delivered = remember({}, evaluate([file], {}, INCIDENTS, policy, b.NOON, b.NOON))
    answer = b.answer(b.decided(decision=Decision.NO_FURTHER_ACTION), advocate)
    at_the_end = b.NOON + 24 * H
    sent = evaluate(
        [replace(file, answers=(answer,))], delivered, INCIDENTS, policy, at_the_end, at_the_end
    ).notifications
    assert advocate in {asked_of(notification.key)[0] for notification in sent if notification.key.rule == INSPECTOR}
    assert ("high_risk", "idva-downland") in {(notification.key.rule, notification.key.agency) for notification in sent}


def test_to_decide_something_else_after_declining_takes_nothing_back() -> None:
    world = told_on_time()
    world.answer(Declined, IDVA, b.NOON + MINUTES)
    world.evaluate(now=b.NOON + MINUTES)
    world.answer(Decided, IDVA, b.NOON + 2 * MINUTES)
    assert world.evaluate(now=b.NOON + 2 * MINUTES) == []
    assert (world.delivered[IDVA].state, world.delivered[SOUTH].state) == ("closed", "live")


OF_ORDERS_MISSED = tuple(rule for rule in CONVICTIONS if rule.name.startswith("missed_order"))


def told_of_an_acquittal() -> tuple[CaseFile, dict[Key, Notification], Policy]:
    """On a Monday, an hour after noon and the settling time."""
    policy, told_at = b.policy(), b.NOON + 2 * H
    acquitted = b.hearing(b.offence(verdict=Verdict.ACQUITTED, sentenced_on=None))
    file = b.linked_file(*(b.fact(body) for body in (b.incident(), b.charge(), acquitted)))
    return file, remember({}, evaluate([file], {}, OF_ORDERS_MISSED, policy, told_at, told_at)), policy


def test_nobody_is_reminded_of_an_acquittal_and_nobody_else_hears_of_the_silence() -> None:
    file, delivered, policy = told_of_an_acquittal()
    for hour in range(2, 5 * 24, 3):
        now = b.NOON + hour * H
        assert evaluate([file], delivered, OF_ORDERS_MISSED, policy, now, now).notifications == ()


def test_an_acquittal_that_nobody_decides_about_ends_after_five_working_days() -> None:
    file, delivered, policy = told_of_an_acquittal()
    told_on = next(iter(delivered.values())).at
    end = policy.due(told_on, Within(working_days=5))
    assert evaluate([file], delivered, OF_ORDERS_MISSED, policy, end, end - MINUTES).notifications == ()
    closed = evaluate([file], delivered, OF_ORDERS_MISSED, policy, end, end)
    assert {(n.kind, n.reason) for n in closed.notifications} == {("close", Reason.NO_LONGER_ASKED)}
    assert {n.key for n in closed.notifications} == set(delivered)
    later = end + 30 * D
    assert evaluate([file], remember(delivered, closed), OF_ORDERS_MISSED, policy, later, later).notifications == ()


@pytest.mark.parametrize(("reason", "ends"), [("not_needed", True), (None, False)])
def test_not_to_ask_for_an_order_without_a_reason_leaves_it_to_be_decided(reason: str | None, *, ends: bool) -> None:
    file, delivered, policy = told_of_an_acquittal()
    (cps,) = (notification.key for notification in delivered.values() if notification.agency_kind == "cps")
    said = b.decided(agency=cps.agency, decision=Decision.ORDER_NOT_SOUGHT, reason=reason)
    answered, now = replace(file, answers=(b.answer(said, cps),)), b.NOON + 3 * H
    after = remember(delivered, evaluate([answered], delivered, OF_ORDERS_MISSED, policy, now, now))
    assert (after[cps].state == "closed") is ends


def test_the_service_that_was_asked_beside_the_first_is_released_when_the_first_answers() -> None:
    world = told_on_time()
    escalate(world, 18 * H)
    world.answer(Accepted, IDVA, b.NOON + 18 * H)
    world.evaluate(now=b.NOON + 18 * H)
    assert (world.delivered[SOUTH].state, world.delivered[SOUTH].reason) == ("closed", Reason.ANSWERED)
    assert world.delivered[IDVA].state == "live"


def test_the_service_that_was_asked_beside_the_first_stays_when_it_is_the_one_that_answers() -> None:
    world = told_on_time()
    escalate(world, 18 * H)
    world.answer(Accepted, SOUTH, b.NOON + 18 * H)
    world.evaluate(now=b.NOON + 18 * H)
    assert {world.delivered[IDVA].state, world.delivered[SOUTH].state} == {"live"}
    assert steps(world) == set()
    assert escalate(world, 400 * D) == []


def test_a_refusal_walks_through_the_next_able_at_the_old_times_and_ends_with_the_inspector() -> None:
    world = told_on_time()
    facts = []
    for minute, (key, following) in enumerate(((IDVA, SOUTH), (SOUTH, WEST)), 1):
        now = b.NOON + minute * MINUTES
        facts.append(world.answer(Declined, key, now).id)
        assert said(world.evaluate(now=now)) == [
            ("close", "high_risk", key.agency),
            ("notify", "high_risk", following.agency),
        ]
        assert world.delivered[key].reason == Reason.DECLINED
        assert set(facts) <= set(world.delivered[following].grounds)
        assert world.delivered[following].tell_by == b.NOON + 15 * MINUTES
        assert [asked.by for asked in world.delivered[following].asks] == [b.NOON + 4 * H, b.NOON + 24 * H]
    world.answer(Declined, WEST, b.NOON + 3 * MINUTES)
    sent = said(world.evaluate(now=b.NOON + 3 * MINUTES))
    assert sent == [("close", "high_risk", "west-idva"), ("notify", INSPECTOR, "north-inspector")]
    assert escalate(world, 400 * D) == []


def told_to_two() -> World:
    """Two services are owed the same matter of the same person, and one other is able to stand in for either."""

    def to_two(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        for duty in ONLY_HIGH_RISK[0].states(file, policy):
            if isinstance(duty, Duty) and duty.key.agency == IDVA.agency:
                for key in (IDVA, EAST):
                    yield duty.but(key=key, next_able=(SOUTH.agency,))

    world = World(rules=(declared("high_risk", to_two),))
    world.evaluate(b.fact(b.incident()), now=b.NOON)
    return world


def test_one_that_is_able_for_two_which_are_silent_is_asked_once() -> None:
    world = told_to_two()
    sent = escalate(world, 24 * H)
    assert [when for when, line in sent if line == ("notify", "high_risk", "south-idva")] == [18 * H]
    escalate(world, 400 * D)
    assert len({notification.id for notification in world.sent}) == len(world.sent)


@pytest.mark.parametrize(("declines", "silent"), [(IDVA, EAST), (EAST, IDVA)], ids=["the first", "the second"])
def test_one_that_is_able_for_two_is_asked_when_either_declines_and_stays_for_that_one(
    declines: Key, silent: Key
) -> None:
    world = told_to_two()
    world.answer(Declined, declines, b.NOON + MINUTES)
    assert said(world.evaluate(now=b.NOON + MINUTES)) == [
        ("close", "high_risk", declines.agency),
        ("notify", "high_risk", "south-idva"),
    ]
    escalate(world, 3 * H)
    world.answer(Accepted, silent, b.NOON + 3 * H)
    world.evaluate(now=b.NOON + 3 * H)
    assert world.delivered[SOUTH].state == "live"
    assert len({notification.id for notification in world.sent}) == len(world.sent)
    assert not world.unexplained


@settings(max_examples=40)
@given(st.integers(1, 239))
def test_a_refusal_from_three_quarters_on_tells_the_inspector_in_the_same_step(minute: int) -> None:
    world = told_on_time()
    now = b.NOON + minute * MINUTES
    while world.again is not None and world.again <= now:
        world.evaluate(now=world.again)
    world.answer(Declined, IDVA, now)
    sent = said(world.evaluate(now=now))
    assert (("notify", INSPECTOR, "north-inspector") in sent) == (minute >= 180)
    assert world.delivered[SOUTH].state == "live"


def test_a_refusal_taken_back_gives_the_duty_back() -> None:
    world = told_on_time()
    world.answer(Declined, IDVA, b.NOON + MINUTES)
    world.evaluate(now=b.NOON + MINUTES)
    world.answer(Accepted, IDVA, b.NOON + 2 * MINUTES)
    sent = said(world.evaluate(now=b.NOON + 2 * MINUTES))
    assert sent == [("close", "high_risk", "south-idva"), ("notify", "high_risk", "north-idva")]
    assert not world.unexplained


def test_who_takes_it_on_after_declining_is_asked_nothing_again_and_was_told_in_time() -> None:
    world = told_on_time()
    world.answer(Declined, IDVA, b.NOON + MINUTES)
    world.evaluate(now=b.NOON + MINUTES)
    world.answer(Accepted, IDVA, b.NOON + 3 * H)
    world.evaluate(now=b.NOON + 3 * H)
    assert (world.delivered[IDVA].state, world.delivered[IDVA].late) == ("live", False)
    assert all(asked.met_by for asked in world.delivered[IDVA].asks)
    assert escalate(world, 400 * D) == []


def test_who_takes_it_on_after_declining_is_asked_again_if_it_says_more_by_now() -> None:
    world = told_on_time()
    world.answer(Declined, IDVA, b.NOON + MINUTES)
    world.evaluate(now=b.NOON + MINUTES)
    world.answer(Accepted, IDVA, b.NOON + 2 * MINUTES)
    world.evaluate(b.fact(b.incident(abuse_types=("stalking",)), version=2), now=b.NOON + 2 * MINUTES)
    assert [asked.met_by for asked in world.delivered[IDVA].asks] == [None, None]


def test_what_another_has_taken_on_stays_with_it() -> None:
    world = told_on_time()
    for minute, (answer, key) in enumerate(((Declined, IDVA), (Accepted, SOUTH), (Accepted, IDVA)), 1):
        world.answer(answer, key, b.NOON + minute * MINUTES)
        sent = said(world.evaluate(now=b.NOON + minute * MINUTES))
    assert sent == []
    assert (world.delivered[IDVA].state, world.delivered[SOUTH].state) == ("closed", "live")
    assert escalate(world, 400 * D) == []


def test_what_another_gives_back_goes_to_the_one_that_would_take_it_after_all() -> None:
    world = told_on_time()
    turns = ((Declined, IDVA), (Accepted, SOUTH), (Accepted, IDVA), (Declined, SOUTH))
    for minute, (answer, key) in enumerate(turns, 1):
        world.answer(answer, key, b.NOON + minute * MINUTES)
        sent = said(world.evaluate(now=b.NOON + minute * MINUTES))
    assert sent == [("close", "high_risk", "south-idva"), ("notify", "high_risk", "north-idva")]
    assert escalate(world, 400 * D) == []


def test_an_answer_to_a_replaced_notification_counts_only_if_the_update_said_nothing_new() -> None:
    world = told_on_time()
    world.evaluate(b.fact(b.incident(circumstances="a quarrel"), version=2), now=b.NOON + MINUTES)
    assert world.delivered[IDVA].revision == 1  # an advocate sees no circumstances, and hears nothing
    world.evaluate(b.fact(b.incident(abuse_types=("stalking",)), version=3), now=b.NOON + 2 * MINUTES)
    assert (world.delivered[IDVA].revision, world.delivered[IDVA].asked_at) == (2, 2)
    world.answer(Accepted, IDVA, b.NOON + 3 * MINUTES, revision=1)
    world.evaluate(now=b.NOON + 3 * MINUTES)
    escalate(world, 2 * H)
    assert (MANAGER, "acknowledge") in steps(world)


@pytest.mark.parametrize("answer", [Acknowledged, Accepted])
@pytest.mark.parametrize("before", [True, False])
def test_whoever_answered_what_was_taken_back_is_told_no_more_where_it_was_another_s(
    answer: type[Acknowledged | Accepted], *, before: bool
) -> None:
    """She lives elsewhere than was recorded: the advocates who were told are able in the place of those there."""
    world = told_on_time()
    if before:
        world.answer(answer, IDVA, b.NOON + MINUTES)
        world.evaluate(now=b.NOON + MINUTES)
    there = (b.victim(residence=b.residence(la_code="865")), b.suspect())
    sent = said(world.evaluate(b.fact(b.incident(parties=there), version=2), now=b.NOON + 2 * MINUTES))
    assert ("correct", "high_risk", "north-idva") in sent
    assert ("notify", "high_risk", "east-idva") in sent
    world.answer(answer, IDVA, b.NOON + 3 * MINUTES)
    assert said(world.evaluate(now=b.NOON + 3 * MINUTES)) == [("notify", OUTDATED, "north-idva")]
    assert ("notify", MANAGER, "east-idva") in [line for _, line in escalate(world, 3 * H)]  # hers is not answered


@pytest.mark.parametrize("answer", [Acknowledged, Accepted])
def test_an_area_that_is_corrected_and_corrected_back_is_told_as_at_first(
    answer: type[Acknowledged | Accepted],
) -> None:
    world, east = World(rules=ONLY_HIGH_RISK), IDVA._replace(agency="east-idva")
    for version, (la_code, hers, other) in enumerate((("865", east, IDVA), ("866", IDVA, east), ("865", east, IDVA))):
        now = b.NOON + version * MINUTES
        people = (b.victim(residence=b.residence(la_code=la_code)), b.suspect())
        world.evaluate(b.fact(b.incident(parties=people), version=version + 1), now=now)
        assert world.delivered[hers].state == "live"
        assert other not in world.delivered or world.delivered[other].state == "withdrawn"
        assert not any(asked.met_by for asked in world.delivered[hers].asks)
        world.answer(answer, hers, now, revision=world.delivered[hers].revision)
        world.evaluate(now=now)


def test_what_had_been_answered_is_asked_anew_with_time_to_answer_it() -> None:
    world = told_on_time()
    world.answer(Accepted, IDVA, b.NOON + H)
    world.evaluate(now=b.NOON + H)
    assert said(world.evaluate(b.fact(b.incident(abuse_types=("stalking",)), version=2), now=b.NOON + 30 * H)) == [
        ("update", "high_risk", "north-dait"),
        ("update", "high_risk", "north-idva"),
    ]
    assert [asked.by for asked in world.delivered[IDVA].asks] == [b.NOON + 31 * H] * 2
    assert world.evaluate(now=b.NOON + 30 * H) == []


def test_a_managers_old_answer_does_not_count_for_what_is_asked_anew() -> None:
    world = told_on_time()
    escalate(world, 2 * H)
    manager = step_key(MANAGER, IDVA, "acknowledge", "north-idva")
    world.answer(Accepted, manager, b.NOON + 2 * H)
    world.evaluate(now=b.NOON + 2 * H)
    world.evaluate(b.fact(b.incident(abuse_types=("stalking",)), version=2), now=b.NOON + 30 * H)
    sent = [line for _, line in escalate(world, 30 * H + 30 * MINUTES)]
    assert ("notify", MANAGER, "north-idva") in sent


def test_an_ask_never_moves_later_because_a_later_version_was_recorded_later() -> None:
    world = told_on_time()
    amended = b.fact(b.incident(abuse_types=("stalking",)), version=2, at=b.NOON + H)
    world.evaluate(amended, now=b.NOON + H)
    assert [asked.by for asked in world.delivered[IDVA].asks] == [b.NOON + 4 * H, b.NOON + 24 * H]


@settings(max_examples=40)
@given(st.floats(0.5, 60))
def test_who_is_told_late_has_the_shortest_window_before_anybody_hears_of_silence(days: float) -> None:
    world = World(rules=ONLY_HIGH_RISK)
    now = b.NOON + days * D
    assert {n.kind for n in world.evaluate(b.fact(b.incident()), now=now)} == {"notify"}
    assert all(notification.late for notification in world.sent)
    assert world.delivered[IDVA].asks[0].by == now + H
    assert steps(world) == set()
    assert world.again == now + H / 4


def test_when_its_ground_falls_all_who_heard_of_the_silence_are_corrected_too() -> None:
    world = told_on_time()
    escalate(world, 4 * H)
    delivered = {key for key, notification in world.delivered.items() if notification.state == "live"}
    sent = world.evaluate(b.withdrawal(b.fact(b.incident())), now=b.NOON + 5 * H)
    assert {notification.key for notification in sent} == delivered
    assert {notification.kind for notification in sent} == {"correct"}


def test_when_the_duty_is_withheld_after_all_its_escalation_step_end_with_it() -> None:
    world = told_on_time()
    escalate(world, 4 * H)
    lower = b.fact(b.incident(risk=b.risk(Grade.STANDARD)), version=2)
    world.evaluate(lower, now=b.NOON + 5 * H)
    assert not [n for n in world.delivered.values() if n.state == "live"]
    assert not world.unexplained


@pytest.mark.parametrize("subject", ["CR1/party/1", "54DC0012326/A1/C54SD00/2026-03-02/order/3047/2", "uk.x.y:a/b"])
def test_a_escalation_step_names_the_duty_and_the_ask_that_it_is_about(subject: str) -> None:
    key = Key("missed_order", subject, "north-idva")
    assert asked_of(step_key(MANAGER, key, "accept", "north-idva")) == (key, "accept")


def test_who_is_asked_in_the_end_is_asked_to_act_and_reading_it_ends_nothing() -> None:
    world = told_on_time()
    escalate(world, 4 * H)
    key = step_key(INSPECTOR, IDVA, "acknowledge", "north-inspector")
    assert [(asked.ask, asked.answers) for asked in world.delivered[key].asks] == [("act", ("answer_obtained",))]
    assert "act" in world.delivered[key].texts
    world.answer(Acknowledged, key, b.NOON + 4 * H)
    world.evaluate(now=b.NOON + 4 * H)
    assert world.delivered[key].state == "live"
    done = world.answer(Decided, key, b.NOON + 4 * H + MINUTES)
    world.answers[-1] = replace(world.answers[-1], fact=_deciding(done, "answer_obtained"))
    world.evaluate(now=b.NOON + 4 * H + MINUTES)
    assert (world.delivered[key].state, world.delivered[key].reason) == ("closed", Reason.ANSWERED)
    assert escalate(world, 400 * D) == []


def _deciding(fact: Fact, decision: str) -> Fact:
    return replace(fact, body=fact.body.model_copy(update={"decision": Decision(decision)}))


SHIPPED_RULES = {rule.name: rule for rule in (*INCIDENTS, *CONVICTIONS)}


def told_of_two_incidents() -> World:
    """The same woman, twice on one day: the DAIT, her advocate and the MARAC are asked twice, at one time."""
    world = World(b.shipped(), rules=(SHIPPED_RULES["high_risk"],))
    people = (b.victim(record=b.record("one")), b.suspect())
    world.evaluate(*(b.fact(b.incident(crime, parties=people)) for crime in ("CR1", "CR2")), now=b.NOON)
    return world


def test_what_is_due_to_one_person_about_one_person_at_one_time_is_one_notification() -> None:
    world = told_of_two_incidents()
    delivered = [(when, line) for when, line in escalate(world, 24 * H) if line[1] in ESCALATION_STEPS]
    assert len(delivered) == len(set(delivered))
    inspector = [line for _, line in delivered if line[1] == INSPECTOR]
    assert inspector == [("notify", INSPECTOR, "duty-inspector-54")]
    (notification,) = [n for n in world.sent if n.key.rule == INSPECTOR]
    silent = {(what, value) for what, _, value, _ in notification.content if what.startswith("unanswered.")}
    assert {what for what, _ in silent} == {"unanswered.accept", "unanswered.acknowledge"}
    assert len(silent) == 3
    assert {value for what, _, value, _ in notification.content if what == "crime_reference"} == {"CR1", "CR2"}


def test_steps_that_a_stopped_relay_finds_due_together_are_one_notification_too() -> None:
    world = told_of_two_incidents()
    sent = world.evaluate(now=b.NOON + 30 * H)
    to_whom = [(n.key.agency, n.desk) for n in sent if n.key.rule in ESCALATION_STEPS]
    assert len(to_whom) == len(set(to_whom))
    assert world.evaluate(now=b.NOON + 30 * H) == []


def test_two_women_of_one_man_are_two_notifications() -> None:
    world = World(b.shipped(), rules=(SHIPPED_RULES["high_risk"],))
    hers = [(b.victim(record=b.record(name)), b.suspect()) for name in ("one", "another")]
    world.evaluate(*(b.fact(b.incident(f"CR{n}", parties=those)) for n, those in enumerate(hers)), now=b.NOON)
    escalate(world, 24 * H)
    assert len([n for n in world.sent if n.key.rule == INSPECTOR]) == 2


def test_one_answer_to_what_was_told_as_one_counts_for_all_of_it() -> None:
    world = told_of_two_incidents()
    escalate(world, 12 * H)
    (manager,) = [key for key in world.delivered if key.rule == MANAGER and key.agency == "dait-54"]
    world.answer(Acknowledged, manager, b.NOON + 12 * H)
    closed = said(world.evaluate(now=b.NOON + 12 * H))
    assert closed == [("close", MANAGER, "dait-54")]
    asked = [n for n in world.delivered.values() if n.key.agency == "dait-54" and n.key.rule == "high_risk"]
    assert [ask.met_by is not None for notification in asked for ask in notification.asks] == [True, True]
    assert not [line for _, line in escalate(world, 400 * D) if line[2] == "dait-54"]


def test_what_was_told_as_one_goes_on_without_a_word_until_all_of_it_is_answered() -> None:
    world = told_of_two_incidents()
    escalate(world, 12 * H)
    desks = [key for key in world.delivered if key.rule == "high_risk" and key.agency == "dait-54"]
    for hour, key in enumerate(sorted(desks), 12):
        assert [n.state for k, n in world.delivered.items() if k.rule == MANAGER and k.agency == "dait-54"] == ["live"]
        world.answer(Acknowledged, key, b.NOON + hour * H + MINUTES)
        sent = [line for line in said(world.evaluate(now=b.NOON + hour * H + MINUTES)) if line[2] == "dait-54"]
    assert sent == [("close", MANAGER, "dait-54")]


def test_a_silent_school_is_for_the_local_authority_to_reach_and_it_hears_which_school() -> None:
    world = World(b.shipped(), rules=(SHIPPED_RULES["child_school"],))
    facts = (b.fact(b.incident()), b.fact(b.children(b.CRIME, b.child(residence=b.residence(la_code="866")))))
    world.evaluate(*facts, now=b.NOON)
    escalate(world, 10 * D)
    last = [n for n in world.sent if n.key.rule == LAST_STEP]
    assert [n.key.agency for n in last] == ["la-education-866"]
    assert not [n for n in world.sent if n.key.rule == INSPECTOR]
    assert ("unanswered.school", "Larkmead Academy") in {(what, value) for what, _, value, _ in last[0].content}


def test_a_silent_prosecutor_is_for_the_areas_senior_and_his_decision_is_theirs() -> None:
    policy, told_at = b.policy(), b.NOON + 2 * H
    file = b.linked_file(*(b.fact(body) for body in (b.incident(), b.charge(), b.hearing())))
    delivered = remember({}, evaluate([file], {}, OF_ORDERS_MISSED, policy, told_at, told_at))
    end = b.NOON + 60 * D
    sent = evaluate([file], delivered, OF_ORDERS_MISSED, policy, end - 16 * D, end - 16 * D).notifications
    (last,) = [n for n in sent if n.key.rule in (INSPECTOR, LAST_STEP)]
    assert (last.key.rule, last.key.agency, last.desk) == (LAST_STEP, "cps-westmarch", "strategic")
    assert {"prosecutor_named", "order_to_be_sought"} <= set(last.asks[0].answers)
