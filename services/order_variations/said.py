"""What is said of an order, of a change and of what else still binds him, and never of anybody else it protects."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256

from schemas.classes import DataClass, Form
from schemas.court_order_variations.v1 import Order
from services.platform.domain.core.duties import Item, Present
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.people.ordinary_routes import Matter
from services.platform.domain.protection.orders import IN_FORCE, Element, Standing
from services.platform.domain.protection.saying import ends_at
from services.platform.policy.policy import Policy

HEARING = ("references", "hearing", "court_ou", "hearing_on", "defendant.name", "defendant.date_of_birth")
STATE = ("action", "code", "legal_basis", "made_on", "expires_on", "until_further_order", "length_unclear", "cause")
TERMS = ("child_contact_exception", "place_term_added")


def of_hearing(fact: Fact) -> Iterator[Item]:
    """Where and when, and who stood in the dock."""
    for name in HEARING:
        yield from show(fact, name)


def of_element(element: Element, place: str, *, words: bool) -> Iterator[Item]:
    """One line of a court's orders. `place`: of the order that it is about. `words`: whether the text of prohibitions
    and their zones may be said, which are class L and may be about others whom the order protects."""
    yield from derived("order", place, DataClass.R)
    for path in element.shown((*STATE, *TERMS)):
        yield from show(element.fact, path)
    for index in range(len(element.order.prohibitions)):
        path = f"{element.path}.prohibitions.{index}"
        yield from show(element.fact, path) if words else show(element.fact, f"{path}.code")
    if not words and has_words(element.order):
        yield from derived("terms.text", "not_shown", DataClass.L, Form.ZONE)


def stands_now(order: Standing) -> Iterator[Item]:
    """What has become of an order, as far as anybody here knows: what is said of it changes when it ends."""
    said = partial(derived, "order_is_now", data_class=DataClass.D, form=Form.STATE, about=order.place)
    if not order.in_force:
        became = order.losses[0].why if order.state in IN_FORCE else order.state
        yield from said(became, present=Present())
        return
    ends = ends_at(order)
    yield from said(order.state, present=Present(until=ends))
    if ends is not None:
        yield from said("expired", present=Present(since=ends))


def while_it_stands(to_tell: Matter, order: Standing) -> Matter:
    """The same until the order ends, by what is known to have ended it or with its last day."""
    if order.no_longer is not None:
        reason, by = order.no_longer
        return replace(to_tell, met_by=by, ended=reason)
    return replace(to_tell, lapses=ends_at(order), lapses_as=Reason.ORDER_EXPIRED)


def places_named(order: Order, policy: Policy) -> str | None:
    """A code of all by which it adds, moves or widens a place, be it in its words alone: he will look for what lies in
    it. None where it names no place. Nobody is shown the code, which stands for class L."""
    texts = [prohibition.text for prohibition in order.prohibitions if prohibition.text]
    zones = {prohibition.zone for prohibition in order.prohibitions if prohibition.zone}
    # A long text comes in pieces, and a word may be cut: then all of it says the place.
    in_words = any(map(policy.says_a_place, (*texts, "".join(texts))))
    if not (order.place_term_added or zones or in_words):
        return None
    named = json.dumps([bool(order.place_term_added), sorted(zones), sorted(set(texts)) if in_words else []])
    return sha256(named.encode()).hexdigest()


def has_words(order: Order) -> bool:
    """Whether its prohibitions have a text or a zone, which may be about others whom the order protects."""
    return any(prohibition.text or prohibition.zone for prohibition in order.prohibitions)
