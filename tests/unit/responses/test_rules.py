"""Answers that belong to no notification: their sender hears so."""

from datetime import timedelta

from schemas.agency_responses import v1 as responses
from services.platform.domain.core.duties import Duty, Withheld
from services.platform.domain.core.facts import CaseFile
from services.responses.rules import answer_without_notification
from tests.support import builders as b

HOME = "unlinked:notification:note-1"


def file_of(*answers: responses.Answer, known: bool = False) -> CaseFile:
    facts = [b.fact(answer) for answer in answers]
    unlinked = {} if known else {fact.id: "unknown_notification" for fact in facts}
    return b.case_file(*facts, of=HOME, unlinked=unlinked)


def stated(file: CaseFile) -> list[Duty | Withheld]:
    return list(answer_without_notification(file, b.policy()))


def test_the_sender_hears_which_notification_is_nobodys_and_what_it_had_answered() -> None:
    (duty,) = stated(file_of(b.accepted()))
    assert isinstance(duty, Duty)
    assert duty.key == ("answer_without_notification", "unknown-notification:note-1", "idva-larkmead")
    assert (duty.kind, duty.asks, duty.tell_by) == ("idva", (), b.NOON + timedelta(minutes=15))
    assert {item.what: item.value for item in duty.matter} == {"notification": "note-1", "answered": ("accepted",)}


def test_all_that_one_sender_answered_is_one_notification() -> None:
    file = file_of(b.acknowledged(), b.accepted())
    (duty,) = stated(file)
    assert duty.grounds == tuple(sorted(fact.id for fact in file.facts))


def test_two_senders_hear_apart() -> None:
    assert {s.key.agency for s in stated(file_of(b.declined(), b.decided(agency="marac-larkmead")))} == {
        "idva-larkmead",
        "marac-larkmead",
    }


def test_an_answer_to_a_notification_that_is_known_owes_nothing() -> None:
    assert not stated(file_of(b.accepted(), known=True))


def test_a_sender_that_policy_does_not_know_has_no_address() -> None:
    assert not stated(file_of(b.accepted(agency="nobody-at-all")))


def test_what_was_answered_before_this_deployment_tells_is_withheld() -> None:
    (statement,) = stated(file_of(b.accepted(occurred_at=b.NOON.replace(year=2020))))
    assert isinstance(statement, Withheld)
    assert statement.reason == "before_go_live"
