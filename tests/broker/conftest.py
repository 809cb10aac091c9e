"""A relay of a test's own on the servers that its process shares: empty topics, an empty database."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from services.platform.local.embedded import Servers
from tests.broker.relay import Relay, relay_on
from tests.broker.troubled import Process

Start = Callable[..., Process]
Play = Callable[[Callable[[Relay], Awaitable[None]]], None]


@pytest.fixture
def play(servers: Servers, database: str, tmp_path: Path) -> Play:
    """Runs what happens to a relay from its beginning to its end."""

    def run(story: Callable[[Relay], Awaitable[None]]) -> None:
        async def on_stage() -> None:
            async with relay_on(servers, tmp_path, database) as relay:
                await story(relay)

        asyncio.run(on_stage())

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts workers in processes of their own; what is left of them at the end is killed."""
    processes: list[Process] = []

    def run(relay: Relay, name: str, *options: str) -> Process:
        processes.append(Process(relay, name, *options))
        return processes[-1]

    yield run
    for process in processes:
        process.running.kill()
        process.running.wait()
