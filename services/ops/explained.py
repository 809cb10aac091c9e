"""An explanation as a person reads it at a terminal: plain words first, ids last, in 80 columns."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from services.ops import words
from services.ops.explanation import (
    AUDIT,
    OPS,
    Ahead,
    Change,
    Explanation,
    FactTold,
    Moment,
    NotTold,
    Refused,
    Telling,
)
from services.ops.terminal import moment, plural, span

STATES = {"live": ("open", "yellow"), "closed": ("closed", "green"), "withdrawn": ("taken back", "red")}
FATES = {
    "accepted": "accepted and judged",
    "repeated": "had been accepted before: nothing changed",
    "superseded": "older than, or the same as, what stands: nothing changed",
    "not_ours": "not this service's: it answers another service's notice",
    "refused": "refused",
    "faulted": "could not be judged: kept, and judged again after a release",
}
CAUSES = {"event": "an event", "clock": "the time", "release": "a new release or policy"}
MISSING = {
    "no_incident": "the incident that it belongs to",
    "no_charge": "a charge or a person who says whom the case is about",
    "no_order_or_charge": "the order that it is about, or a charge",
    "no_application": "the application that it belongs to",
    "no_order": "the order that it speaks of",
    "unknown_notification": "a notification with that id; the sender has been told",
}
ROLES = {
    OPS: "as ops: no recipients' names and no content",
    AUDIT: "as audit: recipients by name, what was said by name and not by value",
}


def shown(explanation: Explanation, role_title: str | None = None) -> RenderableType:
    """The whole of it. `role_title`: what the kind of agency that asks is called."""
    return Group(*_parts(explanation, role_title))


def missing(word: str) -> str:
    """What a fact waits for, in words."""
    return MISSING.get(word, word.replace("_", " "))


def _parts(e: Explanation, role_title: str | None) -> Iterator[RenderableType]:
    yield Text(_headline(e), style="bold")
    yield Text(f"{e.question}: {e.asked}", style="dim", overflow="fold")
    yield Text(f"Shown {ROLES.get(e.role) or 'as ' + (role_title or e.role)}; {moment(e.at)}.", style="dim")
    if e.restricted:
        yield Text("Such an agency sees what agencies of its kind were told, and nothing else.", style="dim")
    yield from _alarms(e)
    if e.tellings:
        yield from _titled("Who was told")
        for telling in e.tellings:
            yield from _telling(telling)
    if e.not_told:
        yield from _titled("Who was considered and told nothing")
        yield _not_told(e.not_told)
    waiting = [fact for fact in e.facts if fact.missing]
    if e.ahead or waiting:
        yield from _titled("What is waiting")
        yield from (_waiting(fact, e.at) for fact in waiting)
        yield from (_ahead(ahead) for ahead in e.ahead)
    if e.timeline:
        yield from _titled("What happened, in order")
        yield _timeline(e.timeline)
    if e.facts:
        yield from _titled("On which facts")
        yield _facts(e.facts)
    if e.ends:
        yield from _titled("What each service did with it")
        yield _ends(e)


def _headline(e: Explanation) -> str:
    if e.tellings:
        said = f"{plural(len(e.tellings), 'duty', lambda _: 'duties')} told"
        if e.role != OPS:
            said += f" to {plural(len({telling.recipient for telling in e.tellings}), 'recipient')}"
        return f"{said}; {_considered(e)}."
    if e.refused and not e.facts:
        return "It was refused: nobody was told anything because of it."
    return f"Nobody was told; {_considered(e)}."


def _considered(e: Explanation) -> str:
    number = len(e.not_told)
    return f"{number} considered and told nothing" if number else "nobody else was considered"


def _titled(title: str) -> Iterator[RenderableType]:
    yield Text("")
    yield Rule(title, align="left", style="dim", characters="─")


def _alarms(e: Explanation) -> Iterator[RenderableType]:
    for refused in e.refused:
        yield Padding(_refused(refused), (1, 0, 0, 0))
    for conflict in e.conflicts:
        kind = conflict.kind.rpartition(".")[2]
        yield Text(
            f"! Two contents of {kind} {conflict.subject}, version {conflict.version}: "
            "the one with the later source time stands. Ask its source which is right.",
            style="bold red",
        )
        yield Text(f"  stands {conflict.stands or 'neither'}; not {', '.join(conflict.others)}", style="dim")
    for rule in e.faulted:
        yield Text(
            f"! The rule {rule} raised an error here: what it had told is left as it is until it is mended.",
            style="bold red",
        )
    if any(telling.unexplained_since for telling in e.tellings):
        yield Text("! Something that was told is owed no longer, and no fact says why: a person must look.", "bold red")


def _refused(refused: Refused) -> RenderableType:
    text = Text(f"Refused on {refused.topic}: {refused.reason}", style="bold red")
    text.append(f"\n  {refused.detail}", style="default")
    tries = plural(refused.attempts, "try", lambda _: "tries")
    text.append(f"\n  by {refused.service}, {moment(refused.at)}, {tries}", style="dim")
    if refused.settled_at:
        text.append(f"\n  since {moment(refused.settled_at)} it has another end", style="green")
    if refused.letter:
        text.append(f"\n  dead letter {refused.letter}", style="dim")
    return text


def _telling(telling: Telling) -> Iterator[RenderableType]:
    word, style = STATES[telling.state]
    head = Text(f"\n{words.rule(telling.rule)}", style="bold")
    head.append(f"\n  told to {telling.recipient}", style="bold")
    head.append(f"  [{word}]", style=style)
    if telling.late:
        head.append("  LATE", style="bold yellow")
    if telling.unexplained_since:
        head.append(f"  UNEXPLAINED since {moment(telling.unexplained_since)}", style="bold red")
    yield head
    table = _two_columns()
    if telling.reason:
        table.add_row("why so", words.reason(telling.reason))
    table.add_row("when", f"{moment(telling.told_at)}; to be told by {moment(telling.tell_by)}")
    for ask in telling.asks:
        table.add_row("asked", _ask(ask.ask, ask.by, met=ask.met_by is not None, overdue=ask.overdue))
    for reply in telling.replies:
        code = f": {words.answer(reply.code)}" if reply.code else ""
        counts = "" if reply.counts else " (of what was replaced: it counts no more)"
        table.add_row("answered", f"{words.answer(reply.answer)}{code}, {moment(reply.at)}{counts}")
    for rung in telling.ladder:
        table.add_row("climbed", f"{words.rule(rung.rule)}: {rung.recipient}, {moment(rung.at)}")
    if telling.lines:
        table.add_row("said", _lines(telling))
    if telling.changes:
        table.add_row("revisions", Text("\n").join(_change(change) for change in telling.changes))
    if telling.policy_version:
        table.add_row("power", f"{telling.lawful_basis}; {telling.gateway}")
        table.add_row("to", telling.purpose)
        default = " (no agency serves that area: a default desk)" if telling.by_default else ""
        table.add_row("policy", f"{telling.policy_source}, version {telling.policy_version}{default}")
        table.add_row("rule", f"{telling.service}: {telling.rule}")
        table.add_row("about", telling.subject)
        table.add_row("facts", "\n".join(telling.grounds))
    yield table


def _ask(ask: str, by: datetime, *, met: bool, overdue: bool) -> Text:
    text = Text(f"{words.ASKS.get(ask, ask)}, by {moment(by)}")
    if met:
        text.append("  done", style="green")
    elif overdue:
        text.append("  overdue", style="bold red")
    return text


def _lines(telling: Telling) -> Text:
    said = Text()
    for number, line in enumerate(telling.lines):
        about = f" ({line.about.partition('/')[2]})" if line.about and "/" in line.about else ""
        said.append(f"{chr(10) if number else ''}{words.item(line.what)}{about}")
        if line.shown:
            said.append(f": {words.value(line.value)}")
            if basis := words.BASES.get(line.basis):
                said.append(f" ({basis})", style="dim")
    return said


def _change(change: Change) -> Text:
    text = Text(f"{change.revision} {words.KINDS[change.kind].lower()}, {moment(change.at)}")
    if change.reason:
        text.append(f": {words.reason(change.reason)}")
    cause = CAUSES.get(change.cause or "", change.cause or "")
    because = f"\n  look {change.look}, because of {cause}" if cause else f"\n  look {change.look}"
    text.append(because + (f" {change.event}" if change.event else ""), style="dim")
    if change.release:
        text.append(f"\n  release {change.release}, policy {change.policy_version}", style="dim")
    if change.parked:
        text.append(f"\n  the broker refused it: {change.parked}", style="bold red")
    elif change.published_at is None:
        text.append("\n  not published yet", style="yellow")
    if change.revision > 1 and change.added:
        text.append(f"\n  new: {', '.join(change.added)}", style="dim")
    if change.removed:
        text.append(f"\n  no longer: {', '.join(change.removed)}", style="dim")
    if change.notification:
        text.append(f"\n  notification {change.notification}", style="dim")
    return text


def _not_told(not_told: Iterable[NotTold]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=False)
    for column in ("who", "of what", "why not"):
        table.add_column(column, overflow="fold", ratio=1)
    for said in not_told:
        why = Text(words.reason(said.reason))
        why.append(f"\n{said.reason}, since {moment(said.since)}", style="dim")
        what = Text(words.rule(said.rule))
        what.append(f"\n{said.subject}", style="dim")
        table.add_row(said.recipient, what, why)
    return table


def _waiting(fact: FactTold, now: datetime) -> RenderableType:
    age = span((now - fact.accepted_at).total_seconds())
    kind = fact.kind.rpartition(".")[2].replace("-", " ")
    text = Text(f"{kind.capitalize()} waits for {missing(fact.missing or '')}, for {age}.", style="yellow")
    text.append(f"\n  {fact.subject}", style="dim")
    return text


def _ahead(ahead: Ahead) -> RenderableType:
    when = "as soon as all streams are read up to" if ahead.held_back else "from"
    return Text(f"{words.rule(ahead.rule)}, to {ahead.recipient}: {when} {moment(ahead.opens)}.")


def _timeline(moments: Iterable[Moment]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    day = ""
    for happened in moments:
        when = moment(happened.at)
        date_, _, time_ = when.partition(", ")
        table.add_row(time_ if date_ == day else when, _happened(happened))
        day = date_
    return table


def _happened(happened: Moment) -> Text:
    match happened.what:
        case "accepted":
            kind = happened.subject.rpartition(".")[2].replace("-", " ")
            return Text(f"{kind.capitalize()} accepted ({happened.by})")
        case "refused":
            return Text(f"Refused on {happened.subject}: {happened.by}", style="red")
        case "answered":
            return Text(f"{', '.join(happened.recipients)}: {words.answer(happened.by)}", style="green")
    style = {"correct": "red", "close": "green"}.get(happened.by, "bold")
    text = Text(f"{words.KINDS[happened.by]}: {words.rule(happened.subject)}", style=style)
    text.append(f"\n  → {', '.join(happened.recipients)}", style="default")
    return text


def _facts(facts: Iterable[FactTold]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("fact", overflow="fold", ratio=3)
    table.add_column("version", overflow="fold", ratio=2)
    table.add_column("its source recorded it", overflow="fold", ratio=2)
    for fact in facts:
        kind = Text(fact.kind.rpartition(".")[2].replace("-", " "))
        kind.append(f"\n{fact.subject}\n{fact.id}", style="dim")
        version = Text(str(fact.version))
        version.append(f", {fact.state}", style={"stands": "green", "withdrawn": "red"}.get(fact.state, "dim"))
        if fact.basis != "source":
            version.append(f"\nversion by time of {fact.basis}", style="dim")
        table.add_row(kind, version, moment(fact.recorded_at))
    return table


def _ends(e: Explanation) -> RenderableType:
    table = _two_columns()
    for end in e.ends:
        table.add_row(end.service.replace("_", " "), f"{FATES[end.fate]}, {moment(end.at)}")
    return table


def _two_columns() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(style="dim", no_wrap=True, min_width=11, justify="right")
    table.add_column(overflow="fold")
    return table
