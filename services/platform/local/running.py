"""Writes the note by which commands find the servers of a `make run`. Run as a module it stops such a run."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from services.ops.processes import started_at, wait_until_gone
from services.ops.running import NOTE, Running, find_running

STOP_SECONDS = 30.0


@contextmanager
def announce(kafka: str, database: str, note: Path = NOTE) -> Iterator[Callable[[str], None]]:
    """Lets other commands find these servers for as long as the block lasts. It yields a function that adds the URL of
    the services' health to the note."""
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
