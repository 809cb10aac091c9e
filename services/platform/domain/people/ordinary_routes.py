"""Ordinary routes of what concerns a victim, or the one desk that policy names where ordinary routes must wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from services.platform.domain.core.duties import Duty, Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.stating import owed, within_its_agency
from services.platform.domain.people.victims import DESKS_OF_HELD
from services.platform.policy.model import Areas, Urgency
from services.platform.policy.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What a rule found, ready to be stated: as for `owed`. `held`: why ordinary routes wait, or None."""

    rule: str
    route: str
    subject: str
    person: str
    held: Reason | None
    areas: Areas
    on: date
    recorded_at: datetime
    grounds: tuple[Fact, ...]
    matter: tuple[Item, ...]
    opens: datetime | None = None
    statutory_from: datetime | None = None
    lapses: datetime | None = None
    lapses_as: Reason = Reason.LAPSED
    asked_for: str | None = None
    met_by: tuple[Fact, ...] = ()
    ended: Reason | None = None
    only_kinds: frozenset[str] | None = None
    urgency: Urgency | None = None
    texts: tuple[str, ...] = ()


def tell(file: CaseFile, policy: Policy, told: Matter) -> Iterator[Statement]:
    """The ordinary route. Where a suspect is police, the abuse honour-based or roles unresolved: the named desk alone,
    and each agency of the ordinary route withheld with that reason. About a suspect who is police, silence climbs to
    nobody outside the desk that is told: that may be the force in which he works."""
    if told.held is None:
        yield from _owed(file, policy, told, told.route, told.only_kinds)
        return
    instead = tuple(_owed(file, policy, told, DESKS_OF_HELD[told.held], None))
    for statement in instead:
        if isinstance(statement, Duty) and told.held is Reason.SUSPECT_IS_POLICE:
            yield within_its_agency(statement)
        else:
            yield statement
    named = {statement.key.agency for statement in instead}
    for statement in _owed(file, policy, told, told.route, told.only_kinds, why_not=told.held):
        if statement.key.agency not in named:
            yield statement


def tell_nobody(file: CaseFile, policy: Policy, told: Matter, reason: Reason) -> Iterator[Statement]:
    """Why those are told nothing, or no longer, whom `tell` would tell: the desk that stands in their place, too."""
    named: set[str] = set()
    for route in (told.route,) if told.held is None else (told.route, DESKS_OF_HELD[told.held]):
        for statement in _owed(file, policy, told, route, None, why_not=reason):
            if statement.key.agency not in named:
                named.add(statement.key.agency)
                yield statement


def _owed(
    file: CaseFile,
    policy: Policy,
    told: Matter,
    route: str,
    only_kinds: frozenset[str] | None,
    why_not: Reason | None = None,
) -> Iterator[Statement]:
    yield from owed(
        file,
        policy,
        rule=told.rule,
        subject=told.subject,
        person=told.person,
        areas=told.areas,
        on=told.on,
        recorded_at=told.recorded_at,
        grounds=told.grounds,
        matter=told.matter,
        route=route,
        opens=told.opens,
        statutory_from=told.statutory_from,
        lapses=told.lapses,
        lapses_as=told.lapses_as,
        asked_for=told.asked_for,
        met_by=told.met_by,
        ended=told.ended,
        only_kinds=only_kinds,
        urgency=told.urgency,
        texts=told.texts,
        why_not=why_not,
    )
