"""A service as one declarative value: what it reads, what it owns, and its rules."""

from dataclasses import dataclass

from services.casefile.judge import Rule


@dataclass(frozen=True, slots=True)
class Service:
    """`owns`: the stream whose dead letters, archive and unlinked facts are its care; `reads`: all streams, its own included."""

    name: str
    owns: str
    reads: tuple[str, ...]
    rules: tuple[Rule, ...]
