"""Who took her on is who is told of what arises later about her (domain 2.9)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import values as v
from schemas.places import Place
from services.incidents.rules import RULES as INCIDENTS
from services.order_variations.applications import application_lodged
from services.order_variations.orders import order_imposed
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.platform.domain.core.duties import Duty, Notification
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile, Key, Undertaking
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import remember
from tests.support import builders as b
from tests.unit.incidents import seen

BY_AREA, NEXT, THIRD, ELSEWHERE = "idva-larkmead", "idva-downland", "idva-harebell", "idva-severnmouth"
OF_AN_APPLICATION = ("application_lodged", "her_views")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MADE = b.orders_resulted(b.order(protected_persons=(b.protected(),)))
APPLICATION = b.application(references=b.references(application="APP1"))


def word(
    agency: str, at: datetime = b.NOON, *, place: str = b.VICTIM, file: str = "", declines: bool = False
) -> Undertaking:
    """What this service said to a referral of the incident at which she stands."""
    key = Key("high_risk", place, agency)
    return Undertaking(
        f"{agency}/{place}/{at}/{declines}",
        at,
        key,
        Place(place),
        FileKey(file) if file else hers().key,
        b.NOON,
        not declines,
    )


def hers(*words: Undertaking, incident: v.Body | None = None) -> CaseFile:
    facts = (incident or b.incident(), b.charge(), MADE, APPLICATION)
    return replace(b.linked_file(*(b.fact(body) for body in facts)), undertakings=words)


def advocates(file: CaseFile) -> set[str]:
    duties = {**seen.owed(order_imposed, file), **seen.owed(application_lodged, file)}
    return {agency for agency, duty in duties.items() if duty.kind == "idva"}


def test_the_order_and_the_application_go_to_the_service_that_took_her_on() -> None:
    assert advocates(hers()) == {BY_AREA}
    assert advocates(hers(word(BY_AREA, declines=True), word(NEXT, b.NOON + MINUTE))) == {NEXT}


def test_it_is_the_same_in_whatever_order_the_words_arrive() -> None:
    words = (
        word(BY_AREA, declines=True),
        word(NEXT, b.NOON + MINUTE),
        word(NEXT, b.NOON + 2 * MINUTE, declines=True),
        word(THIRD, b.NOON + 3 * MINUTE),
    )
    assert {frozenset(advocates(hers(*those))) for those in permutations(words)} == {frozenset({THIRD})}


def test_who_gives_her_back_is_told_no_more_and_is_not_asked_in_turn() -> None:
    gave_back = hers(word(NEXT), word(NEXT, b.NOON + MINUTE, declines=True), word(THIRD, b.NOON + 2 * MINUTE))
    duty = seen.owed(order_imposed, gave_back)[THIRD]
    assert NEXT not in duty.next_able
    assert advocates(hers(word(NEXT), word(NEXT, b.NOON + MINUTE, declines=True))) == {BY_AREA}


def test_of_two_that_took_her_on_the_first_is_told() -> None:
    assert advocates(hers(word(THIRD, b.NOON + MINUTE), word(NEXT))) == {NEXT}


def test_a_service_that_is_not_for_her_area_is_never_told_because_it_answered() -> None:
    assert advocates(hers(word(ELSEWHERE))) == {BY_AREA}
    there = b.incident(parties=(b.victim(residence=b.residence(la_code="916", force="53")), b.suspect()))
    assert advocates(hers(word(NEXT), incident=there)) == {ELSEWHERE}


def test_what_was_said_of_another_woman_who_stood_at_that_place_counts_for_her_alone() -> None:
    assert advocates(hers(word(NEXT, file="record:police:another"))) == {BY_AREA}


def test_what_was_said_at_a_place_of_somebody_else_is_not_about_her() -> None:
    assert advocates(hers(word(NEXT, place="CR9/party/1"))) == {BY_AREA}


def test_a_word_said_before_her_records_were_merged_counts_for_the_person() -> None:
    file = hers(word(NEXT, file="record:police:older"))
    assert advocates(replace(file, joined={FileKey("record:police:older"): file.key, file.key: file.key})) == {NEXT}


def test_a_service_that_has_ended_is_told_no_more() -> None:
    shipped = b.shipped()
    ended = tuple(a.model_copy(update={"ends": b.NOON}) if a.id == NEXT else a for a in shipped.agencies)
    policies = replace(shipped, agencies=ended)
    duties = [d for d in order_imposed(hers(word(NEXT)), policies.at(b.NOON + DAY)) if isinstance(d, Duty)]
    assert {duty.key.agency for duty in duties if duty.kind == "idva"} == {BY_AREA}


SERVICES = st.sampled_from([BY_AREA, NEXT, THIRD, ELSEWHERE, "victim-service-westmarch", "nobody-known"])
WORDS = st.builds(
    lambda agency, minute, place, file, declines: word(
        agency, b.NOON + minute * MINUTE, place=place, file=file, declines=declines
    ),
    SERVICES,
    st.integers(0, 30),
    st.sampled_from([b.VICTIM, "CR9/party/1"]),
    st.sampled_from(["", "record:police:another"]),
    st.booleans(),
)


@given(st.lists(WORDS, max_size=8))
def test_a_service_that_was_never_told_of_her_never_becomes_her_recipient_by_answering(
    words: list[Undertaking],
) -> None:
    file = hers(*words)
    told_of_her = {one.key.agency for one in words if one.place == b.VICTIM and one.file == file.key}
    assert advocates(file) <= {BY_AREA} | (told_of_her & {NEXT, THIRD})


def test_a_later_referral_goes_to_the_service_that_took_her_on_and_an_earlier_one_stays() -> None:
    earlier = b.fact(b.incident())
    later = b.incident("CR2", occurred_at=b.NOON + DAY, reported_at=b.NOON + DAY)
    both = b.linked_file(earlier, b.fact(later, at=b.NOON + DAY))
    file = replace(both, undertakings=(word(BY_AREA, declines=True), word(NEXT, b.NOON + MINUTE, file=both.key)))
    now = b.NOON + DAY + HOUR
    sent = evaluate([file], {}, INCIDENTS, b.policy(), now, now).notifications
    referred = {(n.key.subject, n.key.agency) for n in sent if n.key.rule == "high_risk" and n.agency_kind == "idva"}
    assert referred == {(b.VICTIM, BY_AREA), ("CR2/party/1", NEXT)}


def held(delivered: Mapping[Key, Notification]) -> set[tuple[str, str]]:
    return {(n.key.rule, n.key.agency) for n in delivered.values() if n.state == "live" and n.agency_kind == "idva"}


def test_whoever_was_told_before_the_acceptance_was_known_hears_that_another_has_her_now() -> None:
    delivered, now = dict[Key, Notification](), b.NOON + HOUR
    first = evaluate([hers()], delivered, ORDER_VARIATIONS, b.policy(), now, now)
    delivered = remember(delivered, first)
    assert held(delivered) == {("order_imposed", BY_AREA), *((rule, BY_AREA) for rule in OF_AN_APPLICATION)}
    words = (word(BY_AREA, declines=True), word(NEXT, b.NOON + MINUTE))
    moved = evaluate([hers(*words)], delivered, ORDER_VARIATIONS, b.policy(), now + MINUTE, now + MINUTE)
    delivered = remember(delivered, moved)
    assert held(delivered) == {("order_imposed", NEXT), *((rule, NEXT) for rule in OF_AN_APPLICATION)}
    assert {(n.kind, n.reason) for n in moved.notifications if n.key.agency == BY_AREA} == {
        ("close", Reason.SUPERSEDED)
    }
    assert not moved.unexplained
    back = (*words, word(NEXT, b.NOON + 2 * MINUTE, declines=True))
    again = evaluate([hers(*back)], delivered, ORDER_VARIATIONS, b.policy(), now + 2 * MINUTE, now + 2 * MINUTE)
    assert held(remember(delivered, again)) == {
        ("order_imposed", BY_AREA),
        *((rule, BY_AREA) for rule in OF_AN_APPLICATION),
    }
    assert not again.unexplained


@pytest.mark.parametrize("at_once", [True, False])
def test_nothing_more_is_said_at_the_same_instant(*, at_once: bool) -> None:
    now = b.NOON + HOUR
    file = hers(word(NEXT))
    delivered = {} if at_once else remember({}, evaluate([hers()], {}, ORDER_VARIATIONS, b.policy(), now, now))
    delivered = remember(delivered, evaluate([file], delivered, ORDER_VARIATIONS, b.policy(), now, now))
    assert evaluate([file], delivered, ORDER_VARIATIONS, b.policy(), now, now).notifications == ()
