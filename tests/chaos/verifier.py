"""Says what a relay lost, issued twice or got wrong, from what was published and what a plain consumer then reads.

It takes no part in the run and shares no code with the relay: `truth` states what must be held. Held is, for each duty,
the live content of the highest revision, without id, revision, lateness and times; closed or corrected is not held.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from tests.chaos.truth.facts import Held, Key

Said = Mapping[str, Any]

# Which streams each service reads (the design's table of streams).
READS = {
    "incidents": ("police.incidents", "court.order-variations", "agency.responses"),
    "convictions": ("court.convictions", "police.incidents", "court.order-variations", "agency.responses"),
    "order_variations": ("court.order-variations", "police.incidents", "court.convictions", "agency.responses"),
    "responses": ("agency.responses",),
}
STREAMS = ("police.incidents", "court.convictions", "court.order-variations", "agency.responses")
REFUSED, REPEATED = "refused", "repeated"
NEWS = ("matter", "asks", "texts", "urgency")  # one of which an update changes
BELIEVED = {"accepted", "superseded", "not_ours", REPEATED}


class Read(NamedTuple):
    """A record as a consumer reads it."""

    topic: str
    partition: int
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class End(NamedTuple):
    """What a service says of one record."""

    service: str
    topic: str
    partition: int
    offset: int
    fate: str


@dataclass
class Verdict:
    """What is not as it must be; each line says which duty, notification or record."""

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.wrong)

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(self.lost + other.lost, self.twice + other.twice, self.wrong + other.wrong)

    def __str__(self) -> str:
        parts = (("lost", self.lost), ("issued twice", self.twice), ("wrong", self.wrong))
        return "\n".join(
            f"{len(lines)} {what}" + "".join(f"\n  {line}" for line in lines[:20]) for what, lines in parts
        )


def verify(must_hold: Held, notifications: Iterable[Read]) -> Verdict:
    """What agencies were told against what they must hold. `notifications`: of all agencies' topics, in their order."""
    verdict, of_id = Verdict(), dict[str, str]()
    revisions: dict[Key, dict[int, Said]] = defaultdict(dict)
    for record in notifications:
        said = json.loads(record.value)
        identity, text = said["notification"], json.dumps(said, sort_keys=True)
        key = (said["rule"], said["subject"], said["agency"])
        if record.topic != f"agency.{said['agency']}.notifications":
            verdict.wrong.append(f"{key} revision {said['revision']} was published to {record.topic}")
            continue
        if of_id.setdefault(identity, text) != text:
            verdict.twice.append(f"notification {identity} has two contents")
        if said["revision"] < max(revisions[key], default=0) and said["revision"] not in revisions[key]:
            verdict.wrong.append(f"{key} revision {said['revision']} was published after a later one")
        if (before := revisions[key].setdefault(said["revision"], said))["notification"] != identity:
            verdict.twice.append(f"{key} revision {before['revision']} was issued under two ids")
    for key, issued in revisions.items():
        _check_sequence(key, issued, verdict)
    holds = {key: issued[max(issued)] for key, issued in revisions.items() if issued[max(issued)]["state"] == "live"}
    for key, content in must_hold.items():
        if key not in holds:
            verdict.lost.append(f"{key} is not held")
        else:
            told = _said(holds[key])
            other = [what for what, value in content.items() if told.get(what) != value]
            verdict.wrong += [f"{key} is held with another {what}" for what in other]
    verdict.wrong += [f"{key} is held and should not be" for key in holds if key not in must_hold]
    return verdict


def verify_ends(records: Sequence[Read], unbelievable: Iterable[bytes], ends: Iterable[End]) -> Verdict:
    """Every record has one end in each service that reads its stream: `refused` what is not to be believed (known by
    its value and headers, as `marked` makes them), something else all others; of equal records all but one are
    repeated."""
    verdict, refused, told = Verdict(), set(unbelievable), list(ends)
    known, fates = Counter(end[:4] for end in told), {end[:4]: end.fate for end in told}
    first: dict[tuple[str, bytes], int] = Counter()
    for record in records:
        text = marked(record.value, record.headers)
        right = {REFUSED} if text in refused else BELIEVED
        for service in (service for service, streams in READS.items() if record.topic in streams):
            place = (service, *record[:3])
            match known.pop(place, 0):
                case 0:
                    verdict.lost.append(f"{place} has no end")
                case 1:
                    first[service, text] += fates[place] != REPEATED
                    if fates[place] not in right:
                        verdict.wrong.append(f"{place} ended as {fates[place]}")
                case _:
                    verdict.twice.append(f"{place} has two ends")
    verdict.wrong += [f"{place} is the end of no record" for place in known]
    verdict.twice += [
        f"{service} took {number} of equal records for new: {_identity(text)}"
        for (service, text), number in first.items()
        if number > 1
    ]
    return verdict


def verify_dead_letters(records: Sequence[Read], unbelievable: Iterable[bytes], letters: Iterable[Read]) -> Verdict:
    """Whatever is refused has a dead letter, with one content however often it was delivered, and nothing else has."""
    verdict, refused = Verdict(), set(unbelievable)
    wanted = {r[:3] for r in records if marked(r.value, r.headers) in refused}
    contents: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    for letter in letters:
        said = dict(letter.headers)
        place = (
            said["dlq-original-topic"].decode(),
            int(said["dlq-original-partition"]),
            int(said["dlq-original-offset"]),
        )
        contents[place].add(f"{said['dlq-id']!r} {said['dlq-reason']!r} {letter.value!r}")
    verdict.lost += [f"{place} has no dead letter" for place in wanted - contents.keys()]
    verdict.wrong += [f"{place} has a dead letter and was right" for place in contents.keys() - wanted]
    verdict.twice += [f"{place} has two dead letters" for place, said in contents.items() if len(said) > 1]
    return verdict


def marked(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> bytes:
    """A record's content and headers as one text, by which it is known again."""
    return json.dumps([(value or b"").hex(), sorted((name, said.hex()) for name, said in headers)]).encode()


def read(kafka: str, topics: Iterable[str]) -> list[Read]:
    """All that these topics hold, partition by partition, by a consumer that belongs to no group."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        places = [TopicPartition(t, p) for t in topics for p in sorted(consumer.partitions_for_topic(t) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends, found = consumer.end_offsets(places), list[Read]()
        while any(consumer.position(place) < ends[place] for place in places):
            for place, records in consumer.poll(timeout_ms=200).items():
                found += [
                    Read(place.topic, place.partition, r.offset, r.value or b"", tuple(r.headers)) for r in records
                ]
        return found
    finally:
        consumer.close()


def notification_topics(kafka: str) -> list[str]:
    consumer = KafkaConsumer(bootstrap_servers=kafka)
    try:
        return sorted(t for t in consumer.topics() if t.startswith("agency.") and t.endswith(".notifications"))
    finally:
        consumer.close()


def _check_sequence(key: Key, issued: Mapping[int, Said], verdict: Verdict) -> None:
    """Revisions have no gap, and nobody is told anew, or by way of an update, what they hold already."""
    for revision in range(1, max(issued) + 1):
        if revision not in issued:
            verdict.lost.append(f"{key} revision {revision} was never published")
            continue
        now, before = issued[revision], issued.get(revision - 1, {"state": "none"})
        if before["state"] != "live":
            continue
        if now["kind"] == "notify":
            verdict.twice.append(f"{key} was told anew at revision {revision}")
        elif now["kind"] == "update" and all(_in_any_order(now[part]) == _in_any_order(before[part]) for part in NEWS):
            verdict.twice.append(f"{key} was told nothing new at revision {revision}")


def _in_any_order(part: Any) -> Any:
    return sorted(json.dumps(each, sort_keys=True) for each in part) if isinstance(part, list) else part


def _said(notification: Said) -> dict[str, Any]:
    """What is said, by its name: as itself, or all of it where it is said more than once; and what is asked."""
    found: dict[str, list[Any]] = defaultdict(list)
    for item in notification["matter"]:
        found[item["what"]].append(item["value"])
    said = {what: values[0] if len(values) == 1 else sorted(values) for what, values in found.items()}
    return said | {"asks": sorted(asked["ask"] for asked in notification["asks"])}


def _identity(text: bytes) -> str:
    """The event id of a record, from its `marked` text."""
    return bytes.fromhex(dict(json.loads(text)[1])["ce_id"]).decode()
