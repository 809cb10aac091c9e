"""Hearings resulted and court applications as HMCTS Common Platform publishes them, read as facts of the relay.

Shapes: `hearing-resulted` is an object with `hearing`, `sharedTime`, `hearingDay` and `isReshare` (hmcts/cpp-context-
hearing, `hearing-event/hearing-event-processor/src/yaml/json/schema/public.events.hearing.hearing-resulted.json`); some
consumers receive the hearing alone. An application that is made or changed comes as `courtApplication`, one that is
deleted as its id (hmcts/cpp-context-progression, `progression-event/progression-event-processor/src/yaml/json/schema/
public.progression.*court-application-*.json`). The fields below: ministryofjustice/laa-court-data-adaptor,
`lib/schemas/global`.

Each share restates the whole day of a hearing, so a later one replaces it: what it no longer has, or marks `isDeleted`,
no longer stands.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from schemas.bounded_json import canonical
from schemas.refusals import Refusal, RefusalReason
from services.intake import common_platform_applications as applications
from services.intake import fitting
from services.intake.common_platform_hearings import Shared, sittings
from services.intake.court_hearings import Message, Read, facts_of
from services.intake.loose_json import Object, inside, may_be_json, objects, parsed, text, truth

SOURCE = "urn:common-platform"
CASES, APPLICATIONS = "prosecutionCases", "courtApplications"
# What only a hearing has: a wrapper may have an id, a type and more of its own.
OF_A_HEARING = frozenset({CASES, APPLICATIONS, "courtCentre", "hearingDays"})
DELETED = "court-application-deleted"
HINTS = re.compile("hearing|courtApplication")
MAY_BE_ONE = re.compile(rb"(?:hearing|prosecutionCases|courtApplications?|_metadata)[\\\"]+\s*:\s*[{\[]")
# Gateways put each other's messages into texts; no chain of them is as long.
MOST_WRAPPINGS = 8
# The fields that a refusal may repeat: those that a whole message is refused for, as where one is given twice.
_NAMES = """
hearing sharedTime hearingDay isReshare courtCentre hearingDays prosecutionCases courtApplications courtApplication
defendants offences judicialResults judicialResultPrompts defendantJudicialResults courtApplicationCases courtOrder
courtOrderOffences subject applicant respondents masterDefendant personDefendant personDetails verdict verdictType plea
caseMarkers prosecutionCaseIdentifier nextHearing durationElement bailStatus id code label value cjsCode qualifier
resultText wording applicationId messages Message data _metadata
"""
NAMES = frozenset(_NAMES.split())


def read(message: bytes, received_at: datetime) -> Read:
    """All facts of one message. It never raises on what the message holds.

    `received_at`, aware, stands in where the message does not say when it was written, or says what cannot be true.
    A refusal names fields, never what they hold.
    """
    whole = parsed(message, NAMES)
    if isinstance(whole, Refusal):
        return Read(refusals=(whole,))
    found, unread = _messages(whole, 0)
    if not found and not unread:
        return Read(refusals=(_refused("the message", "`hearing` or `courtApplication` is expected"),))
    each = [_read(said, received_at) for said in found]
    return Read(
        facts=tuple(fact for one in each for fact in one.facts),
        refusals=(*unread, *(refusal for one in each for refusal in one.refusals)),
    )


def recognised(message: bytes) -> bool:
    """Whether this is a message of Common Platform, in whatever it is wrapped."""
    if not MAY_BE_ONE.search(message):
        return False
    whole = parsed(message, NAMES)
    return not isinstance(whole, Refusal) and bool(_messages(whole, 0)[0])


def _messages(value: object, wrappings: int) -> tuple[list[Object], list[Refusal]]:
    """The messages in a value, in whatever they are wrapped, be it as texts several times over; and why one that is a
    text cannot be read."""
    if isinstance(value, Mapping):
        return ([value], []) if _is_message(value) else _all_messages(value.values(), wrappings)
    if isinstance(value, list):
        return _all_messages(value, wrappings)
    if not isinstance(value, str) or not may_be_json(value) or not HINTS.search(value):
        return [], []
    place = "a text that holds a message of its own"
    if wrappings == MOST_WRAPPINGS:
        expected = f"{place}: messages inside at most {MOST_WRAPPINGS} others are expected"
        return [], [Refusal(RefusalReason.TOO_DEEP, "decode", expected)]
    inner = parsed(value.encode(errors="surrogatepass"), NAMES)
    if isinstance(inner, Refusal):
        return [], [Refusal(inner.reason, "decode", f"{place}: {inner.detail}")]
    return _messages(inner, wrappings + 1)


def _all_messages(values: Iterable[object], wrappings: int) -> tuple[list[Object], list[Refusal]]:
    found: list[Object] = []
    unread: list[Refusal] = []
    for value in values:
        messages, refusals = _messages(value, wrappings)
        found += messages
        unread += refusals
    return found, unread


def _is_message(value: Object) -> bool:
    hearing = inside(value, "hearing")
    return bool(
        OF_A_HEARING.intersection(hearing)
        or (objects(value, CASES, APPLICATIONS) and _is_hearing(value))
        or inside(value, "courtApplication")
        or _deletes(value)
    )


def _is_hearing(value: Object) -> bool:
    """Whether it is a hearing without anything around it."""
    return any(objects(case, "defendants") for case in objects(value, CASES)) or bool(objects(value, APPLICATIONS))


def _deletes(value: Object) -> bool:
    return text(inside(value, "_metadata"), "name").endswith(DELETED) and bool(text(value, "applicationId"))


def _read(said: Object, received_at: datetime) -> Read:
    written = fitting.moment(text(said, "sharedTime") or text(inside(said, "_metadata"), "createdAt"))
    message = Message(SOURCE, written, fitting.digest(canonical(said).decode()), received_at)
    if _deletes(said):
        return _kept(applications.deleted(text(said, "applicationId"), message))
    if application := inside(said, "courtApplication"):
        return _applied(application, inside(said, "courtHearing"), message)
    hearing = inside(said, "hearing") if OF_A_HEARING.intersection(inside(said, "hearing")) else said
    return _heard(Shared(hearing, message, fitting.day(text(said, "hearingDay")), truth(said, "isReshare")))


def _applied(application: Object, listed: Object, message: Message) -> Read:
    read = _kept(applications.alone(application, listed, message))
    if read.facts or read.refusals:
        return read
    expected = "an application to vary, discharge or renew a protective order is expected"
    return Read(refusals=(_refused("courtApplication.type.code", expected),))


def _heard(shared: Shared) -> Read:
    applied = _kept(applications.of_hearing(shared))
    silent = tuple(_silent_cases(shared.hearing))
    if not shared.docks and not applied.facts:
        return Read(refusals=(*silent, *applied.refusals) or (_refused("hearing", "a defendant is expected"),))
    facts = facts_of(sittings(shared)) if shared.is_resulted else ()
    unresulted = () if facts or applied.facts else (_refused("hearing", "results of a defendant are expected"),)
    return Read((*facts, *applied.facts), (*silent, *applied.refusals, *unresulted))


def _silent_cases(hearing: Object) -> Iterable[Refusal]:
    """A case without defendants says nothing that could be a fact: said, so that it is not lost in silence."""
    for number, case in enumerate(objects(hearing, CASES)):
        if not objects(case, "defendants"):
            detail = f"hearing.{CASES}[{number}].defendants: a defendant is expected"
            yield Refusal(RefusalReason.MISSING_FIELD, "decode", detail)


def _kept(said: Iterable[applications.Fact | Refusal]) -> Read:
    each = list(said)
    return Read(
        tuple(fact for fact in each if not isinstance(fact, Refusal)),
        tuple(refusal for refusal in each if isinstance(refusal, Refusal)),
    )


def _refused(where: str, expected: str) -> Refusal:
    return Refusal(RefusalReason.NOT_A_COURT_RESULT, "decode", f"{where}: {expected}")
