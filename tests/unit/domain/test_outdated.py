"""Whoever answers a notification that has been replaced hears so, once, and is asked to answer the newer one."""

from datetime import timedelta

import pytest

from schemas.agency_responses.v1 import Accepted, Acknowledged, Declined
from schemas.police_incidents.v1 import Grade, IncidentReported
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.escalation import OUTDATED
from services.platform.domain.core.facts import Key
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.domain.small import RULES, H, World, said

IDVA = Key("high_risk", b.VICTIM, "north-idva")
MINUTE = timedelta(minutes=1)


def delivered() -> World:
    world = World(rules=RULES[:1])
    world.evaluate(b.fact(b.incident()), now=b.NOON)
    return world


def replaced() -> World:
    """A kind of abuse was added two minutes after the advocate was told."""
    world = delivered()
    world.evaluate(b.fact(b.incident(abuse_types=("stalking",)), version=2), now=b.NOON + 2 * MINUTE)
    return world


def replies(world: World) -> list[Notification]:
    return [notification for notification in world.sent if notification.key.rule == OUTDATED]


@pytest.mark.parametrize("answer", [Acknowledged, Accepted, Declined])
def test_an_answer_to_a_replaced_notification_is_thanked_and_the_newer_one_asked_for(answer: type) -> None:
    world = replaced()
    first, newest = world.sent[-1].replaces, world.delivered[IDVA].id
    world.answer(answer, IDVA, b.NOON + 3 * MINUTE, revision=1)
    assert said(world.evaluate(now=b.NOON + 3 * MINUTE)) == [("notify", OUTDATED, "north-idva")]
    (reply,) = replies(world)
    lines = {what: value for what, _, value, _ in reply.content}
    assert lines["replaced_by"] == newest
    assert lines["answered"] == (answer.__name__.lower(),)
    assert "answer_to_replaced" in reply.texts
    assert reply.asks == ()
    assert first is not None


def test_it_is_said_once_whatever_else_is_answered_to_the_same_notification() -> None:
    world = replaced()
    world.answer(Acknowledged, IDVA, b.NOON + 3 * MINUTE, revision=1)
    world.evaluate(now=b.NOON + 3 * MINUTE)
    assert world.evaluate(now=b.NOON + 3 * MINUTE) == []
    world.evaluate(now=b.NOON + 4 * MINUTE)
    assert [notification.kind for notification in replies(world)] == ["notify"]


def test_it_is_over_when_the_newer_one_is_answered() -> None:
    world = replaced()
    world.answer(Accepted, IDVA, b.NOON + 3 * MINUTE, revision=1)
    world.evaluate(now=b.NOON + 3 * MINUTE)
    world.answer(Accepted, IDVA, b.NOON + 4 * MINUTE)
    assert said(world.evaluate(now=b.NOON + 4 * MINUTE)) == [("close", OUTDATED, "north-idva")]
    assert replies(world)[-1].reason == Reason.ANSWERED
    assert not world.unexplained


def test_whoever_had_answered_before_is_asked_anew_by_the_newer_one_and_by_nothing_else() -> None:
    world = delivered()
    world.answer(Accepted, IDVA, b.NOON + MINUTE)
    world.evaluate(now=b.NOON + MINUTE)
    world.evaluate(b.fact(b.incident(abuse_types=("stalking",)), version=2), now=b.NOON + 2 * MINUTE)
    world.evaluate(now=b.NOON + 3 * MINUTE)
    assert replies(world) == []


def test_an_answer_to_what_a_reminder_replaced_counts_and_is_not_replied_to() -> None:
    world = delivered()
    world.evaluate(now=b.NOON + H)
    assert world.delivered[IDVA].kind == "remind"
    world.answer(Accepted, IDVA, b.NOON + 2 * H, revision=1)
    world.evaluate(now=b.NOON + 2 * H)
    assert replies(world) == []
    assert all(asked.met_by for asked in world.delivered[IDVA].asks)


def test_an_answer_to_what_was_taken_back_is_replied_to_and_asks_for_nothing() -> None:
    world = delivered()
    world.evaluate(b.withdrawal(b.fact(b.incident())), now=b.NOON + 2 * MINUTE)
    world.answer(Accepted, IDVA, b.NOON + 3 * MINUTE, revision=1)
    sent = world.evaluate(now=b.NOON + 3 * MINUTE)
    assert said(sent) == [("notify", OUTDATED, "north-idva")]
    assert "answer_to_taken_back" in sent[0].texts
    assert not [what for what, _, _, _ in sent[0].content if what == "replaced_by"]


def test_another_agency_that_answers_is_told_nothing() -> None:
    world = replaced()
    world.answer(Accepted, IDVA, b.NOON + 3 * MINUTE, revision=1, agency="south-idva")
    assert world.evaluate(now=b.NOON + 3 * MINUTE) == []


def with_her(name: str, grade: Grade = Grade.HIGH) -> IncidentReported:
    her = b.victim(record=b.record(name.lower()), name=f"{name} Inventedtest", relationships=(b.connection(2),))
    return b.incident(parties=(her, b.suspect()), risk=b.risk(grade))


@pytest.mark.parametrize("grade", [Grade.HIGH, Grade.STANDARD])
def test_an_answer_that_came_in_time_is_not_called_late_when_another_woman_comes_to_stand_there(grade: Grade) -> None:
    world = World(rules=RULES[:1])
    world.evaluate(b.fact(with_her("Zephyra")), now=b.NOON)
    world.answer(Accepted, IDVA, b.NOON + MINUTE)
    world.evaluate(now=b.NOON + MINUTE)
    world.evaluate(b.fact(with_her("Ostara", grade), version=2), now=b.NOON + 2 * MINUTE)
    assert world.delivered[IDVA].reason == Reason.ANOTHER_PERSON
    assert replies(world) == []


def test_an_answer_that_came_in_time_is_not_called_late_by_a_later_answer_to_the_same_notification() -> None:
    world = delivered()
    world.answer(Acknowledged, IDVA, b.NOON + MINUTE)
    world.evaluate(now=b.NOON + MINUTE)
    world.evaluate(b.fact(b.incident(abuse_types=("stalking",)), version=2), now=b.NOON + 2 * MINUTE)
    late = world.answer(Accepted, IDVA, b.NOON + 3 * MINUTE, revision=1)
    world.evaluate(now=b.NOON + 3 * MINUTE)
    (reply,) = replies(world)
    assert reply.grounds == (late.id,)
    assert world.evaluate(now=b.NOON + 3 * MINUTE) == []
