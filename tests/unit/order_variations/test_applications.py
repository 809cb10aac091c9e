"""An application to lift an order: told at once to those who protect her, until it is withdrawn or decided."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas import values as v
from schemas.court_order_variations.v1 import ApplicantRole, ApplicationLodged, OrderAction, OrdersResulted
from schemas.police_incidents.v1 import AbuseType, IncidentReported
from services.order_variations.applications import (
    application_decided,
    application_lodged,
    application_unconfirmed,
    application_withdrawn,
)
from services.order_variations.heard import right_to_be_heard
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.facts import CaseFile, Key
from services.platform.domain.core.projection import project
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.incidents import seen

SUBJECT = f"APP1/{b.VICTIM}"
TOLD = {"cps-westmarch", "idva-larkmead", "dait-54", "wcu-54"}
IMPOSED = b.orders_resulted(b.order(protected_persons=(b.protected(),)))
AFTER, NEXT_DAY = b.NOON + timedelta(hours=1), b.NOON + timedelta(days=1)  # the court sat at noon
AGAIN = b.incident("CR2", occurred_at=AFTER, reported_at=AFTER)


def file(*bodies: v.Body, made: OrdersResulted = IMPOSED) -> CaseFile:
    return b.linked_file(*(b.fact(body) for body in (b.incident(), b.charge(), made, *bodies)))


def lodged(**over: Any) -> ApplicationLodged:
    return b.application(**{"references": b.references(application="APP1")} | over)


def indicators(hers: CaseFile) -> dict[str, Any]:
    said = seen.matter(seen.owed(application_lodged, hers)["idva-larkmead"])
    return {what: value for what, value in said.items() if what.startswith(("indicator.", "points_"))}


def test_an_application_is_told_to_four_within_the_hour() -> None:
    duties = seen.owed(application_lodged, file(lodged()))
    assert set(duties) == TOLD
    cps = duties["cps-westmarch"]
    assert (cps.key.subject, cps.tell_by, cps.urgency) == (SUBJECT, b.NOON + timedelta(hours=1), "urgent")
    assert [ask.ask for ask in cps.asks] == ["acknowledge"]
    said = seen.matter(cps)
    assert (said["order"], said["order_is_now"]) == (b.order_at(), "live")
    assert said["not_allowed_before_unless_time_is_shortened"] == "2026-03-16"
    assert "fourteen_days_are_a_floor" in cps.texts
    assert "could_be_decided" not in said


def test_an_oral_application_or_one_whose_service_is_unknown_could_be_decided_now() -> None:
    soon = b.NOON + timedelta(days=3)
    for now in (lodged(mode="oral_in_court"), lodged(served_on_prosecutor_at=None), lodged(hearing_at=soon)):
        assert seen.matter(seen.owed(application_lodged, file(now))["cps-westmarch"])["could_be_decided"] == "now"
    later = seen.owed(application_lodged, file(lodged(hearing_at=b.NOON + timedelta(days=20))))["cps-westmarch"]
    assert "could_be_decided" not in seen.matter(later.as_true_at(b.NOON))
    assert seen.matter(later.as_true_at(b.NOON + timedelta(days=20)))["could_be_decided"] == "now"


def test_a_proposed_place_needs_a_safety_check() -> None:
    duties = seen.owed(application_lodged, file(lodged(place_term_proposed=True)))
    assert all("place_term_needs_a_safety_check" in duty.texts for duty in duties.values())


def test_it_ends_when_it_is_withdrawn_and_the_withdrawal_is_told() -> None:
    withdrawn = b.application_withdrawn(references=b.references())
    hers = file(lodged(), withdrawn)
    assert {duty.ended for duty in seen.owed(application_lodged, hers).values()} == {Reason.APPLICATION_WITHDRAWN}
    assert set(seen.owed(application_withdrawn, hers)) == TOLD


@pytest.mark.parametrize("outcome", ["granted", "part", "refused"])
def test_it_ends_when_it_is_decided_and_the_decision_is_told(outcome: str) -> None:
    decided = b.application_decided(outcome=outcome, references=b.references())
    hers = file(lodged(), decided)
    assert {duty.ended for duty in seen.owed(application_lodged, hers).values()} == {Reason.APPLICATION_DECIDED}
    duties = seen.owed(application_decided, hers)
    assert set(duties) == TOLD
    said = seen.matter(duties["idva-larkmead"])
    assert (said["outcome"], said["asked_to"]) == (outcome, "discharge")
    assert said["still_binding"] == "no_other_order_known_here"
    assert duties["idva-larkmead"].tell_by == b.NOON + timedelta(hours=1)


def test_an_application_that_names_no_order_is_about_the_only_live_one() -> None:
    assert set(seen.owed(application_lodged, file(lodged(order=None)))) == TOLD


TWO_OF_HERS = b.orders_resulted(
    b.order(protected_persons=(b.protected(),)), b.order(number=2, protected_persons=(b.protected(),))
)
HERS_AND_ANOTHER_S = b.orders_resulted(
    b.order(protected_persons=(b.protected(),)), b.order(number=2, protected_persons=(b.protected(1, "CR2"),))
)


@pytest.mark.parametrize(
    ("made", "references"),
    [
        (TWO_OF_HERS, b.references(application="APP1")),
        (HERS_AND_ANOTHER_S, b.references(application="APP1")),
        (IMPOSED, b.references(application="APP1", court_ou=None)),
    ],
    ids=["two orders of hers", "hers and another's", "the court is not stated"],
)
def test_an_application_that_may_be_about_her_order_is_told_as_that(
    made: OrdersResulted, references: v.References
) -> None:
    hers = file(lodged(order=None, references=references), made=made)
    duties = seen.owed(application_lodged, hers)
    assert set(duties) == TOLD
    assert seen.matter(duties["idva-larkmead"])["which_order"] == "may_be_hers"
    assert all("say_which_order_and_whom_it_protects" in duty.texts for duty in duties.values())
    assert seen.reasons(application_unconfirmed, hers) == {Reason.WHICH_ORDER_NOT_KNOWN}
    shown = {item.value for duty in duties.values() for item in duty.matter if item.what == "order"}
    assert shown == ({b.order_at(), b.order_at(number=2)} if made is TWO_OF_HERS else {b.order_at()})


def test_where_he_applies_somebody_is_to_tell_her_that_she_may_be_heard() -> None:
    for role in ApplicantRole:
        duties = seen.owed(right_to_be_heard, file(lodged(applicant_role=role)))
        assert set(duties) == ({"wcu-54", "dait-54"} if role is ApplicantRole.DEFENDANT else set())


def test_a_hearing_that_is_listed_late_could_be_decided_now() -> None:
    listed = b.NOON + timedelta(days=20)
    facts = [b.fact(body) for body in (b.incident(), b.charge(), IMPOSED)]
    late = b.fact(lodged(hearing_at=listed), at=listed - timedelta(days=2), version=2)
    duty = seen.owed(application_lodged, b.linked_file(*facts, late))["cps-westmarch"]
    assert seen.matter(duty)["could_be_decided"] == "now"


def test_an_application_about_an_order_not_known_to_protect_her_asks_who_it_protects() -> None:
    hers = file(lodged(), made=b.orders_resulted(b.order()))
    assert seen.owed(application_lodged, hers) == {}
    assert seen.reasons(application_lodged, hers) == {Reason.NOT_KNOWN_TO_PROTECT_HER}
    duties = seen.owed(application_unconfirmed, hers)
    assert set(duties) == {"cps-westmarch", "dait-54"}
    confirmed = file(lodged(), b.attribution(b.party_ref()), made=b.orders_resulted(b.order()))
    assert set(seen.owed(application_lodged, confirmed)) == TOLD
    assert seen.reasons(application_unconfirmed, confirmed) == {Reason.ATTRIBUTED}


def test_an_application_about_another_s_order_is_not_told_of_her() -> None:
    another = b.attribution(b.party_ref(1, "CR2"))
    hers = file(lodged(), another)
    assert seen.owed(application_lodged, hers) == {}
    assert seen.reasons(application_lodged, hers) == {Reason.PROTECTS_ANOTHER}
    assert seen.owed(application_unconfirmed, hers) == {}


def test_a_decision_on_an_application_that_was_never_seen_asks_whom_it_concerns() -> None:
    decided = b.application_decided(references=b.references())
    assert set(seen.owed(application_unconfirmed, file(decided))) == {"cps-westmarch", "dait-54"}


@pytest.mark.parametrize("outcome", ["granted", "part", "refused"])
def test_what_is_decided_about_an_order_not_known_to_protect_her_is_told_to_those_who_can_say(outcome: str) -> None:
    decided = b.application_decided(outcome=outcome, references=b.references())
    hers = file(lodged(), decided, made=b.orders_resulted(b.order()))
    stated = [duty for duty in application_unconfirmed(hers, b.policy()) if isinstance(duty, Duty)]
    assert {(duty.key.subject, duty.key.agency, duty.ended) for duty in stated} == {
        (subject, agency, ended)
        for subject, ended in (
            (SUBJECT, Reason.APPLICATION_DECIDED),
            (f"APP1/application_{outcome}/{b.VICTIM}", None),
        )
        for agency in ("cps-westmarch", "dait-54")
    }
    assert {seen.matter(duty)["event"] for duty in stated if duty.ended is None} == {f"application_{outcome}"}


def told_of_the_orders(*bodies: v.Body) -> tuple[object, object]:
    """Which order is sought and what binds him still, of an application that a person has linked to her."""
    link = b.link_made(b.party_ref(), what="application", reference="APP1")
    own = () if isinstance(bodies[0], IncidentReported) else (b.incident(),)
    hers = b.linked_file(*map(b.fact, (*own, link, *bodies)))
    said = seen.matter(seen.owed(application_lodged, hers)["dait-54"])
    return said["order"], said["still_binding"]


ELSEWHERE = b.references(urn="54DC0099926", asn="2654DC0100000000009A")
ANOTHER = b.orders_resulted(b.order("3326", protected_persons=(b.protected(),)), references=ELSEWHERE)
BY_URN = v.References(urn=b.URN, application="APP1")
NOT_KNOWN, NONE = "not_known_whether_another_order_binds_him", "no_other_order_known_here"


def test_an_order_against_another_man_is_neither_the_one_sought_nor_said_to_bind_this_one() -> None:
    his = b.charge(b.charged(parties=(1, 3)), references=ELSEWHERE)
    two_men = b.incident(parties=(b.victim(), b.suspect(), b.suspect(3)))
    assert told_of_the_orders(two_men, b.charge(), his, ANOTHER, IMPOSED, lodged(order=None)) == (b.order_at(), NONE)
    assert told_of_the_orders(two_men, b.charge(), his, ANOTHER, lodged(order=None)) == ("not_known_here", NONE)


def test_an_order_that_may_be_against_another_man_is_neither_named_nor_denied() -> None:
    assert told_of_the_orders(ANOTHER, lodged(order=None)) == ("not_known_which", NOT_KNOWN)
    assert told_of_the_orders(ANOTHER, lodged(order=None, references=BY_URN)) == ("not_known_which", NOT_KNOWN)


def test_an_application_by_its_urn_alone_is_about_the_order_of_that_urn() -> None:
    asked = lodged(order=None, references=BY_URN)
    assert told_of_the_orders(b.charge(), IMPOSED, asked) == (b.order_at(), NONE)
    of_two_men = b.orders_resulted(
        b.order("3326", protected_persons=(b.protected(),)), references=b.references(asn="2654DC0100000000009A")
    )
    assert told_of_the_orders(b.charge(), IMPOSED, of_two_men, asked) == ("not_known_which", NOT_KNOWN)
    assert told_of_the_orders(asked) == ("not_known_here", NONE)


def test_of_several_orders_of_hers_the_one_sought_is_not_said_to_be_unknown_here() -> None:
    order, still = told_of_the_orders(b.charge(), TWO_OF_HERS, lodged(order=None, references=BY_URN))
    assert (order, still) == ("not_known_which", "3047")


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        (application_decided, b.application_decided(outcome="granted")),
        (application_withdrawn, b.application_withdrawn()),
    ],
)
def test_what_came_of_an_application_that_a_person_links_to_her_is_told_though_nobody_knows_of_the_lodging(
    rule: seen.States, body: v.Body
) -> None:
    link = b.link_made(b.party_ref(), what="application", reference="APP1")
    duties = seen.owed(rule, b.linked_file(*(b.fact(each) for each in (b.incident(), link, body))))
    assert set(duties) == TOLD
    assert "asked_to" not in seen.matter(duties["idva-larkmead"])


def test_one_indicator_alone_is_no_panel_and_time_does_not_count_as_a_second() -> None:
    alone = lodged(same_firm_as_defendant=True, applicant_role=ApplicantRole.PROTECTED_PERSON)
    early = b.NOON - timedelta(days=400)
    long_ago = b.linked_file(
        *(b.fact(body) for body in (b.incident(reported_at=early, occurred_at=early), b.charge(), IMPOSED, alone))
    )
    assert indicators(long_ago) == {}
    duty = seen.owed(application_lodged, long_ago)["idva-larkmead"]
    assert "indicators" not in duty.texts
    assert seen.matter(duty)["same_firm_as_defendant"] is True  # a fact is shown as a fact


def test_two_kinds_of_indicator_are_shown_with_what_points_the_other_way() -> None:
    hers_to_vary = {"applicant_role": ApplicantRole.PROTECTED_PERSON, "action": "vary", "lodged_at": NEXT_DAY}
    both = lodged(same_firm_as_defendant=True, **hers_to_vary)
    hers = file(AGAIN, both)
    assert indicators(hers) == {
        "indicator.representation.same_firm_as_defendant": "APP1",
        "indicator.abuse.incident_in_last_6_months": "CR2",
        "indicator.timing.soon_after_the_order": b.order_at(),
        "points_the_other_way": "asks_to_vary_only",
    }
    duties = seen.owed(application_lodged, hers)
    assert all("indicators" in duty.texts for duty in duties.values())
    assert not [what for what, _ in seen.hears(duties["wcu-54"]) if what.startswith("indicator.")]
    assert not [what for what, _ in seen.hears(duties["cps-westmarch"]) if what.startswith("indicator.")]
    assert [what for what, _ in seen.hears(duties["idva-larkmead"]) if what.startswith("indicator.")]


LONG_AGO = b.NOON - timedelta(days=300)
BEFORE_IT = b.incident("CR2", occurred_at=b.NOON - timedelta(days=3), reported_at=b.NOON - timedelta(days=3))


@pytest.mark.parametrize(
    ("hearing", "happened", "sign"),
    [
        (b.NOON, (b.incident(),), False),  # the offence that the order was made for
        (b.NOON, (b.incident(occurred_to=AFTER),), False),
        (b.NOON, (b.incident(), BEFORE_IT), False),
        (b.NOON, (b.incident(), BEFORE_IT.model_copy(update={"reported_at": AFTER})), False),
        (b.NOON, (b.incident(), BEFORE_IT.model_copy(update={"occurred_to": AFTER, "reported_at": AFTER})), True),
        (b.NOON, (b.incident(), AGAIN), True),
        (b.NOON.replace(hour=0), (b.incident(),), False),  # a court result without a time of day
        (b.NOON.replace(hour=0), (b.incident(), AGAIN), True),
    ],
)
def test_what_happened_before_the_order_was_made_is_no_sign_of_coercion(
    hearing: datetime, happened: tuple[IncidentReported, ...], *, sign: bool
) -> None:
    made = IMPOSED.model_copy(update={"occurred_at": hearing})
    before = b.application("APP0", lodged_at=AFTER, references=b.references(application="APP0"))
    asked = lodged(same_firm_as_defendant=True, lodged_at=NEXT_DAY)
    hers = b.linked_file(*map(b.fact, (*happened, b.charge(), made, before, asked)))
    delivered = [
        d for d in application_lodged(hers, b.policy()) if d.key == Key("application_lodged", SUBJECT, "dait-54")
    ]
    assert ("indicator.abuse.incident_in_last_6_months" in repr(delivered)) is sign
    assert "indicator.course_of_the_case.repeat_application" in repr(delivered)
    assert "no_recent_incident" not in repr(delivered)  # which would say that it was long ago


def test_an_incident_between_an_order_and_the_appeal_that_replaced_it_is_a_sign() -> None:
    appeal = b.TODAY + timedelta(days=10)
    protects_her = (b.protected(),)
    replaced = b.orders_resulted(
        b.order("3260", action=OrderAction.REPLACED, order=b.order_at(), protected_persons=protects_her),
        hearing_on=appeal,
        occurred_at=b.NOON + timedelta(days=10),
    )
    asked = lodged(same_firm_as_defendant=True, order=b.order_at(appeal, "3260"), lodged_at=b.NOON + timedelta(days=11))
    assert indicators(file(AGAIN, replaced, asked))["indicator.abuse.incident_in_last_6_months"] == "CR2"


def test_of_an_order_known_by_its_change_alone_what_happened_before_that_is_no_sign() -> None:
    before, since = b.NOON - timedelta(days=30), b.NOON + timedelta(days=5)
    old = b.order_at(b.TODAY - timedelta(days=900))
    varied = b.orders_resulted(b.order(action=OrderAction.VARIED, order=old, protected_persons=(b.protected(),)))
    known = b.attribution(b.party_ref(), order=old)
    early = b.incident(occurred_at=LONG_AGO, reported_at=LONG_AGO)
    asked = lodged(same_firm_as_defendant=True, order=old, lodged_at=since + timedelta(days=1))
    for at, sign in ((before, False), (since, True)):
        again = b.incident("CR2", occurred_at=at, reported_at=at)
        hers = b.linked_file(*map(b.fact, (early, again, b.charge(), varied, known, asked)))
        assert ("indicator.abuse.incident_in_last_6_months" in indicators(hers)) is sign


def test_the_prosecutor_reads_from_the_court_s_record_who_is_represented_and_by_whom_and_reads_no_indicator() -> None:
    asked = lodged(same_firm_as_defendant=True, represented=True, lodged_at=NEXT_DAY)
    before = b.application("APP0", lodged_at=AFTER, references=b.references(application="APP0"))
    hers = file(AGAIN, before, asked)
    found = [d for d in application_lodged(hers, b.policy()) if d.key.subject == SUBJECT]
    duties = {d.key.agency: d for d in found if isinstance(d, Duty)}
    projected = project(duties["cps-westmarch"], b.policy())
    said = {what: (value, basis) for what, _, value, basis in projected.content}
    assert said["same_firm_as_defendant"] == (True, "recorded")
    assert said["represented"] == (True, "recorded")
    assert not [what for what in said if what.startswith(("indicator.", "points_"))]
    assert "indicators" not in projected.texts  # which would say that there are some
    wcu = {what for what, *_ in project(duties["wcu-54"], b.policy()).content}
    assert not wcu & {"same_firm_as_defendant", "represented"}
    idva = project(duties["idva-larkmead"], b.policy())
    assert {"same_firm_as_defendant", "represented"} <= {what for what, *_ in idva.content}
    assert "indicators" in idva.texts


def test_a_repeated_application_is_an_indicator() -> None:
    before = b.application("APP0", lodged_at=b.NOON - timedelta(days=1), references=b.references(application="APP0"))
    twice = file(before, lodged(same_firm_as_defendant=True))
    stated = [d for d in application_lodged(twice, b.policy()) if d.key.subject == SUBJECT]
    assert "indicator.course_of_the_case.repeat_application" in repr(stated)


@pytest.mark.parametrize(
    "only_for_a_specialist", [{"parties": (b.victim(), b.suspect(is_police=True))}, {"abuse_types": (AbuseType.HBA,)}]
)
def test_an_incident_that_waits_for_a_specialist_is_not_named_and_not_denied(
    only_for_a_specialist: dict[str, Any],
) -> None:
    early = b.NOON - timedelta(days=400)
    ordinary, again = b.incident(reported_at=early, occurred_at=early), AGAIN.model_copy(update=only_for_a_specialist)
    before = b.application("APP0", lodged_at=b.NOON - timedelta(days=1), references=b.references(application="APP0"))
    asked = lodged(same_firm_as_defendant=True, lodged_at=NEXT_DAY)
    one = b.linked_file(*map(b.fact, (ordinary, again, b.charge(), IMPOSED, asked)))
    assert indicators(one) == {}
    assert b.fact(again).id not in seen.owed(application_lodged, one)["dait-54"].grounds
    two = b.linked_file(*map(b.fact, (ordinary, again, b.charge(), IMPOSED, before, asked)))
    delivered = [
        d for d in application_lodged(two, b.policy()) if d.key == Key("application_lodged", SUBJECT, "dait-54")
    ]
    assert "indicator.course_of_the_case.repeat_application" in repr(delivered)
    assert "CR2" not in repr(delivered)
    assert "no_recent_incident" not in repr(delivered)


def test_an_incident_with_another_man_is_no_indicator() -> None:
    early = b.NOON - timedelta(days=400)
    facts = (
        b.incident(reported_at=early, occurred_at=early),
        AGAIN.model_copy(update={"parties": (b.victim(), b.suspect(record=b.record("suspect-of-another")))}),
        b.charge(),
        IMPOSED,
        lodged(same_firm_as_defendant=True, lodged_at=NEXT_DAY),
    )
    assert indicators(b.linked_file(*(b.fact(body) for body in facts))) == {}


def test_an_application_that_a_person_links_to_her_is_told_of_her_whether_or_not_its_order_is_known() -> None:
    link = b.link_made(b.party_ref(), what="application", reference="APP1")
    elsewhere = lodged(order=None, references=b.references(urn="54DC0099926", asn="2654DC0100000000009Z"))
    facts = [b.fact(body) for body in (b.incident(), link, elsewhere)]
    duties = seen.owed(application_lodged, b.linked_file(*facts))
    assert set(duties) == TOLD
    assert seen.matter(duties["idva-larkmead"])["order"] == "not_known_here"
    assert facts[1].id in duties["idva-larkmead"].grounds
    known = file(link, lodged(order=None))
    assert seen.matter(seen.owed(application_lodged, known)["idva-larkmead"])["order"] == b.order_at()
