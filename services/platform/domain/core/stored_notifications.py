"""Notifications and withheld statements as JSON and back, exactly: what is read is what was delivered.

Everything is stored under its name, so that SQL, people and later releases read it without counting. What most
notifications have in common (nothing, no, `recorded`) is left out: it saves an eighth of the room.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from pydantic_core import from_json, to_json

from schemas.classes import Basis
from services.platform.domain.core.duties import Asked, Notification, Whom, Why, Withheld
from services.platform.domain.core.facts import Key

# Every evaluation of a file reads everything delivered and withheld in it, and most of that has not changed.
NOTIFICATIONS_REMEMBERED = 5_000  # at about 11 kB
WITHHELD_REMEMBERED = 20_000  # at about 2 kB

RECORDED: Final = "recorded"  # the basis of most of what is said


def notification_to_json(notification: Notification) -> str:
    """One line of JSON; times with their offset, to the microsecond. Values are those that `matter.plain` makes."""
    n = notification
    stored: dict[str, Any] = {
        "kind": n.kind,
        "state": n.state,
        "key": n.key._asdict(),
        "agency_kind": n.agency_kind,
        "person": n.person,
        "revision": n.revision,
        "grounds": n.grounds,
        "content": [_item(*item) for item in n.content],
        "asks": [_asked(asked) for asked in n.asks],
        "asked_at": n.asked_at,
        "asked_since": n.asked_since.isoformat(),
        "at": n.at.isoformat(),
        "first_told_at": n.first_told_at.isoformat(),
        "arose": n.arose.isoformat(),
        "tell_by": n.tell_by.isoformat(),
        "desk": n.desk,
        "urgency": n.urgency,
        "gather": n.gather,
        "texts": n.texts,
        "why": _why(n.why),
    }
    if n.changed:
        stored["changed"] = n.changed
    if n.reason is not None:
        stored["reason"] = n.reason
    if n.late:
        stored["late"] = True
    if n.whom is not None:
        stored["whom"] = n.whom._asdict()
    if n.asked_for is not None:
        stored["asked_for"] = n.asked_for
    return to_json(stored).decode()


@lru_cache(NOTIFICATIONS_REMEMBERED)
def notification_from_json(text: str) -> Notification:
    """The same notification: `notification_from_json(notification_to_json(n)) == n`."""
    stored: Mapping[str, Any] = from_json(text)
    whom = stored.get("whom")
    return Notification(
        kind=stored["kind"],
        state=stored["state"],
        key=Key(**stored["key"]),
        agency_kind=stored["agency_kind"],
        person=stored["person"],
        revision=stored["revision"],
        grounds=tuple(stored["grounds"]),
        content=tuple(
            [(i["what"], i.get("about"), frozen(i["value"]), i.get("basis", RECORDED)) for i in stored["content"]]
        ),
        asks=tuple([_asked_from(asked) for asked in stored["asks"]]),
        asked_at=stored["asked_at"],
        asked_since=datetime.fromisoformat(stored["asked_since"]),
        reason=stored.get("reason"),
        late=stored.get("late", False),
        at=datetime.fromisoformat(stored["at"]),
        first_told_at=datetime.fromisoformat(stored["first_told_at"]),
        arose=datetime.fromisoformat(stored["arose"]),
        tell_by=datetime.fromisoformat(stored["tell_by"]),
        desk=stored["desk"],
        urgency=stored["urgency"],
        gather=stored["gather"],
        texts=tuple(stored["texts"]),
        why=Why(**stored["why"]),
        changed=tuple(stored.get("changed", ())),
        whom=None if whom is None else Whom(**whom),
        asked_for=stored.get("asked_for"),
    )


def withheld_to_json(statement: Withheld) -> str:
    return to_json(
        {
            "key": statement.key._asdict(),
            "kind": statement.kind,
            "grounds": statement.grounds,
            "reason": statement.reason,
            "why": _why(statement.why),
        }
    ).decode()


@lru_cache(WITHHELD_REMEMBERED)
def withheld_from_json(text: str) -> Withheld:
    stored: Mapping[str, Any] = from_json(text)
    return Withheld(
        key=Key(**stored["key"]),
        kind=stored["kind"],
        grounds=tuple(stored["grounds"]),
        reason=stored["reason"],
        why=Why(**stored["why"]),
    )


def _item(what: str, about: str | None, value: Any, basis: Basis) -> Mapping[str, Any]:
    stored = {"what": what, "value": value}
    if about is not None:
        stored["about"] = about
    if basis != RECORDED:
        stored["basis"] = basis
    return stored


def _asked(asked: Asked) -> Mapping[str, Any]:
    stored = {
        "ask": asked.ask,
        "by": asked.by.isoformat(),
        "answers": asked.answers,
        "since": asked.since.isoformat(),
    }
    if asked.met_by is not None:
        stored["met_by"] = asked.met_by
    if asked.needs_reason:
        stored["needs_reason"] = asked.needs_reason
    return stored


def _asked_from(stored: Mapping[str, Any]) -> Asked:
    return Asked(
        ask=stored["ask"],
        by=datetime.fromisoformat(stored["by"]),
        answers=tuple(stored["answers"]),
        since=datetime.fromisoformat(stored["since"]),
        met_by=stored.get("met_by"),
        needs_reason=tuple(stored.get("needs_reason", ())),
    )


def _why(why: Why) -> Mapping[str, str | bool]:
    """All but what it was measured by, which is kept nowhere."""
    stored: dict[str, str | bool] = {
        "route": why.route,
        "policy_version": why.policy_version,
        "source": why.source,
        "lawful_basis": why.lawful_basis,
        "gateway": why.gateway,
        "purpose": why.purpose,
    }
    if why.by_default:
        stored["by_default"] = True
    return stored


def frozen(value: Any) -> Any:
    """A value as JSON has it, as `matter.plain` makes it."""
    return tuple(frozen(element) for element in value) if isinstance(value, list) else value
