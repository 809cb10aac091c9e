"""What goes wrong among the load: workers killed and ended, the broker and the database killed and restarted."""

import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.worker import NAMES, Workers

# Does one of its kind to the workers or their servers, and returns once it is done; which worker, chance says.
KINDS: Mapping[str, Callable[[Workers, random.Random], None]] = {
    "worker killed": lambda workers, chance: workers.restart(chance.choice(NAMES), signal.SIGKILL),
    "worker ended": lambda workers, chance: workers.restart(chance.choice(NAMES), signal.SIGTERM),
    "broker killed": lambda workers, _: workers.while_all_work(lambda: workers.servers.restart("kafka", kill=True)),
    "broker restarted": lambda workers, _: workers.while_all_work(lambda: workers.servers.restart("kafka")),
    "database killed": lambda workers, _: workers.while_all_work(
        lambda: workers.servers.restart("postgres", kill=True)
    ),
    "database restarted": lambda workers, _: workers.while_all_work(lambda: workers.servers.restart("postgres")),
}


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong; its own chance, so that it is the same whatever happens before it."""

    kind: str
    seed: int

    def strike(self, workers: Workers) -> None:
        KINDS[self.kind](workers, random.Random(self.seed))  # noqa: S311 - a seed must give the same fault again


def faults(seed: int, number: int) -> Sequence[Fault]:
    """So many, of each kind as often as of any other, give or take one, in the order that the seed gives."""
    chance = random.Random(seed)  # noqa: S311 - a seed must give the same faults again
    kinds = [kind for _ in range(-(-number // len(KINDS))) for kind in chance.sample(list(KINDS), len(KINDS))][:number]
    chance.shuffle(kinds)
    return [Fault(kind, chance.randrange(2**32)) for kind in kinds]
