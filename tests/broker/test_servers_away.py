"""Servers that go away are waited for in place; servers that went back, or forgot, halt the worker with advice."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from prometheus_client.parser import text_string_to_metric_families
from psycopg import OperationalError
from psycopg_pool import AsyncConnectionPool

from services.platform import metrics
from services.platform.local.embedded import Name, Servers
from services.platform.problems import EXIT_NOT_BEGUN
from services.platform.running.process import END_SECONDS
from services.platform.storage.database import migrate, pool
from services.platform.storage.rows import Connection
from services.platform.storage.sessions import CONNECT_SECONDS
from services.platform.streaming.groups import group_of
from services.platform.streaming.halting import EXIT_HALTED, Halt
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.sending import Message
from services.platform.streaming.topics import topics
from tests.broker.conftest import Play, Start
from tests.broker.relay import PATIENCE, Relay, empty_topics, shipped_policy, until
from tests.broker.servers_away import away
from tests.broker.troubled import STREAM, Process, delivered, everybody_once, fates, incident, service
from tests.support.processes import started

pytestmark = pytest.mark.broker


@pytest.mark.parametrize("server", ["postgres", "kafka"])
def test_a_server_that_goes_away_is_waited_for_and_nothing_is_lost_or_told_twice(play: Play, server: Name) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
            unseen = relay.publish(*(incident(f"CR{n}") for n in range(2, 30)))
            if server == "postgres":
                await asyncio.gather(unseen, asyncio.to_thread(relay.servers.stop, server, kill=True))
            else:
                await asyncio.to_thread(relay.servers.stop, server)
            publishing = asyncio.create_task(relay.publish(incident("CR30")))
            await asyncio.to_thread(relay.servers.start, server)
            if server == "kafka":
                await unseen
            await publishing
            await relay.settled(worker)
        assert await delivered(relay) == everybody_once(*(f"CR{n}" for n in range(1, 31)))
        assert sum((await fates(relay, mine.name)).values()) == 30

    play(story)


def test_a_database_that_was_away_for_long_is_found_as_soon_as_it_is_back(servers: Servers, database: str) -> None:
    """Its clients' pauses must not grow with the time that it is away."""

    async def answers(shared: AsyncConnectionPool[Connection]) -> bool:
        try:
            async with shared.connection() as conn:
                await conn.execute("select 1")
        except OperationalError:
            return False
        return True

    async def story() -> None:
        async with pool(database, size=2) as shared:
            assert await answers(shared)
            await asyncio.to_thread(servers.stop, "postgres")
            back_at = time.monotonic() + AWAY_SECONDS
            while time.monotonic() < back_at:
                assert not await answers(shared)
            await asyncio.to_thread(servers.start, "postgres")
            await until(lambda: answers(shared), seconds=2 * CONNECT_SECONDS)

    asyncio.run(story())


@pytest.mark.parametrize("how", ["killed", "frozen"])
@pytest.mark.parametrize("server", ["kafka", "postgres"])
def test_a_worker_without_a_server_is_not_ready_and_shows_no_number_that_it_cannot_measure(
    servers: Servers, database: str, tmp_path: Path, server: Name, how: str
) -> None:
    migrate(database)
    empty_topics(servers.kafka, topics(shipped_policy()))
    with serving(servers, database, tmp_path / "log") as process:
        eventually(lambda: "worker_started" in (tmp_path / "log").read_text())
        asked = Asked(port_in(tmp_path / "log"))
        eventually(lambda: asked.ready and asked.numbers() == set(GAUGES))
        with away(servers, server, how):
            gone_at = time.monotonic()
            eventually(lambda: not asked.ready)
            assert time.monotonic() - gone_at < NOT_READY_SECONDS
            eventually(lambda: asked.numbers() == NEED_ONLY[OTHER[server]])
            assert time.monotonic() - gone_at < NO_NUMBER_SECONDS
            assert asked.times() == set(GAUGES)
            assert asked.lives
        eventually(lambda: asked.ready and asked.numbers() == set(GAUGES))
        assert process.poll() is None


NOT_READY_SECONDS = 15.0
NO_NUMBER_SECONDS = 25.0  # fresh for twelve seconds, and what was under way when the server went
MEASURED = "_measured_timestamp_seconds"
GAUGES = {
    family.name
    for family in metrics.REGISTRY.collect()
    if family.type == "gauge" and not family.name.endswith(MEASURED)
}
OTHER: Mapping[Name, Name] = {"kafka": "postgres", "postgres": "kafka"}
NEED_BOTH = {"kafka_consumergroup_lag", "kafka_consumergroup_group_lag_seconds"}
NEED_ONLY: Mapping[Name, set[str]] = {
    "kafka": {"relay_partitions_unowned"},
    "postgres": GAUGES - NEED_BOTH - {"relay_partitions_unowned"},
}


class Asked:
    """A worker's health and metrics, as an orchestrator and Prometheus ask for them."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def ready(self) -> bool:
        return self.readiness[0] == HTTPStatus.OK

    @property
    def readiness(self) -> tuple[int, str]:
        return self._ask("/readyz")

    @property
    def lives(self) -> bool:
        return self._ask("/healthz")[0] == HTTPStatus.OK

    def numbers(self) -> set[str]:
        """The gauges that show a number."""
        return {name for name in self._shown() if name in GAUGES}

    def times(self) -> set[str]:
        """The gauges that show when they were measured."""
        return {name.removesuffix(MEASURED) for name in self._shown() if name.endswith(MEASURED)}

    def _shown(self) -> set[str]:
        families = text_string_to_metric_families(self._ask("/metrics")[1])
        return {sample.name for family in families for sample in family.samples}

    def _ask(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LONGEST_ANSWER)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


LONGEST_ANSWER = 5.0


def port_in(log: Path) -> int:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return int(next(line["port"] for line in lines if line["event"] == "worker_started"))


@pytest.mark.parametrize("how", ["killed", "frozen"])
@pytest.mark.parametrize(("server", "called"), [("kafka", "Kafka"), ("postgres", "PostgreSQL")])
def test_a_worker_that_waits_for_its_servers_at_its_start_lives_is_not_ready_and_says_why(
    servers: Servers, database: str, tmp_path: Path, server: Name, called: str, how: str
) -> None:
    migrate(database)
    empty_topics(servers.kafka, topics(shipped_policy()))
    with socket.create_server(("", 0)) as free:
        asked = Asked(free.getsockname()[1])
    with away(servers, server, how), serving(servers, database, tmp_path / "log", RELAY_HTTP_PORT=str(asked.port)):
        eventually(lambda: answers(asked))
        assert asked.lives
        eventually(lambda: asked.readiness == (503, f"no: waiting for {called} to answer\n"))
        eventually(lambda: "_awaited" in (tmp_path / "log").read_text())
        assert asked.lives
        assert asked.readiness == (503, f"no: waiting for {called} to answer\n")


def answers(asked: Asked) -> bool:
    with suppress(ConnectionError):
        return asked.lives
    return False


# A pool that doubles its pauses tries again after 15 seconds and after 31.
AWAY_SECONDS = 16


def test_a_worker_that_waits_for_its_servers_at_its_start_ends_when_it_is_told_to(
    servers: Servers, database: str, tmp_path: Path
) -> None:
    migrate(database)
    servers.stop("kafka")
    try:
        with serving(servers, database, tmp_path / "log") as process:
            eventually(lambda: "broker_awaited" in (tmp_path / "log").read_text())
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    finally:
        servers.start("kafka")


@pytest.mark.parametrize("server", ["postgres", "kafka"])
def test_a_worker_whose_server_went_away_ends_when_it_is_told_to(
    servers: Servers, database: str, tmp_path: Path, server: Name
) -> None:
    migrate(database)
    empty_topics(servers.kafka, topics(shipped_policy()))
    with serving(servers, database, tmp_path / "log") as process:
        eventually(lambda: "worker_started" in (tmp_path / "log").read_text())
        servers.stop(server)
        try:
            eventually(lambda: "_awaited" in (tmp_path / "log").read_text())
            process.send_signal(signal.SIGTERM)
            assert process.wait(END_SECONDS + 5) == 0
        finally:
            servers.start(server)


def test_a_worker_whose_port_is_taken_ends_with_a_sentence_that_names_the_port(
    servers: Servers, database: str, tmp_path: Path
) -> None:
    migrate(database)
    empty_topics(servers.kafka, topics(shipped_policy()))
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(servers, database, tmp_path / "log", RELAY_HTTP_PORT=str(port)) as process:
            assert process.wait(60) == EXIT_NOT_BEGUN
    *_, sentence = (tmp_path / "log").read_text().splitlines()
    assert sentence.startswith(f"The port {port}, for health and metrics, is in use by another program")


def test_a_policy_that_cannot_be_used_is_refused_in_a_sentence(servers: Servers, database: str, tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    with serving(servers, database, tmp_path / "log", RELAY_POLICY=str(tmp_path / "policy")) as process:
        assert process.wait(60) == EXIT_NOT_BEGUN
    said = (tmp_path / "log").read_text()
    assert "the table `windows` needs a row" in said
    assert "unhandled" not in said


@contextmanager
def serving(servers: Servers, database: str, log: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A service in a process as it is deployed; killed at the end where it is still there."""
    addresses = {
        "RELAY_KAFKA": servers.kafka,
        "RELAY_DATABASE": database,
    }
    command = [sys.executable, "-m", "services.incidents"]
    with log.open("wb") as errors:
        process = started(command, stderr=errors, env=os.environ | addresses | settings)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.05)


def test_a_database_behind_its_group_halts_the_worker_and_says_what_it_needs(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"), incident("CR1", version=2))
            await relay.settled(worker)
            await until(lambda: acknowledged(relay, mine.name, 2))
        await relay.rows("update stream_position set next_offset = next_offset - 1 where next_offset > 0")
        process = start(relay, mine.name)
        assert await process.dies() == EXIT_HALTED
        (line,) = process.lines("database_behind_group")
        assert (line["topic"], line["group"], line["database"]) == (STREAM, 2, 1)
        assert "runbook" in line["advice"]
        assert process.lines("halted")[0]["reason"] == "offsets_ahead"

    play(story)


# A database that goes back ends what was under way in it: here it is waited for, or it would make up for the loss.
GOES_BACK = """
do $$ begin
    lock table stream_position in access exclusive mode;
    update stream_position set next_offset = next_offset - 1 where next_offset > 0;
end $$
"""


def test_a_database_that_goes_back_under_a_worker_halts_it_before_it_writes_anything(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        process = start(relay, mine.name)
        await relay.publish(incident("CR1"), incident("CR1", version=2))
        await until(lambda: read_on(relay, 2))
        await relay.rows(GOES_BACK)
        await relay.publish(incident("CR2"))
        assert await process.dies() == EXIT_HALTED
        line, *_ = process.lines("database_went_back")  # whatever was under way may see it, too
        assert (line["topic"], line["seen"], line["database"]) == (STREAM, 2, 1)
        assert "relay recover" in line["advice"]
        assert process.lines("halted")[0]["reason"] == "offsets_ahead"
        assert not await read_on(relay, 2)

    play(story)


def test_a_database_that_forgot_no_record_but_what_the_clock_said_halts_a_worker(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        process = start(relay, mine.name)
        await relay.publish(incident("CR1"))
        await until(lambda: read_on(relay, 1))
        await until(lambda: halts_as_it_forgets(relay, process))
        assert await process.dies() == EXIT_HALTED
        line, *_ = process.lines("database_went_back")  # whatever was under way may see it, too
        assert line["database"] < line["seen"]
        assert process.lines("halted")[0]["reason"] == "offsets_ahead"
        again = start(relay, mine.name)  # it has seen nothing of what the first has
        assert await again.dies() == EXIT_HALTED
        assert again.lines("recovery_awaited")

    play(story)


async def halts_as_it_forgets(relay: Relay, process: Process) -> bool:
    """Time and again: what the worker writes in the same moment would make up for one loss."""
    await relay.rows("update stream_position set read_to = read_to - interval '1 hour'")
    return process.running.poll() is not None


async def read_on(relay: Relay, offset: int) -> bool:
    return bool(await relay.rows("select 1 from stream_position where next_offset >= %s", offset))


async def acknowledged(relay: Relay, service: str, records: int) -> bool:
    """Whether the service's group has committed so many: it does so a while after they are done."""
    return sum((await Offsets(relay.servers.kafka).committed(group_of(service))).values()) == records


def test_records_gone_before_they_were_read_halt_the_worker_and_say_what_it_needs(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
        await relay.publish(incident("CR1", version=2))
        ((partition,),) = await relay.rows("select partition from stream_position where next_offset = 1")
        await asyncio.to_thread(forget, relay, TopicPartition(STREAM, partition), 2)
        process = start(relay, mine.name)
        assert await process.dies() == EXIT_HALTED
        (line,) = process.lines("records_gone")
        assert (line["topic"], line["partition"], line["first"], line["database"]) == (STREAM, partition, 2, 1)
        assert "runbook" in line["advice"]
        assert process.lines("halted")[0]["reason"] == "offsets_unknown"
        assert await fates(relay, mine.name) == {"accepted": 1}

    play(story)


def test_records_gone_under_a_worker_halt_it_and_say_what_it_needs(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        process = start(relay, mine.name)
        await relay.publish(incident("CR1"))
        await until(lambda: read_on(relay, 1))
        process.running.send_signal(signal.SIGSTOP)
        await asyncio.sleep(LONGEST_FETCH)  # one that is under way would be answered with what comes now
        await relay.publish(incident("CR1", version=2))
        ((partition,),) = await relay.rows("select partition from stream_position where next_offset = 1")
        await asyncio.to_thread(forget, relay, TopicPartition(STREAM, partition), 2)
        process.running.send_signal(signal.SIGCONT)
        assert await process.dies() == EXIT_HALTED
        assert (process.lines("records_gone")[0]["partition"], await fates(relay, mine.name)) == (
            partition,
            {"accepted": 1},
        )
        assert process.lines("halted")[0]["reason"] == "offsets_unknown"

    play(story)


def test_a_stream_that_loses_what_was_read_halts_the_worker_before_others_take_its_place(
    play: Play, start: Start
) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        process = start(relay, mine.name)
        await relay.publish(incident("CR1"), incident("CR1", version=2))
        await until(lambda: read_on(relay, 2))
        spec = next(each for each in topics(relay.policies) if each.name == STREAM)
        await asyncio.to_thread(empty_topics, relay.servers.kafka, [spec])
        assert await process.dies() == EXIT_HALTED
        (line,) = process.lines("stream_went_back")
        assert (line["topic"], line["end"], line["database"]) == (STREAM, 0, 2)
        assert process.lines("halted")[0]["reason"] == "offsets_ahead"

    play(story)


def test_an_end_before_what_was_read_halts_without_a_new_assignment(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
            ((partition,),) = await relay.rows("select partition from stream_position where next_offset = 1")
            (running,) = worker.running
            now = await running.work.database.clock()
            await running.loop.checks.note_ends({(STREAM, partition): 1}, now)
            with pytest.raises(Halt):
                await running.loop.checks.note_ends({(STREAM, partition): 0}, now)

    play(story)


def test_the_end_of_a_senders_transaction_is_passed_over_and_the_stream_counts_as_read(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=relay.servers.kafka, transactional_id="police")
        await producer.start()
        async with relay.working(mine), producer.transaction():
            await sent_by(producer, incident("CR1"))
        async with relay.working(mine) as worker:
            async with producer.transaction():
                await sent_by(producer, incident("CR1", version=2))
            await relay.settled(worker)
            assert await relay.rows("select 1 from stream_position where next_offset = 4")
        await producer.stop()
        assert await fates(relay, mine.name) == {"accepted": 2}

    play(story)


async def sent_by(producer: AIOKafkaProducer, event: Message) -> None:
    await producer.send_and_wait(event.topic, event.value, key=event.key, headers=list(event.headers))


LONGEST_FETCH = 2.0  # seconds; Faust asks the broker to wait less


def forget(relay: Relay, place: TopicPartition, before: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=relay.servers.kafka)
    try:
        admin.delete_records({place: before})
    finally:
        admin.close()
