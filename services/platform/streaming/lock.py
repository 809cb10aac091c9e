"""Stage 3, lock: the references of a batch with all that belong together, and later the files that its events touch.

Both are locked in the order of their keys, so that no two batches wait for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.matters import CRIME
from schemas.refusals import Refusal
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.linking.merged_records import Joined, together
from services.platform.storage.changes import Change
from services.platform.storage.reader import FileState, Matters, Reader
from services.platform.storage.rows import Connection
from services.platform.storage.undertakings import SPEAK_OF_TAKING_ON, asks_to_take_on, incident_of
from services.platform.streaming.admit import Admitted, Scope
from services.platform.streaming.link import changed_inside, evaluated_now


@dataclass(frozen=True, slots=True)
class Files:
    """The locked files that are to be evaluated or changed inside, and what merges join in them."""

    states: dict[FileKey, FileState]
    joins: dict[FileKey, Joined]


async def lock_matters(conn: Connection, reader: Reader, admitted: Admitted, scope: Scope) -> Matters | Scope:
    """Lock all references that belong together with those of the new events, and read the facts there."""
    events = admitted.new_events
    linkable = [event for event in events if not event.is_answer]
    asked_for = scope.names | _taken_on_at(admitted, reader.service)
    wanted = asked_for.union(*(event.names for event in linkable))
    found = admitted.names_of
    if not_seen := asked_for - frozenset[str]().union(*found.values()):
        found = found | await reader.named_at(conn, not_seen)
    names_of = {statement: set(own) for statement, own in found.items() if not wanted.isdisjoint(own)}
    for event in linkable:
        names_of.setdefault(event.fact.statement, set()).update(event.names)
    closed, names_of = await reader.closed(conn, wanted, names_of)
    matters = await reader.lock_matters(conn, closed, names_of)
    return Scope(matters, scope.joins) if isinstance(matters, frozenset) else matters


async def lock_files(
    conn: Connection, reader: Reader, admitted: Admitted, changes: Sequence[Change | Refusal], scope: Scope
) -> Files | Scope:
    """Locks all files that these changes touch, with all of the same persons; `scope` says what merges were seen to
    join before. Adds to each merge the files beside it: those that say of somebody that one of its records is theirs.
    """
    made = [change for change in changes if isinstance(change, Change)]
    for change in made:
        if change.joined:
            change.files = tuple(sorted({*change.files, *await reader.files_beside(conn, change.joined)}))
    touched = together({file for change in made for file in change.files}, scope.joins)
    inside = {file for change in made for file in changed_inside(change)}
    now = set() if admitted.reached.catching_up else {file for change in made for file in evaluated_now(change)}
    load = together(now | inside, scope.joins)
    named = {who for c in made if c.linkage for at in c.linkage.persons.values() for who in at.values()}
    states, joins, answered = await reader.lock_files(conn, touched, load, named, admitted.answered)
    joined = frozenset[FileKey]().union(*(change.joined for change in made))
    if not (together(touched, joins) <= touched and together(load, joins) <= states.keys()) or (
        joined and not await reader.files_beside(conn, joined) <= touched
    ):
        # Merges join more than was supposed, or something has been committed meanwhile that these concern.
        return Scope(scope.names, {**scope.joins, **joins})
    if touched and answered != admitted.answered:
        return scope  # a place moved meanwhile: what was answered lies in another file now
    return Files(states, joins)


def _taken_on_at(admitted: Admitted, service: str) -> frozenset[str]:
    """The incidents at which people stand whom other services asked to take on, as the answers of a batch say."""
    events = (event for event in admitted.new_events if event.fact.kind in SPEAK_OF_TAKING_ON)
    delivered = (found for event in events if (found := admitted.answers(event)) is not None)
    foreign = (found.notification for found in delivered if found.service != service)
    return frozenset(f"{CRIME}{incident_of(notification)}" for notification in foreign if asks_to_take_on(notification))
