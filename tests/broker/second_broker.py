"""A second broker in the cluster of the tests' own, to be killed: the partitions that it leads have no leader then."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.platform.local.embedded import Servers
from services.platform.local.keeper import die_with_keeper, free_ports

START_SECONDS = 60.0


class Broker:
    """It is started with the settings and the command of the first, but for its place and its number."""

    number = 2

    def __init__(self, servers: Servers, folder: Path) -> None:
        first = Path(f"/proc/{servers.pids['kafka']}/cmdline").read_bytes().decode().split("\0")[:-1]
        settings = dict(line.split("=", 1) for line in Path(first[-1]).read_text().splitlines())
        meta = Path(settings["log.dirs"], "meta.properties").read_text().splitlines()
        self._cluster = next(line.removeprefix("cluster.id=") for line in meta if line.startswith("cluster.id="))
        (port,) = free_ports(1)
        listener = f"PLAINTEXT://127.0.0.1:{port}"
        settings |= {
            "process.roles": "broker",
            "node.id": str(self.number),
            "listeners": listener,
            "advertised.listeners": listener,
            "log.dirs": str(folder / "kafka"),
        }
        self._settings, self._log = folder / "kafka.properties", folder / "kafka.log"
        self._settings.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        self._java = [f"-Drelay.log={self._log}" if part.startswith("-Drelay.log=") else part for part in first[:-2]]
        self._format()
        self.process = self._launch()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        self._log.unlink()
        self.process = self._launch()

    def _format(self) -> None:
        options = ["format", "-t", self._cluster, "-c", str(self._settings)]
        subprocess.run([*self._java, "kafka.tools.StorageTool", *options], check=True, capture_output=True)

    def _launch(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [*self._java, "kafka.Kafka", str(self._settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_keeper(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
        )
        deadline = time.monotonic() + START_SECONDS
        while not (self._log.exists() and b"Kafka Server started" in self._log.read_bytes()):
            assert process.poll() is None, "the second broker ended while it started"
            assert time.monotonic() < deadline, "the second broker was not ready in time"
            time.sleep(0.05)
        return process


@contextmanager
def second_broker(servers: Servers, folder: Path) -> Iterator[Broker]:
    """At work until it is killed, at the end for certain."""
    folder.mkdir()
    broker = Broker(servers, folder)
    try:
        yield broker
    finally:
        broker.kill()
