"""What one look costs, by the length of its file: one victim's incidents, a day apart, under the rules that ship."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from schemas import registry
from schemas.police_incidents.v1 import Grade
from services.casefile import judge
from services.casefile.duties import Look
from services.casefile.facts import CaseFile, Fact
from services.casefile.links import files_of
from services.casefile.reconcile import remember
from services.incidents.rules import RULES
from tests import builders as b

LENGTHS = (1, 10, 100, 1_000)
HERS = "record:vale-records:victim-1"
GRADES = (Grade.STANDARD, Grade.STANDARD, Grade.MEDIUM, Grade.HIGH)
AT_LEAST_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds for a file of `facts`. `parse`: its contents read; `first`: a look before which nobody was told;
    `next`: the look after one more incident, all others told."""

    facts: int
    parse: float
    first: float
    next: float
    notices: int


def costs() -> Iterator[Cost]:
    """Each length measured over and over for long enough, the best time taken."""
    for length in LENGTHS:
        yield cost(length)


def cost(length: int) -> Cost:
    last = b.NOON
    facts = [incident(number, length) for number in range(length)]
    contents = [registry.content_of(fact.body) for fact in facts]
    policy = b.policy(last)
    file = files_of(facts)[HERS]
    earlier = without(file, facts[-1])
    told = remember({}, judge.look([earlier], {}, RULES, policy, last, last))

    def parse() -> None:
        for content in contents:
            registry.body_of("uk.police.incident-reported.v1", content)

    def first() -> Look:
        return judge.look([fresh(file)], {}, RULES, policy, last, last)

    parsed, looked = best(parse), best(first)
    again = best(lambda: judge.look([fresh(file)], told, RULES, policy, last, last))
    return Cost(length, parsed, looked, again, len(first().notices))


def incident(number: int, length: int) -> Fact:
    at = b.NOON - timedelta(days=length - number)
    risk = b.risk(GRADES[number % len(GRADES)], answers=b.answers(yes=number % 14, no=27 - number % 14))
    return b.fact(b.incident(f"CR{number}", reported_at=at, occurred_at=at, risk=risk), at=at)


def without(file: CaseFile, last: Fact) -> CaseFile:
    places = {place: who for place, who in file.persons.items() if not place.startswith(f"{last.subject}/")}
    return CaseFile(file.key, tuple(fact for fact in file.facts if fact is not last), places)


def fresh(file: CaseFile) -> CaseFile:
    """Without what an earlier look has worked out."""
    return CaseFile(file.key, file.facts, file.persons, file.links)


def best(work: object) -> float:
    """Milliseconds of processor time of the quickest run."""
    assert callable(work)
    found: list[float] = []
    began = time.process_time()
    while time.process_time() - began < AT_LEAST_SECONDS or len(found) < 2:
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return 1_000 * min(found)
