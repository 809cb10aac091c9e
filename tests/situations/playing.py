"""Plays a situation: what happens arrives in order, the clock moves on, and what was told is kept at each moment."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from services.platform.domain.core.duties import Notification
from services.platform.domain.core.escalation import STEPS
from services.platform.domain.core.facts import Fact, Key
from services.platform.policy.policy import PolicySet
from tests.situations import vocabulary as say
from tests.situations.events import answer_of, body_of, fact_of, orders_of
from tests.situations.moments import moment
from tests.situations.reading import Written, all_situations
from tests.situations.relay import RULES, Relay, Rules, held_in_order
from tests.support import builders as b


@dataclass
class Seen:
    """What had been told and withheld at one moment, with what was expected of it."""

    at: datetime
    expected: tuple[say.Told, ...]
    delivered: dict[Key, Notification]
    withheld: dict[Key, str]
    faults: list[str]


@dataclass
class Played:
    """A situation that has been played. `facts`: all that arrived, answers to notifications left out."""

    seen: list[Seen] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    answered: bool = False
    held: dict[Key, Any] = field(default_factory=dict)
    named: frozenset[str] = frozenset()  # rules and routes that told or withheld something

    @property
    def escalated(self) -> bool:
        """Whether anybody heard of a silence: who is told then follows from when others were."""
        return any(key.rule in STEPS for key in self.last.delivered)

    @property
    def last(self) -> Seen:
        return self.seen[-1]


def play(situation: say.Situation, policy: PolicySet | None = None, rules: Rules = RULES) -> Played:
    """Everything that happens, each thing when it arrives."""
    relay = Relay(policy or b.shipped(), rules)
    played, names, versions = Played(), dict[str, Fact](), dict[tuple[str, str], int]()
    orders_made: dict[str, str] = {}
    at: datetime | None = None
    now: datetime | None = None
    for happening in situation.happens:
        at = moment(happening.at, at)
        arrives = moment(happening.arrives, at) if happening.arrives else at
        now = arrives if now is None else max(now, arrives)
        step = happening.step
        if isinstance(step, say.NowStep):
            relay.until(now)
            played.seen.append(_seen(relay, now, step.told_by_now))
            continue
        if isinstance(step, say.AnswerStep) and not step.nobody_asked:
            _answer(relay, step, now)
            played.answered = True
            continue
        if isinstance(step, say.TakenBackStep):
            before = names[step.taken_back]
            fact = b.withdrawal(before, version=versions[before.statement] + 1, at=at)
        else:
            body = body_of(step, at, orders_made)
            orders_made |= dict(orders_of(body))
            fact = fact_of(body, at, 1)
            fact = fact_of(body, at, happening.version or versions.get(fact.statement, 0) + 1)
        versions[fact.statement] = max(fact.version, versions.get(fact.statement, 0))
        if happening.name:
            names[happening.name] = fact
        relay.accept(fact, now)
        played.facts.append(fact)
    assert now is not None
    end = moment(situation.seen, now) if situation.seen else now
    relay.until(end)
    played.seen.append(_seen(relay, end, situation.told))
    played.held, played.named = relay.held(), relay.named
    return played


def as_shipped(written: Written) -> Played:
    """This situation under the rules and the policy that ship; played once for all tests of a process."""
    return _as_shipped(written.file, written.line)


@cache
def _as_shipped(file: str, line: int) -> Played:
    (written,) = (one for one in all_situations() if (one.file, one.line) == (file, line))
    return play(written.situation)


def in_other_orders(played: Played, seed: str) -> list[dict[Key, Any]]:
    """What agencies hold where the same facts arrive at once at the end: in order, reversed, and shuffled once."""
    shuffled = list(played.facts)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - the same order each time
    orders = (played.facts, played.facts[::-1], shuffled)
    return [held_in_order(facts, played.last.at, b.shipped()) for facts in orders]


def _seen(relay: Relay, now: datetime, expected: tuple[say.Told, ...]) -> Seen:
    return Seen(now, expected, relay.delivered, relay.withheld, relay.faults)


def _answer(relay: Relay, step: say.AnswerStep, now: datetime) -> None:
    relay.until(now)
    found = [key for key in relay.delivered if key.rule == step.about and key.agency == step.by]
    found = [key for key in found if step.place is None or step.place in key.subject]
    if len(found) != 1:
        raise ValueError(f"{step.by} was told {len(found)} times of {step.about} when it answered: say which by place")
    relay.answer(lambda name: b.fact(answer_of(step, now, name), at=now), found[0], step.revision, now)
