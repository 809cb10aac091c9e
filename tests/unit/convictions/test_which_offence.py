"""Which offence of a result is the one charged against her: sequence and code say it, and a person hears of doubts."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import values as v
from schemas.agency_responses.v1 import Decision
from schemas.court_convictions.v1 import ResultedOffence, Verdict
from schemas.police_incidents.v1 import AbuseType, ChargePreferred, IncidentReported
from services.convictions.rules import RULES, missed_order
from services.convictions.unconfirmed import offence_unconfirmed
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.escalation import ESCALATION_STEPS, INSPECTOR, MANAGER, step_key
from services.platform.domain.core.facts import CaseFile, Key
from services.platform.domain.core.reasons import Reason
from services.platform.policy.policy import Policy
from tests.support import builders as b
from tests.unit.incidents import seen

CPS, DAIT = "cps-westmarch", "dait-54"
THEFT, WOUNDING, UNLAWFUL_WOUNDING = "TH68023", "OF61016", "OF61017"
LONG_BEFORE = b.TODAY - timedelta(days=2000)
SUBJECT = f"{b.VICTIM}/{b.URN}/{b.ASN}"
OF_AN_OFFENCE = ("missed_order", "missed_order_on_acquittal", "offence_unconfirmed")
Shown = set[tuple[str, str, str]]


def file(*bodies: v.Body, charge: ChargePreferred | None = None) -> CaseFile:
    return b.linked_file(*map(b.fact, (b.incident(), charge or b.charge(), *bodies)))


def delivered(hers: CaseFile, policy: Policy | None = None) -> Shown:
    """What is still owed for an offence, by rule, agency and offence."""
    rules = (rule for rule in RULES if rule.runs_for(hers) and rule.name in OF_AN_OFFENCE)
    stated = [s for rule in rules for s in rule.states(hers, policy or b.policy())]
    assert len({s.key for s in stated}) == len(stated)
    open_still = (s for s in stated if isinstance(s, Duty) and s.ended is None)
    return {(s.key.rule, s.key.agency, s.key.subject.removeprefix(f"{SUBJECT}/")) for s in open_still}


def missed(offence: str) -> Shown:
    return {("missed_order", CPS, offence), ("missed_order", DAIT, offence)}


def asked(offence: str) -> Shown:
    return {("offence_unconfirmed", DAIT, offence)}


def of(code: str, sequence: int = 1, **over: Any) -> ResultedOffence:
    return b.offence(sequence, code=code, **over)


def test_an_old_offence_under_the_number_of_the_charged_one_is_no_missed_order_and_nobody_is_asked() -> None:
    old = of(THEFT, verdict_date=LONG_BEFORE)
    revoked = of("CJ03522", 999, verdict=None, verdict_date=None, sentenced_on=None)
    hers = file(b.hearing(old, revoked))
    assert delivered(hers) == set()
    assert seen.withheld(missed_order, hers) == {
        CPS: Reason.CONVICTED_BEFORE_THE_INCIDENT,
        DAIT: Reason.CONVICTED_BEFORE_THE_INCIDENT,
    }


@pytest.mark.parametrize("reverse", [True, False])
def test_of_two_offences_with_one_number_the_charged_one_is_seen_and_the_other_is_not(*, reverse: bool) -> None:
    both = (of("OF61102"), of(THEFT))
    assert delivered(file(b.hearing(*(reversed(both) if reverse else both)))) == missed("1/OF61102")


def test_two_charged_offences_with_one_number_are_two_missed_orders() -> None:
    charge = b.charge(b.charged(1), b.charged(1, code="SC15005"))
    found = delivered(file(b.hearing(of("OF61102"), of("SC15005")), charge=charge))
    assert found == missed("1/OF61102") | missed("1/SC15005")


def test_one_acquitted_and_one_convicted_under_one_number_are_two_outcomes() -> None:
    charge = b.charge(b.charged(1), b.charged(1, code="SC15005"))
    found = delivered(file(b.hearing(of("OF61102"), of("SC15005", verdict=Verdict.ACQUITTED)), charge=charge))
    on_acquittal = {("missed_order_on_acquittal", agency, "1/SC15005") for agency in (CPS, DAIT)}
    assert found == missed("1/OF61102") | on_acquittal


@pytest.mark.parametrize("verdicts", [(Verdict.CONVICTED, Verdict.ACQUITTED), (Verdict.ACQUITTED, Verdict.CONVICTED)])
def test_of_two_counts_with_one_number_and_one_code_a_conviction_is_not_undone_by_the_other(
    verdicts: tuple[Verdict, Verdict],
) -> None:
    assert delivered(file(b.hearing(*(of("OF61102", verdict=each) for each in verdicts)))) == missed("1/OF61102")


def test_an_offence_of_which_another_woman_is_the_victim_is_not_hers_though_it_has_the_number_of_hers() -> None:
    charge = b.charge(b.charged(1), b.charged(1, "CR2", code="SC15005"))
    others = b.incident("CR2", parties=(b.victim(record=b.record("victim-of-another")), b.suspect()))
    assert delivered(file(others, b.hearing(of("SC15005")), charge=charge)) == set()


@pytest.mark.parametrize(
    ("charged_with", "found_guilty_of"),
    [
        ("OF61102", of("OF61102A")),
        ("OF61102A", of("OF61102")),
        ("of61102", of("OF61102")),
        (WOUNDING, of(UNLAWFUL_WOUNDING, verdict_code="A")),
        (WOUNDING, of(UNLAWFUL_WOUNDING, verdict_code="NA")),
    ],
)
def test_guilty_of_an_alternative_or_of_an_attempt_is_guilty_on_the_count_that_was_charged(
    charged_with: str, found_guilty_of: ResultedOffence
) -> None:
    hers = file(b.hearing(found_guilty_of), charge=b.charge(b.charged(code=charged_with)))
    assert delivered(hers) == missed(f"1/{found_guilty_of.code}")


def test_acquitted_of_the_charged_offence_and_guilty_of_an_alternative_on_that_count_is_seen_as_both() -> None:
    acquitted = of(WOUNDING, verdict=Verdict.ACQUITTED, sentenced_on=None)
    hers = file(
        b.hearing(acquitted, of(UNLAWFUL_WOUNDING, verdict_code="A")), charge=b.charge(b.charged(code=WOUNDING))
    )
    assert missed(f"1/{UNLAWFUL_WOUNDING}") <= delivered(hers)


def test_an_alternative_of_which_he_was_convicted_before_the_incident_is_not_hers() -> None:
    old = of(THEFT, verdict_code="A", verdict_date=LONG_BEFORE)
    assert delivered(file(b.hearing(old))) == set()


@pytest.mark.parametrize(
    "unlike",
    [
        of(UNLAWFUL_WOUNDING),  # amended since, or another offence
        of("uncoded"),
        of("OF61102", 2),  # numbered anew
        of("OF61102", 999),  # without a number in the court's message
        of(UNLAWFUL_WOUNDING, verdict=Verdict.DISMISSED),
    ],
)
def test_of_an_offence_with_the_number_or_the_code_of_the_charged_one_the_dait_is_asked_which_it_is(
    unlike: ResultedOffence,
) -> None:
    hers = file(b.hearing(unlike))
    assert delivered(hers) == asked(f"{unlike.sequence}/{unlike.code.upper()}")
    duty = seen.owed(offence_unconfirmed, hers)[DAIT]
    assert duty.settles
    assert duty.tell_by == b.NOON + timedelta(hours=1)
    said = seen.matter(duty)
    assert (said["charged_as"], said["offences.code"]) == ("1 OF61102", unlike.code)
    assert seen.reasons(missed_order, hers) <= {Reason.OFFENCE_NOT_CONFIRMED}


@pytest.mark.parametrize(
    "no_question",
    [
        (of("OF61102"), of(UNLAWFUL_WOUNDING)),  # the charged one was convicted beside it
        (of("OF61102", verdict=None, final=False), of(THEFT)),  # it was adjourned
        (of(UNLAWFUL_WOUNDING, verdict=None, final=False),),
        (of(UNLAWFUL_WOUNDING, verdict=Verdict.WITHDRAWN),),
        (of("MC80530"),),  # no offence
        (of(THEFT, 2),),  # neither its number nor its code
    ],
)
def test_nobody_is_asked_where_it_makes_no_difference(no_question: tuple[ResultedOffence, ...]) -> None:
    assert seen.owed(offence_unconfirmed, file(b.hearing(*no_question))) == {}


def test_the_charge_as_it_now_stands_answers_the_question_and_opens_the_missed_order() -> None:
    heard = b.hearing(of(UNLAWFUL_WOUNDING))
    amended = b.fact(b.charge(b.charged(code=UNLAWFUL_WOUNDING)), version=2)
    hers = b.linked_file(*map(b.fact, (b.incident(), b.charge(), heard)), amended)
    assert delivered(hers) == missed(f"1/{UNLAWFUL_WOUNDING}")


def test_a_charge_that_lists_the_old_offence_too_leaves_nothing_to_ask() -> None:
    charge = b.charge(b.charged(), b.charged(1, parties=(), code=THEFT))
    assert delivered(file(b.hearing(of(THEFT)), charge=charge)) == set()


def test_a_person_who_links_the_case_to_her_answers_the_question() -> None:
    hers = file(b.hearing(of(UNLAWFUL_WOUNDING)), b.link_made())
    assert delivered(hers) == missed(f"1/{UNLAWFUL_WOUNDING}")
    assert seen.owed(offence_unconfirmed, hers)[DAIT].ended is Reason.LINK_SETTLED


def test_a_link_to_the_case_does_not_make_an_old_conviction_hers() -> None:
    assert delivered(file(b.hearing(of(THEFT, verdict_date=LONG_BEFORE)), b.link_made())) == set()


def test_the_dait_decides_that_it_is_another_offence() -> None:
    key = Key("offence_unconfirmed", f"{SUBJECT}/1/{UNLAWFUL_WOUNDING}", DAIT)
    answer = b.answer(b.decided(agency=DAIT, decision=Decision.NO_FURTHER_ACTION), key)
    hers = file(b.hearing(of(UNLAWFUL_WOUNDING)))
    decided = CaseFile(hers.key, hers.facts, hers.persons, hers.links, answers=(answer,))
    duty = seen.owed(offence_unconfirmed, decided)[DAIT]
    assert (duty.ended, duty.met_by) == (Reason.MET, (answer.fact.id,))


def decided_by(agency: str, key: Key, incident: IncidentReported) -> CaseFile:
    answer = b.answer(b.decided(agency=agency, decision=Decision.NO_FURTHER_ACTION), key)
    hers = b.linked_file(*map(b.fact, (incident, b.charge(), b.hearing(of(UNLAWFUL_WOUNDING)))))
    return CaseFile(hers.key, hers.facts, hers.persons, hers.links, answers=(answer,))


QUESTION = f"{SUBJECT}/1/{UNLAWFUL_WOUNDING}"
HONOUR_BASED = b.incident(abuse_types=(AbuseType.HBA,))


@pytest.mark.parametrize(
    ("rule", "agency", "incident", "ended"),
    [
        (MANAGER, DAIT, b.incident(), Reason.MET),
        (INSPECTOR, "duty-inspector-54", b.incident(), None),
        ("offence_unconfirmed", "specialist-desk-54", HONOUR_BASED, Reason.MET),
        ("offence_unconfirmed", DAIT, HONOUR_BASED, None),
        ("offence_unconfirmed", "dait-53", b.incident(), None),
    ],
)
def test_only_those_decide_who_are_asked(
    rule: str, agency: str, incident: IncidentReported, ended: Reason | None
) -> None:
    of_question = Key("offence_unconfirmed", QUESTION, DAIT if rule == INSPECTOR else agency)
    key = step_key(rule, of_question, "decide", agency) if rule in ESCALATION_STEPS else of_question
    duties = seen.owed(offence_unconfirmed, decided_by(agency, key, incident))
    assert {duty.ended for duty in duties.values()} == {ended}


def test_a_later_hearing_that_takes_the_outcome_back_ends_the_question() -> None:
    later = b.TODAY + timedelta(days=9)
    quashed = b.hearing(
        of(UNLAWFUL_WOUNDING, verdict=Verdict.QUASHED), hearing_on=later, occurred_at=b.NOON + timedelta(days=9)
    )
    hers = file(b.hearing(of(UNLAWFUL_WOUNDING)), quashed)
    assert seen.owed(offence_unconfirmed, hers)[DAIT].ended is Reason.OUTCOME_TAKEN_BACK


def test_where_only_a_specialist_may_route_the_incident_the_specialist_is_asked() -> None:
    held = b.incident(abuse_types=(AbuseType.HBA,))
    hers = b.linked_file(*map(b.fact, (held, b.charge(), b.hearing(of(UNLAWFUL_WOUNDING)))))
    assert DAIT not in seen.owed(offence_unconfirmed, hers)
    assert seen.owed(offence_unconfirmed, hers)
