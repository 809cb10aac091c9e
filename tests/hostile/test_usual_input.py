"""What most records look like is read in a shorter way, which says the very same as the careful one, or nothing."""

import json
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.bad_input import BAD_INPUT, BadInput, good_record
from schemas.bounded_json import DEEPEST, canonical, read_canonical, read_object
from schemas.envelope import Headers, from_headers, from_usual_headers
from schemas.refusals import Refusal
from schemas.values import MAX_INT, MIN_INT
from tests.hostile.records import EXAMPLES, WILD, Sent, hostile

LARGEST = 1024 * 1024
SEEDS = range(300)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(2 * MIN_INT, 2 * MAX_INT)
    | st.floats()
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


def assert_content_reads_alike(content: bytes | None) -> None:
    usual = read_canonical(content, largest=LARGEST)
    if usual is not None:
        assert usual == read_object(content, largest=LARGEST)
        assert canonical(usual) == content


def assert_headers_read_alike(headers: Headers) -> None:
    usual = from_usual_headers(headers)
    if usual is not None:
        assert usual == from_headers(headers)


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


@pytest.mark.parametrize("good", EXAMPLES, ids=lambda good: good.topic)
def test_every_example_is_read_in_the_usual_way(good: Sent) -> None:
    assert read_canonical(good.value, largest=LARGEST) is not None
    assert from_usual_headers(good.headers) is not None


@pytest.mark.parametrize("bad", [bad for bad in BAD_INPUT if bad.spoil], ids=lambda bad: bad.what)
def test_bad_input_reads_alike(bad: BadInput) -> None:
    assert bad.spoil is not None
    record = bad.spoil(good_record())
    assert_content_reads_alike(record.value)
    assert_headers_read_alike(record.headers)


def test_every_kind_of_hostile_record_reads_alike() -> None:
    for seed in SEEDS:
        for number, good in enumerate(EXAMPLES):
            sent = hostile(good, Random(seed * len(EXAMPLES) + number)).sent  # noqa: S311 - the same each time
            assert_content_reads_alike(sent.value)
            assert_headers_read_alike(sent.headers)


@given(st.dictionaries(st.text(), VALUES))
@example({"a": "\x00"})
@example({"a": "\x7f\x1f\u2028\\u0000\U0001f600"})
@example({"a": MAX_INT, "b": MIN_INT})
@example({"a": MAX_INT + 1})
@example({"a": 1e16})
@example({"a": 1.0})
def test_any_object_reads_alike_however_it_is_written(value: dict[str, object]) -> None:
    for spaces in ((",", ":"), (", ", ": ")):
        for in_order in (True, False):
            for ascii_only in (True, False):
                text = json.dumps(value, sort_keys=in_order, separators=spaces, ensure_ascii=ascii_only)
                assert_content_reads_alike(text.encode())


@given(st.sampled_from(EXAMPLES), st.integers(0, 2_000), st.binary(max_size=6))
def test_content_with_some_bytes_replaced_reads_alike(good: Sent, at: int, raw: bytes) -> None:
    value = good.value or b""
    assert_content_reads_alike(value[:at] + raw + value[at + len(raw) :])
    assert_content_reads_alike(value[:at] + raw + value[at:])


@given(st.sampled_from(EXAMPLES), st.data())
def test_headers_with_one_replaced_read_alike(good: Sent, data: st.DataObject) -> None:
    headers = list(good.headers)
    at = data.draw(st.integers(0, len(headers) - 1))
    name, value = headers[at]
    other = data.draw(st.sampled_from([name, name.upper(), "ce_traceparent", "ce_time", "ce_other", "content-type"]))
    text = data.draw(st.none() | st.binary(max_size=30) | st.sampled_from([value, *WILD]))
    assert_headers_read_alike([*headers[:at], (other, text), *headers[at + 1 :]])
    assert_headers_read_alike([*headers, (other, text)])


@pytest.mark.parametrize("levels", [DEEPEST - 1, DEEPEST, DEEPEST + 1, 150, 100_000])
def test_what_is_nested_too_deep_is_left_to_the_careful_way(levels: int) -> None:
    found = read_canonical(nested(levels), largest=LARGEST)
    assert (found is None) == isinstance(read_object(nested(levels), largest=LARGEST), Refusal)


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9223372036854775808}',
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":"\\/"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b"[]",
        b"",
        None,
    ],
)
def test_what_is_odd_is_left_to_the_careful_way(content: bytes | None) -> None:
    assert read_canonical(content, largest=LARGEST) is None
