"""What an agency that was asked to take a person on said to that, in every service that hears the answer."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from schemas.agency_responses.v1 import Answer
from schemas.places import Place, crime_of
from schemas.streams import REGISTRY
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.facts import Fact, Key, Undertaking
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.matter import person_place
from services.platform.domain.core.stored_notifications import notification_from_json

Says = Literal["takes_on", "declines", "nothing"]
SPEAK_OF_TAKING_ON = frozenset(
    name
    for name, declared in REGISTRY.facts.items()
    if issubclass(declared.newest, Answer) and (declared.newest.declines or "accept" in declared.newest.meets)
)


class Word(NamedTuple):
    """The newest version of one answer to one notification, and what it says of taking her on, if anything."""

    rank: tuple[int, datetime, str]
    undertaking: Undertaking | None


Words = dict[tuple[str, str], Word]  # by the answer's kind and its notification


def asks_to_take_on(notification: Notification) -> bool:
    """Whether its agency was asked to take on a person at a place of an incident."""
    return person_place(notification.person) and any(asked.ask == "accept" for asked in notification.asks)


def incident_of(notification: Notification) -> str:
    """The crime reference of the incident in which the person of a notification stands."""
    return crime_of(notification.person)


def says(answer: Fact, notification: Notification) -> Says:
    """Whether an answer takes the person on or declines. An answer that was taken back says nothing, and so does a
    decision about something else."""
    body = answer.body
    if not isinstance(body, Answer):
        return "nothing"
    if body.declines:
        return "declines"
    if body.decides:
        ask = next((asked for asked in notification.asks if asked.ask == "decide"), None)
        if ask is None or body.code not in ask.answers or body.lacks_reason(ask.needs_reason):
            return "nothing"
    return "takes_on" if "accept" in body.meets else "nothing"


def word(said: str, rank: tuple[int, datetime, str], notification: Notification, delivered_in: str) -> Word:
    """What an answer says about the person of a notification. The notification says who that is, never the answer.
    `delivered_in`: the file from which it was delivered."""
    if said == "nothing":
        return Word(rank, None)
    of = asked_of(notification.key)[0] if notification.key.rule in ESCALATION_STEPS else notification.key
    _, at, fact = rank
    key = Key(of.rule, of.subject, notification.key.agency)
    return Word(
        rank,
        Undertaking(
            fact, at, key, Place(notification.person), FileKey(delivered_in), notification.arose, said == "takes_on"
        ),
    )


def hear(words: Words, heard: Iterable[tuple[tuple[str, str], Word]]) -> None:
    """Adds words to those that are known; of two versions of an answer the higher counts."""
    for statement, said in heard:
        before = words.get(statement)
        if before is None or before.rank < said.rank:
            words[statement] = said


def from_row(row: tuple[str, str, int, datetime, str, str, str, str]) -> tuple[tuple[str, str], Word]:
    """A stored one: kind, notification, version, time, fact, what it says, and file and content of the notification."""
    kind, notification, version, at, fact, said, delivered_in, content = row
    return (kind, notification), word(said, (version, at, fact), notification_from_json(content), delivered_in)
