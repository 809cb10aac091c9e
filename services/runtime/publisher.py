"""The one path out: what transactions put into the outbox goes to the broker, in order for each duty."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from operator import attrgetter

import structlog
from psycopg_pool import AsyncConnectionPool

from schemas.registry import REGISTRY, Registry
from services.runtime import metrics
from services.runtime.database import AWAY, CONTENDED, TOO_SLOW
from services.runtime.logs import Event
from services.runtime.rows import Connection
from services.runtime.sending import Message, Outcome, Refused, Sender
from services.runtime.wire import headers_from_text

ROWS_AT_ONCE = 2000
ROWS_OF_A_TOPIC = 500
TOPICS_AT_ONCE = 500  # of one service; each holds a lock in the server's memory
# A topic that its broker keeps waiting so long goes on by itself, in a session of its own; so many topics can.
TOGETHER_SECONDS = 0.5
TOPICS_APART = 3
IDLE_SECONDS = 1.0
ALIVE_SECONDS = 1.0  # well within the server's time-out for sessions that stand still in a transaction

log = structlog.get_logger("relay")

Sending = asyncio.Task[dict[int, Outcome]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row of the outbox."""

    number: int
    duty: str
    message: Message
    notice_id: str | None


class Publisher:
    """Publishes for one service. Each topic's rows are taken under a lock, so no two workers send them side by side.

    All topics go side by side, in one transaction: an event is told to many agencies. One that its broker keeps waiting
    is parted from them, and delays no other, as long as there are not too many of its kind.
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
        self._apart: dict[str, asyncio.Task[None]] = {}
        self._after = ""  # the topic after which the next are taken, where there are very many

    async def run(self) -> None:
        """Until cancelled: publishes what waits, then sleeps until woken."""
        try:
            while True:
                self.wake.clear()
                try:
                    sent = await self._publish()
                except (*AWAY, *CONTENDED, *TOO_SLOW):
                    sent = 0
                    log.warning(Event.DATABASE_AWAITED, service=self.service)
                if not sent:
                    await self._until_news()
                self._reap()
        finally:
            for task in self._apart.values():
                task.cancel()
            await asyncio.gather(*self._apart.values(), return_exceptions=True)

    async def unpark(self) -> None:
        """Lets what was parked be tried again: since the last start its cause may have been mended."""
        async with self._transaction() as conn:
            rows = await conn.execute(
                """select number, topic, coalesce(octet_length(value), 0) from outbox
                where service = %s and parked is not null""",
                (self.service,),
            )
            fit = [number async for number, topic, size in rows if size <= self.contract.largest_of(topic)]
            await conn.execute("update outbox set parked = null where number = any(%s)", (fit,))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with self.pool.connection() as conn, conn.transaction():
            yield conn

    async def _until_news(self) -> None:
        woken = asyncio.create_task(self.wake.wait())
        try:
            await asyncio.wait(
                [woken, *self._apart.values()], timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()

    def _reap(self) -> None:
        """Lets topics that have come to an end by themselves go with the others again."""
        for topic, task in [(topic, task) for topic, task in self._apart.items() if task.done()]:
            del self._apart[topic]
            try:
                task.result()
            except (*AWAY, *CONTENDED, *TOO_SLOW):
                log.warning(Event.DATABASE_AWAITED, service=self.service)

    async def _publish(self) -> int:
        """Sends what waits now; how many rows have their outcome."""
        async with self._transaction() as conn:
            waiting = await self._waiting(conn, await self._lock_topics(conn))
            if not waiting:
                return 0
            sending = {topic: asyncio.create_task(self._send(rows)) for topic, rows in waiting.items()}
            try:
                sent = await self._sent(conn, waiting, sending)
            finally:
                for topic in sending.keys() - self._apart.keys():
                    sending[topic].cancel()  # which those that have come to their end do not hear
            rows = [row for topic in sent for row in waiting[topic]]
            return await self._mark(conn, rows, dict(chain.from_iterable(t.result().items() for t in sent.values())))

    async def _sent(
        self, conn: Connection, waiting: Mapping[str, Sequence[Waiting]], sending: Mapping[str, Sending]
    ) -> Mapping[str, Sending]:
        """Those that have come to their end; the others, few as they are, go on by themselves."""
        began, pending = time.monotonic(), set(sending.values())
        while pending:
            left = began + TOGETHER_SECONDS - time.monotonic()
            _, pending = await asyncio.wait(pending, timeout=left if left > 0 else ALIVE_SECONDS)
            late = {topic: task for topic, task in sending.items() if task in pending}
            if len(late) <= TOPICS_APART - len(self._apart):
                for topic, task in late.items():
                    self._apart[topic] = asyncio.create_task(self._go_on(topic, waiting[topic], task))
                break
            await conn.execute("select 1")
        return {topic: task for topic, task in sending.items() if task.done()}

    async def _go_on(self, topic: str, rows: Sequence[Waiting], sending: Sending) -> None:
        """Waits for the broker however long it takes; a process that is stopped meanwhile loses its session, and with
        it the lock, to the server's time-out, so that another can publish."""
        try:
            async with self._transaction() as conn:
                await conn.execute("set local transaction_timeout = 0")
                # Those that it is parted from let go of it now.
                lock = "select pg_advisory_xact_lock(hashtextextended(%s || ' ' || %s, 0))"
                await conn.execute(lock, (self.service, topic))
                while not (await asyncio.wait([sending], timeout=ALIVE_SECONDS))[0]:
                    await conn.execute("select 1")
                await self._mark(conn, rows, sending.result())
        finally:
            sending.cancel()

    async def _lock_topics(self, conn: Connection) -> list[str]:
        """Topics for which something waits, found one after another by index, however much that is; without those that
        another worker publishes to."""
        wanted = {"s": self.service, "after": self._after, "apart": list(self._apart), "most": TOPICS_AT_ONCE}
        found = await (await conn.execute(_LOCK_TOPICS, wanted)).fetchall()
        if not found and self._after:
            found = await (await conn.execute(_LOCK_TOPICS, wanted | {"after": ""})).fetchall()
        topics: list[str] = [topic for (topic,) in found]
        self._after = topics[-1] if len(topics) == TOPICS_AT_ONCE else ""
        return topics

    async def _waiting(self, conn: Connection, topics: Sequence[str]) -> Mapping[str, Sequence[Waiting]]:
        """By topic, in order; a duty of which one notice is parked waits, all others go on."""
        if not topics:
            return {}
        await conn.execute("set local transaction_timeout = 0")
        most = min(ROWS_OF_A_TOPIC, 1 + ROWS_AT_ONCE // len(topics))
        rows = await conn.execute(_WAITING, {"s": self.service, "topics": topics, "most": most})
        waiting = [
            Waiting(number, duty, Message(topic, key, value, headers_from_text(headers)), notice)
            async for number, topic, duty, key, value, headers, notice in rows
        ]
        return {topic: list(of) for topic, of in groupby(waiting, attrgetter("message.topic"))}

    async def _mark(self, conn: Connection, rows: Sequence[Waiting], outcomes: Mapping[int, Outcome]) -> int:
        """Notes what the broker has, and what it refused; how many rows that is."""
        refused = {row: end for row in rows if isinstance(end := outcomes.get(row.number), Refused)}
        for row, end in refused.items():
            log.error(Event.NOTICE_PARKED, service=self.service, topic=row.message.topic, reason=end.reason)
            metrics.PARKED.labels(self.service).inc()
            await conn.execute("update outbox set parked = %s where number = %s", (end.reason, row.number))
        sent = [row for row in rows if row.number in outcomes and row not in refused]
        await conn.execute("delete from outbox where number = any(%s)", ([row.number for row in sent],))
        await conn.execute(
            "update notice set published_at = clock_timestamp() where id = any(%s)",
            ([row.notice_id for row in sent if row.notice_id],),
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


_LOCK_TOPICS = """
with recursive waiting (topic) as (
    (select topic from outbox where service = %(s)s and parked is null and topic > %(after)s order by topic limit 1)
    union all
    select (select o.topic from outbox o where o.service = %(s)s and o.parked is null and o.topic > w.topic
        order by o.topic limit 1) from waiting w where w.topic is not null)
select topic from waiting where topic is not null and topic <> all(%(apart)s)
    and pg_try_advisory_xact_lock(hashtextextended(%(s)s || ' ' || topic, 0)) limit %(most)s
"""
_WAITING = """
select o.number, t.topic, o.duty, o.key, o.value, o.headers, o.notice_id from unnest(%(topics)s::text[]) as t (topic)
cross join lateral (select * from outbox o where o.service = %(s)s and o.topic = t.topic and o.parked is null
    and not exists (select 1 from outbox p where p.service = o.service and p.topic = o.topic and p.duty = o.duty
        and p.parked is not null)
    order by o.number limit %(most)s) as o
order by t.topic, o.number
"""
