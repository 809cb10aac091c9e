"""The shell around the rules: one transaction a batch accepts facts, looks at files and writes notifications."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import NoReturn

import structlog
from psycopg.errors import UniqueViolation
from psycopg_pool import AsyncConnectionPool

from schemas import registry
from schemas.agency_responses.v1 import AgencyBody
from schemas.matters import CRIME
from schemas.refusals import Refusal, RefusalReason
from services.platform import metrics
from services.platform.domain.core.facts import Answer, Key
from services.platform.domain.linking.merged_records import Joined, Joins, Placeholder, together
from services.platform.domain.linking.speaking import NOT_THE_RECIPIENT, UNKNOWN_NOTIFICATION, speakers
from services.platform.logs import Event
from services.platform.policy.policy import Policy, PolicySet
from services.platform.recovery.clock_guard import TOLERANCE, ClockWatch, boot, ticks
from services.platform.recovery.read_so_far import ReadSoFar
from services.platform.recovery.restored import lay_delivered, number_evaluations
from services.platform.storage.bodies import bodies_of
from services.platform.storage.changes import Accepted, Change
from services.platform.storage.clock import Reading
from services.platform.storage.database import AWAY
from services.platform.storage.outgoing import Outgoing
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.reader import Delivered, FileState, NamesOf, Position, Reader
from services.platform.storage.records import BATCH, NO_TIME, Partition, Record, headers_from_text
from services.platform.storage.refusals import Place, RefusalRow, Refusals
from services.platform.storage.rows import Connection
from services.platform.storage.undertakings import SPEAK_OF_TAKING_ON, asks_to_take_on, crime_of, hear, says, word
from services.platform.storage.writer import AnswerRow, FactRow, RecordRow, UndertakingRow, Writer
from services.platform.streaming import wire
from services.platform.streaming.batch import Plan, apply_to_files, overlapping
from services.platform.streaming.evaluating import At, Evaluations, evaluate_files, fault_pause, follow_places
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import DatabaseWentBack, Halt, HaltReason
from services.platform.streaming.pacing import Portion
from services.platform.streaming.receiving import believed, identified, knowing, read
from services.platform.streaming.service import Service

JUDGING_SECONDS = 0.2
FILES_AT_ONCE = 40  # an event that concerns more makes the others due now
DUE_AT_ONCE = 100
RETRY_AT_ONCE = 200
RENEWED_AT_ONCE = 1000
FILES_A_SECOND = 100  # that were accepted into while the service caught up
NOTIFICATION_ONCE = "notification_pkey"  # a key and a revision have one notification

RECOVER = "the database lies behind what was read: stop all workers, then `relay recover` (docs/runbook.md)"
SET_RIGHT = (
    "set the clock of the database's machine right: no worker of this machine begins before it is; "
    "where it only looked moved, `relay db trust-clock` (docs/runbook.md)"
)
# Between machines that are not set by the same time some seconds a day are lost.
CLOCK_SEEN_COUNTS_SECONDS = 86_400.0
KEEP_CLOCK_SECONDS = 10.0

log = structlog.get_logger("relay")

Answered = Mapping[str, Delivered]
AtOnce = Callable[[Change], list[str]]  # the files that are looked at for this event itself


class GrewError(Exception):
    """What was locked was not all that belongs together: start again with these names, and what merges join."""

    def __init__(self, names: frozenset[str], joins: Joins | None = None) -> None:
        super().__init__()
        self.names, self.joins = names, joins or {}


class DeliveredElsewhereError(Exception):
    """Some of these keys, which look new in these files, were told before and lie in others: start again with them."""

    def __init__(self, first: Sequence[tuple[Key, str]]) -> None:
        super().__init__()
        self.first = first


@dataclass(frozen=True, slots=True)
class Judged:
    """What one transaction has done: records that came to their end, why some were refused, and its evaluations."""

    ended: Sequence[RecordRow] = ()
    refused: Sequence[Refusal] = ()
    found: Evaluations = field(default_factory=Evaluations)


class UnitOfWork:
    """Judges what one service reads. The loop hands it batches; the worker's clock asks it to look at what is due."""

    def __init__(
        self,
        service: Service,
        pool: AsyncConnectionPool[Connection],
        policies: PolicySet,
        pseudonyms: Pseudonyms,
        release: str,
        contract: registry.Registry = registry.REGISTRY,
    ) -> None:
        self.service, self.pool, self.policies, self.release = service, pool, policies, release
        self.pseudonyms = pseudonyms
        # Records that did not fit a batch come again in the next, the very same.
        self._read = lru_cache(maxsize=BATCH)(partial(self._identified, contract=contract))
        self._knowing = knowing(policies, pseudonyms)
        self._may_speak = speakers(policies)
        self.judged_by = (
            f"{release}+{policies.version}"  # what a refusal was judged by: either may know more than before
        )
        self.reader = Reader(service.name, bodies_of(contract))
        self.writer = Writer(service.name, contract)
        self.refusals = Refusals(service.name)
        self.records_at_once, self.files_at_once = Portion(BATCH), Portion(DUE_AT_ONCE)
        self.faults_since_check = 0
        self._watch, self._boot, self._clock_kept_at = ClockWatch(), boot(), float("-inf")
        self._so_far = ReadSoFar()
        self.committed = asyncio.Event()  # set after each commit: the publisher has work

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        try:
            async with self.pool.connection() as conn, conn.transaction():
                yield conn
        except DatabaseWentBack:
            with suppress(*AWAY):
                await self._hold_until_recovered()
            raise

    async def _hold_until_recovered(self) -> None:
        """The next worker has not seen what this one has, and would look at what is left."""
        async with self.pool.connection() as conn, conn.transaction():
            await self.writer.hold_evaluations_until_recovered(conn, await self.reader.positions(conn))

    async def begin(self, files_a_second: int) -> None:
        """Before anything is read: a new release or policy makes every file with something live or ahead due.

        It does so in portions, so that a worker of the release before, still at work, waits for none of them long. One
        that ends halfway leaves no note of the release, and the next begins again.
        """
        async with self.transaction() as conn:
            if await self.writer.is_release(conn, self.release, self.policies.version):
                return
            now = await self._now(conn)
        due, last = 0, ""
        while True:
            async with self.transaction() as conn:
                first_at = now + timedelta(seconds=due / files_a_second)
                made, last = await self.writer.make_due_again(conn, last, RENEWED_AT_ONCE, first_at, files_a_second)
            if not made:
                break
            due += made
        async with self.transaction() as conn:
            await self.writer.write_release(conn, self.release, self.policies.version, now)
        if due:
            log.info(Event.RELEASE_EVALUATIONS, service=self.service.name, files=due)

    async def take(self, records: Sequence[Record], *, again: bool = False) -> int:
        """Judges as many leading records as fit the time, in one transaction; how many. Raises what psycopg raises.

        `again`: they were refused before, their place in the stream is long past.
        """
        names, joins = frozenset[str](), dict[str, Joined]()
        offered = records[: self.records_at_once.size]
        portion = await self.read_in_time(offered)
        taken_over = set[Key]()
        while True:
            try:
                async with self.transaction() as conn:
                    judged = await self._batch(conn, portion, names, joins, again=again)
                break
            except GrewError as grew:
                names, joins = grew.names, {**joins, **grew.joins}
            except DeliveredElsewhereError as delivered:
                moved = await self._take_over(delivered)
                if not moved or moved & taken_over:
                    # One of these tells what another of them tells in another file: apart, the second finds it told.
                    if len(portion) == 1:
                        raise delivered.__cause__ or delivered from None
                    portion = portion[: len(portion) // 2]
                taken_over |= moved
        done = len(judged.ended)
        self.records_at_once.took(len(offered), done)
        if done == len(portion):
            self._read.cache_clear()  # large ones would be held until as many others came
        if not again:
            self._so_far.learn(((row.topic, row.partition), row.offset + 1) for row in judged.ended)
        self._committed(judged)
        return done

    async def read_in_time(self, records: Sequence[Record]) -> Sequence[Record]:
        """Reads the leading ones, one at least; large ones take long, and those that wait behind them may be good."""
        spent = 0.0  # without what the other services of this process do meanwhile
        for number, record in enumerate(records, 1):
            await asyncio.sleep(0)
            began = time.perf_counter()
            self._read(record)
            spent += time.perf_counter() - began
            if spent > JUDGING_SECONDS:
                return records[:number]
        return records

    async def set_aside(self, record: Record, refusal: Refusal, fate: str) -> None:
        """Gives one record its end without judging it, unless another worker has given it one meanwhile."""
        place = (record.topic, record.partition)
        async with self.transaction() as conn:
            await self.reader.lock_positions(conn, [place])
            if record.offset < (await self.positions(conn))[place].next_offset:
                return
            now = await self._now(conn)
            await self._refuse(conn, [(record, refusal)], now)
            ended = [_ended(record, fate, None, now)]
            await self.writer.write_records(conn, ended)
            await self.writer.advance(conn, _positions([record], now))
        self._committed(Judged(ended, [refusal]))

    async def evaluate_due(self, most: int = DUE_AT_ONCE) -> int:
        """Looks at the files whose time has come, at none while the service catches up; how many."""
        while True:
            try:
                return await self._evaluate_due(most)
            except DeliveredElsewhereError as delivered:
                if not await self._take_over(delivered):
                    raise delivered.__cause__ or delivered from None

    async def _evaluate_due(self, most: int) -> int:
        async with self.transaction() as conn:
            now = await self._now(conn)
            found, (read_to, catching_up) = Evaluations(), await self.reached(conn)
            due, joins = (
                ([], {})
                if catching_up
                else await self.reader.take_due(conn, now, read_to, min(most, self.files_at_once.size))
            )
            done, evaluated = 0, dict[str, FileState]()
            for states, cause in due:
                if found.seconds > JUDGING_SECONDS:
                    break
                await asyncio.sleep(0)
                at = At(now, read_to, self.policies.at(now), cause, joins=joins)
                evaluate_files(self.service, self.release, self.pseudonyms, states, at, found)
                evaluated |= {state.key: state for state in states}
                done += 1
            async with self._new_to_their_keys(found), conn.pipeline():
                await self._write_evaluated(conn, found, evaluated, now)
        if catching_up:
            await self._resume_evaluations(now)
        self.files_at_once.took(len(due), done)
        if done:
            self._committed(Judged(found=found))
        return done

    async def fault_first_due(self) -> None:
        """Puts off the evaluation of the file that is due first."""
        async with self.transaction() as conn:
            now = await self._now(conn)
            read_to, _ = await self.reached(conn)
            due = await self.reader.first_due(conn, now, read_to)
            if due is not None:
                file, tries = due
                await self.writer.fault_file(conn, file, tries + 1, now + fault_pause(tries + 1))
        self.faults_since_check += 1

    async def faulted_within(self, window: timedelta) -> int:
        """Files that faulted within this time."""
        async with self.transaction() as conn:
            return await self.reader.faulted_since(conn, window)

    async def refused_before(self) -> list[Record]:
        """Some of the records that were refused under another release or policy; none when all have been tried."""
        async with self.transaction() as conn:
            waiting = await self.refusals.open(conn, self.judged_by, RETRY_AT_ONCE)
        return [
            Record(topic, partition, offset, timestamp, key, value, headers_from_text(headers))
            for topic, partition, offset, timestamp, key, value, headers in waiting
        ]

    async def still_refused(self, record: Record) -> None:
        """It was tried under this release and policy, and keeps the end that it has."""
        async with self.transaction() as conn:
            await self.refusals.tried(conn, record.topic, record.partition, record.offset, self.judged_by)

    async def database_answers(self) -> bool:
        try:
            await self.clock()
        except AWAY:
            return False
        return True

    async def check_clock(self) -> None:
        """Halts where the server's clock is not where a worker that was here within the last day would expect it by
        now, or is behind what any worker has seen."""
        async with self.transaction() as conn:
            seen, latest = await self.reader.clock_seen(conn, self._boot or "")
            if seen is not None and ticks() - seen.after < CLOCK_SEEN_COUNTS_SECONDS:
                self._watch.go_on_from(seen)
            await self._now(conn)
            now = self._watch.last
            if latest is not None and now is not None and now.clock < latest - TOLERANCE:
                self._halt_for_clock(now.clock - latest)

    async def _keep_clock(self, conn: Connection) -> None:
        seen, now = self._watch.last, ticks()
        if seen is not None and self._boot is not None and now - self._clock_kept_at >= KEEP_CLOCK_SECONDS:
            await self.writer.keep_clock(conn, self._boot, seen)
            self._clock_kept_at = now

    async def clock(self) -> datetime:
        async with self.pool.connection() as conn:
            return await self._now(conn)

    async def _now(self, conn: Connection) -> datetime:
        before = ticks()
        return self._held_against_ticks(await self.reader.clocks(conn), before)

    def _held_against_ticks(self, clocks: tuple[datetime, datetime], before: float) -> datetime:
        """Now. Halts, and with it ends the transaction, where the server's clock was moved since it was last read.

        `before`: ticks before the server was asked.
        """
        now, true = clocks
        if (moved := self._watch.jump(Reading(true, before, ticks()))) is not None:
            self._halt_for_clock(moved)
        return now

    def _halt_for_clock(self, moved: timedelta) -> NoReturn:
        log.critical(Event.CLOCK_JUMPED, service=self.service.name, seconds=moved.total_seconds(), advice=SET_RIGHT)
        raise Halt(HaltReason.CLOCK_JUMPED)

    async def positions(self, conn: Connection) -> Mapping[Partition, Position]:
        """How far this service has read. Halts where that is less than this process has seen."""
        seen = self._so_far.seen()
        return self._held_against_seen(await self.reader.positions(conn), seen)

    def _held_against_seen(
        self, positions: Mapping[Partition, Position], seen: Mapping[Partition, Position]
    ) -> Mapping[Partition, Position]:
        """These positions. Halts, and with it ends the transaction, where the database went back under this process."""
        if back := self._so_far.went_back(positions, seen):
            place = {"service": self.service.name, "topic": back.partition[0], "partition": back.partition[1]}
            log.critical(Event.DATABASE_WENT_BACK, **place, seen=back.seen, database=back.found, advice=RECOVER)
            raise DatabaseWentBack
        return positions

    async def reached(self, conn: Connection) -> tuple[datetime | None, bool]:
        """How far all streams of this service have been read, None while one of them has not been read at all; and
        whether it is catching up: it accepts, and looks at nothing."""
        return self._reached(await self.positions(conn))

    def _reached(self, positions: Mapping[Partition, Position]) -> tuple[datetime | None, bool]:
        reached = [position.read_to for (topic, _), position in positions.items() if topic in self.service.reads]
        known = [when for when in reached if when is not None]
        catching_up = any(position.evaluate_from is not None for position in positions.values())
        return min(known) if known and len(known) == len(reached) else None, catching_up

    async def _resume_evaluations(self, now: datetime) -> None:
        """Once all is read that there was when catching up began: what came in meanwhile is looked at, at a limited
        rate, so that what comes in now does not wait behind it."""
        async with self.transaction() as conn:
            positions = await self.positions(conn)
            if any(at.evaluate_from is not None and at.next_offset < at.evaluate_from for at in positions.values()):
                return
            if await self.refusals.open(conn, self.judged_by, 1):
                return  # accepted before, by this release, it may be what somebody was told for
        async with self.transaction() as conn:
            await conn.execute("set local transaction_timeout = 0")
            is_placeholder = self.policies.at(now).is_placeholder
            runs_in = {rule.name: rule.runs_in for rule in self.service.rules}
            delivered, left = await lay_delivered(conn, self.reader, runs_in, is_placeholder, now)
            await number_evaluations(conn, self.service.name, self.pseudonyms)
        if left:
            log.error(Event.DELIVERED_NOT_LAID, service=self.service.name, duties=left, of=delivered)
        due, last = 0, ""
        while True:
            async with self.transaction() as conn:
                first_at = now + timedelta(seconds=due / FILES_A_SECOND)
                spread, last = await self.writer.spread_due(conn, last, RENEWED_AT_ONCE, first_at, FILES_A_SECOND)
            if not spread:
                break
            due += spread
        async with self.transaction() as conn:
            await self.writer.resume_evaluations(conn)
        log.info(Event.CAUGHT_UP, service=self.service.name, files=due)

    async def note_ends(self, ends: Mapping[Partition, int], at: datetime) -> Mapping[Partition, int]:
        """Where each of these partitions is read next. `ends`: the streams' end offsets, asked for after `at`: where
        all is read, it is read up to `at`."""
        async with self.transaction() as conn:
            positions = await self.positions(conn)
            if new := ends.keys() - positions.keys():
                await self.reader.meet(conn, new)  # else what is in them would not count as unread
            read = {p: (end, at) for p, end in ends.items() if positions.get(p, Position()).next_offset >= end}
            await self.writer.advance(conn, read)
            await self._keep_clock(conn)
        for (topic, partition), end in ends.items():
            offset, read_to, _ = positions.get((topic, partition), Position())
            behind = (at - read_to).total_seconds() if offset < end and read_to is not None else 0.0
            labels = (group_of(self.service.name), topic, str(partition))
            metrics.LAG.measured(max(0, end - offset), *labels)
            metrics.LAG_SECONDS.measured(max(0.0, behind), *labels)
        return {place: positions.get(place, Position()).next_offset for place in ends}

    async def pass_over(self, ends: Mapping[Partition, int], at: datetime) -> None:
        """Notes partitions as read up to these offsets, at this time: between them and what was read is no record.

        Halts where the database went back since: then there are records between them.
        """
        async with self.transaction() as conn:
            await self.positions(conn)
            await self.writer.advance(conn, {place: (end, at) for place, end in ends.items()})

    async def _batch(
        self, conn: Connection, records: Sequence[Record], names: frozenset[str], supposed: Joins, *, again: bool
    ) -> Judged:
        read = [event for record in records if isinstance(event := self._read(record), Accepted)]
        linkable = [event for event in read if not event.is_answer]
        before, seen = ticks(), self._so_far.seen()
        begun = await self.reader.begin(
            conn,
            {(record.topic, record.partition) for record in records},
            {event.name for event in read},
            {event.fact.subject for event in read if event.is_answer},
            names.union(*(event.names for event in linkable)),
        )
        now, known, answered = self._held_against_ticks(begun.clocks, before), begun.known, begun.answered
        reached = self._held_against_seen(begun.positions, seen)
        policy, (read_to, catching_up) = self.policies.at(now), self._reached(reached)
        # What is read late is believed, or not, as it would have been when it came.
        came = [self.policies.at(_came(record, now)) if catching_up else policy for record in records]
        heard = [self._hear(record, then, now) for record, then in zip(records, came, strict=True)]
        fresh = [event for event in heard if isinstance(event, Accepted) and event.fact.id not in known]
        wanted = names | self._undertaken_at(fresh, answered)
        plan = await self._plan(conn, fresh, wanted, begun.names_of, policy.is_placeholder)
        changes = [e if isinstance(e, Refusal) else self._change(e, known, answered, plan) for e in heard]
        at_once = _evaluated_later if catching_up else _evaluated_now
        states, joins = await self._lock_files(conn, changes, answered, names, supposed, at_once)

        found, ended = Evaluations(), list[RecordRow]()
        for record, event, change in zip(records, heard, changes, strict=True):
            if found.seconds > JUDGING_SECONDS:
                break
            if isinstance(change, Refusal):
                ended.append(_ended(record, "refused", None, now))
                continue
            assert isinstance(event, Accepted)  # noqa: S101 - only an accepted event changes anything
            ended.append(_ended(record, change.fate, event.fact.id, now))
            if change.touches:
                apply_to_files(change, states)
                self._apply_answer(change, answered, states, now)
                _apply_word(change, states)
                _apply_joins(change, joins)
                at = At(now, read_to, policy, "event", event.fact.id, joins)
                if catching_up:
                    for group in change.together:
                        follow_places([states[file] for file in sorted(group)], found)
                else:
                    await self._evaluate_after(change, states, at, found)
        done = len(ended)
        refused = [(r, c) for r, c in zip(records[:done], changes, strict=False) if isinstance(c, Refusal)]
        # What was read before keeps its end: another release may have accepted it.
        refused = [(r, c) for r, c in refused if again or r.offset >= reached[r.topic, r.partition].next_offset]
        async with self._new_to_their_keys(found), conn.pipeline():
            await self._refuse(conn, refused, now)
            await self._write(conn, changes[:done], states, answered, found, now, at_once)
            await self.writer.write_records(conn, ended, again=again)
            if again or catching_up:
                accepted = zip(records, changes[:done], strict=False)
                await self.refusals.settle(conn, [r for r, c in accepted if isinstance(c, Change)], now)
            if not again:
                await self.writer.advance(conn, _positions(records[:done], now))
        return Judged(ended, [refusal for _, refusal in refused], found)

    def _identified(self, record: Record, contract: registry.Registry) -> Accepted | Refusal:
        """What a record says, by references that name somebody, or why it cannot be read."""
        event = read(record, contract)
        return event if isinstance(event, Refusal) else identified(event, self._knowing)

    def _hear(self, record: Record, policy: Policy, now: datetime) -> Accepted | Refusal:
        """What may be believed of a record, or why it is refused."""
        event = self._read(record)
        return event if isinstance(event, Refusal) else believed(event, policy, now) or event

    async def _plan(
        self,
        conn: Connection,
        fresh: Sequence[Accepted],
        names: frozenset[str],
        found: NamesOf,
        is_placeholder: Placeholder,
    ) -> Plan:
        """Locks all references that belong together with those of these events, and reads what stands there.

        `found`: the statements that were seen at these references, and at more, before any was locked.
        """
        linkable = [event for event in fresh if not event.is_answer]
        wanted = names.union(*(event.names for event in linkable))
        if not_seen := names - frozenset[str]().union(*found.values()):
            found = found | await self.reader.named_at(conn, not_seen)
        names_of = {statement: own for statement, own in found.items() if not wanted.isdisjoint(own)}
        for event in linkable:
            names_of.setdefault(event.fact.statement, set()).update(event.names)
        closed, names_of = await self.reader.closed(conn, wanted, names_of)
        matters = await self.reader.lock_matters(conn, closed, names_of)
        if isinstance(matters, frozenset):
            raise GrewError(matters)
        return Plan(matters, is_placeholder, self._may_speak, self._knowing)

    def _change(self, event: Accepted, known: dict[str, bytes], answered: Answered, plan: Plan) -> Change | Refusal:
        """What this event changes, or that it changes nothing; `known` grows with the batch."""
        if (before := known.get(event.fact.id)) is not None:
            if before == event.said:
                return Change(event, "repeated")
            detail = "ce_id: used for another statement before; a correction is a new event with a higher factversion"
            return Refusal(RefusalReason.ID_REUSED, "validate", detail, event.fact.kind)
        known[event.fact.id] = event.said
        if not event.is_answer:
            his = plan.of_whom(event)
            if not his.names <= plan.matters.names:
                raise GrewError(plan.matters.names | his.names)
            return plan.apply(his)
        return self._answer(event, answered, plan)

    def _undertaken_at(self, fresh: Sequence[Accepted], answered: Answered) -> frozenset[str]:
        """The incidents at which people stand whom other services asked to take on, as these answers say."""
        delivered = (_answers(event, answered) for event in fresh if event.fact.kind in SPEAK_OF_TAKING_ON)
        foreign = (t.notification for t in delivered if t is not None and t.service != self.service.name)
        return frozenset(
            f"{CRIME}{crime_of(notification)}" for notification in foreign if asks_to_take_on(notification)
        )

    def _answer(self, event: Accepted, answered: Answered, plan: Plan) -> Change | Refusal:
        """An answer goes to the file of the duty that it answers. One that is another service's ends here; what it says
        of taking her on is known in her file all the same. One to another agency's notification ends as one to a
        notification that nobody sent: else its sender would learn that there is such a notification."""
        delivered = _answers(event, answered)
        if delivered is None:
            if self.service.owns != event.record.topic:
                return Change(event, "not_ours")
            return Change(event, "accepted", files=(_unlinked_file_of(event),))
        mine = delivered.service == self.service.name
        change = Change(event, "accepted", files=(delivered.file,)) if mine else Change(event, "not_ours")
        if event.fact.kind in SPEAK_OF_TAKING_ON and asks_to_take_on(delivered.notification):
            change.crime, change.says = crime_of(delivered.notification), says(event.fact, delivered.notification)
            change.word = word(change.says, event.fact.rank, delivered.notification, delivered.delivered_in)
            if not mine:
                change.component = plan.at_crime(change.crime)
                at = change.component.linkage.persons.get(change.crime, {})
                change.files = (at[delivered.notification.person],) if delivered.notification.person in at else ()
        return change

    async def _lock_files(
        self,
        conn: Connection,
        changes: Sequence[Change | Refusal],
        answered: Answered,
        names: frozenset[str],
        supposed: Joins,
        at_once: AtOnce,
    ) -> tuple[dict[str, FileState], dict[str, Joined]]:
        """All files that these events touch, with all of the same persons; and what merges join among them. `supposed`:
        what they were seen to join before."""
        made = [change for change in changes if isinstance(change, Change)]
        for change in made:
            if change.joined:
                change.files = tuple(sorted({*change.files, *await self.reader.files_beside(conn, change.joined)}))
        touched = together({file for change in made for file in change.files}, supposed)
        load = together({file for change in made for file in (*at_once(change), *_changed_inside(change))}, supposed)
        named = {who for c in made if c.linkage for at in c.linkage.persons.values() for who in at.values()}
        states, joins, answered_now = await self.reader.lock_files(conn, touched, load, named, answered)
        joined = frozenset[str]().union(*(change.joined for change in made))
        if not (together(touched, joins) <= touched and together(load, joins) <= states.keys()) or (
            joined and not await self.reader.files_beside(conn, joined) <= touched
        ):
            # Merges join more than was supposed, or something has been committed meanwhile that these concern.
            raise GrewError(names, joins)
        if touched and answered_now != answered:
            raise GrewError(names)  # a place moved meanwhile: what was answered lies in another file now
        return states, joins

    def _apply_answer(self, change: Change, answered: Answered, states: Mapping[str, FileState], now: datetime) -> None:
        event = change.event
        if not event.is_answer or change.fate != "accepted":
            return
        state, delivered = states[change.files[0]], _answers(event, answered)
        if delivered is None:
            older = [i for i, (fact, _, _) in state.facts.items() if fact.statement == event.fact.statement]
            if all(state.facts[i][0].rank < event.fact.rank for i in older):
                for i in older:
                    del state.facts[i]
                state.facts[event.fact.id] = (event.fact, (), _nobodys(event, answered))
            return
        # An event before it in the batch may have moved what was told into another file.
        holder = next((each for each in states.values() if delivered.key in each.delivered), state)
        change.files = (holder.key,)
        before = holder.answers.get(event.fact.statement)
        if before is None or before.fact.rank < event.fact.rank:
            holder.answers[event.fact.statement] = Answer(
                event.fact, delivered.key, delivered.revision, _came(event.record, now)
            )

    async def _evaluate_after(
        self, change: Change, states: Mapping[str, FileState], at: At, found: Evaluations
    ) -> None:
        """One evaluation for the event at each person whose file it touches; files between which a place moved count as
        one.

        Where it is a merge, that is also whoever shares a matter with those whom it joins: an event before it in the
        batch may have said so.
        """
        files = dict.fromkeys(_evaluated_now(change))
        if change.joined:
            beside = (s for s in states.values() if change.joined.intersection(s.persons.values()))
            files |= dict.fromkeys(state.key for state in beside)
        singly = (frozenset([file]) for file in files)
        for group in overlapping(together(files, at.joins) for files in (*change.together, *singly)):
            await asyncio.sleep(0)
            evaluate_files(
                self.service, self.release, self.pseudonyms, [states[file] for file in sorted(group)], at, found
            )

    async def _write(
        self,
        conn: Connection,
        changes: Sequence[Change | Refusal],
        states: Mapping[str, FileState],
        answered: Answered,
        found: Evaluations,
        now: datetime,
        at_once: AtOnce,
    ) -> None:
        writer = self.writer
        made = [change for change in changes if isinstance(change, Change) and change.fate != "repeated"]
        await writer.write_inbox(conn, [(*c.event.name, c.event.said, now) for c in made])
        accepted = [change for change in made if change.fate == "accepted"]
        heard = [UndertakingRow(c.event.fact, c.crime, c.says) for c in made if c.crime is not None]
        await writer.write_undertakings(conn, heard)
        current_before = await self._write_facts(conn, made, states, answered, now)
        last = _last_of_each(accepted)
        await writer.write_linkage(conn, [c.event for c in accepted if not c.event.is_answer], last)
        await writer.write_joins(conn, last)
        stray = [c for c in accepted if c.event.is_answer and _answers(c.event, answered) is None]
        await writer.lay_in_unlinked_files(
            conn, [(c.files[0], c.event.fact.id) for c in stray if c.event.fact.id in current_before]
        )
        touching = [change for change in made if change.touches]
        later = {file for change in touching for file in change.files} - {f for c in touching for f in at_once(c)}
        await self._write_evaluated(conn, found, states, now)
        await writer.make_due(conn, later, now, "event")
        await writer.write_archive(conn, [c.event.record for c in made if c.event.record.topic == self.service.owns])

    async def _write_facts(
        self,
        conn: Connection,
        made: Sequence[Change],
        states: Mapping[str, FileState],
        answered: Answered,
        now: datetime,
    ) -> set[str]:
        """Every version that was accepted; the ids of those that stand."""
        fallen = {change.fallen for change in made if change.fallen}
        stands, missing = set[str](), dict[str, str | None]()
        for change in made:
            event, i = change.event, change.event.fact.id
            if change.linkage is not None:
                missing |= {fact: change.linkage.missing.get(fact) for fact in change.linkage.membership}
                stands.add(i)
            elif change.fate == "accepted":
                state = states[change.files[0]]
                answer = state.answers.get(event.fact.statement)
                if i in state.facts or (answer is not None and answer.fact.id == i):
                    stands.add(i)
                    missing[i] = None if _answers(event, answered) is not None else _nobodys(event, answered)
        stands -= fallen
        rows = [
            FactRow(c.event, c.event.fact.id in stands, missing.get(c.event.fact.id), now)
            for c in made
            if c.fate != "not_ours"
        ]
        answers = [c.event for c in made if c.event.is_answer and c.fate == "accepted"]
        await self.writer.write_facts(conn, rows, fallen)
        await self.writer.supersede(conn, [event.fact for event in answers if event.fact.id in stands])
        await self.writer.write_answers(
            conn,
            [
                AnswerRow(e.fact, delivered, _came(e.record, now))
                for e in answers
                if (delivered := _answers(e, answered)) is not None
            ],
        )
        await self.writer.write_missing(
            conn, {i: m for i, m in missing.items() if i not in {r.event.fact.id for r in rows}}
        )
        return stands

    @asynccontextmanager
    async def _new_to_their_keys(self, found: Evaluations) -> AsyncIterator[None]:
        """Told belongs to the key. A place that had nobody for a while (its party was left out, its incident taken
        back) joins no files when it leads to another person, and a fact may change its unlinked: what was told lies in
        the file of before. It is looked for only when the database says that a first notification is none."""
        try:
            yield
        except UniqueViolation as known:
            first = [(n.key, found.lies[n.key]) for n, _, _ in found.notifications if n.revision == 1]
            if known.diag.constraint_name != NOTIFICATION_ONCE or not first:
                raise
            raise DeliveredElsewhereError(first) from known

    async def _take_over(self, delivered: DeliveredElsewhereError) -> set[Key]:
        """Lays what was told of these keys into the files that state them now; which of them were told elsewhere."""
        async with self.transaction() as conn:
            return await self.writer.take_over(conn, [(*key, file) for key, file in delivered.first])

    async def _write_evaluated(
        self, conn: Connection, found: Evaluations, states: Mapping[str, FileState], now: datetime
    ) -> None:
        writer = self.writer
        await writer.write_notifications(conn, found.notifications, found.lies)
        await writer.reground(conn, found.regrounded)
        await writer.write_statements(conn, states.values(), now)
        await writer.write_evaluations(conn, found.evaluations)
        await writer.write_files(conn, found.files.values())
        await writer.write_outbox(conn, found.outbox, now)

    async def _refuse(self, conn: Connection, refused: Iterable[tuple[Record, Refusal]], now: datetime) -> None:
        """Keeps each refusal with its record; the stream's owner also writes the dead letter, once."""
        rows, letters = list[RefusalRow](), dict[Place, Outgoing]()
        for record, refusal in refused:
            letter, row = wire.dead_letter(record, refusal, self.service.name, self.release, now)
            owned = record.topic == self.service.owns
            rows.append(RefusalRow(record, refusal, now, self.judged_by, letter if owned else None))
            if owned:
                letters[record.topic, record.partition, record.offset] = row
        new = await self.refusals.write(conn, rows)
        await self.writer.write_outbox(conn, [row for place, row in letters.items() if place in new], now)

    def _committed(self, judged: Judged) -> None:
        """What was rolled back has not happened, so nothing is counted before."""
        service = self.service.name
        for row in judged.ended:
            metrics.RECORDS.labels(service, row.fate).inc()
        for refusal in judged.refused:
            metrics.REFUSALS.labels(service, refusal.reason).inc()
        for evaluation in judged.found.evaluations:
            metrics.EVALUATIONS.labels(service, evaluation.cause).inc()
        for notification, _, _ in judged.found.notifications:
            metrics.NOTIFICATIONS_SENT.labels(service, notification.kind).inc()
        self.faults_since_check += judged.found.faults
        self.committed.set()


def _evaluated_now(change: Change) -> list[str]:
    """The files to look at for this event itself: all, or of very many those between which a place moved."""
    if not change.touches:
        return []
    together = {file for group in change.together for file in group}
    rest = [file for file in change.files if file not in together]
    return sorted(together) + (rest if len(change.files) <= FILES_AT_ONCE else [])


def _evaluated_later(_change: Change) -> list[str]:
    """While a service catches up all files are looked at when it has."""
    return []


def _changed_inside(change: Change) -> list[str]:
    """The files of which more changes than the facts that lie there: their answers, or what was told of a place."""
    if change.fate != "accepted":
        return []
    return list(change.files) if change.event.is_answer else [file for group in change.together for file in group]


def _apply_word(change: Change, states: Mapping[str, FileState]) -> None:
    """What was said of taking her on, in her file, and for those whom the incident comes to concern in this batch."""
    if change.word is None or change.crime is None:
        return
    said = [(change.event.fact.statement, change.word)]
    for file in change.files:
        if file in states:
            hear(states[file].undertakings, said)
    if change.component is not None:
        hear(change.component.undertakings[change.crime], said)


def _apply_joins(change: Change, joins: dict[str, Joined]) -> None:
    """What merges join once this event is accepted."""
    if change.joined and change.before is not None and change.linkage is not None:
        for record in change.before.joined:
            joins.pop(record, None)
        joins |= change.linkage.joined


def _last_of_each(changes: Iterable[Change]) -> list[Change]:
    """Of each set of matters the change that came last: what is written is where it leaves them."""
    return list({id(change.component): change for change in changes if change.component is not None}.values())


def _answers(event: Accepted, answered: Answered) -> Delivered | None:
    """What an answer answers: a notification that its own sender was sent."""
    delivered, body = answered.get(event.fact.subject), event.fact.body
    return (
        delivered
        if delivered is not None and isinstance(body, AgencyBody) and body.agency == delivered.key.agency
        else None
    )


def _nobodys(event: Accepted, answered: Answered) -> str:
    """Why an answer answers nothing. Its sender hears the same either way."""
    return NOT_THE_RECIPIENT if event.fact.subject in answered else UNKNOWN_NOTIFICATION


def _came(record: Record, now: datetime) -> datetime:
    """When the broker had it, where it says so."""
    return min(record.timestamp, now) if record.timestamp > NO_TIME else now


def _unlinked_file_of(event: Accepted) -> str:
    return f"unlinked:notification:{event.fact.subject}"


def _ended(record: Record, fate: str, event: str | None, now: datetime) -> RecordRow:
    return RecordRow(record.topic, record.partition, record.offset, fate, event, now)


def _positions(records: Iterable[Record], now: datetime) -> dict[Partition, tuple[int, datetime]]:
    """Where each partition's next record is, and how far it has been read: the broker's time, never later than ours."""
    return {(r.topic, r.partition): (r.offset + 1, min(r.timestamp, now)) for r in records}
