"""Thousands of hostile records among good ones, through all services on real servers: each has one end, and the good
ones hear nothing of it."""

import asyncio
import logging
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from kafka import KafkaProducer

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.refusals import RefusalReason
from services.platform.local.embedded import embedded_servers
from services.platform.local.services import Services, all_services
from services.platform.storage.records import headers_from_text
from tests.broker.relay import Relay, relay_on, until
from tests.broker.test_bad_input import good
from tests.broker.test_nothing_leaks import log_files, metrics, read_by_all
from tests.hostile.records import EXAMPLES, MARK, Hostile, Sent, hostile
from tests.hostile.test_records import TIMES
from tests.support.processes import most_resident_mib

HOSTILE, WAVES, GOOD_IN_A_WAVE = 1200 * TIMES, 10 * TIMES, 6
HEARS_FIRST = "idva-larkmead"
PATIENCE = 90.0
Place = tuple[str, int, int]

log = logging.getLogger(__name__)


class Name(str):
    """A header's name that is written as whatever bytes it was made of."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return super().encode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Published:
    """Where each of them lies, and when the broker took it, in seconds."""

    hostile: dict[Place, Hostile]
    good: dict[str, float]


def made() -> list[Hostile]:
    """Each with an id of its own, so that none is refused for another's."""
    random = Random(20260304)  # noqa: S311 - nothing is kept secret by it
    found = []
    for number in range(HOSTILE):
        example = random.choice(EXAMPLES)
        found.append(hostile(example.with_header("ce_id", f"hostile-{number}".encode()), random))
    return found


async def publish(relay: Relay, services: Services, first: int, waves: Sequence[Sequence[Hostile]]) -> Published:
    """A wave after the other, the good ones last in each: it waits for the services, so that what it finds is how long
    the good ones of a wave waited for the others of it, and not how fast the machine is."""
    producer = await asyncio.to_thread(
        KafkaProducer, bootstrap_servers=relay.servers.kafka, max_request_size=2**24, linger_ms=2
    )
    found = Published({}, {})
    try:
        for number, wave in enumerate(waves, first):
            beside = [good(number * GOOD_IN_A_WAVE + n) for n in range(GOOD_IN_A_WAVE)]
            events = [Sent(each.topic, each.key, each.value, each.headers) for each in beside]
            taken = await asyncio.to_thread(take, producer, [*(each.sent for each in wave), *events])
            places = [(each.topic, each.partition, each.offset) for each in taken]
            found.hostile.update(zip(places, wave, strict=False))
            at = [each.timestamp / 1000 for each in taken[len(wave) :]]
            found.good.update(zip([(each.key or b"").decode() for each in beside], at, strict=True))
            await until(lambda: read_by_all(relay, services.reads), PATIENCE)
    finally:
        await asyncio.to_thread(producer.close)
    return found


def take(producer: Any, sent: Sequence[Sent]) -> list[Any]:
    """Where and when the broker took each. The client sends no header without a value."""
    taken = [
        producer.send(each.topic, each.value, each.key, [(Name(name), value or b"") for name, value in each.headers])
        for each in sent
    ]
    return [each.get(PATIENCE) for each in taken]


async def told_at(relay: Relay) -> dict[str, float]:
    """When the first agency to hear of each good one had it, in seconds."""
    found: dict[str, float] = {}
    for record in await relay.records(f"agency.{HEARS_FIRST}.notifications"):
        notification = NotificationIssued.model_validate_json(record.value or b"")
        found.setdefault(notification.subject.partition("/")[0], record.timestamp / 1000)
    return found


def spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.3f} s in the middle and {seconds[-1]:.3f} s at worst"


def mebibytes(services: Services) -> int:
    """The most that the services' process ever held."""
    return int(most_resident_mib(services.process.pid))


@pytest.mark.long
@pytest.mark.broker
def test_thousands_of_hostile_records_have_their_ends_and_good_ones_beside_them_are_told_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELAY_LOG_LEVEL", "DEBUG")
    waves = [made()[start::WAVES] for start in range(WAVES)]

    async def story() -> None:
        with embedded_servers(tmp_path / "servers", durable=False) as servers:
            async with relay_on(servers, tmp_path) as relay:
                with all_services(servers, tmp_path / "logs" / "services.log") as services:
                    alone = await publish(relay, services, 0, [()] * (WAVES // 3))
                    before = mebibytes(services)
                    beside = await publish(relay, services, 1000, waves)
                    services.check()
                    assert mebibytes(services) - before < 300
                    assert MARK.lower() not in metrics(services).lower()
                heard = await told_at(relay)
                assert heard.keys() >= alone.good.keys() | beside.good.keys()
                without = sorted(heard[crime] - at for crime, at in alone.good.items())
                among = sorted(heard[crime] - at for crime, at in beside.good.items())
                log.info("told after %s alone, %s among hostile ones", spread(without), spread(among))
                assert statistics.median(among) < statistics.median(without) + 5
                assert among[-1] < without[-1] + 15
                await have_one_end_each(relay, services, beside.hostile)
                await have_one_dead_letter_each(relay, beside.hostile)
                assert not await relay.rows("select 1 from outbox")
        said = "".join(text for _, text in log_files(tmp_path))
        assert MARK.lower() not in said.lower()

    asyncio.run(story())


async def have_one_end_each(relay: Relay, services: Services, sent: dict[Place, Hostile]) -> None:
    """In each service that reads the stream: bad ones are refused, good ones are not, and nothing is a fault."""
    rows = await relay.rows('select topic, partition, "offset", service, fate from record')
    ends = Counter(tuple(row[:4]) for row in rows)
    assert set(ends.values()) == {1}
    readers = {topic: [s for s, reads in services.reads.items() if topic in reads] for topic in {p[0] for p in sent}}
    assert {(*place, service) for place in sent for service in readers[place[0]]} <= ends.keys()
    refused: dict[Place, set[bool]] = {}
    for topic, partition, offset, _, fate in rows:
        assert fate in {"accepted", "superseded", "repeated", "not_ours", "refused"}
        refused.setdefault((topic, partition, offset), set()).add(fate == "refused")
    for place, each in sent.items():
        if each.reasons is not None:
            assert (each.what, refused[place]) == (each.what, {bool(each.reasons)})


async def have_one_dead_letter_each(relay: Relay, sent: dict[Place, Hostile]) -> None:
    """By the stream's owner, with key and content as they came, for a reason that fits; nothing in it that is our own
    repeats what was sent."""
    letters: dict[Place, Hostile] = {}
    for topic in {place[0] for place in sent}:
        for letter in await relay.records(f"{topic}.dlq"):
            said = {name: (value or b"").decode() for name, value in letter.headers if name.startswith("dlq-")}
            place = (topic, int(said["dlq-original-partition"]), int(said["dlq-original-offset"]))
            assert place not in letters
            each = letters[place] = sent[place]
            assert (letter.key, letter.value) == (each.sent.key, each.sent.value)
            assert said["dlq-reason"] in set(each.reasons or RefusalReason)
            own = " ".join(text for name, text in said.items() if name != "dlq-reason")
            assert MARK.lower() not in own.lower()
    assert letters.keys() >= {place for place, each in sent.items() if each.reasons}
    kept = await relay.rows('select topic, partition, "offset", key, value, headers from refusal')
    assert {tuple(row[:3]) for row in kept} == letters.keys()
    for topic, partition, offset, key, value, headers in kept:
        record = sent[topic, partition, offset].sent
        assert (key, value) == (record.key, record.value)
        assert headers_from_text(headers) == tuple((name, value or b"") for name, value in record.headers)
