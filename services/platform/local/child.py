"""The process in which a run with servers of its own has its services.

It reads one JSON line from standard input, says when it is ready, and ends when standard input closes.
"""

import asyncio
import json
import os
import signal
import sys
import threading

from services.ops.policies import load
from services.ops.serving import SERVICES
from services.platform import logs
from services.platform.local.keeper import LIBC, PR_SET_PDEATHSIG
from services.platform.running.process import STUCK_SECONDS, begun, end
from services.platform.running.worker import Worker
from services.platform.settings import load_settings
from services.platform.streaming.health import THIS_MACHINE
from services.platform.streaming.watchdog import Watchdog

POLL_SECONDS = 0.05
END_SECONDS = 15.0


def main() -> None:
    # If the parent is killed, nothing may be left behind, however busy this process is.
    LIBC.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    asked = json.loads(sys.stdin.readline() or "null")
    if asked is not None:
        logs.configure(level=load_settings().log_level)
        asyncio.run(serve(asked["kafka"], asked["database"], asked["port"]))


async def serve(kafka: str, database: str, port: int) -> None:
    settings = load_settings()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stopping.set)
    threading.Thread(target=_end_with_asker, args=(loop, stopping), daemon=True).start()
    policies = load(settings.policy, settings.agencies)
    worker = Worker(tuple(SERVICES.values()), kafka, database, policies, port or settings.http_port, THIS_MACHINE)
    Watchdog(STUCK_SECONDS).start()
    if not await begun(worker, stopping):
        await end(worker)
    while not worker.ready:  # noqa: ASYNC110 - partitions come when the broker says so
        await asyncio.sleep(POLL_SECONDS)
    reads = {service.name: service.reads for service in SERVICES.values()}
    sys.stdout.write(json.dumps({"port": worker.health.port, "reads": reads}) + "\n")
    sys.stdout.flush()
    await stopping.wait()
    await end(worker)


def _end_with_asker(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """Ends in order when the asker closes the pipe, and by force where that takes too long."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    loop.call_soon_threadsafe(stopping.set)
    threading.Event().wait(END_SECONDS)
    logs.flush()
    os._exit(1)


if __name__ == "__main__":
    main()
