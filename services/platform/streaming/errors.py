"""What each error means for the work that it ended: one table. The first row that names the error decides."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import structlog
from psycopg import DataError, Error, errors
from psycopg_pool import PoolTimeout

from services.platform.logs import Event
from services.platform.storage.database import AWAY, CONTENDED, FULL, TOO_SLOW
from services.platform.streaming.halting import Halt, HaltReason

SLOW_TRIES = 12
OUR_TRIES = 3
PAUSES = (0.05, 0.2, 0.5, 1.0, 2.0)

# The content is at fault: its values (class 22), or its amount (class 54: an index cannot hold it).
UNSTORABLE = (DataError, errors.ProgramLimitExceeded)
# These say themselves that the server is there, or that no session was to be had: it need not be asked.
AWAY_FOR_CERTAIN = (PoolTimeout, *FULL)

MIGRATE = "the tables are not as this release needs them: run `relay db migrate`, or go back to the release before"

T = TypeVar("T")

log = structlog.get_logger("relay")


class Then(StrEnum):
    """What follows for work that failed."""

    RETRY = "try it again"
    SPLIT = "try the first half of it again"
    REFUSE = "refuse the record: its content is at fault"
    FAULT = "keep the record or the file as faulted, with an alarm; it is judged again later"
    HALT = "acknowledge nothing more, and end the process"


class Pause(StrEnum):
    """How long the next try waits."""

    NONE = "none"
    LONGER = "longer each time"
    RANDOM = "up to a time that is longer each time, so that two workers part"


@dataclass(frozen=True, slots=True)
class Row:
    """What an error means: for a transaction with several records or files (`several`), with one (`one`), and for a
    note that must be stored in any case (`note`), such as a count of attempts or the end of a record.

    A row may allow `most` tries of the same work; after them `at_last` follows instead.
    """

    what: str
    errors: tuple[type[Exception], ...]
    several: Then
    one: Then
    note: Then
    pause: Pause = Pause.NONE
    most: int | None = None
    at_last: Then = Then.HALT
    event: Event | None = None
    advice: str | None = None
    halt: HaltReason | None = None  # without one the error itself ends the process


TOOK_TOO_LONG = Row(
    "it took longer than a transaction may",
    errors=TOO_SLOW,
    several=Then.SPLIT,
    one=Then.RETRY,
    most=SLOW_TRIES,
    at_last=Then.FAULT,
    note=Then.RETRY,
)
SERVER_AWAY = Row(
    "the database is away, or its disk is full",
    errors=AWAY,
    several=Then.RETRY,
    one=Then.RETRY,
    note=Then.RETRY,
    pause=Pause.LONGER,
    event=Event.DATABASE_AWAITED,
)
TABLE = (
    Row("the process is to end", (Halt,), several=Then.HALT, one=Then.HALT, note=Then.HALT),
    Row("no column can hold a value", UNSTORABLE, several=Then.SPLIT, one=Then.REFUSE, note=Then.HALT),
    TOOK_TOO_LONG,
    Row(
        "another transaction has what this one needs",
        errors=CONTENDED,
        several=Then.SPLIT,
        one=Then.RETRY,
        note=Then.RETRY,
        pause=Pause.RANDOM,
        event=Event.LOCKS_AWAITED,
    ),
    SERVER_AWAY,
    Row(
        "whatever else the database says: a constraint, a statement or a table is not as it must be",
        errors=(Error,),
        several=Then.RETRY,
        one=Then.RETRY,
        note=Then.RETRY,
        pause=Pause.LONGER,
        most=OUR_TRIES,
        at_last=Then.HALT,
        event=Event.DATABASE_REFUSES,
        advice=MIGRATE,
        halt=HaltReason.DATABASE_REFUSES,
    ),
    Row("anything else", (Exception,), several=Then.SPLIT, one=Then.FAULT, note=Then.HALT),
)


@dataclass(slots=True)
class Tries:
    """How work has fared so far: `size` records or files are tried next."""

    size: int
    failed: Counter[str] = field(default_factory=Counter)  # by the row that decided
    pauses: int = 0

    def next_pause(self) -> float:
        """Seconds, more each time."""
        self.pauses += 1
        return PAUSES[min(self.pauses, len(PAUSES)) - 1]


class Failures:
    """Does for one service what the table says."""

    def __init__(self, service: str, database_answers: Callable[[], Awaitable[bool]]) -> None:
        self._service, self._database_answers = service, database_answers

    async def of_work(self, problem: Exception, tries: Tries) -> Then:
        """RETRY once the next try may begin, of `tries.size` at most; REFUSE or FAULT where the first has that end.

        Raises what ends the process.
        """
        row = _row_of(problem)
        if row is SERVER_AWAY and not isinstance(problem, AWAY_FOR_CERTAIN):
            await self._pause(row, problem, tries)
            # A server that ends a session between two statements cannot say why: if it answers, it was for time.
            if not await self._database_answers():
                return Then.RETRY
            row = TOOK_TOO_LONG
        return await self._follow(row, row.one if tries.size == 1 else row.several, problem, tries)

    async def until_stored(self, note: Callable[[], Awaitable[T]]) -> T:
        """Waits for the database in place. Raises what ends the process."""
        tries = Tries(1)
        while True:
            try:
                return await note()
            except Exception as problem:  # noqa: BLE001 - the table says what ends the process
                row = _row_of(problem)
                await self._follow(row, row.note, problem, tries)
                if row.pause is Pause.NONE:  # work gets smaller at once; a note stays as it is
                    await asyncio.sleep(tries.next_pause())

    async def _follow(self, row: Row, then: Then, problem: Exception, tries: Tries) -> Then:
        tries.failed[row.what] += 1
        if then is Then.RETRY and row.most is not None and tries.failed[row.what] >= row.most:
            then = row.at_last
        if then is Then.HALT:
            self._halt(row, problem)
        if then is Then.SPLIT:
            tries.size = (tries.size + 1) // 2
        if then in (Then.RETRY, Then.SPLIT):
            await self._pause(row, problem, tries)
            return Then.RETRY
        return then

    async def _pause(self, row: Row, problem: Exception, tries: Tries) -> None:
        if row.event is not None:
            say = log.warning if row.halt is None else log.error
            say(row.event, service=self._service, **_named(problem))
        match row.pause:
            case Pause.LONGER:
                await asyncio.sleep(tries.next_pause())
            case Pause.RANDOM:
                await asyncio.sleep(random.uniform(0, tries.next_pause()))  # noqa: S311 - only to part two workers
            case Pause.NONE:
                pass

    def _halt(self, row: Row, problem: Exception) -> None:
        if row.halt is None:
            raise problem
        log.critical(row.event, service=self._service, advice=row.advice, **_named(problem))
        raise Halt(row.halt) from None


def _row_of(problem: Exception) -> Row:
    return next(row for row in TABLE if isinstance(problem, row.errors))


def _named(problem: Exception) -> dict[str, str | None]:
    return {"error": type(problem).__name__, "sqlstate": getattr(problem, "sqlstate", None)}
