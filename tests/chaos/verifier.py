"""Says what a relay lost, issued twice or got wrong, from what was published and what a plain consumer then reads.

It takes no part in the run and shares no code with the relay. It is given what agencies hold after the same input
without a fault. Held is, for each duty, the live content of the highest revision, without id, revision, lateness and
times; closed or corrected is not held.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition

from tests.chaos.stated import Stated

Said = Mapping[str, Any]
Key = tuple[str, str, str]  # rule, subject, agency
Content = Mapping[str, Any]  # by the name of what is said, and of what else the reader is given
Held = Mapping[Key, Content]

# Which streams each service reads (the design's table of streams).
READS = {
    "incidents": ("police.incidents", "court.order-variations", "agency.responses"),
    "convictions": ("court.convictions", "police.incidents", "court.order-variations", "agency.responses"),
    "order_variations": ("court.order-variations", "police.incidents", "court.convictions", "agency.responses"),
    "responses": ("agency.responses",),
}
STREAMS = ("police.incidents", "court.convictions", "court.order-variations", "agency.responses")
REFUSED, REPEATED = "refused", "repeated"
ANOTHER_PERSON = "another_person"
REPLY = "answer_outdated"
# These look at who has answered, and the run without a fault hears no answers. Replies follow the revisions as well.
FOLLOW_ANSWERS = (REPLY, "school_unread", "her_views_moved")
ABSENCES = ("missed_order", "unlinked_")  # rules that speak of what has not come
NEWS = ("matter", "asks", "texts", "urgency")  # one of which an update changes
BELIEVED = {"accepted", "superseded", "not_ours", REPEATED}


Place = tuple[str, int, int]  # topic, partition, offset


class Read(NamedTuple):
    """A record as a consumer reads it."""

    topic: str
    partition: int
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    at: datetime = datetime.fromtimestamp(0, UTC)  # by the broker's clock


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


def verify(must_hold: Held, notifications: Iterable[Read], stated: Stated | None = None) -> Verdict:
    """What agencies were told against what they must hold. `notifications`: of all agencies' topics, in their order.

    Whether an answer came too late depends on how fast its notification was replaced: replies to such answers, and what
    else follows answers, are left out of what must be held. Only a reply to an answer that still counts is wrong.
    """
    stated = stated or Stated()
    verdict, of_id = Verdict(), dict[str, str]()
    revisions: dict[Key, dict[int, Said]] = defaultdict(dict)
    for record in notifications:
        said = json.loads(record.value)
        identity, text = said["notification"], json.dumps(said, sort_keys=True)
        key = key_of(said)
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
        _check_sequence(key, issued, stated, verdict)
    newest = {key: issued[max(issued)] for key, issued in revisions.items()}
    live = {key: said for key, said in newest.items() if said["state"] == "live"}
    holds = {key: said for key, said in live.items() if said["rule"] not in FOLLOW_ANSWERS}
    must_hold = {key: content for key, content in must_hold.items() if key[0] not in FOLLOW_ANSWERS}
    verdict.wrong += [f"{key} replies to an answer that counts" for key in _replies_too_much(live, newest)]
    for key, content in must_hold.items():
        if key not in holds:
            verdict.lost.append(f"{key} is not held")
        else:
            delivered = content_of(holds[key])
            names = sorted({*content, *delivered})
            other = [what for what in names if delivered.get(what) != content.get(what)]
            verdict.wrong += [f"{key} is held with another {what}" for what in other]
    verdict.wrong += [f"{key} is held and should not be" for key in holds if key not in must_hold]
    return verdict


def _replies_too_much(live: Mapping[Key, Said], newest: Mapping[Key, Said]) -> Iterator[Key]:
    """Replies to answers to a notification that is still the newest of its duty."""
    of_newest = {said["notification"]: said for said in newest.values()}
    for key, said in live.items():
        if said["rule"] == REPLY:
            (answered,) = (item["value"] for item in said["matter"] if item["what"] == "notification")
            if of_newest.get(answered, {"state": "withdrawn"})["state"] != "withdrawn":
                yield key


def verify_ends(records: Sequence[Read], unbelievable: Iterable[bytes], ends: Iterable[End]) -> Verdict:
    """Every record has one end in each service that reads its stream: `refused` what is not to be believed (known by
    its value and headers, as `marked` makes them), something else all others; of equal records all but one are
    repeated."""
    verdict, refused, delivered = Verdict(), set(unbelievable), list(ends)
    known, fates = Counter(end[:4] for end in delivered), {end[:4]: end.fate for end in delivered}
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


def verify_absences(
    records: Sequence[Read], complete: Iterable[str], settles: timedelta, notifications: Iterable[Read]
) -> tuple[Verdict, int]:
    """In a case of which all was published within a settling time nobody hears that something is missing; and how many
    such cases there were. `records`: what may be believed. `complete`: the URNs of cases to which nothing is missing in
    the end."""
    first, delivered = dict[tuple[str, str], datetime](), dict[str, datetime]()
    for record in records:
        headers = dict(record.headers)
        kind = headers.get("ce_type", b"").decode()
        if kind.startswith(("uk.court.", "uk.police.charge-preferred.")):
            urn = json.loads(record.value).get("references", {}).get("urn")
            at = datetime.fromisoformat(headers["ce_time"].decode())
            first[urn, kind] = min(first.get((urn, kind), record.at), record.at)
            delivered[urn] = min(delivered.get(urn, at), at)
    last = dict[str, datetime]()
    for (urn, _), at in first.items():
        last[urn] = max(last.get(urn, at), at)
    # The broker counts in thousandths, and the relay reads a clock of its own.
    in_time = {urn for urn in complete if urn in last and last[urn] - delivered[urn] < settles - timedelta(seconds=1)}
    verdict = Verdict()
    for record in notifications:
        said = json.loads(record.value)
        if said["rule"].startswith(ABSENCES) and any(urn in said["subject"] for urn in in_time):
            key = key_of(said)
            verdict.wrong.append(f"{key} was told at revision {said['revision']} what was missing for a moment only")
    return verdict, len(in_time)


def verify_reminders(
    records: Sequence[Read],
    reported: Iterable[str],
    minutes: Iterable[int],
    notifications: Iterable[Read],
    end: datetime,
) -> Verdict:
    """Who was told of a high risk, and is asked something still, is reminded so many minutes after its report, where
    that is before the end. `reported`: crime references of incidents that nobody corrected."""
    at, first, reminded = dict[str, datetime](), dict[Key, datetime](), set[Key]()
    for record in records:
        headers = dict(record.headers)
        if headers.get("ce_type", b"").startswith(b"uk.police.incident-reported."):
            crime = headers["ce_subject"].decode()
            at[crime] = datetime.fromisoformat(headers["ce_time"].decode())
    for record in notifications:
        said = json.loads(record.value)
        key = key_of(said)
        if said["kind"] == "remind":
            reminded.add(key)
        first[key] = min(first.get(key, record.at), record.at)
    delivered = {
        key: when for key, when in first.items() if key[0] == "high_risk" and key[1].partition("/")[0] in reported
    }
    due = {
        key
        for key, when in delivered.items()
        for number in minutes
        if when < at[key[1].partition("/")[0]] + timedelta(minutes=number) < end
    }
    return Verdict(lost=[f"{key} was not reminded" for key in due - reminded])


def verify_dead_letters(
    records: Sequence[Read], unbelievable: Iterable[bytes], letters: Iterable[Read], bad_release: str = ""
) -> Verdict:
    """Whatever is refused has a dead letter, with one content however often it was delivered, and nothing else has.

    Nothing takes back what a bad release wrote: it may stand alone, for whatever record.
    """
    verdict, refused = Verdict(), set(unbelievable)
    wanted = {r[:3] for r in records if marked(r.value, r.headers) in refused}
    contents, badly = defaultdict[Place, set[str]](set), defaultdict[Place, set[str]](set)
    for letter in letters:
        said = dict(letter.headers)
        place = (
            said["dlq-original-topic"].decode(),
            int(said["dlq-original-partition"]),
            int(said["dlq-original-offset"]),
        )
        found = badly if said["dlq-service-version"].decode() == bad_release else contents
        found[place].add(f"{said['dlq-id']!r} {said['dlq-reason']!r} {letter.value!r}")
    verdict.lost += [f"{place} has no dead letter" for place in wanted - contents.keys() - badly.keys()]
    verdict.wrong += [f"{place} has a dead letter and was right" for place in contents.keys() - wanted]
    several = [place for found in (contents, badly) for place, said in found.items() if len(said) > 1]
    verdict.twice += [f"{place} has two dead letters" for place in several]
    return verdict


def marked(value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> bytes:
    """A record's content and headers as one text, by which it is known again."""
    return json.dumps([(value or b"").hex(), sorted((name, said.hex()) for name, said in headers)]).encode()


def read(kafka: str, topics: Iterable[str], since: Mapping[tuple[str, int], int] | None = None) -> list[Read]:
    """All that these topics hold, partition by partition, by a consumer that belongs to no group. `since`: the offset
    to begin with, where it is not the first."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        places = [TopicPartition(t, p) for t in topics for p in sorted(consumer.partitions_for_topic(t) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        for (topic, partition), offset in (since or {}).items():
            if (place := TopicPartition(topic, partition)) in places:
                consumer.seek(place, offset)
        ends, found = consumer.end_offsets(places), list[Read]()
        while any(consumer.position(place) < ends[place] for place in places):
            for place, records in consumer.poll(timeout_ms=200).items():
                found += [_read(place, record) for record in records]
        return found
    finally:
        consumer.close()


def _read(place: TopicPartition, record: Any) -> Read:
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    return Read(place.topic, place.partition, record.offset, record.value or b"", tuple(record.headers), at)


def notification_topics(kafka: str) -> list[str]:
    consumer = KafkaConsumer(bootstrap_servers=kafka)
    try:
        return sorted(t for t in consumer.topics() if t.startswith("agency.") and t.endswith(".notifications"))
    finally:
        consumer.close()


def _check_sequence(key: Key, issued: Mapping[int, Said], stated: Stated, verdict: Verdict) -> None:
    """Revisions have no gap, and nobody is told anew, or by way of an update, what they hold already; of another person
    only as often as one came to stand at the place."""
    of_another = 0
    for revision in range(1, max(issued) + 1):
        if revision not in issued:
            verdict.lost.append(f"{key} revision {revision} was never published")
            continue
        now, before = issued[revision], issued.get(revision - 1, {"state": "none"})
        if before["state"] != "live":
            continue
        if now["kind"] == "notify" and now["reason"] == ANOTHER_PERSON:
            of_another += 1
            if of_another > stated.moves(now["continuity"]["place"]):
                verdict.twice.append(
                    f"{key} was told of another person at revision {revision} and nobody else stands there"
                )
        elif now["kind"] == "notify":
            verdict.twice.append(f"{key} was told anew at revision {revision}")
        elif now["kind"] == "update" and all(_in_any_order(now[part]) == _in_any_order(before[part]) for part in NEWS):
            verdict.twice.append(f"{key} was told nothing new at revision {revision}")


def key_of(notification: Said) -> Key:
    return notification["rule"], notification["subject"], notification["agency"]


def content_of(notification: Said) -> Content:
    """What is compared of a notification.

    Left out is what depends on when, or in how many steps, its agency was told: ids, revision and kind, lateness and
    times, and grounds and whether it was chosen by default, which may change without a word. So is which asks have been
    met: answers follow the revisions.
    """
    found: dict[str, list[Any]] = defaultdict(list)
    for item in notification["matter"]:
        found[item["what"]].append([item.get("about"), item["value"], item["basis"]])
    kept = notification["continuity"]
    return {what: _in_any_order(lines) for what, lines in found.items()} | {
        "texts": notification["texts"],
        "asks": _in_any_order([[ask["ask"], ask["answers"], ask.get("needs_reason")] for ask in notification["asks"]]),
        **{part: notification[part] for part in ("urgency", "desk", "service", "power")},
        **{part: kept.get(part) for part in ("agency_kind", "place", "route")},
    }


def _in_any_order(part: Any) -> Any:
    return sorted(json.dumps(each, sort_keys=True) for each in part) if isinstance(part, list) else part


def _identity(text: bytes) -> str:
    """The event id of a record, from its `marked` text."""
    return bytes.fromhex(dict(json.loads(text)[1])["ce_id"]).decode()
