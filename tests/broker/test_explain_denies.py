"""`relay explain` on real servers: what a reader may not know to exist is answered as a name that nobody uses."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.incidents.__main__ import SERVICE as INCIDENTS
from services.ops.cli import app
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform.local.embedded import Servers
from services.platform.streaming.sending import Message
from services.responses.__main__ import SERVICE as RESPONSES
from tests.broker.relay import message, relay_on
from tests.support import builders as b
from tests.support.databases import empty_database

pytestmark = [pytest.mark.long, pytest.mark.one_process]

CRIME = "54260000908"
INCIDENT = message(b.incident(), "uk.police.incident-reported")
REFUSED = message(b.incident("54260000909", force_code="ZZ"), "uk.police.incident-reported")
OFFICER = b.suspect(record=b.record("an-officer"), is_police=True)
PARTIES = (b.victim(record=b.record("hers")), OFFICER)
HIS_MATTER = (
    message(b.incident(CRIME, parties=PARTIES), "uk.police.incident-reported"),
    message(b.children(CRIME, b.child(record=b.record("her-child"))), "uk.police.children-linked"),
    message(
        b.charge(b.charged(crime=CRIME), references=b.references(urn="54DC0088826", asn=None, defendant_id="an-id")),
        "uk.police.charge-preferred",
    ),
    message(b.incident(CRIME, parties=PARTIES, force_code="ZZ"), "uk.police.incident-reported", version=2),
)


def event_of(sent: Message) -> str:
    return dict(sent.headers)["ce_id"].decode()


HIS_NAMES = (
    *map(event_of, HIS_MATTER),
    event_of(HIS_MATTER[0])[:13],
    CRIME,
    f"{CRIME}/1",
    f"{CRIME}/party/2",
    f"{CRIME}/child/1",
    f"LOG-{CRIME}",
    "54DC0088826",
    "record:vale-records:hers",
    "record:vale-records:an-officer",
    "record:vale-records:her-child",
    f"held_for_specialist/{CRIME}/party/1",
    f"held_for_specialist/{CRIME}/party/1/psd-54",
    f"high_risk/{CRIME}/party/1",
)
BARRED = (
    (),
    ("--role", "ops"),
    ("--role", "dait"),
    ("--as", "dait-54"),
    ("--as", "dait-supervisor-54"),
    ("--as", "duty-inspector-54"),
    ("--as", "wcu-54"),
    ("--as", "firearms-licensing-54"),
    ("--as", "idva-larkmead"),
)


@dataclass(frozen=True)
class Said:
    """What one call of the command gave."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class History:
    """Servers on which it all has happened."""

    servers: Servers
    database: str

    def explain(self, asked: str, *who: str) -> Said:
        addresses = {"RELAY_KAFKA": self.servers.kafka, "RELAY_DATABASE": self.database}
        said = CliRunner().invoke(app, ("explain", asked, *who), env=addresses)
        return Said(said.exit_code, said.stdout, said.stderr)

    def notifications(self) -> list[str]:
        """The ids of what was told of his matter."""
        delivered = json.loads(self.explain(CRIME, "--json", "--role", "audit").out)["delivered"]
        assert {duty["rule"] for duty in delivered} == {"held_for_specialist"}
        return [change["notification"] for duty in delivered for change in duty["changes"]]


@pytest.fixture(scope="module")
def history(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with empty_database(servers) as database:
        asyncio.run(_happen(servers, database, tmp_path_factory.mktemp("work")))
        yield History(servers, database)


async def _happen(servers: Servers, database: str, folder: Path) -> None:
    async with (
        relay_on(servers, folder, database) as relay,
        relay.working(INCIDENTS, ORDER_VARIATIONS, RESPONSES) as worker,
    ):
        await relay.publish(INCIDENT, REFUSED, *HIS_MATTER)
        await relay.settled(worker)


@pytest.mark.parametrize("who", BARRED, ids=" ".join)
def test_where_a_suspect_is_police_his_force_and_ops_hear_what_they_hear_of_nothing(
    history: History, who: tuple[str, ...]
) -> None:
    nothing = history.explain("CR-NOT-THERE", *who)
    assert (nothing.status, nothing.out) == (1, "")
    for asked in (*HIS_NAMES, *history.notifications()):
        assert history.explain(asked, *who) == nothing, asked
    assert history.explain(CRIME, "--json", *who) == history.explain("CR-NOT-THERE", "--json", *who)


def test_where_a_suspect_is_police_the_desk_that_policy_names_and_audit_read_of_it(history: History) -> None:
    for who in (("--role", "audit"), ("--as", "psd-54")):
        delivered = json.loads(history.explain(CRIME, "--json", *who).out)["delivered"]
        assert {duty["rule"] for duty in delivered} == {"held_for_specialist"}
    for asked in (event_of(HIS_MATTER[0]), f"{CRIME}/1", f"LOG-{CRIME}", *history.notifications()):
        assert history.explain(asked, "--role", "audit").status == 0, asked


@pytest.mark.parametrize("agency", ["idva-severnmouth", "school-100002", "health-visitor-865"])
def test_to_an_agency_that_was_not_told_a_matter_is_what_a_name_is_that_nobody_uses(
    history: History, agency: str
) -> None:
    nothing = history.explain("CR-NOT-THERE", "--as", agency)
    assert nothing.status == 1
    assert f"There is nothing by that name for {agency} to see." in nothing.err
    assert "nobody" not in nothing.err.casefold()
    for asked in (b.CRIME, b.VICTIM, event_of(INCIDENT), f"high_risk/{b.VICTIM}", event_of(REFUSED)):
        assert history.explain(asked, "--as", agency) == nothing, asked


def test_an_agency_that_was_told_reads_that_and_no_word_of_whether_others_were(history: History) -> None:
    said = history.explain(b.CRIME, "--as", "idva-larkmead")
    assert said.status == 0
    assert "nobody" not in said.out.casefold()
