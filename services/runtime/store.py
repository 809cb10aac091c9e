"""What a service remembers, read under lock: what stands at references, and all that a look needs of a file."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow

from schemas.envelope import fact_id
from schemas.values import Body
from services.casefile.duties import Notice, Withheld
from services.casefile.facts import Answer, CaseFile, Fact, Key
from services.casefile.links import in_the_world
from services.casefile.notices import notice_from_json, withheld_from_json

Connection = AsyncConnection[TupleRow]
Partition = tuple[str, int]
Statement = tuple[str, str]
PARSED_FACTS = 20_000


class ToldAs(NamedTuple):
    """What a notification's id resolves to."""

    service: str
    key: Key
    revision: int
    file: str


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact, and the link that it still lacks."""

    fact: Fact
    missing: str | None


@dataclass(slots=True)
class Matters:
    """The closed set of references that a batch has locked, and what stands there.

    `names_of`: the references of every version of a statement, so that what moved is found again. `standing`: its
    highest version, a withdrawn one too. `lies_in`: fact id to file to the facts that lead there. `persons`: by crime
    reference, place to person.
    """

    names: frozenset[str]
    names_of: dict[Statement, set[str]]
    standing: dict[Statement, StoredFact]
    lies_in: dict[str, dict[str, tuple[str, ...]]]
    persons: dict[str, dict[str, str]]


@dataclass(slots=True)
class FileState:
    """One locked file, as it is and as the batch changes it; `*_before` as it was stored."""

    key: str
    looks: int
    looked_at: datetime | None
    faulted_tries: int
    facts: dict[str, tuple[Fact, tuple[str, ...], str | None]] = field(default_factory=dict)
    persons: dict[str, str] = field(default_factory=dict)
    answers: dict[Statement, Answer] = field(default_factory=dict)
    told: dict[Key, Notice] = field(default_factory=dict)
    withheld: dict[Key, Withheld] = field(default_factory=dict)
    withheld_before: dict[Key, Withheld] = field(default_factory=dict)
    unexplained: set[Key] = field(default_factory=set)
    unexplained_before: set[Key] = field(default_factory=set)
    stood: frozenset[str] = frozenset()

    def case_file(self) -> CaseFile:
        """What rules may read of it now."""
        answers = (answer for answer in self.answers.values() if not answer.fact.withdrawn)
        lacking = {fact.id: missing for fact, _, missing in self.facts.values() if missing}
        return CaseFile(
            key=self.key,
            facts=tuple(sorted((fact for fact, _, _ in self.facts.values()), key=in_the_world)),
            persons=dict(self.persons),
            links={fact.id: through for fact, through, _ in self.facts.values() if through},
            unlinked=lacking if self.key.startswith("home:") else {},
            answers=tuple(sorted(answers, key=lambda answer: in_the_world(answer.fact))),
        )


class Store:
    """Reads the tables of one service, within the caller's transaction."""

    def __init__(self, service: str, body_of: Callable[[str, str], Body]) -> None:
        self.service = service
        self._body_of = lru_cache(maxsize=PARSED_FACTS)(body_of)

    async def clocks(self, conn: Connection) -> tuple[datetime, datetime]:
        """The one clock, a story's where one is being played, else the database's; and what the server's own says."""
        row = await (
            await conn.execute("select coalesce((select stands_at from clock), now()), clock_timestamp()")
        ).fetchone()
        assert row is not None  # noqa: S101 - a select without a table has one row
        return row[0], row[1]

    async def positions(self, conn: Connection) -> dict[Partition, tuple[int, datetime | None]]:
        """Next offset and read_to of each partition that this service knows."""
        rows = await conn.execute(
            "select topic, partition, next_offset, read_to from stream_position where service = %s", (self.service,)
        )
        return {(topic, partition): (offset, read_to) async for topic, partition, offset, read_to in rows}

    async def lock_positions(self, conn: Connection, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """One worker at a time in each partition: one that lost it and has not noticed is waited for, or waits.

        The next offset of each: what lies before it has its end.
        """
        ordered = sorted(partitions)
        await self.meet(conn, ordered)
        rows = await conn.execute(
            """select topic, partition, next_offset from stream_position where service = %s
            and (topic, partition) in (select * from unnest(%s::text[], %s::int[]))
            order by topic, partition for update""",
            (self.service, *columns(ordered, 2)),
        )
        return {(topic, partition): offset async for topic, partition, offset in rows}

    async def meet(self, conn: Connection, partitions: Iterable[Partition]) -> None:
        """Makes partitions known, of which nothing has been read where they were not."""
        await conn.execute(
            """insert into stream_position (service, topic, partition)
            select %s, * from unnest(%s::text[], %s::int[]) on conflict do nothing""",
            (self.service, *columns(sorted(partitions), 2)),
        )

    async def known(self, conn: Connection, events: Iterable[tuple[str, str]]) -> dict[str, bytes]:
        """Content hashes, by the fact's id, of those of these events (event id, source) that were accepted before."""
        rows = await conn.execute(
            """select event_id, source, content_hash from inbox where service = %s
            and (event_id, source) in (select * from unnest(%s::text[], %s::text[]))""",
            (self.service, *columns(sorted(events), 2)),
        )
        return {fact_id(source, event): bytes(digest) async for event, source, digest in rows}

    async def contents(
        self, conn: Connection, subjects: Iterable[tuple[str, str, bytes]]
    ) -> set[tuple[str, str, bytes]]:
        """Those of these contents (statement, subject, hash) that were accepted before, under whatever version."""
        rows = await conn.execute(
            """select distinct statement, subject, content_hash from fact where service = %s
            and (statement, subject, content_hash) in (select * from unnest(%s::text[], %s::text[], %s::bytea[]))""",
            (self.service, *columns(sorted(subjects), 3)),
        )
        return {(statement, subject, bytes(digest)) async for statement, subject, digest in rows}

    async def lock_matters(
        self, conn: Connection, names: frozenset[str], names_of: Mapping[Statement, set[str]]
    ) -> Matters | frozenset[str]:
        """Locks these references in key order and reads what stands there; a larger set if this one was not closed.

        `insert ... on conflict do nothing` locks nothing that exists, so the rows are locked by the select after it.
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
            """select statement, subject, name from fact_reference where service = %(s)s and (statement, subject) in
            (select statement, subject from fact_reference where service = %(s)s and name = any(%(names)s))""",
            {"s": self.service, "names": ordered},
        )
        found: dict[Statement, set[str]] = {statement: set(own) for statement, own in names_of.items()}
        async for statement, subject, name in rows:
            found.setdefault((statement, subject), set()).add(name)
        closed = names.union(*found.values())
        if closed != names:
            return closed
        standing = await self._standing(conn, found)
        ids = [stored.fact.id for stored in standing.values()]
        crimes = [name.removeprefix("crime:") for name in ordered if name.startswith("crime:")]
        return Matters(names, found, standing, await self._lies_in(conn, ids), await self._persons(conn, crimes))

    async def lock_files(self, conn: Connection, files: Iterable[str], load: Iterable[str]) -> dict[str, FileState]:
        """Locks these files in key order and reads those to be looked at."""
        ordered, wanted = sorted(files), frozenset(load)
        await conn.execute(
            "insert into case_file (service, file) select %s, * from unnest(%s::text[]) on conflict do nothing",
            (self.service, ordered),
        )
        rows = await conn.execute(
            """select file, looks, looked_at, faulted_tries from case_file
            where service = %s and file = any(%s) order by file for update""",
            (self.service, ordered),
        )
        states = {file: FileState(file, looks, at, tries) async for file, looks, at, tries in rows if file in wanted}
        await self._fill(conn, states)
        return states

    async def take_due(
        self, conn: Connection, now: datetime, read_to: datetime | None, limit: int
    ) -> list[tuple[FileState, Any]]:
        """Files whose next look has come, or whose held-back duties the streams have reached, and the cause.

        Files in other hands are skipped: whoever holds them looks.
        """
        rows = await conn.execute(_DUE, {"s": self.service, "now": now, "read": read_to, "n": limit})
        due = [(FileState(file, looks, at, tries), cause) async for file, looks, at, tries, cause in rows]
        await self._fill(conn, {state.key: state for state, _ in due})
        return due

    async def first_due(self, conn: Connection, now: datetime, read_to: datetime | None) -> tuple[str, int] | None:
        """The file that `take_due` takes when it takes one, and how often it has faulted, without reading it."""
        row = await (await conn.execute(_DUE, {"s": self.service, "now": now, "read": read_to, "n": 1})).fetchone()
        return None if row is None else (row[0], row[3])

    async def told_by_notifications(self, conn: Connection, ids: Iterable[str]) -> dict[str, ToldAs]:
        """What these ids of notifications resolve to, of every service; those of none are left out."""
        rows = await conn.execute(
            """select n.id, n.service, n.rule, n.subject, n.agency, n.revision, t.file from notice n
            join told t using (service, rule, subject, agency) where n.id = any(%s)""",
            (sorted(ids),),
        )
        return {
            i: ToldAs(service, Key(rule, subject, agency), revision, file)
            async for i, service, rule, subject, agency, revision, file in rows
        }

    async def open_refusals(self, conn: Connection, judged_by: str, limit: int) -> list[TupleRow]:
        """Refusals that this release and policy have not tried: topic, partition, offset, time, key, value, headers."""
        rows = await conn.execute(
            """select topic, partition, "offset", timestamp, key, value, headers from refusal
            where service = %s and settled_at is null and judged_by <> %s
            order by topic, partition, "offset" limit %s""",
            (self.service, judged_by, limit),
        )
        return await rows.fetchall()

    async def faulted_since(self, conn: Connection, window: timedelta) -> int:
        """Files that faulted within this time, by the server's own clock."""
        rows = await conn.execute(
            "select count(*) from case_file where service = %s and faulted_on > clock_timestamp() - %s::interval",
            (self.service, window),
        )
        row = await rows.fetchone()
        return int(row[0]) if row is not None else 0

    async def _standing(self, conn: Connection, statements: Iterable[Statement]) -> dict[Statement, StoredFact]:
        rows = await conn.execute(
            f"""select {_FACT} from fact f where f.service = %s and f.stands
            and (f.statement, f.subject) in (select * from unnest(%s::text[], %s::text[]))""",  # noqa: S608 - our columns
            (self.service, *columns(sorted(statements), 2)),
        )
        return {stored.fact.statement: stored async for stored in self._facts(rows)}

    async def _lies_in(self, conn: Connection, ids: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        rows = await conn.execute(
            "select fact_id, file, through from lies_in where service = %s and fact_id = any(%s)", (self.service, ids)
        )
        async for fact, file, through in rows:
            found.setdefault(fact, {})[file] = tuple(through)
        return found

    async def _persons(self, conn: Connection, crimes: Sequence[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        rows = await conn.execute(
            "select crime, place, person from place where service = %s and crime = any(%s)", (self.service, crimes)
        )
        async for crime, place, person in rows:
            found.setdefault(crime, {})[place] = person
        return found

    async def _fill(self, conn: Connection, states: Mapping[str, FileState]) -> None:
        """Facts, answers, what was told and withheld."""
        if not states:
            return
        of_files = (self.service, sorted(states))
        rows = await conn.execute(
            f"""select l.file, l.through, {_FACT} from lies_in l
            join fact f on f.service = l.service and f.id = l.fact_id
            where l.service = %s and l.file = any(%s) and f.stands""",  # noqa: S608 - our columns
            of_files,
        )
        async for file, through, *columns_of_fact in rows:
            stored = self._fact(columns_of_fact)
            states[file].facts[stored.fact.id] = (stored.fact, tuple(through), stored.missing)
        rows = await conn.execute(
            """select distinct l.file, p.place, p.person from lies_in l
            join fact f on f.service = l.service and f.id = l.fact_id
            join fact_reference r on r.service = f.service and r.statement = f.statement and r.subject = f.subject
            join place p on p.service = l.service and p.crime = substr(r.name, length('crime:') + 1)
            where l.service = %s and l.file = any(%s) and starts_with(r.name, 'crime:')""",
            of_files,
        )
        async for file, place, person in rows:
            states[file].persons[place] = person
        await self._fill_told(conn, states, of_files)
        rows = await conn.execute(
            f"""select t.file, a.rule, a.duty_subject, a.agency, a.revision, {_FACT} from told t
            join answer a on a.service = t.service
            and a.rule = t.rule and a.duty_subject = t.subject and a.agency = t.agency
            join fact f on f.service = a.service and f.id = a.fact_id
            where t.service = %s and t.file = any(%s) and f.stands""",  # noqa: S608 - our columns
            of_files,
        )
        async for file, rule, duty_subject, agency, revision, *columns_of_fact in rows:
            fact = self._fact(columns_of_fact).fact
            states[file].answers[fact.statement] = Answer(fact, Key(rule, duty_subject, agency), revision)
        for state in states.values():
            state.stood = state.case_file().standing
            state.withheld_before, state.unexplained_before = dict(state.withheld), set(state.unexplained)

    async def _fill_told(
        self, conn: Connection, states: Mapping[str, FileState], of_files: tuple[str, list[str]]
    ) -> None:
        rows = await conn.execute("select file, content from told where service = %s and file = any(%s)", of_files)
        async for file, content in rows:
            notice = notice_from_json(content)
            states[file].told[notice.key] = notice
        rows = await conn.execute("select file, content from withheld where service = %s and file = any(%s)", of_files)
        async for file, content in rows:
            statement = withheld_from_json(content)
            states[file].withheld[statement.key] = statement
        rows = await conn.execute(
            "select file, rule, subject, agency from unexplained where service = %s and file = any(%s)", of_files
        )
        async for file, rule, subject, agency in rows:
            states[file].unexplained.add(Key(rule, subject, agency))

    async def _facts(self, rows: AsyncCursor[TupleRow]) -> AsyncIterator[StoredFact]:
        async for row in rows:
            yield self._fact(row)

    def _fact(self, row: Sequence[Any]) -> StoredFact:
        identity, kind, subject, version, basis, at, type_, content, missing = row
        return StoredFact(Fact(identity, kind, subject, version, at, self._body_of(type_, content), basis), missing)


_FACT = ", ".join(
    f"f.{column}"
    for column in ("id", "kind", "subject", "version", "version_basis", "recorded_at", "type", "content", "missing")
)


_DUE = """
select file, looks, looked_at, faulted_tries, due_because from case_file
where service = %(s)s and file in (
    (select file from case_file where service = %(s)s and next_look_at <= %(now)s order by next_look_at limit %(n)s)
    union
    (select file from case_file where service = %(s)s and held_back_until <= %(read)s
        order by held_back_until limit %(n)s))
order by file limit %(n)s for update skip locked
"""


def columns(rows: Sequence[Sequence[Any]], width: int) -> tuple[list[Any], ...]:
    """Rows as arrays, for `unnest`."""
    return tuple([row[n] for row in rows] for n in range(width))
