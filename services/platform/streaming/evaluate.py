"""Stage 5, evaluate: applies a batch to the locked files, and evaluates each once: what is owed, what was delivered."""

import asyncio
import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import takewhile

import structlog

from schemas.places import Place
from schemas.refusals import Refusal
from services.platform import metrics
from services.platform.domain.core.duties import Evaluation, Notification, Withheld
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile, Key
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.subjects import is_about
from services.platform.domain.linking.merged_records import Joins, of_persons, person_of_record, together
from services.platform.logs import Event
from services.platform.policy.policy import Policy
from services.platform.storage.changes import Change
from services.platform.storage.outgoing import Outgoing
from services.platform.storage.reader import FileState
from services.platform.storage.writer import EvaluationRow, FileRow
from services.platform.streaming import wire
from services.platform.streaming.admit import Admitted
from services.platform.streaming.apply import apply_change, holders_of, lay_delivered
from services.platform.streaming.judging import Judging
from services.platform.streaming.link import evaluated_now, overlapping
from services.platform.streaming.lock import Files

EVALUATING_SECONDS = 1.0
NEVER = datetime.min.replace(tzinfo=UTC)
FAULT_PAUSES = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))

log = structlog.get_logger("relay")


@dataclass(frozen=True, slots=True)
class At:
    """The circumstances of an evaluation: the time by the one clock, how far streams were read, the policy, the cause,
    the ids of the events that it answers, and which records merges join."""

    now: datetime
    read_to: datetime | None
    policy: Policy
    cause: wire.Cause
    events: Sequence[str] = ()
    joins: Joins = field(default_factory=dict)


@dataclass(slots=True)
class Evaluations:
    """What evaluations have found, for one transaction to write."""

    evaluations: list[EvaluationRow] = field(default_factory=list)
    notifications: list[tuple[Notification, str, int]] = field(
        default_factory=list
    )  # with file and number of the evaluation
    files: dict[str, FileRow] = field(default_factory=dict)
    lies: dict[Key, str] = field(default_factory=dict)  # the file, as it is now, of what was told or has moved
    regrounded: list[Notification] = field(default_factory=list)
    outbox: list[Outgoing] = field(default_factory=list)
    faults: int = 0
    seconds: float = 0.0  # spent evaluating, without what other tasks did meanwhile


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What evaluations have found, and of how many leading records all files were evaluated in time."""

    found: Evaluations
    in_time: int


async def evaluate_batch(
    admitted: Admitted, changes: Sequence[Change | Refusal], files: Files, judging: Judging
) -> Evaluated:
    """Evaluates each file once, for all events of the batch that touch it; none while the service catches up.

    When the time is used up, the files that are left are not evaluated: they are to be made due. Files between which a
    place moved are always evaluated, and as one; where they take longer than the time, less is taken the next time.
    """
    found = Evaluations()
    numbers_of = dict[FileKey, list[int]]()  # by file, of the changes that touch it
    for number, change in enumerate(changes):
        if isinstance(change, Change) and change.touches:
            apply_change(change, files, admitted, found.lies)
            for file in _files_of(change, files):
                numbers_of.setdefault(file, []).append(number)
    if admitted.reached.catching_up:
        return Evaluated(found, len(changes))
    moved = [group for change in changes if isinstance(change, Change) for group in change.together]
    late = set[int]()
    for group in _groups(moved, numbers_of, files.joins):
        numbers = sorted({number for file in group for number in numbers_of.get(file, ())})
        if found.seconds > EVALUATING_SECONDS:
            late.update(numbers)
            if not any(group & one for one in moved):
                continue
        await asyncio.sleep(0)
        ids = [change.event.fact.id for change in (changes[n] for n in numbers) if isinstance(change, Change)]
        at = At(admitted.now, admitted.reached.read_to, admitted.policy, "event", ids, files.joins)
        evaluate_files(judging, [files.states[file] for file in sorted(group)], at, found)
    return Evaluated(found, sum(1 for _ in takewhile(lambda number: number not in late, range(len(changes)))))


def _files_of(change: Change, files: Files) -> Collection[FileKey]:
    """The files to evaluate for a change. For a merge these include the files of everyone who shares a matter with a
    joined person, because an earlier event of the batch may concern them."""
    if not change.joined:
        return evaluated_now(change)
    beside = (s.key for s in files.states.values() if change.joined.intersection(s.persons.values()))
    return dict.fromkeys((*evaluated_now(change), *beside))


def _groups(moved: Iterable[frozenset[FileKey]], files: Collection[FileKey], joins: Joins) -> list[frozenset[FileKey]]:
    """The files that are evaluated as one: those between which a place moved, and those of one person; then each of the
    others by itself."""
    of_persons = [together([file], joins) for file in files if file in joins]
    groups = overlapping([*(together(group, joins) for group in moved), *of_persons])
    inside = frozenset[str]().union(*groups)
    return [*groups, *(frozenset([file]) for file in files if file not in inside)]


def evaluate_files(judging: Judging, states: Sequence[FileState], at: At, found: Evaluations) -> None:
    """One evaluation of these files, as one where a place has moved between them; the states are brought to what is
    delivered.

    Those of one person's records are one file: its evaluations are numbered, timed and kept with the least of them.
    """
    began = time.monotonic()
    now = max([at.now, *(state.evaluated_at for state in states if state.evaluated_at is not None)])
    files = of_persons((state.case_file() for state in states), at.joins)
    delivered = {key: notification for state in states for key, notification in state.delivered.items()}
    service = judging.service
    evaluation = evaluate(files, delivered, service.rules, at.policy, at.read_to or NEVER, now)
    by_key = {state.key: state for state in states}
    leads = {state.key: by_key[person_of_record(state.key, at.joins)] for state in states}
    for file in files:
        by_key[file.key].evaluations += 1
    holders, delivered_before = holders_of(states), len(found.notifications)
    _remember(judging, states, holders, leads, evaluation, at, found)
    for fault in evaluation.faults:
        log.error(Event.RULE_FAULTED, service=service.name, rule=fault.rule, error=fault.error, where=fault.where)
    found.faults += bool(evaluation.faults)
    note = _Note(judging, evaluation, at, now, found, found.notifications[delivered_before:])
    withheld = {state.key: _withheld_of(state, states, holders, evaluation) for state in states}
    for file in files:
        note.of(file, by_key[file.key], [state for state in states if leads[state.key].key == file.key], withheld)
    spent = time.monotonic() - began
    found.seconds += spent
    metrics.EVALUATION_SECONDS.labels(service.name).observe(spent)


def fault_pause(tries: int) -> timedelta:
    """How long a file that faulted so often in a row, once at least, waits for its next evaluation."""
    return FAULT_PAUSES[min(tries, len(FAULT_PAUSES)) - 1]


def _remember(
    judging: Judging,
    states: Sequence[FileState],
    holders: Mapping[Place, FileState],
    leads: Mapping[FileKey, FileState],
    evaluation: Evaluation,
    at: At,
    found: Evaluations,
) -> None:
    """What was told, with the record at whose place it is about, by an evaluation that is kept with the least of
    hers."""
    for notification in evaluation.regrounded:
        for state in states:
            if notification.key in state.delivered:
                state.delivered[notification.key] = notification
    found.regrounded += evaluation.regrounded
    for notification in evaluation.notifications:
        for state in states:
            state.delivered.pop(notification.key, None)
        holder = holders.get(Place(notification.person), states[0])
        holder.delivered[notification.key] = notification
        found.lies[notification.key] = holder.key
        lead = leads[holder.key]
        found.notifications.append((notification, lead.key, lead.evaluations))
        found.outbox.append(wire.notification(notification, judging.service.name, at.policy, judging.pseudonyms))
    lay_delivered(states, holders, found.lies)


@dataclass(frozen=True, slots=True)
class _Note:
    """The record of an evaluation: the current facts, who was told, who was not and why."""

    judging: Judging
    evaluation: Evaluation
    at: At
    now: datetime
    found: Evaluations
    delivered: Sequence[tuple[Notification, str, int]]  # by this evaluation

    def of(
        self,
        file: CaseFile,
        lead: FileState,
        states: Sequence[FileState],
        withheld: Mapping[FileKey, dict[Key, Withheld]],
    ) -> None:
        """`states`: of the records of one person, `lead` the least of them; `withheld`: by record, what is now."""
        changed = [w for state in states for key, w in withheld[state.key].items() if state.withheld.get(key) != w]
        unexplained = {key for state in states for key in self.evaluation.unexplained if key in state.delivered}
        lead.faulted_tries = lead.faulted_tries + 1 if self.evaluation.faults else 0
        self.evaluation_row(lead, file.current, changed, unexplained)
        again = self.evaluation.evaluate_again_at
        if self.evaluation.faults:
            retry = self.now + fault_pause(lead.faulted_tries)
            again = retry if again is None else min(again, retry)
        for state in states:
            if state is not lead:
                self.let_rest(state)
            state.withheld, state.evaluated_at = withheld[state.key], self.now
            state.unexplained = {key for key in unexplained if key in state.delivered}
        self.found.files[lead.key] = FileRow(
            lead.key,
            lead.evaluations,
            self.now,
            again,
            self.evaluation.held_back_until,
            self.evaluation.faulted,
            lead.faulted_tries,
        )
        notifications = [notification for notification, key, _ in self.delivered if key == lead.key]
        if notifications or changed or unexplained:
            which = wire.EvaluationName(
                self.judging.service.name, lead.key, lead.evaluations, self.now, self.at.cause, self.at.events
            )
            row = wire.decision(which, notifications, changed, unexplained, self.at.policy, self.judging.pseudonyms)
            self.found.outbox.append(row)

    def let_rest(self, state: FileState) -> None:
        """Leave a record without facts of its own: it is read as part of another record of the same person."""
        if state.current_before:
            state.evaluations += 1
            self.evaluation_row(state, frozenset(), [], set())
        state.faulted_tries = 0
        self.found.files[state.key] = FileRow(state.key, state.evaluations, self.now, None, None, (), 0)

    def evaluation_row(
        self, state: FileState, current: frozenset[str], changed: Iterable[Withheld], unexplained: Iterable[Key]
    ) -> None:
        self.found.evaluations.append(
            EvaluationRow(
                state.key,
                state.evaluations,
                self.now,
                self.at.read_to,
                self.at.cause,
                self.at.events,
                self.judging.release,
                self.at.policy.version,
                sorted(current - state.current_before),
                sorted(state.current_before - current),
                json.dumps(
                    [{**w.key._asdict(), "kind": w.kind, "reason": w.reason, "grounds": w.grounds} for w in changed]
                ),
                ["/".join(key) for key in sorted(unexplained)],
                self.evaluation.faulted,
            )
        )
        state.current_before = current


def _withheld_of(
    state: FileState, states: Sequence[FileState], holders: Mapping[Place, FileState], evaluation: Evaluation
) -> dict[Key, Withheld]:
    """The withheld statements of this file: of several files evaluated as one, those whose subject has a place of this
    file."""

    def mine(subject: str) -> bool:
        for place, holder in holders.items():
            if is_about(subject, place):
                return holder is state
        return state is states[0]

    return {w.key: w for w in evaluation.withheld if len(states) == 1 or mine(w.key.subject)}
