"""An order that could have protected her and was not made: who is told, by when, in which words, and what ends it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas import values as v
from schemas.agency_responses.v1 import Decision
from schemas.court_convictions.v1 import CourtType, HearingResulted, Verdict
from schemas.court_order_variations.v1 import Attribution, OrderAction
from schemas.police_incidents.v1 import AbuseType, Grade, Risk, VictimView
from services.convictions.rules import RULES, missed_order, missed_order_on_acquittal
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.escalation import MANAGER, STRATEGIC, step_key
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from tests.support import builders as b
from tests.unit.incidents import seen

LATER = b.TODAY + timedelta(days=20)
CPS, DAIT = "cps-westmarch", "dait-54"
SUBJECT = f"{b.VICTIM}/{b.URN}/{b.ASN}/1/OF61102"
PROTECTS_HER = (b.protected(),)
ACQUITTALS = (Verdict.ACQUITTED, Verdict.NO_EVIDENCE_OFFERED, Verdict.DISMISSED, Verdict.NGRI)


def file(*bodies: v.Body, of: str = b.VICTIM) -> CaseFile:
    """Her file, with the incident and the charge that lead to it."""
    return b.linked_file(b.fact(b.incident()), b.fact(b.charge()), *(b.fact(body) for body in bodies), of=of)


def verdict(given: Verdict | None, **over: Any) -> HearingResulted:
    return b.hearing(b.offence(verdict=given, **over))


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


def decided(decision: Decision, reason: str | None = None, agency: str = CPS) -> CaseFile:
    body = b.decided(agency=agency, decision=decision, reason=reason)
    given = b.answer(body, Key("missed_order", SUBJECT, agency))
    return replace(file(b.hearing()), answers=(given,))


def test_a_crown_court_sentence_without_an_order_is_told_to_cps_and_dait_with_its_last_day() -> None:
    duties = seen.owed(missed_order, file(b.hearing()))
    assert set(duties) == {CPS, DAIT}
    cps = duties[CPS]
    assert cps.key == Key("missed_order", SUBJECT, CPS)
    assert cps.person == b.VICTIM
    assert cps.settles
    assert cps.opens == b.NOON + timedelta(minutes=30)
    assert cps.tell_by == datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
    assert cps.remind_at == tuple(
        datetime(2026, 3, 2 + 14, 23, 59, 59, tzinfo=UTC) + extra
        for extra in (timedelta(), timedelta(days=28, hours=-1))
    )
    assert cps.lapses == datetime(2026, 4, 26, 22, 59, 59, tzinfo=UTC)
    assert cps.ended is None
    assert not cps.met_by
    said = seen.matter(cps)
    assert (said["last_day"], said["last_sitting_before"], said["verdict"]) == ("2026-04-26", "2026-04-24", "convicted")
    assert said["marked_as_domestic_abuse_by"] == ("linked_incident",)
    assert {"missed_order", "missed_order_crown"} <= set(cps.texts)


def test_it_rests_on_the_result_the_charge_the_incident_and_what_the_hearing_did_about_orders() -> None:
    facts = [b.fact(body) for body in (b.incident(), b.charge(), b.hearing(), b.orders_resulted())]
    assert seen.owed(missed_order, b.linked_file(*facts))[CPS].grounds == tuple(sorted(fact.id for fact in facts))


@pytest.mark.parametrize("court", [CourtType.MAGISTRATES, CourtType.YOUTH])
def test_magistrates_may_reopen_without_a_date(court: CourtType) -> None:
    duty = seen.owed(missed_order, file(b.hearing(court_type=court)))[CPS]
    assert duty.lapses is None
    assert len(duty.remind_at) == 2
    assert "missed_order_magistrates" in duty.texts
    assert "last_day" not in seen.matter(duty)


def test_a_court_of_unknown_sort_is_told_without_a_limit() -> None:
    duty = seen.owed(missed_order, file(b.hearing(court_type=CourtType.UNKNOWN)))[CPS]
    assert (duty.lapses, duty.why.route) == (None, "missed_order_limit_not_known")


def test_high_risk_is_told_singly_and_other_cases_in_a_digest() -> None:
    medium = b.incident(risk=b.risk(Grade.MEDIUM))
    facts = [b.fact(body) for body in (medium, b.charge(), b.hearing())]
    assert seen.owed(missed_order, file(b.hearing()))[CPS].gather == "singly"
    assert seen.owed(missed_order, b.linked_file(*facts))[CPS].gather == "digest"


@pytest.mark.parametrize("later", [b.risk(Grade.HIGH), b.risk(Grade.MEDIUM, professional_judgement_high=True)])
def test_a_later_assessment_that_is_high_is_told_singly_too(later: Risk) -> None:
    medium, raised = b.fact(b.incident(risk=b.risk(Grade.MEDIUM))), b.fact(b.risk_assessed(risk=later))
    duty = seen.owed(missed_order, b.linked_file(medium, raised, b.fact(b.charge()), b.fact(b.hearing())))[CPS]
    assert duty.gather == "singly"
    assert raised.id in duty.grounds
    assert seen.matter(duty)["risk.grade"] == later.grade


def test_a_conviction_adjourned_for_sentence_is_not_a_missed_order_yet() -> None:
    adjourned = verdict(Verdict.CONVICTED, final=False, sentenced_on=None)
    assert seen.withheld(missed_order, file(adjourned)) == {CPS: Reason.NOT_SENTENCED, DAIT: Reason.NOT_SENTENCED}


def test_a_sentence_that_does_not_repeat_the_verdict_is_a_sentence() -> None:
    adjourned = verdict(Verdict.CONVICTED, final=False, sentenced_on=None)
    sentence = b.hearing(
        b.offence(verdict=None, verdict_date=None, sentenced_on=LATER), hearing_on=LATER, occurred_at=noon(LATER)
    )
    duty = seen.owed(missed_order, file(adjourned, sentence))[CPS]
    assert seen.matter(duty)["offences.sentenced_on"] == LATER.isoformat()
    assert seen.matter(duty)["last_day"] == "2026-05-16"


def test_no_verdict_yet_is_explained() -> None:
    assert seen.reasons(missed_order, file(verdict(None, final=False, sentenced_on=None))) == {Reason.NO_VERDICT}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Verdict.UNFIT_DID_ACT, Reason.NO_POWER_UNFIT_DID_ACT),
        (Verdict.WITHDRAWN, Reason.NO_POWER_WITHDRAWN),
        (Verdict.DISCONTINUED, Reason.NO_POWER_DISCONTINUED),
        (Verdict.LIES_ON_FILE, Reason.NO_POWER_LIES_ON_FILE),
        (Verdict.JURY_DISCHARGED, Reason.NOT_FINAL),
        (Verdict.QUASHED, Reason.NOT_FINAL),
    ],
)
def test_an_outcome_without_a_power_is_explained_and_told_to_nobody(given: Verdict, why: Reason) -> None:
    for rule in (missed_order, missed_order_on_acquittal):
        assert seen.owed(rule, file(verdict(given))) == {}
    assert seen.reasons(missed_order, file(verdict(given))) == {why}


@pytest.mark.parametrize("given", ACQUITTALS)
def test_an_acquittal_has_its_own_words_and_no_countdown(given: Verdict) -> None:
    assert list(missed_order(file(verdict(given)), b.policy())) == []
    duties = seen.owed(missed_order_on_acquittal, file(verdict(given)))
    assert set(duties) == {CPS, DAIT}
    for duty in duties.values():
        assert (duty.lapses, duty.remind_at) == (None, ())
        words = " ".join(b.policy().text(code) for code in duty.texts)
        assert "defendant" in words
        assert "offender" not in words
        assert "offender" not in repr(duty.matter)


@pytest.mark.parametrize(
    ("rule", "given", "basis"),
    [
        (missed_order, Verdict.CONVICTED, "court_found"),
        (missed_order_on_acquittal, Verdict.ACQUITTED, "alleged"),
        (missed_order_on_acquittal, Verdict.NGRI, "alleged"),
    ],
)
def test_what_he_was_charged_with_is_found_by_a_court_only_where_it_convicted(
    rule: seen.States, given: Verdict, basis: str
) -> None:
    duty = seen.owed(rule, file(verdict(given, title="Common assault")))[CPS]
    sure = {item.what: item.basis for item in duty.matter}
    assert (sure["offences.code"], sure["offences.title"]) == (basis, basis)
    assert sure["verdict"] == "court_found"


def test_a_code_that_is_no_offence_is_never_a_conviction() -> None:
    assert seen.reasons(missed_order, file(verdict(Verdict.CONVICTED, code="MC80530"))) == {Reason.NOT_AN_OFFENCE}


def test_an_order_that_protects_her_in_the_same_result_means_none_was_missed() -> None:
    made = b.orders_resulted(b.order(protected_persons=PROTECTS_HER))
    duty = seen.owed(missed_order, file(b.hearing(), made))[CPS]
    assert duty.ended is Reason.ORDER_PROTECTS_HER
    assert b.fact(made).id in duty.met_by


def test_an_order_made_later_for_her_closes_it() -> None:
    made = b.orders_resulted(
        b.order(protected_persons=PROTECTS_HER, made_on=LATER), hearing_on=LATER, occurred_at=noon(LATER)
    )
    assert seen.owed(missed_order, file(b.hearing(), made))[CPS].ended is Reason.ORDER_PROTECTS_HER


def test_a_live_order_of_an_earlier_case_against_him_covers_her() -> None:
    before = b.TODAY - timedelta(days=200)
    earlier = b.orders_resulted(
        b.order(protected_persons=PROTECTS_HER, made_on=before), hearing_on=before, occurred_at=noon(before)
    )
    assert seen.owed(missed_order, file(b.hearing(), earlier))[CPS].ended is Reason.ORDER_PROTECTS_HER


def test_a_live_order_against_another_man_does_not_cover_her_from_him() -> None:
    others = b.references(asn="2654DC0100000000002B")
    made = b.orders_resulted(b.order(protected_persons=PROTECTS_HER), references=others)
    assert seen.owed(missed_order, file(b.hearing(), made))[CPS].ended is None


def test_an_earlier_order_that_was_discharged_before_sentence_does_not_cover_her() -> None:
    before, between = b.TODAY - timedelta(days=200), b.TODAY - timedelta(days=10)
    earlier = b.orders_resulted(
        b.order(protected_persons=PROTECTS_HER, made_on=before), hearing_on=before, occurred_at=noon(before)
    )
    ended = b.orders_resulted(
        b.order("3263", action=OrderAction.DISCHARGED), hearing_on=between, occurred_at=noon(between)
    )
    assert seen.owed(missed_order, file(b.hearing(), earlier, ended))[CPS].ended is None


def test_an_order_that_protects_another_closes_nothing() -> None:
    made = b.orders_resulted(b.order(protected_persons=PROTECTS_HER))
    to_another = b.attribution(b.party_ref(1, "CR2"))
    assert seen.owed(missed_order, file(b.hearing(), made, to_another))[CPS].ended is None


def test_while_an_order_waits_for_attribution_the_question_to_the_dait_stands_instead() -> None:
    named = b.protected(attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
    made = b.orders_resulted(b.order(protected_persons=(named,)))
    duty = seen.owed(missed_order, file(b.hearing(), made))[CPS]
    assert duty.ended is None
    assert duty.opens == datetime(2026, 3, 3, 17, 30, tzinfo=UTC)  # the close of the next working day, and settled
    assert duty.tell_by == datetime(2026, 3, 3, 23, 59, 59, tzinfo=UTC)  # to have waited for the answer is not late
    assert seen.matter(duty)["order_whose_protection_is_not_confirmed"] == (b.order_at(),)
    to_another = b.attribution(b.party_ref(1, "CR2"))
    assert seen.owed(missed_order, file(b.hearing(), made, to_another))[CPS].opens == b.NOON + timedelta(minutes=30)
    to_her = b.attribution(b.party_ref())
    assert seen.owed(missed_order, file(b.hearing(), made, to_her))[CPS].ended is Reason.ORDER_PROTECTS_HER


def test_an_amended_result_without_the_order_leaves_her_without_one() -> None:
    made = b.fact(b.orders_resulted(b.order(protected_persons=PROTECTS_HER)))
    amended = b.fact(b.orders_resulted(), version=2)
    facts = (b.fact(b.incident()), b.fact(b.charge()), b.fact(b.hearing()), made)
    assert seen.owed(missed_order, b.linked_file(*facts))[CPS].ended is Reason.ORDER_PROTECTS_HER
    assert seen.owed(missed_order, b.linked_file(*facts, amended))[CPS].ended is None


@pytest.mark.parametrize("code", ["3081", "3306", "3307"])
def test_another_sort_of_order_asks_whether_she_is_covered(code: str) -> None:
    duty = seen.owed(missed_order, file(b.hearing(), b.orders_resulted(b.order(code))))[CPS]
    assert duty.ended is None
    assert seen.matter(duty)["another_order_was_made_is_she_covered"] == (code,)


@pytest.mark.parametrize("action", [OrderAction.DISCHARGED, OrderAction.REPLACED])
def test_nobody_is_asked_whether_an_order_covers_her_that_a_court_has_ended(action: OrderAction) -> None:
    on = b.TODAY + timedelta(days=2)
    ended = b.orders_resulted(
        b.order("3263", action=action, order=b.order_at(code="3307")), hearing_on=on, occurred_at=b.NOON
    )
    hers = b.linked_file(
        *(b.fact(body) for body in (b.incident(), b.charge(), b.hearing(), b.orders_resulted(b.order("3307")), ended))
    )
    duty = seen.owed(missed_order, hers)["cps-westmarch"]
    assert "another_order_was_made_is_she_covered" not in seen.matter(duty)


def test_the_prosecutor_decides_it_with_a_code() -> None:
    for decision, reason, ended in (
        (Decision.ORDER_TO_BE_SOUGHT, None, Reason.ORDER_TO_BE_SOUGHT),
        (Decision.ORDER_NOT_SOUGHT, "victim-safe-otherwise", Reason.ORDER_NOT_SOUGHT),
        (Decision.ORDER_NOT_SOUGHT, None, None),
        (Decision.NO_FURTHER_ACTION, "other", None),
    ):
        duties = seen.owed(missed_order, decided(decision, reason))
        assert {duty.ended for duty in duties.values()} == {ended}


def test_nobody_but_the_prosecutor_decides_it() -> None:
    duties = seen.owed(missed_order, decided(Decision.ORDER_NOT_SOUGHT, "reason", agency=DAIT))
    assert {duty.ended for duty in duties.values()} == {None}


def test_what_a_cps_area_decided_counts_when_the_area_has_ended() -> None:
    shipped = b.shipped()
    ended = [agency.model_copy(update={"ends": b.NOON}) if agency.id == CPS else agency for agency in shipped.agencies]
    policy = replace(shipped, agencies=tuple(ended)).at(b.NOON + timedelta(days=1))
    assert policy.agency(CPS) is None
    stated = missed_order(decided(Decision.ORDER_TO_BE_SOUGHT), policy)
    assert {duty.ended for duty in stated if isinstance(duty, Duty)} == {Reason.ORDER_TO_BE_SOUGHT}


@pytest.mark.parametrize("step", [MANAGER, STRATEGIC])
def test_a_decision_of_the_prosecutor_s_manager_who_heard_of_the_silence_decides_it(step: str) -> None:
    body = b.decided(agency=CPS, decision=Decision.ORDER_NOT_SOUGHT, reason="victim-safe-otherwise")
    asked = step_key(step, Key("missed_order", SUBJECT, CPS), "decide", CPS)
    hers = replace(file(b.hearing()), answers=(b.answer(body, asked),))
    assert {duty.ended for duty in seen.owed(missed_order, hers).values()} == {Reason.ORDER_NOT_SOUGHT}


def test_a_conviction_on_a_retrial_opens_it_again_with_days_of_its_own() -> None:
    quashed_on = LATER - timedelta(days=5)
    quashed = b.hearing(b.offence(verdict=Verdict.QUASHED), hearing_on=quashed_on, occurred_at=noon(quashed_on))
    again = b.hearing(b.offence(sentenced_on=LATER, verdict_date=LATER), hearing_on=LATER, occurred_at=noon(LATER))
    duty = seen.owed(missed_order, file(b.hearing(), quashed, again))[CPS]
    assert duty.ended is None
    assert seen.matter(duty)["last_day"] == "2026-05-16"


def test_what_was_decided_before_a_retrial_says_nothing_about_its_sentence() -> None:
    quashed_on = LATER - timedelta(days=5)
    quashed = b.hearing(b.offence(verdict=Verdict.QUASHED), hearing_on=quashed_on, occurred_at=noon(quashed_on))
    again = b.hearing(b.offence(sentenced_on=LATER, verdict_date=LATER), hearing_on=LATER, occurred_at=noon(LATER))
    hers = file(b.hearing(), quashed, again)

    def decides(on: date) -> Answer:
        body = b.decided(agency=CPS, decision=Decision.ORDER_TO_BE_SOUGHT, occurred_at=noon(on))
        return b.answer(body, Key("missed_order", SUBJECT, CPS))

    before, since = decides(b.TODAY + timedelta(days=1)), decides(LATER)
    assert seen.owed(missed_order, replace(hers, answers=(before,)))[CPS].ended is None
    for answers in ((since, before), (before, since)):
        duty = seen.owed(missed_order, replace(hers, answers=answers))[CPS]
        assert (duty.ended, since.fact.id in duty.met_by) == (Reason.ORDER_TO_BE_SOUGHT, True)


@pytest.mark.parametrize("revision", [1, 2])
def test_a_decision_on_what_was_told_before_her_risk_was_raised_closes_nothing(revision: int) -> None:
    told_at, medium = b.NOON + timedelta(hours=2), b.incident(risk=b.risk(Grade.MEDIUM))
    first = b.linked_file(*(b.fact(body) for body in (medium, b.charge(), b.hearing())))
    delivered = remember({}, evaluate([first], {}, RULES, b.policy(), told_at, told_at))
    raised = b.fact(b.risk_assessed(occurred_at=told_at))
    hers = b.linked_file(*first.facts, raised)
    later = told_at + timedelta(hours=1)
    delivered = remember(delivered, evaluate([hers], delivered, RULES, b.policy(), later, later))
    key = Key("missed_order", SUBJECT, CPS)
    assert delivered[key].revision == 2
    body = b.decided(agency=CPS, decision=Decision.ORDER_NOT_SOUGHT, reason="low-risk", occurred_at=later)
    answered = replace(hers, answers=(b.answer(body, key, revision),))
    delivered = remember(delivered, evaluate([answered], delivered, RULES, b.policy(), later, later))
    counts = {agency: delivered[key._replace(agency=agency)].state for agency in (CPS, DAIT)}
    assert counts == dict.fromkeys((CPS, DAIT), "closed" if revision == 2 else "live")
    assert evaluate([answered], delivered, RULES, b.policy(), later, later).notifications == ()


def test_a_later_hearing_that_leaves_the_conviction_does_not_move_its_days() -> None:
    again = b.hearing(b.offence(sentenced_on=LATER), hearing_on=LATER, occurred_at=noon(LATER))
    assert seen.matter(seen.owed(missed_order, file(b.hearing(), again))[CPS])["last_day"] == "2026-04-26"


def test_a_conviction_quashed_later_ends_it() -> None:
    quashed = b.hearing(
        b.offence(verdict=Verdict.QUASHED), hearing_on=LATER, occurred_at=noon(LATER), court_type=CourtType.APPEAL
    )
    duty = seen.owed(missed_order, file(b.hearing(), quashed))[CPS]
    assert (duty.ended, duty.met_by) == (
        Reason.OUTCOME_TAKEN_BACK,
        tuple(sorted({b.fact(quashed).id, b.fact(b.charge()).id, b.fact(b.incident()).id})),
    )


def test_only_the_offences_that_the_charge_says_are_about_her() -> None:
    others = b.incident("CR2", parties=(b.victim(record=b.record("victim-of-another")), b.suspect()))
    charge = b.charge(b.charged(1), b.charged(2, "CR2"))
    both = b.hearing(b.offence(1), b.offence(2))
    hers = b.linked_file(*(b.fact(body) for body in (b.incident(), others, charge, both)))
    assert {duty.key.subject for duty in seen.owed(missed_order, hers).values()} == {SUBJECT}
    assert "CR2" not in repr(list(missed_order(hers, b.policy())))


def test_a_link_made_by_a_person_is_about_every_offence_and_told_at_one_of_her_places() -> None:
    again = b.incident("CR2")
    link = b.link_made(b.party_ref(1, "CR2"), b.party_ref(1))
    facts = (b.incident(), again, link, b.hearing(b.offence(1), b.offence(2)))
    stated = missed_order(b.linked_file(*(b.fact(body) for body in facts)), b.policy())
    assert {s.key.subject for s in stated} == {SUBJECT, f"{b.VICTIM}/{b.URN}/{b.ASN}/2/OF61102"}


def test_nothing_is_stated_in_the_file_of_the_suspect() -> None:
    assert list(missed_order(file(b.hearing(), of=b.SUSPECT), b.policy())) == []


def test_codefendants_whose_offences_have_one_number_are_two_duties() -> None:
    others = b.references(asn="2654DC0100000000002B")
    facts = (b.incident(), b.charge(), b.charge(references=others), b.hearing(), b.hearing(references=others))
    stated = list(missed_order(b.linked_file(*(b.fact(body) for body in facts)), b.policy()))
    assert len({s.key for s in stated}) == len(stated) == 4


@pytest.mark.parametrize(
    ("alone", "age", "shown"), [(True, 1, "current"), (True, 29, "not_current"), (None, 1, "not_current")]
)
def test_her_view_changes_the_words_and_not_whether_it_is_told(*, alone: bool | None, age: int, shown: str) -> None:
    view = VictimView(
        party=b.party_ref(), view="does_not", at=b.NOON - timedelta(days=age), by_role="dait", alone=alone
    )
    facts = (b.incident(), b.charge(victim_views_on_order=(view,)), b.hearing())
    duties = seen.owed(missed_order, b.linked_file(*(b.fact(body) for body in facts)))
    assert set(duties) == {CPS, DAIT}
    assert seen.hears(duties[DAIT])["view.is", b.VICTIM] == shown
    assert ("view.is", b.VICTIM) not in seen.hears(duties[CPS])


@pytest.mark.parametrize(
    ("held", "reason", "desks"),
    [
        ({"abuse_types": (AbuseType.HBA,)}, Reason.HONOUR_BASED_ABUSE, 1),
        ({"parties": (b.victim(), b.suspect(is_police=True))}, Reason.SUSPECT_IS_POLICE, 2),
        ({"primary_perpetrator": "unresolved"}, Reason.ROLES_UNRESOLVED, 1),
    ],
)
def test_where_ordinary_routes_must_wait_the_named_desk_alone_is_told(
    held: dict[str, Any], reason: Reason, desks: int
) -> None:
    facts = (b.incident(**held), b.charge(), b.hearing())
    hers = b.linked_file(*(b.fact(body) for body in facts))
    assert len(seen.owed(missed_order, hers)) == desks
    assert {CPS, DAIT}.isdisjoint(seen.owed(missed_order, hers))
    ends = {duty.last_step.agency for duty in seen.owed(missed_order, hers).values() if duty.last_step is not None}
    own = set(seen.owed(missed_order, hers))
    assert ends == (own if reason is Reason.SUSPECT_IS_POLICE else {"duty-inspector-54"})
    assert seen.withheld(missed_order, hers) == {CPS: reason, DAIT: reason}


def test_what_arose_before_go_live_is_withheld() -> None:
    before = date(2022, 3, 1)
    facts: list[Fact] = [b.fact(b.incident()), b.fact(b.charge())]
    facts.append(b.fact(b.hearing(b.offence(sentenced_on=before), hearing_on=before, occurred_at=noon(before))))
    assert seen.reasons(missed_order, b.linked_file(*facts)) == {Reason.BEFORE_GO_LIVE}
