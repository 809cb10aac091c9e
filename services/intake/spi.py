"""Court results as courts send them to police forces (SPI `ResultedCaseMessage`), read as facts of the relay.

Every defendant at every hearing of a message becomes one hearing-resulted and one orders-resulted, whatever the message
lacks or adds: names count without their namespace, what is missing is left open, what does not fit is made to fit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property
from typing import TypeVar
from xml.etree.ElementTree import Element

from schemas import births
from schemas.codes.court_results import CourtResults, court_results
from schemas.court_convictions.v1 import Defendant, NextHearing, Prompt, Result
from schemas.refusals import Refusal, RefusalReason
from services.intake import fitting
from services.intake.court_hearings import LAST_SEQUENCE, Message, OffenceSaid, Read, Sitting, facts_of, references
from services.intake.court_orders import Resulted
from services.intake.markup import inside, name, named, outermost, parsed, parsed_text, text
from services.intake.order_length import ENDLESS, Length, period_end

MESSAGE, SESSION, CASE, DEFENDANT, OFFENCE, RESULT = (
    "ResultedCaseMessage", "Session", "Case", "Defendant", "Offence", "Result",
)  # fmt: skip
NEXT_HEARING = "NextHearing"
LEVELS = frozenset({MESSAGE, SESSION, CASE, DEFENDANT, OFFENCE, RESULT, NEXT_HEARING})
READ_OF_RESULT = frozenset({"ResultCode", "ResultText", "ResultCodeQualifier"})
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
TEXT_GOES_ON = "ResultText, continued"

T = TypeVar("T")


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
class DefendantElement:
    """One `Defendant` element, with what it stands in: itself, its case, its session, its message."""

    around: tuple[Level, ...]
    message: Message

    @property
    def element(self) -> Element:
        return self.around[0].element

    def says(self, wanted: str) -> str:
        """The first text of this name that the nearest level around has as its own; empty where there is none."""
        return next((said for level in self.around if (said := level.own.get(wanted))), "")

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
        written_at, received_on = self.message.written_at, self.message.received_at.astimezone(fitting.LONDON).date()
        written_on = written_at.astimezone(fitting.LONDON).date() if written_at else date.min
        can_be_true = max(filter(None, before), default=date.min) <= written_on <= received_on
        return written_on if written_at and can_be_true else received_on

    def _last_day(self, wanted: str) -> date | None:
        return max((day for each in named(self.element, wanted) if (day := fitting.day(text(each)))), default=None)

    def sitting(self) -> Sitting:
        """All that it states."""
        defendant = _defendant(self.element)
        his = [self.says("ProsecutorReference")]
        return Sitting(
            message=self.message,
            references=references(self.says("PTIURN"), his, self.court_ou, called=defendant.name),
            court_ou=self.court_ou,
            hearing_on=self.hearing_on,
            began_at=fitting.at(self.hearing_on, self.says("TimeOfHearing")),
            defendant=defendant,
            offences=tuple(_offence(each, self.hearing_on) for each in _offences(self.element)),
            bail_status=tuple(_own(self.element, "BailStatus")),
            bail_conditions=tuple(_own(self.element, "BailConditions")),
            next_hearings=tuple(_next_hearings(self.element)),
        )


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
    documents = dict.fromkeys(document.root for result in results for document in result.wrapped_in)
    source = _source(documents)
    return Read(
        facts=facts_of(each.sitting() for result in results for each in _elements(result, source, received_at)),
        refusals=(*unread, *(refusal for result in results for refusal in _silent_cases(result.element))),
    )


def _elements(result: ResultMessage, source: str, received_at: datetime) -> Iterator[DefendantElement]:
    message = Message(source, result.written_at, result.identity, received_at)
    for around in _defendants(Level(result.element), tuple(document.level for document in result.wrapped_in)):
        yield DefendantElement(around, message)


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


def _source(documents: Iterable[Element]) -> str:
    """The system that wrote the message, if it names itself by a plain code."""
    systems = (system for document in documents for system in named(document, "OriginatingSystem"))
    codes = (text(code) for system in systems for code in named(system, "OrgUnitCode"))
    return next((f"urn:spi:{code}" for code in codes if COURT_CODE.fullmatch(code)), "urn:spi")


def _defendant(element: Element) -> Defendant:
    return Defendant(
        name=_name(element),
        date_of_birth=_birth_date(element),
        pnc_id=_first(fitting.pnc_id(said) for said in _own(element, "PNCidentifier")),
    )


def _birth_date(element: Element) -> births.Born | None:
    """The first that can be read; one that cannot is kept only where no other is stated."""
    written = _own(element, "Birthdate")
    stated = [born for said in written if (born := fitting.birth_date(said)) is not None]
    return next((born for born in stated if births.known(born)), stated[0] if stated else None)


def _name(defendant: Element) -> str | None:
    """Given and family names of a person, or the name of an organisation."""
    parts = ("PersonGivenName1", "PersonGivenName2", "PersonGivenName3", "PersonFamilyName")
    person = " ".join(said for part in parts if (said := _first(_own(defendant, part))))
    plain = " ".join((person or _first(_own(defendant, "OrganisationName")) or "").split())
    return plain[: fitting.LONGEST_NAME].rstrip() or None


def _offences(holder: Element) -> Iterator[Element]:
    """The offences of a defendant, and the defendant himself where results are his and no offence's."""
    below = _levels(holder)
    if name(holder) != OFFENCE and any(name(each) == RESULT for each in below):
        yield holder
    for each in below:
        if name(each) == OFFENCE:
            yield each
            yield from _offences(each)


def _offence(element: Element, on: date) -> OffenceSaid:
    sequence = _sequence(element)
    indicators = [said[:1].upper() for said in _own(element, "FinalDisposalIndicator")]
    table = court_results()
    return OffenceSaid(
        code=_offence_code(element),
        sequence=sequence,
        known_by="" if sequence else _written(element),
        finding=_first(_own(element, "Finding")) or "",
        convicted_on=_first(fitting.day(said) for said in _own(element, "ConvictionDate")),
        disposed="Y" in indicators if {"Y", "N"}.intersection(indicators) else None,
        results=tuple(resulted for each in _results(element) for resulted in _resulted(each, on, table)),
    )


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


def _next_hearings(defendant: Element) -> Iterator[NextHearing]:
    for each in named(defendant, NEXT_HEARING):
        where = _first(_own(each, "CourtHearingLocation")) or ""
        on = _first(fitting.day(said) for said in _own(each, "DateOfHearing"))
        if where or on:
            yield NextHearing(court_ou=fitting.court(where, "") if where else None, on=on)


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
