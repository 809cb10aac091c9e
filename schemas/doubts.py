"""What an accepted event says that cannot be right: it is kept as it came, used for nothing, and said to its sender."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from pydantic import BaseModel

from schemas.coded_words import CodedWord


class DoubtReason(CodedWord):
    """Why a value is used for nothing: one closed list, each with a sentence that tells the sender what to do."""

    ORDER_LENGTH_UNCLEAR = (
        "order_length_unclear",
        "The length of this order can be read in more than one way. No end is used: send the result with its end date.",
    )
    ORDER_END_IMPOSSIBLE = (
        "order_end_impossible",
        "The order ends before it was made, or has an end and lasts until further order. No end is used: correct it.",
    )
    BIRTH_DATE_IMPOSSIBLE = (
        "birth_date_impossible",
        "Nobody in this matter can have been born on that day. The date is not used: correct it where it is recorded.",
    )
    BIRTH_DATE_CONTRADICTS_AGE = (
        "birth_date_contradicts_age",
        "The date of birth and the age stated beside it disagree. The date is not used: correct whichever is wrong.",
    )
    BIRTH_DATE_OF_SMALL_CHILD = (
        "birth_date_of_small_child",
        "This date makes a small child of a party. The date is not used: correct it, or state the age beside it.",
    )
    AGE_IMPOSSIBLE = (
        "age_impossible",
        "No suspect, and nobody's partner, is so young. The age is not used: correct it where it is recorded.",
    )
    AGE_OF_SMALL_CHILD = (
        "age_of_small_child",
        "This age makes a small child of a party. It is not used: correct it, or state the date of birth beside it.",
    )
    IDENTIFIER_IS_PLACEHOLDER = (
        "identifier_is_placeholder",
        "Many people have this one, so it names nobody. Send his own; without one name and date of birth must do.",
    )
    IDENTIFIER_UNREADABLE = (
        "identifier_unreadable",
        "This is not written as such an identifier is, so it leads to nobody. Correct it where it is recorded.",
    )


class Doubt(NamedTuple):
    """One value that is not used. `field`: its position, as `parties[1].date_of_birth`; never the value."""

    field: str
    reason: DoubtReason


@runtime_checkable
class Doubted(Protocol):
    """A model that knows which of its own values cannot be right. A fact says so of what only it can judge, as a date
    of birth by the day of the report."""

    def doubted(self) -> Iterator[Doubt]:
        """Each doubtful value, its field named from this model on."""
        ...


def doubts(said: BaseModel) -> tuple[Doubt, ...]:
    """All that is doubtful in a body and in the models that it is made of, in the order of their fields."""
    return tuple(_doubts(said, ""))


def _doubts(said: BaseModel, path: str) -> Iterator[Doubt]:
    if isinstance(said, Doubted):
        for doubt in said.doubted():
            yield Doubt(path + doubt.field, doubt.reason)
    for name in type(said).model_fields:
        value = getattr(said, name)
        if isinstance(value, BaseModel):
            yield from _doubts(value, f"{path}{name}.")
        elif isinstance(value, tuple):
            for number, element in enumerate(value):
                if isinstance(element, BaseModel):
                    yield from _doubts(element, f"{path}{name}[{number}].")
