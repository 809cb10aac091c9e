"""The next session of a school: its own calendar, else its authority's, else the next weekday; never a bank holiday."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.platform.policy import clocks
from services.platform.policy.calendars import BankHolidays, Calendars
from services.platform.policy.clocks import LONDON
from services.platform.policy.model import DayTimes, SchoolCalendar

TIMES = DayTimes(
    session_begins=time(8, 30), school_morning=time(7, 30), working_day_opens=time(9), working_day_closes=time(17),
    longest_break_days=75,
    source="invented",
    bank_holidays_added=frozenset({date(2026, 6, 15)}),
)  # fmt: skip


def calendar(terms: list[tuple[str, str]], **over: object) -> SchoolCalendar:
    stretches = [{"first": first, "last": last} for first, last in terms]
    return SchoolCalendar.model_validate({"source": "invented", "terms": stretches, **over})


TO_SUMMER = [
    ("2026-01-05", "2026-02-13"),
    ("2026-02-23", "2026-03-27"),
    ("2026-04-13", "2026-05-22"),
    ("2026-06-01", "2026-07-22"),
]
AUTHORITY = calendar(
    [*TO_SUMMER, ("2026-09-02", "2026-10-23"), ("2026-11-02", "2026-12-18"), ("2027-01-04", "2027-02-12")],
    la_code="901",
)
ACADEMY = calendar(TO_SUMMER, school_urn="900001", inset={"2026-01-05", "2026-06-12"}, session_begins="08:45")
CALENDARS = Calendars(TIMES, {"900001": ACADEMY}, {"901": AUTHORITY})
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KNOWN = MOMENTS.filter(lambda moment: moment >= datetime(2026, 1, 5, tzinfo=UTC))  # since the first term written down


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("after", "school", "la", "session"),
    [
        ("2026-03-02T23:10", "900001", "901", "2026-03-03T08:45"),
        ("2026-03-03T08:44", "900001", "901", "2026-03-03T08:45"),
        ("2026-03-03T08:45", "900001", "901", "2026-03-04T08:45"),
        ("2026-03-06T20:00", "900001", "901", "2026-03-09T08:45"),  # over the weekend
        ("2026-01-05T07:00", "900001", "901", "2026-01-06T08:45"),  # the first day of term is an INSET day
        ("2026-02-14T07:00", "900002", "901", "2026-02-23T08:30"),  # a school without a calendar keeps its authority's
        ("2025-11-03T12:00", "900001", "901", "2025-11-04T08:30"),  # before the first term, nothing is known of schools
        ("2026-02-14T12:00", "900001", "901", "2026-02-23T08:45"),  # half-term
        ("2026-05-01T16:00", "900001", "901", "2026-05-05T08:45"),  # May Day
        ("2026-06-11T16:00", "900001", "901", "2026-06-16T08:45"),  # INSET day, weekend, a holiday that policy added
        ("2026-03-28T12:00", "900001", "901", "2026-04-13T08:45"),  # Easter, and summer time begins
        (
            "2026-07-22T12:00",
            "900001",
            "901",
            "2026-09-02T08:30",
        ),  # the school's calendar has run out, not its authority's
        ("2026-12-18T12:00", None, "901", "2027-01-04T08:30"),
        ("2026-04-02T12:00", None, None, "2026-04-07T08:30"),  # Easter, where nothing else is known
        ("2027-03-01T12:00", "900001", "901", "2027-03-02T08:30"),  # both have run out
    ],
)
def test_the_next_session(after: str, school: str | None, la: str | None, session: str) -> None:
    assert CALENDARS.next_session(at(after), school, la) == at(session)


@given(MOMENTS, st.sampled_from(["900001", "900002", None]), st.sampled_from(["901", "902", None]))
def test_a_session_is_later_and_on_a_working_day(after: datetime, school: str | None, la: str | None) -> None:
    session = CALENDARS.next_session(after, school, la)
    assert session > after
    assert session - after < timedelta(days=TIMES.longest_break_days + 1)
    assert clocks.is_working(session.date(), CALENDARS.bank_holidays)
    assert session.astimezone(LONDON).time() in {time(8, 30), time(8, 45)}


@given(KNOWN, st.sampled_from(["900001", "900002", None]), st.sampled_from(["901", None]))
def test_nothing_changes_until_the_session_has_begun(after: datetime, school: str | None, la: str | None) -> None:
    session = CALENDARS.next_session(after, school, la)
    just_before = session - timedelta(seconds=1)
    if just_before > after:
        assert CALENDARS.next_session(just_before, school, la) == session


@given(st.dates(date(2026, 1, 5), date(2026, 6, 30)))
def test_no_session_of_a_school_is_on_its_inset_days_or_out_of_term(day: date) -> None:
    session = CALENDARS.next_session(clocks.end_of_day(day), "900001", "901").date()
    assert session not in ACADEMY.inset
    assert any(term.first <= session <= term.last for term in ACADEMY.terms)


def test_bank_holidays_are_those_of_england_and_wales() -> None:
    known = BankHolidays(frozenset({date(2030, 6, 3)}))
    for day in ("2026-04-03", "2026-04-06", "2026-12-28", "2022-09-19", "2030-06-03"):
        assert date.fromisoformat(day) in known
    for day in ("2026-03-17", "2026-11-30", "2026-01-02", "2026-12-29"):  # Ireland's, Scotland's, nobody's
        assert date.fromisoformat(day) not in known
