"""How fast one worker gets through what has piled up: a process of its own, real servers, the rules that ship."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import LiteralString

import psycopg

from schemas.police_incidents.v1 import Child, Grade, IncidentReported
from services.platform.local.embedded import Servers, embedded_servers
from services.platform.project import PROJECT
from services.platform.streaming.sending import Message
from tests.broker.relay import message, relay_on
from tests.support import builders as b
from tests.support.processes import most_resident_mib, processor_seconds

WORKER = "services.incidents"
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 600.0
EVENTS_ABOUT_ONE_VICTIM = 5
GRADES = (*(Grade.STANDARD,) * 5, *(Grade.MEDIUM,) * 3, *(Grade.HIGH,) * 2)
PUBLISHED_AT_ONCE = 500

Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """From the first record that has its end until nothing is left to publish; memory at its most."""

    events: int
    seconds: float
    processor_seconds: float
    notifications: int
    evaluations: int
    resident_mib: float

    @property
    def events_a_second(self) -> float:
        return self.events / self.seconds


def pace(events: int, tell: Tell) -> Pace:
    """`tell` hears how many of how many records have their end."""
    with embedded_servers(durable=True) as servers, tempfile.TemporaryDirectory() as folder:
        asyncio.run(_publish(servers, Path(folder), list(backlog(events))))
        addresses = {
            "RELAY_KAFKA": servers.kafka,
            "RELAY_DATABASE": servers.database,
            "RELAY_LOG_LEVEL": "ERROR",
        }
        worker = subprocess.Popen([sys.executable, "-m", WORKER], cwd=PROJECT, env=os.environ | addresses)
        try:
            return _watch(servers.database, worker, events, tell)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait()


async def _publish(servers: Servers, folder: Path, messages: list[Message]) -> None:
    async with relay_on(servers, folder) as relay:
        for first in range(0, len(messages), PUBLISHED_AT_ONCE):
            await relay.publish(*messages[first : first + PUBLISHED_AT_ONCE])


def _watch(database: str, worker: subprocess.Popen[bytes], events: int, tell: Tell) -> Pace:
    """Until every record has its end and nothing is left to publish."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    began: tuple[float, float] | None = None
    with psycopg.connect(database, autocommit=True) as conn:
        while True:
            done, pending = _row(conn, "select (select count(*) from record), (select count(*) from outbox)")
            if done and began is None:
                began = time.monotonic(), processor_seconds(worker.pid)
            tell(done, events)
            if began is not None and done == events and not pending:
                break
            if worker.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the worker did not get through the backlog")
            time.sleep(POLL_SECONDS)
        seconds, processor = time.monotonic() - began[0], processor_seconds(worker.pid) - began[1]
        notifications, evaluations = _row(
            conn, "select (select count(*) from notification), (select count(*) from evaluation)"
        )
    return Pace(events, seconds, processor, notifications, evaluations, most_resident_mib(worker.pid))


def _row(conn: psycopg.Connection[tuple[int, int]], query: LiteralString) -> tuple[int, int]:
    row = conn.execute(query).fetchone()
    assert row is not None
    return row


def backlog(events: int) -> Iterator[Message]:
    """Three incidents in five events, then the children of one and a second assessment in another."""
    for number in range(events):
        match number % 5:
            case 3:
                yield message(b.children(_crime(number - 1), _child(number)), "uk.police.children-linked")
            case 4:
                yield message(b.risk_assessed(_crime(number - 3), risk=b.risk(Grade.MEDIUM)), "uk.police.risk-assessed")
            case _:
                yield message(_incident(number), "uk.police.incident-reported")


def _crime(number: int) -> str:
    return f"CR{number}"


def _incident(number: int) -> IncidentReported:
    her = b.record(f"victim-of-{number // EVENTS_ABOUT_ONE_VICTIM}")
    him = b.record(f"suspect-of-{number // EVENTS_ABOUT_ONE_VICTIM}")
    at = b.NOON + timedelta(minutes=number)
    risk = b.risk(GRADES[number % len(GRADES)], answers=b.answers(yes=number % 14, no=27 - number % 14))
    return b.incident(
        _crime(number), reported_at=at, occurred_at=at, parties=(b.victim(record=her), b.suspect(record=him)), risk=risk
    )


def _child(number: int) -> Child:
    return b.child(record=b.record(f"child-of-{number}"))
