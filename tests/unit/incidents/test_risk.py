"""Risk to a victim: which route each view of it takes, and why the others stay silent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.agency_responses.v1 import Decided
from schemas.police_incidents.v1 import Grade, Markers, Risk, RiskTool, SupportReferral
from schemas.values import Relationship
from services.incidents.risk import (
    ask_safely,
    grade_review,
    high_risk,
    idva_with_consent,
    idva_without_consent,
    possible_above_threshold,
    ticks_above_grade,
    victim_support,
)
from services.incidents.rules import RULES
from services.platform.domain.core.duties import Ask
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key
from services.platform.domain.core.projection import project
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.domain.small import World
from tests.unit.incidents.seen import hears, matter, owed, reasons, withheld

NOT_CONNECTED = Relationship.NOT_CONNECTED
OTHER_FORCE = b.residence(force="53", la_code="916")
SILENT = [SupportReferral.DECLINED, SupportReferral.NOT_ASKED, SupportReferral.NOT_SAFE_TO_ASK]


def hers(*more: Fact, **incident: Any) -> CaseFile:
    return b.case_file(b.fact(b.incident(**incident)), *more)


def assessed(grade: Grade = Grade.STANDARD, **risk: Any) -> CaseFile:
    return hers(risk=b.risk(grade, **risk))


def elsewhere(ticks: int, **incident: Any) -> CaseFile:
    """She lives where 12 ticks need her agreement, 15 do not, and 17 are high."""
    parties = (b.victim(residence=OTHER_FORCE), b.suspect())
    return hers(parties=parties, risk=b.risk(Grade.STANDARD, tick_count=ticks), **incident)


def test_graded_high_is_for_idva_marac_and_dait() -> None:
    assert set(owed(high_risk, assessed(Grade.HIGH))) == {"idva-larkmead", "marac-larkmead", "dait-54"}


def test_the_idva_hears_within_a_quarter_of_an_hour_and_accepts_within_a_day() -> None:
    duty = owed(high_risk, assessed(Grade.HIGH))["idva-larkmead"]
    assert (duty.tell_by, duty.urgency) == (b.NOON + timedelta(minutes=15), "urgent")
    assert [(ask.ask, ask.by) for ask in duty.asks] == [("accept", b.NOON + timedelta(hours=24))]
    assert "accepted" in duty.asks[0].answers
    assert (duty.person, duty.key.subject, duty.next_able) == (b.VICTIM, b.VICTIM, ("idva-downland", "idva-harebell"))


def test_an_officers_judgement_raises_a_lower_grade() -> None:
    duty = owed(high_risk, assessed(professional_judgement_high=True))["dait-54"]
    assert matter(duty)["risk.routed_by"] == "professional_judgement"
    assert matter(duty)["risk.grade"] == "standard"


def test_the_threshold_itself_is_high() -> None:
    assert owed(high_risk, assessed(tick_count=14))
    assert not owed(high_risk, assessed(tick_count=13))


def test_below_every_threshold_it_is_said_why_nobody_hears() -> None:
    assert withheld(high_risk, assessed(tick_count=13)) == dict.fromkeys(
        ("idva-larkmead", "marac-larkmead", "dait-54"), Reason.BELOW_THRESHOLD
    )


def test_dara_has_no_ticks_and_its_grade_alone_speaks() -> None:
    assert not owed(high_risk, assessed(tool=RiskTool.DARA, tick_count=20))
    assert owed(high_risk, assessed(Grade.HIGH, tool=RiskTool.DARA))


def test_answers_listed_count_where_no_total_is_given() -> None:
    assert owed(high_risk, assessed(answers=b.answers(yes=14, no=13)))


def test_thresholds_are_those_of_the_area_where_she_lives() -> None:
    assert not owed(high_risk, elsewhere(16))
    assert set(owed(high_risk, elsewhere(17))) == {"idva-severnmouth", "marac-severnmouth", "dait-54", "dait-53"}


def test_between_the_thresholds_an_idva_is_told_without_her_agreement() -> None:
    file = elsewhere(15, support_referral=SupportReferral.DECLINED)
    assert set(owed(idva_without_consent, file)) == {"idva-severnmouth", "dait-54", "dait-53"}
    assert not owed(ask_safely, file)


def test_from_the_lowest_threshold_an_idva_is_told_if_she_agreed() -> None:
    file = elsewhere(12)
    assert set(owed(idva_with_consent, file)) == {"idva-severnmouth", "dait-54", "dait-53"}
    assert not owed(idva_without_consent, file)
    assert reasons(victim_support, file) == {Reason.SERVED_BY_HIGHER_ROUTE}


@pytest.mark.parametrize(
    ("said", "reason"), [*zip(SILENT, ["support_declined", "support_not_asked", "not_safe_to_ask"], strict=True)]
)
def test_without_her_agreement_only_the_dait_hears_and_asks_again_safely(said: SupportReferral, reason: str) -> None:
    for file in (elsewhere(12, support_referral=said), hers(risk=b.risk(Grade.MEDIUM), support_referral=said)):
        assert not owed(idva_with_consent, file)
        assert not owed(victim_support, file)
        assert {duty.kind for duty in owed(ask_safely, file).values()} == {"dait"}
    assert reasons(idva_with_consent, elsewhere(12, support_referral=said)) == {reason}
    assert reasons(victim_support, hers(risk=b.risk(Grade.MEDIUM), support_referral=said)) == {reason}


def test_asking_again_is_due_by_the_close_of_the_next_working_day() -> None:
    file = hers(risk=b.risk(Grade.MEDIUM), support_referral=SupportReferral.NOT_ASKED)
    assert owed(ask_safely, file)["dait-54"].asks == (
        Ask("accept", datetime(2026, 3, 3, 17, tzinfo=UTC), ("accepted", "already_done"), "working"),
    )


def test_support_that_she_agreed_to_is_referred_within_two_working_days() -> None:
    duties = owed(victim_support, assessed(Grade.MEDIUM))
    assert set(duties) == {"victim-service-westmarch"}
    assert duties["victim-service-westmarch"].tell_by == datetime(2026, 3, 4, 17, tzinfo=UTC)


def test_the_victim_service_sees_a_grade_and_how_he_is_related_but_neither_ticks_nor_his_name() -> None:
    file = assessed(Grade.MEDIUM, tick_count=5)
    heard = hears(owed(victim_support, file)["victim-service-westmarch"])
    assert heard["risk.grade", b.VICTIM] == "medium"
    assert heard["relationships.relationship", b.SUSPECT] == "intimate"
    assert heard["parties.name", b.VICTIM] == "Vera Victimtest"
    assert not {("parties.name", b.SUSPECT), ("risk.ticks", b.VICTIM), ("abuse_types", None)} & set(heard)


def test_ticks_above_the_recorded_grade_go_to_the_supervisor_and_the_grade_stays() -> None:
    duty = owed(ticks_above_grade, assessed(Grade.MEDIUM, tick_count=15))["dait-supervisor-54"]
    answers = ("risk_grade_confirmed", "risk_grade_raised")
    ask = Ask("decide", b.NOON + timedelta(hours=4), answers, needs_reason=("risk_grade_confirmed",))
    assert duty.asks == (ask,)
    assert (matter(duty)["risk.grade"], matter(duty)["risk.ticks"]) == ("medium", 15)


def test_ticks_that_agree_with_the_grade_ask_nobody_for_a_reason() -> None:
    assert not owed(ticks_above_grade, assessed(Grade.HIGH, tick_count=20))
    assert not owed(ticks_above_grade, assessed(Grade.MEDIUM, tick_count=13))


def test_unanswered_questions_that_could_reach_a_threshold_are_completed_within_a_day() -> None:
    duty = owed(possible_above_threshold, assessed(answers=b.answers(yes=8, unknown=1, not_asked=1)))["dait-54"]
    assert [(ask.ask, ask.by) for ask in duty.asks] == [("decide", b.NOON + timedelta(hours=24))]
    assert (matter(duty)["risk.ticks"], matter(duty)["risk.possible_ticks"]) == (8, 10)


def test_meanwhile_the_next_higher_route_is_taken_and_not_the_highest() -> None:
    file = assessed(answers=b.answers(yes=8, unknown=10))
    assert set(owed(idva_with_consent, file)) == {"idva-larkmead", "dait-54"}
    assert not owed(high_risk, file)
    assert matter(owed(idva_with_consent, file)["dait-54"])["risk.routed_by"] == "unanswered_questions"


def test_questions_that_could_reach_nothing_are_not_chased() -> None:
    assert not owed(possible_above_threshold, assessed(answers=b.answers(yes=3, unknown=6)))
    assert not owed(possible_above_threshold, assessed(Grade.HIGH, answers=b.answers(yes=3, unknown=20)))


def test_a_complete_assessment_meets_the_question_and_ends_no_route_taken_meanwhile() -> None:
    complete = b.fact(b.risk_assessed(risk=b.risk(Grade.STANDARD, tick_count=8)), at=b.NOON + timedelta(hours=5))
    file = hers(complete, risk=b.risk(Grade.STANDARD, answers=b.answers(yes=8, unknown=10)))
    assert owed(possible_above_threshold, file)["dait-54"].met_by == (complete.id,)
    assert owed(idva_with_consent, file)["idva-larkmead"].over(b.NOON) is None


def test_a_later_and_higher_view_is_the_one_to_go_by_from_when_it_was_recorded() -> None:
    later = b.fact(b.risk_assessed(), at=b.NOON + timedelta(days=2))
    file = hers(later, risk=b.risk(Grade.MEDIUM))
    duty = owed(high_risk, file)["idva-larkmead"]
    assert duty.tell_by == b.NOON + timedelta(days=2, minutes=15)
    assert later.id in duty.grounds
    assert reasons(victim_support, file) == {Reason.SERVED_BY_HIGHER_ROUTE}


def test_a_later_and_lower_view_changes_nothing() -> None:
    before = hers(risk=b.risk(Grade.HIGH))
    lower = b.fact(
        b.risk_assessed(risk=b.risk(Grade.STANDARD), lower_because="reviewed"), at=b.NOON + timedelta(days=2)
    )
    after = hers(lower, risk=b.risk(Grade.HIGH))
    assert owed(high_risk, after) == owed(high_risk, before)


def test_a_view_of_another_party_says_nothing_of_her() -> None:
    assert not owed(high_risk, hers(b.fact(b.risk_assessed(party=2)), risk=b.risk(Grade.MEDIUM)))


@pytest.mark.parametrize(
    "markers", [{"weapon": True}, {"threat_to_kill": True}, {"suicide_threat": (2,)}, {"separation": "recent"}]
)
def test_a_lethality_marker_has_any_grade_reviewed_within_the_shift(markers: dict[str, Any]) -> None:
    duty = owed(grade_review, hers(risk=b.risk(Grade.STANDARD), markers=Markers(**markers)))["dait-supervisor-54"]
    assert duty.asks[0].by == b.NOON + timedelta(hours=4)
    assert "medical_check" not in duty.texts


def test_strangulation_prompts_a_medical_check() -> None:
    assert "medical_check" in owed(grade_review, hers(markers=Markers(strangulation=True)))["dait-supervisor-54"].texts


def test_no_marker_no_review() -> None:
    assert not owed(grade_review, hers(markers=Markers()))
    assert not owed(grade_review, hers())


def test_a_victim_under_16_has_no_route_of_an_adult() -> None:
    file = hers(parties=(b.victim(age=15), b.suspect()))
    assert reasons(high_risk, file) == reasons(victim_support, file) == {Reason.VICTIM_UNDER_16}
    assert not owed(high_risk, file)


def test_at_16_a_victim_has_them() -> None:
    assert owed(high_risk, hers(parties=(b.victim(age=16), b.suspect())))


def test_a_victim_of_a_child_has_support_by_agreement_at_any_grade() -> None:
    file = hers(parties=(b.victim(), b.suspect(age=15)))
    assert reasons(high_risk, file) == {Reason.SUSPECT_UNDER_16}
    assert set(owed(victim_support, file)) == {"victim-service-westmarch"}
    asked = hers(parties=(b.victim(), b.suspect(age=15)), support_referral=SupportReferral.NOT_ASKED)
    assert not owed(victim_support, asked)
    assert set(owed(ask_safely, asked)) == {"dait-54"}


def test_strangers_are_not_personally_connected() -> None:
    strangers = (b.connection(2, NOT_CONNECTED),), (b.connection(1, NOT_CONNECTED),)
    parties = (b.victim(relationships=strangers[0]), b.suspect(relationships=strangers[1]))
    assert reasons(high_risk, hers(parties=parties)) == {Reason.NOT_PERSONALLY_CONNECTED}


def test_a_relationship_that_nobody_stated_is_not_taken_for_none() -> None:
    assert owed(high_risk, hers(parties=(b.victim(relationships=()), b.suspect(relationships=()))))


def test_that_one_suspect_is_a_stranger_says_nothing_of_another() -> None:
    unsaid, stranger = b.suspect(relationships=()), b.suspect(3, relationships=(b.connection(1, NOT_CONNECTED),))
    assert owed(high_risk, hers(parties=(b.victim(relationships=()), unsaid, stranger)))
    both = b.victim(relationships=(b.connection(2, NOT_CONNECTED),)), unsaid, stranger
    assert reasons(high_risk, hers(parties=both)) == {Reason.NOT_PERSONALLY_CONNECTED}


def test_one_victims_facts_never_reach_anothers_agencies() -> None:
    other = b.victim(3, name="Olive Othertest", relationships=(b.connection(2),))
    file = hers(parties=(b.victim(), b.suspect(), other))
    for duty in owed(high_risk, file).values():
        assert not any(item.about == "CR1/party/3" or item.value == "Olive Othertest" for item in duty.matter)


def test_nothing_is_stated_of_her_in_his_file() -> None:
    file = b.case_file(b.fact(b.incident()), of=b.SUSPECT)
    assert not list(high_risk(file, b.policy()))


def test_she_is_told_of_by_the_case_where_her_residence_is_not_known() -> None:
    duties = owed(high_risk, hers(parties=(b.victim(residence=b.residence(None, None)), b.suspect())))
    assert {duty.kind for duty in duties.values()} == {"idva", "marac", "dait"}
    assert duties["dait-54"].why.by_default is False


@given(st.permutations([Grade.STANDARD, Grade.MEDIUM, Grade.HIGH]), st.integers(0, 3))
def test_the_order_of_arrival_of_views_changes_nothing(grades: list[Grade], cut: int) -> None:
    views = [
        b.fact(b.risk_assessed(assessor=f"desk-{grade.value}", risk=b.risk(grade)), at=b.NOON + timedelta(hours=hour))
        for hour, grade in zip((1, 2, 3), (Grade.STANDARD, Grade.MEDIUM, Grade.HIGH), strict=True)
    ]
    arrived = [view for grade in grades for view in views if view.body.risk.grade is grade]  # type: ignore[attr-defined]
    file = hers(risk=b.risk(Grade.STANDARD))
    arrived_file = replace(file, facts=(*arrived[:cut], *file.facts, *arrived[cut:]))
    in_order = replace(file, facts=(*file.facts, *views))
    assert owed(high_risk, arrived_file) == owed(high_risk, in_order)


def test_what_police_did_not_say_is_said_to_nobody_as_a_no() -> None:
    duty = owed(high_risk, hers(risk=b.risk(Grade.HIGH), markers=Markers(strangulation=True, weapon=False)))["dait-54"]
    said = {item.what: item.value for item in duty.matter}
    assert (said["markers.strangulation"], said["markers.weapon"]) == (True, False)
    assert {"markers.threat_to_kill", "markers.stalking", "markers.pregnant", "historic"}.isdisjoint(said)
    assert {"parties.interpreter_needed", "risk.professional_judgement_high"}.isdisjoint(said)
    assert [what for what, value in said.items() if value is False] == ["markers.weapon"]


def test_markers_of_which_none_stands_are_no_ground_for_a_review() -> None:
    assert owed(grade_review, hers(markers=Markers(weapon=False, suicide_threat=()))) == {}


def answered(world: World, key: Key, at: datetime, **said: Any) -> str | None:
    """What has met the ask of this duty, after a decision about it."""
    notification = world.delivered[key]
    body = {"occurred_at": at, "agency": key.agency, "actor": "worker-1", "notification": notification.id} | said
    world.answers.append(Answer(b.fact(Decided.model_validate(body), at=at), key, notification.revision))
    world.evaluate(now=at)
    return world.delivered[key].asks[0].met_by


def test_to_confirm_a_grade_below_the_ticks_decides_nothing_without_its_reason() -> None:
    world, hour = World(b.shipped(), RULES), timedelta(hours=1)
    world.evaluate(b.fact(b.incident(risk=b.risk(Grade.MEDIUM, tick_count=20))), now=b.NOON)
    key = Key("ticks_above_grade", b.VICTIM, "dait-supervisor-54")
    assert world.delivered[key].asks[0].needs_reason == ("risk_grade_confirmed",)
    assert answered(world, key, b.NOON + hour, decision="risk_grade_confirmed") is None
    assert answered(world, key, b.NOON + 2 * hour, decision="risk_grade_confirmed", reason="assessed_again_in_person")


@pytest.mark.parametrize("decision", ["risk_grade_raised", "risk_grade_confirmed"])
def test_other_decisions_about_a_grade_need_no_reason(decision: str) -> None:
    world = World(b.shipped(), RULES)
    rule = "ticks_above_grade" if decision == "risk_grade_raised" else "grade_review"
    risk, markers = b.risk(Grade.MEDIUM, tick_count=20), Markers(strangulation=True)
    world.evaluate(b.fact(b.incident(risk=risk, markers=markers)), now=b.NOON)
    assert answered(world, Key(rule, b.VICTIM, "dait-supervisor-54"), b.NOON + timedelta(hours=1), decision=decision)


@pytest.mark.parametrize(
    ("risk", "spoken_of"),
    [
        (b.risk(), ()),
        (b.risk(tool=RiskTool.DARA), ()),
        (b.risk(tick_count=3), ("route_follows_ticks",)),
        (b.risk(Grade.MEDIUM, answers=b.answers(yes=20)), ("route_follows_ticks",)),
    ],
)
def test_ticks_are_spoken_of_only_where_there_are_ticks(risk: Risk, spoken_of: tuple[str, ...]) -> None:
    for duty in owed(high_risk, hers(risk=risk)).values():
        assert tuple(text for text in duty.texts if text == "route_follows_ticks") == spoken_of
        words = [b.policy().text(text) for text in project(duty, b.policy()).texts]
        assert any("ticks" in said for said in words) is bool(spoken_of)
