"""A run on servers of its own whose database dies: it is noticed and named, and the services end without a fault."""

import os
import signal
import socket
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.ops.events import Ready, read_path, receipts
from services.ops.outcome import awaited
from services.ops.policies import load
from services.ops.processes import wait_until_gone
from services.ops.publish import connected, send
from services.ops.starting import prepare
from services.platform.local.embedded import embedded_servers
from services.platform.local.services import ServicesEndedError, all_services
from services.platform.project import PROJECT
from services.platform.settings import Addresses

POLICIES = load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")
EXAMPLE = PROJECT / "schemas/examples/police.incidents/incident-reported/high-risk-strangulation.json"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOTICED_WITHIN, ENDED_WITHIN = 30.0, 60.0


@pytest.mark.broker
def test_services_that_are_killed_are_started_again_on_the_same_port_and_it_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    with embedded_servers(durable=False) as servers:
        addresses = Addresses(servers.kafka, servers.database)
        prepare(addresses, POLICIES)
        with all_services(servers, tmp_path / "services.log", said.append) as services:
            port = services.port
            os.kill(services.process.pid, signal.SIGKILL)
            services.process.wait(ENDED_WITHIN)
            services.check()
            assert said == [
                "The services were killed from outside (SIGKILL): they are started again, and nothing is lost."
            ]
            assert services.port == port
            ready = [event for event in read_path(EXAMPLE, None, receipts(NOW)) if isinstance(event, Ready)]
            with connected(servers.kafka) as producer:
                sent = send(producer, ready).sent
            outcomes = awaited(servers.database, [place for _, place in sent], NOTICED_WITHIN)
            assert [outcome.said for outcome in outcomes] == ["taken."]


@pytest.mark.broker
def test_services_whose_port_is_in_use_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with embedded_servers(durable=False) as servers, socket.create_server(("127.0.0.1", 0)) as another:
        prepare(Addresses(servers.kafka, servers.database), POLICIES)
        port = another.getsockname()[1]
        monkeypatch.setenv("RELAY_HTTP_PORT", str(port))
        named = f"The services could not be started: The port {port}, for health and metrics, is in use"
        with pytest.raises(ServicesEndedError, match=named), all_services(servers, tmp_path / "services.log"):
            pass


@pytest.mark.broker
def test_a_database_that_died_is_named_and_a_stop_without_it_is_no_fault(tmp_path: Path) -> None:
    with embedded_servers(durable=False) as servers:
        prepare(Addresses(servers.kafka, servers.database), POLICIES)
        with all_services(servers, tmp_path / "services.log") as services:
            services.check()
            with urllib.request.urlopen(f"http://127.0.0.1:{services.port}/readyz") as answer:
                assert answer.status == 200
            database = servers.pids["postgres"]
            os.kill(database, signal.SIGKILL)
            wait_until_gone(database)
            with pytest.raises(ServicesEndedError, match=r"^PostgreSQL has ended"):
                services.check()
            ready = [event for event in read_path(EXAMPLE, None, receipts(NOW)) if isinstance(event, Ready)]
            with connected(servers.kafka) as producer:
                assert send(producer, ready).unsent == []
            until = time.monotonic() + NOTICED_WITHIN
            while "database_awaited" not in services.log.read_text():
                assert time.monotonic() < until
                time.sleep(0.1)
            services.process.send_signal(signal.SIGTERM)
            services.process.wait(ENDED_WITHIN)
        assert services.process.returncode == 0
    assert "unhandled" not in services.log.read_text()
