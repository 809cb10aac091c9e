"""Moments as people write them: "Monday 2 March 2026 at 12:00", "the end of Friday 6 March 2026", "3 hours later"."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
DAY = rf"(?:(?P<weekday>{'|'.join(WEEKDAYS)}) )?(?P<day>\d{{1,2}}) (?P<month>{'|'.join(MONTHS)}) (?P<year>\d{{4}})"
ONE_DAY = re.compile(DAY)
MOMENT = re.compile(rf"(?P<end>the end of )?{DAY}(?: at (?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?)?")
LATER = re.compile(r"(?P<n>\d+) (?P<unit>minute|hour|day|week)s? later")
END = time(23, 59, 59)


def day(written: str) -> date:
    """ "Monday 2 March 2026", or without the weekday; a weekday that is not that day's is refused."""
    if (found := ONE_DAY.fullmatch(written)) is None:
        raise ValueError(f'"{written}" is no day: write it as "Monday 2 March 2026"')
    return _day(found)


def moment(written: str, after: datetime | None = None) -> datetime:
    """A moment in London, given in UTC; `after`: what "3 hours later" is later than."""
    if (later := LATER.fullmatch(written)) is not None:
        if after is None:
            raise ValueError(f'"{written}" is later than nothing: the first moment is written in full')
        n, unit = int(later["n"]), later["unit"]
        if unit in {"minute", "hour"}:
            return after + timedelta(**{f"{unit}s": n})
        local = after.astimezone(LONDON).replace(tzinfo=None) + timedelta(**{f"{unit}s": n})
        return local.replace(tzinfo=LONDON).astimezone(UTC)
    found = MOMENT.fullmatch(written)
    if found is None or (found["hour"] is None) is not bool(found["end"]):
        raise ValueError(
            f'"{written}" is no moment: write it as "Monday 2 March 2026 at 12:00", "the end of Monday 2 March 2026" '
            'or "3 hours later"'
        )
    clock = END if found["end"] else time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0))
    return datetime.combine(_day(found), clock, LONDON).astimezone(UTC)


def in_words(at: datetime) -> str:
    """The same moment as people write it."""
    local = at.astimezone(LONDON)
    on = f"{WEEKDAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]} {local.year}"
    if local.time() == END:
        return f"the end of {on}"
    return f"{on} at {local:%H:%M}" + (f":{local:%S}" if local.second else "")


def _day(found: re.Match[str]) -> date:
    on = date(int(found["year"]), MONTHS.index(found["month"]) + 1, int(found["day"]))
    if found["weekday"] and WEEKDAYS[on.weekday()] != found["weekday"]:
        raise ValueError(f"{on.day} {MONTHS[on.month - 1]} {on.year} is a {WEEKDAYS[on.weekday()]}")
    return on
