"""Messages of Common Platform of our own making: every part has a default, a test states only what matters to it."""

import json
from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import Element
from zlib import crc32

from defusedxml.ElementTree import fromstring

Object = dict[str, Any]

CASE_URN, ASN, COURT = "54DC0090126", "2654DC0100000090001H", "C54SD00"
DAY, SHARED_AT = "2026-03-02", "2026-03-02T16:30:05.250Z"
HEARING, DEFENDANT, MASTER = (f"0000{n}000-0000-4000-8000-000000000001" for n in (1, 2, 3))
APPLICATION = "00004000-0000-4000-8000-000000000001"


def encoded(message: object) -> bytes:
    return json.dumps(message).encode()


def shared(*cases: Object, applications: Iterable[Object] = (), again: bool | None = False, **over: Any) -> Object:
    """A hearing's results as they are shared. `over`: fields of the hearing; None leaves one out."""
    hearing = {
        "id": HEARING,
        "jurisdictionType": "CROWN",
        "courtCentre": {"id": "00000000-0000-4000-8000-0000000000c1", "code": COURT, "name": "Swindon Crown Court"},
        "hearingDays": [{"sittingDay": f"{DAY}T10:00:00.000Z", "listedDurationMinutes": 30}],
        "hasSharedResults": True,
        "prosecutionCases": list(cases),
        "courtApplications": list(applications),
    } | over
    around = {"sharedTime": SHARED_AT, "hearingDay": DAY, "isReshare": again}
    return {"hearing": {k: v for k, v in hearing.items() if v is not None}} | {
        name: value for name, value in around.items() if value is not None
    }


def case(*defendants: Object, urn: str = CASE_URN, **over: Any) -> Object:
    identifier = {"caseURN": urn, "prosecutionAuthorityCode": "EXAMPLE"}
    return {"id": f"case-{urn}-1", "prosecutionCaseIdentifier": identifier, "defendants": list(defendants)} | over


def defendant(*offences: Object, first: str = "Orrin", last: str = "FABLE", asn: str = ASN, **over: Any) -> Object:
    details = {"firstName": first, "lastName": last, "dateOfBirth": "1988-02-20", "gender": "NOT_KNOWN"}
    return {
        "id": DEFENDANT,
        "masterDefendantId": MASTER,
        "prosecutionAuthorityReference": asn,
        "pncId": "2010/0099999X",
        "personDefendant": {"arrestSummonsNumber": asn, "personDetails": details},
        "offences": list(offences),
    } | over


def offence(*results: Object, sequence: int = 1, code: str = "CJ88116", **over: Any) -> Object:
    return {
        "id": f"0000500{sequence}-0000-4000-8000-000000000001",
        "orderIndex": sequence,
        "offenceCode": code,
        "offenceTitle": "as the code says",
        "wording": "On a day at Invented Close assaulted Tamsin Madeup",
        "judicialResults": list(results),
    } | over


def convicted(*results: Object, **over: Any) -> Object:
    verdict = {"verdictDate": "2026-02-02", "verdictType": {"categoryType": "GUILTY", "cjsVerdictCode": "G"}}
    return offence(*results, **({"convictionDate": "2026-02-02", "verdict": verdict} | over))


def result(code: str | None, label: str, text: str | None = None, category: str = "FINAL", **over: Any) -> Object:
    made = {
        "judicialResultId": f"00006000-0000-4000-8000-{crc32(repr((code, label, text)).encode()):012}",
        "cjsCode": code,
        "label": label,
        "resultText": label if text is None else text,
        "category": category,
        "orderedDate": DAY,
        "isDeleted": False,
        "isAdjournmentResult": False,
    } | over
    return {name: value for name, value in made.items() if value is not None}


def prompt(label: str, value: str, **over: Any) -> Object:
    return {"label": label, "value": value, "type": "TXT"} | over


PROHIBITS = "Not to contact Tamsin Madeup directly or indirectly."
RESTRAINED = "RESTRAOF - Restraining order until further order\n" + PROHIBITS + " This order lasts until further order."


def restraining_order(
    text: str = RESTRAINED, label: str = "Restraining order until further order", **over: Any
) -> Object:
    return result("3047", label, text, **over)


def imprisonment() -> Object:
    return result("1002", "Imprisonment", "Imprisonment for 6 months")


def application(*results: Object, code: str = "SE20559", urn: str | None = CASE_URN, **over: Any) -> Object:
    """One to vary the restraining order that binds the defendant, who makes it."""
    him = {"id": "00007000-0000-4000-8000-000000000001", "masterDefendant": master()}
    linked = {"prosecutionCaseIdentifier": {"caseURN": urn}, "caseStatus": "ACTIVE", "offences": []}
    return {
        "id": APPLICATION,
        "type": {"code": code, "type": "Application about a restraining order", "linkType": "LINKED"},
        "applicationReceivedDate": "2026-02-20",
        "applicationReference": urn or "00APP2026001",
        "applicationStatus": "FINALISED" if results else "LISTED",
        "applicant": him,
        "subject": him,
        "respondents": [{"id": "00008000-0000-4000-8000-000000000001", "prosecutingAuthority": {"name": "A force"}}],
        "courtApplicationCases": [linked] if urn else [],
        "judicialResults": list(results),
    } | over


def master(urn: str = CASE_URN, asn: str = ASN) -> Object:
    details = {"firstName": "Orrin", "lastName": "FABLE", "dateOfBirth": "1988-02-20"}
    return {
        "masterDefendantId": MASTER,
        "defendantCase": [{"caseId": "x1", "caseReference": urn, "defendantId": DEFENDANT}],
        "personDefendant": {"arrestSummonsNumber": asn, "personDetails": details},
    }


def as_common_platform(spi: bytes) -> list[Object]:
    """The hearings of an SPI message as Common Platform would share them: all that both carry, and no more."""
    root = fromstring(spi)
    written = _said(root, "CreationDateTime")
    return [
        _hearing(session, one_case, written)
        for session in root.iterfind(".//{*}Session")
        for one_case in session.iterfind(".//{*}Case")
    ]


def _hearing(session: Element, one_case: Element, written: str | None) -> Object:
    centre = {"code": _said(session, "CourtHearingLocation"), "psaCode": _said(session, "PSAcode")}
    day, clock = _said(session, "DateOfHearing"), _said(session, "TimeOfHearing") or "00:00:00"
    hearing = {
        "courtCentre": {name: value for name, value in centre.items() if value},
        "hearingDays": [{"sittingDay": f"{day}T{clock}"}] if day else [],
        "hasSharedResults": True,
        "prosecutionCases": [
            case(*map(_defendant, one_case.iterfind("{*}Defendant")), urn=_said(one_case, "PTIURN") or "")
        ],
    }
    around = {"sharedTime": written, "hearingDay": day}
    return {"hearing": hearing} | {name: value for name, value in around.items() if value}


def _defendant(element: Element) -> Object:
    details = {
        name: " ".join(filter(None, (_own(element, part) for part in parts)))
        for name, parts in {
            "firstName": ("PersonGivenName1",),
            "middleName": ("PersonGivenName2", "PersonGivenName3"),
            "lastName": ("PersonFamilyName",),
            "dateOfBirth": ("Birthdate",),
        }.items()
    }
    person = {"personDetails": details, "bailStatus": {"code": _own(element, "BailStatus")}}
    stated = {
        "prosecutionAuthorityReference": _own(element, "ProsecutorReference"),
        "pncId": _own(element, "PNCidentifier"),
        "personDefendant": person | {"bailConditions": _own(element, "BailConditions")},
        "legalEntityDefendant": {"organisation": {"name": _own(element, "OrganisationName")}},
        "offences": [_offence(each) for each in element.iterfind("{*}Offence")],
    }
    loose = [_result(each) for each in element.iterfind("{*}Result")]
    return stated | ({"judicialResults": loose} if loose else {})


def _offence(element: Element) -> Object:
    final = _own(element, "FinalDisposalIndicator")
    return {
        "orderIndex": _own(element, "OffenceSequenceNumber"),
        "offenceCode": _own(element, "OffenceCode"),
        "convictionDate": _own(element, "ConvictionDate"),
        "verdict": {"verdictType": {"cjsVerdictCode": _own(element, "Finding")}},
        "isDisposed": {"Y": True, "N": False}.get((final or "")[:1]),
        "judicialResults": [_result(each) for each in element.iterfind("{*}Result")],
    }


def _result(element: Element) -> Object:
    units = {"Duration": "primary", "SecondaryDuration": "secondary"}
    durations = [
        {
            f"{rank}Duration{part}": _said(each, f"{name}{part}")
            for name, rank in units.items()
            for part in ("Value", "Unit")
        }
        | {f"duration{day}": _said(each, f"Duration{day}") for day in ("StartDate", "EndDate")}
        for each in element.iterfind(".//{*}Duration")
    ]
    following = [
        {
            "courtCentre": {"code": _said(each, "CourtHearingLocation")},
            "listedStartDateTime": _said(each, "DateOfHearing"),
        }
        for each in element.iterfind(".//{*}NextHearing")
    ]
    return {
        "cjsCode": _own(element, "ResultCode"),
        "resultText": _own(element, "ResultText"),
        "qualifier": ",".join(each.text or "" for each in element.iterfind("{*}ResultCodeQualifier")),
        "durationElement": durations,
        "nextHearing": following,
    }


def _own(element: Element, name: str) -> str | None:
    """The first text of this name that is not an offence's, nor of a hearing to come."""
    for child in element:
        local = child.tag.rpartition("}")[2]
        if local == name:
            return "".join(child.itertext()).strip()
        if local not in ("Offence", "Result", "NextHearing") and (said := _own(child, name)):
            return said
    return None


def _said(element: Element, name: str) -> str | None:
    found = next(element.iterfind(f".//{{*}}{name}"), None)
    return None if found is None else "".join(found.itertext()).strip()
