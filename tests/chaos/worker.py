"""Worker processes, each running all services on the servers that a test has started."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.ops.serving import SERVICES
from services.platform.project import PROJECT
from services.platform.streaming.halting import EXIT_HALTED
from tests.support.processes import started

NAMES = ("first", "second")
THIRD = "third"

PATIENCE = 60.0
TAIL = 2000  # characters
COMMAND_SECONDS = 120.0
RELAY = "from services.ops.cli import main; main()"
STARTED, HALTED = b'"worker_started"', b'"halted"'
AS_SHIPPED = ("services.ops.serving", *SERVICES)
REASON = re.compile(r'"event": "halted".*?"reason": "(\w+)"')


class WorkerEndedError(Exception):
    """A worker ended by itself, which no fault may bring about. `reason`: why it halted, where it says so."""

    def __init__(self, name: str, code: int, log: str) -> None:
        said = REASON.search(log)
        self.reason = said[1] if said else f"exit code {code}"
        super().__init__(f"the {name} worker ended by itself ({self.reason}): {log[-TAIL:]}")


@dataclass
class Workers:
    """The processes, by name, each with a log of its own. One that ends by itself is a failure of its own.

    `environment`: which servers and which policy are theirs. `release`: the module that they run, with its arguments.
    """

    environment: Mapping[str, str]
    folder: Path
    release: Sequence[str] = AS_SHIPPED
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    logs: dict[str, Path] = field(default_factory=dict)

    def start(self, name: str, *module: str) -> None:
        """`module`: what is run, with its arguments, where it is not their release."""
        command = [sys.executable, "-m", *(module or self.release)]
        self.logs[name] = self.folder / f"{name}-{len(list(self.folder.glob('*.log')))}.log"
        with self.logs[name].open("wb") as log:
            environment = {**os.environ, **self.environment}
            self.processes[name] = started(command, env=environment, stderr=log, stdout=log)

    def restart(self, name: str, sign: signal.Signals) -> None:
        """Ends one that is at work, and starts the next in its place."""
        self.end(name, sign)
        self.start(name)

    def end(self, name: str, sign: signal.Signals) -> None:
        """Once it is at work: a process that does not listen for signals yet ends by them, not in order."""
        self.wait_until_at_work(name)
        process = self.processes[name]
        process.send_signal(sign)
        process.wait(timeout=PATIENCE)
        assert sign is signal.SIGKILL or process.returncode == 0, f"the {name} worker ended badly: {self.tail(name)}"

    def dismiss(self, name: str, sign: signal.Signals) -> None:
        """Ends one, and nobody takes its place."""
        self.end(name, sign)
        del self.processes[name]

    def command(self, *arguments: str) -> None:
        """A `relay` command on their servers, which must do what it is asked."""
        done = subprocess.run(
            [sys.executable, "-c", RELAY, *arguments],
            env={**os.environ, **self.environment},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"relay {' '.join(arguments)}: {done.stdout}{done.stderr}"

    def wait_until_halted(self, name: str) -> None:
        """It must end by itself, for a reason that it tells."""
        code = self.processes[name].wait(timeout=PATIENCE)
        assert code == EXIT_HALTED, f"the {name} worker ended with {code}: {self.tail(name)}"
        assert HALTED in self.logs[name].read_bytes(), f"the {name} worker did not say why: {self.tail(name)}"

    def while_all_work(self, trouble: Callable[[], None]) -> None:
        """Makes trouble once all are at work: one that starts without its servers may end, to be started again."""
        for name in self.processes:
            self.wait_until_at_work(name)
        trouble()

    def wait_until_at_work(self, name: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while STARTED not in self.logs[name].read_bytes():
            self.assert_alive(name)
            assert time.monotonic() < deadline, f"the {name} worker did not start: {self.tail(name)}"
            time.sleep(0.05)
        self.assert_alive(name)

    def assert_alive(self, *names: str) -> None:
        """None of these (of all, unless some are named) has ended by itself."""
        for name in names or self.processes:
            code = self.processes[name].poll()
            if code is not None:
                raise WorkerEndedError(name, code, self.logs[name].read_text(errors="replace"))

    def tail(self, name: str) -> str:
        """Its last words."""
        return self.logs[name].read_text(errors="replace")[-TAIL:]


@contextmanager
def two_workers(environment: Mapping[str, str], folder: Path, release: Sequence[str] = AS_SHIPPED) -> Iterator[Workers]:
    """Both, ended in order at the end of the block."""
    workers = Workers(environment, folder, release)
    try:
        for name in NAMES:
            workers.start(name)
        yield workers
        for name in NAMES:
            workers.end(name, signal.SIGTERM)
    finally:
        for process in workers.processes.values():
            process.kill()
            process.wait()
