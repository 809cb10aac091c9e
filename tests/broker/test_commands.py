"""Commands on real servers: explain, pending list, status, dead letters, topics and tables, over one small history."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from psycopg import AsyncConnection
from typer.testing import CliRunner, Result

from schemas.values import CorrectionReason, Withdrawn
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.ops import terminal
from services.ops.cli import app
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform import metrics
from services.platform.local.embedded import Servers
from services.platform.storage.gauges import gauges
from services.platform.streaming.sending import Message
from services.responses.__main__ import SERVICE as RESPONSES
from tests.broker.relay import NOW, Relay, message, relay_on
from tests.broker.servers_away import away
from tests.support import builders as b
from tests.support.databases import empty_database

pytestmark = [pytest.mark.long, pytest.mark.one_process]

KAFKA_SILENT, KAFKA_WITHIN = "Kafka does not answer", 60.0
BUSY_SECONDS = 4  # for what the command imports and asks of the database, on a machine that has other work


def another_source_with_the_id_of(other: Message, sent: Message) -> Message:
    headers = dict(sent.headers) | {"ce_id": dict(other.headers)["ce_id"], "ce_source": b"another"}
    return replace(sent, headers=tuple(headers.items()))


INCIDENT = message(b.incident(), "uk.police.incident-reported")
CHILDREN = message(b.children(), "uk.police.children-linked")
DISCHARGED = b.order(action="discharged", order=b.order_at())
UNLINKED = message(b.orders_resulted(DISCHARGED), "uk.court.orders-resulted")
REFUSED_CRIME, UNREAD_CRIME, OF_POLICE_CRIME = "54260000902", "54260000903", "54260000904"
NO_FORCE = message(b.incident(REFUSED_CRIME, force_code="ZZ"), "uk.police.incident-reported")
SAME_ID = another_source_with_the_id_of(INCIDENT, message(b.incident("CR4"), "uk.police.incident-reported"))
NOT_READ_YET = message(b.incident(UNREAD_CRIME), "uk.police.incident-reported")
OF_POLICE = message(
    b.incident(OF_POLICE_CRIME, parties=(b.victim(), b.suspect(is_police=True))), "uk.police.incident-reported"
)
RISK_OF_POLICE = message(b.risk_assessed(crime_reference=OF_POLICE_CRIME), "uk.police.risk-assessed")
WRONG_WOMAN, RIGHT_WOMAN = (
    b.incident("CR5", parties=(b.victim(record=b.record(who)), b.suspect(record=b.record("another-man"))))
    for who in ("another-woman", "the-right-woman")
)
ONCE = message(WRONG_WOMAN, "uk.police.incident-reported", version=1)
AMENDED = message(RIGHT_WOMAN, "uk.police.incident-reported", version=2)
TAKEN_BACK = message(
    Withdrawn(occurred_at=NOW, withdrawn=True, correction_reason=CorrectionReason.RECORDED_WRONGLY),
    "uk.police.incident-reported",
    version=3,
    subject="CR5",
)


@dataclass(frozen=True)
class History:
    """Servers on which it all has happened and no worker runs any more."""

    servers: Servers
    database: str

    def relay(self, *arguments: str) -> Result:
        addresses = {"RELAY_KAFKA": self.servers.kafka, "RELAY_DATABASE": self.database}
        return CliRunner().invoke(app, arguments, env=addresses)

    def status(self) -> Result:
        """What status says once Kafka answers within the time that status gives it; a busy machine may take longer."""
        deadline = time.monotonic() + KAFKA_WITHIN
        while KAFKA_SILENT in (result := self.relay("status", "--json")).output and time.monotonic() < deadline:
            pass
        return result

    def read(self, *arguments: str) -> Any:
        said = self.relay(*arguments)
        assert said.stdout, said.output or said.exception
        return json.loads(said.stdout)


@pytest.fixture(scope="module")
def history(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with empty_database(servers) as database:
        asyncio.run(_happen(servers, database, tmp_path_factory.mktemp("work")))
        yield History(servers, database)


async def _happen(servers: Servers, database: str, folder: Path) -> None:
    async with relay_on(servers, folder, database) as relay:
        async with relay.working(INCIDENTS, ORDER_VARIATIONS, RESPONSES) as worker:
            await relay.publish(INCIDENT, INCIDENT, CHILDREN, UNLINKED, NO_FORCE, SAME_ID)
            await relay.settled(worker)
            for version in (ONCE, AMENDED, TAKEN_BACK):
                await relay.publish(version)
                await relay.settled(worker)
        await relay.publish(NOT_READ_YET, OF_POLICE, RISK_OF_POLICE)


def event_of(sent: Message) -> str:
    return dict(sent.headers)["ce_id"].decode()


@pytest.mark.parametrize("asked", [event_of(INCIDENT), b.VICTIM, f"{b.CRIME}/1", b.CRIME, f"high_risk/{b.VICTIM}"])
def test_a_decision_is_found_by_its_event_its_person_its_matter_and_its_duty(history: History, asked: str) -> None:
    found = history.read("explain", asked, "--json", "--role", "audit")
    assert "high_risk" in {duty["rule"] for duty in found["delivered"]}


@pytest.mark.parametrize(
    "asked",
    [event_of(NO_FORCE), REFUSED_CRIME, f"{REFUSED_CRIME}/1", f"{REFUSED_CRIME}/party/1", f"log-{REFUSED_CRIME}"],
)
def test_a_refused_event_is_found_by_every_name_that_it_carries(history: History, asked: str) -> None:
    found = history.read("explain", asked, "--json")
    assert {refused["reason"] for refused in found["refused"]} == {"unknown_force"}
    said = history.relay("explain", asked).output
    assert "It was refused, so nobody was told anything." in said


@pytest.mark.parametrize("asked", [event_of(NOT_READ_YET), UNREAD_CRIME, f"{UNREAD_CRIME.lower()}/1"])
def test_an_event_that_is_not_read_yet_is_found_by_every_name_that_it_carries(history: History, asked: str) -> None:
    (unread,) = history.read("explain", asked, "--json")["unread"]["found"]
    assert unread["event"] == event_of(NOT_READ_YET)
    assert set(unread["services"]) == {"incidents", "order_variations"}
    said = history.relay("explain", asked)
    assert "It has not been read yet, so nobody has been told." in said.output
    assert said.exit_code == 0


def test_an_unread_incident_of_a_suspect_who_is_police_is_shown_to_audit_alone(history: History) -> None:
    for role in ((), ("--role", "ops"), ("--role", "dait")):
        nothing = history.relay("explain", "CR-NOT-THERE", *role)
        said = history.relay("explain", OF_POLICE_CRIME, *role)
        assert (said.exit_code, said.output) == (nothing.exit_code, nothing.output)
    assert history.read("explain", OF_POLICE_CRIME, "--json", "--role", "audit")["unread"]["found"]


@pytest.mark.parametrize("asked", [*map(event_of, (ONCE, AMENDED, TAKEN_BACK)), "CR5", "CR5/1", "CR5/party/1"])
def test_what_was_told_of_an_incident_that_was_taken_back_is_found_by_each_of_its_names(
    history: History, asked: str
) -> None:
    found = history.read("explain", asked, "--json", "--role", "audit")
    assert {t["state"] for t in found["delivered"] if t["rule"] == "high_risk"} == {"withdrawn"}
    assert {t["subject"].partition("/")[0] for t in found["delivered"]} == {"CR5"}
    assert {fact["version"] for fact in found["facts"]} >= {1, 2}


@pytest.mark.parametrize(
    "asked", [event_of(INCIDENT).upper(), event_of(INCIDENT)[:13], f"log-{b.CRIME}".lower(), f" {b.CRIME.lower()} "]
)
def test_a_name_is_found_in_whichever_case_by_its_beginning_and_by_the_incident_s_log(
    history: History, asked: str
) -> None:
    found = history.read("explain", asked, "--json", "--role", "audit")
    assert "high_risk" in {duty["rule"] for duty in found["delivered"]}


def test_an_agency_told_of_nothing_of_late_hears_what_older_matters_are_open(history: History) -> None:
    delivered = history.read("explain", b.CRIME, "--json", "--role", "audit")["delivered"]
    agency = next(t["recipient"] for t in delivered if t["rule"] == "high_risk" and t["state"] == "live")
    said = history.relay("subscribe", agency, "--no-follow", "--since", "2190-01-01").output
    assert "Nothing was told since" in said
    assert re.search(r"[1-9] older matters? (is|are)\s+open", said)


def test_an_id_that_two_sources_use_explains_both_and_a_fact_s_own_id_one(history: History) -> None:
    found = history.read("explain", event_of(INCIDENT), "--json", "--role", "audit")
    both = {(fact["subject"], fact["source"]): fact for fact in found["facts"]}
    assert both.keys() >= {(b.CRIME, "test"), ("CR4", "another")}
    assert {(end["service"], end["source"]) for end in found["ends"]} >= {
        ("incidents", "test"),
        ("incidents", "another"),
    }
    assert {duty["subject"] for duty in found["delivered"]} >= {b.VICTIM, "CR4/party/1"}

    (one,) = [fact["id"] for fact in both.values() if fact["source"] == "another"]
    alone = history.read("explain", one, "--json", "--role", "audit")
    assert {(end["source"], end["fate"]) for end in alone["ends"]} == {("another", "accepted")}
    assert {duty["subject"] for duty in alone["delivered"]} == {"CR4/party/1"}


def test_a_notification_is_explained_and_an_agency_reads_its_own_whole(history: History) -> None:
    delivered = history.read("explain", b.CRIME, "--json", "--role", "audit")["delivered"]
    duty = next(t for t in delivered if t["rule"] == "high_risk" and t["recipient"].startswith("idva"))
    notification = duty["changes"][0]["notification"]
    own = history.read("explain", notification, "--json", "--as", duty["recipient"])
    assert own["question"] == "notification"
    (shown,) = [t for t in own["delivered"] if t["recipient"] == duty["recipient"]]
    assert shown["lines"]
    assert all(line["shown"] for line in shown["lines"])


def test_a_kind_of_agency_sees_values_as_far_as_it_is_granted_them(history: History) -> None:
    lines = [
        line
        for duty in history.read("explain", b.CRIME, "--json", "--role", "dait")["delivered"]
        for line in duty["lines"]
    ]
    assert {line["what"]: line["value"] for line in lines}["crime_reference"] == b.CRIME


def test_what_nobody_knows_is_answered_with_the_forms_that_are_understood(history: History) -> None:
    result = history.relay("explain", "nothing-of-the-kind")
    assert result.exit_code == 1
    assert "54260012345/party/1" in result.output


def test_a_refused_event_is_explained_by_its_refusal(history: History) -> None:
    found = history.read("explain", event_of(NO_FORCE), "--json")
    assert {refused["reason"] for refused in found["refused"]} == {"unknown_force"}
    assert not found["delivered"]


def test_the_pending_list_says_what_is_missing_and_who_was_told_unlinked(history: History) -> None:
    result = history.relay("pending", "list", "--json")
    assert result.exit_code == 1
    (fact,) = json.loads(result.stdout)["facts"]
    assert (fact["missing"], fact["event"]) == ("no_charge", event_of(UNLINKED))
    assert fact["link_by"]
    assert fact["delivered"]
    assert "dait-54" in fact["desks"]
    assert f"--as {'|'.join(fact['desks'])} --actor YOU" in history.relay("pending", "list").stdout


def test_status_counts_what_became_of_every_record_and_how_far_each_service_is_behind(history: History) -> None:
    result = history.status()
    assert result.exit_code == 1
    assert "no worker of incidents is running." in json.loads(result.stdout)["wrong"]
    services = {service["service"]: service for service in json.loads(result.stdout)["services"]}
    incidents = services["incidents"]
    assert (incidents["lag"], incidents["group_lag"]) == (3, 3)
    assert (incidents["workers"], incidents["lag_seconds"] >= 0) == (0, True)
    assert (incidents["decided"], incidents["pending"]) == (6, 1)
    assert (incidents["refused"], incidents["faulted"], incidents["repeated"]) == (1, 0, 1)
    assert incidents["oldest_without_outcome"] == incidents["lag_seconds"]
    assert json.loads(result.stdout)["moved_ahead"] == []


@pytest.mark.parametrize(
    "arguments", [("status",), ("pending", "list"), ("dlq", "list"), ("explain", b.CRIME, "--full")]
)
def test_tables_fit_a_terminal(history: History, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal.out, "width", 80)
    assert max(len(line) for line in history.relay(*arguments).stdout.splitlines()) <= 80


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_status_says_within_three_seconds_that_kafka_does_not_answer(history: History, how: str) -> None:
    with away(history.servers, "kafka", how):
        began = time.monotonic()
        result = history.relay("status")
        took = time.monotonic() - began
    assert result.exit_code == 1
    assert result.output.startswith("Something is wrong: Kafka does not answer")
    assert "refused" in result.output
    assert took < 3 + BUSY_SECONDS


def test_a_dead_letter_is_listed_by_reason_and_shown_without_its_content(history: History) -> None:
    result = history.relay("dlq", "list", "police.incidents", "--reason", "unknown_force", "--json")
    assert result.exit_code == 1
    letter = json.loads(result.stdout)
    assert letter["event"] == event_of(NO_FORCE)
    shown = history.relay("dlq", "show", letter["id"])
    assert shown.exit_code == 0
    assert b'"parties"' in (NO_FORCE.value or b"")
    assert "parties" not in shown.stdout
    assert history.relay("dlq", "list", "--reason", "not_json").exit_code == 0


def test_a_dead_letter_goes_back_to_its_stream_as_it_came(history: History, tmp_path: Path) -> None:
    (letter,) = [json.loads(line) for line in history.relay("dlq", "list", "--json").stdout.splitlines()]
    assert "Would send back: 1 record" in history.relay("dlq", "replay", letter["id"], "--dry-run").stdout
    assert history.relay("dlq", "replay", "--reason", "unknown_force", "--by", "duty-3").exit_code == 0

    reader = Relay(history.servers, history.database, b.shipped(), tmp_path)
    sent = asyncio.run(reader.read("police.incidents"))
    ((headers, value),) = [(headers, value) for _, headers, value in sent if "dlq-replay-of" in headers]
    assert value == NO_FORCE.value
    assert headers.items() >= dict(NO_FORCE.headers).items()
    assert headers["dlq-replay-of"].decode() == letter["id"]
    assert (headers["dlq-replayed-by"], headers["dlq-replay-count"]) == (b"duty-3", b"1")
    assert history.relay("dlq", "replay", "no-such-letter").exit_code == 1


def test_topics_and_tables_that_are_there_are_left_as_they_are(history: History) -> None:
    assert "0 topics made" in history.relay("topics", "apply").stdout
    assert "already" in history.relay("db", "migrate").stdout


def test_gauges_count_what_waits_without_saying_of_whom(history: History) -> None:
    async def fill() -> None:
        async with await AsyncConnection.connect(history.database) as conn:
            await gauges(conn)

    asyncio.run(fill())
    said = generate_latest(metrics.REGISTRY).decode()
    assert 'relay_unexplained{service="incidents"} 0.0' in said
    assert 'relay_oldest_pending_seconds{service="order_variations"}' in said
    assert b.CRIME not in said
