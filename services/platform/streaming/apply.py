"""Brings locked files to where a change leaves them, before they are evaluated."""

from collections.abc import Mapping, Sequence

from schemas.places import Place
from services.platform.domain.core.facts import Answer, Key
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.linking.merged_records import Joined
from services.platform.domain.linking.references import crimes
from services.platform.storage.changes import Change
from services.platform.storage.reader import FileState
from services.platform.storage.undertakings import hear
from services.platform.streaming.admit import Admitted
from services.platform.streaming.link import differing
from services.platform.streaming.lock import Files


def apply_change(change: Change, files: Files, admitted: Admitted, lies: dict[Key, str]) -> None:
    """Changes that come before it in the batch must have been applied. `lies`: the file of what was delivered, as it
    moves."""
    _facts(change, files.states)
    _answer(change, files.states, admitted)
    _word(change, files.states)
    _merges(change, files.joins)
    for group in change.together:
        states = [files.states[file] for file in sorted(group)]
        lay_delivered(states, holders_of(states), lies)


def _facts(change: Change, files: Mapping[FileKey, FileState]) -> None:
    """The facts that lie in these files now, and who stands at the places of their incidents."""
    if change.before is None or change.linkage is None or change.component is None:
        return
    facts = change.component.seen
    for i in differing(change.before, change.linkage) | {change.event.fact.id}:
        for file in change.before.membership.get(i, {}):
            if file in files:
                files[file].facts.pop(i, None)
        for file, through in change.linkage.membership.get(i, {}).items():
            if file in files:
                files[file].facts[i] = (facts[i], through, change.linkage.missing.get(i))
    places = {place for at in (*change.before.persons.values(), *change.linkage.persons.values()) for place in at}
    for key in change.files:
        if key in files:
            state = files[key]
            state.persons = {place: who for place, who in state.persons.items() if place not in places}
            for crime in {crime for fact, _, _ in state.facts.values() for crime in crimes(fact)}:
                state.persons.update(change.linkage.persons.get(crime, {}))
                hear(state.undertakings, change.component.undertakings.get(crime, {}).items())


def _answer(change: Change, states: Mapping[FileKey, FileState], admitted: Admitted) -> None:
    """An answer, in the file of the duty that it answers."""
    event = change.event
    if not event.is_answer or change.fate != "accepted":
        return
    state, delivered = states[change.files[0]], admitted.answers(event)
    if delivered is None:
        older = [i for i, (fact, _, _) in state.facts.items() if fact.statement == event.fact.statement]
        if all(state.facts[i][0].rank < event.fact.rank for i in older):
            for i in older:
                del state.facts[i]
            state.facts[event.fact.id] = (event.fact, (), admitted.why_unanswered(event))
        return
    # An event before it in the batch may have moved what was delivered into another file.
    holder = next((each for each in states.values() if delivered.key in each.delivered), state)
    change.files = (holder.key,)
    before = holder.answers.get(event.fact.statement)
    if before is None or before.fact.rank < event.fact.rank:
        came = admitted.came(event.record)
        holder.answers[event.fact.statement] = Answer(event.fact, delivered.key, delivered.revision, came)


def _word(change: Change, states: Mapping[FileKey, FileState]) -> None:
    """What was said of taking her on, in her file, and for those whom the incident comes to concern in this batch."""
    if change.word is None or change.crime is None:
        return
    said = [(change.event.fact.statement, change.word)]
    for file in change.files:
        if file in states:
            hear(states[file].undertakings, said)
    if change.component is not None:
        hear(change.component.undertakings[change.crime], said)


def _merges(change: Change, joins: dict[FileKey, Joined]) -> None:
    """What merges join once this event is accepted."""
    if change.joined and change.before is not None and change.linkage is not None:
        for record in change.before.joined:
            joins.pop(record, None)
        joins |= change.linkage.joined


def holders_of(states: Sequence[FileState]) -> Mapping[Place, FileState]:
    """By place, the file of the person who stands there, among these files."""
    return {place: state for state in states for place, person in state.persons.items() if person == state.key}


def lay_delivered(states: Sequence[FileState], holders: Mapping[Place, FileState], lies: dict[Key, str]) -> None:
    """Move what was delivered about a place, and its answers, into the file of the person who stands there now.

    `lies`: the file of each key that has moved.
    """
    for state in states:
        for key, notification in list(state.delivered.items()):
            holder = holders.get(Place(notification.person), state)
            if holder is not state:
                holder.delivered[key] = state.delivered.pop(key)
                for statement in [s for s, answer in state.answers.items() if answer.key == key]:
                    holder.answers[statement] = state.answers.pop(statement)
                lies[key] = holder.key
