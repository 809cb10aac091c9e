"""What the database keeps of an event, a notification, a duty, a person or a matter: found, read, not yet judged."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import LiteralString

from schemas import identifiers, registry
from schemas.agency_responses.v1 import Answer as AnswerBody
from schemas.carried import sought
from schemas.envelope import fact_id
from schemas.matters import CRIME, crimes_in
from schemas.places import Place, crime_of, party_place
from schemas.police_incidents.v1 import IncidentReported
from schemas.values import Body
from services.ops.explanation import (
    Answered,
    End,
    Evaluated,
    Issued,
    Kept,
    Material,
    PoliceMatters,
    Question,
    Refused,
    Version,
)
from services.ops.reading import Connection
from services.platform.domain.core.duties import Duty, Notification, Statement
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of, escalate
from services.platform.domain.core.evaluate import stated_of
from services.platform.domain.core.facts import Answer, CaseFile, Fact, Key, in_the_world
from services.platform.domain.core.file_keys import FileKey, is_unlinked
from services.platform.domain.core.outdated_answers import outdated
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stored_notifications import notification_from_json, withheld_from_json
from services.platform.domain.linking.merged_records import Joined, of_persons, together
from services.platform.domain.people.victims import held
from services.platform.policy.policy import Policy
from services.platform.storage.read_models import PENDING, clock
from services.platform.storage.reader import UNDERTAKINGS
from services.platform.storage.undertakings import Words, from_row, hear

FILE = re.compile(r"(?:record:[^:/\s]+|place|unlinked:[^:/\s]+):\S+")
REFERENCES = ("crime", "urn", "asn", "defendant", "court_case", "charge", "hearing", "order", "application")
START_OF_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f-]{0,27})?")
INCIDENT = "uk.police.incident-reported"
SHORTEST_PARTY = re.compile(r"(?P<crime>[^/\s]+)/(?P<number>[1-9][0-9]{0,2})")

Rules = Mapping[str, Sequence[Rule]]
File = tuple[str, str]
ServiceKey = tuple[str, Key]


@dataclass(frozen=True)
class Found:
    """What a question leads to: files, and within them the facts or duties that were asked about (None: all)."""

    question: Question
    files: frozenset[File]
    about: frozenset[str] | None = None
    keys: frozenset[Key] | None = None
    refused: tuple[Refused, ...] = ()
    ends: tuple[End, ...] = ()


@dataclass
class _Contents:
    """The current facts of one file with what leads there, as a rule's file is made of them."""

    facts: dict[str, tuple[Fact, tuple[str, ...], str | None]] = field(default_factory=dict)
    persons: dict[Place, FileKey] = field(default_factory=dict)
    undertakings: Words = field(default_factory=dict)

    def case_file(self, key: FileKey, answers: Iterable[Answer]) -> CaseFile:
        lacking = {fact.id: missing for fact, _, missing in self.facts.values() if missing}
        return CaseFile(
            key=key,
            facts=tuple(sorted((fact for fact, _, _ in self.facts.values()), key=in_the_world)),
            persons=self.persons,
            links={fact.id: through for fact, through, _ in self.facts.values() if through},
            unlinked=lacking if is_unlinked(key) else {},
            answers=tuple(sorted(answers, key=lambda answer: in_the_world(answer.fact))),
            undertakings=tuple(word.undertaking for word in self.undertakings.values() if word.undertaking),
        )


def gather(conn: Connection, asked: str, rules: Rules, policy_at: Callable[[datetime], Policy]) -> Material | None:
    """Everything that explains it; None where nothing goes by that name."""
    found = find(conn, asked.strip())
    if found is None:
        return None
    now = clock(conn)
    files = sorted(_of_persons(conn, found.files))
    delivered = _delivered(conn, files)
    answers = _answers(conn, delivered)
    stated = _stated(conn, files, delivered, [answer for _, answer in answers], rules, policy_at(now), now)
    issued = _issued(conn, delivered)
    kept = _kept(conn, files)
    ids = {i for known in issued for i in known.notification.grounds} | {
        i for known in kept for i in known.withheld.grounds
    }
    ids |= {i for notification in delivered.values() for i in notification.grounds} | (found.about or frozenset())
    return Material(
        asked=asked.strip(),
        question=found.question,
        now=now,
        about=found.about,
        keys=found.keys,
        versions=_versions(conn, files, ids),
        issued=issued,
        delivered=delivered,
        evaluations=_evaluations(conn, files),
        kept=kept,
        unexplained=_unexplained(conn, files),
        answers=tuple(_said(service, answer) for service, answer in answers),
        refused=found.refused,
        ends=found.ends,
        owed={which: statement for which, statement in stated.items() if isinstance(statement, Duty)},
        measured_by={which: statement.why.measured_by for which, statement in stated.items()},
        police=_police(conn, ids | _in_files(conn, files), delivered.values(), _refused_names(conn, asked)),
        read_to=_read_to(conn),
    )


def find(conn: Connection, asked: str) -> Found | None:
    """Find what has this name. Names are tried in this order, ids first, because nothing else has their form."""
    folded = "".join(asked.split())
    found = (
        _identified(conn, asked)
        or _identified(conn, folded.lower())
        or _duty(conn, asked)
        or _person(conn, folded)
        or next((found for spelt in _spellings(asked) if (found := _matter(conn, spelt))), None)
        or _logged(conn, folded)
        or _begun(conn, folded.lower())
    )
    return found if found is not None and found.refused else _with_refused(conn, found, asked)


def _with_refused(conn: Connection, found: Found | None, asked: str) -> Found | None:
    """Also what was refused and carries this name: it lies in no file, and its sender looks for it by what it is
    about."""
    refused = _refused(conn, "names && %s and settled_at is null", list(sought(asked)))
    if not refused:
        return found
    if found is None:
        return Found("matter", frozenset(), about=frozenset(), refused=refused)
    return replace(found, refused=refused)


def _spellings(asked: str) -> Iterator[str]:
    """As asked, in capitals, and as each kind of reference is spelt; `urn:` and its like before it stay."""
    kind, colon, name = asked.rpartition(":")
    folded = "".join(name.split())
    own = (spell(name) for spell in (identifiers.urn, identifiers.asn, identifiers.case))
    places = (spell(folded) for spell in (identifiers.hearing, identifiers.order))
    yield asked
    yield from dict.fromkeys(f"{kind}{colon}{spelt}" for spelt in (folded.upper(), *own, *places) if spelt)


def _identified(conn: Connection, asked: str) -> Found | None:
    return _notification(conn, asked) or _event(conn, asked) or _dead_letter(conn, asked)


def _begun(conn: Connection, start: str) -> Found | None:
    """By the first characters of an id, where one id alone begins so."""
    if not START_OF_ID.fullmatch(start):
        return None
    ids = conn.execute(
        """select id from notification where starts_with(id, %(start)s) union
        select event_id from inbox where starts_with(event_id, %(start)s) union
        select id from fact where starts_with(id, %(start)s) limit 2""",
        {"start": start},
    ).fetchall()
    return _identified(conn, ids[0][0]) if len(ids) == 1 else None


def _notification(conn: Connection, asked: str) -> Found | None:
    rows = conn.execute(
        """select t.service, t.file, n.rule, n.subject, n.agency from notification n
        join delivery t using (service, rule, subject, agency) where n.id = %s""",
        (asked,),
    ).fetchall()
    if not rows:
        return None
    keys = frozenset(_head(Key(rule, subject, agency)) for _, _, rule, subject, agency in rows)
    return Found("notification", frozenset((service, file) for service, file, *_ in rows), keys=keys)


def _event(conn: Connection, asked: str) -> Found | None:
    """The event, and everything told because of its matter, if it is a version of something. Its id is its source's; if
    several sources use one id, all their events. Grounds give the relay's own name of a fact."""
    rows = conn.execute(
        """select distinct source, event_id from inbox where event_id = %s
        union select source, event_id from fact where id = %s""",
        (asked, asked),
    )
    sources = {fact_id(source, event): source for source, event in rows}
    ids = sorted(sources)
    ends = tuple(
        End(service, sources[fact], fate, at)
        for service, fact, fate, at in conn.execute(
            """select distinct service, fact_id, fate, at from record where fact_id = any(%s)
            order by at, service, fate, fact_id""",
            (ids,),
        )
    )
    refused = _refused(conn, "event_id = %s", asked)
    files = {
        (service, file)
        for service, file in conn.execute(
            """select l.service, l.file from file_membership l join fact f on f.service = l.service and f.id = l.fact_id
            join fact e on e.service = f.service and e.statement = f.statement and e.subject = f.subject
                where e.id = any(%(ids)s)
            union select t.service, t.file from answer a join delivery t on t.service = a.service and t.rule = a.rule
                and t.subject = a.duty_subject and t.agency = a.agency
                where a.fact_id = any(%(ids)s)""",
            {"ids": ids},
        )
    }
    if not (sources or refused):
        return None
    versions = conn.execute(
        """select v.service, v.id, v.subject, coalesce((e.content::jsonb ->> 'withdrawn')::boolean, false) from fact e
        join fact v on v.service = e.service and v.statement = e.statement and v.subject = e.subject
        where e.id = any(%s)""",
        (ids,),
    ).fetchall()
    files |= _once(conn, {i for _, i, _, _ in versions}, {subject for _, _, subject, _ in versions})
    # What a withdrawal takes back rests on the versions before it, and never on the withdrawal.
    about = frozenset(ids) | {i for _, i, _, takes_back in versions if takes_back}
    return Found("event", frozenset(files), about=about, refused=refused, ends=ends)


def _once(conn: Connection, ids: Iterable[str], names: Iterable[str]) -> set[File]:
    """Files that these facts, all versions of them, once lay in: where they caused an evaluation, and where something
    was told whose subject bears one of these names. What is taken back lies nowhere, and stays told. The names are
    looked for in all that was ever told, where no evaluation is known."""
    evaluated = conn.execute(
        "select distinct service, file from evaluation where fact_ids && %s::text[]", (sorted(set(ids)),)
    ).fetchall()
    files_found = evaluated or conn.execute(
        """select distinct t.service, t.file from delivery t join unnest(%s::text[]) as n(name)
        on t.subject = n.name or starts_with(t.subject, n.name || '/')""",
        (sorted(set(names)),),
    )
    return {(service, file) for service, file in files_found}


def _dead_letter(conn: Connection, asked: str) -> Found | None:
    refused = _refused(conn, "dead_letter = %s", asked)
    return Found("dead letter", frozenset(), about=frozenset(), refused=refused) if refused else None


def _duty(conn: Connection, asked: str) -> Found | None:
    """`rule/subject/agency`, or without the agency all that were told or considered."""
    rule, _, rest = asked.partition("/")
    if not rest:
        return None
    subject, _, agency = rest.rpartition("/")
    rows = conn.execute(
        """select service, file, rule, subject, agency from delivery
        where rule = %(rule)s and ((subject, agency) = (%(subject)s, %(agency)s) or subject = %(rest)s)
        union select service, file, rule, subject, agency from withheld
        where rule = %(rule)s and ((subject, agency) = (%(subject)s, %(agency)s) or subject = %(rest)s)""",
        {"rule": rule, "subject": subject, "agency": agency, "rest": rest},
    ).fetchall()
    if not rows:
        return None
    keys = frozenset(_head(Key(*key)) for _, _, *key in rows)
    return Found("duty", frozenset((service, file) for service, file, *_ in rows), keys=keys)


def _person(conn: Connection, asked: str) -> Found | None:
    """A file's key, or a place in a matter (`54260012345/party/1`, or short `54260012345/1`)."""
    files: set[File] = set()
    if FILE.fullmatch(asked):
        rows = conn.execute("select service, file from case_file where file = %s", (asked,)).fetchall()
        files |= {(service, file) for service, file in rows}
    short = SHORTEST_PARTY.fullmatch(asked)
    place = party_place(short["crime"], int(short["number"])) if short else asked
    rows = conn.execute(
        """select p.service, p.person from place p join case_file c on c.service = p.service and c.file = p.person
        where p.crime = %s and p.place = %s""",
        (crime_of(place), place),
    ).fetchall()
    files |= {(service, person) for service, person in rows}
    return Found("person", frozenset(files)) if files else _once_at(conn, place)


def _once_at(conn: Connection, place: str) -> Found | None:
    """For an empty place: what was told of the person who stood there."""
    crime = crime_of(place)
    ids = (i for _, i, _ in _named(conn, [f"{CRIME}{crime}"]))
    files = frozenset(_once(conn, ids, [crime]))
    delivered = _delivered(conn, sorted(files))
    keys = frozenset(_head(key) for (_, key), notification in delivered.items() if notification.person == place)
    return Found("person", files, keys=keys) if keys else None


def _matter(conn: Connection, asked: str) -> Found | None:
    """Find a crime reference, URN, ASN, order, application, hearing or court case: all facts that name it."""
    kind, _, name = asked.partition(":")
    kind = kind.lower()
    named = kind in REFERENCES and bool(name)
    rows = _named(conn, [f"{kind}:{name}"] if named else [f"{kind}:{asked}" for kind in REFERENCES])
    if not rows:
        return None
    ids = frozenset(i for _, i, _ in rows)
    files = {(service, file) for service, _, file in rows if file is not None}
    return Found("matter", frozenset(files | _once(conn, ids, [name if named else asked])), about=ids)


def _named(conn: Connection, names: Sequence[str]) -> list[tuple[str, str, str | None]]:
    """Service, id and file of all versions of the facts that bear one of these names; no file where none holds it."""
    return conn.execute(
        """select distinct f.service, f.id, l.file from fact_reference r
        join fact f on f.service = r.service and f.statement = r.statement and f.subject = r.subject
        left join file_membership l on l.service = f.service and l.fact_id = f.id where r.name = any(%s)""",
        (list(names),),
    ).fetchall()


def _logged(conn: Connection, asked: str) -> Found | None:
    """By the number of an incident's log, which notifications bear; no fact is linked by it, so all incidents are
    read."""
    row = conn.execute(
        """select subject from fact where kind = %s and upper(content::jsonb ->> 'incident_log') = upper(%s)
        group by subject order by max(accepted_at) desc limit 1""",
        (INCIDENT, asked),
    ).fetchone()
    return _matter(conn, f"{CRIME}{row[0]}") if row else None


def _of_persons(conn: Connection, files: frozenset[File]) -> frozenset[File]:
    """These files and those of all other records of the same persons."""
    joins = _joins(conn, files)
    return files.union(
        (service, record)
        for service in {service for service, _ in files}
        for record in together([FileKey(file) for of, file in files if of == service], joins.get(service, {}))
    )


def _joins(conn: Connection, records: Iterable[File]) -> dict[str, dict[FileKey, Joined]]:
    """By service what merges join of these records, and of all others of the same persons."""
    rows = conn.execute(
        """select service, record, person, through from joined where (service, person) in (
            select j.service, j.person from joined j
            join unnest(%s::text[], %s::text[]) as k(service, record) on j.service = k.service and j.record = k.record
        )""",
        _columns(sorted(set(records)), 2),
    )
    found: dict[str, dict[FileKey, Joined]] = {}
    for service, record, person, through in rows:
        found.setdefault(service, {})[record] = Joined(person, tuple(through))
    return found


def _refused(conn: Connection, where: LiteralString, asked: object) -> tuple[Refused, ...]:
    rows = conn.execute(
        f"""select service, topic, reason, stage, detail, last_at, attempts, dead_letter, settled_at
        from refusal where {where} order by last_at, service""",  # noqa: S608 - our own words
        (asked,),
    )
    return tuple(Refused(*row) for row in rows)


def _head(key: Key) -> Key:
    while key.rule in ESCALATION_STEPS:
        key, _ = asked_of(key)
    return key


def _delivered(conn: Connection, files: Sequence[File]) -> dict[ServiceKey, Notification]:
    rows = conn.execute(
        """select t.service, t.content from delivery t
        join unnest(%s::text[], %s::text[]) as f(service, file) on t.service = f.service and t.file = f.file""",
        _columns(files, 2),
    )
    return {
        (service, notification.key): notification
        for service, content in rows
        for notification in (notification_from_json(content),)
    }


def _issued(conn: Connection, delivered: Iterable[ServiceKey]) -> tuple[Issued, ...]:
    rows = conn.execute(
        """select n.service, n.content, n.file, n.evaluation, n.published_at, o.parked from notification n
        join unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as k(service, rule, subject, agency)
            on (n.service, n.rule, n.subject, n.agency) = (k.service, k.rule, k.subject, k.agency)
        left join outbox o on o.notification_id = n.id and o.parked is not null""",
        _columns(sorted((service, *key) for service, key in delivered), 4),
    )
    return tuple(
        Issued(service, notification_from_json(content), file, evaluation, published_at, parked)
        for service, content, file, evaluation, published_at, parked in rows
    )


def _evaluations(conn: Connection, files: Sequence[File]) -> tuple[Evaluated, ...]:
    rows = conn.execute(
        """select l.service, l.file, l.number, l.at, l.cause, l.fact_ids, l.release, l.policy_version, l.faulted
        from evaluation l where (l.service, l.file) in (select * from unnest(%s::text[], %s::text[]))
            or (l.service, l.file) in (select n.service, n.file from notification n join delivery t
                using (service, rule, subject, agency)
                where (t.service, t.file) in (select * from unnest(%s::text[], %s::text[])))""",
        (*_columns(files, 2), *_columns(files, 2)),
    )
    return tuple(Evaluated(*row) for row in rows.fetchall())


def _kept(conn: Connection, files: Sequence[File]) -> tuple[Kept, ...]:
    rows = conn.execute(
        """select w.service, w.file, w.content, w.since from withheld w
        join unnest(%s::text[], %s::text[]) as f(service, file) on w.service = f.service and w.file = f.file""",
        _columns(files, 2),
    )
    return tuple(Kept(service, file, withheld_from_json(content), since) for service, file, content, since in rows)


def _unexplained(conn: Connection, files: Sequence[File]) -> dict[ServiceKey, datetime]:
    rows = conn.execute(
        """select u.service, u.rule, u.subject, u.agency, u.since from unexplained u
        join unnest(%s::text[], %s::text[]) as f(service, file) on u.service = f.service and u.file = f.file""",
        _columns(files, 2),
    )
    return {(service, Key(rule, subject, agency)): since for service, rule, subject, agency, since in rows}


def _answers(conn: Connection, delivered: Iterable[ServiceKey]) -> list[tuple[str, Answer]]:
    rows = conn.execute(
        """select a.service, a.rule, a.duty_subject, a.agency, a.revision, a.came, f.id, f.kind, f.subject,
            f.version, f.version_basis, f.recorded_at, f.type, f.content
        from answer a join fact f on f.service = a.service and f.id = a.fact_id and f.is_current
        join unnest(%s::text[], %s::text[], %s::text[], %s::text[]) as k(service, rule, subject, agency)
            on (a.service, a.rule, a.duty_subject, a.agency) = (k.service, k.rule, k.subject, k.agency)""",
        _columns(sorted((service, *key) for service, key in delivered), 4),
    )
    return [
        (service, Answer(_fact(fact), Key(rule, subject, agency), revision, came))
        for service, rule, subject, agency, revision, came, *fact in rows
    ]


def _said(service: str, answer: Answer) -> Answered:
    fact, body = answer.fact, answer.fact.body
    code = body.code if isinstance(body, AnswerBody) else None
    return Answered(
        service,
        fact.id,
        fact.kind,
        answer.key,
        answer.revision,
        None if code is None else str(code),
        fact.at,
        fact.withdrawn,
    )


def _versions(conn: Connection, files: Sequence[File], ids: Iterable[str]) -> tuple[Version, ...]:
    """All versions of the facts in these files, and of these facts. `missing`: only if somebody waits for it; a service
    that does not read the stream with the other half always lacks it."""
    rows = conn.execute(
        f"""select v.service, v.id, v.source, v.event_id, v.kind, v.subject, v.statement, v.version, v.version_basis,
            v.recorded_at, v.accepted_at, v.is_current,
            case when w.id is not null or v.missing in ('unknown_notification', 'not_the_recipient') then v.missing end,
            v.content_hash,
            coalesce((v.content::jsonb ->> 'withdrawn')::boolean, false)
        from fact v left join ({PENDING}) w on w.service = v.service and w.id = v.id
        where (v.service, v.statement, v.subject) in (
            select f.service, f.statement, f.subject from file_membership l
            join unnest(%s::text[], %s::text[]) as k(service, file) on l.service = k.service and l.file = k.file
            join fact f on f.service = l.service and f.id = l.fact_id
            union select f.service, f.statement, f.subject from fact f
            join (select distinct service from stream_position) s on f.service = s.service and f.id = any(%s))""",  # noqa: S608 - our own words
        (*_columns(files, 2), sorted(ids)),
    )
    return tuple(Version(*row) for row in rows.fetchall())


def _stated(
    conn: Connection,
    files: Sequence[File],
    delivered: Mapping[ServiceKey, Notification],
    answers: Iterable[Answer],
    rules: Rules,
    policy: Policy,
    now: datetime,
) -> dict[ServiceKey, Statement]:
    """What rules and escalation steps state now: they alone know the classes of what was said, and by what it was
    measured. A file that they cannot be run on has none, and nothing is shown of it."""
    heard = [answer for answer in answers if not answer.fact.withdrawn]
    found: dict[ServiceKey, Statement] = {}
    contents = _contents(conn, files)
    persons = {(of, who) for (of, key), each in contents.items() for who in (key, *each.persons.values())}
    joins = _joins(conn, persons)
    for service in {service for service, _ in files}:
        here = {key: notification for (of, key), notification in delivered.items() if of == service}
        own = [each.case_file(FileKey(key), heard) for (of, key), each in contents.items() if of == service]
        for file in of_persons(own, joins.get(service, {})):
            stated, _ = stated_of([file], here, rules.get(service, ()), policy)
            for statement in escalate(stated, here, heard, policy, file.current, partial(_who, file), now):
                found[service, statement.key] = statement
            found |= {(service, reply.key): reply for reply in outdated(heard, here, policy)}
    return found


def _who(file: CaseFile, place: str) -> str:
    return file.persons.get(Place(place), place)


def _contents(conn: Connection, files: Sequence[File]) -> dict[File, _Contents]:
    found = {file: _Contents() for file in files}
    rows = conn.execute(
        """select l.service, l.file, l.through, f.missing, f.id, f.kind, f.subject, f.version, f.version_basis,
            f.recorded_at, f.type, f.content
        from file_membership l join unnest(%s::text[], %s::text[]) as k(service, file)
            on l.service = k.service and l.file = k.file
        join fact f on f.service = l.service and f.id = l.fact_id and f.is_current""",
        _columns(files, 2),
    )
    for service, key, through, missing, *columns in rows:
        fact = _fact(columns)
        found[service, key].facts[fact.id] = (fact, tuple(through), missing)
    rows = conn.execute(
        """select distinct l.service, l.file, p.place, p.person from file_membership l
        join unnest(%s::text[], %s::text[]) as k(service, file) on l.service = k.service and l.file = k.file
        join fact f on f.service = l.service and f.id = l.fact_id
        join fact_reference r on r.service = f.service and r.statement = f.statement and r.subject = f.subject
        join place p on p.service = l.service and r.name = 'crime:' || p.crime""",
        _columns(files, 2),
    )
    for service, key, place, person in rows:
        found[service, key].persons[place] = person
    for service in {service for service, _ in files}:
        mine = [each for (of, _), each in found.items() if of == service]
        crimes = sorted({crime_of(place) for each in mine for place in each.persons})
        for crime, *row in conn.execute(UNDERTAKINGS, (service, crimes)):
            for each in mine:
                if any(crime_of(place) == crime for place in each.persons):
                    hear(each.undertakings, [from_row(tuple(row))])
    return found


def _in_files(conn: Connection, files: Sequence[File]) -> set[str]:
    rows = conn.execute(
        """select l.fact_id from file_membership l
        join unnest(%s::text[], %s::text[]) as k(service, file) on l.service = k.service and l.file = k.file""",
        _columns(files, 2),
    )
    return {fact for (fact,) in rows}


def _refused_names(conn: Connection, asked: str) -> set[str]:
    """All names of what was refused under this one."""
    rows = conn.execute(
        "select distinct unnest(names) from refusal where names && %s or dead_letter = %s",
        (list(sought(asked)), asked.strip()),
    )
    return {name for (name,) in rows}


def _police(
    conn: Connection, ids: Collection[str], delivered: Iterable[Notification], names: Collection[str]
) -> PoliceMatters:
    """Those of these facts, notifications and refused records that belong to an incident in which a suspect is police,
    by its last statement."""
    through = conn.execute(
        "select distinct unnest(through) from file_membership where fact_id = any(%s)", (sorted(ids),)
    ).fetchall()
    known = sorted({*ids, *(fact for (fact,) in through)})
    named = conn.execute(
        """select distinct r.name from fact f join fact_reference r
            on r.service = f.service and r.statement = f.statement and r.subject = f.subject
        where f.id = any(%s) and starts_with(r.name, %s)""",
        (known, CRIME),
    ).fetchall()
    crimes = {*crimes_in(name for (name,) in named)} | {crime_of(n.person) for n in delivered} | {*names}
    rows = conn.execute(
        """select distinct on (subject) type, content from fact
        where kind = %s and subject = any(%s) and not coalesce((content::jsonb ->> 'withdrawn')::boolean, false)
        order by subject, version desc, recorded_at desc, id desc""",
        (INCIDENT, sorted(crimes)),
    ).fetchall()
    incidents = [body for row in rows if isinstance(body := _body(*row), IncidentReported)]
    his = [incident for incident in incidents if held(incident) is Reason.SUSPECT_IS_POLICE]
    if not his:
        return PoliceMatters()
    facts = conn.execute(
        """select f.id from fact f join fact_reference r
            on r.service = f.service and r.statement = f.statement and r.subject = f.subject
        where r.name = any(%s)""",
        ([f"{CRIME}{incident.crime_reference}" for incident in his],),
    ).fetchall()
    direct = sorted({fact for (fact,) in facts})
    led = conn.execute(
        "select distinct fact_id from file_membership where fact_id = any(%s) and through && %s::text[]",
        (known, direct),
    ).fetchall()
    suspects = [party for incident in his for party in incident.parties if party.is_police]
    return PoliceMatters(
        crimes=frozenset(incident.crime_reference for incident in his),
        facts=frozenset({*direct, *(fact for (fact,) in led)}),
        forces=frozenset(filter(None, (*(i.force_code for i in his), *(party.residence.force for party in suspects)))),
    )


def _read_to(conn: Connection) -> dict[str, datetime | None]:
    """How far each service has read all its streams; None while one has not been read at all."""
    rows = conn.execute(
        """select service, case when bool_and(read_to is not null) then min(read_to) end
        from stream_position group by service"""
    )
    return dict(rows.fetchall())


def _fact(row: Sequence[object]) -> Fact:
    identity, kind, subject, version, basis, at, type_, content = row
    return Fact(identity, kind, subject, version, at, _body(type_, content), basis)  # type: ignore[arg-type]


def _body(type_: object, content: object) -> Body:
    return registry.body_of(str(type_), str(content))


def _columns(rows: Sequence[Sequence[object]], width: int) -> tuple[list[object], ...]:
    return tuple([row[n] for row in rows] for n in range(width))
