"""The one path out: what transactions put into the outbox goes to the broker, in order for each duty."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.runtime import metrics
from services.runtime.broker import Message, Refused, Sender
from services.runtime.logs import Event
from services.runtime.store import Connection
from services.runtime.wire import headers_from_text

AT_ONCE = 500
IDLE_SECONDS = 1.0

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
            except (OperationalError, PoolTimeout):
                sent = 0
                log.warning(Event.DATABASE_AWAITED, service=self.service)
            if not sent:
                try:
                    async with asyncio.timeout(IDLE_SECONDS):
                        await self.wake.wait()
                except TimeoutError:
                    continue

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
            await conn.execute("set local transaction_timeout = 0; set local idle_in_transaction_session_timeout = 0")
            waiting = await self._waiting(conn, topic)
            if not waiting:
                return 0
            outcomes = await self.sender.send_all([w.message for w in waiting])
            sent = [w for w, outcome in zip(waiting, outcomes, strict=True) if not isinstance(outcome, Refused)]
            for w, outcome in zip(waiting, outcomes, strict=True):
                if isinstance(outcome, Refused):
                    log.error(Event.NOTICE_PARKED, service=self.service, topic=topic, reason=outcome.reason)
                    metrics.PARKED.labels(self.service).inc()
                    await conn.execute("update outbox set parked = %s where number = %s", (outcome.reason, w.number))
            await conn.execute("delete from outbox where number = any(%s)", ([w.number for w in sent],))
            await conn.execute(
                "update notice set published_at = clock_timestamp() where id = any(%s)",
                ([w.notice_id for w in sent if w.notice_id],),
            )
            return len(waiting)

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
