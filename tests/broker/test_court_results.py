"""Court results as courts send them and Common Platform publishes them, repeated and in any order: what they say stands
once, waits, and is told."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.court_convictions.v1 import HearingResulted
from schemas.court_order_variations.v1 import OrdersResulted
from schemas.envelope import Envelope, fact_id
from schemas.places import order_place
from schemas.registry import REGISTRY, content_of, encode
from schemas.values import Body
from services.convictions.__main__ import SERVICE as CONVICTIONS
from services.incidents.__main__ import SERVICE as INCIDENTS
from services.intake import common_platform, spi
from services.intake.court_hearings import Read
from services.order_variations.__main__ import SERVICE as ORDER_VARIATIONS
from services.platform.project import PROJECT
from services.platform.running.worker import Worker
from services.platform.storage.changes import Accepted
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import Record
from services.platform.streaming import decode as decoding
from services.platform.streaming.judging import knowing
from services.platform.streaming.sending import Message
from services.responses.__main__ import SERVICE as RESPONSES
from tests.broker.conftest import Play
from tests.broker.relay import Relay, message
from tests.support import builders as b

SERVICES = (INCIDENTS, CONVICTIONS, ORDER_VARIATIONS, RESPONSES)
NOW = datetime.now(UTC).replace(microsecond=0)
RECEIVED, RECEIVED_AGAIN, AMENDED = (NOW - timedelta(days=days) for days in (20, 19, 18))
HAPPENED = NOW - timedelta(days=1)  # police record the incident and the charge long after the court's result came in

Event = tuple[Envelope, Body]
Standing = frozenset[tuple[str, str, str, str]]
Told = dict[tuple[str, str, str], list[NotificationIssued]]  # by rule, subject and agency, oldest first


@dataclass(frozen=True)
class Messages:
    """A folder of messages; `order`: the one that imposes an order on a defendant of whom no other speaks. `amendment`:
    one that takes an order of the folder back, which is not to stand."""

    folder: Path
    order: str
    order_code: str
    read: Callable[[bytes, datetime], Read] = spi.read
    amendment: str | None = None

    @property
    def all(self) -> list[bytes]:
        paths = (path for path in sorted(self.folder.iterdir()) if path.suffix in (".xml", ".json"))
        return [path.read_bytes() for path in paths if path.name != self.amendment]

    def said(self, content: bytes, received_at: datetime) -> list[Event]:
        found = self.read(content, received_at)
        assert not found.refusals
        return list(found.facts)

    @property
    def restraining(self) -> bytes:
        return (self.folder / self.order).read_bytes()

    @property
    def amended(self) -> bytes:
        """The same message a day later, one order fewer."""
        if self.read is common_platform.read:
            return _without_results(self.restraining, self.order_code)
        result = rb"<DC:Result>(?:(?!</DC:Result>).)*?ResultCode>%s<.*?</DC:Result>" % self.order_code.encode()
        without, found = re.subn(result, b"", self.restraining, flags=re.DOTALL)
        assert found == 1
        return without.replace(b"CreationDateTime>2026-03-03T", b"CreationDateTime>2026-03-04T")

    @property
    def renamed(self) -> bytes:
        """The same results in another message, written at the same time."""
        if self.read is common_platform.read:
            return self.restraining.replace(b'"hearingLanguage"', b'"note": "another", "hearingLanguage"').replace(
                b'"hasSharedResults"', b'"other": 1, "hasSharedResults"'
            )
        return re.sub(rb"(MessageIdentifier>)[^<]+", rb"\1another-message", self.restraining)


def _without_results(content: bytes, code: str) -> bytes:
    """A share of the next day that has no results of this code."""
    message = json.loads(content)
    for case in message["hearing"]["prosecutionCases"]:
        for offence in (each for defendant in case["defendants"] for each in defendant["offences"]):
            results = offence["judicialResults"]
            offence["judicialResults"] = [each for each in results if each.get("cjsCode") != code]
            assert len(offence["judicialResults"]) == len(results) - 1
    return json.dumps(message | {"sharedTime": "2026-03-03T16:30:05Z", "isReshare": True}).encode()


OWN = Messages(PROJECT / "schemas" / "examples" / "spi", "order-on-acquittal.xml", "3260")
REAL = Messages(PROJECT.parent / "shared" / "reference" / "spi", "210-restraining-order.xml", "3047")
PLATFORM = Messages(
    PROJECT / "schemas" / "examples" / "common-platform",
    "order-on-acquittal.json",
    "3260",
    common_platform.read,
    "order-deleted-by-amendment.json",
)
FOLDERS = [
    pytest.param(OWN, id="examples"),
    pytest.param(PLATFORM, id="examples of Common Platform"),
    pytest.param(
        REAL,
        id="real",
        marks=pytest.mark.skipif(not REAL.folder.is_dir(), reason="no folder of real court messages beside this one"),
    ),
]


def said(content: bytes, received_at: datetime) -> list[Event]:
    return OWN.said(content, received_at)


def sent(event: Event) -> Message:
    record = encode(*event)
    topic = REGISTRY.topic_of(event[0].type.rpartition(".")[0])
    return Message(topic, record.key, record.value, record.headers)


async def as_known(relay: Relay, events: Iterable[Event]) -> list[Event]:
    """The same, by the references by which the relay knows their defendants."""
    ((secret,),) = await relay.rows("select pseudonym_secret from deployment")
    known: list[Event] = []
    for event in events:
        published = sent(event)
        said = decoding.read(Record(published.topic, 0, 0, NOW, published.key, published.value, published.headers))
        assert isinstance(said, Accepted)
        found = decoding.identified(said, knowing(relay.policies, Pseudonyms(secret.encode())))
        assert isinstance(found, Accepted)
        known.append((found.received.envelope, found.received.body))
    return known


def current_by_reading(events: Iterable[Event]) -> Standing:
    """Of each statement the content of its highest version, in every service that reads its stream."""
    newest: dict[tuple[str, str], Event] = {}
    for event in events:
        envelope = event[0]
        statement = (envelope.type.rpartition(".")[0], envelope.subject)
        rival = newest.get(statement)
        if rival is None or rank(rival[0]) < rank(envelope):
            newest[statement] = event
    return frozenset(
        (service.name, *statement, content_of(body).decode())
        for statement, (_, body) in newest.items()
        for service in SERVICES
        if REGISTRY.topic_of(statement[0]) in service.reads
    )


def rank(envelope: Envelope) -> tuple[object, ...]:
    return (envelope.factversion, envelope.time, fact_id(envelope.source, envelope.id))


async def rows(relay: Relay, query: str) -> list[tuple[str, ...]]:
    async with await psycopg.AsyncConnection.connect(relay.database) as conn:
        return [tuple(row) async for row in await conn.execute(query.encode())]


async def current(relay: Relay) -> Standing:
    found = await rows(relay, "select service, statement, subject, content from fact where is_current")
    assert len(found) == len(set(found)), "a fact stands more than once"
    return frozenset((service, kind, subject, content) for service, kind, subject, content in found)


async def delivered(relay: Relay) -> Told:
    found: Told = {}
    for agency, notifications in (await relay.all_delivered()).items():
        for notification in notifications:
            found.setdefault((notification.rule, notification.subject, agency), []).append(notification)
    for notifications in found.values():
        assert [notification.revision for notification in notifications] == list(range(1, len(notifications) + 1))
    return found


def dangerous(events: Iterable[Event]) -> set[str]:
    """Hearings that made or changed an order."""
    return {body.subject for _, body in events if isinstance(body, OrdersResulted) and body.orders}


def names(events: Iterable[Event]) -> set[str]:
    return {
        body.defendant.name
        for _, body in events
        if isinstance(body, HearingResulted | OrdersResulted) and body.defendant.name
    }


@pytest.mark.broker
@pytest.mark.parametrize("messages", FOLDERS)
@pytest.mark.parametrize("turn", ["there", "back"])
def test_repeated_and_in_the_reverse_order_the_same_facts_stand_and_each_is_told_as_what_it_is(
    play: Play, messages: Messages, turn: str
) -> None:
    once = [event for content in messages.all for event in messages.said(content, RECEIVED)]
    again = [event for content in messages.all for event in messages.said(content, RECEIVED_AGAIN)]
    published = [*once, *again] if turn == "there" else [*reversed(again), *reversed(once)]

    async def story(relay: Relay) -> None:
        async with relay.working(*SERVICES) as worker:
            await relay.publish(*map(sent, published))
            await relay.settled(worker)
            known = await as_known(relay, once)
            assert await current(relay) == current_by_reading(known) != frozenset()
            assert not await rows(relay, "select * from refusal")
            await waiting_is_told_by_references_alone(relay, known)
            if turn == "there":
                await linked_it_is_told_as_what_it_is(relay, worker, messages)

    play(story)


async def waiting_is_told_by_references_alone(relay: Relay, events: Sequence[Event]) -> None:
    pending = await rows(
        relay, "select subject from fact where service = 'order_variations' and is_current and missing = 'no_charge'"
    )
    hearings = dangerous(events)
    assert hearings <= {subject for (subject,) in pending}
    notifications = await delivered(relay)
    assert {rule for rule, _, _ in notifications} <= {"unlinked_order", "unlinked_result", "unlinked_application"}
    about = {subject.rpartition(":")[2] for rule, subject, _ in notifications if rule == "unlinked_order"}
    assert about == hearings
    for revisions in notifications.values():
        assert [notification.kind for notification in revisions] == ["notify", *["update"] * (len(revisions) - 1)]
        assert {item.what.partition(".")[0] for notification in revisions for item in notification.matter} <= {
            "event",
            "references",
            "sender",
        }
    shown = "".join(
        notification.model_dump_json() for revisions in notifications.values() for notification in revisions
    )
    for name in names(events):
        assert name not in shown


async def linked_it_is_told_as_what_it_is(relay: Relay, worker: Worker, messages: Messages) -> None:
    """A charge links the case to an incident, a person says whom the order protects, then the result is amended."""
    made = next(body for _, body in messages.said(messages.restraining, RECEIVED) if isinstance(body, OrdersResulted))
    unlinked = ("unlinked_order", f"uk.court.orders-resulted:{made.hearing}")
    order = f"{order_place(made.hearing, messages.order_code, 1)}/{b.VICTIM}"
    before = await delivered(relay)
    asked = {key for key in before if key[:2] == unlinked}
    assert {"notify"} == {before[key][-1].kind for key in asked}

    incident = message(b.incident(occurred_at=HAPPENED), "uk.police.incident-reported", time=HAPPENED)
    charge = message(
        b.charge(references=made.references, occurred_at=HAPPENED), "uk.police.charge-preferred", time=HAPPENED
    )
    await relay.publish(incident, charge)
    await relay.settled(worker)
    linked = await delivered(relay)
    for key in asked:
        closing = linked[key][-1]
        assert (closing.kind, closing.reason) == ("close", "link_settled")
        assert fact_of(charge) in closing.grounds
    assert {key: linked[key] for key in before if key[:2] != unlinked and case(key) != case(unlinked)} == {
        key: notifications
        for key, notifications in before.items()
        if key[:2] != unlinked and case(key) != case(unlinked)
    }
    unconfirmed = by_rule(linked, "order_unconfirmed", order)
    assert unconfirmed
    assert all(
        notifications[-1].late and fact_of(charge) in notifications[-1].grounds
        for notifications in unconfirmed.values()
    )
    assert not by_rule(linked, "order_imposed", order)
    assert by_rule(linked, "attribution_question", unlinked[1])

    confirmed = b.attribution(b.party_ref(), order=order_place(made.hearing, messages.order_code, 1), occurred_at=NOW)
    await relay.publish(message(confirmed, "uk.agency.attribution-confirmed", time=NOW))
    await relay.settled(worker)
    protected = by_rule(await delivered(relay), "order_imposed", order)
    assert protected
    for notifications in protected.values():
        assert [notification.kind for notification in notifications] == ["notify"]
        assert notifications[0].late
        assert any(item.value == "imposed" for item in notifications[0].matter)

    everything = await delivered(relay)
    grounds_before = await current(relay)
    assert messages.renamed != messages.restraining
    await relay.publish(*map(sent, messages.said(messages.renamed, AMENDED)))
    await relay.settled(worker)
    assert await current(relay) == grounds_before
    assert await delivered(relay) == everything

    await relay.publish(*map(sent, messages.said(messages.amended, AMENDED)))
    await relay.settled(worker)
    ended = by_rule(await delivered(relay), "order_imposed", order)
    assert ended.keys() == protected.keys()
    for notifications in ended.values():
        assert (notifications[-1].kind, notifications[-1].state, notifications[-1].matter) == (
            "correct",
            "withdrawn",
            (),
        )
    latest = {
        (service, kind): json.loads(content)
        for service, kind, subject, content in await current(relay)
        if subject == made.hearing
    }
    assert not latest["order_variations", "uk.court.orders-resulted"].get("orders")


def by_rule(notifications: Told, rule: str, subject: str) -> Told:
    return {key: found for key, found in notifications.items() if key[:2] == (rule, subject)}


def case(key: tuple[str, ...]) -> str:
    return "/".join(key[1].rpartition(":")[2].split("/")[:2])


def fact_of(sent: Message) -> str:
    return fact_id(*(dict(sent.headers)[name].decode() for name in ("ce_source", "ce_id")))


def of_a_wrong_clock(number: str, *, code: bytes = b"3260") -> bytes:
    """A message of a court whose clock cannot be right, so that receipt alone orders it; with its order or another."""
    message = re.sub(rb"(CreationDateTime>)[^<]+", rb"\g<1>2010-01-01T00:00:00Z", OWN.restraining)
    message = re.sub(rb"(MessageIdentifier>)[^<]+", rb"\g<1>" + number.encode(), message)
    return message.replace(b"ResultCode>3260<", b"ResultCode>%s<" % code)


@pytest.mark.broker
def test_an_amendment_that_returns_to_the_first_result_stands_and_no_message_does_so_by_coming_again(
    play: Play,
) -> None:
    """A court makes an order, takes it back, and makes it again: the last word stands. A gateway that delivers an old
    message once more says nothing new."""
    first, without, again = of_a_wrong_clock("m-1"), of_a_wrong_clock("m-2", code=b"2005"), of_a_wrong_clock("m-3")
    made = next(body for _, body in said(first, RECEIVED) if isinstance(body, OrdersResulted))
    assert made.orders

    async def orders_standing(relay: Relay) -> bool:
        about = ("uk.court.orders-resulted", made.hearing)
        (found,) = {text for _, *statement, text in await current(relay) if tuple(statement) == about}
        return bool(json.loads(found)["orders"])

    async def in_turn(relay: Relay) -> None:
        async with relay.working(*SERVICES) as worker:
            hours = iter(range(100))
            for message, stands in (
                *((first, True), (without, False), (first, False), (without, False)),
                *((again, True), (without, True), (first, True), (again, True)),
            ):
                await relay.publish(*map(sent, said(message, RECEIVED + timedelta(hours=next(hours)))))
                await relay.settled(worker)
                assert await orders_standing(relay) is stands
            assert not await rows(relay, "select * from refusal")

    play(in_turn)
