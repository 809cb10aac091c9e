"""A worker: one or more services on one broker and one database, with both guards of recovery in their hooks."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TypeVar

import structlog
from psycopg_pool import AsyncConnectionPool

from schemas.registry import REGISTRY, Registry
from services.platform import logs
from services.platform.policy.policy import PolicySet
from services.platform.problems import CannotBeginError
from services.platform.recovery.guarded import guarded
from services.platform.release import release_of
from services.platform.storage import database
from services.platform.storage.database import AWAY, PASSING
from services.platform.storage.gauges import gauges
from services.platform.storage.pseudonyms import Pseudonyms, pseudonyms_of
from services.platform.storage.rows import Connection
from services.platform.storage.sessions import why_none
from services.platform.streaming.broker import NotThereYet
from services.platform.streaming.engine import Consumer
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import Halt, end_process
from services.platform.streaming.health import ANYWHERE, Health
from services.platform.streaming.judging import Judging
from services.platform.streaming.loop import Loop
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.publisher import Publisher
from services.platform.streaming.sending import Sender
from services.platform.streaming.service import Service
from services.platform.streaming.work import Work

# Of one service at once: its batch, its due files, what was refused before, what it publishes and one more.
SESSIONS = 5
DUE_SECONDS = 0.25
CHECKING = "check streams"
STOP_SECONDS = 10.0
GAUGE_SECONDS = 5.0
CHECK_SECONDS = 1.0
SILENT_SECONDS = 10.0  # without an answer of both servers, after which a worker is not ready
RELEASE_FILES_A_SECOND = 50

DATABASE, BROKER = "PostgreSQL", "Kafka"

T = TypeVar("T")

log = structlog.get_logger("relay")


@dataclass
class Running:
    """One service at work in this process."""

    service: Service
    work: Work
    loop: Loop
    consumer: Consumer
    publisher: Publisher


class OldTablesError(CannotBeginError):
    """The database has the tables of another release."""

    def __init__(self) -> None:
        super().__init__("The tables are not those of this release: run `relay db migrate` first.")


class Worker:
    """Runs services on one broker and one database. `start` returns once all is set up; `stop` ends it in order."""

    def __init__(
        self,
        services: Sequence[Service],
        kafka: str,
        database_url: str,
        policies: PolicySet,
        http_port: int = 0,
        http_host: str = ANYWHERE,
        release: str | None = None,
        instance: str | None = None,
        contract: Registry = REGISTRY,
    ) -> None:
        """`instance`: a name that outlives the process; the next one of that name takes over its streams at once."""
        self._services, self._kafka, self._policies = tuple(services), kafka, policies
        self._database = database_url
        self._pool: AsyncConnectionPool[Connection] = database.pool(
            database_url, size=SESSIONS * len(self._services) + 2
        )
        self._sender, self._offsets = Sender(kafka), Offsets(kafka)
        self._release, self._instance = release or release_of(), instance
        self._contract = contract
        self._stack = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._awaited = DATABASE  # the server whose answer is needed to go on
        self._answered_at = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []
        self.running: list[Running] = []
        self.health = Health(why_not_ready=self.why_not_ready, port=http_port, host=http_host)

    async def start(self) -> None:
        """Waits for its servers where they are away, and answers for its health meanwhile.

        PortTakenError; DatabaseUnusableError or OldTablesError where waiting would not help.
        """
        await self.health.start()
        self._stack.push_async_callback(self.health.stop)
        await self._once_there(lambda: asyncio.to_thread(_check_tables, self._database))
        await self._pool.open()
        self._stack.push_async_callback(self._pool.close)
        pseudonyms = await self._once_there(self._read_pseudonyms)
        self._awaited = BROKER
        await self._sender.start()
        self._awaited = DATABASE
        self._stack.push_async_callback(self._sender.stop)
        for service in self._services:
            self.running.append(await self._run(service, pseudonyms))
        self._tasks += [
            asyncio.create_task(_guarded(self._check_streams(), "relay"), name=CHECKING),
            asyncio.create_task(_guarded(measure(self._pool), "relay"), name="measure"),
        ]
        names = ",".join(service.name for service in self._services)
        log.info(logs.Event.WORKER_STARTED, services=names, release=self._release, port=self.health.port)

    async def stop(self) -> None:
        """Finishes what is in hand, publishes what waits if the broker takes it, and leaves the groups."""
        await asyncio.gather(*(running.consumer.stop() for running in self.running))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(running.loop.leave() for running in self.running)), STOP_SECONDS)
        self._stopping.set()
        for task in [task for task in self._tasks if task.get_name() == CHECKING]:
            await asyncio.wait([task], timeout=STOP_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    @property
    def ready(self) -> bool:
        return self.why_not_ready() is None

    def why_not_ready(self) -> str | None:
        """What is lacking, in words; None where every service has its partitions, and both servers answered lately.

        Nothing is asked here: a server that is frozen would keep whoever asks.
        """
        if time.monotonic() - self._answered_at >= SILENT_SECONDS:
            return f"waiting for {self._awaited} to answer"
        without = [running.service.name for running in self.running if not running.consumer.ready]
        return f"waiting for Kafka to give partitions to {', '.join(without)}" if without else None

    async def _read_pseudonyms(self) -> Pseudonyms:
        async with self._pool.connection() as conn:
            return await pseudonyms_of(conn)

    async def _run(self, service: Service, pseudonyms: Pseudonyms) -> Running:
        work = guarded(Judging(service, self._policies, pseudonyms, self._release, self._contract), self._pool)
        loop = Loop(work, self._offsets)
        consumer = Consumer(
            group=group_of(service.name),
            topics=service.reads,
            kafka=self._kafka,
            handle=loop.handle,
            assigned=loop.assigned,
            instance=self._instance,
        )
        publisher = Publisher(service.name, self._pool, self._sender, work.commits.happened, self._contract)

        async def prepare() -> None:
            await loop.checks.check()
            await work.due.renew(RELEASE_FILES_A_SECOND)
            at = await work.database.clock()
            await loop.checks.note_ends(await self._offsets.end_offsets(service.reads), at)
            await publisher.unpark()

        try:
            await self._once_there(prepare)
        except Halt as halt:
            end_process(halt, group=group_of(service.name))
        await consumer.start()
        self._tasks += [
            asyncio.create_task(_guarded(task, group_of(service.name)), name=f"{service.name}: {what}")
            for what, task in (
                ("publish", publisher.run()),
                ("due", _again(loop.evaluate_due, DUE_SECONDS)),
                ("refused before", loop.retry_refused()),
            )
        ]
        return Running(service, work, loop, consumer, publisher)

    async def _once_there(self, work: Callable[[], Awaitable[T]]) -> T:
        """A worker may start while its servers are away: it waits, as it would at work."""
        while True:
            try:
                return await work()
            except AWAY as problem:
                self._awaited = DATABASE
                log.warning(logs.Event.DATABASE_AWAITED, error=type(problem).__name__)
            except NotThereYet:
                self._awaited = BROKER
                log.warning(logs.Event.BROKER_AWAITED)
            await asyncio.sleep(CHECK_SECONDS)

    async def _check_streams(self) -> None:
        """Notes, for partitions of which nothing is left to read, that they have been read up to now; and the lag."""
        topics = sorted({topic for service in self._services for topic in service.reads})
        while not self._stopping.is_set():
            try:
                self._awaited = DATABASE
                times = [await running.work.database.clock() for running in self.running]
                self._awaited = BROKER
                ends = await self._offsets.end_offsets(topics)
                self._answered_at = time.monotonic()
                for running, at in zip(self.running, times, strict=True):
                    await running.loop.checks.note_ends(
                        {p: end for p, end in ends.items() if p[0] in running.service.reads}, at
                    )
            except PASSING as problem:
                why = await asyncio.to_thread(why_none, self._database)
                log.warning(logs.Event.DATABASE_AWAITED, error=type(problem).__name__, why=why)
            except NotThereYet:
                log.warning(logs.Event.BROKER_AWAITED)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), CHECK_SECONDS)


async def measure(pool: AsyncConnectionPool[Connection]) -> None:
    """By itself, without end: what the database knows is measured also while the broker is away."""
    while True:
        with suppress(*PASSING):  # what could not be measured is not shown
            async with pool.connection() as conn:
                await gauges(conn)
        await asyncio.sleep(GAUGE_SECONDS)


async def _again(work: Callable[[], Awaitable[None]], every: float) -> None:
    while True:
        await work()
        await asyncio.sleep(every)


async def _guarded(work: Awaitable[None], group: str) -> None:
    """Work beside the batches ends the process where it cannot go on: nobody would notice that it has stopped."""
    try:
        await work
    except Exception as error:  # noqa: BLE001 - whatever it is
        end_process(error, group=group)


def _check_tables(url: str) -> None:
    """DatabaseUnusableError or OldTablesError where the database cannot be used as it is; OperationalError where it is
    away for now."""
    database.check(url)
    if not database.is_current(url):
        raise OldTablesError
