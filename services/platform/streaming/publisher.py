"""The one path out: what transactions put into the outbox goes to the broker, in order for each duty."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import structlog
from psycopg_pool import AsyncConnectionPool

from schemas.registry import REGISTRY, Registry
from services.platform.logs import Event
from services.platform.storage.database import PASSING
from services.platform.storage.records import headers_from_text
from services.platform.storage.rows import Connection
from services.platform.streaming.sending import Message, Outcome, Refused, Sender, Sent

ROWS_AT_ONCE = 100  # of one topic
# Of one topic: rows that begin within it, so at most one message more.
BYTES_AT_ONCE = 1024 * 1024
TOPICS_AT_ONCE = 16  # of one service in one worker
IDLE_SECONDS = 1.0
# Then the server ends the session, and others may publish: this process was stopped, or its loop stood still.
IDLE_SESSION_SECONDS = 5
STOP_SECONDS = 3.0

log = structlog.get_logger("relay")


@dataclass(frozen=True, slots=True)
class Unpublished:
    """A row of the outbox."""

    number: int
    duty: str
    message: Message
    notification_id: str | None


@dataclass(frozen=True, slots=True)
class Sending:
    """Rows of one topic that are on their way to the broker; `task` gives their outcomes by number."""

    rows: Sequence[Unpublished]
    task: asyncio.Task[dict[int, Outcome]]


class Publisher:
    """Publishes for one service. Each topic's rows are taken under a lock, so no two workers send them side by side.

    Topics go side by side, and one session holds the locks of all: what the broker has of any of them is marked
    together, since an event is told to many agencies. A topic that its broker keeps waiting takes one of the places,
    and delays no other topic.
    """

    def __init__(
        self,
        service: str,
        pool: AsyncConnectionPool[Connection],
        sender: Sender,
        wake: asyncio.Event,
        contract: Registry = REGISTRY,
    ) -> None:
        self.service, self.pool, self.sender, self.wake, self.contract = service, pool, sender, wake, contract
        self._under_way: dict[str, Sending] = {}
        self._last: dict[str, float] = {}
        self._resting: set[str] = set()  # topics from which nothing could be taken just now

    async def run(self) -> None:
        """Until cancelled: publishes what waits, then sleeps until woken. Cancelled, it sends what waits by then, if
        database and broker take it soon."""
        while True:
            try:
                async with self._session() as conn:
                    try:
                        await self._publish(conn)
                    except asyncio.CancelledError:
                        with suppress(TimeoutError, *PASSING):
                            await asyncio.wait_for(self._send_the_rest(conn), STOP_SECONDS)
                        raise
            except PASSING as problem:
                await self._wait_for_database(problem)

    async def unpark(self) -> None:
        """Lets what was parked be tried again: since the last start its cause may have been mended."""
        async with self.pool.connection() as conn, conn.transaction():
            rows = await conn.execute(
                """select number, topic, coalesce(octet_length(value), 0) from outbox
                where service = %s and parked is not null""",
                (self.service,),
            )
            fit = [number async for number, topic, size in rows if size <= self.contract.largest_of(topic)]
            await conn.execute("update outbox set parked = null where number = any(%s)", (fit,))

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[Connection]:
        """A session of its own, used once. Its locks end with it, and messages still on their way are given up."""
        async with self.pool.connection() as conn:
            try:
                await conn.set_autocommit(True)
                await conn.execute(f"set idle_session_timeout = '{IDLE_SESSION_SECONDS}s'")
                yield conn
            finally:
                await conn.close()
                given_up, self._under_way = [sending.task for sending in self._under_way.values()], {}
                for task in given_up:
                    task.cancel()
                await asyncio.gather(*given_up, return_exceptions=True)

    async def _publish(self, conn: Connection) -> None:
        rested_at = time.monotonic()
        while True:
            if self.wake.is_set() or time.monotonic() - rested_at >= IDLE_SECONDS:
                self.wake.clear()
                self._resting.clear()
                rested_at = time.monotonic()
            await self._begin(conn)
            await self._until_news()
            try:
                await self._end(conn)
            except PASSING as problem:
                if conn.closed:
                    raise
                await self._wait_for_database(problem)  # with the locks: nobody sends again what could not be marked

    async def _wait_for_database(self, problem: Exception) -> None:
        log.warning(Event.DATABASE_AWAITED, service=self.service, error=type(problem).__name__)
        await asyncio.sleep(IDLE_SECONDS)

    async def _send_the_rest(self, conn: Connection) -> None:
        while True:
            await self._begin(conn)
            if not self._under_way:
                return
            await asyncio.wait([s.task for s in self._under_way.values()], return_when=asyncio.FIRST_COMPLETED)
            await self._end(conn)

    async def _until_news(self) -> None:
        woken = asyncio.create_task(self.wake.wait())
        tasks = [woken, *(sending.task for sending in self._under_way.values())]
        try:
            await asyncio.wait(tasks, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()

    async def _begin(self, conn: Connection) -> None:
        """Begins with those topics that waited longest, as many as there are places."""
        rows = await conn.execute(_TOPICS, {"s": self.service})
        topics = {topic for (topic,) in await rows.fetchall()} - self._under_way.keys() - self._resting
        ready = sorted(topics, key=lambda topic: self._last.get(topic, 0.0))
        while ready and (places := TOPICS_AT_ONCE - len(self._under_way)):
            chosen, ready = ready[:places], ready[places:]
            self._last |= dict.fromkeys(chosen, time.monotonic())
            rows = await conn.execute(_LOCK, {"s": self.service, "topics": chosen})
            locked = [topic for (topic,) in await rows.fetchall()]
            unpublished = await unpublished_rows(conn, self.service, locked)
            for topic, found in unpublished.items():
                self._under_way[topic] = Sending(found, asyncio.create_task(self.send(found)))
            self._resting |= set(chosen) - unpublished.keys()
            await self._unlock(conn, [topic for topic in locked if topic not in unpublished])

    async def _end(self, conn: Connection) -> None:
        """Marks what the broker has, and what it refused, of topics that have come to their end."""
        ended = {topic: sending for topic, sending in self._under_way.items() if sending.task.done()}
        if not ended:
            return
        outcomes = [(row, s.task.result().get(row.number)) for s in ended.values() for row in s.rows]
        refused = [(row, refusal) for row, refusal in outcomes if isinstance(refusal, Refused)]
        sent = [row for row, outcome in outcomes if isinstance(outcome, Sent)]
        async with conn.transaction():
            if refused:
                await conn.execute(
                    """update outbox o set parked = r.reason from unnest(%s::bigint[], %s::text[]) as r (number, reason)
                    where o.number = r.number""",
                    ([row.number for row, _ in refused], [refusal.reason for _, refusal in refused]),
                )
            await conn.execute("delete from outbox where number = any(%s)", ([row.number for row in sent],))
            await conn.execute(
                "update notification set published_at = clock_timestamp() where id = any(%s)",
                ([row.notification_id for row in sent if row.notification_id],),
            )
        for row, refusal in refused:
            log.error(Event.NOTIFICATION_PARKED, service=self.service, topic=row.message.topic, reason=refusal.reason)
        await self._unlock(conn, list(ended))
        for topic in ended:
            del self._under_way[topic]

    async def _unlock(self, conn: Connection, topics: Sequence[str]) -> None:
        if topics:
            await conn.execute(_UNLOCK, {"s": self.service, "topics": topics})

    async def send(self, unpublished: Sequence[Unpublished]) -> dict[int, Outcome]:
        """By number; what follows a refused notification of its duty is left out."""
        lanes: dict[str, deque[Unpublished]] = {}
        for row in unpublished:
            lanes.setdefault(row.duty, deque()).append(row)
        outcomes: dict[int, Outcome] = {}
        while lanes:
            first = [lane.popleft() for lane in lanes.values()]
            ends = await self.sender.send_all([row.message for row in first])
            outcomes |= {row.number: end for row, end in zip(first, ends, strict=True)}
            held = {row.duty for row, end in zip(first, ends, strict=True) if isinstance(end, Refused)}
            lanes = {duty: lane for duty, lane in lanes.items() if lane and duty not in held}
        return outcomes


async def unpublished_rows(
    conn: Connection, service: str, topics: Sequence[str]
) -> Mapping[str, Sequence[Unpublished]]:
    """The rows to publish, by topic and in order, up to a limit of rows and of bytes. A duty with a parked notification
    waits; all others go on. Ask under the topics' locks: then another worker's rows are already gone."""
    if not topics:
        return {}
    limits = {"most": ROWS_AT_ONCE, "bytes": BYTES_AT_ONCE}
    rows = await conn.execute(_UNPUBLISHED, {"s": service, "topics": topics, **limits})
    unpublished = [
        Unpublished(number, duty, Message(topic, key, value, headers_from_text(headers)), notification)
        async for number, topic, duty, key, value, headers, notification in rows
    ]
    return {topic: list(of) for topic, of in groupby(unpublished, attrgetter("message.topic"))}


# Topics for which something waits, found one after another by index, however much that is.
_TOPICS = """
with recursive unpublished (topic) as (
    (select topic from outbox where service = %(s)s and parked is null order by topic limit 1)
    union all
    select (select o.topic from outbox o where o.service = %(s)s and o.parked is null and o.topic > w.topic
        order by o.topic limit 1) from unpublished w where w.topic is not null)
select topic from unpublished where topic is not null
"""
_LOCK = """
select topic from unnest(%(topics)s::text[]) as t (topic)
where pg_try_advisory_lock(hashtextextended(%(s)s || ' ' || topic, 0))
"""
_UNLOCK = """
select pg_advisory_unlock(hashtextextended(%(s)s || ' ' || topic, 0)) from unnest(%(topics)s::text[]) as t (topic)
"""
# Of a topic's next rows those that begin within the limit of bytes; its first always does.
_UNPUBLISHED = """
select w.number, t.topic, w.duty, w.key, w.value, w.headers, w.notification_id
from unnest(%(topics)s::text[]) as t (topic) cross join lateral (
    select n.*, sum(n.bytes) over (order by n.number) - n.bytes as bytes_before from (
        select o.*, coalesce(octet_length(o.value), 0) + octet_length(o.headers) as bytes
        from outbox o where o.service = %(s)s and o.topic = t.topic and o.parked is null and not exists (
            select 1 from outbox p where p.service = o.service and p.topic = o.topic and p.duty = o.duty
            and p.parked is not null)
        order by o.number limit %(most)s) as n) as w
where w.bytes_before < %(bytes)s
order by t.topic, w.number
"""
