"""Looks at locked files: the rules' difference between owed and told, gathered to be written with the batch."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from services.platform import metrics
from services.platform.domain.core.duties import Evaluation, Notification, Withheld
from services.platform.domain.core.evaluate import evaluate
from services.platform.domain.core.facts import CaseFile, Key
from services.platform.domain.linking.merged_records import Joins, of_persons, person_of_record
from services.platform.logs import Event
from services.platform.policy.policy import Policy
from services.platform.storage.outgoing import Outgoing
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.reader import FileState
from services.platform.storage.writer import EvaluationRow, FileRow
from services.platform.streaming import wire
from services.platform.streaming.service import Service

NEVER = datetime.min.replace(tzinfo=UTC)
FAULT_PAUSES = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))

log = structlog.get_logger("relay")


@dataclass(frozen=True, slots=True)
class At:
    """The circumstances of an evaluation: the one clock, how far the streams were read, the policy, what caused it, and
    which records merges join."""

    now: datetime
    read_to: datetime | None
    policy: Policy
    cause: wire.Cause
    event: str | None = None
    joins: Joins = field(default_factory=dict)


@dataclass(slots=True)
class Evaluations:
    """What looks have found, for one transaction to write."""

    evaluations: list[EvaluationRow] = field(default_factory=list)
    notifications: list[tuple[Notification, str, int]] = field(default_factory=list)  # with file and look
    files: dict[str, FileRow] = field(default_factory=dict)
    lies: dict[Key, str] = field(default_factory=dict)  # the file, as it is now, of what was told or has moved
    regrounded: list[Notification] = field(default_factory=list)
    outbox: list[Outgoing] = field(default_factory=list)
    faults: int = 0
    seconds: float = 0.0  # spent looking, without what other tasks did meanwhile


def evaluate_files(
    service: Service, release: str, pseudonyms: Pseudonyms, states: Sequence[FileState], at: At, found: Evaluations
) -> None:
    """One evaluation of these files, as one where a place has moved between them; the states are brought to what is
    told.

    Those of one person's records are one file: its evaluations are numbered, timed and kept with the least of them.
    """
    began = time.monotonic()
    now = max([at.now, *(state.evaluated_at for state in states if state.evaluated_at is not None)])
    files = of_persons((state.case_file() for state in states), at.joins)
    delivered = {key: notification for state in states for key, notification in state.delivered.items()}
    evaluation = evaluate(files, delivered, service.rules, at.policy, at.read_to or NEVER, now)
    by_key = {state.key: state for state in states}
    leads = {state.key: by_key[person_of_record(state.key, at.joins)] for state in states}
    for file in files:
        by_key[file.key].evaluations += 1
    holders, delivered_before = _holders(states), len(found.notifications)
    _remember(service, pseudonyms, states, holders, leads, evaluation, at, found)
    for fault in evaluation.faults:
        log.error(Event.RULE_FAULTED, service=service.name, rule=fault.rule, error=fault.error, where=fault.where)
    found.faults += bool(evaluation.faults)
    note = _Note(service, release, pseudonyms, evaluation, at, now, found, found.notifications[delivered_before:])
    withheld = {state.key: _withheld_of(state, states, holders, evaluation) for state in states}
    for file in files:
        note.of(file, by_key[file.key], [state for state in states if leads[state.key].key == file.key], withheld)
    spent = time.monotonic() - began
    found.seconds += spent
    metrics.EVALUATION_SECONDS.labels(service.name).observe(spent)


def follow_places(states: Sequence[FileState], found: Evaluations) -> None:
    """Without an evaluation: what was told of a place that moved between these files goes with it."""
    _lay_delivered(states, _holders(states), found)


def fault_pause(tries: int) -> timedelta:
    """How long a file that faulted so often in a row, once at least, waits for its next evaluation."""
    return FAULT_PAUSES[min(tries, len(FAULT_PAUSES)) - 1]


def _remember(
    service: Service,
    pseudonyms: Pseudonyms,
    states: Sequence[FileState],
    holders: Mapping[str, FileState],
    leads: Mapping[str, FileState],
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
        holder = holders.get(notification.person, states[0])
        holder.delivered[notification.key] = notification
        found.lies[notification.key] = holder.key
        lead = leads[holder.key]
        found.notifications.append((notification, lead.key, lead.evaluations))
        found.outbox.append(wire.notification(notification, service.name, at.policy, pseudonyms))
    _lay_delivered(states, holders, found)


def _holders(states: Sequence[FileState]) -> Mapping[str, FileState]:
    """Of these files, by place, that of the person who stands there."""
    return {place: state for state in states for place, person in state.persons.items() if person == state.key}


def _lay_delivered(states: Sequence[FileState], holders: Mapping[str, FileState], found: Evaluations) -> None:
    """What was told of a place lies in the file of the person who stands there, with its answers."""
    for state in states:
        for key, notification in list(state.delivered.items()):
            holder = holders.get(notification.person, state)
            if holder is not state:
                holder.delivered[key] = state.delivered.pop(key)
                holder.answers |= {s: answer for s, answer in state.answers.items() if answer.key == key}
                found.lies[key] = holder.key


@dataclass(frozen=True, slots=True)
class _Note:
    """The record of an evaluation: what stood, whom it told, whom not and why."""

    service: Service
    release: str
    pseudonyms: Pseudonyms
    evaluation: Evaluation
    at: At
    now: datetime
    found: Evaluations
    delivered: Sequence[tuple[Notification, str, int]]  # by this evaluation

    def of(
        self, file: CaseFile, lead: FileState, states: Sequence[FileState], withheld: Mapping[str, dict[Key, Withheld]]
    ) -> None:
        """`states`: of the records of one person, `lead` the least of them; `withheld`: by record, what is now."""
        changed = [w for state in states for key, w in withheld[state.key].items() if state.withheld.get(key) != w]
        unexplained = {key for state in states for key in self.evaluation.unexplained if key in state.delivered}
        lead.faulted_tries = lead.faulted_tries + 1 if self.evaluation.faults else 0
        self.evaluation_row(lead, file.standing, changed, unexplained)
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
                self.service.name, lead.key, lead.evaluations, self.now, self.at.cause, self.at.event
            )
            row = wire.decision(which, notifications, changed, unexplained, self.at.policy, self.pseudonyms)
            self.found.outbox.append(row)

    def let_rest(self, state: FileState) -> None:
        """A record that is read with another of the same person: by itself nothing stands in its file."""
        if state.current_before:
            state.evaluations += 1
            self.evaluation_row(state, frozenset(), [], set())
        state.faulted_tries = 0
        self.found.files[state.key] = FileRow(state.key, state.evaluations, self.now, None, None, (), 0)

    def evaluation_row(
        self, state: FileState, standing: frozenset[str], changed: Iterable[Withheld], unexplained: Iterable[Key]
    ) -> None:
        self.found.evaluations.append(
            EvaluationRow(
                state.key,
                state.evaluations,
                self.now,
                self.at.read_to,
                self.at.cause,
                self.at.event,
                self.release,
                self.at.policy.version,
                sorted(standing - state.current_before),
                sorted(state.current_before - standing),
                json.dumps(
                    [{**w.key._asdict(), "kind": w.kind, "reason": w.reason, "grounds": w.grounds} for w in changed]
                ),
                ["/".join(key) for key in sorted(unexplained)],
                self.evaluation.faulted,
            )
        )
        state.current_before = standing


def _withheld_of(
    state: FileState, states: Sequence[FileState], holders: Mapping[str, FileState], evaluation: Evaluation
) -> dict[Key, Withheld]:
    """The withheld statements that are this file's: of several looked at as one, by the place in their subject."""

    def mine(subject: str) -> bool:
        for place, holder in holders.items():
            if subject == place or subject.startswith(f"{place}/") or subject.endswith(f"/{place}"):
                return holder is state
        return state is states[0]

    return {w.key: w for w in evaluation.withheld if len(states) == 1 or mine(w.key.subject)}
