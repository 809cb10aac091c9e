"""What Prometheus and an orchestrator get to hear."""

import asyncio
import socket

import pytest

from services.platform import metrics
from services.platform.streaming.health import Health, PortTakenError
from services.platform.streaming.probe import is_ready


async def ask(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer.decode()


def answers(*requests: bytes, lacking: str | None = None) -> list[str]:
    async def run() -> list[str]:
        health = Health(why_not_ready=lambda: lacking, host="127.0.0.1")
        await health.start()
        got = [await ask(health.port, request) for request in requests]
        await health.stop()
        return got

    return asyncio.run(run())


def test_metrics_are_served_by_their_documented_names() -> None:
    metrics.RECORDS.labels("incidents", "decided").inc()

    [answer] = answers(b"GET /metrics HTTP/1.1\r\n\r\n")

    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert 'relay_records_total{end="decided",service="incidents"}' in answer
    assert "kafka_consumergroup_lag" in answer


def test_readiness_is_what_the_process_says_of_itself_and_liveness_that_it_answers() -> None:
    health, ready = answers(
        b"GET /healthz HTTP/1.1\r\n\r\n", b"GET /readyz HTTP/1.1\r\n\r\n", lacking="waiting for Kafka to answer"
    )

    assert health.startswith("HTTP/1.1 200 ")
    assert ready.startswith("HTTP/1.1 503 ")
    assert ready.endswith("\r\n\r\nno: waiting for Kafka to answer\n")


@pytest.mark.parametrize("lacking", [None, "waiting for Kafka to answer"])
def test_a_containers_health_check_says_whether_the_worker_is_ready(lacking: str | None) -> None:
    async def run() -> bool:
        health = Health(why_not_ready=lambda: lacking, host="127.0.0.1")
        await health.start()
        answer = await asyncio.to_thread(is_ready, health.port)
        await health.stop()
        return answer

    assert asyncio.run(run()) == (lacking is None)


def test_a_containers_health_check_says_no_where_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert not is_ready(port)


def test_anything_else_is_turned_away() -> None:
    nowhere, posted, nonsense = answers(
        b"GET /table HTTP/1.1\r\n\r\n", b"POST /metrics HTTP/1.1\r\n\r\n", b"x" * 20_000 + b"\r\n\r\n"
    )

    assert nowhere.startswith("HTTP/1.1 404 ")
    assert posted.startswith("HTTP/1.1 405 ")
    assert nonsense == ""


def test_a_port_that_is_in_use_is_named() -> None:
    async def run(port: int) -> None:
        await Health(why_not_ready=lambda: None, host="127.0.0.1", port=port).start()

    with socket.create_server(("127.0.0.1", 0)) as another:
        port = another.getsockname()[1]
        with pytest.raises(
            PortTakenError, match=f"The port {port}, .* is in use by another program: set RELAY_HTTP_PORT"
        ):
            asyncio.run(run(port))
