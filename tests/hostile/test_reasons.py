"""The table of bad input has the reasons that it says, and what was found to break the reading once is read now."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.bad_input import BAD_INPUT, TOPIC, BadInput, good_record
from schemas.field_errors import models_in
from schemas.refusals import RefusalReason
from schemas.registry import REGISTRY, Received, Refusal, body_of, decode

MARKED = "Zz9marked"
UNHURRIED = settings(deadline=None)  # machines that run all tests at once pause at any time
DECODED = [pytest.param(bad, id=bad.what) for bad in BAD_INPUT if bad.spoil is not None]


@pytest.mark.parametrize("bad", DECODED)
def test_bad_input_is_refused_for_its_own_reason(bad: BadInput) -> None:
    assert bad.spoil is not None
    refused = decode(TOPIC, *bad.spoil(good_record()))
    assert isinstance(refused, Refusal)
    assert refused.reason == bad.reason


def test_every_reason_is_shown_by_some_bad_input() -> None:
    for_writers_alone, of_our_own_making = {RefusalReason.UNKNOWN_FIELD}, {RefusalReason.FAULTED}
    assert {bad.reason for bad in BAD_INPUT} == set(RefusalReason) - for_writers_alone - of_our_own_making


def test_what_may_be_known_tomorrow_can_be_replayed() -> None:
    assert {reason.value for reason in RefusalReason if reason.replayable} == {
        "unknown_type",
        "unknown_version",
        "unknown_value",
        "unknown_force",
        "unknown_agency",
    }


def test_an_unknown_value_beside_a_broken_field_is_not_worth_a_replay() -> None:
    record = good_record()
    body = json.loads(record.value) | {"support_referral": "maybe", "historic": "perhaps"}
    refused = decode(TOPIC, record.key, json.dumps(body).encode(), record.headers)
    assert isinstance(refused, Refusal)
    assert refused.reason == RefusalReason.INVALID_FIELD


def test_a_header_that_this_release_does_not_know_is_ignored_whatever_it_holds() -> None:
    record = good_record()
    strange = [
        *record.headers,
        ("ce_not-a-name", b"\xff"),
        ("ce_data", b"x"),
        ("ce_new", b"1"),
        ("ce_new", b"2"),
        ("", b""),
    ]
    assert isinstance(decode(TOPIC, record.key, record.value, strange), Received)


def test_an_unreadable_trace_is_dropped_and_the_event_is_kept() -> None:
    record = good_record()
    received = decode(TOPIC, record.key, record.value, [*record.headers, ("ce_traceparent", b"00-broken")])
    assert isinstance(received, Received)
    assert received.envelope.traceparent is None


def test_a_long_unfinished_text_of_escaped_quotes_is_refused_at_once() -> None:
    record = good_record()
    refused = decode(TOPIC, record.key, b'{"circumstances":"' + b'\\"' * 100_000, record.headers)
    assert isinstance(refused, Refusal)
    assert refused.reason == RefusalReason.INCOMPLETE


@pytest.mark.parametrize("offset", ["+05:60", "-13:75", "+00:99"])
def test_an_offset_that_no_clock_has_is_refused_in_header_and_content(offset: str) -> None:
    record = good_record()
    moment = f"2026-03-02T12:00:00{offset}"
    headers = [(name, moment.encode() if name == "ce_time" else value) for name, value in record.headers]
    refused = decode(TOPIC, record.key, record.value, headers)
    assert isinstance(refused, Refusal)
    assert refused.reason == RefusalReason.INVALID_HEADER
    content = json.dumps(json.loads(record.value) | {"occurred_at": moment}).encode()
    refused = decode(TOPIC, record.key, content, record.headers)
    assert isinstance(refused, Refusal)
    assert refused.reason == RefusalReason.INVALID_FIELD


@pytest.mark.parametrize("written", [b"1.0", b"1", b'"true"', b"null", b"{}"])
def test_nothing_but_true_takes_a_fact_back(written: bytes) -> None:
    record = good_record()
    content = b'{"occurred_at":"2026-03-02T12:00:00Z","withdrawn":%s}'
    assert isinstance(decode(TOPIC, record.key, content % b"true", record.headers), Received)
    refused = decode(TOPIC, record.key, content % written, record.headers)
    assert isinstance(refused, Refusal)
    assert refused.reason == RefusalReason.INVALID_FIELD


def test_the_least_whole_number_of_64_bits_is_taken_and_the_next_is_not() -> None:
    record = good_record()
    for number, read in ((-(2**63), Received), (2**63 - 1, Received), (-(2**63) - 1, Refusal), (2**63, Refusal)):
        content = json.dumps(json.loads(record.value) | {"of_a_later_release": number}).encode()
        assert isinstance(decode(TOPIC, record.key, content, record.headers), read)


def test_what_was_accepted_can_be_read_again_though_it_is_longer_in_canonical_form() -> None:
    record = good_record()
    content = record.value[:-1] + b',"of_a_later_release":[' + b",".join([b"1e15"] * 40_000) + b"]}"
    received = decode(TOPIC, record.key, content, record.headers)
    assert isinstance(received, Received)
    assert len(received.content) > REGISTRY.stream_of(TOPIC).largest_message
    assert body_of("uk.police.incident-reported.v1", received.content) == received.body


def test_content_that_is_wrong_in_a_hundred_thousand_places_is_refused_without_telling_each() -> None:
    record = good_record()
    body = json.loads(record.value) | {"parties": "HERE"}
    wrong = b"[" + b",".join([b"1"] * 120_000) + b"]"
    content = json.dumps(body).encode().replace(b'"HERE"', wrong)
    began = time.process_time()
    refused = decode(TOPIC, record.key, content, record.headers)
    took = time.process_time() - began
    assert isinstance(refused, Refusal)
    assert refused.reason == RefusalReason.INVALID_FIELD
    assert refused.detail.startswith("the content: wrong in 1200")
    assert took < 1.0


def test_a_refusal_names_the_field_and_what_is_expected() -> None:
    record = good_record()
    body = json.loads(record.value)
    body["parties"][1]["role"] = MARKED
    refused = decode(TOPIC, record.key, json.dumps(body).encode(), record.headers)
    assert isinstance(refused, Refusal)
    assert refused.detail == "parties[1].role: one of 'victim', 'suspect' or 'unresolved' is expected"


@UNHURRIED
@given(
    st.sampled_from(sorted({stream.topic for stream in REGISTRY.streams if stream.direction == "in"})),
    st.none() | st.binary(max_size=50),
    st.none() | st.binary(max_size=200),
    st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_type", "ce_time", "CE_TIME", "content-type", "other"]),
            st.binary(max_size=60) | st.none(),
        )
    ),
)
def test_any_bytes_end_in_a_value(topic: str, key: bytes | None, value: bytes | None, headers: Any) -> None:
    assert isinstance(decode(topic, key, value, headers), Refusal | Received)


def test_the_models_of_a_body_are_all_found() -> None:
    body = REGISTRY.types["uk.police.incident-reported"][1].newest
    assert {model.__name__ for model in models_in(body)} >= {"Party", "Connection", "Residence", "Risk", "Answer"}
