"""A batch, from records to a commit: decode, admit, lock, link, evaluate, persist. Each stage gives a value."""

from collections.abc import Sequence
from functools import partial

from psycopg import Error

from schemas.refusals import Refusal
from services.platform.domain.core.facts import Key
from services.platform.storage.records import BATCH, Record, headers_from_text
from services.platform.storage.rows import Connection
from services.platform.streaming.admit import Scope, admit
from services.platform.streaming.commits import Commits
from services.platform.streaming.decode import Decoded, decode
from services.platform.streaming.evaluate import evaluate_batch
from services.platform.streaming.judging import Judging
from services.platform.streaming.link import link_events
from services.platform.streaming.lock import lock_files, lock_matters
from services.platform.streaming.pacing import Portion
from services.platform.streaming.persist import (
    DeliveredElsewhere,
    Persist,
    Persisted,
    end_of,
    positions_after,
    refuse,
)
from services.platform.streaming.service_database import ServiceDatabase

RETRY_AT_ONCE = 200


class Batches:
    """Judges the records of one service, and gives each its end."""

    def __init__(self, database: ServiceDatabase, judging: Judging, commits: Commits) -> None:
        self._database, self._judging, self._commits = database, judging, commits
        self._at_once = Portion(BATCH)

    async def take(self, records: Sequence[Record]) -> int:
        """Judges as many leading records as fit the time, in one transaction; how many. Raises what psycopg raises."""
        offered = records[: self._at_once.size]
        decoded = await decode(offered, self._judging)
        try:
            done, persisted = await self._judge(decoded, Persist(self._database, self._judging, again=False))
        except Error:
            self._at_once.took(len(offered), len(offered) // 2)
            raise
        in_time = min(done, persisted.evaluated.in_time)
        self._at_once.took(len(offered), in_time)
        self._database.committed(((row.topic, row.partition), row.offset + 1) for row in persisted.ended)
        return done

    async def take_again(self, record: Record) -> None:
        """Judges a record that was refused before: its place in the stream is long past."""
        decoded = await decode([record], self._judging)
        await self._judge(decoded, Persist(self._database, self._judging, again=True))

    async def _judge(self, decoded: Sequence[Decoded], persist: Persist) -> tuple[int, Persisted]:
        """How many of the leading records were judged, and what that came to."""
        scope, taken_over = Scope(), set[Key]()
        while True:
            attempt = partial(self._stages, decoded, scope, persist)
            match await self._database.attempt(attempt, keeps=lambda outcome: isinstance(outcome, Persisted)):
                case Persisted() as persisted:
                    self._commits.of_records(persisted.ended, persisted.refused)
                    self._commits.of_evaluations(persisted.evaluated.found)
                    return len(decoded), persisted
                case Scope() as wider:
                    scope = wider
                case DeliveredElsewhere() as elsewhere:
                    moved = await take_over(self._database, elsewhere)
                    if not moved or moved & taken_over:
                        # One of these records delivers what another of them delivers in another file: apart, the second
                        # finds it delivered.
                        if len(decoded) == 1:
                            raise elsewhere.said
                        decoded = decoded[: len(decoded) // 2]
                    taken_over |= moved

    async def _stages(
        self, decoded: Sequence[Decoded], scope: Scope, persist: Persist, conn: Connection
    ) -> Persisted | Scope | DeliveredElsewhere:
        """One transaction. A stage that finds that more must be locked gives the wider scope to begin again with."""
        admitted = await admit(conn, self._database, self._judging, decoded, scope)
        matters = await lock_matters(conn, self._database.reader, admitted, scope)
        if isinstance(matters, Scope):
            return matters
        changes = link_events(admitted, matters, self._judging, scope)
        if isinstance(changes, Scope):
            return changes
        files = await lock_files(conn, self._database.reader, admitted, changes, scope)
        if isinstance(files, Scope):
            return files
        evaluated = await evaluate_batch(admitted, changes, files, self._judging)
        return await persist(conn, admitted, changes, files, evaluated)

    async def set_aside(self, record: Record, refusal: Refusal, fate: str) -> None:
        """Gives one record its end without judging it, unless another worker has given it one meanwhile."""
        place = (record.topic, record.partition)
        async with self._database.transaction() as conn:
            await self._database.reader.lock_positions(conn, [place])
            if record.offset < (await self._database.positions(conn))[place].next_offset:
                return
            now = await self._database.now(conn)
            await refuse(conn, self._database, self._judging, [(record, refusal)], now)
            ended = [end_of(record, fate, None, now)]
            await self._database.writer.write_records(conn, ended)
            await self._database.writer.advance(conn, positions_after([record], now))
        self._commits.of_records(ended, [refusal])

    async def refused_before(self) -> list[Record]:
        """Some of the records that were refused under another release or policy; none when all have been tried."""
        async with self._database.transaction() as conn:
            refused = await self._database.refusals.open(conn, self._judging.judged_by, RETRY_AT_ONCE)
        return [
            Record(topic, partition, offset, timestamp, key, value, headers_from_text(headers))
            for topic, partition, offset, timestamp, key, value, headers in refused
        ]

    async def still_refused(self, record: Record) -> None:
        """It was tried under this release and policy, and keeps the end that it has."""
        async with self._database.transaction() as conn:
            place = (record.topic, record.partition, record.offset)
            await self._database.refusals.tried(conn, *place, self._judging.judged_by)


async def take_over(database: ServiceDatabase, elsewhere: DeliveredElsewhere) -> set[Key]:
    """Lays what was delivered of these keys into the files that state them now; which of them lay in others."""
    async with database.transaction() as conn:
        return await database.writer.take_over(conn, [(*key, file) for key, file in elsewhere.first])
