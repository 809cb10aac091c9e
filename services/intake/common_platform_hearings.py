"""One share of a hearing on Common Platform: each of its defendants, with what was decided about their offences.

As Common Platform itself does when it tells the police (hmcts/cpp-context-results, `OffenceDetails`, `CasesConverter`,
`MoveDefendantJudicialResultsHelper`): results of a defendant join the offence that they name, else the first one that
goes on; an application that was resulted stands among the offences of its case by the code of its type.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property

from schemas import births, identifiers
from schemas import values as v
from schemas.bounded_json import canonical
from schemas.codes.court_results import AskedFor, CourtResults, court_results
from schemas.codes.courts import code_of_court
from schemas.court_convictions.v1 import CourtType, Defendant, NextHearing, Verdict
from services.intake import fitting, wording
from services.intake.common_platform_results import (
    all_resulted,
    ends_in,
    is_amended,
    not_deleted,
    ordered_on,
    quashes,
)
from services.intake.court_hearings import LAST_SEQUENCE, Message, OffenceSaid, Sitting, references
from services.intake.loose_json import NOTHING, Object, first_text, inside, number, objects, text, truth
from services.platform.domain.linking.defendants import known_by

RECORDS = "common-platform"
JURISDICTIONS = {"CROWN": CourtType.CROWN, "MAGISTRATES": CourtType.MAGISTRATES}
GUILTY, NOT_GUILTY, GUILTY_OF_AN_ALTERNATIVE = "G", "N", "NA"
INTERMEDIARY, STANDALONE = "INTERMEDIARY", "STANDALONE"


@dataclass(frozen=True, slots=True)
class Matter:
    """An offence, or an application that is dealt with as one, and all results of it, deleted ones among them.

    `quashed`: an appeal against its conviction was allowed, and nothing else was ordered for it. `changes_order`: it is
    an application to change a protective order.
    """

    said: Object
    results: tuple[Object, ...]
    sequence: int | None = None
    code: str = fitting.UNCODED
    quashed: bool = False
    changes_order: bool = False


@dataclass(frozen=True, slots=True)
class Dock:
    """A defendant in one case. `parts`: the objects that speak of him, the fullest first; `names`: what systems call
    him in this case."""

    parts: tuple[Object, ...]
    urn: str
    names: tuple[str, ...]
    matters: tuple[Matter, ...] = ()
    markers: tuple[str, ...] = ()
    court_case: str | None = None


@dataclass(frozen=True)
class Shared:
    """A hearing, and what its message says around it. `again`: its results had been shared before."""

    hearing: Object
    message: Message
    day: date | None = None
    again: bool | None = None
    table: CourtResults = field(default_factory=court_results)

    @cached_property
    def court_ou(self) -> str:
        """The court's own code, else that of its name, else one made of what it is known by."""
        return court(inside(self.hearing, "courtCentre"))

    @cached_property
    def court_type(self) -> CourtType | None:
        if inside(self.hearing, "youthCourt") or self.hearing.get("youthCourtDefendantIds"):
            return CourtType.YOUTH
        return JURISDICTIONS.get(text(self.hearing, "jurisdictionType").upper())

    @cached_property
    def sat_at(self) -> dict[date, datetime]:
        """The days on which it sat, each with the time at which it began."""
        found: dict[date, datetime] = {}
        for each in objects(self.hearing, "hearingDays"):
            at = fitting.moment(text(each, "sittingDay"))
            day = at.astimezone(fitting.LONDON).date() if at else fitting.day(text(each, "sittingDay"))
            if day and truth(each, "isCancelled") is not True:
                found.setdefault(day, at.astimezone(fitting.LONDON) if at else fitting.at(day, ""))
        return found

    @cached_property
    def main_day(self) -> date:
        """The day that is shared; where that is not said, the last on which it had sat when the message was written;
        without any, the last on which something was ordered, else that of writing or of receipt."""
        if self.day:
            return self.day
        written = self.message.said_at.astimezone(fitting.LONDON).date()
        if self.sat_at:
            return max((day for day in self.sat_at if day <= written), default=min(self.sat_at))
        days = (ordered_on(each) for dock in self.docks for matter in dock.matters for each in matter.results)
        return max((day for day in days if day), default=written)

    @cached_property
    def charged(self) -> tuple[Dock, ...]:
        """Every defendant of every case."""
        return tuple(_charged(self.hearing))

    @cached_property
    def docks(self) -> tuple[Dock, ...]:
        """Them, and whom each application that was resulted is about."""
        applications = objects(self.hearing, "courtApplications")
        resulted = (dock for each in applications for dock in _resulted_docks(each, self.charged, self.table))
        return (*self.charged, *resulted)

    @property
    def is_resulted(self) -> bool:
        """Whether results were shared; a hearing that is only listed decided nothing."""
        shared = truth(self.hearing, "hasSharedResults") or self.again is not None or self.day
        return bool(shared) or any(matter.results for dock in self.docks for matter in dock.matters)

    def day_of(self, ordered: date | None) -> date:
        """The sitting to which something belongs that was ordered on that day."""
        return ordered if ordered and not self.day and ordered in self.sat_at else self.main_day

    def began_at(self, day: date) -> datetime:
        return self.sat_at.get(day) or fitting.at(day, "")

    def by_day(self, dock: Dock) -> dict[date, list[Matter]]:
        """The sittings at which something was decided about him, each with what it was about."""
        found: dict[date, list[Matter]] = {}
        for matter in dock.matters:
            ordered: dict[date, list[Object]] = {self.main_day: []} if matter.quashed else {}
            for day in _decided_on(matter.said):
                if day == self.main_day or (not self.day and day in self.sat_at):
                    ordered.setdefault(day, [])
            for result in matter.results:
                ordered.setdefault(self.day_of(ordered_on(result)), []).append(result)
            for day, results in ordered.items():
                quashed = matter.quashed and day == self.main_day
                found.setdefault(day, []).append(replace(matter, results=tuple(results), quashed=quashed))
        return found or {self.main_day: []}


def court(centre: Object) -> str:
    """A court's organisation unit, by its code, its name, its petty sessions area, or what else it is known by."""
    code = text(centre, "code") or code_of_court(text(centre, "name"))
    area = text(centre, "psaCode") or text(inside(centre, "lja"), "ljaCode")
    return fitting.court(code or ("" if area else text(centre, "id", "name")), area)


def sittings(shared: Shared) -> Iterator[Sitting]:
    """What each defendant's part of the hearing says, for each day of it on which something was decided."""
    for dock in shared.docks:
        for day, matters in sorted(shared.by_day(dock).items(), key=lambda item: item[0]):
            sitting = _sitting(shared, dock, day, matters)
            # What was never shared before has nothing that this could take back.
            if sitting.offences or sitting.amended or shared.again is not False:
                yield sitting


def asked_for(application: Object, table: CourtResults) -> AskedFor | None:
    """What an application asks to be done to a protective order: by its code, else by its words."""
    kind = inside(application, "type")
    return table.applications.get(text(kind, "code").upper()) or wording.asks_of_order(text(kind, "type"))


def docks_of(application: Object, charged: Sequence[Dock]) -> list[Dock]:
    """Whom an application is about, in each case that it is linked to; without any, by its own reference."""
    parts = _subject(application)
    linked = _linked(application)
    if linked:
        return [_dock(application, parts, urn, offences, charged) for urn, offences in linked.items()]
    of_cases = [each for part in parts for each in objects(part, "defendantCase")]
    reference = first_text(of_cases, "caseReference") or text(application, "applicationReference")
    urn = reference if identifiers.urn(reference) else ""
    dock = _dock(application, parts, urn, (), charged)
    return [dock if urn else replace(dock, court_case=fitting.defendant_id(reference))]


def _charged(hearing: Object) -> Iterator[Dock]:
    everywhere: dict[str, list[Object]] = {}
    for each in objects(hearing, "defendantJudicialResults"):
        everywhere.setdefault(text(each, "masterDefendantId"), []).extend(objects(each, "judicialResult"))
    defendants = [each for case in objects(hearing, "prosecutionCases") for each in objects(case, "defendants")]
    known = {text(offence, "id") for each in defendants for offence in objects(each, "offences")}
    for case in objects(hearing, "prosecutionCases"):
        markers = [text(each, "markerTypeCode") for each in objects(case, "caseMarkers")]
        for defendant in objects(case, "defendants"):
            master = text(defendant, "masterDefendantId")
            loose = objects(defendant, "judicialResults", "defendantCaseJudicialResults")
            offences = objects(defendant, "offences")
            others = known - {text(offence, "id") for offence in offences}
            of_all_cases = everywhere.get(master, []) if master else []
            loose += [each for each in of_all_cases if text(each, "offenceId") not in others]
            yield Dock(
                parts=(defendant,),
                urn=_urn(case),
                names=_names(defendant),
                matters=tuple(_offences(offences, loose)),
                markers=tuple(fitting.code(each) for each in markers if each),
            )


def _resulted_docks(application: Object, charged: Sequence[Dock], table: CourtResults) -> Iterator[Dock]:
    """Those of an application that has results, or whose offences have."""
    own = objects(application, "judicialResults")
    docks = docks_of(application, charged)
    alone = not _linked(application) or text(inside(application, "type"), "linkType").upper() == STANDALONE
    quashed = quashes(not_deleted(own))
    for dock in docks:
        matters = [
            replace(matter, quashed=quashed and not not_deleted(matter.results))
            for matter in dock.matters
            if matter.results or quashed
        ]
        if own:
            code = text(inside(application, "type"), "code").upper()
            changes_order = asked_for(application, table) not in (None, "make")
            sequence = 1 if alone else None
            matters.insert(
                0, Matter(application, tuple(own), sequence, fitting.code(code), changes_order=changes_order)
            )
        if matters:
            yield replace(dock, matters=tuple(matters))


def _dock(
    application: Object, parts: Sequence[Object], urn: str, offences: Sequence[Object], charged: Sequence[Dock]
) -> Dock:
    """As the hearing has him in that case; where it has not, as the application does."""
    ids = {name for part in parts for name in ids_of(part)}
    matters = tuple(_offences(offences, ()))
    for dock in charged:
        if fitting.urn(dock.urn) == fitting.urn(urn) and ids.intersection(ids_of(dock.parts[0])):
            return replace(dock, parts=(*dock.parts, *parts), matters=matters)
    asn = text(application, "defendantASN")
    named = [name for part in parts for name in _names(part)]
    return Dock(tuple(parts), urn, tuple(filter(None, (*named[:2], asn, *named[2:]))), matters)


def _subject(application: Object) -> tuple[Object, ...]:
    """The defendant whom it is about, as such and as a party to it; only as a party where he is no defendant."""
    parties = [inside(application, "subject"), inside(application, "applicant"), *objects(application, "respondents")]
    for party in parties:
        if master := inside(party, "masterDefendant"):
            return (master, party)
    return (parties[0],)


def _linked(application: Object) -> dict[str, list[Object]]:
    """The offences of each case that it is linked to, first by the order that it is about."""
    found: dict[str, list[Object]] = {}
    for each in objects(inside(application, "courtOrder"), "courtOrderOffences"):
        found.setdefault(_urn(each), []).extend(objects(each, "offence"))
    for case in objects(application, "courtApplicationCases"):
        found.setdefault(_urn(case), []).extend(objects(case, "offences"))
    return {urn: offences for urn, offences in found.items() if urn}


def _urn(case: Object) -> str:
    return text(inside(case, "prosecutionCaseIdentifier"), "caseURN", "prosecutionAuthorityReference")


def _names(part: Object) -> tuple[str, ...]:
    """Of him in one case: his prosecutor's reference, his ASN, and the ids that the platform gave him."""
    person = inside(part, "personDefendant")
    return (text(part, "prosecutionAuthorityReference"), text(person, "arrestSummonsNumber"), *ids_of(part))


def ids_of(part: Object) -> list[str]:
    """The ids that Common Platform gives this defendant."""
    of_cases = [text(each, "defendantId") for each in objects(part, "defendantCase")]
    return [name for name in (text(part, "id"), *of_cases, text(part, "masterDefendantId")) if name]


def _offences(offences: Sequence[Object], loose: Iterable[Object]) -> Iterator[Matter]:
    """Each offence with its results. One of the defendant joins the offence that it names, else the first that goes on,
    else the first; where he has no offences, it stands alone."""
    found = [list(objects(each, "judicialResults")) for each in offences]
    goes_on = [
        any(text(each, "category").upper() == INTERMEDIARY for each in not_deleted(results)) for results in found
    ]
    first = goes_on.index(True) if True in goes_on else 0
    places = {text(each, "id"): at for at, each in enumerate(offences)}
    alone: list[Object] = []
    for result in loose:
        (found[places.get(text(result, "offenceId"), first)] if offences else alone).append(result)
    for offence, results in zip(offences, found, strict=True):
        index = number(offence, "orderIndex") or 0
        sequence = index if 1 <= index <= LAST_SEQUENCE else None
        yield Matter(offence, tuple(results), sequence, fitting.code(text(offence, "offenceCode").upper()))
    if alone:
        yield Matter(NOTHING, tuple(alone))


def _decided_on(matter: Object) -> list[date]:
    """The days on which a verdict was reached."""
    said = (text(inside(matter, "verdict"), "verdictDate"), text(matter, "convictionDate"), _acquitted(matter))
    return [day for each in said if (day := fitting.day(each))]


def _acquitted(matter: Object) -> str:
    return text(matter, "aquittalDate", "acquittalDate")  # the platform spells it in the first way


def _sitting(shared: Shared, dock: Dock, day: date, matters: Sequence[Matter]) -> Sitting:
    results = [result for matter in matters for result in matter.results]
    kept = not_deleted(results)
    statuses = [text(each, "postHearingCustodyStatus").upper() for each in kept]
    person = [inside(part, "personDefendant") for part in dock.parts]
    status = first_text((inside(each, "bailStatus") for each in person), "code")
    defendant = _defendant(dock.parts)
    return Sitting(
        message=shared.message,
        references=_references(dock, defendant, shared.court_ou),
        court_ou=shared.court_ou,
        hearing_on=day,
        began_at=shared.began_at(day),
        defendant=defendant,
        offences=tuple(one for matter in matters if (one := _offence(matter, day, shared.table)) is not None),
        court_type=shared.court_type,
        source_hearing_id=fitting.defendant_id(text(shared.hearing, "id")),
        case_markers=dock.markers,
        bail_status=(status,) if status else tuple(each for each in statuses if each in shared.table.remand),
        bail_conditions=tuple(said for each in person if (said := text(each, "bailConditions"))),
        next_hearings=tuple(_next_hearings(kept)),
        amended=any(map(is_amended, results)) or _lost_results(shared.hearing, dock),
    )


def _lost_results(hearing: Object, dock: Dock) -> bool:
    """Whether the platform lists, apart from what stands, results of his that an amendment deleted (hmcts/cpp-context-
    hearing, `DeletedJudicialResultTransformer`)."""
    deleted = inside(hearing, "deletedJudicialResults")
    kinds = ("prosecutionCaseResults", "applicationResults", "applicationCaseResults", "applicationCourtOrderResults")
    ids = {name for part in dock.parts for name in ids_of(part)}
    return any(text(each, "defendantId") in ids for each in objects(deleted, *kinds))


def _references(dock: Dock, defendant: Defendant, court_ou: str) -> v.References:
    """What his case is known by. The platform's own ids of him count only where his name and birth are not known: SPI,
    which has no such ids, writes a placeholder where he has no reference, and one man must not be two."""
    ids = {name for part in dock.parts for name in ids_of(part)} if known_by(defendant) else set[str]()
    names = [name for name in dock.names if name not in ids]
    return references(dock.urn, names, court_ou, dock.court_case, called=defendant.name)


def _offence(matter: Matter, day: date, table: CourtResults) -> OffenceSaid | None:
    """What this day's sitting decided about one offence; None where all results of it were deleted."""
    kept, quashed = not_deleted(matter.results), matter.quashed
    if not kept and not quashed and day not in _decided_on(matter.said):
        return None
    convicted_on = fitting.day(text(matter.said, "convictionDate"))
    finding = _finding(matter.said)
    if not finding and convicted_on is None and any(truth(each, "isConvictedResult") for each in kept):
        convicted_on = day
    disposed = truth(matter.said, "isDisposed")
    return OffenceSaid(
        code=matter.code,
        sequence=matter.sequence,
        known_by=f"{text(matter.said, 'id') or canonical(matter.said).decode()} {matter.code}",
        finding="" if quashed else finding,
        verdict=Verdict.QUASHED if quashed else _ending(matter.said),
        convicted_on=None if quashed else convicted_on,
        disposed=True if quashed else ends_in(kept) if disposed is None else disposed,
        results=all_resulted(kept, day, table, of=matter.code, changes_order=matter.changes_order),
    )


def _finding(matter: Object) -> str:
    """The verdict as the CJS codes it; where it has no such code, by its kind."""
    verdict = inside(matter, "verdict")
    kind = inside(verdict, "verdictType")
    if code := text(kind, "cjsVerdictCode"):
        return code.upper()
    category = text(kind, "categoryType", "category").upper().replace(" ", "_")
    if inside(verdict, "lesserOrAlternativeOffence"):
        return GUILTY_OF_AN_ALTERNATIVE
    if category.startswith("NOT_GUILTY"):
        return NOT_GUILTY
    if category.startswith("GUILTY"):
        return GUILTY
    return NOT_GUILTY if _acquitted(matter) else ""


def _ending(matter: Object) -> Verdict | None:
    """An ending that no code of the CJS has, by the words of its verdict; or that the prosecution goes on no longer."""
    kind = inside(matter, "verdict", "verdictType")
    said = wording.verdict(f"{text(kind, 'description')}. {text(kind, 'category')}")
    return said or (Verdict.DISCONTINUED if truth(matter, "isDiscontinued") else None)


def _defendant(parts: Sequence[Object]) -> Defendant:
    """Who he is, from all that speaks of him. The platform's own id of him holds for all his cases."""
    written = [born for each in _details(parts) if (born := fitting.birth_date(text(each, "dateOfBirth"))) is not None]
    record = fitting.defendant_id(first_text(parts, "masterDefendantId"))
    return Defendant(
        name=name_of(parts),
        date_of_birth=next((born for born in written if births.known(born)), written[0] if written else None),
        record=v.RecordId(system=RECORDS, id=record) if record else None,
        pnc_id=fitting.pnc_id(first_text(parts, "pncId")),
        cro_number=fitting.cro_number(first_text(parts, "croNumber")),
    )


def name_of(parts: Sequence[Object]) -> str | None:
    """His name, or that of a company, from all that speaks of him."""
    organisations = [
        inside(part, *path) for part in parts for path in (("legalEntityDefendant", "organisation"), ("organisation",))
    ]
    names = (
        " ".join(filter(None, (text(each, part) for part in ("firstName", "middleName", "lastName"))))
        for each in _details(parts)
    )
    name = next(filter(None, names), "") or first_text(organisations, "name")
    return " ".join(name.split())[: fitting.LONGEST_NAME].rstrip() or None


def _details(parts: Sequence[Object]) -> list[Object]:
    paths = (("personDefendant", "personDetails"), ("personDetails",))
    return [inside(part, *path) for part in parts for path in paths]


def _next_hearings(results: Iterable[Object]) -> Iterator[NextHearing]:
    for each in results:
        for hearing in objects(each, "nextHearing"):
            begins = text(hearing, "listedStartDateTime")
            at = fitting.moment(begins)
            on = at.astimezone(fitting.LONDON).date() if at else fitting.day(begins)
            on = on or fitting.day(text(hearing, "weekCommencingDate"))
            centre = inside(hearing, "courtCentre")
            if centre or on:
                yield NextHearing(court_ou=court(centre) if centre else None, on=on)
