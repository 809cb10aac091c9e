"""Conditions of bail that a court cancels are told at once, linked or not: they may be all that protects her."""

from datetime import timedelta

import pytest

from schemas.court_convictions.v1 import Remand, Result
from services.casefile.duties import Duty
from services.casefile.facts import CaseFile
from services.casefile.links import files_of
from services.casefile.reasons import Reason
from services.convictions.bail import bail_conditions_cancelled
from services.convictions.rules import unlinked_result
from tests import builders as b
from tests.unit.incidents import seen

CANCELLED = [b.result("4596"), b.result("4506", qualifiers=("LI",))]
BY = pytest.mark.parametrize("result", CANCELLED, ids=["a result of its own", "a qualifier"])
HOME = f"home:urn:{b.URN}"


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


@BY
def test_linked_to_nobody_it_is_told_at_once_though_nothing_marks_the_case(result: Result) -> None:
    home = files_of([b.fact(hearing(result))])[HOME]  # type: ignore[arg-type]
    duties = seen.owed(unlinked_result, home)
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
