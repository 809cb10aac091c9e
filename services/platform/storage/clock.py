"""The relay's clock in SQL: the database's own, unless the table `clock` holds a moment.

Only the story of a local run puts a moment there; on deployed servers the table is empty.
"""

from dataclasses import dataclass
from datetime import datetime

NOW = "coalesce((select set_to from clock), now())"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server's clock said, and this machine's ticks, in seconds, just before it was asked and just after."""

    clock: datetime
    before: float
    after: float
