"""Once, and nothing lost: two workers under load are killed and ended, their broker and database restarted."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.ops.serving import SERVICES
from services.runtime.broker import Message, Offsets
from services.runtime.embedded import Servers, embedded_servers
from services.runtime.keeper import PROJECT
from tests.broker.relay import DRAINED, Relay, relay_on, until
from tests.chaos.load import load
from tests.chaos.verifier import expected, verify

FAMILIES, SEED = 235, 20261123
AT_ONCE = 25
SETTLED_SECONDS = 400.0


@dataclass
class Workers:
    """Two processes, each running all services; one that ends by itself is a failure of its own."""

    servers: Servers
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        environment = os.environ | {"RELAY_KAFKA": self.servers.kafka, "RELAY_DATABASE": self.servers.database}
        command = [sys.executable, "-m", "services.ops.serving", *SERVICES]
        with (self.logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env=environment, stderr=log, stdout=log, cwd=PROJECT)

    def end(self, name: str, sign: signal.Signals) -> None:
        process = self.processes[name]
        assert process.poll() is None, f"{name} ended by itself with {process.returncode}"
        process.send_signal(sign)
        process.wait(timeout=60)

    def restart(self, name: str, sign: signal.Signals) -> None:
        self.end(name, sign)
        self.start(name)


@contextmanager
def two_workers(servers: Servers, logs: Path) -> Iterator[Workers]:
    workers = Workers(servers, logs)
    try:
        for name in ("first", "second"):
            workers.start(name)
        yield workers
        for name in workers.processes:
            workers.end(name, signal.SIGTERM)
    finally:
        for process in workers.processes.values():
            process.kill()
            process.wait()


def faults(workers: Workers) -> Sequence[Callable[[], None]]:
    """In this order, spread over the load."""
    return (
        lambda: workers.restart("first", signal.SIGKILL),
        lambda: workers.restart("second", signal.SIGTERM),
        lambda: workers.servers.restart("kafka", kill=True),
        lambda: workers.restart("second", signal.SIGKILL),
        lambda: workers.servers.restart("postgres", kill=True),
        lambda: workers.restart("first", signal.SIGTERM),
        lambda: workers.servers.restart("kafka"),
        lambda: workers.servers.restart("postgres"),
        lambda: workers.restart("first", signal.SIGKILL),
    )


@pytest.mark.chaos
def test_two_workers_lose_nothing_and_issue_nothing_twice_through_nine_faults(tmp_path: Path) -> None:
    events = load(SEED, FAMILIES, datetime.now(UTC))
    assert len(events) >= 2000

    async def run() -> None:
        with embedded_servers(durable=True) as servers:
            async with relay_on(servers, tmp_path) as relay:
                with two_workers(servers, tmp_path) as workers:
                    await publish(relay, events, faults(workers))
                    await until(lambda: settled(relay), SETTLED_SECONDS)
                    await check(relay, events)

    asyncio.run(run())


async def publish(relay: Relay, events: Sequence[Message], troubles: Sequence[Callable[[], None]]) -> None:
    """The load in its order, a fault after each equal part of it."""
    part = len(events) // (len(troubles) + 1)
    for place in range(0, len(events), AT_ONCE):
        await relay.publish(*events[place : place + AT_ONCE])
        if place // part > (place - AT_ONCE) // part and 0 < place // part <= len(troubles):
            await asyncio.to_thread(troubles[place // part - 1])


async def settled(relay: Relay) -> bool:
    """All is read by every service, looked at and published."""
    ends = await Offsets(relay.servers.kafka).end_offsets({topic for s in SERVICES.values() for topic in s.reads})
    rows = await relay.rows("select service, topic, partition, next_offset from stream_position")
    read = {(service, topic, partition): offset for service, topic, partition, offset in rows}
    behind = [
        place
        for service in SERVICES.values()
        for place, end in ends.items()
        if place[0] in service.reads and read.get((service.name, *place), 0) < end
    ]
    return not behind and await relay.rows(DRAINED) == [(True,)]


async def check(relay: Relay, events: Sequence[Message]) -> None:
    services = tuple(SERVICES.values())
    must_hold = expected(events, services, relay.policies, datetime.now(UTC))
    told = await relay.all_told()
    notifications = [said.model_dump(mode="json") for each in told.values() for said in each]
    verdict = verify(must_hold, notifications)
    assert verdict.clean, str(verdict)
    assert len(must_hold) > FAMILIES
    await one_end_each(relay)


async def one_end_each(relay: Relay) -> None:
    """Every record of a stream has one row of fate in each service that reads it, and none is refused or faulted."""
    for service in SERVICES.values():
        ends = await Offsets(relay.servers.kafka).end_offsets(set(service.reads))
        counted = await relay.rows(
            """select count(*), count(*) filter (where fate in ('refused', 'faulted'))
            from record where service = %s""",
            service.name,
        )
        assert counted == [(sum(ends.values()), 0)]
