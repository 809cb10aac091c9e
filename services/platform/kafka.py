"""How every client of Kafka is configured, by what it is for: addresses, security, times, sizes, acknowledgements.

Workers and recovery use aiokafka, and Faust for membership in a group; commands use kafka-python. Each function gives
the keyword arguments for one kind of client. TLS and SASL belong into `connection`, and for Faust into `group_member`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka.net.compat import KafkaNetClient

Options = dict[str, Any]

# The topic's own limit decides; this one only keeps nonsense off the wire.
LARGEST_REQUEST = 16 * 1024 * 1024
REQUEST_MS = 10_000
# A person who publishes waits so long for the broker's answer, and twice as long for the delivery of a record.
PUBLISHING_MS = 15_000
LINGER_MS = 2
# Below the limit of every topic: a batch above it would be refused as a whole, and sent again one by one.
LARGEST_BATCH = 32 * 1024
PROBE_BYTES = 64 * 1024
A_WEEK = 7 * 24 * 60 * 60.0
# The group's leader joins again when it learns that a topic has come, or has more partitions than it knew.
METADATA_MS = 2_000


def connection(kafka: str) -> Options:
    """How the brokers are reached, for aiokafka and kafka-python. `kafka`: host:port, several with commas."""
    return {"bootstrap_servers": kafka.split(","), "security_protocol": "PLAINTEXT"}


@contextmanager
def opened(client: Callable[..., Any], options: Options, **closing: float) -> Iterator[Any]:
    """A client of kafka-python until the end of the block. `closing`: what its `close` takes, such as a timeout.

    Raises kafka.errors.KafkaError where no broker answers. The library leaves the network thread of such a client
    behind, to try for ever; here it is ended.
    """
    networks = list[KafkaNetClient]()

    def network(**of_client: Any) -> KafkaNetClient:
        networks.append(KafkaNetClient(**of_client))
        return networks[-1]

    try:
        made = client(**options, bootstrap_timeout_ms=options["request_timeout_ms"], kafka_client=network)
    except BaseException:
        for each in networks:
            each.close()
        raise
    try:
        yield made
    finally:
        made.close(**closing)


def reader(kafka: str) -> Options:
    """A consumer in no group, which commits nothing; of either library."""
    return connection(kafka) | {"group_id": None, "enable_auto_commit": False, "request_timeout_ms": REQUEST_MS}


def reader_from_start(kafka: str) -> Options:
    """A reader that begins with the first record where the offset that it asks for is not kept."""
    return reader(kafka) | {"auto_offset_reset": "earliest"}


def probe(kafka: str) -> Options:
    """A reader of single records, which fails where the offset that it asks for is not kept."""
    return reader(kafka) | {"auto_offset_reset": "none", "max_partition_fetch_bytes": PROBE_BYTES}


def admin(kafka: str) -> Options:
    """An administration client of either library."""
    return connection(kafka) | {"request_timeout_ms": REQUEST_MS}


def topics_admin(kafka: str) -> Options:
    """An administration client for many topics in one request, which takes a busy broker longer."""
    return connection(kafka) | {"request_timeout_ms": 3 * REQUEST_MS}


def worker_producer(kafka: str) -> Options:
    """The aiokafka producer with which a worker empties its outbox."""
    return _careful_producer(kafka) | {"max_batch_size": LARGEST_BATCH, "request_timeout_ms": REQUEST_MS}


def command_producer(kafka: str) -> Options:
    """The kafka-python producer of a command, which gives up while a person still waits."""
    return _careful_producer(kafka) | {
        "max_block_ms": PUBLISHING_MS,
        "request_timeout_ms": PUBLISHING_MS,
        "delivery_timeout_ms": 2 * PUBLISHING_MS,
    }


def group_member(kafka: str, at_once: int) -> Options:
    """The Faust app that is a member of a service's group. `at_once`: records that it hands out at once."""
    return {
        "broker": ";".join(f"kafka://{address.strip()}" for address in kafka.split(",")),
        "broker_session_timeout": 6,
        "broker_heartbeat_interval": 2,
        "broker_max_poll_records": at_once,
        # A database that is away for long is no reason to leave the group: heartbeats say that this process lives, and
        # the watchdog that its loop does.
        "broker_max_poll_interval": A_WEEK,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": METADATA_MS,
    }


def _careful_producer(kafka: str) -> Options:
    """A record counts as sent once all replicas in sync have it, and is written once."""
    return connection(kafka) | {
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": LINGER_MS,
        "max_request_size": LARGEST_REQUEST,
    }
