"""What agencies hold where nothing goes wrong is fit to be compared with: it has everything, and no order matters."""

from datetime import UTC, datetime, timedelta

from schemas.agency_notifications.v1 import NotificationIssued
from services.ops.serving import SERVICES
from services.platform.streaming.sending import Message
from tests.broker.relay import shipped_policy
from tests.chaos.answering import answer, asked_to
from tests.chaos.calm import Answered, held_when_calm, sent_when_calm
from tests.chaos.load import LiveLoad, live_load, load

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
# What is told once somebody has decided: agencies of a load read and take on, and decide nothing.
AFTER_A_DECISION = {"her_views_outcome", "order_not_sought", "police_position"}


def test_the_order_of_arrival_and_repetition_change_nothing_held() -> None:
    believable = believable_of(live_load(7, 40, NOW))
    again = held_when_calm([*reversed(believable), *believable], shipped_policy(), NOW)
    assert held_when_calm(believable, shipped_policy(), NOW) == again


def test_the_load_makes_agencies_hold_something_by_every_rule_that_needs_no_decision() -> None:
    held = held_when_calm(believable_of(live_load(7, 200, NOW)), shipped_policy(), NOW)
    rules = {rule.name for service in SERVICES.values() for rule in service.rules}
    assert {rule for rule, _, _ in held} == rules - AFTER_A_DECISION


def test_a_service_that_has_taken_her_on_holds_what_another_would() -> None:
    now = datetime.now(UTC)
    given = load(7, 60, now)
    believable = [event for event in given.events if event not in given.unbelievable]
    sent = map(NotificationIssued.model_validate_json, sent_when_calm(believable, shipped_policy(), now))
    answers = [Answered(answer(each, "accept"), each) for each in asked_to("accept", sent)]
    without = held_when_calm(believable, shipped_policy(), now)
    after = held_when_calm(believable, shipped_policy(), now, answers)
    gone, come = without.keys() - after.keys(), after.keys() - without.keys()
    assert gone
    assert come
    assert {(rule, place, kind_of(agency)) for rule, place, agency in come} == {
        (rule, place, kind_of(agency)) for rule, place, agency in gone
    }


def kind_of(agency: str) -> str:
    return agency.rpartition("-")[0]


def believable_of(given: LiveLoad) -> list[Message]:
    """What may be believed; what happens live, two hours ago: all that settles has settled."""
    delivered = [event if isinstance(event, Message) else event(NOW - timedelta(hours=2)) for event in given.events]
    return [event for event in delivered if event not in given.unbelievable]
