"""Time as law and agencies count it: working days, days beginning with and after, sittings; pure, in London's time.

Every moment taken is aware, and every moment given is in UTC: two of London's own times cannot be compared, or taken
from each other, in the hour that comes twice. Elapsed hours are added to the instant, so that they are right over a
change to or from summer time; days are counted by London's calendar and end by London's clock.
"""

import calendar
from collections.abc import Callable, Container, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
LAST_SECOND = time(23, 59, 59)
ONE_DAY = timedelta(days=1)
DAYS_REMEMBERED = 20_000  # the same moments are asked about at every evaluation of a file


@lru_cache(DAYS_REMEMBERED)
def london_day(moment: datetime) -> date:
    """The day that it is in London at this moment."""
    return moment.astimezone(LONDON).date()


@lru_cache(DAYS_REMEMBERED)
def london(day: date, clock: time) -> datetime:
    """The moment at which London's clocks show this; of an hour that comes twice the first, and of one that is left out
    the moment at which it would have been."""
    return datetime.combine(day, clock, LONDON).astimezone(UTC)


def elapsed(start: datetime, length: timedelta) -> datetime:
    """So much later by any clock that is not put forward or back."""
    return start.astimezone(UTC) + length


def end_of_day(day: date) -> datetime:
    """The last second of a day in London."""
    return london(day, LAST_SECOND)


def days_beginning_with(start: datetime, n: int) -> datetime:
    """The end of the last of n days of which the day of `start` is the first (Sentencing Code s.385: 56 days beginning
    with 2 March end on 26 April)."""
    return end_of_day(london_day(start) + timedelta(days=n - 1))


def days_after(start: datetime, n: int) -> datetime:
    """The end of the n-th day after the day of `start`, which does not count."""
    return end_of_day(london_day(start) + timedelta(days=n))


def is_working(day: date, holidays: Container[date]) -> bool:
    """Monday to Friday, bank holidays excepted."""
    return day.weekday() < calendar.SATURDAY and day not in holidays


def working_days(start: datetime, n: int, holidays: Container[date], closes: time) -> datetime:
    """The close of the n-th working day after the day of `start`, which does not count, whatever day it is."""
    return london(_step(london_day(start), n, ONE_DAY, lambda day: is_working(day, holidays)), closes)


def working_share(
    start: datetime, end: datetime, share: float, holidays: Container[date], opens: time, closes: time
) -> datetime:
    """The moment at which a share of the working time between two moments has passed, always within working hours.

    An end outside them is put off by as much working time as there was time at all: who is told on a Saturday to answer
    within an hour has an hour from Monday's opening.
    """
    at, end = _in_working_hours(start, holidays, opens, closes), end.astimezone(UTC)
    if _in_working_hours(end, holidays, opens, closes) != end:
        end = _working_time_later(at, end - start, holidays, opens, closes)
    if share >= 1:
        return end
    left = sum((till - since for since, till in _working_stretches(at, end, holidays, opens, closes)), timedelta(0))
    return _working_time_later(at, left * share, holidays, opens, closes) if left else end


def _working_time_later(
    at: datetime, length: timedelta, holidays: Container[date], opens: time, closes: time
) -> datetime:
    """The moment by which so much working time has passed since a moment within working hours."""
    for since, till in _working_stretches(at, datetime.max.replace(tzinfo=UTC), holidays, opens, closes):
        if length <= till - since:
            return since + length
        length -= till - since
    raise ValueError("there is no working day left")


def _in_working_hours(moment: datetime, holidays: Container[date], opens: time, closes: time) -> datetime:
    """This moment, or the next at which a working day opens."""
    last = datetime.max.replace(tzinfo=UTC)
    return next(since for since, _ in _working_stretches(moment, last, holidays, opens, closes))


def _working_stretches(
    start: datetime, end: datetime, holidays: Container[date], opens: time, closes: time
) -> Iterator[tuple[datetime, datetime]]:
    """The working hours between two moments, day by day."""
    start = start.astimezone(UTC)
    for day in days_from(london_day(start)):
        if is_working(day, holidays):
            since, till = max(start, london(day, opens)), min(end, london(day, closes))
            if since >= end:
                return
            if since <= till:
                yield since, till


def working_days_before(end: datetime, n: int, holidays: Container[date]) -> datetime:
    """The same time of day on the n-th working day before the day of `end`, which does not count."""
    local = end.astimezone(LONDON)
    return london(_step(local.date(), n, -ONE_DAY, lambda day: is_working(day, holidays)), local.time())


def days_before(end: datetime, n: int) -> datetime:
    """The same time of day, n days before."""
    local = end.astimezone(LONDON)
    return london(local.date() - timedelta(days=n), local.time())


@lru_cache(DAYS_REMEMBERED)
def months_end(start: date, months: int, counts: str) -> date:
    """The last day of so many months, `beginning_with` the day of start or `after` it; a month that is too short for
    the corresponding day ends on its last one (12 months after 29 February 2024: 28 February 2025)."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    length = calendar.monthrange(year, month + 1)[1]
    if counts == "after":
        return date(year, month + 1, min(start.day, length))
    first = date(year, month + 1, 1)
    return min(first + timedelta(days=start.day - 2), date(year, month + 1, length))


def last_sitting_before(end: datetime, sits: Callable[[date], bool], sits_from: time) -> date:
    """The last day on which a court opens at `sits_from` before this moment. Raises ValueError for one that sits on no
    day of a year."""
    day = london_day(end)
    for _ in range(366):
        if sits(day) and london(day, sits_from) < end:
            return day
        day -= ONE_DAY
    raise ValueError("this court never sits")


def days_from(start: date) -> Iterator[date]:
    """This day and every one after it."""
    while True:
        yield start
        start += ONE_DAY


def _step(day: date, n: int, stride: timedelta, counts: Callable[[date], bool]) -> date:
    while n:
        day += stride
        n -= counts(day)
    return day
