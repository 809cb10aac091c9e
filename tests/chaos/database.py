"""The database of a run: its clock can be set, it may lie on a disk of its own, and it can be copied and restored."""

from dataclasses import dataclass

import psycopg

from tests.broker.test_clock_jumps import make_settable

NAME = "relay"
SETTABLE_CLOCK = f"alter database {NAME} set search_path = settable, pg_catalog, public"


@dataclass(frozen=True)
class Database:
    """`settings` are of the database's name, and are said again when another takes it."""

    url: str
    server: str
    settings: tuple[str, ...]

    def set_clock(self, seconds: int) -> None:
        """So much ahead of the true one."""
        with psycopg.connect(self.url) as conn:
            conn.execute("update settable.by set seconds = %s", (seconds,))

    def back_up(self) -> None:
        """While nobody is connected to it."""
        self._say(f"drop database if exists {NAME}_backup", f"create database {NAME}_backup template {NAME}")

    def restore(self) -> None:
        copied = f"create database {NAME} template {NAME}_backup"
        self._say(f"drop database {NAME} with (force)", copied, SETTABLE_CLOCK, *self.settings)

    def make(self) -> None:
        """Empty: its tables are yet to be made."""
        self._say(f"create database {NAME}", *self.settings)

    def make_clock_settable(self) -> None:
        """Once its tables are there: they do not belong beside the clock."""
        make_settable(self.url)

    def _say(self, *statements: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as conn:
            for statement in statements:
                conn.execute(statement.encode())


def address(server: str) -> str:
    """The database of a run, on the server whose own this is."""
    return f"{server.rpartition('/')[0]}/{NAME}"
