"""Services whose rules fail at chosen incidents, in this process or in one of their own that may die of it.

As a program it runs one such service until SIGTERM; its log goes to standard error.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from schemas.police_incidents.v1 import IncidentReported
from services.incidents.rules import RULES
from services.platform import logs
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.rules import Rule
from services.platform.policy.policy import Policy, PolicySet
from services.platform.running.worker import Worker
from services.platform.streaming.sending import Message
from services.platform.streaming.service import Service
from services.platform.streaming.watchdog import Watchdog
from tests.broker.relay import Relay, message, shipped_policy
from tests.support import builders as b
from tests.support.processes import started

STREAM = "police.incidents"
HIGH_RISK, GRADE_REVIEW = (next(rule for rule in RULES if rule.name == name) for name in ("high_risk", "grade_review"))
HEARS_OF_HIGH_RISK = ("dait-54", "idva-larkmead", "marac-larkmead")


class TroubleError(Exception):
    """What a broken rule raises."""


def raises() -> NoReturn:
    raise TroubleError


def dies() -> None:
    os._exit(9)


def hangs() -> None:
    threading.Event().wait()


Trouble = Callable[[], object]
TROUBLES: Mapping[str, Trouble] = {"raises": raises, "dies": dies, "hangs": hangs}


def at(rule: Rule, troubles: Mapping[str, Trouble]) -> Rule:
    """The rule, with something that happens first in the files of these crime references."""

    def states(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        for _, incident in file.of(IncidentReported):
            if trouble := troubles.get(incident.crime_reference):
                trouble()
        yield from rule.states(file, policy)

    return replace(rule, states=states, speaks_of="file")


def service(*rules: Rule, name: str | None = None, reads: tuple[str, ...] = (STREAM,), owns: str = STREAM) -> Service:
    """A service with a name, and so a group, of its own."""
    return Service(name or f"service-{secrets.token_hex(4)}", owns, reads, rules or (HIGH_RISK,))


def incident(crime: str, *, version: int = 1, **over: object) -> Message:
    """A high-risk incident between two people of whom nothing else is known."""
    people = (b.victim(record=b.record(f"victim-{crime}")), b.suspect(record=b.record(f"suspect-{crime}")))
    return message(b.incident(crime, **{"parties": people, **over}), "uk.police.incident-reported", version=version)


def halting_above(files: int) -> PolicySet:
    """The shipped policy, with another limit of files that may fault within a minute."""
    policies = shipped_policy()
    return replace(
        policies,
        limits=tuple(row.model_copy(update={"faulted_files_a_minute": files}) for row in policies.limits),
    )


class Process:
    """A worker that may die, and what it logged."""

    def __init__(self, relay: Relay, name: str, *options: str) -> None:
        self._log = relay.folder / f"{name}-{secrets.token_hex(4)}.log"
        command = [sys.executable, "-m", "tests.broker.troubled", relay.servers.kafka, relay.database]
        with self._log.open("w") as errors:
            self.running = started([*command, name, *options], stderr=errors)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What it said of this event."""
        lines = map(json.loads, self._log.read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    async def dies(self) -> int:
        """Its exit status, once it has ended by itself."""
        return await asyncio.to_thread(self.running.wait, 90)

    async def stops(self) -> int:
        self.running.send_signal(signal.SIGTERM)
        return await self.dies()


async def fates(relay: Relay, name: str) -> dict[str, int]:
    rows = await relay.rows("select fate, count(*) from record where service = %s group by fate", name)
    return dict(rows)


async def delivered(relay: Relay) -> dict[str, Counter[str]]:
    """Agency to its notifications, each as subject and kind."""
    return {
        agency: Counter(f"{notification.subject} {notification.kind}" for notification in notifications)
        for agency, notifications in (await relay.all_delivered()).items()
    }


def everybody_once(*crimes: str) -> dict[str, Counter[str]]:
    return {agency: Counter(f"{crime}/party/1 notify" for crime in crimes) for agency in HEARS_OF_HIGH_RISK}


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("kafka", "database", "service"):
        parser.add_argument(name)
    parser.add_argument("--at", nargs="*", default=[], metavar="CRIME=TROUBLE")
    parser.add_argument("--release")
    parser.add_argument("--patience", type=float, default=30.0)
    parser.add_argument("--most-faulted", type=int, default=50)
    options = parser.parse_args()
    logs.configure()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    Watchdog(options.patience).start()
    troubles = {crime: TROUBLES[name] for crime, _, name in (word.partition("=") for word in options.at)}
    worker = Worker(
        [service(at(HIGH_RISK, troubles), name=options.service)],
        options.kafka,
        options.database,
        halting_above(options.most_faulted),
        release=options.release,
        instance=options.service,
    )
    await worker.start()
    await stopping.wait()
    await worker.stop()


if __name__ == "__main__":
    asyncio.run(main())
