"""The work that every contestant does alike: the schemas and the rules that ship, from a record to notifications.

A contestant brings the engine and the place where state lies. State is kept by crime reference (what stands there) and
by file (what each crime reference puts into it, and what was told): incidents, assessments and children of one crime
reference lead to people without any other, so nothing else has to be known to link them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache

from schemas import registry
from schemas.envelope import fact_id
from schemas.places import Place
from schemas.refusals import Refusal
from services.incidents.rules import RULES
from services.ops.policies import load
from services.platform.domain.core import evaluate as core
from services.platform.domain.core.duties import Evaluation, Notification
from services.platform.domain.core.facts import CaseFile, Fact, Key, in_the_world
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.reconcile import remember
from services.platform.domain.core.stored_notifications import notification_from_json, notification_to_json
from services.platform.domain.linking.links import current_facts, file_of, link
from services.platform.policy.policy import Policy, PolicySet
from services.platform.project import PROJECT
from services.platform.storage.outgoing import Outgoing
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import headers_from_text
from services.platform.streaming import wire
from services.platform.streaming.sending import Message

STREAM = "police.incidents"
SERVICE = "incidents"
# The same for all, so that what they hold can be compared.
SECRET = "a secret of the bench, of no use anywhere else"
PSEUDONYMS = Pseudonyms(SECRET.encode())
PARSED = 20_000  # as many as the relay's own worker remembers

Headers = Sequence[tuple[str, bytes]]
Parts = Mapping[str, CaseFile]  # by file, what one crime reference puts into it
FactRow = tuple[str, str, int, str, str, str, str]

body_of = lru_cache(maxsize=PARSED)(registry.body_of)
notification_for = lru_cache(maxsize=PARSED)(notification_from_json)
json_of = notification_to_json


@cache
def policies() -> PolicySet:
    return load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")


def now() -> datetime:
    return datetime.now(UTC)


def crime_of(key: bytes) -> str:
    """Of each record that takes part, the subject begins with the crime reference."""
    return key.decode().partition("/")[0]


def heard(key: bytes | None, value: bytes | None, headers: Headers) -> tuple[Fact, FactRow] | None:
    """The fact and how it is stored, or None where the record is refused."""
    received = registry.decode(STREAM, key, value, headers)
    if isinstance(received, Refusal):
        return None
    envelope = received.envelope
    at, subject, version = envelope.time, envelope.subject, envelope.factversion
    identity = fact_id(envelope.source, envelope.id)
    fact = Fact(identity, received.kind, subject, version, at, received.body)
    stored = (identity, subject, version, at.isoformat(), received.kind, envelope.type, received.content.decode())
    return fact, stored


def fact_of(stored: Iterable[object]) -> Fact:
    """The same fact, its content parsed once for as long as it is remembered."""
    identity, subject, version, at, kind, type_, content = stored
    body = body_of(str(type_), str(content))
    return Fact(str(identity), str(kind), str(subject), int(str(version)), datetime.fromisoformat(str(at)), body)


def becomes_current(current: Mapping[tuple[str, str], Fact], fact: Fact) -> bool:
    """Whether it is newer than what stands there; a repeated or older one changes nothing."""
    rival = current.get(fact.statement)
    return rival is None or rival.rank < fact.rank


def parts_of(facts: Iterable[Fact], policy: Policy) -> dict[str, CaseFile]:
    """Into whose files the facts of one crime reference go, and what each file gets."""
    current = current_facts(facts)
    linkage = link(current, policy.is_placeholder)
    return {
        key: file_of(key, current, linkage) for key in {key for lies in linkage.membership.values() for key in lies}
    }


def touched(before: Parts, after: Parts) -> list[str]:
    """Files that get something else than before, in a fixed order."""
    return sorted(file for file in {*before, *after} if before.get(file) != after.get(file))


def whole(key: str, parts: Iterable[CaseFile]) -> CaseFile:
    """A file from what each of its crime references puts into it."""
    facts: list[Fact] = []
    persons: dict[Place, FileKey] = {}
    links: dict[str, tuple[str, ...]] = {}
    unlinked: dict[str, str] = {}
    for part in parts:
        facts += part.facts
        persons |= part.persons
        links |= part.links
        unlinked |= part.unlinked
    return CaseFile(FileKey(key), tuple(sorted(facts, key=in_the_world)), persons, links, unlinked)


def evaluate_file(
    file: CaseFile, delivered: Mapping[Key, Notification], policy: Policy, at: datetime
) -> tuple[Evaluation, dict[Key, Notification]]:
    """One evaluation, and what was told after it."""
    found = core.evaluate([file], delivered, RULES, policy, at, at)
    return found, remember(delivered, found)


def outgoing(found: Evaluation, policy: Policy) -> list[Outgoing]:
    """What the agencies are sent, as an outbox keeps it."""
    return [wire.notification(notification, SERVICE, policy, PSEUDONYMS) for notification in found.notifications]


def message(row: Outgoing) -> Message:
    return Message(row.topic, row.key, row.value, headers_from_text(row.headers))


def messages(found: Evaluation, policy: Policy) -> list[Message]:
    """What the agencies are sent, as a producer takes it."""
    return [message(row) for row in outgoing(found, policy)]
