"""`relay explain`: who was told, who was not, why and when, by which rule and facts, under which power and policy."""

import sys
from typing import Annotated

import typer
from pydantic import TypeAdapter

from schemas.police_incidents.v1 import IncidentReported
from schemas.registry import Received, Refusal
from services.ops.all_rules import RULES
from services.ops.explained import shown
from services.ops.explaining import explain
from services.ops.explanation import AUDIT, OPS, Explanation, Material, Reader
from services.ops.files import gather
from services.ops.policies import load
from services.ops.reading import Connection, reading
from services.ops.terminal import UsageError, complain, err, out, plural, servers
from services.ops.unread import NOTHING_UNREAD, UnreadEvents, unread
from services.ops.words import Names
from services.platform.domain.core.reasons import Reason
from services.platform.domain.people.victims import held
from services.platform.policy.policy import PolicySet
from services.platform.settings import load_settings
from services.platform.storage.read_models import clock

NARROW, WIDE = 80, 110
FEW = 2
FORMS = """What is understood:
  an event's id              as `relay publish` or the source gives it, or grounds name it
  a notification's id        as `relay subscribe` shows it; of either, 8 characters or more where one alone begins so
  a dead letter's id         as `relay dlq list` shows it
  a duty                     rule/subject/agency, or rule/subject
  a person                   record:SYSTEM:ID, or a place: 54260012345/party/1, in short 54260012345/1
  a matter                   a crime reference, incident log, URN, ASN, order, application, hearing or court case
  a reference's own file     unlinked:urn:54DC0012326"""

EXAMPLES = """
Examples:

    relay explain 54260012345/1
    relay explain 54DC0055525 --role audit
    relay explain missed_order/54250077303/party/1/54DC0055525/2554DC0100000055501J/1 --as cps-westmarch
    relay explain 5f2b7f0c-6a35-5d0e-9a51-0c5a3d1e9b77 --json | jq .delivered
"""


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command("explain", epilog=EXAMPLES, no_args_is_help=True)(explain_command)


def explain_command(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID|DUTY|REFERENCE", help="An event, a notification, a dead letter, a duty, a person or a matter."
        ),
    ],
    role: Annotated[
        str | None,
        typer.Option(help="Who asks: ops (the default, sees least), audit, or a kind of agency (dait, idva)."),
    ] = None,
    agency: Annotated[
        str | None,
        typer.Option("--as", metavar="AGENCY", help="The agency that asks: it reads its own notifications whole."),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Show what each duty said and asked, and every revision.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as one JSON object.")] = False,
) -> None:
    """Explain a decision: who was told, who was not, why, when, by which rule, facts, power and policy version.

    What is shown depends on who asks. Ops sees no recipient and no content. Audit sees every recipient, and the names
    of what was said. An agency sees what its kind was told, if it may see that. Asking changes nothing.

    Exit status: 0 explained, 1 nothing by that name that you may see, 2 not begun.
    """
    settings = load_settings()
    policies = load(settings.policy, settings.agencies)
    reader = reader_of(role, agency, policies)
    addresses = servers(settings)
    with reading(addresses.database) as conn:
        material = gather(conn, what, RULES, policies.at)
        unread_events = _unread(conn, addresses.kafka, what, reader)
        if material is None and unread_events.found:
            material = Material(asked=what.strip(), question="event", now=clock(conn))
    found = None if material is None else explain(material, reader, policies.at(material.now), unread_events)
    if material is None or found is None:
        complain(nothing_for(reader))
        raise typer.Exit(1)
    if as_json:
        sys.stdout.write(TypeAdapter(Explanation).dump_json(found, indent=2).decode() + "\n")
        return
    title = None if reader.role in (OPS, AUDIT) else policies.at(material.now).kind(reader.role).title
    detail = full or found.question in ("duty", "notification") or len(found.delivered) <= FEW
    said = shown(found, title, detail=detail, names=Names.of(policies))
    out.print(said, width=max(NARROW, min(out.width, WIDE)) if out.is_terminal else None)
    if not detail:
        err.print("\n--full shows what was said and asked, and every revision.", style="dim")
    if role is None and agency is None:
        err.print("\n--role audit, or --as AGENCY, shows more to those who may see it.", style="dim")


def nothing_for(reader: Reader) -> str:
    """The same words for what does not exist and for what is not for this reader to see."""
    if reader.role in (OPS, AUDIT):
        return f"Nothing is known by that name. {FORMS}"
    return f"There is nothing by that name for {reader.agency or reader.role} to see. {FORMS}"


def _unread(conn: Connection, kafka: str, what: str, reader: Reader) -> UnreadEvents:
    """What is not read yet, for those who may know of refusals; without a word where Kafka is away, but for a hint."""
    if reader.role not in (OPS, AUDIT):
        return NOTHING_UNREAD

    def may_know(said: Received | Refusal) -> bool:
        body = said.body if isinstance(said, Received) else None
        of_police = isinstance(body, IncidentReported) and held(body) is Reason.SUSPECT_IS_POLICE
        return reader.role == AUDIT or not of_police

    try:
        unread_events = unread(conn, kafka, what, may_know)
    except UsageError as problem:
        err.print(f"{problem} Unread events could not be searched.", style="dim")
        return NOTHING_UNREAD
    if unread_events.searched < unread_events.records:
        left = unread_events.records - unread_events.searched
        err.print(f"{plural(left, 'unread event')} could not be searched in time.", style="dim")
    return unread_events


def reader_of(role: str | None, agency: str | None, policies: PolicySet) -> Reader:
    """Who asks. UsageError for a role or agency that policy does not know, or that do not go together."""
    kinds = [kind.kind for kind in policies.kinds]
    if role is not None and role not in (OPS, AUDIT, *kinds):
        raise UsageError(f"There is no role {role}; there are ops, audit and the kinds of agency: {', '.join(kinds)}.")
    if agency is None:
        return Reader(role or OPS)
    known = next((row for row in policies.agencies if row.id == agency), None)
    if known is None:
        raise UsageError(f"No agency has the id {agency}; `relay agencies list` shows all.")
    if role not in (None, known.kind):
        raise UsageError(f"{agency} is of the kind {known.kind}: leave --role out, or name that one.")
    return Reader(known.kind, agency)
