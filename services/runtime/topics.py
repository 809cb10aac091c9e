"""Every topic that the relay needs, as the registry and the agencies declare them."""

from schemas.registry import STREAMS, Stream
from services.policy.policy import PolicySet
from services.runtime.broker import TopicSpec

DAY_MS = 24 * 60 * 60 * 1000
DEAD_LETTER_DAYS = 28


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
