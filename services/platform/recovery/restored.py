"""What was read back after the database went back: laid where it belongs, once the facts of it are known again."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from schemas.matters import CRIME
from schemas.places import Place, crime_of
from services.platform.domain.core.escalation import rule_of
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.file_keys import UNLINKED, FileKey, PlaceFile, is_unlinked
from services.platform.domain.core.stored_notifications import notification_from_json
from services.platform.domain.linking.links import link
from services.platform.domain.linking.merged_records import Placeholder
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.reader import Reader
from services.platform.storage.rows import Connection
from services.platform.storage.unlaid import UNLAID_FROM, UNLAID_TO

FILES_AT_ONCE = 10_000


async def lay_delivered(
    conn: Connection, reader: Reader, runs_in: Mapping[str, str], is_placeholder: Placeholder, now: datetime
) -> tuple[int, int]:
    """Lays what was read back into the file of its person or reference, and makes those files due. `runs_in`: for each
    rule the kind of file that it reads. Returns how many duties there were, and how many of them belong to none of the
    facts that are left."""
    rows = await conn.execute(
        "select content from delivery where service = %s and file >= %s and file < %s",
        (reader.service, UNLAID_FROM, UNLAID_TO),
    )
    notifications = [notification_from_json(content) async for (content,) in rows]
    of_persons = [
        notification for notification in notifications if runs_in.get(rule_of(notification.key)) != "references"
    ]
    of_references = [
        notification for notification in notifications if runs_in.get(rule_of(notification.key)) == "references"
    ]
    places = {Place(notification.person) for notification in of_persons}
    files = await _files_of_places(conn, reader, places, is_placeholder)
    # If a place has no fact left, the person who comes to stand there takes over what was delivered about it.
    files |= await _in_their_own_files(conn, reader.service, places - files.keys())
    unlinked_files = await _unlinked_files_of_facts(
        conn, reader, {i for n in of_references for i in n.grounds}, is_placeholder
    )
    laid: dict[Key, str] = {n.key: files[place] for n in of_persons if (place := Place(n.person)) in files}
    for notification in of_references:
        found = sorted({unlinked_files[ground] for ground in notification.grounds if ground in unlinked_files})
        if found:
            laid[notification.key] = found[0]
    await _lay(conn, reader.service, laid, now)
    return len(notifications), len(notifications) - len(laid)


async def number_evaluations(conn: Connection, service: str, pseudonyms: Pseudonyms) -> None:
    """Goes on behind the evaluations that were published: the same number of a file never names another look."""
    rows = await conn.execute("select file_pseudonym, number from evaluation_published where service = %s", (service,))
    published: dict[str, int] = {name: number async for name, number in rows}
    last = ""
    while published:
        rows = await conn.execute(
            "select file from case_file where service = %s and file > %s order by file limit %s",
            (service, last, FILES_AT_ONCE),
        )
        files = [file async for (file,) in rows]
        if not files:
            break
        last = files[-1]
        known = [(file, published[name]) for file in files if (name := pseudonyms.of(file)) in published]
        await conn.execute(
            """update case_file c set evaluations = greatest(c.evaluations, u.number)
            from unnest(%s::text[], %s::int[]) as u(file, number) where c.service = %s and c.file = u.file""",
            ([file for file, _ in known], [number for _, number in known], service),
        )
    await conn.execute("delete from evaluation_published where service = %s", (service,))


async def _files_of_places(
    conn: Connection, reader: Reader, places: Iterable[Place], is_placeholder: Placeholder
) -> dict[Place, FileKey]:
    """The person who stands at each of these places; for an empty place, the person who stood there last."""
    crimes = {place: crime_of(place) for place in places}
    rows = await conn.execute(
        "select place, person from place where service = %s and crime = any(%s)",
        (reader.service, sorted(set(crimes.values()))),
    )
    found = {place: person async for place, person in rows if place in crimes}
    gone = {crime for place, crime in crimes.items() if place not in found}
    as_it_was = link(await _last_known(conn, reader, [f"{CRIME}{crime}" for crime in gone]), is_placeholder)
    before = {place: person for at in as_it_was.persons.values() for place, person in at.items()}
    return {place: before[place] for place in crimes if place in before} | found


async def _in_their_own_files(conn: Connection, service: str, places: Iterable[Place]) -> dict[Place, FileKey]:
    alone = {place: PlaceFile(place).key for place in places}
    await conn.execute(
        """insert into place (service, crime, place, person)
        select %s, * from unnest(%s::text[], %s::text[], %s::text[]) on conflict do nothing""",
        (service, [crime_of(place) for place in alone], list(alone), list(alone.values())),
    )
    return alone


async def _unlinked_files_of_facts(
    conn: Connection, reader: Reader, facts: Iterable[str], is_placeholder: Placeholder
) -> dict[str, str]:
    """The unlinked file of each of these facts, if it has one; for a fact that is no longer current, its last one."""
    wanted = sorted(facts)
    rows = await conn.execute(
        """select fact_id, file from file_membership
        where service = %s and fact_id = any(%s) and starts_with(file, %s)""",
        (reader.service, wanted, UNLINKED),
    )
    found: dict[str, str] = {fact: file async for fact, file in rows}
    rows = await conn.execute(
        """select f.id, f.statement, f.subject, r.name from fact f
        join fact_reference r using (service, statement, subject)
        where f.service = %s and f.id = any(%s)""",
        (reader.service, [fact for fact in wanted if fact not in found]),
    )
    statements, names = dict[str, tuple[str, str]](), set[str]()
    async for fact, statement, subject, name in rows:
        statements[fact] = (statement, subject)
        names.add(name)
    known = await _last_known(conn, reader, sorted(names))
    membership = link(known, is_placeholder).membership
    # A version that another has replaced lay where that one lies.
    unlinked_files = {
        fact.statement: file for fact in known for file in membership.get(fact.id, ()) if is_unlinked(file)
    }
    return {fact: unlinked_files[said] for fact, said in statements.items() if said in unlinked_files} | found


async def _last_known(conn: Connection, reader: Reader, names: Sequence[str]) -> list[Fact]:
    """The highest version of each statement at these references that was not withdrawn."""
    newest: dict[tuple[str, str], Fact] = {}
    for fact in await reader.versions(conn, names):
        before = newest.get(fact.statement)
        if not fact.withdrawn and (before is None or before.rank < fact.rank):
            newest[fact.statement] = fact
    return list(newest.values())


async def _lay(conn: Connection, service: str, laid: Mapping[Key, str], now: datetime) -> None:
    keys = [(*key, file) for key, file in laid.items()]
    columns = [list(column) for column in zip(*keys, strict=True)] or [[], [], [], []]
    for table in ("delivery", "notification"):
        await conn.execute(
            f"""update {table} t set file = l.file
            from unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as l(rule, subject, agency, file)
            where t.service = %s and (t.rule, t.subject, t.agency) = (l.rule, l.subject, l.agency)
            and t.file >= %s and t.file < %s""",  # noqa: S608 - our own words
            (*columns, service, UNLAID_FROM, UNLAID_TO),
        )
    files = sorted(set(laid.values()))
    await conn.execute(
        "insert into case_file (service, file) select %s, * from unnest(%s::text[]) on conflict do nothing",
        (service, files),
    )
    await conn.execute(
        """update case_file set next_evaluation_at = least(next_evaluation_at, %s), due_because = 'event'
        where service = %s and file = any(%s)""",
        (now, service, files),
    )
    await conn.execute(
        """delete from case_file c where service = %s and file >= %s and file < %s and not exists (
            select 1 from delivery t where t.service = c.service and t.file = c.file)""",
        (service, UNLAID_FROM, UNLAID_TO),
    )
