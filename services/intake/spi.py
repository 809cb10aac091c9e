"""Court results as courts send them to police forces (SPI `ResultedCaseMessage`), read as facts of the relay.

Every defendant at every hearing of a message becomes one hearing-resulted and one orders-resulted, whatever the message
lacks or adds: names count without their namespace, what is missing is left open, what does not fit is made to fit.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TypeVar
from xml.etree.ElementTree import Element

from schemas import births, identifiers
from schemas import values as v
from schemas.codes.court_results import CourtResults, court_results
from schemas.codes.offences import title
from schemas.court_convictions.v1 import (
    BailCondition,
    CourtType,
    Defendant,
    HearingResulted,
    NextHearing,
    Prompt,
    Remand,
    Result,
    ResultedOffence,
    Verdict,
)
from schemas.court_order_variations.v1 import OrdersResulted
from schemas.envelope import EPOCH, Envelope
from schemas.refusals import Refusal, RefusalReason
from schemas.registry import event
from schemas.streams import REGISTRY
from services.intake import fitting, wording
from services.intake.markup import inside, name, named, outermost, parsed, parsed_text, text
from services.intake.order_length import ENDLESS, Length, period_end
from services.intake.spi_orders import Resulted, orders_of
from services.platform.domain.linking.defendants import are_two, known_by, said_of

MESSAGE, SESSION, CASE, DEFENDANT, OFFENCE, RESULT = (
    "ResultedCaseMessage", "Session", "Case", "Defendant", "Offence", "Result",
)  # fmt: skip
NEXT_HEARING = "NextHearing"
LEVELS = frozenset({MESSAGE, SESSION, CASE, DEFENDANT, OFFENCE, RESULT, NEXT_HEARING})
READ_OF_RESULT = frozenset({"ResultCode", "ResultText", "ResultCodeQualifier"})
# Clocks of two systems may differ by this much; what claims to be written later was not written then.
CLOCKS_DIFFER = timedelta(hours=1)
LAST_SEQUENCE = 999
GUARDIANS = frozenset({"ParentGuardian", "ParentGuardianDetails", "CourtParentGuardian", "ParentGuardianDefendant"})
NOT_OWN = LEVELS | GUARDIANS
FOR_LIFE = "L"
BEGINS_AS_XML = re.compile(r"<[^\W\d]|<[?!]")
NAMES_OF_RESULTS = (MESSAGE, DEFENDANT, OFFENCE)
# Gateways wrap each other's messages; no chain of them is as long.
MOST_WRAPPINGS = 8
TELLS_APART = re.compile(r"(?:id|identifier|time|timestamp|created)$", re.IGNORECASE)
DECLARATION = re.compile(r"<\?xml[^<>]*\?>")
SEPARATORS = re.compile(r"[\s,;]+")
# Nothing about a defendant's offences was written before these days.
EARLIER_DAYS = ("ConvictionDate", "ChargeDate", "ArrestDate", "InitiatedDate", "OffenceDateStartDate")
DIGITS = re.compile(r"[0-9]{1,4}")
COURT_CODE = re.compile(r"[A-Z0-9]{6,7}")
BAIL_AS_STATED = "as-stated"
TEXT_GOES_ON = "ResultText, continued"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read:
    """What one message said, and where it could not be read."""

    facts: tuple[tuple[Envelope, v.Body], ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, eq=False)
class Level:
    """An element that others stand in. What it says itself is read once, however many of them ask."""

    element: Element

    @cached_property
    def own(self) -> Mapping[str, str]:
        """The first text of each name that is its own, as `_own` finds them."""
        found: dict[str, str] = {}
        for each in inside(self.element, NOT_OWN):
            if name(each) not in found and (said := text(each)):
                found[name(each)] = said
        return found


@dataclass(frozen=True, eq=False)
class Document:
    """A whole XML document that came, or that was a text in another; it is read once for all results in it."""

    root: Element

    @cached_property
    def level(self) -> Level:
        return Level(self.root)

    @cached_property
    def written_at(self) -> datetime | None:
        said = (text(each) for each in named(self.root, "CreationDateTime"))
        return next((at for each in said if (at := fitting.moment(each))), None)

    @cached_property
    def identity(self) -> str:
        """A digest of the ids and times around its results; empty where it bears none."""
        around = (each for each in inside(self.root, frozenset({MESSAGE})) if TELLS_APART.search(name(each)))
        borne = [f"{name(each)}={said}" for each in around if not len(each) and (said := text(each))]
        return fitting.digest(*borne) if borne else ""


@dataclass(frozen=True, slots=True)
class ResultMessage:
    """One `ResultedCaseMessage`, and the documents around it, from the one that holds it to the one that came."""

    element: Element
    wrapped_in: tuple[Document, ...]

    @property
    def written_at(self) -> datetime | None:
        """When the innermost document that says so was written."""
        return next((document.written_at for document in self.wrapped_in if document.written_at), None)

    @property
    def identity(self) -> str:
        """What tells this message from another: the ids and times that its wrappers bear, else all that it says."""
        borne = "".join(document.identity for document in self.wrapped_in)
        return borne or _written(self.element)


@dataclass(frozen=True)
class Sitting:
    """One `Defendant` element, with what it stands in: itself, its case, its session, its message."""

    around: tuple[Level, ...]
    received_on: date
    written_at: datetime | None
    message: str
    unknown: int = 1  # of several without a reference, which

    @property
    def element(self) -> Element:
        return self.around[0].element

    def says(self, wanted: str) -> str:
        """The first text of this name that the nearest level around has as its own; empty where there is none."""
        return next((said for level in self.around if (said := level.own.get(wanted))), "")

    @cached_property
    def references(self) -> v.References:
        urn, raw = fitting.urn(self.says("PTIURN")), self.says("ProsecutorReference")
        asn = identifiers.asn(raw)
        return v.References(
            urn=urn,
            asn=asn,
            defendant_id=None if asn else fitting.defendant_id(raw) or fitting.unknown(self.unknown),
            court_ou=self.court_ou,
        )

    @cached_property
    def court_ou(self) -> str:
        return fitting.court(self.says("CourtHearingLocation"), self.says("PSAcode"))

    @cached_property
    def hearing_on(self) -> date:
        """The day of the hearing; where the message has none, of conviction, of writing, of receipt."""
        if stated := fitting.day(self.says("DateOfHearing")):
            return stated
        convicted, *before = (self._last_day(name_of_day) for name_of_day in EARLIER_DAYS)
        if convicted:
            return convicted
        written_on = self.written_at.astimezone(fitting.LONDON).date() if self.written_at else date.min
        can_be_true = max(filter(None, before), default=date.min) <= written_on <= self.received_on
        return written_on if self.written_at and can_be_true else self.received_on

    def _last_day(self, wanted: str) -> date | None:
        return max((day for each in named(self.element, wanted) if (day := fitting.day(text(each)))), default=None)

    @cached_property
    def began_at(self) -> datetime:
        return fitting.at(self.hearing_on, self.says("TimeOfHearing"))

    @cached_property
    def place(self) -> str:
        return v.hearing_place(self.references, self.court_ou, self.hearing_on)

    @cached_property
    def defendant(self) -> Defendant:
        return _defendant([self])

    @property
    def has_no_reference(self) -> bool:
        return self.references.asn is None and self.references.defendant_id == fitting.unknown(self.unknown)


def read(message: bytes, received_at: datetime) -> Read:
    """All facts of one message. It never raises on what the message holds.

    `received_at`, aware, stands in where the message does not say when it was written, or says what cannot be true.
    A refusal names elements and their places in the message, never what they hold.
    """
    root = parsed(message)
    if isinstance(root, Refusal):
        return Read(refusals=(root,))
    results, unread = _messages((Document(root),))
    if not results and not unread:
        expected = f"the message: a {MESSAGE} with a {DEFENDANT} is expected"
        return Read(refusals=(Refusal(RefusalReason.NOT_A_COURT_RESULT, "decode", expected),))
    received_on = received_at.astimezone(fitting.LONDON).date()
    sittings = [sitting for result in results for sitting in _sittings(result, received_on)]
    documents = dict.fromkeys(document.root for result in results for document in result.wrapped_in)
    source, table = _source(documents), court_results()
    return Read(
        facts=tuple(
            _event(body, of_one[0], source, received_at)
            for of_one in _hearings(sittings)
            for body in _bodies(of_one, table)
        ),
        refusals=(*unread, *(refusal for result in results for refusal in _silent_cases(result.element))),
    )


def _sittings(result: ResultMessage, received_on: date) -> Iterator[Sitting]:
    written_at, identity = result.written_at, result.identity
    for around in _defendants(Level(result.element), tuple(document.level for document in result.wrapped_in)):
        yield Sitting(around, received_on, written_at, identity)


def _hearings(sittings: Iterable[Sitting]) -> Iterator[list[Sitting]]:
    """The elements that speak of one defendant at one hearing: two people who share a reference are two."""
    by_place: dict[str, list[Sitting]] = {}
    for sitting in sittings:
        by_place.setdefault(sitting.place, []).append(sitting)
    for at_place in by_place.values():
        for number, him in enumerate(_people(at_place), 1):
            yield [replace(sitting, unknown=number) for sitting in him] if him[0].has_no_reference else him


def _people(at_place: Sequence[Sitting]) -> list[list[Sitting]]:
    """By PNC id, by name and birth, or by all that is said of him. Of whom that is not known, he is whoever has the
    reference; without one, and where that man's name or birth is another, he is nobody else here."""
    people: list[list[Sitting]] = []
    known: dict[object, list[Sitting]] = {}
    for sitting in at_place:
        him, said = sitting.defendant, said_of(sitting.defendant)
        names = [name for name in (him.pnc_id, known_by(him), said if any(said) else None) if name is not None]
        his = next((known[name] for name in names if name in known), None)
        if his is None and people and not sitting.has_no_reference:
            first = people[0]
            his = None if are_two(first[0].defendant, sitting.defendant) else first
        if his is None:
            his = []
            people.append(his)
        his.append(sitting)
        known |= dict.fromkeys(names, his)
    return people


def _messages(documents: tuple[Document, ...]) -> tuple[list[ResultMessage], list[Refusal]]:
    """The result messages of the first of these documents, in whatever they are wrapped, be it as escaped texts several
    times over; else all of it, if it has defendants. And why an escaped one cannot be read."""
    root = documents[0].root
    found = [ResultMessage(element, documents) for element in _results_in(root)]
    unread = list[Refusal]()
    texts = ((each.text or "").strip() for each in root.iter())
    likely = (said for said in texts if BEGINS_AS_XML.match(said) and any(each in said for each in NAMES_OF_RESULTS))
    for number, said in enumerate(likely, 1):
        place = f"text {number} that holds a message of its own"
        inner = parsed_text(DECLARATION.sub("", said))
        if isinstance(inner, Refusal):
            unread.append(replace(inner, detail=f"{place}: {inner.detail}"))
        elif len(documents) == MOST_WRAPPINGS:
            expected = f"{place}: messages inside at most {MOST_WRAPPINGS} others are expected"
            unread.append(Refusal(RefusalReason.TOO_DEEP, "decode", expected))
        else:
            results, refusals = _messages((Document(inner), *documents))
            found += results
            unread += (replace(each, detail=f"{place}: {each.detail}") for each in refusals)
    return found, unread


def _results_in(root: Element) -> list[Element]:
    return ([*outermost(root, MESSAGE)] or [root]) if _has_matter(root) else []


def _has_matter(element: Element) -> bool:
    return any(name(each) in (DEFENDANT, OFFENCE) for each in element.iter())


def _defendants(level: Level, around: tuple[Level, ...]) -> Iterator[tuple[Level, ...]]:
    """Each defendant, with the levels around it. What holds offences itself is taken for one, whatever it is called."""
    here, below = (level, *around), _levels(level.element)
    if name(level.element) == DEFENDANT or any(name(each) in (OFFENCE, RESULT) for each in below):
        yield here
    for each in below:
        if name(each) in (MESSAGE, SESSION, CASE, DEFENDANT):
            yield from _defendants(Level(each), here)


def _silent_cases(message: Element) -> Iterator[Refusal]:
    """A case without defendants says nothing that could be a fact: said, so that it is not lost in silence."""
    for number, case in enumerate(named(message, CASE), 1):
        if not _has_matter(case):
            yield Refusal(
                RefusalReason.MISSING_FIELD, "decode", f"{MESSAGE}/{CASE}[{number}]: a {DEFENDANT} is expected"
            )


def _event(body: v.Body, sitting: Sitting, source: str, received_at: datetime) -> tuple[Envelope, v.Body]:
    written_at = _written_when(sitting, received_at)
    if written_at is None:
        return event(body, REGISTRY.of_body[type(body)].name, source, received_at, received_in=sitting.message)
    return event(body, REGISTRY.of_body[type(body)].name, source, written_at)


def _written_when(sitting: Sitting, received_at: datetime) -> datetime | None:
    """When the source wrote the message, if that can be true: after the hearing, and not after it was received."""
    written = sitting.written_at
    if written is None or written > received_at + CLOCKS_DIFFER or written <= EPOCH:
        return None
    return None if written.astimezone(fitting.LONDON).date() < sitting.hearing_on else written


def _source(documents: Iterable[Element]) -> str:
    """The system that wrote the message, if it names itself by a plain code."""
    systems = (system for document in documents for system in named(document, "OriginatingSystem"))
    codes = (text(code) for system in systems for code in named(system, "OrgUnitCode"))
    return next((f"urn:spi:{code}" for code in codes if COURT_CODE.fullmatch(code)), "urn:spi")


def _bodies(sittings: Sequence[Sitting], table: CourtResults) -> tuple[HearingResulted, OrdersResulted]:
    """What one defendant's hearing decided, from all elements of the message that speak of it."""
    first = sittings[0]
    offences = _offences_of(sittings, table)
    results = [each for _, of_offence in offences for each in of_offence]
    defendant = _defendant(sittings)
    occurred_at = max(sitting.began_at for sitting in sittings)
    force_code = next(identifiers.forces(first.references.urn, first.references.asn, None), None)
    hearing = HearingResulted(
        occurred_at=occurred_at,
        force_code=force_code,
        references=first.references,
        hearing=first.place,
        court_ou=first.court_ou,
        court_type=table.courts.get(first.court_ou[0], CourtType.UNKNOWN),
        hearing_on=first.hearing_on,
        defendant=defendant,
        offences=tuple(offence for offence, _ in offences),
        custody=True if any(_keeps_in_custody(each.result, table) for each in results) else None,
        time_served=True if any(wording.time_served(each.text) for each in results) else None,
        remand=_remand(sittings, table),
        bail_conditions=_bail_conditions(sittings, results, table),
        next_hearing=_next_hearing(sittings),
    )
    orders = OrdersResulted(
        occurred_at=occurred_at,
        force_code=force_code,
        references=first.references,
        hearing=first.place,
        court_ou=first.court_ou,
        hearing_on=first.hearing_on,
        defendant=defendant,
        orders=orders_of(offences, first.hearing_on, table),
    )
    return hearing, orders


def _defendant(sittings: Sequence[Sitting]) -> Defendant:
    def first(read: Callable[[Element], T | None]) -> T | None:
        return next((found for sitting in sittings if (found := read(sitting.element)) is not None), None)

    return Defendant(
        name=first(_name),
        date_of_birth=_birth_date(sittings),
        pnc_id=first(lambda element: _first(fitting.pnc_id(said) for said in _own(element, "PNCidentifier"))),
    )


def _birth_date(sittings: Sequence[Sitting]) -> births.Born | None:
    """The first that can be read; one that cannot is kept only where no other is stated."""
    written = (said for sitting in sittings for said in _own(sitting.element, "Birthdate"))
    stated = [born for said in written if (born := fitting.birth_date(said)) is not None]
    return next((born for born in stated if births.known(born)), stated[0] if stated else None)


def _name(defendant: Element) -> str | None:
    """Given and family names of a person, or the name of an organisation."""
    parts = ("PersonGivenName1", "PersonGivenName2", "PersonGivenName3", "PersonFamilyName")
    person = " ".join(said for part in parts if (said := _first(_own(defendant, part))))
    plain = " ".join((person or _first(_own(defendant, "OrganisationName")) or "").split())
    return plain[: fitting.LONGEST_NAME].rstrip() or None


def _offences_of(sittings: Sequence[Sitting], table: CourtResults) -> list[tuple[ResultedOffence, list[Resulted]]]:
    """By sequence and code: two of one message may carry the same number. One that has none gets one from the far end,
    where no charge has ever been."""
    found: dict[tuple[int | None, str], list[Element]] = {}
    for element in (each for sitting in sittings for each in _offences(sitting.element)):
        sequence = _sequence(element)
        known_by = _written(element) if sequence is None else _offence_code(element)
        found.setdefault((sequence, known_by), []).append(element)
    numbered = {sequence for sequence, _ in found}
    free = (number for number in range(LAST_SEQUENCE, 0, -1) if number not in numbered)
    on = sittings[0].hearing_on
    offences = [
        _offence(sequence or next(free, LAST_SEQUENCE), elements, on, table)
        for (sequence, _), elements in found.items()
    ]
    return sorted(offences, key=lambda each: (each[0].sequence, each[0].code))


def _offences(holder: Element) -> Iterator[Element]:
    """The offences of a defendant, and the defendant himself where results are his and no offence's."""
    below = _levels(holder)
    if name(holder) != OFFENCE and any(name(each) == RESULT for each in below):
        yield holder
    for each in below:
        if name(each) == OFFENCE:
            yield each
            yield from _offences(each)


def _offence(
    sequence: int, elements: Sequence[Element], on: date, table: CourtResults
) -> tuple[ResultedOffence, list[Resulted]]:
    """One offence out of the elements that speak of it: what a later one repeats is said once."""
    results: list[Resulted] = []
    said_before: set[Resulted] = set()
    for element in elements:
        stated = [resulted for each in _results(element) for resulted in _resulted(each, on, table)]
        results += [each for each in stated if each not in said_before]
        said_before.update(stated)
    code = _offence_code(elements[0])
    finding = (_first(said for element in reversed(elements) for said in _own(element, "Finding")) or "").upper()
    convicted_on = _first(fitting.day(said) for element in elements for said in _own(element, "ConvictionDate"))
    final = _final([said for element in elements for said in _own(element, "FinalDisposalIndicator")], results, table)
    verdict = _verdict(finding, results, table, convicted=convicted_on is not None, final=final)
    convicted = verdict is Verdict.CONVICTED
    return (
        ResultedOffence(
            sequence=sequence,
            code=code,
            title=title(code),
            verdict=verdict,
            verdict_code=fitting.code(finding) if finding else None,
            verdict_date=((convicted_on if convicted else None) or on) if verdict else None,
            final=final,
            sentenced_on=on if convicted and final else None,
            results=tuple(each.result for each in results),
        ),
        results,
    )


def _final(indicators: Iterable[str], results: Iterable[Resulted], table: CourtResults) -> bool:
    """The court says whether it has dealt with the offence; where it does not, a result that deals with it says so."""
    stated = {indicator[:1].upper() for indicator in indicators}
    if stated & {"Y", "N"}:
        return "Y" in stated
    codes = {each.result.cjs_result_code for each in results}
    ended = any(code in table.endings and table.endings[code].final for code in codes)
    return ended or bool(codes & {*table.custody, *table.sentences})


def _verdict(
    finding: str, results: Sequence[Resulted], table: CourtResults, *, convicted: bool, final: bool
) -> Verdict | None:
    """Findings are too coarse alone: what is no conviction is read with its results, and those without a code by text.

    Nothing is guessed: without a finding, an ending or a date of conviction there is no verdict yet.
    """
    found = table.findings.get(finding)
    said = _first(wording.verdict(each.text) for each in results) if final else None
    if found is Verdict.CONVICTED:
        return Verdict.QUASHED if said is Verdict.QUASHED else found
    codes = {each.result.cjs_result_code for each in results}
    coded = next((ending.verdict for code, ending in table.endings.items() if code in codes), None)
    return said or coded or found or (Verdict.CONVICTED if convicted and not finding else None)


def _results(offence: Element) -> Iterator[Element]:
    for each in _levels(offence):
        if name(each) == RESULT:
            yield each
            yield from _results(each)


def _resulted(element: Element, on: date, table: CourtResults) -> Iterator[Resulted]:
    """One result for each code of the element; one without a code is carried as `uncoded`."""
    texts = [*_own(element, "ResultText")]
    pieces = [piece for said in texts for piece in fitting.pieces(said)]
    prompts = [*((TEXT_GOES_ON, piece) for piece in pieces[1:]), *_outcome(element)]
    ends, periods = _durations(element, on)
    for code in dict.fromkeys(map(fitting.code, _own(element, "ResultCode"))) or [fitting.UNCODED]:
        result = Result(
            cjs_result_code=code,
            label=table.label(code),
            ordered_date=on,
            qualifiers=_qualifiers(element),
            prompts=tuple(Prompt(label=label, value=value) for label, value in prompts),
            text=next(iter(pieces), None),
        )
        yield Resulted(result, next(iter(texts), ""), ends, periods)


def _qualifiers(result: Element) -> tuple[str, ...]:
    """Each once; some systems write several into one element."""
    stated = (part for said in _own(result, "ResultCodeQualifier") for part in SEPARATORS.split(said.upper()) if part)
    return tuple(dict.fromkeys(map(fitting.code, stated)))


def _outcome(result: Element) -> Iterator[tuple[str, str]]:
    """All else that a result states, each value under its element's name."""
    for each in inside(result, LEVELS):
        if name(each) not in READ_OF_RESULT and not len(each):
            yield from ((name(each)[: fitting.LONGEST_NAME], piece) for piece in fitting.pieces(text(each)))


def _durations(result: Element, on: date) -> tuple[frozenset[Length], frozenset[Length]]:
    """The ends that its durations state, and those that follow from a number of days, weeks, months or years.

    A second number beside the first may be added to it or be of something else: of two periods neither counts.
    """
    ends: set[Length] = set()
    periods: set[Length] = set()
    for duration in (each for each in inside(result, LEVELS) if name(each) == "Duration"):
        start = _first(fitting.day(said) for said in _own(duration, "DurationStartDate")) or on
        if stated := _first(fitting.day(said) for said in _own(duration, "DurationEndDate")):
            ends.add(Length(stated))
        for rank in ("", *(() if stated else ("Secondary",))):
            number = _first(_own(duration, f"{rank}DurationValue")) or ""
            unit = (_first(_own(duration, f"{rank}DurationUnit")) or "").upper()
            if unit == FOR_LIFE:
                ends.add(ENDLESS)
            elif DIGITS.fullmatch(number) and (end := period_end(start, int(number), unit)):
                periods.add(Length(end))
    return frozenset(ends), frozenset(periods)


def _keeps_in_custody(result: Result, table: CourtResults) -> bool:
    return result.cjs_result_code in table.custody and table.qualifiers.suspended not in result.qualifiers


def _remand(sittings: Sequence[Sitting], table: CourtResults) -> Remand:
    stated = [said.upper() for sitting in sittings for said in _own(sitting.element, "BailStatus")]
    return table.remand.get(stated[-1], Remand.UNKNOWN) if stated else Remand.UNKNOWN


def _bail_conditions(
    sittings: Sequence[Sitting], results: Iterable[Resulted], table: CourtResults
) -> tuple[BailCondition, ...]:
    """The coded conditions of bail, and the text of all of them."""
    coded = dict.fromkeys(
        qualifier
        for each in results
        if each.result.cjs_result_code in table.conditional_bail
        for qualifier in each.result.qualifiers
        if qualifier in table.bail_conditions
    )
    stated = dict.fromkeys(said for sitting in sittings for said in _own(sitting.element, "BailConditions"))
    return (
        *(BailCondition(code=code) for code in coded),
        *(BailCondition(code=BAIL_AS_STATED, text=piece) for said in stated for piece in fitting.pieces(said)),
    )


def _next_hearing(sittings: Sequence[Sitting]) -> NextHearing | None:
    """The first hearing to come, of those that the results name."""
    to_come = [
        NextHearing(court_ou=fitting.court(where, "") if where else None, on=on)
        for sitting in sittings
        for each in named(sitting.element, NEXT_HEARING)
        for where in [_first(_own(each, "CourtHearingLocation")) or ""]
        for on in [_first(fitting.day(said) for said in _own(each, "DateOfHearing"))]
        if where or on
    ]
    return min(
        to_come, key=lambda hearing: (hearing.on is None, hearing.on or date.max, hearing.court_ou or ""), default=None
    )


def _offence_code(offence: Element) -> str:
    stated = _first(_own(offence, "OffenceCode"))
    return fitting.code(stated.upper()) if stated else fitting.UNCODED


def _sequence(offence: Element) -> int | None:
    stated = _first(_own(offence, "OffenceSequenceNumber")) or ""
    return int(stated) if DIGITS.fullmatch(stated) and 1 <= int(stated) <= LAST_SEQUENCE else None


def _levels(element: Element) -> list[Element]:
    """The nearest levels below, whatever else they are wrapped in."""
    found: list[Element] = []
    for child in element:
        found += [child] if name(child) in LEVELS else _levels(child)
    return found


def _own(level: Element, wanted: str) -> Iterator[str]:
    """The texts of this name that are the level's own: not of a level inside it, nor of a guardian."""
    return (said for each in inside(level, NOT_OWN) if name(each) == wanted and (said := text(each)))


def _written(element: Element) -> str:
    """All that an element says, whatever its namespaces and white space."""
    return "\x1f".join(f"{name(each)}={(each.text or '').strip()}" for each in element.iter())


def _first(found: Iterable[T | None]) -> T | None:
    return next((each for each in found if each is not None), None)
