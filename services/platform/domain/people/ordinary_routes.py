"""Ordinary routes of what concerns a victim, or the one desk that policy names where ordinary routes must wait."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.platform.domain.core.duties import Duty, Item, Statement
from services.platform.domain.core.facts import CaseFile, Fact
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.stating import owed, withheld, within_its_agency
from services.platform.domain.people.victims import DESKS_OF_HELD
from services.platform.policy.model import Areas, Urgency
from services.platform.policy.policy import Policy

INSTEAD = tuple(DESKS_OF_HELD.values())  # the routes of `tell` while ordinary ones wait


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


def tell(file: CaseFile, policy: Policy, to_tell: Matter) -> Iterator[Statement]:
    """State the ordinary route of an incident.

    Where a suspect is police, the abuse is honour-based or roles are unresolved, only the named desk is told, and each
    agency of the ordinary route is withheld with that reason. If a suspect is police, silence is escalated to nobody
    outside the desk that is told: it could reach the force in which he works.
    """
    if to_tell.held is None:
        yield from _owed(file, policy, to_tell, to_tell.route, to_tell.only_kinds)
        return
    instead = tuple(_owed(file, policy, to_tell, DESKS_OF_HELD[to_tell.held], None))
    for statement in instead:
        if isinstance(statement, Duty) and to_tell.held is Reason.SUSPECT_IS_POLICE:
            yield within_its_agency(statement)
        else:
            yield statement
    named = {statement.key.agency for statement in instead}
    for statement in _owed(file, policy, to_tell, to_tell.route, to_tell.only_kinds, why_not=to_tell.held):
        if statement.key.agency not in named:
            yield statement


def tell_but_for(file: CaseFile, policy: Policy, to_tell: Matter, why_not: Mapping[str, Reason]) -> Iterator[Statement]:
    """`tell`, but for those kinds of agency of which there is a reason why they are told nothing.

    While ordinary routes wait nobody on them is told, and that is the reason then.
    """
    if to_tell.held is not None:
        yield from tell(file, policy, to_tell)
        return
    kinds = to_tell.only_kinds
    if kinds is None:
        kinds = frozenset(row.kind for row in policy.route(to_tell.route, to_tell.on).recipients)
    yield from tell(file, policy, replace(to_tell, only_kinds=kinds - why_not.keys()))
    for kind, reason in why_not.items():
        yield from withheld(
            file,
            policy,
            rule=to_tell.rule,
            subject=to_tell.subject,
            areas=to_tell.areas,
            on=to_tell.on,
            grounds=to_tell.grounds,
            reason=reason,
            route=to_tell.route,
            only_kinds={kind},
            person=to_tell.person,
            recorded_at=to_tell.recorded_at,
        )


def tell_nobody(file: CaseFile, policy: Policy, to_tell: Matter, reason: Reason) -> Iterator[Statement]:
    """State why all whom `tell` would tell are told nothing, or no longer: also the desk that is told in their
    place."""
    named: set[str] = set()
    for route in (to_tell.route,) if to_tell.held is None else (to_tell.route, DESKS_OF_HELD[to_tell.held]):
        for statement in _owed(file, policy, to_tell, route, None, why_not=reason):
            if statement.key.agency not in named:
                named.add(statement.key.agency)
                yield statement


def _owed(
    file: CaseFile,
    policy: Policy,
    to_tell: Matter,
    route: str,
    only_kinds: frozenset[str] | None,
    why_not: Reason | None = None,
) -> Iterator[Statement]:
    yield from owed(
        file,
        policy,
        rule=to_tell.rule,
        subject=to_tell.subject,
        person=to_tell.person,
        areas=to_tell.areas,
        on=to_tell.on,
        recorded_at=to_tell.recorded_at,
        grounds=to_tell.grounds,
        matter=to_tell.matter,
        route=route,
        opens=to_tell.opens,
        statutory_from=to_tell.statutory_from,
        lapses=to_tell.lapses,
        lapses_as=to_tell.lapses_as,
        asked_for=to_tell.asked_for,
        met_by=to_tell.met_by,
        ended=to_tell.ended,
        only_kinds=only_kinds,
        urgency=to_tell.urgency,
        texts=to_tell.texts,
        why_not=why_not,
    )
