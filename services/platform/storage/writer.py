"""Write what a batch made: facts, memberships, evaluations, notifications, and how far the service has read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import structlog

from schemas.places import Place
from schemas.registry import REGISTRY, Registry
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.stored_notifications import notification_to_json, withheld_to_json
from services.platform.domain.linking.merged_records import Joined
from services.platform.logs import Event
from services.platform.storage.changes import Accepted, Change
from services.platform.storage.clock import Reading
from services.platform.storage.outgoing import Outgoing, RefusedFor
from services.platform.storage.reader import Delivered, FileState
from services.platform.storage.records import Partition, Record, headers_to_text
from services.platform.storage.rows import Connection, array, columns, insert, with_rows
from services.platform.storage.unlaid import unlaid

log = structlog.get_logger("relay")


class RecordRow(NamedTuple):
    """The one end of a record."""

    topic: str
    partition: int
    offset: int
    fate: str
    fact_id: str | None
    at: datetime


class FileRow(NamedTuple):
    """A file after an evaluation; `faulted`: names of the rules that raised."""

    file: str
    evaluations: int
    evaluated_at: datetime
    next_evaluation_at: datetime | None
    held_back_until: datetime | None
    faulted: Collection[str]
    faulted_tries: int


class EvaluationRow(NamedTuple):
    """One evaluation; its current facts are kept as the difference from the evaluation before."""

    file: str
    number: int
    at: datetime
    read_to: datetime | None
    cause: str
    fact_ids: Collection[str]
    release: str
    policy_version: str
    facts_added: Collection[str]
    facts_removed: Collection[str]
    withheld: str
    unexplained: Collection[str]
    faulted: Collection[str]


@dataclass(frozen=True, slots=True)
class FactRow:
    event: Accepted
    is_current: bool
    missing: str | None
    at: datetime

    @property
    def row(self) -> tuple[Any, ...]:
        fact, received = self.event.fact, self.event.received
        said = (fact.id, received.envelope.source, received.envelope.id)
        stated = (fact.kind, fact.subject, fact.statement[0], fact.version, fact.version_basis, fact.at)
        content = (received.envelope.type, received.content.decode(), self.event.digest)
        return (*said, *stated, *content, self.is_current, self.missing, self.at)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    fact: Fact
    delivered: Delivered
    came: datetime


@dataclass(frozen=True, slots=True)
class UndertakingRow:
    """What an answer says of taking on the person at a place of this incident."""

    fact: Fact
    crime: str
    says: str


# An offset that no stream reaches.
UNTIL_RECOVERED = 2**63 - 1


class Writer:
    """Writes the tables of one service, within the caller's transaction."""

    def __init__(self, service: str, contract: Registry = REGISTRY) -> None:
        self.service, self.contract = service, contract

    async def advance(self, conn: Connection, positions: Mapping[Partition, tuple[int, datetime | None]]) -> None:
        """Moves offsets and read_to on, never back: a worker that lost its partitions changes nothing."""
        if positions:
            rows = sorted((topic, partition, offset, to) for (topic, partition), (offset, to) in positions.items())
            await conn.execute(
                """insert into stream_position as p (service, topic, partition, next_offset, read_to)
                select %s, * from unnest(%b::text[], %b::int[], %b::bigint[], %b::timestamptz[])
                on conflict (service, topic, partition) do update
                set next_offset = greatest(p.next_offset, excluded.next_offset),
                    read_to = greatest(p.read_to, excluded.read_to)""",
                (self.service, *columns(rows, 4)),
            )

    async def keep_clock(self, conn: Connection, boot: str, seen: Reading) -> None:
        """For the next worker on this machine to hold the server's clock against."""
        await conn.execute(
            """insert into clock_seen values (%s, %s, %s, %s, %s) on conflict (service, boot) do update
            set before_ticks = excluded.before_ticks, after_ticks = excluded.after_ticks,
                server_time = excluded.server_time
            where clock_seen.before_ticks < excluded.before_ticks""",
            (self.service, boot, seen.before, seen.after, seen.clock),
        )

    async def hold_evaluations(self, conn: Connection, until: Mapping[Partition, int]) -> None:
        """Hold evaluations until each of these partitions has been read up to this offset."""
        rows = sorted((topic, partition, offset) for (topic, partition), offset in until.items())
        await insert(
            conn,
            self.service,
            "stream_position as p (service, topic, partition, evaluate_from)",
            "text int bigint",
            rows,
            """on conflict (service, topic, partition) do update
            set evaluate_from = greatest(p.evaluate_from, excluded.evaluate_from)""",
        )

    async def hold_evaluations_until_recovered(self, conn: Connection, partitions: Iterable[Partition]) -> None:
        """Hold evaluations and workers until a recovery has ended."""
        await self.hold_evaluations(conn, dict.fromkeys(partitions, UNTIL_RECOVERED))

    async def recovered(self, conn: Connection, until: Mapping[Partition, int]) -> None:
        """Hold evaluations from now on until each of these partitions has been read up to this offset, and no longer. A
        partition that no longer exists holds nothing up."""
        await conn.execute(
            "update stream_position set evaluate_from = null where service = %s and evaluate_from = %s",
            (self.service, UNTIL_RECOVERED),
        )
        await with_rows(
            conn,
            self.service,
            """update stream_position p set evaluate_from = u.evaluate_from
            from unnest(%b::text[], %b::int[], %b::bigint[]) as u(topic, partition, evaluate_from)
            where p.service = %s and (p.topic, p.partition) = (u.topic, u.partition)""",
            sorted((topic, partition, offset) for (topic, partition), offset in until.items()),
        )

    async def resume_evaluations(self, conn: Connection) -> None:
        """Let evaluations go on where everything they were held for has been read: they may have been held again
        meanwhile."""
        await conn.execute(
            "update stream_position set evaluate_from = null where service = %s and evaluate_from <= next_offset",
            (self.service,),
        )

    async def write_gap(self, conn: Connection, topic: str, partition: int, first: int, past_last: int) -> None:
        """These offsets will never be read: a person has seen which, and accepted it."""
        await conn.execute(
            "insert into gap select %s, %s, %s, %s, %s, now() on conflict do nothing",
            (self.service, topic, partition, first, past_last),
        )

    async def write_inbox(self, conn: Connection, rows: Sequence[tuple[str, str, bytes, datetime]]) -> None:
        """Event id, source, content hash, time."""
        await insert(
            conn,
            self.service,
            "inbox (service, event_id, source, content_hash, at)",
            "text text bytea timestamptz",
            rows,
        )

    async def write_records(self, conn: Connection, rows: Sequence[RecordRow], *, again: bool = False) -> None:
        """The first end of a record stays, however often it is delivered, unless it is judged `again`."""
        await insert(
            conn,
            self.service,
            'record (service, topic, partition, "offset", fate, fact_id, at)',
            "text int bigint text text timestamptz",
            rows,
            """on conflict (service, topic, partition, "offset") do update
            set fate = excluded.fate, fact_id = excluded.fact_id, at = excluded.at"""
            if again
            else "on conflict do nothing",
        )

    async def write_facts(self, conn: Connection, rows: Sequence[FactRow], fallen: Iterable[str]) -> None:
        """Accepted versions; `fallen`: ids of versions that are no longer current."""
        if gone := sorted(fallen):
            await conn.execute(
                "update fact set is_current = false where service = %s and id = any(%b) and is_current",
                (self.service, gone),
            )
        await insert(
            conn,
            self.service,
            """fact (service, id, source, event_id, kind, subject, statement, version, version_basis, recorded_at,
            type, content, content_hash, is_current, missing, accepted_at)""",
            "text text text text text text bigint text timestamptz text text bytea bool text timestamptz",
            [row.row for row in rows],
        )

    async def supersede(self, conn: Connection, newest: Iterable[Fact]) -> None:
        """Of these statements only these versions are current."""
        await with_rows(
            conn,
            self.service,
            """update fact f set is_current = false
            from unnest(%b::text[], %b::text[], %b::text[]) as n(statement, subject, id)
            where f.service = %s and f.is_current and f.id <> n.id
            and f.statement = n.statement and f.subject = n.subject""",
            [(*fact.statement, fact.id) for fact in newest],
        )

    async def write_missing(self, conn: Connection, missing: Mapping[str, str | None]) -> None:
        await with_rows(
            conn,
            self.service,
            """update fact f set missing = m.missing from unnest(%b::text[], %b::text[]) as m(id, missing)
            where f.service = %s and f.id = m.id and f.missing is distinct from m.missing""",
            list(missing.items()),
        )

    async def write_linkage(self, conn: Connection, events: Iterable[Accepted], changes: Iterable[Change]) -> None:
        """The references that these events name, and where the facts of the changed matters lie now."""
        named = sorted({(name, *event.fact.statement) for event in events for name in event.names})
        await insert(
            conn,
            self.service,
            "fact_reference (service, name, statement, subject)",
            "text text text",
            named,
            "on conflict do nothing",
        )
        gone: set[str] = set()
        lies: list[tuple[str, str, Collection[str]]] = []
        places: dict[str, Mapping[Place, FileKey]] = {}
        for change in changes:
            if change.component is None or change.linkage is None:
                continue
            before, after = change.component.before, change.linkage
            for i in {*before.membership, *after.membership}:
                if (now := after.membership.get(i, {})) != before.membership.get(i, {}):
                    gone.add(i)
                    lies += [(file, i, through) for file, through in now.items()]
            for crime in {*before.persons, *after.persons}:
                if (at := after.persons.get(crime, {})) != before.persons.get(crime, {}):
                    places[crime] = at
        if gone:
            await conn.execute(
                "delete from file_membership where service = %s and fact_id = any(%b)", (self.service, sorted(gone))
            )
        await self._lay(conn, lies)
        if places:
            await conn.execute(
                "delete from place where service = %s and crime = any(%b)", (self.service, sorted(places))
            )
        persons = [(crime, place, person) for crime, at in places.items() for place, person in at.items()]
        await insert(conn, self.service, "place (service, crime, place, person)", "text text text", persons)

    async def write_joins(self, conn: Connection, changes: Iterable[Change]) -> None:
        """Which records merges join where they have changed."""
        parted: set[str] = set()
        joined: dict[FileKey, Joined] = {}
        for change in changes:
            if change.component is not None and change.linkage is not None:
                before, after = change.component.before.joined, change.linkage.joined
                if before != after:
                    parted |= before.keys()
                    joined |= after
        if parted:
            await conn.execute(
                "delete from joined where service = %s and record = any(%b)", (self.service, sorted(parted))
            )
        rows = [(record, person, array(through)) for record, (person, through) in joined.items()]
        await insert(conn, self.service, "joined (service, record, person, through)", "text text text[]", rows)

    async def lay_in_unlinked_files(self, conn: Connection, rows: Iterable[tuple[str, str]]) -> None:
        """Answers that belong to no notification: file and fact."""
        await self._lay(conn, [(file, fact, ()) for file, fact in rows])

    async def _lay(self, conn: Connection, rows: Sequence[tuple[str, str, Collection[str]]]) -> None:
        await insert(
            conn,
            self.service,
            "file_membership (service, file, fact_id, through)",
            "text text text[]",
            [(file, fact, array(through)) for file, fact, through in rows],
        )

    async def write_answers(self, conn: Connection, rows: Iterable[AnswerRow]) -> None:
        await insert(
            conn,
            self.service,
            "answer (service, fact_id, statement, subject, rule, duty_subject, agency, revision, came)",
            "text text text text text text int timestamptz",
            [(row.fact.id, *row.fact.statement, *row.delivered.key, row.delivered.revision, row.came) for row in rows],
        )

    async def write_undertakings(self, conn: Connection, rows: Iterable[UndertakingRow]) -> None:
        """What answers say of taking her on, each by its highest version."""
        highest: dict[tuple[str, str], UndertakingRow] = {}
        for row in sorted(rows, key=lambda row: row.fact.rank):
            highest[row.fact.statement] = row
        await insert(
            conn,
            self.service,
            "undertaking as u (service, kind, notification, version, at, fact_id, crime, says)",
            "text text bigint timestamptz text text text",
            [(*r.fact.statement, *r.fact.rank, r.crime, r.says) for r in highest.values()],
            """on conflict (service, notification, kind) do update set version = excluded.version, at = excluded.at,
            fact_id = excluded.fact_id, says = excluded.says
            where (u.version, u.at, u.fact_id) < (excluded.version, excluded.at, excluded.fact_id)""",
        )

    async def write_notifications(
        self, conn: Connection, rows: Sequence[tuple[Notification, str, int]], lies: Mapping[Key, str]
    ) -> None:
        """Write notifications with their file and evaluation; the newest revision is the delivery state.

        `lies`: the file that now holds what was delivered for each key.
        """
        contents = [notification_to_json(notification) for notification, _, _ in rows]
        delivered = [
            (notification, file, evaluation, text)
            for (notification, file, evaluation), text in zip(rows, contents, strict=True)
        ]
        await insert(
            conn,
            self.service,
            "notification (service, rule, subject, agency, revision, id, file, evaluation, kind, at, content)",
            "text text text int text text int text timestamptz text",
            [
                (*n.key, n.revision, n.id, file, evaluation, n.kind, n.at, text)
                for n, file, evaluation, text in delivered
            ],
        )
        newest = {n.key: (*n.key, lies[n.key], n.revision, n.state, text) for n, _, _, text in delivered}
        await insert(
            conn,
            self.service,
            "delivery (service, rule, subject, agency, file, revision, state, content)",
            "text text text text int text text",
            list(newest.values()),
            """on conflict (service, rule, subject, agency) do update set file = excluded.file,
            revision = excluded.revision, state = excluded.state, content = excluded.content""",
        )
        await with_rows(
            conn,
            self.service,
            """update delivery t set file = m.file
            from unnest(%b::text[], %b::text[], %b::text[], %b::text[]) as m(rule, subject, agency, file)
            where t.service = %s and (t.rule, t.subject, t.agency) = (m.rule, m.subject, m.agency)""",
            [(*key, file) for key, file in lies.items() if key not in newest],
        )

    async def restore_notifications(self, conn: Connection, rows: Sequence[tuple[Notification, datetime]]) -> int:
        """Notifications that were read back from their topics, with the times at which these had them; how many were
        unknown.

        What the database itself remembers stays, unless its agency was told a later revision.
        """
        said = [(*n.key, n.revision, n.id, unlaid(n.key), n.kind, n.at, notification_to_json(n), at) for n, at in rows]
        restored = await conn.execute(
            """insert into notification (service, rule, subject, agency, revision, id, file, evaluation,
                kind, at, content, published_at)
            select %s, u.rule, u.subject, u.agency, u.revision, u.id, coalesce(t.file, u.file), 0, u.kind, u.at,
                u.content, u.published_at
            from unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[],
                %s::timestamptz[], %s::text[], %s::timestamptz[])
                as u(rule, subject, agency, revision, id, file, kind, at, content, published_at)
            left join delivery t on t.service = %s
                and (t.rule, t.subject, t.agency) = (u.rule, u.subject, u.agency)
            on conflict do nothing""",
            (self.service, *columns(said, 10), self.service),
        )
        newest = {notification.key: notification for notification, _ in sorted(rows, key=lambda row: row[0].revision)}
        await insert(
            conn,
            self.service,
            "delivery as t (service, rule, subject, agency, file, revision, state, content)",
            "text text text text int text text",
            [(*n.key, unlaid(n.key), n.revision, n.state, notification_to_json(n)) for n in newest.values()],
            """on conflict (service, rule, subject, agency) do update set revision = excluded.revision,
            state = excluded.state, content = excluded.content where t.revision < excluded.revision""",
        )
        return restored.rowcount

    async def restore_evaluations(self, conn: Connection, numbers: Mapping[str, int]) -> None:
        """The highest evaluation that was published for each file, by its pseudonym."""
        await insert(
            conn,
            self.service,
            "evaluation_published as l (service, file_pseudonym, number)",
            "text int",
            sorted(numbers.items()),
            """on conflict (service, file_pseudonym) do update
            set number = greatest(l.number, excluded.number)""",
        )

    async def take_over(self, conn: Connection, rows: Sequence[tuple[str, str, str, str]]) -> set[Key]:
        """Those of these keys that lie in other files than these (rule, subject, agency, file) move there, with both
        files locked; which do."""
        arrays = columns(rows, 4)
        elsewhere = await conn.execute(
            """select t.file, m.file from delivery t
            join unnest(%b::text[], %b::text[], %b::text[], %b::text[]) as m(rule, subject, agency, file)
            on (t.rule, t.subject, t.agency) = (m.rule, m.subject, m.agency) and t.file <> m.file
            where t.service = %s""",
            (*arrays, self.service),
        )
        files = {file for pair in await elsewhere.fetchall() for file in pair}
        await conn.execute(
            "select 1 from case_file where service = %s and file = any(%b) order by file for update",
            (self.service, sorted(files)),
        )
        moved = await conn.execute(
            """update delivery t set file = m.file
            from unnest(%b::text[], %b::text[], %b::text[], %b::text[]) as m(rule, subject, agency, file)
            where t.service = %s and (t.rule, t.subject, t.agency) = (m.rule, m.subject, m.agency)
            and t.file <> m.file returning t.rule, t.subject, t.agency""",
            (*arrays, self.service),
        )
        return {Key(*row) for row in await moved.fetchall()}

    async def reground(self, conn: Connection, notifications: Iterable[Notification]) -> None:
        """What was told stays told, resting on other facts now."""
        newest = {notification.key: notification for notification in notifications}
        await with_rows(
            conn,
            self.service,
            """update delivery t set content = m.content
            from unnest(%b::text[], %b::text[], %b::text[], %b::int[], %b::text[])
                as m(rule, subject, agency, revision, content)
            where t.service = %s and (t.rule, t.subject, t.agency) = (m.rule, m.subject, m.agency)
            and t.revision = m.revision""",
            [(*key, notification.revision, notification_to_json(notification)) for key, notification in newest.items()],
        )

    async def write_statements(self, conn: Connection, states: Iterable[FileState], now: datetime) -> None:
        """Withheld and unexplained statements that are not as they were when the files were locked."""
        files = list(states)
        gone = [(s.key, *k) for s in files for k, w in s.withheld_before.items() if s.withheld.get(k) != w]
        new = [(s.key, w) for s in files for k, w in s.withheld.items() if s.withheld_before.get(k) != w]
        await with_rows(
            conn,
            self.service,
            """delete from withheld w
            using unnest(%b::text[], %b::text[], %b::text[], %b::text[]) as g(file, rule, subject, agency)
            where w.service = %s and (w.file, w.rule, w.subject, w.agency) = (g.file, g.rule, g.subject, g.agency)""",
            gone,
        )
        await insert(
            conn,
            self.service,
            "withheld (service, rule, subject, agency, file, kind, reason, content, since)",
            "text text text text text text text timestamptz",
            [(*w.key, file, w.kind, w.reason, withheld_to_json(w), now) for file, w in new],
        )
        await with_rows(
            conn,
            self.service,
            """delete from unexplained u using unnest(%b::text[], %b::text[], %b::text[]) as g(rule, subject, agency)
            where u.service = %s and (u.rule, u.subject, u.agency) = (g.rule, g.subject, g.agency)""",
            sorted(key for s in files for key in s.unexplained_before - s.unexplained),
        )
        await insert(
            conn,
            self.service,
            "unexplained (service, rule, subject, agency, file, since)",
            "text text text text timestamptz",
            [(*key, s.key, now) for s in files for key in sorted(s.unexplained - s.unexplained_before)],
            "on conflict do nothing",
        )

    async def write_evaluations(self, conn: Connection, rows: Sequence[EvaluationRow]) -> None:
        await insert(
            conn,
            self.service,
            """evaluation (service, file, number, at, read_to, cause, fact_ids, release, policy_version,
            facts_added, facts_removed, withheld, unexplained, faulted)""",
            "text int timestamptz timestamptz text text[] text text text[] text[] text text[] text[]",
            [
                (
                    *row[:5],
                    array(row.fact_ids),
                    *row[6:8],
                    array(row.facts_added),
                    array(row.facts_removed),
                    row.withheld,
                    array(row.unexplained),
                    array(row.faulted),
                )
                for row in rows
            ],
        )

    async def write_files(self, conn: Connection, rows: Iterable[FileRow]) -> None:
        await with_rows(
            conn,
            self.service,
            """update case_file c set evaluations = u.evaluations, evaluated_at = u.evaluated_at,
                next_evaluation_at = u.next_evaluation_at,
                held_back_until = u.held_back_until, due_because = 'clock',
                faulted_rules = u.faulted::text[], faulted_tries = u.tries,
                faulted_on = case when u.tries > 0 then clock_timestamp() end
            from unnest(%b::text[], %b::int[], %b::timestamptz[], %b::timestamptz[], %b::timestamptz[], %b::text[],
                %b::int[]) as u(file, evaluations, evaluated_at, next_evaluation_at, held_back_until, faulted, tries)
            where c.service = %s and c.file = u.file""",
            [row._replace(faulted=array(row.faulted)) for row in rows],
        )

    async def fault_file(self, conn: Connection, file: str, tries: int, again: datetime) -> None:
        """Mark a file that could not be evaluated: it is evaluated again later, and nothing else of it changes."""
        await conn.execute(
            """update case_file set faulted_tries = %s, faulted_on = clock_timestamp(), next_evaluation_at = %s,
                held_back_until = null where service = %s and file = %s""",
            (tries, again, self.service, file),
        )

    async def make_due(self, conn: Connection, files: Iterable[str], now: datetime, because: str) -> None:
        if due := sorted(files):
            await conn.execute(
                """update case_file set next_evaluation_at = least(next_evaluation_at, %s), due_because = %s
                where service = %s and file = any(%b)""",
                (now, because, self.service, due),
            )

    async def write_outbox(self, conn: Connection, rows: Iterable[Outgoing], now: datetime) -> None:
        """What is to be sent. A message larger than the catalogue allows is parked at once: its duty waits."""
        kept = [(*row, now, self._refused(row)) for row in rows]
        await insert(
            conn,
            self.service,
            "outbox (service, topic, duty, revision, key, value, headers, notification_id, at, parked)",
            "text text int bytea bytea text text timestamptz text",
            kept,
        )

    def _refused(self, row: Outgoing) -> RefusedFor | None:
        if len(row.value or b"") <= self.contract.largest_of(row.topic):
            return None
        log.error(Event.NOTIFICATION_PARKED, service=self.service, topic=row.topic, reason=RefusedFor.TOO_LARGE)
        return RefusedFor.TOO_LARGE

    async def write_archive(self, conn: Connection, records: Iterable[Record]) -> None:
        """Records of the owned stream, as they came."""
        rows = [
            (r.topic, r.partition, r.offset, r.timestamp, r.key, r.value, headers_to_text(r.headers)) for r in records
        ]
        if rows:
            await conn.execute(
                """insert into archive (topic, partition, "offset", timestamp, key, value, headers)
                select * from unnest(%b::text[], %b::int[], %b::bigint[], %b::timestamptz[], %b::bytea[], %b::bytea[],
                %b::text[]) on conflict do nothing""",
                columns(rows, 7),
            )

    async def is_release(self, conn: Connection, release: str, policy_version: str) -> bool:
        """Whether this release and policy are those that the files were last made due for."""
        rows = await conn.execute("select release, policy_version from release where service = %s", (self.service,))
        return await rows.fetchone() == (release, policy_version)

    async def write_release(self, conn: Connection, release: str, policy_version: str, now: datetime) -> None:
        await conn.execute(
            """insert into release (service, release, policy_version, since) values (%s, %s, %s, %s)
            on conflict (service) do update set release = excluded.release, policy_version = excluded.policy_version,
                since = excluded.since""",
            (self.service, release, policy_version, now),
        )

    async def make_due_again(
        self, conn: Connection, after: str, most: int, first_at: datetime, files_a_second: int
    ) -> tuple[int, str]:
        """Makes the next files after this one due that have something live or ahead; how many, and the last of them."""
        # Those that have nothing are passed over, and may be very many.
        await conn.execute("set local transaction_timeout = 0")
        rows = await conn.execute(
            """with taken as materialized (select f.file from case_file f where f.service = %(s)s and f.file > %(after)s
                and (f.next_evaluation_at is not null or f.faulted_on is not null or exists (select 1 from delivery t
                    where t.service = f.service and t.file = f.file and t.state = 'live'))
                order by f.file limit %(most)s for update),
            counted as (select file, row_number() over (order by file) - 1 as n from taken),
            made as (update case_file c set due_because = 'release',
                next_evaluation_at = least(c.next_evaluation_at, %(at)s + (d.n / %(rate)s) * interval '1 second')
                from counted d where c.service = %(s)s and c.file = d.file returning c.file)
            select count(*), coalesce(max(file), '') from made""",
            {"s": self.service, "after": after, "most": most, "at": first_at, "rate": files_a_second},
        )
        made = await rows.fetchone()
        assert made is not None  # noqa: S101 - a count gives one row
        return int(made[0]), str(made[1])

    async def spread_due(
        self, conn: Connection, after: str, most: int, first_at: datetime, files_a_second: int
    ) -> tuple[int, str]:
        """Of the files after this one that are due at that time, spreads the next from then on; how many, the last."""
        await conn.execute("set local transaction_timeout = 0")  # those that are not due may be very many
        rows = await conn.execute(
            """with taken as materialized (select f.file from case_file f where f.service = %(s)s and f.file > %(after)s
                and f.next_evaluation_at <= %(at)s order by f.file limit %(most)s for update),
            counted as (select file, row_number() over (order by file) - 1 as n from taken),
            made as (update case_file c set next_evaluation_at = %(at)s + (d.n / %(rate)s) * interval '1 second'
                from counted d where c.service = %(s)s and c.file = d.file returning c.file)
            select count(*), coalesce(max(file), '') from made""",
            {"s": self.service, "after": after, "most": most, "at": first_at, "rate": files_a_second},
        )
        spread = await rows.fetchone()
        assert spread is not None  # noqa: S101 - a count gives one row
        return int(spread[0]), str(spread[1])
