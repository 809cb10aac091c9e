"""The story's answers name notifications that its events lead to, and look invented."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from schemas.agency_responses.v1 import Answer
from schemas.court_convictions.v1 import HearingResulted
from schemas.court_order_variations.v1 import OrdersResulted
from schemas.places import child_place, party_place
from schemas.police_incidents.v1 import ChildrenLinked, IncidentReported
from services.ops.events import Ready, find, read_path, receipts
from services.ops.policies import load
from services.ops.words import RULES
from services.platform.domain.core.duties import notification_id
from services.platform.domain.core.escalation import step_key
from services.platform.domain.core.facts import Key
from services.platform.local.story import STORY, read_telling

PROJECT = Path(__file__).parents[3]
READ = [e for e in read_path(STORY, None, receipts(datetime(2026, 6, 1, tzinfo=UTC))) if isinstance(e, Ready)]
BODIES = [event.publication.received.body for event in READ]
ANSWERS = [body for body in BODIES if isinstance(body, Answer)]
REVISIONS = range(1, 5)


def subjects() -> set[str]:
    """Places of the story's people, alone and with its offence, order and application."""
    people = {
        party_place(b.crime_reference, p.number) for b in BODIES if isinstance(b, IncidentReported) for p in b.parties
    }
    people |= {
        child_place(b.crime_reference, c.number) for b in BODIES if isinstance(b, ChildrenLinked) for c in b.children
    }
    orders = {b.place_of(o) for b in BODIES if isinstance(b, OrdersResulted) for o in b.orders}
    cases = {order.rpartition("/C54SD00")[0] for order in orders}
    offences = {f"{o.sequence}/{o.code}" for b in BODIES if isinstance(b, HearingResulted) for o in b.offences}
    applications = {
        event.publication.received.envelope.subject
        for event in READ
        if "application" in event.publication.received.kind
    }
    return {
        *people,
        *(f"{person}/{case}/{offence}" for person, case, offence in product(people, cases, offences)),
        *(f"{about}/{person}" for about, person in product(orders | applications, people)),
    }


def ids() -> Iterator[tuple[str, str]]:
    """Every notification id that rules could give to these subjects, with the agency that would be told."""
    policies = load(PROJECT / "deploy" / "policy", PROJECT / "deploy" / "agencies")
    agencies = [
        agency.id
        for agency in policies.agencies
        if agency.id.endswith(("-54", "-866", "westmarch", "larkmead", "downland", "0002"))
    ]
    keys = [Key(*key) for key in product(RULES, subjects(), agencies)]
    inspector = [
        step_key("unanswered_duty_inspector", key, ask, "duty-inspector-54")
        for key in keys
        if key.rule in ("front_door_referral", "high_risk")
        for ask in ("acknowledge", "accept", "decide")
    ]
    for key, revision in product([*keys, *inspector], REVISIONS):
        yield notification_id(key, revision), key.agency


def test_every_answer_is_to_a_notification_that_its_agency_would_get() -> None:
    known = dict(ids())
    assert ANSWERS
    for answer in ANSWERS:
        assert known.get(answer.notification) == answer.agency


def test_every_file_has_something_said_about_it_and_nothing_is_said_of_files_that_are_gone() -> None:
    assert set(read_telling().chapters) == {file.name for file in find(STORY)}


def test_the_story_happened_before_anybody_can_play_it() -> None:
    assert max(event.time for event in READ) < datetime(2026, 3, 1, tzinfo=UTC)


def test_its_people_look_invented() -> None:
    names = {p.name for b in BODIES if isinstance(b, IncidentReported) for p in b.parties}
    names |= {c.name for b in BODIES if isinstance(b, ChildrenLinked) for c in b.children}
    assert names == {"Nell Madeup", "Garth Fictional", "Posy Madeup"}


def test_json_files_are_written_as_people_read_them() -> None:
    for file in STORY.glob("*.json"):
        document: Any = json.loads(file.read_text())
        assert file.read_text() == json.dumps(document, indent=2, ensure_ascii=False) + "\n"
