"""Every way in which a record or a file can fail has its end, and stops nothing else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from kafka import KafkaProducer

from schemas.bad_input import BAD_INPUT, good_record
from schemas.police_incidents.v1 import Markers
from services.platform.policy.model import Force
from services.platform.storage.database import pool
from services.platform.streaming.errors import SLOW_TRIES
from services.platform.streaming.halting import EXIT_HALTED
from services.platform.streaming.loop import RETRY_TRIES
from services.platform.streaming.sending import Message
from services.platform.streaming.watchdog import EXIT_STUCK
from tests.broker.conftest import Play, Start
from tests.broker.relay import Relay, until
from tests.broker.troubled import (
    GRADE_REVIEW,
    HIGH_RISK,
    STREAM,
    at,
    delivered,
    everybody_once,
    fates,
    incident,
    raises,
    service,
)

pytestmark = pytest.mark.broker

DEAD_LETTERS = f"{STREAM}.dlq"
DEAD_LETTER_HEADERS = {
    *("dlq-id", "dlq-original-topic", "dlq-original-partition", "dlq-original-offset", "dlq-original-timestamp"),
    *("dlq-consumer-group", "dlq-service", "dlq-service-version", "dlq-stage", "dlq-reason", "dlq-exception-class"),
    *("dlq-exception-message", "dlq-attempts", "dlq-first-failed-at", "dlq-last-failed-at"),
}
STARTS_BEFORE_ALONE = 3


@asynccontextmanager
async def session(relay: Relay) -> AsyncIterator[psycopg.AsyncConnection[tuple[object, ...]]]:
    async with await psycopg.AsyncConnection.connect(relay.database) as conn:
        yield conn


async def relay_waits_for_a_lock(relay: Relay) -> bool:
    return bool(
        await relay.rows(
            "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
    )


def test_bad_records_are_refused_once_by_each_reader_and_kept_whole_by_the_owner(play: Play) -> None:
    bad = {bad.what: bad.spoil(good_record()) for bad in BAD_INPUT if bad.spoil is not None}
    del bad["two million digits"]  # the broker itself does not take it
    messages = [Message(STREAM, record.key, record.value, record.headers) for record in bad.values()]
    owner, reader = service(), service(GRADE_REVIEW, owns="agency.responses")

    async def story(relay: Relay) -> None:
        async with relay.working(owner, reader) as worker:
            await relay.publish(incident("CR1"), *messages, incident("CR2"))
            await relay.settled(worker)
        for each in (owner, reader):
            assert await fates(relay, each.name) == {"accepted": 2, "refused": len(messages)}
        letters = await relay.records(DEAD_LETTERS)
        sent = Counter((m.value or b"", m.key or b"", frozenset(m.headers)) for m in messages)
        kept = Counter[tuple[bytes, bytes, frozenset[tuple[str, bytes]]]]()
        for letter in letters:
            added = {name: text.decode() for name, text in letter.headers if name.startswith("dlq-")}
            own = frozenset((name, text) for name, text in letter.headers if name not in added)
            kept[letter.value or b"", letter.key or b"", own] += 1
            assert added.keys() == DEAD_LETTER_HEADERS
            assert added["dlq-service"] == owner.name
        assert kept == sent
        reasons = Counter(dict(letter.headers)["dlq-reason"].decode() for letter in letters)
        assert reasons == Counter(str(row.reason) for row in BAD_INPUT if row.what in bad)
        assert await delivered(relay) == everybody_once("CR1", "CR2")

    play(story)


def test_a_name_of_a_header_that_is_not_utf_8_is_refused_like_any_other_bad_record(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        good = incident("CR2")
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await asyncio.to_thread(send_raw, relay, incident("CR3"))
            await relay.publish(good)
            await relay.settled(worker)
        assert await fates(relay, mine.name) == {"accepted": 2, "refused": 1}
        (letter,) = await relay.read(f"{STREAM}.dlq")
        assert letter[1]["dlq-reason"] == b"invalid_header"
        assert letter[1]["ce_\\xff"] == b"x"
        assert await delivered(relay) == everybody_once("CR1", "CR2")

    play(story)


class NotUtf8(str):  # noqa: SLOT000 - one of them is made
    """A header's name as some client in another language may write it."""

    def encode(self, *_: str) -> bytes:
        return b"ce_\xff"


def send_raw(relay: Relay, event: Message) -> None:
    producer = KafkaProducer(bootstrap_servers=relay.servers.kafka)
    try:
        headers = [*event.headers, (NotUtf8("ce_"), b"x")]
        producer.send(event.topic, event.value, event.key, headers).get(30)
    finally:
        producer.close()


def test_a_value_that_the_database_calls_wrong_is_found_among_good_ones_and_refused(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        await relay.rows(
            """create function refuse() returns trigger language plpgsql as $$
            begin raise exception using errcode = '22003'; end $$"""
        )
        await relay.rows(
            """create trigger refuse before insert on fact for each row when (new.subject = 'CR3')
            execute function refuse()"""
        )
        await relay.publish(*(incident(f"CR{n}") for n in range(1, 8)))
        async with relay.working(mine) as worker:
            await relay.settled(worker)
        assert await fates(relay, mine.name) == {"accepted": 6, "refused": 1}
        (letter,) = await relay.read(DEAD_LETTERS)
        assert letter[1]["dlq-reason"] == b"not_storable"
        assert await delivered(relay) == everybody_once("CR1", "CR2", "CR4", "CR5", "CR6", "CR7")

    play(story)


def test_tables_that_are_not_as_needed_halt_the_worker_and_after_the_mend_nothing_is_lost(
    play: Play, start: Start
) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        await relay.rows("alter table outbox add column unforeseen text not null")
        await relay.publish(incident("CR1"), incident("CR2"))
        process = start(relay, mine.name)
        assert await process.dies() == EXIT_HALTED
        assert "relay db migrate" in process.lines("database_refuses")[-1]["advice"]
        assert await relay.rows("select 1 from attempt") == []  # to halt is not to die of a record
        assert await fates(relay, mine.name) == {}
        assert await relay.rows("select 1 from stream_position where next_offset > 0") == []
        await relay.rows("alter table outbox drop column unforeseen")
        async with relay.working(mine) as worker:
            await relay.settled(worker)
        assert await fates(relay, mine.name) == {"accepted": 2}
        assert await delivered(relay) == everybody_once("CR1", "CR2")

    play(story)


def test_a_rule_that_raises_is_left_out_for_that_file_and_judged_again_later_and_after_a_release(play: Play) -> None:
    broken = service(at(HIGH_RISK, {"CR2": raises}), GRADE_REVIEW)
    mended = replace(broken, rules=(HIGH_RISK, GRADE_REVIEW))
    of_cr2 = "record:vale-records:victim-CR2"

    async def story(relay: Relay) -> None:
        async def tries() -> int:
            ((number,),) = await relay.rows("select faulted_tries from case_file where file = %s", of_cr2)
            return int(number)

        async with relay.working(broken) as worker:
            marked = Markers(strangulation=True)
            await relay.publish(incident("CR1", markers=marked), incident("CR2", markers=marked))
            await relay.settled(worker)
            reviewed = Counter({"CR1/party/1 notify": 1, "CR2/party/1 notify": 1})
            before = await delivered(relay)
            assert before == everybody_once("CR1") | {"dait-supervisor-54": reviewed}
            assert await relay.rows("select faulted from evaluation where file = %s", of_cr2) == [(["high_risk"],)]
            ((now, again),) = await relay.rows(
                "select now(), next_evaluation_at from case_file where file = %s", of_cr2
            )
            assert timedelta(0) < again - now < timedelta(seconds=31)
            await relay.rows("insert into clock (set_to) values (%s)", again)
            await until(lambda: _is(tries, 2))
            ((later,),) = await relay.rows("select next_evaluation_at from case_file where file = %s", of_cr2)
            assert later - again == timedelta(minutes=5)
            assert await delivered(relay) == before
        async with relay.working(mended, release="mended") as worker:
            await until(lambda: _is(tries, 0))
            await relay.settled(worker)
        assert await delivered(relay) == everybody_once("CR1", "CR2") | {"dait-supervisor-54": reviewed}

    play(story)


async def _is(number: object, wanted: int) -> bool:
    return bool(await number() == wanted)  # type: ignore[operator]


def test_a_file_that_cannot_be_looked_at_at_all_keeps_no_other_from_its_look(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(*(incident(f"CR{n}") for n in range(1, 5)))
            await relay.settled(worker)
            await relay.rows(
                """update delivery set content = '{}' where file = 'record:vale-records:victim-CR2'
                and agency = 'dait-54'"""
            )
            await relay.rows(
                "update case_file set next_evaluation_at = now() where file like 'record:vale-records:victim%%'"
            )
            await relay.settled(worker)
            evaluations = await relay.rows(
                """select file, evaluations, faulted_on is not null from case_file
                where file like '%%victim%%' order by file"""
            )
            assert evaluations == [
                (f"record:vale-records:victim-CR{n}", 1 if n == 2 else 2, n == 2) for n in range(1, 5)
            ]

    play(story)


def test_a_stopped_holder_of_locks_is_waited_for_until_the_server_ends_it(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
            async with pool(relay.database, size=1) as stopped, stopped.connection() as holder:
                await holder.execute("select 1 from case_file for update")
                await relay.publish(incident("CR1", version=2, injury_level="serious"), incident("CR2"))
                await until(lambda: relay_waits_for_a_lock(relay))
                await relay.settled(worker)
                with pytest.raises(psycopg.Error):
                    await holder.execute("select 1")
        assert await fates(relay, mine.name) == {"accepted": 3}

    play(story)


def test_a_full_disk_is_waited_for_and_counts_against_no_record(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async def tries() -> int:
            ((number,),) = await relay.rows("select last_value from tries")
            return int(number)

        await relay.rows("create sequence tries")
        await relay.rows(
            """create function no_room() returns trigger language plpgsql as $$
            begin perform nextval('tries'); raise exception using errcode = 'disk_full'; end $$"""
        )
        await relay.rows("create trigger no_room before insert on record for each row execute function no_room()")
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await until(lambda: _more_than(tries, SLOW_TRIES))
            await relay.rows("drop trigger no_room on record")
            await relay.settled(worker)
        assert await fates(relay, mine.name) == {"accepted": 1}
        assert await delivered(relay) == everybody_once("CR1")

    play(story)


async def _more_than(number: Callable[[], Awaitable[int]], least: int) -> bool:
    return await number() > least


def test_a_deadlock_is_tried_again(play: Play) -> None:
    mine = service()
    by_name = ("record:vale-records:suspect-CR1", "record:vale-records:victim-CR1")

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
            async with session(relay) as other:
                lock = "select 1 from case_file where service = %s and file = %s for update"
                await other.execute(lock, (mine.name, by_name[1]))
                await relay.publish(incident("CR1", version=2, injury_level="serious"))
                await until(lambda: relay_waits_for_a_lock(relay))
                await other.execute(lock, (mine.name, by_name[0]))
                await other.rollback()
            await relay.settled(worker)
            await until(lambda: _deadlocks(relay))
        assert await fates(relay, mine.name) == {"accepted": 2}
        assert all(notifications["CR1/party/1 notify"] == 1 for notifications in (await delivered(relay)).values())

    play(story)


async def _deadlocks(relay: Relay) -> bool:
    ((count,),) = await relay.rows("select deadlocks from pg_stat_database where datname = current_database()")
    return bool(count == 1)


def test_a_record_that_hangs_or_kills_its_worker_is_taken_alone_after_three_starts_then_set_aside(
    play: Play, start: Start
) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        await relay.publish(*(incident(f"CR{n}") for n in range(1, 6)))
        hanging = start(relay, mine.name, "--at", "CR3=hangs", "--patience", "3")
        assert await hanging.dies() == EXIT_STUCK
        for _ in range(STARTS_BEFORE_ALONE):
            assert await start(relay, mine.name, "--at", "CR3=dies").dies() == 9
        survivor = start(relay, mine.name, "--at", "CR3=dies")
        await until(lambda: _has(relay, mine.name, {"accepted": 4, "faulted": 1}))
        assert await survivor.stops() == 0
        assert [line["why"] for line in survivor.lines("record_set_aside")] == ["kills_or_hangs"]
        assert await relay.rows("select 1 from attempt") == []
        (letter,) = await relay.read(DEAD_LETTERS)
        assert letter[1]["dlq-reason"] == b"faulted"
        # A release that has not mended it dies of it twice, and not for ever.
        worse = ("--at", "CR3=dies", "--release", "worse")
        for _ in range(RETRY_TRIES):
            assert await start(relay, mine.name, *worse).dies() == 9
        survivor = start(relay, mine.name, *worse)
        await until(lambda: _judged_by(relay, "worse"))
        assert await survivor.stops() == 0
        async with relay.working(mine, release="mended") as worker:
            await until(lambda: _has(relay, mine.name, {"accepted": 5}))
            await relay.settled(worker)
        assert await delivered(relay) == everybody_once("CR1", "CR2", "CR3", "CR4", "CR5")
        assert len(await relay.read(DEAD_LETTERS)) == 1

    play(story)


async def _has(relay: Relay, name: str, wanted: dict[str, int]) -> bool:
    return await fates(relay, name) == wanted


async def _judged_by(relay: Relay, release: str) -> bool:
    rows = await relay.rows("select 1 from refusal where judged_by like %s", f"{release}+%")
    return bool(rows) and await relay.rows("select 1 from attempt") == []


def test_too_many_faulted_files_halt_the_worker_and_a_mended_release_tells_each_once(play: Play, start: Start) -> None:
    mine = service()
    crimes = [f"CR{n}" for n in range(1, 6)]

    async def story(relay: Relay) -> None:
        await relay.publish(*map(incident, crimes))
        process = start(relay, mine.name, "--most-faulted", "2", "--at", *(f"{crime}=raises" for crime in crimes))
        assert await process.dies() == EXIT_HALTED
        assert process.lines("too_many_faulted")
        async with relay.working(mine, release="mended") as worker:
            await until(lambda: _faultless(relay))
            await relay.settled(worker)
        assert await delivered(relay) == everybody_once(*crimes)

    play(story)


async def _faultless(relay: Relay) -> bool:
    rows = await relay.rows("select count(*), count(faulted_on) from case_file where evaluations > 0")
    return bool(rows[0][0] > 0 and rows[0][1] == 0)


def test_a_force_that_policy_comes_to_know_is_accepted_then_and_its_dead_letter_stays_one(play: Play) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1", force_code="ZZ9"), incident("CR2"))
            await relay.settled(worker)
        assert await fates(relay, mine.name) == {"accepted": 1, "refused": 1}
        async with relay.working(mine, release="still unknown") as worker:
            await until(lambda: _judged_by(relay, "still unknown"))
            await relay.settled(worker)
        forces = (*relay.policies.forces, Force(code="ZZ9", name="Invented"))
        relay.policies = replace(relay.policies, forces=forces)
        async with relay.working(mine) as worker:
            await until(lambda: _has(relay, mine.name, {"accepted": 2}))
            await relay.settled(worker)
        elsewhere = {"default-dait": Counter(["CR1/party/1 notify"])}  # no agency serves that force
        assert await delivered(relay) == everybody_once("CR1", "CR2") | elsewhere
        assert await relay.rows("select reason, settled_at is not null from refusal") == [("unknown_force", True)]
        assert len(await relay.read(DEAD_LETTERS)) == 1

    play(story)
