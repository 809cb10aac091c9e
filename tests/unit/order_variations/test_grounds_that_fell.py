"""What an order was made on was taken back, or he has died: those told of it hear so, in any order of arrival."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from schemas.court_convictions.v1 import ResultedOffence, Verdict
from schemas.court_order_variations.v1 import (
    Attribution,
    LegalBasis,
    Order,
    OrderAction,
    OrdersResulted,
    ProtectedPerson,
)
from services.convictions.rules import RULES as OF_CONVICTIONS
from services.intake.spi import read
from services.order_variations.rules import RULES as OF_ORDERS
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from services.platform.domain.linking.links import files_of
from tests.support import builders as b

RULES = (*OF_CONVICTIONS, *OF_ORDERS)
LATER = b.TODAY + timedelta(days=18)
TOLD_OF_A_FALL = {"cps-westmarch", "dait-54", "idva-larkmead", "probation-westmarch", "vlo-westmarch", "wcu-54"}


def noon(on: date) -> datetime:
    return datetime.combine(on, time(12), UTC)


def made(*those: Order, **over: Any) -> Fact:
    return b.fact(b.orders_resulted(*(those or (b.order(protected_persons=(b.protected(),)),)), **over))


def heard(*offences: ResultedOffence, on: date = LATER, **over: Any) -> Fact:
    return b.fact(b.hearing(*offences, hearing_on=on, occurred_at=noon(on), **over))


def application(code: str, result: str) -> ResultedOffence:
    """An application as it stands among the offences of a result."""
    return b.offence(999, code=code, verdict=None, verdict_date=None, sentenced_on=None, results=(b.result(result),))


def to_be_tried_again(sequence: int = 1, **over: Any) -> ResultedOffence:
    undecided: dict[str, Any] = {"verdict": None, "verdict_date": None, "sentenced_on": None, "final": False}
    return b.offence(sequence, **undecided | over)


CASE = (b.fact(b.incident()), b.fact(b.children()), b.fact(b.charge()), b.fact(b.hearing()))
REOPENED = heard(application("MC80524", "4584"), to_be_tried_again(results=(b.result("4506"),)))
STILL_STANDS = b.fact(b.attribution(b.party_ref(), occurred_at=noon(LATER + timedelta(days=1))))


def told_of(
    *facts: Fact, before: dict[Key, Notification] | None = None, days: int = 20, minutes: int = 0
) -> dict[Key, Notification]:
    now = b.NOON + timedelta(days=days, minutes=minutes)
    delivered = before or {}
    files = [file for _, file in sorted(files_of(facts).items())]
    found = evaluate(files, delivered, RULES, b.policy(now), now, now)
    assert (found.faults, found.unexplained) == ((), ())
    return remember(delivered, found)


def of_rule(delivered: dict[Key, Notification], rule: str) -> dict[str, tuple[str, str | None]]:
    return {
        key.agency: (notification.state, notification.reason)
        for key, notification in delivered.items()
        if key.rule == rule
    }


def live(delivered: dict[Key, Notification]) -> set[str]:
    return {key.rule for key, notification in delivered.items() if notification.state == "live"}


@pytest.mark.parametrize(
    ("taken_back", "how"),
    [
        (REOPENED, "reopened"),
        (heard(application("MC80527", "3049"), to_be_tried_again()), "set_aside"),
        (heard(application("MC80528", "3049")), "set_aside"),
        (heard(b.offence(verdict=Verdict.QUASHED)), "quashed"),
        (heard(b.offence(results=(b.result("3150"),))), "appeal_allowed"),
        (heard(b.offence(verdict=Verdict.ACQUITTED)), "replaced"),
        (heard(b.offence(verdict=Verdict.WITHDRAWN)), "replaced"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_those_told_of_an_order_hear_that_what_it_was_made_on_was_taken_back(taken_back: Fact, how: str) -> None:
    delivered = told_of(*CASE, made(), days=0)
    assert set(of_rule(delivered, "order_imposed").values()) == {("live", None)}
    delivered = told_of(*CASE, made(), taken_back, before=delivered)
    assert set(of_rule(delivered, "order_imposed").values()) == {("closed", Reason.ORDER_MAY_NOT_STAND)}
    fell = of_rule(delivered, "order_ground_fell")
    assert set(fell) == TOLD_OF_A_FALL
    assert set(fell.values()) == {("live", None)}
    cps = next(n for key, n in delivered.items() if key.rule == "order_ground_fell" and key.agency == "cps-westmarch")
    said = {what: value for what, _, value, _ in cps.content}
    assert (said["ground_fell_by"], said["order_is_now"]) == ((how,), "order_may_not_stand")
    assert "find_out_whether_the_order_stands" in cps.texts


def test_the_order_of_arrival_changes_nothing_that_is_held() -> None:
    rest = (made(), REOPENED, STILL_STANDS)
    held = set()
    for facts in permutations((CASE[2], *rest)):
        delivered: dict[Key, Notification] = {}
        so_far = [CASE[0], CASE[1], CASE[3]]
        for number, fact in enumerate(facts):
            so_far.append(fact)
            delivered = told_of(*so_far, before=delivered, minutes=number)
        held.add(frozenset((key, n.content) for key, n in delivered.items() if n.state == "live"))
    assert len(held) == 1
    assert {key.rule for key, _ in held.pop()} == {"order_imposed", "charge_in_her_case", "result_in_her_case"}


def test_a_person_who_says_that_it_stands_ends_the_question() -> None:
    delivered = told_of(*CASE, made(), REOPENED)
    delivered = told_of(*CASE, made(), REOPENED, STILL_STANDS, before=delivered)
    assert set(of_rule(delivered, "order_ground_fell").values()) == {("closed", Reason.ORDER_STANDS)}
    assert set(of_rule(delivered, "order_imposed").values()) == {("live", None)}


def test_a_court_that_discharges_the_order_then_ends_the_question() -> None:
    gone = made(
        b.order("3263", action=OrderAction.DISCHARGED, order=b.order_at()), hearing_on=LATER, occurred_at=noon(LATER)
    )
    delivered = told_of(*CASE, made(), REOPENED)
    delivered = told_of(*CASE, made(), REOPENED, gone, before=delivered)
    assert set(of_rule(delivered, "order_ground_fell").values()) == {("closed", Reason.ORDER_DISCHARGED)}
    assert "order_discharged" in live(delivered)


def test_an_order_for_another_offence_keeps_its_ground() -> None:
    of_second = made(b.order(offences=(2,), protected_persons=(b.protected(),)))
    delivered = told_of(*CASE, of_second, REOPENED)
    assert set(of_rule(delivered, "order_imposed").values()) == {("live", None)}
    assert of_rule(delivered, "order_ground_fell") == {}


@pytest.mark.parametrize(
    ("refs", "suspect"), [(b.references(asn="2654DC0100000000002B"), 3), (b.references(urn="54DC0099926"), 2)]
)
def test_what_another_case_takes_back_leaves_the_order_alone(refs: Any, suspect: int) -> None:
    of_two = b.fact(b.incident(parties=(b.victim(), b.suspect(), b.suspect(3))))
    other = b.fact(b.charge(b.charged(parties=(1, suspect)), references=refs))
    another_s = heard(application("MC80524", "4584"), to_be_tried_again(), references=refs)
    delivered = told_of(of_two, *CASE[1:], made(), other, another_s)
    assert of_rule(delivered, "order_ground_fell") == {}
    assert set(of_rule(delivered, "order_imposed").values()) == {("live", None)}


def test_an_order_made_after_the_conviction_was_taken_back_stands() -> None:
    on = LATER + timedelta(days=1)
    again = b.order(protected_persons=(b.protected(),), made_on=on)
    delivered = told_of(*CASE, REOPENED, made(again, hearing_on=on, occurred_at=noon(on)))
    assert of_rule(delivered, "order_ground_fell") == {}
    assert set(of_rule(delivered, "order_imposed").values()) == {("live", None)}


def test_an_order_on_acquittal_falls_with_the_acquittal() -> None:
    acquitted = b.fact(b.hearing(b.offence(verdict=Verdict.ACQUITTED, sentenced_on=None)))
    on_acquittal = made(b.order("3260", legal_basis=LegalBasis.PHA97_S5A, protected_persons=(b.protected(),)))
    facts = (*CASE[:3], acquitted, on_acquittal, heard(b.offence(verdict=Verdict.CONVICTED)))
    assert set(of_rule(told_of(*facts), "order_ground_fell").values()) == {("live", None)}


def test_an_order_known_by_a_confirmation_alone_falls_with_its_conviction_too() -> None:
    facts = (CASE[0], b.fact(b.attribution(b.party_ref())), made(b.order()), REOPENED)
    assert set(of_rule(told_of(*facts), "order_ground_fell")) == TOLD_OF_A_FALL


def test_a_missed_order_ends_when_its_conviction_is_taken_back() -> None:
    delivered = told_of(*CASE, days=1)
    assert set(of_rule(delivered, "missed_order").values()) == {("live", None)}
    delivered = told_of(*CASE, REOPENED, before=delivered)
    assert set(of_rule(delivered, "missed_order").values()) == {("closed", Reason.OUTCOME_TAKEN_BACK)}


def test_an_order_whose_ground_fell_closes_no_prompt_about_another_conviction() -> None:
    second = b.references(urn="54DC0099926", asn="2654DC0100000000009A")
    other_case = (b.fact(b.charge(references=second)), b.fact(b.hearing(references=second)))
    with_order = made(b.order(protected_persons=(b.protected(),)))
    delivered = told_of(*CASE, with_order, *other_case, days=1)
    assert of_rule(delivered, "missed_order") == {}
    delivered = told_of(*CASE, with_order, *other_case, REOPENED, before=delivered)
    live_now = {key.subject for key, n in delivered.items() if key.rule == "missed_order" and n.state == "live"}
    assert live_now == {f"{b.VICTIM}/54DC0099926/2654DC0100000000009A/1/OF61102"}


def test_his_death_ends_what_is_open_about_him() -> None:
    lodged = b.fact(b.application(references=b.references(), lodged_at=noon(b.TODAY)))
    second = b.references(urn="54DC0099926", asn="2654DC0100000000009A")
    other_case = (b.fact(b.charge(references=second)), b.fact(b.hearing(references=second)))
    before = (*CASE, made(), lodged)
    died = heard(to_be_tried_again(final=True, results=(b.result("2065"),)))
    delivered = told_of(*before, days=1)
    assert live(delivered) >= {"order_imposed", "application_lodged"}
    delivered = told_of(*before, died, before=delivered)
    assert live(delivered) == set()
    assert {n.reason for n in delivered.values()} == {Reason.DEFENDANT_DIED}
    assert of_rule(told_of(*CASE[:3], *other_case, died), "missed_order") == {}


def test_a_person_cannot_say_that_an_order_stands_against_a_dead_man_and_no_school_hears_of_his_death() -> None:
    child = ProtectedPerson(role="child", record=b.record("child-1"), attribution=Attribution.CODED)
    order = made(b.order(protected_persons=(b.protected(), child)))
    died = heard(to_be_tried_again(final=True, results=(b.result("2065"),)))
    delivered = told_of(*CASE, order, days=1)
    assert set(of_rule(delivered, "order_concerning_child").values()) == {("live", None)}
    delivered = told_of(*CASE, order, died, before=delivered)
    assert live(delivered) == set()
    assert set(of_rule(delivered, "order_concerning_child").values()) == {("closed", Reason.ORDER_HAS_ENDED)}
    assert live(told_of(*CASE, made(), died, STILL_STANDS)) == set()
    earlier = heard(to_be_tried_again(final=True, results=(b.result("2065"),)), on=LATER - timedelta(days=1))
    delivered = told_of(*CASE, made(), REOPENED)
    delivered = told_of(*CASE, made(), REOPENED, earlier, STILL_STANDS, before=delivered)
    assert set(of_rule(delivered, "order_ground_fell").values()) == {("closed", Reason.DEFENDANT_DIED)}


def of_message(name: str) -> tuple[Fact, ...]:
    """What a court's message says, as the adapter reads it."""
    path = Path(__file__).parents[3] / "schemas" / "examples" / "spi" / f"{name}.xml"
    said = read(path.read_bytes(), noon(LATER))
    assert said.refusals == ()
    return tuple(b.fact(body, version=envelope.factversion, at=envelope.time) for envelope, body in said.facts)


def test_a_court_s_own_message_that_reopens_the_case_is_heard_by_those_told_of_the_order() -> None:
    order, reopened = of_message("order-in-one-case"), of_message("conviction-reopened")
    place = next(body.place_of(one) for body in bodies(order) for one in body.orders)
    known = (b.fact(b.incident()), b.fact(b.attribution(b.party_ref(), order=place)))
    delivered = told_of(*known, *order, days=1)
    assert "order_imposed" in live(delivered)
    delivered = told_of(*known, *order, *reopened, before=delivered)
    assert set(of_rule(delivered, "order_imposed").values()) == {("closed", Reason.ORDER_MAY_NOT_STAND)}
    assert set(of_rule(delivered, "order_ground_fell").values()) == {("live", None)}


def bodies(facts: tuple[Fact, ...]) -> tuple[OrdersResulted, ...]:
    return tuple(fact.body for fact in facts if isinstance(fact.body, OrdersResulted))


def test_a_case_that_is_reopened_and_decided_at_once_leaves_the_other_offence_as_it_was() -> None:
    of_two = b.fact(b.hearing(b.offence(1), b.offence(2)))
    case = (*CASE[:2], b.fact(b.charge(b.charged(1), b.charged(2))), of_two)
    decided = heard(application("MC80524", "4584"), b.offence(1, verdict=Verdict.ACQUITTED, sentenced_on=None))
    delivered = told_of(*case, decided, before=told_of(*case, days=1))
    missed = {key.subject: notification.state for key, notification in delivered.items() if key.rule == "missed_order"}
    assert sorted(missed.values()) == ["closed", "live"]
    assert next(state for subject, state in missed.items() if "/2/" in subject) == "live"
    of_second = made(b.order(offences=(2,), protected_persons=(b.protected(),)))
    assert of_rule(told_of(*case, of_second, decided), "order_ground_fell") == {}


@pytest.mark.parametrize("counts", [(0, 1), (1, 0)])
def test_two_counts_of_one_number_and_code_take_nothing_back_from_each_other(counts: tuple[int, int]) -> None:
    both = (b.offence(), b.offence(verdict=Verdict.ACQUITTED, sentenced_on=None))
    of_two = tuple(both[count] for count in counts)
    delivered = told_of(*CASE[:3], b.fact(b.hearing(*of_two)), made(), heard(*of_two))
    assert of_rule(delivered, "order_ground_fell") == {}
    assert set(of_rule(delivered, "order_imposed").values()) == {("live", None)}


def test_a_verdict_is_of_the_same_offence_however_its_code_is_written() -> None:
    order = made(b.order(legal_basis=LegalBasis.UNKNOWN, protected_persons=(b.protected(),)))
    acquitted = heard(b.offence(code="of61102", verdict=Verdict.ACQUITTED))
    assert set(of_rule(told_of(*CASE, order, acquitted), "order_ground_fell").values()) == {("live", None)}
