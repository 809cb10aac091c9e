"""Dates of birth and ages: one that cannot be right is kept as it came, not used, and not shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Self

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from schemas.doubts import Doubt, DoubtReason
from schemas.values import DAY, unstorable, within_years

# A younger person is no suspect (Children and Young Persons Act 1933 s.50), and nobody's partner; a child who lives
# with abuse is stated in children-linked.
SMALL_CHILD_UNTIL = 10
# Nobody of this age is a child or young person to any school, college or council (Children and Families Act 2014 s.83).
YOUNG_UNTIL = 25
LONGEST_WRITTEN = 40
# An age may be that of another day of the matter than the one on which it was reported.
AGE_VARIES = 1
NEAR_BIRTH = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class DoubtfulDate:
    """A date of birth that cannot be right: as it was written, and why it is doubted. Nobody is shown it."""

    written: str
    reason: DoubtReason


class DoubtfulAge(int):
    """A stated age that cannot be right: as it was written, and why it is doubted. Nobody is shown it."""

    reason: DoubtReason

    def __new__(cls, years: int, reason: DoubtReason) -> Self:
        age = super().__new__(cls, years)
        age.reason = reason
        return age


Born = date | DoubtfulDate


def _read(value: Any) -> Born:
    if isinstance(value, date | DoubtfulDate):
        return value
    if not isinstance(value, str) or len(value) > LONGEST_WRITTEN or unstorable(value):
        raise ValueError("a date is expected, as 2026-03-02")
    return day_written(value) or DoubtfulDate(value, DoubtReason.BIRTH_DATE_IMPOSSIBLE)


def _write(born: Born) -> str:
    return born.written if isinstance(born, DoubtfulDate) else born.isoformat()


BirthDate = Annotated[
    Born,
    PlainValidator(_read, json_schema_input_type=str),
    PlainSerializer(_write, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date"}),
]


def day_written(text: str) -> date | None:
    """The day that a text says; None if no calendar has it, or if nobody alive was born on it."""
    try:
        return within_years(date.fromisoformat(text)) if DAY.fullmatch(text) else None
    except ValueError:
        return None


def contradicted(born: Born | None) -> date | None:
    """The date that an age stated beside it contradicts, or None."""
    if isinstance(born, DoubtfulDate) and born.reason is DoubtReason.BIRTH_DATE_CONTRADICTS_AGE:
        return day_written(born.written)
    return None


def known(born: Born | None) -> date | None:
    """The date by which an age may be worked out and which may be shown, or None."""
    return None if isinstance(born, DoubtfulDate) else born


def known_age(age: int | None) -> int | None:
    """The stated age, unless it is doubted."""
    return None if isinstance(age, DoubtfulAge) else age


def age_on(born: date, on: date) -> int:
    """In completed years, negative before the birth (born on 29 February: a year older on 1 March)."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def of_a_party(
    born: Born | None, *, age: int | None, partner: bool, suspect: bool, occurred: date, reported: date
) -> Born | None:
    """The date of birth of somebody in an incident, or why it is doubted. `partner`: is or was somebody's partner
    there, or the other parent of a child."""
    if born is None or isinstance(born, DoubtfulDate):
        return born
    years = age_on(born, reported)
    if years < 0:
        return _doubtful(born, DoubtReason.BIRTH_DATE_IMPOSSIBLE)
    of_a_small_child = years < SMALL_CHILD_UNTIL and (age is None or age < SMALL_CHILD_UNTIL)
    if of_a_small_child and (partner or suspect):
        return _doubtful(born, DoubtReason.BIRTH_DATE_IMPOSSIBLE)
    if age is not None:
        fits = age_on(born, min(occurred, reported)) - AGE_VARIES <= age <= years + AGE_VARIES
        return born if fits else _doubtful(born, DoubtReason.BIRTH_DATE_CONTRADICTS_AGE)
    return _doubtful(born, DoubtReason.BIRTH_DATE_OF_SMALL_CHILD) if of_a_small_child else born


def age_of_a_party(age: int | None, born: Born | None, *, partner: bool, suspect: bool) -> int | None:
    """The age stated for somebody in an incident, or why it is doubted: systems write 0 where they do not know it. The
    age of a small child is believed if the person may be one, and if a readable date of birth is stated as well."""
    if age is None or age >= SMALL_CHILD_UNTIL:
        return age
    if partner or suspect:
        return DoubtfulAge(age, DoubtReason.AGE_IMPOSSIBLE)
    beside = known(born) or contradicted(born)
    return age if beside is not None else DoubtfulAge(age, DoubtReason.AGE_OF_SMALL_CHILD)


def of_a_child(born: Born | None, *, unborn: bool, stated: date) -> Born | None:
    """The date of birth of somebody stated as a child, or why it is doubted. Of an unborn child it may be expected."""
    if born is None or isinstance(born, DoubtfulDate):
        return born
    near = abs(born - stated) <= NEAR_BIRTH
    possible = near if unborn else 0 <= age_on(born, stated) < YOUNG_UNTIL
    return born if possible else _doubtful(born, DoubtReason.BIRTH_DATE_IMPOSSIBLE)


def of_a_defendant(born: Born | None, heard: date) -> Born | None:
    """The date of birth of somebody in the dock, or why it is doubted."""
    if born is None or isinstance(born, DoubtfulDate):
        return born
    possible = age_on(born, heard) >= SMALL_CHILD_UNTIL
    return born if possible else _doubtful(born, DoubtReason.BIRTH_DATE_IMPOSSIBLE)


def doubted(born: Born | None) -> Iterable[Doubt]:
    """The doubt of a model's own field of that name."""
    return (Doubt("date_of_birth", born.reason),) if isinstance(born, DoubtfulDate) else ()


def doubted_age(age: int | None) -> Iterable[Doubt]:
    """The doubt of a model's own field of that name."""
    return (Doubt("age", age.reason),) if isinstance(age, DoubtfulAge) else ()


def _doubtful(born: date, reason: DoubtReason) -> DoubtfulDate:
    return DoubtfulDate(born.isoformat(), reason)
