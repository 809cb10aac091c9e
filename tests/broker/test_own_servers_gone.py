"""A run on servers of its own whose database dies: it is noticed and named, and the services end without a fault."""

import os
import signal
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.ops.events import Ready, read_path, receipts
from services.ops.publish import connected, send
from services.ops.starting import ServicesEndedError, all_services, prepare
from services.policy.load import load
from services.runtime.embedded import embedded_servers
from services.runtime.keeper import PROJECT
from services.runtime.processes import wait_until_gone
from services.runtime.settings import Addresses

POLICIES = load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")
EXAMPLE = PROJECT / "schemas/examples/police.incidents/incident-reported/high-risk-strangulation.json"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NOTICED_WITHIN, ENDED_WITHIN = 30.0, 60.0


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
