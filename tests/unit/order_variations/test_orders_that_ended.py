"""Nobody is told that an order protects her after it ended, whatever ended it and in whatever order the facts came."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

import pytest

from schemas.court_order_variations.v1 import Attribution, Order, OrderAction, OrdersResulted, ProtectedPerson
from services.convictions.rules import RULES as OF_CONVICTIONS
from services.order_variations.rules import RULES as OF_ORDERS
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from services.platform.domain.linking.links import files_of
from services.platform.policy.clocks import london_day
from tests.support import builders as b

RULES = (*OF_CONVICTIONS, *OF_ORDERS)
FIRST = b.TODAY
LAST = FIRST + timedelta(days=30)
CODES = ("3047", "3326")
HERS = (
    ProtectedPerson(role="victim", record=b.record("victim-1"), attribution=Attribution.CODED),
    ProtectedPerson(role="child", record=b.record("child-1"), attribution=Attribution.CODED),
)
# What says that an order stands, as long as it is live: the rule, and what the line of the result did.
CLAIMS = {"order_imposed", "order_varied"}
STANDS = {"live", "varied"}


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def noon(number: int) -> datetime:
    return datetime.combine(day(number), time(12), UTC)


@dataclass
class Life:
    """One couple's orders over a month: made, varied, discharged, applied about, each on a day of its own."""

    chance: Random
    facts: list[Fact] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.facts += [b.fact(b.incident()), b.fact(b.children()), b.fact(b.charge()), b.fact(b.hearing())]
        codes = CODES[: self.chance.randint(1, 2)]
        self.orders(0, *(self.order(code, protected_persons=HERS) for code in codes))
        for code in codes:
            self.lives_on(code, alone=len(codes) == 1)

    def lives_on(self, code: str, *, alone: bool) -> None:
        for number in sorted(self.chance.sample(range(1, 25), self.chance.randint(0, 3))):
            action = self.chance.choice((OrderAction.VARIED, OrderAction.DISCHARGED, OrderAction.CHANGED_NOT_STATED))
            named = None if alone and self.chance.random() < 0.5 else b.order_at(code=code)
            if self.chance.random() < 0.6:
                self.application(f"APP-{code}-{number}", number, named)
            # Two orders of one hearing would be two elements of one fact: here each hearing has a court day of its own.
            self.orders(
                number, self.order("3263", action=action, order=named), court="C54SD00" if code == "3047" else "C54SL00"
            )

    def order(self, code: str, **over: Any) -> Order:
        end = self.chance.choice((None, None, 5, 12, 20))
        length = {"until_further_order": True} if end is None else {"until_further_order": None, "expires_on": day(end)}
        return b.order(code, **length | over)

    def orders(self, number: int, *those: Order, court: str = b.COURT) -> None:
        place = {"hearing_on": day(number), "occurred_at": noon(number), "court_ou": court}
        self.facts.append(b.fact(b.orders_resulted(*those, **place, references=b.references(court_ou=court))))

    def application(self, reference: str, number: int, order: str | None) -> None:
        lodged_on = self.chance.randint(0, number)
        action = self.chance.choice(("vary", "discharge"))
        refs = b.references()
        asked = b.application(
            reference,
            order=order,
            action=action,
            references=refs,
            lodged_at=noon(lodged_on),
            occurred_at=noon(lodged_on),
        )
        self.facts.append(b.fact(asked))
        if self.chance.random() < 0.6:
            outcome = self.chance.choice(("granted", "part", "refused"))
            decided = b.application_decided(
                reference, outcome, references=refs, decided_on=day(number), occurred_at=noon(number)
            )
            self.facts.append(b.fact(decided))

    def arrivals(self) -> list[tuple[datetime, Fact]]:
        """Each fact when it happened or any time later, and so in any order."""
        latest = datetime.combine(LAST, time(12), UTC)
        found = []
        for n, fact in enumerate(self.facts):
            late = self.chance.choice((0.0, 0.0, self.chance.random()))
            at = fact.at + late * (latest - fact.at) + timedelta(seconds=n)
            found.append((at, fact))
        return sorted(found, key=lambda arrival: arrival[0])


def ended(facts: list[Fact], now: datetime) -> dict[str, str]:
    """Each order that has ended by what is known now, and how: said again here by the plainest reading of the facts."""
    bodies = (fact.body for fact in facts)
    results = sorted((body for body in bodies if isinstance(body, OrdersResulted)), key=lambda body: body.hearing_on)
    ends: dict[str, date | None] = {}
    gone: dict[str, str] = {}
    for body in results:
        for order in body.orders:
            if order.action is OrderAction.IMPOSED:
                ends[body.place_of(order)] = order.expires_on
    for body in results:
        for order in body.orders:
            if order.action is OrderAction.IMPOSED:
                continue
            live = [
                place for place in ends if gone.get(place) != "discharged" and not _past(ends[place], body.hearing_on)
            ]
            place = order.order or (live[0] if len(live) == 1 else None)
            if place is None:
                continue
            if order.action is OrderAction.VARIED:
                gone.pop(place, None)
                moved = None if order.until_further_order else order.expires_on
                ends[place] = moved if order.until_further_order or moved else ends.get(place)
            else:
                gone[place] = order.action
    today = london_day(now)
    return {place: "expired" for place, end in ends.items() if _past(end, today)} | gone


def _past(end: date | None, on: date) -> bool:
    return end is not None and end < on


def claims(notification: Notification) -> Iterator[str]:
    """The orders of which a live notification says that they stand."""
    said = dict.fromkeys(value for what, _, value, _ in notification.content if what == "order")
    action = next((value for what, _, value, _ in notification.content if what == "orders.action"), None)
    if notification.key.rule in CLAIMS or (
        notification.key.rule == "order_concerning_child" and action in ("imposed", "varied")
    ):
        yield from said
    for what, about, value, _ in notification.content:
        if (what == "order_is_now" and value in STANDS) or (what == "still_binding" and about is not None):
            yield str(about)
    if "order_stands_until_decided" in notification.texts and len(said) == 1:
        yield from said


@pytest.mark.parametrize("seed", range(25))
def test_no_live_notification_says_that_an_order_stands_which_has_ended(seed: int) -> None:
    delivered: dict[Key, Notification] = {}
    so_far: list[Fact] = []
    due: datetime | None = None
    waiting = Life(Random(seed)).arrivals()  # noqa: S311 - a seed must give the same life again
    while waiting or (due is not None and due.date() <= LAST):
        if waiting and (due is None or waiting[0][0] <= due):
            now, fact = waiting.pop(0)
            so_far.append(fact)
        else:
            assert due is not None
            now = due
        files = [file for key, file in sorted(files_of(so_far).items()) if not key.startswith("unlinked:")]
        found = evaluate(files, delivered, RULES, b.policy(now), now, now)
        assert (found.faults, found.unexplained) == ((), ())
        delivered, due = remember(delivered, found), found.evaluate_again_at
        over = ended(so_far, now)
        wrong = [
            (key, place) for key, n in delivered.items() if n.state == "live" for place in claims(n) if place in over
        ]
        assert wrong == [], over


def held_when(now: datetime, *facts: Fact, before: dict[Key, Notification] | None = None) -> dict[Key, Notification]:
    files = [file for _, file in sorted(files_of(facts).items())]
    delivered = before or {}
    return remember(delivered, evaluate(files, delivered, RULES, b.policy(now), now, now))


def of_rule(delivered: dict[Key, Notification], rule: str) -> set[tuple[str, str | None]]:
    return {(notification.state, notification.reason) for key, notification in delivered.items() if key.rule == rule}


CASE = (b.fact(b.incident()), b.fact(b.charge()))
ENDS_SOON = b.order(protected_persons=(b.protected(),), until_further_order=None, expires_on=day(3))
MADE = b.fact(b.orders_resulted(b.order(protected_persons=(b.protected(),))))
GONE = b.fact(
    b.orders_resulted(
        b.order("3263", action=OrderAction.DISCHARGED, order=b.order_at()), hearing_on=day(2), occurred_at=noon(2)
    )
)


def test_an_order_told_as_made_closes_when_it_is_discharged() -> None:
    delivered = held_when(noon(0), *CASE, MADE)
    assert of_rule(delivered, "order_imposed") == {("live", None)}
    delivered = held_when(noon(2), *CASE, MADE, GONE, before=delivered)
    assert of_rule(delivered, "order_imposed") == {("closed", Reason.ORDER_DISCHARGED)}
    assert of_rule(delivered, "order_discharged") == {("live", None)}


def test_an_order_that_was_discharged_before_anybody_heard_of_it_is_not_told_as_made() -> None:
    assert of_rule(held_when(noon(2), *CASE, MADE, GONE), "order_imposed") == set()


def test_an_order_told_as_made_closes_with_its_last_day_and_the_look_comes_by_itself() -> None:
    made = b.fact(b.orders_resulted(ENDS_SOON))
    files = list(files_of([*CASE, made]).values())
    first = evaluate(files, {}, RULES, b.policy(), b.NOON, b.NOON)
    assert first.evaluate_again_at is not None
    end = datetime.combine(day(4), time(0), UTC)
    delivered = held_when(end - timedelta(seconds=1), *CASE, made, before=remember({}, first))
    assert of_rule(delivered, "order_imposed") == {("live", None)}
    delivered = held_when(end, *CASE, made, before=delivered)
    assert of_rule(delivered, "order_imposed") == {("closed", Reason.ORDER_EXPIRED)}


LODGED = b.fact(b.application(order=None, references=b.references(), lodged_at=noon(1), occurred_at=noon(1)))
GRANTED = b.fact(
    b.application_decided(outcome="granted", references=b.references(), decided_on=day(2), occurred_at=noon(2))
)


@pytest.mark.parametrize("names", [None, b.order_at()], ids=["no order named", "the order named"])
def test_what_was_told_of_an_application_is_not_taken_back_when_the_order_is_discharged_later(
    names: str | None,
) -> None:
    refs = b.references()
    lodged = b.fact(b.application(order=names, references=refs, lodged_at=noon(1), occurred_at=noon(1)))
    delivered = held_when(noon(1), *CASE, MADE, lodged)
    delivered = held_when(noon(2), *CASE, MADE, lodged, GRANTED, before=delivered)
    delivered = held_when(noon(3), *CASE, MADE, lodged, GRANTED, GONE, before=delivered)
    assert of_rule(delivered, "application_lodged") == {("closed", Reason.APPLICATION_DECIDED)}
    assert {n.kind for key, n in delivered.items() if key.rule == "application_lodged"} == {"close"}
    assert of_rule(delivered, "application_decided") == {("live", None)}
    assert of_rule(delivered, "application_unconfirmed") == set()


def test_an_application_ends_with_the_order_that_it_is_about_and_says_so() -> None:
    delivered = held_when(noon(1), *CASE, MADE, LODGED)
    delivered = held_when(noon(3), *CASE, MADE, LODGED, GONE, before=delivered)
    assert of_rule(delivered, "application_lodged") == {("closed", Reason.ORDER_DISCHARGED)}


def order_is_now(delivered: dict[Key, Notification], rule: str) -> set[object]:
    notifications = [notification for key, notification in delivered.items() if key.rule == rule]
    return {
        value for notification in notifications for what, _, value, _ in notification.content if what == "order_is_now"
    }


@pytest.mark.parametrize(
    ("asked", "now_is"), [("discharge", "discharge_not_arrived"), ("vary", "changed_by_the_court_how_is_not_known_yet")]
)
def test_a_granted_application_does_not_say_that_the_order_is_live_until_its_result_has_come(
    asked: str, now_is: str
) -> None:
    lodged = b.fact(
        b.application(order=None, action=asked, references=b.references(), lodged_at=noon(1), occurred_at=noon(1))
    )
    delivered = held_when(noon(2), *CASE, MADE, lodged, GRANTED)
    assert order_is_now(delivered, "application_decided") == {now_is}
    delivered = held_when(noon(3), *CASE, MADE, lodged, GRANTED, GONE, before=delivered)
    assert order_is_now(delivered, "application_decided") == {"discharged"}


def test_an_order_whose_discharge_was_granted_is_not_told_as_protecting_before_the_result_comes() -> None:
    delivered = held_when(noon(1), *CASE, MADE, LODGED)
    delivered = held_when(noon(2), *CASE, MADE, LODGED, GRANTED, before=delivered)
    assert of_rule(delivered, "order_imposed") == {("closed", Reason.DISCHARGE_NOT_ARRIVED)}
