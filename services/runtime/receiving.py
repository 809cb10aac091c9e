"""Which records may be believed: what the contract, the clock and the policy say before anything is stored."""

from datetime import datetime, timedelta

from schemas import registry
from schemas.agency_responses.v1 import AgencyBody
from schemas.refusals import Refusal, RefusalReason
from services.policy.policy import Policy
from services.runtime.batch import Accepted, accepted
from services.runtime.engine import Record

SOURCE_AHEAD = timedelta(hours=1)  # publishers' clocks differ by less; what is later still would stand for ever


def receive(
    record: Record, policy: Policy, now: datetime, contract: registry.Registry = registry.REGISTRY
) -> Accepted | Refusal:
    """What the record says, or why it is refused."""
    received = registry.decode(record.topic, record.key, record.value, record.headers, contract)
    if isinstance(received, Refusal):
        return received
    envelope, body = received.envelope, received.body
    if envelope.time > now + SOURCE_AHEAD:
        detail = "ce_time: more than an hour ahead of the relay's clock; set the publisher's clock right"
        return Refusal(RefusalReason.SOURCE_TIME_AHEAD, "validate", detail, received.kind)
    if body.force_code is not None and not policy.knows_force(body.force_code):
        detail = "force_code: a force that this deployment's policy knows is expected (deploy/policy/forces.yaml)"
        return Refusal(RefusalReason.UNKNOWN_FORCE, "validate", detail, received.kind)
    if isinstance(body, AgencyBody):
        agency = policy.agency(body.agency)
        if agency is None:
            detail = "agency: the id of an agency in force is expected (deploy/agencies)"
            return Refusal(RefusalReason.UNKNOWN_AGENCY, "validate", detail, received.kind)
        if not policy.may_state(received.kind, agency.kind):
            detail = "agency: one of a kind that may state this is expected (deploy/policy/may_state.yaml)"
            return Refusal(RefusalReason.NOT_ENTITLED, "validate", detail, received.kind)
    return accepted(record, received)
