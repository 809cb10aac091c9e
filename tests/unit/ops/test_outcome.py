"""Whether an answer that was taken counts for what its agency is asked now."""

from dataclasses import replace
from datetime import UTC, datetime

from schemas.agency_responses.v1 import Acknowledged, Answer, Decided, Decision
from services.ops.outcome import WHOLE, of_answer
from services.platform.domain.core.duties import Asked, Notification, Why
from services.platform.domain.core.facts import Key

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DECIDE = Asked("decide", AT, ("safety_plan_made", "no_further_action"), AT)
FIRST = Notification(
    kind="notify",
    state="live",
    key=Key("high_risk", "54250077303/party/1", "idva-larkmead"),
    agency_kind="idva",
    person="record:police:1",
    revision=1,
    grounds=(),
    content=(),
    asks=(Asked("acknowledge", AT, ("acknowledged",), AT), DECIDE),
    asked_at=1,
    asked_since=AT,
    reason=None,
    late=False,
    at=AT,
    first_told_at=AT,
    arose=AT,
    tell_by=AT,
    desk="duty",
    urgency="urgent",
    gather="singly",
    texts=(),
    why=Why("high_risk", "2025.1", "SafeLives"),
)
REPEATED = replace(FIRST, kind="update", revision=2)
ASKED_ANEW = replace(FIRST, kind="update", revision=3, asked_at=3)
CLOSED = replace(FIRST, kind="close", state="closed", revision=2, asks=())
TAKEN_BACK = replace(FIRST, kind="correct", state="withdrawn", revision=2, asks=())
READ = Acknowledged(occurred_at=AT, agency="idva-larkmead", actor="w-17", notification=FIRST.id)


def decided(decision: Decision, reason: str | None = None) -> Answer:
    return Decided(
        occurred_at=AT, agency="idva-larkmead", actor="w-17", notification=FIRST.id, decision=decision, reason=reason
    )


def test_an_answer_to_what_stands_counts() -> None:
    assert of_answer("fact", READ, FIRST, FIRST) == WHOLE
    assert of_answer("fact", decided(Decision.SAFETY_PLAN_MADE), FIRST, FIRST) == WHOLE


def test_an_answer_to_a_replaced_notification_counts_until_something_is_asked_anew() -> None:
    assert of_answer("fact", READ, FIRST, REPEATED) == WHOLE
    late = of_answer("fact", READ, FIRST, ASKED_ANEW)
    assert not late.counts
    assert late.said == f"that notification was replaced by a newer one. Answer the newer one: {ASKED_ANEW.id}."


def test_an_answer_that_closed_the_matter_counts_and_one_to_the_closing_notification_does_not() -> None:
    assert of_answer("fact", READ, FIRST, CLOSED) == WHOLE
    assert "closed" in of_answer("fact", READ, CLOSED, CLOSED).said


def test_an_answer_to_what_was_taken_back_does_not_count() -> None:
    late = of_answer("fact", READ, FIRST, TAKEN_BACK)
    assert not late.counts
    assert "taken back" in late.said


def test_an_answer_that_met_an_ask_counts_whatever_was_told_because_of_it() -> None:
    met = tuple(replace(ask, met_by="fact") for ask in FIRST.asks)
    assert of_answer("fact", decided(Decision.SAFETY_PLAN_MADE), FIRST, replace(ASKED_ANEW, asks=met)) == WHOLE


def test_a_decision_that_was_not_asked_for_decides_nothing() -> None:
    other = of_answer("fact", decided(Decision.APPLICATION_OPPOSED), FIRST, FIRST)
    assert not other.counts
    assert "safety_plan_made or no_further_action" in other.said
    without = replace(FIRST, asks=FIRST.asks[:1])
    assert "no decision was asked for" in of_answer("fact", decided(Decision.SAFETY_PLAN_MADE), without, without).said


def test_not_to_ask_for_an_order_decides_only_with_its_reason() -> None:
    asked = replace(FIRST, asks=(replace(DECIDE, answers=("order_to_be_sought", "order_not_sought")),))
    assert of_answer("fact", decided(Decision.ORDER_NOT_SOUGHT, "not_needed"), asked, asked) == WHOLE
    without = of_answer("fact", decided(Decision.ORDER_NOT_SOUGHT), asked, asked)
    assert not without.counts
    assert "--reason" in without.said
