"""What only Kafka can show of the engine: which offsets are committed after a failure, a kill, a stop or a restart."""

import asyncio
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.cluster import ClusterMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from services.platform import metrics
from services.platform.local.embedded import Servers
from services.platform.storage.records import Partition, Record
from services.platform.streaming.engine import Committed, Consumer
from services.platform.streaming.halting import EXIT_HALTED
from services.platform.streaming.membership import Membership
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.sending import Message, Sender
from services.platform.streaming.topics import TopicSpec, apply_topics
from tests.support.processes import started

pytestmark = pytest.mark.broker

PROJECT = Path(__file__).parents[2]
DEADLINE = 60.0
PARTITIONS = 4


class Worker:
    """A process of `engine_worker.py` and what it has written down."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self.log = log

    def lines(self, word: str) -> list[list[str]]:
        text = self.log.read_text() if self.log.exists() else ""
        return [line.split(" ") for line in text.splitlines() if line.startswith(f"{word} ")]

    def handled(self) -> list[str]:
        return [line[-1] for line in self.lines("done")]

    def partitions(self) -> int:
        return int(self.lines("assigned")[-1][1]) if self.lines("assigned") else 0

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)


def eventually(holds: Callable[[], object], seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.05)


@pytest.fixture
def topic(servers: Servers) -> str:
    name = f"engine-{secrets.token_hex(4)}"
    apply_topics(servers.kafka, [TopicSpec(name, PARTITIONS, timestamp_type="CreateTime")])
    return name


@pytest.fixture
def start(servers: Servers, topic: str, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers on the topic; those still there at the end are killed, and a test that failed shows their logs."""
    workers: list[Worker] = []

    def run(*options: str, groups: Sequence[str] = ("group",)) -> Worker:
        log = tmp_path / f"{len(workers)}.log"
        command = [sys.executable, "-m", "tests.broker.engine_worker", "--kafka", servers.kafka, "--topics", topic]
        command += ["--groups", *[f"{topic}-{group}" for group in groups]]
        with (tmp_path / f"{len(workers)}.err").open("w") as errors:
            process = started([*command, "--log", str(log), *options], stderr=errors, text=True)
        workers.append(Worker(process, log))
        return workers[-1]

    yield run
    for worker in workers:
        worker.process.kill()
        worker.process.wait()
        print(worker.log.with_suffix(".err").read_text())  # noqa: T201


def produce(servers: Servers, topic: str, values: Sequence[str], *, key: str | None = None) -> None:
    async def send() -> None:
        sender = Sender(servers.kafka)
        messages = [Message(topic, (key or value).encode(), value.encode()) for value in values]
        await sender.send_all(messages)
        await sender.stop()

    asyncio.run(send())


def committed(servers: Servers, group: str) -> int:
    return sum(asyncio.run(Offsets(servers.kafka).committed(group)).values())


def numbered(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


async def agree(partitions: frozenset[Partition], _group: Committed) -> Mapping[Partition, int]:
    """A store that has nothing against an assignment of streams that were never shortened."""
    return dict.fromkeys(partitions, 0)


def test_exactly_what_the_handler_reports_is_committed_and_the_rest_comes_again(servers: Servers, topic: str) -> None:
    produce(servers, topic, numbered(10), key="same partition")
    batches: list[list[str]] = []
    enough = asyncio.Event()

    async def three_then_none(records: Sequence[Record]) -> int:
        batches.append([(record.value or b"").decode() for record in records])
        if len(batches) == 3:
            enough.set()
        return 3 if len(batches) == 1 else 0

    async def run() -> None:
        consumer = Consumer(
            group=topic,
            topics=[topic],
            kafka=servers.kafka,
            handle=three_then_none,
            assigned=agree,
        )
        await consumer.start()
        await asyncio.wait_for(enough.wait(), DEADLINE)
        await consumer.stop()

    asyncio.run(run())

    assert committed(servers, topic) == 3
    assert [number for batch in batches[1:] for number in batch][:7] == numbered(7, start=3)


def test_what_was_being_told_the_broker_when_a_commit_was_cancelled_is_told_on_leaving(
    servers: Servers, topic: str
) -> None:
    produce(servers, topic, numbered(10))

    async def run() -> None:
        member = Membership(
            group=topic,
            topics=[topic],
            kafka=servers.kafka,
            instance=None,
            news=asyncio.Event(),
        )
        life = asyncio.create_task(member.run())
        await asyncio.to_thread(eventually, lambda: member.unchecked)
        await member.open(member.epoch, await agree(member.partitions, {}))
        await asyncio.to_thread(eventually, lambda: len(member.buffer) == 10)
        batch = member.take_batch()
        member.put_back(batch, len(batch), member.epoch)
        # Its consumer's thread is busy, so that what is asked of it waits in line.
        busy = asyncio.create_task(member.ask(keep_busy))
        commit = asyncio.create_task(member.commit())
        await asyncio.sleep(0.2)

        commit.cancel()

        await asyncio.wait([commit])
        await busy
        await member.leave()
        await life

    asyncio.run(run())

    assert committed(servers, topic) == 10


async def keep_busy(_consumer: object) -> None:
    """Nothing else is done in the thread meanwhile."""
    time.sleep(1.0)  # noqa: ASYNC251


def test_a_record_arrives_as_it_was_sent(servers: Servers, topic: str) -> None:
    got: list[Record] = []
    both = asyncio.Event()

    async def keep(records: Sequence[Record]) -> int:
        got.extend(records)
        if len(got) == 2:
            both.set()
        return len(records)

    async def run() -> None:
        sender = Sender(servers.kafka)
        await sender.send(topic, None, b"\x00\xff", [("ce_id", b"1"), ("ce_id", b"2")], timestamp_ms=1_700_000_000_123)
        await sender.send(topic, b"", None, [])
        await sender.stop()
        consumer = Consumer(group=topic, topics=[topic], kafka=servers.kafka, handle=keep, assigned=agree)
        await consumer.start()
        await asyncio.wait_for(both.wait(), DEADLINE)
        assert consumer.ready
        assert len(consumer.partitions) == PARTITIONS
        await consumer.stop()

    asyncio.run(run())

    first, second = sorted(got, key=lambda record: record.timestamp)
    assert (first.key, first.value, first.headers) == (None, b"\x00\xff", (("ce_id", b"1"), ("ce_id", b"2")))
    assert first.timestamp.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert (second.key, second.value, second.headers) == (b"", None, ())


def test_a_member_of_a_group_writes_no_file(
    servers: Servers, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container may have nowhere to write."""
    monkeypatch.chdir(tmp_path)

    async def keep(records: Sequence[Record]) -> int:
        return len(records)

    async def run() -> None:
        consumer = Consumer(group=topic, topics=[topic], kafka=servers.kafka, handle=keep, assigned=agree)
        await consumer.start()
        await asyncio.to_thread(eventually, lambda: consumer.ready)
        await consumer.stop()

    asyncio.run(run())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [(), ("--halt",)], ids=["raises", "halts"])
def test_a_handler_that_fails_commits_nothing_and_ends_the_process(
    servers: Servers, topic: str, tmp_path: Path, start: Callable[..., Worker], options: tuple[str, ...]
) -> None:
    produce(servers, topic, ["good", "MARKED-VALUE", "good"], key="same partition")

    worker = start("--fail-on", "MARKED-VALUE", *options)

    assert worker.process.wait(DEADLINE) == EXIT_HALTED
    assert committed(servers, f"{topic}-group") == 0
    log = (tmp_path / "0.err").read_text()
    assert '"event": "halted"' in log
    assert "MARKED-VALUE" not in log


def test_sigterm_finishes_the_batch_in_hand_and_loses_nothing(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    produce(servers, topic, numbered(200))
    first = start("--work", "1.0", "--most", "20")
    eventually(lambda: first.lines("begin"))

    assert first.end(signal.SIGTERM) == 0
    assert committed(servers, f"{topic}-group") == len(first.handled()) > 0

    second = start()
    eventually(lambda: sorted(first.handled() + second.handled()) == sorted(numbered(200)))


def test_two_processes_share_the_work_and_the_kill_of_one_loses_nothing(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    first, second = start("--work", "0.02", "--most", "5"), start("--work", "0.02", "--most", "5")
    eventually(lambda: first.partitions() == second.partitions() == PARTITIONS // 2)
    produce(servers, topic, numbered(400))
    eventually(lambda: first.handled() and second.handled())

    first.end(signal.SIGKILL)

    eventually(lambda: set(first.handled() + second.handled()) == set(numbered(400)))
    eventually(lambda: committed(servers, f"{topic}-group") == 400)


def test_a_process_that_sleeps_past_its_session_wakes_as_a_member_and_nothing_is_lost(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    first, second = start("--work", "0.02", "--most", "5"), start("--work", "0.02", "--most", "5")
    eventually(lambda: first.partitions() == second.partitions() == PARTITIONS // 2)
    produce(servers, topic, numbered(200))
    eventually(first.handled)

    first.process.send_signal(signal.SIGSTOP)
    eventually(lambda: second.partitions() == PARTITIONS)
    first.process.send_signal(signal.SIGCONT)
    produce(servers, topic, numbered(200, start=200))

    eventually(lambda: set(first.handled() + second.handled()) == set(numbered(400)))
    eventually(lambda: first.partitions() == second.partitions() == PARTITIONS // 2)
    assert first.process.poll() is second.process.poll() is None


def test_several_services_share_one_process_and_each_reads_everything(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    groups = ("incidents", "convictions", "orders", "responses")
    produce(servers, topic, numbered(300))

    worker = start(groups=groups)

    eventually(lambda: len(worker.handled()) == 300 * len(groups))
    eventually(lambda: [committed(servers, f"{topic}-{group}") for group in groups] == [300] * len(groups))
    assert worker.end(signal.SIGTERM) == 0


def test_a_broker_that_dies_and_returns_is_waited_for(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    produce(servers, topic, numbered(100))
    worker = start("--work", "0.02", "--most", "5", groups=("one", "two"))
    eventually(lambda: len(worker.handled()) > 20)

    servers.restart("kafka", kill=True)
    produce(servers, topic, numbered(100, start=100))

    eventually(lambda: set(worker.handled()) == set(numbered(200)))
    eventually(lambda: committed(servers, f"{topic}-one") == committed(servers, f"{topic}-two") == 200)
    assert worker.process.poll() is None


def test_a_worker_started_before_the_broker_begins_when_it_is_there(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    produce(servers, topic, numbered(10))
    servers.stop("kafka", kill=True)
    worker = start()
    eventually(lambda: "engine_restarted" in worker.log.with_suffix(".err").read_text())
    servers.start("kafka")

    eventually(lambda: len(worker.handled()) == 10)


def test_records_that_the_broker_no_longer_has_are_passed_over_and_said(
    servers: Servers, topic: str, tmp_path: Path, start: Callable[..., Worker]
) -> None:
    produce(servers, topic, numbered(10), key="same partition")
    first = start()
    eventually(lambda: committed(servers, f"{topic}-group") == 10)
    assert first.end(signal.SIGTERM) == 0
    produce(servers, topic, numbered(10, start=10), key="same partition")
    delete_before(servers, topic, 15)

    second = start()

    eventually(lambda: second.handled() == numbered(5, start=15))
    eventually(lambda: committed(servers, f"{topic}-group") == 20)
    assert '"event": "records_gone"' in (tmp_path / "1.err").read_text()


def test_the_end_of_a_senders_transaction_takes_an_offset_and_stops_nobody(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    async def send_in_transactions() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=servers.kafka, transactional_id=topic)
        await producer.start()
        for number in range(5):
            async with producer.transaction():
                await producer.send_and_wait(topic, str(number).encode(), key=b"same partition")
        await producer.stop()

    asyncio.run(send_in_transactions())

    worker = start()

    eventually(lambda: worker.handled() == numbered(5))
    assert worker.end(signal.SIGTERM) == 0


def test_a_topic_that_is_made_after_its_readers_is_read(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    late = f"{topic}-late"
    worker = start("--topics", topic, late)
    eventually(lambda: worker.partitions() == PARTITIONS)

    apply_topics(servers.kafka, [TopicSpec(late, 1, timestamp_type="CreateTime")])
    produce(servers, late, numbered(10))

    eventually(lambda: sorted(worker.handled()) == sorted(numbered(10)))


def test_partitions_that_are_added_while_workers_run_are_shared_out(
    servers: Servers, topic: str, start: Callable[..., Worker]
) -> None:
    first, second = start(), start()
    eventually(lambda: first.partitions() == second.partitions() == PARTITIONS // 2)
    produce(servers, topic, numbered(100))

    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)
    admin.create_partitions({topic: PARTITIONS + 2})
    admin.close()
    produce(servers, topic, numbered(100, start=100))

    eventually(lambda: first.partitions() == second.partitions() == PARTITIONS // 2 + 1)
    eventually(lambda: set(first.handled() + second.handled()) == set(numbered(200)))


def unowned(group: str) -> float | None:
    return metrics.REGISTRY.get_sample_value("relay_partitions_unowned", {"consumergroup": group})


class Forgetful(PartitionAssignor):
    """Faust's assignor in a leader whose broker has told it of no topics, until it is told to remember."""

    remembers = False

    def assign(self, cluster: ClusterMetadata, member_metadata: Any) -> Any:
        return super().assign(cluster if self.remembers else ClusterMetadata(), member_metadata)


def test_a_member_that_is_given_nothing_though_partitions_are_left_is_not_ready_and_joins_again(
    servers: Servers, topic: str, tmp_path: Path
) -> None:
    got: list[Record] = []

    async def keep(records: Sequence[Record]) -> int:
        got.extend(records)
        return len(records)

    async def run() -> None:
        assignor = Forgetful(faust.App(topic, broker=f"kafka://{servers.kafka}", datadir=tmp_path / "leader"))
        beside = f"{topic}-beside"
        await asyncio.to_thread(apply_topics, servers.kafka, [TopicSpec(beside, 1)])
        leader = AIOKafkaConsumer(
            beside,
            bootstrap_servers=servers.kafka,
            group_id=topic,
            partition_assignment_strategy=[assignor],
        )
        await leader.start()
        consumer = Consumer(group=topic, topics=[topic], kafka=servers.kafka, handle=keep, assigned=agree)
        await consumer.start()
        await asyncio.to_thread(eventually, lambda: unowned(topic) == PARTITIONS)
        assert not consumer.ready

        assignor.remembers = True
        await asyncio.to_thread(eventually, lambda: consumer.ready)
        assert len(consumer.partitions) == PARTITIONS
        await asyncio.to_thread(produce, servers, topic, numbered(10))
        await asyncio.to_thread(eventually, lambda: len(got) == 10)
        await consumer.stop()
        await leader.stop()

    asyncio.run(run())


def test_a_member_for_whom_no_partition_is_left_is_ready_and_stays(servers: Servers, topic: str) -> None:
    assignments: list[int] = []

    async def note(partitions: frozenset[Partition], group: Committed) -> Mapping[Partition, int]:
        assignments.append(len(partitions))
        return await agree(partitions, group)

    async def handle(records: Sequence[Record]) -> int:
        return len(records)

    async def run() -> None:
        consumers = [
            Consumer(group=topic, topics=[topic], kafka=servers.kafka, handle=handle, assigned=note)
            for n in range(PARTITIONS + 1)
        ]
        for consumer in consumers:
            await consumer.start()
        await asyncio.to_thread(eventually, lambda: all(consumer.ready for consumer in consumers))
        assert sorted(len(consumer.partitions) for consumer in consumers) == [0, 1, 1, 1, 1]
        before = len(assignments)
        for _ in range(3):  # a second evaluation that finds something wrong makes a member join again
            for consumer in consumers:
                consumer.check_share()
            await asyncio.sleep(1)
        assert all(consumer.ready for consumer in consumers)
        assert len(assignments) == before
        await asyncio.gather(*(consumer.stop() for consumer in consumers))

    asyncio.run(run())


def test_faust_alone_would_commit_the_batch_in_hand_when_it_stops(servers: Servers, topic: str, tmp_path: Path) -> None:
    """Why the engine switches Faust's acknowledgements off. When this fails, the ADR has lost one of its reasons."""
    produce(servers, topic, numbered(20))

    async def stop_while_a_batch_is_in_hand() -> int:
        app = faust.App(
            topic,
            broker=f"kafka://{servers.kafka}",
            store="memory://",
            datadir=tmp_path / "faust",
            autodiscover=False,
            web_enabled=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
        )
        in_hand = asyncio.Event()
        taken = 0

        async def take(stream: Any) -> None:
            nonlocal taken
            async for batch in stream.noack().take_events(500, within=0.5):
                taken += len(batch)
                in_hand.set()
                await asyncio.Event().wait()

        app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"))(take)
        await app.start()
        await asyncio.wait_for(in_hand.wait(), DEADLINE)
        await app.stop()
        return taken

    taken = asyncio.run(stop_while_a_batch_is_in_hand())

    assert committed(servers, topic) == taken > 0


def delete_before(servers: Servers, topic: str, offset: int) -> None:
    """As retention does: what lies before the offset of the fullest partition is gone."""
    ends = asyncio.run(Offsets(servers.kafka).end_offsets([topic]))
    partition = max(ends, key=lambda place: ends[place])[1]
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)
    admin.delete_records({TopicPartition(topic, partition): offset})
    admin.close()
