"""The envelope in headers: what is given by two names is read where both say the same, and else refused with both."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import Envelope, from_document, from_headers, to_document, to_record
from schemas.registry import content_of, event
from schemas.values import MAX_INT
from tests.support import builders as b

PLAIN = st.from_regex(r"[!-~]{1,200}", fullmatch=True)
ZONES = (UTC, timezone(timedelta(hours=1)), timezone(timedelta(hours=-3, minutes=-30)))
ENVELOPE, SAID = event(b.incident(), "uk.police.incident-reported", "urn:example:police", b.NOON, 1)
HEADERS = tuple(h for h in to_record(ENVELOPE, content_of(SAID)).headers if h[0] != "content-type")


@pytest.mark.parametrize("name", ["ce_datacontenttype", "CE_DataContentType", "content-type"])
@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"'],
)
def test_two_names_with_one_content_type_are_no_contradiction(name: str, kind: str) -> None:
    headers = (*HEADERS, ("content-type", b"application/json"), (name, kind.encode()))
    assert from_headers(headers) == ENVELOPE
    assert from_headers(tuple(reversed(headers))) == ENVELOPE


def test_one_name_alone_is_enough() -> None:
    assert isinstance(from_headers((*HEADERS, ("ce_datacontenttype", b"application/json"))), Envelope)


def test_different_content_types_are_refused_and_both_headers_are_named() -> None:
    headers = (*HEADERS, ("content-type", b"application/json"), ("ce_datacontenttype", b"application/vnd.marked+json"))
    refused = from_headers(headers)
    assert not isinstance(refused, Envelope)
    assert (refused.reason, refused.detail) == (
        "invalid_header",
        "content-type and ce_datacontenttype: given twice, and not the same",
    )


def test_a_content_type_that_is_not_read_is_refused_by_the_name_under_which_it_came() -> None:
    refused = from_headers((*HEADERS, ("ce_datacontenttype", b"text/marked")))
    assert not isinstance(refused, Envelope)
    assert refused.detail == "ce_datacontenttype: application/json in UTF-8 is expected"


def test_an_attribute_twice_is_read_only_where_it_is_the_same_twice() -> None:
    twice = dict(HEADERS)["ce_id"]
    assert from_headers((*HEADERS, ("CE_ID", twice))) == ENVELOPE
    refused = from_headers((*HEADERS, ("CE_ID", b"marked")))
    assert not isinstance(refused, Envelope)
    assert refused.detail == "ce_id: given twice, and not the same"


@given(
    st.builds(
        Envelope,
        id=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,59}", fullmatch=True),
        type=PLAIN,
        source=PLAIN,
        subject=PLAIN,
        time=st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=st.sampled_from(ZONES)),  # noqa: DTZ001
        factversion=st.integers(1, MAX_INT),
        version_basis=st.sampled_from(("source", "written", "receipt")),
        correlationid=st.none() | PLAIN,
        causationid=st.none() | PLAIN,
        traceparent=st.none() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True),
    )
)
def test_an_envelope_is_written_and_read_as_the_package_of_cloud_events_does(envelope: Envelope) -> None:
    record = to_record(envelope, b"{}")
    theirs = kafka.from_binary(kafka.KafkaMessage(dict(record.headers), None, record.value), JSONFormat(), CloudEvent)
    assert kafka.to_binary(theirs, JSONFormat(), lambda _: record.key).headers == dict(record.headers)
    assert list(record.headers) == sorted(record.headers)
    assert record.key == envelope.subject.encode()
    read = from_headers(record.headers)
    assert read == replace(envelope, time=envelope.time.astimezone(UTC))
    assert read.time == theirs.get_time()
    assert from_document(to_document(envelope, b"{}")) == read
    structured = JSONFormat().read(CloudEvent, json.dumps(to_document(envelope, b"{}")))
    assert (structured.get_id(), structured.get_subject(), structured.get_time()) == (read.id, read.subject, read.time)
