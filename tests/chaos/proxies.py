"""Toxiproxy between the workers and their servers, through which a network can hold, slow down and cut what is said.

`make chaos` fetches it. The test's own clients speak to the servers directly.
"""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from services.runtime.embedded import Name, Servers
from services.runtime.keeper import PROJECT, die_with_keeper, free_ports

TOXIPROXY = PROJECT / ".relay" / "bin" / "toxiproxy"
START_SECONDS = 10.0
HELD_MS = 120_000  # longer than any trouble lasts: what is held comes through when the trouble ends
SLOW_MS = 400


@dataclass(frozen=True)
class Proxies:
    """Both ways, by the server's name; `kafka` and `database` are the addresses for those who go by them."""

    api: int
    kafka: str
    database: str

    def hold(self, name: Name) -> None:
        """Nothing gets through, and nobody is told; when it is healed, all that was said does."""
        self._both_ways(name, "latency", latency=HELD_MS)

    def swallow(self, name: Name, seconds: float) -> None:
        """Nothing gets through, and after so long every connection is found dead."""
        self._both_ways(name, "timeout", timeout=int(seconds * 1000))

    def slow_down(self, name: Name) -> None:
        """Everything takes some 400 ms each way."""
        self._both_ways(name, "latency", latency=SLOW_MS, jitter=SLOW_MS // 2)

    def cut_after(self, name: Name, most: int) -> None:
        """Each connection is cut after so many bytes of one side, in the middle of whatever is being said."""
        self._both_ways(name, "limit_data", bytes=most)

    def cut(self, name: Name) -> None:
        """Ends every connection at once; new ones are let in."""
        self._ask("POST", f"/proxies/{name}", {"enabled": False})
        self._ask("POST", f"/proxies/{name}", {"enabled": True})

    def heal(self, name: Name) -> None:
        """What was held comes through now. Where somebody does not read it, toxiproxy waits for ever: then every
        connection is found dead instead."""
        try:
            self._ask("POST", "/reset")
        except TimeoutError:
            self.cut(name)
            self._ask("POST", "/reset")

    def _both_ways(self, name: Name, kind: str, **attributes: int) -> None:
        for way in ("upstream", "downstream"):
            toxic = {"name": way, "stream": way, "type": kind, "attributes": attributes}
            self._ask("POST", f"/proxies/{name}/toxics", toxic)

    def _ask(self, method: str, path: str, body: object = None) -> None:
        api = HTTPConnection("127.0.0.1", self.api, timeout=START_SECONDS)
        try:
            api.request(method, path, None if body is None else json.dumps(body))
            answer = api.getresponse()
            said = answer.read()
            assert answer.status < 300, f"{path}: {answer.status} {said!r}"
        finally:
            api.close()

    def wait_until_there(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._ask("GET", "/version")
            except ConnectionError:
                assert time.monotonic() < deadline, "toxiproxy did not start in time"
                time.sleep(0.05)
            else:
                return

    def add(self, name: str, listen: str, upstream: str) -> None:
        self._ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})


@contextmanager
def proxies(servers: Servers) -> Iterator[Proxies]:
    """Puts both servers behind proxies as well as where they are: the broker is restarted for it."""
    assert TOXIPROXY.exists(), "toxiproxy is not here: `make chaos` fetches it"
    api, kafka_port, database_port, second_listener = free_ports(4)
    database = urlsplit(servers.database)
    behind = database._replace(netloc=f"{database.username}@127.0.0.1:{database_port}")
    found = Proxies(api, f"127.0.0.1:{kafka_port}", urlunsplit(behind))
    process = subprocess.Popen(
        [TOXIPROXY, "-host", "127.0.0.1", "-port", str(api)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_keeper(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
    )
    try:
        found.wait_until_there()
        found.add("kafka", found.kafka, f"127.0.0.1:{second_listener}")
        found.add("postgres", f"127.0.0.1:{database_port}", f"127.0.0.1:{database.port}")
        _listen_behind(servers, second_listener, found.kafka)
        yield found
    finally:
        process.kill()
        process.wait()


def _listen_behind(servers: Servers, port: int, proxy: str) -> None:
    """A broker tells its clients where to go on: those who come by the proxy, to the proxy."""
    path = Path(Path(f"/proc/{servers.pids['kafka']}/cmdline").read_bytes().decode().split("\0")[-2])
    settings = dict(line.split("=", 1) for line in path.read_text().splitlines())
    settings["listeners"] += f",PROXIED://127.0.0.1:{port}"
    settings["advertised.listeners"] += f",PROXIED://{proxy}"
    names = [listener.partition(":")[0] for listener in settings["listeners"].split(",")]
    settings["listener.security.protocol.map"] = ",".join(f"{name}:PLAINTEXT" for name in names)
    path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
    servers.restart("kafka")
