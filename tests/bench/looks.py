"""What one look costs, by the length of its file: one victim's incidents, a day apart, under the rules that ship."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from schemas import registry
from schemas.police_incidents.v1 import Grade
from services.casefile import judge
from services.casefile.duties import Look, Notice
from services.casefile.facts import CaseFile, Fact, Key
from services.casefile.links import files_of
from services.casefile.reconcile import remember
from services.incidents.rules import RULES
from services.policy.policy import Policy
from tests import builders as b

LENGTHS = (1, 10, 100, 1_000)
HERS = "record:vale-records:victim-1"
GRADES = (Grade.STANDARD, Grade.STANDARD, Grade.MEDIUM, Grade.HIGH)
AT_LEAST_SECONDS = 0.5
NOW = b.NOON


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds for a file of `facts`. `parse`: their contents read; `cold`: a look by a worker that has not met it
    before, nobody told yet; `warm`: the look after one more incident, all others told, by the worker that looked before
    it. A cold look reads all contents first, a warm one that of the one more."""

    facts: int
    parse: float
    cold: float
    warm: float
    notices: int

    @property
    def cold_in_all(self) -> float:
        return self.parse + self.cold

    @property
    def warm_in_all(self) -> float:
        return self.parse / self.facts + self.warm


def costs() -> Iterator[Cost]:
    """Each length measured over and over for long enough, the best time taken."""
    for length in LENGTHS:
        yield cost(length)


def cost(length: int) -> Cost:
    facts = [incident(number, length) for number in range(length)]
    contents = [registry.content_of(fact.body) for fact in facts]
    file = files_of(facts)[HERS]
    earlier = without(file, facts[-1])
    told = remember({}, look(earlier, {}, met()))

    def parse(_: Policy) -> None:
        for content in contents:
            registry.body_of("uk.police.incident-reported.v1", content)

    def before(policy: Policy) -> Policy:
        look(earlier, told, policy)
        return policy

    parsed = best(met, parse)
    cold = best(met, lambda policy: look(file, {}, policy))
    warm = best(lambda: before(met()), lambda policy: look(file, told, policy))
    return Cost(length, parsed, cold, warm, len(look(file, {}, met()).notices))


def met() -> Policy:
    """The policy as a worker has it that has looked at other files: what rules state is remembered by policy."""
    policy = replace(b.policy(NOW))
    look(files_of([incident(-1, 1)])[HERS], {}, policy)
    return policy


def look(file: CaseFile, told: Mapping[Key, Notice], policy: Policy) -> Look:
    """One look, without what an earlier one has worked out of the very same file."""
    return judge.look([CaseFile(file.key, file.facts, file.persons, file.links)], told, RULES, policy, NOW, NOW)


def incident(number: int, length: int) -> Fact:
    at = b.NOON - timedelta(days=length - number)
    risk = b.risk(GRADES[number % len(GRADES)], answers=b.answers(yes=number % 14, no=27 - number % 14))
    return b.fact(b.incident(f"CR{number}", reported_at=at, occurred_at=at, risk=risk), at=at)


def without(file: CaseFile, last: Fact) -> CaseFile:
    places = {place: who for place, who in file.persons.items() if not place.startswith(f"{last.subject}/")}
    return CaseFile(file.key, tuple(fact for fact in file.facts if fact is not last), places)


def best(prepare: Callable[[], Policy], work: Callable[[Policy], object]) -> float:
    """Milliseconds of processor time of the quickest run, what is prepared for each left out."""
    found: list[float] = []
    began = time.process_time()
    while time.process_time() - began < AT_LEAST_SECONDS or len(found) < 3:
        policy = prepare()
        gc.collect()  # what was prepared is not the work's to clear up; what the work leaves behind is
        started = time.process_time()
        work(policy)
        found.append(time.process_time() - started)
    return 1_000 * min(found)
