"""The length of an order in words: an end is stated where the text has one reading, and otherwise none is."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.order_length import ENDLESS, LONGEST_READ, UNSTATED, Length, lengths, period_end

MADE = date(2026, 6, 1)
TERMS = "Restraining order made for the defendant in the following terms: Not to contact Tamsin Madeup."


def until(year: int, month: int, day: int) -> Length:
    return Length(date(year, month, day))


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("This order lasts until further order.", ENDLESS),
        ("Not to contact Tamsin Madeup until further order of the court.", ENDLESS),
        ("Restraining order made indefinitely.", ENDLESS),
        ("Restraining order for life.", ENDLESS),
        ("This order lasts until 1 March 2028.", until(2028, 3, 1)),
        ("THIS ORDER LASTS UNTIL 1 MARCH 2028.", until(2028, 3, 1)),
        ("Order made until 23:59 on 1st March 2028.", until(2028, 3, 1)),
        ("Restraining order until 4 p.m. on 1 March 2028.", until(2028, 3, 1)),
        ("Order expires on 31.12.2027.", until(2027, 12, 31)),
        ("Order extended until 1 March 2028.", until(2028, 3, 1)),
        ("Restraining order extended to 1 March 2028.", until(2028, 3, 1)),
        ("Restraining order from 1 June 2026 to 31 May 2028.", until(2028, 5, 31)),
        ("Restraining order for 2 years (expires 31 May 2028).", until(2028, 5, 31)),
        ("Restraining order for 2 years until 1 June 2028.", until(2028, 6, 1)),
        ("Restraining order until the 12th day of June 2030.", until(2030, 6, 12)),
        ("Restraining order until 12/06/2030 inclusive, at 23:59 hours.", until(2030, 6, 12)),
        ("Restraining order is made for 2 years against the defendant.", until(2028, 5, 31)),
        ("Restraining order with a duration of 2 years.", until(2028, 5, 31)),
        ("Restraining order for the remainder of his life.", ENDLESS),
        ("Restraining order until May 1st, 2027", until(2027, 5, 1)),
        ("Until 3 March 2027.", until(2027, 3, 3)),
        ("For 2 years.", until(2028, 5, 31)),
        ("Duration: two years", until(2028, 5, 31)),
        ("A 2 year restraining order not to contact Tamsin Madeup.", until(2028, 5, 31)),
        ("Restraining order - 18 months", until(2027, 11, 30)),
        ("Restraining order for twenty-four months.", until(2028, 5, 31)),
        ("Restraining order for two (2) years.", until(2028, 5, 31)),
        ("Restraining order for 2 years and 6 months.", until(2028, 11, 30)),
        ("Restraining order for 2 years from today.", until(2028, 5, 31)),
        ("Restraining order for 2 years commencing on 1 June 2026.", until(2028, 5, 31)),
        ("Restraining order for 2 years, unless sooner varied or discharged by the court.", until(2028, 5, 31)),
        ("Restraining order under section 360 of the Sentencing Act 2020 for 5 years.", until(2031, 5, 31)),
        ("Community order for 12 months. Restraining order for 2 years.", until(2028, 5, 31)),
        (f"{TERMS} This order lasts for 2 years. This order is made on conviction.", until(2028, 5, 31)),
        ("Not to enter the house for 3 months. This order lasts until 1 March 2028.", until(2028, 3, 1)),
    ],
)
def test_a_length_with_one_reading_is_stated(text: str, length: Length) -> None:
    found = lengths(text, MADE)
    assert (found.settled, found.left_open) == (length, False)


@pytest.mark.parametrize(
    "text",
    [
        "Restraining order extended for a further period of 2 years.",
        "Restraining order extended by 6 months.",
        "Restraining order varied to expire on 1 June 2028 instead of 1 June 2027.",
        "Restraining order for 12 months from 14/09/2026.",
        "Restraining order for 18 months from release.",
        "Restraining order for 18 months. To run from his release.",
        "Restraining order for 2 years to run consecutively.",
        "Restraining order made on 02/03/2026 for 2 years.",
        "12 months or until further order",
        "Restraining order until 1 March 2028 or further order.",
        "Restraining order until 1 March 2028 or 1 March 2029.",
        "Restraining order until 1 March 2028. This order lasts until 1 April 2028.",
        "Restraining order for 2 years (expires 31 May 2029).",
        "Restraining order for up to 2 years.",
        "Restraining order for at least 2 years.",
        "Restraining order for 2-3 years.",
        "Restraining order for 1.5 years.",
        "Restraining order for two and a half years.",
        "Restraining order for a year and a half.",
        "Restraining order for half a year.",
        "Restraining order for two (3) years.",
        "Restraining order for 2 years less 10 days.",
        "Restraining order for 2 years unless she consents.",
        "This order lasts until the child is 18.",
        "Until the child is 18.",
        "Restraining order until the trial or 1 March 2028.",
        "Restraining order until 12 months after his release.",
        "Restraining order until 1 March.",
        "Restraining order until March 2028.",
        "Restraining order until 01/03/28.",
        "Restraining order until 31 February 2028.",
        "The order is suspended until 1 March 2028.",
        "This order does not expire until 1 March 2028.",
        "Restraining order for some months.",
        "Not to contact Tamsin Madeup for 2 years or until further order.",
    ],
)
def test_a_length_with_more_than_one_reading_is_not_stated_and_said_to_be_open(text: str) -> None:
    found = lengths(text, MADE)
    assert found.settled == UNSTATED
    assert found.left_open or found.stated


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Not to contact Tamsin Madeup.",
        "Restraining order made on 02/03/2026 varied.",
        "This order replaces the order which ends on 30/06/2026.",
        "Imprisonment for 12 months.",
        "Not to contact Tamsin Madeup between 10:00 and 16:00.",
    ],
)
def test_a_time_that_is_not_the_orders_is_no_length_of_it(text: str) -> None:
    found = lengths(text, MADE)
    assert (found.stated, found.left_open) == (frozenset(), False)


def test_a_text_that_is_too_long_to_read_whole_settles_nothing() -> None:
    text = "This order lasts for 2 years." + " Not to go there." * (LONGEST_READ // 10)
    assert lengths(text, MADE).settled == UNSTATED


CLEAR = st.one_of(
    st.dates(date(2026, 6, 2), date(2040, 1, 1)).map(lambda end: (f"until {end.day} {end:%B} {end.year}", Length(end))),
    st.integers(1, 20).map(lambda years: (f"for {years} years", Length(period_end(MADE, years, "Y")))),
    st.just(("until further order", ENDLESS)),
)
DOUBTS = (
    *("from his release", "or 1 March 2041", "or until the trial", "if she agrees"),
    *("after the appeal", "unless she consents", "minus time on bail", "and a half"),
)


@given(CLEAR, st.sampled_from(DOUBTS), st.sampled_from((TERMS, "Community order.", "")))
def test_a_stated_end_is_the_only_reading_of_its_text(clear: tuple[str, Length], doubt: str, before: str) -> None:
    words, length = clear
    assert lengths(f"{before} This order lasts {words}. Not to go to Nowhere Lane.", MADE).settled == length
    assert lengths(f"{before} This order lasts {words} {doubt}. Not to go to Nowhere Lane.", MADE).settled == UNSTATED


@given(st.integers(1, 20), st.dates(date(2026, 6, 2), date(2040, 1, 1)))
def test_no_period_is_counted_from_the_hearing_that_begins_on_another_day(years: int, begins: date) -> None:
    assert lengths(f"This order lasts for {years} years from {begins:%d/%m/%Y}.", MADE).settled == UNSTATED


@given(CLEAR, CLEAR)
def test_of_two_lengths_neither_is_stated_unless_they_agree(one: tuple[str, Length], other: tuple[str, Length]) -> None:
    settled = lengths(f"This order lasts {one[0]}. Restraining order {other[0]}.", MADE).settled
    assert settled in {UNSTATED, one[1], other[1]}
    if one[1] != other[1] and ENDLESS in (one[1], other[1]):
        assert settled == UNSTATED


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    lengths(text, MADE)


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
