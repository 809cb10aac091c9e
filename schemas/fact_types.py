"""How a type of event is declared: an event of the contract, and a fact with all that the relay must know of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any, Literal

from schemas import matters
from schemas import values as v
from schemas.attachments import Attachment


@dataclass(frozen=True, slots=True)
class Version:
    """One major version of a type. `upcast`: from the body of the version before; pure; None for the first."""

    body: type[v.Frozen]
    upcast: Callable[[Any], v.Frozen] | None = None


@dataclass(frozen=True, slots=True)
class EventType:
    """`name` has no version. `versions`: from v1 on, no gaps. `withdrawn`: None where nothing is ever taken back."""

    name: str
    versions: tuple[Version, ...]
    withdrawn: type[v.Withdrawn] | None = None

    @property
    def newest(self) -> type[v.Frozen]:
        return self.versions[-1].body

    @property
    def on_the_wire(self) -> tuple[str, ...]:
        """`uk.police.incident-reported.v1`, oldest first."""
        return tuple(f"{self.name}.v{number}" for number, _ in enumerate(self.versions, 1))


@dataclass(frozen=True, slots=True)
class Unlinked:
    """What a pending fact lacks, in one word of the closed list, and who hears of it.

    `missing` None: it lacks nothing. `nobody_is_told`: why policy has no link clock for the type; None if it has one.
    `clock_by`: the variants by which policy may give a body's link clock.
    """

    missing: str | None
    nobody_is_told: str | None = None
    clock_by: Callable[[Any], Iterable[str]] = matters.none


class LacksAPartError(TypeError):
    """A type of fact was declared without a part that the relay needs."""


_NOT_DECLARED: Any = object()


@dataclass(frozen=True, slots=True)
class FactType(EventType):
    """A type of fact that somebody publishes to the relay, declared once, beside its body.

    `withdrawn`: the body by which a version takes its subject back. `own_reference`: makes, from a subject, the
    reference that all its versions share, withdrawn ones too. `names`: the other references in a body. `attachment`:
    how it leads to people. `unlinked`: what holds while it leads to nobody. `found_by`: who found it to be so; None if
    it was recorded or alleged.

    LacksAPartError if a part is not declared, or if the newest body lacks what the attachment reads.
    """

    withdrawn: type[v.Withdrawn] | None = v.Withdrawn
    own_reference: Callable[[str], str] = _NOT_DECLARED
    names: Callable[[Any], Iterable[str]] = _NOT_DECLARED
    attachment: Attachment = _NOT_DECLARED
    unlinked: Unlinked = _NOT_DECLARED
    found_by: Literal["court"] | None = _NOT_DECLARED

    def __post_init__(self) -> None:
        lacking = [part.name for part in fields(self) if getattr(self, part.name) is _NOT_DECLARED]
        if lacking:
            raise LacksAPartError(f"{self.name} is declared without: {', '.join(lacking)}")
        body = self.newest
        unread = [each for each in self.attachment.reads if each not in body.model_fields and not hasattr(body, each)]
        if unread:
            kind = type(self.attachment).__name__
            raise LacksAPartError(f"{self.name} is attached by {kind}, and its body has no: {', '.join(unread)}")


def declared_in(module: ModuleType) -> tuple[EventType, ...]:
    """The types that a module declares, in the order in which it does."""
    return tuple(value for value in vars(module).values() if isinstance(value, EventType))
