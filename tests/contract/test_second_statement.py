"""What agencies must hold, stated a second time for the load under faults, is what the rules say of the same facts.

Where they differ, domain law decides which is mended: here in seconds, before the load under faults would show it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.envelope import fact_id
from schemas.registry import Received, decode
from services.ops.serving import SERVICES
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.links import files_of
from services.platform.domain.linking.speaking import speakers
from services.platform.streaming.sending import Message
from tests.broker.relay import shipped_policy
from tests.chaos.load import LiveLoad, live_load
from tests.chaos.truth.expected import expected
from tests.chaos.truth.facts import Content, Held, Key

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BY_ANSWERS = {"answer_without_notification"}  # needs the notifications that were sent: only a relay at work knows them


@pytest.mark.parametrize("seed", range(2))
def test_both_statements_agree_on_every_duty_and_what_it_says(seed: int) -> None:
    given = live_load(seed, 60, NOW)
    believable = believable_of(given)
    once = {key: content for key, content in expected(believable, NOW).items() if key[0] not in BY_ANSWERS}
    again = by_the_rules(believable)
    assert once.keys() == again.keys()
    assert once == {key: {what: again[key].get(what) for what in content} for key, content in once.items()}


def test_the_order_of_arrival_and_repetition_change_nothing() -> None:
    given = live_load(7, 40, NOW)
    believable = believable_of(given)
    assert expected(believable, NOW) == expected([*reversed(believable), *believable], NOW)


def test_the_load_makes_agencies_hold_something_by_every_rule() -> None:
    given = live_load(7, 200, NOW)
    believable = believable_of(given)
    held = {rule for rule, _, _ in expected(believable, NOW)}
    assert held == {rule.name for service in SERVICES.values() for rule in service.rules}


def believable_of(given: LiveLoad) -> list[Message]:
    """What may be believed; what is told live, two hours ago: all that settles has settled."""
    delivered = [event if isinstance(event, Message) else event(NOW - timedelta(hours=2)) for event in given.events]
    return [event for event in delivered if event not in given.unbelievable]


def by_the_rules(published: Iterable[Message]) -> Held:
    """As the rules of all services say, each service over all that it reads."""
    policy, held = shipped_policy().at(NOW), dict[Key, Content]()
    facts = {fact.id: (topic, fact) for topic, fact in map(received, published)}
    for service in SERVICES.values():
        read = [fact for topic, fact in facts.values() if topic in service.reads]
        for file in files_of(read, policy.is_placeholder, speakers(policy.rows)).values():
            for notification in evaluate([file], {}, service.rules, policy, NOW, NOW).notifications:
                said: dict[str, list[Any]] = defaultdict(list)
                for what, _, value, _ in notification.content:
                    said[what].append(json.loads(json.dumps(value)))
                content = {what: values[0] if len(values) == 1 else sorted(values) for what, values in said.items()}
                held[notification.key] = content | {"asks": sorted(asked.ask for asked in notification.asks)}
    return held


def received(published: Message) -> tuple[str, Fact]:
    found = decode(published.topic, published.key, published.value, published.headers)
    assert isinstance(found, Received), found
    envelope = found.envelope
    return published.topic, Fact(
        fact_id(envelope.source, envelope.id),
        found.kind,
        envelope.subject,
        envelope.factversion,
        envelope.time,
        found.body,
    )
