"""What the refusal of a session means for whoever set RELAY_DATABASE, in whatever language the server speaks."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from services.platform.storage.sessions import why_none, why_unfit

WRONG = "PostgreSQL refuses the user or the password in RELAY_DATABASE."
MISSING = "PostgreSQL has no database of the name in RELAY_DATABASE: create it, or correct the name."
REFUSED = "PostgreSQL at RELAY_DATABASE refuses a session: "


@pytest.mark.parametrize(("version", "named"), [(90_624, "9"), (150_018, "15"), (160_009, "16")])
def test_a_server_that_is_too_old_is_named_with_what_is_needed(version: int, named: str) -> None:
    assert why_unfit(version, "UTF8") == (
        f"PostgreSQL at RELAY_DATABASE is version {named}: the relay needs 17 or newer."
    )


@pytest.mark.parametrize("version", [170_000, 180_004, 190_000])
def test_a_server_that_is_new_enough_is_fit(version: int) -> None:
    assert why_unfit(version, "UTF8") is None


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "WIN1252", ""])
def test_a_database_in_another_encoding_is_not_fit(encoding: str) -> None:
    said = why_unfit(180_004, encoding)
    assert said is not None
    assert f"has the encoding {encoding};" in said


@pytest.mark.parametrize(
    ("sqlstate", "words", "meant"),
    [
        ("28P01", 'password authentication failed for user "relay"', WRONG),
        ("28P01", "Passwort-Authentifizierung für Benutzer »relay« fehlgeschlagen", WRONG),
        ("28000", 'role "relay" is not permitted to log in', REFUSED + "role … is not permitted to log in."),
        ("28000", "роль не может войти", REFUSED + "роль не может войти."),
        ("28000", "Rolle »relay« existiert nicht", REFUSED + "Rolle … existiert nicht."),
        ("28000", "le rôle « relay » n'existe pas", REFUSED + "le rôle … n'existe pas."),
        (
            "28000",
            'no pg_hba.conf entry for host "10.0.0.3", user "relay", database "relay", no encryption',
            REFUSED + "no pg_hba.conf entry for host …, user …, database …, no encryption.",
        ),
        ("3D000", 'database "relay" does not exist', MISSING),
        ("3D000", "la base de données « relay » n'existe pas", MISSING),
        ("42501", 'permission denied for database "relay"', REFUSED + "permission denied for database …."),
        ("42704", 'too many words, and "shutting down" among them', REFUSED + "too many words, and … among them."),
    ],
)
def test_a_session_that_is_refused_for_ever_is_said_without_a_name_in_any_language(
    sqlstate: str, words: str, meant: str
) -> None:
    with a_server_that_answers(sqlstate, words) as url:
        assert why_none(url) == meant


@pytest.mark.parametrize(
    ("sqlstate", "words"),
    [
        ("57P03", "the database system is starting up"),
        ("57P03", "das Datenbanksystem startet"),
        ("57P03", "le système de bases de données s'arrête"),
        ("57P01", "завершение подключения по команде администратора"),
        ("53300", "sorry, too many clients already"),
        ("53300", "tut mir leid, schon zu viele Verbindungen"),
        ("53300", "trop de connexions pour le rôle « relay »"),
    ],
)
def test_a_server_that_is_back_or_has_room_soon_is_waited_for_in_any_language(sqlstate: str, words: str) -> None:
    with a_server_that_answers(sqlstate, words) as url:
        assert why_none(url) is None


def test_a_server_that_asks_for_a_password_and_gets_none_is_said() -> None:
    with a_server_that_says(message(b"R", struct.pack("!I", 3))) as url:
        assert why_none(url) == "PostgreSQL asks for a password, and RELAY_DATABASE gives none."


def test_a_server_without_encryption_that_must_have_it_is_said() -> None:
    with a_server_that_says(b"N") as url:
        assert why_none(url.replace("sslmode=disable", "sslmode=require")) == (
            REFUSED + "server does not support SSL, but SSL was required."
        )


def test_a_server_that_is_away_breaks_off_or_says_nothing_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        away = address(nobody)
        assert why_none(away) is None  # connected to, and nobody answers
    assert why_none(away) is None
    with a_server_that_says(b"") as url:
        assert why_none(url) is None
    assert why_none("postgresql://nowhere.invalid/relay") is None


@contextmanager
def a_server_that_answers(sqlstate: str, words: str) -> Iterator[str]:
    """The URL of one that refuses each session with this code and these words, as the protocol has it."""
    fields = {"S": "ВАЖНО", "V": "FATAL", "C": sqlstate, "M": words}
    body = b"".join(name.encode() + value.encode() + b"\0" for name, value in fields.items()) + b"\0"
    with a_server_that_says(message(b"E", body)) as url:
        yield url


@contextmanager
def a_server_that_says(answer: bytes) -> Iterator[str]:
    def serve() -> None:
        with suppress(OSError):
            while True:
                asker, _ = server.accept()
                with asker:
                    (length,) = struct.unpack("!I", asker.recv(4))
                    asker.recv(length - 4)
                    asker.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, daemon=True).start()
        yield address(server)
        server.shutdown(socket.SHUT_RDWR)


def address(server: socket.socket) -> str:
    return f"postgresql://somebody@127.0.0.1:{server.getsockname()[1]}/relay?sslmode=disable&gssencmode=disable"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body
