"""Hooks that guard the transactions of a service. `recovery` fills them; nothing else in this package knows of it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from services.platform.storage.reader import Clocks, Position
from services.platform.storage.records import Partition
from services.platform.storage.rows import Connection

Positions = Mapping[Partition, Position]


class ClockHook(Protocol):
    """Halts the service where the server's clock was moved."""

    def ask(self) -> Callable[[Clocks], datetime]:
        """To be called before the server is asked for its clocks. What it gives turns the answer into now."""

    async def check(self, conn: Connection) -> None:
        """Compares the clock with what workers read of it before this one began."""

    async def keep(self, conn: Connection) -> None:
        """Notes what was read last, for the next worker."""


class RestoreHook(Protocol):
    """Halts the service where the database knows less than this process has seen in it, as after a restore."""

    def ask(self) -> Callable[[Positions], None]:
        """To be called before the positions are asked for. What it gives checks the answer; DatabaseWentBack."""

    def committed(self, offsets: Iterable[tuple[Partition, int]]) -> None:
        """These are the next offsets now."""

    async def hold(self, conn: Connection) -> None:
        """After DatabaseWentBack: a new worker cannot detect it, so no worker may begin before `relay recover`."""

    async def caught_up(self, conn: Connection, now: datetime) -> None:
        """All is read again that was held back for: what was read back from topics is laid into its files."""
