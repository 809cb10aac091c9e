"""Publishers' clients pack their batches as they like; what would unpack to more than anybody may send is refused."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from schemas.envelope import LARGEST_UNPACKED, STILL_PACKED
from services.ops.cli import app
from services.platform.streaming.lenient_records import MOST_UNPACKED
from services.platform.streaming.sending import Message
from services.platform.streaming.service import Service
from tests.broker.conftest import Play
from tests.broker.relay import Relay, message
from tests.support import builders as b

STREAM = "police.incidents"
CODECS = ("gzip", "snappy", "lz4", "zstd")
CANNOT_SWELL = {"snappy"}  # a batch that the broker takes becomes some twenty times as large at most
MINE = Service("incidents", STREAM, (STREAM,), ())


def incident(crime: str) -> Message:
    return message(b.incident(crime), "uk.police.incident-reported")


async def publish_packed(relay: Relay, codec: str | None, *messages: Message) -> None:
    """As one batch of one partition."""
    producer = AIOKafkaProducer(
        bootstrap_servers=relay.servers.kafka, compression_type=codec, max_batch_size=4 * MOST_UNPACKED
    )
    await producer.start()
    try:
        batch = producer.create_batch()
        for each in messages:
            assert batch.append(key=each.key, value=each.value, headers=list(each.headers), timestamp=None) is not None
        batch.close()
        await (await producer.send_batch(batch, STREAM, partition=0))
    finally:
        await producer.stop()


@pytest.mark.parametrize("codec", CODECS)
def test_packed_batches_are_read_and_those_that_unpack_beyond_all_measure_are_refused(play: Play, codec: str) -> None:
    swollen = incident("SWOLLEN")
    large = Message(STREAM, swollen.key, b" " * LARGEST_UNPACKED + (swollen.value or b""), swollen.headers)
    bomb = Message(STREAM, swollen.key, b" " * (MOST_UNPACKED + 1), swollen.headers)

    async def story(relay: Relay) -> None:
        async with relay.working(MINE) as worker:
            await publish_packed(relay, codec, incident("CR1"), incident("CR2"))
            await publish_packed(relay, codec, incident("CR3"), large, incident("CR4"))
            if codec not in CANNOT_SWELL:
                await publish_packed(relay, codec, bomb, incident("CR5"))
            await publish_packed(relay, codec, incident("CR6"))
            await relay.settled(worker)
        ends = [fate for (fate,) in await relay.rows('select fate from record order by "offset"')]
        of_the_bomb = [] if codec in CANNOT_SWELL else ["refused", "refused"]
        assert ends == ["accepted", "accepted", "accepted", "refused", "accepted", *of_the_bomb, "accepted"]
        letters = await relay.records(f"{STREAM}.dlq")
        assert {dict(letter.headers)["dlq-reason"] for letter in letters} == {b"too_large"}
        assert {dict(letter.headers)[STILL_PACKED] for letter in letters} == {codec.encode()}
        assert len(letters) == 1 + len(of_the_bomb)
        assert not await relay.rows("select 1 from outbox")

    play(story)


def test_a_record_with_neither_key_nor_value_has_its_dead_letter_and_holds_up_nobody(play: Play) -> None:
    async def story(relay: Relay) -> None:
        async with relay.working(MINE) as worker:
            await publish_packed(relay, "gzip", incident("CR1"), Message(STREAM, None, None), incident("CR2"))
            await relay.settled(worker)
        ends = [fate for (fate,) in await relay.rows('select fate from record order by "offset"')]
        assert ends == ["accepted", "refused", "accepted"]
        (letter,) = await relay.records(f"{STREAM}.dlq")
        assert (letter.key, letter.value) == (None, b"")
        ((identity, key, value),) = await relay.rows("select dead_letter, key, value from refusal")
        assert (key, value) == (None, None)
        assert not await relay.rows("select 1 from outbox")
        addresses = {"RELAY_KAFKA": relay.servers.kafka, "RELAY_DATABASE": relay.database}
        replayed = await asyncio.to_thread(CliRunner().invoke, app, ["dlq", "replay", identity], env=addresses)
        assert replayed.exit_code == 1
        assert "neither key nor value" in replayed.output

    play(story)


def test_a_batch_as_large_as_clients_put_together_is_taken_whole(play: Play) -> None:
    event = incident("CR1")
    many = 1_000_000 // (len(event.value or b"") + 500)

    async def story(relay: Relay) -> None:
        async with relay.working(MINE) as worker:
            await publish_packed(relay, None, *[event] * many)
            await relay.settled(worker)
        assert dict(await relay.rows("select fate, count(*) from record group by fate")) == {
            "accepted": 1,
            "repeated": many - 1,
        }

    play(story)
