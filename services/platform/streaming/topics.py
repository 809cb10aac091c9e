"""Every topic that the relay needs, as the registry and the agencies declare them, made where it is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from schemas.registry import STREAMS, Stream
from services.platform import kafka as clients
from services.platform.policy.policy import PolicySet

DAY_MS = 24 * 60 * 60 * 1000
DEAD_LETTER_DAYS = 28


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as declared; None leaves a setting to the broker."""

    name: str
    partitions: int
    retention_ms: int | None = None
    max_message_bytes: int | None = None
    timestamp_type: Literal["CreateTime", "LogAppendTime"] | None = None
    replication_factor: int = -1

    def configs(self) -> dict[str, str]:
        declared = {
            "retention.ms": self.retention_ms,
            "max.message.bytes": self.max_message_bytes,
            "message.timestamp.type": self.timestamp_type,
        }
        return {name: str(value) for name, value in declared.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an existing topic is not as declared; it is for a person to change it."""

    topic: str
    setting: str
    declared: str
    found: str


@dataclass(frozen=True, slots=True)
class Applied:
    created: tuple[str, ...]
    differences: tuple[Difference, ...]


def topics(policies: PolicySet) -> tuple[TopicSpec, ...]:
    """Streams, their dead letters, and one topic of notifications for each agency that was ever in force."""
    found: list[TopicSpec] = []
    for stream in STREAMS:
        if "{agency}" in stream.topic:
            found += [_spec(stream, stream.topic_for(agency.id)) for agency in policies.agencies]
        else:
            found.append(_spec(stream, stream.topic))
            if stream.types and stream.owner:
                found.append(
                    TopicSpec(
                        stream.dead_letter, 1, DEAD_LETTER_DAYS * DAY_MS, stream.largest_dead_letter, "CreateTime"
                    )
                )
    return tuple(found)


def _spec(stream: Stream, name: str) -> TopicSpec:
    return TopicSpec(name, stream.partitions, stream.retention_days * DAY_MS, stream.largest_record, "LogAppendTime")


def apply_topics(kafka: str, specs: Sequence[TopicSpec]) -> Applied:
    """Creates the topics that are missing and tells how the others differ; changes and deletes nothing.

    Blocks, and raises kafka.errors.KafkaError where the broker cannot be reached or refuses.
    """
    with clients.opened(KafkaAdminClient, clients.topics_admin(kafka)) as admin:
        existing = set(admin.list_topics())
        missing = [spec for spec in specs if spec.name not in existing]
        if missing:
            admin.create_topics(
                {
                    spec.name: {
                        "num_partitions": spec.partitions,
                        "replication_factor": spec.replication_factor,
                        "configs": spec.configs(),
                    }
                    for spec in missing
                },
                wait_for_metadata=True,
            )
        present = [spec for spec in specs if spec.name in existing]
        return Applied(tuple(spec.name for spec in missing), tuple(_differences(admin, present)))


def _differences(admin: KafkaAdminClient, specs: Sequence[TopicSpec]) -> Iterator[Difference]:
    if not specs:
        return
    names = [spec.name for spec in specs]
    partitions = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(names)}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    settings = admin.describe_configs(resources, config_filter="all")["topic"]
    for spec in specs:
        if partitions[spec.name] != spec.partitions:
            yield Difference(spec.name, "partitions", str(spec.partitions), str(partitions[spec.name]))
        for setting, declared in spec.configs().items():
            found = settings[spec.name][setting]["value"]
            if found != declared:
                yield Difference(spec.name, setting, declared, found)
