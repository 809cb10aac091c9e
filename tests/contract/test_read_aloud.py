"""Whatever any agency is told reads as words: no code, no place of a matter and no id that nobody has explained."""

import re
from collections.abc import Iterator
from random import Random

import pytest

from schemas import registry
from schemas.agency_notifications.v1 import NotificationIssued
from services.ops.notifications import tell
from services.ops.words import Names
from services.platform.storage.records import headers_from_text
from services.platform.streaming import wire
from tests.contract.test_least import PSEUDONYMS, RULES
from tests.contract.whole_matters import Author
from tests.support import builders as b
from tests.unit.domain.small import World

SEEDS = (0, 1, 2, 3, 4, 5, 6, 7, 10, 16, 17, 21, 27, 34)  # between them they bring about most rules
NAMES = Names.of(b.shipped())
NO_WORDS = {
    "a code": r"[A-Za-z0-9]_[A-Za-z0-9]",
    "a value of the program": r"\b(?:None|True|False)\b|[{}\[\]]",
    "the code of a court": r"(?<!court )\b[BC]\d{2}[A-Z]{2}\d{2}\b",
    "a place of the matter": r"/(?:party|child|order)/",
    "an id": r"(?<!takes the place of notification )\b[0-9a-f]{8}-[0-9a-f]{4}-",
    "a result code without the word": r"(?<!court result )\b3(?:047|081|260|263|306|307|326)\b",
}


def delivered(seed: int) -> Iterator[NotificationIssued]:
    """What is told in one matter that is made up at random, as it is sent."""
    world = World(b.shipped(), RULES)
    for step in Author(Random(seed), frozenset()).matter().steps:  # noqa: S311 - nothing is kept secret by it
        policy = b.shipped().at(step.at)
        for notification in world.evaluate(*step.facts, now=step.at):
            sent = wire.notification(notification, "incidents", policy, PSEUDONYMS)
            read = registry.decode(sent.topic, sent.key, sent.value, headers_from_text(sent.headers))
            assert isinstance(read, registry.Received)
            assert isinstance(read.body, NotificationIssued)
            yield read.body


@pytest.fixture(scope="module")
def read_aloud() -> dict[tuple[str, str, str], list[str]]:
    """By rule, kind of agency and kind of notification the lines that are no commands."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for notification in (notification for seed in SEEDS for notification in delivered(seed)):
        lines = [line.text for line in tell(notification, notification.issued_at, NAMES) if "relay " not in line.text]
        found.setdefault((notification.rule, notification.continuity.agency_kind, notification.kind), []).extend(lines)
    return found


def test_every_kind_of_notification_reads_as_words(read_aloud: dict[tuple[str, str, str], list[str]]) -> None:
    assert len(read_aloud) > 150
    assert len({rule for rule, _, _ in read_aloud}) > 30
    bad = {
        (what, rule, line.strip()[:80])
        for (rule, _, _), lines in read_aloud.items()
        for line in lines
        for what, pattern in NO_WORDS.items()
        if re.search(pattern, line)
    }
    assert not sorted(bad)[:20]


def test_every_live_notification_says_who_it_is_from(read_aloud: dict[tuple[str, str, str], list[str]]) -> None:
    for (rule, _, kind), lines in read_aloud.items():
        if kind == "notify" and rule != "answer_without_notification":
            assert any(" · from " in line for line in lines), rule
