"""How long it takes from publishing an event until an agency has read what it means, at a steady rate."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.envelope import fact_id
from services.platform.streaming.sending import Message
from tests.bench.contestants import limit
from tests.bench.entrants import Entrant
from tests.bench.stage import Appearance, FellBehindError, Read, Stage
from tests.bench.throughput import WARM

PATIENCE_SECONDS = 10.0
KEPT_UP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds over all events that by themselves had somebody told. `behind`: how many records were still unread when
    the last was published; `kept_up`: whether the later half of them was told within a second, by the median."""

    entrant: Entrant
    rate: int
    events: int
    delivered: int
    p50: float
    p99: float
    worst: float
    behind: int
    kept_up: bool


def telling(load: Iterable[Message]) -> frozenset[str]:
    """The facts that somebody is told of at once. Of others an agency may read much later, when something else happens
    to the same people: that is no latency."""
    state = limit.State()
    found: set[str] = set()
    for message in load:
        sent = state.take(message.key or b"", message.value or b"", message.headers)
        if any(_fact(message) in json.loads(delivered.value or b"")["grounds"] for delivered in sent):
            found.add(_fact(message))
    return frozenset(found)


def latency(
    stage: Stage,
    entrant: Entrant,
    rate: int,
    load: Sequence[Message],
    tell_of: frozenset[str],
    tell: Callable[[int], None],
) -> Latency:
    """One worker, warm; then each event at its time, whatever has become of those before it."""
    with stage.appearance(entrant, "latency") as shown:
        shown.start(1)
        shown.warm(load[:WARM])
        shown.settle(60)
        published = _publish(shown, rate, load[WARM:], tell)
        behind = max(0, shown.published - shown.read_by_group())
        try:
            shown.settle(PATIENCE_SECONDS)
            all_delivered = True
        except FellBehindError:
            all_delivered = False
        counted = tell_of - set(map(_fact, load[:WARM]))
        took = _took(shown.reader.found, {fact: due for fact, due in published.items() if fact in counted})
    kept_up = all_delivered and _at(sorted(took[len(took) // 2 :]), 0.5) <= KEPT_UP_SECONDS
    took.sort()
    quantiles = (_at(took, 0.5), _at(took, 0.99), _at(took, 1))
    return Latency(entrant, rate, len(published), len(took), *quantiles, behind, kept_up)


def _publish(shown: Appearance, rate: int, load: Sequence[Message], tell: Callable[[int], None]) -> dict[str, float]:
    """When each event was due to be published, by the fact that it becomes; of a repeated one the first time."""
    due_at: dict[str, float] = {}
    began = time.time()
    for number, message in enumerate(load):
        due = began + number / rate
        if (wait := due - time.time()) > 0:
            time.sleep(wait)
        shown.publish(message)
        due_at.setdefault(_fact(message), due)
        if number % 50 == 0:
            tell(number)
    return due_at


def _took(read: Iterable[Read], due_at: Mapping[str, float]) -> list[float]:
    """Of each of these facts, until the first notification that rests on it was read; in the order of publishing."""
    first: dict[str, float] = {}
    for each in read:
        for fact in json.loads(each.value)["grounds"]:
            first.setdefault(fact, each.at)
    return [first[fact] - due for fact, due in due_at.items() if fact in first]


def _fact(message: Message) -> str:
    said = dict(message.headers)
    return fact_id(said["ce_source"].decode(), said["ce_id"].decode())


def _at(took: Sequence[float], share: float) -> float:
    """This quantile; without end where nobody was told of anything."""
    return took[min(len(took) - 1, int(share * len(took)))] if took else math.inf
