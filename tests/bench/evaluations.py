"""What one evaluation costs, by the length of its file: one victim's incidents, a day apart, under the rules that
ship."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from schemas import registry
from schemas.police_incidents.v1 import Grade
from services.incidents.rules import RULES
from services.platform.domain.core import evaluate as core
from services.platform.domain.core.duties import Evaluation, Notification
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.reconcile import remember
from services.platform.domain.core.stored_notifications import (
    notification_from_json,
    notification_to_json,
    withheld_from_json,
    withheld_to_json,
)
from services.platform.domain.linking.links import files_of
from services.platform.policy.policy import Policy
from tests.support import builders as b

P = TypeVar("P")
LENGTHS = (1, 10, 100, 1_000)
HERS = "record:vale-records:victim-1"
GRADES = (Grade.STANDARD, Grade.STANDARD, Grade.MEDIUM, Grade.HIGH)
AT_LEAST_SECONDS = 0.4
AT_LEAST_RUNS = 9
LONG_SECONDS = 15.0  # what lasts so long with all its preparations is measured no more often
NOW = b.NOON


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds of an evaluation after one more incident, all others told. `read`: contents, `told`: notifications
    and withheld statements, each from the text that the reader keeps; `look`: what is owed, compared with what was
    told."""

    read: float
    delivered: float
    evaluation: float

    @property
    def all(self) -> float:
        return self.read + self.delivered + self.evaluation


@dataclass(frozen=True, slots=True)
class Cost:
    """What a file of `facts` costs a worker that has not met it before, and the one that looked at it before."""

    facts: int
    cold: Spent
    warm: Spent
    notifications: int


def costs() -> Iterator[Cost]:
    """Each length measured over and over for long enough, the best time taken."""
    for length in LENGTHS:
        yield cost(length)


def cost(length: int) -> Cost:
    facts = [incident(number, length) for number in range(length)]
    contents = [registry.content_of(fact.body) for fact in facts]
    file = files_of(facts)[HERS]
    earlier = without(file, facts[-1])
    before = evaluate(earlier, {}, met())
    delivered = remember({}, before)
    notifications = [notification_to_json(notification) for notification in delivered.values()]
    withheld = [withheld_to_json(statement) for statement in before.withheld]

    def read(contents: Sequence[bytes]) -> None:
        for content in contents:
            registry.body_of("uk.police.incident-reported.v1", content)

    def read_delivered() -> None:
        for text in notifications:
            notification_from_json(text)
        for text in withheld:
            withheld_from_json(text)

    def forget() -> None:
        notification_from_json.cache_clear()
        withheld_from_json.cache_clear()

    def evaluated_before() -> Policy:
        policy = met()
        evaluate(earlier, delivered, policy)
        return policy

    def again(policy: Policy) -> Evaluation:
        return evaluate(file, delivered, policy)

    cold = Spent(best(met, lambda _: read(contents)), best(forget, lambda _: read_delivered()), best(met, again))
    warm = Spent(
        best(met, lambda _: read(contents[-1:])),
        best(read_delivered, lambda _: read_delivered()),
        best(evaluated_before, again),
    )
    return Cost(length, cold, warm, len(evaluate(file, {}, met()).notifications))


def met() -> Policy:
    """The policy as a worker has it that has looked at other files: what rules state is remembered by policy."""
    policy = replace(b.policy(NOW))
    evaluate(files_of([incident(-1, 1)])[HERS], {}, policy)
    return policy


def evaluate(file: CaseFile, delivered: Mapping[Key, Notification], policy: Policy) -> Evaluation:
    """One evaluation, without what an earlier one has worked out of the very same file."""
    return core.evaluate([CaseFile(file.key, file.facts, file.persons, file.links)], delivered, RULES, policy, NOW, NOW)


def incident(number: int, length: int) -> Fact:
    at = b.NOON - timedelta(days=length - number)
    risk = b.risk(GRADES[number % len(GRADES)], answers=b.answers(yes=number % 14, no=27 - number % 14))
    return b.fact(b.incident(f"CR{number}", reported_at=at, occurred_at=at, risk=risk), at=at)


def without(file: CaseFile, last: Fact) -> CaseFile:
    places = {place: who for place, who in file.persons.items() if not place.startswith(f"{last.subject}/")}
    return CaseFile(file.key, tuple(fact for fact in file.facts if fact is not last), places)


def best(prepare: Callable[[], P], work: Callable[[P], object]) -> float:
    """Milliseconds of processor time of the quickest run, what is prepared for each left out."""
    found: list[float] = []
    began = time.process_time()
    while (spent := time.process_time() - began) < AT_LEAST_SECONDS or len(found) < AT_LEAST_RUNS:
        if found and spent > LONG_SECONDS:
            break
        prepared = prepare()
        gc.collect()  # what was prepared is not the work's to clear up; what the work leaves behind is
        started = time.process_time()
        work(prepared)
        found.append(time.process_time() - started)
    return 1_000 * min(found)
