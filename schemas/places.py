"""The fixed positions in a matter that duties are about: for each one way to write it, and one to read it back.

A place is written as text, in keys, subjects and rows; nothing outside this module takes such a text apart.
"""

from datetime import date
from typing import NamedTuple, NewType

from schemas import identifiers

# A place as it is written: in keys, subjects and rows.
Place = NewType("Place", str)
NONE = "-"  # what a case's place says instead of a number that its source does not give


class PartyPlace(NamedTuple):
    """A party of an incident: `<crime reference>/party/<number>`."""

    crime: str
    number: int

    def __str__(self) -> str:
        return party_place(self.crime, self.number)


class ChildPlace(NamedTuple):
    """A child of an incident: `<crime reference>/child/<number>`; one that an agency stated carries that agency's id,
    `<crime reference>/<agency>/child/<number>`."""

    crime: str
    number: int
    stated_by: str | None = None

    def __str__(self) -> str:
        return child_place(self.crime, self.number, self.stated_by)


class CasePlace(NamedTuple):
    """One defendant's court case: `<urn or court case>/<asn or defendant id>`; what is missing is `-`."""

    number: str
    defendant: str = NONE

    def __str__(self) -> str:
        return case_place(self.number, self.defendant)


class HearingPlace(NamedTuple):
    """One court day of one defendant's case: `<urn>/<asn or defendant id>/<court>/<date>`."""

    case: CasePlace
    court: str
    on: date

    def __str__(self) -> str:
        return hearing_place(str(self.case), self.court, self.on)


class OrderPlace(NamedTuple):
    """An order by the hearing that imposed it: `<hearing>/order/<code>`, and `/<number>` for another of that code."""

    hearing: str
    code: str
    number: int = 1

    def __str__(self) -> str:
        return order_place(self.hearing, self.code, self.number)


class ApplicationPlace(NamedTuple):
    """An application by the reference that its court gives it, or one event of it: `<application>[/<event>]`."""

    reference: str
    event: str | None = None

    def __str__(self) -> str:
        return f"{self.reference}/{self.event}" if self.event else self.reference


class Linked(NamedTuple):
    """What an agency links or refuses to link: `<case, order or application>/<its place>`."""

    what: str
    place: str

    def __str__(self) -> str:
        return f"{self.what}/{self.place}"


def party_place(crime_reference: str, number: int) -> Place:
    """Writes the place of a party."""
    return Place(f"{crime_reference}/party/{number}")


def child_place(crime_reference: str, number: int, agency: str | None = None) -> Place:
    """Writes the place of a child; `agency`: who stated it, where that is not the police."""
    return Place(f"{crime_reference}/{agency}/child/{number}" if agency else f"{crime_reference}/child/{number}")


def case_place(number: str, defendant: str) -> str:
    """Writes the place of a case, in the one spelling of its identifiers."""
    return identifiers.case(f"{number}/{defendant}")


def hearing_place(case: str, court_ou: str, on: date) -> str:
    """Writes the place of a hearing, the same in every adapter."""
    return f"{case}/{court_ou}/{on.isoformat()}"


def order_place(hearing: str, code: str, number: int = 1) -> str:
    """Writes the place of an order: the hearing and element that imposed it, for ever."""
    return f"{hearing}/order/{code}" if number == 1 else f"{hearing}/order/{code}/{number}"


def read_person(place: str) -> PartyPlace | ChildPlace | None:
    """Reads the place of a party or a child back; None where it is another place."""
    match place.split("/"):
        case [crime, "party", number] if number.isdecimal():
            return PartyPlace(crime, int(number))
        case [crime, "child", number] if number.isdecimal():
            return ChildPlace(crime, int(number))
        case [crime, agency, "child", number] if number.isdecimal():
            return ChildPlace(crime, int(number), agency)
        case _:
            return None


def read_case(place: str) -> CasePlace:
    """Reads the case back that a case, a hearing or an order belongs to."""
    number, _, rest = place.partition("/")
    return CasePlace(number, rest.partition("/")[0] or NONE)


def read_hearing(place: str) -> HearingPlace | None:
    """Reads a hearing back; None where a source wrote its name in another form."""
    match place.split("/"):
        case [number, defendant, court, day]:
            try:
                return HearingPlace(CasePlace(number, defendant), court, date.fromisoformat(day))
            except ValueError:
                return None
        case _:
            return None


def read_order(place: str) -> OrderPlace | None:
    """Reads an order back; None where the place is not an order's."""
    hearing, found, line = place.rpartition("/order/")
    code, _, number = line.partition("/")
    return OrderPlace(hearing, code, int(number) if number.isdecimal() else 1) if found else None


def read_linked(subject: str) -> Linked:
    """Reads back what a link is about."""
    what, _, place = subject.partition("/")
    return Linked(what, place)


def crime_of(place: str) -> str:
    """The crime reference of the incident in which a person's place is."""
    return place.partition("/")[0]
