"""A database whose clock jumps halts the worker, and nothing is written by the wrong time."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from services.platform.streaming.halting import EXIT_HALTED, Halt
from tests.broker.conftest import Play, Start
from tests.broker.relay import Relay, until
from tests.broker.test_filling import command
from tests.broker.test_unit_of_work import incident as record
from tests.broker.test_unit_of_work import unit_on
from tests.broker.troubled import delivered, everybody_once, fates, incident, service

# The server's clock cannot be set for one database: these stand before its own, in every session that begins later.
SETTABLE = """
create schema settable;
create table settable.by (seconds double precision);
insert into settable.by values (0);
create function settable.now() returns timestamptz language sql stable as
    $$ select pg_catalog.now() + (select seconds from settable.by) * interval '1 second' $$;
create function settable.clock_timestamp() returns timestamptz language sql volatile as
    $$ select pg_catalog.clock_timestamp() + (select seconds from settable.by) * interval '1 second' $$;
do $$ begin
    execute format('alter database %I set search_path = settable, pg_catalog, public', current_database());
end $$
"""


def make_settable(database: str) -> None:
    with psycopg.connect(database) as conn:
        conn.execute(SETTABLE)


@pytest.mark.parametrize("seconds", [3600, -3600], ids=["ahead", "back"])
def test_a_clock_that_jumps_halts_the_worker_before_anything_is_written_and_a_restart_goes_on(
    play: Play, start: Start, seconds: int
) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        make_settable(relay.database)
        process = start(relay, mine.name)
        await relay.publish(incident("CR1"))
        await until(lambda: _accepted(relay, mine.name))
        before = await relay.rows("select count(*) from evaluation")
        await relay.rows(
            """with files as (
                update case_file set next_evaluation_at = now() + interval '30 minutes' where evaluations > 0)
            update settable.by set seconds = %s""",
            seconds,
        )
        assert await process.dies() == EXIT_HALTED
        (line,) = process.lines("clock_jumped")
        assert abs(line["seconds"] - seconds) < 30
        assert process.lines("halted")[0]["reason"] == "clock_jumped"
        again = start(relay, mine.name)
        assert await again.dies() == EXIT_HALTED
        assert abs(again.lines("clock_jumped")[0]["seconds"] - seconds) < 30
        assert await relay.rows("select count(*) from evaluation") == before
        await relay.rows("update settable.by set seconds = 0")
        await relay.publish(incident("CR2"))
        async with relay.working(mine) as worker:
            await relay.settled(worker)
        assert await delivered(relay) == everybody_once("CR1", "CR2")

    play(story)


async def _accepted(relay: Relay, name: str) -> bool:
    return await fates(relay, name) == {"accepted": 1}


def test_a_clock_that_a_person_trusts_is_gone_on_by(play: Play, start: Start) -> None:
    mine = service()

    async def story(relay: Relay) -> None:
        make_settable(relay.database)
        async with relay.working(mine) as worker:
            await relay.publish(incident("CR1"))
            await relay.settled(worker)
        await relay.rows("update settable.by set seconds = 3600")
        assert await start(relay, mine.name).dies() == EXIT_HALTED
        trusted = await command(relay, "db", "trust-clock")
        assert (trusted.status, "server's clock" in trusted.text) == (0, True)
        await relay.publish(incident("CR2"))
        async with relay.working(mine) as worker:
            await relay.settled(worker)
        assert await fates(relay, mine.name) == {"accepted": 2}

    play(story)


def test_a_batch_that_finds_the_clock_moved_commits_nothing(database: str) -> None:
    async def story() -> None:
        async with unit_on(database) as work:
            await work.database.clock()
            with psycopg.connect(database) as conn:
                conn.execute("update settable.by set seconds = 61 + 30")
            with pytest.raises(Halt):
                await work.batches.take([record("CR1", offset=0)])

    make_settable(database)
    asyncio.run(story())
    with psycopg.connect(database) as conn:
        assert conn.execute("select 1 from record union all select 1 from fact").fetchall() == []


def test_a_story_s_clock_may_jump_as_it_likes(database: str) -> None:
    async def story() -> None:
        async with unit_on(database) as work:
            now = await work.database.clock()
            for days in (1, 400):
                with psycopg.connect(database) as conn:
                    conn.execute("delete from clock")
                    conn.execute("insert into clock (set_to) values (%s)", (now + timedelta(days=days),))
                assert await work.database.clock() == now + timedelta(days=days)
            assert await work.batches.take([record("CR1", offset=0)]) == 1

    asyncio.run(story())
