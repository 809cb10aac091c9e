"""What must hold between rows: names that exist, dates without overlap or hole, desks and defaults for everybody."""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import combinations, pairwise
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from schemas.agency_responses.v1 import Decision, DeclineReason
from schemas.registry import REGISTRY
from services.platform.policy.advice import perhaps, unknown
from services.platform.policy.calendars import overlapping_terms
from services.platform.policy.documents import Problem
from services.platform.policy.model import (
    Agency,
    Clock,
    Court,
    Dated,
    DayTimes,
    DeskName,
    EscalationSteps,
    Force,
    Kind,
    Limits,
    LinkClock,
    LocalAuthority,
    MarkedOffence,
    MayState,
    NoOffence,
    PlaceWord,
    Route,
    Row,
    SchoolCalendar,
    Text,
    Thresholds,
    Window,
)
from services.platform.policy.tables import Named, Placed, Tables

ANSWERS = frozenset({"acknowledged", "accepted", "declined", *Decision, *DeclineReason})
COLUMNS = MappingProxyType(
    {"kinds": "kind", "texts": "text", "routes": "route", "clocks": "clock", "windows": "window"}
)
SAFE_CONTACT_LINE = "safe_contact"  # the text that warns all outside police, courts and CPS (domain 1.12 rule 3)
PLACE_QUESTION = "place_term_made"  # the route of the rule that looks for words that say a place
DESKS: tuple[DeskName, ...] = tuple(desk for desk in get_args(DeskName) if desk != "holiday")  # that one is optional
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

R = TypeVar("R", bound=Row)
D = TypeVar("D", bound=Dated)


def mistakes(tables: Tables, named: Named) -> Iterator[Problem]:
    """Everything that is wrong with rows that are each right by themselves."""
    yield from _twice(tables)
    yield from _dates(tables)
    yield from _kinds(tables)
    yield from _agencies(tables)
    yield from _areas_served_twice(tables)
    yield from _routes(tables)
    yield from _defaults(tables)
    yield from _others(tables)
    yield from _who_speaks(tables)
    yield from _missing(tables, named)


def unused(tables: Tables, used: Named) -> Iterator[Problem]:
    """Routes, clocks and windows that no rule asks for. A link clock uses the route that it names."""
    named_by_links = {link.row.route for link in tables.of(LinkClock)}
    for route in tables.of(Route):
        if route.row.route not in used.routes | named_by_links:
            yield route.problem(_no_rule_uses("route", route.row.route, used.routes), "route")
    for clock in tables.of(Clock):
        if clock.row.clock not in used.clocks:
            yield clock.problem(_no_rule_uses("clock", clock.row.clock, used.clocks), "clock")
    for window in tables.of(Window):
        if window.row.window not in used.windows:
            yield window.problem(_no_rule_uses("window", window.row.window, used.windows), "window")


def _no_rule_uses(what: str, name: str, used: Collection[str]) -> str:
    return f"no rule uses the {what} `{name}`{perhaps(name, used)}: take this row out, or correct its name"


def _twice(tables: Tables) -> Iterator[Problem]:
    yield from _same(tables, Kind, "kind", lambda row: row.kind)
    yield from _same(tables, Agency, "id", lambda row: row.id)
    yield from _same(tables, Text, "text", lambda row: row.text)
    kinds = {kind.row.kind for kind in tables.of(Kind)}
    for text in tables.of(Text):
        yield from _texts(tables, text, () if text.row.instead_of is None else (text.row.instead_of,), "instead_of")
        for kind in sorted(text.row.read_by - kinds):
            yield text.problem(unknown("kind", kind, kinds), "read_by")
    yield from _same(tables, Force, "code", lambda row: row.code)
    yield from _same(tables, LocalAuthority, "la_code", lambda row: row.la_code)
    yield from _same(tables, Court, "prefix", lambda row: row.prefix)
    yield from _same(tables, MarkedOffence, "code", lambda row: row.code)
    yield from _same(tables, NoOffence, "code", lambda row: row.code)
    yield from _same(tables, MayState, "type", lambda row: row.type)
    yield from _same(tables, SchoolCalendar, "terms", lambda row: (row.la_code, row.school_urn))
    yield from _same(tables, DayTimes, "session_begins", lambda _: None)


def _same(tables: Tables, row: type[R], key: str, of: Callable[[R], Hashable]) -> Iterator[Problem]:
    first: dict[Hashable, Placed[R]] = {}
    for placed in tables.of(row):
        earlier = first.setdefault(of(placed.row), placed)
        if earlier is not placed:
            yield placed.problem(f"this is already given at {earlier.where}: keep one of the two", key)


def _dates(tables: Tables) -> Iterator[Problem]:
    yield from _chained(tables, Route, lambda row: [row.route])
    yield from _chained(tables, Clock, lambda row: [row.clock])
    yield from _chained(tables, EscalationSteps, lambda _: [""])
    yield from _chained(tables, Limits, lambda _: [""])
    yield from _chained(tables, LinkClock, lambda row: [(row.type, row.variant)])
    yield from _chained(tables, Window, lambda row: [(row.window, force) for force in row.forces or {""}])
    yield from _chained(tables, Thresholds, lambda row: [(row.tool, force) for force in row.forces or {""}])


def _chained(tables: Tables, row: type[D], keys: Callable[[D], Collection[Hashable]]) -> Iterator[Problem]:
    """Rows of one name follow each other without overlap or hole, and the last has no end: every day has its row."""
    chains: dict[Hashable, list[Placed[D]]] = {}
    for placed in tables.of(row):
        if placed.row.ends is not None and placed.row.ends <= placed.row.begins:
            yield placed.problem("`ends` must be after `begins`: it is the first day without this row", "ends")
        for key in keys(placed.row):
            chains.setdefault(key, []).append(placed)
    for chain in chains.values():
        chain.sort(key=lambda placed: placed.row.begins)
        for earlier, later in pairwise(chain):
            yield from _follows(earlier, later)
        if chain[-1].row.ends is not None:
            yield chain[-1].problem(
                "nothing is in force after this: leave `ends` out, or add the row that follows", "ends"
            )


def _follows(earlier: Placed[D], later: Placed[D]) -> Iterator[Problem]:
    begins, ends = later.row.begins, earlier.row.ends
    if ends is None or ends > begins:
        advice = (
            f"this overlaps the row at {earlier.where}: let one of them be in force, as with `ends: {begins}` there"
        )
        yield later.problem(advice, "begins")
    elif ends < begins:
        yield later.problem(f"nothing is in force from {ends} (see {earlier.where}): write `begins: {ends}`", "begins")


def _kinds(tables: Tables) -> Iterator[Problem]:
    kinds = {placed.row.kind: placed.row for placed in tables.of(Kind)}
    for placed in tables.of(Kind):
        row = placed.row
        yield from _texts(tables, placed, row.texts, "texts")
        yield from _last_step(tables, placed, kinds)
        instead = row.falls_back_to
        if row.serves == "school" and instead is None:
            yield placed.problem("say who is told where the school is not known: add `falls_back_to`")
        if instead is not None and instead not in kinds:
            yield placed.problem(unknown("kind", instead, kinds), "falls_back_to")
        elif instead is not None and (row.serves != "school" or kinds[instead].serves != "child"):
            yield placed.problem(
                "only a kind that serves a school falls back, to one that serves a child", "falls_back_to"
            )


def _last_step(tables: Tables, placed: Placed[Kind], kinds: Mapping[str, Kind]) -> Iterator[Problem]:
    """Escalation ends where somebody can act, who can always be found, and who is told what to do."""
    step = placed.row.last_step
    if step is None:
        asked = {recipient.kind for route in tables.of(Route) for recipient in route.row.recipients if recipient.asks}
        if placed.row.kind in asked:
            yield placed.problem("a route asks this kind: say who acts when it does not answer, add `last_step`")
        return
    yield from _texts(tables, placed, [step.text], "last_step", "text")
    for answer in step.answers:
        if answer not in ANSWERS:
            yield placed.problem(unknown("answer", answer, ANSWERS), "last_step", "answers")
    if step.kind is not None and step.kind not in kinds:
        yield placed.problem(unknown("kind", step.kind, kinds), "last_step", "kind")
    elif step.kind is not None and kinds[step.kind].serves not in ("victim", "child"):
        advice = "a last step is of a kind that serves a victim or a child, or is left out for the agency's own senior"
        yield placed.problem(advice, "last_step", "kind")


def _agencies(tables: Tables) -> Iterator[Problem]:
    known: Mapping[str, Collection[str]] = {
        "forces": {placed.row.code for placed in tables.of(Force)},
        "las": {placed.row.la_code for placed in tables.of(LocalAuthority)},
        "courts": {placed.row.area for placed in tables.of(Court)},
    }
    areas = {"forces": "force", "las": "local authority", "courts": "area of courts"}
    kinds = {placed.row.kind for placed in tables.of(Kind)}
    for placed in tables.of(Agency):
        agency = placed.row
        if agency.kind not in kinds:
            yield placed.problem(unknown("kind", agency.kind, kinds), "kind")
        for column, codes in known.items():
            for code in sorted(getattr(agency, column) - set(codes)):
                yield placed.problem(unknown(areas[column], code, codes), column)
        for code in sorted(agency.able_for - {*known["forces"], *known["las"]}):
            yield placed.problem(unknown("force or local authority", code, known["las"]), "able_for")
        if not _in_order(agency.begins, agency.ends):
            yield placed.problem("`ends` must be after `begins`", "ends")
        yield from _desks(placed)


def _desks(placed: Placed[Agency]) -> Iterator[Problem]:
    """Each desk is somebody's at every moment of the agency's time."""
    agency = placed.row
    for name in DESKS:
        stretches = sorted(
            (
                (desk.begins or BEGINNING, desk.ends or END, at)
                for at, desk in enumerate(agency.desks)
                if desk.desk == name
            )
        )
        if not stretches:
            yield placed.problem(f"the `{name}` desk is missing: name one", "desks")
            continue
        until = agency.begins or BEGINNING
        for begins, ends, at in stretches:
            if ends <= begins:
                yield placed.problem("`ends` must be after `begins`", "desks", at, "ends")
            elif begins < until and until != (agency.begins or BEGINNING):
                yield placed.problem(
                    f"two `{name}` desks at one time: end the earlier one first", "desks", at, "begins"
                )
            elif begins > until:
                yield placed.problem(
                    f"no `{name}` desk before this one begins: begin it earlier", "desks", at, "begins"
                )
            until = max(until, ends)
        if until < (agency.ends or END):
            yield placed.problem(
                f"no `{name}` desk after this one ends: name the one that follows", "desks", stretches[-1][2]
            )


def _areas_served_twice(tables: Tables) -> Iterator[Problem]:
    """Of each kind one agency serves an area at a time, or the choice would be nobody's decision."""
    for one, other in combinations(tables.of(Agency), 2):
        first, second = one.row, other.row
        if first.kind != second.kind or not _overlap(first, second):
            continue
        for column in ("forces", "las", "courts", "schools"):
            for code in sorted(getattr(first, column) & getattr(second, column)):
                advice = (
                    f"`{first.id}` ({one.where}) already serves {code}: here write `able_for`, or take it out of one"
                )
                yield other.problem(advice, column)


def _routes(tables: Tables) -> Iterator[Problem]:
    kinds = {placed.row.kind: placed.row for placed in tables.of(Kind)}
    for placed in tables.of(Route):
        route = placed.row
        yield from _texts(tables, placed, route.texts, "texts")
        seen: set[str] = set()
        for at, recipient in enumerate(route.recipients):
            yield from _texts(tables, placed, recipient.texts, "recipients", at, "texts")
            if recipient.kind in seen:
                yield placed.problem(
                    f"`{recipient.kind}` is already told by this route: keep one", "recipients", at, "kind"
                )
            seen.add(recipient.kind)
            if recipient.kind not in kinds:
                yield placed.problem(unknown("kind", recipient.kind, kinds), "recipients", at, "kind")
            elif kinds[recipient.kind].serves == "named":
                advice = (
                    f"no route may tell `{recipient.kind}`: it is told only what it has itself asked for; take it out"
                )
                yield placed.problem(advice, "recipients", at, "kind")
            asked = Counter(asking.ask for asking in recipient.asks)
            for number, asking in enumerate(recipient.asks):
                if asked[asking.ask] > 1:
                    yield placed.problem(
                        f"`{asking.ask}` is asked twice: keep one", "recipients", at, "asks", number, "ask"
                    )
                for answer in asking.answers:
                    if answer not in ANSWERS:
                        advice = unknown("answer", answer, ANSWERS)
                        yield placed.problem(advice, "recipients", at, "asks", number, "answers")


def _texts(tables: Tables, placed: Placed[Any], texts: Collection[str], *steps: str | int) -> Iterator[Problem]:
    known = {text.row.text for text in tables.of(Text)}
    for text in texts:
        if text not in known:
            yield placed.problem(unknown("text", text, known), *steps)


def _defaults(tables: Tables) -> Iterator[Problem]:
    """Whoever a route tells can be found everywhere, always: each kind has one default agency, without dates."""
    defaults: dict[str, Placed[Agency]] = {}
    for placed in tables.of(Agency):
        if placed.row.default:
            yield from _default(placed, defaults.setdefault(placed.row.kind, placed))
    kinds = {kind.row.kind: kind.row for kind in tables.of(Kind)}
    for route in tables.of(Route):
        for at, recipient in enumerate(route.row.recipients):
            kind = kinds.get(recipient.kind)
            needed = recipient.kind if kind is None or kind.falls_back_to is None else kind.falls_back_to
            if needed in kinds and needed not in defaults:
                advice = (
                    f"no agency of kind `{needed}` has `default: true`, and this route must reach somebody everywhere"
                )
                yield route.problem(advice, "recipients", at, "kind")
    for kind_row in tables.of(Kind):
        last = kind_row.row.last_step
        if last is not None and last.kind in kinds and last.kind not in defaults:
            advice = f"give one agency of kind `{last.kind}` `default: true`: escalation must end with somebody"
            yield kind_row.problem(advice, "last_step", "kind")


def _default(placed: Placed[Agency], first: Placed[Agency]) -> Iterator[Problem]:
    if first is not placed:
        yield placed.problem(f"`{first.row.id}` ({first.where}) is the default of this kind: keep one", "default")
    for edge in ("begins", "ends"):
        if getattr(placed.row, edge) is not None:
            yield placed.problem(f"a default agency is always there: take `{edge}` out", edge)


def _others(tables: Tables) -> Iterator[Problem]:
    forces = {placed.row.code for placed in tables.of(Force)}
    for authority in tables.of(LocalAuthority):
        if authority.row.force not in forces:
            yield authority.problem(unknown("force", authority.row.force, forces), "force")
    for window in tables.of(Window):
        yield from _unknown_forces(window, window.row.forces, forces)
    for ticks in tables.of(Thresholds):
        yield from _unknown_forces(ticks, ticks.row.forces, forces)
        given = (ticks.row.idva_with_consent, ticks.row.idva_without_consent, ticks.row.marac)
        counted = [tick for tick in given if tick is not None]
        if counted != sorted(counted):
            yield ticks.problem("order these: `idva_with_consent` ≤ `idva_without_consent` ≤ `marac`", "marac")
    for steps in tables.of(EscalationSteps):
        shares = [steps.row.remind, steps.row.manager, steps.row.strategic, steps.row.last_step]
        if shares != sorted(shares):
            yield steps.problem("order these: `remind` ≤ `manager` ≤ `strategic` ≤ `last_step`", "remind")
    yield from _calendars(tables)


def _calendars(tables: Tables) -> Iterator[Problem]:
    mornings = [times.row.school_morning for times in tables.of(DayTimes)]
    for calendar in tables.of(SchoolCalendar):
        begins = calendar.row.session_begins
        if overlapping_terms(calendar.row):
            yield calendar.problem("two terms share a day: end one before the next begins", "terms")
        if begins is not None and any(begins <= morning for morning in mornings):
            yield calendar.problem("`session_begins` must be after `school_morning`", "session_begins")


def _who_speaks(tables: Tables) -> Iterator[Problem]:
    kinds = {placed.row.kind for placed in tables.of(Kind)}
    routes = {placed.row.route for placed in tables.of(Route)}
    for clock in tables.of(LinkClock):
        yield from _unknown_type(clock, clock.row.type)
        if clock.row.route is not None and clock.row.route not in routes:
            yield clock.problem(unknown("route", clock.row.route, routes), "route")
    for allowed in tables.of(MayState):
        yield from _unknown_type(allowed, allowed.row.type)
        for kind in sorted(allowed.row.kinds - kinds):
            yield allowed.problem(unknown("kind", kind, kinds), "kinds")
        if allowed.row.any_kind == bool(allowed.row.kinds):
            yield allowed.problem("give either `kinds` or `any_kind: true`")


def _unknown_type(placed: Placed[Any], type_: str) -> Iterator[Problem]:
    if type_ not in REGISTRY.types:
        yield placed.problem(unknown("type", type_, REGISTRY.types), "type")


def _unknown_forces(placed: Placed[Any], named: Collection[str], forces: Collection[str]) -> Iterator[Problem]:
    for force in sorted(set(named) - set(forces)):
        yield placed.problem(unknown("force", force, forces), "forces")


def _missing(tables: Tables, named: Named) -> Iterator[Problem]:
    """What the relay itself or its rules name, and no file has; reported where that table begins."""
    windows = {placed.row.window for placed in tables.of(Window) if not placed.row.forces}
    yield from _lacking(tables, "times", {""}, {""} if tables.of(DayTimes) else set())
    yield from _lacking(tables, "escalation_steps", {""}, {""} if tables.of(EscalationSteps) else set())
    if PLACE_QUESTION in named.routes:
        yield from _lacking(tables, "place_words", {""}, {""} if tables.of(PlaceWord) else set())
    yield from _lacking(tables, "limits", {""}, {""} if tables.of(Limits) else set())
    yield from _lacking(tables, "texts", {SAFE_CONTACT_LINE}, {placed.row.text for placed in tables.of(Text)})
    yield from _lacking(tables, "routes", named.routes, {placed.row.route for placed in tables.of(Route)})
    yield from _lacking(tables, "clocks", named.clocks, {placed.row.clock for placed in tables.of(Clock)})
    yield from _lacking(tables, "windows", named.windows | {row.row.window for row in tables.of(Window)}, windows)


def _lacking(tables: Tables, table: str, wanted: Collection[str], known: Collection[str]) -> Iterator[Problem]:
    rows = tables.rows.get(table, ())
    file, line = (rows[0].written.file, rows[0].written.line()) if rows else ("policy", 1)
    column = COLUMNS.get(table, "")
    for name in sorted(set(wanted) - set(known)):
        what = f"a row with `{column}: {name}`" if name else "one row"
        everywhere = ", for all forces that have none of their own" if table == "windows" else ""
        yield Problem(file, line, f"the table `{table}` needs {what}{everywhere}: add it")


def _in_order(begins: datetime | None, ends: datetime | None) -> bool:
    return begins is None or ends is None or begins < ends


def _overlap(one: Agency, other: Agency) -> bool:
    return (one.begins or BEGINNING) < (other.ends or END) and (other.begins or BEGINNING) < (one.ends or END)
