"""Facts with versions, and the case file of one person or one reference: all that rules may read."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar, cast

from schemas.agency_responses.v1 import AgencyBody
from schemas.attachments import Link, OfAnIncident
from schemas.places import Place, crime_of
from schemas.police_incidents.v1 import IncidentReported
from schemas.streams import REGISTRY
from schemas.values import Body, Withdrawn
from services.platform.domain.core.file_keys import FileKey, is_unlinked

INCIDENTS_REMEMBERED = 4_000  # each with its statements takes about 20 kB
OF_AN_INCIDENT = frozenset(each.newest for each in REGISTRY.facts.values() if isinstance(each.attachment, OfAnIncident))
B = TypeVar("B", bound=Body)
W = TypeVar("W")
LINKING = frozenset(name for name, each in REGISTRY.facts.items() if isinstance(each.attachment, Link))


class Key(NamedTuple):
    """A duty's identity. The subject is a place in a matter, never a person, so that no merge tells anybody again."""

    rule: str
    subject: str
    agency: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One accepted statement, whole. A correction is a higher version; `withdrawn` takes the subject back.

    `id` is made of the event's source and id (`schemas.envelope.fact_id`), `kind` its type without the version,
    `at` the time at which its source recorded it. `digest`: of its content, where that is known.
    """

    id: str
    kind: str
    subject: str
    version: int
    at: datetime
    body: Body
    version_basis: Literal["source", "written", "receipt"] = "source"
    digest: bytes = b""

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        """By content, not by id alone: what was read and not committed may come again with another content. Digests are
        compared where both are known, because a long file asks for every fact of it, and a body has many parts."""
        if not isinstance(other, Fact):
            return NotImplemented
        known = (self.id, self.kind, self.subject, self.version, self.at, self.version_basis)
        if known != (other.id, other.kind, other.subject, other.version, other.at, other.version_basis):
            return False
        if self.digest and other.digest:
            return self.digest == other.digest
        return self.body == other.body

    @property
    def withdrawn(self) -> bool:
        return isinstance(self.body, Withdrawn)

    @property
    def statement(self) -> tuple[str, str]:
        """The statement that it is a version of. Each agency makes its own statements: another agency's cannot take
        their place. A link made and a link refused are one statement: the higher version is current."""
        kind, subject = self.about
        if isinstance(self.body, AgencyBody):
            return (f"{kind}/{self.body.agency}", subject)
        return (kind, subject)

    @property
    def about(self) -> tuple[str, str]:
        """The question that it answers, whichever agency says it."""
        return ("uk.agency.link" if self.kind in LINKING else self.kind, self.subject)

    @property
    def rank(self) -> tuple[int, datetime, str]:
        """The order of versions: the highest is current; of two contents with one version the later by source time,
        then by id."""
        return (self.version, self.at, self.id)


def in_the_world(fact: Fact) -> tuple[object, ...]:
    """Sort key of facts: when it was true, then its id."""
    return (fact.body.occurred_at, fact.id)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agency said to one notification: the fact, with the duty and revision that its notification resolved to,
    and when the broker had it; None: when it was given."""

    fact: Fact
    key: Key
    revision: int
    came: datetime | None = None


@dataclass(frozen=True, slots=True)
class Undertaking:
    """What an agency answered when any service asked it to take on the person at a place.

    `key`: the duty by which it was asked; `arose`: when there was cause for that. `file`: the file from which it was
    asked: the answer counts for that person alone, wherever the place leads by now. `takes_on`: False if it declines.
    """

    fact: str
    at: datetime
    key: Key
    place: Place
    file: FileKey
    arose: datetime
    takes_on: bool


@dataclass(frozen=True)
class CaseFile:
    """All current facts that concern one person, or one reference that leads to nobody yet.

    `key`: `record:<system>:<id>` or `place:<place>` for a person; `unlinked:<kind>:<reference>` for a reference.
    `facts`: in the order of the world, without withdrawn and superseded ones. `persons`: each place of these matters,
    with the key of the person it leads to. `links`: fact id to the ids of the facts that lead from it to this file (a
    charge, a link made, an attribution). `unlinked`: in an unlinked file, ids of facts that lead to nobody, each with
    the link that is missing. `answers`: to notifications of its duties; an evaluation gives rules only those that
    count.

    `joined`: for records that current merges join, the person whose file is read as this one or named in `persons`.
    `records`: each place with the record that is stated there, before any merge; empty where no merge joins them.
    `undertakings`: what agencies answered about taking on the people at these places.
    """

    key: FileKey
    facts: tuple[Fact, ...] = ()
    persons: Mapping[Place, FileKey] = field(default_factory=dict)
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlinked: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    joined: Mapping[FileKey, FileKey] = field(default_factory=dict)
    records: Mapping[Place, FileKey] = field(default_factory=dict)
    undertakings: tuple[Undertaking, ...] = ()

    @cached_property
    def words_on_her(self) -> Mapping[Key, Undertaking]:
        """The latest answer of each agency about taking this person on, by the duty that asked. If an agency takes her
        on again and again, the first answer counts: since then she is with it."""
        found: dict[Key, Undertaking] = {}
        for word in sorted(self.undertakings, key=lambda word: (word.at, word.fact)):
            if word.place not in self.own_places or self.key not in (word.file, self.joined.get(word.file)):
                continue
            before = found.get(word.key)
            if before is None or before.takes_on is not word.takes_on:
                found[word.key] = word
        return found

    @cached_property
    def current(self) -> frozenset[str]:
        """Ids of all facts, linking facts and answers that a duty of this file may rest on."""
        return (
            frozenset(f.id for f in self.facts)
            | {i for ids in self.links.values() for i in ids}
            | {a.fact.id for a in self.answers}
        )

    @cached_property
    def own_places(self) -> frozenset[Place]:
        """The places at which the person of this file stands."""
        return frozenset(place for place, person in self.persons.items() if person == self.key)

    @property
    def is_unlinked(self) -> bool:
        return is_unlinked(self.key)

    @cached_property
    def _by_body(self) -> Mapping[type[Body], tuple[Fact, ...]]:
        found: dict[type[Body], list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(type(fact.body), []).append(fact)
        return {body: tuple(facts) for body, facts in found.items()}

    def without(self, ids: Collection[str]) -> "CaseFile":
        """The same without these facts, and led to by none of them."""
        facts = tuple(fact for fact in self.facts if fact.id not in ids)
        links = {fact: tuple(i for i in through if i not in ids) for fact, through in self.links.items()}
        return replace(self, facts=facts, links={fact: through for fact, through in links.items() if through})

    def holds(self, bodies: Collection[type[Body]]) -> bool:
        """Whether a current fact has one of these bodies."""
        return not self._by_body.keys().isdisjoint(bodies)

    @cached_property
    def _worked_out(self) -> dict[Callable[["CaseFile"], Any], Any]:
        return {}

    def once(self, work: Callable[["CaseFile"], W]) -> W:
        """What this function gives of this file, worked out once: several rules of an evaluation ask it."""
        if work not in self._worked_out:
            self._worked_out[work] = work(self)
        return cast(W, self._worked_out[work])

    @cached_property
    def incidents(self) -> tuple["Incident", ...]:
        """Each incident of this file by itself, in the order of the reports."""
        facts: dict[str, list[Fact]] = {body.crime_reference: [] for _, body in self.of(IncidentReported)}
        for fact in self.facts:
            if type(fact.body) in OF_AN_INCIDENT:
                facts.setdefault(fact.body.crime_reference, []).append(fact)  # type: ignore[attr-defined]
        persons: dict[str, list[tuple[Place, FileKey]]] = {crime: [] for crime in facts}
        for place, person in self.persons.items():
            if (known := persons.get(crime_of(place))) is not None:
                known.append((place, person))
        words = tuple(replace(word, file=self.key) for word in self.words_on_her.values())
        asked_at = [(word.place, self.key) for word in words]
        return tuple(
            Incident(
                self.key,
                tuple(those),
                tuple(dict.fromkeys([*persons[crime], *asked_at])),
                tuple([self.links.get(fact.id, ()) for fact in those]) if self.links else (),
                words,
            )
            for crime, those in facts.items()
        )

    def of(self, body: type[B]) -> Iterable[tuple[Fact, B]]:
        """The current facts with this body, in the order of the world."""
        for fact in self._by_body.get(body, ()):
            assert isinstance(fact.body, body)  # noqa: S101 - the index is keyed by it
            yield fact, fact.body

    def with_bodies(self, bodies: Iterable[type[Body]]) -> Iterable[Fact]:
        """The current facts with one of these bodies."""
        return (fact for body in bodies for fact in self._by_body.get(body, ()))

    def grounds(self, *facts: Fact) -> tuple[str, ...]:
        """The ids of these facts and of what links them to this file, each once, in a fixed order."""
        return tuple(sorted({i for fact in facts for i in (fact.id, *self.links.get(fact.id, ()))}))


@dataclass(frozen=True, slots=True)
class Incident:
    """What one file knows of one incident: the report, later views of the risk and the children, and who stands where.

    Two are equal if the same facts, led here by the same links, are known about the same people in the same person's
    file. `links`: for each fact the ids of those that lead to it; empty where none do. `undertakings`: what agencies
    answered about taking that person on, at any of her places.
    """

    key: FileKey
    facts: tuple[Fact, ...]
    persons: tuple[tuple[Place, FileKey], ...]
    links: tuple[tuple[str, ...], ...]
    undertakings: tuple[Undertaking, ...] = ()

    def __hash__(self) -> int:
        # A long file asks of every one: the rest is compared.
        return hash((self.key, self.facts[0].id if self.facts else None))

    def file(self) -> CaseFile:
        """The same as a file of its own."""
        links = {fact.id: ids for fact, ids in zip(self.facts, self.links, strict=False) if ids}
        return CaseFile(self.key, self.facts, dict(self.persons), links, undertakings=self.undertakings)
