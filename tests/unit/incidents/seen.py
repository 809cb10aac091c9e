"""What the rules of incidents say of a file under the shipped policy, in the short form that their tests compare."""

from collections.abc import Callable, Iterator
from typing import Any

from services.platform.domain.core.duties import Duty, Statement, Withheld
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.projection import project
from services.platform.policy.policy import Policy
from tests.support import builders as b

States = Callable[[CaseFile, Policy], Iterator[Statement]]


def owed(rule: States, file: CaseFile) -> dict[str, Duty]:
    """Each duty by the agency that it is owed to; no key is stated twice."""
    stated = list(rule(file, b.policy()))
    assert len({s.key for s in stated}) == len(stated)
    return {s.key.agency: s for s in stated if isinstance(s, Duty)}


def withheld(rule: States, file: CaseFile) -> dict[str, str]:
    """Each agency that is told nothing, and why."""
    return {s.key.agency: s.reason for s in rule(file, b.policy()) if isinstance(s, Withheld)}


def reasons(rule: States, file: CaseFile) -> set[str]:
    return set(withheld(rule, file).values())


def hears(duty: Duty) -> dict[tuple[str, str | None], Any]:
    """What the agency of a duty is told, by name and whom it is about."""
    return {(what, about): value for what, about, value, _ in project(duty, b.policy()).content}


def matter(duty: Duty) -> dict[str, Any]:
    """All that could be said, by name; of several with one name the last."""
    return {item.what: item.value for item in duty.matter}
