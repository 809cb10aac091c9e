"""Compares what was told with what a situation expects, and says each difference so that a practitioner sees it."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import Key
from tests.situations.moments import in_words, moment
from tests.situations.playing import Played, Seen
from tests.situations.vocabulary import NotTold, Situation, Told

ANY = "any"
STATES = {"live": "live", "closed": "closed", "corrected": "withdrawn"}
LAST = {"notified": "notify", "updated": "update", "reminded": "remind"}


def differences(situation: Situation, played: Played) -> list[str]:
    """Each difference in a line of its own; empty where all is as expected."""
    found = [line for seen in played.seen for line in _of_moment(situation, seen)]
    found += [line for not_told in situation.not_told for line in _of_not_told(not_told, played.last)]
    return found


def _of_moment(situation: Situation, seen: Seen) -> Iterator[str]:
    at, left = in_words(seen.at), dict(seen.delivered)
    yield from (f"{at}: {fault}" for fault in seen.faults)
    for expected in sorted(seen.expected, key=lambda told: told.rule == ANY):
        for agency in expected.to:
            key = _match(left, expected, agency)
            if key is None:
                yield f"{at}: expected, and not told: {expected.rule} to {agency}{_about(expected)} ({expected.state})"
            else:
                yield from (
                    f"{at}: {key.rule} to {agency}: {said}" for said in _of_notice(left.pop(key), expected, seen)
                )
    for key, notification in sorted(left.items()):
        if not situation.only_about or key.rule in situation.only_about:
            why = f" ({notification.state}, {notification.reason})" if notification.state != "live" else ""
            yield f"{at}: told, and not expected: {key.rule} to {key.agency}, about {key.subject}{why}"


def _match(left: Mapping[Key, Notification], expected: Told, agency: str) -> Key | None:
    fits = [k for k in sorted(left) if expected.rule in {k.rule, ANY} and k.agency == agency]
    fits = [k for k in fits if expected.about is None or expected.about in k.subject]
    same = [k for k in fits if left[k].state == STATES[expected.state]]
    return next(iter(same or fits), None)


def _about(expected: Told) -> str:
    return f", about {expected.about}" if expected.about else ""


def _of_notice(notification: Notification, expected: Told, seen: Seen) -> Iterator[str]:
    if notification.state != STATES[expected.state]:
        yield _expected(expected.state, f"{notification.state} ({notification.reason})")
        return
    asks = {asked.ask: in_words(asked.by) for asked in notification.asks}
    compared: list[tuple[str, Any, Any]] = [
        ("because", expected.because, notification.reason),
        ("last", LAST.get(expected.last or ""), notification.kind),
        ("changed", expected.changed, notification.changed),
        ("sent", _moment(expected.sent, seen), in_words(notification.at)),
        ("route", expected.route, notification.why.route),
        ("by", _moment(expected.by, seen), in_words(notification.tell_by)),
        ("late", expected.late, notification.late),
        ("urgency", expected.urgency, notification.urgency),
        ("desk", expected.desk, notification.desk),
        ("gather", expected.gather, notification.gather),
        ("asks", _asks(expected, seen), asks),
    ]
    for what, wanted, held in compared:
        if wanted is not None and wanted != held:
            yield f"{what}: {_expected(wanted, held)}"
    yield from _of_texts(notification, expected)
    yield from _of_content(notification, expected)


def _of_texts(notification: Notification, expected: Told) -> Iterator[str]:
    for text in expected.texts:
        if text not in notification.texts:
            yield f"the text {text} was expected; there are {', '.join(notification.texts)}"
    for text in expected.without_texts:
        if text in notification.texts:
            yield f"the text {text} must not be there"


def _of_content(notification: Notification, expected: Told) -> Iterator[str]:
    said: dict[str, list[str]] = {}
    for what, _, value, _ in notification.content:
        said.setdefault(what, []).append(_plain(value))
    for what, value in expected.says.items():
        if _plain(value) not in said.get(what, []):
            yield f"{what}: {_expected(_plain(value), said.get(what, 'nothing'))}"
    for what in expected.says_nothing_of:
        if what in said:
            yield f"nothing may be said of {what}, and {said[what]} is"
    for word in expected.never_mentions:
        if any(word in value for values in said.values() for value in values):
            yield f"{word} must not be mentioned, and is"


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _moment(written: str | None, seen: Seen) -> str | None:
    return None if written is None else in_words(moment(written, seen.at))


def _asks(expected: Told, seen: Seen) -> dict[str, str] | None:
    if expected.asks is None:
        return None
    return {ask: in_words(moment(by, seen.at)) for ask, by in expected.asks.items()}


def _expected(wanted: Any, held: Any) -> str:
    return f"{wanted} was expected, {held} is held"


def _of_not_told(expected: NotTold, seen: Seen) -> Iterator[str]:
    def concerns(key: Key) -> bool:
        of_agency = not expected.to or key.agency in expected.to
        return key.rule == expected.rule and of_agency and (expected.about is None or expected.about in key.subject)

    live = [key for key in seen.delivered if concerns(key) and seen.delivered[key].state == "live"]
    yield from (f"{key.rule} to {key.agency} must not be told, and is" for key in live)
    reasons = {seen.withheld[key] for key in seen.withheld if concerns(key)}
    if expected.because is not None and reasons != {expected.because}:
        held = ", ".join(sorted(reasons)) or "nothing"
        yield f"{expected.rule} is not told because: {_expected(expected.because, held)}"
    missing = [agency for agency in expected.to if not any(k.agency == agency for k in seen.withheld if concerns(k))]
    if expected.because is not None:
        yield from (f"{expected.rule} was expected to be withheld from {agency}" for agency in missing)
