"""An order made, varied, discharged or changed nobody knows how: told of her only where it is known to protect her."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas import values as v
from schemas.court_order_variations.v1 import (
    Attribution,
    Order,
    OrderAction,
    OrdersResulted,
    Prohibition,
    ProtectedPerson,
)
from schemas.police_incidents.v1 import AbuseType, IncidentReported, Party
from services.order_variations.children import order_concerning_child
from services.order_variations.orders import (
    order_changed_not_stated,
    order_discharged,
    order_imposed,
    order_unconfirmed,
    order_varied,
    place_term_made,
)
from services.order_variations.rules import RULES
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from tests.support import builders as b
from tests.unit.incidents import seen

LATER = b.TODAY + timedelta(days=100)
HERS = (b.protected(),)
PLACE = f"{b.order_at()}/{b.VICTIM}"
CHANGE = f"{b.order_at(LATER, '3263')}/{b.VICTIM}"
TOLD_OF_AN_ORDER = {"wcu-54", "idva-larkmead", "dait-54", "probation-westmarch", "vlo-westmarch"}
TOLD_OF_A_CHANGE = TOLD_OF_AN_ORDER | {"cps-westmarch"}


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


def file(*bodies: v.Body, of: str = b.VICTIM) -> CaseFile:
    return b.linked_file(b.fact(b.incident()), b.fact(b.charge()), *(b.fact(body) for body in bodies), of=of)


def imposed(**over: Any) -> OrdersResulted:
    return b.orders_resulted(b.order(**{"protected_persons": HERS} | over))


def changed(action: OrderAction, *others: Order, **over: Any) -> OrdersResulted:
    return b.orders_resulted(b.order("3263", action=action, **over), *others, hearing_on=LATER, occurred_at=noon(LATER))


def test_an_order_known_to_protect_her_is_told_within_a_working_day() -> None:
    duties = seen.owed(order_imposed, file(imposed()))
    assert set(duties) == TOLD_OF_AN_ORDER
    idva = duties["idva-larkmead"]
    assert (idva.key.subject, idva.person) == (PLACE, b.VICTIM)
    assert idva.tell_by == datetime(2026, 3, 3, 17, tzinfo=UTC)
    said = seen.matter(idva)
    assert (said["order"], said["orders.code"], said["orders.until_further_order"]) == (b.order_at(), "3047", True)
    assert said["still_binding"] == "no_other_order_known_here"


def test_the_prison_hears_only_while_he_is_in_custody() -> None:
    duties = seen.owed(order_imposed, file(imposed(), b.hearing(custody=True)))
    assert set(duties) == TOLD_OF_AN_ORDER | {"prison-westmarch"}
    assert duties["prison-westmarch"].tell_by == b.NOON + timedelta(hours=4)


def test_an_order_that_names_her_in_free_text_is_told_as_unconfirmed_and_asks_the_dait() -> None:
    named = b.protected(attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
    hers = file(imposed(protected_persons=(named,)))
    assert seen.owed(order_imposed, hers) == {}
    assert seen.reasons(order_imposed, hers) == {Reason.NOT_KNOWN_TO_PROTECT_HER}
    duties = seen.owed(order_unconfirmed, hers)
    assert set(duties) == {"dait-54", "idva-larkmead", "wcu-54"}
    assert seen.matter(duties["idva-larkmead"])["order_whose_protection_is_not_confirmed"] == b.order_at()
    assert "Silas" not in repr(duties["idva-larkmead"].matter)


def test_a_person_s_confirmation_ends_the_question_and_tells_the_order() -> None:
    hers = file(imposed(protected_persons=()), b.attribution(b.party_ref()))
    assert set(seen.owed(order_imposed, hers)) == TOLD_OF_AN_ORDER
    assert seen.reasons(order_unconfirmed, hers) == {Reason.ATTRIBUTED}


def test_an_order_confirmed_for_another_is_not_told_of_her() -> None:
    hers = file(imposed(), b.attribution(b.party_ref(1, "CR2")))
    assert seen.owed(order_imposed, hers) == {}
    assert seen.reasons(order_imposed, hers) == {Reason.PROTECTS_ANOTHER}


def test_an_order_of_another_case_tells_and_closes_nothing() -> None:
    elsewhere = b.references(urn="54DC0099926", asn="2654DC0100000000009Z")
    hers = file(b.orders_resulted(b.order(), references=elsewhere))
    assert [s for rule in RULES for s in rule.states(hers, b.policy())] == []


@pytest.mark.parametrize(
    ("rule", "action"), [(order_varied, OrderAction.VARIED), (order_discharged, OrderAction.DISCHARGED)]
)
@pytest.mark.parametrize("named", [True, False])
def test_a_change_with_or_without_an_application_is_told_within_the_hour(
    *, rule: seen.States, action: OrderAction, named: bool
) -> None:
    hers = file(imposed(), changed(action, order=b.order_at() if named else None))
    duties = seen.owed(rule, hers)
    assert set(duties) == TOLD_OF_A_CHANGE
    cps = duties["cps-westmarch"]
    assert (cps.key.subject, cps.tell_by, cps.urgency) == (CHANGE, noon(LATER) + timedelta(hours=1), "urgent")
    assert seen.matter(cps)["order"] == b.order_at()
    assert seen.owed(order_changed_not_stated, hers) == {}
    assert seen.owed(order_unconfirmed, hers) == {}


def test_probation_is_told_not_to_raise_it_with_him() -> None:
    duties = seen.owed(order_discharged, file(imposed(), changed(OrderAction.DISCHARGED)))
    assert "do_not_raise_with_him" in duties["probation-westmarch"].texts
    assert "do_not_raise_with_him" not in duties["idva-larkmead"].texts


def test_a_discharge_says_which_other_orders_still_bind_him() -> None:
    both = b.orders_resulted(b.order(protected_persons=HERS), b.order("3326", protected_persons=HERS))
    hers = file(both, changed(OrderAction.DISCHARGED, order=b.order_at()))
    said = seen.hears(seen.owed(order_discharged, hers)["idva-larkmead"])
    assert said["still_binding", b.order_at(code="3326")] == "3326"


ELSEWHERE = b.references(urn="54DC0099926", asn="2654DC0100000000009A")


def against_another(**over: Any) -> OrdersResulted:
    """An order that protects her from another man, in a case of his own."""
    return b.orders_resulted(b.order("3326", protected_persons=HERS), references=ELSEWHERE, **over)


def by(**him: Any) -> tuple[v.Body, ...]:
    """Both orders, and the discharge of the first, with what the second court knows of its defendant."""
    ended = changed(OrderAction.DISCHARGED, order=b.order_at())
    known = b.defendant(record=b.record("suspect-2"), pnc_id="2020-0000001A")
    return imposed(), ended.model_copy(update={"defendant": known}), against_another(defendant=b.defendant(**him))


def charged_to(number: int, *suspects: Party) -> tuple[v.Body, ...]:
    """The same where courts give no record: each case is charged to a suspect of the incident."""
    incident = b.incident(parties=(b.victim(), *suspects))
    second = b.charge(b.charged(parties=(1, number)), references=ELSEWHERE)
    return incident, second, imposed(), changed(OrderAction.DISCHARGED, order=b.order_at()), against_another()


def discharged(bodies: tuple[v.Body, ...]) -> list[Duty]:
    """What is owed of the discharge: by the default incident where none is given."""
    own = () if isinstance(bodies[0], IncidentReported) else (b.incident(),)
    return list(seen.owed(order_discharged, b.linked_file(*map(b.fact, (*own, b.charge(), *bodies)))).values())


def binds_still(bodies: tuple[v.Body, ...]) -> set[Any]:
    duties = discharged(bodies)
    assert {duty.key.agency for duty in duties} == TOLD_OF_A_CHANGE
    return {seen.matter(duty)["still_binding"] for duty in duties}


@pytest.mark.parametrize(
    "bodies",
    [
        by(record=b.record("another-man")),
        by(pnc_id="2020-0000002B"),
        charged_to(3, b.suspect(), b.suspect(3)),
        charged_to(3, b.suspect(record=None), b.suspect(3, record=None)),
    ],
    ids=["record", "PNC id", "charge of another record", "charge of another party"],
)
def test_an_order_against_another_man_is_not_said_to_bind_this_one_still(bodies: tuple[v.Body, ...]) -> None:
    assert binds_still(bodies) == {"no_other_order_known_here"}
    assert not any(b.fact(bodies[-1]).id in duty.grounds for duty in discharged(bodies))


@pytest.mark.parametrize(
    "bodies",
    [
        by(),
        by(record=b.record("another-man", "example-courts")),
        charged_to(3, b.suspect(), b.suspect(3, record=None)),
    ],
    ids=["nothing", "a record of another system", "one suspect has no record"],
)
def test_where_it_is_not_known_whether_an_order_binds_him_none_is_denied_and_none_is_named(
    bodies: tuple[v.Body, ...],
) -> None:
    assert binds_still(bodies) == {"not_known_whether_another_order_binds_him"}
    said = repr([duty.matter for duty in discharged(bodies)])
    assert "3326" not in said
    assert str(ELSEWHERE.urn) not in said


def test_an_order_of_another_case_that_is_charged_to_the_same_suspect_binds_him_still() -> None:
    assert binds_still(charged_to(2, b.suspect())) == {"3326"}


@pytest.mark.parametrize("number", ["a-record", "z-record"])
def test_an_order_of_another_case_against_him_by_a_record_that_a_merge_makes_his_binds_him_still(number: str) -> None:
    assert binds_still((b.merged("suspect-2", number), *by(record=b.record(number)))) == {"3326"}


def test_an_order_against_him_in_another_case_binds_him_still_where_a_record_says_that_he_is_the_same() -> None:
    him = b.defendant(record=b.record("suspect-2"))
    ended = changed(OrderAction.DISCHARGED, order=b.order_at()).model_copy(update={"defendant": him})
    hers = file(imposed(), ended, against_another(defendant=him))
    said = seen.matter(seen.owed(order_discharged, hers)["idva-larkmead"])
    assert said["still_binding"] == "3326"


def test_a_change_that_is_not_stated_is_told_as_not_known_which() -> None:
    hers = file(imposed(), changed(OrderAction.CHANGED_NOT_STATED))
    duties = seen.owed(order_changed_not_stated, hers)
    assert set(duties) == TOLD_OF_A_CHANGE
    assert "varied_or_discharged_not_known_which" in duties["idva-larkmead"].texts
    assert seen.owed(order_discharged, hers) == {}


def test_a_discharge_that_may_be_of_her_order_is_told_as_that_and_waits_for_a_person() -> None:
    both = b.orders_resulted(b.order(protected_persons=HERS), b.order("3326"))
    hers = file(both, changed(OrderAction.DISCHARGED))
    assert seen.matter(seen.owed(order_changed_not_stated, hers)["dait-54"])["which_order"] == "may_be_hers"
    assert seen.reasons(order_discharged, hers) == {Reason.WHICH_ORDER_NOT_KNOWN}
    said = b.attribution(b.party_ref(), order=b.order_at(LATER, "3263"))
    hers = file(both, changed(OrderAction.DISCHARGED), said)
    assert set(seen.owed(order_discharged, hers)) == TOLD_OF_A_CHANGE
    assert seen.reasons(order_changed_not_stated, hers) == {Reason.ATTRIBUTED}


def test_a_discharge_by_a_court_that_made_no_order_of_hers_may_be_of_hers() -> None:
    breach = changed(OrderAction.DISCHARGED).model_copy(
        update={"court_ou": "B54MW00", "hearing": b.hearing_place(LATER, "B54MW00")}
    )
    assert set(seen.owed(order_changed_not_stated, file(imposed(), breach))) == TOLD_OF_A_CHANGE
    others = file(imposed(protected_persons=(b.protected(1, "CR2"),)), breach)
    assert set(seen.owed(order_unconfirmed, others)) == {"dait-54", "cps-westmarch", "idva-larkmead", "wcu-54"}


def test_a_change_of_an_order_nobody_knows_is_told_as_unconfirmed_within_the_hour() -> None:
    hers = file(changed(OrderAction.DISCHARGED))
    duties = seen.owed(order_unconfirmed, hers)
    assert set(duties) == {"dait-54", "cps-westmarch", "idva-larkmead", "wcu-54"}
    assert duties["idva-larkmead"].tell_by == noon(LATER) + timedelta(hours=1)
    assert seen.owed(order_discharged, hers) == {}


def test_an_order_replaced_on_appeal_by_one_that_may_not_protect_her_counts_as_a_change_not_stated() -> None:
    replaced = b.orders_resulted(
        b.order("3260", action=OrderAction.REPLACED), hearing_on=LATER, occurred_at=noon(LATER)
    )
    assert set(seen.owed(order_changed_not_stated, file(imposed(), replaced))) == TOLD_OF_A_CHANGE
    heir = b.attribution(b.party_ref(), order=b.order_at(LATER, "3260"))
    hers = file(imposed(), replaced, heir)
    assert seen.owed(order_changed_not_stated, hers) == {}
    assert {d.key.subject for d in order_imposed(hers, b.policy())} == {
        PLACE,
        f"{b.order_at(LATER, '3260')}/{b.VICTIM}",
    }


def test_words_and_zones_are_shown_to_her_service_but_not_where_another_is_protected() -> None:
    terms = (Prohibition(code="no-contact", text="Not to contact a person", zone="a made-up street"),)
    alone = seen.owed(order_imposed, file(imposed(prohibitions=terms)))
    assert "prohibitions.zone" in {what for what, _ in seen.hears(alone["idva-larkmead"])}
    for other in ("wcu-54", "probation-westmarch", "vlo-westmarch"):
        assert "a made-up street" not in repr(seen.hears(alone[other]))
    shared = imposed(prohibitions=terms, protected_persons=(*HERS, b.protected(1, "CR2")))
    said = seen.owed(order_imposed, file(shared))["idva-larkmead"].matter
    assert "a made-up street" not in repr(said)
    assert "CR2" not in repr(said)


def test_a_place_in_an_order_prompts_a_review_of_her_safe_address() -> None:
    duties = seen.owed(place_term_made, file(imposed(place_term_added=True)))
    assert set(duties) == {"dait-54", "idva-larkmead"}
    assert [ask.answers for ask in duties["dait-54"].asks] == [("safe_address_reviewed",)]
    assert list(place_term_made(file(imposed()), b.policy())) == []


def test_a_place_added_by_a_variation_prompts_it_too() -> None:
    hers = file(imposed(), changed(OrderAction.VARIED, place_term_added=True))
    assert {d.key.subject for d in seen.owed(place_term_made, hers).values()} == {CHANGE}


def test_a_child_protected_by_record_is_told_of_to_its_school_and_the_front_door() -> None:
    child = ProtectedPerson(role="child", record=b.record("child-1"), attribution=Attribution.CODED)
    facts = [
        b.fact(body) for body in (b.incident(), b.children(), b.charge(), imposed(protected_persons=(*HERS, child)))
    ]
    duties = seen.owed(order_concerning_child, b.linked_file(*facts, of=b.CHILD))
    assert {duty.kind for duty in duties.values()} == {"mash", "dsl"}
    assert {duty.person for duty in duties.values()} == {b.CHILD}
    assert "Vera" not in repr([duty.matter for duty in duties.values()])
    without = [b.fact(body) for body in (b.incident(), b.children(), b.charge(), imposed())]
    assert list(order_concerning_child(b.linked_file(*without, of=b.CHILD), b.policy())) == []


def test_of_a_change_the_front_door_hears_within_the_hour_and_the_school_within_a_working_day() -> None:
    child = ProtectedPerson(role="child", record=b.record("child-1"), attribution=Attribution.CODED)
    bodies = (b.incident(), b.children(), b.charge(), imposed(protected_persons=(child,)))
    facts = [b.fact(body) for body in (*bodies, changed(OrderAction.DISCHARGED))]
    stated = order_concerning_child(b.linked_file(*facts, of=b.CHILD), b.policy())
    duties = {duty.kind: duty for duty in stated if isinstance(duty, Duty) and duty.on == LATER}
    assert duties["mash"].tell_by == noon(LATER) + timedelta(hours=1)
    assert duties["dsl"].tell_by > noon(LATER) + timedelta(hours=1)


def test_an_order_in_a_case_of_honour_based_abuse_reaches_the_specialist_desk_alone() -> None:
    facts = [b.fact(body) for body in (b.incident(abuse_types=(AbuseType.HBA,)), b.charge(), imposed())]
    hers = b.linked_file(*facts)
    assert {duty.kind for duty in seen.owed(order_imposed, hers).values()} == {"specialist_desk"}
    assert seen.reasons(order_imposed, hers) == {Reason.HONOUR_BASED_ABUSE}


def test_two_places_of_hers_are_told_once() -> None:
    persons = (b.protected(), b.protected(1, "CR2"))
    facts: list[Fact] = [
        b.fact(body) for body in (b.incident(), b.incident("CR2"), b.charge(), imposed(protected_persons=persons))
    ]
    assert {d.key.subject for d in seen.owed(order_imposed, b.linked_file(*facts)).values()} == {PLACE}


def test_nothing_is_stated_in_the_file_of_the_suspect() -> None:
    his = file(imposed(), changed(OrderAction.DISCHARGED), b.application(), of=b.SUSPECT)
    assert [s for rule in RULES if rule.runs_in == "persons" for s in rule.states(his, b.policy())] == []


BY_RECORD = ProtectedPerson(role="victim", record=b.record("victim-1"), attribution=Attribution.CODED)
CHILD_BY_RECORD = ProtectedPerson(role="child", record=b.record("child-1"), attribution=Attribution.CODED)
BEFORE = b.NOON - timedelta(days=700)


def elsewhere(crime: str = "CR0", reported_at: datetime = BEFORE, **over: Any) -> IncidentReported:
    """She at an incident with another man, where she lived before."""
    parties = (b.victim(residence=b.residence("53", "916")), b.suspect(record=b.record("another-man")))
    return b.incident(crime, **{"force_code": "53", "reported_at": reported_at, "parties": parties} | over)


def told_at(hers: CaseFile) -> dict[str, str]:
    return {agency: duty.person for agency, duty in seen.owed(order_imposed, hers).items()}


def test_an_order_is_told_at_the_incident_that_its_case_leads_to_and_not_at_an_older_one() -> None:
    assert told_at(file(elsewhere(), imposed(protected_persons=(BY_RECORD,)))) == dict.fromkeys(
        TOLD_OF_AN_ORDER, b.VICTIM
    )


def test_without_a_charge_it_is_told_at_the_newest_incident_that_was_known_and_what_comes_later_moves_nothing() -> None:
    later = elsewhere("CR9", b.NOON + timedelta(days=9))
    bodies = (elsewhere(), b.incident(), imposed(protected_persons=(BY_RECORD,)), later)
    assert told_at(b.linked_file(*map(b.fact, bodies))) == dict.fromkeys(TOLD_OF_AN_ORDER, b.VICTIM)


def test_where_ordinary_routes_wait_at_one_of_the_incidents_of_a_case_they_wait_for_its_orders() -> None:
    police = b.incident("CR2", reported_at=BEFORE, parties=(b.victim(), b.suspect(is_police=True)))
    charge = b.charge(b.charged(1), b.charged(2, "CR2"))
    bodies = (b.incident(), police, charge, imposed(protected_persons=(BY_RECORD,)))
    delivered = told_at(b.linked_file(*map(b.fact, bodies)))
    assert delivered == dict.fromkeys(("out-of-force-desk-54", "psd-54"), "CR2/party/1")


def test_an_order_is_told_to_the_school_that_the_child_has_now() -> None:
    old = b.children("CR0", b.child(school_urns=("100003",), residence=b.residence("54", "865")), occurred_at=BEFORE)
    made = imposed(protected_persons=(CHILD_BY_RECORD,))
    duties = seen.owed(order_concerning_child, file(elsewhere(), old, b.children(), made, of=b.CHILD))
    assert {agency: duty.person for agency, duty in duties.items()} == dict.fromkeys(
        ("mash-866", "school-100001"), b.CHILD
    )


@pytest.mark.parametrize("action", [OrderAction.VARIED, OrderAction.CHANGED_NOT_STATED])
def test_a_place_in_the_words_of_an_order_made_or_changed_raises_the_place_question(action: OrderAction) -> None:
    words = (Prohibition(code="3047", text="Not to enter Invented Road."),)
    duties = seen.owed(place_term_made, file(imposed(prohibitions=words)))
    assert {"dait-54", "idva-larkmead"} <= set(duties)
    assert "assume_he_knows" in duties["idva-larkmead"].texts
    assert set(seen.owed(place_term_made, file(imposed(), changed(action, order=b.order_at(), prohibitions=words))))
    no_place = (Prohibition(code="3047", text="Not to contact her in any way."),)
    assert list(place_term_made(file(imposed(prohibitions=no_place)), b.policy())) == []


def test_a_place_is_asked_about_before_it_is_confirmed_whom_the_order_protects() -> None:
    named = b.protected(attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED)
    words = (Prohibition(code="3047", text="Not to enter Invented Road."),)
    duties = seen.owed(place_term_made, file(imposed(protected_persons=(named,), prohibitions=words)))
    assert set(duties) == {"dait-54", "idva-larkmead"}
    said = seen.matter(duties["idva-larkmead"])
    assert said["order_whose_protection_is_not_confirmed"] == b.order_at()
    assert not {"prohibitions.text", "defendant.name"} & set(said)
    another = file(imposed(protected_persons=(named,), prohibitions=words), b.attribution())
    assert seen.owed(place_term_made, another) == {}


def test_the_words_that_raise_the_place_question_are_not_shown_to_those_who_may_not_see_places() -> None:
    words = (Prohibition(code="3047", text="Not to enter Invented Road."),)
    child = ProtectedPerson(role="child", attribution=Attribution.CODED)
    duties = seen.owed(place_term_made, file(imposed(prohibitions=words, protected_persons=(*HERS, child))))
    shown = [value for duty in duties.values() for value in seen.hears(duty).values()]
    assert shown
    assert not any("Invented" in str(value) for value in shown)


def test_a_place_that_is_cut_in_two_pieces_of_a_long_text_raises_the_place_question() -> None:
    long = "Not to contact her. " * 195 + "That is Invented Road."
    cut = tuple(
        Prohibition(code="3047", text=piece) for piece in (long[: long.index("oad")], long[long.index("oad") :])
    )
    assert seen.owed(place_term_made, file(imposed(prohibitions=cut)))


def test_a_length_that_is_not_clear_is_said_and_an_end_that_cannot_be_right_is_not() -> None:
    unclear = file(imposed(until_further_order=None, length_unclear=True))
    said = seen.matter(seen.owed(order_imposed, unclear)["idva-larkmead"])
    assert said["orders.length_unclear"] is True
    impossible = file(imposed(until_further_order=None, expires_on=b.TODAY - timedelta(days=1)))
    assert "orders.expires_on" not in seen.matter(seen.owed(order_imposed, impossible)["idva-larkmead"])
