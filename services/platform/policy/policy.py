"""What policy says at one instant: who is told, what they may see, by when; all of it follows from the rows."""

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel

from schemas.values import Residence
from services.platform.policy import clocks
from services.platform.policy.calendars import Calendars
from services.platform.policy.model import (
    Agency,
    Areas,
    Chosen,
    Clock,
    Counted,
    Court,
    Dated,
    DayTimes,
    Desk,
    EscalationSteps,
    Force,
    Grant,
    Kind,
    Limits,
    LinkClock,
    LocalAuthority,
    MarkedOffence,
    MayState,
    NoOffence,
    NotPlace,
    Placeholder,
    PlaceholderIdentifier,
    PlaceWord,
    Recipient,
    Route,
    SchoolCalendar,
    Text,
    Thresholds,
    Window,
    Within,
    moments,
)
from services.platform.policy.place_words import PlaceWords

SAFE_CONTACT_FRESH = "safe_contact_fresh"
ANSWERS = 20_000  # of each sort that a `Policy` remembers
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

D = TypeVar("D", bound=Dated)
F = TypeVar("F", Thresholds, Window)


@dataclass(frozen=True)
class PolicySet:
    """All rows and agencies of one release, as the folders say them; what they mean at an instant is a `Policy`."""

    times: DayTimes
    kinds: tuple[Kind, ...]
    agencies: tuple[Agency, ...]
    routes: tuple[Route, ...] = ()
    thresholds: tuple[Thresholds, ...] = ()
    windows: tuple[Window, ...] = ()
    clocks: tuple[Clock, ...] = ()
    link_clocks: tuple[LinkClock, ...] = ()
    escalation_steps: tuple[EscalationSteps, ...] = ()
    limits: tuple[Limits, ...] = ()
    texts: tuple[Text, ...] = ()
    forces: tuple[Force, ...] = ()
    local_authorities: tuple[LocalAuthority, ...] = ()
    courts: tuple[Court, ...] = ()
    da_offences: tuple[MarkedOffence, ...] = ()
    no_offences: tuple[NoOffence, ...] = ()
    may_state: tuple[MayState, ...] = ()
    placeholders: tuple[Placeholder, ...] = ()
    place_words: tuple[PlaceWord, ...] = ()
    not_places: tuple[NotPlace, ...] = ()
    placeholder_identifiers: tuple[PlaceholderIdentifier, ...] = ()
    school_calendars: tuple[SchoolCalendar, ...] = ()

    @cached_property
    def version(self) -> str:
        """Twelve characters that any change of a row or an agency changes; the order of rows and files does not."""
        content = {
            part.name: sorted(json.dumps(_plain(row), sort_keys=True) for row in _rows(getattr(self, part.name)))
            for part in fields(self)
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def changes(self) -> tuple[datetime, ...]:
        """Every instant at which an agency or a desk begins or ends, in order."""
        return tuple(sorted({moment.astimezone(UTC) for agency in self.agencies for moment in moments(agency)}))

    def changes_after(self, now: datetime) -> datetime | None:
        """The next instant at which a `Policy` made now is out of date, if there is one."""
        return next((moment for moment in self.changes if moment > now), None)

    def at(self, now: datetime) -> "Policy":
        """The view at this instant; the same value for all instants between two changes."""
        stretch = bisect_right(self.changes, now)
        if stretch not in self._views:
            in_force = (
                agency.model_copy(update={"desks": tuple(desk for desk in agency.desks if _in_force(desk, now))})
                for agency in self.agencies
                if agency.in_force(now)
            )
            self._views[stretch] = Policy(self, {agency.id: agency for agency in in_force})
        return self._views[stretch]

    def is_placeholder(self, written: str) -> bool:
        """Whether a name or record id is one that a source writes where it does not know the person."""
        return _letters(written) in self._placeholders

    def names_nobody(self, identifier: str, written: str) -> bool:
        """Whether an identifier (`urn`, `asn`, `defendant_id`, `record`) in its canonical form is a placeholder."""
        patterns = self._placeholder_patterns.get(identifier, ())
        return any(pattern.fullmatch(written) for pattern in patterns) or (
            identifier in ("defendant_id", "record") and self.is_placeholder(written)
        )

    @cached_property
    def _placeholders(self) -> frozenset[str]:
        return frozenset(_letters(row.placeholder) for row in self.placeholders)

    @cached_property
    def _placeholder_patterns(self) -> Mapping[str, tuple[re.Pattern[str], ...]]:
        return _grouped((row.identifier, re.compile(row.pattern)) for row in self.placeholder_identifiers)

    @cached_property
    def force_codes(self) -> frozenset[str]:
        return frozenset(force.code for force in self.forces)

    @cached_property
    def of_all_times(self) -> "Policy":
        """The view in which every agency is in force: what must not change when one begins or ends is chosen by it."""
        return Policy(self, {agency.id: agency for agency in self.agencies})

    def ever_chosen(self, route: Route, areas: Areas) -> frozenset[str]:
        """Whoever such a route tells first in these areas now, or told or will tell while other agencies are in
        force."""
        begin = datetime.min.replace(tzinfo=UTC)
        views = [self.at(moment) for moment in (begin, *self.changes)]
        return frozenset(chosen.agency.id for view in views for chosen in view.chosen(route, areas))

    @cached_property
    def _views(self) -> dict[int, "Policy"]:
        return {}

    @cached_property
    def calendars(self) -> Calendars:
        return Calendars(
            self.times,
            {known.school_urn: known for known in self.school_calendars if known.school_urn is not None},
            {known.la_code: known for known in self.school_calendars if known.la_code is not None},
        )


@dataclass(frozen=True, eq=False)
class Policy:
    """Policy at one instant: agencies as they are then, rows as they were in force on the day of a ground.

    An answer follows from its question alone, so those that every statement asks for are remembered.
    """

    rows: PolicySet
    agencies: Mapping[str, Agency] = field(repr=False)

    @property
    def version(self) -> str:
        return self.rows.version

    def agency(self, agency: str) -> Agency | None:
        """The agency with this id, or None where there is none now."""
        return self.agencies.get(agency)

    def agencies_of(self, kind: str) -> tuple[Agency, ...]:
        """All agencies of a kind that are in force, by id."""
        return self._by_kind.get(kind, ())

    def kind(self, kind: str) -> Kind:
        """The row of a kind. Raises KeyError for one that policy does not name."""
        return self._kinds[kind]

    def grants(self, agency: str) -> tuple[Grant, ...]:
        """All that an agency may see: what its kind may, and what it may beyond that. Nothing for one not in force."""
        known = self.agencies.get(agency)
        return () if known is None else self._kinds[known.kind].grants + known.extra_grants

    def last_step(self, asked: Agency, areas: Areas) -> Agency | None:
        """Where escalation ends when this agency does not answer: where she lives, for a child where the child does,
        else where the case is; the agency itself where nobody else can act. None for a kind that is asked nothing."""
        step = self._kinds[asked.kind].last_step
        if step is None or step.kind is None:
            return None if step is None else asked
        if self._kinds[step.kind].serves == "child" and _known(areas.child):
            return self._choose(step.kind, areas.child.la_code, areas.child.force, None)[0]
        return self._choose(step.kind, None, self.risk_holding_force(areas), None)[0]

    def risk_holding_force(self, areas: Areas) -> str | None:
        """The force in whose area she lives, as far as it is known; else the case's."""
        return self.force_of(areas.victim) or areas.case_force

    def force_of(self, lives: Residence) -> str | None:
        """The force in whose area somebody lives, as far as it is known."""
        return lives.force or self._force_of(lives.la_code)

    def knows_force(self, code: str) -> bool:
        return code in self.rows.force_codes

    def da_offence(self, code: str) -> bool:
        """Whether this offence code alone marks its case as domestic abuse."""
        return code in self._da_offences

    def is_offence(self, code: str) -> bool:
        """False for codes that stand among offences and of which nobody is ever convicted."""
        return code not in self._no_offences

    def court_area(self, court_ou: str) -> str | None:
        """The area of courts to which this court belongs; None for one that policy does not know."""
        court = self._court(court_ou)
        return None if court is None else court.area

    def may_state(self, type_: str, agency_kind: str) -> bool:
        """Whether agencies of this kind may say this type (`uk.agency.link-made`); a type without a row is nobody's."""
        row = self._may_state.get(type_)
        return row is not None and (row.any_kind or agency_kind in row.kinds)

    def is_placeholder(self, written: str) -> bool:
        """Whether a name or record id is one that a source writes where it does not know the person."""
        return self.rows.is_placeholder(written)

    def says_a_place(self, text: str) -> bool:
        """Whether an order's free text holds a word or a postcode that says a place; in doubt it does."""
        return self._places.said_in(text)

    def route(self, name: str, on: date) -> Route:
        """Raises KeyError for a name that no row has; loading refuses a policy that lacks a route a rule names."""
        return _in_force_on(self._routes[name], on)

    def window(self, name: str, force: str, on: date) -> Window:
        """The force's own row, else the one for all others. Raises KeyError for a name that no row has."""
        return _in_force_on(_for_force(self._windows[name], force), on)

    def thresholds(self, force: str, tool: str, on: date) -> Thresholds | None:
        """The force's own row for a tool, else the one for all others; None for a tool that no row names."""
        rows = _for_force(self._thresholds.get(tool, ()), force)
        return _in_force_on(rows, on) if rows else None

    def escalation_steps(self, on: date) -> EscalationSteps:
        return _in_force_on(self._escalation_steps, on)

    def limits(self, on: date) -> Limits:
        return _in_force_on(_by_first_day(self.rows.limits), on)

    def link_clock(self, type_: str, on: date, variant: str | None = None) -> LinkClock | None:
        """How long a fact of this type may wait for its people: the row of its variant, else the type's own, if any."""
        for wanted in dict.fromkeys((variant, None)):
            if rows := self._link_clocks.get((type_, wanted)):
                return _in_force_on(rows, on)
        return None

    def clock(self, name: str, on: date) -> Within:
        """A length of time by its name. Raises KeyError for a name that no row has."""
        return _in_force_on(self._clocks[name], on).within

    def text(self, code: str) -> str:
        """The fixed words with this code. Raises KeyError for one that policy does not have."""
        return self._texts[code].words

    def texts_for(self, kind: str, named: Iterable[str] = ()) -> tuple[str, ...]:
        """Codes of the texts on a notification to an agency of this kind: those that all have, those of outward
        notifications, those of the kind, and those that its row or rule names, each once. None that is for other
        kinds."""
        codes = dict.fromkeys((*self._texts_of_kind[kind], *named))
        return tuple(code for code in codes if kind in self._texts[code].read_by or not self._texts[code].read_by)

    def texts_when_over(self, kind: str, named: Iterable[str]) -> tuple[str, ...]:
        """Of the texts of an agency of this kind, and of these, the codes of those that stay on what is over."""
        return tuple(code for code in self.texts_for(kind, named) if self._texts[code].when_over)

    def safe_contact_stale_from(self, recorded_on: date) -> date:
        """The first day on which what was recorded about safe contact on that day is no longer fresh."""
        within = self.clock(SAFE_CONTACT_FRESH, recorded_on)
        return clocks.london_day(self.due(clocks.end_of_day(recorded_on), within)) + timedelta(days=1)

    def due(
        self, start: datetime, within: Within, school_urn: str | None = None, la_code: str | None = None
    ) -> datetime:
        """The end of a length of time that runs from `start`. The school and its authority are for `next_session`."""
        match within:
            case Within(minutes=int(n)):
                return clocks.elapsed(start, timedelta(minutes=n))
            case Within(hours=int(n)):
                return clocks.elapsed(start, timedelta(hours=n))
            case Within(working_days=int(n)):
                holidays = self.rows.calendars.bank_holidays
                return clocks.working_days(start, n, holidays, self.rows.times.working_day_closes)
            case Within(days_beginning_with=int(n)):
                return clocks.days_beginning_with(start, n)
            case Within(days_after=int(n)):
                return clocks.days_after(start, n)
            case Within(next_session=True):
                return self.rows.calendars.next_session(start, school_urn, la_code)
            case _:
                return clocks.end_of_day(clocks.london_day(start))

    def share(self, start: datetime, end: datetime, share: float, counted: Counted) -> datetime:
        """The moment at which a share of the time between two moments has passed; of working time within its hours,
        which for a school begin before its first session."""
        times = self.rows.times
        match counted:
            case "elapsed":
                return start + (end - start) * share
            case "working":
                return self._working_share(start, end, share, times.working_day_opens)
            case "school":
                return self._working_share(start, end, share, times.school_morning)

    @cached_property
    def _working_share(self) -> Callable[[datetime, datetime, float, time], datetime]:
        closes, holidays = self.rows.times.working_day_closes, self.rows.calendars.bank_holidays

        @lru_cache(ANSWERS)
        def working_share(start: datetime, end: datetime, share: float, opens: time) -> datetime:
            return clocks.working_share(start, end, share, holidays, opens, closes)

        return working_share

    def closed_until(self, at: datetime, school_urn: str, la_code: str | None) -> datetime | None:
        """When a school that is in its holidays at this moment is told again; None for one that is not."""
        return self.rows.calendars.closed_until(at, school_urn, la_code)

    def before(self, end: datetime, within: Within) -> datetime:
        """The moment that lies a length of time before `end`; days and working days keep the time of day. Raises
        ValueError for `next_session` and `by_end_of_day`, which do not run backwards."""
        match within:
            case Within(minutes=int(n)):
                return clocks.elapsed(end, -timedelta(minutes=n))
            case Within(hours=int(n)):
                return clocks.elapsed(end, -timedelta(hours=n))
            case Within(working_days=int(n)):
                return clocks.working_days_before(end, n, self.rows.calendars.bank_holidays)
            case Within(days_beginning_with=int(n)):
                return clocks.days_before(end, n - 1)
            case Within(days_after=int(n)):
                return clocks.days_before(end, n)
        raise ValueError("this length of time does not run backwards")

    def last_sitting_before(self, end: datetime, court_ou: str) -> date:
        """The last day on which this court sits before a moment; a court that policy does not know sits on weekdays."""
        court = self._court(court_ou) or Court(prefix="Z0", area="00", name="")
        sits = frozenset(WEEKDAYS.index(day) for day in court.sits)
        closed = self.rows.calendars.bank_holidays
        return clocks.last_sitting_before(end, lambda day: day.weekday() in sits and day not in closed, court.sits_from)

    def within_window(self, window: Window, first: datetime, later: datetime) -> bool:
        """Whether `later` lies in the stretch that the first opens."""
        opened, day = clocks.london_day(first), clocks.london_day(later)
        return opened <= day <= clocks.months_end(opened, window.months, window.counts)

    def chosen(self, route: Route, areas: Areas) -> tuple[Chosen, ...]:
        """The agencies that a route tells in these areas, each once, in the route's order.

        Victim-, child- and suspect-serving agencies by that person's residence (authority, then force), those that
        serve the case by its court and force, the DAIT by both the case and where she lives, a school by its number.
        Unknown residence: the case's area. Nobody there: the default of the kind. Both are marked `by_default`.
        """
        return self._recipients_of(route, areas)

    @cached_property
    def _recipients_of(self) -> Callable[[Route, Areas], tuple[Chosen, ...]]:
        @lru_cache(ANSWERS)
        def recipients_of(route: Route, areas: Areas) -> tuple[Chosen, ...]:
            found: dict[str, Chosen] = {}
            for recipient in route.recipients:
                for chosen in self._recipients(recipient, areas):
                    found.setdefault(chosen.agency.id, chosen)
            return tuple(found.values())

        return recipients_of

    def serves(self, agency: str, areas: Areas) -> bool:
        """Whether this agency, among those of its kind, is one for the area of the case or for hers."""
        known = self.agencies.get(agency)
        if known is None:
            return False
        lives = areas.victim
        places = [(None, areas.case_force, areas.court_ou), (lives.la_code, lives.force, None)]
        chosen = (self._choose(known.kind, *place) for place in places if any(place))
        return any(known.id in {first.id, *(other.id for other in others)} for first, others, _ in chosen)

    def _recipients(self, recipient: Recipient, areas: Areas) -> Iterator[Chosen]:
        case = Residence(force=areas.case_force)
        match self.kind(recipient.kind).serves:
            case "victim":
                yield self._by_residence(recipient, recipient.kind, areas.victim, case)
            case "child":
                yield self._by_residence(recipient, recipient.kind, areas.child, case)
            case "suspect":
                yield self._by_residence(recipient, recipient.kind, areas.suspect, case)
            case "case":
                yield self._chosen(recipient, recipient.kind, case, areas.court_ou)
            case "case_and_victim":
                if areas.case_force is not None or not _known(areas.victim):
                    yield self._chosen(recipient, recipient.kind, case, areas.court_ou)
                if _known(areas.victim):
                    yield self._chosen(recipient, recipient.kind, areas.victim, None)
            case "school":
                yield self._school(recipient, areas, case)

    def _by_residence(self, recipient: Recipient, kind: str, lives: Residence, case: Residence) -> Chosen:
        if _known(lives):
            return self._chosen(recipient, kind, lives, None)
        return self._chosen(recipient, kind, case, None).model_copy(update={"by_default": True})

    def _school(self, recipient: Recipient, areas: Areas, case: Residence) -> Chosen:
        for school in self.agencies_of(recipient.kind):
            if areas.school_urn is not None and areas.school_urn in school.schools:
                return Chosen(recipient=recipient, agency=school)
        instead = self.kind(recipient.kind).falls_back_to or recipient.kind
        return self._by_residence(recipient, instead, areas.child, case).model_copy(update={"by_default": True})

    def _chosen(self, recipient: Recipient, kind: str, lives: Residence, court_ou: str | None) -> Chosen:
        agency, next_able, by_default = self._choose(kind, lives.la_code, lives.force, court_ou)
        return Chosen(recipient=recipient, agency=agency, next_able=next_able, by_default=by_default)

    @cached_property
    def _choose(self) -> Callable[[str, str | None, str | None, str | None], tuple[Agency, tuple[Agency, ...], bool]]:
        """Of a kind, by authority, force and court: the agency, those that are able in its place, and whether policy
        fell back."""

        @lru_cache(ANSWERS)
        def choose(
            kind: str, la_code: str | None, force: str | None, court_ou: str | None
        ) -> tuple[Agency, tuple[Agency, ...], bool]:
            force = force or self._force_of(la_code)
            serving = tuple(self._serving(kind, la_code, force, court_ou))
            able = tuple(agency for agency in self.agencies_of(kind) if agency.able_for & {la_code, force})
            first, by_default = (serving[0], False) if serving else (self._default(kind), True)
            others = {agency.id: agency for agency in serving + able if agency.id != first.id}
            return first, tuple(others.values()), by_default

        return choose

    def _serving(self, kind: str, la_code: str | None, force: str | None, court_ou: str | None) -> Iterator[Agency]:
        """Those that serve, the most fitting first: by court, by authority, by force; where only the force is known,
        those of its authorities."""
        of_kind = self.agencies_of(kind)
        area = None if court_ou is None else self.court_area(court_ou)
        found: dict[str, Agency] = {a.id: a for a in of_kind if area in a.courts}
        found |= {a.id: a for a in of_kind if la_code in a.las}
        found |= {a.id: a for a in of_kind if force in a.forces}
        if la_code is None and force is not None:
            found |= {a.id: a for a in of_kind if any(self._force_of(la) == force for la in a.las)}
        yield from found.values()

    def _default(self, kind: str) -> Agency:
        return next(agency for agency in self.agencies_of(kind) if agency.default)

    def _force_of(self, la_code: str | None) -> str | None:
        return None if la_code is None else self._authorities.get(la_code)

    def _court(self, court_ou: str) -> Court | None:
        fitting = [court for court in self.rows.courts if court_ou.startswith(court.prefix)]
        return max(fitting, key=lambda court: len(court.prefix), default=None)

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[Agency, ...]]:
        return _grouped((agency.kind, agency) for agency in sorted(self.agencies.values(), key=lambda known: known.id))

    @cached_property
    def _kinds(self) -> Mapping[str, Kind]:
        return {kind.kind: kind for kind in self.rows.kinds}

    @cached_property
    def _routes(self) -> Mapping[str, tuple[Route, ...]]:
        return _grouped((row.route, row) for row in _by_first_day(self.rows.routes))

    @cached_property
    def _windows(self) -> Mapping[str, tuple[Window, ...]]:
        return _grouped((row.window, row) for row in _by_first_day(self.rows.windows))

    @cached_property
    def _thresholds(self) -> Mapping[str, tuple[Thresholds, ...]]:
        return _grouped((row.tool, row) for row in _by_first_day(self.rows.thresholds))

    @cached_property
    def _clocks(self) -> Mapping[str, tuple[Clock, ...]]:
        return _grouped((row.clock, row) for row in _by_first_day(self.rows.clocks))

    @cached_property
    def _escalation_steps(self) -> tuple[EscalationSteps, ...]:
        return _by_first_day(self.rows.escalation_steps)

    @cached_property
    def _link_clocks(self) -> Mapping[tuple[str, str | None], tuple[LinkClock, ...]]:
        return _grouped(((row.type, row.variant), row) for row in _by_first_day(self.rows.link_clocks))

    @cached_property
    def _texts(self) -> Mapping[str, Text]:
        return {text.text: text for text in self.rows.texts}

    @cached_property
    def _texts_of_kind(self) -> Mapping[str, tuple[str, ...]]:
        always = {
            outward: tuple(
                text.text for text in self.rows.texts if text.on == "every" or (outward and text.on == "outward")
            )
            for outward in (True, False)
        }
        found = {kind.kind: (*always[kind.outward], *kind.texts) for kind in self.rows.kinds}
        instead = {text.text: text.instead_of for text in self.rows.texts}
        left_out = {kind: {instead.get(code) for code in codes} for kind, codes in found.items()}
        return {kind: tuple(code for code in codes if code not in left_out[kind]) for kind, codes in found.items()}

    @cached_property
    def _may_state(self) -> Mapping[str, MayState]:
        return {row.type: row for row in self.rows.may_state}

    @cached_property
    def _authorities(self) -> Mapping[str, str]:
        return {authority.la_code: authority.force for authority in self.rows.local_authorities}

    @cached_property
    def _da_offences(self) -> frozenset[str]:
        return frozenset(offence.code for offence in self.rows.da_offences)

    @cached_property
    def _no_offences(self) -> frozenset[str]:
        return frozenset(offence.code for offence in self.rows.no_offences)

    @cached_property
    def _places(self) -> PlaceWords:
        return PlaceWords(self.rows.place_words, self.rows.not_places)


def _by_first_day(rows: tuple[D, ...]) -> tuple[D, ...]:
    return tuple(sorted(rows, key=lambda row: row.begins))


def _in_force_on(rows: tuple[D, ...], on: date) -> D:
    """Of rows by their first day the row of this day; before the first there is the first, so that what is older is
    still explained."""
    return next((row for row in reversed(rows) if row.begins <= on), rows[0])


def _for_force(rows: tuple[F, ...], force: str) -> tuple[F, ...]:
    """A force's own rows, else those for all others."""
    return tuple(row for row in rows if force in row.forces) or tuple(row for row in rows if not row.forces)


def _in_force(desk: Desk, now: datetime) -> bool:
    return (desk.begins is None or desk.begins <= now) and (desk.ends is None or now < desk.ends)


def _known(lives: Residence) -> bool:
    return lives.force is not None or lives.la_code is not None


def _letters(written: str) -> str:
    return "".join(filter(str.isalnum, written.casefold()))


G = TypeVar("G")
K = TypeVar("K")


def _grouped(pairs: Iterable[tuple[K, G]]) -> Mapping[K, tuple[G, ...]]:
    found: dict[K, list[G]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in found.items()}


def _rows(part: Any) -> tuple[Any, ...]:
    return part if isinstance(part, tuple) else (part,)


def _plain(value: Any) -> Any:
    """A row as JSON that does not depend on the order of sets."""
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case frozenset():
            return sorted(_plain(element) for element in value)
        case tuple():
            return [_plain(element) for element in value]
        case StrEnum() | str() | bool() | int() | float() | None:
            return value
        case datetime():
            return value.astimezone(UTC).isoformat()
        case timedelta():
            return value.total_seconds()
        case _:
            return value.isoformat()
