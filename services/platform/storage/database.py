"""Connections to PostgreSQL, and its tables brought to what this release needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import AsyncConnection, InterfaceError, OperationalError, errors
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from services.platform.storage.sessions import CONNECT_SECONDS, session

# A stopped worker may hold locks that its partitions' new owner waits for: the server ends its transaction.
TIMEOUTS_MS = {"idle_in_transaction_session_timeout": 5_000, "lock_timeout": 3_000, "transaction_timeout": 8_000}
# Every statement of the loop goes from a few keys to a few rows, by an index and a loop, however much the tables hold.
# The planner is told so: without statistics, as where tables have just begun to grow, it would read them from end to
# end, once for each batch; and it need not think again for each.
PLANNER = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}
SETTINGS = {"timezone": "UTC"} | TIMEOUTS_MS | PLANNER
OPTIONS = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
# The pool doubles its pause between two attempts at one session, so each gives up soon: the next caller begins another,
# and a server that was away for long is found as soon as it is back.
RECONNECT_SECONDS = 1

AWAY = (OperationalError, InterfaceError)
# There is no room on its disk: it answers still, and what it could not write is not at fault.
FULL = (errors.DiskFull,)
# A transaction that lost to another.
CONTENDED = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
# One that took longer than it may.
TOO_SLOW = (errors.QueryCanceled, errors.TransactionTimeout, errors.IdleInTransactionSessionTimeout)
# What is asked again later, as it is.
PASSING = (*AWAY, *CONTENDED, *TOO_SLOW)


def pool(url: str, size: int) -> AsyncConnectionPool[AsyncConnection[TupleRow]]:
    """A pool that is not open yet; every session speaks UTC and gives up what it holds too long."""
    return AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        open=False,
        timeout=CONNECT_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        check=AsyncConnectionPool.check_connection,
        kwargs={"options": OPTIONS, "connect_timeout": CONNECT_SECONDS},
    )


def check(url: str) -> None:
    """Finds out, before a pool is opened, whether it can have sessions: a pool tries for ever and does not say why.

    Raises as `session` does.
    """
    for options in ("", OPTIONS):  # a server that is too old takes only the first, and says how old it is
        with session(url, options=options):
            pass


def migrate(url: str) -> tuple[str | None, str | None]:
    """Brings the tables to this release; the revisions before and after. Raises as `session` does."""
    with _connection(url) as connection:
        before = MigrationContext.configure(connection).get_current_revision()
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return before, MigrationContext.configure(connection).get_current_revision()


def is_current(url: str) -> bool:
    """Whether the tables are those of this release. Raises as `session` does."""
    with _connection(url) as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current == ScriptDirectory.from_config(_config()).get_current_head()


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    with session(url) as opened:
        engine = create_engine("postgresql+psycopg://", creator=lambda: opened, poolclass=NullPool)
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as problem:
            raise (problem.orig or problem) from None


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
