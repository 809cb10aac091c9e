"""Find the charged offence that a court's result speaks of: by sequence and code, never by sequence alone (domain 1.2).

A result may hold offences that no charge here has, such as an old one dealt with on the same day. Two offences of one
message may carry the same sequence number.
"""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from schemas.codes.court_results import court_results
from schemas.court_convictions.v1 import ResultedOffence, Verdict
from schemas.police_incidents.v1 import ChargedOffence

SUFFIXED = re.compile(r"([A-Z]{2}[0-9]{5})[A-Z]")  # attempted, aided, incited
Offence = ChargedOffence | ResultedOffence
T = TypeVar("T")


class Counts:
    """The charged offences that lead to one hearing, beside all that it resulted; indexed once."""

    def __init__(self, charged: Iterable[ChargedOffence], resulted: Iterable[ResultedOffence]) -> None:
        known = tuple(charged)
        self._of = _by(named, known)
        self._numbered = _by(lambda one: one.sequence, known)
        self._coded = _by(_stem, known)
        # On an acquittal the court may find him guilty of an alternative on the same count.
        self._resulted = {named(each) for each in resulted if each.verdict is not Verdict.ACQUITTED}

    def of(self, offence: ResultedOffence) -> tuple[ChargedOffence, ...]:
        """The charged offences of this sequence and code: what it is for certain."""
        return tuple(self._of.get(named(offence), ()))

    def on_the_same_count(self, offence: ResultedOffence) -> tuple[ChargedOffence, ...]:
        """Where there is none of its code: those of its sequence, if the court says that it found him guilty of an
        alternative, or if the codes differ by their suffix alone: on a count he may be found guilty of another offence
        or of an attempt (Criminal Law Act 1967 s.6(3)-(4))."""
        if self.of(offence):
            return ()
        alternative = (offence.verdict_code or "").upper() in court_results().guilty_of_an_alternative
        count = self._not_resulted(self._numbered.get(offence.sequence, ()))
        return tuple(one for one in count if alternative or _stem(one) == _stem(offence))

    def perhaps(self, offence: ResultedOffence) -> tuple[ChargedOffence, ...]:
        """Where it is known to be none: those of its sequence or of its code, which may have been amended since."""
        if self.of(offence) or self.on_the_same_count(offence):
            return ()
        alike = (*self._numbered.get(offence.sequence, ()), *self._coded.get(_stem(offence), ()))
        return tuple(dict.fromkeys(self._not_resulted(alike)))

    def _not_resulted(self, charged: Iterable[ChargedOffence]) -> Iterable[ChargedOffence]:
        return (one for one in charged if named(one) not in self._resulted)


def named(offence: Offence) -> tuple[int, str]:
    """What an offence of one defendant is known by."""
    return offence.sequence, offence.code.upper()


def _stem(offence: Offence) -> str:
    code = offence.code.upper()
    found = SUFFIXED.fullmatch(code)
    return found[1] if found else code


def _by(key: Callable[[ChargedOffence], T], charged: Iterable[ChargedOffence]) -> dict[T, list[ChargedOffence]]:
    found: dict[T, list[ChargedOffence]] = {}
    for one in charged:
        found.setdefault(key(one), []).append(one)
    return found
