"""A service as one declarative value: what it reads, what it owns, and its rules."""

from dataclasses import dataclass

from services.platform.domain.core.rules import Rule


@dataclass(frozen=True, slots=True)
class Service:
    """A consumer group of its own, and case files of its own.

    `owns`: the stream whose dead letters, archive and unlinked facts are its care; `reads`: that one and others.
    """

    name: str
    owns: str
    reads: tuple[str, ...]
    rules: tuple[Rule, ...]
