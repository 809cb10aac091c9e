"""Real servers for the tests that need them: one pair for each test process, started by the first that asks."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from services.platform.local.embedded import Servers, embedded_servers
from services.platform.project import PROJECT
from tests.support.databases import empty_database

ENDS_WITHIN = 60.0

# Generated cases are the same in every run, so that no run fails by chance; `make explore` draws new ones each time.
# None has a time limit: a busy machine is no fault.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same_each_time", settings.get_profile("explore"), derandomize=True)
settings.load_profile("same_each_time")


def pytest_configure(config: pytest.Config) -> None:
    """Temporary files lie in the project too, and go with the run."""
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = str(PROJECT / ".relay" / f"test-files-{os.getpid()}")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and Path(config.option.basetemp or "").parent == PROJECT / ".relay":
        shutil.rmtree(config.option.basetemp, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker("broker")
    items.sort(key=lambda item: [item.get_closest_marker(mark) is None for mark in ("long", "broker")])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return Scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


class Scheduler(LoadFileScheduling):  # type: ignore[misc]  # it carries no types
    """Shares tests out by what `scope_of` says: those of one scope go to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scope_of(test: str) -> str:
    """The file, but each test on servers by itself, unless it uses what its file makes once."""
    file = test.partition("::")[0]
    return test if file.startswith("tests/broker/") and not in_one_process(file) else file


@cache
def in_one_process(file: str) -> bool:
    return "pytest.mark.one_process" in (PROJECT / file).read_text("utf-8")


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Kafka and PostgreSQL for tests marked `broker`; topics, groups and databases are the test's own."""
    with embedded_servers(durable=False) as running:
        yield running


@pytest.fixture
def database(servers: Servers) -> Iterator[str]:
    """The URL of an empty database that is this test's alone."""
    with empty_database(servers) as url:
        yield url


@pytest.fixture(autouse=True)
def no_client_is_left() -> Iterator[None]:
    """The thread of a client that was never closed goes on into other tests: it draws from the `random` on which
    generated ones stand."""
    before = set(threading.enumerate())
    yield
    until = time.monotonic() + ENDS_WITHIN
    while left := [t.name for t in set(threading.enumerate()) - before if t.name.startswith("kafka-io")]:
        assert time.monotonic() < until, f"these clients of Kafka were left open: {left}"
        time.sleep(0.05)
