"""`relay subscribe AGENCY`: what an agency was told, as its worker reads it, and what comes next."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import typer
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from schemas.agency_notifications.v1 import NotificationIssued
from schemas.envelope import Envelope, to_document
from schemas.registry import Refusal, decode
from services.ops.kafka_client import wait_for
from services.ops.notifications import answered, newest, tell
from services.ops.policies import load
from services.ops.reading import reading
from services.ops.terminal import UsageError, err, heading, kafka_called, moment, out, plural, servers
from services.ops.words import Names
from services.platform import kafka as clients
from services.platform.domain.core.stored_notifications import notification_from_json
from services.platform.policy.clocks import LONDON
from services.platform.policy.policy import PolicySet
from services.platform.settings import Settings, load_settings

POLL_MS = 300
MOST_NAMED = 8
AGO = re.compile(r"(\d{1,4})\s*([mhdw])")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

EXAMPLES = """
Examples:

    relay subscribe idva-larkmead
    relay subscribe dait-54 --since 2d --no-follow
    relay subscribe school-100002 --json --all > heard.jsonl
"""


class Heard(NamedTuple):
    """A notification with its envelope and its content as it came."""

    envelope: Envelope
    notification: NotificationIssued
    content: bytes


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(subscribe)


def subscribe(
    agency: Annotated[str, typer.Argument(help="The agency's id, as in deploy/agencies.")],
    as_json: Annotated[bool, typer.Option("--json", help="One CloudEvent on each line, as it was sent.")] = False,
    since: Annotated[
        str | None, typer.Option(help="Only notifications since: 2026-03-01, 2026-03-01T12:00, or 30m, 6h, 2d, 1w ago.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait for more until Ctrl-C.")] = True,
    everything: Annotated[
        bool, typer.Option("--all", help="Every notification, also replaced and closed ones.")
    ] = False,
) -> None:
    """Read what an agency is told: who, what, by when, and how to answer.

    First the open notifications (the newest of each matter), then every new one as it comes. Reading
    changes nothing: nothing is marked as read, and nobody else's reading is disturbed.
    """
    settings = load_settings()
    policies = load(settings.policy, settings.agencies)
    name, names = name_of(agency, policies), Names.of(policies)
    earliest = moment_of(since, datetime.now(UTC)) if since else None
    topic = f"agency.{agency}.notifications"
    try:
        with open_topics(servers(settings).kafka, [topic]) as consumer:
            kept = read_to_end(consumer)
            if not as_json:
                kept = with_answers(kept, settings, agency)
            _show_kept(kept, name, names, earliest, as_json=as_json, everything=everything)
            if follow:
                if not as_json:
                    err.print(f"Waiting for more for {name}; Ctrl-C ends.", style="dim")
                for heard in read_on(consumer):
                    _show(heard, names, as_json=as_json)
    except KeyboardInterrupt:
        return
    except KafkaError:
        raise UsageError(f"{kafka_called()} cannot be read: is it up?") from None


def with_answers(kept: Sequence[Heard], settings: Settings, agency: str) -> list[Heard]:
    """These notifications with what has been answered since they were sent, as the relay knows it: an agency is not
    written to for its own answer, and what was answered is not overdue. As they were sent where that cannot be read."""
    try:
        with reading(servers(settings).database) as conn:
            rows = conn.execute("select content from delivery where agency = %s and state = 'live'", (agency,))
            delivered = [notification_from_json(content) for (content,) in rows]
    except UsageError as why:
        err.print(f"What has been answered meanwhile is not known: {why}", style="yellow")
        return list(kept)
    met = {
        notification.id: frozenset(asked.ask for asked in notification.asks if asked.met_by is not None)
        for notification in delivered
    }
    return [
        heard._replace(notification=answered(heard.notification, met.get(heard.notification.notification, ())))
        for heard in kept
    ]


def name_of(agency: str, policies: PolicySet) -> str:
    """What the agency is called. UsageError, with those of similar names, for one that is not known."""
    names = {row.id: row.name for row in policies.agencies}
    if agency in names:
        return names[agency]
    words = agency.lower().replace("_", "-").split("-")
    holding = [known for known in names if any(len(word) > 1 and word in known for word in words)]
    near = dict.fromkeys([*difflib.get_close_matches(agency, names, n=MOST_NAMED, cutoff=0.5), *sorted(holding)])
    listed = "\n".join(f"  {known}  ({names[known]})" for known in [*near][:MOST_NAMED])
    raise UsageError(f"No agency has the id {agency}." + (f" Did you mean:\n{listed}" if listed else ""))


def moment_of(text: str, now: datetime) -> datetime:
    """A day, a moment, or a time ago such as `2d`, in London if no zone is given. UsageError for anything else."""
    if found := AGO.fullmatch(text.strip()):
        return now - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        read = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError("--since is a day (2026-03-01), a moment (2026-03-01T12:00) or 30m, 6h, 2d, 1w.") from None
    return read if read.tzinfo else read.replace(tzinfo=LONDON)


@contextmanager
def open_topics(kafka: str, topics: Sequence[str]) -> Iterator[Any]:
    """A consumer in no group, at the beginning of these topics. UsageError where they, or a broker, are not there."""
    wait_for(kafka)
    with clients.opened(KafkaConsumer, clients.reader_from_start(kafka)) as consumer:
        known = consumer.topics()
        if missing := [topic for topic in topics if topic not in known]:
            raise UsageError(f"The topic {missing[0]} is not there yet: `relay topics apply` makes what is missing.")
        places = [TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        yield consumer


def read_to_end(consumer: Any) -> list[Heard]:
    """All that these topics hold now."""
    ends = consumer.end_offsets(list(consumer.assignment()))
    found: list[Heard] = []
    while any(consumer.position(place) < end for place, end in ends.items()):
        found.extend(_polled(consumer))
    return found


def read_on(consumer: Any) -> Iterator[Heard]:
    """All that comes, without end."""
    while True:
        yield from _polled(consumer)


def _polled(consumer: Any) -> Iterator[Heard]:
    for records in consumer.poll(timeout_ms=POLL_MS).values():
        yield from (heard for heard in map(_heard, records) if heard is not None)


def _heard(record: Any) -> Heard | None:
    read = decode(record.topic, record.key, record.value, record.headers)
    if isinstance(read, Refusal):
        err.print(f"One record cannot be read by this release: {read.reason}.", style="yellow")
        return None
    body: Any = read.body
    return Heard(read.envelope, body, read.content) if isinstance(body, NotificationIssued) else None


def _show_kept(
    heard_so_far: Sequence[Heard],
    name: str,
    names: Names,
    earliest: datetime | None,
    *,
    as_json: bool,
    everything: bool,
) -> None:
    shown: Iterable[Heard] = ()
    kept = [heard for heard in heard_so_far if earliest is None or heard.notification.issued_at >= earliest]
    if earliest is not None and not kept:
        if not as_json:
            err.print(f"{name}: {_nothing_since(earliest, heard_so_far)}", style="dim")
    elif everything:
        shown = kept
    else:
        open_now = {
            id(notification)
            for notification in newest(heard.notification for heard in kept)
            if notification.state == "live"
        }
        shown = [heard for heard in kept if id(heard.notification) in open_now]
        left_out = len(kept) - len(open_now)
        if not as_json:
            said_open = plural(len(open_now), "open matter") if open_now else "Nothing is open"
            more = f"; {left_out} were replaced or closed (--all shows them too)" if left_out else ""
            err.print(f"{name}: {said_open}{more}.", style="dim")
    for heard in shown:
        _show(heard, names, as_json=as_json)


def _nothing_since(earliest: datetime, heard_so_far: Iterable[Heard]) -> str:
    older = sum(notification.state == "live" for notification in newest(heard.notification for heard in heard_so_far))
    still = f"{plural(older, 'older matter')} {'is' if older == 1 else 'are'} open" if older else "nothing is open"
    return f"Nothing was told since {moment(earliest)}; {still}."


def _show(heard: Heard, names: Names, *, as_json: bool) -> None:
    if as_json:
        out.file.write(json.dumps(to_document(heard.envelope, heard.content), ensure_ascii=False) + "\n")
        out.file.flush()
        return
    out.print(heading(""))
    for line in tell(heard.notification, datetime.now(UTC), names):
        out.print(line.text, style=line.style or None, soft_wrap=True)
