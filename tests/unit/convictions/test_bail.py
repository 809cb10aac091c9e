"""Conditions of bail that a court cancels, ends or varies are told at once: they may be all that protects her."""

from datetime import timedelta

import pytest

from schemas.codes.court_results import court_results
from schemas.court_convictions.v1 import BailCondition, HearingResulted, Remand, Result
from services.convictions.bail import bail_conditions_cancelled
from services.convictions.rules import RULES, unlinked_result
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.reasons import Reason
from services.platform.domain.linking.links import files_of
from tests.support import builders as b
from tests.unit.domain.small import World
from tests.unit.incidents import seen

CANCELLED = [b.result("4596"), b.result("4506", qualifiers=("LI",))]
BY = pytest.mark.parametrize("result", CANCELLED, ids=["a result of its own", "a qualifier"])
HOME = f"unlinked:urn:{b.URN}"


def hearing(result: Result) -> object:
    adjourned = b.offence(verdict=None, verdict_date=None, sentenced_on=None, final=False, results=(result,))
    return b.hearing(adjourned, remand=Remand.UNCONDITIONAL_BAIL)


def hers(*results: Result) -> CaseFile:
    return b.linked_file(*(b.fact(body) for body in (b.incident(), b.charge(), *map(hearing, results))))  # type: ignore[arg-type]


@BY
def test_those_who_protect_her_hear_within_the_hour(result: Result) -> None:
    duties = seen.owed(bail_conditions_cancelled, hers(result))
    assert set(duties) == {"cps-westmarch", "dait-54", "idva-larkmead", "wcu-54"}
    dait = duties["dait-54"]
    assert (dait.tell_by, dait.urgency) == (b.NOON + timedelta(hours=1), "urgent")
    assert seen.matter(dait)["bail_conditions"] == "cancelled"
    assert "find_out_what_still_protects_her" in dait.texts


def test_bail_that_a_hearing_leaves_as_it_was_is_not_told() -> None:
    assert seen.owed(bail_conditions_cancelled, hers(b.result("4506"))) == {}


def at_hearing(
    day: int, *results: Result, codes: tuple[str, ...] = (), remand: Remand = Remand.UNKNOWN
) -> HearingResulted:
    adjourned = b.offence(verdict=None, verdict_date=None, sentenced_on=None, final=False, results=results)
    conditions = tuple(BailCondition(code=code) for code in codes)
    on = b.TODAY + timedelta(days=day)
    return b.hearing(adjourned, hearing_on=on, bail_conditions=conditions, remand=remand)


def became(*hearings: HearingResulted) -> dict[str, str]:
    """What the CPS is told that each hearing did to the conditions, by the day of the hearing."""
    file = b.linked_file(*(b.fact(body) for body in (b.incident(), b.charge(), *hearings)))
    stated = seen.owed(bail_conditions_cancelled, file)
    by_hearing = [s for s in bail_conditions_cancelled(file, b.policy()) if isinstance(s, Duty)]
    assert {s.key.agency for s in by_hearing} == set(stated)
    delivered = [seen.matter(s) for s in by_hearing if s.key.agency == "cps-westmarch"]
    return {said["hearing"].rpartition("/")[2]: said["bail_conditions"] for said in delivered}


def on(day: int) -> str:
    return (b.TODAY + timedelta(days=day)).isoformat()


HELD = at_hearing(0, codes=("JK", "JQ"), remand=Remand.CONDITIONAL_BAIL)


@pytest.mark.parametrize("code", sorted(court_results().bail_conditions_varied))
def test_conditions_that_are_varied_are_told_whatever_stood_before(code: str) -> None:
    varied = at_hearing(7, b.result(code), codes=("JK", "JQ", "RB"), remand=Remand.CONDITIONAL_BAIL)
    assert became(varied) == {on(7): "varied"}
    assert became(HELD, varied) == {on(7): "varied"}


@pytest.mark.parametrize("code", sorted(court_results().unconditional_bail))
def test_bail_without_conditions_ends_them_unless_none_stood(code: str) -> None:
    free = at_hearing(7, b.result(code), remand=Remand.UNCONDITIONAL_BAIL)
    assert became(free) == became(HELD, free) == {on(7): "ended"}
    assert became(at_hearing(0, remand=Remand.UNCONDITIONAL_BAIL), free) == {}
    assert became(at_hearing(0, remand=Remand.CUSTODY), free) == {}
    assert became(HELD, at_hearing(7, b.result(code), remand=Remand.CUSTODY)) == {}


def test_the_remand_alone_says_that_conditions_ended_where_they_are_known_to_have_stood() -> None:
    free = at_hearing(7, remand=Remand.UNCONDITIONAL_BAIL)
    assert became(HELD, free) == {on(7): "ended"}
    assert became(HELD, at_hearing(3, remand=Remand.CONDITIONAL_BAIL), free) == {on(7): "ended"}
    assert became(free) == {}
    once = at_hearing(14, remand=Remand.UNCONDITIONAL_BAIL)
    assert became(HELD, free, once) == {on(7): "ended"}


def test_a_condition_that_is_not_listed_any_more_is_told_and_one_more_is_not() -> None:
    fewer = at_hearing(7, codes=("JQ",), remand=Remand.CONDITIONAL_BAIL)
    more = at_hearing(7, codes=("JK", "JQ", "RB"), remand=Remand.CONDITIONAL_BAIL)
    silent = at_hearing(3, remand=Remand.CONDITIONAL_BAIL)
    assert became(HELD, fewer) == became(HELD, silent, fewer) == {on(7): "varied"}
    assert became(HELD, more) == became(HELD, silent) == became(fewer) == {}


def in_words(day: int, *those: tuple[str, str | None]) -> HearingResulted:
    held = at_hearing(day, remand=Remand.CONDITIONAL_BAIL)
    conditions = tuple(BailCondition(code=code, text=text) for code, text in those)
    return held.model_copy(update={"bail_conditions": conditions})


NO_CONTACT = ("JK", "Not to contact Nell Invented")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([NO_CONTACT], [("JK", "Not to contact Nell Invented except about the children")]),
        ([("RA", "Not to enter Invented Road"), ("RA", "Not to drink")], [("RA", "Not to drink")]),
        ([("as-stated", "No contact with Nell. To live at home.")], [("as-stated", "To live at home.")]),
    ],
)
def test_a_condition_that_is_put_in_other_words_is_varied(
    before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    assert became(in_words(0, *before), in_words(7, *after)) == {on(7): "varied"}


@pytest.mark.parametrize(
    "after", [[("JK", "not to contact  NELL INVENTED.")], [("JK", None)], [NO_CONTACT, ("RA", "Not to drink")]]
)
def test_a_condition_in_the_same_words_or_by_its_code_alone_stands(after: list[tuple[str, str | None]]) -> None:
    assert became(in_words(0, NO_CONTACT), in_words(7, *after)) == {}
    assert became(in_words(0, ("JK", None)), in_words(7, *after)) == {}


def test_conditions_of_another_man_s_bail_are_not_compared() -> None:
    his = b.references(asn="2654DC0100000000002B")
    other = b.hearing(hearing_on=b.TODAY + timedelta(days=7), references=his, remand=Remand.UNCONDITIONAL_BAIL)
    assert became(HELD, other) == {}


def test_who_was_told_that_conditions_ended_hears_when_they_had_not_stood() -> None:
    """An earlier hearing that arrives late had put him in custody."""
    world = World(b.shipped(), RULES)
    free = b.fact(at_hearing(7, remand=Remand.UNCONDITIONAL_BAIL))
    world.evaluate(*(b.fact(body) for body in (b.incident(), b.charge(), HELD)), free, now=b.NOON)
    ended = {
        key: notification for key, notification in world.delivered.items() if key.rule == "bail_conditions_cancelled"
    }
    assert {notification.state for notification in ended.values()} == {"live"}
    world.evaluate(b.fact(at_hearing(3, remand=Remand.CUSTODY)), now=b.NOON + timedelta(hours=1))
    assert {(world.delivered[key].state, world.delivered[key].reason) for key in ended} == {
        ("closed", Reason.BAIL_NOT_LESSENED)
    }
    assert world.unexplained == set()


def unlinked(*hearings: HearingResulted) -> set[object]:
    unlinked_file = files_of([b.fact(body) for body in hearings])[HOME]
    stated = [
        s for s in unlinked_result(unlinked_file, b.policy()) if isinstance(s, Duty) and s.key.agency == "dait-54"
    ]
    return {(s.urgency, seen.matter(s)["event"]) for s in stated}


def test_linked_to_nobody_what_varied_or_ended_conditions_is_told_at_once_where_some_stood() -> None:
    varied = at_hearing(7, b.result("4574"), remand=Remand.CONDITIONAL_BAIL)
    assert unlinked(varied) == {("urgent", "bail_conditions_varied")}
    free = at_hearing(7, b.result("4542"), remand=Remand.UNCONDITIONAL_BAIL)
    assert unlinked(HELD, free) == {("urgent", "bail_conditions_ended")}
    assert unlinked(free) == set()  # bail in any case of theft
    marked = at_hearing(7, b.result("4542", qualifiers=("LG",)), remand=Remand.UNCONDITIONAL_BAIL)
    assert unlinked(marked) == {("urgent", "bail_conditions_ended")}


@BY
def test_linked_to_nobody_it_is_told_at_once_though_nothing_marks_the_case(result: Result) -> None:
    unlinked_file = files_of([b.fact(hearing(result))])[HOME]  # type: ignore[arg-type]
    duties = seen.owed(unlinked_result, unlinked_file)
    assert set(duties) == {"cps-westmarch", "dait-54"}
    assert seen.matter(duties["dait-54"])["event"] == "bail_conditions_cancelled"
    assert duties["dait-54"].urgency == "urgent"


def test_a_hearing_that_takes_an_order_s_ground_away_is_told_at_once_where_it_leads_to_nobody() -> None:
    later = b.TODAY + timedelta(days=9)
    reopened = b.offence(999, code="MC80524", verdict=None, verdict_date=None, results=(b.result("4584"),))
    facts = [b.fact(b.orders_resulted(b.order())), b.fact(b.hearing(reopened, hearing_on=later))]
    stated = [s for s in unlinked_result(files_of(facts)[HOME], b.policy()) if isinstance(s, Duty)]
    assert {(s.key.agency, seen.matter(s)["event"]) for s in stated} == {
        ("cps-westmarch", "order_ground_fell"),
        ("dait-54", "order_ground_fell"),
    }
    assert seen.reasons(unlinked_result, files_of(facts[1:])[HOME]) == {Reason.NOT_DOMESTIC_ABUSE}
