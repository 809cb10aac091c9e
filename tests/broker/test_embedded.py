"""The embedded servers come up, come back, and leave nothing behind however the run that asked for them ends."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from kafka.admin import KafkaAdminClient, NewTopic

from services.ops.processes import wait_until_gone
from services.platform.local.embedded import (
    RELAY_FOLDER,
    EmbeddedServersError,
    Servers,
    embedded_servers,
    remove_abandoned,
)
from services.platform.local.keeper import CLASSES
from services.platform.project import PROJECT

pytestmark = pytest.mark.broker

ASKER = """
import json, signal, sys, time
from pathlib import Path
from services.platform.local.embedded import embedded_servers
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
with embedded_servers(Path(sys.argv[1]), durable=False) as servers:
    print(json.dumps({"keeper": servers.keeper_pid, **servers.pids}), flush=True)
    time.sleep(600)
"""


@dataclass(frozen=True)
class Run:
    asker: subprocess.Popen[str]
    folder: Path
    pids: dict[str, int]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not beside those of other tests: whoever starts servers removes what was left in the folder around its own."""
    around = RELAY_FOLDER / f"apart-{secrets.token_hex(4)}"
    around.mkdir(parents=True)
    yield around / "run"
    gone(around / "run")
    shutil.rmtree(around, ignore_errors=True)


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    with subprocess.Popen(
        [sys.executable, "-c", ASKER, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        start_new_session=True,
    ) as asker:
        try:
            assert asker.stdout is not None
            yield Run(asker, folder, json.loads(asker.stdout.readline()))
        finally:
            asker.kill()


def topics(servers: Servers) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)
    try:
        return set(admin.list_topics())
    finally:
        admin.close()


def gone(folder: Path, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not folder.exists()


def shared_memory_of(pid: int) -> list[str]:
    segments = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return [segment for segment in segments if segment.split()[4] == str(pid)]


def files_written_outside(folder: Path, pid: int) -> set[str]:
    """What the process holds open for writing, apart from its folder and things that are no files."""
    written = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            flags = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text().splitlines()[1].split()[1]
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if int(flags, 8) & (os.O_WRONLY | os.O_RDWR) and target.startswith("/") and target != os.devnull:
            written.add(target)
    return {target for target in written if not target.startswith(f"{folder}/")}


def test_servers_come_back_on_the_same_ports_with_their_data(servers: Servers, database: str) -> None:
    topic = f"kept.{secrets.token_hex(4)}"
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)
    admin.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=1)])
    admin.close()
    with psycopg.connect(database) as connection:
        assert connection.info.server_version // 10_000 == 18
        connection.execute("create table kept (answer int)")
        connection.execute("insert into kept values (42)")
    before = dict(servers.pids)

    servers.restart("postgres", kill=True)
    servers.restart("kafka", kill=True)

    assert before.keys() == servers.pids.keys()
    assert not set(before.values()) & set(servers.pids.values())
    with psycopg.connect(database) as connection:
        assert connection.execute("select answer from kept").fetchall() == [(42,)]
    assert topic in topics(servers)


def test_kafka_starts_with_the_classes_that_an_installation_kept(servers: Servers) -> None:
    assert str(CLASSES) in Path(f"/proc/{servers.pids['kafka']}/maps").read_text()


def test_a_stopped_server_is_down_until_it_is_started(servers: Servers, database: str) -> None:
    servers.stop("postgres")
    assert "postgres" not in servers.pids
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database)
    servers.start("postgres")
    psycopg.connect(database).close()


def test_a_killed_postgres_comes_back_however_many_it_was_serving(servers: Servers, database: str) -> None:
    for _ in range(3):  # a matter of milliseconds each time
        serving = [psycopg.connect(database) for _ in range(80)]
        servers.restart("postgres", kill=True)
        for connection in serving:
            connection.close()
    psycopg.connect(database).close()


def test_an_order_that_is_no_order_is_refused_and_the_servers_stay(servers: Servers) -> None:
    with pytest.raises(EmbeddedServersError, match="Not a command"):
        servers.restart("zookeeper")  # type: ignore[arg-type]
    assert topics(servers) is not None


def test_servers_write_nowhere_but_in_their_folder(run: Run) -> None:
    assert files_written_outside(run.folder, run.pids["kafka"]) == set()
    assert files_written_outside(run.folder, run.pids["postgres"]) == set()
    assert not list(Path("/tmp").glob(f"hsperfdata_*/{run.pids['kafka']}"))  # noqa: S108 - where Java would write


@pytest.mark.parametrize(
    ("victim", "with_signal"),
    [("asker", signal.SIGKILL), ("asker's group", signal.SIGINT), ("keeper", signal.SIGKILL)],
    ids=["asker killed with -9", "Ctrl-C", "keeper killed with -9"],
)
def test_nothing_is_left(run: Run, victim: str, with_signal: signal.Signals) -> None:
    match victim:
        case "asker":
            run.asker.send_signal(with_signal)
        case "asker's group":
            os.killpg(run.asker.pid, with_signal)
        case "keeper":
            os.kill(run.pids["keeper"], with_signal)

    assert [name for name, pid in run.pids.items() if not wait_until_gone(pid)] == []
    if victim == "keeper":
        # The asker lives on, and takes the folder away when it is done.
        run.asker.send_signal(signal.SIGINT)
    run.asker.wait(20)
    assert gone(run.folder)
    assert shared_memory_of(run.pids["postgres"]) == []


def test_what_was_left_when_keeper_and_asker_were_both_killed_is_removed_by_the_next_run(run: Run) -> None:
    run.asker.send_signal(signal.SIGSTOP)
    os.kill(run.pids["keeper"], signal.SIGKILL)
    run.asker.kill()
    assert all(wait_until_gone(pid) for pid in run.pids.values())
    assert run.folder.exists()

    remove_abandoned(run.folder.parent)

    assert not run.folder.exists()


def test_shared_memory_of_a_killed_postgres_is_given_back(folder: Path) -> None:
    with embedded_servers(folder, durable=False) as servers:
        postmaster = servers.pids["postgres"]
        servers.stop("postgres", kill=True)
    assert shared_memory_of(postmaster) == []
    assert not folder.exists()


def test_the_databases_own_log_names_no_keys_of_rows(folder: Path) -> None:
    with embedded_servers(folder, durable=False) as servers:
        with psycopg.connect(servers.database, autocommit=True) as connection:
            connection.execute("create table known (reference text primary key)")
            connection.execute("insert into known values (%s)", ("MARKED-VALUE",))
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("insert into known values (%s)", ("MARKED-VALUE",))
        said = (folder / "postgres.log").read_text()
    assert "duplicate key" in said
    assert "MARKED-VALUE" not in said
