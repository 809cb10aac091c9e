"""Stage 1, decode: what each record says by the contract, whenever it is read and under whatever policy."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas import registry
from schemas.attachments import AtAHearing, ChargedParties, SaidOfAMatter
from schemas.bounded_json import canonical
from schemas.court_convictions.v1 import OfAHearing
from schemas.envelope import fact_id
from schemas.places import read_case, read_linked
from schemas.refusals import Refusal, RefusalReason
from schemas.registry import Received, subject_of
from schemas.values import Body
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.defendants import Identifier, Knowing
from services.platform.domain.linking.references import references
from services.platform.domain.linking.ways import attachment_of, way_of
from services.platform.storage.changes import Accepted
from services.platform.storage.records import Record
from services.platform.streaming.judging import Judging

DECODING_SECONDS = 0.2
RESTATED = ("references", "hearing", "defendant", "force_code")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record, and the event in it or why it cannot be read."""

    record: Record
    event: Accepted | Refusal


async def decode(records: Sequence[Record], judging: Judging) -> list[Decoded]:
    """The leading ones of these records, one at least, until the time is used up.

    Large records take long, and those behind them may be good. What other services of this process do meanwhile does
    not count.
    """
    decoded, spent = list[Decoded](), 0.0
    for record in records:
        await asyncio.sleep(0)
        began = time.perf_counter()
        decoded.append(Decoded(record, _decoded(record, judging)))
        spent += time.perf_counter() - began
        if spent > DECODING_SECONDS:
            break
    return decoded


def _decoded(record: Record, judging: Judging) -> Accepted | Refusal:
    event = read(record, judging.contract)
    return event if isinstance(event, Refusal) else identified(event, judging.knowing)


def read(record: Record, contract: registry.Registry = registry.REGISTRY) -> Accepted | Refusal:
    """What the record says by the contract alone, whenever it is read and under whatever policy."""
    received = registry.decode(record.topic, record.key, record.value, record.headers, contract)
    return received if isinstance(received, Refusal) else accepted(record, received)


def accepted(record: Record, received: Received) -> Accepted:
    """The event as a fact."""
    envelope = received.envelope
    digest = hashlib.sha256(
        b"\x1f".join((envelope.type.encode(), envelope.subject.encode(), received.content))
    ).digest()
    fact = Fact(
        id=fact_id(envelope.source, envelope.id),
        kind=received.kind,
        subject=envelope.subject,
        version=envelope.factversion,
        at=envelope.time,
        body=received.body,
        version_basis=envelope.version_basis,
        digest=digest,
    )
    # A version of receipt is another each time that the same message comes.
    version = b"" if fact.version_basis == "receipt" else str(fact.version).encode()
    return Accepted(record, received, fact, digest, hashlib.sha256(digest + version).digest(), references(fact))


def identified(event: Accepted, knowing: Knowing) -> Accepted | Refusal:
    """The event with references that name somebody. A statement that names a placeholder, or takes back what was stated
    under one, can concern nobody: it is refused."""
    if any(knowing.is_placeholder(kind, written) for kind, written in _named_in_subject(event.fact)):
        detail = (
            "the subject: a placeholder stands in it, which is nobody's; name him as the relay does (relay explain)"
        )
        return Refusal(RefusalReason.PLACEHOLDER_NAMED, "validate", detail, event.received.kind)
    known = knowing.identified(event.fact.body, event.received.envelope.source, event.digest.hex())
    return event if known is event.fact.body else restated(event, known)


def _named_in_subject(fact: Fact) -> Iterator[tuple[Identifier, str]]:
    """The identifiers in the subject of a fact that says only in its subject whom it is about."""
    attachment = attachment_of(fact)
    if isinstance(attachment, SaidOfAMatter) and not fact.withdrawn:
        what, place = read_linked(way_of(fact).question(fact.subject))
        if what == "application":
            return
    elif isinstance(attachment, AtAHearing | ChargedParties) and fact.withdrawn:
        place = fact.subject
    else:
        return
    case = read_case(place)
    yield "urn", case.number
    yield from (("asn", case.defendant), ("defendant_id", case.defendant))


def apart(event: Accepted, knowing: Knowing) -> Accepted:
    """The event of one whose identifiers are another's; anything but a hearing as it is."""
    body = event.fact.body
    if not isinstance(body, OfAHearing):
        return event
    return restated(event, knowing.apart(body, event.received.envelope.source, event.digest.hex()))


def restated(event: Accepted, body: Body) -> Accepted:
    """The same event, its body by other references: what is stored and linked is that. It is known again by what came,
    so `said` and `digest` stay."""
    written = body.model_dump(mode="json", exclude_defaults=True)
    kept = {name: value for name, value in json.loads(event.received.content).items() if name not in RESTATED}
    content = canonical(kept | {name: written[name] for name in RESTATED if name in written})
    subject = str(subject_of(body))
    envelope = replace(event.received.envelope, subject=subject)
    fact = replace(event.fact, subject=subject, body=body)
    received = event.received._replace(envelope=envelope, body=body, content=content)
    return replace(event, received=received, fact=fact, names=references(fact))
