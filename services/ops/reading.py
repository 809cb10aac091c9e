"""Read the relay's database for commands: one consistent moment of it, read-only."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from services.ops.terminal import UsageError, database_called
from services.platform.storage.sessions import DatabaseUnusableError, Session, session

READING_MS = 60_000

Connection = Session


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection that cannot write. UsageError where the database does not answer, cannot be used, or has not the
    relay's tables."""
    options = f"-c timezone=UTC -c statement_timeout={READING_MS}"
    try:
        with session(url, options=options) as conn:
            conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            conn.read_only = True
            yield conn
    except DatabaseUnusableError as problem:
        raise UsageError(str(problem)) from None
    except psycopg.OperationalError:
        raise UsageError(f"{database_called()} does not answer: is it up?") from None
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn):
        raise UsageError("The tables are older than this release: run `relay db migrate`.") from None
