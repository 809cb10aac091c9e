"""The one path out: what transactions put into the outbox goes to the broker, in order for each duty."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

import structlog
from psycopg_pool import AsyncConnectionPool

from services.runtime import metrics
from services.runtime.broker import Message, Outcome, Refused, Sender
from services.runtime.database import AWAY, CONTENDED, TOO_SLOW
from services.runtime.logs import Event
from services.runtime.store import Connection
from services.runtime.wire import headers_from_text

AT_ONCE = 500
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
    """Publishes for one service. Each topic's rows are taken under a lock, so no two workers send them side by side."""

    def __init__(
        self, service: str, pool: AsyncConnectionPool[Connection], sender: Sender, wake: asyncio.Event
    ) -> None:
        self.service, self.pool, self.sender, self.wake = service, pool, sender, wake

    async def run(self) -> None:
        """Until cancelled: publishes what waits, then sleeps until woken."""
        while True:
            self.wake.clear()
            try:
                sent = await self.publish()
            except (*AWAY, *CONTENDED, *TOO_SLOW):
                sent = 0
                log.warning(Event.DATABASE_AWAITED, service=self.service)
            if not sent:
                try:
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self.wake.wait()
                except TimeoutError:
                    continue

    async def unpark(self) -> None:
        """Lets what was parked be tried again: since the last start its cause may have been mended."""
        async with self.pool.connection() as conn:
            await conn.execute(
                "update outbox set parked = null where service = %s and parked is not null", (self.service,)
            )

    async def publish(self) -> int:
        """Sends all that waits now, topic by topic; how many rows."""
        async with self.pool.connection() as conn:
            rows = await conn.execute(
                "select distinct topic from outbox where service = %s and parked is null", (self.service,)
            )
            topics = [topic async for (topic,) in rows]
        return sum([await self._publish(topic) for topic in topics])

    async def _publish(self, topic: str) -> int:
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
