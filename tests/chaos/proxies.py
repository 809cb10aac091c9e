"""Toxiproxy between the workers and their servers, through which a network can hold, slow down and cut what is said.

`make chaos` fetches it. The test's own clients speak to the servers directly.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from services.platform.local.embedded import Name, Servers
from services.platform.local.keeper import die_with_keeper, free_ports
from services.platform.project import PROJECT

TOXIPROXY = PROJECT / ".relay" / "bin" / "toxiproxy"
START_SECONDS = 10.0
SLOW_MS = 400


@dataclass(frozen=True)
class Proxy:
    """One toxiproxy, before one server."""

    name: Name
    api: int
    pid: int

    def ask(self, method: str, path: str, body: object = None) -> None:
        api = HTTPConnection("127.0.0.1", self.api, timeout=START_SECONDS)
        try:
            api.request(method, path, None if body is None else json.dumps(body))
            answer = api.getresponse()
            said = answer.read()
            assert answer.status < 300, f"{path}: {answer.status} {said!r}"
        finally:
            api.close()

    def both_ways(self, kind: str, **attributes: int) -> None:
        for way in ("upstream", "downstream"):
            toxic = {"name": way, "stream": way, "type": kind, "attributes": attributes}
            self.ask("POST", f"/proxies/{self.name}/toxics", toxic)

    def wait_until_there(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.ask("GET", "/version")
            except ConnectionError:
                assert time.monotonic() < deadline, "toxiproxy did not start in time"
                time.sleep(0.05)
            else:
                return


@dataclass(frozen=True)
class Proxies:
    """By the server's name; `kafka` and `database` are the addresses for those who go by them. What is done is done
    both ways."""

    before: Mapping[Name, Proxy]
    kafka: str
    database: str

    def hold(self, name: Name) -> None:
        """Nothing gets through, and nobody is told; when it is healed, all that was said does.

        Toxiproxy is stopped for it. Its own way, a long latency, ends one connection after the other, each when all
        that it held has been read: that waits for ever where one is read only after another, as by a session of
        PostgreSQL that waits for another's lock.
        """
        os.kill(self.before[name].pid, signal.SIGSTOP)

    def swallow(self, name: Name, seconds: float) -> None:
        """Nothing gets through, and after so long every connection is found dead."""
        self.before[name].both_ways("timeout", timeout=int(seconds * 1000))

    def slow_down(self, name: Name) -> None:
        """Everything takes some 400 ms each way."""
        self.before[name].both_ways("latency", latency=SLOW_MS, jitter=SLOW_MS // 2)

    def cut_after(self, name: Name, most: int) -> None:
        """Each connection is cut after so many bytes of one side, in the middle of whatever is being said."""
        self.before[name].both_ways("limit_data", bytes=most)

    def cut(self, name: Name) -> None:
        """Ends every connection at once; new ones are let in."""
        self.before[name].ask("POST", f"/proxies/{name}", {"enabled": False})
        self.before[name].ask("POST", f"/proxies/{name}", {"enabled": True})

    def heal(self, name: Name) -> None:
        os.kill(self.before[name].pid, signal.SIGCONT)
        self.before[name].ask("POST", "/reset")


@contextmanager
def proxies(servers: Servers) -> Iterator[Proxies]:
    """Puts both servers behind proxies as well as where they are: the broker is restarted for it."""
    assert TOXIPROXY.exists(), "toxiproxy is not here: `make chaos` fetches it"
    kafka_port, database_port, second_listener, *apis = free_ports(5)
    database = urlsplit(servers.database)
    behind = database._replace(netloc=f"{database.username}@127.0.0.1:{database_port}")
    kafka = f"127.0.0.1:{kafka_port}"
    with ExitStack() as started:
        ways: dict[Name, tuple[str, str]] = {
            "kafka": (kafka, f"127.0.0.1:{second_listener}"),
            "postgres": (f"127.0.0.1:{database_port}", f"127.0.0.1:{database.port}"),
        }
        before = {
            name: started.enter_context(_proxy(name, api, *way))
            for api, (name, way) in zip(apis, ways.items(), strict=True)
        }
        _listen_behind(servers, second_listener, kafka)
        yield Proxies(before, kafka, urlunsplit(behind))


@contextmanager
def _proxy(name: Name, api: int, listen: str, upstream: str) -> Iterator[Proxy]:
    process = subprocess.Popen(
        [TOXIPROXY, "-host", "127.0.0.1", "-port", str(api)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_keeper(signal.SIGKILL),  # noqa: PLW1509 - it only calls prctl
    )
    try:
        found = Proxy(name, api, process.pid)
        found.wait_until_there()
        found.ask("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream, "enabled": True})
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
