"""A marked value, planted in every personal field, leaves towards agencies in the matter of a notification and nowhere
else: in no key, header, refusal, dead letter's reason or decision."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from schemas import registry
from schemas.catalogue import examples_of
from schemas.envelope import Record
from schemas.registry import REGISTRY, EventType, Publication, Refusal, Stream, publication
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.reasons import Reason
from services.platform.storage import records
from services.platform.storage.records import headers_from_text
from services.platform.streaming import wire
from tests.contract import grants_by_hand as by_hand
from tests.contract.spoiled import MARK, spoiled
from tests.contract.test_least import PSEUDONYMS, RULES
from tests.contract.whole_matters import Author, Matter
from tests.support import builders as b
from tests.unit.domain.small import World

PERSONAL = frozenset(by_hand.FIELDS)
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
INCOMING = [(stream, fact) for stream, fact in REGISTRY.types.values() if stream.direction == "in"]


def made_up(seed: int) -> Matter:
    return Author(Random(seed), PERSONAL).matter()  # noqa: S311 - nothing is kept secret by it


MATTERS = [made_up(seed) for seed in range(12)]
FACTS = [(fact, matter.marks.planted) for matter in MATTERS for step in matter.steps for fact in step.facts]


def record_of(fact: Fact) -> Record:
    envelope, said = registry.event(fact.body, f"{fact.kind}.v1", "test", fact.at, fact.version, subject=fact.subject)
    return registry.encode(envelope, said)


def marks_in(text: str, planted: Mapping[str, object]) -> set[str]:
    return {mark for mark in planted if mark in text} | set(re.findall(r"Zq\d{4}x", text))


def outside(key: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> str:
    """All of a record beside its value."""
    return " ".join(((key or b"").decode(), *(f"{name} {(value or b'').decode()}" for name, value in headers)))


def test_every_personal_field_that_has_room_is_planted_somewhere() -> None:
    planted = {where.field for _, marks in FACTS for where in marks.values()}
    assert planted >= {
        *("Party.name", "Party.date_of_birth", "Party.language", "IncidentReported.location"),
        *("IncidentReported.circumstances", "Child.name", "Child.date_of_birth", "Child.voice", "Defendant.name"),
        *(
            "Defendant.pnc_id",
            "Defendant.cro_number",
            "Result.text",
            "Prompt.value",
            "Prohibition.text",
            "Prohibition.zone",
        ),
        *("BailCondition.text", "BailCondition.zone", "RiskAssessed.lower_because", "VictimView.how"),
        *("ApplicationLodged.grounds_coded", "ApplicationDecided.reasons_code", "ResultedOffence.title"),
    }


def test_no_key_and_no_header_of_an_event_holds_a_marked_value() -> None:
    for fact, planted in FACTS:
        record = record_of(fact)
        assert not marks_in(outside(record.key, tuple(record.headers)), planted)


@pytest.mark.parametrize(("stream", "type_"), INCOMING, ids=lambda known: getattr(known, "name", ""))
def test_no_refusal_and_no_dead_letters_header_repeats_a_value(stream: Stream, type_: EventType) -> None:
    fact = next((fact for fact, _ in FACTS if fact.kind == type_.name and not fact.withdrawn), None) or stated(
        stream, type_
    )
    refused = 0
    for what, record in spoiled(record_of(fact)):
        read = registry.decode(stream.topic, *record)
        strict = registry.check_strict(f"{type_.name}.v1", record.value)
        for refusal in (read, strict):
            if isinstance(refusal, Refusal):
                refused += 1
                assert not marks_in(repr(refusal), {}), what
                assert not marks_in(dead_letter(stream.topic, record, refusal), {}), what
    assert refused > 10


def stated(stream: Stream, type_: EventType) -> Fact:
    """One of a type that no matter made up at random happens to state: its first example."""
    first = next(each for each in examples_of(stream, type_) if "withdrawn" not in each.document["data"])
    ready = publication(first.text.encode())
    assert isinstance(ready, Publication)
    return b.fact(ready.received.body)


def dead_letter(topic: str, record: Record, refusal: Refusal) -> str:
    """Key and headers of the dead letter; its value is the record's own, untouched."""
    came = records.Record(topic, 0, 7, NOW, record.key, record.value, tuple(record.headers))
    identity, letter = wire.dead_letter(came, refusal, "incidents", "1", NOW)
    assert letter.value == record.value
    return outside(letter.key, headers_from_text(letter.headers)) + identity + letter.topic


def test_a_notification_holds_marked_values_in_its_matter_alone_and_a_decision_none() -> None:
    seen = 0
    for matter in MATTERS:
        world, planted = World(b.shipped(), RULES), matter.marks.planted
        for step in matter.steps:
            notifications = world.evaluate(*step.facts, now=step.at)
            policy = b.shipped().at(step.at)
            for notification in notifications:
                sent = wire.notification(notification, "incidents", policy, PSEUDONYMS)
                assert not marks_in(outside(sent.key, headers_from_text(sent.headers)) + sent.topic, planted)
                bare = wire.notification(replace(notification, content=()), "incidents", policy, PSEUDONYMS)
                assert not marks_in((bare.value or b"").decode(), planted)
                seen += bool(marks_in((sent.value or b"").decode(), planted))
            withheld = [statement for evaluation in world.evaluations for statement in evaluation.withheld]
            name = wire.EvaluationName("incidents", "record:vale-records:woman-1", 1, step.at, "event", ())
            said = wire.decision(name, notifications, withheld, (), policy, PSEUDONYMS)
            text = (said.value or b"").decode() + outside(said.key, headers_from_text(said.headers))
            assert not marks_in(text, planted)
            assert not [agency.id for agency in b.shipped().agencies if f"/{agency.id}/" in text]
    assert seen > 100


def test_no_reason_is_a_sentence_that_could_quote() -> None:
    assert all(re.fullmatch(r"[a-z0-9_]{3,40}", reason) for reason in Reason)
    assert MARK not in set(Reason)
