"""The contract as one table: stream to types to versions to body, with who owns and reads each, and its bounds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from schemas import values as v
from schemas.agency_notifications import v1 as notifications_v1
from schemas.agency_responses import v1 as responses_v1
from schemas.attachments import Attachment
from schemas.court_convictions import v1 as convictions_v1
from schemas.court_order_variations import v1 as orders_v1
from schemas.envelope import LARGEST_HEADERS, LARGEST_UNPACKED
from schemas.fact_types import EventType, FactType, LacksAPartError, declared_in
from schemas.field_errors import field_names
from schemas.police_incidents import v1 as incidents_v1
from schemas.referral_decisions import v1 as decisions_v1
from schemas.refusals import Refusal, RefusalReason

KIB = 1024
# Courts send hearings of 2.5 MB. Orders go with theirs, and a decision names what it rests on: all take as much.
LARGEST_HEARING = 4096 * KIB
DEAD_LETTER = ".dlq"
USUAL_BATCH = 1024 * KIB + 12  # what brokers take unless told otherwise; librdkafka puts together a million bytes
_TYPE = re.compile(r"(uk\.[a-z]+\.[a-z]+(?:-[a-z0-9]+)*)\.v([1-9][0-9]{0,2})")


@dataclass(frozen=True, slots=True)
class Stream:
    """A topic, or one topic for each agency if `{agency}` is in its name.

    `direction`: into the relay, or out of it. `publishers`: in words, who writes it. `owner`: the service that is
    responsible for its dead letters, its archive and its pending facts. `readers`: the other services, or in words who
    reads it outside. `largest_message`: bytes of content.
    """

    topic: str
    direction: Literal["in", "out"]
    publishers: tuple[str, ...]
    owner: str
    readers: tuple[str, ...]
    types: tuple[EventType, ...]
    partitions: int
    retention_days: int
    largest_message: int

    def __post_init__(self) -> None:
        for each in self.types if self.direction == "in" else ():
            if not isinstance(each, FactType):
                raise LacksAPartError(f"{each.name} comes in on {self.topic}, and is not declared as a type of fact")

    @property
    def dead_letter(self) -> str:
        return f"{self.topic}{DEAD_LETTER}"

    @property
    def largest_record(self) -> int:
        """The largest record that the broker takes. It is more than the relay accepts, so that a record that is too
        large is refused with its reason; and at least a client's usual batch, because the broker refuses a larger batch
        whole."""
        return max(2 * self.largest_message + LARGEST_HEADERS, USUAL_BATCH)

    @property
    def largest_dead_letter(self) -> int:
        """Room for any record that was read, its own headers and what is wrong with it."""
        return max(self.largest_record, LARGEST_UNPACKED) + 2 * LARGEST_HEADERS

    def topic_for(self, agency: str) -> str:
        return self.topic.format(agency=agency)


@dataclass(frozen=True)
class Registry:
    """A contract: this project's is `REGISTRY`; a test may make its own."""

    streams: tuple[Stream, ...]

    @cached_property
    def largest_record(self) -> int:
        """What a broker must take: any record of any topic, dead letters included."""
        return max(stream.largest_dead_letter for stream in self.streams)

    @cached_property
    def types(self) -> Mapping[str, tuple[Stream, EventType]]:
        """Every type by its name without version."""
        return {fact.name: (stream, fact) for stream in self.streams for fact in stream.types}

    @cached_property
    def field_names(self) -> frozenset[str]:
        """The field names of all bodies: a refusal may repeat these before the type of an event is known."""
        bodies = (version.body for _, fact in self.types.values() for version in fact.versions)
        return frozenset().union(*map(field_names, bodies))

    @cached_property
    def topics_in(self) -> tuple[str, ...]:
        """The topics from which services read."""
        return tuple(stream.topic for stream in self.streams if stream.direction == "in")

    @cached_property
    def facts(self) -> Mapping[str, FactType]:
        """Every type of fact by its name without version."""
        return {name: declared for name, (_, declared) in self.types.items() if isinstance(declared, FactType)}

    @cached_property
    def of_body(self) -> Mapping[type[v.Frozen], FactType]:
        """Every type of fact by its newest body."""
        return {declared.newest: declared for declared in self.facts.values()}

    def bodies(self, *attachments: type[Attachment]) -> tuple[type[v.Body], ...]:
        """The newest body of each type of fact that attaches to people in one of these ways."""
        return tuple(
            body
            for body, declared in self.of_body.items()
            if isinstance(declared.attachment, attachments) and issubclass(body, v.Body)
        )

    @cached_property
    def _named(self) -> Mapping[str, Stream]:
        return {stream.topic: stream for stream in self.streams}

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], Stream], ...]:
        named = ((re.escape(stream.topic), stream) for stream in self.streams)
        return tuple((re.compile(name.replace(r"\{agency\}", "[a-z0-9][a-z0-9-]*")), stream) for name, stream in named)

    def stream_of(self, topic: str) -> Stream:
        """The stream of a topic. KeyError for a topic that is in no contract: nobody should read it."""
        if topic in self._named:
            return self._named[topic]
        for pattern, stream in self._patterns:
            if pattern.fullmatch(topic):
                return stream
        raise KeyError(topic)

    def largest_of(self, topic: str) -> int:
        """Bytes of content that a message on this topic may have; a dead letter's is a record of its stream, whole."""
        stream = self.stream_of(topic.removesuffix(DEAD_LETTER))
        return stream.largest_record if topic.endswith(DEAD_LETTER) else stream.largest_message

    def topic_of(self, name: str) -> str:
        """The topic on which a type (without version) is published. KeyError for an unknown one."""
        return self.types[name][0].topic

    def find(self, type_: str, stream: Stream | None = None) -> tuple[EventType, int] | Refusal:
        """The type and major version that a `ce_type` names, expected on `stream` if given."""
        match = _TYPE.fullmatch(type_)
        name = match[1] if match else re.sub(r"\.v[^.]*$", "", type_)
        if name not in self.types:
            here = (name for s in ([stream] if stream else self.streams) for f in s.types for name in f.on_the_wire)
            expected = ", ".join(here) or "nothing yet"
            return Refusal(RefusalReason.UNKNOWN_TYPE, "decode", f"ce_type: unknown; known on this stream: {expected}")
        own_stream, fact = self.types[name]
        if stream is not None and own_stream is not stream:
            return Refusal(
                RefusalReason.WRONG_STREAM, "decode", f"ce_type: this type is published on {own_stream.topic}", name
            )
        if match is None or int(match[2]) > len(fact.versions):
            expected = ", ".join(fact.on_the_wire)
            return Refusal(RefusalReason.UNKNOWN_VERSION, "decode", f"ce_type: known versions are {expected}", name)
        return fact, int(match[2])


STREAMS: tuple[Stream, ...] = (
    Stream(
        topic="police.incidents",
        direction="in",
        publishers=("police record systems", "police custody systems"),
        owner="incidents",
        readers=("convictions", "order_variations"),
        types=declared_in(incidents_v1),
        partitions=6,
        retention_days=28,
        largest_message=256 * KIB,
    ),
    Stream(
        topic="court.convictions",
        direction="in",
        publishers=("court result adapters",),
        owner="convictions",
        readers=("order_variations",),
        types=declared_in(convictions_v1),
        partitions=3,
        retention_days=28,
        largest_message=LARGEST_HEARING,
    ),
    Stream(
        topic="court.order-variations",
        direction="in",
        publishers=("court result adapters", "court application adapters"),
        owner="order_variations",
        readers=("incidents", "convictions"),
        types=declared_in(orders_v1),
        partitions=3,
        retention_days=28,
        largest_message=LARGEST_HEARING,
    ),
    Stream(
        topic="agency.responses",
        direction="in",
        publishers=("agencies, through their gateways and the relay command",),
        owner="responses",
        readers=("incidents", "convictions", "order_variations"),
        types=declared_in(responses_v1),
        partitions=3,
        retention_days=28,
        largest_message=64 * KIB,
    ),
    Stream(
        topic="agency.{agency}.notifications",
        direction="out",
        publishers=("incidents", "convictions", "order_variations", "responses"),
        owner="responses",
        readers=("the agency of that id, and nobody else",),
        types=declared_in(notifications_v1),
        partitions=1,
        retention_days=28,
        largest_message=256 * KIB,
    ),
    Stream(
        topic="referral.decisions",
        direction="out",
        publishers=("incidents", "convictions", "order_variations", "responses"),
        owner="responses",
        readers=("audit",),
        types=declared_in(decisions_v1),
        partitions=3,
        retention_days=28,
        largest_message=LARGEST_HEARING,
    ),
)
REGISTRY = Registry(STREAMS)
