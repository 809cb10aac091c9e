"""The table of bad input, row by row on real servers: one end and one reason each, and nothing beside it is harmed."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import psycopg
import pytest
from typer.testing import CliRunner, Result

from schemas import registry
from schemas.agency_responses.v1 import AgencyBody
from schemas.bad_input import BAD_INPUT, BadInput, good_record
from schemas.envelope import fact_id
from schemas.police_incidents.v1 import IncidentReported, SupportReferral
from schemas.refusals import RefusalReason
from schemas.registry import REGISTRY, STREAMS, Registry, Version
from schemas.values import Frozen
from services.convictions.__main__ import SERVICE as CONVICTIONS
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.ops.cli import app
from services.ops.policies import load
from services.platform.policy.policy import PolicySet
from services.platform.project import PROJECT
from services.platform.running.worker import Worker
from services.platform.storage.outgoing import RefusedFor
from services.platform.streaming.loop import RETRY_TRIES
from services.platform.streaming.sending import Message, Refused, Sent
from services.responses.__main__ import SERVICE as RESPONSES
from tests.broker.conftest import Play
from tests.broker.relay import Relay, is_ready, message, shipped_policy, until
from tests.support import builders as b

STREAM, RESPONSES_STREAM = "police.incidents", "agency.responses"
SERVICES = (INCIDENTS, CONVICTIONS, RESPONSES)
HEARS = frozenset({"dait-54", "idva-larkmead", "marac-larkmead"})
ROWS = {bad.what: bad for bad in BAD_INPUT}
MARKED = "Zz9marked"
LARGEST = {stream.topic: stream.largest_record for stream in STREAMS}

# Raises what PostgreSQL raises where it calls a value a data error, for a content that the contract takes.
CANNOT_HOLD = (
    """create function cannot_hold() returns trigger language plpgsql as $$ begin
        if new.content like '%%Zz9marked%%' then raise exception using errcode = '22P05'; end if;
        return new;
    end $$""",
    "create trigger cannot_hold before insert on fact for each row execute function cannot_hold()",
)

Place = tuple[str, int, int]  # topic, partition, offset


@dataclass(frozen=True, slots=True)
class Bad:
    """A row of the table as a record; those that only the policy, the clock or the database can tell are made here."""

    row: BadInput
    message: Message

    @property
    def is_too_large_for_the_broker(self) -> bool:
        headers = sum(len(name) + len(value) for name, value in self.message.headers)
        return len(self.message.value or b"") + headers > LARGEST[self.message.topic]


def incident(crime: str, **over: Any) -> IncidentReported:
    """High risk, between people whom no other incident knows."""
    parties = (b.victim(record=None), b.suspect(record=None))
    return b.incident(crime, **{"parties": parties, **over})


def police(crime: str, *, time: datetime = b.NOON, **over: Any) -> Message:
    return message(incident(crime, **over), "uk.police.incident-reported", time=time)


def good(number: int) -> Message:
    return police(f"GOOD{number}")


def agency(body: AgencyBody) -> Message:
    return message(body, b.kind_of(type(body)))


def with_header(of: Message, name: str, value: bytes) -> Message:
    return replace(of, headers=(*(header for header in of.headers if header[0] != name), (name, value)))


def header(of: Message, name: str) -> str:
    return dict(of.headers)[name].decode()


def bad(what: str, sent: Message) -> Bad:
    return Bad(ROWS[what], sent)


def spoilt() -> Iterator[Bad]:
    for row in BAD_INPUT:
        if row.spoil is not None:
            record = row.spoil(good_record())
            yield Bad(row, Message(STREAM, record.key, record.value, record.headers))


def beside_policy_clock_and_database(first: Message) -> Iterator[Bad]:
    """`first`: an event that is accepted before these are read."""
    again = police(header(first, "ce_subject"), circumstances="something else")
    taken = header(first, "ce_id").encode()
    yield bad("the same source and id with another content or version", with_header(again, "ce_id", taken))
    ahead = datetime.now(UTC) + timedelta(hours=2)
    yield bad("a source time more than an hour ahead", police("AHEAD", time=ahead))
    yield bad("a force that the policy does not know", police("FORCE", force_code="ZZ"))
    yield bad("an agency that the policy does not know", agency(b.acknowledged(agency="nobody-known")))
    yield bad("an agency that may not state this", agency(b.link_made(agency="idva-larkmead")))
    yield bad("a link of a placeholder", agency(b.link_made(reference=f"{b.URN}/0800PP0100000000001H")))
    yield bad("a value that the database cannot hold", police("HOLD", circumstances=MARKED))


COURT_MESSAGES = {
    "a court message that is not XML": b"not XML",
    "XML with entities": b'<!DOCTYPE m [<!ENTITY e SYSTEM "file:///etc/hostname">]><ResultedCaseMessage>&e;</ResultedCaseMessage>',
    "XML that is no court result": f"<Letter>{MARKED}</Letter>".encode(),
}


def relay_command(relay: Relay, *arguments: str) -> Result:
    addresses = {"RELAY_KAFKA": relay.servers.kafka, "RELAY_DATABASE": relay.database}
    return CliRunner().invoke(app, arguments, env=addresses)


async def send(relay: Relay, *messages: Message) -> list[Place | Refused]:
    """Where the broker put each, or that it did not take it."""
    outcomes = await relay.sender.send_all(messages)
    return [
        (sent.topic, outcome.partition, outcome.offset) if isinstance(outcome, Sent) else outcome
        for sent, outcome in zip(messages, outcomes, strict=True)
    ]


async def delivered(relay: Relay) -> dict[str, list[str]]:
    """For each place the agencies that were notified of high risk, once for each notification."""
    found: dict[str, list[str]] = {}
    for agency, notifications in (await relay.all_delivered()).items():
        for notification in notifications:
            if notification.rule == "high_risk":
                found.setdefault(notification.subject, []).append(agency)
    return found


def test_every_row_of_the_table_is_tried() -> None:
    tried = {each.row.what for each in (*spoilt(), *beside_policy_clock_and_database(good(0)))}
    assert tried | COURT_MESSAGES.keys() == ROWS.keys()


def test_bad_input_has_its_one_end_among_events_that_are_told(play: Play) -> None:
    async def story(relay: Relay) -> None:
        for statement in CANNOT_HOLD:
            await relay.rows(statement)
        async with relay.working(*SERVICES) as worker:
            await relay.publish(good(0))
            rows = [*spoilt(), *beside_policy_clock_and_database(good(0))]
            beside = [good(number) for number in range(1, len(rows) + 1)]
            places = await send(
                relay, *(each for pair in zip(rows, beside, strict=True) for each in (pair[0].message, pair[1]))
            )
            await relay.settled(worker)

        for each, place in zip(rows, places[::2], strict=True):
            if isinstance(place, Refused):
                assert each.is_too_large_for_the_broker
                assert place.reason is RefusedFor.TOO_LARGE
            else:
                assert not each.is_too_large_for_the_broker
        refused = {place: each for each, place in zip(rows, places[::2], strict=True) if not isinstance(place, Refused)}
        assert 1 <= len(rows) - len(refused) < len(refused)
        await have_their_one_end(relay, refused)
        (count,) = await relay.rows("select count(*) from record where fate not in ('accepted', 'refused', 'not_ours')")
        assert count == (0,)
        told_of = await delivered(relay)
        assert told_of.keys() == {f"GOOD{number}/party/1" for number in range(len(beside) + 1)}
        assert {tuple(sorted(agencies)) for agencies in told_of.values()} == {tuple(sorted(HEARS))}

    play(story)


async def have_their_one_end(relay: Relay, refused: dict[Place, Bad]) -> None:
    """Refused by every service that reads it, with its reason; one dead letter, untouched, by the stream's owner."""
    ends = await relay.rows("""select topic, partition, "offset", service, fate from record where fate = 'refused'""")
    expected = {(*place, service.name) for place in refused for service in SERVICES if place[0] in service.reads}
    assert sorted(end[:4] for end in ends) == sorted(expected)
    refusals = await relay.rows('select topic, partition, "offset", service, reason, detail from refusal')
    assert {tuple(row[:4]) for row in refusals} == expected
    for topic, partition, offset, _, reason, detail in refusals:
        says_what_is_wrong(refused[topic, partition, offset], reason, detail)
    letters = [letter for topic in {place[0] for place in refused} for letter in await relay.read(f"{topic}.dlq")]
    assert len(letters) == len(refused)
    for _, headers, value in letters:
        said = {name.removeprefix("dlq-"): text.decode() for name, text in headers.items() if name.startswith("dlq-")}
        place = (said["original-topic"], int(said["original-partition"]), int(said["original-offset"]))
        each = refused[place]
        says_what_is_wrong(each, said["reason"], said["exception-message"])
        assert value == (each.message.value or b"")
        assert headers.items() >= dict(each.message.headers).items()


def says_what_is_wrong(each: Bad, reason: str, detail: str) -> None:
    assert (each.row.what, reason) == (each.row.what, each.row.reason)
    assert detail
    assert not [text for text in texts_of(each.message) if text in detail], each.row.what


def texts_of(sent: Message) -> set[str]:
    """What a refusal must not repeat: texts of the content and of headers that are no words of the contract."""
    found = {value.decode("latin-1") for name, value in sent.headers if name in ("ce_id", "ce_subject", "ce_source")}
    try:
        found |= set(leaves(json.loads(sent.value or b"")))
    except (ValueError, RecursionError):
        found |= {MARKED, "Birch", "Thornfield"}
    return {text for text in found if len(text) > len("another") and not text.islower()}


def leaves(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(inner)
    if isinstance(value, str):
        yield value


@pytest.mark.parametrize("what", COURT_MESSAGES)
def test_a_court_message_that_cannot_be_believed_is_not_sent_and_its_publisher_hears_why(
    play: Play, tmp_path: Path, what: str
) -> None:
    file = tmp_path / "message.xml"
    file.write_bytes(COURT_MESSAGES[what])
    examples = PROJECT / "schemas" / "examples" / "spi" / "order-on-acquittal.xml"

    async def story(relay: Relay) -> None:
        said = await asyncio.to_thread(relay_command, relay, "publish", "--format", "spi", str(file), str(examples))
        assert said.exit_code == 1
        reason = ROWS[what].reason
        assert f"{reason}: {reason.sentence}" in said.output
        assert "Published: 2 events" in said.output
        assert "Not published: 1 event" in said.output
        for planted in (MARKED, "not XML", "hostname"):
            assert planted not in said.output.replace(reason.sentence, "")
        assert len(await relay.read("court.convictions", "court.order-variations")) == 2

    play(story)


class EarlierIncident(IncidentReported):
    """As an earlier release knew it: one word fewer for her answer."""

    support_referral: Literal[SupportReferral.DECLINED, SupportReferral.NOT_ASKED]


def knows(*incidents: type[Frozen], but: str = "") -> Registry:
    """The contract with these versions of a reported incident, and without one type."""
    versions = tuple(
        Version(body, None if number == 0 else lambda earlier: earlier) for number, body in enumerate(incidents)
    )
    reported = replace(REGISTRY.facts["uk.police.incident-reported"], versions=versions)
    return Registry(
        tuple(
            replace(
                stream, types=tuple(reported if f.name == reported.name else f for f in stream.types if f.name != but)
            )
            for stream in STREAMS
        )
    )


EARLIER = knows(EarlierIncident, but="uk.police.children-linked")
LATER = knows(IncidentReported, IncidentReported)


def later_policy(folder: Path) -> PolicySet:
    """The shipped policy with one force and one agency more."""
    shutil.copytree(PROJECT / "deploy", folder, ignore=shutil.ignore_patterns("kafka"))
    forces = folder / "policy" / "forces.yaml"
    known = "  - {code: 00,"
    assert known in forces.read_text()
    forces.write_text(forces.read_text().replace(known, f"  - {{code: ZZ, name: Inventedshire}}\n{known}"))
    desks = "".join(f"      - {{desk: {desk}, name: {desk}}}\n" for desk in ("duty", "manager", "strategic"))
    more = f"agencies:\n  - id: dait-later\n    kind: dait\n    name: Later\n    forces: [ZZ]\n    desks:\n{desks}"
    (folder / "agencies" / "later.yaml").write_text(more)
    return load(folder / "policy", folder / "agencies")


@asynccontextmanager
async def working(relay: Relay, release: str, contract: Registry, policies: PolicySet) -> AsyncIterator[Worker]:
    worker = Worker(
        SERVICES,
        relay.servers.kafka,
        relay.database,
        policies,
        release=release,
        contract=contract,
    )
    await worker.start()
    try:
        await until(lambda: is_ready(worker))
        yield worker
    finally:
        await worker.stop()


def unknown_today() -> Sequence[tuple[RefusalReason, Message]]:
    of_version_two = registry.event(
        incident("VERSION"), "uk.police.incident-reported.v2", "test", b.NOON, 1, registry=LATER
    )
    record = registry.encode(*of_version_two)
    return (
        (RefusalReason.UNKNOWN_TYPE, message(b.children("TYPE"), "uk.police.children-linked")),
        (RefusalReason.UNKNOWN_VERSION, Message(STREAM, record.key, record.value, record.headers)),
        (RefusalReason.UNKNOWN_VALUE, police("VALUE")),
        (RefusalReason.UNKNOWN_FORCE, police("FORCE", force_code="ZZ", support_referral="declined")),
        (RefusalReason.UNKNOWN_AGENCY, agency(b.link_made(agency="dait-later"))),
    )


def test_what_is_unknown_today_is_accepted_once_by_a_release_and_a_policy_that_know_it(
    play: Play, tmp_path: Path
) -> None:
    unknown = unknown_today()
    events = {header(sent, "ce_id"): reason for reason, sent in unknown}
    facts = {fact_id(header(sent, "ce_source"), header(sent, "ce_id")): reason for reason, sent in unknown}
    assert {reason for reason, _ in unknown} == {reason for reason in RefusalReason if reason.replayable}

    async def story(relay: Relay) -> None:
        async def ends() -> dict[str, list[str]]:
            rows = await relay.rows(
                "select fact_id, fate from record"
                " where (service, topic) in (('incidents', 'police.incidents'), ('responses', 'agency.responses'))"
            )
            found: dict[str, list[str]] = {}
            for fact, fate in rows:
                found.setdefault(fact, []).append(fate)
            return found

        async with working(relay, "earlier", EARLIER, shipped_policy()) as worker:
            await relay.publish(*(sent for _, sent in unknown))
            await relay.settled(worker)
            open_now = await relay.rows("select event_id, reason from refusal where dead_letter is not null")
            assert dict(open_now) == events
            assert not await relay.all_delivered()

            replayed = await asyncio.to_thread(relay_command, relay, "dlq", "replay", "--reason", "unknown_value")
            assert (replayed.exit_code, replayed.output) == (0, "Sent back: 1 record.\n")
            await relay.settled(worker)
            tries = await relay.rows(
                "select dead_letter from refusal where dead_letter is not null and reason = 'unknown_value'"
            )
            assert len(set(tries)) == 2

        async with working(relay, "later", LATER, later_policy(tmp_path / "later")) as worker:
            await until(lambda: nothing_open(relay))
            await relay.settled(worker)
            once = {fact: ["accepted"] for fact in facts}
            twice = next(fact for fact, reason in facts.items() if reason is RefusalReason.UNKNOWN_VALUE)
            fates = {fact: sorted(found) for fact, found in (await ends()).items()}
            assert fates == {**once, twice: ["accepted", "repeated"]}
            replayed = await asyncio.to_thread(relay_command, relay, "dlq", "list")
            assert (replayed.exit_code, replayed.output) == (0, "No dead letters.\n")
            found = await delivered(relay)
            assert {subject: sorted(agencies) for subject, agencies in found.items()} == {
                f"{crime}/party/1": sorted(HEARS) for crime in ("VERSION", "VALUE", "FORCE")
            }

    play(story)


def test_workers_that_end_while_they_try_a_refused_record_again_do_not_use_up_its_tries(
    play: Play, tmp_path: Path
) -> None:
    async def story(relay: Relay) -> None:
        async with working(relay, "earlier", EARLIER, shipped_policy()) as worker:
            await relay.publish(police("FORCE", force_code="ZZ"))
            await relay.settled(worker)
        policies = later_policy(tmp_path / "later")
        for _ in range(RETRY_TRIES + 1):
            async with await psycopg.AsyncConnection.connect(relay.database) as conn:
                await conn.execute("lock table inbox")
                async with working(relay, "later", LATER, policies):
                    await until(lambda: is_tried_again(relay))
            assert not await is_tried_again(relay)
        assert not await nothing_open(relay)
        async with working(relay, "later", LATER, policies):
            await until(lambda: nothing_open(relay))

    play(story)


async def is_tried_again(relay: Relay) -> bool:
    return bool(await relay.rows("select 1 from attempt where alone > 0"))


async def nothing_open(relay: Relay) -> bool:
    return not await relay.rows("select 1 from refusal where settled_at is null")
