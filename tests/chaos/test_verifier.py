"""The verifier is verified: whatever is taken away, changed, moved or added, it says which, and says nothing else."""

import ast
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.broker.relay import message
from tests.chaos.stated import Stated
from tests.chaos.verifier import (
    READS,
    Content,
    End,
    Read,
    Verdict,
    content_of,
    marked,
    verify,
    verify_absences,
    verify_dead_letters,
    verify_ends,
    verify_reminders,
)
from tests.support import builders as b

KEY = ("high_risk", "CR1/party/1", "idva-larkmead")
BORN = date(1991, 5, 4)
OTHER = ("child_school", "CR1/child/1", "school-100001")


def issued(revision: int = 1, topic: str | None = None, **over: Any) -> Read:
    said: dict[str, Any] = {
        "notification": f"n{revision}",
        "rule": KEY[0],
        "subject": KEY[1],
        "agency": KEY[2],
        "revision": revision,
        "kind": "notify" if revision == 1 else "update",
        "state": "live",
        "reason": None,
        "continuity": {"place": KEY[1], "agency_kind": "idva", "route": KEY[0]},
        "matter": [{"what": "risk.grade", "about": KEY[1], "value": "high", "basis": "assessed"}],
        "asks": [{"ask": "accept", "by": f"as of revision {revision}", "answers": ["accepted"], "needs_reason": []}],
        "texts": ["a fixed text"],
        "urgency": "urgent",
        "gather": "singly",
        "desk": "service",
        "service": "incidents",
        "power": {"gateway": "a gateway"},
    } | over
    said["continuity"] = said["continuity"] | {"texts": [f"code of {words}" for words in said["texts"]]}
    return Read(topic or f"agency.{said['agency']}.notifications", 0, 0, json.dumps(said).encode())


SCHOOL = issued(
    notification="s1",
    rule=OTHER[0],
    subject=OTHER[1],
    agency=OTHER[2],
    matter=[
        {"what": "schools", "value": ["100001"], "basis": "stated"},
        {"what": "children.name", "about": OTHER[1], "value": "Example Child", "basis": "stated"},
    ],
    asks=[],
)


def held(notification: Read) -> Content:
    return content_of(json.loads(notification.value))


MUST_HOLD = {KEY: held(issued()), OTHER: held(SCHOOL)}


def test_what_is_as_it_must_be_is_clean_and_delivered_again_it_still_is() -> None:
    assert verify(MUST_HOLD, [issued(), issued(), SCHOOL]).clean


def test_the_highest_revision_is_held_also_when_an_earlier_one_is_delivered_again_after_it() -> None:
    earlier = issued(1, matter=[])
    assert verify(MUST_HOLD, [earlier, issued(2), earlier, SCHOOL]).clean


def test_a_revision_first_published_after_a_later_one_is_wrong() -> None:
    found = verify(MUST_HOLD, [issued(2), issued(1), SCHOOL])
    assert found == Verdict(wrong=[f"{KEY} revision 1 was published after a later one"])


def test_what_is_closed_or_withdrawn_is_not_held() -> None:
    for state in ("closed", "withdrawn"):
        assert verify({}, [issued(), issued(2, kind="close", state=state)]).clean


def test_a_notification_that_is_missing_is_lost() -> None:
    assert verify(MUST_HOLD, [SCHOOL]) == Verdict(lost=[f"{KEY} is not held"])


def test_a_revision_that_is_missing_is_lost() -> None:
    assert verify(MUST_HOLD, [issued(2), SCHOOL]) == Verdict(lost=[f"{KEY} revision 1 was never published"])


def test_a_duty_that_was_closed_and_should_not_be_is_lost() -> None:
    closed = issued(2, kind="close", state="closed")
    assert verify(MUST_HOLD, [issued(), closed, SCHOOL]) == Verdict(lost=[f"{KEY} is not held"])


def test_one_id_with_two_contents_is_twice() -> None:
    found = verify(MUST_HOLD, [issued(), issued(late=True), SCHOOL])
    assert found == Verdict(twice=["notification n1 has two contents"])


def test_one_revision_under_two_ids_is_twice() -> None:
    found = verify(MUST_HOLD, [issued(), issued(notification="other"), SCHOOL])
    assert found == Verdict(twice=[f"{KEY} revision 1 was issued under two ids"])


def test_telling_anew_what_is_held_is_twice() -> None:
    found = verify(MUST_HOLD, [issued(), issued(2, kind="notify"), SCHOOL])
    assert found == Verdict(twice=[f"{KEY} was told anew at revision 2"])


def stated(*victims: dict[str, Any]) -> Stated:
    """A version of the incident for each of these victims; the first is delivered again."""
    bodies = (b.incident("CR1", parties=(b.victim(**victim), b.suspect())) for victim in victims)
    delivered = [message(body, "uk.police.incident-reported", version=n) for n, body in enumerate(bodies, 1)]
    return Stated.of([*delivered, delivered[0]])


def test_telling_of_another_person_is_once_as_often_as_one_came_to_stand_there() -> None:
    anew = {"kind": "notify", "reason": "another_person"}
    delivered = [issued(), issued(2, **anew), issued(3, **anew), SCHOOL]
    other = {"record": b.record("other")}
    assert verify(MUST_HOLD, delivered, stated({}, other, {})).clean
    for who, revisions in ((stated({}, other), (3,)), (stated({}, {}, {}), (2, 3)), (None, (2, 3))):
        lines = [f"{KEY} was told of another person at revision {n} and nobody else stands there" for n in revisions]
        assert verify(MUST_HOLD, delivered, who) == Verdict(twice=lines)
    assert verify(MUST_HOLD, [issued(), issued(2, kind="notify"), SCHOOL], stated({}, other)).twice


@pytest.mark.parametrize(
    ("first", "second", "moves"),
    [
        ({}, {}, 0),
        ({}, {"record": b.record("other")}, 1),
        ({}, {"record": None}, 0),
        ({}, {"record": b.record("Unknown"), "name": "Vera Victim-Test"}, 0),
        ({"date_of_birth": BORN}, {"date_of_birth": BORN, "record": b.record("other")}, 0),
        ({"date_of_birth": BORN}, {"date_of_birth": date(1961, 5, 4), "record": b.record("other")}, 1),
    ],
)
def test_somebody_else_stands_where_versions_do_not_agree_who_does(
    first: dict[str, Any], second: dict[str, Any], moves: int
) -> None:
    assert stated(first, second).moves(KEY[1]) == moves


def test_a_reply_is_right_only_to_an_answer_to_what_was_replaced_or_taken_back() -> None:
    reply: dict[str, Any] = {
        "rule": "answer_outdated",
        "subject": "high_risk/CR1/party/1/idva-larkmead/1",
        "notification": "r1",
    }
    said = issued(**reply, matter=[{"what": "notification", "value": "n1", "basis": "stated"}], asks=[])
    assert verify(MUST_HOLD, [issued(), issued(2), said, SCHOOL]).clean
    key = (reply["rule"], reply["subject"], "idva-larkmead")
    assert verify(MUST_HOLD, [issued(), said, SCHOOL]) == Verdict(wrong=[f"{key} replies to an answer that counts"])


def test_an_update_that_says_nothing_new_is_twice() -> None:
    matter = [{"what": what, "value": value, "basis": "stated"} for what, value in (("risk.grade", "high"), ("x", 1))]
    same: dict[str, Any] = {"asks": [], "matter": matter}
    first = issued(**same)
    found = verify({KEY: held(first)}, [first, issued(2, **same | {"matter": matter[::-1]})])
    assert found == Verdict(twice=[f"{KEY} was told nothing new at revision 2"])
    for changed in (
        {"urgency": "prompt"},
        {"texts": ["another"]},
        {"asks": [{"ask": "accept", "by": "x", "answers": []}]},
        {"matter": matter[:1]},
    ):
        update = issued(2, **same | changed)
        assert verify({KEY: held(update)}, [first, update]).clean


def test_telling_anew_what_was_closed_is_once() -> None:
    delivered = [issued(), issued(2, kind="close", state="closed"), issued(3, kind="notify"), SCHOOL]
    assert verify(MUST_HOLD, delivered).clean


HIGH = {"what": "risk.grade", "about": KEY[1], "value": "high", "basis": "assessed"}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"matter": []}, "risk.grade"),
        ({"matter": [HIGH | {"value": "medium"}]}, "risk.grade"),
        ({"matter": [HIGH | {"basis": "stated"}]}, "risk.grade"),
        ({"matter": [HIGH | {"about": "CR1/party/2"}]}, "risk.grade"),
        ({"matter": [HIGH] * 2}, "risk.grade"),
        ({"matter": [HIGH, HIGH | {"what": "suspect.name"}]}, "suspect.name"),
        ({"asks": []}, "asks"),
        ({"texts": []}, "texts"),
        ({"urgency": "routine"}, "urgency"),
        ({"desk": "duty"}, "desk"),
        ({"power": {"gateway": "another"}}, "power"),
    ],
)
def test_other_content_is_wrong_and_what_of_it_is_named(changed: dict[str, Any], what: str) -> None:
    found = verify(MUST_HOLD, [issued(**changed), SCHOOL])
    assert found == Verdict(wrong=[f"{KEY} is held with another {what}"])


def test_how_often_and_when_it_was_told_is_not_compared() -> None:
    asks = [{"ask": "accept", "by": "later", "answers": ["accepted"], "met": True}]
    asks = [one | {"needs_reason": []} for one in asks]
    again = issued(2, kind="remind", late=True, issued_at="later", grounds=["g2"], asks=asks)
    assert verify(MUST_HOLD, [issued(), again, SCHOOL]).clean


def test_a_warning_too_much_or_too_little_is_wrong() -> None:
    said = json.loads(issued().value)
    warned = issued()._replace(value=json.dumps(said | {"texts": [*said["texts"], "do not ring her"]}).encode())
    assert [line for line in verify(MUST_HOLD, [warned, SCHOOL]).wrong if "texts" in line]


def test_another_agency_holding_it_is_lost_and_wrong() -> None:
    found = verify(MUST_HOLD, [issued(agency="idva-elsewhere"), SCHOOL])
    elsewhere = (*KEY[:2], "idva-elsewhere")
    assert found == Verdict(lost=[f"{KEY} is not held"], wrong=[f"{elsewhere} is held and should not be"])


def test_what_lies_in_another_agency_s_topic_is_lost_and_wrong() -> None:
    topic = "agency.idva-elsewhere.notifications"
    found = verify(MUST_HOLD, [issued(topic=topic), SCHOOL])
    assert found == Verdict(lost=[f"{KEY} is not held"], wrong=[f"{KEY} revision 1 was published to {topic}"])


def test_something_that_nobody_should_hold_is_wrong() -> None:
    assert verify({}, [SCHOOL]) == Verdict(wrong=[f"{OTHER} is held and should not be"])


INCIDENT = Read("police.incidents", 0, 7, b"{}", (("ce_id", b"e1"),))
REFUSED = Read("agency.responses", 1, 3, b"{", (("ce_id", b"e2"),))
UNBELIEVABLE = [marked(REFUSED.value, REFUSED.headers)]
ENDS = [
    *(End(s, *INCIDENT[:3], "accepted") for s in ("incidents", "convictions", "order_variations")),
    *(End(s, *REFUSED[:3], "refused") for s in READS),
]
RECORDS = [INCIDENT, REFUSED]


def test_one_end_in_each_service_that_reads_the_stream_is_clean() -> None:
    assert verify_ends(RECORDS, UNBELIEVABLE, ENDS).clean


def test_a_record_without_an_end_is_lost() -> None:
    for end in ENDS:
        rest = [other for other in ENDS if other != end]
        assert verify_ends(RECORDS, UNBELIEVABLE, rest) == Verdict(lost=[f"{end[:4]} has no end"])


def test_a_record_with_two_ends_is_twice() -> None:
    for end in ENDS:
        found = verify_ends(RECORDS, UNBELIEVABLE, [*ENDS, end._replace(fate="faulted")])
        assert found == Verdict(twice=[f"{end[:4]} has two ends"])


@pytest.mark.parametrize("fate", ["refused", "faulted", "of_no_known_kind"])
def test_a_good_record_that_ended_badly_is_wrong(fate: str) -> None:
    found = verify_ends(RECORDS, UNBELIEVABLE, [ENDS[0]._replace(fate=fate), *ENDS[1:]])
    assert found == Verdict(wrong=[f"{ENDS[0][:4]} ended as {fate}"])


def test_a_bad_record_that_was_believed_is_wrong() -> None:
    found = verify_ends(RECORDS, UNBELIEVABLE, [*ENDS[:-1], ENDS[-1]._replace(fate="accepted")])
    assert found == Verdict(wrong=[f"{ENDS[-1][:4]} ended as accepted"])


def test_an_end_of_no_record_is_wrong() -> None:
    stray = End("incidents", "police.incidents", 0, 8, "accepted")
    found = verify_ends(RECORDS, UNBELIEVABLE, [*ENDS, stray])
    assert found == Verdict(wrong=[f"{stray[:4]} is the end of no record"])


def test_an_end_in_a_service_that_does_not_read_the_stream_is_wrong() -> None:
    stray = End("responses", *INCIDENT[:3], "accepted")
    found = verify_ends(RECORDS, UNBELIEVABLE, [*ENDS, stray])
    assert found == Verdict(wrong=[f"{stray[:4]} is the end of no record"])


def test_a_record_sent_again_is_taken_for_new_once() -> None:
    again = INCIDENT._replace(offset=8)
    repeated = [end._replace(offset=8, fate="repeated") for end in ENDS[:3]]
    assert verify_ends([*RECORDS, again], UNBELIEVABLE, [*ENDS, *repeated]).clean
    found = verify_ends([*RECORDS, again], UNBELIEVABLE, [*ENDS, repeated[0]._replace(fate="accepted"), *repeated[1:]])
    assert found == Verdict(twice=["incidents took 2 of equal records for new: e1"])


LETTER = Read(
    "agency.responses.dlq",
    0,
    0,
    REFUSED.value,
    (
        ("dlq-original-topic", b"agency.responses"),
        ("dlq-original-partition", b"1"),
        ("dlq-original-offset", b"3"),
        ("dlq-id", b"l1"),
        ("dlq-reason", b"not_json"),
        ("dlq-service-version", b"shipped"),
    ),
)
PLACE = REFUSED[:3]


def test_a_dead_letter_for_each_refused_record_is_clean_also_when_delivered_again() -> None:
    assert verify_dead_letters(RECORDS, UNBELIEVABLE, [LETTER, LETTER]).clean


def test_a_refused_record_without_a_dead_letter_is_lost() -> None:
    assert verify_dead_letters(RECORDS, UNBELIEVABLE, []) == Verdict(lost=[f"{PLACE} has no dead letter"])


def test_a_dead_letter_of_a_good_record_is_wrong() -> None:
    found = verify_dead_letters(RECORDS, [], [LETTER])
    assert found == Verdict(wrong=[f"{PLACE} has a dead letter and was right"])


def test_two_dead_letters_of_one_record_are_twice() -> None:
    second = LETTER._replace(headers=(*LETTER.headers[:3], ("dlq-id", b"l2"), *LETTER.headers[4:]))
    found = verify_dead_letters(RECORDS, UNBELIEVABLE, [LETTER, second])
    assert found == Verdict(twice=[f"{PLACE} has two dead letters"])


def test_what_a_bad_release_refused_is_a_dead_letter_that_nothing_takes_back() -> None:
    badly = LETTER._replace(headers=(*LETTER.headers[:4], ("dlq-reason", b"unknown"), ("dlq-service-version", b"bad")))
    assert verify_dead_letters(RECORDS, [], [badly], "bad").clean
    assert verify_dead_letters(RECORDS, UNBELIEVABLE, [badly], "bad").clean
    assert verify_dead_letters(RECORDS, UNBELIEVABLE, [badly, LETTER], "bad").clean
    assert verify_dead_letters(RECORDS, [], [badly], "worse").wrong == [f"{PLACE} has a dead letter and was right"]


def said_of(urn: str, kind: str, delivered: int, read_after: float) -> Read:
    """An event of a case, told in this second and at the broker so many seconds later."""
    headers = (
        ("ce_type", f"{kind}.v1".encode()),
        ("ce_time", (START + timedelta(seconds=delivered)).isoformat().encode()),
    )
    value = json.dumps({"references": {"urn": urn}}).encode()
    return Read("a stream", 0, 0, value, headers, START + timedelta(seconds=delivered + read_after))


def missed(urn: str) -> Read:
    return issued(rule="missed_order", subject=f"CR1/party/1/{urn}/A1/1")


START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SETTLES = timedelta(seconds=10)
HEARD, ORDERED = "uk.court.hearing-resulted", "uk.court.orders-resulted"


@pytest.mark.parametrize(("after", "cases"), [(8.9, 1), (9.1, 0)])
def test_who_hears_that_an_order_is_missing_that_came_within_the_settling_time_is_told_wrongly(
    after: float, cases: int
) -> None:
    records = [said_of("U1", HEARD, 0, 0.1), said_of("U1", ORDERED, 0, after), said_of("U2", HEARD, 0, 0.1)]
    found, counted = verify_absences(records, ["U1"], SETTLES, [missed("U1"), missed("U2"), issued()])
    assert counted == cases
    assert len(found.wrong) == cases
    assert all("U1" in line and "missing for a moment" in line for line in found.wrong)


def test_an_order_that_is_delivered_again_later_came_when_it_came_first() -> None:
    records = [said_of("U1", HEARD, 0, 0.1), said_of("U1", ORDERED, 0, 1), said_of("U1", ORDERED, 0, 60)]
    assert verify_absences(records, ["U1"], SETTLES, [])[1] == 1


def at(seconds: float, notification: Read) -> Read:
    return notification._replace(at=START + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("delivered", "end", "lost"),
    [
        pytest.param([at(5, issued())], 61, 1, id="told once, and a minute has passed"),
        pytest.param([at(5, issued())], 59, 0, id="told once, and no minute has passed"),
        pytest.param([at(70, issued())], 119, 0, id="told late"),
        pytest.param([at(70, issued())], 121, 1, id="told late, and another minute has passed"),
        pytest.param([at(5, issued()), at(61, issued(2, kind="remind"))], 121, 0, id="reminded"),
        pytest.param([at(5, issued()), at(61, issued(2, kind="update"))], 121, 1, id="told something else"),
        pytest.param([], 121, 0, id="never told"),
    ],
)
def test_who_was_not_reminded_when_the_time_had_come_has_lost_something(
    delivered: list[Read], end: float, lost: int
) -> None:
    headers = (("ce_type", b"uk.police.incident-reported.v1"), ("ce_subject", b"CR1"))
    report = Read("police.incidents", 0, 0, b"{}", (*headers, ("ce_time", START.isoformat().encode())), START)
    found = verify_reminders([report], ["CR1"], [1, 2], delivered, START + timedelta(seconds=end))
    assert found == Verdict(lost=[f"{KEY} was not reminded"] * lost)


def test_the_verifier_shares_no_code_with_the_relay() -> None:
    here = Path(__file__).parent
    for path in (here / "verifier.py", here / "stated.py"):
        tree = ast.parse(path.read_text())
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imported |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        ours = {module for module in imported if module.split(".")[0] in ("services", "schemas", "tests")}
        assert ours <= {"tests.chaos.stated"}, path.name
