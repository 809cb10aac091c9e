"""One run: two workers under load while things go wrong, and afterwards the verdict of one who took no part."""

import asyncio
import random
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import psycopg

from services.ops.policies import load
from services.ops.serving import SERVICES
from services.platform.local.embedded import embedded_servers
from services.platform.project import PROJECT
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.sending import Message
from tests.broker.relay import DRAINED, OFTEN, Relay, relay_on, shipped_policy, until
from tests.broker.test_filling import caught_up
from tests.chaos.answering import ANSWERS, answer, asked_to
from tests.chaos.bad_release import RELEASE
from tests.chaos.calm import Answered, held_when_calm
from tests.chaos.database import NAME, Database, address
from tests.chaos.faults import BEHIND_PROXIES, ON_SMALL_DISK, Fault, Scene
from tests.chaos.load import Live, LiveLoad, live_load
from tests.chaos.proxies import proxies
from tests.chaos.small_disk import mount_for_ourselves, small_disk
from tests.chaos.stated import Stated
from tests.chaos.verifier import (
    READS,
    STREAMS,
    End,
    Verdict,
    marked,
    notification_topics,
    read,
    verify,
    verify_absences,
    verify_dead_letters,
    verify_ends,
    verify_reminders,
)
from tests.chaos.worker import AS_SHIPPED, Workers, two_workers

AT_ONCE = 25
ANSWERED = 0.3  # of what asks for something
SECONDS_A_FAULT, SETTLED_SECONDS = 120.0, 300.0  # it takes a tenth of that where nothing else runs
SETTLES = timedelta(seconds=10)
REMINDED_AFTER = (1, 2, 3, 4, 5)  # minutes


class TooLateError(AssertionError):
    """What was waited for did not come in time."""


@dataclass(frozen=True)
class Struck:
    """One fault, and how long after its end the first record was judged, and the first notification published; zero
    where nothing was left to do."""

    kind: str
    judged_after: float
    told_after: float


@dataclass(frozen=True)
class Outcome:
    """What a run was, in seconds and numbers, and what was found.

    `absences`: cases in which something was missing for a moment.
    """

    seed: int
    events: int
    struck: tuple[Struck, ...]
    seconds: float
    absences: int
    verdict: Verdict

    @property
    def kinds(self) -> Counter[str]:
        return Counter(each.kind for each in self.struck)


@dataclass
class Publisher:
    """Sends what is due in its order, but for streams that are held back; `sent` is all that the broker has taken.

    `answers`: of agencies to what they were told.
    """

    relay: Relay
    held_back: set[str]
    chance: random.Random
    sent: list[Message] = field(default_factory=list)
    pending: list[Message] = field(default_factory=list)
    answers: list[Answered] = field(default_factory=list)
    heard: set[str] = field(default_factory=set)

    async def send(self, events: Sequence[Message | Live]) -> None:
        for start in range(0, len(events), AT_ONCE):
            at = datetime.now(UTC)
            delivered = [e if isinstance(e, Message) else e(at) for e in events[start : start + AT_ONCE]]
            self.pending += [message for message in delivered if message.topic in self.held_back]
            await self._send([message for message in delivered if message.topic not in self.held_back])

    async def catch_up(self) -> None:
        """Sends what was held back."""
        pending, self.pending = self.pending, []
        await self._send(pending)

    async def answer(self) -> None:
        """Agencies answer some of what they were told since the last time, whatever becomes of it meanwhile."""
        delivered = chain.from_iterable((await self.relay.all_delivered()).values())
        new = [notification for notification in delivered if notification.notification not in self.heard]
        self.heard |= {notification.notification for notification in new}
        answers = [
            Answered(answer(notification, ask), notification)
            for ask in ANSWERS
            for notification in asked_to(ask, new)
            if self.chance.random() < ANSWERED
        ]
        await self.relay.publish(*(each.answer for each in answers))
        self.answers += answers

    async def _send(self, messages: Sequence[Message]) -> None:
        await self.relay.publish(*messages)
        self.sent += messages

    @property
    def ends(self) -> int:
        """How many ends, counted in each service, all that was sent must have."""
        return ends_of(self.sent) + ends_of([each.answer for each in self.answers])


def ends_of(messages: Sequence[Message]) -> int:
    return sum(message.topic in streams for message in messages for streams in READS.values())


def run(
    seed: int, families: int, troubles: Sequence[Fault], folder: Path, release: Sequence[str] = AS_SHIPPED
) -> Outcome:
    """`seed` gives the load of so many families; workers of this release log into `folder`."""
    given = live_load(seed, families, datetime.now(UTC))

    async def work() -> Outcome:
        async with on_stage(folder, {fault.kind for fault in troubles}, release) as (relay, scene):
            began, struck, late = time.monotonic(), list[Struck](), None
            publisher = Publisher(relay, scene.held_back, random.Random(seed))  # noqa: S311 - as the load
            try:
                async for each in publish(publisher, scene, given.events, troubles):
                    struck.append(each)
                await publisher.answer()
            except TooLateError as error:
                late = error  # what is lost never comes to its end: the verdict says whether that is why
            await asyncio.sleep(SETTLES.total_seconds())
            await wait(scene.workers, lambda: settled(relay), SETTLED_SECONDS)
            took = time.monotonic() - began
            verdict, absences = await asyncio.to_thread(judged, publisher, scene, given, folder)
            if late is not None and verdict.clean:
                raise late
            events = len(publisher.sent) + len(publisher.answers)
            return Outcome(seed, events, tuple(struck), took, absences, verdict)

    return asyncio.run(work())


@asynccontextmanager
async def on_stage(folder: Path, kinds: set[str], release: Sequence[str]) -> AsyncIterator[tuple[Relay, Scene]]:
    """A relay with two workers at work, on servers that can be disturbed as these kinds of faults need it."""
    if kinds & ON_SMALL_DISK:
        mount_for_ourselves()
    with ExitStack() as stack:
        servers = stack.enter_context(embedded_servers(durable=True))
        disk = stack.enter_context(small_disk(servers, folder / "disk")) if kinds & ON_SMALL_DISK else None
        between = stack.enter_context(proxies(servers)) if kinds & BEHIND_PROXIES else None
        on_disk = f"alter database {NAME} set default_tablespace = small"
        database = Database(address(servers.database), servers.database, (on_disk,) if disk else ())
        database.make()
        async with relay_on(servers, folder, database.url) as relay:
            database.make_clock_settable()
            addresses = between or servers
            environment = {
                "RELAY_KAFKA": addresses.kafka,
                "RELAY_DATABASE": address(addresses.database),
                "RELAY_POLICY": str(quick_policy(folder / "policy")),
            }
            with two_workers(environment, folder, release) as workers:
                yield relay, Scene(servers, database, workers, between, disk)


def quick_policy(folder: Path) -> Path:
    """The shipped policy, in which what rests on absence settles within seconds, and reminders come within minutes."""
    shutil.copytree(PROJECT / "deploy" / "policy", folder)
    soon = "".join(f"{{minutes: {number}}}, " for number in REMINDED_AFTER)
    for path in folder.glob("*.yaml"):
        text = re.sub(r"(settles: (?:&\w+ )?)PT\w+", f"\\g<1>PT{SETTLES.total_seconds():.0f}S", path.read_text())
        route = "  - route: high_risk\n"
        path.write_text(text.replace(route, f"{route}    reminders: [{soon}]\n"))
    return folder


async def publish(
    publisher: Publisher, scene: Scene, events: Sequence[Message | Live], troubles: Sequence[Fault]
) -> AsyncIterator[Struck]:
    """The load in its order, and a fault whenever another equal part of it has been judged. It strikes somewhere in the
    middle of the part after the next, which is being published then: so workers have something in hand."""
    length = -(-len(events) // (len(troubles) + 2))
    parts = [events[start : start + length] for start in range(0, len(events), length)]
    ends = [0]
    for part in parts[:2]:
        await publisher.send(part)
        ends.append(ends_of(publisher.sent))
    for number, fault in enumerate(troubles):
        judged = ends[number + 1] + ends_of([each.answer for each in publisher.answers])
        await wait(scene.workers, partial(reached, publisher.relay, judged), SECONDS_A_FAULT)
        sys.stdout.write(f"{judged} records judged: {fault.kind}\n")
        await publisher.answer()
        part = parts[number + 2] if number + 2 < len(parts) else ()
        middle = publisher.chance.randrange(len(part) + 1)
        await publisher.send(part[:middle])
        trouble = asyncio.create_task(asyncio.to_thread(fault.strike, scene))
        await publisher.send(part[middle:])
        await trouble
        over = time.monotonic()
        done = await progress(publisher.relay)
        await publisher.catch_up()
        ends.append(ends_of(publisher.sent))
        yield await lateness(publisher, scene, fault.kind, over, done)


async def lateness(publisher: Publisher, scene: Scene, kind: str, over: float, done: tuple[int, int]) -> Struck:
    """How long after a fault that was over at this moment, with so much done, work goes on."""
    after = dict[str, float]()

    async def goes_on() -> bool:
        judged, delivered = await progress(publisher.relay)
        nothing_left = judged >= publisher.ends and await publisher.relay.rows(DRAINED) == [(True,)]
        for what, moved in (("judged", judged > done[0]), ("told", delivered > done[1])):
            if moved or nothing_left:
                after.setdefault(what, 0.0 if nothing_left and not moved else time.monotonic() - over)
        return len(after) == 2

    await wait(scene.workers, goes_on, SECONDS_A_FAULT)
    return Struck(kind, after["judged"], after["told"])


async def progress(relay: Relay) -> tuple[int, int]:
    """Records that have their end, counted in each service, and notifications published."""
    ((records,),) = await relay.rows("select count(*) from record")
    topics = {f"agency.{agency.id}.notifications" for agency in shipped_policy().agencies}
    return int(records), sum((await Offsets(relay.servers.kafka).end_offsets(topics)).values())


async def wait(workers: Workers, true: Callable[[], Awaitable[bool]], seconds: float, every: float = OFTEN) -> None:
    """Waits for something that must come while no worker ends by itself. TooLateError, with their last words."""

    async def alive_and_true() -> bool:
        workers.assert_alive()
        return await true()

    try:
        await until(alive_and_true, seconds, every)
    except AssertionError as late:
        raise TooLateError("\n".join([str(late), *map(workers.tail, workers.processes)])) from None


async def reached(relay: Relay, ends: int) -> bool:
    """Whether so many records, counted in each service, have their end."""
    ((count,),) = await relay.rows("select count(*) from record")
    return int(count) >= ends


async def settled(relay: Relay) -> bool:
    """All is read by every service, evaluated and published."""
    ends = await Offsets(relay.servers.kafka).end_offsets(set(STREAMS))
    rows = await relay.rows("select service, topic, partition, next_offset from stream_position")
    positions = {(service, topic, partition): offset for service, topic, partition, offset in rows}
    behind = [
        place
        for service in SERVICES.values()
        for place, end in ends.items()
        if place[0] in service.reads and positions.get((service.name, *place), 0) < end
    ]
    return not behind and await caught_up(relay) and await relay.rows(DRAINED) == [(True,)]


def judged(publisher: Publisher, scene: Scene, given: LiveLoad, folder: Path) -> tuple[Verdict, int]:
    """What the verifier says, by a plain consumer and one query; and in how many cases something was missing for a
    moment."""
    relay, end = publisher.relay, datetime.now(UTC)
    kafka, unbelievable = relay.servers.kafka, {marked(m.value, m.headers) for m in given.unbelievable}
    records, delivered = scene.forgotten + read(kafka, STREAMS), read(kafka, notification_topics(kafka))
    with psycopg.connect(relay.database) as conn:
        ends = conn.execute('select service, topic, partition, "offset", fate from record').fetchall()
    believable = [event for event in publisher.sent if event not in given.unbelievable]
    good = [record for record in records if marked(record.value, record.headers) not in unbelievable]
    absences, cases = verify_absences(good, given.complete, SETTLES, delivered)
    letters = read(kafka, [f"{topic}.dlq" for topic in STREAMS])
    policies = load(folder / "policy", PROJECT / "deploy" / "agencies")
    must_hold = held_when_calm(believable, policies, end, publisher.answers)
    verdict = (
        verify(must_hold, delivered, Stated.of(believable))
        + verify_ends(records, unbelievable, [End(*row) for row in ends])
        + verify_dead_letters(records, unbelievable, letters, RELEASE)
        + absences
        + verify_reminders(records, given.reported, REMINDED_AFTER, delivered, end)
    )
    return verdict, cases
