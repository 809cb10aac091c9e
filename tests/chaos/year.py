"""`python -m tests.chaos.year`: a year of England and Wales, or an equal part of it, through one machine; it writes
docs/year.md.

A slice of it after the other: its families' events come at once, agencies answer what they are told, and a verifier
that shares no code with the relay compares what they hold then with what the rules say of the same events in memory.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import psycopg

from schemas.agency_notifications.v1 import NotificationIssued
from services.platform.local.embedded import embedded_servers
from services.platform.project import PROJECT
from services.platform.streaming.offsets import Offsets
from services.platform.streaming.sending import Message
from tests.broker.relay import Relay, relay_on
from tests.chaos.answering import ANSWERS, answer, asked_to
from tests.chaos.calm import Answered, held_when_calm
from tests.chaos.load import INCIDENTS, Load, Shares, load
from tests.chaos.run import settled, wait
from tests.chaos.stated import Stated
from tests.chaos.verifier import (
    READS,
    STREAMS,
    End,
    Read,
    Verdict,
    key_of,
    marked,
    notification_topics,
    read,
    verify,
    verify_dead_letters,
    verify_ends,
)
from tests.chaos.worker import Workers, two_workers
from tests.support.processes import most_resident_mib

YEAR = 1_350_460  # incidents and crimes that police recorded, year ending March 2025 (ONS)
PROSECUTIONS, CONVICTED, ORDERS = 54_987, 0.747, 19_216 + 2_000  # of that year (CPS); on conviction and on acquittal
SHARES = Shares(
    cases=PROSECUTIONS / YEAR * fmean(INCIDENTS),
    convicted=CONVICTED,
    ordered=ORDERS / PROSECUTIONS,
    # Nobody counts these.
    merges=0.02,
    strays=0.005,
    corrected=0.1,
    withdrawn=0.02,
    repeated=0.02,
    spoilt=0.01,
)
ANSWERED = 0.9  # of what asks for something
FAMILIES = 2_000  # of a slice
PATIENCE, ASK_AGAIN_SECONDS = 900.0, 0.5
SLOWEST_SLICE = 1_200.0  # seconds; whoever is told has half an hour before somebody else hears of the silence
REPORT = PROJECT / "docs" / "year.md"
ESCALATION_STEPS = "unanswered_"
Place = tuple[str, int]

DOCUMENT = """\
# A year of England and Wales through one machine

Written by `make year{arguments}`; do not edit.

{on}, {cores} cores, on which Kafka, PostgreSQL, two workers with all services, and the publisher share: {incidents:,} incidents, {share} of the {year:,} that police recorded in the year to March 2025, with their courts at that year's proportions (one prosecution in {each:.0f}, {convicted:.1%} convicted, an order in {ordered:.0%} of the cases). Corrections, merges, duplicates and bad records are few and assumed; agencies answer {answered:.0%} of what asks for something.

**{lost} lost, {twice} issued twice, {wrong} wrong.**

| | |
| --- | --: |
{facts}

A slice of {families:,} families comes at once; when all of it is read, evaluated, delivered and answered, the verifier judges it, and the next comes. Seconds are those in which the relay was at work.

| Incidents so far | Events a second | Memory of a worker, MiB | Database, GiB | Kafka, GiB |
| --: | --: | --: | --: | --: |
{rows}
"""  # noqa: E501 - it is prose


@dataclass(frozen=True)
class Slice:
    """What one slice was; `events`: published by all, answers included; `seconds`: at work."""

    incidents: int
    events: int
    notifications: int
    seconds: float
    resident_mib: float
    database_gib: float
    kafka_gib: float
    verdict: Verdict


@dataclass
class Year:
    """The relay under it, and how far its streams were judged."""

    relay: Relay
    workers: Workers
    folder: Path
    since: dict[Place, int]
    earlier: set[int] = field(default_factory=set)  # hashes of the keys that earlier slices were told of
    afterwards: Counter[str] = field(default_factory=Counter)  # what came of them later, by its kind

    async def through(self, number: int) -> Slice:
        """One slice, until nothing of it is left to do."""
        now = datetime.now(UTC)
        first = number * (FAMILIES + 2)  # a merge may name the next family's woman, and two families share a man
        given = await asyncio.to_thread(load, number, FAMILIES, now, SHARES, first)
        seconds = await self.work_off(given.events)
        answers = await asyncio.to_thread(self.answers, random.Random(number))  # noqa: S311 - as the load
        seconds += await self.work_off([each.answer for each in answers])
        assert seconds < SLOWEST_SLICE, "a slice took so long that its agencies had time to be silent"
        verdict, notifications = await asyncio.to_thread(self.judged, given, answers)
        return Slice(
            len({dict(m.headers)["ce_subject"] for m in given.events if _is_of(m, b"uk.police.incident-reported.")}),
            len(given.events) + len(answers),
            notifications,
            seconds,
            max(most_resident_mib(worker.pid) for worker in self.workers.processes.values()),
            self.database_gib(),
            _gib(self.folder / "kafka"),
            verdict,
        )

    async def work_off(self, events: Sequence[Message]) -> float:
        """Publishes them; the seconds until they are read, evaluated and delivered."""
        began = time.monotonic()
        await self.relay.publish(*events)
        await wait(self.workers, lambda: settled(self.relay), PATIENCE, ASK_AGAIN_SECONDS)
        return time.monotonic() - began

    def delivered(self) -> list[Read]:
        kafka = self.relay.servers.kafka
        return read(kafka, notification_topics(kafka), self.since)

    def answers(self, chance: random.Random) -> list[Answered]:
        delivered = [NotificationIssued.model_validate_json(record.value) for record in self.delivered()]
        return [
            Answered(answer(notification, ask), notification)
            for ask in ANSWERS
            for notification in asked_to(ask, delivered)
            if chance.random() < ANSWERED
        ]

    def judged(self, given: Load, answers: Sequence[Answered]) -> tuple[Verdict, int]:
        """What the verifier says of all since the last slice, and how many notifications there were."""
        kafka, unbelievable = self.relay.servers.kafka, {marked(m.value, m.headers) for m in given.unbelievable}
        records, all_delivered = read(kafka, STREAMS, self.since), self.delivered()
        letters = read(kafka, [f"{topic}.dlq" for topic in STREAMS], self.since)
        delivered, new, late = list[Read](), set[int](), Verdict()
        for record in all_delivered:
            said = json.loads(record.value)
            key, is_step = key_of(said), said["rule"].startswith(ESCALATION_STEPS)
            if not is_step and hash(key) not in self.earlier:
                delivered.append(record)
                new.add(hash(key))
                continue
            self.afterwards[said["kind"]] += 1
            if not is_step and said["kind"] != "remind":
                late.wrong.append(f"{key} was told again long after: {said['kind']}")
        believable = [event for event in given.events if event not in given.unbelievable]
        must_hold = held_when_calm(believable, self.relay.policies, datetime.now(UTC), answers)
        verdict = (
            verify(must_hold, delivered, Stated.of(believable))
            + verify_ends(records, unbelievable, self.ends())
            + verify_dead_letters(records, unbelievable, letters)
            + late
        )
        self.earlier |= new
        for record in (*records, *all_delivered, *letters):
            place = record.topic, record.partition
            self.since[place] = max(self.since.get(place, 0), record.offset + 1)
        return verdict, len(all_delivered)

    def ends(self) -> list[End]:
        """Those of this slice's records."""
        places = [
            (service, *place, self.since[place])
            for service, reads in READS.items()
            for place in self.since
            if place[0] in reads
        ]
        with psycopg.connect(self.relay.database) as conn:
            return [
                End(*row)
                for row in conn.execute(
                    """select r.service, r.topic, r.partition, r."offset", r.fate
                    from unnest(%s::text[], %s::text[], %s::int[], %s::bigint[]) s(service, topic, partition, first)
                    join record r using (service, topic, partition) where r."offset" >= s.first""",
                    [list(column) for column in zip(*places, strict=True)],
                )
            ]

    def database_gib(self) -> float:
        with psycopg.connect(self.relay.database) as conn:
            ((size,),) = conn.execute("select pg_database_size(current_database())").fetchall()
        return float(size) / 2**30


@asynccontextmanager
async def beginning(folder: Path) -> AsyncIterator[Year]:
    """Servers that write into `folder`, and two workers of the shipped release and policy."""
    with embedded_servers(folder / "servers", durable=True) as servers:
        async with relay_on(servers, folder) as relay:
            environment = {"RELAY_KAFKA": servers.kafka, "RELAY_DATABASE": servers.database}
            with two_workers(environment, folder) as workers:
                places = await Offsets(servers.kafka).end_offsets(set(STREAMS))
                yield Year(relay, workers, folder / "servers", dict.fromkeys(places, 0))


async def run(slices: int, folder: Path) -> tuple[list[Slice], Counter[str]]:
    done: list[Slice] = []
    async with beginning(folder) as year:
        for number in range(slices):
            done.append(await year.through(number))
            one = done[-1]
            sys.stdout.write(
                f"{sum(each.incidents for each in done):,} incidents: {one.events:,} events in {one.seconds:.0f} s, "
                f"{one.database_gib:.2f} GiB, {one.resident_mib:.0f} MiB"
                f"{'' if one.verdict.clean else chr(10) + str(one.verdict)}\n"
            )
            sys.stdout.flush()
    return done, year.afterwards


def written(done: Sequence[Slice], afterwards: Counter[str], part: int) -> str:
    """The whole document, as text."""
    verdict = sum((each.verdict for each in done), Verdict())
    incidents, events = sum(each.incidents for each in done), sum(each.events for each in done)
    seconds, last = sum(each.seconds for each in done), done[-1]
    facts = {
        "events, with courts and answers": f"{events:,}",
        "notifications": f"{sum(each.notifications for each in done):,}",
        "of these reminders, and of silence to somebody else": f"{sum(afterwards.values()):,}",
        "time at work": f"{seconds / 60:.0f} min",
        "events a second": f"{events / seconds:,.0f}",
        "most memory of a worker": f"{max(each.resident_mib for each in done):,.0f} MiB",
        "database": f"{last.database_gib:.2f} GiB, {last.database_gib * 2**20 / events:.1f} KiB an event",
        "Kafka": f"{last.kafka_gib:.2f} GiB",
    }
    step = max(1, -(-len(done) // 12))
    rows = [
        f"| {sum(each.incidents for each in done[: end + 1]):,} | {done[end].events / done[end].seconds:,.0f} "
        f"| {done[end].resident_mib:,.0f} | {done[end].database_gib:.2f} | {done[end].kafka_gib:.2f} |"
        for end in sorted({*range(0, len(done), step), len(done) - 1})
    ]
    return DOCUMENT.format(
        arguments="" if part == 1 else f" PART={part}",
        on=datetime.now(UTC).date().isoformat(),
        cores=os.cpu_count(),
        incidents=incidents,
        share="all" if part == 1 else f"one in {part}",
        year=YEAR,
        each=YEAR / PROSECUTIONS,
        convicted=CONVICTED,
        ordered=ORDERS / PROSECUTIONS,
        answered=ANSWERED,
        lost=len(verdict.lost),
        twice=len(verdict.twice),
        wrong=len(verdict.wrong),
        facts="\n".join(f"| {what} | {how_much} |" for what, how_much in facts.items()),
        families=FAMILIES,
        rows="\n".join(rows),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.year", description=__doc__)
    parser.add_argument("--part", type=int, default=1, help="one in so many of the year's incidents")
    part = parser.parse_args().part
    # Open to the user as whom PostgreSQL runs where this is root.
    folder = PROJECT / ".relay" / f"year-{os.getpid()}"
    folder.mkdir(parents=True)
    done, afterwards = asyncio.run(run(-(-YEAR // (part * round(FAMILIES * fmean(INCIDENTS)))), folder))
    REPORT.write_text(written(done, afterwards, part))
    sys.stdout.write(f"written: {REPORT.relative_to(PROJECT)}\n")
    shutil.rmtree(folder)
    sys.exit(not all(each.verdict.clean for each in done))


def _is_of(message: Message, kind: bytes) -> bool:
    return dict(message.headers).get("ce_type", b"").startswith(kind)


def _gib(folder: Path) -> float:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 2**30


if __name__ == "__main__":
    main()
