"""What a court decided about one defendant at one hearing, however its message was written, as facts of the relay.

SPI and Common Platform write the same hearing in two forms. An adapter reads its form into `Sitting`; what follows from
that is stated here once: who is one defendant, how each offence ended, which orders were made, and in which version.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TypeVar

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
    Remand,
    Result,
    ResultedOffence,
    Verdict,
)
from schemas.court_order_variations.v1 import OrdersResulted
from schemas.envelope import EPOCH, Envelope
from schemas.refusals import Refusal
from schemas.registry import event
from schemas.streams import REGISTRY
from services.intake import fitting, wording
from services.intake.court_orders import Resulted, orders_of
from services.platform.domain.linking.defendants import are_two, known_by, said_of

# Clocks of two systems may differ by this much; what claims to be written later was not written then.
CLOCKS_DIFFER = timedelta(hours=1)
LAST_SEQUENCE = 999
BAIL_AS_STATED = "as-stated"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read:
    """What one message said, and where it could not be read."""

    facts: tuple[tuple[Envelope, v.Body], ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """Who wrote a message and when, as far as it says so. `identity` tells it from every other."""

    source: str
    written_at: datetime | None
    identity: str
    received_at: datetime

    @property
    def said_at(self) -> datetime:
        """When it was written, if that can be true; else when it was received."""
        written = self.written_at
        can_be_true = written is not None and EPOCH < written <= self.received_at + CLOCKS_DIFFER
        return written if written is not None and can_be_true else self.received_at


@dataclass(frozen=True, slots=True)
class OffenceSaid:
    """One offence as one part of a message states it.

    `sequence` None: it has none of its own, and `known_by` tells it from others. `verdict`: how it ended, where the
    source says so by more than its finding. `disposed`: whether the court says that it has dealt with it.
    """

    code: str
    sequence: int | None = None
    known_by: str = ""
    finding: str = ""
    verdict: Verdict | None = None
    convicted_on: date | None = None
    disposed: bool | None = None
    results: tuple[Resulted, ...] = ()


@dataclass(frozen=True)
class Sitting:
    """What one part of a message states of one defendant at one hearing."""

    message: Message
    references: v.References
    court_ou: str
    hearing_on: date
    began_at: datetime
    defendant: Defendant
    offences: tuple[OffenceSaid, ...]
    court_type: CourtType | None = None
    source_hearing_id: str | None = None
    case_markers: tuple[str, ...] = ()
    bail_status: tuple[str, ...] = ()
    bail_conditions: tuple[str, ...] = ()
    next_hearings: tuple[NextHearing, ...] = ()
    amended: bool = False

    @cached_property
    def place(self) -> str:
        return v.hearing_place(self.references, self.court_ou, self.hearing_on)

    @property
    def has_no_reference(self) -> bool:
        return self.references.asn is None and self.references.defendant_id == fitting.unknown(1)


def references(
    urn: str, defendant: Iterable[str], court_ou: str, court_case: str | None = None, *, called: str | None
) -> v.References:
    """What a message says a defendant's case belongs to. `defendant`: the names by which systems know him, of which an
    ASN counts first; where none of them can be anybody's, a placeholder. `called`: his name, which some prosecutors
    write into their references: it reaches no key."""
    named = [said for said in defendant if said]
    asn = next((known for said in named if (known := identifiers.asn(said))), None)
    his = next((known for said in named if (known := fitting.defendant_id(said))), None)
    return v.References(
        urn=fitting.without_name(fitting.urn(urn), called),
        court_case=fitting.without_name(court_case, called),
        asn=asn,
        defendant_id=None if asn else fitting.without_name(his, called) or fitting.unknown(1),
        court_ou=court_ou,
    )


def facts_of(sittings: Iterable[Sitting]) -> tuple[tuple[Envelope, v.Body], ...]:
    """One hearing-resulted and one orders-resulted for each defendant at each hearing."""
    table = court_results()
    return tuple(_event(body, of_one[0]) for of_one in _hearings(sittings) for body in _bodies(of_one, table))


def stated(
    body: v.Body,
    message: Message,
    on: date,
    *,
    type_name: str | None = None,
    subject: str | None = None,
) -> tuple[Envelope, v.Body]:
    """A fact with its envelope: in the version of the time at which the source wrote the message, if that can be true,
    that is on or after the day `on` of which it speaks, and not after its receipt; else of its receipt."""
    name = type_name or REGISTRY.of_body[type(body)].name
    written = _written_when(message, on)
    if written is None:
        return event(body, name, message.source, message.received_at, received_in=message.identity, subject=subject)
    return event(body, name, message.source, written, subject=subject)


def _event(body: HearingResulted | OrdersResulted, sitting: Sitting) -> tuple[Envelope, v.Body]:
    return stated(body, sitting.message, sitting.hearing_on)


def _written_when(message: Message, on: date) -> datetime | None:
    written = message.written_at
    if written is None or written != message.said_at:
        return None
    return None if written.astimezone(fitting.LONDON).date() < on else written


def _hearings(sittings: Iterable[Sitting]) -> Iterator[list[Sitting]]:
    """The parts that speak of one defendant at one hearing: two people who share a reference are two."""
    by_place: dict[str, list[Sitting]] = {}
    for sitting in sittings:
        by_place.setdefault(sitting.place, []).append(sitting)
    for at_place in by_place.values():
        for number, him in enumerate(_people(at_place), 1):
            yield [_numbered(sitting, number) for sitting in him] if him[0].has_no_reference else him


def _numbered(sitting: Sitting, number: int) -> Sitting:
    his = sitting.references.model_copy(update={"defendant_id": fitting.unknown(number)})
    return replace(sitting, references=his)


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


def _bodies(sittings: Sequence[Sitting], table: CourtResults) -> tuple[HearingResulted, OrdersResulted]:
    """What one defendant's hearing decided, from all parts of the message that speak of it."""
    first = sittings[0]
    offences = _offences_of(sittings, table)
    results = [each for _, of_offence in offences for each in of_offence]
    defendant = _defendant([sitting.defendant for sitting in sittings])
    occurred_at = max(sitting.began_at for sitting in sittings)
    force_code = next(identifiers.forces(first.references.urn, first.references.asn, None), None)
    amended = v.CorrectionReason.RESULT_AMENDED if any(sitting.amended for sitting in sittings) else None
    hearing = HearingResulted(
        occurred_at=occurred_at,
        correction_reason=amended,
        force_code=force_code,
        references=first.references,
        hearing=first.place,
        source_hearing_id=first.source_hearing_id,
        court_ou=first.court_ou,
        court_type=first.court_type or table.courts.get(first.court_ou[0], CourtType.UNKNOWN),
        hearing_on=first.hearing_on,
        defendant=defendant,
        offences=tuple(offence for offence, _ in offences),
        case_markers=tuple(dict.fromkeys(marker for sitting in sittings for marker in sitting.case_markers)),
        custody=True if any(_keeps_in_custody(each.result, table) for each in results) else None,
        time_served=True if any(wording.time_served(each.text) for each in results) else None,
        remand=_remand(sittings, table),
        bail_conditions=_bail_conditions(sittings, results, table),
        next_hearing=_next_hearing(sittings),
    )
    orders = OrdersResulted(
        occurred_at=occurred_at,
        correction_reason=amended,
        force_code=force_code,
        references=first.references,
        hearing=first.place,
        court_ou=first.court_ou,
        hearing_on=first.hearing_on,
        defendant=defendant,
        orders=orders_of(offences, first.hearing_on, table),
    )
    return hearing, orders


def _defendant(parts: Sequence[Defendant]) -> Defendant:
    """Of each part of him the first that is stated; a date of birth that cannot be read only where no other is."""

    def first(read: Callable[[Defendant], T | None]) -> T | None:
        return next((found for each in parts if (found := read(each)) is not None), None)

    written = [each.date_of_birth for each in parts if each.date_of_birth is not None]
    return Defendant(
        name=first(lambda each: each.name),
        date_of_birth=next((born for born in written if births.known(born)), written[0] if written else None),
        record=first(lambda each: each.record),
        pnc_id=first(lambda each: each.pnc_id),
        cro_number=first(lambda each: each.cro_number),
    )


def _offences_of(sittings: Sequence[Sitting], table: CourtResults) -> list[tuple[ResultedOffence, list[Resulted]]]:
    """By sequence and code: two of one message may carry the same number. One that has none gets one from the far end,
    where no charge has ever been."""
    found: dict[tuple[int | None, str], list[OffenceSaid]] = {}
    for said in (each for sitting in sittings for each in sitting.offences):
        known_by = said.known_by if said.sequence is None else said.code
        found.setdefault((said.sequence, known_by), []).append(said)
    numbered = {sequence for sequence, _ in found}
    free = (number for number in range(LAST_SEQUENCE, 0, -1) if number not in numbered)
    on = sittings[0].hearing_on
    offences = [
        _offence(sequence or next(free, LAST_SEQUENCE), parts, on, table) for (sequence, _), parts in found.items()
    ]
    return sorted(offences, key=lambda each: (each[0].sequence, each[0].code))


def _offence(
    sequence: int, parts: Sequence[OffenceSaid], on: date, table: CourtResults
) -> tuple[ResultedOffence, list[Resulted]]:
    """One offence out of all that is said of it: what a later part repeats is said once."""
    results: list[Resulted] = []
    said_before: set[Resulted] = set()
    for part in parts:
        results += [each for each in part.results if each not in said_before]
        said_before.update(part.results)
    code = parts[0].code
    finding = next((part.finding for part in reversed(parts) if part.finding), "").upper()
    convicted_on = next((part.convicted_on for part in parts if part.convicted_on), None)
    final = _final([part.disposed for part in parts], results, table)
    ended = next((part.verdict for part in reversed(parts) if part.verdict), None)
    verdict = _verdict(finding, ended, results, table, convicted=convicted_on is not None, final=final)
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


def _final(indicators: Sequence[bool | None], results: Iterable[Resulted], table: CourtResults) -> bool:
    """The court says whether it has dealt with the offence; where it does not, a result that deals with it says so."""
    if True in indicators or False in indicators:
        return True in indicators
    codes = {each.result.cjs_result_code for each in results}
    ended = any(code in table.endings and table.endings[code].final for code in codes)
    return ended or bool(codes & {*table.custody, *table.sentences})


def _verdict(
    finding: str,
    ended: Verdict | None,
    results: Sequence[Resulted],
    table: CourtResults,
    *,
    convicted: bool,
    final: bool,
) -> Verdict | None:
    """Findings are too coarse alone: what is no conviction is read with its results, and those without a code by text.

    Nothing is guessed: without a finding, an ending or a date of conviction there is no verdict yet.
    """
    found = table.findings.get(finding)
    said = next((v for each in results if (v := wording.verdict(each.text)) is not None), None) if final else None
    if found is Verdict.CONVICTED:
        return Verdict.QUASHED if said is Verdict.QUASHED else found
    codes = {each.result.cjs_result_code for each in results}
    coded = next((ending.verdict for code, ending in table.endings.items() if code in codes), None)
    return ended or said or coded or found or (Verdict.CONVICTED if convicted and not finding else None)


def _keeps_in_custody(result: Result, table: CourtResults) -> bool:
    return result.cjs_result_code in table.custody and table.qualifiers.suspended not in result.qualifiers


def _remand(sittings: Sequence[Sitting], table: CourtResults) -> Remand:
    written = [status.upper() for sitting in sittings for status in sitting.bail_status]
    return table.remand.get(written[-1], Remand.UNKNOWN) if written else Remand.UNKNOWN


def _bail_conditions(
    sittings: Sequence[Sitting], results: Iterable[Resulted], table: CourtResults
) -> tuple[BailCondition, ...]:
    """The coded conditions of bail, and the text of all of them."""
    coded = dict.fromkeys(
        qualifier
        for each in results
        if each.result.cjs_result_code in table.conditional_bail
        for qualifier in (*each.result.qualifiers, *each.qualified_by)
        if qualifier in table.bail_conditions
    )
    written = dict.fromkeys(said for sitting in sittings for said in sitting.bail_conditions)
    return (
        *(BailCondition(code=code) for code in coded),
        *(BailCondition(code=BAIL_AS_STATED, text=piece) for said in written for piece in fitting.pieces(said)),
    )


def _next_hearing(sittings: Sequence[Sitting]) -> NextHearing | None:
    """The first hearing to come, of those that the results name."""
    return min(
        (hearing for sitting in sittings for hearing in sitting.next_hearings),
        key=lambda hearing: (hearing.on is None, hearing.on or date.max, hearing.court_ou or ""),
        default=None,
    )
