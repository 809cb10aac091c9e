"""The one clock is the database server's: whether it runs on, or was moved, told by this machine's own seconds."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

import structlog

from services.platform.logs import Event
from services.platform.storage.clock import Reading
from services.platform.storage.reader import Clocks, Reader
from services.platform.storage.rows import Connection
from services.platform.storage.writer import Writer
from services.platform.streaming.halting import Halt, HaltReason

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TOLERANCE = timedelta(minutes=1)
# A reading that took longer says too little to hold the next one against.
SHARP_SECONDS = 5.0
# Between machines that are not set by the same time some seconds a day are lost.
SEEN_COUNTS_SECONDS = 86_400.0
KEEP_SECONDS = 10.0
SET_RIGHT = (
    "set the clock of the database's machine right: no worker of this machine begins before it is; "
    "where it only looked moved, `relay db trust-clock` (docs/runbook.md)"
)

log = structlog.get_logger("relay")


def moved_by(earlier: Reading, later: Reading) -> timedelta:
    """How far the clock moved between two readings, at least: negative if backwards, zero if it did not move.

    Waiting for a lock, or a stopped process, can lie before or after the server read its clock, so it never counts as a
    movement.
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
        """By how much the clock moved since the last reading, if that is more than is allowed; else None."""
        moved = moved_by(self._last, reading) if self._last is not None else timedelta(0)
        if abs(moved) > TOLERANCE:
            return moved
        if self._last is None or reading.after - reading.before < SHARP_SECONDS:
            self._last = reading
        return None


class ClockGuard:
    """Halts one service where the server's clock was moved (`streaming.hooks.ClockHook`)."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader, self._writer = reader, writer
        self._watch, self._boot, self._kept_at = ClockWatch(), boot(), float("-inf")

    def ask(self) -> Callable[[Clocks], datetime]:
        before = ticks()

        def now_of(clocks: Clocks) -> datetime:
            now, true = clocks
            if (moved := self._watch.jump(Reading(true, before, ticks()))) is not None:
                self._halt(moved)
            return now

        return now_of

    async def check(self, conn: Connection) -> None:
        """Halt if the clock differs from what a worker that ran here within the last day expects now, or is behind what
        any worker has seen."""
        seen, latest = await self._reader.clock_seen(conn, self._boot or "")
        if seen is not None and ticks() - seen.after < SEEN_COUNTS_SECONDS:
            self._watch.go_on_from(seen)
        now_of = self.ask()
        now_of(await self._reader.clocks(conn))
        now = self._watch.last
        if latest is not None and now is not None and now.clock < latest - TOLERANCE:
            self._halt(now.clock - latest)

    async def keep(self, conn: Connection) -> None:
        seen, now = self._watch.last, ticks()
        if seen is not None and self._boot is not None and now - self._kept_at >= KEEP_SECONDS:
            await self._writer.keep_clock(conn, self._boot, seen)
            self._kept_at = now

    def _halt(self, moved: timedelta) -> NoReturn:
        log.critical(Event.CLOCK_JUMPED, service=self._reader.service, seconds=moved.total_seconds(), advice=SET_RIGHT)
        raise Halt(HaltReason.CLOCK_JUMPED)
