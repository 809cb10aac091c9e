"""A worker of a bad release: `raises` in the files of some incidents, or `refuses` good events of a type.

It runs until SIGTERM, or halts by itself where too much goes wrong. The shipped release that follows mends it.
"""

import asyncio
import signal
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import structlog

from schemas.police_incidents.v1 import IncidentReported
from schemas.registry import REGISTRY, STREAMS, Registry
from services.ops.policies import load
from services.ops.serving import SERVICES
from services.platform import logs
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.rules import Rule
from services.platform.policy.policy import Policy
from services.platform.running.process import STUCK_SECONDS, begun, end
from services.platform.running.worker import Worker
from services.platform.settings import load_settings
from services.platform.streaming.service import Service
from services.platform.streaming.watchdog import Watchdog

RELEASE = "bad-release"
RAISES_IN_ONE_OF = 20


class BrokenRuleError(Exception):
    """What the broken rules raise."""


def broken(rule: Rule) -> Rule:
    """The rule, raising in the files of one incident in twenty."""

    def states(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        for _, incident in file.of(IncidentReported):
            if zlib.crc32(incident.crime_reference.encode()) % RAISES_IN_ONE_OF == 0:
                raise BrokenRuleError
        yield from rule.states(file, policy)

    return replace(rule, states=states)


def without(type_: str) -> Registry:
    """The contract of a release that has forgotten a type."""
    return Registry(tuple(replace(s, types=tuple(fact for fact in s.types if fact.name != type_)) for s in STREAMS))


async def serve(services: Sequence[Service], contract: Registry) -> None:
    settings = load_settings()
    servers = settings.servers
    assert servers is not None
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    worker = Worker(
        services,
        servers.kafka,
        servers.database,
        load(settings.policy, settings.agencies),
        release=RELEASE,
        contract=contract,
    )
    Watchdog(STUCK_SECONDS).start()
    if await begun(worker, stopping):
        structlog.get_logger("relay").info(logs.Event.WORKER_STARTED, release=RELEASE)
        await stopping.wait()
    await end(worker)


def main(what: str, type_: str = "") -> None:
    services = list(SERVICES.values())
    logs.configure()
    match what:
        case "raises":
            asyncio.run(serve([replace(s, rules=tuple(map(broken, s.rules))) for s in services], REGISTRY))
        case "refuses":
            asyncio.run(serve(services, without(type_)))
        case _:
            sys.exit("raises, or refuses TYPE")


if __name__ == "__main__":
    main(*sys.argv[1:])
