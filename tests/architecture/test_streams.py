"""The table of streams is whole: each has who writes it, who reads it, where its refused records go, and examples."""

import importlib
import re

import pytest
import yaml

from schemas.catalogue import EXAMPLES, examples_of
from schemas.envelope import LARGEST_HEADERS, LARGEST_UNPACKED, LONGEST_KEY
from schemas.registry import REGISTRY, STREAMS, EventType, Stream
from services.platform import kafka
from services.platform.local.keeper import LARGEST_MESSAGE
from services.platform.project import PROJECT
from services.platform.streaming.lenient_records import MOST_UNPACKED

SERVICES = {"incidents", "convictions", "order_variations", "responses"}
VAGUE = re.compile(r"\b(updated|changed|modified|status|event|info|data|misc|processed|amended)\b")
TYPES = [pytest.param(stream, fact, id=fact.name) for stream, fact in REGISTRY.types.values()]
EACH = [pytest.param(stream, id=stream.topic) for stream in STREAMS]


@pytest.mark.parametrize("stream", EACH)
def test_a_stream_has_producer_consumer_owner_dead_letter_and_example(stream: Stream) -> None:
    assert stream.publishers
    assert stream.readers
    assert stream.owner in SERVICES
    assert stream.dead_letter == f"{stream.topic}.dlq"
    assert stream.types
    assert all(examples_of(stream, fact) for fact in stream.types)


@pytest.mark.parametrize("stream", EACH)
def test_the_broker_takes_more_than_is_accepted_and_the_dead_letters_more_still(stream: Stream) -> None:
    assert stream.largest_message < stream.largest_record < stream.largest_dead_letter
    assert stream.partitions > 0
    assert stream.retention_days > 0


def test_brokers_producers_and_readers_take_the_largest_record_of_any_topic() -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    taken = int(compose["services"]["kafka"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"])
    assert taken == LARGEST_MESSAGE == kafka.LARGEST_REQUEST
    assert taken > REGISTRY.largest_record
    assert max(stream.largest_message for stream in STREAMS) + LARGEST_HEADERS + LONGEST_KEY < LARGEST_UNPACKED
    assert LARGEST_UNPACKED < MOST_UNPACKED


def test_a_hearing_and_its_orders_may_be_as_large_and_as_large_as_courts_send() -> None:
    largest = {stream.largest_message for stream in STREAMS if stream.topic.startswith("court.")}
    assert len(largest) == 1
    assert largest.pop() > 2_500_000


@pytest.mark.parametrize("stream", EACH)
def test_a_topic_is_named_with_dots_and_hyphens(stream: Stream) -> None:
    assert re.fullmatch(r"[a-z]+(\.([a-z-]+|\{agency\}))+", stream.topic)


def test_a_type_is_on_one_stream_alone() -> None:
    names = [fact.name for stream in STREAMS for fact in stream.types]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("stream", "fact"), TYPES)
def test_a_type_says_what_happened_and_nothing_vague(stream: Stream, fact: EventType) -> None:
    assert stream.topic
    assert re.fullmatch(r"uk\.(police|court|agency|relay)\.[a-z]+(-[a-z]+)*", fact.name)
    assert not VAGUE.search(fact.name)
    assert fact.name.rsplit("-", 1)[-1].rsplit(".", 1)[-1].endswith(("ed", "made", "withdrawn"))


@pytest.mark.parametrize(("stream", "fact"), TYPES)
def test_every_version_but_the_first_is_reached_by_a_function_from_the_one_before(
    stream: Stream, fact: EventType
) -> None:
    assert stream.topic
    first, *later = fact.versions
    assert first.upcast is None
    assert all(version.upcast is not None for version in later)


def test_every_folder_of_examples_belongs_to_a_type_or_is_a_story_or_another_format() -> None:
    known = {each.path.parent for stream, fact in REGISTRY.types.values() for each in examples_of(stream, fact)}
    folders = {
        path.parent for path in EXAMPLES.rglob("*.json*") if not {"story", "spi", "common-platform"} & {*path.parts}
    }
    assert folders == known


def test_each_service_owns_a_stream_and_none_reads_notifications() -> None:
    incoming = [stream for stream in STREAMS if stream.direction == "in"]
    assert {stream.owner for stream in incoming} == SERVICES
    assert not any("{agency}" in stream.topic for stream in incoming)


def test_an_agencys_topic_belongs_to_the_stream_of_notifications() -> None:
    assert REGISTRY.stream_of("agency.some-agency.notifications").topic == "agency.{agency}.notifications"
    with pytest.raises(KeyError):
        REGISTRY.stream_of("agency.some.agency.notifications")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_reads_what_the_table_says(name: str) -> None:
    service = importlib.import_module(f"services.{name}.__main__").SERVICE
    incoming = [stream for stream in STREAMS if stream.direction == "in"]
    assert set(service.reads) == {s.topic for s in incoming if name == s.owner or name in s.readers}
    assert service.owns in {s.topic for s in incoming if name == s.owner}


def test_every_client_of_kafka_is_configured_in_one_module() -> None:
    configured = re.compile(r"\b(bootstrap_servers|security_protocol|sasl_\w+|ssl_\w+|request_timeout_ms|kafka://)")
    modules = {
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "services").rglob("*.py")
        if configured.search(path.read_text("utf-8"))
    }
    assert modules == {"services/platform/kafka.py"}


def test_no_command_makes_a_client_that_could_be_left_open() -> None:
    made = re.compile(r"\bKafka(Consumer|Producer|AdminClient)\(")
    for path in (PROJECT / "services").rglob("*.py"):
        assert not made.search(path.read_text("utf-8")), f"{path.name} makes a client without kafka.opened"
