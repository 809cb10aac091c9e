"""How long it takes from publishing an event until an agency has read what it means, at a steady rate."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.envelope import fact_id
from services.runtime.sending import Message
from tests.bench.entrants import Entrant
from tests.bench.stage import Appearance, FellBehindError, Stage
from tests.bench.throughput import WARM

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds over all events that somebody was told of. `behind`: how many records were still unread when the last
    was published; `kept_up`: whether those were of one second at most, and all was told within ten seconds more."""

    entrant: Entrant
    rate: int
    events: int
    told: int
    p50: float
    p99: float
    worst: float
    behind: int
    kept_up: bool


def latency(stage: Stage, entrant: Entrant, rate: int, load: Sequence[Message], tell: Callable[[int], None]) -> Latency:
    """One worker, warm; then each event at its time, whatever has become of those before it."""
    with stage.appearance(entrant, "latency") as shown:
        shown.start(1)
        shown.warm(load[:WARM])
        shown.settle(60)
        published = _publish(shown, rate, load[WARM:], tell)
        behind = max(0, shown.published - shown.read_by_group())
        try:
            shown.settle(PATIENCE_SECONDS)
            kept_up = behind <= rate
        except FellBehindError:
            kept_up = False
        took = _took(shown, published)
    return Latency(
        entrant, rate, len(published), len(took), _at(took, 0.5), _at(took, 0.99), _at(took, 1), behind, kept_up
    )


def _publish(shown: Appearance, rate: int, load: Sequence[Message], tell: Callable[[int], None]) -> dict[str, float]:
    """When each event was due to be published, by the fact that it becomes; of a repeated one the first time."""
    due_at: dict[str, float] = {}
    began = time.time()
    for number, message in enumerate(load):
        due = began + number / rate
        if (wait := due - time.time()) > 0:
            time.sleep(wait)
        shown.publish(message)
        said = dict(message.headers)
        due_at.setdefault(fact_id(said["ce_source"].decode(), said["ce_id"].decode()), due)
        if number % 50 == 0:
            tell(number)
    return due_at


def _took(shown: Appearance, published: dict[str, float]) -> list[float]:
    """Of each event, until the first notification that rests on it was read; in order."""
    first: dict[str, float] = {}
    for read in shown.reader.found:
        for event in json.loads(read.value)["grounds"]:
            first.setdefault(event, read.at)
    return sorted(first[event] - due for event, due in published.items() if event in first)


def _at(took: Sequence[float], share: float) -> float:
    """This quantile; without end where nobody was told of anything."""
    return took[min(len(took) - 1, int(share * len(took)))] if took else math.inf
