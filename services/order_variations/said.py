"""What is said of an order, of a change and of what else still binds him, and never of anybody else it protects."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time
from functools import partial
from hashlib import sha256

from schemas.classes import DataClass, Form
from schemas.court_order_variations.v1 import Order
from services.order_variations.concerned import Protecting
from services.platform.domain.core.duties import Item, Present
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.people.ordinary_routes import Matter
from services.platform.domain.protection.orders import IN_FORCE, Element, Standing
from services.platform.policy.clocks import ONE_DAY, london
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


def still_binding(his: Protecting, besides: frozenset[str]) -> Iterator[Item]:
    """Which others of these orders, which protect her from him, still bind him. Of what the relay does not hear of
    (bail, licence, orders of the family court) it can say nothing: none known here is all that it claims, and not even
    that while one that protects her may bind him."""
    others = _in_force(his.binds, besides)
    for order in sorted(others, key=lambda o: o.place):
        now = Present(until=ends_at(order))
        yield from derived("still_binding", order.code, DataClass.D, Form.STATE, about=order.place, present=now)
        if order.expires_on is not None:
            until = order.expires_on
            yield from derived("still_binding.until", until, DataClass.T, about=order.place, present=now)
    others_end = _when_all_have_ended(others)
    if others_end is None:
        return
    unsure = _in_force(his.unsure, besides)
    unsure_end = _when_all_have_ended(unsure)
    if unsure:
        not_known = Present(since=others_end.since, until=unsure_end.since if unsure_end is not None else None)
        whether = "not_known_whether_another_order_binds_him"
        yield from derived("still_binding", whether, DataClass.D, Form.STATE, present=not_known)
    if unsure_end is not None:
        since = max((span.since for span in (others_end, unsure_end) if span.since is not None), default=None)
        none = Present(since=since)
        yield from derived("still_binding", "no_other_order_known_here", DataClass.D, Form.STATE, present=none)


def while_it_stands(to_tell: Matter, order: Standing) -> Matter:
    """The same until the order ends, by what is known to have ended it or with its last day."""
    if order.no_longer is not None:
        reason, by = order.no_longer
        return replace(to_tell, met_by=by, ended=reason)
    return replace(to_tell, lapses=ends_at(order), lapses_as=Reason.ORDER_EXPIRED)


def ends_at(order: Standing) -> datetime | None:
    """The first moment after its last day; None for an order until further order, and where no end is stated."""
    return london(order.expires_on + ONE_DAY, time()) if order.expires_on is not None else None


def _in_force(orders: tuple[Standing, ...], besides: frozenset[str]) -> list[Standing]:
    """Those that nothing known has ended; an end that is a date may have passed."""
    return [order for order in orders if order.place not in besides and order.in_force]


def _when_all_have_ended(orders: list[Standing]) -> Present | None:
    """From when on none of these is in force, from the beginning where there are none; None where one has no end."""
    ends = [ends_at(order) for order in orders]
    known = [end for end in ends if end is not None]
    return Present(since=max(known, default=None)) if len(known) == len(ends) else None


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
