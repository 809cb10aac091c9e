"""What became of events that were sent: read from the services' tables, as soon as it is known."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from schemas import registry
from schemas.agency_responses.v1 import AgencyBody, Answer, Linking
from schemas.attachments import AtAHearing, RefusalOfLink
from schemas.court_convictions.v1 import OfAHearing
from schemas.matters import case_of, of_case
from schemas.refusals import RefusalReason
from schemas.registry import Received
from schemas.values import Body
from services.ops.explained import missing
from services.ops.reading import Connection, reading
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.stored_notifications import notification_from_json
from services.platform.domain.linking.speaking import as_anybody_hears

POLL_SECONDS = 0.2
# Versions of one subject, where a source may take each sitting of a day for a statement of its own.
OF_HEARINGS = [name for name, each in registry.REGISTRY.facts.items() if isinstance(each.attachment, AtAHearing)]
# What services made of an event that is no longer new: what tells the sender most comes first.
TELLING = {
    "accepted": "taken.",
    "repeated": "known already; nothing changes.",
    "superseded": "a higher version is known already: nothing changes.",
    "not_ours": "no service here reads this kind of event.",
}
SENTENCES = {reason.value: reason.sentence for reason in RefusalReason}

Seen = Callable[[int], None]


class Fate(StrEnum):
    """What became of an event. `pending`: accepted, and linked to nobody yet. `unread`: a service that reads its stream
    has not read it."""

    ACCEPTED = "accepted"
    PENDING = "pending"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    FAULTED = "faulted"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome for one event. `counts`: whether it counts for the relay now, or may later. `said`: the sentence for
    its sender."""

    fate: Fate
    counts: bool
    said: str


class Sent(NamedTuple):
    """An event where the broker has it."""

    received: Received
    topic: str
    partition: int
    offset: int

    @property
    def place(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.offset


class End(NamedTuple):
    """What one service made of a record; `fate` None: it has not read it."""

    service: str
    fate: str | None
    fact: str | None


WHOLE = Outcome(Fate.ACCEPTED, counts=True, said="taken.")
# Two contents under one version: the same one is current in every service, whichever came first.
SUPERSEDES = Outcome(
    Fate.ACCEPTED,
    counts=True,
    said="taken, in place of another content with the same factversion. Of two such contents the one with the later "
    "time is current, at one time the one with the greater id. Give a correction a higher factversion.",
)
SUPERSEDED = Outcome(
    Fate.UNCHANGED,
    counts=False,
    said="another content with the same factversion is current, by its later time or its greater id; nothing changes. "
    "Where this one is right, send it again with a higher factversion.",
)
NOT_READ = Outcome(Fate.UNREAD, counts=True, said="not read yet.")


def awaited(database: str, sent: Sequence[Sent], seconds: float, seen: Seen = lambda _: None) -> list[Outcome]:
    """What became of each event, in the same order. Waits until every service has read all of them, or until nothing
    more was read for this long. `seen`: told how many every service has read."""
    read, until = -1, 0.0
    while True:
        with reading(database) as conn:
            found = outcomes(conn, sent)
        now_read = sum(outcome.fate is not Fate.UNREAD for outcome in found)
        seen(now_read)
        if now_read > read:
            read, until = now_read, time.monotonic() + seconds
        if now_read == len(sent) or time.monotonic() >= until:
            return found
        time.sleep(POLL_SECONDS)


def outcomes(conn: Connection, sent: Sequence[Sent]) -> list[Outcome]:
    """What the services have made of these events by now, in their order."""
    ends = _ends(conn, sent)
    refused = _refused(conn, sent)
    facts = [end.fact for each in ends.values() for end in each if end.fact is not None]
    lacking, rivals, left_out = _lacking(conn, facts), _of_one_version(conn, facts), _left_out(conn, facts)
    return [_outcome(conn, event, ends.get(event.place, ()), refused, lacking, rivals, left_out) for event in sent]


def _outcome(
    conn: Connection,
    event: Sent,
    ends: Sequence[End],
    refused: Mapping[tuple[str, int, int], str],
    lacking: Mapping[str, str],
    rivals: Mapping[str, bool],
    left_out: Mapping[str, Sequence[str]],
) -> Outcome:
    fates = {end.fate for end in ends}
    if "refused" in fates:
        return Outcome(Fate.REFUSED, counts=False, said=f"refused: {refused[event.place]}")
    if "faulted" in fates:
        services = ", ".join(sorted(end.service for end in ends if end.fate == "faulted"))
        said = f"it could not be judged ({services}); it is kept, and judged again after a release."
        return Outcome(Fate.FAULTED, counts=False, said=said)
    if not ends or None in fates:
        return NOT_READ
    fate = min((end.fate for end in ends if end.fate is not None), key=list(TELLING).index)
    fact = next((end.fact for end in ends if end.fate == fate), None)
    body = event.received.body
    if isinstance(body, Answer) and fact is not None:
        return _of_answer(conn, fact, body)
    left = left_out.get(fact, ()) if fact is not None else ()
    if fact is not None and fact in rivals:
        return _shorter(SUPERSEDES, left) if rivals[fact] else SUPERSEDED
    if fate != "accepted":
        return Outcome(Fate.UNCHANGED, counts=True, said=TELLING[fate])
    lacks = lacking.get(fact) if fact is not None else None
    if lacks is not None and not _refuses_a_link(event.received.kind):
        why = f"it waits: {missing(as_anybody_hears(event.received.kind, lacks))}."
        return _shorter(_pending(body, why), left)
    if isinstance(body, Linking) and (lacks is not None or not _known(conn, body)):
        return _pending(body, f"no fact here has that reference: is it the {body.what} that you mean?")
    return _shorter(WHOLE, left)


def _refuses_a_link(kind: str) -> bool:
    return isinstance(registry.REGISTRY.facts[kind].attachment, RefusalOfLink)


def _shorter(outcome: Outcome, left_out: Sequence[str]) -> Outcome:
    """The same of a hearing, with what the statement before it had and it has not."""
    if not left_out:
        return outcome
    return replace(
        outcome,
        said=f"{outcome.said} The statement before it also had {', '.join(left_out)}: that is taken back, and those "
        "who were told of it hear so. Where the court sat more than once that day, send all of it in one statement.",
    )


def _pending(body: Body, why: str) -> Outcome:
    """Accepted, and linked to nobody yet: enough for a publisher, but whoever links a reference that nobody has, has
    linked nothing."""
    said = isinstance(body, AgencyBody)
    return Outcome(Fate.PENDING, counts=not said, said=f"kept, but {why}" if said else f"taken; {why}")


def _ends(conn: Connection, sent: Sequence[Sent]) -> dict[tuple[str, int, int], list[End]]:
    """By place, what each service made of the record that has read its stream before."""
    rows = conn.execute(
        """select u.topic, u.partition, u.o, p.service, r.fate, r.fact_id
        from unnest(%s::text[], %s::int[], %s::bigint[]) as u(topic, partition, o)
        join (select distinct service, topic from stream_position) p on p.topic = u.topic
        left join record r on r.service = p.service and r.topic = u.topic and r.partition = u.partition
            and r."offset" = u.o order by p.service""",
        _places(sent),
    )
    found: dict[tuple[str, int, int], list[End]] = {}
    for topic, partition, offset, *end in rows:
        found.setdefault((topic, partition, offset), []).append(End(*end))
    return found


def _refused(conn: Connection, sent: Sequence[Sent]) -> dict[tuple[str, int, int], str]:
    """By place, why the record was refused: what its publisher can mend."""
    rows = conn.execute(
        """select r.topic, r.partition, r."offset", r.reason, r.detail
        from unnest(%s::text[], %s::int[], %s::bigint[]) as u(topic, partition, o)
        join refusal r on r.topic = u.topic and r.partition = u.partition and r."offset" = u.o""",
        _places(sent),
    )
    return {
        (topic, partition, offset): f"{SENTENCES[reason]} {detail}" for topic, partition, offset, reason, detail in rows
    }


def _lacking(conn: Connection, facts: Sequence[str]) -> dict[str, str]:
    """The link that each of these facts lacks, for those that are linked in no service."""
    rows = conn.execute(
        """select id, min(missing) from fact where id = any(%s) and is_current
        group by id having bool_and(missing is not null)""",
        (list(facts),),
    )
    return dict(rows.fetchall())


def _of_one_version(conn: Connection, facts: Sequence[str]) -> dict[str, bool]:
    """For each of these facts that shares its version with another content: whether it is the current one."""
    rows = conn.execute(
        """select f.id, bool_or(f.is_current) from fact f join fact o on o.service = f.service
            and (o.statement, o.subject, o.version) = (f.statement, f.subject, f.version)
            and o.content_hash <> f.content_hash and (o.is_current or f.is_current)
        where f.id = any(%s) group by f.id""",
        (list(facts),),
    )
    return dict(rows.fetchall())


def _left_out(conn: Connection, facts: Sequence[str]) -> dict[str, Sequence[str]]:
    """Of these facts the hearings that stand, each with what the statement before it had and it has not."""
    rows = conn.execute(
        """select distinct on (f.id) f.id, f.type, f.content, b.type, b.content from fact f join fact b
            on (b.service, b.statement, b.subject) = (f.service, f.statement, f.subject)
            and b.version <= f.version and b.id <> f.id
        where f.id = any(%s) and f.is_current and f.kind = any(%s)
        order by f.id, b.version desc, b.recorded_at desc, b.id desc""",
        (list(facts), OF_HEARINGS),
    )
    found = {}
    for fact, *stated in rows:
        now, before = (registry.body_of(*stated[n : n + 2]) for n in (0, 2))
        # A withdrawal lists nothing, and is meant so.
        if isinstance(now, OfAHearing) and isinstance(before, OfAHearing):
            found[fact] = sorted((Counter(before.lists) - Counter(now.lists)).elements())
    return {fact: left_out for fact, left_out in found.items() if left_out}


def _known(conn: Connection, body: Linking) -> bool:
    """Whether any fact but agencies' own statements has the reference that is linked."""
    names = [f"{body.what}:{body.reference}"] if body.what != "case" else _narrowest(body.reference)
    row = conn.execute(
        """select 1 from fact_reference r
        join fact f on f.service = r.service and f.statement = r.statement and f.subject = r.subject
        where r.name = any(%s) and f.is_current and f.kind not like 'uk.agency.%%' limit 1""",
        (names,),
    ).fetchone()
    return row is not None


def _narrowest(case: str) -> list[str]:
    """The names of one defendant's case; of the whole case where no defendant is named."""
    names = list(of_case(case_of(case)))
    return [name for name in names if not name.startswith("urn:")] or names


def _places(sent: Sequence[Sent]) -> tuple[list[str], list[int], list[int]]:
    return [event.topic for event in sent], [event.partition for event in sent], [event.offset for event in sent]


def _no(said: str) -> Outcome:
    return Outcome(Fate.ACCEPTED, counts=False, said=said)


def _of_answer(conn: Connection, fact: str, body: Answer) -> Outcome:
    row = conn.execute(
        """select n.content, t.content from notification n join delivery t using (service, rule, subject, agency)
        where n.id = %s and n.agency = %s""",
        (body.notification, body.agency),
    ).fetchone()
    if row is None:
        return _no("no notification with that id was sent to you: copy the id from the notification that you answer.")
    return of_answer(fact, body, *map(notification_from_json, row))


def of_answer(fact: str, body: Answer, answered: Notification, newest: Notification) -> Outcome:
    """Whether an answer that was taken counts for what its agency is asked now, as escalation counts it."""
    met = {ask.ask for ask in newest.asks if ask.met_by == fact}
    if not met and not newest.heeds(answered.revision):
        if newest.state == "withdrawn":
            return _no("that notification was taken back: it was wrong, and nothing is asked of you.")
        return _no(f"that notification was replaced by a newer one. Answer the newer one: {newest.id}.")
    if answered.state != "live":
        return _no("that notification is closed, and nothing is asked of you.")
    needing = [code for ask in answered.asks for code in ask.needs_reason]
    if body.lacks_reason(needing):
        return _no(f"{body.code} needs a coded reason: decide it again, with --reason.")
    wanted = [code for ask in answered.asks if ask.ask == "decide" for code in ask.answers]
    if body.decides and "decide" not in met and body.code not in wanted:
        asked = f"the decisions asked for are {' or '.join(wanted)}" if wanted else "no decision was asked for"
        return _no(f"it counts as read, but it decides nothing: {asked}.")
    return WHOLE
