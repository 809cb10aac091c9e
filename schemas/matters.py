"""The references by which facts of one matter find one another, each written as `<kind>:<reference>`."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, Self

from schemas.places import NONE, crime_of, read_case, read_linked
from schemas.values import References

CRIME, PERSON, ORDER = "crime:", "person:", "order:"


class Referring(Protocol):
    """A body that says which court case it belongs to, whose force it is, where it knows, and when it was true."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self: ...

    @property
    def references(self) -> References: ...

    @property
    def force_code(self) -> str | None: ...

    @property
    def occurred_at(self) -> datetime: ...


def under(prefix: str) -> Callable[[str], str]:
    """The reference that a whole subject is, under this prefix."""

    def reference_of(subject: str) -> str:
        return f"{prefix}{subject}"

    return reference_of


def crime_in(subject: str) -> str:
    """The incident that a subject `<crime reference>` or `<crime reference>/...` begins with."""
    return f"{CRIME}{crime_of(subject)}"


def of_record(system: str, number: str) -> str:
    """The reference by which merges of one record find one another."""
    return f"{PERSON}{system}/{number}"


def records_in(references: Iterable[str]) -> Iterable[tuple[str, str]]:
    """The system and the number of each record among these references."""
    for name in references:
        if name.startswith(PERSON):
            system, _, number = name.removeprefix(PERSON).partition("/")
            yield system, number


def crimes_in(references: Iterable[str]) -> Iterable[str]:
    """The crime references among these references."""
    return (name.removeprefix(CRIME) for name in references if name.startswith(CRIME))


def linked_in(subject: str) -> str:
    """The reference in the subject `<what>/<reference>` of a link."""
    return ":".join(read_linked(subject))


def none(_body: object) -> Iterable[str]:
    """No reference besides the body's own."""
    return ()


def of_its_case(body: Referring) -> Iterable[str]:
    """The references of the court case that a body belongs to."""
    return of_case(body.references)


def of_case(refs: References) -> Iterable[str]:
    """The references by which a case is known, URN first. One that cannot be read leads to nobody."""
    known = {
        "urn": refs.leading_urn,
        "asn": refs.leading_asn,
        "defendant": refs.defendant_id,
        "court_case": refs.court_case,
    }
    return (f"{kind}:{name}" for kind, name in known.items() if name)


def case_of(place: str) -> References:
    """`<urn>/<asn or defendant id>/...` as references; which of the two the second is cannot be told from it."""
    case = read_case(place)
    known = case.defendant if case.defendant != NONE else None
    unnamed = case.number == NONE
    return References(
        urn=None if unnamed else case.number,
        asn=known,
        defendant_id=known,
        court_case=NONE if unnamed and not known else None,
    )
