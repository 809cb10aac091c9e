"""Thousands of files that nobody may believe, through every adapter: refused for a reason that fits, and nothing beside
them is."""

import json
import logging
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from schemas.refusals import Refusal, RefusalReason
from schemas.registry import REGISTRY, decode, encode
from services.intake import common_platform, order_length, spi, wording
from services.intake.court_hearings import Read
from services.ops.cli import app
from services.ops.events import Format, NotReady, Ready, Written, events
from tests.hostile import platform_messages
from tests.hostile.court_messages import MESSAGES, REFERENCE, WAYS, hostile_message
from tests.hostile.platform_messages import hostile_platform_message
from tests.hostile.records import EXAMPLES, MARK, Hostile, Sent, hostile, structured
from tests.hostile.test_records import TIMES, grows_at_most

RECEIVED = datetime(2026, 10, 1, 9, 0, tzinfo=UTC)
SEEDS = st.integers(0, 2**64)


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the folder of real court messages is not beside this one")
def test_the_courts_own_messages_are_among_those_that_are_changed() -> None:
    assert len(MESSAGES) > len(list(REFERENCE.glob("*.xml"))) > 10


def test_thousands_of_hostile_court_messages_are_refused_or_read_whole(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ends: Counter[str] = Counter()

    @settings(max_examples=150 * TIMES, database=None)
    @given(st.sampled_from(MESSAGES), SEEDS)
    def go_through(good: bytes, seed: int) -> None:
        random = Random(seed)  # noqa: S311 - nothing is kept secret by it
        for _ in range(20):
            what, message, reasons = hostile_message(good, random)
            ends[what] += 1
            assert_read_whole_or_refused(what, spi.read(message, RECEIVED), reasons)

    with caplog.at_level(logging.DEBUG), grows_at_most(300):
        go_through()
    assert sum(ends.values()) >= 2500
    assert ends.keys() == set(WAYS)
    out, err = capfd.readouterr()
    assert MARK.lower() not in (out + err + caplog.text).lower()


def assert_read_whole_or_refused(what: str, said: Read, reasons: frozenset[RefusalReason] | None) -> None:
    """`reasons`: for which it may be refused; none where it must be read, None where either may be."""
    refused = {refusal.reason for refusal in said.refusals}
    assert said.facts or refused, what
    assert refused <= set(RefusalReason)
    if reasons:
        assert (what, said.facts) == (what, ())
        assert refused <= reasons, what
    elif reasons is not None:
        assert (what, said.refusals) == (what, ())
    for envelope, body in said.facts:
        assert MARK.lower() not in repr(envelope).lower()
        record = encode(envelope, body)
        read = decode(REGISTRY.topic_of(envelope.type.rpartition(".")[0]), *record)
        assert not isinstance(read, Refusal) or read.reason is RefusalReason.TOO_LARGE
    assert MARK.lower() not in repr(said.refusals).lower()


def test_thousands_of_hostile_messages_of_common_platform_are_refused_or_read_whole(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    ends: Counter[str] = Counter()

    @settings(max_examples=150 * TIMES, database=None)
    @given(st.sampled_from(platform_messages.MESSAGES), SEEDS)
    def go_through(good: bytes, seed: int) -> None:
        random = Random(seed)  # noqa: S311
        for _ in range(20):
            what, message, reasons = hostile_platform_message(good, random)
            ends[what] += 1
            assert_read_whole_or_refused(what, common_platform.read(message, RECEIVED), reasons)

    with caplog.at_level(logging.DEBUG), grows_at_most(300):
        go_through()
    assert sum(ends.values()) >= 2500
    assert ends.keys() == set(platform_messages.WAYS)
    out, err = capfd.readouterr()
    assert MARK.lower() not in (out + err + caplog.text).lower()


def written(sent: Sent) -> bytes:
    """The event as its writer may keep it in a file; content that is no JSON stands where the content would."""
    good = structured(Sent(sent.topic, sent.key, b'{"HERE":0}', sent.headers))
    return (good.value or b"").replace(b'{"HERE": 0}', sent.value or b"")


ABOUT_CONTENT = (
    *("cut off", "UTF-16 or UTF-32", "bytes that are no UTF-8", "half of a pair", "NUL", "no finite number"),
    *("a number beyond 64 bits", "no number", "too deep", "a key twice", "no object", "another kind of value"),
    *("a time that is none", "a needed field left out", "a control character in a text"),
)


def bad_file(random: Random) -> tuple[bytes, str]:
    """An event's file whose content is bad by how it was made, and the way; `unknown to writers` aside."""
    while True:
        each: Hostile = hostile(random.choice(EXAMPLES), random)
        if each.what in ABOUT_CONTENT:
            return written(each.sent), each.what


@settings(max_examples=60 * TIMES, database=None)
@given(SEEDS)
def test_a_file_with_bad_content_is_not_ready_whatever_it_is_taken_for(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    for _ in range(10):
        content, what = bad_file(random)
        for taken_for in (None, *Format):
            found = list(events(Written("file", content, taken_for), RECEIVED))
            assert found or not content.strip(), what
            assert [each for each in found if isinstance(each, Ready)] == [], what
            assert MARK.lower() not in repr([each.refusal for each in found if isinstance(each, NotReady)]).lower()


def publish(*arguments: str, given: bytes | None = None) -> tuple[int, str]:
    said = CliRunner().invoke(app, ["publish", "--dry-run", *arguments], input=given)
    assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    return said.exit_code, said.output


def test_a_folder_of_bad_files_among_good_ones_publishes_exactly_the_good_ones(tmp_path: Path) -> None:
    random = Random(20260302)  # noqa: S311
    for number in range(300):
        content, _ = bad_file(random)
        (tmp_path / f"{number:04}.json").write_bytes(content)
    for number, message in enumerate((b"<x/>", b"<!DOCTYPE x>" + MESSAGES[0], MESSAGES[0][:-20], b"\xff\xfe<")):
        (tmp_path / f"court-{number}.xml").write_bytes(message)
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "round").symlink_to(tmp_path)
    for number, good in enumerate(EXAMPLES):
        (tmp_path / "deeper" / f"{number:04}.json").write_bytes(written(good))
    status, said = publish(str(tmp_path))
    assert status == 1
    assert f"Could be published: {len(EXAMPLES)} events." in said
    assert "Not published: 305 events." in said
    assert MARK.lower() not in said.lower()


def test_lines_of_all_kinds_on_standard_input_are_each_published_or_not() -> None:
    random = Random(20260303)  # noqa: S311
    bad = [b" ".join(bad_file(random)[0].splitlines()) for _ in range(300)]
    lines = [line for pair in zip(bad, map(written, EXAMPLES * 3), strict=False) for line in pair if line.strip()]
    good = sum(line in set(map(written, EXAMPLES)) for line in lines)
    status, said = publish("--format", "jsonl", "-", given=b"\n".join(lines))
    assert status == 1
    assert f"Could be published: {good} events." in said
    assert f"Not published: {len(lines) - good} events." in said
    assert MARK.lower() not in said.lower()


@pytest.mark.parametrize("name", [b"caf\xe9.json", b"line\nfeed.json", b"\x1b[31mred.json", b"[bold].json"])
def test_a_file_of_any_name_is_told_by_it_and_writes_nothing_into_a_terminal(tmp_path: Path, name: bytes) -> None:
    file = Path(str(tmp_path)) / name.decode(errors="surrogateescape")
    file.write_bytes(b"not JSON")
    good = tmp_path / "good.json"
    good.write_bytes(written(EXAMPLES[0]))
    status, said = publish(str(tmp_path))
    assert status == 1
    assert "Could be published: 1 event." in said
    assert "Not published: 1 event." in said
    assert "\x1b[31m" not in said
    assert json.dumps(said)


PIECES = (
    "order ",
    "contact,",
    "for ",
    "until the ",
    "1 ",
    "application to ",
    "discharged ",
    "not did the act ",
    "A",
    ", ",
)


@pytest.mark.parametrize("first", PIECES)
def test_no_text_of_repeated_words_keeps_the_patterns_busy(first: str) -> None:
    for second in PIECES:
        text = ((first + second) * wording.SEARCHED)[: wording.SEARCHED]
        began = time.process_time()
        order_length.lengths(text, RECEIVED.date())
        wording.change(text, extended=False)
        wording.names_somebody(text)
        wording.verdict(text)
        assert time.process_time() - began < 2
