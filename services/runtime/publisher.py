"""The one path out: what transactions put into the outbox goes to the broker, in order for each duty."""

import asyncio
import time
from collections import deque
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass

import structlog
from psycopg_pool import AsyncConnectionPool

from schemas.registry import REGISTRY, Registry
from services.runtime import metrics
from services.runtime.database import AWAY, CONTENDED, TOO_SLOW
from services.runtime.logs import Event
from services.runtime.rows import Connection
from services.runtime.sending import Message, Outcome, Refused, Sender
from services.runtime.wire import headers_from_text

AT_ONCE = 500
# Of one service; each of them holds a session for as long as its broker takes.
TOPICS_AT_ONCE = 4
IDLE_SECONDS = 1.0
ALIVE_SECONDS = 1.0  # well within the server's time-out for sessions that stand still in a transaction

log = structlog.get_logger("relay")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the outbox."""

    number: int
    duty: str
    message: Message
    notice_id: str | None


class Publisher:
    """Publishes for one service. Each topic's rows are taken under a lock, so no two workers send them side by side.

    Topics go side by side, a few at once, each in a session of its own: one that its broker keeps waiting takes one of
    these places, and delays no other topic.
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
        self._under_way: dict[str, asyncio.Task[int]] = {}
        self._last: dict[str, float] = {}

    async def run(self) -> None:
        """Until cancelled: publishes what waits, then sleeps until woken."""
        resting: set[str] = set()  # topics of which nothing could be sent just now
        rested_at = time.monotonic()
        try:
            while True:
                await self._begin(resting)
                await self._until_news()
                resting |= self._reap()
                if self.wake.is_set() or time.monotonic() - rested_at >= IDLE_SECONDS:
                    self.wake.clear()
                    resting.clear()
                    rested_at = time.monotonic()
        finally:
            for task in self._under_way.values():
                task.cancel()
            await asyncio.gather(*self._under_way.values(), return_exceptions=True)

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

    async def _begin(self, resting: Collection[str]) -> None:
        """Begins with those topics that waited longest, as many as there are places."""
        places = TOPICS_AT_ONCE - len(self._under_way)
        if not places:
            return
        try:
            waiting = await self._topics()
        except (*AWAY, *CONTENDED, *TOO_SLOW):
            log.warning(Event.DATABASE_AWAITED, service=self.service)
            return
        ready = [topic for topic in waiting if topic not in self._under_way and topic not in resting]
        for topic in sorted(ready, key=lambda topic: self._last.get(topic, 0.0))[:places]:
            self._last[topic] = time.monotonic()
            self._under_way[topic] = asyncio.create_task(self._publish(topic))

    async def _until_news(self) -> None:
        woken = asyncio.create_task(self.wake.wait())
        try:
            await asyncio.wait(
                [woken, *self._under_way.values()], timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()

    def _reap(self) -> set[str]:
        """Takes out the topics that have come to an end; those of which nothing was sent."""
        idle: set[str] = set()
        for topic, task in [(topic, task) for topic, task in self._under_way.items() if task.done()]:
            del self._under_way[topic]
            try:
                sent = task.result()
            except (*AWAY, *CONTENDED, *TOO_SLOW):
                sent = 0
                log.warning(Event.DATABASE_AWAITED, service=self.service)
            if not sent:
                idle.add(topic)
        return idle

    async def _topics(self) -> list[str]:
        """Topics for which something waits, found one after another by index, however much that is."""
        async with self.pool.connection() as conn:
            rows = await conn.execute(_TOPICS, {"s": self.service})
            return [topic async for (topic,) in rows]

    async def _publish(self, topic: str) -> int:
        """Sends what waits for this topic now; how many rows have their outcome."""
        async with self.pool.connection() as conn, conn.transaction():
            row = await (
                await conn.execute(
                    "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))", (f"{self.service} {topic}",)
                )
            ).fetchone()
            if row is None or not row[0]:
                return 0
            await conn.execute("set local transaction_timeout = 0")
            waiting = await self._waiting(conn, topic)
            if not waiting:
                return 0
            outcomes = await _kept_alive(conn, self._send(waiting))
            for number, outcome in outcomes.items():
                if isinstance(outcome, Refused):
                    log.error(Event.NOTICE_PARKED, service=self.service, topic=topic, reason=outcome.reason)
                    metrics.PARKED.labels(self.service).inc()
                    await conn.execute("update outbox set parked = %s where number = %s", (outcome.reason, number))
            sent = [w for w in waiting if w.number in outcomes and not isinstance(outcomes[w.number], Refused)]
            await conn.execute("delete from outbox where number = any(%s)", ([w.number for w in sent],))
            await conn.execute(
                "update notice set published_at = clock_timestamp() where id = any(%s)",
                ([w.notice_id for w in sent if w.notice_id],),
            )
            return len(outcomes)

    async def _send(self, waiting: Sequence[Waiting]) -> dict[int, Outcome]:
        """By number; what follows a refused notice of its duty is left out."""
        lanes: dict[str, deque[Waiting]] = {}
        for row in waiting:
            lanes.setdefault(row.duty, deque()).append(row)
        outcomes: dict[int, Outcome] = {}
        while lanes:
            first = [lane.popleft() for lane in lanes.values()]
            ends = await self.sender.send_all([row.message for row in first])
            outcomes |= {row.number: end for row, end in zip(first, ends, strict=True)}
            held = {row.duty for row, end in zip(first, ends, strict=True) if isinstance(end, Refused)}
            lanes = {duty: lane for duty, lane in lanes.items() if lane and duty not in held}
        return outcomes

    async def _waiting(self, conn: Connection, topic: str) -> Sequence[Waiting]:
        """In order; a duty of which one notice is parked waits, all others go on."""
        rows = await conn.execute(
            """select number, duty, key, value, headers, notice_id from outbox o
            where service = %s and topic = %s and parked is null and not exists (select 1 from outbox p
                where p.service = o.service and p.topic = o.topic and p.duty = o.duty and p.parked is not null)
            order by number limit %s""",
            (self.service, topic, AT_ONCE),
        )
        return [
            Waiting(number, duty, Message(topic, key, value, headers_from_text(headers)), notice)
            async for number, duty, key, value, headers, notice in rows
        ]


_TOPICS = """
with recursive waiting (topic) as (
    (select topic from outbox where service = %(s)s and parked is null order by topic limit 1)
    union all
    select (select o.topic from outbox o where o.service = %(s)s and o.parked is null and o.topic > w.topic
        order by o.topic limit 1) from waiting w where w.topic is not null)
select topic from waiting where topic is not null
"""


async def _kept_alive(conn: Connection, sending: Coroutine[None, None, dict[int, Outcome]]) -> dict[int, Outcome]:
    """Waits for the broker however long it takes; a process that is stopped meanwhile loses its session, and with it
    the lock, to the server's time-out, so that another can publish."""
    task = asyncio.create_task(sending)
    try:
        while not (await asyncio.wait([task], timeout=ALIVE_SECONDS))[0]:
            await conn.execute("select 1")
        return task.result()
    finally:
        task.cancel()
