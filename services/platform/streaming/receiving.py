"""Which records may be believed: what the contract, the clock and the policy say before anything is stored."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from schemas import registry
from schemas.agency_responses.v1 import AgencyBody
from schemas.attachments import AtAHearing, ChargedParties, SaidOfAMatter
from schemas.envelope import version_of
from schemas.refusals import Refusal, RefusalReason
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.defendants import Identifier, Knowing
from services.platform.domain.linking.ways import attachment_of, way_of
from services.platform.policy.policy import Policy, PolicySet
from services.platform.storage.changes import Accepted
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import Record
from services.platform.streaming.batch import accepted, restated

SOURCE_AHEAD = timedelta(hours=1)  # publishers' clocks differ by less; what is later still would stand for ever


def read(record: Record, contract: registry.Registry = registry.REGISTRY) -> Accepted | Refusal:
    """What the record says by the contract alone, whenever it is read and under whatever policy."""
    received = registry.decode(record.topic, record.key, record.value, record.headers, contract)
    return received if isinstance(received, Refusal) else accepted(record, received)


def knowing(policies: PolicySet, pseudonyms: Pseudonyms) -> Knowing:
    """How this deployment knows defendants."""
    return Knowing(policies.names_nobody, policies.force_codes.__contains__, pseudonyms.of)


def identified(event: Accepted, knowing: Knowing) -> Accepted | Refusal:
    """The event by references that name somebody. A person's statement about a placeholder, and one that takes a
    placeholder's back, is about nobody that could be known, and is refused."""
    if any(knowing.is_placeholder(kind, written) for kind, written in _named_in_subject(event.fact)):
        detail = (
            "the subject: a placeholder stands in it, which is nobody's; name him as the relay does (relay explain)"
        )
        return Refusal(RefusalReason.PLACEHOLDER_NAMED, "validate", detail, event.received.kind)
    known = knowing.identified(event.fact.body, event.received.envelope.source, event.digest.hex())
    return event if known is event.fact.body else restated(event, known)


def _named_in_subject(fact: Fact) -> Iterator[tuple[Identifier, str]]:
    """The identifiers in the subject of what says nothing else of whom it is about."""
    attachment = attachment_of(fact)
    if isinstance(attachment, SaidOfAMatter) and not fact.withdrawn:
        what, _, place = way_of(fact).question(fact.subject).partition("/")
        if what == "application":
            return
    elif isinstance(attachment, AtAHearing | ChargedParties) and fact.withdrawn:
        place = fact.subject
    else:
        return
    number, _, rest = place.partition("/")
    yield "urn", number
    second = rest.partition("/")[0]
    yield from (("asn", second), ("defendant_id", second))


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
