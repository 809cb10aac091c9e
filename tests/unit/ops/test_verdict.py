"""The first line of `relay status`: people before machines, and never "all is well" while something is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest

from schemas.police_incidents.v1 import Party
from services.ops.broker_status import within
from services.ops.terminal import UsageError
from services.ops.unread_people import past_their_time
from services.ops.verdict import Service, Status, wrong
from services.platform.policy.load import PolicyRefusedError
from services.platform.storage.records import Record
from tests.broker.relay import message, shipped_policy
from tests.support import builders as b

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GOOD = Service(
    service="incidents",
    workers=1,
    lag=0,
    group_lag=0,
    lag_seconds=0.0,
    read_to=NOW,
    decided=3,
    pending=1,
    refused=2,
    faulted=0,
    repeated=0,
    outbox=0,
    outbox_seconds=0.0,
    parked=0,
    asks_overdue=0,
    unexplained=0,
    faulted_files=0,
    oldest_without_outcome=None,
    release="0123456789ab",
    policy_version="2026.1",
)
WELL = Status(NOW, (), 0, 0, True, (GOOD,), ())


def said(status: Status, *, kafka_answers: bool = True) -> list[str]:
    return list(wrong(status, kafka_answers=kafka_answers))


def test_what_is_refused_or_waits_for_a_link_is_not_wrong() -> None:
    assert said(WELL) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"workers": 0}, "no worker of incidents is running"),
        ({"lag": 2, "lag_seconds": 61.0}, "incidents has not read 2 records; the oldest has waited 1 min"),
        ({"lag": 2, "lag_seconds": None}, "incidents has not read 2 records"),
        (
            {"outbox": 4, "outbox_seconds": 600.0},
            "incidents cannot publish: 4 records not sent; the oldest has waited 10 min",
        ),
        ({"faulted": 1}, "incidents: 1 record could not be judged"),
        ({"parked": 2}, "incidents: 2 notifications refused by the broker"),
        ({"faulted_files": 1}, "incidents: 1 case file in which a rule raises an error"),
        ({"unexplained": 3}, "incidents: 3 duties told, owed no longer"),
    ],
)
def test_each_thing_that_is_wrong_with_a_service_is_said(changed: dict[str, Any], words: str) -> None:
    (sentence,) = said(replace(WELL, services=(replace(GOOD, **changed),)))
    assert words in sentence


def test_people_come_before_machines() -> None:
    everything = replace(WELL, people_unread=5, people_unanswered=1, services=(replace(GOOD, workers=0),))
    first, *_, last = said(everything)
    assert first == "5 people are past their time, and nobody was told: the events about them are unread."
    assert last == "1 person is past their time: agencies were told, and have not answered."


def test_a_silent_broker_is_wrong_even_where_nothing_else_is_known() -> None:
    unknown = replace(GOOD, workers=None, lag=None, group_lag=None, lag_seconds=None)
    (sentence,) = said(replace(WELL, people_unread=None, services=(unknown,)), kafka_answers=False)
    assert sentence.startswith("Kafka does not answer")


def test_unread_events_that_nobody_had_time_to_search_are_said() -> None:
    (sentence,) = said(replace(WELL, all_searched=False))
    assert sentence.startswith("there was no time to search all unread events")


def test_a_fault_while_kafka_is_asked_is_no_silence_of_kafka() -> None:
    def policy_is_broken() -> int:
        raise PolicyRefusedError(())

    with pytest.raises(PolicyRefusedError):
        within(5, policy_is_broken)


def test_work_that_takes_too_long_and_a_kafka_that_does_not_answer_give_nothing() -> None:
    def no_answer() -> int:
        raise UsageError("Kafka does not answer")

    assert within(0.01, Event().wait) is None
    assert within(5, no_answer) is None
    assert within(5, lambda: 3) == 3


def unread(crime: str, minutes: int, **over: Any) -> tuple[Record, tuple[str, ...]]:
    at = NOW - timedelta(minutes=minutes)
    sent = message(b.incident(crime, reported_at=at, occurred_at=at, **over), "uk.police.incident-reported", time=at)
    return Record(sent.topic, 0, 0, at, sent.key, sent.value, sent.headers), ("incidents", "convictions")


def of(her: str) -> tuple[Party, ...]:
    return (b.victim(record=b.record(her)), b.suspect())


@pytest.mark.parametrize(("minutes", "people"), [(14, 0), (17, 5)])
def test_five_women_of_high_risk_incidents_that_lie_unread_are_five_people_from_a_quarter_of_an_hour_on(
    minutes: int, people: int
) -> None:
    records = [unread(f"5426000090{n}", minutes, parties=of(f"woman-{n}")) for n in range(5)]
    assert len(past_their_time(records, shipped_policy().at(NOW), NOW)) == people


def test_a_person_of_two_unread_incidents_is_one_person() -> None:
    records = [unread(f"5426000090{n}", 60, parties=of("the-same-woman")) for n in range(2)]
    assert past_their_time(records, shipped_policy().at(NOW), NOW) == {f"record:{b.SYSTEM}:the-same-woman"}


def test_what_cannot_be_read_and_what_is_read_already_is_nobody() -> None:
    (record, _) = unread("54260000905", 60)
    broken = replace(record, value=b"{")
    assert past_their_time([(broken, ("incidents",)), (record, ())], shipped_policy().at(NOW), NOW) == frozenset()
