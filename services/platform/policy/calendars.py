"""When the country, a court or a school is closed: bank holidays of England and Wales, terms and INSET days."""

from bisect import bisect_right
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise, takewhile

import holidays

from schemas.values import NURSERY
from services.platform.policy import clocks
from services.platform.policy.model import DayTimes, SchoolCalendar, Term


@dataclass(frozen=True)
class BankHolidays:
    """Bank holidays of England and Wales, Good Friday and Christmas Day included, and those that policy adds.

    Years for which none are known (from 2101) have those only that policy adds.
    """

    added: frozenset[date] = frozenset()

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and (day in self.added or day in self._known(day.year))

    @cached_property
    def _years(self) -> dict[int, frozenset[date]]:
        return {}

    def _known(self, year: int) -> frozenset[date]:
        if year not in self._years:
            self._years[year] = frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year, expand=False))
        return self._years[year]


@dataclass(frozen=True)
class Calendars:
    """What is open when, for every establishment and authority that policy knows."""

    times: DayTimes
    schools: Mapping[str, SchoolCalendar] = field(default_factory=dict)
    authorities: Mapping[str, SchoolCalendar] = field(default_factory=dict)

    @cached_property
    def bank_holidays(self) -> Container[date]:
        return BankHolidays(self.times.bank_holidays_added)

    def next_session(self, after: datetime, school_urn: str | None = None, la_code: str | None = None) -> datetime:
        """When the next session begins, strictly after this moment: by the calendar of the establishment, else of its
        local authority, else on the next weekday that is no bank holiday. A calendar that has run out is left out."""
        for known in self._calendars(school_urn, la_code):
            if (session := self._session(known, after)) is not None:
                return session
        opens = self.times.session_begins
        return next(
            moment
            for day in clocks.days_from(clocks.london_day(after))
            if clocks.is_working(day, self.bank_holidays) and (moment := clocks.london(day, opens)) > after
        )

    def closed_until(self, at: datetime, school_urn: str | None = None, la_code: str | None = None) -> datetime | None:
        """Of a school that has no session left in its term at this moment, or none that is on: the morning of the first
        working day of its next term. None in term, and where no calendar knows: nobody is thought to be away."""
        for known in self._calendars(school_urn, la_code):
            if (session := self._session(known, at)) is not None:
                term = next(term for term in known.terms if term.first <= clocks.london_day(session) <= term.last)
                if term.first <= clocks.london_day(at):
                    return None
                working = (day for day in clocks.days_from(term.first) if clocks.is_working(day, self.bank_holidays))
                return clocks.london(next(working), self.times.school_morning)
        return None

    def _calendars(self, school_urn: str | None, la_code: str | None) -> Iterator[SchoolCalendar]:
        """That of the establishment, then that of its authority; a nursery does not close when its schools do."""
        own, authority = self.schools.get(school_urn or ""), self.authorities.get(la_code or "")
        if own is not None:
            yield own
        if authority is not None and not (school_urn or "").startswith(NURSERY):
            yield authority

    def _session(self, known: SchoolCalendar, after: datetime) -> datetime | None:
        """The next session as this calendar knows it; None before its first term, and in a break that is too long to be
        one: there the terms that would come first are not written down."""
        today, longest = clocks.london_day(after), timedelta(days=self.times.longest_break_days)
        begun = [term.last for term in known.terms if term.first <= today]
        sessions = self._sessions[known.la_code, known.school_urn]
        number = bisect_right(sessions, after)
        if not begun or number == len(sessions):
            return None
        return sessions[number] if clocks.london_day(sessions[number]) <= max(begun) + longest else None

    @cached_property
    def _sessions(self) -> Mapping[tuple[str | None, str | None], Sequence[datetime]]:
        """All sessions of each calendar, in order, by whose it is."""
        every = (*self.schools.values(), *self.authorities.values())
        return {(known.la_code, known.school_urn): self._sessions_of(known) for known in every}

    def _sessions_of(self, known: SchoolCalendar) -> Sequence[datetime]:
        in_term = {day for term in known.terms for day in _days_of(term)}
        open_days = (day for day in in_term - known.inset if clocks.is_working(day, self.bank_holidays))
        return tuple(sorted(clocks.london(day, self._begins(known)) for day in open_days))

    def _begins(self, known: SchoolCalendar) -> time:
        return known.session_begins or self.times.session_begins


def _days_of(term: Term) -> Iterator[date]:
    return takewhile(lambda day: day <= term.last, clocks.days_from(term.first))


def overlapping_terms(known: SchoolCalendar) -> bool:
    """Whether two terms of one calendar share a day."""
    ordered = sorted(known.terms, key=lambda term: term.first)
    return any(later.first <= earlier.last for earlier, later in pairwise(ordered))
