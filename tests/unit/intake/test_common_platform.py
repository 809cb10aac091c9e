"""Hearings and applications as Common Platform publishes them: what SPI says too is the same facts, and what it does
not bring, Crown Court results, amendments and applications, is read whole."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.court_convictions.v1 import CourtType, HearingResulted, NextHearing, Remand, Verdict
from schemas.court_order_variations.v1 import (
    ApplicationDecided,
    ApplicationLodged,
    ApplicationWithdrawn,
    LegalBasis,
    Order,
    OrderAction,
    OrdersResulted,
)
from schemas.envelope import Envelope, version_of
from schemas.refusals import RefusalReason
from schemas.registry import REGISTRY, Received, decode, encode
from schemas.values import Body, CorrectionReason, Withdrawn
from services.intake import spi
from services.intake.common_platform import read, recognised
from services.intake.fitting import UNCODED
from tests.support import common_platform as cp

ROOT = Path(__file__).parents[3]
SPI = [
    *sorted((ROOT / "schemas" / "examples" / "spi").glob("*.xml")),
    *sorted((ROOT.parent / "shared" / "reference" / "spi").glob("*.xml")),
]
REAL = sorted((ROOT.parent / "shared" / "reference" / "common-platform").glob("*.json"))
EXAMPLES = sorted((ROOT / "schemas" / "examples" / "common-platform").glob("*.json"))
needs_real_messages = pytest.mark.skipif(not REAL, reason="the folder of real court messages is not beside this one")
RECEIVED = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
SUBJECT = "54DC0090126/2654DC0100000090001H/C54SD00/2026-03-02"


def facts(message: object, received_at: datetime = RECEIVED) -> list[Body]:
    """What a message that is read whole says."""
    said = read(cp.encoded(message), received_at)
    assert said.refusals == ()
    return [body for _, body in said.facts]


def hearings(message: object) -> list[HearingResulted]:
    return [body for body in facts(message) if isinstance(body, HearingResulted)]


def hearing(message: object) -> HearingResulted:
    (only,) = hearings(message)
    return only


def orders(message: object) -> list[Order]:
    return [order for body in facts(message) if isinstance(body, OrdersResulted) for order in body.orders]


def order(message: object) -> Order:
    (only,) = orders(message)
    return only


def envelopes(message: object, received_at: datetime = RECEIVED) -> list[Envelope]:
    return [envelope for envelope, _ in read(cp.encoded(message), received_at).facts]


def one_offence(*results: cp.Object, **over: Any) -> cp.Object:
    return cp.shared(cp.case(cp.defendant(cp.convicted(*results, **over))))


def refusals(message: object) -> list[tuple[str, str]]:
    said = read(cp.encoded(message), RECEIVED)
    return [(refusal.reason.value, refusal.detail) for refusal in said.refusals]


# What both carry


def comparable(body: Body) -> dict[str, Any]:
    """What SPI and Common Platform both say: not the platform's own ids, nor what else a result says, nor an offence of
    which nothing was decided."""
    said = body.model_dump(mode="json", exclude={"source_hearing_id"})
    said["offences"] = [each for each in said.get("offences", ()) if each["results"] or each["verdict"]]
    for result in (result for offence in said["offences"] for result in offence["results"]):
        del result["prompts"]
    return said


@pytest.mark.parametrize("path", SPI, ids=lambda path: path.stem)
def test_one_hearing_as_spi_and_as_common_platform_is_the_same_facts_in_the_same_version(path: Path) -> None:
    as_spi = spi.read(path.read_bytes(), RECEIVED).facts
    as_platform = read(cp.encoded(cp.as_common_platform(path.read_bytes())), RECEIVED).facts
    said, too = (
        {(e.type, e.subject): (e.version_basis, e.factversion, comparable(body)) for e, body in each}
        for each in (as_spi, as_platform)
    )
    assert said == too
    assert len(as_spi) == len(as_platform) > 0


def test_a_hearing_says_who_where_when_and_what_was_decided() -> None:
    stated = hearing(one_offence(cp.imprisonment(), qualifier="LG"))
    assert stated.subject == SUBJECT
    assert (stated.force_code, stated.court_type, stated.hearing_on) == ("54", CourtType.CROWN, DAY)
    assert stated.occurred_at == datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
    assert stated.source_hearing_id == cp.HEARING
    assert (stated.defendant.name, stated.defendant.date_of_birth) == ("Orrin FABLE", date(1988, 2, 20))
    assert stated.defendant.pnc_id == "2010/0099999X"
    assert stated.defendant.record is not None
    assert (stated.defendant.record.system, stated.defendant.record.id) == ("common-platform", cp.MASTER)
    (offence,) = stated.offences
    assert (offence.sequence, offence.code, offence.title) == (1, "CJ88116", "Assault by beating")
    assert (offence.verdict, offence.verdict_date, offence.sentenced_on) == (Verdict.CONVICTED, date(2026, 2, 2), DAY)
    assert (offence.final, stated.custody) == (True, True)


def test_markers_of_the_case_are_carried() -> None:
    marked = cp.case(cp.defendant(cp.convicted(cp.imprisonment())), caseMarkers=[{"markerTypeCode": "DV"}])
    assert hearing(cp.shared(marked)).case_markers == ("DV",)


def test_a_hearing_alone_is_read_in_the_version_of_its_receipt() -> None:
    alone = one_offence(cp.imprisonment())["hearing"]
    (first, _), (again, _) = envelopes(alone), envelopes(alone, RECEIVED + timedelta(days=1))
    assert (first.version_basis, first.factversion) == ("receipt", version_of(RECEIVED))
    assert first.id == again.id
    other = alone | {"hearingCaseNotes": [{"note": "another message"}]}
    assert envelopes(other)[0].id != first.id


@pytest.mark.parametrize(
    ("shared_at", "basis"),
    [
        ("2026-03-02T16:30:05.250Z", "written"),
        ("2026-03-02T16:30:05.250Z[UTC]", "written"),
        ("2026-03-02T17:30:05.250+01:00[Europe/London]", "written"),
        ("2026-03-01T23:00:00Z", "receipt"),
        ("2027-01-01T00:00:00Z", "receipt"),
        ("soon", "receipt"),
    ],
)
def test_a_version_is_the_time_of_sharing_if_that_can_be_true(shared_at: str, basis: str) -> None:
    first, *_ = envelopes(one_offence(cp.imprisonment()) | {"sharedTime": shared_at})
    assert first.version_basis == basis
    assert first.factversion == version_of(first.time)


# Orders


def test_an_order_until_further_order_names_somebody_unconfirmed() -> None:
    made = order(one_offence(cp.imprisonment(), cp.restraining_order()))
    assert (made.code, made.action, made.legal_basis) == ("3047", OrderAction.IMPOSED, LegalBasis.SA20_S360)
    assert (made.until_further_order, made.expires_on, made.cause) == (True, None, "sentence")
    assert [whom.attribution.value for whom in made.protected_persons] == ["named_in_text_unconfirmed"]


@pytest.mark.parametrize(
    ("code", "action", "basis"),
    [
        ("3047", OrderAction.IMPOSED, LegalBasis.SA20_S360),
        ("3260", OrderAction.IMPOSED, LegalBasis.PHA97_S5A),
        ("3081", OrderAction.IMPOSED, LegalBasis.SEXUAL_OFFENCES),
        ("3326", OrderAction.IMPOSED, LegalBasis.DAPO),
        ("3307", OrderAction.IMPOSED, LegalBasis.SPO),
        ("3306", OrderAction.IMPOSED, LegalBasis.INTERIM_SPO),
        ("3263", OrderAction.CHANGED_NOT_STATED, LegalBasis.UNKNOWN),
    ],
)
def test_each_code_of_an_order_is_its_order(code: str, action: OrderAction, basis: LegalBasis) -> None:
    made = order(one_offence(cp.result(code, "As the definition calls it", "")))
    assert (made.code, made.action, made.legal_basis) == (code, action, basis)


@pytest.mark.parametrize(
    ("code", "label", "action"),
    [
        ("1030", "Restraining order varied", OrderAction.VARIED),
        ("1029", "Restraining order discharged", OrderAction.DISCHARGED),
        (None, "Restraining order varied", OrderAction.VARIED),
        (None, "Restraining order discharged", OrderAction.DISCHARGED),
        ("3263", "Restraining order discharged", OrderAction.DISCHARGED),
    ],
)
def test_an_order_that_is_changed_by_a_code_for_any_order_is_changed(
    code: str | None, label: str, action: OrderAction
) -> None:
    text = f"RESTRA - {label}\nOriginal order made by Swindon Crown Court. Reason: it is no longer needed as it was."
    changed = order(one_offence(cp.result(code, label, text), code="SE20002"))
    assert (changed.action, changed.legal_basis) == (action, LegalBasis.UNKNOWN)


@pytest.mark.parametrize("label", ["Community order varied", "Order revoked", "Football banning order varied"])
def test_another_order_that_is_changed_by_the_same_code_is_none_of_ours(label: str) -> None:
    assert orders(one_offence(cp.result("1030", label), cp.result("1029", label, f"X - {label}"))) == []


def test_spi_reads_a_restraining_order_changed_by_a_code_for_any_order() -> None:
    message = (ROOT / "schemas/examples/spi/order-discharged.xml").read_text()
    varied = message.replace(">3263<", ">1029<")
    before, after = (spi.read(each.encode(), RECEIVED).facts[1][1] for each in (message, varied))
    assert isinstance(before, OrdersResulted)
    assert isinstance(after, OrdersResulted)
    assert [each.action for each in after.orders] == [each.action for each in before.orders] == [OrderAction.DISCHARGED]


@pytest.mark.parametrize(
    ("over", "expires"),
    [
        ({"durationElement": {"primaryDurationValue": 2, "primaryDurationUnit": "Y"}}, date(2028, 3, 1)),
        ({"durationElement": {"durationEndDate": "01/09/2027"}}, date(2027, 9, 1)),
        ({"judicialResultPrompts": [cp.prompt("Period of order", "2 Years", type="INT")]}, date(2028, 3, 1)),
        (
            {
                "judicialResultPrompts": [
                    cp.prompt("Period of order", "2 Years", type="INT"),
                    cp.prompt("Period of order", "6 Months", type="INT"),
                ]
            },
            date(2028, 9, 1),
        ),
        ({"judicialResultPrompts": [cp.prompt("Until", "2027-09-01", isDurationEndDate=True)]}, date(2027, 9, 1)),
        ({"judicialResultPrompts": [cp.prompt("Order now expires", "1 September 2027")]}, date(2027, 9, 1)),
    ],
)
def test_how_long_an_order_lasts_is_read_from_durations_and_prompts(over: cp.Object, expires: date) -> None:
    made = order(one_offence(cp.restraining_order("Not to go there.", "Restraining order for period", **over)))
    assert (made.expires_on, made.length_unclear) == (expires, None)


def test_two_lengths_that_differ_leave_the_end_open() -> None:
    prompts = [cp.prompt("Period of order", "3 Years")]
    durations = {"primaryDurationValue": "2", "primaryDurationUnit": "Y"}
    made = order(one_offence(cp.restraining_order("", durationElement=durations, judicialResultPrompts=prompts)))
    assert (made.expires_on, made.length_unclear) == (None, True)


def test_a_prompt_names_whom_an_order_protects_and_no_address_is_carried() -> None:
    prompts = [
        cp.prompt("Protected person", "Tamsin Madeup"),
        cp.prompt("Protected person's address", "1 Nowhere Lane", type="ADDRESS"),
        cp.prompt("Third party's address", "2 Nowhere Lane"),
        cp.prompt("Probation team email", "nobody@example.invalid", type="NAMEADDRESS"),
        cp.prompt("Conviction / acquittal", "Acquittal"),
    ]
    message = one_offence(cp.restraining_order("Not to go there.", judicialResultPrompts=prompts))
    made = order(message)
    assert len(made.protected_persons) == 1
    assert made.legal_basis is LegalBasis.PHA97_S5A
    said = "".join(body.model_dump_json() for body in facts(message))
    assert "Nowhere Lane" not in said
    assert "example.invalid" not in said
    assert "Invented Close" not in said


def test_a_result_of_the_defendant_joins_the_offence_that_it_names_or_the_first_that_goes_on() -> None:
    first = cp.convicted(cp.imprisonment())
    second = cp.convicted(cp.result("4506", "Adjournment", category="INTERMEDIARY"), sequence=2, code="CD71039")
    third = cp.convicted(cp.imprisonment(), sequence=3, code="PH97009")
    of_case = cp.restraining_order()
    of_third = cp.restraining_order(offenceId=third["id"], text="Not to go there, until further order.")
    everywhere = [
        {"masterDefendantId": cp.MASTER, "judicialResult": cp.result("3326", "DAPO", offenceId=first["id"])},
        {"masterDefendantId": "00003000-0000-4000-8000-000000000009", "judicialResult": cp.result("3307", "SPO")},
    ]
    his = cp.defendant(first, second, third, defendantCaseJudicialResults=[of_case, of_third])
    made = orders(cp.shared(cp.case(his), defendantJudicialResults=everywhere))
    assert [(each.code, each.number, each.offences) for each in made] == [
        ("3326", 1, (1,)),
        ("3047", 1, (2,)),
        ("3047", 2, (3,)),
    ]


def test_results_of_a_defendant_without_offences_are_kept() -> None:
    stated = hearing(cp.shared(cp.case(cp.defendant(judicialResults=[cp.restraining_order()]))))
    assert [(o.sequence, o.code, len(o.results)) for o in stated.offences] == [(999, UNCODED, 1)]


# Verdicts and what is not known


def verdict(**kind: Any) -> cp.Object:
    return {"verdictDate": "2026-03-02", "verdictType": kind}


@pytest.mark.parametrize(
    ("said", "results", "ends"),
    [
        (verdict(cjsVerdictCode="G"), [cp.imprisonment()], Verdict.CONVICTED),
        (verdict(categoryType="GUILTY_BY_JURY_CONVICTED"), [cp.imprisonment()], Verdict.CONVICTED),
        (verdict(cjsVerdictCode="NA"), [cp.imprisonment()], Verdict.CONVICTED),
        (verdict(cjsVerdictCode="N"), [cp.result("2005", "Acquitted")], Verdict.ACQUITTED),
        (verdict(cjsVerdictCode="NG"), [], Verdict.ACQUITTED),
        (verdict(categoryType="NOT_GUILTY"), [], Verdict.ACQUITTED),
        (
            verdict(cjsVerdictCode="N"),
            [cp.result("2050", "Dismissed (No evidence offered)")],
            Verdict.NO_EVIDENCE_OFFERED,
        ),
        (
            verdict(cjsVerdictCode="N", description="Not guilty by reason of insanity"),
            [cp.result("4011", "Hospital order")],
            Verdict.NGRI,
        ),
        (
            verdict(categoryType="NO_VERDICT", description="Unfit to plead, found that he did the act charged"),
            [cp.result("1999", "Supervision order")],
            Verdict.UNFIT_DID_ACT,
        ),
        ({}, [cp.result("2006", "Dismissed")], Verdict.DISMISSED),
        ({}, [cp.result(None, "Dismissed")], Verdict.DISMISSED),
        ({}, [cp.result("2053", "Discontinued")], Verdict.DISCONTINUED),
        ({}, [cp.result("2063", "Withdrawn")], Verdict.WITHDRAWN),
        ({}, [cp.result("2060", "Withdrawn in favour of another offence")], Verdict.WITHDRAWN),
        ({}, [cp.result("2008", "Count to remain on file")], Verdict.LIES_ON_FILE),
        ({}, [cp.result("2514", "Jury discharged", isDisposed=False)], Verdict.JURY_DISCHARGED),
        (verdict(cjsVerdictCode="G"), [cp.result(None, "Conviction quashed")], Verdict.QUASHED),
        ({}, [cp.result("4506", "Adjournment", category="INTERMEDIARY")], None),
    ],
)
def test_every_kind_of_ending_is_read(said: cp.Object, results: list[cp.Object], ends: Verdict | None) -> None:
    (offence,) = hearing(cp.shared(cp.case(cp.defendant(cp.offence(*results, verdict=said))))).offences
    assert offence.verdict is ends


def test_an_offence_that_the_prosecution_drops_is_discontinued() -> None:
    dropped = cp.offence(cp.result(None, "Something else"), isDiscontinued=True)
    assert hearing(cp.shared(cp.case(cp.defendant(dropped)))).offences[0].verdict is Verdict.DISCONTINUED


def test_a_result_that_only_a_convicted_person_gets_says_that_he_was() -> None:
    (offence,) = hearing(
        cp.shared(cp.case(cp.defendant(cp.offence(cp.imprisonment() | {"isConvictedResult": True}))))
    ).offences
    assert (offence.verdict, offence.verdict_code, offence.verdict_date) == (Verdict.CONVICTED, None, DAY)


def test_a_death_ends_proceedings_by_its_code() -> None:
    (offence,) = hearing(one_offence(cp.result(None, "Defendant has died"))).offences
    assert [each.cjs_result_code for each in offence.results] == ["2065"]


def test_an_offence_of_which_nothing_was_decided_that_day_is_left_out() -> None:
    earlier = cp.convicted(sequence=2)
    told = cp.convicted(sequence=3) | {"convictionDate": "2026-03-02"}
    message = cp.shared(cp.case(cp.defendant(cp.convicted(cp.imprisonment()), earlier, told)))
    assert [(each.sequence, each.verdict) for each in hearing(message).offences] == [
        (1, Verdict.CONVICTED),
        (3, Verdict.CONVICTED),
    ]


def test_results_of_unknown_types_and_in_welsh_are_carried() -> None:
    welsh = {
        "cjsCode": "9998",
        "welshLabel": "Rhyddhad Amodol",
        "welshResultWording": "Rhyddhad am 12 mis.",
        "judicialResultPrompts": [{"welshLabel": "Cyfnod", "welshValue": "12 mis"}],
    }
    unknown = cp.result(None, "A result of a kind that nobody has made yet", qualifier="LG, ZZ")
    (offence,) = hearing(one_offence(welsh, unknown)).offences
    first, second = offence.results
    assert (first.cjs_result_code, first.text) == ("9998", "Rhyddhad am 12 mis.")
    assert [(each.label, each.value) for each in first.prompts] == [("Cyfnod", "12 mis")]
    assert (second.cjs_result_code, second.label) == (UNCODED, "A result of a kind that nobody has made yet")
    assert second.qualifiers == ("LG", "ZZ")


def test_two_offences_of_one_sequence_number_are_both_kept_under_it() -> None:
    both = cp.defendant(cp.convicted(cp.imprisonment()), cp.convicted(cp.restraining_order(), code="CD71039"))
    assert [(each.sequence, each.code) for each in hearing(cp.shared(cp.case(both))).offences] == [
        (1, "CD71039"),
        (1, "CJ88116"),
    ]


def test_defendants_and_cases_are_hearings_of_their_own_and_two_with_one_reference_are_two() -> None:
    other = cp.defendant(cp.convicted(cp.imprisonment()), first="Merle", last="NOBODY", masterDefendantId="00003-2")
    other["pncId"] = None
    other["personDefendant"]["personDetails"]["dateOfBirth"] = "1990-09-09"
    first = cp.defendant(cp.convicted(cp.restraining_order()))
    message = cp.shared(cp.case(first, other), cp.case(first, urn="54DC0091126"))
    stated = [body for body in facts(message) if isinstance(body, OrdersResulted)]
    assert [(each.references.urn, each.defendant.name, len(each.orders)) for each in stated] == [
        ("54DC0090126", "Orrin FABLE", 1),
        ("54DC0090126", "Merle NOBODY", 0),
        ("54DC0091126", "Orrin FABLE", 1),
    ]


@pytest.mark.parametrize("youth", [{"youthCourt": {"name": "A youth court"}}, {"youthCourtDefendantIds": ["x"]}])
def test_a_youth_court_is_said_and_reporting_restrictions_break_nothing(youth: cp.Object) -> None:
    restricted = cp.convicted(
        cp.imprisonment(), reportingRestrictions=[{"label": "Section 45", "orderedDate": "2026-03-02"}]
    )
    message = cp.shared(cp.case(cp.defendant(restricted, isYouth=True)), jurisdictionType="MAGISTRATES", **youth)
    assert hearing(message).court_type is CourtType.YOUTH


def test_bail_and_the_next_hearing_are_read() -> None:
    granted = cp.result("4027", "Remanded on conditional bail", category="INTERMEDIARY")
    below = {"rootJudicialResultId": granted["judicialResultId"]}
    said = "Bail condition: Exclusion - not to contact directly or indirectly"
    condition = cp.result(None, said, category="ANCILLARY", qualifier="JK", **below)
    to_come = {"courtCentre": {"code": "C54SD00"}, "listedStartDateTime": "2026-03-16T09:30:00.000Z"}
    adjourned = cp.result("4506", "Adjournment", category="INTERMEDIARY", nextHearing=to_come)
    his = cp.defendant(cp.convicted(granted, condition, adjourned))
    his["personDefendant"] |= {"bailStatus": {"code": "B"}, "bailConditions": "Not to contact anyone named"}
    stated = hearing(cp.shared(cp.case(his)))
    assert stated.remand is Remand.CONDITIONAL_BAIL
    assert [each.code for each in stated.bail_conditions] == ["JK", "as-stated"]
    assert stated.next_hearing == NextHearing(court_ou="C54SD00", on=date(2026, 3, 16))
    assert not stated.offences[0].final


def test_a_court_without_a_code_is_known_by_its_name_or_by_what_else_it_has() -> None:
    named = one_offence(cp.imprisonment())
    named["hearing"]["courtCentre"] = {"id": "00000000-0000-4000-8000-0000000000c9", "name": "Swindon  crown court"}
    assert hearing(named).court_ou == "C54SD00"
    codes = set()
    for number in (1, 2):
        named["hearing"]["courtCentre"] = {"id": f"00000000-0000-4000-8000-0000000000d{number}", "name": "Nowhere"}
        codes.add(hearing(named).court_ou)
    assert len(codes) == 2


@pytest.mark.parametrize(
    ("label", "basis"),
    [
        ("Restraining order", LegalBasis.SA20_S360),
        ("Restraining order until end date", LegalBasis.SA20_S360),
        ("Restraining order on acquittal", LegalBasis.PHA97_S5A),
        ("Domestic abuse protection order for period", LegalBasis.DAPO),
        ("Stalking protection order until further order", LegalBasis.SPO),
        ("Interim stalking protection order", LegalBasis.INTERIM_SPO),
    ],
)
def test_an_order_without_a_code_is_known_by_the_label_of_its_definition(label: str, basis: LegalBasis) -> None:
    made = order(one_offence(cp.result(None, label, f"{label}. {cp.PROHIBITS}")))
    assert (made.action, made.legal_basis) == (OrderAction.IMPOSED, basis)


@pytest.mark.parametrize("label", ["Restraining order considered and not made", "Breach of restraining order"])
def test_a_label_that_only_speaks_of_an_order_makes_none(label: str) -> None:
    assert orders(one_offence(cp.result(None, label))) == []


def test_two_orders_that_differ_only_in_whom_a_prompt_names_are_two() -> None:
    made = [
        cp.result("3047", "Restraining order", judicialResultPrompts=[cp.prompt("Protected person's name", name)])
        for name in ("Tamsin Madeup", "Della Madeup")
    ]
    assert [each.number for each in orders(one_offence(*made))] == [1, 2]
    assert [each.number for each in orders(one_offence(made[0], made[0] | {"judicialResultId": "another"}))] == [1]


def test_a_result_of_the_man_that_names_an_offence_of_one_case_is_no_result_of_another() -> None:
    first, other = cp.convicted(cp.imprisonment()), cp.convicted(cp.imprisonment(), id="0000500a", code="CD71039")
    his = {"masterDefendantId": cp.MASTER, "judicialResult": cp.restraining_order(offenceId=other["id"])}
    cases = (cp.case(cp.defendant(first)), cp.case(cp.defendant(other), urn="54DC0091126"))
    stated = [
        (body.references.urn, len(body.orders))
        for body in facts(cp.shared(*cases, defendantJudicialResults=[his]))
        if isinstance(body, OrdersResulted)
    ]
    assert stated == [("54DC0090126", 0), ("54DC0091126", 1)]


def without_references(his: cp.Object) -> cp.Object:
    """A defendant to whom neither the police nor a prosecutor gave a reference."""
    del his["prosecutionAuthorityReference"], his["personDefendant"]["arrestSummonsNumber"]
    return his


def test_a_man_without_a_reference_is_known_by_name_and_birth_as_where_spi_writes_a_placeholder() -> None:
    his = without_references(cp.defendant(cp.convicted(cp.imprisonment())))
    stated = hearing(cp.shared(cp.case(his)))
    assert (stated.references.asn, stated.references.defendant_id) == (None, "unknown.1")
    del his["personDefendant"]["personDetails"]["dateOfBirth"]
    assert hearing(cp.shared(cp.case(his))).references.defendant_id == cp.DEFENDANT


@pytest.mark.parametrize("reference", ["FABLE 12/2026", "ORRIN-FABLE-1", "o.fable.1988"])
def test_a_reference_that_holds_the_man_s_name_reaches_no_key(reference: str) -> None:
    his = without_references(cp.defendant(cp.convicted(cp.restraining_order())))
    his["prosecutionAuthorityReference"] = reference
    keys = {envelope.subject for envelope in envelopes(cp.shared(cp.case(his)))}
    assert len(keys) == 1
    assert "fable" not in keys.pop().lower()


@pytest.mark.parametrize("urn", ["0FAB0090126", "ABEFAB12-0000-4000-8000-000000000001"])
def test_a_urn_and_a_uuid_hold_no_name(urn: str) -> None:
    his = cp.defendant(cp.convicted(cp.imprisonment()), first="Fab", last="ABE")
    assert hearing(cp.shared(cp.case(his, urn=urn))).references.urn in (urn, urn.lower())


# Amendments


def amended(message: cp.Object, minutes: int = 60) -> cp.Object:
    later = datetime.fromisoformat(cp.SHARED_AT) + timedelta(minutes=minutes)
    return message | {"sharedTime": later.isoformat(), "isReshare": True}


def test_a_later_share_replaces_and_an_order_that_is_gone_or_deleted_is_taken_back() -> None:
    first = one_offence(cp.imprisonment(), cp.restraining_order())
    deleted = cp.restraining_order(isDeleted=True, amendmentDate="2026-03-03", amendmentReason="slip rule")
    for without in (one_offence(cp.imprisonment()), one_offence(cp.imprisonment(), deleted)):
        later = amended(without)
        before, after = envelopes(first), envelopes(later)
        assert [(e.type, e.subject) for e in before] == [(e.type, e.subject) for e in after]
        assert all(one.factversion < other.factversion for one, other in zip(before, after, strict=True))
        assert (len(orders(first)), len(orders(later))) == (1, 0)


def test_what_was_amended_says_so() -> None:
    changed = cp.restraining_order(amendmentDate="2026-03-03", amendmentReason="slip rule")
    assert hearing(one_offence(cp.imprisonment())).correction_reason is None
    assert hearing(amended(one_offence(changed))).correction_reason is CorrectionReason.RESULT_AMENDED
    gone = {"defendantId": cp.DEFENDANT, "judicialResult": cp.restraining_order(isDeleted=True)}
    without = one_offence(cp.imprisonment())
    without["hearing"]["deletedJudicialResults"] = {"prosecutionCaseResults": [gone]}
    assert hearing(amended(without)).correction_reason is CorrectionReason.RESULT_AMENDED
    assert orders(amended(without)) == []


def test_all_results_of_a_defendant_that_are_gone_are_taken_back_and_only_then_said_to_be_none() -> None:
    nothing = cp.shared(cp.case(cp.defendant(cp.offence())))
    assert facts(amended(nothing) | {"isReshare": True})
    assert [each.offences for each in hearings(amended(nothing))] == [()]
    said = read(cp.encoded(nothing), RECEIVED)
    assert said.facts == ()
    assert [refusal.detail for refusal in said.refusals] == ["hearing: results of a defendant are expected"]


def test_a_day_of_a_hearing_is_the_one_that_is_shared_whenever_it_is_amended() -> None:
    days = [{"sittingDay": f"2026-03-0{day}T10:00:00.000Z"} for day in (2, 3)]
    message = cp.shared(cp.case(cp.defendant(cp.convicted(cp.restraining_order()))), hearingDays=days)
    assert {each.subject for each in envelopes(message)} == {SUBJECT}
    assert {each.subject for each in envelopes(amended(message, minutes=3000))} == {SUBJECT}


def test_without_a_shared_day_each_result_is_of_the_sitting_at_which_it_was_ordered() -> None:
    days = [{"sittingDay": f"2026-03-0{day}T10:00:00.000Z"} for day in (2, 3)] + [
        {"sittingDay": "2026-03-04T10:00:00.000Z", "isCancelled": True}
    ]
    tomorrow = cp.restraining_order(orderedDate="2026-03-03")
    both = cp.convicted(cp.imprisonment(), tomorrow)
    message = cp.shared(cp.case(cp.defendant(both)), hearingDays=days) | {"sharedTime": "2026-03-05T12:00:00Z"}
    del message["hearingDay"]
    stated = [body for body in facts(message) if isinstance(body, OrdersResulted)]
    assert [(each.hearing_on.day, len(each.orders)) for each in stated] == [(2, 0), (3, 1)]


def test_summer_time_is_londons() -> None:
    message = one_offence(cp.imprisonment())
    message["hearing"]["hearingDays"] = [{"sittingDay": "2026-06-01T23:30:00.000Z"}]
    del message["hearingDay"]
    assert hearing(message | {"sharedTime": "2026-06-02T12:00:00Z"}).hearing_on == date(2026, 6, 2)


# Applications


def applied(message: object) -> list[Body]:
    return [body for body in facts(message) if not isinstance(body, HearingResulted | OrdersResulted)]


def heard(*results: cp.Object, again: bool | None = False, **over: Any) -> cp.Object:
    return cp.shared(applications=[cp.application(*results, **over)], again=again)


def test_an_application_is_lodged_with_its_case_and_its_applicant() -> None:
    (lodged,) = applied({"courtApplication": cp.application()})
    assert isinstance(lodged, ApplicationLodged)
    assert (lodged.application, lodged.action, lodged.offence_code) == (cp.APPLICATION, "vary", "SE20559")
    assert (lodged.references.urn, lodged.references.asn) == (cp.CASE_URN, cp.ASN)
    assert lodged.lodged_at == datetime(2026, 2, 20, tzinfo=UTC)
    assert (lodged.applicant_role, lodged.force_code) == ("defendant", "54")


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("SE20559", "vary"), ("SE20560", "discharge"), ("PH97501", "vary"), ("PH97502", "discharge"),
        ("PH97504", "vary"), ("PH97505", "discharge"), ("DA21506", "vary"), ("DA21508", "discharge"),
        ("ST19502", "vary"), ("ST19503", "renew"), ("ST19504", "discharge"), ("ST19506", "renew"),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_in_the_code(code: str, action: str) -> None:
    (lodged,) = applied({"courtApplication": cp.application(code=code)})
    assert isinstance(lodged, ApplicationLodged)
    assert lodged.action == action


PERSON = {"id": "p-1", "personDetails": {"firstName": "Tamsin", "lastName": "MADEUP"}}


def firm(name: str) -> cp.Object:
    return {"representationOrganisation": {"name": name}}


@pytest.mark.parametrize(
    ("applicant", "stated"),
    [
        ({"id": "c-1", "prosecutingAuthority": {"name": "A force"}}, ("prosecution", None, None)),
        (PERSON, ("other", None, None)),
        (PERSON | firm("Imaginary & Co"), ("other", True, True)),
        (PERSON | firm("Nobody LLP"), ("other", True, False)),
        (PERSON | {"masterDefendant": {"masterDefendantId": "m-of-a-case-against-her"}}, ("other", None, None)),
    ],
)
def test_who_asks_and_by_which_firm_is_said_as_the_record_has_it(
    applicant: cp.Object, stated: tuple[str, bool | None, bool | None]
) -> None:
    subject = {"id": "s-1", "masterDefendant": cp.master()} | firm("IMAGINARY  & CO")
    (lodged,) = applied({"courtApplication": cp.application(applicant=applicant, subject=subject)})
    assert isinstance(lodged, ApplicationLodged)
    assert (lodged.applicant_role, lodged.represented, lodged.same_firm_as_defendant) == stated
    assert lodged.references.asn == cp.ASN


GRANTED, REFUSED = cp.result(None, "Granted"), cp.result(None, "Application refused")


@pytest.mark.parametrize(
    ("results", "outcome"),
    [
        ([GRANTED], "granted"),
        ([REFUSED], "refused"),
        ([cp.result("2006", "Dismissed")], "refused"),
        ([cp.result("3242", "Application dismissed")], "refused"),
        ([cp.result(None, "Granted in part")], "part"),
        ([GRANTED, REFUSED], "part"),
        ([cp.result("1030", "Restraining order varied")], "granted"),
        ([cp.result("3263", "Restraining order - vary or discharge", "Restraining order discharged.")], "granted"),
        ([GRANTED, cp.result("1029", "Restraining order discharged")], "granted"),
    ],
)
def test_each_outcome_is_decided(results: list[cp.Object], outcome: str) -> None:
    lodged, decided = applied(heard(*results))
    assert isinstance(lodged, ApplicationLodged)
    assert isinstance(decided, ApplicationDecided)
    assert (decided.outcome, decided.decided_on, decided.application) == (outcome, DAY, cp.APPLICATION)


@pytest.mark.parametrize("text", ["Restraining order - application refused.", "Adjourned for reports.", ""])
def test_a_result_that_may_have_changed_nothing_decides_nothing(text: str) -> None:
    assert [type(each) for each in applied(heard(cp.result("3263", "Vary or discharge", text)))] == [ApplicationLodged]


@pytest.mark.parametrize("result", [cp.result("2063", "Withdrawn"), cp.result(None, "Withdrawn")])
def test_an_application_that_is_withdrawn_says_so(result: cp.Object) -> None:
    assert [type(each) for each in applied(heard(result))] == [ApplicationLodged, ApplicationWithdrawn]


def test_the_results_of_an_application_stand_among_the_offences_and_its_order_among_the_orders() -> None:
    message = heard(cp.result("1030", "Restraining order varied", "Restraining order varied. Not to go there."))
    stated = hearing(message)
    assert stated.subject == SUBJECT
    assert stated.defendant.name == "Orrin FABLE"
    assert [(each.sequence, each.code) for each in stated.offences] == [(999, "SE20559")]
    changed = order(message)
    assert (changed.action, changed.cause, changed.offences) == (OrderAction.VARIED, "application", (999,))


def test_on_an_application_about_an_order_a_code_for_any_order_is_about_that_one() -> None:
    assert order(heard(cp.result("1029", "Order discharged"))).action is OrderAction.DISCHARGED


def test_an_application_beside_its_case_is_one_hearing_of_one_defendant() -> None:
    message = cp.shared(cp.case(cp.defendant(cp.convicted(cp.imprisonment()))), applications=[cp.application(GRANTED)])
    assert [(each.sequence, each.code) for each in hearing(message).offences] == [(1, "CJ88116"), (999, "SE20559")]


def test_an_application_of_no_case_is_known_by_its_own_reference() -> None:
    alone = {"id": "s-1", "personDetails": {"firstName": "Orrin", "lastName": "FABLE", "dateOfBirth": "1988-02-20"}}
    message = heard(GRANTED, urn=None, subject=alone, applicant=alone, code="DA21502")
    stated = hearing(message)
    assert (stated.references.urn, stated.references.court_case) == (None, "00APP2026001")
    assert [(each.sequence, each.code) for each in stated.offences] == [(1, "DA21502")]
    assert stated.defendant.name == "Orrin FABLE"


def test_a_change_of_outcome_replaces_it_and_takes_the_other_kind_back() -> None:
    first = applied(heard(GRANTED))
    assert [type(each) for each in first] == [ApplicationLodged, ApplicationDecided]
    withdrawn = read(cp.encoded(amended(heard(cp.result("2063", "Withdrawn")))), RECEIVED).facts[2:]
    assert [(e.type.split(".")[2], type(body)) for e, body in withdrawn] == [
        ("application-lodged", ApplicationLodged),
        ("application-withdrawn", ApplicationWithdrawn),
        ("application-decided", Withdrawn),
    ]
    assert {envelope.subject for envelope, _ in withdrawn} == {cp.APPLICATION}


def test_an_outcome_that_was_deleted_is_taken_back() -> None:
    gone = read(cp.encoded(amended(heard(GRANTED | {"isDeleted": True}))), RECEIVED).facts
    assert [e.type.split(".")[2] for e, body in gone if isinstance(body, Withdrawn)] == [
        "application-decided",
        "application-withdrawn",
    ]


def taken_back(message: object) -> list[str]:
    found = read(cp.encoded(message), RECEIVED).facts
    return [envelope.type.split(".")[2] for envelope, body in found if isinstance(body, Withdrawn)]


BOTH = ["application-decided", "application-withdrawn"]


def test_an_outcome_that_is_listed_among_deleted_results_is_taken_back() -> None:
    adjourned = cp.result("4506", "Adjournment", category="INTERMEDIARY")
    message = amended(heard(adjourned))
    gone = {"applicationId": cp.APPLICATION, "judicialResult": GRANTED | {"isDeleted": True}}
    message["hearing"]["deletedJudicialResults"] = {"applicationResults": [gone]}
    assert taken_back(message) == BOTH
    gone["applicationId"] = "another"
    assert taken_back(message) == []


def test_a_hearing_that_adjourned_an_application_takes_no_later_decision_back_when_it_is_shared_again() -> None:
    adjourned = cp.result("4506", "Adjournment", category="INTERMEDIARY")
    assert taken_back(amended(heard(adjourned))) == []
    assert taken_back(amended(heard(adjourned | {"amendmentDate": "2026-03-03"}))) == []
    assert taken_back(amended(heard())) == BOTH


@pytest.mark.parametrize(
    ("words", "action"),
    [
        ("Application to vary a restraining order", "vary"),
        ("Application for variation of a domestic abuse protection order", "vary"),
        ("Application to discharge a restraining order (new Act)", "discharge"),
        ("Application to revoke a stalking protection order", "discharge"),
        ("Application to vary or discharge a restraining order", "discharge"),
        ("Application to renew a stalking protection order", "renew"),
        ("Application to extend a restraining order", "renew"),
    ],
)
@pytest.mark.parametrize("code", ["ZZ99999", ""])
def test_an_application_of_an_unknown_code_is_known_by_its_words(words: str, action: str, code: str) -> None:
    asked = cp.application(type={"code": code, "type": words})
    (lodged,) = applied({"courtApplication": asked})
    assert isinstance(lodged, ApplicationLodged)
    assert (lodged.action, lodged.offence_code) == (action, code or None)
    decided = heard(cp.result("1030", "Order varied"), type={"code": code, "type": words})
    assert order(decided).action is OrderAction.VARIED


@pytest.mark.parametrize(
    "words",
    ["Application for a restraining order", "Application to vary conditions of bail", "Breach of a restraining order"],
)
def test_an_application_for_something_else_asks_nothing_of_an_order(words: str) -> None:
    assert (
        read(cp.encoded({"courtApplication": cp.application(type={"code": "ZZ99999", "type": words})}), RECEIVED).facts
        == ()
    )


def test_an_application_belongs_to_the_case_of_the_order_that_it_is_about() -> None:
    order_of = {"courtOrderOffences": [{"prosecutionCaseIdentifier": {"caseURN": "54DC0055524"}, "offence": {}}]}
    (lodged,) = applied({"courtApplication": cp.application(courtOrder=order_of)})
    assert isinstance(lodged, ApplicationLodged)
    assert lodged.references.urn == "54DC0055524"


def test_an_application_that_its_court_deletes_is_taken_back() -> None:
    message = {
        "_metadata": {
            "name": "public.progression.events.court-application-deleted",
            "createdAt": "2026-03-03T10:00:00Z",
        },
        "applicationId": cp.APPLICATION,
        "hearingId": cp.HEARING,
    }
    (envelope, _), *_ = read(cp.encoded(message), RECEIVED).facts
    assert taken_back(message) == ["application-lodged", *BOTH]
    assert envelope.subject == cp.APPLICATION
    assert envelope.factversion == version_of(datetime(2026, 3, 3, 10, 0, tzinfo=UTC))


def test_an_application_that_is_listed_says_when_it_is_heard_and_decides_nothing() -> None:
    message = heard(hearingDays=None)
    message["hearing"] |= {"hasSharedResults": False, "hearingDays": [{"sittingDay": "2026-03-20T10:00:00.000Z"}]}
    for name in ("sharedTime", "hearingDay", "isReshare"):
        del message[name]
    (lodged,) = facts(message)
    assert isinstance(lodged, ApplicationLodged)
    assert lodged.hearing_at == datetime(2026, 3, 20, 10, 0, tzinfo=UTC)


def test_an_application_to_vary_bail_is_said_among_the_offences() -> None:
    message = heard(GRANTED, code="BA76504")
    assert [each.code for each in hearing(message).offences] == ["BA76504"]
    assert applied(message) == []


# What takes an outcome back


@pytest.mark.parametrize(
    ("code", "label", "stated"),
    [
        ("MC80527", "Statutory Declaration", "3049"),
        ("MC80528", "Granted", "3049"),
        ("MC80524", "Case re-opened", "4584"),
        ("MC80524", "Granted", "4584"),
        ("MC80524", "Application refused", UNCODED),
    ],
)
def test_a_conviction_that_is_set_aside_or_reopened_is_so_by_its_code(code: str, label: str, stated: str) -> None:
    (offence,) = hearing(heard(cp.result(None, label), code=code)).offences
    assert (offence.code, [each.cjs_result_code for each in offence.results]) == (code, [stated])


def test_an_appeal_that_is_allowed_quashes_the_convictions_that_it_is_about_and_nothing_else_was_ordered_for() -> None:
    mine, other = cp.convicted(), cp.convicted(cp.imprisonment(), sequence=2, code="CD71039")
    linked = {"prosecutionCaseIdentifier": {"caseURN": cp.CASE_URN}, "offences": [mine, other]}
    allowed = cp.result(None, "Appeal against conviction allowed ")
    stated = hearing(heard(allowed, code="MC80802", courtApplicationCases=[linked]))
    both = cp.result(None, "Appeal against conviction and sentence allowed")
    assert hearing(heard(both, code="MC80803", courtApplicationCases=[linked])).offences[0].verdict is Verdict.QUASHED
    assert [(each.sequence, each.code, each.verdict) for each in stated.offences] == [
        (1, "CJ88116", Verdict.QUASHED),
        (2, "CD71039", Verdict.CONVICTED),
        (999, "MC80802", Verdict.QUASHED),
    ]


# Wrappers and refusals


@pytest.mark.parametrize(
    "wrap",
    [
        lambda said: [said],
        lambda said: {"Type": "Notification", "Message": json.dumps(said)},
        lambda said: {"Records": [{"body": json.dumps({"Message": json.dumps(said)})}]},
        lambda said: {"specversion": "1.0", "type": "anything", "data": said},
        lambda said: {"_metadata": {"name": "public.events.hearing.hearing-resulted"}} | said,
        lambda said: {"payload": {"hearing-resulted": said}},
    ],
)
def test_what_a_message_is_wrapped_in_does_not_matter(wrap: Any) -> None:
    said = one_offence(cp.imprisonment(), cp.restraining_order())
    assert facts(wrap(said)) == facts(said)
    assert recognised(cp.encoded(wrap(said)))


def test_several_messages_in_one_are_each_read_and_one_that_is_cut_off_is_said() -> None:
    said = one_offence(cp.imprisonment())
    found = read(cp.encoded({"Records": [{"body": json.dumps(said)[:-40]}, {"body": json.dumps(said)}]}), RECEIVED)
    assert len(found.facts) == 2
    (refusal,) = found.refusals
    assert refusal.reason is RefusalReason.INCOMPLETE
    assert refusal.detail.startswith("a text that holds a message of its own: ")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "incomplete"),
        (b"<xml/>", "not_json"),
        (b'{"hearing": ', "incomplete"),
        (b'{"hearing": 1, "hearing": 2}', "duplicate_key"),
        (b'{"hearing": NaN}', "not_finite_number"),
        (b'{"a": "\\u0000"}', "nul_character"),
        (b"[" * 100 + b"]" * 100, "too_deep"),
        (b" " * 5_000_001 + b"{}", "not_a_court_result"),
        (b'{"a": "' + b"x" * 5_000_001 + b'"}', "too_large"),
        (b"{}", "not_a_court_result"),
        (b"[]", "not_a_court_result"),
        (b'{"hearing": {}}', "not_a_court_result"),
        (b'{"hearing": {"prosecutionCases": []}}', "not_a_court_result"),
        (b'{"hearing": {"prosecutionCases": [{"id": "x"}]}}', "missing_field"),
        (b'{"courtApplication": {"id": "x", "type": {"code": "ZZ1"}}}', "not_a_court_result"),
        (b'{"courtApplication": {"type": {"code": "SE20559"}}}', "missing_field"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason_from_the_closed_list(message: bytes, reason: str) -> None:
    said = read(message, RECEIVED)
    assert said.facts == ()
    assert [refusal.reason for refusal in said.refusals] == [reason]


def test_a_case_without_defendants_is_said_and_the_others_are_read() -> None:
    message = cp.shared(cp.case(), cp.case(cp.defendant(cp.convicted(cp.imprisonment()))))
    said = read(cp.encoded(message), RECEIVED)
    assert len(said.facts) == 2
    assert refusals(message) == [("missing_field", "hearing.prosecutionCases[0].defendants: a defendant is expected")]


def test_a_hearing_that_is_only_listed_decided_nothing() -> None:
    listed = cp.shared(cp.case(cp.defendant(cp.offence())), hasSharedResults=False)["hearing"]
    assert refusals(listed) == [("not_a_court_result", "hearing: results of a defendant are expected")]


# Real messages


@pytest.mark.parametrize("path", [*EXAMPLES, *REAL], ids=lambda path: path.stem)
def test_every_fact_can_be_published_and_is_read_back(path: Path) -> None:
    found = read(path.read_bytes(), RECEIVED)
    assert found.facts
    assert found.refusals == ()
    for stated, body in found.facts:
        record = encode(stated, body)
        received = decode(REGISTRY.topic_of(stated.type.removesuffix(".v1")), record.key, record.value, record.headers)
        assert isinstance(received, Received)
        assert (received.envelope, received.body) == (stated, body)


@needs_real_messages
def test_all_results_of_real_messages_are_accounted_for() -> None:
    counted = {}
    for path in REAL:
        walked = list(results_in(json.loads(path.read_bytes())))
        stated = [
            result
            for body in hearings(json.loads(path.read_bytes()))
            for offence in body.offences
            for result in offence.results
        ]
        assert sorted(result.get("label", "") for result in walked) == sorted(result.label or "" for result in stated)
        counted[path.stem] = len(walked)
    assert counted == {"court-application": 1, "hearing-1": 1, "hearing-resulted-crown": 1}


def results_in(value: object) -> Any:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("judicialResults", "defendantCaseJudicialResults"):
                yield from (each for each in inner if isinstance(each, dict))
            else:
                yield from results_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from results_in(inner)


@needs_real_messages
def test_real_messages_again_and_in_any_order_are_each_fact_once() -> None:
    once = [fact for path in REAL for fact in read(path.read_bytes(), RECEIVED).facts]
    later = RECEIVED + timedelta(hours=1)
    again = [fact for path in reversed(REAL) for fact in read(path.read_bytes(), later).facts]
    assert {envelope.id: body for envelope, body in once} == {envelope.id: body for envelope, body in again}
    assert len({envelope.id for envelope, _ in once}) == len(once)
