"""`python -m tests.chaos.broken_release MECHANISM`: a worker whose engine lacks one mechanism, to see chaos find it.

Each part of the engine is replaced by one that leaves the mechanism out, before anything is started. Only a process of
its own is broken in this way.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import ModuleType

from services.ops.serving import SERVICES
from services.platform.domain.core.duties import Duty, Statement
from services.platform.domain.core.facts import CaseFile
from services.platform.domain.core.rules import Rule
from services.platform.policy.policy import Policy
from services.platform.recovery import guarded
from services.platform.running import process, worker
from services.platform.storage import reader
from services.platform.storage.writer import Writer
from services.platform.streaming import loop
from services.platform.streaming.engine import Consumer
from services.platform.streaming.membership import Membership
from services.platform.streaming.publisher import Publisher, Unpublished
from services.platform.streaming.sending import Outcome
from services.platform.streaming.service import Service
from services.platform.streaming.stream_checks import StreamChecks

SLOW_DATABASE_SECONDS = 0.5
# Of the statements at these references no other reference: what belongs with them is neither read nor locked.
NAMES_AS_ASKED = """
select statement, subject, name from fact_reference where service = %(s)s and name = any(%(names)b)
"""


class AcknowledgingFirst(Consumer):
    """Tells the broker that a batch is done, and then does it, after as long as a slow database takes: faults come at
    random, and seldom in the milliseconds that a quick one leaves them."""

    async def hand_batch(self, membership: Membership) -> None:
        epoch, batch = membership.epoch, membership.take_batch()
        membership.put_back(batch, len(batch), epoch)
        await membership.commit()
        await asyncio.sleep(SLOW_DATABASE_SECONDS)
        left = batch
        while left:
            left = left[await self.handle(left) :]


class BelievingTheGroup(StreamChecks):
    """Goes on where the group stands, also where the database knows less."""

    def compare(self, *_: object) -> None:
        return


class WithoutInbox(Writer):
    """Does not note which events have been accepted."""

    async def write_inbox(self, *_: object) -> None:
        return


class NewestFirst(Publisher):
    """Sends what waits for a topic in the opposite order."""

    async def send(self, pending: Sequence[Unpublished]) -> dict[int, Outcome]:
        return await super().send(pending[::-1])


def at_once(rule: Rule) -> Rule:
    """The rule, whose duties are told at once where they should wait for what may still come."""

    def states(file: CaseFile, policy: Policy) -> Iterator[Statement]:
        for statement in rule.states(file, policy):
            if isinstance(statement, Duty) and statement.settles:
                yield replace(statement, opens=None, settles=False)
            else:
                yield statement

    return replace(rule, states=states)


def _put(module: ModuleType, **parts: object) -> None:
    """Puts other parts in the place of those that this module uses."""
    for name, part in parts.items():
        assert hasattr(module, name), f"{module.__name__} has no {name} any more: break the mechanism where it is now"
        setattr(module, name, part)


def acknowledging_before_committing(services: Sequence[Service]) -> Sequence[Service]:
    _put(worker, Consumer=AcknowledgingFirst)
    _put(loop, StreamChecks=BelievingTheGroup)
    return services


def without_inbox(services: Sequence[Service]) -> Sequence[Service]:
    _put(guarded, Writer=WithoutInbox)
    return services


def locking_no_closed_set(services: Sequence[Service]) -> Sequence[Service]:
    _put(reader, NAMES_OF=NAMES_AS_ASKED)
    return services


def publishing_out_of_order(services: Sequence[Service]) -> Sequence[Service]:
    _put(worker, Publisher=NewestFirst)
    return services


def without_settling_time(services: Sequence[Service]) -> Sequence[Service]:
    return [replace(service, rules=tuple(map(at_once, service.rules))) for service in services]


MECHANISMS: Mapping[str, Callable[[Sequence[Service]], Sequence[Service]]] = {
    "acknowledged before committed": acknowledging_before_committing,
    "no inbox": without_inbox,
    "no closed set of locks": locking_no_closed_set,
    "published out of order": publishing_out_of_order,
    "no settling time": without_settling_time,
}

if __name__ == "__main__":
    process.run(*MECHANISMS[sys.argv[1]](tuple(SERVICES.values())))
