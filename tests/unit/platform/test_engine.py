"""What the engine hands out, without a broker."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from services.platform.storage.records import Record
from services.platform.streaming.engine import Consumer
from services.platform.streaming.membership import Membership

RECORD = Record("topic", 0, 0, datetime(2026, 3, 2, tzinfo=UTC), None, None, ())


def test_nothing_is_handed_out_of_partitions_that_are_revoked_while_more_is_gathered() -> None:
    handed: list[list[Record]] = []

    async def handle(batch: Sequence[Record]) -> int:
        handed.append(list(batch))
        return len(batch)

    async def agree(_partitions: frozenset[tuple[str, int]]) -> dict[tuple[str, int], int]:
        return {}

    async def story() -> None:
        nowhere = "127.0.0.1:9"
        consumer = Consumer(group="group", topics=["topic"], kafka=nowhere, handle=handle, assigned=agree)
        membership = consumer._membership = Membership(
            group="group", topics=["topic"], kafka=nowhere, instance=None, news=consumer._news
        )
        membership.buffer.append(RECORD)
        handing = asyncio.create_task(consumer._hand_out())
        await asyncio.sleep(0)
        await membership._on_revoked()
        await asyncio.sleep(0.1)
        handing.cancel()

    asyncio.run(story())
    assert handed == []
