"""One run: two workers under load while things go wrong, and afterwards the verdict of one who took no part."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg

from services.ops.serving import SERVICES
from services.runtime.embedded import embedded_servers
from services.runtime.offsets import Offsets
from services.runtime.sending import Message
from tests.broker.relay import DRAINED, Relay, relay_on, until
from tests.chaos.faults import Fault, faults
from tests.chaos.load import Load, load
from tests.chaos.truth.expected import expected
from tests.chaos.verifier import (
    READS,
    STREAMS,
    End,
    Verdict,
    marked,
    notification_topics,
    read,
    verify,
    verify_dead_letters,
    verify_ends,
)
from tests.chaos.worker import Workers, two_workers

AT_ONCE = 25
SECONDS_A_FAULT, SETTLED_SECONDS = 120.0, 300.0  # it takes a tenth of that where nothing else runs


@dataclass(frozen=True)
class Outcome:
    """What a run was, in seconds and numbers, and what was found."""

    events: int
    struck: Counter[str]
    seconds: float
    verdict: Verdict


def run(seed: int, families: int, troubles: int, folder: Path) -> Outcome:
    """`seed` gives the load of so many families and so many faults; workers log into `folder`."""
    now = datetime.now(UTC)
    given, struck = load(seed, families, now), faults(seed, troubles)

    async def work() -> Outcome:
        with embedded_servers(durable=True) as servers:
            async with relay_on(servers, folder) as relay:
                with two_workers(servers, folder) as workers:
                    began = time.monotonic()
                    await publish(relay, workers, given.events, struck)
                    await wait(workers, lambda: settled(relay), SETTLED_SECONDS)
                    took = time.monotonic() - began
                    verdict = await asyncio.to_thread(judged, relay, given, now)
        return Outcome(len(given.events), Counter(fault.kind for fault in struck), took, verdict)

    return asyncio.run(work())


async def publish(relay: Relay, workers: Workers, events: Sequence[Message], troubles: Sequence[Fault]) -> None:
    """The load in its order, and a fault whenever another equal part of it has been judged, while the part after the
    next is being published: so each strikes workers that have something to do."""
    length = -(-len(events) // (len(troubles) + 1))
    parts = [events[start : start + length] for start in range(0, len(events), length)]
    await send(relay, [event for part in parts[:2] for event in part])
    ends = 0
    for number, fault in enumerate(troubles):
        ends += sum(event.topic in streams for event in parts[number] for streams in READS.values())
        await wait(workers, partial(reached, relay, ends), SECONDS_A_FAULT)
        sys.stdout.write(f"{ends} records judged: {fault.kind}\n")
        trouble = asyncio.create_task(asyncio.to_thread(fault.strike, workers))
        await send(relay, [event for part in parts[number + 2 : number + 3] for event in part])
        await trouble


async def wait(workers: Workers, true: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """Waits for something that must come while no worker ends by itself; fails with their last words."""

    async def alive_and_true() -> bool:
        workers.assert_alive()
        return await true()

    try:
        await until(alive_and_true, seconds)
    except AssertionError as late:
        raise AssertionError("\n".join([str(late), *map(workers.tail, workers.processes)])) from None


async def send(relay: Relay, events: Sequence[Message]) -> None:
    for place in range(0, len(events), AT_ONCE):
        await relay.publish(*events[place : place + AT_ONCE])


async def reached(relay: Relay, ends: int) -> bool:
    """Whether so many records, counted in each service, have their end."""
    ((count,),) = await relay.rows("select count(*) from record")
    return int(count) >= ends


async def settled(relay: Relay) -> bool:
    """All is read by every service, looked at and published."""
    ends = await Offsets(relay.servers.kafka).end_offsets(set(STREAMS))
    rows = await relay.rows("select service, topic, partition, next_offset from stream_position")
    positions = {(service, topic, partition): offset for service, topic, partition, offset in rows}
    behind = [
        place
        for service in SERVICES.values()
        for place, end in ends.items()
        if place[0] in service.reads and positions.get((service.name, *place), 0) < end
    ]
    return not behind and await relay.rows(DRAINED) == [(True,)]


def judged(relay: Relay, given: Load, now: datetime) -> Verdict:
    """What the verifier says, by a plain consumer and one query."""
    kafka, unbelievable = relay.servers.kafka, [marked(m.value, m.headers) for m in given.unbelievable]
    records = read(kafka, STREAMS)
    with psycopg.connect(relay.database) as conn:
        ends = conn.execute('select service, topic, partition, "offset", fate from record').fetchall()
    believable = [event for event in given.events if event not in given.unbelievable]
    return (
        verify(expected(believable, now), read(kafka, notification_topics(kafka)))
        + verify_ends(records, unbelievable, [End(*row) for row in ends])
        + verify_dead_letters(records, unbelievable, read(kafka, [f"{topic}.dlq" for topic in STREAMS]))
    )
