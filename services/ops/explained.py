"""An explanation as a person reads it at a terminal: plain words first, ids last, in 80 columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from pydantic import JsonValue
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from schemas.places import read_person
from services.ops import words
from services.ops.explanation import (
    AUDIT,
    OPS,
    Ahead,
    Change,
    DeliveredDuty,
    Explanation,
    FactVersion,
    Moment,
    Refused,
    WithheldFrom,
)
from services.ops.terminal import heading, moment, plural, span
from services.ops.unread import Unread
from services.ops.words import NO_NAMES, Names

STATES = {"live": ("open", "yellow"), "closed": ("closed", "green"), "withdrawn": ("taken back", "red")}
FATES = {
    "accepted": "accepted and judged",
    "repeated": "had been accepted before: nothing changed",
    "superseded": "not newer than what is current: nothing changed",
    "not_ours": "an answer to another service's notification: nothing to do here",
    "refused": "refused",
    "faulted": "could not be judged: kept, and judged again after a release",
}
CAUSES = {"event": "events", "clock": "the time", "release": "a new release or policy"}
MISSING = {
    "no_incident": "the incident that it belongs to",
    "no_charge": "a charge or a person who says whom the case is about",
    "no_order_or_charge": "the order that it is about, or a charge",
    "no_application": "the application that it belongs to",
    "no_order": "the order that it names",
    "no_reference": "anything that goes by that reference",
    "may_not_speak": "a sender who may say this of the matter",
    "unreadable_reference": "a URN or ASN that can be read (the one in it cannot)",
    "unknown_notification": "a notification with that id; the sender has been told",
    "not_the_recipient": "a notification of its own: it answers another agency's, its sender hears that there is none",
}
VERSION_FROM = {
    "written": "its source gave no version: numbered by when it wrote this",
    "receipt": "its source gave no version: numbered by when this was received",
}
MOST_NAMES, FEW_NAMES = 40, 6
ROLES = {
    OPS: "as ops: no recipients' names and no content",
    AUDIT: "as audit: recipients by name, what was said by name and not by value",
}


def shown(
    explanation: Explanation, role_title: str | None = None, *, detail: bool = False, names: Names = NO_NAMES
) -> RenderableType:
    """`role_title`: what the asking kind of agency is called. `detail`: what was said and asked, and each revision."""
    return Group(*_parts(explanation, role_title, names, detail=detail))


def missing(word: str) -> str:
    """What a fact waits for, in words."""
    return MISSING.get(word, word.replace("_", " "))


def _parts(e: Explanation, role_title: str | None, names: Names, *, detail: bool) -> Iterator[RenderableType]:
    yield Text(_headline(e), style="bold")
    yield Text(f"{e.question}: {e.asked}", style="dim", overflow="fold")
    yield Text(f"Shown {ROLES.get(e.role) or 'as ' + (role_title or e.role)}; {moment(e.at)}.", style="dim")
    if e.restricted:
        yield Text("Such an agency sees what agencies of its kind were told. There may be more.", style="dim")
    yield from _alarms(e)
    numbers = {fact.id: number for number, fact in enumerate(e.facts, 1)}
    if e.delivered:
        yield from _titled("Who was told")
        yield from _delivered(e.delivered, numbers, names, detail=detail)
    if e.withheld:
        yield from _titled("Who was considered and told nothing")
        yield _withheld(e.withheld)
    pending = [fact for fact in e.facts if fact.missing]
    if e.ahead or pending:
        yield from _titled("What is pending or still ahead")
        yield from (_pending(fact, e.at) for fact in pending)
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
    if e.delivered:
        said = f"{plural(len(e.delivered), 'duty', lambda _: 'duties')} told"
        if e.role != OPS:
            said += f" to {plural(len({duty.recipient for duty in e.delivered}), 'recipient')}"
        return f"{said}{_considered(e)}."
    if e.refused and not e.facts:
        return "It was refused, so nobody was told anything."
    if e.unread.found and not e.facts:
        return "It has not been read yet, so nobody has been told."
    return f"Nobody was told{_considered(e)}."


def _considered(e: Explanation) -> str:
    """How many others were considered; nothing to those who may not know of them."""
    number = len(e.withheld)
    if number:
        return f"; {number} considered and told nothing"
    return "" if e.restricted else "; nobody else was considered"


def _titled(title: str) -> Iterator[RenderableType]:
    yield Text("")
    yield heading(title)


def _alarms(e: Explanation) -> Iterator[RenderableType]:
    alike: dict[tuple[str, str, str], list[Refused]] = {}
    for refused in e.refused:
        alike.setdefault((refused.topic, refused.reason, refused.detail), []).append(refused)
    for same in alike.values():
        yield Padding(_refused(same), (1, 0, 0, 0))
    for event in e.unread.found:
        yield Padding(_unread(event, e.at), (1, 0, 0, 0))
    for conflict in e.conflicts:
        kind = conflict.kind.rpartition(".")[2]
        number = len(conflict.others) + (conflict.current is not None)
        said = f"{number} contents of {kind} {conflict.subject}, version {conflict.version}"
        if conflict.current is None:
            yield Text(f"{said}; none is current, because there is a higher version.", style="yellow")
            yield Text(f"  {', '.join(conflict.others)}", style="dim")
            continue
        yield Text(
            f"! {said}: the one with the later source time is current. Ask its source which is right.", style="bold red"
        )
        yield Text(f"  current: {conflict.current}; not: {', '.join(conflict.others)}", style="dim")
    for rule in e.faulted:
        yield Text(
            f"! The rule {rule} failed here. What it delivered stays as it was until the rule is mended.",
            style="bold red",
        )
    if any(duty.unexplained_since for duty in e.delivered):
        yield Text(
            "! A notification has no reason any more: no rule and no fact says why it was sent. A person must check.",
            "bold red",
        )


def _refused(same: Sequence[Refused]) -> RenderableType:
    """One refusal, by every service that reads the stream."""
    first = same[0]
    text = Text(f"Refused on {first.topic}: {first.reason}", style="bold red")
    text.append(f"\n  {first.detail}", style="not bold default")
    services = ", ".join(sorted({refused.service for refused in same}))
    tries = plural(max(refused.attempts for refused in same), "try", lambda _: "tries")
    text.append(f"\n  by {services}, {moment(first.at)}, {tries}", style="not bold dim")
    for refused in same:
        if refused.settled_at:
            text.append(f"\n  {refused.service}: settled since {moment(refused.settled_at)}", style="not bold green")
        if refused.letter:
            text.append(f"\n  dead letter {refused.letter}", style="not bold dim")
    return text


def _unread(event: Unread, now: datetime) -> RenderableType:
    kind = event.kind.rpartition(".")[2] if event.kind else "an event"
    waited = span((now - event.since).total_seconds())
    text = Text(f"Not read yet on {event.topic}: {kind}, for {waited}", style="bold red")
    if event.event:
        text.append(f"\n  {event.event}", style="not bold default")
    before = f"; {plural(event.ahead, 'record')} before it" if event.ahead else ""
    text.append(f"\n  by {', '.join(event.services)}{before}", style="not bold dim")
    if event.refused_because:
        text.append(f"\n  it will be refused: {event.refused_because}", style="not bold")
    return text


def _delivered(
    delivered: Iterable[DeliveredDuty], numbers: Mapping[str, int], names: Names, *, detail: bool
) -> Iterator[RenderableType]:
    """One block for each matter, with the agencies that were told of it."""
    matters: dict[tuple[str, str, str], list[DeliveredDuty]] = {}
    for duty in delivered:
        matters.setdefault((duty.service, duty.rule, duty.subject), []).append(duty)
    for (service, rule, subject), delivered in matters.items():
        yield Text(f"\n{words.rule(rule)}", style="bold")
        yield _recipients(delivered)
        if detail:
            for duty in delivered:
                yield from _detail(duty, names, several=len(delivered) > 1)
        table = _two_columns()
        if whole := [duty for duty in delivered if duty.policy_version]:
            default = (
                " (no agency serves that area, so a default desk was told)" if any(t.by_default for t in whole) else ""
            )
            table.add_row("why", f"{whole[0].policy_source}{default}")
            if measures := dict.fromkeys(t.measured_by for t in whole if t.measured_by):
                table.add_row("measure", "\n".join(measures))
            table.add_row("power", "\n".join(dict.fromkeys(f"{t.lawful_basis}; {t.gateway}" for t in whole)))
            facts = sorted({numbers[i] for duty in whole for i in duty.grounds if i in numbers})
            table.add_row("facts", ", ".join(map(str, facts)))
            versions = ", ".join(dict.fromkeys(duty.policy_version for duty in whole))
            table.add_row("rule", f"{rule} of {service}, policy version {versions}")
        table.add_row("about", subject)
        yield Padding(table, (0, 0, 0, 2))


def _recipients(delivered: Iterable[DeliveredDuty]) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", ratio=5)
    table.add_column(overflow="fold", ratio=4)
    table.add_column(overflow="fold", ratio=3)
    alike: dict[tuple[str, str, str], list[Text]] = {}
    for duty in delivered:
        word, style = STATES[duty.state]
        now = Text(word, style=style)
        for flag, colour in _flags(duty):
            now.append(f", {flag}", style=colour)
        alike.setdefault((duty.recipient, moment(duty.delivered_at), now.plain), []).append(now)
    for (recipient, at, _), same in alike.items():
        several = f" ({plural(len(same), 'recipient')})" if len(same) > 1 else ""
        table.add_row(f"→ {recipient}{several}", at, same[0])
    return table


def _flags(duty: DeliveredDuty) -> Iterator[tuple[str, str]]:
    if duty.unexplained_since:
        yield "unexplained", "bold red"
    if duty.late:
        yield "told late", "yellow"
    if any(ask.overdue for ask in duty.asks):
        yield "unanswered", "bold red"
    yield from ((words.answer(reply.answer), "green") for reply in duty.replies if reply.counts)
    if duty.steps:
        yield "escalated", "yellow"


def _detail(duty: DeliveredDuty, names: Names, *, several: bool) -> Iterator[RenderableType]:
    table = _two_columns()
    if several:
        table.add_row("", Text(duty.recipient, style="bold"))
    if duty.reason:
        table.add_row("now", words.reason(duty.reason))
    table.add_row("due", f"to be told by {moment(duty.tell_by)}")
    for ask in duty.asks:
        table.add_row("asked", _ask(ask.ask, ask.by, met=ask.met_by is not None, overdue=ask.overdue))
    for reply in duty.replies:
        code = f": {words.answer(reply.code)}" if reply.code else ""
        counts = (
            "" if reply.counts else " (it no longer counts: it answered a notification that a newer one has replaced)"
        )
        table.add_row("answered", f"{words.answer(reply.answer)}{code}, {moment(reply.at)}{counts}")
    for step in duty.steps:
        table.add_row("escalated", f"{words.rule(step.rule)}: {step.recipient}, {moment(step.at)}")
    if duty.lines:
        table.add_row("said", _lines(duty, names))
    if duty.purpose:
        table.add_row("purpose", duty.purpose)
    for change in duty.changes:
        table.add_row("revision", _change(change))
    yield Padding(table, (0, 0, 0, 2))


def _ask(ask: str, by: datetime, *, met: bool, overdue: bool) -> Text:
    text = Text(f"to {words.ASKS.get(ask, ask)}, by {moment(by)}")
    if met:
        text.append("  done", style="green")
    elif overdue:
        text.append("  overdue", style="bold red")
    return text


def _lines(duty: DeliveredDuty, names: Names) -> Text:
    if not any(line.shown for line in duty.lines):
        return Text(_some([words.item(line.what) for line in duty.lines], MOST_NAMES))
    said = Text()
    for text, basis in dict.fromkeys(
        (
            _line(line.what, line.about, line.value, names),
            words.BASES.get(line.basis, ""),
        )
        for line in duty.lines
    ):
        said.append(f"{chr(10) if said else ''}{text}")
        if basis:
            said.append(f" ({basis})", style="dim")
    return said


def _line(what: str, about: str | None, value: JsonValue, names: Names) -> str:
    whom = f" ({_place(about)})" if about else ""
    return f"{words.item(what)}{whom}: {words.value(what, value, names)}"


def _place(about: str) -> str:
    """`party 1` for a place in a matter; an order by what it is and who made it."""
    person = read_person(about)
    return words.order_at(about) if person is None else words.person_at(person)


def _some(names: Iterable[str], most: int) -> str:
    """The names, each once; of very many the first, and how many more there are."""
    each = list(dict.fromkeys(names))
    more = f", and {len(each) - most} more" if len(each) > most else ""
    return ", ".join(each[:most]) + more


def _change(change: Change) -> Text:
    text = Text(f"{change.revision} {words.KINDS[change.kind].lower()}, {moment(change.at)}")
    if change.reason:
        text.append(f": {words.reason(change.reason)}")
    cause = CAUSES.get(change.cause or "", change.cause or "")
    because = f"\n  evaluation {change.evaluation}" + (f", because of {cause}" if cause else "")
    text.append(" ".join((because, *change.events)), style="dim")
    if change.release:
        text.append(f"\n  release {change.release}, policy {change.policy_version}", style="dim")
    if change.parked:
        text.append(f"\n  the broker refused it: {change.parked}", style="bold red")
    elif change.published_at is None:
        text.append("\n  not published yet", style="yellow")
    if change.revision > 1 and change.added:
        text.append(f"\n  new: {_names(change.added)}", style="dim")
    if change.removed:
        text.append(f"\n  no longer: {_names(change.removed)}", style="dim")
    if change.notification:
        text.append(f"\n  notification {change.notification}", style="dim")
    return text


def _names(changed: Iterable[str]) -> str:
    return _some([words.item(name.partition(" of ")[0]) for name in changed], FEW_NAMES)


def _withheld(withheld: Iterable[WithheldFrom]) -> RenderableType:
    """By what it was about and why not; those for whom that is the same stand together."""
    alike: dict[tuple[str, str, str], list[WithheldFrom]] = {}
    for said in withheld:
        alike.setdefault((said.rule, said.subject, said.reason), []).append(said)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", ratio=1)
    table.add_column(overflow="fold", ratio=1)
    for (rule, subject, reason), same in alike.items():
        what = Text(words.rule(rule))
        what.append("\n" + "\n".join(f"✕ {who}" for who in dict.fromkeys(one.recipient for one in same)))
        what.append(f"\n{subject}", style="dim")
        why = Text(words.reason(reason))
        why.append(f"\n{reason}, since {moment(min(one.since for one in same))}", style="dim")
        why.append(f"\n{same[0].policy_source}", style="dim")
        for measure in dict.fromkeys(one.measured_by for one in same if one.measured_by):
            why.append(f"\n{measure}", style="dim")
        table.add_row(what, why)
        table.add_row("", "")
    return table


def _pending(fact: FactVersion, now: datetime) -> RenderableType:
    age = span((now - fact.accepted_at).total_seconds())
    kind = fact.kind.rpartition(".")[2].replace("-", " ")
    text = Text(f"{kind.capitalize()} waits for {missing(fact.missing or '')}, for {age}.", style="yellow")
    text.append(f"\n  {fact.subject}", style="dim")
    return text


def _ahead(ahead: Ahead) -> RenderableType:
    when = "will be told once all streams are read up to" if ahead.held_back else "will be told at"
    return Text(f"{words.rule(ahead.rule)}: {ahead.recipient} {when} {moment(ahead.opens)}.")


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


def _facts(facts: Iterable[FactVersion]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("fact", overflow="fold", ratio=3)
    table.add_column("version", overflow="fold", ratio=2)
    table.add_column("its source recorded it", overflow="fold", ratio=2)
    for number, fact in enumerate(facts, 1):
        kind = Text(fact.kind.rpartition(".")[2].replace("-", " "))
        name = f"{fact.event} of {fact.source}" if fact.event else fact.id
        kind.append(f"\n{fact.subject}\n{name}", style="dim")
        version = Text(str(fact.version))
        version.append(f", {fact.state}", style={"current": "green", "withdrawn": "red"}.get(fact.state, "dim"))
        if fact.basis != "source":
            version.append(f"\n{VERSION_FROM[fact.basis]}", style="dim")
        table.add_row(str(number), kind, version, moment(fact.recorded_at))
    return table


def _ends(e: Explanation) -> RenderableType:
    table = _two_columns()
    several = len({end.source for end in e.ends}) > 1
    for end in e.ends:
        source = f" (of {end.source})" if several else ""
        table.add_row(end.service.replace("_", " "), f"{FATES[end.fate]}, {moment(end.at)}{source}")
    return table


def _two_columns() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(style="dim", no_wrap=True, min_width=11, justify="right")
    table.add_column(overflow="fold")
    return table
