"""Rules that write down what they ask of policy and of a file, to be held against what they declare."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import TypeVar

from schemas.registry import REGISTRY
from schemas.values import Body
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.rules import Rule
from services.platform.policy.model import Route, Window, Within
from services.platform.policy.policy import Policy
from tests.situations.playing import play
from tests.situations.reading import Written
from tests.situations.relay import RULES, Rules

EVERY_BODY = tuple(fact.newest for _, fact in REGISTRY.types.values() if issubclass(fact.newest, Body))
B = TypeVar("B", bound=Body)


@dataclass
class Asked:
    """What one rule has asked for: names of policy rows, and the names of bodies."""

    routes: set[str] = field(default_factory=set)
    clocks: set[str] = field(default_factory=set)
    windows: set[str] = field(default_factory=set)
    reads: set[str] = field(default_factory=set)
    needs: set[str] = field(default_factory=set)  # what was stated of a file in which the rule is not run

    def beyond(self, rule: Rule) -> list[str]:
        """Each thing that the rule asked for and does not declare."""
        declared = {
            "routes": set(rule.routes),
            "clocks": set(rule.clocks),
            "windows": set(rule.windows),
            "reads": {body.__name__ for body in rule.reads},
            "needs": set[str](),
        }
        return [
            f"{rule.name} {part}: {name}"
            for part, names in declared.items()
            for name in sorted(getattr(self, part) - names)
        ]


@dataclass(frozen=True, eq=False)
class WatchedPolicy(Policy):
    """Policy that writes down which rows it is asked for."""

    asked: Asked

    def route(self, name: str, on: date) -> Route:
        self.asked.routes.add(name)
        return super().route(name, on)

    def clock(self, name: str, on: date) -> Within:
        self.asked.clocks.add(name)
        return super().clock(name, on)

    def window(self, name: str, force: str, on: date) -> Window:
        self.asked.windows.add(name)
        return super().window(name, force, on)


@dataclass(frozen=True)
class WatchedFile(CaseFile):
    """A file that writes down which bodies it is asked for."""

    asked: Asked = field(default_factory=Asked)

    def of(self, body: type[B]) -> Iterable[tuple[Fact, B]]:
        self.asked.reads.add(body.__name__)
        return super().of(body)

    def holds(self, bodies: Collection[type[Body]]) -> bool:
        self.asked.reads.update(body.__name__ for body in bodies)
        return super().holds(bodies)


def asked_in(situations: Iterable[Written], rules: Rules = RULES) -> Mapping[str, Asked]:
    """By its name, what each rule asks for while these situations are played."""
    asked: dict[str, Asked] = defaultdict(Asked)
    watched = {name: tuple(_watched(rule, asked[rule.name]) for rule in each) for name, each in rules.items()}
    for written in situations:
        play(written.situation, rules=watched)
    return asked


def _watched(rule: Rule, asked: Asked) -> Rule:
    views: dict[int, tuple[Policy, WatchedPolicy]] = {}

    def states(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        _, view = views.setdefault(id(policy), (policy, WatchedPolicy(policy.rows, policy.agencies, asked)))
        stated = list(rule.states(_watched_file(file, asked), view))
        if stated and not rule.runs_for(file):
            asked.needs.add("states something of a file without the facts that it needs")
        asked.reads.update(_read_by_other_ways(rule, file, policy, stated))
        yield from stated

    return replace(rule, states=states, reads=EVERY_BODY, needs=())


def _watched_file(file: CaseFile, asked: Asked) -> WatchedFile:
    return WatchedFile(**{each.name: getattr(file, each.name) for each in fields(CaseFile)}, asked=asked)


def _read_by_other_ways(rule: Rule, file: CaseFile, policy: Policy, stated: list[Statement]) -> Iterator[str]:
    """The undeclared bodies without which the rule states something else: facts are also reached through links, and
    answers and incidents without asking for a body."""
    bodies = {type(fact.body) for fact in (*file.facts, *(answer.fact for answer in file.answers))}
    for body in bodies.difference(rule.reads):
        without = replace(
            file,
            facts=tuple(fact for fact in file.facts if type(fact.body) is not body),
            answers=tuple(answer for answer in file.answers if type(answer.fact.body) is not body),
        )
        if list(rule.states(without, policy)) != stated:
            yield body.__name__
