"""What came of something that a person at an agency said: read from the services' tables, as soon as it is known."""

import time
from dataclasses import dataclass

from schemas.agency_responses.v1 import Answer, Decided
from schemas.envelope import fact_id
from schemas.refusals import RefusalReason
from schemas.registry import Received
from services.casefile.duties import Notice
from services.casefile.notices import notice_from_json
from services.ops.reading import Connection, one, reading

LOOK_SECONDS = 0.2
TAKEN = ("accepted", "superseded", "repeated")


@dataclass(frozen=True, slots=True)
class Outcome:
    """`counts`: whether the relay goes by it now. `said`: what to tell whoever said it."""

    counts: bool
    said: str


SENTENCES = {reason.value: reason.sentence for reason in RefusalReason}
WHOLE = Outcome(counts=True, said="taken.")


def awaited(database: str, received: Received, seconds: float) -> Outcome | None:
    """What came of it within this time; None where no service has read it by then."""
    until = time.monotonic() + seconds
    while True:
        with reading(database) as conn:
            found = outcome(conn, received)
        if found is not None or time.monotonic() >= until:
            return found
        time.sleep(LOOK_SECONDS)


def outcome(conn: Connection, received: Received) -> Outcome | None:
    """What the services have made of this event; None while they have not read it."""
    event = received.envelope.source, received.envelope.id
    refused = conn.execute(
        "select reason, detail from refusal where (source, event_id) = (%s, %s) order by first_at limit 1", event
    ).fetchone()
    if refused is not None:
        return Outcome(counts=False, said=f"refused: {SENTENCES[refused[0]]} {refused[1]}")
    fact = fact_id(*event)
    taken = one(
        conn,
        """select 1 from (select distinct service from stream_position) s
        join record r on r.service = s.service and r.fact_id = %s where r.fate = any(%s) limit 1""",
        (fact, list(TAKEN)),
    )
    if taken is None:
        return None
    return _of_answer(conn, fact, received.body) if isinstance(received.body, Answer) else WHOLE


def _of_answer(conn: Connection, fact: str, body: Answer) -> Outcome:
    row = conn.execute(
        """select n.content, t.content from notice n join told t using (service, rule, subject, agency)
        where n.id = %s""",
        (body.notification,),
    ).fetchone()
    if row is None:
        return Outcome(counts=False, said="it belongs to no notification: copy the id from the notice that you answer.")
    return of_answer(fact, body, *map(notice_from_json, row))


def of_answer(fact: str, body: Answer, answered: Notice, newest: Notice) -> Outcome:
    """Whether an answer that was taken counts for what its agency is asked now, as the ladder has it."""
    met = {ask.ask for ask in newest.asks if ask.met_by == fact}
    if not met and not newest.heeds(answered.revision):
        if newest.state == "withdrawn":
            return Outcome(counts=False, said="it was taken back: what it said was not so, and it asks for nothing.")
        which = f"it was replaced by revision {newest.revision}"
        return Outcome(counts=False, said=f"{which}: answer that one, {newest.id}.")
    if answered.state != "live":
        return Outcome(counts=False, said="its matter is closed, and it asks for nothing.")
    if isinstance(body, Decided) and body.unreasoned:
        return Outcome(counts=False, said=f"{body.decision} needs a coded reason: decide it again, with --reason.")
    wanted = [code for ask in answered.asks if ask.ask == "decide" for code in ask.answers]
    if isinstance(body, Decided) and "decide" not in met and body.decision not in wanted:
        asked = f"asked for is {' or '.join(wanted)}" if wanted else "no decision was asked for"
        return Outcome(counts=False, said=f"it shows that somebody is at it, and decides nothing here: {asked}.")
    return WHOLE
