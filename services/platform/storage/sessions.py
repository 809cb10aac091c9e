"""A session with the database; or the sentence that says why this database, as it is, can never be used."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from services.platform.problems import CannotBeginError
from services.platform.storage.sqlstates import Refusal, refusal

OLDEST_VERSION = 17  # it brought `transaction_timeout`, without which a stopped worker holds its locks for ever
ENCODING = "UTF8"
CONNECT_SECONDS = 5
REFUSES = "PostgreSQL at RELAY_DATABASE refuses a session"

Session = psycopg.Connection[TupleRow]

# A server that answers a request for a session with an error begins it with its severity, in its own language.
ANSWERED = re.compile(r"failed: [^\s:]+: {2}")
# What is over by itself: the connection broke, the server has no session or room left, or it is starting, stopping or
# recovering. Codes, or classes of them: PostgreSQL's manual, appendix A.
PASSES = ("08", "53", "57P01", "57P02", "57P03")
# What the client says, always in English, of a server with which it cannot speak, ever.
NO_COMMON_WORD = re.compile(
    r".*failed: (.*(?:support SSL|response to SSL|certificate|authentication request|authentication method).*)"
)
# In the quotes of PostgreSQL's own languages.
NAMES = re.compile(r'"[^"]*"|»[^«]*«|«[^»]*»|„[^“]*“|“[^”]*”')


class DatabaseUnusableError(CannotBeginError):
    """The database cannot be used as it is. The text is for the person who set RELAY_DATABASE, and does not quote the
    setting."""


def why_none(url: str) -> str | None:
    """Why a session of this database will never be had; None where one can be had, or may be soon."""
    try:
        with session(url):
            return None
    except DatabaseUnusableError as problem:
        return str(problem)
    except psycopg.OperationalError:
        return None


@contextmanager
def session(url: str, *, options: str = "", autocommit: bool = False) -> Iterator[Session]:
    """A session of its own. Raises DatabaseUnusableError, and OperationalError where the server is away for now."""
    try:
        opened = psycopg.connect(url, options=options, autocommit=autocommit, connect_timeout=CONNECT_SECONDS)
    except psycopg.OperationalError as problem:
        if why := _why_refused(problem, url, options):
            raise DatabaseUnusableError(why) from None
        raise
    with opened:
        if unfit := why_unfit(opened.info.server_version, opened.info.parameter_status("server_encoding") or ""):
            raise DatabaseUnusableError(unfit)
        try:
            yield opened
        except errors.InsufficientPrivilege:
            raise DatabaseUnusableError(
                "The user in RELAY_DATABASE has no right to do this in that database: grant it, or name another user."
            ) from None
        except errors.ReadOnlySqlTransaction:
            raise DatabaseUnusableError(
                "The database at RELAY_DATABASE is read-only, as a standby is: name the one that can be written."
            ) from None


def _why_refused(problem: psycopg.OperationalError, url: str, options: str) -> str | None:
    """What a session that was not had means for a person; None where one may be had soon."""
    if problem.pgconn is not None and problem.pgconn.needs_password:
        return "PostgreSQL asks for a password, and RELAY_DATABASE gives none."
    if ANSWERED.search(str(problem)):
        answered = refusal(url, options, CONNECT_SECONDS)
        return None if answered is None else why_refused(answered)
    found = NO_COMMON_WORD.search(str(problem))
    return f"{REFUSES}: {found[1].rstrip('.')}." if found else None


def why_refused(answered: Refusal) -> str | None:
    """What a server's refusal means for a person, without a name; None where it is over by itself."""
    if answered.sqlstate.startswith(PASSES):
        return None
    match answered.sqlstate:
        case "28P01":
            return "PostgreSQL refuses the user or the password in RELAY_DATABASE."
        case "3D000":
            return "PostgreSQL has no database of the name in RELAY_DATABASE: create it, or correct the name."
    return f"{REFUSES}: {NAMES.sub('…', answered.words).rstrip('.')}."


def why_unfit(version: int, encoding: str) -> str | None:
    """Why the relay cannot work on a server of this version, as `server_version_num` has it, and this encoding."""
    if version // 10_000 < OLDEST_VERSION:
        return (
            f"PostgreSQL at RELAY_DATABASE is version {version // 10_000}: the relay needs {OLDEST_VERSION} or newer."
        )
    if encoding != ENCODING:
        return (
            f"The database at RELAY_DATABASE has the encoding {encoding}; the relay needs {ENCODING}: make one by "
            f"`create database NAME encoding '{ENCODING}' template template0`."
        )
    return None
