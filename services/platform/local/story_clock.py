"""The clock of a story: it stands still until every service has drained, then moves on, and ends as the true clock."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from kafka import KafkaConsumer, TopicPartition

from services.platform import kafka as clients
from services.platform.storage.read_models import OUTBOX, STREAM_POSITIONS, clock

PAUSE = 0.05


class StoryStuckError(Exception):
    """A service does not get to the end of what it has to do; the text says what is left."""


class StoryClock:
    """Only for servers that the relay started itself: on others it would hide the time from real duties."""

    def __init__(self, connection: psycopg.Connection[Any], consumer: Any) -> None:
        self._connection, self._consumer = connection, consumer

    def stop_at(self, moment: datetime) -> None:
        """Moves on to this moment, and stands; never back."""
        self._connection.execute(
            "insert into clock (set_to) values (%s)"
            " on conflict on constraint clock_pkey"
            " do update set set_to = greatest(clock.set_to, excluded.set_to)",
            (moment,),
        )

    def let_go(self) -> None:
        """Becomes the true clock."""
        self._connection.execute("delete from clock")

    def now(self) -> datetime:
        """What the services take for now."""
        return clock(self._connection)

    def next_evaluation(self) -> datetime | None:
        """The next moment at which some service has something to do by itself."""
        return self._one(  # type: ignore[no-any-return]
            "select min(at) from (select min(next_evaluation_at) as at from case_file union all"
            " select min(held_back_until) from case_file) as ahead"
        )

    def wait_until_drained(
        self, reads: Mapping[str, Sequence[str]], seconds: float, running: Callable[[], None]
    ) -> None:
        """Returns when nothing is left to do at this moment. `reads`: the topics of each service that runs; `running`
        raises when they do not run any more.

        Raises StoryStuckError when that takes longer.
        """
        deadline = time.monotonic() + seconds
        while left := self.left(reads):
            running()
            if time.monotonic() > deadline:
                raise StoryStuckError(f"After {seconds:.0f} s the services still have work left: {left}.")
            time.sleep(PAUSE)

    def left(self, reads: Mapping[str, Sequence[str]]) -> str | None:
        """What the services still have to do at this moment, or None."""
        read = {
            (position.service, position.topic, position.partition): position.next_offset
            for position in STREAM_POSITIONS.ask(self._connection)
        }
        for service, topics in reads.items():
            for place, end in self._ends(topics).items():
                if read.get((service, *place), 0) < end:
                    return f"{service} has not read all of {place[0]}"
        for what, waits in (
            ("a file is due", "select count(*) from case_file where next_evaluation_at <= %(now)s"),
            ("a file is held back", "select count(*) from case_file where held_back_until <= %(now)s"),
        ):
            if self._one(waits, {"now": self.now()}):
                return what
        return "a notification is not sent" if OUTBOX.ask(self._connection) else None

    def _ends(self, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        places = [
            TopicPartition(topic, number)
            for topic in topics
            for number in self._consumer.partitions_for_topic(topic) or ()
        ]
        return {(place.topic, place.partition): end for place, end in self._consumer.end_offsets(places).items()}

    def _one(self, query: str, values: Mapping[str, Any] | None = None) -> Any:
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row is not None else None


@contextmanager
def story_clock(kafka: str, database: str) -> Iterator[StoryClock]:
    """The clock of servers that the relay started itself; however the story ends, the true clock comes after it."""
    with clients.opened(KafkaConsumer, clients.reader(kafka)) as consumer:
        consumer.topics()
        with psycopg.connect(database, autocommit=True) as connection:
            clock = StoryClock(connection, consumer)
            try:
                yield clock
            finally:
                clock.let_go()
