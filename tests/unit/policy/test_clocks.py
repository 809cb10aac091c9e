"""Clocks count as law and agencies do: over holidays, summer time, month ends and year ends."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.platform.policy import clocks
from services.platform.policy.calendars import BankHolidays
from services.platform.policy.clocks import LONDON, london

HOLIDAYS = BankHolidays()
FIVE = time(17)
ONE_DAY = timedelta(days=1)

# Every hour of summer time's two changes is among these, and so is every turn of a year.
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2099, 12, 1), timezones=st.just(UTC)) | st.builds(  # noqa: DTZ001
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from(
        [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
    ),
    st.integers(-3000, 3000),
)
NUMBERS = st.integers(1, 120)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def test_a_crown_court_sentence_of_2_march_can_be_altered_until_the_end_of_26_april() -> None:
    assert clocks.days_beginning_with(at("2026-03-02T15:00"), 56) == at("2026-04-26T23:59:59")


def test_days_after_leave_the_first_day_out() -> None:
    assert clocks.days_after(at("2026-03-02T15:00"), 14) == at("2026-03-16T23:59:59")


@given(MOMENTS, NUMBERS)
def test_days_beginning_with_end_one_day_before_days_after(start: datetime, n: int) -> None:
    last, after = clocks.days_beginning_with(start, n), clocks.days_after(start, n)
    assert clocks.london_day(after) - clocks.london_day(last) == ONE_DAY
    assert clocks.london_day(last) == clocks.london_day(start) + (n - 1) * ONE_DAY
    assert last.astimezone(LONDON).time() == after.astimezone(LONDON).time() == time(23, 59, 59)


@given(MOMENTS)
def test_a_day_beginning_with_today_ends_today_and_never_in_the_past(start: datetime) -> None:
    assert clocks.days_beginning_with(start, 1) >= start.replace(microsecond=0)


@pytest.mark.parametrize(
    ("start", "n", "due"),
    [
        ("2026-03-02T09:00", 1, "2026-03-03T17:00"),
        ("2026-03-06T23:00", 1, "2026-03-09T17:00"),  # from Friday night to Monday
        ("2026-03-07T09:00", 1, "2026-03-09T17:00"),  # from Saturday to Monday
        ("2026-04-02T09:00", 1, "2026-04-07T17:00"),  # Good Friday and Easter Monday are left out
        ("2026-12-24T09:00", 2, "2026-12-30T17:00"),  # Boxing Day falls on a Saturday: Monday is the holiday
        ("2027-12-31T09:00", 1, "2028-01-04T17:00"),  # New Year's Day falls on a Saturday
        ("2026-03-27T09:00", 1, "2026-03-30T17:00"),  # summer time begins on that Sunday
    ],
)
def test_working_days_leave_out_weekends_and_bank_holidays(start: str, n: int, due: str) -> None:
    assert clocks.working_days(at(start), n, HOLIDAYS, FIVE) == at(due)


@given(MOMENTS, st.integers(1, 40))
def test_exactly_so_many_working_days_lie_after_the_first_day(start: datetime, n: int) -> None:
    first, last = clocks.london_day(start), clocks.london_day(clocks.working_days(start, n, HOLIDAYS, FIVE))
    between = [first + i * ONE_DAY for i in range(1, (last - first).days + 1)]
    assert sum(clocks.is_working(day, HOLIDAYS) for day in between) == n
    assert clocks.is_working(last, HOLIDAYS)


@given(MOMENTS, st.integers(1, 40))
def test_working_days_close_at_the_same_hour_in_summer_and_winter(start: datetime, n: int) -> None:
    assert clocks.working_days(start, n, HOLIDAYS, FIVE).astimezone(LONDON).time() == FIVE


@given(MOMENTS, NUMBERS)
def test_a_later_start_is_never_due_earlier(start: datetime, minutes: int) -> None:
    later = start + timedelta(minutes=minutes)
    assert clocks.working_days(start, 2, HOLIDAYS, FIVE) <= clocks.working_days(later, 2, HOLIDAYS, FIVE)
    assert clocks.days_after(start, 14) <= clocks.days_after(later, 14)
    assert clocks.elapsed(start, timedelta(hours=1)) < clocks.elapsed(later, timedelta(hours=1))


@given(MOMENTS, st.integers(1, 500))
@example(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), 1)
@example(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), 1)
def test_hours_are_elapsed_hours_whatever_clocks_on_walls_do(start: datetime, n: int) -> None:
    assert clocks.elapsed(start, timedelta(hours=n)).astimezone(UTC) - start == timedelta(hours=n)


@given(MOMENTS, st.integers(1, 40))
def test_counting_back_and_forth_meets_on_the_same_working_day(end: datetime, n: int) -> None:
    back = clocks.working_days_before(end, n, HOLIDAYS)
    assert clocks.is_working(clocks.london_day(back), HOLIDAYS)
    forth = clocks.london_day(clocks.working_days(back, n, HOLIDAYS, FIVE))
    assert forth >= clocks.london_day(end)
    if clocks.is_working(clocks.london_day(end), HOLIDAYS):
        assert forth == clocks.london_day(end)


@given(st.dates(date(1990, 1, 1), date(2099, 1, 1)))
def test_the_last_second_of_a_day_is_followed_by_the_next_day(day: date) -> None:
    last = clocks.end_of_day(day)
    assert clocks.london_day(last) == day
    assert clocks.london_day(clocks.elapsed(last, timedelta(seconds=1))) == day + ONE_DAY


@given(st.dates(date(1990, 1, 1), date(2099, 1, 1)), st.times())
def test_a_time_of_day_is_shown_by_londons_clocks_or_left_out_by_them(day: date, clock: time) -> None:
    shown = london(day, clock).astimezone(LONDON)
    assert (shown.date(), shown.time()) == (day, clock) or shown - timedelta(hours=1) < london(
        day, time(1, 0)
    ) + ONE_DAY


@pytest.mark.parametrize(
    ("start", "months", "counts", "last"),
    [
        ("2025-03-10", 12, "beginning_with", "2026-03-09"),
        ("2025-03-10", 12, "after", "2026-03-10"),
        ("2024-02-29", 12, "beginning_with", "2025-02-28"),
        ("2024-02-29", 12, "after", "2025-02-28"),
        ("2025-02-28", 36, "after", "2028-02-28"),
        ("2025-08-31", 6, "after", "2026-02-28"),
        ("2025-08-31", 6, "beginning_with", "2026-02-28"),
        ("2025-12-01", 1, "beginning_with", "2025-12-31"),
        ("2025-12-31", 1, "after", "2026-01-31"),
    ],
)
def test_months_end_on_the_corresponding_day(start: str, months: int, counts: str, last: str) -> None:
    assert clocks.months_end(date.fromisoformat(start), months, counts) == date.fromisoformat(last)


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(1, 48))
def test_months_that_count_their_first_day_end_no_later(start: date, months: int) -> None:
    including = clocks.months_end(start, months, "beginning_with")
    excluding = clocks.months_end(start, months, "after")
    assert start < including <= excluding
    assert excluding - including <= ONE_DAY


@given(MOMENTS)
def test_the_last_sitting_is_before_its_end_and_no_later_one_is(end: datetime) -> None:
    def sits(day: date) -> bool:
        return day.weekday() < 6 and day not in HOLIDAYS

    last = clocks.last_sitting_before(end, sits, time(10))
    assert sits(last)
    assert london(last, time(10)) < end
    days = [last + i * ONE_DAY for i in range(1, (clocks.london_day(end) - last).days + 1)]
    assert not [day for day in days if sits(day) and london(day, time(10)) < end]


OPENS = time(9)
SHARES = st.floats(0.01, 1)


def share(start: datetime, end: datetime, part: float) -> datetime:
    return clocks.working_share(start, end, part, HOLIDAYS, OPENS, FIVE)


@pytest.mark.parametrize(
    ("start", "end", "part", "passed"),
    [
        ("2026-03-02T22:00", "2026-03-03T17:00", 0.5, "2026-03-03T13:00"),  # told at night: the day counts
        ("2026-03-06T15:00", "2026-03-09T17:00", 0.2, "2026-03-06T17:00"),  # two hours of Friday, eight of Monday
        ("2026-03-06T15:00", "2026-03-09T17:00", 0.5, "2026-03-09T12:00"),
        ("2026-03-07T10:00", "2026-03-09T17:00", 0.25, "2026-03-09T11:00"),  # told on a Saturday
        ("2026-04-02T16:00", "2026-04-07T17:00", 0.5, "2026-04-07T12:30"),  # over Easter
        ("2026-03-27T13:00", "2026-03-30T17:00", 0.5, "2026-03-30T11:00"),  # over the beginning of summer time
        ("2026-10-23T13:00", "2026-10-26T17:00", 0.5, "2026-10-26T11:00"),  # over its end
        ("2026-03-06T20:00", "2026-03-09T09:00", 0.25, "2026-03-09T09:00"),  # no working time: all of it at the end
        ("2026-03-07T10:00", "2026-03-07T11:00", 0.5, "2026-03-09T09:30"),  # told late on a Saturday: Monday's hour
        ("2026-03-07T10:00", "2026-03-07T11:00", 1.0, "2026-03-09T10:00"),
    ],
)
def test_a_share_of_working_days_is_a_share_of_their_working_hours(
    start: str, end: str, part: float, passed: str
) -> None:
    assert share(at(start), at(end), part) == at(passed)


@given(MOMENTS, NUMBERS, SHARES)
@example(at("2026-12-24T16:59"), 1, 0.5)
@example(at("2026-10-24T23:00"), 1, 0.25)
def test_a_share_of_working_days_lies_within_working_hours_and_before_their_end(
    start: datetime, n: int, part: float
) -> None:
    end = clocks.working_days(start, n, HOLIDAYS, FIVE)
    passed = share(start, end, part)
    assert start <= passed <= end
    assert clocks.is_working(clocks.london_day(passed), HOLIDAYS)
    assert OPENS <= passed.astimezone(LONDON).time() <= FIVE
    assert share(start, end, 1.0) == end


@given(MOMENTS, st.integers(1, 20_000), SHARES, SHARES)
def test_a_larger_share_of_any_stretch_is_never_earlier_and_always_within_working_hours(
    start: datetime, minutes: int, one: float, other: float
) -> None:
    end = start + timedelta(minutes=minutes)
    earlier, later = share(start, end, min(one, other)), share(start, end, max(one, other))
    assert start <= earlier <= later
    for passed in (earlier, later):
        assert clocks.is_working(clocks.london_day(passed), HOLIDAYS)
        assert OPENS <= passed.astimezone(LONDON).time() <= FIVE


def test_a_court_that_never_sits_is_said_so() -> None:
    with pytest.raises(ValueError, match="never sits"):
        clocks.last_sitting_before(at("2026-03-02T15:00"), lambda _: False, time(10))
