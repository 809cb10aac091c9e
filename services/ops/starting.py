"""How the services are started: the process that runs them, its log, and its end."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kafka.errors import TopicAlreadyExistsError

from services.policy.policy import PolicySet
from services.runtime import database
from services.runtime.embedded import RELAY_FOLDER, Servers
from services.runtime.keeper import PROJECT
from services.runtime.processes import started_at
from services.runtime.sessions import session
from services.runtime.settings import Addresses
from services.runtime.topics import Difference, apply_topics, topics

CHILD = "--child"
MODULE = "services.ops.serving"
# As they are started by default; each is a folder of `services/`.
SERVICE_NAMES = ("incidents", "convictions", "order_variations", "responses")
LOGS = RELAY_FOLDER / "logs"
CALLED = {"kafka": "Kafka", "postgres": "PostgreSQL"}
LOGS_KEPT = 5
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.3


class ServicesEndedError(Exception):
    """The services, or the servers under them, have ended by themselves; the text says where to look."""


@dataclass(frozen=True)
class Services:
    """All services in one process of their own. `reads`: the topics that each of them reads."""

    process: subprocess.Popen[str]
    servers: Servers
    log: Path
    port: int
    reads: Mapping[str, Sequence[str]]

    def check(self) -> None:
        """Raises ServicesEndedError unless the services and their servers run."""
        if (status := self.process.poll()) is not None:
            if status < 0:
                raise ServicesEndedError(f"The services were killed from outside ({signal.Signals(-status).name}).")
            raise ServicesEndedError(
                f"The services have ended by themselves, with status {status}; why is in {self.log}, and what to do in "
                "docs/runbook.md."
            )
        if gone := _ended(self.servers):
            raise ServicesEndedError(gone)


def prepare(servers: Addresses, policies: PolicySet) -> tuple[Difference, ...]:
    """Brings the tables to this release and makes the relay's topics that are missing; touches nothing else.

    Where an existing topic is not as declared, that is for a person to change: the differences.
    """
    with session(servers.database, autocommit=True) as one_at_a_time:
        one_at_a_time.execute("select pg_advisory_lock(hashtextextended('relay migrate', 0))")
        database.migrate(servers.database)
    specs = topics(policies)
    try:
        return apply_topics(servers.kafka, specs).differences
    except TopicAlreadyExistsError:  # another worker that starts now was quicker
        return apply_topics(servers.kafka, specs).differences


def command(*arguments: str) -> list[str]:
    """What starts the process of these services."""
    return [sys.executable, "-m", MODULE, *arguments]


@contextmanager
def all_services(servers: Servers, log_file: Path) -> Iterator[Services]:
    """All services on these servers for as long as the block lasts. Their logs go to a file, beside which the newest
    few of its kind are kept; they write nothing else.

    Raises ServicesEndedError where they cannot be started.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    for old in sorted(log_file.parent.glob("*.log"), key=lambda path: path.stat().st_mtime)[: -LOGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    with log_file.open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - this project's own module
            command(CHILD),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=PROJECT,
            start_new_session=True,  # Ctrl-C goes to the asker alone, who then ends it in order
        )
        try:
            yield _started(process, servers, log_file)
        finally:
            _end(process, patience=0 if _ended(servers) else STOP_SECONDS)


def _started(process: subprocess.Popen[str], servers: Servers, log: Path) -> Services:
    assert process.stdin is not None  # noqa: S101 - opened as a pipe
    assert process.stdout is not None  # noqa: S101
    addresses = {"kafka": servers.kafka, "database": servers.database}
    process.stdin.write(json.dumps(addresses) + "\n")
    process.stdin.flush()
    while not select.select([process.stdout], [], [], LOOK_SECONDS)[0]:
        if gone := _ended(servers):
            raise ServicesEndedError(gone)
    answer = process.stdout.readline()
    if not answer:
        raise ServicesEndedError(f"The services could not be started; why is in {log}.")
    said = json.loads(answer)
    return Services(process, servers, log, said["port"], said["reads"])


def _ended(servers: Servers) -> str | None:
    """Which of the servers has ended, in words; None while they run."""
    if started_at(servers.keeper_pid) is None:
        return "Kafka and PostgreSQL have ended."
    gone = [CALLED[name] for name, pid in servers.pids.items() if started_at(pid) is None]
    return f"{' and '.join(gone)} {'has' if len(gone) == 1 else 'have'} ended, and with it the run." if gone else None


def _end(process: subprocess.Popen[str], patience: float) -> None:
    """Without its servers it has nothing left to finish, and would wait for them."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
