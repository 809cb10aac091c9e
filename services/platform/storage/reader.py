"""Read what a service remembers, under lock: the facts at references, and all that an evaluation needs of a file."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from psycopg import AsyncCursor
from psycopg.rows import TupleRow

from schemas.envelope import fact_id
from schemas.matters import crimes_in
from schemas.places import Place
from services.platform.domain.core.duties import Notification, Withheld
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key, in_the_world
from services.platform.domain.core.file_keys import FileKey, is_record, is_unlinked
from services.platform.domain.core.stored_notifications import notification_from_json, withheld_from_json
from services.platform.domain.linking.merged_records import Joined, of_persons, records_named, together
from services.platform.domain.linking.references import crimes
from services.platform.storage.bodies import Read
from services.platform.storage.clock import NOW, Reading
from services.platform.storage.records import Partition
from services.platform.storage.rows import Connection, columns
from services.platform.storage.undertakings import Words, from_row, hear

Clocks = tuple[datetime, datetime]
Statement = tuple[str, str]
NamesOf = dict[Statement, set[str]]


class Delivered(NamedTuple):
    """What a notification's id resolves to."""

    service: str
    key: Key
    revision: int
    file: str  # of the duty, as it is now
    delivered_in: str  # the file from which this revision was delivered
    notification: Notification


class Position(NamedTuple):
    """How far a partition was read. `evaluate_from`: until that offset is reached, files are only accepted into."""

    next_offset: int = 0
    read_to: datetime | None = None
    evaluate_from: int | None = None


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A fact, and the link that it still lacks."""

    fact: Fact
    missing: str | None


class Contents(NamedTuple):
    """What was asked about some files, not read yet."""

    facts: AsyncCursor[TupleRow]
    delivered: AsyncCursor[TupleRow]
    withheld: AsyncCursor[TupleRow]
    unexplained: AsyncCursor[TupleRow]
    answers: AsyncCursor[TupleRow]


class Begun(NamedTuple):
    """What a batch starts from. `known`: content hash by fact id of what was accepted before; `answered`: what
    its answers answer; `names_of`: the references of the statements at its own references."""

    clocks: Clocks
    positions: dict[Partition, Position]
    known: dict[str, bytes]
    answered: dict[str, Delivered]
    names_of: NamesOf


@dataclass(slots=True)
class Matters:
    """The closed set of references that a batch has locked, and the facts there.

    `names_of`: the references of every version of a statement, so that a fact that moved is found again. `current`: the
    highest version of each statement, also a withdrawn one. `membership`: for each fact id its files, each with the
    facts that lead there. `persons`: by crime reference, the person at each place. `joins`: for the records that merges
    name. `undertakings`: by crime reference.
    """

    names: frozenset[str]
    names_of: NamesOf
    current: dict[Statement, StoredFact]
    membership: dict[str, dict[FileKey, tuple[str, ...]]]
    persons: dict[str, dict[Place, FileKey]]
    joins: dict[FileKey, Joined]
    undertakings: dict[str, Words] = field(default_factory=dict)


@dataclass(slots=True)
class FileState:
    """One locked file, as it is and as the batch changes it; `*_before` as it was stored."""

    key: FileKey
    evaluations: int
    evaluated_at: datetime | None
    faulted_tries: int
    facts: dict[str, tuple[Fact, tuple[str, ...], str | None]] = field(default_factory=dict)
    persons: dict[Place, FileKey] = field(default_factory=dict)
    answers: dict[Statement, Answer] = field(default_factory=dict)
    undertakings: Words = field(default_factory=dict)
    delivered: dict[Key, Notification] = field(default_factory=dict)
    withheld: dict[Key, Withheld] = field(default_factory=dict)
    withheld_before: dict[Key, Withheld] = field(default_factory=dict)
    unexplained: set[Key] = field(default_factory=set)
    unexplained_before: set[Key] = field(default_factory=set)
    current_before: frozenset[str] = frozenset()

    def case_file(self) -> CaseFile:
        """What rules may read of it now."""
        answers = (answer for answer in self.answers.values() if not answer.fact.withdrawn)
        lacking = {fact.id: missing for fact, _, missing in self.facts.values() if missing}
        return CaseFile(
            key=self.key,
            facts=tuple(sorted((fact for fact, _, _ in self.facts.values()), key=in_the_world)),
            persons=dict(self.persons),
            links={fact.id: through for fact, through, _ in self.facts.values() if through},
            unlinked=lacking if is_unlinked(self.key) else {},
            answers=tuple(sorted(answers, key=lambda answer: in_the_world(answer.fact))),
            undertakings=tuple(word.undertaking for word in self.undertakings.values() if word.undertaking),
        )


class Reader:
    """Reads the tables of one service, within the caller's transaction."""

    def __init__(self, service: str, body_of: Read) -> None:
        self.service, self._body_of = service, body_of

    async def clocks(self, conn: Connection) -> Clocks:
        """The one clock, a story's where one is being played, else the database's; and what the server's own says."""
        return await _clocks(await conn.execute(_CLOCKS))

    async def clock_seen(self, conn: Connection, boot: str) -> tuple[Reading | None, datetime | None]:
        """What a worker, of whichever service, last read of the server's clock on this machine since this start of it;
        and the latest that any worker has read."""
        rows = await conn.execute(
            """select server_time, before_ticks, after_ticks from clock_seen
            where boot = %s order by before_ticks desc limit 1""",
            (boot,),
        )
        row = await rows.fetchone()
        latest = await (await conn.execute("select max(server_time) from clock_seen")).fetchone()
        return None if row is None else Reading(*row), latest[0] if latest is not None else None

    async def positions(self, conn: Connection) -> dict[Partition, Position]:
        """Each partition that this service knows; what lies before its next offset has its end."""
        return await _positions(await conn.execute(_POSITIONS, (self.service,)))

    async def lock_positions(self, conn: Connection, partitions: Iterable[Partition]) -> None:
        """One worker at a time in each partition: one that lost it and has not noticed is waited for, or waits."""
        ordered = sorted(partitions)
        await self.meet(conn, ordered)
        await conn.execute(_LOCK_POSITIONS, (self.service, *columns(ordered, 2)))

    async def meet(self, conn: Connection, partitions: Iterable[Partition]) -> None:
        """Make partitions known that were not: nothing of them has been read."""
        await conn.execute(
            """insert into stream_position (service, topic, partition)
            select %s, * from unnest(%b::text[], %b::int[]) on conflict do nothing""",
            (self.service, *columns(sorted(partitions), 2)),
        )

    async def begin(
        self,
        conn: Connection,
        partitions: Iterable[Partition],
        events: Collection[tuple[str, str]],
        notifications: Collection[str],
        names: Collection[str],
    ) -> Begun:
        """Locks these partitions, then reads what a batch starts from, in one exchange. `events`: ids and sources."""
        ordered = sorted(partitions)
        async with conn.pipeline():
            await conn.execute(_LOCK_POSITIONS, (self.service, *columns(ordered, 2)))
            clocks = await conn.execute(_CLOCKS)
            positions = await conn.execute(_POSITIONS, (self.service,))
            known = await conn.execute(_KNOWN, (self.service, *columns(sorted(events), 2)))
            answered = await self._ask_answered(conn, notifications)
            named = await conn.execute(NAMES_OF, {"s": self.service, "names": sorted(names)})
        reached = await _positions(positions)
        if not reached.keys() >= set(ordered):
            await self.meet(conn, ordered)
            return await self.begin(conn, ordered, events, notifications, names)
        return Begun(
            await _clocks(clocks),
            reached,
            {fact_id(source, event): bytes(digest) for event, source, digest in await known.fetchall()},
            await _delivered_as(answered),
            await _names_of(named),
        )

    async def closed(self, conn: Connection, names: frozenset[str], found: NamesOf) -> tuple[frozenset[str], NamesOf]:
        """All that belongs together with these references, without a lock, and the statements that tie them.

        `found`: the statements at the first of them.
        """
        while (wider := names.union(*found.values())) != names:
            names = wider
            rows = await conn.execute(NAMES_OF, {"s": self.service, "names": sorted(names)})
            for statement, own in (await _names_of(rows)).items():
                found.setdefault(statement, set()).update(own)
        return names, found

    async def lock_matters(
        self, conn: Connection, names: frozenset[str], names_of: NamesOf
    ) -> Matters | frozenset[str]:
        """Lock these references in key order and read the facts there, in one exchange. If the set was not closed, give
        a larger one back.

        `names_of`: the statements that are known to name these references, and those that are about to. `insert ... on
        conflict do nothing` does not lock existing rows, so the select after it locks them.
        """
        if not names:
            return Matters(names, {}, {}, {}, {}, {})
        ordered = sorted(names)
        statements = (self.service, *columns(sorted(names_of), 2))
        crimes_named = list(crimes_in(ordered))
        async with conn.pipeline():
            await conn.execute(
                "insert into reference select %s, * from unnest(%b::text[]) on conflict do nothing",
                (self.service, ordered),
            )
            await conn.execute(
                "select 1 from reference where service = %s and name = any(%b) order by name for update",
                (self.service, ordered),
            )
            named = await conn.execute(NAMES_OF, {"s": self.service, "names": ordered})
            facts = await conn.execute(_CURRENT, statements)
            lying = await conn.execute(_MEMBERSHIP, statements)
            places = await conn.execute(_PLACES, (self.service, crimes_named))
            joined = await conn.execute(_JOINS, self._of_records(records_named(ordered)))
            undertaken = await conn.execute(UNDERTAKINGS, (self.service, crimes_named))
        found = {statement: set(own) for statement, own in names_of.items()}
        for statement, subject, name in await named.fetchall():
            found.setdefault((statement, subject), set()).add(name)
        closed = names.union(*found.values())
        if closed != names or found.keys() != names_of.keys():
            return closed
        membership: dict[str, dict[FileKey, tuple[str, ...]]] = {}
        for fact, file, through in await lying.fetchall():
            membership.setdefault(fact, {})[file] = tuple(through)
        persons: dict[str, dict[Place, FileKey]] = {}
        for crime, place, person in await places.fetchall():
            persons.setdefault(crime, {})[place] = person
        stored = [self._fact(row) for row in await facts.fetchall()]
        current = {each.fact.statement: each for each in stored}
        return Matters(names, found, current, membership, persons, await _joins(joined), await _words(undertaken))

    async def named_at(self, conn: Connection, names: Collection[str]) -> NamesOf:
        """The statements at these references, each with all of its own."""
        return await _names_of(await conn.execute(NAMES_OF, {"s": self.service, "names": sorted(names)}))

    async def files_beside(self, conn: Connection, records: Iterable[FileKey]) -> set[FileKey]:
        """The files that say of somebody that one of these records is theirs."""
        rows = await conn.execute(_BESIDE, (self.service, sorted(records)))
        return {file for (file,) in await rows.fetchall()}

    async def lock_files(
        self,
        conn: Connection,
        files: Iterable[FileKey],
        load: Iterable[FileKey],
        named: Iterable[FileKey] = (),
        notifications: Collection[str] = (),
    ) -> tuple[dict[FileKey, FileState], dict[FileKey, Joined], dict[str, Delivered]]:
        """Lock these files in key order and read those to evaluate. Now that nothing can move, also read the joins that
        merges make in them and among the persons `named`, and what these notifications resolve to."""
        ordered, wanted = sorted(files), sorted(load)
        if not ordered:
            return {}, {}, {}
        async with conn.pipeline():
            await conn.execute(
                "insert into case_file (service, file) select %s, * from unnest(%b::text[]) on conflict do nothing",
                (self.service, ordered),
            )
            locked = await conn.execute(
                """select file, evaluations, evaluated_at, faulted_tries, due_because from case_file
                where service = %s and file = any(%b) order by file for update""",
                (self.service, ordered),
            )
            answered = await self._ask_answered(conn, notifications)
            contents = await self._ask_contents(conn, wanted)
        rows: dict[FileKey, tuple[FileState, str]] = {
            file: (FileState(file, evaluations, at, tries), why)
            for file, evaluations, at, tries, why in await locked.fetchall()
        }
        states = {file: rows[file][0] for file in wanted}
        joins = await self._fill(conn, states, contents, {*ordered, *named})
        await self._as_last_evaluated(conn, (rows[file] for file in wanted))
        return states, joins, await _delivered_as(answered)

    async def take_due(
        self, conn: Connection, now: datetime, read_to: datetime | None, limit: int
    ) -> tuple[list[tuple[list[FileState], Any]], dict[FileKey, Joined]]:
        """Files that are due, or whose held-back duties the streams have reached, each with the other files of the same
        person, and the cause; and the joins that merges make in them.

        Files that another worker has locked are skipped, together with the whole person: that worker evaluates them.
        """
        rows = await conn.execute(_DUE, {"s": self.service, "now": now, "read": read_to, "n": limit})
        due = [
            (FileState(file, evaluations, at, tries), cause)
            for file, evaluations, at, tries, cause in await rows.fetchall()
        ]
        states = {state.key: state for state, _ in due}
        because = {state.key: cause for state, cause in due}
        joins = await _joins(await conn.execute(_JOINS, self._of_records(states)))
        if others := together(states, joins) - states.keys():
            rows = await conn.execute(
                """select file, evaluations, evaluated_at, faulted_tries, due_because from case_file
                where service = %s and file = any(%b) order by file for update skip locked""",
                (self.service, sorted(others)),
            )
            for file, evaluations, at, tries, why in await rows.fetchall():
                states[file], because[file] = FileState(file, evaluations, at, tries), why
        groups: dict[frozenset[FileKey], Any] = {}
        for state, cause in due:
            if (group := together([state.key], joins)) <= states.keys():
                groups.setdefault(group, cause)
        states = {file: states[file] for group in groups for file in sorted(group)}
        async with conn.pipeline():
            contents = await self._ask_contents(conn, sorted(states))
        joins = await self._fill(conn, states, contents, states)
        await self._as_last_evaluated(conn, ((states[file], because[file]) for file in states))
        return [([states[file] for file in sorted(group)], cause) for group, cause in groups.items()], joins

    async def first_due(self, conn: Connection, now: datetime, read_to: datetime | None) -> tuple[str, int] | None:
        """The file that `take_due` takes when it takes one, and how often it has faulted, without reading it."""
        row = await (await conn.execute(_DUE, {"s": self.service, "now": now, "read": read_to, "n": 1})).fetchone()
        return None if row is None else (row[0], row[3])

    async def versions(self, conn: Connection, names: Sequence[str]) -> list[Fact]:
        """Every version, current or not, of what was stated at these references."""
        rows = await conn.execute(
            f"""select {_FACT} from fact f where f.service = %s and (f.statement, f.subject) in
            (select statement, subject from fact_reference where service = %s and name = any(%s))""",  # noqa: S608 - ours
            (self.service, self.service, list(names)),
        )
        return [self._fact(row).fact for row in await rows.fetchall()]

    async def faulted_since(self, conn: Connection, window: timedelta) -> int:
        """Files that faulted within this time, by the server's own clock."""
        rows = await conn.execute(
            "select count(*) from case_file where service = %s and faulted_on > clock_timestamp() - %s::interval",
            (self.service, window),
        )
        row = await rows.fetchone()
        return int(row[0]) if row is not None else 0

    async def _ask_answered(self, conn: Connection, notifications: Collection[str]) -> AsyncCursor[TupleRow] | None:
        return await conn.execute(_DELIVERED_AS, (sorted(notifications),)) if notifications else None

    def _of_records(self, records: Iterable[str], crimes: Iterable[str] = ()) -> Mapping[str, Any]:
        known = sorted(filter(is_record, records))
        return {"s": self.service, "records": known, "crimes": sorted(crimes)}

    async def _ask_contents(self, conn: Connection, files: list[FileKey]) -> Contents:
        """Facts, answers, what was told and withheld."""
        return Contents(*[await conn.execute(question, (self.service, files)) for question in _CONTENTS])

    async def _fill(
        self, conn: Connection, states: Mapping[FileKey, FileState], contents: Contents, named: Iterable[str]
    ) -> dict[FileKey, Joined]:
        """Fill these files. They must hold every record of each person. Returns the joins that merges make in them and
        among `named`."""
        for file, through, *columns_of_fact in await contents.facts.fetchall():
            stored = self._fact(columns_of_fact)
            states[file].facts[stored.fact.id] = (stored.fact, tuple(through), stored.missing)
        for file, content in await contents.delivered.fetchall():
            notification = notification_from_json(content)
            states[file].delivered[notification.key] = notification
        for file, content in await contents.withheld.fetchall():
            statement = withheld_from_json(content)
            states[file].withheld[statement.key] = statement
        for file, rule, subject, agency in await contents.unexplained.fetchall():
            states[file].unexplained.add(Key(rule, subject, agency))
        for file, rule, duty_subject, agency, revision, came, *columns_of_fact in await contents.answers.fetchall():
            fact = self._fact(columns_of_fact).fact
            states[file].answers[fact.statement] = Answer(fact, Key(rule, duty_subject, agency), revision, came)
        joins = await self._fill_persons(conn, states, named)
        for file in of_persons((state.case_file() for state in states.values()), joins):
            if file.key in states:
                states[file.key].current_before = file.current
        for state in states.values():
            state.withheld_before, state.unexplained_before = dict(state.withheld), set(state.unexplained)
        return joins

    async def _as_last_evaluated(self, conn: Connection, states: Iterable[tuple[FileState, str]]) -> None:
        """For files that accepted facts without an evaluation, read which facts were current at the last evaluation."""
        unseen = {state.key: state for state, because in states if because == "event"}
        if not unseen:
            return
        current_before: dict[str, set[str]] = {file: set() for file in unseen}
        rows = await conn.execute(
            """select file, facts_added, facts_removed from evaluation where service = %s and file = any(%s)
            order by file, number""",
            (self.service, sorted(unseen)),
        )
        async for file, added, removed in rows:
            current_before[file] = (current_before[file] | set(added)) - set(removed)
        for file, state in unseen.items():
            state.current_before = frozenset(current_before[file])

    async def _fill_persons(
        self, conn: Connection, states: Mapping[FileKey, FileState], named: Iterable[str]
    ) -> dict[FileKey, Joined]:
        """Who stands at each place of the matters that these files are about."""
        at: dict[str, list[FileState]] = {}
        for state in states.values():
            for crime in {crime for fact, _, _ in state.facts.values() for crime in crimes(fact)}:
                at.setdefault(crime, []).append(state)
        async with conn.pipeline():
            places = await conn.execute(_PLACES, (self.service, sorted(at)))
            joined = await conn.execute(_JOINS, self._of_records(named, at))
            undertaken = await conn.execute(UNDERTAKINGS, (self.service, sorted(at)))
        for crime, words in (await _words(undertaken)).items():
            for state in at[crime]:
                hear(state.undertakings, words.items())
        for crime, place, person in await places.fetchall():
            for state in at[crime]:
                state.persons[place] = person
        return await _joins(joined)

    def _fact(self, row: Sequence[Any]) -> StoredFact:
        identity, kind, subject, version, basis, at, type_, content, digest, missing = row
        body = self._body_of(type_, content)
        return StoredFact(Fact(identity, kind, subject, version, at, body, basis, digest), missing)


async def _clocks(rows: AsyncCursor[TupleRow]) -> Clocks:
    row = await rows.fetchone()
    assert row is not None  # noqa: S101 - a select without a table has one row
    return row[0], row[1]


async def _positions(rows: AsyncCursor[TupleRow]) -> dict[Partition, Position]:
    return {(topic, partition): Position(*position) for topic, partition, *position in await rows.fetchall()}


async def _delivered_as(rows: AsyncCursor[TupleRow] | None) -> dict[str, Delivered]:
    return (
        {}
        if rows is None
        else {
            i: Delivered(
                service, Key(rule, subject, agency), revision, file, delivered_in, notification_from_json(content)
            )
            for i, service, rule, subject, agency, revision, file, delivered_in, content in await rows.fetchall()
        }
    )


async def _words(rows: AsyncCursor[TupleRow]) -> dict[str, Words]:
    found: dict[str, Words] = {}
    for crime, *row in await rows.fetchall():
        hear(found.setdefault(crime, {}), [from_row(tuple(row))])
    return found


async def _joins(rows: AsyncCursor[TupleRow]) -> dict[FileKey, Joined]:
    return {record: Joined(person, tuple(through)) for record, person, through in await rows.fetchall()}


async def _names_of(rows: AsyncCursor[TupleRow]) -> NamesOf:
    found: NamesOf = {}
    for statement, subject, name in await rows.fetchall():
        found.setdefault((statement, subject), set()).add(name)
    return found


_FACT = ", ".join(
    f"f.{column}"
    for column in (
        *("id", "kind", "subject", "version", "version_basis", "recorded_at", "type", "content", "content_hash"),
        "missing",
    )
)
_CLOCKS = f"select {NOW}, clock_timestamp()"
_POSITIONS = "select topic, partition, next_offset, read_to, evaluate_from from stream_position where service = %s"
_LOCK_POSITIONS = """
select 1 from stream_position where service = %s and (topic, partition) in (select * from unnest(%b::text[], %b::int[]))
order by topic, partition for update
"""
_KNOWN = """
select event_id, source, content_hash from inbox where service = %s
and (event_id, source) in (select * from unnest(%b::text[], %b::text[]))
"""
# What these ids of notifications resolve to, of every service; those of none are left out.
_DELIVERED_AS = """
select n.id, n.service, n.rule, n.subject, n.agency, n.revision, t.file, n.file, n.content from notification n
join delivery t using (service, rule, subject, agency) where n.id = any(%b)
"""
# `offset 0` keeps to this order: of a table that was vacuumed and never analysed the planner takes the rows of a
# service for a few, and would go through them all.
NAMES_OF = """
with named as materialized (
    select distinct statement, subject from fact_reference where service = %(s)s and name = any(%(names)b))
select r.statement, r.subject, r.name from named n cross join lateral (
    select * from fact_reference where service = %(s)s and (statement, subject) = (n.statement, n.subject) offset 0) r
"""
_STATEMENTS = """
f.service = %s and f.is_current and (f.statement, f.subject) in (select * from unnest(%b::text[], %b::text[]))
"""
_CURRENT = f"select {_FACT} from fact f where {_STATEMENTS}"  # noqa: S608 - our columns
_MEMBERSHIP = f"""
select l.fact_id, l.file, l.through from fact f join file_membership l on l.service = f.service and l.fact_id = f.id
where {_STATEMENTS}
"""  # noqa: S608 - our words
# What was taken back since counts for nothing: it was not theirs to take on.
UNDERTAKINGS = """
select u.crime, u.kind, u.notification, u.version, u.at, u.fact_id, u.says, n.file, n.content from undertaking u
join notification n on n.id = u.notification
where u.service = %s and u.crime = any(%b) and not exists (
    select 1 from notification w
    where (w.service, w.rule, w.subject, w.agency) = (n.service, n.rule, n.subject, n.agency)
    and w.revision > n.revision and w.content::jsonb ->> 'state' = 'withdrawn')
"""
_PLACES = "select crime, place, person from place where service = %s and crime = any(%b)"
# Load every record of each person who has one of these, or who stands at one of these crime references.
_JOINS = """
select record, person, through from joined where service = %(s)s and person in (
    select person from joined where service = %(s)s and record in (
        select unnest(%(records)b::text[])
        union select person from place where service = %(s)s and crime = any(%(crimes)b)))
"""
_BESIDE = """
select distinct l.file from place p
cross join lateral (
    select * from fact_reference where service = p.service and name = 'crime:' || p.crime offset 0) r
join fact f on f.service = r.service and f.statement = r.statement and f.subject = r.subject and f.is_current
join file_membership l on l.service = f.service and l.fact_id = f.id
where p.service = %s and p.person = any(%b)
"""


_CONTENTS = (
    f"""select l.file, l.through, {_FACT} from file_membership l
    join fact f on f.service = l.service and f.id = l.fact_id
    where l.service = %s and l.file = any(%b) and f.is_current""",  # noqa: S608 - our columns
    "select file, content from delivery where service = %s and file = any(%b)",
    "select file, content from withheld where service = %s and file = any(%b)",
    "select file, rule, subject, agency from unexplained where service = %s and file = any(%b)",
    f"""select t.file, a.rule, a.duty_subject, a.agency, a.revision, a.came, {_FACT} from delivery t
    join answer a on a.service = t.service
    and a.rule = t.rule and a.duty_subject = t.subject and a.agency = t.agency
    join fact f on f.service = a.service and f.id = a.fact_id
    where t.service = %s and t.file = any(%b) and f.is_current""",  # noqa: S608 - our columns
)

_DUE = """
select file, evaluations, evaluated_at, faulted_tries, due_because from case_file
where service = %(s)s and file in (
    (select file from case_file where service = %(s)s and next_evaluation_at <= %(now)s
        order by next_evaluation_at limit %(n)s)
    union
    (select file from case_file where service = %(s)s and held_back_until <= %(read)s
        order by held_back_until limit %(n)s))
order by file limit %(n)s for update skip locked
"""
