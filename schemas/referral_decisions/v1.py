"""Why agencies were told and why not: one recorded look, for audit, by kind of agency, never the recipients (v1)."""

from typing import Literal

from schemas import values as v


class Decision(v.Frozen):
    rule: v.Code
    subject: str
    agency_kind: v.Code
    outcome: Literal["notify", "update", "remind", "close", "correct", "withheld", "unexplained"]
    reason: v.Code | None
    grounds: tuple[v.Reference, ...]
    policy_version: v.Code


class Looked(v.Frozen):
    """One look. Subject: a pseudonym of the file."""

    service: v.Code
    file: v.Reference
    look: int
    at: v.Moment
    cause: Literal["event", "clock", "release"]
    event: v.Reference | None
    decisions: tuple[Decision, ...]

    @property
    def subject(self) -> str:
        return self.file
