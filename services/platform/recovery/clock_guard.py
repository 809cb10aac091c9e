"""The one clock is the database server's: whether it runs on, or was moved, told by this machine's own seconds."""

import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from services.platform.storage.clock import Reading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TOLERANCE = timedelta(minutes=1)
# A reading that took longer says too little to hold the next one against.
SHARP_SECONDS = 5.0


def moved_by(earlier: Reading, later: Reading) -> timedelta:
    """How far the clock was moved between two readings, at least: backwards is negative, nothing is zero.

    What a reading waited for, a lock or a process that was stopped, could be before or after the server looked at its
    clock, so it never counts as a movement.
    """
    ran = (later.clock - earlier.clock).total_seconds()
    least, most = later.before - earlier.after, later.after - earlier.before
    return timedelta(seconds=ran - most if ran > most else min(0.0, ran - least))


def ticks() -> float:
    """Seconds that no clock's setting changes. They go on while a machine is suspended, where it can say so: one that
    wakes has lost nothing, and finds the server's clock where it ought to be."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def boot() -> str | None:
    """Names the start of this machine from which its ticks count; None where the system does not say."""
    with suppress(OSError):
        return BOOT_ID.read_text().strip()
    return None


class ClockWatch:
    """Holds each reading of the server's clock against the last."""

    def __init__(self) -> None:
        self._last: Reading | None = None

    @property
    def last(self) -> Reading | None:
        return self._last

    def go_on_from(self, reading: Reading) -> None:
        """From what another process of this machine read: a start is no reason to believe a clock."""
        self._last = self._last or reading

    def jump(self, reading: Reading) -> timedelta | None:
        """By how much the clock was moved since the last reading, where that is more than it may; else None."""
        moved = moved_by(self._last, reading) if self._last is not None else timedelta(0)
        if abs(moved) > TOLERANCE:
            return moved
        if self._last is None or reading.after - reading.before < SHARP_SECONDS:
            self._last = reading
        return None
