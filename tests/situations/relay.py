"""A relay in memory: all services over the streams that each reads, with the real rules, links and reconciliation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from schemas.agency_responses.v1 import Answer as AnswerBody
from schemas.places import Place
from schemas.registry import REGISTRY
from services.ops.serving import SERVICES
from services.platform.domain.core.duties import Content, Evaluation, Notification, notification_id
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key, Undertaking
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.reconcile import remember
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.links import files_of
from services.platform.domain.linking.speaking import speakers
from services.platform.policy.policy import PolicySet
from services.platform.storage.undertakings import asks_to_take_on, says, word
from services.platform.streaming.service import Service

NOBODY_ASKED = "unknown_notification"
MOST_EVALUATIONS = 500
Rules = Mapping[str, tuple[Rule, ...]]  # by the name of the service
RULES: Rules = {name: service.rules for name, service in SERVICES.items()}


def stream_of(fact: Fact) -> str:
    return REGISTRY.types[fact.kind][0].topic


@dataclass
class Desk:
    """One service: what it has read, what it has delivered, and in whose file each delivered duty lies."""

    service: Service
    rules: tuple[Rule, ...]
    policy: PolicySet
    facts: list[Fact] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    undertakings: list[Undertaking] = field(default_factory=list)
    files: dict[str, CaseFile] = field(default_factory=dict)
    persons: dict[Place, FileKey] = field(default_factory=dict)
    membership: dict[Key, str] = field(default_factory=dict)
    delivered: dict[Key, Notification] = field(default_factory=dict)
    sent: list[Notification] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    changed: bool = False

    def read(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.changed = True

    def evaluate(self, now: datetime) -> None:
        """One evaluation of every file; files between which a place has moved are evaluated as one."""
        moved = self._link() if self.changed else []
        groups = [frozenset(each) for each in _groups({*self.files, *self.membership.values()}, moved)]
        self.evaluations = [self._evaluate(group, now) for group in groups]

    def _link(self) -> list[set[str]]:
        linked = [fact for fact in self.facts if not isinstance(fact.body, AnswerBody)]
        self.files = files_of(linked, self.policy.is_placeholder, speakers(self.policy)) | self._answers_to_nothing()
        persons = {place: who for file in self.files.values() for place, who in file.persons.items()}
        moved: list[set[str]] = [
            {who, persons[place]} for place, who in self.persons.items() if persons.get(place, who) != who
        ]
        self.persons |= persons
        self.changed = False
        return moved

    def _answers_to_nothing(self) -> dict[str, CaseFile]:
        """Files of answers whose notification no service ever sent."""
        files: dict[str, CaseFile] = {}
        for fact in self.facts:
            if isinstance(fact.body, AnswerBody):
                name = f"unlinked:notification:{fact.subject}"
                before = files.get(name, CaseFile(FileKey(name)))
                unlinked = {**before.unlinked, fact.id: NOBODY_ASKED}
                files[name] = replace(before, facts=(*before.facts, fact), unlinked=unlinked)
        return files

    def _evaluate(self, group: frozenset[str], now: datetime) -> Evaluation:
        told = {key: notification for key, notification in self.delivered.items() if self.membership[key] in group}
        here = [self._with_words(self.files.get(name, CaseFile(FileKey(name)))) for name in sorted(group)]
        about = {_first(key) for key in told}
        answers = tuple(answer for answer in self.answers if _first(answer.key) in about)
        here[0] = replace(here[0], answers=answers)
        found = evaluate(here, told, self.rules, self.policy.at(now), now, now)
        self.sent += found.notifications
        self.delivered |= remember(told, found)
        for notification in (*told.values(), *found.notifications):
            owner = self.persons.get(Place(notification.person), here[0].key)
            self.membership[notification.key] = owner if owner in group else here[0].key
        return found

    def _with_words(self, file: CaseFile) -> CaseFile:
        words = tuple(said for said in self.undertakings if said.place in file.persons)
        return replace(file, undertakings=words) if words else file

    @property
    def due(self) -> datetime | None:
        return min(
            (one.evaluate_again_at for one in self.evaluations if one.evaluate_again_at is not None), default=None
        )


class Relay:
    """All services. `rules` and `policy` are those that ship, unless a mutation puts others in their place."""

    def __init__(self, policy: PolicySet, rules: Rules = RULES) -> None:
        self.desks = [Desk(service, rules[name], policy) for name, service in SERVICES.items()]
        self.now: datetime | None = None

    def accept(self, fact: Fact, now: datetime) -> None:
        """The fact arrives at this moment in every service that reads its stream."""
        self.until(now)
        for desk in self.desks:
            answers = isinstance(fact.body, AnswerBody)
            if stream_of(fact) in desk.service.reads and (not answers or desk.service.owns == stream_of(fact)):
                desk.read(fact)
                desk.evaluate(now)

    def answer(self, say: Callable[[str], Fact], key: Key, revision: int | None, now: datetime) -> None:
        """An agency answers the newest notification of a duty, or an older one: the service that sent it hears the
        answer, and all services that read answers hear who has taken her on. `say`: an answer to one with this id."""
        self.until(now)
        (asked,) = [desk for desk in self.desks if key in desk.delivered]
        notification, delivered_in = asked.delivered[key], asked.membership[key]
        answered = revision or notification.revision
        fact = say(notification_id(key, answered))
        asked.answers.append(Answer(fact, key, answered, now))
        if asks_to_take_on(notification):
            heard = word(says(fact, notification), fact.rank, notification, delivered_in).undertaking
            for desk in self.desks:
                if heard is not None and stream_of(fact) in desk.service.reads:
                    desk.undertakings.append(heard)
        for desk in self.desks:
            desk.evaluate(now)

    def until(self, now: datetime) -> None:
        """The clock moves on to this moment; every file is evaluated whenever its own time comes."""
        assert self.now is None or now >= self.now, "time does not run backwards"
        for desk in self.desks:
            for _ in range(MOST_EVALUATIONS):
                if desk.due is None or desk.due > now:
                    break
                desk.evaluate(desk.due)
            else:
                raise AssertionError(f"{desk.service.name} does not come to rest")
        self.now = now

    @property
    def delivered(self) -> dict[Key, Notification]:
        return {key: notification for desk in self.desks for key, notification in desk.delivered.items()}

    @property
    def withheld(self) -> dict[Key, str]:
        return {one.key: one.reason for desk in self.desks for found in desk.evaluations for one in found.withheld}

    @property
    def faults(self) -> list[str]:
        """Rules that raised, and what was delivered and is owed no longer although all its facts stand."""
        found = [evaluation for desk in self.desks for evaluation in desk.evaluations]
        raised = [
            f"{fault.rule} raised {fault.error} at {fault.where}" for evaluation in found for fault in evaluation.faults
        ]
        return raised + [
            f"{key.rule} to {key.agency} is unexplained" for evaluation in found for key in evaluation.unexplained
        ]

    @property
    def named(self) -> frozenset[str]:
        """The rules and routes by which something was told or withheld."""
        withheld = (one for desk in self.desks for found in desk.evaluations for one in found.withheld)
        told = frozenset(name for one in self.delivered.values() for name in (one.key.rule, one.why.route))
        return told | {name for one in withheld for name in (one.key.rule, one.why.route)}

    def held(self) -> dict[Key, Content]:
        """For each duty the live content of its newest revision. Escalation depends on when it was told: left out."""
        return {k: n.content for k, n in self.delivered.items() if n.state == "live" and k.rule not in ESCALATION_STEPS}


def held_in_order(facts: Sequence[Fact], now: datetime, policy: PolicySet) -> dict[Key, Content]:
    """What agencies hold after these facts, one after another, at one moment."""
    relay = Relay(policy)
    for fact in facts:
        relay.accept(fact, now)
    return relay.held()


def _first(key: Key) -> Key:
    """The duty that nobody answered, where this one is a step of its escalation."""
    return asked_of(key)[0] if key.rule in ESCALATION_STEPS else key


def _groups(names: Iterable[str], moved: Iterable[set[str]]) -> Iterator[set[str]]:
    groups = [{name} for name in names]
    for together in moved:
        joined = together.union(*(group for group in groups if group & together))
        groups = [group for group in groups if not group & together] + [joined]
    yield from sorted(groups, key=min)
