"""Every example of every type and version is read as it was written, by those who read the stream."""

import json

import pytest

from schemas.catalogue import EXAMPLES, Example, examples_of
from schemas.envelope import from_document, to_record
from schemas.registry import (
    REGISTRY,
    Envelope,
    EventType,
    Publication,
    Received,
    Record,
    Stream,
    body_of,
    decode,
    encode,
    publication,
)
from schemas.values import Withdrawn

TYPES = [pytest.param(stream, fact, id=fact.name) for stream, fact in REGISTRY.types.values()]
INCOMING = [
    pytest.param(stream, fact, id=fact.name) for stream, fact in REGISTRY.types.values() if stream.direction == "in"
]
FILES = [
    pytest.param(stream, example, id=f"{example.path.parent.name}/{example.path.stem}")
    for stream, fact in REGISTRY.types.values()
    for example in examples_of(stream, fact)
]


def record_of(stream: Stream, example: Example) -> tuple[str, Record]:
    """The example as it goes over its topic."""
    if stream.direction == "in":
        ready = publication(example.text.encode())
        assert isinstance(ready, Publication), ready
        return ready.topic, ready.record
    document = example.document
    envelope = from_document({"id": "example", **document})
    assert isinstance(envelope, Envelope), envelope
    topic = stream.topic_for(document["data"].get("agency", ""))
    return topic, to_record(envelope, json.dumps(document["data"]).encode())


@pytest.mark.parametrize(("stream", "example"), FILES)
def test_an_example_is_read_and_written_again_alike(stream: Stream, example: Example) -> None:
    topic, record = record_of(stream, example)
    received = decode(topic, *record)
    assert isinstance(received, Received), received
    again = encode(received.envelope, received.body)
    assert decode(topic, *again) == received._replace(content=again.value)
    assert body_of(received.envelope.type, received.content) == received.body


@pytest.mark.parametrize(("stream", "fact"), TYPES)
def test_every_version_of_a_type_has_an_example(stream: Stream, fact: EventType) -> None:
    shown = {example.document["type"] for example in examples_of(stream, fact)}
    assert shown == set(fact.on_the_wire)


@pytest.mark.parametrize(("stream", "fact"), INCOMING)
def test_a_type_is_shown_stated_corrected_and_withdrawn(stream: Stream, fact: EventType) -> None:
    events = [example.document for example in examples_of(stream, fact)]
    stated = [event for event in events if "withdrawn" not in event["data"]]
    assert any(event["factversion"] == 1 for event in stated)
    assert any("correction_reason" in event["data"] for event in stated)
    assert any(event["data"].get("withdrawn") for event in events)


def test_a_withdrawn_version_has_a_body_of_its_own() -> None:
    path = EXAMPLES / "police.incidents/incident-reported/recorded-twice-withdrawn.json"
    ready = publication(path.read_bytes())
    assert isinstance(ready, Publication)
    assert ready.received.withdrawn
    assert isinstance(ready.received.body, Withdrawn)


def test_an_agency_says_who_it_is_when_it_takes_something_back() -> None:
    path = EXAMPLES / "agency.responses/link-made/linked-the-wrong-people-withdrawn.json"
    document = json.loads(path.read_bytes())
    del document["data"]["agency"]
    refused = publication(json.dumps(document).encode())
    assert not isinstance(refused, Publication)
    assert refused.reason == "missing_field"


def test_the_same_example_is_given_the_same_id_each_time() -> None:
    path = EXAMPLES / "police.incidents/incident-reported/high-risk-strangulation.json"
    first, second = publication(path.read_bytes()), publication(path.read_bytes())
    assert isinstance(first, Publication)
    assert isinstance(second, Publication)
    assert first.record == second.record


def test_structured_mode_is_read_as_binary_mode_is() -> None:
    path = EXAMPLES / "police.incidents/incident-reported/high-risk-strangulation.json"
    ready = publication(path.read_bytes())
    assert isinstance(ready, Publication)
    document = json.loads(path.read_bytes()) | {"id": ready.received.envelope.id}
    headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    assert decode(ready.topic, ready.record.key, json.dumps(document).encode(), headers) == ready.received


def test_a_field_that_is_not_known_is_ignored_by_readers_and_refused_to_writers() -> None:
    path = EXAMPLES / "police.incidents/incident-reported/high-risk-strangulation.json"
    document = json.loads(path.read_bytes())
    document["data"]["parties"][0]["rolle"] = "victim"
    refused = publication(json.dumps(document).encode())
    assert not isinstance(refused, Publication)
    assert refused.reason == "unknown_field"
    assert refused.detail == "parties[0]: a field that is not known there; did you mean role?"
    ready = publication(path.read_bytes())
    assert isinstance(ready, Publication)
    received = decode(ready.topic, ready.record.key, json.dumps(document["data"]).encode(), ready.record.headers)
    assert isinstance(received, Received)
    assert b"rolle" in received.content
    assert received.body == ready.received.body


@pytest.mark.parametrize("typed", ["factversoin", "sorce", "corelationid"])
def test_a_misspelt_attribute_is_refused_to_writers_before_a_version_is_made_up(typed: str) -> None:
    path = EXAMPLES / "police.incidents/incident-reported/high-risk-strangulation.json"
    refused = publication(json.dumps(json.loads(path.read_bytes()) | {typed: "2"}).encode())
    assert not isinstance(refused, Publication)
    assert refused.reason == "unknown_field"
    assert typed not in refused.detail


def test_an_event_without_content_is_refused_to_writers() -> None:
    refused = publication(b'{"type": "uk.police.incident-reported.v1"}')
    assert not isinstance(refused, Publication)
    assert refused.reason == "incomplete"


def test_nobody_but_the_relay_publishes_what_the_relay_issues() -> None:
    path = next((EXAMPLES / "agency.notifications/notification-issued").glob("*.json"))
    refused = publication(path.read_bytes())
    assert not isinstance(refused, Publication)
    assert refused.reason == "not_entitled"


def test_an_unknown_field_inside_an_accepted_content_takes_nothing_back() -> None:
    path = EXAMPLES / "police.incidents/incident-reported/standard-support-declined.json"
    ready = publication(path.read_bytes())
    assert isinstance(ready, Publication)
    content = json.dumps(json.loads(ready.received.content) | {"later": {"withdrawn": True}})
    assert body_of(ready.received.envelope.type, content) == ready.received.body
