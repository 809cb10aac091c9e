"""A notification as the agency's worker would like to read it: pure, from the notice to lines."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from schemas.agency_notifications.v1 import Asked, Item, NotificationIssued
from services.casefile.facts import Key
from services.casefile.ladder import RUNGS, asked_of
from services.ops import words
from services.ops.terminal import moment, span

NAMES_FIRST = ("name", "parties.name", "children.name", "defendant.name")
DECLINE = ("out_of_area", "no_capacity", "not_eligible", "cannot_act", "already_done", "not_ours")
# As `uk.agency.link-refused` has them.
REFUSED = ("not_domestic_abuse", "not_ours", "duplicate")
ORDER_ASKED = "say_whom_it_protects"
URGENT = {"urgent": "URGENT ", "prompt": "", "routine": ""}


class Line(NamedTuple):
    """One line, with how it should stand out (a style of rich)."""

    text: str
    style: str = ""


def tell(notice: NotificationIssued, now: datetime, agency: str) -> tuple[Line, ...]:
    """The whole notice. `now`: the moment at which it is read. `agency`: the name of the agency that reads it."""
    return (
        *_head(notice, agency),
        *_asked(notice, now),
        *_matter(notice.matter),
        *_texts(notice),
        *_power(notice),
        *_how_to_answer(notice),
    )


def headline(notice: NotificationIssued) -> str:
    """What it is, in a line; of a rung, what nobody has answered."""
    said = words.rule(notice.rule)
    if notice.rule in RUNGS:
        of, _ = asked_of(Key(notice.rule, notice.subject, notice.agency))
        return f"{said}: {words.rule(of.rule)}"
    return said


def newest(notices: Iterable[NotificationIssued]) -> tuple[NotificationIssued, ...]:
    """What stands of each duty: its highest revision, in the order in which the duties were first told."""
    found: dict[tuple[str, str, str], NotificationIssued] = {}
    for notice in notices:
        key = (notice.rule, notice.subject, notice.agency)
        if key not in found or found[key].revision < notice.revision:
            found[key] = notice
    return tuple(found.values())


def _head(notice: NotificationIssued, agency: str) -> Iterator[Line]:
    late = "LATE  " if notice.late else ""
    kind = words.KINDS[notice.kind]
    style = {"correct": "bold red", "close": "bold green"}.get(notice.kind, "bold")
    yield Line(f"{URGENT[notice.urgency]}{late}{kind}: {headline(notice)}", style)
    yield Line(f"{moment(notice.issued_at)} · {agency}, {notice.desk} desk · about {notice.subject}", "dim")
    if notice.late:
        yield Line(f"You should have heard of this by {moment(notice.tell_by)}.", "yellow")
    if notice.kind == "update" or (notice.kind == "correct" and notice.replaces):
        yield Line(f"{words.WHAT_KINDS_MEAN[notice.kind]} It replaces {notice.replaces}.")
    elif words.WHAT_KINDS_MEAN[notice.kind]:
        yield Line(words.WHAT_KINDS_MEAN[notice.kind])
    if notice.reason:
        yield Line(f"Why: {words.reason(notice.reason)}")


def _asked(notice: NotificationIssued, now: datetime) -> Iterator[Line]:
    if notice.state != "live":
        return
    for ask in notice.asks:
        if ask.met:
            yield Line(f"  Done: {words.ASKS[ask.ask].lower()}", "green")
        else:
            left = (ask.by - now).total_seconds()
            how_long = f"in {span(left)}" if left >= 0 else f"{span(left)} ago, overdue"
            yield Line(
                f"  Asked of you: {words.ASKS[ask.ask].lower()}, by {moment(ask.by)} ({how_long})",
                "bold yellow" if left >= 0 else "bold red",
            )


def _matter(matter: Iterable[Item]) -> Iterator[Line]:
    """What is said, by whom it is about; what is about nobody in particular comes first."""
    groups: dict[str | None, list[Item]] = {None: []}
    for item in matter:
        groups.setdefault(item.about, []).append(item)
    for about, items in groups.items():
        if about is not None:
            yield Line(f"  {_who(about, items)}", "bold")
        rows = [(words.item(item.what), words.value(item.value), words.BASES[item.basis]) for item in items]
        width = max((len(name) for name, _, _ in rows), default=0)
        for name, said, basis in dict.fromkeys(rows):
            yield Line(f"    {name:<{width}}  {said}{f'  ({basis})' if basis else ''}")


def _who(about: str, items: Iterable[Item]) -> str:
    """`Party 1: Ms Example Birch` where a name may be seen; else the place alone."""
    said: Mapping[str, object] = {item.what: item.value for item in items}
    name = next((said[what] for what in NAMES_FIRST if what in said), None)
    role = next((said[what] for what in ("role", "parties.role") if what in said), None)
    place = about.rpartition("/")
    kind = about.split("/")[-2] if "/" in about else ""
    called = {"party": f"Party {place[2]}", "child": f"Child {place[2]}"}.get(kind, about)
    known = " · ".join(str(part) for part in (name, role) if part)
    return f"{called}: {known}" if known else called


def _texts(notice: NotificationIssued) -> Iterator[Line]:
    yield from (Line(f"  ! {text}", "italic") for text in notice.texts)


def _power(notice: NotificationIssued) -> Iterator[Line]:
    yield Line(f"  Shared: {notice.power.purpose}. {notice.power.gateway}.", "dim")


def _how_to_answer(notice: NotificationIssued) -> Iterator[Line]:
    if notice.state != "live":
        return
    if linking := _to_link(notice):  # reading such a notice is not enough
        yield Line("  To say whom it is about (CRIME/N is a person of an incident, as 54260012345/1):", "cyan")
        yield from (Line(f"    {command}", "cyan") for command in linking)
    waiting = [ask for ask in notice.asks if not ask.met]
    if not waiting:
        return
    yield Line("  To answer:", "cyan")
    for command in dict.fromkeys(command for ask in waiting for command in commands(notice, ask)):
        yield Line(f"    {command}", "cyan")


def _to_link(notice: NotificationIssued) -> tuple[str, ...]:
    """What to type where the notice asks whom a court fact is about; its subject is `<kind>:<the fact's subject>`."""
    end = f"--as {notice.agency} --actor YOU"
    place = notice.subject.partition(":")[2]
    if notice.rule in ("unlinked_result", "unlinked_order"):
        what = f"case {'/'.join(place.split('/')[:2])}"
    elif notice.rule == "unlinked_application":
        what = f"application {place}"
    elif notice.rule == "attribution_question":
        orders = dict.fromkeys(item.about for item in notice.matter if item.what == ORDER_ASKED and item.about)
        return tuple(
            f"relay attribute {order} {answer} {end}"
            for order in orders
            for answer in ("--protects CRIME/N", "--nobody")
        )
    elif notice.rule == "offence_unconfirmed":
        return (f"relay link case {'/'.join(notice.subject.split('/')[3:5])} --party CRIME/N {end}",)
    else:
        return ()
    return (f"relay link {what} --party CRIME/N {end}", f"relay link {what} --refuse {'|'.join(REFUSED)} {end}")


def commands(notice: NotificationIssued, ask: Asked) -> tuple[str, ...]:
    """What to type for the answers that an ask accepts."""
    of = f"relay respond {notice.notification}"
    end = f"--as {notice.agency} --actor YOU"
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
