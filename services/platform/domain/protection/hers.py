"""What protects the person of a file from one man: one answer for every rule, from every source of measures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from schemas.court_order_variations.v1 import Attribution, ProtectedPerson
from schemas.places import ChildPlace, Place, child_place, crime_of, party_place, read_person
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported, PersonsMerged
from schemas.values import RecordId
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.rules import Bodies
from services.platform.domain.linking.merged_records import record_key
from services.platform.domain.linking.same_man import Man
from services.platform.domain.people.victims import Matters
from services.platform.domain.protection.bail import bail_conditions
from services.platform.domain.protection.custody import custody
from services.platform.domain.protection.measures import Kind, Known, Measure, facts_of, lasts
from services.platform.domain.protection.orders import Register, Standing, register
from services.platform.policy.policy import Policy


def orders(file: CaseFile) -> Iterable[Standing]:
    """Every order that a file knows of."""
    return file.once(register).orders.values()


# By `say_who_they_are`, besides incidents.
SAY_WHO: Bodies = (ChildrenLinked, PersonsMerged)
# A further kind of measure joins by one more source.
SOURCES: tuple[Callable[[CaseFile], Iterable[Measure]], ...] = (orders, bail_conditions, custody)


@dataclass(frozen=True, slots=True)
class FromHim:
    """Measures that protect her from one man, whatever has become of them.

    `binds`: known to protect her and to bind him. `unsure`: known to protect her, and not known whether they bind him.
    `unconfirmed`: they bind him in a case of hers, and nobody has said whom they protect.
    A measure that is known to bind another man is left out: it gives no protection from this one, and the other man's
    case does not concern those who deal with this one. Where it is not known whom a measure binds, its case is not
    named, and nobody is told that there is no measure.
    """

    binds: tuple[Measure, ...]
    unsure: tuple[Measure, ...]
    unconfirmed: tuple[Measure, ...]

    @property
    def orders(self) -> tuple[Standing, ...]:
        """The orders that are known to protect her and to bind him."""
        return tuple(measure for measure in self.binds if isinstance(measure, Standing))

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All by which it is judged what is said of them."""
        return facts_of((*self.binds, *self.unsure, *self.unconfirmed))


@dataclass(frozen=True)
class Protection:
    """The protective measures of a person's file, seen from her."""

    file: CaseFile

    @property
    def matters(self) -> Matters:
        return self.file.once(Matters)

    @property
    def register(self) -> Register:
        return self.file.once(register)

    @cached_property
    def _measures(self) -> tuple[Measure, ...]:
        return tuple(measure for source in SOURCES for measure in source(self.file))

    @cached_property
    def _hers(self) -> tuple[Measure, ...]:
        return tuple(measure for measure in self._measures if self.protects_her(measure))

    @cached_property
    def _unconfirmed(self) -> tuple[Measure, ...]:
        """Made in a case that leads to her; it may be for another whom that case is about."""
        unconfirmed = (measure for measure in self._measures if measure.known is Known.UNCONFIRMED)
        return tuple(measure for measure in unconfirmed if self.matters.victims_of(measure.stated_by))

    def protects_her(self, measure: Measure) -> bool:
        """Known to protect her, at one of her places."""
        return bool(measure.protects & self.matters.places)

    def from_him(self, him: Man, urn: str | None = None) -> FromHim:
        """What protects her from this man. If only a URN says who he is, these are the measures of that URN, as long as
        all of them bind one man."""
        if not him.is_known:
            of_urn = tuple(measure for measure in self._hers if measure.urn and measure.urn == urn)
            if not of_urn or not all(of_urn[0].man.is_same(measure.man) for measure in of_urn[1:]):
                return FromHim((), self._hers, ())
            others = (measure for measure in self._hers if measure.urn != urn)
            return FromHim(of_urn, tuple(o for o in others if not of_urn[0].man.is_another(o.man)), ())
        binds = tuple(measure for measure in self._hers if measure.man.is_same(him))
        others = (measure for measure in self._hers if not measure.man.is_same(him))
        unsure = (measure for measure in others if not him.is_another(measure.man))
        unconfirmed = (measure for measure in self._unconfirmed if measure.man.is_same(him))
        return FromHim(binds, tuple(unsure), tuple(unconfirmed))

    def in_custody(self, him: Man, on: date) -> bool:
        """As the last hearing of any case of his here left him, up to and on this day."""
        held = (measure for measure in self._measures if measure.kind is Kind.CUSTODY)
        return any(
            measure.since is not None and measure.since <= on and lasts(measure.until, on) and measure.man.is_same(him)
            for measure in held
        )

    def is_hers_alone(self, order: Standing) -> bool:
        """Whether an order protects nobody but her and her children."""
        if not self.protects_her(order) or not order.protects <= self.hers_and_children:
            return False
        if order.attributed_by:
            return True
        # Of an order that is known by its change alone, nobody can say here whom else it protects.
        return order.made_by is not None and all(map(self.named_is_hers, order.made_by.order.protected_persons))

    @cached_property
    def hers_and_children(self) -> frozenset[Place]:
        """Her places, and those of the children of her incidents."""
        crimes = {crime_of(place) for place in self.matters.places}
        children = (
            place
            for place in self.file.persons
            if isinstance(read_person(place), ChildPlace) and crime_of(place) in crimes
        )
        return self.file.own_places.union(children)

    def named_is_hers(self, named: ProtectedPerson) -> bool:
        """Whether somebody whom a court's result names is she or one of her children; a name in free text is nobody."""
        if named.attribution == Attribution.NAMED_IN_TEXT_UNCONFIRMED:
            return False
        if named.party is not None:
            return named.party.place in self.hers_and_children
        known = {self.file.persons[place] for place in self.hers_and_children}
        if named.record is None:
            return False
        record = record_key(named.record)
        return self.file.joined.get(record, record) in known

    def say_whom_they_protect(self, orders: Iterable[Standing]) -> tuple[Fact, ...]:
        """The facts that show whom these orders protect."""
        known = tuple(orders)
        made = [one.made_by.order for one in known if one.made_by is not None]
        records = {record_key(named.record) for order in made for named in order.protected_persons if named.record}
        return self.say_who_they_are(records.union(*(one.coded | one.protects for one in known)))

    def say_who_they_are(self, people: Iterable[str]) -> tuple[Fact, ...]:
        """The facts that say who stands at these places, or has these records: whatever is said of a person whom a
        court names rests on them."""
        names = {self.file.joined.get(FileKey(name), name) for name in people}
        return tuple({fact.id: fact for name in sorted(names) for fact in self._stated_by.get(name, ())}.values())

    @cached_property
    def _stated_by(self) -> Mapping[str, Sequence[Fact]]:
        """By place, and by the person whom merges make of a record; of a child also the incident it is linked to."""
        found: dict[str, list[Fact]] = {}

        def says(place: str, record: RecordId | None, *facts: Fact) -> None:
            found.setdefault(place, []).extend(facts)
            if record is not None:
                key = record_key(record)
                found.setdefault(self.file.joined.get(key, key), []).extend(facts)

        reported = {body.crime_reference: fact for fact, body in self.file.of(IncidentReported)}
        for fact, body in self.file.of(IncidentReported):
            for party in body.parties:
                says(party_place(body.crime_reference, party.number), party.record, fact)
        for fact, linked in self.file.of(ChildrenLinked):
            incident = reported.get(linked.crime_reference)
            for child in linked.children:
                place = child_place(linked.crime_reference, child.number, linked.stated_by)
                says(place, child.record, fact, *((incident,) if incident is not None else ()))
        for fact, merged in self.file.of(PersonsMerged):
            for joined in (merged.record, *merged.merged):
                key = record_key(joined)
                found.setdefault(self.file.joined.get(key, key), []).append(fact)
        return found


@dataclass(frozen=True)
class Judged:
    """A victim's file under a policy, with what protects her."""

    file: CaseFile
    policy: Policy

    @property
    def protection(self) -> Protection:
        return self.file.once(Protection)

    @property
    def matters(self) -> Matters:
        return self.protection.matters

    @property
    def register(self) -> Register:
        return self.protection.register
