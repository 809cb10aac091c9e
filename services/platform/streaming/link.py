"""Stage 4, link: which facts of a batch come to stand, where they then lie, and whose files each event touches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from schemas.court_convictions.v1 import OfAHearing
from schemas.matters import CRIME, crimes_in
from schemas.places import Place
from schemas.refusals import Refusal, RefusalReason
from services.platform.domain.core.facts import Fact
from services.platform.domain.core.file_keys import FileKey, UnlinkedFile
from services.platform.domain.linking.defendants import Knowing, are_two
from services.platform.domain.linking.links import Linkage, link
from services.platform.domain.linking.merged_records import Placeholder, person_of_record, records_named
from services.platform.domain.linking.references import defendant_ids
from services.platform.domain.linking.speaking import MaySpeak
from services.platform.storage.changes import Accepted, Change, Component
from services.platform.storage.reader import Matters, Statement
from services.platform.storage.undertakings import SPEAK_OF_TAKING_ON, asks_to_take_on, incident_of, says, word
from services.platform.streaming.admit import Admitted, Scope
from services.platform.streaming.decode import apart
from services.platform.streaming.judging import Judging

FILES_AT_ONCE = 40  # an event that concerns more makes the others due now

N = TypeVar("N", bound=str)


def link_events(admitted: Admitted, matters: Matters, judging: Judging, scope: Scope) -> list[Change | Refusal] | Scope:
    """What each record of the batch changes, given those before it, or why it is refused."""
    plan = Plan(matters, admitted.policy.is_placeholder, judging.may_speak, judging.knowing)
    known, changes = dict(admitted.known), list[Change | Refusal]()
    for decoded in admitted.records:
        event = decoded.event
        if isinstance(event, Refusal):
            changes.append(event)
        elif (before := known.get(event.fact.id)) is not None:
            changes.append(Change(event, "repeated") if before == event.said else _id_reused(event))
        else:
            known[event.fact.id] = event.said
            if event.is_answer:
                changes.append(_answer(event, admitted, plan, judging))
                continue
            his = plan.of_whom(event)
            if not his.names <= matters.names:
                return Scope(matters.names | his.names, scope.joins)
            changes.append(plan.apply(his))
    return changes


def evaluated_now(change: Change) -> list[FileKey]:
    """The files to evaluate in the batch itself: all, or of very many those between which a place moved."""
    if not change.touches:
        return []
    moved = {file for group in change.together for file in group}
    rest = [file for file in change.files if file not in moved]
    return sorted(moved) + (rest if len(change.files) <= FILES_AT_ONCE else [])


def changed_inside(change: Change) -> list[FileKey]:
    """The files in which more changes than the facts that lie there: answers, or what was delivered of a place."""
    if change.fate != "accepted":
        return []
    return list(change.files) if change.event.is_answer else [file for group in change.together for file in group]


def _id_reused(event: Accepted) -> Refusal:
    detail = "ce_id: used for another statement before; a correction is a new event with a higher factversion"
    return Refusal(RefusalReason.ID_REUSED, "validate", detail, event.fact.kind)


def _answer(event: Accepted, admitted: Admitted, plan: "Plan", judging: Judging) -> Change:
    """Put an answer into the file of the duty that it answers.

    An answer to another service's notification ends here; what it says of taking her on is still kept for her file. An
    answer to another agency's notification ends as if there were no such notification, so that its sender does not
    learn that there is one.
    """
    delivered, service = admitted.answers(event), judging.service
    if delivered is None:
        if service.owns != event.record.topic:
            return Change(event, "not_ours")
        return Change(event, "accepted", files=(UnlinkedFile("notification", event.fact.subject).key,))
    mine = delivered.service == service.name
    change = Change(event, "accepted", files=(FileKey(delivered.file),)) if mine else Change(event, "not_ours")
    if event.fact.kind in SPEAK_OF_TAKING_ON and asks_to_take_on(delivered.notification):
        change.crime, change.says = incident_of(delivered.notification), says(event.fact, delivered.notification)
        change.word = word(change.says, event.fact.rank, delivered.notification, delivered.delivered_in)
        if not mine:
            change.component = plan.at_crime(change.crime)
            at = change.component.linkage.persons.get(change.crime, {})
            change.files = (at[place],) if (place := Place(delivered.notification.person)) in at else ()
    return change


@dataclass
class Plan:
    """Applies the events of a batch, in order, to the matters that it has locked."""

    matters: Matters
    is_placeholder: Placeholder
    may_speak: MaySpeak
    knowing: Knowing
    _of: dict[str, Component] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for names, statements in _components(self.matters.names, self.matters.names_of):
            current = {s: self.matters.current[s].fact for s in statements if s in self.matters.current}
            seen = {fact.id: fact for fact in current.values()}
            at = list(crimes_in(names))
            linkage = Linkage(
                {i: self.matters.membership[i] for i in seen if i in self.matters.membership},
                {crime: self.matters.persons[crime] for crime in at if crime in self.matters.persons},
                {f.id: m for s, f in current.items() if (m := self.matters.current[s].missing)},
                {r: self.matters.joins[r] for r in records_named(names) if r in self.matters.joins},
            )
            words = {crime: self.matters.undertakings.get(crime, {}) for crime in at}
            component = Component(current, linkage, seen, linkage, words)
            self._of.update(dict.fromkeys(names, component))

    def of_whom(self, event: Accepted) -> Accepted:
        """The event as it came; of another man than he whose hearings stand by its identifiers, as one of his own."""
        his = event.fact.body
        if not isinstance(his, OfAHearing):
            return event
        heard = (fact.body for fact in self._of[next(iter(event.names))].current.values())
        by_his = (body for body in heard if isinstance(body, OfAHearing) and _by_one_identifier(body, his))
        anothers = any(are_two(body.defendant, his.defendant) for body in by_his)
        return apart(event, self.knowing) if anothers else event

    def at_crime(self, crime: str) -> Component:
        """The matters that the incident with this reference belongs to."""
        return self._of[f"{CRIME}{crime}"]

    def apply(self, event: Accepted) -> Change:
        """What this event changes, given those before it."""
        fact = event.fact
        component = self._of[next(iter(event.names))]
        rival = component.current.get(fact.statement)
        if rival is not None and (rival.rank >= fact.rank or _says_the_same_again(fact, rival)):
            return Change(event, "superseded", component)
        before = component.linkage
        component.current[fact.statement] = component.seen[fact.id] = fact
        after = link(component.current.values(), self.is_placeholder, self.may_speak)
        component.linkage = after
        touched = {
            file for i in differing(before, after) for lies in (before, after) for file in lies.membership.get(i, {})
        }
        touched.update(after.membership.get(fact.id, {}))
        joined = frozenset(r for r in {*before.joined, *after.joined} if before.joined.get(r) != after.joined.get(r))
        moved = [frozenset((old, new)) for old, new in _moved(before, after)]
        moved += [frozenset((r, *(person_of_record(r, by.joined) for by in (before, after)))) for r in sorted(joined)]
        touched.update(file for pair in moved for file in pair)
        return Change(
            event,
            "accepted",
            component,
            after,
            before,
            rival.id if rival else None,
            tuple(sorted(touched)),
            overlapping(moved),
            joined,
        )


def _by_one_identifier(one: OfAHearing, other: OfAHearing) -> bool:
    """Whether their sources call both defendants the same, or without a case the same at one hearing."""
    shared = not defendant_ids(one.references).isdisjoint(defendant_ids(other.references))
    return shared or one.hearing == other.hearing


def _says_the_same_again(fact: Fact, current: Fact) -> bool:
    """Whether a message repeats the current content, which is no amendment. This can only be said of versions by time
    of receipt: any other version is the source's own word."""
    return fact.version_basis == "receipt" and fact.digest == current.digest


def differing(before: Linkage, after: Linkage) -> set[str]:
    """The facts that lie elsewhere, or lack another link, after than before."""
    return {
        i
        for i in {*before.membership, *after.membership}
        if before.membership.get(i) != after.membership.get(i) or before.missing.get(i) != after.missing.get(i)
    }


def _moved(before: Linkage, after: Linkage) -> Iterable[tuple[FileKey, FileKey]]:
    """Persons before and after of every place that leads to another person now."""
    for crime, places in before.persons.items():
        for place, who in places.items():
            now = after.persons.get(crime, {}).get(place)
            if now is not None and now != who:
                yield who, now


def overlapping(sets: Iterable[frozenset[N]]) -> tuple[frozenset[N], ...]:
    """Those that share a member as one."""
    groups: list[frozenset[N]] = []
    for one in sets:
        touching = [group for group in groups if group & one]
        groups = [group for group in groups if not group & one] + [one.union(*touching)]
    return tuple(groups)


def _components(
    names: frozenset[str], names_of: Mapping[Statement, set[str]]
) -> Iterable[tuple[frozenset[str], list[Statement]]]:
    parent = {name: name for name in names}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for own in names_of.values():
        first, *others = sorted(own)
        for other in others:
            parent[root(other)] = root(first)
    groups: dict[str, tuple[set[str], list[Statement]]] = {}
    for name in names:
        groups.setdefault(root(name), (set(), []))[0].add(name)
    for statement, own in names_of.items():
        groups[root(min(own))][1].append(statement)
    for members, statements in groups.values():
        yield frozenset(members), statements
