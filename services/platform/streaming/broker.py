"""Wait for the broker: ask it again, with longer pauses each time, until it answers.

`stamina` does not fit: before each try it logs the exception and its arguments, and a worker's log may hold neither.
Without that log, and without a limit of tries, only these pauses would be left of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import structlog
from aiokafka.errors import KafkaError

from services.platform import logs

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

log = structlog.get_logger("relay")

Answer = TypeVar("Answer")


class NotThereYet(Exception):  # noqa: N818 - nothing is wrong yet
    """The broker does not say enough of these partitions to judge them. It is asked again."""


def pauses() -> Iterator[float]:
    """Seconds before each next try, longer each time."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


async def until_answered(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Waits for the broker."""
    waits = pauses()
    while True:
        try:
            return await ask()
        except KafkaError as error:
            log.warning(logs.Event.BROKER_AWAITED, error=type(error).__name__)
        await asyncio.sleep(next(waits))
