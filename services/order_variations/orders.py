"""Rules about orders: made, varied, discharged, changed nobody knows how; told of whom an order is known to protect."""

from collections.abc import Iterator
from dataclasses import replace

from schemas.classes import DataClass, Form
from schemas.court_order_variations.v1 import OrderAction, OrdersResulted
from services.order_variations.concerned import OTHERWISE, Concern, HerOrders, How
from services.order_variations.said import (
    has_words,
    of_element,
    of_hearing,
    places_named,
    stands_now,
    while_it_stands,
)
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.people.ordinary_routes import INSTEAD, Matter, tell, tell_but_for, tell_nobody
from services.platform.domain.protection.hers import SAY_WHO
from services.platform.domain.protection.orders import MAKES, READ_BY_THE_REGISTER, Change, Element, Standing
from services.platform.domain.protection.saying import ends_at, still_binding
from services.platform.domain.protection.taken_back import Undoing
from services.platform.policy.policy import Policy

MAY_ADD_A_PLACE = frozenset({OrderAction.VARIED, OrderAction.CHANGED_NOT_STATED})
# What is told of an order as long as it stands; an order that has ended is told by a rule of its own.
WHILE_IT_STANDS = frozenset({"order_imposed", "order_varied"})
# What may be said while nobody knows whom an order is about: no name of whoever stood in the dock.
REFERENCES = ("references", "hearing", "court_ou", "hearing_on")


def order_imposed(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """An order that is known to protect her (Sentencing Code s.360, PHA 1997 s.5A, DA Act 2021 s.31). It ends with the
    order: whoever was told that it protects her hears when it no longer does."""
    hers = HerOrders(file, policy)
    for order, element, concern in hers.made():
        if concern.how is How.HERS and concern.speaks:
            yield from _owe(hers, "order_imposed", element, order.place, concern)
        else:
            yield from _owe_nothing(hers, "order_imposed", element, concern)


def order_varied(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A court varied an order that protects her, with or without an application (Sentencing Code s.361, s.363(6)). It
    ends with the order."""
    yield from _changed(HerOrders(file, policy), "order_varied", OrderAction.VARIED)


def order_discharged(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A court ended an order that protected her, with or without an application (Sentencing Code s.361, s.363(6))."""
    yield from _changed(HerOrders(file, policy), "order_discharged", OrderAction.DISCHARGED)


def order_changed_not_stated(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Varied or discharged, not known which; or an order changed that may be hers. It counts as lost protection until a
    person says otherwise."""
    hers = HerOrders(file, policy)
    for change, concern in hers.changed():
        unstated = change.action is OrderAction.CHANGED_NOT_STATED or _replaced_without_her(hers, change)
        if concern.speaks and (concern.how is How.MAY_BE_HERS or (unstated and concern.how is How.HERS)):
            yield from _owe(hers, "order_changed_not_stated", change.element, _about(change), concern)
        elif unstated or change.element.order.order is None:
            yield from _owe_nothing(hers, "order_changed_not_stated", change.element, concern)


def order_unconfirmed(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """An order was made or changed in her case, and nobody has said whom it protects: told as just that. That one was
    made ends with the order."""
    hers = HerOrders(file, policy)
    for order, element, concern in hers.made():
        if concern.how is How.NOT_CONFIRMED:
            to_tell = _unconfirmed(hers, "order_unconfirmed", element, order.place, concern)
            yield from tell(hers.file, hers.policy, while_it_stands(to_tell, order))
        else:
            yield from _owe_nothing(hers, "order_unconfirmed", element, concern)
    for change, concern in hers.changed():
        if change.action in MAKES:
            continue  # what replaces an order is an order made
        if concern.how is How.NOT_CONFIRMED:
            to_tell = _unconfirmed(hers, "order_change_unconfirmed", change.element, _about(change), concern)
            yield from tell(hers.file, hers.policy, to_tell)
        else:
            yield from _owe_nothing(hers, "order_unconfirmed", change.element, concern, "order_change_unconfirmed")


def place_term_made(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A place or zone in an order, coded or in its words: assume that he knows, and review the safe address. Courts
    seldom say by code whom an order protects, so it is asked of everybody in the case whom it may protect."""
    hers = HerOrders(file, policy)
    for order, element, concern in hers.made():
        yield from _place_term(hers, element, order.place, concern)
    for change, concern in hers.changed():
        if change.action in MAY_ADD_A_PLACE:
            yield from _place_term(hers, change.element, _about(change), concern)


def order_ground_fell(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """A later hearing took back what an order of hers was made on: the case was reopened, the conviction set aside or
    quashed (domain 1.2). Until a court or a person says, nobody knows whether it protects her, and nobody tells her."""
    hers = HerOrders(file, policy)
    for order, undone, element, concern in hers.fallen():
        to_tell = _of_fallen(hers, order, undone, concern)
        if concern.how is How.HERS and concern.speaks:
            yield from _tell(hers, to_tell, in_custody=hers.in_custody(element, undone[-1].body.hearing_on))
        else:
            yield from tell_nobody(file, policy, to_tell, OTHERWISE[concern.how])


def _of_fallen(hers: HerOrders, order: Standing, undone: tuple[Undoing, ...], concern: Concern) -> Matter:
    first, last, victim = undone[0], undone[-1], concern.victim
    his = hers.protecting_from(last.fact, last.body.references, (order,))
    to_tell = Matter(
        rule="order_ground_fell",
        route="order_ground_fell",
        subject=f"{order.place}/{victim.place}",
        person=victim.place,
        held=victim.held,
        areas=victim.areas(last.body.court_ou, last.body.defendant),
        on=first.body.hearing_on,
        recorded_at=first.fact.at,
        grounds=(*(each.fact for each in undone), victim.fact, *order.facts, *his.facts),
        matter=(
            *of_hearing(last.fact),
            *derived("order", order.place, DataClass.R),
            *derived("order_code", order.code, DataClass.D, Form.STATE),
            *derived("ground_fell_by", tuple(each.how for each in undone), DataClass.O, basis="court_found"),
            *victim.named(),
            *stands_now(order),
            *still_binding(his, frozenset({order.place})),
        ),
    )
    if order.no_longer is None:
        said = (*order.attributed_by, *(change.element.fact for change in order.changes))
        return replace(to_tell, met_by=said, ended=Reason.ORDER_STANDS)
    if order.lost_its_ground and order.no_longer[0] is Reason.ORDER_MAY_NOT_STAND:
        return replace(to_tell, lapses=ends_at(order), lapses_as=Reason.ORDER_EXPIRED)
    return while_it_stands(to_tell, order)


def _place_term(hers: HerOrders, element: Element, order: str, concern: Concern) -> Iterator[Statement]:
    places = places_named(element.order, hers.policy)
    if places is None:
        return
    if concern.how is How.HERS and concern.speaks:
        yield from _owe(hers, "place_term_made", element, order, concern, asked_for=places)
    elif concern.how is How.NOT_CONFIRMED:
        to_tell = _unconfirmed(hers, "place_term_made", element, order, concern)
        yield from tell(hers.file, hers.policy, replace(to_tell, rule="place_term_made", asked_for=places))
    else:
        yield from _owe_nothing(hers, "place_term_made", element, concern)


def _changed(hers: HerOrders, rule: str, action: OrderAction) -> Iterator[Statement]:
    for change, concern in hers.changed():
        if change.action is not action:
            continue
        if concern.how is How.HERS and concern.speaks:
            yield from _owe(hers, rule, change.element, _about(change), concern)
        else:
            yield from _owe_nothing(hers, rule, change.element, concern)


def _about(change: Change) -> str:
    """The order that was changed, or the line of the result where it is not known which."""
    return change.order or change.element.place


def _replaced_without_her(hers: HerOrders, change: Change) -> bool:
    """On appeal another order took the place of hers, and nobody has said that it protects her (PHA 1997 s.5A(3))."""
    if change.action is not OrderAction.REPLACED:
        return False
    heir = hers.register.orders[change.element.place]
    return not hers.protection.protects_her(heir)


def _owe(
    hers: HerOrders, rule: str, element: Element, order: str, concern: Concern, asked_for: str | None = None
) -> Iterator[Statement]:
    words = hers.words_are_hers(element, concern.orders)
    his = hers.protecting_from(element.fact, element.body.references, concern.orders)
    matter = (
        *of_hearing(element.fact),
        *of_element(element, order, words=words),
        *(derived("which_order", concern.how, DataClass.R) if concern.how is How.MAY_BE_HERS else ()),
        *concern.victim.named(),
        *(item for one in concern.orders if rule == "place_term_made" for item in stands_now(one)),
        *still_binding(his, frozenset(one.place for one in concern.orders)),
    )
    to_tell = _matter(hers, rule, rule, element, concern, matter)
    whose = hers.say_who_is_hers(element, concern.orders) if has_words(element.order) else ()
    to_tell = replace(to_tell, grounds=(*to_tell.grounds, *his.facts, *whose), asked_for=asked_for)
    if rule in WHILE_IT_STANDS:
        to_tell = while_it_stands(to_tell, concern.orders[0])
    yield from _tell(hers, to_tell, in_custody=hers.in_custody(element, element.on))


def _tell(hers: HerOrders, to_tell: Matter, *, in_custody: bool) -> Iterator[Statement]:
    """The route; of it the prison only while he is in one."""
    why_not = {} if in_custody else {"prison": Reason.NOT_IN_CUSTODY}
    return tell_but_for(hers.file, hers.policy, to_tell, why_not)


def _unconfirmed(hers: HerOrders, route: str, element: Element, order: str, concern: Concern) -> Matter:
    matter = (
        *(item for name in REFERENCES for item in show(element.fact, name)),
        *derived("order_whose_protection_is_not_confirmed", order, DataClass.R),
        *show(element.fact, f"{element.path}.action"),
        *show(element.fact, f"{element.path}.code"),
        *concern.victim.named(),
    )
    return _matter(hers, "order_unconfirmed", route, element, concern, matter)


def _matter(
    hers: HerOrders, rule: str, route: str, element: Element, concern: Concern, matter: tuple[Item, ...]
) -> Matter:
    """Until he dies: the court ends proceedings then, and no order binds him."""
    victim, body = concern.victim, element.body
    died = hers.register.death_of(hers.register.men.of(element.fact))
    return Matter(
        rule=rule,
        route=route,
        subject=f"{element.place}/{victim.place}",
        person=victim.place,
        held=victim.held,
        areas=victim.areas(body.court_ou, body.defendant),
        on=element.on,
        recorded_at=element.fact.at,
        grounds=(element.fact, victim.fact, *concern.facts),
        matter=matter,
        met_by=died,
        ended=Reason.DEFENDANT_DIED if died else None,
    )


def _owe_nothing(
    hers: HerOrders, rule: str, element: Element, concern: Concern, route: str | None = None
) -> Iterator[Statement]:
    """Why not, or no longer: it is known whose it is, or no longer known which."""
    to_tell = _matter(hers, rule, route or rule, element, concern, ())
    yield from tell_nobody(hers.file, hers.policy, to_tell, OTHERWISE[concern.how])


RULES = (
    Rule(
        "order_imposed",
        order_imposed,
        title="Court order made that protects her",
        routes=("order_imposed", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, *SAY_WHO),
        needs=(OrdersResulted,),
    ),
    Rule(
        "order_varied",
        order_varied,
        title="Order that protects her, changed by the court",
        routes=("order_varied", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, *SAY_WHO),
        needs=(OrdersResulted,),
    ),
    Rule(
        "order_discharged",
        order_discharged,
        title="Order that protected her, ended by the court",
        routes=("order_discharged", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, *SAY_WHO),
        needs=(OrdersResulted,),
    ),
    Rule(
        "order_changed_not_stated",
        order_changed_not_stated,
        title="Order that may protect her, changed or ended by the court",
        routes=("order_changed_not_stated", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, *SAY_WHO),
        needs=(OrdersResulted,),
    ),
    Rule(
        "order_ground_fell",
        order_ground_fell,
        title="Order that may not stand: the case behind it was undone",
        routes=("order_ground_fell", *INSTEAD),
        reads=READ_BY_THE_REGISTER,
        needs=(OrdersResulted,),
    ),
    Rule(
        "order_unconfirmed",
        order_unconfirmed,
        title="Court order in her case: not confirmed whom it protects",
        routes=("order_unconfirmed", "order_change_unconfirmed", *INSTEAD),
        reads=READ_BY_THE_REGISTER,
        needs=(OrdersResulted,),
    ),
    Rule(
        "place_term_made",
        place_term_made,
        title="Court order that names a place",
        routes=("place_term_made", *INSTEAD),
        reads=(*READ_BY_THE_REGISTER, *SAY_WHO),
        needs=(OrdersResulted,),
    ),
)
