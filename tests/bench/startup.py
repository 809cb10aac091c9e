"""How long everything takes to start: servers, topics and tables, all services, and one worker of each contestant; and
what `relay --help` takes."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import urlopen

from services.ops.starting import MODULE, SERVICE_NAMES
from services.platform.local.keeper import free_ports
from services.platform.project import PROJECT
from services.platform.streaming.sending import Message
from tests.bench.entrants import ENTRANTS, RELAY, Entrant
from tests.bench.stage import READY_SECONDS, Appearance, FellBehindError, Stage
from tests.bench.throughput import WARM

HELPS = 5


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the first command until it can be relied on."""

    what: str
    seconds: float


def starts(stage: Stage, load: Sequence[Message], tell: Callable[[str], None]) -> list[Start]:
    """The servers themselves were started by whoever made the stage, who knows how long that took."""
    found: list[Start] = []
    tell("topics and tables")
    began = time.monotonic()
    with stage.appearance(RELAY) as shown:
        found.append(Start("topics made and tables migrated", time.monotonic() - began))
        tell("all services in one process")
        found.append(Start("all services, in one process", _until_ready(shown, [list(SERVICE_NAMES)])))
    with stage.appearance(RELAY) as shown:
        tell("all services, each in its own process")
        each = [[name] for name in SERVICE_NAMES]
        found.append(Start("all services, each in a process of its own", _until_ready(shown, each)))
    for entrant in ENTRANTS:
        tell(entrant.title)
        with stage.appearance(entrant, "latency") as shown:
            shown.start(1)
            seconds = shown.warm(load[:WARM])
            found.append(Start(f"{entrant.title}: one worker, until an agency has read a first notification", seconds))
    return found


def help_seconds(release: Entrant) -> float:
    """Processor time of `relay --help`, the least of several."""
    return min(_help_seconds(release) for _ in range(HELPS))


def _help_seconds(release: Entrant) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    release.relay("--help", environment=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _until_ready(shown: Appearance, processes: Sequence[Sequence[str]]) -> float:
    """These services as deployed, until each process says that it is ready."""
    began = time.monotonic()
    ports = free_ports(len(processes))
    with ExitStack() as stack:
        for port, names in zip(ports, processes, strict=True):
            environment = RELAY.environment(shown.addresses) | {"RELAY_HTTP_PORT": str(port)}
            process = subprocess.Popen([sys.executable, "-m", MODULE, *names], cwd=PROJECT, env=environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        while not all(map(_is_ready, ports)):
            if time.monotonic() - began > READY_SECONDS:
                raise FellBehindError("the services are not ready")
            time.sleep(0.02)
        return time.monotonic() - began


def _is_ready(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
