"""Files, folders and standard input become events, each checked, with the place that it came from."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.refusals import RefusalReason
from services.ops.events import (
    Format,
    NotReady,
    Ready,
    Written,
    events,
    find,
    guess,
    read_path,
    receipts,
    that_would_be_taken,
)
from tests.support.large_hearings import ORDER, SENTENCE, hearing_of

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
ACCEPTED = json.loads((EXAMPLES / "agency.responses/accepted/taken-on-within-the-day.json").read_text())


def document(**changes: object) -> bytes:
    return json.dumps(ACCEPTED | changes).encode()


def read(content: bytes, form: Format | None = None) -> list[Ready | NotReady]:
    return list(events(Written("here", content, form), NOW))


def test_a_file_is_one_event() -> None:
    (event,) = read(document())
    assert isinstance(event, Ready)
    assert event.publication.topic == "agency.responses"


def test_lines_are_events_each_with_its_number_and_empty_ones_are_none() -> None:
    second = document(time="2026-03-01T08:00:00Z")
    read_lines = read(b"\n".join([document(), b"", second, b"{half"]))
    assert [event.origin for event in read_lines] == ["here:1", "here:3", "here:4"]
    assert [isinstance(event, Ready) for event in read_lines] == [True, True, False]


def test_a_court_message_is_all_its_facts() -> None:
    message = (EXAMPLES / "story" / "16-court-result.xml").read_bytes()
    kinds = [event.publication.received.kind for event in read(message) if isinstance(event, Ready)]
    assert kinds == ["uk.court.hearing-resulted", "uk.court.orders-resulted"]


ORDER_MADE = EXAMPLES / "common-platform" / "order-on-conviction.json"


@pytest.mark.parametrize("form", [None, Format.COMMON_PLATFORM])
def test_a_message_of_common_platform_is_all_its_facts(form: Format | None) -> None:
    found = read(ORDER_MADE.read_bytes(), form)
    kinds = [event.publication.received.kind for event in found if isinstance(event, Ready)]
    assert kinds == ["uk.court.hearing-resulted", "uk.court.orders-resulted"]
    assert len(found) == 2


def test_events_and_messages_of_common_platform_may_stand_in_one_file_of_lines() -> None:
    message = json.dumps(json.loads(ORDER_MADE.read_bytes())).encode()
    found = read(b"\n".join([document(), message]), Format.JSONL)
    assert [event.origin for event in found if isinstance(event, Ready)] == ["here:1", "here:2", "here:2"]


def test_in_a_folder_a_file_of_json_is_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_bytes(document())
    (tmp_path / "HEARING.JSON").write_bytes(ORDER_MADE.read_bytes())
    found = read_path(tmp_path, None, receipts(NOW))
    names = Counter(Path(event.origin).name for event in found if isinstance(event, Ready))
    assert names == {"event.json": 1, "HEARING.JSON": 2}
    as_events = read_path(tmp_path, Format.JSON, receipts(NOW))
    assert Counter(isinstance(event, Ready) for event in as_events) == {True: 1, False: 1}


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (b" \n<?xml version='1.0'?><a/>", Format.SPI),
        (b"\xef\xbb\xbf<a/>", Format.SPI),
        (b'{"a": 1}\n{"a": 2}\n', Format.JSONL),
        (b'{\n "a": 1\n}\n', Format.JSON),
        (b'{"a": 1}\n', Format.JSON),
        (b"", Format.JSON),
        (b'{"hearing": {"prosecutionCases": []}}', Format.COMMON_PLATFORM),
        (b'{"Message": "{\\"courtApplication\\": {\\"id\\": \\"a\\"}}"}', Format.COMMON_PLATFORM),
        (b'{"hearing": {"prosecutionCases": []}', Format.JSON),
        (b'{"data": {"hearing": "54DC0090126/a/b/c"}}', Format.JSON),
    ],
)
def test_without_a_name_the_form_is_guessed_from_the_content(content: bytes, form: Format) -> None:
    assert guess(content) is form


def test_what_is_wrong_is_said_by_field_and_quotes_no_value() -> None:
    wrong = json.loads(document())
    wrong["data"]["actor"] = "somebody with blanks"
    wrong["data"]["colour"] = "blue"
    (event,) = read(json.dumps(wrong).encode())
    assert isinstance(event, NotReady)
    assert event.refusal.reason is RefusalReason.INVALID_FIELD
    assert "actor" in event.refusal.detail
    assert "blanks" not in event.refusal.detail
    assert "blue" not in event.refusal.detail


def test_a_name_in_the_content_is_said_as_that_of_an_attribute_is() -> None:
    (event,) = read(document(data=ACCEPTED["data"] | {"parties": [{"name": "Zo\0e", "Zq9mark": 1}], "Zq9mark": "\0"}))
    assert isinstance(event, NotReady)
    assert event.refusal.detail.startswith("data.parties[0].name: ")


def test_several_documents_that_are_not_one_a_line_are_said_to_be_that() -> None:
    (event,) = read(json.dumps(ACCEPTED, indent=2).encode() * 2)
    assert isinstance(event, NotReady)
    assert event.refusal.reason is RefusalReason.NOT_JSON
    assert "goes on after its end, at line" in event.refusal.detail
    assert "one event a line (.jsonl)" in event.refusal.detail


@pytest.mark.parametrize(
    ("encoding", "said"), [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16-LE"), ("utf-8-sig", "byte order mark")]
)
def test_another_encoding_is_said_by_its_name_and_not_as_half_a_character(encoding: str, said: str) -> None:
    (event,) = read(document().decode().encode(encoding), Format.JSON)
    assert isinstance(event, NotReady)
    assert event.refusal.reason is RefusalReason.WRONG_ENCODING
    assert said in event.refusal.detail
    assert "surrogate" not in event.refusal.reason.sentence


def test_a_folder_is_read_however_deep_in_the_order_of_source_times(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "z-first.json").write_bytes(document(time="2026-03-01T07:00:00Z"))
    (tmp_path / "deep" / "er" / "a-last.json").write_bytes(document(time="2026-03-01T09:00:00Z"))
    (tmp_path / "deep" / "lines.jsonl").write_bytes(document(time="2026-03-01T08:00:00Z") + b"\n")
    (tmp_path / "telling.yaml").write_text("no: event")
    read_events = read_path(tmp_path, None, receipts(NOW))
    assert [Path(event.origin).name for event in read_events] == ["z-first.json", "lines.jsonl:1", "a-last.json"]
    assert [file.name for file in find(tmp_path)] == ["a-last.json", "lines.jsonl", "z-first.json"]


def test_of_court_messages_that_do_not_say_when_they_were_written_the_one_read_later_stands(tmp_path: Path) -> None:
    message = (EXAMPLES / "spi" / "unknown-codes.xml").read_bytes()
    names = [f"{number:02}-RESULT.XML" for number in range(12)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(message.replace(b"</DC:PersonFamilyName>", b"%d</DC:PersonFamilyName>" % number))
    versions: dict[str, dict[str, int]] = {}
    for event in read_path(tmp_path, None, receipts(NOW)):
        assert isinstance(event, Ready)
        received = event.publication.received
        versions.setdefault(received.kind, {})[Path(event.origin).name] = received.envelope.factversion
    for of_kind in versions.values():
        assert sorted(of_kind, key=of_kind.__getitem__) == names
        assert len(set(of_kind.values())) == len(names)


def test_every_file_of_the_story_is_ready_to_be_sent() -> None:
    read_events = read_path(EXAMPLES / "story", None, receipts(NOW))
    assert [event for event in read_events if isinstance(event, NotReady)] == []
    times = [event.time for event in read_events if isinstance(event, Ready)]
    assert times == sorted(times)


def hint_of(**changes: object) -> str:
    (refused,) = read(document(**changes))
    assert isinstance(refused, NotReady)
    return refused.hint or ""


def test_an_unknown_type_is_answered_with_the_one_that_is_meant_and_those_of_its_stream() -> None:
    said = hint_of(type="uk.police.incident-report.v1")
    assert said.startswith("did you mean uk.police.incident-reported.v1? police.incidents has ")
    assert "court" not in said
    assert "notification-issued" not in hint_of(type="x")


def test_a_writer_is_told_the_name_of_what_is_not_known_and_the_subject_that_is_expected() -> None:
    assert hint_of(data=ACCEPTED["data"] | {"actr": "duty-7"}) == "unknown field: actr (did you mean actor?)"
    assert hint_of(sorce="x") == "unknown field: sorce (did you mean source?)"
    assert hint_of(sorce="x", data=[]) == "unknown field: sorce (did you mean source?)"
    notification = ACCEPTED["data"]["notification"]
    assert hint_of(subject="another") == f"expected: the notification, which is {notification}"


def test_what_the_relay_would_refuse_beside_others_is_refused_before_it_is_sent() -> None:
    def judged(*documents: bytes) -> list[str | None]:
        given = [event for each in documents for event in read(each)]
        return [
            event.refusal.reason if isinstance(event, NotReady) else None for event in that_would_be_taken(given, NOW)
        ]

    first, other = document(id="a"), document(id="a", data=ACCEPTED["data"] | {"actor": "another"})
    assert judged(first, first) == [None, None]
    assert judged(first, other) == [None, RefusalReason.ID_REUSED]
    assert judged(first, document(id="a", source="urn:another")) == [None, None]
    assert judged(document(time="2026-06-01T00:59:00Z")) == [None]
    assert judged(document(time="2026-06-01T05:00:00Z")) == [RefusalReason.SOURCE_TIME_AHEAD]


def test_a_hearing_of_the_size_that_courts_send_goes_out_with_its_orders() -> None:
    message = hearing_of(2_500_000)
    assert len(message) > 2_400_000
    assert [type(event) for event in read(message, Format.SPI)] == [Ready, Ready]


@pytest.mark.parametrize("said_after", [SENTENCE, ORDER])
def test_a_hearing_that_is_too_large_is_not_sent_and_neither_are_its_orders(said_after: bytes) -> None:
    """Whichever of the two is too large; the sender hears of both, and why."""
    found = read(hearing_of(4_800_000, said_after=said_after, sentences=4_000), Format.SPI)
    reasons = [event.refusal.reason for event in found if isinstance(event, NotReady)]
    assert (len(found), reasons) == (2, [RefusalReason.TOO_LARGE] * 2)


def test_of_two_hearings_the_one_that_can_be_sent_is() -> None:
    small = (EXAMPLES / "spi" / "adjourned.xml").read_bytes()
    messages = (hearing_of(4_800_000, sentences=4_000), small)
    both = b"<Deliver>" + b"".join(message.partition(b"?>")[2] for message in messages) + b"</Deliver>"
    assert Counter(type(event) for event in read(both, Format.SPI)) == {Ready: 2, NotReady: 2}
