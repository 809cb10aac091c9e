"""What the words of a result settle about an order, and what they leave to a person."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.court_convictions.v1 import Verdict
from schemas.court_order_variations.v1 import OrderAction
from services.intake import wording
from services.intake.wording import ENDLESS, Length, lengths, period_end

MADE = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("Restraining order discharged.", "discharged"),
        ("Discharged", "discharged"),
        ("Restraining order made on 02/03/2026 revoked.", "discharged"),
        ("Application to discharge the restraining order granted. Restraining order discharged.", "discharged"),
        ("Restraining order varied. Order now as follows: not to contact her save through a solicitor.", "varied"),
        ("Order extended until 1 March 2028.", "varied"),
        ("", "changed_not_stated"),
        ("Restraining order vary/discharge.", "changed_not_stated"),
        ("Restraining order varied or discharged.", "changed_not_stated"),
        ("Application to discharge the restraining order refused.", "changed_not_stated"),
        ("Application to have the order discharged.", "changed_not_stated"),
        ("Order to be discharged.", "changed_not_stated"),
        ("Order discharged with effect from 01/12/2026.", "changed_not_stated"),
        ("Order not discharged.", "changed_not_stated"),
        ("The order is not varied.", "changed_not_stated"),
        ("Prohibition 3 of the order discharged.", "changed_not_stated"),
        ("Order varied by the discharge of condition 2.", "changed_not_stated"),
        ("Restraining order discharged and replaced by a new order.", "changed_not_stated"),
        ("Defendant conditionally discharged; order remains.", "changed_not_stated"),
    ],
)
def test_a_change_is_settled_only_by_a_plain_statement(text: str, action: str) -> None:
    assert wording.change(text, extended=False) == OrderAction(action)


def test_a_qualifier_that_extends_and_a_text_that_discharges_settle_nothing() -> None:
    assert wording.change("Restraining order discharged.", extended=True) is OrderAction.CHANGED_NOT_STATED


@pytest.mark.parametrize(
    ("text", "stated", "worked_out"),
    [
        ("This order lasts until further order.", {ENDLESS}, set()),
        ("This order lasts until 1 March 2028.", {Length(date(2028, 3, 1))}, set()),
        ("Order made until 23:59 on 1st March 2028.", {Length(date(2028, 3, 1))}, set()),
        ("Order expires on 31.12.2027.", {Length(date(2027, 12, 31))}, set()),
        ("This order lasts for 2 years.", set(), {Length(date(2028, 3, 1))}),
        ("Restraining order for a period of 18 months.", set(), {Length(date(2027, 9, 1))}),
        ("This order was made on 02/03/2026.", set(), set()),
        ("This order lasts until 31 February 2028.", set(), set()),
    ],
)
def test_an_end_is_stated_or_follows_from_a_period(text: str, stated: set[Length], worked_out: set[Length]) -> None:
    assert [set(found) for found in lengths(text, MADE)] == [stated, worked_out]


@given(st.dates(date(1950, 1, 1), date(2100, 1, 1)), st.integers(1, 600), st.sampled_from("DWMY"))
def test_a_period_begins_with_its_first_day_and_ends_the_day_before_it_would_begin_again(
    start: date, number: int, unit: str
) -> None:
    end = period_end(start, number, unit)
    assert end is None or end >= start
    assert period_end(start, 1, "D") == start
    if end and unit in "DW":
        assert end - start == timedelta(days=number * (7 if unit == "W" else 1) - 1)


@given(st.dates(), st.integers(-(10**9), 10**9), st.text(max_size=2))
def test_no_period_raises(start: date, number: int, unit: str) -> None:
    period_end(start, number, unit)


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    wording.change(text, extended=False)
    wording.names_somebody(text)
    wording.verdict(text)
    lengths(text, MADE)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Not to contact Somebody directly or indirectly.", True),
        ("NOT TO CONTACT DIRECTLY OR INDIRECTLY TAMSIN MADEUP.", True),
        ("Not to contact, directly or indirectly, the complainant.", False),
        ("Not to go within 100 metres of her home.", False),
        ("", False),
    ],
)
def test_a_name_is_noticed_and_never_taken_for_a_person(text: str, names: bool) -> None:  # noqa: FBT001
    assert wording.names_somebody(text) is names


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Not guilty by reason of insanity.", Verdict.NGRI),
        ("The jury found that the defendant did the act charged.", Verdict.UNFIT_DID_ACT),
        ("Adjourned to determine whether the defendant did the act charged.", None),
        ("To lie on the file on the usual terms.", Verdict.LIES_ON_FILE),
        ("Notice of discontinuance served.", Verdict.DISCONTINUED),
        ("Conviction quashed.", Verdict.QUASHED),
        ("Fined 100.", None),
    ],
)
def test_endings_without_a_code_are_read_from_the_text(text: str, verdict: Verdict | None) -> None:
    assert wording.verdict(text) is verdict
