"""Embedded servers: a real Kafka and PostgreSQL that last for as long as the block that asked for them."""

import fcntl
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from services.ops.processes import wait_until_gone
from services.platform.local.keeper import LOCK, remove
from services.platform.problems import CannotBeginError
from services.platform.project import PROJECT

Name = Literal["kafka", "postgres"]
RELAY_FOLDER = PROJECT / ".relay"


class EmbeddedServersError(CannotBeginError):
    """The embedded servers could not be had, or could not do as they were told; the text is for a person."""


def silent(_line: str) -> None:
    return


class Servers:
    """Addresses of the servers and the means to disturb them; every method returns when it is done."""

    def __init__(self, keeper: subprocess.Popen[str], tell: Callable[[str], None]) -> None:
        self._keeper = keeper
        self._one_at_a_time = threading.Lock()
        answer = self._answer(tell)
        self.kafka: str = answer["ready"]["kafka"]
        self.database: str = answer["ready"]["database"]
        self.pids: dict[str, int] = answer["pids"]

    @property
    def keeper_pid(self) -> int:
        return self._keeper.pid

    def stop(self, name: Name, *, kill: bool = False) -> None:
        self._command("stop", name, kill=kill)

    def start(self, name: Name) -> None:
        """Starts it again on the same port and data, and returns when it is ready."""
        self._command("start", name, kill=False)

    def restart(self, name: Name, *, kill: bool = False) -> None:
        self._command("restart", name, kill=kill)

    def _command(self, verb: str, name: Name, *, kill: bool) -> None:
        with self._one_at_a_time:
            try:
                self._pipe_to_keeper().write(f"{verb} {name}{' kill' if kill else ''}\n")
                self._pipe_to_keeper().flush()
            except BrokenPipeError:
                raise EmbeddedServersError("The keeper of the embedded servers has ended.") from None
            self.pids = self._answer(silent)["pids"]

    def _pipe_to_keeper(self) -> Any:
        return self._keeper.stdin

    def _answer(self, tell: Callable[[str], None]) -> dict[str, Any]:
        for line in self._keeper.stdout or ():
            answer: dict[str, Any] = json.loads(line)
            if "tell" in answer:
                tell(answer["tell"])
            elif "error" in answer:
                raise EmbeddedServersError(answer["error"])
            else:
                return answer
        raise EmbeddedServersError("The keeper of the embedded servers ended without an answer.")


@contextmanager
def embedded_servers(
    folder: Path | None = None, durable: bool = True, tell: Callable[[str], None] = silent
) -> Iterator[Servers]:
    """Kafka and PostgreSQL on free ports, with everything they write in `folder`, which must not exist yet.

    Without `durable` they do not wait for the disk: a crash of the machine may lose data, one of theirs does not.
    Raises EmbeddedServersError, with what to do about it, where something is not installed.
    """
    if sys.platform != "linux":
        raise EmbeddedServersError(
            "Servers of its own need Linux: run `docker compose up` and set RELAY_KAFKA and RELAY_DATABASE."
        )
    folder = (folder or RELAY_FOLDER / f"test-{os.getpid()}-{secrets.token_hex(4)}").resolve()
    remove_abandoned(folder.parent)
    command = [sys.executable, "-m", "services.platform.local.keeper", "--folder", str(folder)]
    keeper = subprocess.Popen(
        command if durable else [*command, "--quick"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        # Ctrl-C goes to the asker alone, whose workers still need their servers while they finish.
        start_new_session=True,
    )
    servers = None
    try:
        servers = Servers(keeper, tell)
        yield servers
    finally:
        # The closed pipe is the order to end.
        if keeper.stdin is not None:
            with suppress(BrokenPipeError):
                keeper.stdin.close()
        keeper.wait()
        if keeper.stdout is not None:
            keeper.stdout.close()
        for pid in servers.pids.values() if servers is not None else ():
            wait_until_gone(pid)
        remove(folder)


def remove_abandoned(parent: Path) -> None:
    """Removes what is left where the keeper and its asker were both killed with -9."""
    for mark in parent.glob(f"*/{LOCK}"):
        try:
            with mark.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(mark.parent)
        except (BlockingIOError, FileNotFoundError):
            continue
