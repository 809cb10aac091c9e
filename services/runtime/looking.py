"""Looks at locked files: the rules' difference between owed and told, gathered to be written with the batch."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from services.casefile import judge
from services.casefile.duties import Look, Notice, Withheld
from services.casefile.facts import CaseFile, Key
from services.policy.policy import Policy
from services.runtime import metrics, wire
from services.runtime.ledger import FileRow, LookRow
from services.runtime.logs import Event
from services.runtime.pseudonyms import Pseudonyms
from services.runtime.service import Service
from services.runtime.store import FileState

NEVER = datetime.min.replace(tzinfo=UTC)
FAULT_PAUSES = (timedelta(seconds=30), timedelta(minutes=5), timedelta(hours=1), timedelta(hours=6))

log = structlog.get_logger("relay")


@dataclass(frozen=True, slots=True)
class At:
    """The circumstances of a look: the one clock, how far the streams were read, the policy, and what caused it."""

    now: datetime
    read_to: datetime | None
    policy: Policy
    cause: wire.Cause
    event: str | None = None


@dataclass(slots=True)
class Looked:
    """What looks have found, for one transaction to write."""

    looks: list[LookRow] = field(default_factory=list)
    notices: list[tuple[Notice, str, int]] = field(default_factory=list)  # with file and look
    files: dict[str, FileRow] = field(default_factory=dict)
    moved: list[tuple[str, str, str, str]] = field(default_factory=list)  # rule, subject, agency, the file it is in now
    regrounded: list[Notice] = field(default_factory=list)
    outbox: list[wire.Outgoing] = field(default_factory=list)
    faults: int = 0
    seconds: float = 0.0  # spent looking, without what other tasks did meanwhile


def look_at(
    service: Service, release: str, pseudonyms: Pseudonyms, states: Sequence[FileState], at: At, found: Looked
) -> None:
    """One look at these files, as one where a place has moved between them; the states are brought to what is told."""
    began = time.monotonic()
    now = max([at.now, *(state.looked_at for state in states if state.looked_at is not None)])
    files = [state.case_file() for state in states]
    told = {key: notice for state in states for key, notice in state.told.items()}
    look = judge.look(files, told, service.rules, at.policy, at.read_to or NEVER, now)
    for state in states:
        state.looks += 1
    holders = _holders(states)
    _remember(service, pseudonyms, states, holders, look, at, found)
    for fault in look.faults:
        log.error(Event.RULE_FAULTED, service=service.name, rule=fault.rule, error=fault.error, where=fault.where)
    found.faults += bool(look.faults)
    for state, file in zip(states, files, strict=True):
        _note(
            service, release, pseudonyms, state, file, _withheld_of(state, states, holders, look), look, at, now, found
        )
    metrics.LOOKS.labels(service.name, at.cause).inc()
    spent = time.monotonic() - began
    found.seconds += spent
    metrics.LOOK_SECONDS.labels(service.name).observe(spent)


def follow_places(states: Sequence[FileState], found: Looked) -> None:
    """Without a look: what was told of a place that moved between these files goes with it."""
    _lay_told(states, _holders(states), found)


def fault_pause(tries: int) -> timedelta:
    """How long a file that faulted so often in a row, once at least, waits for its next look."""
    return FAULT_PAUSES[min(tries, len(FAULT_PAUSES)) - 1]


def _remember(
    service: Service,
    pseudonyms: Pseudonyms,
    states: Sequence[FileState],
    holders: Mapping[str, FileState],
    look: Look,
    at: At,
    found: Looked,
) -> None:
    """What was told, in the file of the person whose place it is about."""
    for notice in look.regrounded:
        for state in states:
            if notice.key in state.told:
                state.told[notice.key] = notice
    found.regrounded += look.regrounded
    for notice in look.notices:
        for state in states:
            state.told.pop(notice.key, None)
        holder = holders.get(notice.person, states[0])
        holder.told[notice.key] = notice
        found.notices.append((notice, holder.key, holder.looks))
        found.outbox.append(wire.notification(notice, service.name, at.policy, pseudonyms))
        metrics.NOTICES.labels(service.name, notice.kind).inc()
    _lay_told(states, holders, found)


def _holders(states: Sequence[FileState]) -> Mapping[str, FileState]:
    """Of these files, by place, that of the person who stands there."""
    return {place: state for state in states for place, person in state.persons.items() if person == state.key}


def _lay_told(states: Sequence[FileState], holders: Mapping[str, FileState], found: Looked) -> None:
    """What was told of a place lies in the file of the person who stands there, with its answers."""
    for state in states:
        for key, notice in list(state.told.items()):
            holder = holders.get(notice.person, state)
            if holder is not state:
                holder.told[key] = state.told.pop(key)
                holder.answers |= {s: answer for s, answer in state.answers.items() if answer.key == key}
                found.moved.append((*key, holder.key))


def _note(
    service: Service,
    release: str,
    pseudonyms: Pseudonyms,
    state: FileState,
    file: CaseFile,
    withheld: dict[Key, Withheld],
    look: Look,
    at: At,
    now: datetime,
    found: Looked,
) -> None:
    """The record of this look: what stood, whom it told, whom not and why."""
    changed = [statement for key, statement in withheld.items() if state.withheld.get(key) != statement]
    unexplained = {key for key in look.unexplained if key in state.told}
    added, removed = file.standing - state.stood, state.stood - file.standing
    state.withheld, state.unexplained, state.stood, state.looked_at = withheld, unexplained, file.standing, now
    state.faulted_tries = state.faulted_tries + 1 if look.faults else 0
    again = look.look_again_at
    if look.faults:
        retry = now + fault_pause(state.faulted_tries)
        again = retry if again is None else min(again, retry)
    found.files[state.key] = FileRow(
        state.key, state.looks, now, again, look.held_back_until, look.faulted, state.faulted_tries
    )
    found.looks.append(
        LookRow(
            state.key,
            state.looks,
            now,
            at.read_to,
            at.cause,
            at.event,
            release,
            at.policy.version,
            sorted(added),
            sorted(removed),
            json.dumps([[*w.key, w.kind, w.reason, w.grounds] for w in changed]),
            ["/".join(key) for key in sorted(unexplained)],
            look.faulted,
        )
    )
    notices = [n for n, key, number in found.notices if (key, number) == (state.key, state.looks)]
    if notices or changed or unexplained:
        which = wire.LookName(service.name, state.key, state.looks, now, at.cause, at.event)
        found.outbox.append(wire.decision(which, notices, changed, unexplained, at.policy, pseudonyms))


def _withheld_of(
    state: FileState, states: Sequence[FileState], holders: Mapping[str, FileState], look: Look
) -> dict[Key, Withheld]:
    """The withheld statements that are this file's: of several looked at as one, by the place in their subject."""

    def mine(subject: str) -> bool:
        for place, holder in holders.items():
            if subject == place or subject.startswith(f"{place}/") or subject.endswith(f"/{place}"):
                return holder is state
        return state is states[0]

    return {w.key: w for w in look.withheld if len(states) == 1 or mine(w.key.subject)}
