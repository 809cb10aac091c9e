"""Whom the words of an order may be about, read from the facts alone and as widely as they can be meant."""

from collections.abc import Iterator, Mapping

from schemas.agency_responses.v1 import AttributionConfirmed
from schemas.court_order_variations.v1 import Order, OrderAction, OrdersResulted
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import Fact

MAKES = (OrderAction.IMPOSED, OrderAction.REPLACED)
UNKNOWN = "somebody whom nobody has named"


def protected_beside(
    notification: Notification, current: list[Fact], persons: Mapping[str, str], value: object
) -> Iterator[str]:
    """What is wrong with showing these words of an order in the notification: whom else they may be about."""
    her = persons.get(notification.person, notification.person)
    hers = {place.partition("/")[0] for place, person in persons.items() if person == her and "/party/" in place}
    children = {who for place, who in persons.items() if "/child/" in place and place.partition("/")[0] in hers}
    for fact in current:
        if isinstance(fact.body, OrdersResulted):
            for order in fact.body.orders:
                if any(value in (prohibition.text, prohibition.zone) for prohibition in order.prohibitions):
                    whom = set(protected(order, fact.body, current, persons))
                    if whom - {her} - children:
                        yield "the words of an order that may protect somebody else"
                    elif her not in whom:
                        yield "the words of an order that is not known to protect her"


def protected(order: Order, body: OrdersResulted, current: list[Fact], persons: Mapping[str, str]) -> Iterator[str]:
    """An order protects whom its own result codes, unless a person has said all whom it protects. A change of an order
    protects whom that order does, and whom the change itself names."""
    place = body.place_of(order)
    confirmed = next((f.body for f in current if isinstance(f.body, AttributionConfirmed) and f.subject == place), None)
    if isinstance(confirmed, AttributionConfirmed):
        yield from (persons.get(party.place, party.place) for party in confirmed.protects)
        if order.action in MAKES:
            return
    yield from named(order, persons)
    if order.action in MAKES and not order.protected_persons:
        yield UNKNOWN
    if order.action not in MAKES:
        yield from changed(order, body, current, persons)


def changed(order: Order, body: OrdersResulted, current: list[Fact], persons: Mapping[str, str]) -> Iterator[str]:
    """Whom the order that was changed protects; where it is not named, whom any earlier one does, but where the change
    says whom it is about only those that protect one of them."""
    if order.order is not None:
        yield from protected_by_place(order.order, current, persons)
        return
    about = set(named(order, persons)) - {UNKNOWN}
    for fact in current:
        if isinstance(fact.body, OrdersResulted) and fact.body.hearing_on < body.hearing_on:
            for earlier in fact.body.orders:
                whom = set(protected(earlier, fact.body, current, persons)) if earlier.action in MAKES else set()
                if whom & about or not about:
                    yield from whom


def named(order: Order, persons: Mapping[str, str]) -> Iterator[str]:
    for person in order.protected_persons:
        if person.attribution == "named_in_text_unconfirmed":
            yield UNKNOWN
        elif person.party is not None:
            yield persons.get(person.party.place, person.party.place)
        elif person.record is not None:
            yield f"record:{person.record.system}:{person.record.id}"


def protected_by_place(place: str, current: list[Fact], persons: Mapping[str, str]) -> Iterator[str]:
    for fact in current:
        if isinstance(fact.body, AttributionConfirmed) and fact.subject == place:
            yield from (persons.get(party.place, party.place) for party in fact.body.protects)
        if isinstance(fact.body, OrdersResulted):
            for order in fact.body.orders:
                if order.action in MAKES and fact.body.place_of(order) == place:
                    yield from protected(order, fact.body, current, persons)
