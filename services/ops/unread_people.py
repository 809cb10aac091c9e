"""People whose time has passed while the event about them lies unread: decoded in memory, counted, and not kept."""

import time
from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import takewhile

from schemas.refusals import Refusal
from services.ops.all_rules import RULES
from services.ops.policies import load
from services.platform.domain.core.duties import Duty
from services.platform.domain.core.evaluate import state
from services.platform.domain.linking.links import files_of
from services.platform.policy.policy import Policy
from services.platform.settings import load_settings
from services.platform.storage.records import Record
from services.platform.streaming.admit import believed
from services.platform.streaming.decode import read


def people_past_their_time(
    unread: Iterable[tuple[Record, Collection[str]]], now: datetime, seconds: float
) -> tuple[int, bool]:
    """How many people these are, under the policy that the environment names; and whether there was time for all."""
    settings = load_settings()
    policy = load(settings.policy, settings.agencies).at(now)
    until = time.monotonic() + seconds
    in_time = takewhile(lambda _: time.monotonic() < until, unread)
    return len(past_their_time(in_time, policy, now)), time.monotonic() < until


def past_their_time(unread: Iterable[tuple[Record, Collection[str]]], policy: Policy, now: datetime) -> frozenset[str]:
    """The people whom an agency should know about by now, by the keys of their files.

    `unread`: each record with the services that have not read it. Each event is judged by itself, as if nothing else
    were known of the person.
    """
    found: set[str] = set()
    for record, services in unread:
        event = read(record)
        if isinstance(event, Refusal) or believed(event, policy, now) is not None:
            continue
        rules = tuple(rule for service in services for rule in RULES.get(service, ()))
        for person, file in files_of([event.fact], policy.is_placeholder).items():
            stated, _ = state([file], rules, policy)
            if any(isinstance(duty, Duty) and _is_late(duty, now) for duty in stated):
                found.add(person)
    return frozenset(found)


def _is_late(duty: Duty, now: datetime) -> bool:
    return duty.tell_by < now and duty.over(now) is None and (duty.opens is None or duty.opens <= now)
