"""Services that share a process take turns while they read, and none has the others' turns counted against its own."""

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime

from services.convictions.__main__ import SERVICE
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import Record
from services.platform.streaming.decode import DECODING_SECONDS, decode
from services.platform.streaming.judging import Judging
from tests.support import builders as b

RECORDS = [Record("court.convictions", 0, offset, datetime.now(UTC), b"k", b"{}", ()) for offset in range(8)]


async def _another_service() -> None:
    """Works long whenever it has its turn: in two turns longer than a portion may be read."""
    while True:
        until = time.perf_counter() + 0.6 * DECODING_SECONDS
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(0)


def test_what_is_read_for_a_batch_is_not_cut_short_by_the_work_of_other_services() -> None:
    async def read() -> int:
        judging = Judging(SERVICE, b.shipped(), Pseudonyms(b"of no use"), "release")
        other = asyncio.create_task(_another_service())
        portion = await decode(RECORDS, judging)
        other.cancel()
        with suppress(asyncio.CancelledError):
            await other
        return len(portion)

    assert asyncio.run(read()) == len(RECORDS)
