"""The note that a `make run` leaves in `.relay/servers.json` while it runs, so that other commands find its servers.

Run as a module it stops that run.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from services.platform.local.keeper import PROJECT
from services.platform.local.processes import started_at, wait_until_gone

NOTE = PROJECT / ".relay" / "servers.json"
STOP_SECONDS = 30.0


class Running(BaseModel):
    model_config = ConfigDict(frozen=True)

    pid: int
    started: int
    kafka: str
    database: str
    health: str | None = None  # the URL under which /readyz and /metrics are, once the services have started


def find_running(note: Path = NOTE) -> Running | None:
    """The run that is up now; None if there is none, or if it ended without taking its note away."""
    try:
        running = Running.model_validate_json(note.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    return running if started_at(running.pid) == running.started else None


@contextmanager
def announce(kafka: str, database: str, note: Path = NOTE) -> Iterator[Callable[[str], None]]:
    """Lets other commands find these servers for as long as the block lasts, and the services' health once its URL is
    given to what it yields."""
    mine = Running(pid=os.getpid(), started=started_at(os.getpid()) or 0, kafka=kafka, database=database)
    note.parent.mkdir(parents=True, exist_ok=True)
    _write(mine, note)
    try:
        yield lambda health: _write(mine.model_copy(update={"health": health}), note)
    finally:
        left = find_running(note)
        if left is not None and (left.pid, left.started) == (mine.pid, mine.started):
            note.unlink()


def _write(running: Running, note: Path) -> None:
    unfinished = note.with_name(f"{note.name}.{running.pid}")
    unfinished.write_text(running.model_dump_json())
    unfinished.replace(note)


def stop_running(note: Path = NOTE) -> str:
    """Stops the run that is up, and says in words what happened."""
    running = find_running(note)
    if running is None:
        return "No `make run` with servers of its own is up."
    os.kill(running.pid, signal.SIGTERM)
    if not wait_until_gone(running.pid, STOP_SECONDS):
        os.kill(running.pid, signal.SIGKILL)
        return "Stopped: it did not end by itself, so it was killed."
    return "Stopped."


if __name__ == "__main__":
    sys.stdout.write(stop_running() + "\n")
