"""All services on real servers, fed with marked values, good and refused: they are found in the matter of
notifications, in the database and in untouched dead letters, and in nothing else that anybody could read."""

import asyncio
import json
import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from typer.testing import CliRunner

from schemas import registry
from schemas.envelope import Record
from services.ops.cli import app
from services.platform.domain.core.facts import Fact
from services.platform.local.embedded import embedded_servers
from services.platform.local.services import Services, all_services
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.sending import Message
from services.platform.streaming.topics import topics
from services.platform.streaming.wire import DECISIONS
from tests.broker.relay import DRAINED, Relay, relay_on, until
from tests.contract import grants_by_hand as by_hand
from tests.contract.spoiled import MARK, spoiled
from tests.contract.whole_matters import Author
from tests.support import builders as b

A_YEAR = timedelta(days=365)  # the events were recorded long ago, whatever day it is here
SEEDS = (8,)
SPOILED_OF_A_TYPE = 12
HOLD_VALUES = {  # what the relay keeps of facts and notifications, and a dead letter's bytes
    *(
        ("fact", "content"),
        ("notification", "content"),
        ("delivery", "content"),
        ("archive", "value"),
        ("refusal", "value"),
    ),
    ("outbox", "value"),
}


@dataclass
class Sent:
    """What was published, with all marked values in it."""

    messages: list[Message]
    marks: frozenset[str]
    crimes: frozenset[str]

    def in_text(self, text: str) -> set[str]:
        found = set(re.findall(r"Zq\d{4}x|\d{4}-\d{2}-\d{2}", text))
        return {mark for mark in found if mark in self.marks}


def message(fact: Fact) -> Message:
    envelope, said = registry.event(
        fact.body, f"{fact.kind}.v1", "test", fact.at - A_YEAR, fact.version, subject=fact.subject
    )
    record = registry.encode(envelope, said)
    return Message(registry.REGISTRY.topic_of(fact.kind), record.key, record.value, record.headers)


def everything() -> Sent:
    messages: list[Message] = []
    marks: set[str] = {MARK}
    kinds: dict[str, Message] = {}
    for seed in SEEDS:
        matter = Author(Random(seed), frozenset(by_hand.FIELDS)).matter()  # noqa: S311 - nothing is kept secret by it
        marks |= {mark for mark, where in matter.marks.planted.items() if where.field != "Party.age"}
        for step in matter.steps:
            for fact in step.facts:
                messages.append(message(fact))
                kinds.setdefault(fact.kind, messages[-1])
    answers = (b.acknowledged(), b.accepted(), b.declined(), b.decided(), b.link_refused(reference="54ZZ1/A9"))
    for fact in map(b.fact, answers):
        messages.append(message(fact))
        kinds.setdefault(fact.kind, messages[-1])
    spoilt = [bad for one in kinds.values() for bad in bad_ones(one)]
    return Sent([*messages, *spoilt], frozenset(marks), frozenset({"CR1"}))


def bad_ones(one: Message) -> Iterator[Message]:
    """A spread of what can be wrong with it; the same id with another content; a force and an agency unknown here."""
    assert one.key is not None
    assert one.value is not None
    ways = [bad for _, bad in spoiled(Record(one.key, one.value, tuple(one.headers))) if len(bad.value) < 100_000]
    for bad in ways[:: max(1, len(ways) // SPOILED_OF_A_TYPE)]:
        yield Message(one.topic, bad.key, bad.value, bad.headers)
    body = json.loads(one.value)
    for changed in ({"force_code": "ZQ9"}, {"agency": "zq9999x"}, {"occurred_at": "2020-02-02T02:02:02Z"}):
        yield replace(one, value=json.dumps(body | changed).encode())


async def read_by_all(relay: Relay, reads: Mapping[str, Sequence[str]]) -> bool:
    """Whether every service has read its streams to their ends, and nothing is due or waits to be published."""
    ends = await Offsets(relay.servers.kafka).end_offsets({topic for each in reads.values() for topic in each})
    rows = await relay.rows("select service, topic, partition, next_offset from stream_position")
    read = {(service, topic, partition): offset for service, topic, partition, offset in rows}
    behind = [
        place
        for service, streams in reads.items()
        for place, end in ends.items()
        if place[0] in streams and read.get((service, *place), 0) < end
    ]
    return not behind and bool((await relay.rows(DRAINED))[0][0])


async def columns(relay: Relay) -> list[tuple[str, str, str]]:
    """Every value of every column that holds text or bytes, but for those that hold what facts and notifications
    say."""
    found = await relay.rows(
        "select table_name, column_name from information_schema.columns where table_schema = 'public'"
        " and data_type in ('text', 'bytea', 'ARRAY')"
    )
    delivered = []
    for table, column in found:
        if (table, column) not in HOLD_VALUES:
            query = f'select distinct "{column}" from "{table}"'  # noqa: S608 - names that the database itself gave
            delivered += [(table, column, str(value)) for (value,) in await relay.rows(query)]
    return delivered


def metrics(services: Services) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{services.port}/metrics") as answer:
        return str(answer.read().decode())


def commands(relay: Relay, asked: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What those who run it can see: an operator, and an auditor of decisions."""
    addresses = {"RELAY_KAFKA": relay.servers.kafka, "RELAY_DATABASE": relay.database}
    lines = [
        *(["explain", one, "--role", "ops", *more] for one in asked for more in ([], ["--full"], ["--json"])),
        *(
            [*command, *more]
            for command in (["status"], ["pending", "list"], ["dlq", "list"])
            for more in ([], ["--json"])
        ),
    ]
    for line in lines:
        result = CliRunner().invoke(app, line, env=addresses)
        assert result.exit_code in (0, 1), (line, result.output[-500:])
        yield " ".join(line), result.output


def log_files(folder: Path) -> list[tuple[str, str]]:
    """What the services, Kafka and PostgreSQL wrote about themselves; Kafka's own topics are files of digits."""
    files = sorted(path for path in folder.rglob("*.log") if not path.stem.isdigit())
    return [(path.name, path.read_text(errors="replace")) for path in files]


@pytest.mark.broker
def test_marked_values_are_in_no_log_metric_header_key_reason_decision_or_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_LOG_LEVEL", "DEBUG")
    sent = everything()

    async def happens() -> list[tuple[str, str]]:
        """Everything that somebody could read, and where."""
        found: list[tuple[str, str]] = []
        with embedded_servers(tmp_path / "servers", durable=False) as servers:
            async with relay_on(servers, tmp_path) as relay:
                with all_services(servers, tmp_path / "logs" / "services.log") as services:
                    await relay.publish(*sent.messages)
                    await until(lambda: read_by_all(relay, services.reads))
                    found.append(("metrics", metrics(services)))
                names = [spec.name for spec in topics(relay.policies)]
                records = await relay.records(*names)
                found += [("topic", " ".join(names))]
                for record in records:
                    beside = [(record.key or b"").decode(), *(f"{n} {v.decode()}" for n, v in record.headers)]
                    found.append((f"key and headers in {record.topic}", " ".join(beside)))
                    if record.topic == DECISIONS:
                        found.append(("a decision", (record.value or b"").decode()))
                dead = [record for record in records if record.topic.endswith(".dlq")]
                delivered = [record for record in records if record.topic.endswith(".notifications")]
                assert len(dead) > 100
                assert len({mark for record in delivered for mark in marks_of(record.value)}) > 20
                found += [(f"{table}.{column}", value) for table, column, value in await columns(relay)]
                refused = [dict(record.headers)["dlq-id"].decode() for record in dead[:2]]
                shown = await asyncio.to_thread(lambda: list(commands(relay, (*sorted(sent.crimes), *refused))))
                found += shown
                found += log_files(tmp_path)
        return found

    def marks_of(value: bytes | None) -> set[str]:
        return sent.in_text((value or b"").decode())

    found = asyncio.run(happens())
    assert {where for where, _ in found} >= {
        "metrics",
        "services.log",
        "kafka.log",
        "a decision",
        "refusal.detail",
        "status",
    }
    assert sorted({(where, *sent.in_text(text)) for where, text in found if sent.in_text(text)}) == []
