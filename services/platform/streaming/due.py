"""Files whose next evaluation has come: by the clock, after an event that touched very many, or after a release."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import structlog
from psycopg.errors import UniqueViolation

from services.platform.domain.core.file_keys import FileKey
from services.platform.logs import Event
from services.platform.storage.reader import FileState
from services.platform.storage.rows import Connection
from services.platform.streaming.batch import take_over
from services.platform.streaming.commits import Commits
from services.platform.streaming.evaluate import EVALUATING_SECONDS, At, Evaluations, evaluate_files, fault_pause
from services.platform.streaming.judging import Judging
from services.platform.streaming.pacing import Portion
from services.platform.streaming.persist import DeliveredElsewhere, elsewhere, write_evaluations
from services.platform.streaming.service_database import ServiceDatabase

DUE_AT_ONCE = 100
RENEWED_AT_ONCE = 1000
FILES_A_SECOND = 100  # that were accepted into while the service caught up

MakeDue = Callable[[Connection, str, int, datetime, int], Awaitable[tuple[int, str]]]

log = structlog.get_logger("relay")


class Done(NamedTuple):
    """So many due files were evaluated, and what that found."""

    files: int
    found: Evaluations


class CatchingUp(NamedTuple):
    """Nothing was evaluated, at this time: the service accepts what it has missed first."""

    now: datetime


class DueFiles:
    """Evaluates the due files of one service, and makes files due."""

    def __init__(self, database: ServiceDatabase, judging: Judging, commits: Commits) -> None:
        self._database, self._judging, self._commits = database, judging, commits
        self._at_once = Portion(DUE_AT_ONCE)

    async def renew(self, files_a_second: int) -> None:
        """Before anything is read: a new release or policy makes every file with something live or ahead due.

        It does so in portions, so that a worker of the release before, still at work, waits for none of them long. One
        that ends halfway leaves no note of the release, and the next begins again.
        """
        by = (self._judging.release, self._judging.policies.version)
        async with self._database.transaction() as conn:
            if await self._database.writer.is_release(conn, *by):
                return
            now = await self._database.now(conn)
        due = await self._in_portions(self._database.writer.make_due_again, now, files_a_second)
        async with self._database.transaction() as conn:
            await self._database.writer.write_release(conn, *by, now)
        if due:
            log.info(Event.RELEASE_EVALUATIONS, service=self._judging.service.name, files=due)

    async def evaluate(self, most: int = DUE_AT_ONCE) -> int:
        """Evaluates the files whose time has come, none while the service catches up; how many."""
        while True:
            match await self._database.attempt(partial(self._evaluate, most), keeps=_is_kept):
                case Done(files, found):
                    if files:
                        self._commits.of_evaluations(found)
                    return files
                case CatchingUp(now):
                    await self._end_catching_up(now)
                    return 0
                case DeliveredElsewhere() as elsewhere:
                    if not await take_over(self._database, elsewhere):
                        raise elsewhere.said

    async def _evaluate(self, most: int, conn: Connection) -> Done | CatchingUp | DeliveredElsewhere:
        now = await self._database.now(conn)
        read_to, catching_up = await self._database.reached(conn)
        if catching_up:
            return CatchingUp(now)
        due, joins = await self._database.reader.take_due(conn, now, read_to, min(most, self._at_once.size))
        found, evaluated, done = Evaluations(), dict[FileKey, FileState](), 0
        for states, cause in due:
            if found.seconds > EVALUATING_SECONDS:
                break
            await asyncio.sleep(0)
            at = At(now, read_to, self._judging.policies.at(now), cause, joins=joins)
            evaluate_files(self._judging, states, at, found)
            evaluated |= {state.key: state for state in states}
            done += 1
        try:
            async with conn.pipeline():
                await write_evaluations(conn, self._database, found, evaluated, now)
        except UniqueViolation as said:
            return elsewhere(said, found)
        self._at_once.took(len(due), done)
        return Done(done, found)

    async def _end_catching_up(self, now: datetime) -> None:
        """Once all is read that there was when catching up began: what came in meanwhile is evaluated, at a limited
        rate, so that what comes in now does not wait behind it."""
        async with self._database.transaction() as conn:
            positions = await self._database.positions(conn)
            if any(at.evaluate_from is not None and at.next_offset < at.evaluate_from for at in positions.values()):
                return
            if await self._database.refusals.open(conn, self._judging.judged_by, 1):
                return  # accepted before, by this release, it may be what an agency was told for
        await self._database.caught_up(now)
        due = await self._in_portions(self._database.writer.spread_due, now, FILES_A_SECOND)
        async with self._database.transaction() as conn:
            await self._database.writer.resume_evaluations(conn)
        log.info(Event.CAUGHT_UP, service=self._judging.service.name, files=due)

    async def _in_portions(self, make_due: MakeDue, now: datetime, files_a_second: int) -> int:
        """Makes files due in the order of their keys, from now on so many a second; how many."""
        due, last = 0, ""
        while True:
            async with self._database.transaction() as conn:
                first_at = now + timedelta(seconds=due / files_a_second)
                made, last = await make_due(conn, last, RENEWED_AT_ONCE, first_at, files_a_second)
            if not made:
                return due
            due += made

    async def fault_first(self) -> None:
        """Puts off the evaluation of the file that is due first."""
        async with self._database.transaction() as conn:
            now = await self._database.now(conn)
            read_to, _ = await self._database.reached(conn)
            due = await self._database.reader.first_due(conn, now, read_to)
            if due is not None:
                file, tries = due
                again = now + fault_pause(tries + 1)
                await self._database.writer.fault_file(conn, file, tries + 1, again)
        self._commits.faults_since_check += 1

    async def faulted_within(self, window: timedelta) -> int:
        """Files that faulted within this time."""
        async with self._database.transaction() as conn:
            return await self._database.reader.faulted_since(conn, window)


def _is_kept(outcome: Done | CatchingUp | DeliveredElsewhere) -> bool:
    return not isinstance(outcome, DeliveredElsewhere)
