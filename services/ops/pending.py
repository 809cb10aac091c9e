"""`relay pending list`: what cannot go on until a person links or mends it, the most dangerous first."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from schemas import registry
from schemas.attachments import AtAHearing
from schemas.places import read_case
from schemas.values import Body
from services.ops import words
from services.ops.existing import HIS_DESKS
from services.ops.explained import missing
from services.ops.policies import load
from services.ops.reading import Connection, reading
from services.ops.terminal import heading, moment, out, plural, servers, span
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.projection import recipient_label
from services.platform.domain.core.stored_notifications import notification_from_json
from services.platform.domain.linking.speaking import as_anybody_hears
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy
from services.platform.settings import load_settings
from services.platform.storage.read_models import PENDING, clock

EXAMPLES = """
Examples:

    relay pending list
    relay pending list --json | jq -r '.facts[] | select(.overdue) | .subject'
"""

NOT_SHOWN = "not shown here"
HOW_TO_LINK = "CRIME/N: a crime reference and the number of a party, as 54260012345/1; YOU: your own pseudonym."
LINK = "uk.agency.link-made"


@dataclass(frozen=True, slots=True)
class Fact:
    """A pending fact: linked to nobody. `event` and `source`: what its source calls it. `link_by`: when its link clock
    ends; None if policy has none for it. `delivered`: who was told of it by references alone. `desks`: the ids of those
    that may link it. `services`: which services lack the link; each keeps its own."""

    id: str
    event: str
    source: str
    kind: str
    what: str
    subject: str
    missing: str
    accepted_at: datetime
    link_by: datetime | None
    overdue: bool
    delivered: tuple[str, ...]
    desks: tuple[str, ...]
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Faulted:
    """A file in which rules raise, or whose last evaluation was partial; it is evaluated again at `again_at`."""

    service: str
    file: str
    rules: tuple[str, ...]
    since: datetime
    tries: int
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that the broker refused for its own sake; all later ones of its duty wait behind it."""

    number: int
    service: str
    topic: str
    reason: str
    behind: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A duty that was told, is owed no longer, and no fact says why."""

    service: str
    rule: str
    subject: str
    recipient: str
    since: datetime


@dataclass(frozen=True, slots=True)
class PendingList:
    """Everything that waits for a person."""

    at: datetime
    facts: tuple[Fact, ...]
    faulted: tuple[Faulted, ...]
    parked: tuple[Parked, ...]
    unexplained: tuple[Unexplained, ...]

    @property
    def empty(self) -> bool:
        return not (self.facts or self.faulted or self.parked or self.unexplained)


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    group = typer.Typer(help="List what needs a person.", no_args_is_help=True)
    group.command("list", epilog=EXAMPLES)(list_pending)
    app.add_typer(group, name="pending")


def list_pending(
    as_json: Annotated[bool, typer.Option("--json", help="The same as one JSON object.")] = False,
) -> None:
    """List pending facts, the most dangerous and then the oldest first. Then faulted files, parked notifications, and
    notifications without a reason.

    Exit status: 0 nothing needs a person, 1 something does, 2 not begun.
    """
    settings = load_settings()
    policies = load(settings.policy, settings.agencies)
    with reading(servers(settings).database) as conn:
        found = evaluate(conn, policies.at(clock(conn)))
    if as_json:
        sys.stdout.write(TypeAdapter(PendingList).dump_json(found, indent=2).decode() + "\n")
    else:
        out.print(_shown(found), crop=False)
    raise typer.Exit(0 if found.empty else 1)


def evaluate(conn: Connection, policy: Policy) -> PendingList:
    """All that waits now."""
    now = clock(conn)
    return PendingList(now, _facts(conn, policy, now), _faulted(conn), _parked(conn), _unexplained(conn, policy))


def link_by(kind: str, body: Body, recorded_at: datetime, policy: Policy) -> tuple[datetime, str] | None:
    """When the link clock of a fact ends, the soonest of what it says, and which of its variants that is; None where
    policy gives its type no clock."""
    day = london_day(recorded_at)
    clocks = [(policy.link_clock(kind, day, variant), variant) for variant in _variants(body)]
    ends = [(policy.due(recorded_at, clock.within), variant or "") for clock, variant in clocks if clock is not None]
    return min(ends, default=None)


def by_danger(facts: Iterable[tuple[Fact, float]]) -> tuple[Fact, ...]:
    """Those with the shortest clock first, however young they are; equals by age. What has no clock comes last."""
    return tuple(fact for fact, _ in sorted(facts, key=lambda found: (found[1], found[0].accepted_at, found[0].id)))


def _variants(body: Body) -> Sequence[str | None]:
    """The variants of its type's link clock that a body asks for; None: the clock without a variant."""
    declared = registry.REGISTRY.of_body.get(type(body))
    return (*(declared.unlinked.clock_by(body) if declared is not None else ()),) or (None,)


def _facts(conn: Connection, policy: Policy, now: datetime) -> tuple[Fact, ...]:
    rows = conn.execute(
        f"""select id, event_id, source, kind, subject, (array_agg(missing order by service))[1],
            min(recorded_at), min(accepted_at), array_agg(service order by service), min(type), min(content)
        from fact where (service, id) in (select service, id from ({PENDING}) w)
        group by id, event_id, source, kind, subject"""  # noqa: S608
    ).fetchall()
    delivered = _delivered_unlinked(conn, [f"{kind}:{subject}" for _, _, _, kind, subject, *_ in rows])
    found: list[tuple[Fact, float]] = []
    for identity, event, source, kind, subject, lacking, recorded_at, accepted_at, services, type_, content in rows:
        body = registry.body_of(type_, content)
        ends = link_by(kind, body, recorded_at, policy)
        by, variant = ends if ends is not None else (None, "")
        notifications = delivered.get(f"{kind}:{subject}", ())
        name = kind.rpartition(".")[2].replace("-", " ")
        fact = Fact(
            id=identity,
            event=event,
            source=source,
            kind=kind,
            what=f"{name}: {variant.replace('_', ' ')}" if variant else name,
            subject=subject,
            missing=as_anybody_hears(kind, lacking),
            accepted_at=accepted_at,
            link_by=by,
            overdue=by is not None and by < now,
            delivered=tuple(sorted({recipient_label(n.agency_kind, policy) for n in notifications})),
            desks=tuple(sorted({n.key.agency for n in notifications if policy.may_state(LINK, n.agency_kind)})),
            services=tuple(services),
        )
        # Danger is the length of the clock, which does not shrink as time goes by.
        found.append((fact, (by - recorded_at).total_seconds() if by is not None else float("inf")))
    return by_danger(found)


def _delivered_unlinked(conn: Connection, subjects: Sequence[str]) -> dict[str, list[Notification]]:
    rows = conn.execute("select content from delivery where subject = any(%s) and state = 'live'", (list(subjects),))
    found: dict[str, list[Notification]] = {}
    for (content,) in rows.fetchall():
        notification = notification_from_json(content)
        found.setdefault(notification.key.subject, []).append(notification)
    return found


def _faulted(conn: Connection) -> tuple[Faulted, ...]:
    rows = conn.execute(
        """select service, file, faulted_rules, faulted_on, faulted_tries, next_evaluation_at from case_file
        where faulted_on is not null order by faulted_on, service, file"""
    ).fetchall()
    return tuple(Faulted(service, file, tuple(rules), *rest) for service, file, rules, *rest in rows)


def _parked(conn: Connection) -> tuple[Parked, ...]:
    rows = conn.execute(
        """select p.number, p.service, p.topic, p.parked, p.at, (select count(*) from outbox o
            where o.service = p.service and o.topic = p.topic and o.duty = p.duty and o.parked is null)
        from outbox p where p.parked is not null order by p.number"""
    ).fetchall()
    return tuple(Parked(number, service, topic, why, behind, at) for number, service, topic, why, at, behind in rows)


def _unexplained(conn: Connection, policy: Policy) -> tuple[Unexplained, ...]:
    rows = conn.execute(
        """select u.service, u.since, t.content from unexplained u
        join delivery t using (service, rule, subject, agency) order by u.since, u.service, u.rule, u.subject"""
    ).fetchall()
    return tuple(
        unexplained(service, since, notification_from_json(content), policy) for service, since, content in rows
    )


def unexplained(service: str, since: datetime, notification: Notification, policy: Policy) -> Unexplained:
    """The duty as ops may know of it: where a suspect is police, neither which matter it is nor who was told."""
    if notification.why.route == HIS_DESKS:
        return Unexplained(service, notification.key.rule, NOT_SHOWN, NOT_SHOWN, since)
    # An escalation step's place names the agency that did not answer.
    subject = (
        "the duty that nobody answered" if notification.key.rule.startswith("unanswered_") else notification.key.subject
    )
    return Unexplained(
        service, notification.key.rule, subject, recipient_label(notification.agency_kind, policy), since
    )


def _shown(found: PendingList) -> RenderableType:
    if found.empty:
        return Text("Nothing waits for a person.", style="green")
    return Group(*_parts(found))


def _parts(found: PendingList) -> Iterable[RenderableType]:
    if found.facts:
        overdue = sum(fact.overdue for fact in found.facts)
        late = f", {overdue} past the time by which it should be linked" if overdue else ""
        yield heading(f"Linked to nobody: {plural(len(found.facts), 'fact')}{late}")
        yield from _facts_shown(found)
        yield Text(
            HOW_TO_LINK,
            style="dim",
        )
    if found.faulted:
        yield heading(f"A rule fails: {plural(len(found.faulted), 'case file')}", "red")
        yield _table(
            ("service", "rules", "since", "tried", "next", "file"),
            [
                (
                    f.service,
                    ", ".join(f.rules),
                    moment(f.since),
                    str(f.tries),
                    moment(f.again_at) if f.again_at else "–",
                    f.file,
                )
                for f in found.faulted
            ],
        )
    if found.parked:
        yield heading(f"Refused by the broker: {plural(len(found.parked), 'notification')}", "red")
        yield _table(
            ("no.", "service", "topic", "why", "behind it", "since"),
            [(str(p.number), p.service, p.topic, p.reason, str(p.behind), moment(p.at)) for p in found.parked],
        )
    if found.unexplained:
        number = plural(len(found.unexplained), "duty", lambda _: "duties")
        title = f"Notifications without a reason: {number}"
        yield heading(title, "red")
        yield _table(
            ("what", "told to", "since", "about"),
            [(words.rule(u.rule), u.recipient, moment(u.since), u.subject) for u in found.unexplained],
        )


def _facts_shown(found: PendingList) -> Iterable[RenderableType]:
    """Text to copy, a reference or a command: on a line of its own that is never folded."""
    for fact in found.facts:
        said = Text(fact.what.capitalize(), style="bold")
        said.append(f", waits {span((found.at - fact.accepted_at).total_seconds())}", style="not bold")
        yield said
        yield _to_copy(fact.subject)
        if fact.link_by is not None:
            late = f": past, {span((found.at - fact.link_by).total_seconds())} ago" if fact.overdue else ""
            yield _more(Text(f"to be linked by {moment(fact.link_by)}{late}", style="bold red" if late else ""))
        yield _more(Text(f"needs {missing(fact.missing)}", style="dim"))
        yield _more(Text(f"told already: {'; '.join(fact.delivered) or 'nobody'}", style="dim"))
        if isinstance(registry.REGISTRY.facts[fact.kind].attachment, AtAHearing):  # its subject begins with the case
            case = read_case(fact.subject)
            desks = "|".join(fact.desks) or "AGENCY"
            yield _to_copy(f"relay link case {case} \\", style="cyan")
            yield _to_copy(f"  --party CRIME/N --as {desks} --actor YOU", style="cyan")


def _more(text: Text) -> RenderableType:
    return Padding(text, (0, 0, 0, 2))


def _to_copy(text: str, style: str = "") -> RenderableType:
    return Text(f"  {text}", style=style, no_wrap=True, overflow="ignore")


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table
