"""Whom an order, a change of one or an application about one concerns: her, somebody else, or nobody can say yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

from schemas.court_convictions.v1 import HearingResulted, Remand
from schemas.court_order_variations.v1 import ApplicationLodged, Attribution, ProtectedPerson
from schemas.places import Place, child_place, party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported
from schemas.values import References
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.linking.merged_records import record_key
from services.platform.domain.linking.references import case_of_hearing
from services.platform.domain.people.victims import Matters, Victim
from services.platform.domain.protection.orders import (
    MAKES,
    Change,
    Element,
    Register,
    Standing,
    case_number,
    facts_of,
    register,
)
from services.platform.domain.protection.taken_back import Undoing
from services.platform.policy.policy import Policy


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


@dataclass(frozen=True, slots=True)
class Protecting:
    """Orders that protect her. `binds`: those known to bind one man; `unsure`: those of which that is not known.

    What is known to bind another man is in neither: it is no protection from this one, and his case is none of those
    who deal with this one. Of what is not known no case is named, and that there is none is not said.
    """

    binds: tuple[Standing, ...]
    unsure: tuple[Standing, ...]

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All by which it is judged what is said of them."""
        return facts_of((*self.binds, *self.unsure))


@dataclass(frozen=True)
class HerOrders:
    """A victim's file with its register, worked out once."""

    file: CaseFile
    policy: Policy

    @cached_property
    def matters(self) -> Matters:
        return self.file.once(Matters)

    @cached_property
    def register(self) -> Register:
        return self.file.once(register)

    def protecting_from(self, fact: Fact, references: References, about: tuple[Standing, ...] = ()) -> Protecting:
        """Of the orders that are known to protect her, whatever has become of them, those that bind the defendant of
        this court fact, who is also that of the orders `about` which it is."""
        found = [order for order in self.register.orders.values() if order.protects & self.matters.places]
        him = self.register.men.of(fact).together(order.man for order in about)
        if not him.is_known:
            return _of_one_man([o for o in found if o.urn and o.urn == references.urn], found)
        binds = tuple(order for order in found if order.binds(him))
        unsure = (order for order in found if order not in binds and not him.is_another(order.man))
        return Protecting(binds, tuple(unsure))

    @cached_property
    def _hearings(self) -> dict[str, list[tuple[Fact, HearingResulted]]]:
        """By the number of the case, in the order of the hearings."""
        found: dict[str, list[tuple[Fact, HearingResulted]]] = {}
        for fact, body in sorted(self.file.of(HearingResulted), key=lambda pair: (pair[1].hearing_on, pair[1].hearing)):
            found.setdefault(case_number(body.hearing), []).append((fact, body))
        return found

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
            if order is None and not any(one.protects & self.matters.places for one in among):
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
            his = among or self.protecting_from(fact, references).binds
            hers = tuple(one for one in his if one.protects & self.matters.places)
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
        """As the last hearing of the case of this element left him, up to this day."""
        men, case = self.register.men, case_of_hearing(element.body.hearing)
        him = men.of(element.fact)
        last = None
        for fact, body in self._hearings.get(case_number(element.body.hearing), []):
            if body.hearing_on <= on and (men.of(fact).is_same(him) or case_of_hearing(body.hearing) == case):
                last = body
        return last is not None and (last.custody is True or last.remand is Remand.CUSTODY)

    def words_are_hers(self, element: Element, among: tuple[Standing, ...]) -> bool:
        """Whether a line of a court's orders can be about nobody but her and her children, going by those whom it names
        itself, and those whom the order that it makes, or those that it is about, protect."""
        made = self.register.orders.get(element.place) if element.order.action in MAKES else None
        named = () if made is not None and made.attributed_by else element.order.protected_persons
        about = among if made is None else (made,)
        return all(map(self._protects_her_alone, about)) and all(map(self._named_is_hers, named))

    def say_who_is_hers(self, element: Element, among: tuple[Standing, ...]) -> tuple[Fact, ...]:
        """The facts by which those named in a line, or protected by the orders that it is about, are known to be her or
        her children: what may be said of the line rests on them."""
        own = self.register.orders.get(element.place)
        about = among if own is None else (*among, own)
        lines = (element.order, *(one.made_by.order for one in about if one.made_by is not None))
        named = [person for line in lines for person in line.protected_persons]
        people = {person.party.place for person in named if person.party} | {p for one in about for p in one.protects}
        people |= {record_key(person.record) for person in named if person.record}
        return tuple(fact for person in sorted(people) for fact in self._stated_by.get(person, ()))

    @cached_property
    def _stated_by(self) -> dict[str, tuple[Fact, ...]]:
        """By place and by record, the facts that say who stands there: of a child also the incident it is linked to."""
        found: dict[str, tuple[Fact, ...]] = {}
        reported = {body.crime_reference: fact for fact, body in self.file.of(IncidentReported)}
        for fact, body in self.file.of(IncidentReported):
            for party in body.parties:
                found[party_place(body.crime_reference, party.number)] = (fact,)
        for fact, linked in self.file.of(ChildrenLinked):
            incident = reported.get(linked.crime_reference)
            facts = (fact,) if incident is None else (fact, incident)
            for child in linked.children:
                place = child_place(linked.crime_reference, child.number, linked.stated_by)
                for name in (place, record_key(child.record)) if child.record else (place,):
                    found[name] = (*found.get(name, ()), *facts)
        return found

    def _protects_her_alone(self, order: Standing) -> bool:
        if not order.protects & self.matters.places or not order.protects <= self._hers_and_children:
            return False
        if order.attributed_by:
            return True
        # Of an order that is known by its change alone, nobody can say here whom else it protects.
        return order.made_by is not None and all(map(self._named_is_hers, order.made_by.order.protected_persons))

    @cached_property
    def _hers_and_children(self) -> frozenset[Place]:
        crimes = {place.partition("/")[0] for place in self.matters.places}
        children = (p for p in self.file.persons if "/child/" in p and p.partition("/")[0] in crimes)
        return self.file.own_places.union(children)

    def _named_is_hers(self, named: ProtectedPerson) -> bool:
        if named.attribution == Attribution.NAMED_IN_TEXT_UNCONFIRMED:
            return False
        if named.party is not None:
            return named.party.place in self._hers_and_children
        known = {self.file.persons[place] for place in self._hers_and_children}
        if named.record is None:
            return False
        record = record_key(named.record)
        return self.file.joined.get(record, record) in known

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
        if any(one.protects & self.matters.places for one in among):
            return How.HERS if order is not None else How.MAY_BE_HERS
        return How.ANOTHERS if among and all(one.attributed for one in among) else How.NOT_CONFIRMED


def _of_one_man(of_urn: list[Standing], found: list[Standing]) -> Protecting:
    """Where nothing but a URN says whose case it is: its orders, if all are against one man."""
    one_man = all(of_urn[0].binds(order.man) for order in of_urn[1:])
    binds = tuple(of_urn) if one_man else ()
    others = (order for order in found if order not in binds)
    return Protecting(binds, tuple(o for o in others if not binds or not binds[0].man.is_another(o.man)))
