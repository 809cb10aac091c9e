"""One evaluation of one person's file: what rules and escalation steps say is owed, compared with what was
delivered."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache, partial
from itertools import chain
from types import TracebackType

from schemas.places import Place, crime_of
from schemas.police_incidents.v1 import IncidentReported
from services.platform.domain.core.duties import Duty, Evaluation, Fault, Notification, Statement, Withheld
from services.platform.domain.core.escalation import (
    ESCALATION_STEPS,
    STEPS,
    Escalated,
    asked_of,
    escalate_each,
    in_one,
    place_of,
    rule_of,
    that_count,
)
from services.platform.domain.core.facts import INCIDENTS_REMEMBERED, CaseFile, Incident, Key
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.occupants import People
from services.platform.domain.core.outdated_answers import outdated
from services.platform.domain.core.projection import project, words_when_over
from services.platform.domain.core.quiet import REMEMBERED, Matter, Memory, Quiet, matters
from services.platform.domain.core.reasons import Reason
from services.platform.domain.core.reconcile import Projection, correction, reconcile, remember
from services.platform.domain.core.rules import Rule
from services.platform.domain.linking.speaking import speakers, without_those_who_may_not_speak
from services.platform.domain.people.separate_services import with_separate_services
from services.platform.domain.people.victims import held
from services.platform.policy.policy import Policy

# One service has rules that speak of incidents; the policy of now, and of a moment ago while agencies change.
RULES_REMEMBERED = 2

MOST_PASSES = 5
Stated = tuple[str, tuple[Statement, ...]]  # what the rule of this name states
NOTHING_TO_EVALUATE = Evaluation((), (), (), None, None)
STATED_TWICE, STATED_FOR_ANOTHER = "stated_twice", "stated_for_another_rule"


def evaluate(
    files: Sequence[CaseFile],
    delivered: Mapping[Key, Notification],
    rules: Collection[Rule],
    policy: Policy,
    read_to: datetime,
    now: datetime,
    *,
    remembered: Memory | None = REMEMBERED,
) -> Evaluation:
    """Evaluate these files once, together where a place moved between them.

    `delivered`: the newest notification of each key that any of them states or stated. `read_to`: how far all streams
    of the service have been read. `now`: never earlier than the last evaluation. The same arguments give the same
    evaluation, and a second one at the same instant sends nothing.

    Notifications about somebody who no longer stands at a place are taken back first: no answer to them counts, and the
    person there now is told of as new. If nothing was delivered and no rule finds a fact that it needs, nothing is
    worked out. `remembered`: quiet matters of earlier evaluations, which save work and change nothing; None evaluates
    everything as one.

    A rule that raises is faulted for these files: its keys are left out of both sides. RuntimeError only if escalation
    does not settle, which no file can cause.
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
    stated, faults = stated_of(files, delivered, rules, policy)
    if faults:
        faulted = {fault.rule for fault in faults}
        delivered, of_another = _without(delivered, faulted), _without(of_another, faulted)
        known_now = _without(known_now, faulted)
    current = frozenset[str]().union(*(file.current for file in files))
    answers = [answer for file in files for answer in file.answers]

    at = _Circumstances(files, people, policy, current, read_to, now)
    every = matters(stated, delivered, answers, policy)
    quiet, loud = ([], every) if remembered is None else _apart(every, at, remembered)
    judged = _judged(loud, at)
    found = judged.found
    notifications = tuple(_with_those_taken_back(found.notifications, of_another, policy, now))
    sent = {notification.key for notification in notifications}
    known_now |= {notification.key: notification for notification in found.regrounded}
    return replace(
        found,
        notifications=notifications,
        withheld=(*found.withheld, *_all(each.withheld for each in quiet)),
        regrounded=tuple(notification for key, notification in known_now.items() if key not in sent),
        evaluate_again_at=_next_evaluation(judged, quiet, policy, now),
        faults=tuple(faults),
    )


@dataclass(frozen=True)
class _Circumstances:
    """What an evaluation goes by beside the matters themselves."""

    files: Sequence[CaseFile]
    people: People
    policy: Policy
    current: frozenset[str]
    read_to: datetime
    now: datetime

    def compare(self, delivered: Mapping[Key, Notification], owed: Collection[Statement]) -> Evaluation:
        words = partial(words_when_over, policy=self.policy)
        return reconcile(delivered, owed, self.current, self.read_to, self.now, self.seen, words)

    def seen(self, duty: Duty) -> Projection:
        return project(duty, self.policy)._replace(whom=self.people.of(duty))

    def who(self, place: str) -> str:
        """Where the ordinary routes of an incident wait, its steps are told apart from those of her other incidents."""
        waits = any(held(body) is not None for body in self._reports.get(crime_of(place), ()))
        return place if waits else self._persons.get(Place(place), place)

    @cached_property
    def _persons(self) -> Mapping[Place, FileKey]:
        return {place: person for file in self.files for place, person in file.persons.items()}

    @cached_property
    def _reports(self) -> Mapping[str, Sequence[IncidentReported]]:
        found: dict[str, list[IncidentReported]] = {}
        for body in (body for file in self.files for _, body in file.of(IncidentReported)):
            found.setdefault(body.crime_reference, []).append(body)
        return found

    def fell(self, matter: Matter) -> bool:
        """Whether a fact that something was told for does not stand any more."""
        return any(not self.current.issuperset(n.grounds) for n in matter.delivered if n.state != "withdrawn")


@dataclass(frozen=True, slots=True)
class _Judged:
    """What was found, and all that is owed: `steps` told as one where they are due to one person."""

    found: Evaluation
    owed: tuple[Escalated, ...]
    steps: tuple[Duty, ...]

    def duties(self) -> Iterator[Duty]:
        stated = (statement for each in self.owed for statement in each.owed)
        return chain((statement for statement in stated if isinstance(statement, Duty)), self.steps)


def _apart(every: list[Matter], at: _Circumstances, remembered: Memory) -> tuple[list[Quiet], list[Matter]]:
    """Part the matters: those about which nothing is due, and those that are evaluated as one.

    Matters affect each other only through escalation steps: what is due to one person about several matters is told and
    answered together.
    """
    if len(every) == 1:
        return [], every
    steps_of = [tuple(_answered_steps(matter)) for matter in every]
    answered = tuple(_all(steps_of))
    quiet, loud = [], []
    for matter, of_its_own in zip(every, steps_of, strict=True):
        may_speak = bool(of_its_own) or at.fell(matter)
        known = None if may_speak else remembered.of(matter, at.now) or _quiet(matter, at, remembered)
        if known is None or any(
            agency in known.steps_due and known.steps_due[agency] <= first for agency, first in answered
        ):
            loud.append(matter)
        else:
            quiet.append(known)
    return quiet, loud


def _answered_steps(matter: Matter) -> Iterator[tuple[str, datetime]]:
    """For each answer to an escalation step in this matter, the agency that was told of the silence, and when."""
    by_key = matter.by_key
    for answer in matter.answers:
        if answer.key.rule in STEPS and (step := by_key.get(answer.key)) is not None:
            yield step.key.agency, step.first_told_at


def _quiet(matter: Matter, at: _Circumstances, remembered: Memory) -> Quiet | None:
    """What an evaluation finds of this matter by itself, kept for the next; None where there is something to say, or
    where that may hang on other matters."""
    if matter.has_news(at.now):
        return None
    judged = _judged([matter], at)
    found, steps = judged.found, [step for each in judged.owed for step in each.steps]
    if found.notifications or found.regrounded or found.unexplained or found.held_back_until is not None:
        return None
    if not all(step.due > at.now or step.was_answered_in_time for step in steps):
        return None
    until, lives = _ahead(judged, at.now)
    unanswered = escalate_each(
        matter.stated, matter.by_key, (), matter.policy, at.who, steps_delivered=matter.steps_delivered
    )
    due: dict[str, datetime] = {}
    for step in (step for each in unanswered for step in each.steps):
        agency = step.duty.key.agency
        due[agency] = min(due.get(agency, step.due), step.due)
    quiet = Quiet(at.now, until, lives, found.withheld, due)
    remembered.keep(matter, quiet)
    return quiet


def _judged(part: Sequence[Matter], at: _Circumstances) -> _Judged:
    """These matters as one, until what was sent changes nothing any more."""
    stated = [statement for matter in part for statement in matter.stated]
    answers = [answer for matter in part for answer in matter.answers]
    delivered = {notification.key: notification for matter in part for notification in matter.delivered}
    steps_delivered = any(matter.steps_delivered for matter in part)
    policy, current, now = at.policy, at.current, at.now
    owed = escalate_each(stated, delivered, answers, policy, at.who, steps_delivered=steps_delivered)
    all_delivered: Mapping[Key, Notification] = delivered
    steps = tuple(in_one(_all(each.steps for each in owed), delivered, current, at.who, now))
    whole = (*_all(each.owed for each in owed), *steps, *outdated(answers, delivered, policy))
    found = at.compare(delivered, whole)
    moved: list[Withheld] = []
    if found.unexplained:
        moved += _taken_over(found.unexplained, delivered, whole, policy)
        found = _after(found, at.compare({statement.key: delivered[statement.key] for statement in moved}, moved), ())
    said = found
    for _ in range(MOST_PASSES):
        if not said.notifications:
            break
        # A notification changes only what the same rules owe about the same places.
        about = {place_of(notification.key) for notification in said.notifications}
        all_delivered = remember(all_delivered, said)
        steps_delivered = steps_delivered or any(notification.key.rule in STEPS for notification in said.notifications)
        again = [n for n, statement in enumerate(stated) if statement.key[:2] in about]
        before = {statement.key for n in again for statement in owed[n].owed}.union(s.key for s in moved)
        escalated_again = escalate_each(
            [stated[n] for n in again], all_delivered, answers, policy, at.who, steps_delivered=steps_delivered
        )
        for n, escalated in zip(again, escalated_again, strict=True):
            owed[n] = escalated
        steps = tuple(in_one(_all(each.steps for each in owed), all_delivered, current, at.who, now))
        replies = tuple(outdated(answers, all_delivered, policy))
        compared = {statement.key for statement in (*steps, *replies)}
        delivered = {
            key: notification
            for key, notification in all_delivered.items()
            if place_of(key) in about or key in compared
        }
        said = at.compare(delivered, (*_all(owed[n].owed for n in again), *steps, *replies))
        found = _after(found, said, before)
    else:
        raise RuntimeError("an evaluation does not settle")
    return _Judged(found, tuple(owed), steps)


_all = chain.from_iterable


def _without(delivered: Mapping[Key, Notification], faulted: Collection[str]) -> dict[Key, Notification]:
    return {key: notification for key, notification in delivered.items() if rule_of(key) not in faulted}


def _with_those_taken_back(
    notifications: Iterable[Notification], of_another: Mapping[Key, Notification], policy: Policy, now: datetime
) -> Iterator[Notification]:
    """A new notification about the person who stands there now says that it takes back the one about another person.
    Where there is no new one, a correction does."""
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
    told, and go by the same answers as escalation."""
    answers = tuple(answer for _, answer in that_count(file.answers, delivered))
    return file if answers == file.answers else replace(file, answers=answers)


def stated_of(
    files: Sequence[CaseFile], delivered: Mapping[Key, Notification], rules: Collection[Rule], policy: Policy
) -> tuple[list[Statement], list[Fault]]:
    """What rules state about these files: with the answers that count, without statements of agencies that may not
    speak, and without any service that another party has or may have."""
    may_speak = speakers(policy.rows)
    read = [without_those_who_may_not_speak(heeded(file, delivered), may_speak) for file in files]
    stated, faults = state(read, rules, policy)
    return with_separate_services(stated, read, delivered, policy), faults


def state(files: Sequence[CaseFile], rules: Collection[Rule], policy: Policy) -> tuple[list[Statement], list[Fault]]:
    """What the rules state about these files, and the faults of those that raise."""
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
        elif {key.rule for key in keys} != {rule.name}:
            faults.append(Fault(rule.name, STATED_FOR_ANOTHER, rule.states.__module__))
        else:
            stated += found
    return stated, faults


def _of_incidents(files: Sequence[CaseFile], rules: Collection[Rule], policy: Policy) -> Mapping[str, list[Statement]]:
    """By name, what the rules state that speak of each incident by itself; nothing if one of them raises."""
    alone = tuple(rule for rule in rules if rule.speaks_of == "incident")
    found: dict[str, list[Statement]] = {rule.name: [] for rule in alone}
    if not alone:
        return found
    states = _remembered(alone, policy)
    try:
        for incident in (incident for file in files if not file.is_unlinked for incident in file.incidents):
            for name, statements in states(incident):
                found[name] += statements
    except Exception:  # noqa: BLE001 - each is run by itself then, so that only the one that raises is left out
        return {}
    return found


@lru_cache(maxsize=RULES_REMEMBERED)
def _remembered(rules: tuple[Rule, ...], policy: Policy) -> Callable[[Incident], tuple[Stated, ...]]:
    """What each of these rules states of an incident, if anything, remembered for the next evaluation: after one more
    fact in a long file all the others are as they were."""

    @lru_cache(maxsize=INCIDENTS_REMEMBERED)
    def stated(incident: Incident) -> tuple[Stated, ...]:
        file = incident.file()
        each = ((rule.name, tuple(rule.states(file, policy))) for rule in rules if rule.runs_for(file))
        return tuple((name, statements) for name, statements in each if statements)

    return stated


def _place(traceback: TracebackType | None) -> str:
    """Module and line of the innermost frame; an error's message may hold a value, and is never kept."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else f"{traceback.tb_frame.f_globals.get('__name__', '')}:{traceback.tb_lineno}"


def _taken_over(
    gone: Collection[Key], delivered: Mapping[Key, Notification], owed: Collection[Statement], policy: Policy
) -> Iterator[Withheld]:
    """Close the duties of agencies whose work went to another one when an agency began or ended: they hear that it has
    moved.

    Only where nothing is stated to them though all their facts are current (`gone`), and where a new recipient appears
    in this evaluation or the old one is no longer in force. If a recipient is merely missing, a person must look.
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
    """Whether one of these kinds can take the place of the other; a kind that policy has dropped is only itself."""
    falls_back = {row.kind: row.falls_back_to for row in policy.rows.kinds}
    return kind == other or falls_back.get(kind) == other or falls_back.get(other) == kind


def _ahead(judged: _Judged, now: datetime) -> tuple[datetime | None, bool]:
    """The least time still ahead of what was judged, and whether anything is owed still."""
    duties = tuple(judged.duties())
    ahead = (moment for duty in duties for moment in duty.moments() if moment > now)
    return min(ahead, default=None), any(duty.over(now) is None for duty in duties)


def _next_evaluation(judged: _Judged, quiet: Iterable[Quiet], policy: Policy, now: datetime) -> datetime | None:
    """The least time still ahead; while anything is owed, an agency's beginning or end is one."""
    each = [_ahead(judged, now), *((one.until, one.lives) for one in quiet)]
    ahead = [until for until, _ in each if until is not None]
    change = policy.rows.changes_after(now)
    if change is not None and any(lives for _, lives in each):
        ahead.append(change)
    return min(ahead, default=None)
