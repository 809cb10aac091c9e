"""How a dead letter goes back: as it came, with a note of where it has been."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.ops.dlq import Content, Letter, State, print_letter, print_letters, replays_of, sending

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def letter(replays: int = 0) -> Letter:
    return Letter(
        id="letter-1",
        service="incidents",
        stream="police.incidents",
        partition=0,
        offset=7,
        reason="unknown_force",
        stage="validate",
        detail="force_code: a force that is known is expected",
        event="event-1",
        first_at=NOON,
        last_at=NOON,
        attempts=1,
        judged_by="release+policy",
        replays=replays,
        state=State.OPEN,
    )


def test_key_content_and_headers_go_back_as_they_came() -> None:
    content = Content(b"\xff key", b"\x00 not json", (("ce_id", b"event-1"), ("odd", b"\xfe")))
    sent = sending(letter(), content, "somebody")
    assert (sent.topic, sent.key, sent.value) == ("police.incidents", content.key, content.value)
    assert sent.headers[:2] == content.headers


def test_a_replay_says_of_what_by_whom_and_how_often() -> None:
    sent = dict(sending(letter(), Content(None, None, ()), "somebody").headers)
    assert sent == {"dlq-replay-of": b"letter-1", "dlq-replayed-by": b"somebody", "dlq-replay-count": b"1"}


def test_what_was_sent_back_before_carries_one_note_and_counts_on() -> None:
    first = sending(letter(), Content(None, None, (("ce_id", b"event-1"),)), "somebody")
    again = sending(letter(replays_of(first.headers)), Content(None, None, first.headers), "another")
    names = [name for name, _ in again.headers]
    assert len(names) == len(set(names))
    assert dict(again.headers)["dlq-replay-count"] == b"2"
    assert dict(again.headers)["dlq-replayed-by"] == b"another"


def test_a_count_that_is_none_is_taken_as_none() -> None:
    assert replays_of((("dlq-replay-count", b"many"),)) == 0
    assert replays_of((("dlq-replay-count", b"9" * 400),)) == 0


def test_headers_that_look_like_markup_or_steer_a_terminal_are_shown_as_what_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    strange = (("[/bold]", b"[/x] \x1b[2J"), ("\x1b[31m", b""), ("ce_\udcff", b"\xff"))
    print_letter(replace(letter(), event="[/y]\x1b[1m"), Content(None, None, strange))
    said = capsys.readouterr().out
    assert "[/bold]" in said
    assert "[/y]" in said
    assert "\x1b" not in said


def test_a_list_shows_an_event_of_any_name(capsys: pytest.CaptureFixture[str]) -> None:
    print_letters([replace(letter(), event="[/y]\x1b[1m")])
    said = capsys.readouterr().out
    assert "[/y]" in said
    assert "\x1b" not in said
