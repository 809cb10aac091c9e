"""Notifications and withheld statements as JSON and back, exactly: what the reader keeps is what was told."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from services.platform.domain.core.duties import Asked, Notification, Whom, Why, Withheld
from services.platform.domain.core.facts import Key

# Every evaluation at a file reads all that its agencies were told and not told, and most of it is as it was.
NOTIFICATIONS_REMEMBERED = 5_000  # at about 11 kB
WITHHELD_REMEMBERED = 20_000  # at about 2 kB

compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
read = json.JSONDecoder().decode


def notification_to_json(notification: Notification) -> str:
    """One line of JSON; times with their offset, to the microsecond. Values are those that `matter.plain` makes."""
    return compact(
        [
            notification.kind,
            notification.state,
            notification.key,
            notification.agency_kind,
            notification.person,
            notification.revision,
            notification.grounds,
            notification.content,
            [(a.ask, _time(a.by), a.answers, _time(a.since), a.met_by, a.needs_reason) for a in notification.asks],
            notification.asked_at,
            notification.reason,
            notification.late,
            _time(notification.at),
            _time(notification.first_told_at),
            _time(notification.arose),
            _time(notification.tell_by),
            notification.desk,
            notification.urgency,
            notification.gather,
            notification.texts,
            _why(notification.why),
            notification.whom,
            _time(notification.asked_since),
            notification.asked_for,
        ]
    )


@lru_cache(NOTIFICATIONS_REMEMBERED)
def notification_from_json(text: str) -> Notification:
    """The same notification: `notification_from_json(notification_to_json(n)) == n`."""
    row: list[Any] = read(text)
    return Notification(
        kind=row[0],
        state=row[1],
        key=Key(*row[2]),
        agency_kind=row[3],
        person=row[4],
        revision=row[5],
        grounds=tuple(row[6]),
        content=tuple([(what, about, frozen(value), basis) for what, about, value, basis in row[7]]),
        asks=tuple(
            Asked(ask, datetime.fromisoformat(by), tuple(answers), datetime.fromisoformat(since), met_by, tuple(needs))
            for ask, by, answers, since, met_by, needs in row[8]
        ),
        asked_at=row[9],
        asked_since=datetime.fromisoformat(row[22]),
        reason=row[10],
        late=row[11],
        at=datetime.fromisoformat(row[12]),
        first_told_at=datetime.fromisoformat(row[13]),
        arose=datetime.fromisoformat(row[14]),
        tell_by=datetime.fromisoformat(row[15]),
        desk=row[16],
        urgency=row[17],
        gather=row[18],
        texts=tuple(row[19]),
        why=Why(*row[20]),
        whom=None if row[21] is None else Whom(*row[21]),
        asked_for=row[23],
    )


def withheld_to_json(statement: Withheld) -> str:
    return compact([statement.key, statement.kind, statement.grounds, statement.reason, _why(statement.why)])


@lru_cache(WITHHELD_REMEMBERED)
def withheld_from_json(text: str) -> Withheld:
    key, kind, grounds, reason, why = read(text)
    return Withheld(Key(*key), kind, tuple(grounds), reason, Why(*why))


def _why(why: Why) -> Sequence[str | bool]:
    return (
        why.route,
        why.policy_version,
        why.source,
        why.lawful_basis,
        why.gateway,
        why.purpose,
        why.by_default,
    )


def _time(when: datetime) -> str:
    return when.isoformat()


def frozen(value: Any) -> Any:
    """A value as JSON has it, as `matter.plain` makes it."""
    return tuple(frozen(element) for element in value) if isinstance(value, list) else value
