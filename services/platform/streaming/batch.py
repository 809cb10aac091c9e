"""One batch in memory: which facts come to stand, where they then lie, and whose files each event touches."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from schemas.bounded_json import canonical
from schemas.envelope import fact_id
from schemas.matters import CRIME
from schemas.registry import Received, subject_of
from schemas.values import Body
from services.platform.domain.core.facts import Fact
from services.platform.domain.linking.defendants import HEARD, Heard, Knowing, are_two
from services.platform.domain.linking.links import Linkage, link
from services.platform.domain.linking.merged_records import Placeholder, person_of_record, records_named
from services.platform.domain.linking.references import crimes, defendant_ids, references
from services.platform.domain.linking.speaking import MaySpeak
from services.platform.storage.changes import Accepted, Change, Component
from services.platform.storage.reader import FileState, Matters, Statement
from services.platform.storage.records import Record
from services.platform.storage.undertakings import hear

RESTATED = ("references", "hearing", "defendant", "force_code")


def accepted(record: Record, received: Received) -> Accepted:
    """The event as a fact."""
    envelope = received.envelope
    digest = hashlib.sha256(
        b"\x1f".join((envelope.type.encode(), envelope.subject.encode(), received.content))
    ).digest()
    fact = Fact(
        id=fact_id(envelope.source, envelope.id),
        kind=received.kind,
        subject=envelope.subject,
        version=envelope.factversion,
        at=envelope.time,
        body=received.body,
        version_basis=envelope.version_basis,
        digest=digest,
    )
    # A version of receipt is another each time that the same message comes.
    version = b"" if fact.version_basis == "receipt" else str(fact.version).encode()
    return Accepted(record, received, fact, digest, hashlib.sha256(digest + version).digest(), references(fact))


def restated(event: Accepted, body: Body) -> Accepted:
    """The same event, its body by other references: what is stored and linked is that. It is known again by what came,
    so `said` and `digest` stay."""
    written = body.model_dump(mode="json", exclude_defaults=True)
    kept = {name: value for name, value in json.loads(event.received.content).items() if name not in RESTATED}
    content = canonical(kept | {name: written[name] for name in RESTATED if name in written})
    subject = str(subject_of(body))
    envelope = replace(event.received.envelope, subject=subject)
    fact = replace(event.fact, subject=subject, body=body)
    received = event.received._replace(envelope=envelope, body=body, content=content)
    return replace(event, received=received, fact=fact, names=references(fact))


def apart(event: Accepted, knowing: Knowing) -> Accepted:
    """The event of one whose identifiers are another's; anything but a hearing as it is."""
    body = event.fact.body
    if not isinstance(body, HEARD):
        return event
    return restated(event, knowing.apart(body, event.received.envelope.source, event.digest.hex()))


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
            standing = {s: self.matters.standing[s].fact for s in statements if s in self.matters.standing}
            seen = {fact.id: fact for fact in standing.values()}
            at = [name.removeprefix("crime:") for name in names if name.startswith("crime:")]
            linkage = Linkage(
                {i: self.matters.membership[i] for i in seen if i in self.matters.membership},
                {crime: self.matters.persons[crime] for crime in at if crime in self.matters.persons},
                {f.id: m for s, f in standing.items() if (m := self.matters.standing[s].missing)},
                {r: self.matters.joins[r] for r in records_named(names) if r in self.matters.joins},
            )
            words = {crime: self.matters.undertakings.get(crime, {}) for crime in at}
            component = Component(standing, linkage, seen, linkage, words)
            self._of.update(dict.fromkeys(names, component))

    def of_whom(self, event: Accepted) -> Accepted:
        """The event as it came; of another man than he whose hearings stand by its identifiers, as one of his own."""
        his = event.fact.body
        if not isinstance(his, HEARD):
            return event
        heard = (fact.body for fact in self._of[next(iter(event.names))].standing.values())
        by_his = (body for body in heard if isinstance(body, HEARD) and _by_one_identifier(body, his))
        anothers = any(are_two(body.defendant, his.defendant) for body in by_his)
        return apart(event, self.knowing) if anothers else event

    def at_crime(self, crime: str) -> Component:
        """The matters that the incident with this reference belongs to."""
        return self._of[f"{CRIME}{crime}"]

    def apply(self, event: Accepted) -> Change:
        """What this event changes, given those before it."""
        fact = event.fact
        component = self._of[next(iter(event.names))]
        rival = component.standing.get(fact.statement)
        if rival is not None and (rival.rank >= fact.rank or _says_the_same_again(fact, rival)):
            return Change(event, "superseded", component)
        before = component.linkage
        component.standing[fact.statement] = component.seen[fact.id] = fact
        after = link(component.standing.values(), self.is_placeholder, self.may_speak)
        component.linkage = after
        touched = {
            file for i in _differing(before, after) for lies in (before, after) for file in lies.membership.get(i, {})
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


def _by_one_identifier(one: Heard, other: Heard) -> bool:
    """Whether their sources call both defendants the same, or without a case the same at one hearing."""
    shared = not defendant_ids(one.references).isdisjoint(defendant_ids(other.references))
    return shared or one.hearing == other.hearing


def _says_the_same_again(fact: Fact, standing: Fact) -> bool:
    """A message that repeats what stands is no amendment. Only where receipt orders them can it be told apart: its
    version is no word of its source's."""
    return fact.version_basis == "receipt" and fact.digest == standing.digest


def apply_to_files(change: Change, files: Mapping[str, FileState]) -> None:
    """Brings the locked files to where this change leaves them."""
    if change.before is None or change.linkage is None or change.component is None:
        return
    facts = change.component.seen
    for i in _differing(change.before, change.linkage) | {change.event.fact.id}:
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


def _differing(before: Linkage, after: Linkage) -> set[str]:
    return {
        i
        for i in {*before.membership, *after.membership}
        if before.membership.get(i) != after.membership.get(i) or before.missing.get(i) != after.missing.get(i)
    }


def _moved(before: Linkage, after: Linkage) -> Iterable[tuple[str, str]]:
    """Persons before and after of every place that leads to another person now."""
    for crime, places in before.persons.items():
        for place, who in places.items():
            now = after.persons.get(crime, {}).get(place)
            if now is not None and now != who:
                yield who, now


def overlapping(sets: Iterable[frozenset[str]]) -> tuple[frozenset[str], ...]:
    """Those that share a member as one."""
    groups: list[frozenset[str]] = []
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
