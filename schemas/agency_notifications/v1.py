"""What an agency is told: one notification, projected for that agency alone (v1)."""

from typing import Annotated, Literal

from pydantic import JsonValue, StringConstraints

from schemas import values as v
from schemas.classes import REFERENCE, TIME, Basis
from schemas.fact_types import EventType, Version

# Longer than a code: the name of a thing says what it is.
ItemName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,99}$")]


class Item(v.Frozen):
    """One thing said. `about`: the place in the matter that it is about. `basis`: how sure it is (DPA 2018 s.38)."""

    what: Annotated[ItemName, REFERENCE]
    about: Annotated[v.Place | None, REFERENCE] = None
    value: JsonValue
    basis: Annotated[Basis, REFERENCE]


class Asked(v.Frozen):
    """What is wanted from the reader, by when, and the coded answers that count. `needs_reason`: those of them that
    decide only with a coded reason."""

    ask: Annotated[Literal["acknowledge", "accept", "decide", "act"], REFERENCE]
    by: Annotated[v.Moment, TIME]
    answers: Annotated[tuple[v.Code, ...], REFERENCE]
    needs_reason: Annotated[tuple[v.Code, ...], REFERENCE] = ()
    met: Annotated[bool, REFERENCE] = False


class Power(v.Frozen):
    """Why it may be shared (DPA 2018 Part 3 and s.62)."""

    lawful_basis: Annotated[v.Text, REFERENCE]
    gateway: Annotated[v.Text, REFERENCE]
    purpose: Annotated[v.Text, REFERENCE]


class Standing(v.Frozen):
    """Since when one of the asks has stood, and the answer that met it."""

    ask: Annotated[Literal["acknowledge", "accept", "decide", "act"], REFERENCE]
    since: Annotated[v.Moment, TIME]
    met_by: Annotated[v.Reference | None, REFERENCE] = None


class Continuity(v.Frozen):
    """What the relay needs to continue from this notification if its database had to be restored; readers can ignore
    it. `place`: of which person, or matter, the duty is. `asked_in`: the revision since which the asks are open;
    `asked_since`: when that was sent."""

    agency_kind: Annotated[v.Code, REFERENCE]
    place: Annotated[str, REFERENCE]
    route: Annotated[v.Code, REFERENCE]
    by_default: Annotated[bool, REFERENCE]
    texts: Annotated[tuple[v.Code, ...], REFERENCE]
    asked_in: Annotated[int, REFERENCE]
    asked_since: Annotated[v.Moment, TIME]
    first_told_at: Annotated[v.Moment, TIME]
    asks: Annotated[tuple[Standing, ...], REFERENCE]


class NotificationIssued(v.Frozen):
    """The newest revision of a duty replaces those before it. The envelope's id is the notification's id.

    `changed`: of an update, by name what differs from the revision before: of the matter, and `asks`, `texts` and
    `urgency`.
    """

    notification: Annotated[v.Reference, REFERENCE]
    kind: Annotated[Literal["notify", "update", "remind", "close", "correct"], REFERENCE]
    state: Annotated[Literal["live", "closed", "withdrawn"], REFERENCE]
    revision: Annotated[int, REFERENCE]
    replaces: Annotated[v.Reference | None, REFERENCE]
    service: Annotated[v.Code, REFERENCE]
    rule: Annotated[v.Code, REFERENCE]
    subject: Annotated[str, REFERENCE]
    agency: Annotated[v.AgencyId, REFERENCE]
    desk: Annotated[v.Code, REFERENCE]
    occurred_at: Annotated[v.Moment, TIME]
    issued_at: Annotated[v.Moment, TIME]
    tell_by: Annotated[v.Moment, TIME]
    late: Annotated[bool, REFERENCE]
    urgency: Annotated[Literal["routine", "prompt", "urgent"], REFERENCE]
    gather: Annotated[Literal["singly", "batch", "digest"], REFERENCE]
    matter: Annotated[tuple[Item, ...], REFERENCE]
    changed: Annotated[tuple[ItemName, ...], REFERENCE] = ()
    asks: Annotated[tuple[Asked, ...], REFERENCE]
    reason: Annotated[v.Code | None, REFERENCE]
    texts: Annotated[tuple[v.Text, ...], REFERENCE]
    grounds: Annotated[tuple[v.Reference, ...], REFERENCE]
    power: Annotated[Power, REFERENCE]
    policy_version: Annotated[v.Code, REFERENCE]
    policy_source: Annotated[v.Text, REFERENCE]
    continuity: Annotated[Continuity, REFERENCE]


NOTIFICATION_ISSUED = EventType("uk.relay.notification-issued", (Version(NotificationIssued),))
