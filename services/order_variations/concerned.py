"""Whom an order, a change of one or an application about one concerns: her, somebody else, or nobody can say yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

from schemas.court_order_variations.v1 import ApplicationLodged
from schemas.values import References
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.linking.merged_records import record_key
from services.platform.domain.people.victims import Victim
from services.platform.domain.protection.hers import FromHim, Judged
from services.platform.domain.protection.orders import (
    MAKES,
    Change,
    Element,
    Standing,
)
from services.platform.domain.protection.taken_back import Undoing


class How(StrEnum):
    """What is known of whom it concerns."""

    HERS = "hers"
    MAY_BE_HERS = "may_be_hers"
    NOT_CONFIRMED = "not_confirmed"
    ANOTHERS = "anothers"


# Why those are told nothing, or hear that it has ended, who would be told under another answer.
OTHERWISE = {
    How.HERS: Reason.ATTRIBUTED,
    How.MAY_BE_HERS: Reason.WHICH_ORDER_NOT_KNOWN,
    How.NOT_CONFIRMED: Reason.NOT_KNOWN_TO_PROTECT_HER,
    How.ANOTHERS: Reason.PROTECTS_ANOTHER,
}


@dataclass(frozen=True, slots=True)
class Concern:
    """One of her places, and what is known. `orders`: those that it is, or may be, about.

    `speaks`: of several places of hers the one at which she is told.
    """

    victim: Victim
    how: How
    orders: tuple[Standing, ...]
    speaks: bool

    @property
    def facts(self) -> tuple[Fact, ...]:
        return tuple(fact for order in self.orders for fact in order.facts)

    @property
    def tells(self) -> bool:
        """Whether those who protect her hear of an application here: also of one that may be about her order, for
        until somebody has found out, the court may have decided."""
        return self.speaks and self.how in (How.HERS, How.MAY_BE_HERS)


@dataclass(frozen=True)
class HerOrders(Judged):
    """A victim's file with its register, worked out once."""

    def protecting_from(self, fact: Fact, references: References, about: tuple[Standing, ...] = ()) -> FromHim:
        """What protects her from the defendant of this court fact, and of the orders `about` which it is."""
        return self.protection.from_him(self.register.men.of(fact).together(o.man for o in about), references.urn)

    def made(self) -> Iterator[tuple[Standing, Element, Concern]]:
        """Each order that a hearing made, with each of her places that it concerns."""
        for order in self.register.orders.values():
            if order.made_by is not None:
                for concern in self._concerned(order.made_by.fact, order, (order,)):
                    yield order, order.made_by, concern

    def fallen(self) -> Iterator[tuple[Standing, tuple[Undoing, ...], Element, Concern]]:
        """Each order of which a later hearing took back what it was made on, the hearings that did, and the line that
        made it, or that first tells of it, with each of her places that it concerns."""
        for place, undone in self.register.fallen.items():
            order = self.register.orders[place]
            element = order.made_by or order.changes[0].element
            for concern in self._concerned(element.fact, order, (order,)):
                yield order, undone, element, concern

    def changed(self) -> Iterator[tuple[Change, Concern]]:
        """Each change of an earlier order, with each of her places that it concerns."""
        orders = self.register.orders
        for change in self.register.changes:
            order = orders[change.order] if change.order else None
            among = (order,) if order else tuple(orders[place] for place in change.candidates)
            if order is None and not any(map(self.protection.protects_her, among)):
                # That orders of other courts for others are in doubt does not say that the one changed is not hers.
                among = tuple(one for one in among if one.court == change.element.body.court_ou)
            fact, named = change.element.fact, change.element.order.order
            for concern in self._concerned(fact, order, among, frozenset() if named else self._led_by_orders(fact)):
                yield change, concern

    def applied(self, fact: Fact, references: References, lodged: ApplicationLodged | None) -> Iterator[Concern]:
        """Each of her places that an application concerns: a person has linked it to her, or its order protects her."""
        order = self.register.sought(lodged) if lodged else None
        among = (order,) if order else self.register.may_be_sought(lodged) if lodged else ()
        by_hand = self.matters.linked_by_hand(fact, "application")
        if linked := self.matters.protected(by_hand, fact):
            his = among or self.protecting_from(fact, references).orders
            hers = tuple(filter(self.protection.protects_her, his))
            about = hers if len(hers) == 1 else ()
            yield Concern(linked, How.HERS, about, speaks=True)
            # Before the link was made, or this incident known, another of her places may have been told.
            others = {concern.victim.place for concern in self._concerned(fact, order, among)}
            for place in sorted((others | by_hand) - {linked.place}):
                yield Concern(self.matters.victims[place], How.HERS, about, speaks=False)
        else:
            yield from self._concerned(fact, order, among)

    @cached_property
    def applications_for(self) -> dict[str, list[tuple[Fact, ApplicationLodged]]]:
        """The applications about each order, by its place, where it is known which."""
        found: dict[str, list[tuple[Fact, ApplicationLodged]]] = {}
        for fact, lodged in self.file.of(ApplicationLodged):
            if (order := self.register.sought(lodged)) is not None:
                found.setdefault(order.place, []).append((fact, lodged))
        return found

    def in_custody(self, element: Element, on: date) -> bool:
        """Whether the man of this line of a result was in custody at the end of this day."""
        return self.protection.in_custody(self.register.men.of(element.fact), on)

    def words_are_hers(self, element: Element, among: tuple[Standing, ...]) -> bool:
        """Whether a line of a court's orders can be about nobody but her and her children, going by those whom it names
        itself, and those whom the order that it makes, or those that it is about, protect."""
        made = self.register.orders.get(element.place) if element.order.action in MAKES else None
        named = () if made is not None and made.attributed_by else element.order.protected_persons
        about = among if made is None else (made,)
        return all(map(self.protection.is_hers_alone, about)) and all(map(self.protection.named_is_hers, named))

    def say_who_is_hers(self, element: Element, among: tuple[Standing, ...]) -> tuple[Fact, ...]:
        """The facts by which those named in a line, or protected by the orders that it is about, are known to be her or
        her children: what may be said of the line rests on them."""
        own = self.register.orders.get(element.place)
        about = among if own is None else (*among, own)
        lines = (element.order, *(one.made_by.order for one in about if one.made_by is not None))
        named = [person for line in lines for person in line.protected_persons]
        people = {person.party.place for person in named if person.party} | {p for one in about for p in one.protects}
        people |= {record_key(person.record) for person in named if person.record}
        return self.protection.say_who_they_are(people)

    def _concerned(
        self, fact: Fact, order: Standing | None, among: tuple[Standing, ...], also: frozenset[str] = frozenset()
    ) -> Iterator[Concern]:
        """At each of her places that the fact leads to, `also` at these."""
        how = self._how(order, among)
        protected = frozenset(place for one in among for place in one.protects)
        first = self.matters.protected(protected, fact) if how in (How.HERS, How.MAY_BE_HERS) else None
        found = {victim.place for victim in self.matters.victims_of(fact)} | also
        # Until another of her places spoke, or a person's confirmation set the code aside, it may have been told here.
        found |= (protected if first is not None else frozenset()) & self.matters.places
        found |= (order.coded if order is not None else frozenset()) & self.matters.places
        for place in sorted(found):
            yield Concern(self.matters.victims[place], how, among, first is None or place == first.place)

    def _led_by_orders(self, fact: Fact) -> frozenset[str]:
        """Her places that those orders are or were for through which a change that names none was led to her."""
        through = frozenset(self.file.links.get(fact.id, ()))
        made = (o for o in self.register.orders.values() if o.made_by is not None and o.made_by.fact.id in through)
        return self.matters.places & {place for order in made for place in (*order.coded, *order.protects)}

    def _how(self, order: Standing | None, among: tuple[Standing, ...]) -> How:
        if any(map(self.protection.protects_her, among)):
            return How.HERS if order is not None else How.MAY_BE_HERS
        return How.ANOTHERS if among and all(one.attributed for one in among) else How.NOT_CONFIRMED
