"""Settings say in plain words what is wrong with the environment, and never repeat a value."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.ops.cli import main
from services.ops.processes import started_at
from services.ops.running import Running, find_running
from services.ops.terminal import database_called, kafka_called
from services.platform.local.running import announce, stop_running
from services.platform.settings import Addresses, SettingsError, load_settings

DATABASE = "postgresql://relay:secret@db/relay"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RELAY_")]:
        monkeypatch.delenv(name)


def test_without_settings_the_relay_uses_its_own_servers_and_folders() -> None:
    settings = load_settings()
    assert settings.servers is None
    assert settings.agencies.parts[-2:] == ("deploy", "agencies")
    assert settings.policy.parts[-2:] == ("deploy", "policy")
    assert settings.http_port == 0


def test_real_servers_are_named_by_both_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_KAFKA", "kafka:9092")
    monkeypatch.setenv("RELAY_DATABASE", DATABASE)
    settings = load_settings()
    assert settings.servers == Addresses("kafka:9092", DATABASE)
    assert "secret" not in repr(settings) + repr(settings.servers)


@pytest.mark.parametrize(("given", "missing"), [("RELAY_KAFKA", "RELAY_DATABASE"), ("RELAY_DATABASE", "RELAY_KAFKA")])
def test_one_server_without_the_other_is_refused(monkeypatch: pytest.MonkeyPatch, given: str, missing: str) -> None:
    monkeypatch.setenv(given, DATABASE)
    with pytest.raises(SettingsError, match=f"both or neither: {missing} is not set") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "database",
    [
        "mysql://relay:secret@db/relay",
        "postgres:/relay:secret@db/relay",
        "postgresql+psycopg://relay:secret@db/relay",
        "postgresql://relay:secret@db:port/relay",
        "postgresql://relay:secret@db/relay?no_such_option=secret",
        "host=db password=secret",
        "secret",
    ],
)
def test_what_is_no_address_of_a_database_is_said_in_a_sentence_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database: str
) -> None:
    monkeypatch.setenv("RELAY_KAFKA", "kafka:9092")
    monkeypatch.setenv("RELAY_DATABASE", database)
    monkeypatch.setattr(sys, "argv", ["relay", "status"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.splitlines() == ["RELAY_DATABASE is no address: write postgresql://user:password@host:port/database"]


@pytest.mark.parametrize("kafka", ["kafka", "kafka:", ":9092", "kafka:0", "kafka:70000", "http://kafka:9092", "a:1,b"])
def test_a_broker_is_named_with_its_port(monkeypatch: pytest.MonkeyPatch, kafka: str) -> None:
    monkeypatch.setenv("RELAY_KAFKA", kafka)
    monkeypatch.setenv("RELAY_DATABASE", DATABASE)
    with pytest.raises(SettingsError, match="RELAY_KAFKA is no address: write host:port"):
        load_settings()


@pytest.mark.parametrize("kafka", ["kafka:9092", "a-1.example:9092,b_2:9093", "127.0.0.1:1", "[::1]:9092"])
@pytest.mark.parametrize("database", [DATABASE, "postgres://db", "postgresql:///relay?host=/run/postgresql"])
def test_addresses_of_all_usual_forms_are_taken(monkeypatch: pytest.MonkeyPatch, kafka: str, database: str) -> None:
    monkeypatch.setenv("RELAY_KAFKA", kafka)
    monkeypatch.setenv("RELAY_DATABASE", database)
    assert load_settings().servers == Addresses(kafka, database)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("RELAY_HTTP_PORT", "70000", "RELAY_HTTP_PORT: .*65535"),
        ("RELAY_LOG_LEVEL", "chatty", "RELAY_LOG_LEVEL: .*'DEBUG'"),
        ("RELAY_AGENCIES", "no/such/folder", "RELAY_AGENCIES names a folder that does not exist"),
        ("RELAY_POLICY", "no/such/folder", "RELAY_POLICY names a folder that does not exist"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=complaint) as refused:
        load_settings()
    assert value not in str(refused.value)


def test_a_run_is_found_while_it_lasts(tmp_path: Path) -> None:
    note = tmp_path / "servers.json"
    with announce("127.0.0.1:1", DATABASE, note) as tell_health:
        running = find_running(note)
        assert running is not None
        assert (running.pid, running.kafka, running.database) == (os.getpid(), "127.0.0.1:1", DATABASE)
        assert running.health is None
        tell_health("http://127.0.0.1:2")
        assert find_running(note) == running.model_copy(update={"health": "http://127.0.0.1:2"})
    assert find_running(note) is None
    assert list(tmp_path.iterdir()) == []


def test_a_note_whose_writer_has_ended_is_not_believed_though_its_number_was_given_again(tmp_path: Path) -> None:
    note = tmp_path / "servers.json"
    mine = Running(pid=os.getpid(), started=(started_at(os.getpid()) or 0) - 1, kafka="k:1", database=DATABASE)
    note.write_text(mine.model_dump_json())
    assert find_running(note) is None
    assert stop_running(note) == "No `make run` with servers of its own is up."


def test_stopping_ends_the_run(tmp_path: Path) -> None:
    note = tmp_path / "servers.json"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as sleeper:
        running = Running(pid=sleeper.pid, started=started_at(sleeper.pid) or 0, kafka="k:1", database=DATABASE)
        note.write_text(running.model_dump_json())
        assert stop_running(note) == "Stopped."
        assert sleeper.wait(5) == -signal.SIGTERM


def test_servers_that_do_not_answer_are_called_as_the_person_knows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (kafka_called(), database_called()) == ("The Kafka of the `make run`", "The database of the `make run`")
    monkeypatch.setenv("RELAY_KAFKA", "kafka:9092")
    monkeypatch.setenv("RELAY_DATABASE", DATABASE)
    assert (kafka_called(), database_called()) == ("Kafka at RELAY_KAFKA", "The database at RELAY_DATABASE")
