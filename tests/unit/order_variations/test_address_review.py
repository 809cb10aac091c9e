"""A review of her safe address that was done is asked for again only when the court's terms about places change."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.agency_responses.v1 import Decided, Decision
from schemas.court_order_variations.v1 import Attribution, Prohibition
from services.order_variations.rules import RULES
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.facts import Answer, Fact, Key
from tests.support import builders as b
from tests.unit.domain.small import World

HOUR = timedelta(hours=1)
LATER = b.NOON + timedelta(days=7)
NAMED = (b.protected(attribution=Attribution.NAMED_IN_TEXT_UNCONFIRMED),)
ROAD = Prohibition(code="3047", text="Not to enter Invented Road.")
CLOSE = Prohibition(code="3047", text="Not to enter Imagined Close.")
CONTACT = Prohibition(code="3047", text="Not to contact her in any way.")
DAIT, IDVA = (Key("place_term_made", f"{b.order_at()}/{b.VICTIM}", agency) for agency in ("dait-54", "idva-larkmead"))


def made(*terms: Prohibition, version: int = 1, **over: Any) -> Fact:
    order = b.order(protected_persons=NAMED, prohibitions=terms, **over)
    return b.fact(b.orders_resulted(order), version=version)


def reviewed(*terms: Prohibition, **over: Any) -> World:
    """A world in which both have answered that they reviewed her safe address, before anybody said whom it protects."""
    world = World(b.shipped(), RULES)
    world.evaluate(b.fact(b.incident()), b.fact(b.charge()), made(*terms, **over), now=b.NOON)
    for key in (DAIT, IDVA):
        said = {
            "occurred_at": b.NOON + HOUR,
            "agency": key.agency,
            "actor": "worker-1",
            "notification": world.delivered[key].id,
            "decision": Decision.SAFE_ADDRESS_REVIEWED,
        }
        world.answers.append(Answer(b.fact(Decided.model_validate(said), at=b.NOON + HOUR), key, 1))
    world.evaluate(now=b.NOON + HOUR)
    assert not unanswered(world)
    return world


def unanswered(world: World) -> dict[str, Notification]:
    of_place = {
        key.agency: notification for key, notification in world.delivered.items() if key.rule == "place_term_made"
    }
    assert set(of_place) == {"dait-54", "idva-larkmead"}
    return {agency: n for agency, n in of_place.items() if any(ask.met_by is None for ask in n.asks)}


def confirmed() -> Fact:
    return b.fact(b.attribution(b.party_ref(), occurred_at=b.NOON + 2 * HOUR), at=b.NOON + 2 * HOUR)


def test_to_confirm_whom_the_order_protects_asks_for_no_second_review() -> None:
    world = reviewed(ROAD)
    sent = world.evaluate(confirmed(), now=b.NOON + 2 * HOUR)
    updated = {n.key.agency for n in sent if n.key in (DAIT, IDVA) and n.kind == "update"}
    assert updated == {"dait-54", "idva-larkmead"}
    assert not unanswered(world)
    for hours in range(3, 72):
        sent = world.evaluate(now=b.NOON + hours * HOUR)
        assert not [
            n for n in sent if (asked_of(n.key)[0] if n.key.rule in ESCALATION_STEPS else n.key) in (DAIT, IDVA)
        ]
    assert not unanswered(world)


def test_who_has_not_answered_is_asked_still_when_it_is_confirmed_whom_the_order_protects() -> None:
    world = World(b.shipped(), RULES)
    world.evaluate(b.fact(b.incident()), b.fact(b.charge()), made(ROAD), now=b.NOON)
    before = world.delivered[DAIT]
    world.evaluate(confirmed(), now=b.NOON + 2 * HOUR)
    assert set(unanswered(world)) == {"dait-54", "idva-larkmead"}
    assert [ask.by for ask in world.delivered[DAIT].asks] == [ask.by for ask in before.asks]


def test_another_order_that_binds_him_asks_for_no_second_review() -> None:
    world = reviewed(ROAD)
    world.evaluate(confirmed(), now=b.NOON + 2 * HOUR)
    on = b.TODAY + timedelta(days=7)
    another = b.orders_resulted(b.order(protected_persons=(b.protected(),)), hearing_on=on, occurred_at=LATER)
    sent = world.evaluate(b.fact(another, at=LATER), now=LATER)
    assert {n.key.agency for n in sent if n.key in (DAIT, IDVA)} == {"dait-54", "idva-larkmead"}
    assert not unanswered(world)


@pytest.mark.parametrize(
    "amended",
    [
        made(ROAD, version=2, child_contact_exception=True),
        made(ROAD, version=2, until_further_order=False, expires_on=b.TODAY + timedelta(days=700)),
        made(ROAD, ROAD, version=2),
    ],
    ids=["an exception", "an end", "the same words twice"],
)
def test_an_amended_result_with_the_same_places_asks_for_no_second_review(amended: Fact) -> None:
    world = reviewed(ROAD)
    world.evaluate(amended, confirmed(), now=b.NOON + 2 * HOUR)
    assert not unanswered(world)


def test_with_a_zone_and_no_place_in_words_the_zone_alone_counts() -> None:
    zone = Prohibition(code="3047", zone="invented-zone")
    world = reviewed(zone)
    world.evaluate(made(zone, CONTACT, version=2), confirmed(), now=b.NOON + 2 * HOUR)
    assert not unanswered(world)


@pytest.mark.parametrize(
    "amended",
    [
        made(ROAD, CLOSE, version=2),
        made(ROAD, Prohibition(code="3047", text=" or the lane behind it."), version=2),
        made(CLOSE, version=2),
        made(ROAD, Prohibition(code="3047", zone="invented-zone"), version=2),
        made(ROAD, version=2, place_term_added=True),
    ],
    ids=["a place more", "words that may go on from a place", "another place", "a zone more", "said to add a place"],
)
def test_a_place_that_changes_is_reviewed_again_also_where_it_comes_with_the_confirmation(amended: Fact) -> None:
    world = reviewed(ROAD)
    world.evaluate(amended, confirmed(), now=b.NOON + 2 * HOUR)
    assert set(unanswered(world)) == {"dait-54", "idva-larkmead"}


def test_a_place_that_changes_before_anybody_confirms_is_reviewed_again() -> None:
    world = reviewed(ROAD)
    world.evaluate(made(CLOSE, version=2), now=b.NOON + 2 * HOUR)
    assert set(unanswered(world)) == {"dait-54", "idva-larkmead"}
