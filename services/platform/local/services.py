"""Starts all services as a child process on servers of the relay's own, restarts it if it is killed, and ends it."""

import json
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from services.ops.processes import started_at
from services.platform.local.embedded import RELAY_FOLDER, Servers, silent
from services.platform.project import PROJECT

CHILD = "services.platform.local.child"
LOGS = RELAY_FOLDER / "logs"
CALLED = {"kafka": "Kafka", "postgres": "PostgreSQL"}
LOGS_KEPT = 5
STOP_SECONDS = 30.0
POLL_SECONDS = 0.3
MOST_KILLED = 5


class ServicesEndedError(Exception):
    """The services, or the servers under them, have ended by themselves; the text says where to look."""


class Services:
    """All services in one process of their own, which is started again where somebody kills it.

    `reads`: the topics that each of them reads; `port`: of health and metrics, the same after a new start.
    """

    def __init__(self, servers: Servers, log: Path, tell: Callable[[str], None]) -> None:
        self.servers, self.log, self._tell = servers, log, tell
        self._killed, self.port = 0, 0
        self._start()

    def _start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(  # noqa: S603 - this project's own module
                [sys.executable, "-m", CHILD],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=PROJECT,
                start_new_session=True,  # Ctrl-C goes to the asker alone, who then ends it in order
            )
        try:
            self.port, self.reads = _said_to_be_ready(self.process, self.servers, self.port, self.log)
        except ServicesEndedError:
            self.end(patience=0)
            raise

    def check(self) -> None:
        """Starts the services again where they were killed from outside. Raises ServicesEndedError where they have
        ended by themselves, are killed again and again, or their servers have ended."""
        if gone := _ended(self.servers):
            raise ServicesEndedError(gone)
        status = self.process.poll()
        if status is None:
            return
        if status >= 0:
            raise ServicesEndedError(
                f"The services have ended by themselves, with status {status}; why is in {self.log}, and what to do in "
                "docs/runbook.md."
            )
        killed_by = signal.Signals(-status).name
        self._killed += 1
        if self._killed > MOST_KILLED:
            raise ServicesEndedError(f"The services were killed from outside {self._killed} times ({killed_by}).")
        self._tell(f"The services were killed from outside ({killed_by}): they are started again, and nothing is lost.")
        self.end(patience=0)
        self._start()

    def end(self, patience: float) -> None:
        """In order, and by force where that takes longer than this many seconds."""
        if self.process.stdin is not None:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def all_services(servers: Servers, log_file: Path, tell: Callable[[str], None] = silent) -> Iterator[Services]:
    """All services on these servers for as long as the block lasts. Their logs go to a file, beside which the newest
    few of its kind are kept; they write nothing else. `tell`: told when they had to be started again.

    Raises ServicesEndedError where they cannot be started.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    for old in sorted(log_file.parent.glob("*.log"), key=lambda path: path.stat().st_mtime)[: -LOGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    log_file.write_text("")
    services = Services(servers, log_file, tell)
    try:
        yield services
    finally:
        # Without its servers it has nothing left to finish, and would wait for them.
        services.end(patience=0 if _ended(servers) else STOP_SECONDS)


def _said_to_be_ready(
    process: subprocess.Popen[str], servers: Servers, port: int, log: Path
) -> tuple[int, Mapping[str, Sequence[str]]]:
    """The port of health and metrics, and what each service reads, once all of them are ready."""
    assert process.stdin is not None  # noqa: S101 - opened as a pipe
    assert process.stdout is not None  # noqa: S101
    asked = {"kafka": servers.kafka, "database": servers.database, "port": port}
    process.stdin.write(json.dumps(asked) + "\n")
    process.stdin.flush()
    while not select.select([process.stdout], [], [], POLL_SECONDS)[0]:
        if gone := _ended(servers):
            raise ServicesEndedError(gone)
    answer = process.stdout.readline()
    if not answer:
        raise ServicesEndedError(f"The services could not be started: {_last_said(log)} More is in {log}.")
    said = json.loads(answer)
    return said["port"], said["reads"]


def _last_said(log: Path) -> str:
    """The sentence with which they ended, where they ended with one."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines and not lines[-1].startswith("{") else ""


def _ended(servers: Servers) -> str | None:
    """Which of the servers has ended, in words; None while they run."""
    if started_at(servers.keeper_pid) is None:
        return "Kafka and PostgreSQL have ended."
    gone = [CALLED[name] for name, pid in servers.pids.items() if started_at(pid) is None]
    return f"{' and '.join(gone)} {'has' if len(gone) == 1 else 'have'} ended, and with it the run." if gone else None
