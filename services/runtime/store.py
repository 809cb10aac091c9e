"""Everything that a service remembers, in PostgreSQL: what it reads and writes within one transaction."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from schemas.values import Body
from services.casefile.duties import Notice, Withheld
from services.casefile.facts import Answer, CaseFile, Fact, Key
from services.casefile.links import in_the_world
from services.casefile.notices import notice_from_json, notice_to_json, withheld_from_json, withheld_to_json

Connection = AsyncConnection[TupleRow]
Statement = tuple[str, str]


@dataclass(slots=True)
class StoredFact:
    """A fact with what the store knows of it beside its content."""

    fact: Fact
    type: str
    content: str
    content_hash: bytes
    missing: str | None = None


@dataclass(slots=True)
class Matters:
    """The closed set of references that a batch has locked, and what stands there."""

    names: frozenset[str]
    names_of: dict[Statement, set[str]]  # of every version of a statement, so that what moved is found again
    standing: dict[Statement, StoredFact]  # the highest version, a withdrawn one too
    lies_in: dict[str, dict[str, tuple[str, ...]]]  # fact id to file to the facts that lead there
    persons: dict[str, dict[str, str]]  # crime reference to place to person


@dataclass(slots=True)
class FileState:
    """One locked file, as it is and as the batch changes it."""

    key: str
    looks: int
    looked_at: datetime | None
    faulted_rules: tuple[str, ...]
    faulted_tries: int
    facts: dict[str, tuple[Fact, tuple[str, ...], str | None]] = field(default_factory=dict)
    persons: dict[str, str] = field(default_factory=dict)
    answers: dict[Statement, Answer] = field(default_factory=dict)
    told: dict[Key, Notice] = field(default_factory=dict)
    withheld: dict[Key, Withheld] = field(default_factory=dict)
    unexplained: set[Key] = field(default_factory=set)
    withheld_before: dict[Key, Withheld] = field(default_factory=dict)
    unexplained_before: set[Key] = field(default_factory=set)
    stood: frozenset[str] = frozenset()

    def case_file(self) -> CaseFile:
        """What rules may read of it now."""
        home = self.key.startswith("home:")
        return CaseFile(
            key=self.key,
            facts=tuple(sorted((fact for fact, _, _ in self.facts.values()), key=in_the_world)),
            persons=dict(self.persons),
            links={fact.id: through for fact, through, _ in self.facts.values() if through},
            unlinked={fact.id: missing for fact, _, missing in self.facts.values() if missing} if home else {},
            answers=tuple(
                sorted((a for a in self.answers.values() if not a.fact.withdrawn), key=lambda a: in_the_world(a.fact))
            ),
        )


class Store:
    """The tables of one service. Every method works on the caller's transaction."""

    def __init__(self, service: str, body_of: Callable[[str, str], Body]) -> None:
        self.service = service
        self._body_of = lru_cache(maxsize=20_000)(body_of)

    async def now(self, conn: Connection) -> datetime:
        """The one clock: a story's where one is being played, else the database's."""
        row = await (await conn.execute("select coalesce((select stands_at from clock), now())")).fetchone()
        assert row is not None  # noqa: S101 - a select without a table has one row
        when: datetime = row[0]
        return when

    async def positions(self, conn: Connection) -> dict[tuple[str, int], tuple[int, datetime | None]]:
        """Next offset and read_to of each partition that this service knows."""
        rows = await conn.execute(
            "select topic, partition, next_offset, read_to from stream_position where service = %s", (self.service,)
        )
        return {(topic, partition): (offset, read_to) async for topic, partition, offset, read_to in rows}

    async def advance(self, conn: Connection, positions: Mapping[tuple[str, int], tuple[int, datetime]]) -> None:
        """Moves offsets and read_to on, never back: a worker that lost its partitions changes nothing."""
        await conn.execute(
            "insert into stream_position as p (service, topic, partition, next_offset, read_to)"
            " select %s, * from unnest(%s::text[], %s::int[], %s::bigint[], %s::timestamptz[])"
            " on conflict (service, topic, partition) do update set next_offset = greatest(p.next_offset, excluded.next_offset),"
            " read_to = greatest(p.read_to, excluded.read_to)",
            (self.service, *_columns(sorted((t, p, o, r) for (t, p), (o, r) in positions.items()), 4)),
        )

    async def known(self, conn: Connection, events: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Content hashes of the events, by source and id, that were accepted before."""
        rows = await conn.execute(
            "select source, event_id, content_hash from inbox where service = %s and (source, event_id) in (select * from unnest(%s::text[], %s::text[]))",
            (self.service, *_columns(sorted(events), 2)),
        )
        return {(source, event): bytes(digest) async for source, event, digest in rows}

    async def contents(
        self, conn: Connection, subjects: Iterable[tuple[str, str, bytes]]
    ) -> set[tuple[str, str, bytes]]:
        """Those of these contents (statement, subject, hash) that were accepted before, under whatever version."""
        rows = await conn.execute(
            "select distinct statement, subject, content_hash from fact where service = %s"
            " and (statement, subject, content_hash) in (select * from unnest(%s::text[], %s::text[], %s::bytea[]))",
            (self.service, *_columns(sorted(subjects), 3)),
        )
        return {(statement, subject, bytes(digest)) async for statement, subject, digest in rows}

    async def lock_matters(
        self, conn: Connection, names: frozenset[str], names_of: Mapping[Statement, set[str]]
    ) -> Matters | frozenset[str]:
        """Locks these references in key order and reads what stands there; a larger set of names if the set was not closed.

        `insert ... on conflict do nothing` locks nothing that exists, so the rows are locked by the select that follows.
        """
        ordered = sorted(names)
        await conn.execute(
            "insert into reference select %s, * from unnest(%s::text[]) on conflict do nothing", (self.service, ordered)
        )
        await conn.execute(
            "select 1 from reference where service = %s and name = any(%s) order by name for update",
            (self.service, ordered),
        )
        rows = await conn.execute(
            "select r.statement, r.subject, r.name from fact_reference r where r.service = %(s)s and (r.statement, r.subject) in"
            " (select statement, subject from fact_reference where service = %(s)s and name = any(%(names)s))",
            {"s": self.service, "names": ordered},
        )
        found: dict[Statement, set[str]] = {statement: set(own) for statement, own in names_of.items()}
        async for statement, subject, name in rows:
            found.setdefault((statement, subject), set()).add(name)
        closed = names.union(*found.values()) if found else names
        if closed != names:
            return closed
        standing = await self._standing(conn, found)
        ids = [stored.fact.id for stored in standing.values()]
        lies_in: dict[str, dict[str, tuple[str, ...]]] = {}
        rows = await conn.execute(
            "select fact_id, file, through from lies_in where service = %s and fact_id = any(%s)", (self.service, ids)
        )
        async for fact_id, file, through in rows:
            lies_in.setdefault(fact_id, {})[file] = tuple(through)
        persons: dict[str, dict[str, str]] = {}
        at = sorted(name.removeprefix("crime:") for name in names if name.startswith("crime:"))
        rows = await conn.execute(
            "select crime, place, person from place where service = %s and crime = any(%s)", (self.service, at)
        )
        async for crime, place, person in rows:
            persons.setdefault(crime, {})[place] = person
        return Matters(names, found, standing, lies_in, persons)

    async def _standing(self, conn: Connection, statements: Iterable[Statement]) -> dict[Statement, StoredFact]:
        rows = await conn.execute(
            f"select {_FACT} from fact where service = %s and stands and (statement, subject) in (select * from unnest(%s::text[], %s::text[]))",
            (self.service, *_columns(sorted(statements), 2)),
        )
        return {stored.fact.statement: stored async for stored in self._facts(rows)}

    async def lock_files(self, conn: Connection, files: Iterable[str], load: Iterable[str]) -> dict[str, FileState]:
        """Locks these files in key order and reads those to be looked at: facts, answers, told, withheld."""
        ordered, wanted = sorted(files), sorted(load)
        await conn.execute(
            "insert into case_file (service, file) select %s, * from unnest(%s::text[]) on conflict do nothing",
            (self.service, ordered),
        )
        rows = await conn.execute(
            "select file, looks, looked_at, faulted_rules, faulted_tries from case_file where service = %s and file = any(%s) order by file for update",
            (self.service, ordered),
        )
        states = {
            file: FileState(file, looks, looked_at, tuple(rules), tries)
            async for file, looks, looked_at, rules, tries in rows
            if file in set(wanted)
        }
        await self._fill(conn, states, wanted)
        return states

    async def take_due(
        self, conn: Connection, now: datetime, read_to: datetime | None, limit: int
    ) -> tuple[dict[str, FileState], dict[str, str]]:
        """Files whose next look has come or whose held-back duties the streams have reached, skipping those in other hands."""
        rows = await conn.execute(
            "select file, looks, looked_at, faulted_rules, faulted_tries, due_because from case_file where service = %(s)s and file in ("
            " (select file from case_file where service = %(s)s and next_look_at <= %(now)s order by next_look_at limit %(n)s)"
            " union (select file from case_file where service = %(s)s and held_back_until <= %(read)s order by held_back_until limit %(n)s))"
            " order by file limit %(n)s for update skip locked",
            {"s": self.service, "now": now, "read": read_to, "n": limit},
        )
        states, causes = {}, {}
        async for file, looks, looked_at, rules, tries, because in rows:
            states[file] = FileState(file, looks, looked_at, tuple(rules), tries)
            causes[file] = because
        await self._fill(conn, states, sorted(states))
        return states, causes

    async def _fill(self, conn: Connection, states: dict[str, FileState], files: Sequence[str]) -> None:
        if not files:
            return
        rows = await conn.execute(
            f"select l.file, l.through, {_FACT_F} from lies_in l join fact f on f.service = l.service and f.id = l.fact_id"
            " where l.service = %s and l.file = any(%s) and f.stands",
            (self.service, files),
        )
        async for file, through, *fact in rows:
            stored = self._fact(fact)
            states[file].facts[stored.fact.id] = (stored.fact, tuple(through), stored.missing)
        rows = await conn.execute(
            "select distinct l.file, p.place, p.person from lies_in l"
            " join fact_reference r on r.service = l.service and r.name like 'crime:%%'"
            " join fact f on f.service = l.service and f.id = l.fact_id and f.statement = r.statement and f.subject = r.subject"
            " join place p on p.service = l.service and p.crime = substr(r.name, 7)"
            " where l.service = %s and l.file = any(%s)",
            (self.service, files),
        )
        async for file, place, person in rows:
            states[file].persons[place] = person
        rows = await conn.execute(
            "select file, content from told where service = %s and file = any(%s)", (self.service, files)
        )
        async for file, content in rows:
            notice = notice_from_json(content)
            states[file].told[notice.key] = notice
        rows = await conn.execute(
            "select file, content from withheld where service = %s and file = any(%s)", (self.service, files)
        )
        async for file, content in rows:
            withheld = withheld_from_json(content)
            states[file].withheld[withheld.key] = withheld
        rows = await conn.execute(
            "select file, rule, subject, agency from unexplained where service = %s and file = any(%s)",
            (self.service, files),
        )
        async for file, rule, subject, agency in rows:
            states[file].unexplained.add(Key(rule, subject, agency))
        rows = await conn.execute(
            f"select t.file, a.rule, a.duty_subject, a.agency, a.revision, {_FACT_F} from told t join answer a on a.service = t.service"
            " and a.rule = t.rule and a.duty_subject = t.subject and a.agency = t.agency join fact f on f.service = a.service and f.id = a.fact_id"
            " where t.service = %s and t.file = any(%s) and f.stands",
            (self.service, files),
        )
        async for file, rule, duty_subject, agency, revision, *fact in rows:
            stored = self._fact(fact)
            states[file].answers[stored.fact.statement] = Answer(stored.fact, Key(rule, duty_subject, agency), revision)
        for state in states.values():
            state.stood = state.case_file().standing
            state.withheld_before, state.unexplained_before = dict(state.withheld), set(state.unexplained)

    async def told_by_notifications(self, conn: Connection, ids: Iterable[str]) -> dict[str, tuple[str, Key, int, str]]:
        """Notification id to service, duty key, revision and the file that states it now; of every service."""
        rows = await conn.execute(
            "select n.id, n.service, n.rule, n.subject, n.agency, n.revision, t.file from notice n join told t"
            " on t.service = n.service and t.rule = n.rule and t.subject = n.subject and t.agency = n.agency where n.id = any(%s)",
            (sorted(ids),),
        )
        return {
            i: (service, Key(rule, subject, agency), revision, file)
            async for i, service, rule, subject, agency, revision, file in rows
        }

    async def write_facts(self, conn: Connection, rows: Sequence[tuple[Any, ...]], fallen: Sequence[str]) -> None:
        """Accepted versions; `fallen`: ids of versions that stand no longer."""
        if fallen:
            await conn.execute(
                "update fact set stands = false where service = %s and id = any(%s) and stands",
                (self.service, list(fallen)),
            )
        if rows:
            await conn.execute(
                "insert into fact (service, id, kind, subject, statement, version, version_basis, recorded_at, type, content, content_hash, stands, missing, accepted_at)"
                " select %s, * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::timestamptz[], %s::text[],"
                " %s::text[], %s::bytea[], %s::bool[], %s::text[], %s::timestamptz[])",
                (self.service, *_columns(rows, 13)),
            )

    async def supersede(self, conn: Connection, newest: Sequence[Fact]) -> None:
        """Of these statements only these versions stand."""
        await self._unnest(
            conn,
            "update fact f set stands = false from unnest(%s::text[], %s::text[], %s::text[]) as n(statement, subject, id)"
            " where f.service = %s and f.statement = n.statement and f.subject = n.subject and f.stands and f.id <> n.id",
            [(*fact.statement, fact.id) for fact in newest],
        )

    async def write_missing(self, conn: Connection, missing: Mapping[str, str | None]) -> None:
        await self._unnest(
            conn,
            "update fact f set missing = m.missing from unnest(%s::text[], %s::text[]) as m(id, missing) where f.service = %s and f.id = m.id",
            list(missing.items()),
        )

    async def write_references(self, conn: Connection, rows: Iterable[tuple[str, str, str]]) -> None:
        """Rows of name, statement, subject."""
        await self._insert(
            conn,
            "fact_reference (service, name, statement, subject)",
            "text text text",
            sorted(set(rows)),
            "on conflict do nothing",
        )

    async def write_linkage(
        self,
        conn: Connection,
        gone: Iterable[str],
        rows: Sequence[tuple[str, str, list[str]]],
        persons: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Where facts lie now (file, fact, through as JSON); `gone`: facts whose old rows are taken away first."""
        await conn.execute("delete from lies_in where service = %s and fact_id = any(%s)", (self.service, sorted(gone)))
        if rows:
            await conn.execute(
                "insert into lies_in (service, file, fact_id, through) select %s, f, i, array(select jsonb_array_elements_text(t))"
                " from unnest(%s::text[], %s::text[], %s::jsonb[]) as x(f, i, t)",
                (self.service, [r[0] for r in rows], [r[1] for r in rows], [json.dumps(r[2]) for r in rows]),
            )
        if persons:
            await conn.execute(
                "delete from place where service = %s and crime = any(%s)", (self.service, sorted(persons))
            )
            await self._insert(
                conn,
                "place (service, crime, place, person)",
                "text text text",
                [(c, p, who) for c, at in persons.items() for p, who in at.items()],
            )

    async def write_inbox(self, conn: Connection, rows: Sequence[tuple[str, str, bytes, datetime]]) -> None:
        await self._insert(
            conn, "inbox (service, source, event_id, content_hash, at)", "text text bytea timestamptz", rows
        )

    async def write_records(
        self, conn: Connection, rows: Sequence[tuple[str, int, int, str, str | None, datetime]]
    ) -> None:
        """The one end of each record: topic, partition, offset, fate, event id, time."""
        await self._insert(
            conn,
            'record (service, topic, partition, "offset", fate, event_id, at)',
            "text int bigint text text timestamptz",
            rows,
            'on conflict (service, topic, partition, "offset") do update set fate = excluded.fate, event_id = excluded.event_id, at = excluded.at',
        )

    async def write_answers(self, conn: Connection, rows: Sequence[tuple[str, str, str, str, str, str, int]]) -> None:
        await self._insert(
            conn,
            "answer (service, fact_id, statement, subject, rule, duty_subject, agency, revision)",
            "text text text text text text int",
            rows,
        )

    async def write_archive(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Records of the owned stream as they came: topic, partition, offset, timestamp, key, value, headers."""
        if rows:
            await conn.execute(
                'insert into archive (topic, partition, "offset", timestamp, key, value, headers)'
                " select * from unnest(%s::text[], %s::int[], %s::bigint[], %s::timestamptz[], %s::bytea[], %s::bytea[], %s::text[]) on conflict do nothing",
                _columns(rows, 7),
            )

    async def write_files(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """After a look: file, looks, looked_at, next_look_at, held_back_until, faulted rules as JSON, faulted_at, tries."""
        if rows:
            await conn.execute(
                "update case_file c set looks = u.looks, looked_at = u.looked_at, next_look_at = u.next_look_at, held_back_until = u.held_back_until,"
                " faulted_rules = array(select jsonb_array_elements_text(u.rules)), faulted_at = u.faulted_at, faulted_tries = u.tries, due_because = 'clock',"
                " faulted_on = case when u.faulted_at is null then null else clock_timestamp() end"
                " from unnest(%s::text[], %s::int[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::jsonb[], %s::timestamptz[], %s::int[])"
                " as u(file, looks, looked_at, next_look_at, held_back_until, rules, faulted_at, tries) where c.service = %s and c.file = u.file",
                (*_columns(rows, 8), self.service),
            )

    async def make_due(self, conn: Connection, files: Iterable[str], now: datetime, because: str) -> None:
        await conn.execute(
            "update case_file set next_look_at = least(next_look_at, %s), due_because = %s where service = %s and file = any(%s)",
            (now, because, self.service, sorted(files)),
        )

    async def write_looks(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """One row a look, in the order of the table's columns after service."""
        async with conn.cursor() as cursor:
            await cursor.executemany(
                "insert into look (service, file, number, at, read_to, cause, event_id, release, policy_version, stood_added, stood_removed, withheld,"
                f" unexplained, faulted) values ('{self.service}', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                rows,
            )

    async def write_notices(self, conn: Connection, rows: Sequence[tuple[Notice, str, str, int]]) -> None:
        """Notices with their id, file and look number; each is told until a newer revision is."""
        contents = [notice_to_json(notice) for notice, _, _, _ in rows]
        await self._insert(
            conn,
            "notice (service, rule, subject, agency, revision, id, file, look, kind, at, content)",
            "text text text int text text int text timestamptz text",
            [
                (*n.key, n.revision, i, file, look, n.kind, n.at, content)
                for (n, i, file, look), content in zip(rows, contents, strict=True)
            ],
        )
        newest = {
            n.key: (*n.key, file, n.revision, n.state, content)
            for (n, _, file, _), content in zip(rows, contents, strict=True)
        }
        await self._insert(
            conn,
            "told (service, rule, subject, agency, file, revision, state, content)",
            "text text text text int text text",
            list(newest.values()),
            "on conflict (service, rule, subject, agency) do update set file = excluded.file, revision = excluded.revision,"
            " state = excluded.state, content = excluded.content",
        )

    async def reground(self, conn: Connection, notices: Iterable[Notice]) -> None:
        """What was told stays told, resting on other facts now."""
        newest = {notice.key: notice for notice in notices}
        await self._unnest(
            conn,
            "update told t set content = m.content from unnest(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[]) as"
            " m(rule, subject, agency, revision, content) where t.service = %s and t.revision = m.revision"
            " and (t.rule, t.subject, t.agency) = (m.rule, m.subject, m.agency)",
            [(*key, notice.revision, notice_to_json(notice)) for key, notice in newest.items()],
        )

    async def move_told(self, conn: Connection, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Keys that another file states now: rule, subject, agency, file."""
        await self._unnest(
            conn,
            "update told t set file = m.file from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as m(rule, subject, agency, file)"
            " where t.service = %s and (t.rule, t.subject, t.agency) = (m.rule, m.subject, m.agency)",
            rows,
        )

    async def write_withheld(
        self, conn: Connection, gone: Iterable[tuple[str, Key]], new: Sequence[tuple[str, Withheld]], at: datetime
    ) -> None:
        await self._unnest(
            conn,
            "delete from withheld w using unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as g(file, rule, subject, agency)"
            " where w.service = %s and (w.file, w.rule, w.subject, w.agency) = (g.file, g.rule, g.subject, g.agency)",
            [(file, *key) for file, key in gone],
        )
        await self._insert(
            conn,
            "withheld (service, rule, subject, agency, file, kind, reason, content, since)",
            "text text text text text text text timestamptz",
            [(*w.key, file, w.kind, w.reason, withheld_to_json(w), at) for file, w in new],
        )

    async def write_unexplained(
        self, conn: Connection, file: str, before: set[Key], after: set[Key], at: datetime
    ) -> None:
        if gone := before - after:
            await self._unnest(
                conn,
                "delete from unexplained u using unnest(%s::text[], %s::text[], %s::text[]) as g(rule, subject, agency)"
                " where u.service = %s and (u.rule, u.subject, u.agency) = (g.rule, g.subject, g.agency)",
                sorted(gone),
            )
        await self._insert(
            conn,
            "unexplained (service, rule, subject, agency, file, since)",
            "text text text text timestamptz",
            [(*key, file, at) for key in sorted(after - before)],
            "on conflict do nothing",
        )

    async def write_outbox(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """topic, duty, revision, key, value, headers as JSON, notice id, time."""
        await self._insert(
            conn,
            "outbox (service, topic, duty, revision, key, value, headers, notice_id, at)",
            "text text int bytea bytea text text timestamptz",
            rows,
        )

    async def write_refusals(self, conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """topic, partition, offset, reason, stage, detail, event id, key, value, headers, timestamp, at, release, dead letter."""
        for row in rows:
            *rest, at, release, letter = row
            await conn.execute(
                'insert into refusal (service, topic, partition, "offset", reason, stage, detail, event_id, key, value, headers, timestamp,'
                " first_at, last_at, release, dead_letter) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
                ' on conflict (service, topic, partition, "offset") do update set reason = excluded.reason, stage = excluded.stage, detail = excluded.detail,'
                " last_at = excluded.last_at, release = excluded.release, attempts = refusal.attempts + 1, settled_at = null",
                (self.service, *rest, at, at, release, letter),
            )

    async def count_start(self, conn: Connection, topic: str, partition: int, offset: int) -> int:
        """How often work has begun at this record without getting past it, this time included."""
        row = await (
            await conn.execute(
                'insert into attempt as a (service, topic, partition, "offset", tries) values (%s, %s, %s, %s, 1)'
                ' on conflict (service, topic, partition, "offset") do update set tries = a.tries + 1 returning tries',
                (self.service, topic, partition, offset),
            )
        ).fetchone()
        assert row is not None  # noqa: S101 - returning gives the row
        return int(row[0])

    async def count_alone(self, conn: Connection, topic: str, partition: int, offset: int) -> int:
        """How often this record was taken by itself, this time included."""
        row = await (
            await conn.execute(
                'insert into attempt as a (service, topic, partition, "offset", tries, alone) values (%s, %s, %s, %s, 0, 1)'
                ' on conflict (service, topic, partition, "offset") do update set alone = a.alone + 1 returning alone',
                (self.service, topic, partition, offset),
            )
        ).fetchone()
        assert row is not None  # noqa: S101 - returning gives the row
        return int(row[0])

    async def forget_starts(self, conn: Connection, up_to: Mapping[tuple[str, int], int]) -> None:
        await self._unnest(
            conn,
            "delete from attempt a using unnest(%s::text[], %s::int[], %s::bigint[]) as u(topic, partition, upto)"
            ' where a.service = %s and a.topic = u.topic and a.partition = u.partition and a."offset" <= u.upto',
            [(topic, partition, offset) for (topic, partition), offset in up_to.items()],
        )

    async def faulted_since(self, conn: Connection, window: timedelta) -> int:
        """Files that faulted within this time, by the server's own clock."""
        row = await (
            await conn.execute(
                "select count(*) from case_file where service = %s and faulted_on > clock_timestamp() - %s::interval",
                (self.service, window),
            )
        ).fetchone()
        return int(row[0]) if row is not None else 0

    async def open_refusals(self, conn: Connection, release: str, limit: int) -> list[tuple[Any, ...]]:
        """Refusals that this release has not tried: topic, partition, offset, timestamp, key, value, headers."""
        rows = await conn.execute(
            'select topic, partition, "offset", timestamp, key, value, headers from refusal where service = %s and settled_at is null and release <> %s'
            ' order by topic, partition, "offset" limit %s for update skip locked',
            (self.service, release, limit),
        )
        return await rows.fetchall()

    async def settle_refusals(self, conn: Connection, records: Iterable[tuple[str, int, int]], now: datetime) -> None:
        await self._unnest(
            conn,
            "update refusal r set settled_at = u.at from unnest(%s::text[], %s::int[], %s::bigint[], %s::timestamptz[]) as u(topic, partition, o, at)"
            ' where r.service = %s and r.topic = u.topic and r.partition = u.partition and r."offset" = u.o',
            [(*record, now) for record in records],
        )

    async def start_release(self, conn: Connection, release: str, policy_version: str, now: datetime, rate: int) -> int:
        """If this release or policy is new here, makes every file with something live or ahead due, `rate` a second; how many."""
        row = await (
            await conn.execute(
                "select release, policy_version from release where service = %s for update", (self.service,)
            )
        ).fetchone()
        if row is not None and tuple(row) == (release, policy_version):
            return 0
        await conn.execute(
            "insert into release (service, release, policy_version, since) values (%s, %s, %s, %s) on conflict (service) do update"
            " set release = excluded.release, policy_version = excluded.policy_version, since = excluded.since",
            (self.service, release, policy_version, now),
        )
        if row is None:
            return 0
        made = await conn.execute(
            "update case_file c set next_look_at = least(c.next_look_at, %(now)s + (d.n / %(rate)s) * interval '1 second'), due_because = 'release'"
            " from (select file, row_number() over (order by file) as n from case_file f where service = %(s)s and (next_look_at is not null"
            " or faulted_at is not null or exists (select 1 from told t where t.service = f.service and t.file = f.file and t.state = 'live'))) d"
            " where c.service = %(s)s and c.file = d.file",
            {"s": self.service, "now": now, "rate": rate},
        )
        return made.rowcount

    async def _insert(
        self, conn: Connection, into: str, types: str, rows: Sequence[tuple[Any, ...]], conflict: str = ""
    ) -> None:
        """Many rows in one statement; `into` begins with the column service."""
        if rows:
            kinds = types.split()
            arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
            await conn.execute(
                f"insert into {into} select %s, * from unnest({arrays}) {conflict}",
                (self.service, *_columns(rows, len(kinds))),
            )

    async def _unnest(self, conn: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """A statement over many rows, whose last parameter is the service."""
        if rows:
            await conn.execute(statement, (*_columns(rows, len(rows[0])), self.service))

    async def _facts(self, rows: Any) -> Any:
        async for row in rows:
            yield self._fact(row)

    def _fact(self, row: Sequence[Any]) -> StoredFact:
        identity, kind, subject, version, basis, at, type_, content, digest, missing = row
        fact = Fact(identity, kind, subject, version, at, self._body_of(type_, content), basis)
        return StoredFact(fact, type_, content, bytes(digest), missing)


_COLUMNS = (
    "id",
    "kind",
    "subject",
    "version",
    "version_basis",
    "recorded_at",
    "type",
    "content",
    "content_hash",
    "missing",
)
_FACT = ", ".join(_COLUMNS)
_FACT_F = ", ".join(f"f.{column}" for column in _COLUMNS)


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> tuple[list[Any], ...]:
    return tuple([row[n] for row in rows] for n in range(width))
