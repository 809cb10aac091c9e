"""`relay respond`, `link`, `attribute`: what people at agencies say back, built and published as facts."""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, cast

import typer
from pydantic import ValidationError

from schemas.agency_responses.v1 import AgencyBody, Decision, DeclineReason
from schemas.attachments import NotificationAnswered
from schemas.field_errors import refusal_of
from schemas.registry import REGISTRY, Publication, Refusal, decode, encode, event
from services.ops.events import Ready
from services.ops.outcome import Fate, Sent, awaited
from services.ops.policies import load
from services.ops.publish import connected, send
from services.ops.subscribe import name_of
from services.ops.terminal import UsageError, complain, out, servers
from services.platform.settings import Addresses, load_settings

PARTY = re.compile(r"(?P<crime>[A-Za-z0-9._:-]+)/(?:party/)?(?P<number>[1-9][0-9]{0,2})")
SOURCE = "urn:relay:command"
OUTCOME_SECONDS = 5.0
NAMED_BY_CONTENT = 5  # the version of all UUIDs that `notification_id` makes
EXAMPLE_ID = "5f2b7f0c-6a35-5d0e-9a51-0c5a3d1e9b77"
# What an agency may answer to a notification: the last word of each type that is declared as an answer.
ANSWERS = {
    name.rpartition(".")[2]: declared
    for name, declared in REGISTRY.facts.items()
    if isinstance(declared.attachment, NotificationAnswered)
}


class Linked(StrEnum):
    """What can be linked to people; a case is `<urn>/<asn or defendant id>`."""

    CASE = "case"
    ORDER = "order"
    APPLICATION = "application"


As = Annotated[str, typer.Option("--as", metavar="AGENCY", help="The agency that says it.")]
Actor = Annotated[
    str | None,
    typer.Option(
        metavar="YOU",
        help="The person who answers, by a pseudonym that only the agency can resolve; never a screen or a robot. "
        "Without it RELAY_ACTOR is used.",
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Send, and do not wait for the outcome.")]


def register(app: typer.Typer) -> None:
    """Adds this module's commands."""
    app.command(
        epilog="Example: `relay respond ID declined --reason no_capacity --as idva-larkmead --actor w-17`, "
        "ID as a notification has it",
        no_args_is_help=True,
    )(respond)
    app.command(
        epilog="Example: `relay link case 54DC0012326/2654DC0100000004711B --party 54260012345/1 --as dait-54 "
        "--actor w-17`",
        no_args_is_help=True,
    )(link)
    app.command(
        epilog="Example: `relay attribute ORDER --protects 54260012345/1 --as dait-54 --actor w-17`, "
        "ORDER as the notification names it",
        no_args_is_help=True,
    )(attribute)


def respond(
    notification: Annotated[str, typer.Argument(help="The notification's id, as `relay subscribe` shows it.")],
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help=f"One of {', '.join(ANSWERS)}.")],
    agency: As,
    reason: Annotated[str | None, typer.Option(help=f"For declined: {', '.join(DeclineReason)}.")] = None,
    decision: Annotated[str | None, typer.Option(help=f"For decided: {', '.join(Decision)}.")] = None,
    actor: Actor = None,
    no_wait: NoWait = False,
) -> None:
    """Answer a notification as the agency that it was sent to, and say whether the answer counts.

    Exit status: 0 taken, or sent and not read yet; 1 it does not count, and why is said; 2 not sent.
    """
    if not _is_notification(notification):
        raise UsageError(f"A notification's id looks like {EXAMPLE_ID}. Copy the whole of it from the notification.")
    _check_options(answer, {"reason": reason, "decision": decision})
    said = {"notification": notification, "reason": reason, "decision": decision}
    publish(ANSWERS[answer].name, agency, actor, wait=not no_wait, **said)


def _check_options(answer: str, given: Mapping[str, str | None]) -> None:
    """UsageError for an answer that there is not, or that lacks what its type requires or has what it does not."""
    if answer not in ANSWERS:
        raise UsageError(f"{answer} is no answer: give one of {', '.join(ANSWERS)}.")
    fields = ANSWERS[answer].newest.model_fields
    for name, value in given.items():
        if value is not None and name not in fields:
            raise UsageError(f"{answer} takes no --{name}.")
        if value is None and name in fields and fields[name].is_required():
            codes = ", ".join(cast(type[StrEnum], fields[name].annotation))
            raise UsageError(f"{answer} needs --{name}, one of: {codes}.")


def link(
    what: Annotated[Linked, typer.Argument(metavar="WHAT", help=f"What is linked: {', '.join(Linked)}.")],
    reference: Annotated[str, typer.Argument(help="Its reference, as the notification names it.")],
    agency: As,
    party: Annotated[
        list[str] | None, typer.Option(metavar="CRIME/N", help="A party whom it is about; may be repeated.")
    ] = None,
    refuse: Annotated[
        str | None, typer.Option(help="It is about nobody here: not_domestic_abuse, not_ours, duplicate.")
    ] = None,
    actor: Actor = None,
    no_wait: NoWait = False,
) -> None:
    """Say whom a court fact is about, or that it is about nobody whom this scheme protects.

    Exit status: 0 taken, or sent and not read yet; 1 it does not count, and why is said; 2 not sent.
    """
    if bool(party) == bool(refuse):
        raise UsageError("Give either --party CRIME/N (once or more) or --refuse CODE.")
    said: dict[str, Any] = {"what": what, "reference": reference}
    if refuse:
        publish("uk.agency.link-refused", agency, actor, wait=not no_wait, **said, refused=refuse)
    else:
        parties = [party_of(text) for text in party or ()]
        publish("uk.agency.link-made", agency, actor, wait=not no_wait, **said, parties=parties)


def attribute(
    order: Annotated[str, typer.Argument(help="The order's place, as the notification names it.")],
    agency: As,
    protects: Annotated[
        list[str] | None, typer.Option(metavar="CRIME/N", help="A party whom it protects; may be repeated.")
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="It protects nobody known here.")] = False,
    actor: Actor = None,
    no_wait: NoWait = False,
) -> None:
    """Confirm whom an order protects. Name all of them, because a later statement replaces this one.

    Exit status: 0 taken, or sent and not read yet; 1 it does not count, and why is said; 2 not sent.
    """
    if bool(protects) == nobody:
        raise UsageError("Give either --protects CRIME/N (once or more) or --nobody.")
    publish(
        "uk.agency.attribution-confirmed",
        agency,
        actor,
        wait=not no_wait,
        order=order,
        protects=[party_of(text) for text in protects or ()],
    )


def party_of(text: str) -> dict[str, Any]:
    """`54260012345/1` or `54260012345/party/1`. UsageError for anything else."""
    found = PARTY.fullmatch(text)
    if found is None:
        raise UsageError("A party is written as CRIME/N, as 54260012345/1.")
    return {"crime_reference": found["crime"], "party": int(found["number"])}


def built(kind: str, agency: str, actor: str, at: datetime, **said: Any) -> Publication:
    """The fact, ready to be sent. UsageError, with what is expected, where a field is wrong."""
    _, type_ = REGISTRY.types[kind]
    model = type_.newest
    given = {"occurred_at": at, "agency": agency, "actor": actor} | {k: v for k, v in said.items() if v is not None}
    try:
        body = model.model_validate(given)
    except ValidationError as error:
        refusal = refusal_of(error, model)
        raise UsageError(f"{refusal.reason.sentence} {refusal.detail}") from None
    assert isinstance(body, AgencyBody)  # noqa: S101 - only agencies' types are built here
    envelope, _ = event(body, kind, f"{SOURCE}:{agency}", at)
    record, topic = encode(envelope, body), REGISTRY.topic_of(kind)
    received = decode(topic, record.key, record.value, record.headers)
    if isinstance(received, Refusal):
        raise UsageError(f"{received.reason.sentence} {received.detail}")
    return Publication(topic, received, record)


def publish(kind: str, agency: str, actor: str | None, *, wait: bool, **said: Any) -> None:
    """Build the fact, send it, and say what came of it. UsageError for an agency that policy does not know, and if
    nobody is named."""
    settings = load_settings()
    name_of(agency, load(settings.policy, settings.agencies))
    who = actor or settings.actor
    if who is None:
        raise UsageError("Say who answers: give --actor, a pseudonym that your agency can resolve, or set RELAY_ACTOR.")
    addresses = servers(settings)
    fact = built(kind, agency, who, datetime.now(UTC), **said)
    with connected(addresses.kafka) as producer:
        delivery = send(producer, [Ready("this command", fact)])
    if delivery.unsent:
        raise UsageError(delivery.unsent[0].why)
    envelope = fact.received.envelope
    out.print(f"{agency}: {kind.rpartition('.')[2]}, about {envelope.subject}", style="green", soft_wrap=True)
    counts = _tell_outcome(addresses, delivery.sent[0][1]) if wait else _tell_sent("sent")
    out.print(f"  relay explain {envelope.id}", style="dim", soft_wrap=True)
    if not counts:
        raise typer.Exit(1)


def _tell_outcome(addresses: Addresses, sent: Sent) -> bool:
    """Says what came of it; False where it does not count."""
    try:
        (found,) = awaited(addresses.database, [sent], OUTCOME_SECONDS)
    except UsageError as problem:
        complain(str(problem))
        return _tell_sent("sent")
    if found.fate is Fate.UNREAD:
        return _tell_sent(f"sent, and not read by the relay within {OUTCOME_SECONDS:.0f} seconds")
    if found.counts:
        out.print(f"  {found.said}", style="green", soft_wrap=True)
    else:
        complain(f"  {found.said[:1].upper()}{found.said[1:]}")
    return found.counts


def _tell_sent(what: str) -> bool:
    out.print(f"  {what}. To see whether it counts and what came of it:", style="dim")
    return True


def _is_notification(text: str) -> bool:
    """Whether it has the form of the ids that the relay gives; any other id belongs to no notification."""
    try:
        return str(found := uuid.UUID(text)) == text and found.version == NAMED_BY_CONTENT
    except ValueError:
        return False
