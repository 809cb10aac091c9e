"""What was delivered is read back exactly: from the tables, and from its topic where a database was lost."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import registry
from schemas.agency_notifications.v1 import NotificationIssued
from schemas.envelope import Envelope
from schemas.referral_decisions.v1 import Evaluated
from schemas.refusals import Refusal, RefusalReason
from services.platform.domain.core.duties import Asked, Notification, Whom, Why, Withheld
from services.platform.domain.core.escalation import ESCALATION_STEPS
from services.platform.domain.core.facts import Key
from services.platform.domain.core.stored_notifications import (
    notification_from_json,
    notification_to_json,
    withheld_from_json,
    withheld_to_json,
)
from services.platform.recovery.recovering import key_of
from services.platform.storage.records import Record, headers_from_text
from services.platform.streaming import wire
from tests.contract import grants_by_hand as by_hand
from tests.contract.test_least import PSEUDONYMS, RULES
from tests.contract.whole_matters import Author
from tests.support import builders as b
from tests.unit.domain.small import World


@settings(max_examples=12)
@given(st.integers(min_value=0, max_value=2**32))
def test_every_notification_is_read_back_as_it_was_remembered(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - nothing is kept secret by it
    matter, world = Author(chance, frozenset(by_hand.FIELDS)).matter(), World(b.shipped(), RULES)
    known = {}
    for step in matter.steps:
        for notification in world.evaluate(*step.facts, now=step.at):
            sent = wire.notification(notification, "incidents", b.shipped().at(notification.at), PSEUDONYMS)
            said = NotificationIssued.model_validate_json(sent.value or b"")
            assert as_the_contract_writes(notification)
            assert as_the_contract_writes(answered(notification))
            if notification.key.rule not in ESCALATION_STEPS:
                known[notification.key] = notification
            assert key_of(said, list(known), PSEUDONYMS) == notification.key
            assert wire.notification_for(said, notification.key) == replace(notification, whom=None, asked_for=None)
            named = {said.subject, *(item.about for item in said.matter)}
            assert any(said.continuity.place in (name or "") for name in named)  # it says nothing more


def as_the_contract_writes(notification: Notification) -> bool:
    sent = wire.notification(notification, "incidents", b.shipped().at(notification.at), PSEUDONYMS).value or b""
    return sent == registry.content_of(NotificationIssued.model_validate_json(sent))


def answered(notification: Notification) -> Notification:
    """The same with all that most notifications leave out."""
    asks = tuple(replace(asked, met_by="answer-1", needs_reason=("other",)) for asked in notification.asks)
    return replace(notification, asks=asks, reason="met", late=True, revision=notification.revision + 1)


@settings(max_examples=6)
@given(st.integers(min_value=0, max_value=2**32))
def test_every_evaluation_is_published_as_the_contract_itself_writes_it(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - nothing is kept secret by it
    matter, world = Author(chance, frozenset(by_hand.FIELDS)).matter(), World(b.shipped(), RULES)
    for number, step in enumerate(matter.steps, 1):
        notifications = world.evaluate(*step.facts, now=step.at)
        withheld = world.evaluations[-1].withheld
        lost = (Key("high_risk", "CR1/party/1", "nobody"),)
        name = wire.EvaluationName("incidents", "record:one:1", number, step.at, "clock", ())
        sent = wire.decision(name, notifications, withheld, lost, b.shipped().at(step.at), PSEUDONYMS)
        said = Evaluated.model_validate_json(sent.value or b"")
        assert sent.value == registry.content_of(said)
        assert len(said.decisions) == len(notifications) + len(withheld) + 1


def test_what_the_contract_does_not_know_is_not_written() -> None:
    envelope = Envelope("one", wire.EVALUATED, "relay", "file", b.NOON, 1)
    written = {"at": "2026-03-02T12:00:00Z", "cause": "clock", "decisions": [], "evaluation": 1, "events": ()}
    assert registry.encode_written(envelope, Evaluated, written | {"file": "file", "service": "incidents"})
    for wrong in ({"cause": "whim"}, {"why": "nothing"}, {"at": "today"}):
        with pytest.raises(ValueError, match="validation error"):
            registry.encode_written(envelope, Evaluated, written | {"file": "file", "service": "incidents"} | wrong)


@settings(max_examples=6)
@given(st.integers(min_value=0, max_value=2**32))
def test_what_is_stored_has_the_names_of_its_fields_and_is_read_back_exactly(seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - nothing is kept secret by it
    matter, world = Author(chance, frozenset(by_hand.FIELDS)).matter(), World(b.shipped(), RULES)
    for step in matter.steps:
        for notification in world.evaluate(*step.facts, now=step.at):
            text = notification_to_json(notification)
            assert notification_from_json(text) == notification
            assert_named(json.loads(text), Notification)
        for withheld in world.evaluations[-1].withheld:
            text = withheld_to_json(withheld)
            assert withheld_from_json(text) == withheld
            assert_named(json.loads(text), Withheld)


PARTS: Mapping[str, frozenset[str]] = {
    "key": frozenset(Key._fields),
    "whom": frozenset(Whom._fields),
    "why": frozenset(field.name for field in fields(Why)),
    "asks": frozenset(field.name for field in fields(Asked)),
    "content": frozenset({"what", "about", "value", "basis"}),
}


def assert_named(stored: Mapping[str, Any], kind: type[Notification | Withheld]) -> None:
    assert stored.keys() <= {field.name for field in fields(kind)}
    for name, names in PARTS.items():
        part = stored.get(name)
        for each in part if isinstance(part, list) else [part] if part is not None else []:
            assert each.keys() <= names


def test_a_dead_letter_is_read_back_with_what_came_whatever_its_sender_called_his_own_headers() -> None:
    own = (("ce_id", b"1"), ("dlq-reason", b"mine"), ("dlq-replay-of", b"2"), ("dlq-stage", b"\xff"))
    came = Record("police.incidents", 3, 7, b.NOON, b"CR1", b"{", own)
    refusal = Refusal(RefusalReason.INCOMPLETE, "decode", "the content stops before its end")
    identity, letter = wire.dead_letter(came, refusal, "incidents", "release", b.NOON)
    # A client may hand out a header without a value as nothing at all.
    sent = [*headers_from_text(letter.headers), ("dlq-of-another", None)]
    read = wire.letter_of([("dlq-service", None), *sent])
    assert read is not None
    said, headers = read
    assert (said.id, said.service, said.reason, said.stage) == (identity, "incidents", "incomplete", "decode")
    assert (said.original_topic, said.original_partition, said.original_offset) == ("police.incidents", "3", "7")
    assert headers == (("ce_id", b"1"), ("dlq-replay-of", b"2"), ("dlq-of-another", b""))
    assert wire.letter_of(own) is None
