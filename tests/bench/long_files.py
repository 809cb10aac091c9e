"""What one more event costs in each engine where the file that it belongs to is long already."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.police_incidents.v1 import Grade
from services.platform.streaming.sending import Message
from tests.bench.entrants import Entrant
from tests.bench.stage import POLL_SECONDS, Appearance, FellBehindError, Stage
from tests.broker.relay import message
from tests.support import builders as b

EACH = 7
QUIET_SECONDS = 0.5  # one event alone is soon told to all
KIND = "uk.police.incident-reported"


@dataclass(frozen=True, slots=True)
class LongFile:
    """Seconds from publishing one high-risk incident until it is read, the median of several, one after the other."""

    entrant: Entrant
    facts: int
    seconds: float


def long_files(
    stage: Stage, entrant: Entrant, lengths: Sequence[int], seconds: float, tell: Callable[[str], None]
) -> list[LongFile]:
    """The incidents of one woman, a few hours apart; her file and his grow from one length to the next."""
    found: list[LongFile] = []
    crimes = iter(range(10_000))
    with stage.appearance(entrant, "latency") as shown:
        shown.start(1)
        shown.warm([_incident(next(crimes))])
        shown.settle(60)
        facts = 1
        for length in lengths:
            tell(f"{entrant.title}: a file of {length:,} facts")
            shown.publish_all([_incident(next(crimes)) for _ in range(length - facts)])
            try:
                shown.settle(seconds)
                took = [_took(shown, next(crimes), seconds) for _ in range(EACH)]
            except FellBehindError:
                break
            facts = max(facts, length) + EACH
            found.append(LongFile(entrant, length, statistics.median(took)))
    return found


def _took(shown: Appearance, number: int, seconds: float) -> float:
    said = len(shown.reader.found)
    began = shown.publish_all([_incident(number)])
    while len(shown.reader.found) == said:
        if time.time() - began > seconds:
            raise FellBehindError(f"{shown.entrant.title} told nobody of one more event")
        time.sleep(POLL_SECONDS / 50)
    shown.settle(seconds, quiet=QUIET_SECONDS)
    return shown.reader.found[said].at - began


def _incident(number: int) -> Message:
    at = datetime.now(UTC) - timedelta(days=300) + timedelta(hours=6 * number)
    people = (b.victim(record=b.record("long-1")), b.suspect(record=b.record("long-2")))
    body = b.incident(f"CRL{number}", reported_at=at, occurred_at=at, parties=people, risk=b.risk(Grade.HIGH))
    return message(body, KIND, time=at)
