"""Publishing in real time: what is right is sent and told, what is wrong is said, and nothing is told twice."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.court_convictions.v1 import HearingResulted
from schemas.court_order_variations.v1 import OrdersResulted
from services.ops.cli import app
from services.ops.policies import load
from services.ops.starting import prepare
from services.ops.subscribe import open_topics, read_to_end
from services.platform.local.embedded import embedded_servers
from services.platform.local.services import Services, all_services
from services.platform.local.story import STORY
from services.platform.local.story_clock import StoryClock, story_clock
from services.platform.project import PROJECT
from services.platform.settings import Addresses
from tests.support import builders as b

pytestmark = [pytest.mark.broker, pytest.mark.one_process]

DRAINED_WITHIN = 60.0
NOT_SENT_TO_YOU = "No notification with that id was sent to you"
POLICIES = load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")
CHILDREN = PROJECT / "schemas/examples/police.incidents/children-linked/one-child-heard-it.json"
KINDS = {HearingResulted: "hearing-resulted", OrdersResulted: "orders-resulted"}
EXAMPLE = PROJECT / "schemas/examples/police.incidents/incident-reported/high-risk-strangulation.json"


def children_of(crime: str) -> Any:
    event = json.loads(CHILDREN.read_text())
    event["subject"] = event["data"]["crime_reference"] = crime
    return event


@dataclass
class Relay:
    """All services on servers that no story clock stands on, and the commands that somebody types beside them."""

    services: Services
    clock: StoryClock
    consumer: Any
    heard: list[NotificationIssued]

    def relay(self, *arguments: str, given: bytes = b"") -> Any:
        servers = {"RELAY_KAFKA": self.services.servers.kafka, "RELAY_DATABASE": self.services.servers.database}
        return CliRunner(env=servers | {"COLUMNS": "120"}).invoke(app, arguments, input=given)

    def delivered(self) -> list[NotificationIssued]:
        """What agencies are told by the time that the services have nothing left to do, and were not before."""
        self.clock.wait_until_drained(self.services.reads, DRAINED_WITHIN, self.services.check)
        new = [heard.notification for heard in read_to_end(self.consumer)]
        self.heard += new
        return new


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    folder = tmp_path_factory.mktemp("publish")
    with embedded_servers(durable=False) as servers:
        prepare(Addresses(servers.kafka, servers.database), POLICIES)
        with (
            story_clock(servers.kafka, servers.database) as clock,
            all_services(servers, folder / "services.log") as services,
            open_topics(
                servers.kafka, [f"agency.{agency.id}.notifications" for agency in POLICIES.agencies]
            ) as consumer,
        ):
            yield Relay(services, clock, consumer, [])


def test_what_is_right_is_published_and_what_is_not_is_said_without_its_values(running: Relay, tmp_path: Path) -> None:
    wrong = json.loads(EXAMPLE.read_text())
    wrong["data"]["parties"][0]["age"] = "MarkedValue"
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    (tmp_path / "half.json").write_text(EXAMPLE.read_text()[:400])
    (tmp_path / "right.json").write_text(EXAMPLE.read_text())
    said = running.relay("publish", str(tmp_path))
    assert said.exit_code == 1
    assert "Published: 1 event." in said.output
    assert "Not published: 2 events." in said.output
    assert "parties[0].age" in said.output
    assert "MarkedValue" not in said.output
    assert "1 event: taken." in said.output
    assert running.delivered()


def test_the_same_from_standard_input_changes_nothing(running: Relay) -> None:
    assert running.relay("publish", str(EXAMPLE)).exit_code == 0
    running.delivered()
    said = running.relay("publish", "-", given=EXAMPLE.read_bytes())
    assert said.exit_code == 0
    assert "1 event: known already; nothing changes." in said.output
    assert running.delivered() == []


def test_what_the_relay_refuses_and_what_waits_for_a_link_is_said_to_the_publisher(
    running: Relay, tmp_path: Path
) -> None:
    event = json.loads(EXAMPLE.read_text())
    event["subject"] = event["data"]["crime_reference"] = "54260099001"
    event["data"]["force_code"] = "ZZ"
    (tmp_path / "another-force.json").write_text(json.dumps(event))
    event["data"]["force_code"] = "54"
    event["subject"] = event["data"]["crime_reference"] = "54260099002"
    (tmp_path / "right.json").write_text(json.dumps(event))
    (tmp_path / "too-early.json").write_text(json.dumps(children_of("54260099003")))
    said = running.relay("publish", str(tmp_path))
    assert said.exit_code == 1
    assert "1 event: refused: The policy in use knows no police force with this code." in said.output
    assert "1 event: taken." in said.output
    assert "1 event: taken; it waits: the incident that it belongs to." in said.output
    running.delivered()


def test_two_contents_of_one_version_are_said_to_the_publisher_and_the_later_stands(
    running: Relay, tmp_path: Path
) -> None:
    """The later by its own time, whichever comes first: so every service has the same, and says so."""

    def published(told_at: str, grade: str) -> Any:
        event = json.loads(EXAMPLE.read_text())
        event |= {"subject": "54260098765", "time": f"2026-03-02T{told_at}:00Z", "factversion": 7}
        event["data"] |= {"crime_reference": "54260098765", "risk": event["data"]["risk"] | {"tool_version": grade}}
        (tmp_path / "event.json").write_text(json.dumps(event))
        return running.relay("publish", str(tmp_path / "event.json"))

    assert "1 event: taken" in published("21:05", "first").output
    later = published("21:07", "second")
    assert later.exit_code == 0
    assert "in place of another content with the same factversion" in " ".join(later.output.split())
    earlier = published("21:06", "third")
    assert earlier.exit_code == 1
    assert "another content with the same factversion is current" in " ".join(earlier.output.split())


def test_what_a_later_statement_of_a_hearing_leaves_out_is_said_to_its_publisher(
    running: Relay, tmp_path: Path
) -> None:
    """Two sittings of one day are one hearing: sent apart, the afternoon's takes the morning's back."""

    def published(version: int, body: HearingResulted | OrdersResulted) -> str:
        event: dict[str, Any] = {
            "type": f"uk.court.{KINDS[type(body)]}.v1",
            "source": "urn:example:court",
            "subject": body.subject,
        }
        event |= {"time": f"2026-03-02T1{version}:00:00Z", "factversion": version}
        data = body.model_dump(mode="json", exclude_none=True)
        (tmp_path / "hearing.json").write_text(json.dumps(event | {"data": data}))
        said = running.relay("publish", str(tmp_path / "hearing.json"))
        assert said.exit_code == 0
        return " ".join(said.output.split())

    case = {"references": b.references(urn="54DC0099126", asn="2654DC0100000099001A")}
    morning, afternoon = b.order("3047"), b.order("3326")
    had = "The statement before it also had"
    assert had not in published(1, b.orders_resulted(morning, **case))
    assert f"{had} order 3047/1: that is taken back" in published(2, b.orders_resulted(afternoon, **case))
    assert had not in published(3, b.orders_resulted(morning, afternoon, **case))
    assert had not in published(1, b.hearing(b.offence(1), b.offence(2), **case))
    assert f"{had} offence 1 (OF61102): that is taken back" in published(2, b.hearing(b.offence(2), **case))


def test_no_wait_sends_and_says_no_more(running: Relay) -> None:
    said = running.relay("publish", "--no-wait", str(EXAMPLE))
    assert said.exit_code == 0
    assert "Published: 1 event." in said.output
    assert "known already" not in said.output


def test_the_story_in_real_time_is_told_to_eight_agencies_late_and_a_second_time_to_nobody(running: Relay) -> None:
    said = running.relay("publish", str(STORY))
    assert said.exit_code == 1
    assert "events: no notification with that id was sent to you" in said.output
    assert "refused" not in said.output
    delivered = running.delivered()
    assert (
        len({notification.agency for notification in delivered if notification.rule != "answer_without_notification"})
        >= 8
    )
    assert all(
        notification.late
        for notification in delivered
        if notification.rule == "high_risk" and notification.kind == "notify"
    )
    assert "known already; nothing changes." in running.relay("publish", str(STORY)).output
    assert running.delivered() == []
    assert max(Counter(notification.notification for notification in running.heard).values()) == 1


def test_an_answer_by_command_is_taken_for_its_notification(running: Relay) -> None:
    asked = next(
        n for n in running.heard if n.rule == "high_risk" and n.agency == "marac-larkmead" and n.state == "live"
    )
    said = running.relay("respond", asked.notification, "acknowledged", "--as", asked.agency, "--actor", "w-17")
    assert said.exit_code == 0, said.output
    assert "taken." in said.output
    assert not [
        notification for notification in running.delivered() if notification.rule == "answer_without_notification"
    ]


@pytest.mark.parametrize(
    ("agency", "notification", "answer", "said"),
    [
        ("idva-larkmead", None, ("acknowledged",), NOT_SENT_TO_YOU),
        (
            None,
            "5f2b7f0c-6a35-5d0e-9a51-0c5a3d1e9b77",
            ("acknowledged",),
            NOT_SENT_TO_YOU,
        ),
        (None, None, ("decided", "--decision", "application_opposed"), "it decides nothing: "),
    ],
)
def test_an_answer_that_does_not_count_is_said_to_count_for_nothing(
    running: Relay, agency: str | None, notification: str | None, answer: tuple[str, ...], said: str
) -> None:
    asked = next(
        n for n in running.heard if n.rule == "high_risk" and n.agency == "marac-larkmead" and n.state == "live"
    )
    sent = running.relay(
        "respond", notification or asked.notification, *answer, "--as", agency or asked.agency, "--actor", "w-17"
    )
    assert sent.exit_code == 1, sent.output
    assert said in sent.output
    assert bool([n for n in running.delivered() if n.rule == "answer_without_notification"]) == (
        said == NOT_SENT_TO_YOU
    )


def test_a_link_by_an_agency_that_may_not_link_is_said_to_be_refused(running: Relay) -> None:
    case = "54DC0012326/2654DC0100000004711B"
    who = ("--as", "idva-larkmead", "--actor", "w-17")
    sent = running.relay("link", "case", case, "--party", "54260012345/1", *who)
    assert sent.exit_code == 1, sent.output
    assert "Refused: An agency of this kind may not state this" in sent.output
    assert running.relay("link", "case", case, "--party", "54260012345/1", *who, "--no-wait").exit_code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("link", "case", "54DC0099999/2654DC0100000099999H", "--party", "54260012345/1"),
        ("link", "order", "54DC0099999/2654DC0100000099999H/C54SD00/2026-03-02/order/3047", "--refuse", "not_ours"),
        ("link", "application", "APP-99999", "--party", "54260012345/1"),
    ],
)
def test_a_link_of_what_is_not_known_is_not_called_taken(running: Relay, command: tuple[str, ...]) -> None:
    sent = running.relay(*command, "--as", "dait-54", "--actor", "w-17")
    assert sent.exit_code == 1, sent.output
    assert "Kept, but no fact here has that reference" in sent.output
    assert "taken" not in sent.output


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("link", "case", "54DC0012326/2654DC0100000004711B", "--party", "54269999999/1"), "the incident"),
        (("attribute", "54DC0099999/X1/C54SD00/2026-03-02/order/3047", "--protects", "54260012345/1"), "the order"),
    ],
)
def test_a_link_to_nobody_is_not_called_taken(running: Relay, command: tuple[str, ...], why: str) -> None:
    sent = running.relay(*command, "--as", "dait-54", "--actor", "w-17")
    assert sent.exit_code == 1, sent.output
    assert f"Kept, but it waits: {why}" in sent.output


def test_an_agency_reads_what_stands_and_how_to_answer_it(running: Relay) -> None:
    said = running.relay("subscribe", "marac-larkmead", "--no-follow")
    assert said.exit_code == 0
    assert "high risk of serious harm" in said.output
    lines = running.relay("subscribe", "marac-larkmead", "--no-follow", "--json", "--all").stdout.splitlines()
    assert {json.loads(line)["type"] for line in lines} == {"uk.relay.notification-issued.v1"}


def test_nothing_is_sent_in_a_dry_run(running: Relay) -> None:
    assert running.relay("publish", "--dry-run", str(STORY)).exit_code == 0
    assert running.delivered() == []
