"""A notification as the agency's worker would like to read it: pure, from the notification to lines."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.agency_notifications.v1 import Asked, NotificationIssued
from schemas.places import read_case
from services.ops import words
from services.ops.rows import UNANSWERED, Reader, by_whom, called, rows
from services.ops.terminal import moment, span
from services.ops.words import Names
from services.platform.domain.core.escalation import ESCALATION_STEPS, asked_of
from services.platform.domain.core.facts import Key
from services.platform.domain.core.subjects import case_of_offence, read_fact

WIDEST_NAME = 48
CRIME_AND_PARTY = "a crime reference and the number of a party there, as 54260012345/1"
DECLINE = ("out_of_area", "no_capacity", "not_eligible", "cannot_act", "already_done", "not_ours")
# As `uk.agency.link-refused` has them.
REFUSED = ("not_domestic_abuse", "not_ours", "duplicate")
ORDER_ASKED = "say_whom_it_protects"
URGENT = {"urgent": "URGENT ", "prompt": "", "routine": ""}


class Line(NamedTuple):
    """One line, with how it should stand out (a style of rich)."""

    text: str
    style: str = ""


def tell(notification: NotificationIssued, now: datetime, names: Names) -> tuple[Line, ...]:
    """The whole notification, as it is read at `now`: first what must be heeded, then what it says."""
    return (
        *_head(notification, names),
        *_asked(notification, now),
        *_texts(notification),
        *_matter(notification, names),
        *_power(notification),
        *_how_to_answer(notification),
        Line(
            f"  To see why you were told: relay explain {notification.notification} --as {notification.agency}", "dim"
        ),
    )


def headline(notification: NotificationIssued) -> str:
    """What it is, in one line; for an escalation step, what nobody has answered."""
    said = words.rule(notification.rule)
    if notification.rule in ESCALATION_STEPS:
        of, _ = asked_of(Key(notification.rule, notification.subject, notification.agency))
        return f"{said}: {words.rule(of.rule)}"
    return said


def answered(notification: NotificationIssued, met: Collection[str]) -> NotificationIssued:
    """The notification with these of its asks answered."""
    if not met:
        return notification
    asks = tuple(ask.model_copy(update={"met": ask.met or ask.ask in met}) for ask in notification.asks)
    return notification.model_copy(update={"asks": asks})


def newest(notifications: Iterable[NotificationIssued]) -> tuple[NotificationIssued, ...]:
    """The highest revision of each duty, in the order in which the duties were first told."""
    found: dict[tuple[str, str, str], NotificationIssued] = {}
    for notification in notifications:
        key = (notification.rule, notification.subject, notification.agency)
        if key not in found or found[key].revision < notification.revision:
            found[key] = notification
    return tuple(found.values())


def _head(notification: NotificationIssued, names: Names) -> Iterator[Line]:
    late = "LATE " if notification.late else ""
    style = {"correct": "bold red", "close": "bold green"}.get(notification.kind, "bold")
    yield Line(f"{URGENT[notification.urgency]}{late}{_kind(notification)}: {headline(notification)}", style)
    to = f"{names.agency(notification.agency)}, {words.DESKS[notification.desk]}"
    yield Line(f"{moment(notification.issued_at)} · {to}{_sender(notification, names)}", "dim")
    if notification.late:
        yield Line(f"This is late: you should have been told by {moment(notification.tell_by)}.", "yellow")
    if meaning := _meaning(notification):
        before = notification.kind in ("update", "correct") and notification.replaces
        replaced = f" It takes the place of notification {notification.replaces}." if before else ""
        # A withdrawn notification names nobody; its reader must find out whom it was about.
        where = " There you read what it was about." if replaced and notification.state == "withdrawn" else ""
        yield Line(f"{meaning}{replaced}{where}")
    if notification.changed:
        yield Line(f"What is new: {', '.join(dict.fromkeys(map(words.part, notification.changed)))}.", "bold")
    if notification.reason:
        yield Line(f"Why: {words.reason(notification.reason)}")


def _kind(notification: NotificationIssued) -> str:
    return words.PARTLY_WRONG if _partly_wrong(notification) else words.KINDS[notification.kind]


def _meaning(notification: NotificationIssued) -> str:
    return words.WHAT_PARTLY_WRONG_MEANS if _partly_wrong(notification) else words.WHAT_KINDS_MEAN[notification.kind]


def _partly_wrong(notification: NotificationIssued) -> bool:
    """It had been closed already, and some of what it said was wrong."""
    return notification.kind == "correct" and notification.state == "closed"


def _sender(notification: NotificationIssued, names: Names) -> str:
    """Which police force, court or agency said it, where that is known."""
    said = next((item for item in notification.matter if item.what.startswith("sender.")), None)
    return f" · from {words.value(said.what, said.value, names)}" if said is not None else ""


def _asked(notification: NotificationIssued, now: datetime) -> Iterator[Line]:
    if notification.state != "live":
        return
    if notification.rule in ESCALATION_STEPS:
        yield from (Line(f"  What to do: {action}", "bold") for action in _actions(notification))
    for ask in notification.asks:
        if ask.met:
            yield Line(f"  Done: {words.ASKS[ask.ask]}", "green")
        else:
            left = (ask.by - now).total_seconds()
            how_long = f"in {span(left)}" if left >= 0 else f"{span(left)} ago, overdue"
            yield Line(
                f"  Asked of you: {_ask(ask)}, by {moment(ask.by)} ({how_long})",
                "bold yellow" if left >= 0 else "bold red",
            )


def _ask(ask: Asked) -> str:
    """What is asked; of a decision, between what."""
    between = [
        f"{words.DECISIONS[code]}{', with the reason' if code in ask.needs_reason else ''}"
        for code in ask.answers
        if code in words.DECISIONS
    ]
    between = between if ask.ask in ("decide", "act") else []
    return f"{words.ASKS[ask.ask]} ({'; or '.join(between)})" if between else words.ASKS[ask.ask]


def _actions(notification: NotificationIssued) -> Iterator[str]:
    """What the reader must do about asks that nobody has answered."""
    silent: dict[str, list[str]] = {}
    for item in notification.matter:
        if item.what in UNANSWERED:
            silent.setdefault(UNANSWERED[item.what], []).append(str(item.value))
    for ask, who in silent.items():
        yield words.action(notification.rule, ask, ", ".join(dict.fromkeys(who)))


def _matter(notification: NotificationIssued, names: Names) -> Iterator[Line]:
    """What is said, grouped by the person or thing that it is about, each line with how sure it is."""
    reader = Reader(notification.continuity.agency_kind, notification.continuity.place, names)
    groups = by_whom(notification.matter)
    for about, items in groups.items():
        if about is not None:
            yield Line(f"  {called(about, items, reader)}", "bold")
        lines = list(rows(about, groups, reader))
        width = min(max((len(row.name) for row in lines), default=0), WIDEST_NAME)
        for name, said, how_sure in lines:
            yield Line(f"    {name:<{width}}  {said}{f'  ({how_sure})' if how_sure else ''}")


def _texts(notification: NotificationIssued) -> Iterator[Line]:
    yield from (Line(f"  ! {text}", "italic") for text in notification.texts)


def _power(notification: NotificationIssued) -> Iterator[Line]:
    yield Line(f"  Purpose: {notification.power.purpose}. Power to share: {notification.power.gateway}.", "dim")


def _how_to_answer(notification: NotificationIssued) -> Iterator[Line]:
    if notification.state != "live":
        return
    if linking := _to_link(notification):  # reading such a notification is not enough
        yield Line(f"  To say whom it is about, where CRIME/N is {CRIME_AND_PARTY}:", "cyan")
        yield from (Line(f"    {command}", "cyan") for command in linking)
    unmet = [ask for ask in notification.asks if not ask.met]
    if not unmet:
        return
    lines = tuple(dict.fromkeys(command for ask in unmet for command in commands(notification, ask)))
    yield Line(f"  To answer{_which(lines, unmet)} ({_places(lines)}):", "cyan")
    yield from (Line(f"    {command}", "cyan") for command in lines)


def _which(lines: Sequence[str], unmet: Sequence[Asked]) -> str:
    """How many of these lines are to be typed."""
    if len(unmet) > 1:
        return ", type one line for each thing that is asked"
    return ", type one of these lines" if len(lines) > 1 else ""


def _places(lines: Sequence[str]) -> str:
    """What to write for the placeholders of these commands."""
    said = ["for YOU give your own pseudonym"]
    if any("--reason CODE" in line for line in lines):
        said.append("for CODE your reason in one word, without spaces")
    if any("|" in line for line in lines):
        said.append("of words joined by | choose one")
    return "; ".join(said)


def _to_link(notification: NotificationIssued) -> tuple[str, ...]:
    """What to type where the notification asks whom a court fact is about; its subject is `<kind>:<the fact's
    subject>`."""
    end = f"--as {notification.agency} --actor YOU"
    place = read_fact(notification.subject)
    if notification.rule in ("unlinked_result", "unlinked_order"):
        what = f"case {read_case(place)}"
    elif notification.rule == "unlinked_application":
        what = f"application {place}"
    elif notification.rule == "attribution_question":
        orders = dict.fromkeys(item.about for item in notification.matter if item.what == ORDER_ASKED and item.about)
        return tuple(
            f"relay attribute {order} {answer} {end}"
            for order in orders
            for answer in ("--protects CRIME/N", "--nobody")
        )
    elif notification.rule == "offence_unconfirmed":
        return (f"relay link case {case_of_offence(notification.subject)} --party CRIME/N {end}",)
    else:
        return ()
    return (f"relay link {what} --party CRIME/N {end}", f"relay link {what} --refuse {'|'.join(REFUSED)} {end}")


def commands(notification: NotificationIssued, ask: Asked) -> tuple[str, ...]:
    """What to type for the answers that an ask accepts."""
    of = f"relay respond {notification.notification}"
    end = f"--as {notification.agency} --actor YOU"
    plain = [code for code in ask.answers if code in ("acknowledged", "accepted")]
    declines = [code for code in ask.answers if code in (*DECLINE, "declined")]
    reasoned = [code for code in ask.answers if code in ask.needs_reason]
    decisions = [code for code in ask.answers if code not in (*plain, *declines, *reasoned)]
    said = [f"{of} {code} {end}" for code in plain]
    if declines:
        codes = "|".join(code for code in declines if code != "declined") or "CODE"
        said.append(f"{of} declined --reason {codes} {end}")
    if decisions:
        said.append(f"{of} decided --decision {'|'.join(decisions)} {end}")
    said += [f"{of} decided --decision {code} --reason CODE {end}" for code in reasoned]
    return tuple(said)
