"""What is said of an order, of a change and of what else still binds him, and never of anybody else it protects."""

from collections.abc import Iterator
from datetime import date

from schemas.classes import DataClass, Form
from schemas.court_order_variations.v1 import Order
from services.casefile.duties import Item
from services.casefile.facts import Fact
from services.casefile.matter import derived, show
from services.casefile.orders import Element, Standing, lasts
from services.order_variations.concerned import Protecting
from services.policy.policy import Policy

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
    if not words and _has_words(element.order):
        yield from derived("terms.text", "not_shown", DataClass.L, Form.ZONE)


def still_binding(his: Protecting, besides: frozenset[str], on: date) -> Iterator[Item]:
    """Which others of these orders, which protect her from him, still bind him on that day. Of what the relay does not
    hear of (bail, licence, orders of the family court) it can say nothing: none known here is all that it claims, and
    not even that while one that protects her may bind him."""
    others = _in_force(his.binds, besides, on)
    for order in sorted(others, key=lambda o: o.place):
        yield from derived("still_binding", order.code, DataClass.D, Form.STATE, about=order.place)
        if order.expires_on is not None:
            yield from derived("still_binding.until", order.expires_on, DataClass.T, about=order.place)
    if not others and _in_force(his.unsure, besides, on):
        yield from derived("still_binding", "not_known_whether_another_order_binds_him", DataClass.D, Form.STATE)
    elif not others:
        yield from derived("still_binding", "no_other_order_known_here", DataClass.D, Form.STATE)


def _in_force(orders: tuple[Standing, ...], besides: frozenset[str], on: date) -> list[Standing]:
    return [o for o in orders if o.place not in besides and o.as_of(on).in_force and lasts(o.as_of(on).expires_on, on)]


def has_place_term(order: Order, policy: Policy) -> bool:
    """Whether it adds, moves or widens a place, be it in its words alone: he will look for what lies in it."""
    if order.place_term_added is True or any(prohibition.zone for prohibition in order.prohibitions):
        return True
    texts = [prohibition.text for prohibition in order.prohibitions if prohibition.text]
    # A long text comes in pieces, and a word may be cut.
    return any(map(policy.says_a_place, (*texts, "".join(texts))))


def _has_words(order: Order) -> bool:
    return any(prohibition.text or prohibition.zone for prohibition in order.prohibitions)
