"""The one way to state a duty: who is chosen, by when, what is asked and under which power, all from the policy row."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, timedelta

from schemas.classes import DataClass
from services.platform.domain.core.duties import Ask, DeskName, Duty, Item, LastStep, Statement, Urgency, Why, Withheld
from services.platform.domain.core.facts import CaseFile, Fact, Key
from services.platform.domain.core.matter import derived
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.recipients import Subject, chosen_for
from services.platform.policy.model import Agency, Areas, Chosen, Route, Within
from services.platform.policy.policy import Policy


def owed(
    file: CaseFile,
    policy: Policy,
    *,
    rule: str,
    subject: str,
    person: str,
    areas: Areas,
    on: date,
    recorded_at: datetime,
    grounds: tuple[Fact, ...],
    matter: tuple[Item, ...],
    route: str | None = None,
    opens: datetime | None = None,
    settles: timedelta | None = None,
    statutory_from: datetime | None = None,
    lapses: datetime | None = None,
    lapses_as: Reason = Reason.LAPSED,
    asked_for: str | None = None,
    met_by: tuple[Fact, ...] = (),
    ended: Reason | None = None,
    only_kinds: Collection[str] | None = None,
    recipients: Iterable[Chosen] | None = None,
    urgency: Urgency | None = None,
    desk: DeskName = "duty",
    texts: tuple[str, ...] = (),
    measured_by: str = "",
    why_not: Reason | None = None,
) -> Iterator[Statement]:
    """The same duty to each agency that the route tells in these areas; `only_kinds` narrows the route, `recipients`
    takes its place where a rule has to choose among the agencies that it names. `why_not`: why they are told nothing,
    where there is a reason; then it is stated for each of them.

    `on`: the day of the ground, which chooses the policy rows. `recorded_at`: when the source recorded the ground:
    service levels run from it; clocks counted in days run from `statutory_from`, the legal event, where it is given.
    `opens`: told from then on (an expiry ahead); without it, as soon as it is known, and where the route settles, a
    settling time after the ground. `settles`: that time, where it is not the route's. What arose before the route's
    `tells_from` is withheld as `before_go_live`.
    `texts`: codes of fixed texts beside those of the route and the agency's kind.
    """
    if why_not is not None:
        yield from withheld(
            file,
            policy,
            rule=rule,
            subject=subject,
            areas=areas,
            on=on,
            grounds=grounds,
            reason=why_not,
            route=route,
            only_kinds=only_kinds,
            recipients=recipients,
            measured_by=measured_by,
            person=person,
            recorded_at=recorded_at,
        )
        return
    row = policy.route(route or rule, on)
    settles = row.settles if settles is None else settles
    arose = (opens or recorded_at) + (settles or timedelta(0))
    rests_on, met = file.grounds(*grounds), file.grounds(*met_by)
    matter = (*sender(grounds), *matter)
    same_person = _same_person(file, person, matter)
    changes_at = _changes_at(matter)

    def due(within: Within) -> datetime:
        counted_in_days = within.days_beginning_with is not None or within.days_after is not None
        return ends(within, statutory_from if statutory_from is not None and counted_in_days else recorded_at)

    def ends(within: Within, start: datetime) -> datetime:
        return policy.due(start, within, school_urn=areas.school_urn, la_code=areas.child.la_code)

    def tell_by(within: Within) -> datetime:
        """A duty that may not be told before it opens (an expiry ahead, or while a question is asked in its place) is
        not late because it waited: its time runs from its opening."""
        by = due(within)
        return by if arose <= by else ends(within, arose)

    about = Subject(rule, subject, person, recorded_at)
    for chosen in chosen_for(file, policy, row, areas, about) if recipients is None else recipients:
        recipient = chosen.recipient
        if only_kinds is not None and recipient.kind not in only_kinds:
            continue
        key = Key(rule, subject, chosen.agency.id)
        kind = chosen.agency.kind  # what it may see goes by what it is, also where it stands in for another kind
        why = why_of(row, policy, by_default=chosen.by_default, measured_by=measured_by)
        if arose < row.tells_from:
            yield Withheld(key, kind, rests_on, Reason.BEFORE_GO_LIVE, why)
            continue
        yield Duty(
            key=key,
            kind=kind,
            person=person,
            grounds=rests_on,
            matter=matter,
            why=why,
            arose=arose,
            on=on,
            tell_by=tell_by(recipient.within or row.within),
            opens=arose if opens is not None or settles is not None else None,
            asks=tuple(
                Ask(
                    asking.ask,
                    due(asking.within),
                    asking.answers,
                    asking.within.counted,
                    needs_reason=asking.needs_reason,
                )
                for asking in recipient.asks
            ),
            remind_at=tuple(sorted(due(within) for within in row.reminders)),
            changes_at=changes_at,
            lapses=lapses,
            ends_after=row.ends_after,
            lapses_as=lapses_as,
            asked_for=asked_for,
            met_by=met,
            ended=ended,
            settles=settles is not None,
            shortest_window=row.shortest_window,
            next_able=tuple(agency.id for agency in chosen.next_able),
            last_step=_last_step(chosen.agency, areas, policy),
            escalates=row.escalates,
            desk=desk,
            urgency=urgency or recipient.urgency or row.urgency,
            gather=recipient.gather,
            texts=(*recipient.texts, *row.texts, *texts),
            same_person=same_person,
        )


def withheld(
    file: CaseFile,
    policy: Policy,
    *,
    rule: str,
    subject: str,
    areas: Areas,
    on: date,
    grounds: tuple[Fact, ...],
    reason: Reason,
    route: str | None = None,
    only_kinds: Collection[str] | None = None,
    recipients: Iterable[Chosen] | None = None,
    measured_by: str = "",
    person: str | None = None,
    recorded_at: datetime | None = None,
) -> Iterator[Withheld]:
    """The same reason for each agency that the route would have told. `person`: whose duty it would have been, where
    that is not the subject; `recorded_at`: when its ground was recorded, where that is not the first of the grounds."""
    row = policy.route(route or rule, on)
    about = Subject(rule, subject, person or subject, recorded_at or grounds[0].at)
    for chosen in chosen_for(file, policy, row, areas, about) if recipients is None else recipients:
        if only_kinds is None or chosen.recipient.kind in only_kinds:
            key = Key(rule, subject, chosen.agency.id)
            yield Withheld(
                key,
                chosen.agency.kind,
                file.grounds(*grounds),
                reason,
                why_of(row, policy, by_default=chosen.by_default, measured_by=measured_by),
            )


def owed_to_agency(
    file: CaseFile,
    policy: Policy,
    *,
    rule: str,
    subject: str,
    agency: Agency,
    on: date,
    recorded_at: datetime,
    grounds: tuple[Fact, ...],
    matter: tuple[Item, ...],
) -> Iterator[Statement]:
    """A duty to the agency that a fact names, whatever its area: it concerns what that agency said. The route of that
    name gives the rest, and tells nobody by itself."""
    row = policy.route(rule, on)
    key, rests_on = Key(rule, subject, agency.id), file.grounds(*grounds)
    why = why_of(row, policy)
    if recorded_at < row.tells_from:
        yield Withheld(key, agency.kind, rests_on, Reason.BEFORE_GO_LIVE, why)
        return
    yield Duty(
        key=key,
        kind=agency.kind,
        person=subject,
        grounds=rests_on,
        matter=matter,
        why=why,
        arose=recorded_at,
        on=on,
        tell_by=policy.due(recorded_at, row.within),
        shortest_window=row.shortest_window,
        urgency=row.urgency,
        texts=row.texts,
    )


def sender(grounds: Iterable[Fact]) -> tuple[Item, ...]:
    """Which court, agency or police force said it. The first fact counts; if it names nobody, another one from a source
    of its kind may (`uk.court`, `uk.police`)."""
    facts = list(grounds)
    alike = (fact for fact in facts if fact.kind.split(".")[:2] == facts[0].kind.split(".")[:2])
    return next(filter(None, map(_said_by, alike)), ())


def _said_by(fact: Fact) -> tuple[Item, ...]:
    kind, name = fact.body.sender
    return derived(f"sender.{kind}", name, DataClass.R) if name is not None else ()


def within_its_agency(duty: Duty) -> Duty:
    """The same duty, with no last step outside its agency: nobody else may hear that it does not answer."""
    own = duty.last_step is not None and duty.last_step.agency == duty.key.agency
    return duty if own else duty.but(last_step=None)


def _last_step(asked: Agency, areas: Areas, policy: Policy) -> LastStep | None:
    row, last = policy.kind(asked.kind).last_step, policy.last_step(asked, areas)
    if row is None or last is None:
        return None
    return LastStep(last.id, last.kind, row.desk, row.text, row.answers)


def why_of(row: Route, policy: Policy, *, by_default: bool = False, measured_by: str = "") -> Why:
    """The policy row behind a duty, for its record."""
    power = row.power
    return Why(
        row.route, policy.version, row.source, power.lawful_basis, power.gateway, power.purpose, by_default, measured_by
    )


def _changes_at(matter: tuple[Item, ...]) -> tuple[datetime, ...]:
    spans = [item.present for item in matter if item.present is not None]
    return tuple(sorted({moment for span in spans for moment in (span.since, span.until) if moment is not None}))


def _same_person(file: CaseFile, person: str, matter: tuple[Item, ...]) -> tuple[str, ...]:
    if person not in file.own_places:
        return ()
    places = {item.about for item in matter if item.about is not None and item.about in file.own_places}
    return tuple(sorted(places - {person}))
