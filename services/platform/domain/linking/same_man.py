"""Whether two court facts are about one man: said here alone, for every rule that asks, by ids and never by name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from schemas import identifiers
from schemas.court_convictions.v1 import Defendant
from schemas.court_order_variations.v1 import ApplicationLodged
from schemas.matters import case_of
from schemas.places import crime_of
from schemas.values import References
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.file_keys import PlaceFile, RecordFile, read_file_key
from services.platform.domain.linking.references import Identity, case_of_hearing, defendant_ids
from services.platform.domain.people.victims import Matters

OF_A_PERSON = frozenset({"record", "pnc_id", "cro_number"})  # the others are of one arrest or one case


@dataclass(frozen=True, slots=True)
class Man:
    """A defendant, as far as a file knows him. `ids`: his identifiers; records are replaced by the person whom merges
    make of them. `suspects`: the persons whom charges, and links that people made, name as suspects in his case."""

    ids: frozenset[Identity] = frozenset()
    suspects: frozenset[str] = frozenset()

    def is_same(self, other: "Man") -> bool:
        """Shown to be one by a record, a PNC id or a CRO number; unless those are of two, by an ASN or a defendant's
        number in one case, or because charges name the same suspect and no other."""
        if self._share(other, of_a_person=True):
            return True
        if self._ids_conflict(other):
            return False
        return self._share(other, of_a_person=False) or not self.persons.isdisjoint(other.persons)

    def is_another(self, other: "Man") -> bool:
        """Whether he is shown to be another man. An ASN or a defendant's number belongs to one case, so a different one
        shows nothing."""
        if not self.ids.isdisjoint(other.ids):
            return False
        return self._ids_conflict(other) or (
            bool(self.suspects and other.suspects)
            and all(_two_persons(one, two) for one in self.suspects for two in other.suspects)
        )

    def may_be(self, other: "Man") -> bool:
        """Whether both are known by one ASN or defendant's number, whatever else speaks against it."""
        return self.is_same(other) or self._share(other, of_a_person=False)

    def together(self, others: Iterable["Man"]) -> "Man":
        """The same man, with all that is known of him elsewhere."""
        known = (self, *others)
        return Man(frozenset().union(*(man.ids for man in known)), frozenset().union(*(man.suspects for man in known)))

    @property
    def is_known(self) -> bool:
        return bool(self.ids or self.suspects)

    def _share(self, other: "Man", *, of_a_person: bool) -> bool:
        return any((named[0] in OF_A_PERSON) is of_a_person for named in self.ids & other.ids)

    @property
    def persons(self) -> frozenset[str]:
        """By person's key: whose record he has, and the one suspect whom charges name."""
        records = frozenset(":".join(named) for named in self.ids if named[0] == "record")
        return records | (self.suspects if len(self.suspects) == 1 else frozenset())

    def _ids_conflict(self, other: "Man") -> bool:
        """Two records of one system, two PNC ids or two CRO numbers."""
        return any(
            one[:-1] == two[:-1] and one != two and one[0] in OF_A_PERSON for one in self.ids for two in other.ids
        )


@dataclass(frozen=True)
class Men:
    """The defendants of the court facts of one file."""

    file: CaseFile
    _found: dict[tuple[str, ...], Man] = field(default_factory=dict)

    def of(self, *facts: Fact, place: str = "") -> Man:
        """The one defendant of these court facts, and of the case of an order's place."""
        known_by = (*(fact.id for fact in facts), place)
        if known_by not in self._found:
            self._found[known_by] = self._worked_out(facts, place)
        return self._found[known_by]

    def are_one(self, one: Fact, other: Fact) -> bool:
        """Whether two hearings of one case are of one man: shown to be, or named alike where nothing is known of one of
        them. Two men to whom a court gave one number are not one."""
        him, man = self.of(one), self.of(other)
        if him.is_known and man.is_known:
            return him.is_same(man)
        return case_of_hearing(_hearing(one)) == case_of_hearing(_hearing(other))

    def of_application(self, application: ApplicationLodged) -> Man:
        """The defendant of an application, if its fact is in this file."""
        lodged = self._lodged.get(application.application)
        return self.of(lodged) if lodged is not None else Man(identities(application.references))

    @cached_property
    def _lodged(self) -> dict[str, Fact]:
        return {body.application: fact for fact, body in self.file.of(ApplicationLodged)}

    def _worked_out(self, facts: Iterable[Fact], place: str) -> Man:
        known = tuple(facts)
        named = {one for fact in known for one in identities(_references(fact), _defendant(fact))}
        if place:
            named |= defendant_ids(case_of(place))
        return Man(frozenset(map(self._joined, named)), self.file.once(Matters).suspects_of(known))

    def _joined(self, one: Identity) -> Identity:
        """Of a record, the person whose record it is."""
        if one[0] != "record":
            return one
        own = RecordFile(*one[1:])
        match read_file_key(self.file.joined.get(own.key, own.key)):
            case RecordFile(system, number):
                return ("record", system, number)
            case _:
                return one


def identities(references: References | None, defendant: Defendant | None = None) -> frozenset[Identity]:
    """By what one defendant is known to be the same as another: ids, never names."""
    return frozenset({*(defendant_ids(references) if references else ()), *_of_person(defendant)})


def _of_person(defendant: Defendant | None) -> Iterator[Identity]:
    if defendant and defendant.record:
        yield ("record", defendant.record.system, defendant.record.id)
    if defendant and defendant.pnc_id and (pnc := identifiers.pnc(defendant.pnc_id)):
        yield ("pnc_id", pnc)
    if defendant and defendant.cro_number and (cro := identifiers.cro(defendant.cro_number)):
        yield ("cro_number", cro)


def _references(fact: Fact) -> References | None:
    found = getattr(fact.body, "references", None)
    return found if isinstance(found, References) else None


def _hearing(fact: Fact) -> str:
    return str(getattr(fact.body, "hearing", ""))


def _defendant(fact: Fact) -> Defendant | None:
    found = getattr(fact.body, "defendant", None)
    return found if isinstance(found, Defendant) else None


def _two_persons(one: str, two: str) -> bool:
    """Whether these keys of persons show two: records of one system do, and parties of one incident."""
    if one == two:
        return False
    match read_file_key(one), read_file_key(two):
        case RecordFile(system), RecordFile(other):
            return system == other
        case PlaceFile(place), PlaceFile(other):
            return crime_of(place) == crime_of(other)
        case _:
            return False
