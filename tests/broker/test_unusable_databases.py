"""A database that can never be used ends a worker and every command with one sentence, once."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from services.platform.local.embedded import Servers
from services.platform.problems import EXIT_NOT_BEGUN
from services.platform.storage.database import migrate
from services.platform.storage.sessions import why_none
from services.platform.storage.sqlstates import refusal
from services.platform.streaming.topics import topics
from tests.broker.relay import OFTEN, PATIENCE, empty_topics, shipped_policy
from tests.support.processes import started

pytestmark = [pytest.mark.broker, pytest.mark.one_process]

USER, PASSWORD = "somebody", "a-password-that-must-not-be-told"
REFUSED = "PostgreSQL refuses the user or the password in RELAY_DATABASE."
MISSING = "PostgreSQL has no database of the name in RELAY_DATABASE: create it, or correct the name."
RELAY = "from services.ops.cli import main; main()"
COMMANDS = (
    ("run", "incidents"),
    ("status",),
    ("pending", "list"),
    ("dlq", "list"),
    ("explain", "54260012345/1"),
    ("fill", "incidents", "--dry-run"),
    ("recover", "--dry-run"),
    ("db", "migrate"),
    ("db", "trust-clock"),
)


@pytest.fixture(scope="module")
def unusable(servers: Servers) -> Iterator[Mapping[str, tuple[str, str]]]:
    """For each way in which a database cannot be used: its URL, and what is said of it."""
    server = servers.database.removesuffix("/postgres")
    theirs = server.replace("postgres@", f"{USER}:{PASSWORD}@") + "/postgres"
    with ExitStack() as stack:
        stack.enter_context(user(servers.database))
        for encoding in ("latin1", "sql_ascii"):
            stack.enter_context(database_in(servers.database, encoding))
        yield {
            "wrong password": (theirs.replace(PASSWORD, PASSWORD[:-1]), REFUSED),
            "no password": (
                theirs.replace(f":{PASSWORD}", ""),
                "PostgreSQL asks for a password, and RELAY_DATABASE gives none.",
            ),
            "no such database": (f"{server}/not_there", MISSING),
            "latin1": (f"{server}/in_latin1", "The database at RELAY_DATABASE has the encoding LATIN1; "),
            "sql_ascii": (f"{server}/in_sql_ascii", "The database at RELAY_DATABASE has the encoding SQL_ASCII; "),
        }


@pytest.mark.parametrize("how", ["wrong password", "no password", "no such database", "latin1", "sql_ascii"])
def test_a_worker_says_in_one_sentence_why_it_cannot_use_its_database_and_ends(
    servers: Servers, unusable: Mapping[str, tuple[str, str]], how: str
) -> None:
    url, expected = unusable[how]
    worker = begun(servers, url, "-m", "services.incidents")
    said, _ = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == EXIT_NOT_BEGUN
    assert said.startswith(expected)
    assert len(said.splitlines()) == 1
    assert PASSWORD[:-1] not in said


@pytest.mark.parametrize("how", ["wrong password", "latin1"])
def test_every_command_says_in_one_sentence_why_it_cannot_use_the_database(
    servers: Servers, unusable: Mapping[str, tuple[str, str]], how: str
) -> None:
    url, expected = unusable[how]
    running = {words: begun(servers, url, "-c", RELAY, *words) for words in COMMANDS}
    for words, command in running.items():
        said, _ = command.communicate(timeout=PATIENCE)
        assert (words, command.returncode, len(said.splitlines())) == (words, EXIT_NOT_BEGUN, 1), said
        assert said.startswith(expected)


def test_a_worker_whose_database_is_gone_says_in_its_log_why_it_waits(
    servers: Servers, database: str, tmp_path: Path
) -> None:
    migrate(database)
    empty_topics(servers.kafka, topics(shipped_policy()))
    log = tmp_path / "log"
    with log.open("w") as errors:
        worker = begun(servers, database, "-m", "services.incidents", out=errors)
    try:
        until_said(log, '"event": "worker_started"')
        with administering(servers.database) as conn:
            conn.execute(SQL("drop database {} with (force)").format(Identifier(database.rpartition("/")[2])))
        until_said(log, f'"why": "{MISSING}"')
        assert worker.poll() is None
    finally:
        worker.kill()
        worker.wait()


def test_a_user_who_has_no_session_left_is_waited_for(
    servers: Servers, unusable: Mapping[str, tuple[str, str]]
) -> None:
    theirs = unusable["wrong password"][0].replace(PASSWORD[:-1], PASSWORD)
    with administering(servers.database) as conn:
        conn.execute(SQL("alter role {} connection limit 0").format(Identifier(USER)))
        answered = refusal(theirs, "", PATIENCE)
        assert answered is not None
        assert (answered.sqlstate, why_none(theirs)) == ("53300", None)
        conn.execute(SQL("alter role {} connection limit -1").format(Identifier(USER)))


def begun(servers: Servers, url: str, *command: str, out: int | IO[str] = subprocess.PIPE) -> "subprocess.Popen[str]":
    """A process of the relay on this database; what it says is kept together, as a person at a terminal sees it."""
    return started(
        [sys.executable, *command],
        stdout=out,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"RELAY_KAFKA": servers.kafka, "RELAY_DATABASE": url},
    )


def until_said(log: Path, text: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while text not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()[-2_000:]
        time.sleep(OFTEN)


@contextmanager
def user(url: str) -> Iterator[None]:
    """One who may begin a session with a password only."""
    with administering(url) as conn:
        conn.execute(SQL("create role {} login password {}").format(Identifier(USER), Literal(PASSWORD)))
        (place,) = conn.execute("show hba_file").fetchone() or ("",)
        rules = Path(str(place))
        before = rules.read_text()
        rules.write_text(f"host all {USER} 127.0.0.1/32 scram-sha-256\n{before}")
        conn.execute("select pg_reload_conf()")
    yield
    rules.write_text(before)
    with administering(url) as conn:
        conn.execute("select pg_reload_conf()")
        conn.execute(SQL("drop role {}").format(Identifier(USER)))


@contextmanager
def database_in(url: str, encoding: str) -> Iterator[None]:
    name = Identifier(f"in_{encoding}")
    with administering(url) as conn:
        conn.execute(
            SQL("create database {} encoding {} locale 'C' template template0").format(name, Literal(encoding))
        )
    yield
    with administering(url) as conn:
        conn.execute(SQL("drop database {} with (force)").format(name))


@contextmanager
def administering(url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(url, autocommit=True) as conn:
        yield conn
