"""What every protective measure says, whatever its kind: whom it protects from whom, from when until when, and how that
is known."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Protocol

from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.same_man import Man


class Kind(StrEnum):
    """What sort of measure it is."""

    ORDER = "order"
    BAIL_CONDITIONS = "bail_conditions"
    CUSTODY = "custody"


class Known(StrEnum):
    """How it is known that it protects whom it protects."""

    STATED = "stated"  # by a code of the court
    CONFIRMED = "confirmed"  # by a person
    UNCONFIRMED = "unconfirmed"  # nobody has said whom it protects
    NOT_KNOWN = "not_known"  # its ground fell, or a court changed it and did not say how


class Measure(Protocol):
    """One protective measure, as the register knows it. A source of measures gives values with these properties."""

    @property
    def kind(self) -> Kind: ...

    @property
    def place(self) -> str:
        """The order, or the hearing that decided on bail or custody."""

    @property
    def code(self) -> str:
        """The court's result code of an order; of other measures their kind."""

    @property
    def urn(self) -> str:
        """The number of the case in which it was made."""

    @property
    def man(self) -> Man:
        """The man from whom it protects."""

    @property
    def protects(self) -> frozenset[str]:
        """The places of those whom it is known to protect; a record where no place is known for one."""

    @property
    def known(self) -> Known: ...

    @property
    def since(self) -> date | None:
        """The day of the hearing that made it; None where that is not known here."""

    @property
    def until(self) -> date | None:
        """Its last day; None where it lasts until further order, or no end of it is known."""

    @property
    def in_force(self) -> bool:
        """Nothing known has ended it or may have ended it, but for its last day, which may have passed."""

    @property
    def stated_by(self) -> Fact:
        """The first fact that tells of it."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All facts that it rests on."""


def lasts(until: date | None, on: date) -> bool:
    """Without a last day a measure lasts until further order: none is not expired (Sentencing Code s.359(2))."""
    return until is None or on <= until


def facts_of(measures: Iterable[Measure]) -> tuple[Fact, ...]:
    """What says that these measures stand: a ground of whatever names those that still do."""
    return tuple({fact.id: fact for measure in measures for fact in measure.facts}.values())
