"""The process that a worker runs in: from settings and signals to a clean end."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from services.platform import logs
from services.platform.domain.core.asked_of_policy import asked_of_policy
from services.platform.policy.load import load
from services.platform.policy.policy import PolicySet
from services.platform.problems import EXIT_NOT_BEGUN, CannotBeginError
from services.platform.running.worker import STOP_SECONDS, Worker
from services.platform.settings import Addresses, Settings, load_settings
from services.platform.streaming.halting import end_process
from services.platform.streaming.service import Service
from services.platform.streaming.watchdog import Watchdog

STUCK_SECONDS = 30.0
END_SECONDS = 40.0
YOUNG_OBJECTS = 20_000  # so many before the collector looks for cycles among them; 700 took a fifth of a worker's time


async def serve(services: Sequence[Service], settings: Settings, servers: Addresses, policies: PolicySet) -> None:
    """Runs services until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, stopping.set)
    worker = Worker(services, servers.kafka, servers.database, policies, settings.http_port)
    watchdog = Watchdog(STUCK_SECONDS)
    watchdog.start()
    # Code, policy and agencies stay for as long as the process; what a batch makes is done with when it is.
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    if await begun(worker, stopping):
        await stopping.wait()
    await end(worker)


async def begun(worker: Worker, stopping: asyncio.Event) -> bool:
    """Starts a worker, however long its servers take; False where it was to stop before that.

    What keeps it from starting ends the process, and with it what had begun.
    """
    starting, stopped = asyncio.create_task(worker.start()), asyncio.create_task(stopping.wait())
    await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not starting.done():
        starting.cancel()
        await asyncio.wait([starting], timeout=STOP_SECONDS)
        return False
    try:
        starting.result()
    except CannotBeginError as problem:
        logs.flush()
        sys.stderr.write(f"{problem}\n")
        os._exit(EXIT_NOT_BEGUN)  # what has begun is ended with the process
    except Exception as error:  # noqa: BLE001 - whatever it is
        end_process(error, group="relay")
    return True


async def end(worker: Worker) -> NoReturn:
    """Stops in order as far as time allows, then ends the process: a library's task that will not be cancelled, or a
    server that is away, must not keep it. What was not acknowledged is delivered again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            await worker.stop()
    logs.flush()
    os._exit(0)


def run(*services: Service) -> None:
    """The process of one or more services on the servers that the environment names."""
    try:
        _run(services)
    except CannotBeginError as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(EXIT_NOT_BEGUN)


def _run(services: Sequence[Service]) -> None:
    settings = load_settings()
    logs.configure(level=settings.log_level)
    if (servers := settings.servers) is None:
        raise CannotBeginError("RELAY_KAFKA and RELAY_DATABASE are not set: name the servers to run on.")
    named = asked_of_policy(rule for service in services for rule in service.rules)
    policies = load(settings.policy, settings.agencies, named)
    asyncio.run(serve(services, settings, servers, policies))
