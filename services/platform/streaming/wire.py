"""What leaves a service: notifications, decisions and dead letters as rows of the outbox."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import NAMESPACE_OID, uuid5

from schemas import registry
from schemas.agency_notifications.v1 import NotificationIssued
from schemas.envelope import LARGEST_HEADERS, LONGEST_KEY, Envelope
from schemas.referral_decisions.v1 import Evaluated
from schemas.refusals import Refusal, Stage
from services.platform.domain.core.duties import Asked, Notification, Why, Withheld
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.facts import Key
from services.platform.domain.core.stored_notifications import frozen
from services.platform.policy.policy import Policy
from services.platform.storage.outgoing import Outgoing
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import Record, headers_to_text
from services.platform.streaming.groups import group_of

NOTIFICATION = "uk.relay.notification-issued.v1"
EVALUATED = "uk.relay.evaluated.v1"
DECISIONS = "referral.decisions"
SOURCE = "relay"

Cause = Literal["event", "clock", "release"]


class Letter(NamedTuple):
    """What a dead letter says beside what came, each in a header of its name: `dlq-original-topic`."""

    id: str
    original_topic: str
    original_partition: str
    original_offset: str
    original_timestamp: str
    consumer_group: str
    service: str
    service_version: str
    stage: Stage
    reason: str
    exception_class: str
    exception_message: str
    attempts: str
    first_failed_at: str
    last_failed_at: str


LETTER_HEADERS = tuple(f"dlq-{name.replace('_', '-')}" for name in Letter._fields)


@dataclass(frozen=True, slots=True)
class EvaluationName:
    """Which evaluation of which file, when, and why."""

    service: str
    file: str
    number: int
    at: datetime
    cause: Cause
    events: Sequence[str]


def notification(notification: Notification, service: str, policy: Policy, pseudonyms: Pseudonyms) -> Outgoing:
    """The notification as its agency reads it. ValueError where that is not what the contract says."""
    why, key = notification.why, notification.key
    identity, subject = notification.id, subject_of(key, pseudonyms)
    body = {
        "agency": key.agency,
        "asks": [_asked(asked) for asked in notification.asks],
        **({"changed": notification.changed} if notification.changed else {}),
        "continuity": {
            "agency_kind": notification.agency_kind,
            "asked_in": notification.asked_at,
            "asked_since": _time(notification.asked_since),
            "asks": [_open_ask(asked) for asked in notification.asks],
            "by_default": why.by_default,
            "first_told_at": _time(notification.first_told_at),
            "place": notification.person,
            "route": why.route,
            "texts": notification.texts,
        },
        "desk": notification.desk,
        "gather": notification.gather,
        "grounds": notification.grounds,
        "issued_at": _time(notification.at),
        "kind": notification.kind,
        "late": notification.late,
        "matter": [
            {"basis": basis, "value": value, "what": what}
            if about is None
            else {"about": about, "basis": basis, "value": value, "what": what}
            for what, about, value, basis in notification.content
        ],
        "notification": identity,
        "occurred_at": _time(notification.arose),
        "policy_source": why.source,
        "policy_version": why.policy_version,
        "power": {"gateway": why.gateway, "lawful_basis": why.lawful_basis, "purpose": why.purpose},
        "reason": notification.reason,
        "replaces": notification.replaces,
        "revision": notification.revision,
        "rule": key.rule,
        "service": service,
        "state": notification.state,
        "subject": subject,
        "tell_by": _time(notification.tell_by),
        "texts": [policy.text(code) for code in notification.texts],
        "urgency": notification.urgency,
    }
    envelope = _envelope(identity, NOTIFICATION, subject, notification.at, notification.revision)
    record = registry.encode_written(envelope, NotificationIssued, body)
    topic, duty = f"agency.{key.agency}.notifications", "/".join(key)
    headers = headers_to_text(record.headers)
    return Outgoing(topic, duty, notification.revision, record.key, record.value, headers, identity)


def _asked(asked: Asked) -> dict[str, Any]:
    said: dict[str, Any] = {"answers": asked.answers, "ask": asked.ask, "by": _time(asked.by)}
    if asked.met_by is not None:
        said["met"] = True
    if asked.needs_reason:
        said["needs_reason"] = asked.needs_reason
    return said


def _open_ask(asked: Asked) -> dict[str, Any]:
    if asked.met_by is None:
        return {"ask": asked.ask, "since": _time(asked.since)}
    return {"ask": asked.ask, "met_by": asked.met_by, "since": _time(asked.since)}


def _time(moment: datetime) -> str:
    """As the contract writes it: UTC is `Z`."""
    said = moment.isoformat()
    return f"{said[:-6]}Z" if said.endswith("+00:00") else said


def notification_for(said: NotificationIssued, key: Key) -> Notification:
    """What an agency was told, as it was remembered before it was sent; `key`: of its duty."""
    current = {asked.ask: asked for asked in said.continuity.asks}
    kept = said.continuity
    return Notification(
        kind=said.kind,
        state=said.state,
        key=key,
        agency_kind=kept.agency_kind,
        person=kept.place,
        revision=said.revision,
        grounds=said.grounds,
        content=tuple((item.what, item.about, frozen(item.value), item.basis) for item in said.matter),
        asks=tuple(
            Asked(a.ask, a.by, a.answers, current[a.ask].since, current[a.ask].met_by, a.needs_reason)
            for a in said.asks
        ),
        asked_at=kept.asked_in,
        asked_since=kept.asked_since,
        reason=said.reason,
        late=said.late,
        at=said.issued_at,
        first_told_at=kept.first_told_at,
        arose=said.occurred_at,
        tell_by=said.tell_by,
        desk=said.desk,  # type: ignore[arg-type]
        urgency=said.urgency,
        gather=said.gather,
        texts=kept.texts,
        why=Why(
            kept.route,
            said.policy_version,
            said.policy_source,
            said.power.lawful_basis,
            said.power.gateway,
            said.power.purpose,
            kept.by_default,
        ),
        changed=said.changed,
    )


def decision(
    evaluation: EvaluationName,
    notifications: Sequence[Notification],
    withheld: Iterable[Withheld],
    unexplained: Collection[Key],
    policy: Policy,
    pseudonyms: Pseudonyms,
) -> Outgoing:
    """One evaluation for the audit stream: kinds of agency only, and the file by a pseudonym."""

    def decided(
        key: Key, kind: str, outcome: str, reason: str | None, grounds: Sequence[str], version: str
    ) -> dict[str, Any]:
        return {
            "agency_kind": kind,
            "grounds": grounds,
            "outcome": outcome,
            "policy_version": version,
            "reason": reason,
            "rule": key.rule,
            "subject": subject_of(key, pseudonyms),
        }

    delivered = [
        decided(n.key, n.agency_kind, n.kind, n.reason, n.grounds, n.why.policy_version) for n in notifications
    ]
    withheld_from = [decided(w.key, w.kind, "withheld", w.reason, w.grounds, w.why.policy_version) for w in withheld]
    agencies = {key: policy.agency(key.agency) for key in unexplained}
    lost = [
        decided(key, agency.kind if (agency := agencies[key]) else "unknown", "unexplained", None, (), policy.version)
        for key in sorted(unexplained)
    ]
    pseudonym = pseudonyms.of(evaluation.file)
    body = {
        "at": _time(evaluation.at),
        "cause": evaluation.cause,
        "decisions": [*delivered, *withheld_from, *lost],
        "evaluation": evaluation.number,
        "events": evaluation.events,
        "file": pseudonym,
        "service": evaluation.service,
    }
    name = f"{evaluation.service}/{pseudonym}"
    envelope = _envelope(
        str(uuid5(NAMESPACE_OID, f"{name}/{evaluation.number}")), EVALUATED, pseudonym, evaluation.at, evaluation.number
    )
    record = registry.encode_written(envelope, Evaluated, body)
    return Outgoing(DECISIONS, name, evaluation.number, record.key, record.value, headers_to_text(record.headers), None)


def dead_letter(record: Record, refusal: Refusal, service: str, release: str, now: datetime) -> tuple[str, Outgoing]:
    """The record untouched, with the reason in headers of text; and the dead letter's id.

    One with neither key nor value gets an empty value: clients read such a record, and send none.
    """
    identity = str(uuid5(NAMESPACE_OID, f"{record.topic}/{record.partition}/{record.offset}"))
    said = Letter(
        id=identity,
        original_topic=record.topic,
        original_partition=str(record.partition),
        original_offset=str(record.offset),
        original_timestamp=record.timestamp.isoformat(),
        consumer_group=group_of(service),
        service=service,
        service_version=release,
        stage=refusal.stage,
        reason=refusal.reason,
        exception_class="Refusal",
        exception_message=refusal.detail,
        attempts="1",
        first_failed_at=now.isoformat(),
        last_failed_at=now.isoformat(),
    )
    added = ((name, text.encode()) for name, text in zip(LETTER_HEADERS, said, strict=True))
    headers = headers_to_text([*_sendable(record.headers), *added])
    value = b"" if record.key is None and record.value is None else record.value
    return identity, Outgoing(f"{record.topic}.dlq", identity, 1, record.key, value, headers, None)


def letter_of(headers: Iterable[tuple[str, bytes | None]]) -> tuple[Letter, tuple[tuple[str, bytes], ...]] | None:
    """What a dead letter says, and the headers of what came; None for what is none."""
    known = [(name, value or b"") for name, value in headers]
    said = {name: value.decode(errors="replace") for name, value in known if name in LETTER_HEADERS}
    if len(said) < len(LETTER_HEADERS):
        return None
    came = tuple((name, value) for name, value in known if name not in LETTER_HEADERS)
    return Letter._make(said[name] for name in LETTER_HEADERS), came


def subject_of(key: Key, pseudonyms: Pseudonyms) -> str:
    """What a duty is about. An escalation step's is the key of another duty, with a pseudonym for the agency that did
    not answer: which service serves her can itself reveal a place. Where it is too long for a record's key, a name for
    it."""
    said = key.subject
    if key.rule in ESCALATION_STEPS:
        of, ask = asked_of(key)
        said = "/".join((of.rule, of.subject, pseudonyms.of("/".join(of))[:12], ask))
    return said if len(said) <= LONGEST_KEY else pseudonyms.of(said)


def _sendable(headers: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """The name of a header, as it can be sent again: bytes that are not UTF-8 are spelt out, as far as there is
    room."""
    room = LARGEST_HEADERS
    for name, value in headers:
        spelt = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        if len(spelt) - len(name) > room:
            spelt = spelt[: len(name)]
        room -= len(spelt) - len(name)
        yield spelt, value


def _envelope(identity: str, type_: str, subject: str, at: datetime, version: int) -> Envelope:
    return Envelope(id=identity, type=type_, source=SOURCE, subject=subject, time=at, factversion=version)
