"""Ends a process whose event loop has stopped: only so do its records go to another worker."""

import asyncio
import os
import threading
import time

import structlog

from services.platform import logs

EXIT_STUCK = 71
TICKS_PER_SECOND = 4

log = structlog.get_logger("relay")


class Watchdog:
    """A thread that counts its own ticks since the loop's last one.

    Time in which the whole process was stopped (SIGSTOP, a paused machine) is no tick of either, so it never counts.
    """

    def __init__(self, patience: float) -> None:
        """`patience` is how many seconds the loop may go without a tick."""
        self._ticks_allowed = max(2, round(patience * TICKS_PER_SECOND))
        self._missed = 0
        self._over = threading.Event()

    def start(self) -> None:
        """From within the loop that is to be watched; the watch ends with the loop."""
        self._ticking = asyncio.get_running_loop().create_task(self._tick(), name="watchdog tick")
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._over.set()
        self._ticking.cancel()

    async def _tick(self) -> None:
        try:
            while True:
                self._missed = 0
                await asyncio.sleep(1 / TICKS_PER_SECOND)
        finally:
            self._over.set()

    def _watch(self) -> None:
        while not self._over.is_set():
            # Not one long wait: it would be over at once when the process wakes from a stop that was longer.
            time.sleep(1 / TICKS_PER_SECOND)
            self._missed += 1
            if self._missed > self._ticks_allowed and not self._over.is_set():
                log.critical(logs.Event.LOOP_STUCK, seconds=self._missed / TICKS_PER_SECOND)
                logs.flush()
                os._exit(EXIT_STUCK)
