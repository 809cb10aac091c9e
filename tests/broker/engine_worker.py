"""A process with one or more services on the engine, for tests that kill, stop or fail it.

It writes a line to `log` for every record that it handled (after the work, before the acknowledgement), so that a
test can compare what was handled with what the group has committed.
"""

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

from services.platform import logs
from services.platform.storage.records import Partition, Record
from services.platform.streaming.engine import Committed, Consumer
from services.platform.streaming.halting import Halt, HaltReason
from services.platform.streaming.offsets import Offsets


def note(options: argparse.Namespace, lines: Iterable[str]) -> None:
    with options.log.open("a") as log:
        log.writelines(f"{line}\n" for line in lines)


def handler(group: str, options: argparse.Namespace) -> Callable[[Sequence[Record]], Awaitable[int]]:
    async def handle(records: Sequence[Record]) -> int:
        note(options, [f"begin {group} {len(records)}"])
        await asyncio.sleep(options.work)
        done = records[: options.most]
        if options.fail_on and any(record.value == options.fail_on.encode() for record in done):
            if options.halt:
                raise Halt(HaltReason.TOO_MANY_FAULTED)
            raise ValueError(options.fail_on)
        note(options, [f"done {group} {(record.value or b'').decode()}" for record in done])
        return len(done)

    return handle


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--topics", nargs="+", required=True)
    parser.add_argument("--groups", nargs="+", required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--work", type=float, default=0.0)
    parser.add_argument("--most", type=int, default=500)
    parser.add_argument("--fail-on")
    parser.add_argument("--halt", action="store_true")
    options = parser.parse_args()
    logs.configure()
    offsets = Offsets(options.kafka)

    async def assigned(partitions: frozenset[Partition], _group: Committed) -> Mapping[Partition, int]:
        note(options, [f"assigned {len(partitions)}"])
        return await offsets.begin_offsets(options.topics)

    consumers = [
        Consumer(
            group=group,
            topics=options.topics,
            kafka=options.kafka,
            handle=handler(group, options),
            assigned=assigned,
        )
        for group in options.groups
    ]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    for consumer in consumers:
        await consumer.start()
    await stop.wait()
    await asyncio.gather(*[consumer.stop() for consumer in consumers])


if __name__ == "__main__":
    asyncio.run(main())
