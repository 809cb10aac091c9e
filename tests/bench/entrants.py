"""Who is measured beside whom: how each is started, with which settings, and what it keeps and promises."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import psycopg

from services.platform.project import PROJECT
from tests.bench.contestants import limit, plain

For = Literal["throughput", "latency"]
# Quix Streams lets others see what it has done when it commits: seldom is fast, often is soon.
COMMIT_SECONDS: Mapping[For, float] = {"throughput": 1.0, "latency": 0.05}


@dataclass(frozen=True, slots=True)
class Entrant:
    """One contestant. `keeps`: in which store its state lies; `promises`: what holds when it is killed; `root`,
    `python`: the files and the interpreter that it runs from."""

    name: str
    title: str
    module: str
    keeps: Literal["postgres", "rocksdb", "memory"]
    promises: str
    built_on: tuple[str, ...]  # distributions whose versions the table names
    root: Path = PROJECT
    python: str = sys.executable

    def command(self, addresses: "Addresses", worker: int, wanted: For) -> list[str]:
        """How one worker is started."""
        started = [self.python, "-m", self.module]
        if self.is_relay:
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
        return dict(os.environ) | (named if self.is_relay else {})

    @property
    def group(self) -> str:
        return "relay.incidents" if self.is_relay else f"bench.{self.name}"

    @property
    def is_relay(self) -> bool:
        """Whether it is a release of the relay: this one, or the one before."""
        return self.module == RELAY.module

    @property
    def versions(self) -> str:
        return ", ".join(f"{name} {version(name)}" for name in self.built_on)

    def prepare(self, addresses: "Addresses") -> None:
        """The tables that it needs, in an empty database."""
        if self.is_relay:
            self.relay("db", "migrate", environment=self.environment(addresses))
        elif self.name == "plain":
            with psycopg.connect(addresses.database, autocommit=True) as conn:
                conn.execute(plain.TABLES)

    def relay(self, *words: str, environment: Mapping[str, str]) -> None:
        """Runs the `relay` command of this release. RuntimeError with what it said where it fails."""
        command = [self.python, "-c", "from services.ops.cli import main; main()", *words]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"relay {' '.join(words)} of {self.title} failed:\n{done.stderr[-2_000:]}")


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
        case "relay" | "before":
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
