"""What the words of PostgreSQL and of its client mean for whoever set RELAY_DATABASE."""

import pytest

from services.runtime.sessions import why_refused, why_unfit

WHERE = 'connection failed: connection to server at "127.0.0.1", port 5432 failed: '
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
    ("said", "meant"),
    [
        (
            'FATAL:  password authentication failed for user "relay"',
            "PostgreSQL refuses the user or the password in RELAY_DATABASE.",
        ),
        ('FATAL:  role "relay" does not exist', "PostgreSQL refuses the user or the password in RELAY_DATABASE."),
        (
            "fe_sendauth: no password supplied",
            "PostgreSQL asks for a password, and RELAY_DATABASE gives none.",
        ),
        (
            'FATAL:  database "relay" does not exist',
            "PostgreSQL has no database of the name in RELAY_DATABASE: create it, or correct the name.",
        ),
        (
            'FATAL:  role "relay" is not permitted to log in',
            REFUSED + "role … is not permitted to log in.",
        ),
        (
            'FATAL:  permission denied for database "relay"\nDETAIL:  User does not have CONNECT privilege.',
            REFUSED + "permission denied for database ….",
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.3", user "relay", database "relay", no encryption',
            REFUSED + "no pg_hba.conf entry for host …, user …, database …, no encryption.",
        ),
        ("ВАЖНО:  роль не может войти", REFUSED + "роль не может войти."),
        ("FATAL:  Rolle »relay« existiert nicht", REFUSED + "Rolle … existiert nicht."),
        ("FATAL:  le rôle « relay » n'existe pas", REFUSED + "le rôle … n'existe pas."),
        (
            "server does not support SSL, but SSL was required",
            REFUSED + "server does not support SSL, but SSL was required.",
        ),
        (
            "received invalid response to SSL negotiation: H",
            REFUSED + "received invalid response to SSL negotiation: H.",
        ),
    ],
)
def test_a_session_that_is_refused_for_ever_is_said_without_a_name(said: str, meant: str) -> None:
    assert why_refused(WHERE + said) == meant


@pytest.mark.parametrize(
    "said",
    [
        WHERE + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?",
        WHERE + "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally",
        WHERE + "SSL SYSCALL error: Connection reset by peer",
        WHERE + "FATAL:  the database system is starting up",
        WHERE + "FATAL:  the database system is shutting down",
        WHERE + "FATAL:  the database system is in recovery mode",
        WHERE + "FATAL:  the database system is not yet accepting connections\nDETAIL:  Consistent recovery state ...",
        WHERE + "FATAL:  sorry, too many clients already",
        WHERE + 'FATAL:  too many connections for role "relay"',
        WHERE + "FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "failed to resolve host 'postgres': [Errno -2] Name or service not known",
        "connection timeout expired",
    ],
)
def test_a_server_that_may_come_back_is_waited_for(said: str) -> None:
    assert why_refused(said) is None
