"""A year in the life of one family, played through the relay on the story's clock and told as it happens."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.agency_responses.v1 import Accepted, Acknowledged, Answer, Decided, Declined
from services.ops import words
from services.ops.all_rules import RULES
from services.ops.events import Ready
from services.ops.explained import shown
from services.ops.explaining import explain
from services.ops.explanation import Reader
from services.ops.files import gather
from services.ops.notifications import headline, tell
from services.ops.publish import connected, send
from services.ops.reading import reading
from services.ops.subscribe import open_topics, read_to_end
from services.ops.terminal import heading, moment, out, plural
from services.ops.words import Names
from services.platform.local.services import Services
from services.platform.local.story_clock import StoryClock, StoryStuckError
from services.platform.local.timeline import held, lines, svg
from services.platform.policy.policy import PolicySet
from services.platform.project import PROJECT

STORY = PROJECT / "schemas" / "examples" / "story"
TELLING = "telling.yaml"
DRAIN_SECONDS = 60.0
WIDEST = 140  # characters of the picture


class Chapter(BaseModel):
    """What the teller says before the events of a file; `in_full`: agencies whose next new notification is shown
    whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    says: str
    in_full: tuple[str, ...] = ()


class Explained(BaseModel):
    """The duty (`rule/subject/agency`) whose history is explained at the end, and the agency to which it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duty: str
    to: str


class Telling(BaseModel):
    """How a story is told: what is said before the events of each file, by the file's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chapters: Mapping[str, Chapter]
    explained: Explained


@dataclass(frozen=True, slots=True)
class Story:
    """Events in the order of their times, and how they are told."""

    events: Sequence[Ready]
    telling: Telling


@dataclass
class Teller:
    """Tells what agencies are told, as they are told it, and remembers it for the picture at the end.

    `pace`: waits, before a chapter, until so many words have been read.
    """

    names: Names
    pace: Callable[[int], None]
    heard: list[NotificationIssued] = field(default_factory=list)
    answers: list[tuple[datetime, Answer]] = field(default_factory=list)
    in_full: set[str] = field(default_factory=set)
    said: set[str] = field(default_factory=set)
    unread: int = 0  # words

    def chapter(self, at: datetime, says: str) -> None:
        self.pace(self.unread)
        self.unread = 0
        self._say("")
        self._say(f"{moment(at)}  {says}", "bold")

    def answered(self, at: datetime, answer: Answer) -> None:
        """What an agency says back, and to what."""
        self.answers.append((at, answer))
        of = next(
            (notification for notification in self.heard if notification.notification == answer.notification), None
        )
        about = f": {headline(of)}" if of else ""
        said = words.answer(str(getattr(answer, "decision", getattr(answer, "reason", ""))))
        did = ANSWERED[type(answer)] + (f" ({said})" if said else "")
        name = self.names.agency(answer.agency)
        self._say(f"  ← {moment(at)[4:]}  {name} {did}{about}", "cyan")

    def clock(self, at: datetime) -> None:
        self._say("")
        self._say(f"{moment(at)}  Time passes.", "dim")

    def tells(self, notifications: Sequence[NotificationIssued], now: datetime) -> None:
        for notification in sorted(notifications, key=lambda one: (ORDER.index(one.kind), one.agency, one.rule)):
            self.heard.append(notification)
            if notification.agency in self.in_full and notification.kind == "notify":
                self.in_full.discard(notification.agency)
                self._say(f"  → {self.names.agency(notification.agency)} reads:")
                for line in tell(notification, now, self.names):
                    self._say(f"      {line.text}", line.style)
            else:
                self.briefly(notification)

    def briefly(self, notification: NotificationIssued) -> None:
        """Who is told what; then what is asked by when, or why it ends."""
        name = self.names.agency(notification.agency)
        late = ", late" if notification.late else ""
        said = f"  → {name}: {words.KINDS[notification.kind].lower()}{late}: {headline(notification)}"
        self._say(said, STYLES.get(notification.kind, ""))
        unmet = [ask for ask in notification.asks if not ask.met] if notification.state == "live" else []
        more = [f"{words.ASKS[ask.ask]}, by {moment(ask.by, year=False)}" for ask in unmet]
        if notification.reason:
            more.append(words.reason(notification.reason))
        if more:
            self._say(f"      {'; '.join(more)}", "dim")

    def _say(self, text: str, style: str = "") -> None:
        self.unread += len(text.split())
        out.print(text, style=style or None, soft_wrap=True)


ANSWERED: Mapping[type[Answer], str] = {
    Acknowledged: "has read it",
    Accepted: "takes it on",
    Declined: "declines",
    Decided: "has decided",
}
STYLES: Mapping[str, str] = {"close": "green", "correct": "red", "remind": "yellow"}
ORDER = ("correct", "notify", "update", "remind", "close")


def read_telling(folder: Path = STORY) -> Telling:
    """How the story in this folder is told."""
    return Telling.model_validate(yaml.safe_load((folder / TELLING).read_text("utf-8")))


class Played(NamedTuple):
    """What agencies were told, and what they answered when."""

    notifications: tuple[NotificationIssued, ...]
    answers: tuple[tuple[datetime, Answer], ...]


def at_once(_words: int) -> None:
    """The pace of whom nobody reads along with."""


def play(
    story: Story,
    clock: StoryClock,
    services: Services,
    policies: PolicySet,
    pace: Callable[[int], None] = at_once,
) -> Played:
    """Plays the story to its end. `pace`: waits until so many words have been read.

    Events go in through Kafka at their sources' times, notifications are read from Kafka by a reader who is in no
    group. Between two events the clock stops wherever some service has something to do by itself.
    """
    teller = Teller(Names.of(policies), pace)
    topics = [f"agency.{agency.id}.notifications" for agency in policies.agencies]
    with open_topics(services.servers.kafka, topics) as consumer:
        with connected(services.servers.kafka) as producer:
            _drain(clock, services)
            for at, events in groupby(story.events, key=lambda event: event.time):
                _until(at, teller, clock, services, consumer)
                clock.stop_at(at)  # first, or the services would take the events for news from the future
                _happen(list(events), at, story, teller, producer)
                _drain(clock, services)
                teller.tells(_read(consumer), at)
        _until(datetime.now(UTC), teller, clock, services, consumer)
    return Played(tuple(teller.heard), tuple(teller.answers))


def _until(at: datetime, teller: Teller, clock: StoryClock, services: Services, consumer: Any) -> None:
    """All that services do by themselves before this moment: reminders, escalation steps, what lapses."""
    while (evaluation := clock.next_evaluation()) is not None and evaluation < at:
        clock.stop_at(evaluation)
        _drain(clock, services)
        if delivered := _read(consumer):
            teller.clock(evaluation)
            teller.tells(delivered, evaluation)


def _happen(events: Sequence[Ready], at: datetime, story: Story, teller: Teller, producer: Any) -> None:
    for event in events:
        name = Path(event.origin.partition(":")[0]).name
        chapter = story.telling.chapters.get(name)
        if chapter is not None and name not in teller.said:
            teller.said.add(name)
            teller.chapter(at, chapter.says)
            teller.in_full.update(chapter.in_full)
        body = event.publication.received.body
        if isinstance(body, Answer):
            teller.answered(at, body)
    if unsent := send(producer, events).unsent:
        raise StoryStuckError(unsent[0].why)


def _drain(clock: StoryClock, services: Services) -> None:
    clock.wait_until_drained(services.reads, DRAIN_SECONDS, services.check)


def _read(consumer: Any) -> list[NotificationIssued]:
    return [heard.notification for heard in read_to_end(consumer)]


def show(played: Played, story: Story, database: str, policies: PolicySet, picture: Path) -> None:
    """What each agency held, as a picture here and in a file; then the history of one duty."""
    names = Names.of(policies)
    rows = held(played.notifications, played.answers)
    agencies = {row.agency for row in rows}
    out.print()
    out.print(heading(f"What each agency held: {plural(len(agencies), 'agency', lambda _: 'agencies')} told", "green"))
    for line in lines(rows, names, min(out.width, WIDEST)):
        out.print(line, no_wrap=True, overflow="ellipsis")
    picture.write_text(svg(rows, names), "utf-8")
    out.print(f"The same, with dates and reasons, to open in a browser: {picture}", style="dim")
    _explain(story.telling.explained, database, policies, names)


def _explain(explained: Explained, database: str, policies: PolicySet, names: Names) -> None:
    """The history of one duty, as the agency that held it may know it."""
    held_by = next((agency for agency in policies.agencies if agency.id == explained.to), None)
    with reading(database) as conn:
        material = gather(conn, explained.duty, RULES, policies.at)
    if material is None or held_by is None:
        return
    found = explain(material, Reader(held_by.kind, held_by.id), policies.at(material.now))
    if found is None:
        return
    out.print()
    out.print(heading("Why: one decision explained, as `relay explain` does", "green"))
    out.print(shown(found, held_by.name, detail=True, names=names))
