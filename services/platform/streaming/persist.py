"""Stage 6, persist: writes what a batch, or an evaluation by the clock, comes to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.errors import UniqueViolation

from schemas.refusals import Refusal
from services.platform.domain.core.facts import Key
from services.platform.domain.core.file_keys import FileKey
from services.platform.storage.changes import Change
from services.platform.storage.outgoing import Outgoing
from services.platform.storage.reader import FileState
from services.platform.storage.records import Partition, Record
from services.platform.storage.refusals import Place, RefusalRow
from services.platform.storage.rows import Connection
from services.platform.storage.writer import AnswerRow, FactRow, RecordRow, UndertakingRow
from services.platform.streaming import wire
from services.platform.streaming.admit import Admitted
from services.platform.streaming.evaluate import Evaluated, Evaluations
from services.platform.streaming.judging import Judging
from services.platform.streaming.lock import Files
from services.platform.streaming.service_database import ServiceDatabase

NOTIFICATION_ONCE = "notification_pkey"  # a key and a revision have one notification


@dataclass(frozen=True, slots=True)
class Persisted:
    """The records that came to their end, why some were refused, and what evaluations found."""

    ended: Sequence[RecordRow]
    refused: Sequence[Refusal]
    evaluated: Evaluated


@dataclass(frozen=True, slots=True)
class DeliveredElsewhere:
    """Some of these keys look new in these files, but were delivered before from another file.

    This happens when a place was empty for a while (its party was left out, its incident taken back) and then leads to
    another person, or when a fact changes its unlinked file. The delivery is still in the earlier file. It is looked
    for only when the database says that a first notification already exists.
    """

    first: Sequence[tuple[Key, str]]
    said: UniqueViolation


@dataclass(frozen=True, slots=True)
class Persist:
    """Writes a batch whole. `again`: its records were refused before, and their place in the stream is long past."""

    database: ServiceDatabase
    judging: Judging
    again: bool

    async def __call__(
        self,
        conn: Connection,
        admitted: Admitted,
        changes: Sequence[Change | Refusal],
        files: Files,
        evaluated: Evaluated,
    ) -> Persisted | DeliveredElsewhere:
        now, found = admitted.now, evaluated.found
        records = [decoded.record for decoded in admitted.records]
        ended = [_end_of(record, change, now) for record, change in zip(records, changes, strict=True)]
        refused = [
            (record, change)
            for record, change in zip(records, changes, strict=True)
            # What was read before keeps its end: another release may have accepted it.
            if isinstance(change, Refusal) and (self.again or self._is_next(record, admitted))
        ]
        try:
            async with conn.pipeline():
                await refuse(conn, self.database, self.judging, refused, now)
                await self._changes(conn, admitted, changes, files, found)
                await self.database.writer.write_records(conn, ended, again=self.again)
                if self.again or admitted.reached.catching_up:
                    accepted = zip(records, changes, strict=True)
                    await self.database.refusals.settle(conn, [r for r, c in accepted if isinstance(c, Change)], now)
                if not self.again:
                    await self.database.writer.advance(conn, positions_after(records, now))
        except UniqueViolation as said:
            return elsewhere(said, found)
        return Persisted(ended, [refusal for _, refusal in refused], evaluated)

    def _is_next(self, record: Record, admitted: Admitted) -> bool:
        return record.offset >= admitted.positions[record.topic, record.partition].next_offset

    async def _changes(
        self,
        conn: Connection,
        admitted: Admitted,
        changes: Sequence[Change | Refusal],
        files: Files,
        found: Evaluations,
    ) -> None:
        writer, now = self.database.writer, admitted.now
        made = [change for change in changes if isinstance(change, Change) and change.fate != "repeated"]
        await writer.write_inbox(conn, [(*c.event.name, c.event.said, now) for c in made])
        accepted = [change for change in made if change.fate == "accepted"]
        heard = [UndertakingRow(c.event.fact, c.crime, c.says) for c in made if c.crime is not None]
        await writer.write_undertakings(conn, heard)
        current = await self._facts(conn, admitted, made, files.states)
        last = _last_of_each(accepted)
        await writer.write_linkage(conn, [c.event for c in accepted if not c.event.is_answer], last)
        await writer.write_joins(conn, last)
        stray = [c for c in accepted if c.event.is_answer and admitted.answers(c.event) is None]
        await writer.lay_in_unlinked_files(
            conn, [(c.files[0], c.event.fact.id) for c in stray if c.event.fact.id in current]
        )
        await write_evaluations(conn, self.database, found, files.states, now)
        touched = {file for change in made if change.touches for file in change.files}
        await writer.make_due(conn, touched - found.files.keys(), now, "event")
        owned = self.judging.service.owns
        await writer.write_archive(conn, [c.event.record for c in made if c.event.record.topic == owned])

    async def _facts(
        self, conn: Connection, admitted: Admitted, made: Sequence[Change], states: Mapping[FileKey, FileState]
    ) -> set[str]:
        """Writes every version that was accepted; the ids of those that are current."""
        fallen = {change.fallen for change in made if change.fallen}
        # An event after an answer in the batch may have moved it, with what it answers, into another file.
        heard = {answer.fact.id for state in states.values() for answer in state.answers.values()}
        current, missing = set[str](), dict[str, str | None]()
        for change in made:
            event, i = change.event, change.event.fact.id
            if change.linkage is not None:
                missing |= {fact: change.linkage.missing.get(fact) for fact in change.linkage.membership}
                current.add(i)
            elif change.fate == "accepted" and (i in heard or i in states[change.files[0]].facts):
                current.add(i)
                missing[i] = None if admitted.answers(event) is not None else admitted.why_unanswered(event)
        current -= fallen
        rows = [
            FactRow(c.event, c.event.fact.id in current, missing.get(c.event.fact.id), admitted.now)
            for c in made
            if c.fate != "not_ours"
        ]
        answers = [c.event for c in made if c.event.is_answer and c.fate == "accepted"]
        writer = self.database.writer
        await writer.write_facts(conn, rows, fallen)
        await writer.supersede(conn, [event.fact for event in answers if event.fact.id in current])
        await writer.write_answers(
            conn,
            [
                AnswerRow(e.fact, delivered, admitted.came(e.record))
                for e in answers
                if (delivered := admitted.answers(e)) is not None
            ],
        )
        written = {row.event.fact.id for row in rows}
        await writer.write_missing(conn, {i: m for i, m in missing.items() if i not in written})
        return current


async def write_evaluations(
    conn: Connection, database: ServiceDatabase, found: Evaluations, states: Mapping[FileKey, FileState], now: datetime
) -> None:
    """What evaluations found, and the outbox with it."""
    writer = database.writer
    await writer.write_notifications(conn, found.notifications, found.lies)
    await writer.reground(conn, found.regrounded)
    await writer.write_statements(conn, states.values(), now)
    await writer.write_evaluations(conn, found.evaluations)
    await writer.write_files(conn, found.files.values())
    await writer.write_outbox(conn, found.outbox, now)


def elsewhere(said: UniqueViolation, found: Evaluations) -> DeliveredElsewhere:
    """The keys that the database says were delivered before; any other error is raised again."""
    first = [(n.key, found.lies[n.key]) for n, _, _ in found.notifications if n.revision == 1]
    if said.diag.constraint_name != NOTIFICATION_ONCE or not first:
        raise said
    return DeliveredElsewhere(first, said)


async def refuse(
    conn: Connection,
    database: ServiceDatabase,
    judging: Judging,
    refused: Iterable[tuple[Record, Refusal]],
    now: datetime,
) -> None:
    """Keeps each refusal with its record; the stream's owner also writes the dead letter, once."""
    service, rows, letters = judging.service, list[RefusalRow](), dict[Place, Outgoing]()
    for record, refusal in refused:
        letter, row = wire.dead_letter(record, refusal, service.name, judging.release, now)
        owned = record.topic == service.owns
        rows.append(RefusalRow(record, refusal, now, judging.judged_by, letter if owned else None))
        if owned:
            letters[record.topic, record.partition, record.offset] = row
    new = await database.refusals.write(conn, rows)
    await database.writer.write_outbox(conn, [row for place, row in letters.items() if place in new], now)


def end_of(record: Record, fate: str, event: str | None, now: datetime) -> RecordRow:
    return RecordRow(record.topic, record.partition, record.offset, fate, event, now)


def positions_after(records: Iterable[Record], now: datetime) -> dict[Partition, tuple[int, datetime]]:
    """Where each partition's next record is, and how far it has been read: the broker's time, never later than ours."""
    return {(r.topic, r.partition): (r.offset + 1, min(r.timestamp, now)) for r in records}


def _end_of(record: Record, change: Change | Refusal, now: datetime) -> RecordRow:
    if isinstance(change, Refusal):
        return end_of(record, "refused", None, now)
    return end_of(record, change.fate, change.event.fact.id, now)


def _last_of_each(changes: Iterable[Change]) -> list[Change]:
    """The last change to each set of matters: it says what to write."""
    return list({id(change.component): change for change in changes if change.component is not None}.values())
