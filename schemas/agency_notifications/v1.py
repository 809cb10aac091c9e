"""What an agency is told: one notice, projected for that agency alone (v1)."""

from typing import Annotated, Literal

from pydantic import JsonValue

from schemas import values as v
from schemas.classes import REFERENCE, TIME

Basis = Literal["recorded", "alleged", "assessed", "court_found"]


class Item(v.Frozen):
    """One thing said. `about`: the place in the matter that it is about. `basis`: how sure it is (DPA 2018 s.38)."""

    what: v.Code
    about: v.Place | None = None
    value: JsonValue
    basis: Basis


class Asked(v.Frozen):
    """What is wanted from the reader, by when, and the coded answers that count."""

    ask: Literal["acknowledge", "accept", "decide"]
    by: v.Moment
    answers: tuple[v.Code, ...]
    met: bool = False


class Power(v.Frozen):
    """Why it may be shared (DPA 2018 Part 3 and s.62)."""

    lawful_basis: v.Text
    gateway: v.Text
    purpose: v.Text


class NotificationIssued(v.Frozen):
    """The newest revision of a duty replaces those before it. The envelope's id is the notification's id."""

    notification: v.Reference
    kind: Literal["notify", "update", "remind", "close", "correct"]
    state: Literal["live", "closed", "withdrawn"]
    revision: Annotated[int, REFERENCE]
    replaces: v.Reference | None
    service: v.Code
    rule: v.Code
    subject: Annotated[str, REFERENCE]
    agency: v.AgencyId
    desk: v.Code
    occurred_at: Annotated[v.Moment, TIME]
    issued_at: Annotated[v.Moment, TIME]
    tell_by: v.Moment
    late: bool
    urgency: Literal["routine", "prompt", "urgent"]
    gather: Literal["singly", "batch", "digest"]
    matter: tuple[Item, ...]
    asks: tuple[Asked, ...]
    reason: v.Code | None
    texts: tuple[v.Text, ...]
    grounds: tuple[v.Reference, ...]
    power: Power
    policy_version: v.Code
    policy_source: v.Text
