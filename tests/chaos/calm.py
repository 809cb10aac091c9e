"""What agencies hold where nothing goes wrong: the same records and answers through the release's own rules, in memory.

No server takes part and nothing fails: all records are decoded, linked and evaluated once, each service over all that
it reads, and what it would send is written as its agencies would read it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.envelope import fact_id
from schemas.places import Place
from schemas.registry import Received, decode
from services.ops.serving import SERVICES
from services.platform.domain.core.facts import Fact, Key, Undertaking
from services.platform.domain.linking.links import files_of
from services.platform.domain.linking.speaking import speakers
from services.platform.policy.policy import PolicySet
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.undertakings import asks_to_take_on, says, word
from services.platform.streaming import wire
from services.platform.streaming.sending import Message
from tests.chaos.verifier import Held, content_of, key_of
from tests.situations.relay import Desk

PSEUDONYMS = Pseudonyms(b"a secret of the tests")  # for keys too long to be sent, of which a load has none


class Answered(NamedTuple):
    """An answer as it was sent, and the notification as its agency had read it."""

    answer: Message
    notification: NotificationIssued


def held_when_calm(
    published: Iterable[Message], policies: PolicySet, now: datetime, answers: Iterable[Answered] = ()
) -> Held:
    """What agencies hold at this moment. `published`: what may be believed, in any order and however often."""
    sent = (json.loads(body) for body in sent_when_calm(published, policies, now, answers))
    return {key_of(said): content_of(said) for said in sent}


def sent_when_calm(
    published: Iterable[Message], policies: PolicySet, now: datetime, answers: Iterable[Answered] = ()
) -> Iterator[bytes]:
    """The notifications that they hold then, as they would read them."""
    facts = {fact.id: (topic, fact) for topic, fact in map(received, published)}
    undertakings = list(_undertakings(answers, {name: fact for name, (_, fact) in facts.items()}, policies))
    policy = policies.at(now)
    for service in SERVICES.values():
        desk = Desk(service, service.rules, policies, undertakings=undertakings)
        for topic, fact in facts.values():
            if topic in service.reads:
                desk.read(fact)
        desk.evaluate(now)
        for notification in desk.delivered.values():
            yield wire.notification(notification, service.name, policy, PSEUDONYMS).value or b""


def received(published: Message) -> tuple[str, Fact]:
    """The topic of a record, and the fact that it brings."""
    found = decode(published.topic, published.key, published.value, published.headers)
    assert isinstance(found, Received), found
    envelope = found.envelope
    return published.topic, Fact(
        fact_id(envelope.source, envelope.id),
        found.kind,
        envelope.subject,
        envelope.factversion,
        envelope.time,
        found.body,
    )


def _undertakings(answers: Iterable[Answered], facts: Mapping[str, Fact], policies: PolicySet) -> Iterator[Undertaking]:
    """What these answers say of taking people on: each of the person whom its notification was about, as the grounds of
    that notification say who stood at the place."""
    for answer, said in answers:
        _, fact = received(answer)
        notification = wire.notification_for(said, Key(said.rule, said.subject, said.agency))
        if not asks_to_take_on(notification):
            continue
        grounds = [facts[ground] for ground in said.grounds if ground in facts]
        files = files_of(grounds, policies.is_placeholder, speakers(policies))
        persons = {place: who for file in files.values() for place, who in file.persons.items()}
        if notification.person not in persons:
            continue
        heard = word(says(fact, notification), fact.rank, notification, persons[Place(notification.person)]).undertaking
        if heard is not None:
            yield heard
