"""How fast a backlog is worked off, by one worker and by two, and what memory, processor time and disk that takes."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.platform.streaming.sending import Message
from tests.bench.entrants import Entrant
from tests.bench.stage import Appearance, FellBehindError, Read, Stage

WARM = 20
Held = frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Pace:
    """From the first record published until the last notification is read; `seconds` is None where it was not done in
    the time given. `wal`, `disk`: bytes that PostgreSQL wrote ahead, and by which the database grew."""

    entrant: Entrant
    workers: int
    events: int
    seconds: float | None
    processor_seconds: float
    notifications: int
    resident_mib: float
    held: Held
    wal: int
    disk: int

    @property
    def events_a_second(self) -> float | None:
        return None if self.seconds is None else self.events / self.seconds


def pace(
    stage: Stage, entrant: Entrant, workers: int, load: Sequence[Message], seconds: float, tell: Callable[[int], None]
) -> Pace:
    """The workers are at work and warm, then all of the rest comes at once."""
    warm, rest = load[:WARM], load[WARM:]
    with stage.appearance(entrant) as shown:
        shown.start(workers)
        shown.warm(warm)
        shown.settle(seconds)
        said, used = len(shown.reader.found), shown.processor_seconds()
        wal, disk = _written(shown)
        began = shown.publish_all(rest)
        try:
            shown.settle(seconds, tell)
            took: float | None = shown.reader.found[-1].at - began
        except FellBehindError:
            took = None
        wal_after, disk_after = _written(shown)
        return Pace(
            entrant,
            workers,
            len(rest),
            took,
            shown.processor_seconds() - used,
            len(shown.reader.found) - said,
            shown.most_resident_mib(),
            held(shown.reader.found),
            wal_after - wal,
            disk_after - disk,
        )


def middle(found: Sequence[Pace]) -> Pace:
    """The one with the median pace; one that was not done in time is the slowest."""
    return sorted(found, key=lambda pace: pace.events_a_second or 0.0)[len(found) // 2]


def _written(shown: Appearance) -> tuple[int, int]:
    """Bytes that the server has written ahead since it began, and that the database has."""
    query = "select (pg_current_wal_insert_lsn() - '0/0')::bigint, pg_database_size(current_database())"
    ((wal, disk),) = shown.rows(query)
    return wal, disk


def held(read: Sequence[Read]) -> Held:
    """What the agencies hold: of each duty the live content of the highest revision, without ids and times."""
    newest: dict[tuple[str, str, str], dict[str, object]] = {}
    for each in read:
        said = json.loads(each.value)
        key = (each.topic, said["rule"], said["subject"])
        if key not in newest or int(str(newest[key]["revision"])) < said["revision"]:
            newest[key] = said
    live = {key: said["matter"] for key, said in newest.items() if said["state"] == "live"}
    return frozenset(hashlib.sha256(json.dumps([key, matter]).encode()).digest() for key, matter in live.items())
