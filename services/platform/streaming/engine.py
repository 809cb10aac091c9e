"""The engine: hands a service the records of its streams in order, and acknowledges exactly what it says is done."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

import structlog

from services.platform import logs, metrics
from services.platform.storage.records import BATCH, Partition, Record
from services.platform.streaming import lenient_records
from services.platform.streaming.broker import NotThereYet
from services.platform.streaming.halting import end_process
from services.platform.streaming.membership import UNAVAILABLE, Membership
from services.platform.streaming.offsets import Offsets, Unowned

GATHER_SECONDS = 0.01
COMMIT_SECONDS = 0.5
STOP_SECONDS = 15.0
NONE_DONE_PAUSE = 0.05
# How often a member asks whether partitions have no owner: a gauge stays fresh for more than two of these.
WATCH_SECONDS = 4.0
# How long they may be left before it joins again: longer each time, where that did not help.
PATIENCE_SECONDS = 5.0
LONGEST_PATIENCE_SECONDS = 120.0
SHARING_SECONDS = 0.5
RESTART_SECONDS = 1.0

log = structlog.get_logger("relay")

Handle = Callable[[Sequence[Record]], Awaitable[int]]
Committed = Mapping[Partition, int | None]
Assigned = Callable[[frozenset[Partition], Committed], Awaitable[Mapping[Partition, int]]]


class Consumer:
    """One service's consumer group; several share a process and an event loop.

    `handle` is given a batch in order and returns how many of its leading records are durably done. Exactly those are
    acknowledged; the others come first in the next batch. `assigned` is awaited after every assignment, before any of
    its records is handled. It gets what the group has committed, and returns where each partition began. If either
    raises anything but `NotThereYet`, the process ends with status 70.

    A leader that has just started may know no topics: it then assigns nothing and says nothing. So every member asks
    the broker from time to time which partitions have no owner, and joins again.
    """

    def __init__(
        self,
        *,
        group: str,
        topics: Sequence[str],
        kafka: str,
        handle: Handle,
        assigned: Assigned,
        instance: str | None = None,
        membership: Callable[..., Membership] = Membership,
    ) -> None:
        lenient_records.install()
        self._group = group
        self._topics = tuple(topics)
        self._kafka = kafka
        self.handle = handle
        self._assigned = assigned
        self._instance = instance
        self._begin_membership = membership
        self._membership: Membership | None = None
        self._offsets = Offsets(kafka)
        # The assignment, by membership and epoch, that gave this member nothing while all partitions had an owner.
        self._rightly_empty: tuple[Membership, int] | None = None
        self._news = asyncio.Event()
        self._doubt = asyncio.Event()
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether this member has its share of partitions, and the reader has agreed to it. Zero partitions are a share
        only if other members own all of them."""
        member = self._membership
        if member is None or not member.ready:
            return False
        return bool(member.partitions) or self._rightly_empty == (member, member.epoch)

    @property
    def partitions(self) -> frozenset[Partition]:
        """What it is assigned now."""
        return frozenset() if self._membership is None else self._membership.partitions

    async def start(self) -> None:
        """Returns at once; the broker is waited for, and `ready` tells when work has begun."""
        self._tasks = [
            asyncio.create_task(self._guarded(work()), name=f"{self._group}:{work.__name__.strip('_')}")
            for work in (self._stay_member, self._hand_out, self._commit_now_and_then, self._watch)
        ]

    async def stop(self) -> None:
        """Finishes the batch in hand, commits and leaves the group; what is not done goes back to the broker.

        A batch that takes too long is cancelled: nothing of it was acknowledged.
        """
        self._stopping.set()
        self._news.set()
        member, hand, *beside = self._tasks
        for task in beside:
            task.cancel()
        await asyncio.wait([hand], timeout=STOP_SECONDS)
        hand.cancel()
        await asyncio.wait([hand, *beside])
        self._leaving.set()
        await asyncio.wait([member])

    def check_share(self) -> None:
        """Asks the broker soon what is left to no member, and joins again if that is more than nothing for long."""
        self._doubt.set()

    async def _committed(self, partitions: Collection[Partition]) -> Committed:
        """The group's committed offsets of partitions assigned now; None where it has none."""
        while True:
            membership = self._membership
            try:
                if membership is not None:
                    return await membership.committed(partitions)
            except UNAVAILABLE as error:
                log.warning(logs.Event.BROKER_AWAITED, group=self._group, error=type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - whatever it is, going on would acknowledge past it
            end_process(error, group=self._group)

    async def _stay_member(self) -> None:
        while not self._leaving.is_set():
            await self._live_once()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), RESTART_SECONDS)

    async def _live_once(self) -> None:
        """One membership from joining to leaving; it ends when Faust gives up, or when the service stops."""
        membership = self._membership = self._begin_membership(
            group=self._group,
            topics=self._topics,
            kafka=self._kafka,
            instance=self._instance,
            news=self._news,
        )
        life = asyncio.create_task(membership.run())
        leaving = asyncio.create_task(self._leaving.wait())
        await asyncio.wait([life, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not self._leaving.is_set():
            error = life.exception() if not life.cancelled() else None
            log.warning(logs.Event.ENGINE_RESTARTED, group=self._group, error=type(error).__name__)
        for task in (life, leaving):
            task.cancel()
        await asyncio.wait([life, leaving])
        async with asyncio.timeout(STOP_SECONDS):
            await membership.leave()

    async def _hand_out(self) -> None:
        while not self._stopping.is_set():
            self._news.clear()
            membership = self._membership
            if membership is not None and membership.unchecked:
                await self._begin(membership)
            elif membership is not None and membership.buffer:
                if len(membership.buffer) < BATCH:
                    await asyncio.sleep(GATHER_SECONDS)
                await self.hand_batch(membership)
            else:
                await self._news.wait()

    async def _begin(self, membership: Membership) -> None:
        epoch, partitions = membership.epoch, membership.partitions
        try:
            begins = await self._assigned(partitions, await self._committed(partitions))
            await membership.open(epoch, begins)
            if not partitions:
                self.check_share()
        except (*UNAVAILABLE, NotThereYet) as error:
            log.warning(logs.Event.BROKER_AWAITED, group=self._group, error=type(error).__name__)
            await asyncio.sleep(RESTART_SECONDS)

    async def hand_batch(self, membership: Membership) -> None:
        epoch, batch = membership.epoch, membership.take_batch()
        done = 0
        try:
            # The partitions may have been revoked while more was gathered: then nothing is left to hand out.
            done = await self.handle(batch) if batch else 0
        finally:
            membership.put_back(batch, done, epoch)
        if done == 0:
            await asyncio.sleep(NONE_DONE_PAUSE)

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            if self._membership is not None:
                await self._membership.commit()

    async def _watch(self) -> None:
        """Join again if partitions have had no owner for a while, or if this member never got its share."""
        patience, doubted, until = PATIENCE_SECONDS, None, 0.0
        wait = WATCH_SECONDS
        while True:
            with suppress(TimeoutError):
                # Not all members at once: when one has joined again, the others' shares are new as well.
                await asyncio.wait_for(self._doubt.wait(), wait * random.uniform(1, 2))  # noqa: S311
            self._doubt.clear()
            share = self._share
            unowned = await self._offsets.unowned(self._group, self._topics)
            wait = SHARING_SECONDS
            if unowned is None or share is None or share != self._share or share[0].unchecked:
                continue
            wait = WATCH_SECONDS
            member, _ = share
            self._say_unowned(unowned, member)
            if not unowned.partitions and member.ready:
                patience = PATIENCE_SECONDS
                if not unowned.topics:
                    self._rightly_empty = share
                doubted = None
            elif doubted != share:
                doubted, until = share, time.monotonic() + patience * random.uniform(1, 2)  # noqa: S311
            elif time.monotonic() >= until:
                patience = min(2 * patience, LONGEST_PATIENCE_SECONDS)
                member.give_up()

    @property
    def _share(self) -> tuple[Membership, int] | None:
        return None if self._membership is None else (self._membership, self._membership.epoch)

    def _say_unowned(self, unowned: Unowned, member: Membership) -> None:
        metrics.UNOWNED.measured(len(unowned.partitions), self._group)
        if unowned.partitions:
            log.error(
                logs.Event.PARTITIONS_UNOWNED,
                group=self._group,
                partitions=len(unowned.partitions),
                held=len(member.partitions),
            )
        for topic in sorted(unowned.topics):
            log.warning(logs.Event.TOPIC_MISSING, group=self._group, topic=topic)
