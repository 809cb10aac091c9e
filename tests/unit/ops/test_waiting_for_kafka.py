"""Commands that need Kafka say that they wait for it, and give up while the person still looks."""

import socket
import time

import pytest

from services.ops import kafka_client
from services.ops.terminal import UsageError


def test_a_broker_that_takes_connections_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, and not listening
        ports = [sock.getsockname()[1] for sock in (nobody, there)]
        kafka_client.wait_for(",".join(f"127.0.0.1:{port}" for port in ports))
    assert capsys.readouterr().err == ""


def test_one_that_is_away_is_named_after_two_seconds_and_given_up_after_ten(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        kafka = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("RELAY_KAFKA", kafka)
        monkeypatch.setenv("RELAY_DATABASE", "postgresql://db/relay")
        began = time.monotonic()
        with pytest.raises(UsageError, match=r"^Kafka at RELAY_KAFKA cannot be reached: is it up\?$"):
            kafka_client.wait_for(kafka)
    assert 9 < time.monotonic() - began < 15
    assert capsys.readouterr().err == f"Waiting for Kafka at {kafka} ...\n"
