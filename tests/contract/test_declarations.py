"""A type of fact is declared once, with all its parts, and every part of the relay knows it by that."""

from dataclasses import fields, replace
from types import ModuleType
from typing import Annotated, Any

import pytest

from schemas import attachments
from schemas import values as v
from schemas.attachments import Attachment, PartiesOfIncident
from schemas.catalogue import PAGES, Example, examples_of
from schemas.classes import REFERENCE
from schemas.fact_types import EventType, FactType, LacksAPartError, Version, declared_in
from schemas.police_incidents.v1 import RISK_ASSESSED
from schemas.registry import REGISTRY, STREAMS, Publication, Received, decode, publication
from services.ops import words
from services.ops.explained import MISSING
from services.platform.domain.core.matter import show
from services.platform.domain.linking.links import link
from services.platform.domain.linking.references import references
from services.platform.domain.linking.ways import WAYS
from tests.support import builders as b

DEFAULTS = {"withdrawn"}
PARTS = [part.name for part in fields(FactType) if part.name not in {"name", "versions", *DEFAULTS}]


class CurfewMissed(v.Body):
    """A body, and nothing else that the relay must know of it."""

    crime_reference: Annotated[v.Reference, REFERENCE]

    @property
    def subject(self) -> str:
        return self.crime_reference


def declared_without(part: str) -> FactType:
    parts: dict[str, Any] = {name: getattr(RISK_ASSESSED, name) for name in PARTS if name != part}
    return FactType("uk.police.curfew-missed", (Version(CurfewMissed),), **parts)


@pytest.mark.parametrize("part", PARTS)
def test_a_type_that_lacks_a_part_does_not_import_and_the_error_names_both(part: str) -> None:
    with pytest.raises(LacksAPartError, match=f"uk.police.curfew-missed is declared without: {part}"):
        declared_without(part)


def test_a_type_that_lacks_several_parts_is_told_all_of_them() -> None:
    with pytest.raises(LacksAPartError, match=", ".join(PARTS)):
        FactType("uk.police.curfew-missed", (Version(CurfewMissed),))


def test_no_stream_brings_in_a_type_that_is_not_declared_as_a_fact() -> None:
    undeclared = EventType("uk.police.curfew-missed", (Version(CurfewMissed),), v.Withdrawn)
    with pytest.raises(LacksAPartError, match=r"uk\.police\.curfew-missed comes in on police\.incidents"):
        replace(STREAMS[0], types=(*STREAMS[0].types, undeclared))


def test_a_module_gives_its_stream_every_type_that_it_declares() -> None:
    module = ModuleType("curfews")
    module.CURFEW_MISSED = declared = declared_without("")  # type: ignore[attr-defined]
    assert declared_in(module) == (declared,)


def test_every_type_that_comes_in_is_a_declared_fact() -> None:
    coming_in = [each.name for stream in STREAMS if stream.direction == "in" for each in stream.types]
    assert coming_in
    assert sorted(coming_in) == sorted(REGISTRY.facts)


def test_a_body_without_what_its_attachment_reads_does_not_import_and_the_error_says_what() -> None:
    missing = r"uk\.police\.curfew-missed is attached by PartiesOfIncident, and its body has no: parties"
    with pytest.raises(LacksAPartError, match=missing):
        replace(declared_without(""), attachment=PartiesOfIncident())


def closed_set() -> set[type[Attachment]]:
    known = [each for each in vars(attachments).values() if isinstance(each, type) and issubclass(each, Attachment)]
    return {each for each in known if not any(issubclass(other, each) for other in known if other is not each)}


def test_the_engine_knows_each_attachment_of_the_closed_set_and_no_other() -> None:
    assert set(WAYS) == closed_set()


def test_every_attachment_is_declared_by_some_type() -> None:
    assert {type(each.attachment) for each in REGISTRY.facts.values()} == set(WAYS)


def test_policy_has_a_link_clock_for_just_the_types_that_do_not_say_why_they_need_none() -> None:
    clocks = {row.type for row in b.policy().rows.link_clocks}
    assert clocks == {each.name for each in REGISTRY.facts.values() if each.unlinked.nobody_is_told is None}


def test_every_missing_link_has_words() -> None:
    words = {each.unlinked.missing for each in REGISTRY.facts.values()} - {None}
    assert len(words) > 1
    assert words <= MISSING.keys()


@pytest.mark.parametrize("name", sorted(REGISTRY.facts))
def test_every_type_goes_all_the_way_from_a_record_to_words_and_to_the_catalogue(name: str) -> None:
    stream, declared = REGISTRY.types[name]
    stated = [each for each in map(read_example, examples_of(stream, declared)) if not each.withdrawn]
    assert stated
    assert f"# {name}" in (PAGES / f"{name}.md").read_text()
    for received in stated:
        fact = b.fact(received.body)
        assert (fact.kind, fact.subject) == (received.kind, received.envelope.subject)
        assert REGISTRY.facts[name].own_reference(fact.subject) in references(fact)
        lies_in = link([fact]).membership
        assert fact.id in lies_in or isinstance(REGISTRY.facts[name].attachment, attachments.NotificationAnswered)
        assert {words.item(item.what) for item in show(fact)} - {""}


def read_example(example: Example) -> Received:
    ready = publication(example.text.encode())
    assert isinstance(ready, Publication)
    received = decode(ready.topic, *ready.record)
    assert isinstance(received, Received)
    return received
