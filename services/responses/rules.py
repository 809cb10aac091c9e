"""The rule of responses: tell a sender whose answer belongs to no notification of its own that nobody read it."""

from collections.abc import Iterator

from schemas.agency_responses.v1 import AgencyBody
from schemas.attachments import NotificationAnswered
from schemas.classes import DataClass
from schemas.streams import REGISTRY
from services.platform.domain.core.duties import Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.rules import Rule
from services.platform.domain.core.stating import owed_to_agency
from services.platform.domain.core.subjects import of_fact
from services.platform.policy.clocks import london_day
from services.platform.policy.policy import Policy

ANSWERS = REGISTRY.bodies(NotificationAnswered)


def answer_without_notification(file: CaseFile, policy: Policy) -> Iterator[Statement]:
    """Tell each sender once that its answers were to a notification that was not sent to it, whatever they were."""
    by_sender: dict[str, list[Fact]] = {}
    for fact in file.with_bodies(ANSWERS):
        if fact.id in file.unlinked and isinstance(fact.body, AgencyBody):
            by_sender.setdefault(fact.body.agency, []).append(fact)
    for sender, facts in sorted(by_sender.items()):
        agency = policy.agency(sender)
        first = min(facts, key=lambda fact: (fact.at, fact.id))
        if agency is not None:
            said = tuple(sorted(fact.kind.rpartition(".")[2] for fact in facts))
            yield from owed_to_agency(
                file,
                policy,
                rule="answer_without_notification",
                subject=of_fact("unknown-notification", first.subject),
                agency=agency,
                on=london_day(first.at),
                recorded_at=first.at,
                grounds=tuple(facts),
                matter=(*show(first, "notification"), *derived("answered", said, DataClass.R)),
            )


RULES = (
    Rule(
        "answer_without_notification",
        answer_without_notification,
        title="Answer to a notification that was not sent to you",
        routes=("answer_without_notification",),
        reads=ANSWERS,
        runs_in="references",
    ),
)
