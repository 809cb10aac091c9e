"""Tell which records are one person, and make a person's file out of the files of her records.

Only a persons-merged fact makes two records one, and they are two again when it is no longer current. Nothing is moved
for it: each record keeps its own facts, and is read together with the others while they are one person's.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from schemas.attachments import OrdersOfHearing, RecordsOfOnePerson
from schemas.court_order_variations.v1 import Order
from schemas.matters import records_in
from schemas.places import crime_of
from schemas.streams import REGISTRY
from schemas.values import Body, RecordId
from services.platform.domain.core.facts import CaseFile, Fact, in_the_world
from services.platform.domain.core.file_keys import FileKey, RecordFile
from services.platform.domain.linking.references import crimes

Placeholder = Callable[[str], bool]
MERGES, WITH_ORDERS = REGISTRY.bodies(RecordsOfOnePerson), REGISTRY.bodies(OrdersOfHearing)


class Joined(NamedTuple):
    """Whose record it is: the person goes by the least of her records. `through`: ids of the merges that join them."""

    person: FileKey
    through: tuple[str, ...]


Joins = Mapping[FileKey, Joined]  # by record; those that no merge joins to another are left out


def record_key(record: RecordId) -> FileKey:
    """The key of a record's file."""
    return RecordFile(record.system, record.id).key


def coded_records(body: Body) -> frozenset[FileKey]:
    """The records by which a court says whom its orders protect."""
    orders: Iterable[Order] = cast(Any, body).orders if isinstance(body, WITH_ORDERS) else ()
    return frozenset(record_key(whom.record) for order in orders for whom in order.protected_persons if whom.record)


def records_named(references: Iterable[str]) -> Iterable[FileKey]:
    """The records that merges name, among these references."""
    return (RecordFile(system, number).key for system, number in records_in(references))


def merged_records(body: Any, is_placeholder: Placeholder) -> list[FileKey]:
    """The records that a merge says are one; a placeholder is nobody's record."""
    return [record_key(record) for record in (body.record, *body.merged) if not is_placeholder(record.id)]


def join(current: Iterable[Fact], is_placeholder: Placeholder) -> dict[FileKey, Joined]:
    """Which records the current merges join, directly or through others."""
    groups: list[tuple[set[FileKey], set[str]]] = []
    for fact in current:
        if isinstance(fact.body, MERGES):
            records, through = set(merged_records(fact.body, is_placeholder)), {fact.id}
            apart = []
            for group in groups:
                if group[0] & records:
                    records |= group[0]
                    through |= group[1]
                else:
                    apart.append(group)
            groups = [*apart, (records, through)]
    return {
        record: Joined(min(records), tuple(sorted(through)))
        for records, through in groups
        if len(records) > 1
        for record in records
    }


def person_of_record(record: FileKey, joins: Joins) -> FileKey:
    """The person whose record, or place, it is."""
    return joins[record].person if record in joins else record


def together(records: Collection[FileKey], joins: Joins) -> frozenset[FileKey]:
    """These records and all others of the same persons."""
    persons = {joins[record].person for record in records if record in joins}
    return frozenset(records).union(record for record, joined in joins.items() if joined.person in persons)


def of_persons(files: Iterable[CaseFile], joins: Joins) -> list[CaseFile]:
    """The files of the persons whose records these are, in the order of their keys."""
    of: dict[FileKey, list[CaseFile]] = {}
    for file in files:
        of.setdefault(person_of_record(file.key, joins), []).append(file)
    return [person_file(own, joins) for _, own in sorted(of.items())]


def person_file(files: Sequence[CaseFile], joins: Joins) -> CaseFile:
    """One person's file, made from those of her records; or the file of a reference, read with what merges say about
    the people in it.

    A fact that is there because of a merge rests on that merge as well: a merge of hers, of anybody at the same
    incident, or of a person whom a court codes.
    """
    known = joins and {record for file in files for record in (file.key, *file.persons.values()) if record in joins}
    if not known:
        return files[0]
    key = person_of_record(files[0].key, joins)
    joined = {record: joins[record].person for record in together(known, joins)}
    through: dict[str, set[str]] = {}
    facts: dict[str, Fact] = {}
    for file in files:
        at = _merges_at(file, joins)
        for fact in file.facts:
            facts[fact.id] = fact
            found = through.setdefault(fact.id, set())
            found.update(file.links.get(fact.id, ()))
            if file.key != key:
                found.update(joins[file.key].through)
            for crime in crimes(fact) & at.keys():
                found |= at[crime]
            for record in coded_records(fact.body) & joined.keys():
                found.update(joins[record].through)
            found.discard(fact.id)
    return CaseFile(
        key=key,
        facts=tuple(sorted(facts.values(), key=in_the_world)),
        persons={place: person_of_record(who, joins) for file in files for place, who in file.persons.items()},
        links={i: tuple(sorted(ids)) for i, ids in through.items() if ids},
        unlinked=files[0].unlinked,
        answers=tuple(answer for file in files for answer in file.answers),
        joined=joined,
        records={place: who for file in files for place, who in file.persons.items()},
        undertakings=tuple({word.fact: word for file in files for word in file.undertakings}.values()),
    )


def _merges_at(file: CaseFile, joins: Joins) -> dict[str, set[str]]:
    """By crime reference the merges that say who somebody there is."""
    found: dict[str, set[str]] = {}
    for place, record in file.persons.items():
        if record in joins and joins[record].person != record:
            found.setdefault(crime_of(place), set()).update(joins[record].through)
    return found
