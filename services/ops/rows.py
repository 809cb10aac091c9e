"""What the items of a notification say to its reader: lines with a name, words, and how sure each of them is."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from schemas.agency_notifications.v1 import Item
from schemas.places import read_person
from services.ops import words
from services.ops.words import Names

# References and deadlines: to say how sure they are would say nothing.
REFERENCES = frozenset(
    {"crime_reference", "incident_log", "urn", "asn", "court_case", "defendant_id", "application", "schools", "event"}
    | {"notification", "answered", "order", "say_whom_it_protects", "order_whose_protection_is_not_confirmed"}
    | {"crime_references", "last_day", "last_sitting_before", "could_be_decided", "terms.text", "sequence"}
    | {"not_allowed_before_unless_time_is_shortened"}
)
# An unknown value was neither recorded, alleged nor decided.
NOT_KNOWN = frozenset(
    {"unknown", "not_known_which", "not_known_here", "no_other_order_known_here"}
    | {"not_known_whether_another_order_binds_him"}
)
# What nobody has answered, by ask: an escalation step says what to do about it.
UNANSWERED = {f"unanswered.{ask}": ask for ask in ("acknowledge", "accept", "decide")}
# A hearing's place is its court, its day and its case, which are said each by itself; the others stand in the head.
SAID_ELSEWHERE = frozenset({"hearing", "sender.force", "sender.court", "sender.agency", *UNANSWERED})
RELATIONSHIP, CURRENT, KIN = "relationships.relationship", "relationships.current", "children.relation_to_victim"
NAMES = ("parties.name", "children.name")
ROLE = "parties.role"
OFFENCE = frozenset({"offences.code", "offences.title", "verdict"})
# To a school, an allegation is called reported, and no more (domain 2.5).
REPORTED_TO = frozenset({"dsl", "la_education"})


class Row(NamedTuple):
    """One line: what it is called, what it says, and how sure that is (nothing for a reference)."""

    name: str
    said: str
    basis: str = ""


class Reader(NamedTuple):
    """For whom it is written: the kind of agency, whose duty it is, and what things are called there."""

    kind: str
    person: str
    names: Names


def by_whom(matter: Sequence[Item]) -> Mapping[str | None, Sequence[Item]]:
    """The items, grouped by the person or thing that they are about; those about nobody in particular come first."""
    groups: dict[str | None, list[Item]] = {None: []}
    for item in matter:
        groups.setdefault(item.about, []).append(item)
    return groups


def called(about: str, items: Sequence[Item], reader: Reader) -> str:
    """`Nell Madeup, recorded as the victim (party 1)`; without the name or the role if they may not be seen. The person
    whom the whole notification is about is named so if no role is shown."""
    place = read_person(about)
    if place is None:
        return words.order_at(about)
    name, role = _first(items, NAMES), _first(items, (ROLE,))
    as_what = f"recorded as the {role}" if role in ("victim", "suspect") else ""
    if not as_what and name and about == reader.person:
        as_what = "whom this is about"
    said = ", ".join(filter(None, (name, as_what)))
    what = words.person_at(place)
    return f"{said} ({what})" if said else what.capitalize()


def rows(about: str | None, groups: Mapping[str | None, Sequence[Item]], reader: Reader) -> Iterator[Row]:
    """The lines about one person or thing, each once."""
    found = (row for item in groups[about] for row in _row(item, about, groups, reader))
    return iter(dict.fromkeys((*found, *_relations(about, groups, reader))))


def basis(item: Item, kind: str) -> str:
    """How sure it is, in a word, for a reader at this kind of agency."""
    if item.what in REFERENCES or item.what.rpartition(".")[2] in REFERENCES:
        return ""
    if isinstance(item.value, str) and item.value in NOT_KNOWN:
        return ""
    if item.basis == "alleged" and kind in REPORTED_TO:
        return "reported"
    if item.basis == "court_found" and item.what not in OFFENCE:
        return "decided by a court"
    return words.BASES[item.basis]


def _row(item: Item, about: str | None, groups: Mapping[str | None, Sequence[Item]], reader: Reader) -> Iterator[Row]:
    is_in_the_title = about is not None and item.what in (*NAMES, ROLE)
    if item.what in SAID_ELSEWHERE or item.what in (RELATIONSHIP, CURRENT) or is_in_the_title:
        return
    if item.what == "historic" and item.value is False:  # it is news only where it is so
        return
    # A source that has no code of its own for a term gives the code of the order, which forbids nothing by itself.
    if item.what == "prohibitions.code" and item.value in words.ORDERS:
        return
    said = words.value(item.what, item.value, reader.names)
    if item.what == KIN:
        said = f"{_first(groups[about], NAMES) or 'The child'} is the victim's {words.kin(str(item.value))}."
    yield Row(words.item(item.what), said, basis(item, reader.kind))


def _relations(about: str | None, groups: Mapping[str | None, Sequence[Item]], reader: Reader) -> Iterator[Row]:
    """Each relation as a sentence: how somebody is related is stated with whether it is so still."""
    items = [item for item in groups[about] if item.what in (RELATIONSHIP, CURRENT)]
    whom = _victim(about, groups) or ("another person in this incident" if about == reader.person else "the victim")
    who = _first(groups[about], NAMES) or ("This person" if about == reader.person else "The suspect")
    for item, after in zip_longest(items, items[1:]):
        if item.what == RELATIONSHIP:
            current = after is None or after.what != CURRENT or after.value is True
            relation = words.relation(str(item.value), current=current)
            yield Row(words.item(item.what), f"{who} {relation} {whom}.", basis(item, reader.kind))


def _victim(about: str | None, groups: Mapping[str | None, Sequence[Item]]) -> str | None:
    """The name of the only other person who is recorded as a victim."""
    victims = [items for place, items in groups.items() if place != about and _first(items, (ROLE,)) == "victim"]
    return _first(victims[0], NAMES) if len(victims) == 1 else None


def _first(items: Sequence[Item], names: Sequence[str]) -> str | None:
    return next((str(item.value) for item in items if item.what in names), None)
