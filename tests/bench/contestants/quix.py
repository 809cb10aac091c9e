"""Quix Streams with exactly-once: what stands in a RocksDB store by crime reference, files in another by person.

The harness puts all records of one crime reference into one partition, so the first store needs no topic of its own;
the second is reached through the repartition topic that `group_by` makes. Both stores have their changelog topics.
There is no clock: a reminder or a missed time would need a scheduler beside it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quixstreams import Application, State
from quixstreams.models import Deserializer, SerializationContext, Serializer, Topic

from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.file_keys import FileKey
from services.platform.streaming.sending import Message
from tests.bench.contestants import work


class Crime(Deserializer):  # type: ignore[misc]
    """Keys the state by the crime reference, with which every subject begins."""

    def __call__(self, value: bytes, ctx: SerializationContext) -> str:  # noqa: ARG002 - it is handed over by name
        return work.crime_of(value)


class Sent(Serializer):  # type: ignore[misc]
    """The bytes of a notification as they are."""

    def __call__(self, value: Message, ctx: SerializationContext) -> bytes:  # noqa: ARG002
        return value.value or b""


def matter(value: bytes, crime: str, _: int, headers: Any, state: State) -> Iterator[dict[str, Any]]:
    """One record at its crime reference: what each file that it touches gets from there now."""
    heard = work.heard(dict(headers)["ce_subject"], value, headers)
    if heard is None:
        return
    fact, row = heard
    rows: list[Any] = state.get("current") or []
    current = {known.statement: known for known in map(work.fact_of, rows)}
    if not work.becomes_current(current, fact):
        return
    policy = work.policies().at(work.now())
    before = work.parts_of(current.values(), policy)
    fallen = current.get(fact.statement)
    rows = [*(known for known in rows if fallen is None or known[0] != fallen.id), row]
    state.set("current", rows)
    after = work.parts_of((current | {fact.statement: fact}).values(), policy)
    stored = {known[0]: known for known in rows}
    for file in work.touched(before, after):
        part = after.get(file, CaseFile(FileKey(file)))
        facts = [stored[known.id] for known in part.facts]
        found = {"facts": facts, "persons": part.persons, "links": part.links, "unlinked": part.unlinked}
        yield {"file": file, "crime": crime, "part": found}


def evaluate(said: dict[str, Any], state: State) -> Iterator[Message]:
    """One evaluation of a file that gets something else from one of its crime references."""
    file, crime, part = said["file"], said["crime"], said["part"]
    crimes: list[str] = state.get("crimes") or []
    if crime not in crimes:
        crimes.append(crime)
        state.set("crimes", crimes)
    state.set(f"at/{crime}", part)
    parts = [_part(file, part if at == crime else state.get(f"at/{at}")) for at in crimes]
    keys: list[str] = state.get("told") or []
    delivered = {
        notification.key: notification for notification in (work.notification_for(str(state.get(key))) for key in keys)
    }
    now = work.now()
    policy = work.policies().at(now)
    found, _ = work.evaluate_file(work.whole(file, parts), delivered, policy, now)
    for notification in (*found.regrounded, *found.notifications):
        key = "/".join(("told", *notification.key))
        state.set(key, work.json_of(notification))
        if notification.key not in delivered:
            keys.append(key)
    if found.notifications:
        state.set("told", list(dict.fromkeys(keys)))
    yield from work.messages(found, policy)


def _part(file: str, part: Any) -> CaseFile:
    facts = tuple(work.fact_of(row) for row in part["facts"])
    links = {fact: tuple(through) for fact, through in part["links"].items()}
    return CaseFile(FileKey(file), facts, part["persons"], links, part["unlinked"])


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("kafka", "database", "group", "worker", "folder"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--commit", type=float, required=True)
    asked = parser.parse_args()
    app = Application(
        broker_address=asked.kafka,
        consumer_group=asked.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=asked.commit,
        state_dir=Path(asked.folder),
        consumer_poll_timeout=0.02,
        consumer_extra_config={
            "session.timeout.ms": 6_000,
            "heartbeat.interval.ms": 2_000,
            "fetch.wait.max.ms": 50,
        },
        producer_extra_config={"linger.ms": 5},
        loglevel="ERROR",
        auto_create_topics=True,
    )
    stream = app.topic(work.STREAM, key_deserializer=Crime(), value_deserializer="bytes")
    topics: dict[str, Topic] = {}
    for agency in work.policies().agencies:
        name = f"agency.{agency.id}.notifications"
        topics[name] = app.topic(name, key_serializer="bytes", value_serializer=Sent())
    rows = app.dataframe(stream)
    rows = rows.apply(matter, stateful=True, expand=True, metadata=True)
    rows = rows.group_by("file")
    rows = rows.apply(evaluate, stateful=True, expand=True)
    rows = rows.set_headers(lambda message, *_: list(message.headers))
    rows.to_topic(lambda message, *_: topics[message.topic], key=lambda message: message.key)
    app.run()


if __name__ == "__main__":
    main()
