"""The shell around the rules: one transaction a batch, in which facts are accepted, files looked at and notices written."""

import asyncio
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from psycopg_pool import AsyncConnectionPool

from schemas import registry
from schemas.agency_responses.v1 import AgencyBody
from schemas.agency_responses.v1 import Answer as AnswerBody
from schemas.refusals import RefusalReason
from schemas.registry import Received, Refusal
from services.casefile import judge
from services.casefile.duties import Look, Notice
from services.casefile.facts import Answer, Key
from services.policy.policy import Policy, PolicySet
from services.runtime import metrics, wire
from services.runtime.batch import Accepted, Change, Plan, accepted, apply_to_files
from services.runtime.engine import Record
from services.runtime.logs import Event
from services.runtime.service import Service
from services.runtime.store import Connection, FileState, Store

JUDGING_SECONDS = 0.2
FILES_AT_ONCE = 40  # an event that concerns more makes the others due now
DUE_AT_ONCE = 100
SOURCE_AHEAD = timedelta(hours=1)
RETRY_AT_ONCE = 200
ANSWERS = frozenset({"uk.agency.acknowledged", "uk.agency.accepted", "uk.agency.declined", "uk.agency.decided"})
FAULT_PAUSES = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))


log = structlog.get_logger()


@dataclass(slots=True)
class Outcome:
    """What a batch will write, gathered while it judges."""

    records: list[tuple[str, int, int, str, str | None, datetime]] = field(default_factory=list)
    looks: list[tuple[Any, ...]] = field(default_factory=list)
    notices: list[tuple[Notice, str, str, int]] = field(default_factory=list)
    outbox: list[tuple[Any, ...]] = field(default_factory=list)
    files: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    later: set[str] = field(default_factory=set)
    moved: list[tuple[str, str, str, str]] = field(default_factory=list)
    regrounded: list[Notice] = field(default_factory=list)


class GrewError(Exception):
    """The set of references was not closed: start again with the larger one."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__()
        self.names = names


class Shell:
    """Judges what one service reads. `handle` is given batches by the engine; `look_at_due` is called by its clock."""

    def __init__(
        self, service: Service, pool: AsyncConnectionPool[Connection], policies: PolicySet, release: str
    ) -> None:
        self.service, self.pool, self.policies, self.release = service, pool, policies, release
        self.version = f"{release}+{policies.version}"  # what a refusal was judged by: either may know more than before
        self.store = Store(service.name, registry.body_of)
        self.faults_since_check = 0
        self.committed = asyncio.Event()  # set after each commit: the publisher has work

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.pool.connection() as conn, conn.transaction():
            yield conn

    async def take(self, records: Sequence[Record]) -> int:
        """Judges as many leading records as fit the time, in one transaction; how many. Raises what the database raises."""
        names: frozenset[str] = frozenset()
        while True:
            try:
                async with self.transaction() as conn:
                    done = await self._batch(conn, records, names, advance=True)
                break
            except GrewError as grew:
                names = grew.names
        self.committed.set()
        return done

    async def set_aside(self, record: Record, refusal: Refusal, fate: str = "refused") -> None:
        """Gives one record its end without judging it."""
        async with self.transaction() as conn:
            now = await self.store.now(conn)
            await self._refuse(conn, [(record, refusal)], now)
            await self.store.write_records(conn, [(record.topic, record.partition, record.offset, fate, None, now)])
            await self.store.advance(conn, _positions([record], now))
        metrics.RECORDS.labels(self.service.name, fate).inc()
        self.committed.set()

    async def _batch(self, conn: Connection, records: Sequence[Record], names: frozenset[str], *, advance: bool) -> int:
        began = time.monotonic()
        now = await self.store.now(conn)
        policy = self.policies.at(now)
        read_to = await self.read_to(conn)
        events: list[tuple[Record, Accepted | Refusal]] = [
            (record, self.receive(record, policy, now)) for record in records
        ]
        heard = [event for _, event in events if isinstance(event, Accepted)]
        known = await self.store.known(conn, {(e.received.envelope.source, e.fact.id) for e in heard})
        answered = await self.store.told_by_notifications(conn, {e.fact.subject for e in heard if _is_answer(e)})
        fresh = [e for e in heard if (e.received.envelope.source, e.fact.id) not in known]
        plan = await self._plan(conn, fresh, names, policy)

        out = Outcome()
        changes: list[Change | Refusal] = []
        for _, event in events:
            changes.append(event if isinstance(event, Refusal) else self._change(event, known, answered, plan))
        touched = {file for change in changes if isinstance(change, Change) for file in change.files}
        load = {file for change in changes if isinstance(change, Change) for file in _looked_at_now(change)}
        states = await self.store.lock_files(conn, touched, load)
        done = 0
        for (record, event), change in zip(events, changes, strict=True):
            if done and time.monotonic() - began > JUDGING_SECONDS:
                break
            done += 1
            if isinstance(change, Refusal):
                out.records.append((record.topic, record.partition, record.offset, "refused", None, now))
                continue
            assert isinstance(event, Accepted)  # noqa: S101 - a change comes from an event
            out.records.append((record.topic, record.partition, record.offset, change.fate, event.fact.id, now))
            apply_to_files(change, states)
            self._apply_answer(event, answered, states)
            await self._look_after(change, states, policy, read_to, now, out)
        await self._write(conn, events[:done], changes[:done], states, answered, plan, out, now)
        if advance:
            await self.store.advance(conn, _positions(records[:done], now))
        else:
            ended = [
                (r.topic, r.partition, r.offset)
                for r, c in zip(records, changes[:done], strict=False)
                if isinstance(c, Change)
            ]
            await self.store.settle_refusals(conn, ended, now)
        for _, _, _, fate, _, _ in out.records:
            metrics.RECORDS.labels(self.service.name, fate).inc()
        return done

    def receive(self, record: Record, policy: Policy, now: datetime) -> Accepted | Refusal:
        """What the record says, or why it cannot be believed."""
        received = registry.decode(record.topic, record.key, record.value, record.headers)
        if isinstance(received, Refusal):
            return received
        envelope, body = received.envelope, received.body
        if envelope.time > now + SOURCE_AHEAD:
            return Refusal(
                RefusalReason.SOURCE_TIME_AHEAD,
                "validate",
                "ce_time is more than an hour ahead of the relay's clock; set the publisher's clock right",
            )
        if body.force_code is not None and not policy.knows_force(body.force_code):
            return Refusal(
                RefusalReason.UNKNOWN_FORCE,
                "validate",
                "force_code is not a force that this deployment's policy knows; see deploy/policy/forces.yaml",
            )
        if isinstance(body, AgencyBody):
            agency = policy.agency(body.agency)
            if agency is None or not policy.may_state(received.kind, agency.kind):
                return Refusal(
                    RefusalReason.NOT_ENTITLED,
                    "validate",
                    "agency may not state a fact of this type; see deploy/policy/may_state.yaml",
                )
        return accepted(record, received)

    async def _plan(self, conn: Connection, fresh: Sequence[Accepted], names: frozenset[str], policy: Policy) -> Plan:
        linkable = [event for event in fresh if not _is_answer(event)]
        names_of: dict[tuple[str, str], set[str]] = {}
        for event in linkable:
            names_of.setdefault(event.fact.statement, set()).update(event.names)
        wanted = names.union(*(event.names for event in linkable)) if linkable else names
        matters = await self.store.lock_matters(conn, wanted, names_of)
        if isinstance(matters, frozenset):
            raise GrewError(matters)
        contents = await self.store.contents(
            conn, {(*e.fact.statement, e.digest) for e in fresh if e.fact.version_basis == "receipt"}
        )
        return Plan(matters, policy.is_placeholder, contents)

    def _change(
        self,
        event: Accepted,
        known: dict[tuple[str, str], bytes],
        answered: Mapping[str, tuple[str, Key, int, str]],
        plan: Plan,
    ) -> Change | Refusal:
        """What this event changes, or that it changes nothing; `known` grows with the batch."""
        identity = (event.received.envelope.source, event.fact.id)
        if (before := known.get(identity)) is not None:
            if before == event.digest:
                return Change(event, "repeated")
            return Refusal(
                RefusalReason.ID_REUSED,
                "validate",
                "an event with this ce_id and ce_source was accepted with other content; a correction is a new event with a higher factversion",
            )
        known[identity] = event.digest
        if not _is_answer(event):
            return plan.apply(event)
        return self._answer(event, answered)

    def _answer(self, event: Accepted, answered: Mapping[str, tuple[str, Key, int, str]]) -> Change | Refusal:
        """An answer goes to the file of the duty that it answers; one that is another service's ends here."""
        body = event.fact.body
        found = answered.get(event.fact.subject)
        if found is None:
            if self.service.owns != event.record.topic:
                return Change(event, "not_ours")
            return Change(event, "accepted", files=(f"home:notification:{event.fact.subject}",))
        service, key, _, file = found
        if isinstance(body, AnswerBody) and body.agency != key.agency:
            return Refusal(
                RefusalReason.NOT_THE_RECIPIENT, "validate", "agency is not the one that this notification was sent to"
            )
        if service != self.service.name:
            return Change(event, "not_ours")
        return Change(event, "accepted", files=(file,))

    def _apply_answer(
        self, event: Accepted, answered: Mapping[str, tuple[str, Key, int, str]], states: Mapping[str, FileState]
    ) -> None:
        if not _is_answer(event):
            return
        if (found := answered.get(event.fact.subject)) is None:
            home = states.get(f"home:notification:{event.fact.subject}")
            if home is not None and self.service.owns == event.record.topic:
                home.facts[event.fact.id] = (event.fact, (), "unknown_notification")
            return
        service, key, revision, file = found
        if service == self.service.name and file in states:
            before = states[file].answers.get(event.fact.statement)
            if before is None or before.fact.rank < event.fact.rank:
                states[file].answers[event.fact.statement] = Answer(event.fact, key, revision)

    async def _look_after(
        self,
        change: Change,
        states: Mapping[str, FileState],
        policy: Policy,
        read_to: datetime | None,
        now: datetime,
        out: Outcome,
    ) -> None:
        """One look for the event at each file that it touches; files between which a place moved are looked at as one."""
        if change.fate != "accepted":
            return
        at_once = _looked_at_now(change)
        out.later.update(set(change.files) - set(at_once))
        grouped = {file for group in change.together for file in group}
        for group in (
            *(sorted(group) for group in change.together),
            *([file] for file in at_once if file not in grouped),
        ):
            await asyncio.sleep(0)
            self.look([states[file] for file in group], policy, read_to, now, "event", change.event.fact.id, out)

    def look(
        self,
        states: Sequence[FileState],
        policy: Policy,
        read_to: datetime | None,
        now: datetime,
        cause: str,
        event: str | None,
        out: Outcome,
    ) -> None:
        """Compares what these files owe with what was told, and notes the difference in the states and in `out`."""
        began = time.monotonic()
        now = max([now, *(state.looked_at for state in states if state.looked_at is not None)])
        files = [state.case_file() for state in states]
        told = {key: notice for state in states for key, notice in state.told.items()}
        look = judge.look(files, told, self.service.rules, policy, read_to or datetime.min.replace(tzinfo=UTC), now)
        owners = {place: state for state in states for place, person in state.persons.items() if person == state.key}
        self.faults_since_check += bool(look.faults)
        for fault in look.faults:
            log.error(
                Event.RULE_FAULTED, service=self.service.name, rule=fault.rule, error=fault.error, where=fault.where
            )
        for state in states:
            state.looks += 1
        for notice in look.notices:
            state = owners.get(notice.person, states[0])
            for other in states:
                other.told.pop(notice.key, None)
            state.told[notice.key] = notice
            out.notices.append((notice, notice.id, state.key, state.looks))
            out.outbox.append(wire.notification(notice, self.service.name, policy))
            metrics.NOTICES.labels(self.service.name, notice.kind).inc()
        for notice in look.regrounded:
            owners.get(notice.person, states[0]).told[notice.key] = notice
            out.regrounded.append(notice)
        if len(states) > 1:
            for state in states:
                for key, notice in list(state.told.items()):
                    if (owner := owners.get(notice.person, state)) is not state:
                        owner.told[key] = state.told.pop(key)
                        out.moved.append((*key, owner.key))
                        owner.answers |= {s: a for s, a in state.answers.items() if a.key == key}
        self._note(look, files, states, owners, policy, read_to, now, cause, event, out)
        metrics.LOOKS.labels(self.service.name, cause).inc()
        metrics.LOOK_SECONDS.labels(self.service.name).observe(time.monotonic() - began)

    def _note(
        self,
        look: Look,
        files: Sequence[Any],
        states: Sequence[FileState],
        owners: Mapping[str, FileState],
        policy: Policy,
        read_to: datetime | None,
        now: datetime,
        cause: str,
        event: str | None,
        out: Outcome,
    ) -> None:
        """Records the look, one row a file; of withheld statements those that changed."""
        stated = {w.key: w for w in look.withheld}
        unexplained = set(look.unexplained)
        for state, file in zip(states, files, strict=True):
            mine = {
                key: w for key, w in stated.items() if len(states) == 1 or _holder(key.subject, states, owners) is state
            }
            changed = [w for key, w in mine.items() if state.withheld.get(key) != w]
            state.withheld = mine
            lost = {key for key in unexplained if key in state.told}
            state.unexplained = lost
            added, removed = file.standing - state.stood, state.stood - file.standing
            state.stood = file.standing
            tries = state.faulted_tries + 1 if look.faulted else 0
            again = look.look_again_at
            if look.faulted:
                retry = now + FAULT_PAUSES[min(tries, len(FAULT_PAUSES)) - 1]
                again = retry if again is None else min(again, retry)
            state.faulted_tries, state.faulted_rules, state.looked_at = tries, look.faulted, now
            out.files[state.key] = (
                state.key,
                state.looks,
                now,
                again,
                look.held_back_until,
                json.dumps(look.faulted),
                now if look.faulted else None,
                tries,
            )
            out.looks.append(
                (
                    state.key,
                    state.looks,
                    now,
                    read_to,
                    cause,
                    event,
                    self.release,
                    policy.version,
                    sorted(added),
                    sorted(removed),
                    json.dumps([[*w.key, w.kind, w.reason, list(w.grounds)] for w in changed]),
                    ["/".join(key) for key in sorted(lost)],
                    list(look.faulted),
                )
            )
            notices = [n for n, _, file_key, number in out.notices if file_key == state.key and number == state.looks]
            if notices or changed or lost:
                out.outbox.append(
                    wire.decision(
                        self.service.name, state.key, state.looks, now, cause, event, notices, changed, lost, policy
                    )
                )

    async def _write(
        self,
        conn: Connection,
        events: Sequence[tuple[Record, Accepted | Refusal]],
        changes: Sequence[Change | Refusal],
        states: Mapping[str, FileState],
        answered: Mapping[str, tuple[str, Key, int, str]],
        plan: Plan,
        out: Outcome,
        now: datetime,
    ) -> None:
        store = self.store
        await self._refuse(
            conn,
            [
                (record, change)
                for (record, _), change in zip(events, changes, strict=True)
                if isinstance(change, Refusal)
            ],
            now,
        )
        accepted_now = [
            change
            for change in changes
            if isinstance(change, Change) and change.fate in ("accepted", "superseded", "not_ours")
        ]
        await store.write_inbox(
            conn, [(c.event.received.envelope.source, c.event.fact.id, c.event.digest, now) for c in accepted_now]
        )
        await self._write_facts(conn, accepted_now, answered, states, plan, now)
        await store.write_records(conn, out.records)
        await store.write_notices(conn, out.notices)
        await store.move_told(conn, out.moved)
        await store.reground(conn, out.regrounded)
        await self._write_statements(conn, states, now)
        await store.write_looks(conn, out.looks)
        await store.write_files(conn, list(out.files.values()))
        if out.later:
            await store.make_due(conn, out.later, now, "event")
        await store.write_outbox(conn, [(*row, now) for row in out.outbox])
        if any(record.topic == self.service.owns for record, _ in events):
            await store.write_archive(
                conn,
                [
                    (r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, wire.headers_to_text(r.headers))
                    for (r, _), change in zip(events, changes, strict=True)
                    if r.topic == self.service.owns and isinstance(change, Change) and change.fate != "repeated"
                ],
            )

    async def _write_facts(
        self,
        conn: Connection,
        changes: Sequence[Change],
        answered: Mapping[str, tuple[str, Key, int, str]],
        states: Mapping[str, FileState],
        plan: Plan,
        now: datetime,
    ) -> None:
        """Versions, references, where facts lie now, and which notices answers belong to."""
        store, last = (
            self.store,
            {id(c.component): c for c in changes if c.component is not None and c.linkage is not None},
        )
        standing: set[str] = set()
        missing: dict[str, str | None] = {}
        fallen = [change.fallen for change in changes if change.fallen]
        for change in last.values():
            assert change.component is not None and change.linkage is not None  # noqa: S101 - chosen so
            missing.update({i: change.linkage.missing.get(i) for i in change.linkage.lies_in})
        for change in changes:
            if change.fate == "accepted" and not _is_answer(change.event):
                standing.add(change.event.fact.id)
        standing.difference_update(fallen)
        answers = []
        for change in changes:
            event = change.event
            if change.fate == "accepted" and _is_answer(event):
                found, state = answered.get(event.fact.subject), states[change.files[0]]
                mine = state.answers.get(event.fact.statement) if found else None
                if (mine is not None and mine.fact.id == event.fact.id) or event.fact.id in state.facts:
                    standing.add(event.fact.id)
                if found:
                    _, key, revision, _ = found
                    answers.append((event.fact.id, *event.fact.statement, *key, revision))
                else:
                    missing[event.fact.id] = "unknown_notification"
        rows = []
        for change in changes:
            if change.fate != "not_ours":
                fact, stored = change.event.fact, change.event.stored
                rows.append(
                    (
                        fact.id,
                        fact.kind,
                        fact.subject,
                        fact.statement[0],
                        fact.version,
                        fact.version_basis,
                        fact.at,
                        stored.type,
                        stored.content,
                        stored.content_hash,
                        fact.id in standing,
                        missing.get(fact.id),
                        now,
                    )
                )
        await store.write_facts(conn, rows, fallen)
        await store.supersede(
            conn,
            [
                c.event.fact
                for c in changes
                if c.fate == "accepted" and _is_answer(c.event) and c.event.fact.id in standing
            ],
        )
        await store.write_answers(conn, answers)
        new = {row[0] for row in rows}
        await store.write_missing(conn, {i: lacks for i, lacks in missing.items() if i not in new})
        await store.write_references(
            conn,
            [(name, *c.event.fact.statement) for c in changes if not _is_answer(c.event) for name in c.event.names],
        )
        gone: set[str] = set()
        lies: list[tuple[str, str, list[str]]] = []
        persons: dict[str, Mapping[str, str]] = {}
        for change in last.values():
            assert change.component is not None and change.linkage is not None  # noqa: S101 - chosen so
            before, after = change.component.before, change.linkage
            for i in {*before.lies_in, *after.lies_in}:
                if after.lies_in.get(i, {}) != before.lies_in.get(i, {}):
                    gone.add(i)
                    lies += [(file, i, list(through)) for file, through in after.lies_in.get(i, {}).items()]
            for crime in {*before.persons, *after.persons}:
                if after.persons.get(crime, {}) != before.persons.get(crime, {}):
                    persons[crime] = after.persons.get(crime, {})
        for change in changes:
            if (
                _is_answer(change.event)
                and change.fate == "accepted"
                and change.event.fact.subject not in answered
                and change.event.fact.id in standing
            ):
                lies.append((change.files[0], change.event.fact.id, []))
        await store.write_linkage(conn, gone, lies, persons)

    async def _write_statements(self, conn: Connection, states: Mapping[str, FileState], now: datetime) -> None:
        """Withheld and unexplained statements that are not as they were when the files were locked."""
        gone = [
            (s.key, key) for s in states.values() for key, w in s.withheld_before.items() if s.withheld.get(key) != w
        ]
        new = [(s.key, w) for s in states.values() for key, w in s.withheld.items() if s.withheld_before.get(key) != w]
        await self.store.write_withheld(conn, gone, new, now)
        for state in states.values():
            if state.unexplained != state.unexplained_before:
                await self.store.write_unexplained(conn, state.key, state.unexplained_before, state.unexplained, now)

    async def _refuse(self, conn: Connection, refused: Iterable[tuple[Record, Refusal]], now: datetime) -> None:
        """Keeps each refusal with its record; the stream's owner also writes the dead letter."""
        rows = []
        for record, refusal in refused:
            letter = None
            if record.topic == self.service.owns:
                letter, row = wire.dead_letter(record, refusal, self.service.name, self.release, now)
                await self.store.write_outbox(conn, [(*row, now)])
            rows.append(
                (
                    record.topic,
                    record.partition,
                    record.offset,
                    refusal.reason,
                    refusal.stage,
                    refusal.detail,
                    wire.event_id(record),
                    record.key,
                    record.value,
                    wire.headers_to_text(record.headers),
                    record.timestamp,
                    now,
                    self.version,
                    letter,
                )
            )
            metrics.REFUSALS.labels(self.service.name, refusal.reason).inc()
        await self.store.write_refusals(conn, rows)

    async def read_to(self, conn: Connection) -> datetime | None:
        """How far all streams of this service have been read; None while one of them has not been read at all."""
        reached = [
            read_to
            for (topic, _), (_, read_to) in (await self.store.positions(conn)).items()
            if topic in self.service.reads
        ]
        known = [when for when in reached if when is not None]
        return min(known) if known and len(known) == len(reached) else None

    async def retry_refused(self) -> int:
        """Tries what earlier releases refused; how many records were tried. Each keeps its place and its one end."""
        tried = 0
        while True:
            async with self.transaction() as conn:
                rows = await self.store.open_refusals(conn, self.version, RETRY_AT_ONCE)
            if not rows:
                return tried
            for topic, partition, offset, timestamp, key, value, headers in rows:
                await self._retry(
                    Record(topic, partition, offset, timestamp, key, value, wire.headers_from_text(headers))
                )
                tried += 1

    async def _retry(self, record: Record) -> None:
        names: frozenset[str] = frozenset()
        while True:
            try:
                async with self.transaction() as conn:
                    await self._batch(conn, [record], names, advance=False)
                break
            except GrewError as grew:
                names = grew.names
        self.committed.set()

    async def begin(self, files_a_second: int) -> None:
        """Before anything is read: a release or policy that is new here looks at every file with something live or ahead."""
        async with self.transaction() as conn:
            now = await self.store.now(conn)
            due = await self.store.start_release(conn, self.release, self.policies.version, now, files_a_second)
        if due:
            log.info(Event.RELEASE_LOOKS, service=self.service.name, files=due)

    async def clock(self) -> datetime:
        async with self.pool.connection() as conn:
            return await self.store.now(conn)

    async def note_ends(self, ends: Mapping[tuple[str, int], int], at: datetime) -> None:
        """`ends`: the streams' end offsets, asked for after `at`: where all is read, it is read up to `at`."""
        async with self.transaction() as conn:
            positions = await self.store.positions(conn)
            read = {p: (end, at) for p, end in ends.items() if positions.get(p, (0, None))[0] >= end}
            if read:
                await self.store.advance(conn, read)
        for (topic, partition), end in ends.items():
            offset, read_to = positions.get((topic, partition), (0, None))
            metrics.LAG.labels(wire.group_of(self.service.name), topic, str(partition)).set(max(0, end - offset))
            behind = (at - read_to).total_seconds() if offset < end and read_to is not None else 0.0
            metrics.LAG_SECONDS.labels(wire.group_of(self.service.name), topic, str(partition)).set(max(0.0, behind))

    async def look_at_due(self) -> int:
        """Looks at the files whose time has come; how many."""
        async with self.transaction() as conn:
            now = await self.store.now(conn)
            policy, read_to, out = self.policies.at(now), await self.read_to(conn), Outcome()
            states, causes = await self.store.take_due(conn, now, read_to, DUE_AT_ONCE)
            began = time.monotonic()
            looked: dict[str, FileState] = {}
            for file, state in states.items():
                if looked and time.monotonic() - began > JUDGING_SECONDS:
                    break
                await asyncio.sleep(0)
                self.look([state], policy, read_to, now, causes[file], None, out)
                looked[file] = state
            await self.store.write_notices(conn, out.notices)
            await self.store.reground(conn, out.regrounded)
            await self._write_statements(conn, looked, now)
            await self.store.write_looks(conn, out.looks)
            await self.store.write_files(conn, list(out.files.values()))
            await self.store.write_outbox(conn, [(*row, now) for row in out.outbox])
        if looked:
            self.committed.set()
        return len(looked)


def _is_answer(event: Accepted) -> bool:
    return event.fact.kind in ANSWERS


def _looked_at_now(change: Change) -> list[str]:
    """The files to look at for this event itself: all, or of very many those between which a place moved."""
    if change.fate != "accepted":
        return []
    together = {file for group in change.together for file in group}
    rest = [file for file in change.files if file not in together]
    return sorted(together) + (rest if len(change.files) <= FILES_AT_ONCE else [])


def _holder(subject: str, states: Sequence[FileState], owners: Mapping[str, FileState]) -> FileState:
    """The file, of several looked at as one, whose person's place a duty's subject speaks of."""
    for place, state in owners.items():
        if subject == place or subject.startswith(f"{place}/") or subject.endswith(f"/{place}"):
            return state
    return states[0]


def _positions(records: Iterable[Record], now: datetime) -> dict[tuple[str, int], tuple[int, datetime]]:
    """Where each partition's next record is, and how far it has been read: the broker's time, never later than ours."""
    return {(r.topic, r.partition): (r.offset + 1, min(r.timestamp, now)) for r in records}
