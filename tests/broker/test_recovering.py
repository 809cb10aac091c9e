"""The database is restored from a backup older than the broker: nobody is told anything a second time, or otherwise."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from services.ops.serving import SERVICES
from services.platform.storage.writer import UNTIL_RECOVERED
from services.platform.streaming.halting import EXIT_HALTED
from services.platform.streaming.sending import Message
from services.platform.streaming.wire import DECISIONS
from tests.broker.conftest import Play
from tests.broker.relay import Relay, until
from tests.broker.test_filling import caught_up, command, serve
from tests.chaos.answering import answer, asked_to
from tests.chaos.calm import Answered, held_when_calm
from tests.chaos.load import Load, load
from tests.chaos.stated import Stated
from tests.chaos.verifier import Verdict, marked, notification_topics, read, verify

ALL = tuple(SERVICES.values())
ANSWERED = 60


class Backup:
    """A copy of the database, while nobody is connected to it."""

    def __init__(self, relay: Relay) -> None:
        self.server, _, self.name = relay.database.rpartition("/")
        self.copy = f"{self.name}_backup"

    def make(self) -> None:
        self._make(self.copy, self.name)

    def restore(self) -> None:
        self._make(self.name, self.copy)

    def _make(self, name: str, of: str) -> None:
        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as conn:
            conn.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))
            conn.execute(SQL("create database {} template {}").format(Identifier(name), Identifier(of)))


@pytest.mark.long
@pytest.mark.parametrize("ask", ["acknowledge", "accept"])
def test_after_a_restore_every_agency_holds_what_it_would_and_no_id_has_two_contents(play: Play, ask: str) -> None:
    given = load(21, 28, datetime.now(UTC))
    third = len(given.events) // 3
    before, since, after = given.events[:third], given.events[third : 2 * third], given.events[2 * third :]

    async def story(relay: Relay) -> None:
        backup = Backup(relay)
        async with relay.working(*ALL) as worker:
            await relay.publish(*before)
            await relay.settled(worker)
        await asyncio.to_thread(backup.make)
        async with relay.working(*ALL) as worker:
            await relay.publish(*since, Message("agency.responses", b"nobody", b"no answer"))
            await relay.settled(worker)
            delivered = chain.from_iterable((await relay.all_delivered()).values())
            answers = [Answered(answer(each, ask), each) for each in asked_to(ask, delivered)[:ANSWERED]]
            await relay.publish(*(each.answer for each in answers))
            await relay.settled(worker)
        said, decided, letters = await everything_said(relay)
        answered = await relay.rows("select count(*) from answer")
        evaluations = await relay.rows("select count(*) from evaluation")

        await asyncio.to_thread(backup.restore)
        halted = await serve(relay, "incidents")
        assert halted.status == EXIT_HALTED
        assert "offsets_ahead" in halted.text
        assert await relay.rows("select count(*) from evaluation") < evaluations
        assert (await command(relay, "recover", "--dry-run")).status == 1
        await relay.rows(
            "update stream_position set evaluate_from = %s", UNTIL_RECOVERED
        )  # as a recovery that was killed
        halted = await serve(relay, "incidents")
        assert (halted.status, "recovery_awaited" in halted.text) == (EXIT_HALTED, True)
        recovered = await command(relay, "recover")
        assert recovered.status == 0, recovered.text
        assert ", 0 of them new" not in recovered.text
        again = await command(relay, "recover")
        assert (again.status, ", 0 of them new" in again.text) == (0, True)

        async with relay.working(*ALL) as worker:
            await relay.settled(worker)
            await until(lambda: caught_up(relay))
            await relay.settled(worker)
            assert await relay.rows("select 1 from delivery where starts_with(file, 'unlinked:delivery:')") == []
            assert (await everything_said(relay))[0] == said  # the same facts: there is nothing to say
            assert (await everything_said(relay))[2] == letters
            assert await relay.rows("select count(*) from answer") == answered
            await relay.publish(*after)
            await relay.settled(worker)
        everything, evaluated, _ = await everything_said(relay)
        one_content(everything)
        one_content(evaluated)
        assert len(evaluated) > len(decided)
        verdict = await asyncio.to_thread(judged, relay, given, answers)
        assert verdict.clean, str(verdict)
        remembered = {i for (i,) in await relay.rows("select id from notification where published_at is not null")}
        assert {identity for identity, _ in everything} == remembered
        with psycopg.connect(f"{backup.server}/postgres", autocommit=True) as conn:
            conn.execute(SQL("drop database {}").format(Identifier(backup.copy)))

    play(story)


async def everything_said(relay: Relay) -> tuple[set[tuple[str, str]], set[tuple[str, str]], set[tuple[str, str]]]:
    """Notifications, published looks and dead letters: ids with contents, each once however often it was delivered."""
    notifications = {
        (said.notification, said.model_dump_json())
        for delivered in (await relay.all_delivered()).values()
        for said in delivered
    }
    evaluations = {(headers["ce_id"].decode(), value.decode()) for _, headers, value in await relay.read(DECISIONS)}
    topics = {f"{topic}.dlq" for service in ALL for topic in service.reads}
    letters = {
        (headers["dlq-id"].decode(), json.dumps({name: text.hex() for name, text in sorted(headers.items())}))
        for _, headers, _ in await relay.read(*topics)
    }
    one_content(letters)
    return notifications, evaluations, letters


def one_content(said: set[tuple[str, str]]) -> None:
    contents = defaultdict(list)
    for identity, content in said:
        contents[identity].append(content)
    assert {identity: many for identity, many in contents.items() if len(many) > 1} == {}


def judged(relay: Relay, given: Load, answers: Sequence[Answered]) -> Verdict:
    spoilt = {marked(event.value, event.headers) for event in given.unbelievable}
    believable = [event for event in given.events if marked(event.value, event.headers) not in spoilt]
    delivered = read(relay.servers.kafka, notification_topics(relay.servers.kafka))
    must_hold = held_when_calm(believable, relay.policies, datetime.now(UTC), answers)
    return verify(must_hold, delivered, Stated.of(believable))
