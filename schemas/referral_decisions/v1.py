"""Why agencies were told and why not: one recorded evaluation, for audit, by kind of agency, never the recipients
(v1)."""

from typing import Annotated, Literal

from schemas import values as v
from schemas.classes import REFERENCE, TIME
from schemas.fact_types import EventType, Version


class Decision(v.Frozen):
    """What one agency of this kind was told, or why it was told nothing."""

    rule: Annotated[v.Code, REFERENCE]
    subject: Annotated[str, REFERENCE]
    agency_kind: Annotated[v.Code, REFERENCE]
    outcome: Annotated[Literal["notify", "update", "remind", "close", "correct", "withheld", "unexplained"], REFERENCE]
    reason: Annotated[v.Code | None, REFERENCE]
    grounds: Annotated[tuple[v.Reference, ...], REFERENCE]
    policy_version: Annotated[v.Code, REFERENCE]


class Evaluated(v.Frozen):
    """One evaluation. Subject: a pseudonym of the file."""

    service: Annotated[v.Code, REFERENCE]
    file: Annotated[v.Reference, REFERENCE]
    evaluation: Annotated[int, REFERENCE]
    at: Annotated[v.Moment, TIME]
    cause: Annotated[Literal["event", "clock", "release"], REFERENCE]
    events: Annotated[tuple[v.Reference, ...], REFERENCE]
    decisions: Annotated[tuple[Decision, ...], REFERENCE]

    @property
    def subject(self) -> str:
        return self.file


EVALUATED = EventType("uk.relay.evaluated", (Version(Evaluated),))
