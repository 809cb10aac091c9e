"""Ten thousand records that nobody may believe, on every stream: each ends in a value, for a reason that fits."""

import json
import logging
import os
import re
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.bad_input import BAD_INPUT
from schemas.doubts import Doubt, DoubtReason, doubts
from schemas.envelope import LARGEST_HEADERS
from schemas.refusals import Refusal, RefusalReason
from schemas.registry import REGISTRY, body_of, check_strict
from services.ops.policies import load
from services.platform.policy.policy import Policy
from services.platform.storage.changes import Accepted
from services.platform.storage.records import Record, headers_from_text
from services.platform.streaming import wire
from services.platform.streaming.admit import believed
from services.platform.streaming.decode import read
from tests.contract.test_least import RULES
from tests.hostile.records import BIRTH, EXAMPLES, MARK, NO_TIMES, WAYS, Hostile, Sent, hostile, paths, with_raw
from tests.support import builders as b
from tests.unit.domain.small import World

# As often as this is every test of hostile input gone through: `make hostile` goes on for minutes.
TIMES = int(os.environ.get("HOSTILE_TIMES", "1"))
NOW = datetime(2030, 1, 1, tzinfo=UTC)  # after all examples
ROUNDS, OF_A_ROUND = 500 * TIMES, 25
ROOT = Path(__file__).parents[2]


@cache
def policy() -> Policy:
    return load(ROOT / "deploy" / "policy", ROOT / "deploy" / "agencies").at(NOW)


def came(sent: Sent) -> Record:
    """The record as the engine hands it on."""
    headers = tuple((name, value or b"") for name, value in sent.headers)
    return Record(sent.topic, 0, 7, NOW, sent.key, sent.value, headers)


def received(sent: Sent) -> Accepted | Refusal:
    event = read(came(sent))
    return event if isinstance(event, Refusal) else believed(event, policy(), NOW) or event


def assert_ends_as_it_was_made(each: Hostile, end: Accepted | Refusal) -> None:
    delivered = end.reason if isinstance(end, Refusal) else "accepted"
    if each.reasons is not None:
        assert (each.what, delivered) in {(each.what, reason) for reason in each.reasons or {"accepted"}}
    if isinstance(end, Refusal):
        assert end.reason in RefusalReason
        assert 10 < len(end.detail) < 4000
        assert end.detail.isprintable()
        assert_repeats_nothing(each, end)
    else:
        assert body_of(f"{end.fact.kind}.v1", end.received.content) == end.fact.body


def assert_repeats_nothing(each: Hostile, refusal: Refusal) -> None:
    """Neither the refusal nor what the dead letter says itself; the record goes along untouched and fits its topic."""
    record = came(each.sent)
    identity, letter = wire.dead_letter(record, refusal, "incidents", "1", NOW)
    headers = headers_from_text(letter.headers)
    said = headers[len(record.headers) :]
    assert all(name.startswith("dlq-") for name, _ in said)
    beside = f"{refusal!r} {said!r} {identity} {letter.topic} {letter.duty}"
    assert MARK.lower() not in beside.lower()
    assert (letter.key, letter.value) == (record.key, record.value)
    size = len(letter.key or b"") + len(letter.value or b"") + sum(len(n.encode()) + len(v) for n, v in headers)
    assert size < each.sent.stream.largest_dead_letter


@contextmanager
def grows_at_most(mebibytes: int) -> Iterator[None]:
    """The process never holds so much more than it ever did before."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < mebibytes


def test_the_memory_that_is_measured_is_that_of_this_process() -> None:
    def hold_more() -> None:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        bytearray(most + 100 * 2**20)[:: resource.getpagesize()]

    with pytest.raises(AssertionError), grows_at_most(64):
        hold_more()


def test_twelve_thousand_hostile_records_each_end_in_a_value_for_a_reason_that_fits(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ends: Counter[tuple[str, str]] = Counter()
    streams: Counter[str] = Counter()

    @settings(max_examples=ROUNDS, database=None)
    @given(st.sampled_from(EXAMPLES), st.integers(0, 2**64))
    def go_through(good: Sent, seed: int) -> None:
        random = Random(seed)  # noqa: S311 - nothing is kept secret by it
        for _ in range(OF_A_ROUND):
            each = hostile(good, random)
            end = received(each.sent)
            assert_ends_as_it_was_made(each, end)
            ends[each.what, end.reason if isinstance(end, Refusal) else "accepted"] += 1
            streams[each.sent.topic] += 1

    with caplog.at_level(logging.DEBUG), grows_at_most(200):
        go_through()
    assert sum(ends.values()) >= 10_000
    assert {what for what, _ in ends} == set(WAYS)
    assert streams.keys() == {stream.topic for stream in REGISTRY.streams if stream.direction == "in"}
    decoded = {row.reason for row in BAD_INPUT if row.spoil is not None}
    assert {reason for _, reason in ends} >= decoded - {RefusalReason.UNKNOWN_VALUE}
    out, err = capfd.readouterr()
    assert MARK.lower() not in (out + err + caplog.text).lower()


@settings(max_examples=100 * TIMES, database=None)
@given(st.sampled_from(EXAMPLES), st.integers(0, 2**64))
def test_what_its_writer_is_told_repeats_nothing_either(good: Sent, seed: int) -> None:
    random = Random(seed)  # noqa: S311
    for _ in range(OF_A_ROUND):
        each = hostile(good, random)
        delivered = check_strict(f"{good.type.name}.v1", each.sent.value or b"")
        assert MARK.lower() not in repr(delivered).lower()


def test_a_name_that_is_no_utf_8_never_makes_a_dead_letter_larger_than_its_topic_takes() -> None:
    good = max(EXAMPLES, key=lambda each: each.stream.largest_record)
    room = good.stream.largest_record - len(good.value or b"") - 1000
    many = LARGEST_HEADERS  # more than there is room to spell out, whatever their length
    for names in ([room], [40] * many + [room - 40 * many], [1] * many + [room - many]):
        strange = tuple(("\udcff" * length, b"") for length in names)
        each = Hostile("strange names", Sent(good.topic, good.key, good.value, (*good.headers, *strange)), None)
        end = received(each.sent)
        assert isinstance(end, Refusal)
        assert_repeats_nothing(each, end)


def test_a_birth_on_no_day_is_doubted_where_it_stands_and_its_event_is_accepted() -> None:
    bodies = [(good, json.loads(good.value or b"")) for good in EXAMPLES]
    births = [(good, body, path) for good, body in bodies for path, _ in paths(body) if path[-1] == BIRTH]
    assert len(births) > 10
    for good, body, path in births:
        field = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
        for written in NO_TIMES:
            end = received(good.with_value(with_raw(body, path, json.dumps(written).encode())))
            assert isinstance(end, Accepted)
            assert Doubt(field, DoubtReason.BIRTH_DATE_IMPOSSIBLE) in doubts(end.fact.body)


TIME = re.compile(r'"(\d{4}-\d\d-\d\d)(T[^"]*)?"')


@settings(max_examples=40 * TIMES, database=None)
@given(st.lists(st.sampled_from(EXAMPLES), min_size=1, max_size=6, unique=True), st.integers(0, 2**64))
def test_no_rule_raises_for_what_was_accepted_of_whatever_year(together: list[Sent], seed: int) -> None:
    random = Random(seed)  # noqa: S311
    world = World(b.shipped(), RULES)
    ends = []
    for good in together:
        day = random.choice(["1900-01-01", "1970-01-01", "2024-02-29", "2199-12-31"])
        said = TIME.sub(lambda found: found[0].replace(found[1], day), (good.value or b"").decode())  # noqa: B023
        wild = hostile(good, random)
        ends += [received(good.with_value(said.encode())), received(wild.sent)]
    facts = [end.fact for end in ends if isinstance(end, Accepted) and not end.is_answer]
    world.evaluate(*facts, now=NOW)
    assert [evaluation.faults for evaluation in world.evaluations if evaluation.faults] == []
