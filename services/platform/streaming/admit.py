"""Stage 2, admit: which events may be believed, and what the database knows of them already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas.agency_responses.v1 import AgencyBody
from schemas.envelope import version_of
from schemas.refusals import Refusal, RefusalReason
from services.platform.domain.linking.merged_records import Joins
from services.platform.domain.linking.speaking import NOT_THE_RECIPIENT, UNKNOWN_NOTIFICATION
from services.platform.policy.policy import Policy
from services.platform.storage.changes import Accepted
from services.platform.storage.reader import Delivered, NamesOf
from services.platform.storage.records import NO_TIME, Record
from services.platform.storage.rows import Connection
from services.platform.streaming.decode import Decoded
from services.platform.streaming.hooks import Positions
from services.platform.streaming.judging import Judging
from services.platform.streaming.service_database import Reached, ServiceDatabase

SOURCE_AHEAD = timedelta(hours=1)  # publishers' clocks differ by less; what is later still would stand for ever


@dataclass(frozen=True, slots=True)
class Scope:
    """What must be locked beside what the records themselves name: these references, and the records that merges join.

    A stage that finds more returns a wider scope, and the batch begins again with it.
    """

    names: frozenset[str] = frozenset()
    joins: Joins = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The records of a batch, each with its event or why it is refused, and what the database knows of them.

    `known`: content hash by fact id of what was accepted before; `answered`: what notifications' ids resolve to;
    `names_of`: the references of the statements at the references of these events, read before any was locked.
    """

    records: Sequence[Decoded]
    now: datetime
    policy: Policy
    positions: Positions
    reached: Reached
    known: Mapping[str, bytes]
    answered: Mapping[str, Delivered]
    names_of: NamesOf

    @property
    def new_events(self) -> list[Accepted]:
        """Those that were not accepted before."""
        return [
            decoded.event
            for decoded in self.records
            if isinstance(decoded.event, Accepted) and decoded.event.fact.id not in self.known
        ]

    def answers(self, event: Accepted) -> Delivered | None:
        """What an answer answers: a notification that its own sender was sent."""
        delivered, body = self.answered.get(event.fact.subject), event.fact.body
        is_own = delivered is not None and isinstance(body, AgencyBody) and body.agency == delivered.key.agency
        return delivered if is_own else None

    def why_unanswered(self, event: Accepted) -> str:
        """Why an answer answers nothing. Its sender hears the same either way."""
        return NOT_THE_RECIPIENT if event.fact.subject in self.answered else UNKNOWN_NOTIFICATION

    def came(self, record: Record) -> datetime:
        """When the broker had it, where it says so."""
        return _came(record, self.now)


async def admit(
    conn: Connection, database: ServiceDatabase, judging: Judging, decoded: Sequence[Decoded], scope: Scope
) -> Admitted:
    """Locks the partitions of these records, and reads the time and what is known of their events."""
    events = [each.event for each in decoded if isinstance(each.event, Accepted)]
    now, begun = await database.begin(
        conn,
        {(each.record.topic, each.record.partition) for each in decoded},
        {event.name for event in events},
        {event.fact.subject for event in events if event.is_answer},
        scope.names.union(*(event.names for event in events if not event.is_answer)),
    )
    policy, reached = judging.policies.at(now), database.reached_at(begun.positions)
    believable = []
    for each in decoded:
        event = each.event
        if isinstance(event, Accepted):
            # What is read late is believed, or not, as it would have been when it came.
            then = judging.policies.at(_came(each.record, now)) if reached.catching_up else policy
            event = believed(event, then, now) or event
        believable.append(Decoded(each.record, event))
    return Admitted(believable, now, policy, begun.positions, reached, begun.known, begun.answered, begun.names_of)


def _came(record: Record, now: datetime) -> datetime:
    return min(record.timestamp, now) if record.timestamp > NO_TIME else now


def believed(event: Accepted, policy: Policy, now: datetime) -> Refusal | None:
    """Why an event that could be read is refused nevertheless, if it is."""
    kind, body = event.received.kind, event.received.body
    if event.fact.at > now + SOURCE_AHEAD:
        detail = "ce_time: more than an hour ahead of the relay's clock; set the publisher's clock right"
        return Refusal(RefusalReason.SOURCE_TIME_AHEAD, "validate", detail, kind)
    if event.fact.version_basis != "source" and event.fact.version > version_of(now + SOURCE_AHEAD):
        detail = "factversion: a time more than an hour ahead; microseconds since 1970 are expected of this basis"
        return Refusal(RefusalReason.SOURCE_TIME_AHEAD, "validate", detail, kind)
    if body.force_code is not None and not policy.knows_force(body.force_code):
        detail = "force_code: a force that this deployment's policy knows is expected (deploy/policy/forces.yaml)"
        return Refusal(RefusalReason.UNKNOWN_FORCE, "validate", detail, kind)
    if isinstance(body, AgencyBody):
        agency = policy.agency(body.agency)
        if agency is None:
            detail = "agency: the id of an agency in force is expected (deploy/agencies)"
            return Refusal(RefusalReason.UNKNOWN_AGENCY, "validate", detail, kind)
        if not policy.may_state(kind, agency.kind):
            detail = "agency: one of a kind that may state this is expected (deploy/policy/may_state.yaml)"
            return Refusal(RefusalReason.NOT_ENTITLED, "validate", detail, kind)
    return None
