"""What each part of an event's way costs, in processor time: the least of many runs, which other work on the machine
moves least."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from schemas.registry import Received, decode
from services.incidents.rules import RULES
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.stored_notifications import notification_to_json
from services.platform.domain.linking.links import files_of
from services.platform.policy.policy import Policy
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import Record
from services.platform.streaming import wire
from services.platform.streaming.decode import read
from services.platform.streaming.sending import Message
from tests.bench.evaluations import HERS, incident
from tests.bench.events import events
from tests.support import builders as b

RUNS = 400
PSEUDONYMS = Pseudonyms(b"only of the bench")


@dataclass(frozen=True, slots=True)
class Part:
    """Microseconds of one part; `of`: on what it was measured."""

    what: str
    of: str
    microseconds: float


def parts() -> Iterator[Part]:
    """Reading, judging and writing, one by one."""
    yield from _reading()
    policy = b.policy(b.NOON)
    file = files_of([incident(3, 4)])[HERS]  # at high risk
    yield Part("evaluate a file", "one incident at high risk, nobody told yet", least(lambda: _evaluated(file, policy)))
    notifications = _evaluated(file, policy)
    yield from _writing(notifications, policy)


def _reading() -> Iterator[Part]:
    by_type: Mapping[str, Message] = {
        dict(message.headers)["ce_type"].decode(): message for message in reversed(events(200))
    }
    for name, message in sorted(by_type.items()):
        record = Record(message.topic, 0, 0, b.NOON, message.key, message.value, message.headers)
        assert isinstance(decode(record.topic, record.key, record.value, record.headers), Received)
        yield Part("read a record", name, least(lambda: read(record)))  # noqa: B023 - called at once


def _writing(notifications: tuple[Notification, ...], policy: Policy) -> Iterator[Part]:
    told = max(notifications, key=lambda each: len(each.content))
    yield Part(
        "write a notification's record", told.key.rule, least(lambda: wire.notification(told, "x", policy, PSEUDONYMS))
    )
    yield Part("write what was delivered", told.key.rule, least(lambda: notification_to_json(told)))
    name = wire.EvaluationName("x", HERS, 1, b.NOON, "event", ())
    yield Part(
        "write an evaluation's record",
        f"{len(notifications)} notifications",
        least(lambda: wire.decision(name, notifications, (), (), policy, PSEUDONYMS)),
    )


def _evaluated(file: CaseFile, policy: Policy) -> tuple[Notification, ...]:
    again = CaseFile(file.key, file.facts, file.persons, file.links)
    return evaluate([again], {}, RULES, policy, b.NOON, b.NOON).notifications


def least(work: Callable[[], object]) -> float:
    """Microseconds of processor time of the quickest of many runs."""
    quickest = float("inf")
    for _ in range(RUNS):
        began = time.process_time_ns()
        work()
        quickest = min(quickest, time.process_time_ns() - began)
    return quickest / 1_000
