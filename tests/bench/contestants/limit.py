"""The limit: confluent-kafka with transactions, all state in dicts of this process, which die with it.

Every batch is one Kafka transaction of notifications and offsets. Nothing of the state is stored, no clock is kept, and
two workers know nothing of each other's files: it shows what the machine gives, and is no way to build the relay.
"""

import argparse
import signal
from collections import defaultdict

from confluent_kafka import Consumer, Producer

from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.streaming.sending import Message
from tests.bench.contestants import work

BATCH = 500
SETTINGS = f"transactions of up to {BATCH} records, read as they come; linger 5 ms"


class State:
    """What stands at each crime reference, what each puts into whose file, and what was told."""

    def __init__(self) -> None:
        self.current: dict[str, dict[tuple[str, str], Fact]] = defaultdict(dict)
        self.parts: dict[str, dict[str, CaseFile]] = defaultdict(dict)
        self.of_file: dict[str, dict[str, CaseFile]] = defaultdict(dict)
        self.delivered: dict[str, dict[Key, Notification]] = defaultdict(dict)

    def take(self, key: bytes, value: bytes, headers: work.Headers) -> list[Message]:
        heard = work.heard(key, value, headers)
        crime = work.crime_of(key)
        current = self.current[crime]
        if heard is None or not work.becomes_current(current, heard[0]):
            return []
        at = work.now()
        policy = work.policies().at(at)
        current[heard[0].statement] = heard[0]
        before, after = self.parts[crime], work.parts_of(current.values(), policy)
        self.parts[crime] = after
        sent: list[Message] = []
        for file in work.touched(before, after):
            mine = self.of_file[file]
            mine.pop(crime, None)
            if file in after:
                mine[crime] = after[file]
            found, self.delivered[file] = work.evaluate_file(
                work.whole(file, mine.values()), self.delivered[file], policy, at
            )
            sent += work.messages(found, policy)
        return sent


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("kafka", "database", "group", "worker", "folder"):
        parser.add_argument(f"--{name}", required=True)
    asked = parser.parse_args()
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    work.policies()
    consumer = Consumer(
        {
            "bootstrap.servers": asked.kafka,
            "group.id": asked.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 2_000,
            "fetch.wait.max.ms": 50,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": asked.kafka,
            "transactional.id": f"{asked.group}-{asked.worker}",
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions()
    consumer.subscribe([work.STREAM])
    state = State()
    while not stopping:
        records = [record for record in consumer.consume(BATCH, timeout=0.02) if record.error() is None]
        if not records:
            continue
        producer.begin_transaction()
        for record in records:
            for message in state.take(record.key() or b"", record.value() or b"", record.headers() or []):
                producer.produce(message.topic, message.value, message.key, headers=list(message.headers))
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
        )
        producer.commit_transaction()
    consumer.close()


if __name__ == "__main__":
    main()
