"""A notification carries only what its recipient may see, by a table that was written from the law and not from policy.

Every example, and thousands of facts made up at random, go through the real linker, rules, escalation and projection
with the policy that ships; what leaves is held against the second table item by item, and value by value.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from schemas.agency_responses.v1 import SchoolIdentified
from schemas.catalogue import EXAMPLES, examples_in
from schemas.classes import DataClass, Marked
from schemas.field_errors import models_in
from schemas.places import Place, child_place, party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported
from schemas.registry import REGISTRY, Publication, publication
from schemas.values import Body, Role
from services.convictions.rules import RULES as CONVICTIONS
from services.incidents.rules import RULES as INCIDENTS
from services.order_variations.rules import RULES as ORDER_VARIATIONS
from services.platform.domain.core.duties import Notification
from services.platform.domain.core.facts import Fact, Key
from services.platform.domain.core.file_keys import FileKey
from services.platform.domain.core.matter import marks
from services.platform.domain.linking.links import current_facts
from services.platform.storage.outgoing import Outgoing
from services.platform.storage.pseudonyms import Pseudonyms
from services.platform.storage.records import headers_from_text
from services.platform.streaming import wire
from services.responses.rules import RULES as RESPONSES
from tests.contract import grants_by_hand as by_hand
from tests.contract.orders_by_hand import protected_beside
from tests.contract.whole_matters import Author, Matter, Planted
from tests.support import builders as b
from tests.unit.domain.small import World

PSEUDONYMS = Pseudonyms(b"a secret of the tests")
RULES = (*INCIDENTS, *CONVICTIONS, *ORDER_VARIATIONS, *RESPONSES)
KIND = {agency.id: agency.kind for agency in b.shipped().agencies}
SCHOOLS = {agency.id: agency.schools for agency in b.shipped().agencies if agency.kind == "dsl"}
AGENCY = re.compile(rf"(?<![\w-])(?:{'|'.join(sorted(KIND, key=len, reverse=True))})(?![\w-])")
MARKED = re.compile(r"Zq\d{4}x")
DAY = timedelta(days=1)


@dataclass
class Known:
    """What is so in a matter, read from its facts alone: who stands where, in which role, and which school is whose."""

    persons: dict[str, str]
    roles: dict[str, Role] = field(default_factory=dict)
    schools: dict[str, frozenset[str]] = field(default_factory=dict)
    incidents: dict[str, IncidentReported] = field(default_factory=dict)
    current: list[Fact] = field(default_factory=list)
    crimes: dict[str, set[str]] = field(default_factory=dict)

    def same(self, place: str, other: str) -> bool:
        return self.persons.get(place, place) == self.persons.get(other, other)

    def beside(self, place: str, person: str) -> bool:
        """Whether a place belongs to an incident in which this person stands."""
        return place.partition("/")[0] in self.crimes.get(self.persons.get(person, person), {person.partition("/")[0]})


def as_text(persons: Mapping[Place, FileKey]) -> dict[str, str]:
    """The same as plain texts: this statement of the law knows no types of the rules."""
    return {str(place): str(person) for place, person in persons.items()}


def known(facts: tuple[Fact, ...], persons: Mapping[str, str]) -> Known:
    found = Known(dict(persons), current=current_facts(facts))
    for place, person in persons.items():
        found.crimes.setdefault(person, set()).add(place.partition("/")[0])
    for fact in found.current:
        match fact.body:
            case IncidentReported() as body:
                found.incidents[body.crime_reference] = body
                for party in body.parties:
                    role = Role.UNRESOLVED if unresolved(body) else party.role
                    place = party_place(body.crime_reference, party.number)
                    found.roles[place] = role
                    if party.school_urns:
                        found.schools[place] = frozenset(party.school_urns)
            case ChildrenLinked() as body:
                for child in body.children:
                    place = child_place(body.crime_reference, child.number, body.stated_by)
                    found.schools[place] = found.schools.get(place, frozenset()) | frozenset(child.school_urns)
            case SchoolIdentified() as body:
                found.schools[body.place] = found.schools.get(body.place, frozenset()) | frozenset(body.school_urns)
    return found


def unresolved(incident: IncidentReported) -> bool:
    return incident.primary_perpetrator == "unresolved" or Role.UNRESOLVED in {p.role for p in incident.parties}


@dataclass
class Checked:
    """Everything that left, with what is wrong about it."""

    said: dict[Key, frozenset[tuple[Any, ...]]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    notifications: int = 0

    def check(self, notification: Notification, now: Known, planted: Mapping[str, Planted]) -> None:
        """A line that this agency has been told before was checked then, by what was known then."""
        self.notifications += 1
        before = self.said.get(notification.key, frozenset())
        new = [line for line in notification.content if line not in before]
        self.said[notification.key] = before | frozenset(notification.content)
        sent = wire.notification(notification, "incidents", b.shipped().at(notification.at), PSEUDONYMS)
        for problem in (
            *agency_problems(notification),
            *(problem for line in new for problem in item_problems(notification, now, *line[:3])),
            *(problem for line in new for problem in marked_problems(notification, now, line, planted)),
            *reason_problems(notification),
            *held_problems(notification, now),
            *text_problems(notification),
            *recipient_problems(notification, sent),
        ):
            self.wrong.append(f"{notification.key.rule} {notification.kind} to {notification.agency_kind}: {problem}")


def agency_problems(notification: Notification) -> Iterator[str]:
    if KIND.get(notification.key.agency) != notification.agency_kind:
        yield "told as another kind than it is"
    if notification.agency_kind in by_hand.NEVER_ROUTED:
        yield "routed to by itself"
    if notification.key.rule.startswith("application") and notification.agency_kind not in by_hand.TOLD_OF_APPLICATIONS:
        yield "told of an application"


def item_problems(notification: Notification, now: Known, what: str, about: str | None, value: Any) -> Iterator[str]:
    kind = notification.agency_kind
    if what in by_hand.NEVER_SHOWN["*"] or what in by_hand.NEVER_SHOWN.get(kind, ()):
        yield f"{what} never leaves to it"
    if what not in by_hand.ITEMS:
        yield f"{what} is in no table: say in grants_by_hand.py of which class it is"
        return
    data_class, form = by_hand.ITEMS[what]
    if data_class == by_hand.IDENTITY:
        data_class = "S" if now.roles.get(about or "") is Role.SUSPECT else "P"
    yield from (f"{what}: {why}" for why in not_granted(notification, now, data_class, form, about))
    if what == "schools" and not frozenset(value) <= SCHOOLS.get(notification.key.agency, frozenset(value)):
        yield "another school of the child is named"
    if what.startswith("prohibitions.") and what != "prohibitions.code" and kind not in POLICE:
        yield from (f"{what}: {why}" for why in protected_beside(notification, now.current, now.persons, value))


POLICE = frozenset(kind for kind, classes in by_hand.SEES.items() if "L" in classes) - {"idva"}


def not_granted(notification: Notification, now: Known, data_class: str, form: str, about: str | None) -> Iterator[str]:
    granted = by_hand.SEES[notification.agency_kind].get(data_class)
    if granted is None or not granted.forms & {"full", form}:
        yield f"class {data_class} in full or as {form} is not granted"
        return
    person = about is not None and re.search(r"/(party|child)/\d+$", about) is not None
    match granted.whose:
        case "pupil" if not person or not own_pupil(notification, now, about or ""):
            yield "about nobody whom it serves"
        case "subject" if person and not now.same(about or "", notification.person):
            yield "about somebody else"
        case "case" if person and not now.beside(about or "", notification.person):
            yield "about somebody of another case"


def own_pupil(notification: Notification, now: Known, place: str) -> bool:
    is_child_or_pupil = "/child/" in place or place in now.schools
    if not is_child_or_pupil or not now.same(place, notification.person):
        return False
    schools = SCHOOLS.get(notification.key.agency)
    return schools is None or bool(schools & now.schools.get(place, frozenset()))


def marked_problems(
    notification: Notification, now: Known, line: tuple[Any, ...], planted: Mapping[str, Planted]
) -> Iterator[str]:
    """Each marked value by the field in which it was planted, whatever name it left under."""
    for mark in marked_in(line[2], planted):
        where = planted[mark]
        data_class, form = by_hand.FIELDS[where.field]
        if data_class == by_hand.IDENTITY:
            suspect = where.role == Role.SUSPECT and now.roles.get(where.about or "") is not Role.UNRESOLVED
            data_class = "S" if suspect else "P"
            if notification.agency_kind in ("dsl", "la_education") and where.about in now.schools:
                data_class, form = "C", "full"  # to her own college she is a pupil
        yield from (f"{where.field}: {why}" for why in not_granted(notification, now, data_class, form, where.about))


def marked_in(value: Any, planted: Mapping[str, Planted]) -> Iterator[str]:
    if isinstance(value, tuple):
        for element in value:
            yield from marked_in(element, planted)
    elif isinstance(value, str):
        yield from (mark for mark in MARKED.findall(value) if mark in planted)
        if value in planted and not MARKED.fullmatch(value):
            yield value


def reason_problems(notification: Notification) -> Iterator[str]:
    reason = notification.reason
    if reason in by_hand.UNSPOKEN and notification.agency_kind not in by_hand.CONFLICT_DESKS:
        yield f"the reason {reason} is not for it"
    if reason is not None and reason in by_hand.REASONS:
        data_class, form = by_hand.REASONS[reason]
        granted = by_hand.SEES[notification.agency_kind].get(data_class)
        if granted is None or not granted.forms & {"full", form}:
            yield f"the reason {reason} tells what it may not see"


def held_problems(notification: Notification, now: Known) -> Iterator[str]:
    """Of a police suspect his own force hears nothing; of honour-based abuse the specialist desk alone hears; while it
    is not known who is who, her own advocate and a child's services alone, and nobody is called a suspect. Those told
    before it was known hear at least that it ends."""
    incidents = [now.incidents[crime] for crime in now.incidents if notification.person.startswith(f"{crime}/")]
    if notification.kind in ("close", "correct") or not incidents or not now.persons.get(notification.person):
        return
    parties, abuse = incidents[0].parties, set(incidents[0].abuse_types)
    if any(party.is_police and party.role is not Role.VICTIM for party in parties):
        may_hear = by_hand.CONFLICT_DESKS
    elif {"hba", "fm", "fgm"} & abuse:
        may_hear = by_hand.HONOUR_BASED_ABUSE_DESKS
    elif unresolved(incidents[0]):
        may_hear = by_hand.WHILE_ROLES_ARE_UNRESOLVED
        for what, about, value, _ in notification.content:
            if what == "parties.role":
                yield f"somebody is called {value}"
            other = about in now.roles and not now.same(about or "", notification.person)
            if notification.agency_kind == "idva" and other:
                yield "told of another party"
    else:
        return
    if notification.agency_kind not in may_hear:
        yield "told of what only a specialist may route"


def text_problems(notification: Notification) -> Iterator[str]:
    texts = tuple(b.shipped().at(notification.at).text(code) for code in notification.texts)
    kind, whats = notification.agency_kind, {line[0] for line in notification.content}
    if by_hand.ALL_NOTIFICATIONS not in texts:
        yield "the words that stand on all notifications are missing"
    yield from contact_problems(notification, texts)
    if kind == "dsl" and by_hand.RESTRICTED_FILE not in texts:
        yield "the words on the restricted file are missing"
    if kind in by_hand.ADAPTED_FOR and not any(all(part in text for part in by_hand.ADAPTED_FILE) for text in texts):
        yield "the words on the restricted file are missing"
    indicators = any(what.startswith("indicator.") for what in whats)
    if indicators != (by_hand.INDICATORS in texts) and (notification.content or "Ip" not in by_hand.SEES[kind]):
        yield "the words on indicators stand where no indicators do, or the other way round"
    if (
        kind in ("probation", "prison")
        and notification.key.rule in by_hand.OF_A_CHANGE
        and by_hand.NOT_TO_HIM not in texts
    ):
        yield "not told to keep it from him"
    for what, _, _, basis in notification.content:
        if what in by_hand.NEVER_A_RECORDED_FACT and basis != by_hand.NEVER_A_RECORDED_FACT[what]:
            yield f"{what} is told as {basis}"
    if any(text.startswith(("This is alleged", "This is recorded", "A court has found this")) for text in texts):
        yield "a text speaks of how sure all of it is"


def contact_problems(notification: Notification, texts: tuple[str, ...]) -> Iterator[str]:
    careful = any(text.startswith(by_hand.SAFE_CONTACT) for text in texts)
    if notification.agency_kind in by_hand.CONTACTS_NOBODY:
        if careful:
            yield "whoever is to contact nobody reads when it may"
    elif notification.agency_kind in by_hand.OUTSIDE and not careful:
        yield "the line on safe contact is missing"


def recipient_problems(notification: Notification, sent: Outgoing) -> Iterator[str]:
    """No other agency's id or name, in no part of the message, its key and headers included."""
    text = " ".join(
        (
            (sent.value or b"").decode(),
            (sent.key or b"").decode(),
            *(f"{name} {value.decode()}" for name, value in headers_from_text(sent.headers)),
        )
    )
    if set(AGENCY.findall(text)) - {notification.key.agency}:
        yield "another agency is named to it"


def delivered(matter: Matter, rules: Any = RULES) -> Checked:
    """The whole matter, step by step as the runtime would take it."""
    world, checked = World(b.shipped(), rules), Checked()
    for step in matter.steps:
        notifications = world.evaluate(*step.facts, now=step.at)
        assert not [fault for evaluation in world.evaluations for fault in evaluation.faults]
        # An agency's newer word takes the place of its older one, whether or not it is heard.
        heard = tuple(fact for fact in current_facts(world.facts) if fact.id not in world.not_heard)
        now = known(heard, as_text(world.persons))
        for notification in notifications:
            checked.check(notification, now, matter.marks.planted)
    return checked


SEEDS = st.integers(min_value=0, max_value=2**32)


def made_up(seed: int) -> Matter:
    chance = Random(seed)  # noqa: S311 - nothing is kept secret by it
    return Author(chance, frozenset(by_hand.FIELDS)).matter()


@settings(max_examples=12)
@given(SEEDS)
def test_every_field_that_leaves_is_granted_as_a_matter_goes_on_for_a_year(seed: int) -> None:
    assert sorted(set(delivered(made_up(seed)).wrong)) == []


@settings(max_examples=75)
@given(SEEDS)
def test_every_field_that_leaves_is_granted_in_matters_read_all_at_once(seed: int) -> None:
    assert sorted(set(delivered(made_up(seed).at_once()).wrong)) == []


def example_events() -> Iterator[Publication]:
    for example in examples_in(EXAMPLES):
        folder = example.path.relative_to(EXAMPLES).parts[0]
        if folder in {stream.topic for stream in REGISTRY.streams if stream.direction == "in"}:
            ready = publication(example.text.encode())
            assert isinstance(ready, Publication), example.path
            yield ready


def fact_of(event: Publication) -> Fact:
    envelope = event.received.envelope
    body = event.received.body
    assert isinstance(body, Body)
    return Fact(envelope.id, event.received.kind, envelope.subject, envelope.factversion or 1, envelope.time, body)


def test_every_field_that_leaves_is_granted_in_the_examples() -> None:
    facts = sorted((fact_of(event) for event in example_events()), key=lambda fact: fact.at)
    world, checked = World(b.shipped(), RULES), Checked()
    silent = facts[-1].at + DAY
    for now, new in (*((fact.at, (fact,)) for fact in facts), (silent, ())):
        notifications = world.evaluate(*new, now=now)
        so = known(world.facts, as_text(world.persons))
        for notification in notifications:
            checked.check(notification, so, {})
    assert sorted(set(checked.wrong)) == []
    assert checked.notifications > 100


@pytest.mark.parametrize("kind", b.shipped().kinds, ids=lambda kind: kind.kind)
def test_no_kind_is_granted_more_than_the_second_table_says(kind: Any) -> None:
    sees = by_hand.SEES[kind.kind]
    extra = [grant for agency in b.shipped().agencies if agency.kind == kind.kind for grant in agency.extra_grants]
    wider = [
        f"{grant.data_class} {grant.form} {grant.whose}"
        for grant in (*kind.grants, *extra)
        if grant.data_class not in sees
        or not sees[grant.data_class].forms & {"full", grant.form}
        or by_hand.WIDTH[grant.whose.replace("own_pupils", "pupil")] > by_hand.WIDTH[sees[grant.data_class].whose]
    ]
    assert wider == []


def test_there_is_no_kind_for_a_court_for_immigration_or_for_the_people_themselves() -> None:
    kinds = {kind.kind for kind in b.shipped().kinds}
    assert kinds == set(by_hand.SEES)
    assert not kinds & set(by_hand.NO_SUCH_KIND)


def test_no_route_leads_to_a_refuge() -> None:
    routed = {delivered.kind for route in b.shipped().routes for delivered in route.recipients}
    assert not routed & by_hand.NEVER_ROUTED


def schema_marks() -> Iterator[tuple[str, Marked]]:
    for stream, fact in REGISTRY.types.values():
        if stream.direction == "in":
            for model in models_in(fact.newest):
                for name, mark in marks(model).items():
                    if not holds_others(model.model_fields[name].annotation):
                        yield f"{model.__name__}.{name}", mark


def holds_others(annotation: Any) -> bool:
    """Whether a field holds models, whose own fields are what is shown."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return True
    return any(holds_others(inner) for inner in get_args(annotation))


def test_the_schemas_mark_each_field_as_the_second_table_does() -> None:
    marked = {
        name: (mark.data_class.value if mark.data_class else by_hand.IDENTITY, mark.form.value)
        for name, mark in schema_marks()
        if mark.data_class not in (DataClass.R, DataClass.T)
    }
    assert marked == dict(by_hand.FIELDS)
