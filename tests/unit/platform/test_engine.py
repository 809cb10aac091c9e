"""What the engine hands out, without a broker."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from services.platform.storage.records import Partition, Record
from services.platform.streaming.engine import Committed, Consumer
from services.platform.streaming.membership import Membership

RECORD = Record("topic", 0, 0, datetime(2026, 3, 2, tzinfo=UTC), None, None, ())


class Waiting(Membership):
    """Is in no group, and waits to be ended."""

    def __init__(self, *, news: asyncio.Event, **given: Any) -> None:
        super().__init__(news=news, **given)
        self.news = news

    async def run(self) -> None:
        await asyncio.Event().wait()

    async def leave(self) -> None:
        return


def test_nothing_is_handed_out_of_partitions_that_are_revoked_while_more_is_gathered() -> None:
    handed: list[list[Record]] = []

    async def handle(batch: Sequence[Record]) -> int:
        handed.append(list(batch))
        return len(batch)

    async def agree(_partitions: frozenset[Partition], _group: Committed) -> dict[Partition, int]:
        return {}

    async def story() -> None:
        begun = asyncio.Future[Waiting]()

        def begin(**given: Any) -> Membership:
            begun.set_result(Waiting(**given))
            return begun.result()

        consumer = Consumer(
            group="group", topics=["topic"], kafka="127.0.0.1:9", handle=handle, assigned=agree, membership=begin
        )
        await consumer.start()
        membership = await begun
        membership.buffer.append(RECORD)
        membership.news.set()
        await asyncio.sleep(0)
        await membership.on_revoked()
        await asyncio.sleep(0.1)
        await consumer.stop()

    asyncio.run(story())
    assert handed == []
