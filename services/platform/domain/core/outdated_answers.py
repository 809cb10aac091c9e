"""Reply to an agency that answered a notification after it was replaced: ask it to answer the newer one."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from schemas.agency_responses.v1 import AgencyBody
from schemas.classes import DataClass
from services.platform.domain.core.duties import Duty, Notification
from services.platform.domain.core.escalation import ESCALATION_STEPS, OUTDATED, READ, step_key, that_count
from services.platform.domain.core.facts import Answer, Key
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.rules import DerivedRule
from services.platform.domain.core.stating import why_of
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

REPLACED, TAKEN_BACK = "answer_to_replaced", "answer_to_taken_back"
RULES = (
    DerivedRule(
        OUTDATED,
        title="Answer to a notification that had been replaced",
        reads=READ,
        routes=(REPLACED, TAKEN_BACK),
    ),
)


def outdated(answers: Collection[Answer], delivered: Mapping[Key, Notification], policy: Policy) -> Iterator[Duty]:
    """One duty for each notification that was answered too late: after a newer one had replaced it that says more or is
    more urgent, or after it was taken back (domain 2.9). Its agency would believe that the answer counts.

    An answer that came in time is not reported: the newer notification asks anew. The duty ends when the newer
    notification is answered, or asks nothing any longer.
    """
    answered = {key for key, answer in that_count(answers, delivered) if answer.key == key}
    late: dict[Key, list[Answer]] = {}
    for answer in answers:
        notification = delivered.get(answer.key)
        if notification is not None and _replies_to(answer, notification):
            key = step_key(OUTDATED, answer.key, str(answer.revision), answer.key.agency)
            waits = answer.key not in answered and (notification.state == "withdrawn" or _is_asked(notification))
            if _was_delivered(delivered.get(key), answer) or (waits and came(answer) > notification.asked_since):
                late.setdefault(key, []).append(answer)
    for key, those in late.items():
        notification = delivered[those[0].key]
        ended = (notification.reason or Reason.MET) if notification.state == "closed" else None
        yield _word(key, those, notification, policy, Reason.ANSWERED if notification.key in answered else ended)


def came(answer: Answer) -> datetime:
    """When the broker had an answer, else when it was given."""
    return answer.came or answer.fact.at


def _replies_to(answer: Answer, notification: Notification) -> bool:
    body = answer.fact.body
    own = isinstance(body, AgencyBody) and body.agency == notification.key.agency
    return own and notification.key.rule not in ESCALATION_STEPS and not notification.heeds(answer.revision)


def _was_delivered(before: Notification | None, answer: Answer) -> bool:
    return before is not None and answer.fact.id in before.grounds


def _is_asked(notification: Notification) -> bool:
    return notification.state == "live" and any(asked.met_by is None for asked in notification.asks)


def _word(key: Key, answers: Iterable[Answer], notification: Notification, policy: Policy, over: str | None) -> Duty:
    in_order = sorted(answers, key=lambda answer: (came(answer), answer.fact.id))
    first = in_order[0]
    on = london_day(came(first))
    row = policy.route(TAKEN_BACK if notification.state == "withdrawn" else REPLACED, on)
    said = tuple(dict.fromkeys(answer.fact.kind.rpartition(".")[2] for answer in in_order))
    newer = derived("replaced_by", notification.id, DataClass.R) if notification.state == "live" else ()
    return Duty(
        key=key,
        kind=notification.agency_kind,
        person=notification.person,
        grounds=tuple(sorted(answer.fact.id for answer in in_order)),
        matter=(
            *derived("notification", first.fact.subject, DataClass.R),
            *derived("answered", said, DataClass.R),
            *newer,
        ),
        why=why_of(row, policy),
        arose=came(first),
        on=on,
        tell_by=policy.due(came(first), row.within),
        ended=over,
        shortest_window=row.shortest_window,
        urgency=row.urgency,
        texts=row.texts,
    )
