"""A hearing stated again without an order or an offence that it had: whoever was told of that one is corrected."""

from datetime import timedelta

from schemas.court_convictions.v1 import HearingResulted
from services.convictions.rules import RULES as OF_CONVICTIONS
from services.order_variations.rules import RULES as OF_ORDERS
from services.platform.domain.core.duties import Notification
from tests.support import builders as b
from tests.unit.domain.small import World

HOUR = timedelta(hours=1)
CASE = (b.fact(b.incident()), b.fact(b.charge(b.charged(1), b.charged(2))))
HERS = (b.protected(),)
MORNING, AFTERNOON = b.order(protected_persons=HERS), b.order("3326", protected_persons=HERS)


def world() -> World:
    return World(b.shipped(), (*OF_CONVICTIONS, *OF_ORDERS))


def about(world: World, rule: str, subject: str) -> set[Notification]:
    found = {n for key, n in world.delivered.items() if key.rule == rule and key.subject.endswith(subject)}
    assert found
    return found


def test_the_afternoon_s_orders_sent_alone_take_back_the_morning_s_from_everybody_who_was_told() -> None:
    delivered = world()
    delivered.evaluate(*CASE, b.fact(b.orders_resulted(MORNING)), now=b.NOON)
    morning, afternoon = (f"{b.order_at(code=order.code)}/{b.VICTIM}" for order in (MORNING, AFTERNOON))
    assert {n.state for n in about(delivered, "order_imposed", morning)} == {"live"}
    agencies = {n.key.agency for n in about(delivered, "order_imposed", morning)}
    sent = delivered.evaluate(b.fact(b.orders_resulted(AFTERNOON), version=2), now=b.NOON + HOUR)
    assert {(n.state, n.kind) for n in about(delivered, "order_imposed", morning)} == {("withdrawn", "correct")}
    assert {n.key.agency for n in sent if n.key.subject == morning and n.kind == "correct"} == agencies
    assert {n.state for n in about(delivered, "order_imposed", afternoon)} == {"live"}


def test_all_sittings_of_a_day_in_one_statement_let_both_orders_stand() -> None:
    delivered = world()
    delivered.evaluate(*CASE, b.fact(b.orders_resulted(MORNING)), now=b.NOON)
    delivered.evaluate(b.fact(b.orders_resulted(MORNING, AFTERNOON), version=2), now=b.NOON + HOUR)
    assert {n.state for key, n in delivered.delivered.items() if key.rule == "order_imposed"} == {"live"}
    assert {key.subject for key in delivered.delivered if key.rule == "order_imposed"} == {
        f"{b.order_at(code=code)}/{b.VICTIM}" for code in ("3047", "3326")
    }


def hearing(*sequences: int) -> HearingResulted:
    return b.hearing(*map(b.offence, sequences))


def test_an_offence_that_is_left_out_is_taken_back_from_everybody_who_was_told_of_its_missed_order() -> None:
    delivered = world()
    delivered.evaluate(*CASE, b.fact(hearing(1)), now=b.NOON)
    delivered.evaluate(now=b.NOON + HOUR)
    first = b.offence(1)
    assert {n.state for n in about(delivered, "missed_order", f"/1/{first.code}")} == {"live"}
    delivered.evaluate(b.fact(hearing(2), version=2), now=b.NOON + 2 * HOUR)
    delivered.evaluate(now=b.NOON + 3 * HOUR)
    assert {n.state for n in about(delivered, "missed_order", f"/1/{first.code}")} == {"withdrawn"}
    assert {n.state for n in about(delivered, "missed_order", f"/2/{first.code}")} == {"live"}
    delivered.evaluate(b.fact(hearing(1, 2), version=3), now=b.NOON + 4 * HOUR)
    assert {n.state for key, n in delivered.delivered.items() if key.rule == "missed_order"} == {"live"}
