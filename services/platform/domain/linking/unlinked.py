"""Tell agencies of court facts that lead to nobody yet, by references alone, until something links them."""

from collections.abc import Iterator
from datetime import date

from schemas.classes import DataClass
from schemas.matters import Referring
from services.platform.domain.core import subjects
from services.platform.domain.core.duties import Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.matter import derived, show
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.stating import owed
from services.platform.domain.linking.references import area_of_case
from services.platform.policy.model import Areas
from services.platform.policy.policy import Policy


def pending(
    file: CaseFile,
    policy: Policy,
    fact: Fact,
    body: Referring,
    *,
    rule: str,
    event: str,
    on: date,
    variant: str | None = None,
    withhold: Reason | None = None,
    besides: tuple[Fact, ...] = (),
) -> Iterator[Statement]:
    """The duties for a fact that is linked to nobody, by the link clock of its type and variant.

    `besides`: other facts that make it what it is. Once it is linked or refused, the duties are still stated, as
    settled by that. If the clock names no route, nobody is told.
    """
    unlinked = fact.id in file.unlinked
    clock = policy.link_clock(fact.kind, on, variant)
    if clock is None or clock.route is None or not (unlinked or file.links.get(fact.id)):
        return
    subject, areas = about(fact), areas_of_case(policy, body)
    yield from owed(
        file,
        policy,
        rule=rule,
        subject=subject,
        person=fact.subject,
        areas=areas,
        on=on,
        recorded_at=fact.at,
        grounds=(fact, *besides),
        matter=references_only(fact, event),
        route=clock.route,
        settles=clock.settles,
        met_by=() if unlinked else (fact,),
        ended=None if unlinked else Reason.LINK_SETTLED,
        why_not=withhold,
    )


def about(fact: Fact) -> str:
    """The subject of a duty that is about a fact and not about a person: `<type>:<subject of the fact>`."""
    return subjects.of_fact(fact.kind, fact.subject)


def references_only(fact: Fact, event: str) -> tuple[Item, ...]:
    """All that may be said of a fact that is linked to nobody: what happened, in one word, and its references."""
    return (*derived("event", event, DataClass.R), *show(fact, "references"))


def areas_of_case(policy: Policy, body: Referring) -> Areas:
    """The case's force, as the fact states it, else by its URN, its ASN or the court that sat."""
    where = area_of_case(body.references, body.force_code, getattr(body, "court_ou", None))
    return Areas(case_force=next(filter(policy.knows_force, where.forces), None), court_ou=where.court_ou)
