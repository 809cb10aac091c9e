"""One evaluation of one person's file: what is owed by the rules and the ladder, compared with what was told."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain
from types import TracebackType

from schemas.police_incidents.v1 import IncidentReported
from services.platform.domain.core.duties import Duty, Evaluation, Fault, Notification, Statement, Withheld
from services.platform.domain.core.escalation import (
    ESCALATION_STEPS,
    Escalated,
    Who,
    asked_of,
    escalate_each,
    in_one,
    place_of,
    rule_of,
    that_count,
)
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, CaseFile, Incident, Key
from services.platform.domain.core.occupants import People
from services.platform.domain.core.outdated_answers import outdated
from services.platform.domain.core.projection import project, words_when_over
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import Projection, correction, reconcile, remember
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.speaking import speakers, without_those_who_may_not_speak
from services.platform.domain.people.separate_services import with_separate_services
from services.platform.domain.people.victims import held
from services.platform.policy.policy import Policy

MOST_PASSES = 5
NOTHING_TO_EVALUATE = Evaluation((), (), (), None, None)
STATED_TWICE, STATED_FOR_ANOTHER = "stated_twice", "stated_for_another_rule"


def evaluate(
    files: Sequence[CaseFile],
    delivered: Mapping[Key, Notification],
    rules: Collection[Rule],
    policy: Policy,
    read_to: datetime,
    now: datetime,
) -> Evaluation:
    """One evaluation of these files, as one where a place moved between them. `told`: the newest notification of each
    key that any of them states or stated; `read_to`: how far all streams of the service have been read; `now`: never
    earlier than the last evaluation. The same arguments give the same look, and a second one at the same instant says
    nothing.

    What was told of somebody who no longer stands at its place is taken back first: no answer to it counts, and whoever
    stands there now is told of as new.

    Where nothing was delivered and no rule finds a fact that it needs, nothing is worked out.

    A rule that raises is faulted for these files: what it states, and all that follows from it, is left out of both
    sides. Raises RuntimeError only where the ladder does not settle, which no file can cause.
    """
    if not delivered and not any(rule.runs_for(file) for rule in rules for file in files):
        return NOTHING_TO_EVALUATE
    people = People(files)
    of_another = {key: notification for key, notification in delivered.items() if people.is_another(notification)}
    known_now = {
        key: named
        for key, notification in delivered.items()
        if (named := people.named(notification)) is not notification
    }
    delivered = {
        **delivered,
        **known_now,
        **{key: replace(notification, state="withdrawn", asked_since=now) for key, notification in of_another.items()},
    }
    may_speak = speakers(policy.rows)
    read = [without_those_who_may_not_speak(heeded(file, delivered), may_speak) for file in files]
    stated, faults = state(read, rules, policy)
    if faults:
        faulted = {fault.rule for fault in faults}
        delivered, of_another = _without(delivered, faulted), _without(of_another, faulted)
        known_now = _without(known_now, faulted)
    standing = frozenset[str]().union(*(file.standing for file in files))
    answers = [answer for file in files for answer in file.answers]

    def seen(duty: Duty) -> Projection:
        return project(duty, policy)._replace(whom=people.of(duty))

    def compare(delivered: Mapping[Key, Notification], owed: Collection[Statement]) -> Evaluation:
        return reconcile(delivered, owed, standing, read_to, now, seen, partial(words_when_over, policy=policy))

    persons = {place: person for file in files for place, person in file.persons.items()}

    held_at = {
        body.crime_reference for file in files for _, body in file.of(IncidentReported) if held(body) is not None
    }

    def who(place: str) -> str:
        """Where the ordinary routes of an incident wait, its steps are told apart from those of her other incidents."""
        return place if place.partition("/")[0] in held_at else persons.get(place, place)

    stated = with_separate_services(stated, read, delivered, policy)
    owed, all_delivered = escalate_each(stated, delivered, answers, policy, who), delivered
    whole = (*_owed(owed, delivered, standing, who, now), *outdated(answers, delivered, policy))
    found = compare(delivered, whole)
    moved: list[Withheld] = []
    if found.unexplained:
        moved += _taken_over(found.unexplained, delivered, whole, policy)
        found = _after(found, compare({statement.key: delivered[statement.key] for statement in moved}, moved), ())
    part = found
    for _ in range(MOST_PASSES):
        if not part.notifications:
            break
        # What was sent changes what is owed of the same places by the same rules, and nothing else.
        about = {place_of(notification.key) for notification in part.notifications}
        all_delivered = remember(all_delivered, part)
        again = [n for n, statement in enumerate(stated) if statement.key[:2] in about]
        before = {statement.key for n in again for statement in owed[n].owed}.union(s.key for s in moved)
        for n, escalated in zip(
            again, escalate_each([stated[n] for n in again], all_delivered, answers, policy, who), strict=True
        ):
            owed[n] = escalated
        steps: tuple[Statement, ...] = tuple(
            in_one(_all(each.steps for each in owed), all_delivered, standing, who, now)
        )
        steps += tuple(outdated(answers, all_delivered, policy))
        compared = {statement.key for statement in steps}
        delivered = {
            key: notification
            for key, notification in all_delivered.items()
            if place_of(key) in about or key in compared
        }
        part = compare(delivered, (*_all(owed[n].owed for n in again), *steps))
        found = _after(found, part, before)
    else:
        raise RuntimeError("an evaluation does not settle")
    found = replace(found, notifications=tuple(_with_those_taken_back(found.notifications, of_another, policy, now)))
    sent = {notification.key for notification in found.notifications}
    return replace(
        found,
        regrounded=tuple(
            notification
            for key, notification in (
                known_now | {notification.key: notification for notification in found.regrounded}
            ).items()
            if key not in sent
        ),
        evaluate_again_at=_next_evaluation(_owed(owed, all_delivered, standing, who, now), policy, now),
        faults=tuple(faults),
    )


_all = chain.from_iterable


def _owed(
    escalated: Sequence[Escalated],
    delivered: Mapping[Key, Notification],
    standing: frozenset[str],
    who: Who,
    now: datetime,
) -> tuple[Statement, ...]:
    """All that is owed, what is due to one person at one time as one."""
    steps = in_one(_all(each.steps for each in escalated), delivered, standing, who, now)
    return (*_all(each.owed for each in escalated), *steps)


def _without(delivered: Mapping[Key, Notification], faulted: Collection[str]) -> dict[Key, Notification]:
    return {key: notification for key, notification in delivered.items() if rule_of(key) not in faulted}


def _with_those_taken_back(
    notifications: Iterable[Notification], of_another: Mapping[Key, Notification], policy: Policy, now: datetime
) -> Iterator[Notification]:
    """What is told anew of whoever stands there now says that it takes back what was told of another; where nothing is,
    a correction does."""
    rest = dict(of_another)
    for notification in notifications:
        if rest.pop(notification.key, None) is not None:
            yield replace(notification, reason=Reason.ANOTHER_PERSON)
        else:
            yield notification
    for before in rest.values():
        yield correction(before, Reason.ANOTHER_PERSON, now, partial(words_when_over, policy=policy))


def _after(found: Evaluation, part: Evaluation, again: Collection[Key]) -> Evaluation:
    """What an evaluation has found with what a comparison of some of it gave, under these keys for the second time."""
    return replace(
        found,
        notifications=found.notifications + part.notifications,
        regrounded=found.regrounded + part.regrounded,
        withheld=(*(statement for statement in found.withheld if statement.key not in again), *part.withheld),
        unexplained=tuple(
            sorted({*found.unexplained, *part.unexplained}.difference(n.key for n in part.notifications))
        ),
    )


def heeded(file: CaseFile, delivered: Mapping[Key, Notification]) -> CaseFile:
    """The file as rules read it, with those answers alone that count for what is asked now: rules do not know what was
    told, and go by the same answers as the ladder."""
    answers = tuple(answer for _, answer in that_count(file.answers, delivered))
    return file if answers == file.answers else replace(file, answers=answers)


def state(files: Sequence[CaseFile], rules: Collection[Rule], policy: Policy) -> tuple[list[Statement], list[Fault]]:
    """What all rules that do not raise state of these files, and the faults of those that do."""
    stated: list[Statement] = []
    faults: list[Fault] = []
    of_incidents = _of_incidents(files, rules, policy)
    for rule in rules:
        found: list[Statement] = []
        try:
            if rule.name in of_incidents:
                found = of_incidents[rule.name]
            else:
                for file in files:
                    if rule.runs_for(file):
                        found.extend(rule.states(file, policy))
        except Exception as error:  # noqa: BLE001 - whatever it is, it stops this rule for these files and nothing else
            faults.append(Fault(rule.name, type(error).__name__, _place(error.__traceback__)))
            continue
        if not found:
            continue
        keys = {statement.key for statement in found}
        if len(keys) < len(found):
            faults.append(Fault(rule.name, STATED_TWICE, rule.states.__module__))
        elif any(key.rule != rule.name for key in keys):
            faults.append(Fault(rule.name, STATED_FOR_ANOTHER, rule.states.__module__))
        else:
            stated += found
    return stated, faults


def _of_incidents(files: Sequence[CaseFile], rules: Collection[Rule], policy: Policy) -> Mapping[str, list[Statement]]:
    """By name, what the rules state that speak of each incident by itself; nothing where one of them raises."""
    alone = tuple(rule for rule in rules if rule.speaks_of == "incident")
    found: dict[str, list[Statement]] = {rule.name: [] for rule in alone}
    if not alone:
        return found
    states = _remembered(alone, policy)
    try:
        for incident in (incident for file in files if not file.is_unlinked for incident in file.incidents):
            for into, statements in zip(found.values(), states(incident), strict=True):
                into.extend(statements)
    except Exception:  # noqa: BLE001 - each is run by itself then, so that only the one that raises is left out
        return {}
    return found


@lru_cache(maxsize=2)  # one service has such rules; the policy of now, and of a moment ago while agencies change
def _remembered(rules: tuple[Rule, ...], policy: Policy) -> Callable[[Incident], tuple[tuple[Statement, ...], ...]]:
    """What these rules state of an incident, remembered for the next evaluation: after one more fact in a long file all
    the others are as they were."""

    @lru_cache(maxsize=INCIDENTS_REMEMBERED)
    def stated(incident: Incident) -> tuple[tuple[Statement, ...], ...]:
        file = incident.file()
        return tuple(tuple(rule.states(file, policy)) if rule.runs_for(file) else () for rule in rules)

    return stated


def _place(traceback: TracebackType | None) -> str:
    """Module and line of the innermost frame; an error's message may hold a value, and is never kept."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else f"{traceback.tb_frame.f_globals.get('__name__', '')}:{traceback.tb_lineno}"


def _taken_over(
    gone: Collection[Key], delivered: Mapping[Key, Notification], owed: Collection[Statement], policy: Policy
) -> Iterator[Withheld]:
    """Whoever was told what agencies' beginnings and ends have since given to another: they hear that it has moved.

    Only of those to whom nothing is stated though their facts all stand (`gone`), and where a new recipient appears in
    this evaluation or the old one is no longer in force: a recipient who is merely missing is for a person to look at.
    """
    stated = {statement.key for statement in owed}
    new: dict[tuple[str, str], list[Statement]] = {}
    for statement in owed:
        before = delivered.get(statement.key)
        if before is None or before.state != "live" or isinstance(statement, Withheld):
            new.setdefault((statement.key.rule, statement.key.subject), []).append(statement)
    for key in gone:
        before = delivered[key]
        of = asked_of(key)[0] if key.rule in ESCALATION_STEPS else key
        kind = before.agency_kind if of == key or of not in delivered else delivered[of].agency_kind
        instead = [other for other in new.get((of.rule, of.subject), ()) if _alike(kind, other.kind, policy)]
        if of not in stated and (instead or policy.agency(of.agency) is None):
            yield Withheld(key, before.agency_kind, before.grounds, _why_moved(instead), before.why)


def _why_moved(instead: Sequence[Statement]) -> str:
    if not instead:
        return Reason.AGENCY_NOT_IN_FORCE
    return Reason.OTHER_ROUTES_APPLY if isinstance(instead[0], Withheld) else Reason.SUPERSEDED


def _alike(kind: str, other: str, policy: Policy) -> bool:
    """Whether one of these kinds stands in for the other; a kind that policy has dropped stands for itself."""
    falls_back = {row.kind: row.falls_back_to for row in policy.rows.kinds}
    return kind == other or falls_back.get(kind) == other or falls_back.get(other) == kind


def _next_evaluation(owed: Iterable[Statement], policy: Policy, now: datetime) -> datetime | None:
    """The least time still ahead; while anything is owed, an agency's beginning or end is one."""
    duties = [duty for duty in owed if isinstance(duty, Duty)]
    ahead = [moment for duty in duties for moment in duty.moments() if moment > now]
    change = policy.rows.changes_after(now)
    if change is not None and any(duty.over(now) is None for duty in duties):
        ahead.append(change)
    return min(ahead, default=None)
