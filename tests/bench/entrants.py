"""Who is measured beside whom: how each is started, with which settings, and what it keeps and promises."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import psycopg

from services.platform.storage import database
from tests.bench.contestants import limit, plain

For = Literal["throughput", "latency"]
# Quix Streams lets others see what it has done when it commits: seldom is fast, often is soon.
COMMIT_SECONDS: Mapping[For, float] = {"throughput": 1.0, "latency": 0.05}


@dataclass(frozen=True, slots=True)
class Entrant:
    """One contestant. `keeps`: in which store its state lies; `promises`: what holds when it is killed."""

    name: str
    title: str
    module: str
    keeps: Literal["postgres", "rocksdb", "memory"]
    promises: str
    built_on: tuple[str, ...]  # distributions whose versions the table names

    def command(self, addresses: "Addresses", worker: int, wanted: For) -> list[str]:
        """How one worker is started."""
        started = [sys.executable, "-m", self.module]
        if self.name == "relay":
            return started
        asked = {
            "kafka": addresses.kafka,
            "database": addresses.database,
            "group": self.group,
            "worker": str(worker),
            "folder": str(addresses.folder / f"{self.name}-{worker}"),
        }
        if self.name == "quix":
            asked["commit"] = str(COMMIT_SECONDS[wanted])
        return started + [f"--{name}={value}" for name, value in asked.items()]

    def environment(self, addresses: "Addresses") -> dict[str, str]:
        named = {"RELAY_KAFKA": addresses.kafka, "RELAY_DATABASE": addresses.database, "RELAY_LOG_LEVEL": "ERROR"}
        return dict(os.environ) | (named if self.name == "relay" else {})

    @property
    def group(self) -> str:
        return "relay.incidents" if self.name == "relay" else f"bench.{self.name}"

    @property
    def versions(self) -> str:
        return ", ".join(f"{name} {version(name)}" for name in self.built_on)

    def prepare(self, url: str) -> None:
        """The tables that it needs, in an empty database."""
        if self.name == "relay":
            database.migrate(url)
        elif self.name == "plain":
            with psycopg.connect(url, autocommit=True) as conn:
                conn.execute(plain.TABLES)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a worker finds its servers, and a folder for files of its own."""

    kafka: str
    database: str
    folder: Path


RELAY = Entrant(
    "relay",
    "the relay",
    "services.incidents",
    "postgres",
    "effects once, every evaluation and decision recorded and explained, clocks kept",
    ("faust-streaming", "aiokafka", "psycopg"),
)
PLAIN = Entrant(
    "plain",
    "plain loop",
    "tests.bench.contestants.plain",
    "postgres",
    "effects once, clocks kept",
    ("aiokafka", "psycopg"),
)
QUIX = Entrant(
    "quix",
    "Quix Streams",
    "tests.bench.contestants.quix",
    "rocksdb",
    "exactly once within Kafka; no clock",
    ("quixstreams", "confluent-kafka", "rocksdict"),
)
LIMIT = Entrant(
    "limit",
    "the limit",
    "tests.bench.contestants.limit",
    "memory",
    "state is lost with the process; no clock",
    ("confluent-kafka",),
)
ENTRANTS = (RELAY, PLAIN, QUIX, LIMIT)


def settings(entrant: Entrant) -> str:
    """What it was given, in a few words for the table."""
    match entrant.name:
        case "relay":
            return "as shipped, with a log of errors alone: `python -m services.incidents`"
        case "plain":
            return plain.SETTINGS
        case "quix":
            return (
                f"exactly-once; commits every {COMMIT_SECONDS['throughput']:g} s for throughput, every "
                f"{COMMIT_SECONDS['latency']:g} s for latency; RocksDB with changelog topics; a repartition topic by "
                "person; linger 5 ms"
            )
    return limit.SETTINGS
