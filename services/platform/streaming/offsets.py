"""Where streams begin and end, what groups have committed, and what is left to none of a group's members."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import OffsetOutOfRangeError, for_code

from services.platform import kafka as clients
from services.platform.storage.records import Partition
from services.platform.streaming.broker import until_answered

# What a group that is not sharing out calls itself, with members and without.
SHARED_OUT = ("Stable", "Empty", "Dead")
PROBE_MS = 200


@dataclass(frozen=True, slots=True)
class Unowned:
    """Of a group's topics: partitions that none of its members holds, and topics that the broker does not know."""

    partitions: frozenset[Partition]
    topics: frozenset[str]


class Offsets:
    """Reads where streams begin and end, what groups have committed and who holds what, in no group itself.

    Waits for the broker.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka

    async def begin_offsets(self, topics: Collection[str]) -> dict[Partition, int]:
        """The first offset that each partition still has; a topic that does not exist has none."""
        return await self._of_topics(AIOKafkaConsumer.beginning_offsets, topics)

    async def end_offsets(self, topics: Collection[str]) -> dict[Partition, int]:
        """The offset that the next record of each partition will get."""
        return await self._of_topics(AIOKafkaConsumer.end_offsets, topics)

    async def first_record(self, place: Partition, start: int, end: int) -> int | None:
        """The offset of the first record from `start` on, `end` where none lies before it: not all that has a place in
        a stream is a record, the end of a transaction is none. None where the broker no longer keeps what lay there."""

        async def ask() -> int | None:
            consumer = AIOKafkaConsumer(**clients.probe(self._kafka))
            partition = TopicPartition(*place)
            try:
                await consumer.start()
                consumer.assign([partition])
                consumer.seek(partition, start)
                while await consumer.position(partition) < end:
                    for record, *_ in (await consumer.getmany(timeout_ms=PROBE_MS, max_records=1)).values():
                        return int(record.offset)
            except OffsetOutOfRangeError:
                return None
            finally:
                await consumer.stop()
            return end

        return await until_answered(ask)

    async def committed(self, group: str) -> dict[Partition, int]:
        """The group's committed offsets; a partition for which it has none is left out.

        aiokafka takes an answer that refuses the whole group, as while its coordinator reads what was committed, for
        one that knows of no offsets. So the coordinator is asked for the group first.
        """

        async def ask() -> dict[Partition, int]:
            admin = AIOKafkaAdminClient(**clients.admin(self._kafka))
            try:
                await admin.start()
                ((failed, *_),) = (await admin.describe_consumer_groups([group]))[0].groups
                if failed:
                    raise for_code(failed)
                answer = await admin.list_consumer_group_offsets(group)
            finally:
                await admin.close()
            return {
                (place.topic, place.partition): known.offset for place, known in answer.items() if known.offset >= 0
            }

        return await until_answered(ask)

    async def unowned(self, group: str, topics: Collection[str]) -> Unowned | None:
        """What is left to no member; None while the group is sharing out, or its coordinator is not ready."""

        async def ask() -> Unowned | None:
            admin = AIOKafkaAdminClient(**clients.admin(self._kafka))
            try:
                await admin.start()
                described = await admin.describe_topics(list(topics))
                (response,) = await admin.describe_consumer_groups([group])
            finally:
                await admin.close()
            ((failed, _, state, _, _, members, *_),) = response.groups
            if failed or state not in SHARED_OUT:
                return None
            held = {
                (place.topic, place.partition)
                for *_, share in members
                if share
                for place in ConsumerProtocol.ASSIGNMENT.decode(share).partitions()
            }
            there = {topic["topic"]: topic["partitions"] for topic in described if not topic["error_code"]}
            all_of_them = {(name, place["partition"]) for name, places in there.items() for place in places}
            return Unowned(frozenset(all_of_them - held), frozenset(topics) - there.keys())

        return await until_answered(ask)

    async def _of_topics(self, of: Callable[..., Awaitable[Any]], topics: Collection[str]) -> dict[Partition, int]:
        async def ask() -> dict[Partition, int]:
            consumer = AIOKafkaConsumer(**clients.reader(self._kafka))
            try:
                await consumer.start()
                client = consumer._client  # noqa: SLF001
                known = (await client.fetch_all_metadata()).partitions_for_topic
                places = [TopicPartition(topic, number) for topic in topics for number in known(topic) or ()]
                # Else the consumer meets one topic after the other, a tenth of a second each.
                await client.set_topics({place.topic for place in places})
                answer = await of(consumer, places) if places else {}
            finally:
                await consumer.stop()
            return {(place.topic, place.partition): offset for place, offset in answer.items()}

        return await until_answered(ask)
