"""A second major version comes in as a module of its own, and what was published before is still read.

The type lives here alone: it shows the way that schemas/README.md describes.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from schemas import matters
from schemas import values as v
from schemas.attachments import Attachment
from schemas.classes import REFERENCE
from schemas.fact_types import FactType, Unlinked
from schemas.registry import (
    REGISTRY,
    Received,
    Refusal,
    Registry,
    Stream,
    Version,
    body_of,
    decode,
    encode,
    event,
)

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


class GateOpened(v.Body):
    """The first version: the gate has a name."""

    gate: Annotated[v.Reference, REFERENCE]

    @property
    def subject(self) -> str:
        return self.gate


class GateOpened2(v.Body):
    """The second: a gate has a side as well."""

    gate: Annotated[v.Reference, REFERENCE]
    side: Annotated[v.Code, REFERENCE]

    @property
    def subject(self) -> str:
        return self.gate


class GateOpened3(GateOpened2):
    """The third: it may be wide open."""

    wide: Annotated[bool, REFERENCE]


def to_second(old: GateOpened) -> GateOpened2:
    return GateOpened2(**dict(old), side="unknown")


def to_third(old: GateOpened2) -> GateOpened3:
    return GateOpened3(**dict(old), wide=False)


GATES = FactType(
    name="uk.test.gate-opened",
    versions=(Version(GateOpened), Version(GateOpened2, to_second), Version(GateOpened3, to_third)),
    own_reference=matters.under("gate:"),
    names=matters.none,
    attachment=Attachment(),
    unlinked=Unlinked(None, nobody_is_told="a gate concerns nobody"),
    found_by=None,
)
STREAM = Stream("test.gates", "in", ("gates",), "gates", (), (GATES,), 1, 1, 4096)
CONTRACT = Registry((STREAM,))


def test_an_event_of_the_first_version_is_read_as_the_newest() -> None:
    old = GateOpened(occurred_at=AT, gate="north")
    envelope, body = event(old, "uk.test.gate-opened.v1", "urn:test", AT, version=1, registry=CONTRACT)
    received = decode("test.gates", *encode(envelope, body), registry=CONTRACT)
    assert isinstance(received, Received)
    assert received.body == GateOpened3(occurred_at=AT, gate="north", side="unknown", wide=False)
    assert received.kind == "uk.test.gate-opened"


def test_what_was_stored_in_an_old_version_is_read_as_the_newest() -> None:
    stored = '{"gate":"north","occurred_at":"2026-03-02T12:00:00Z","side":"left"}'
    body = body_of("uk.test.gate-opened.v2", stored, CONTRACT)
    assert body == GateOpened3(occurred_at=AT, gate="north", side="left", wide=False)


def test_a_version_that_is_not_known_yet_can_be_replayed_when_it_is() -> None:
    new = GateOpened3(occurred_at=AT, gate="north", side="left", wide=True)
    record = encode(*event(new, "uk.test.gate-opened", "urn:test", AT, version=1, registry=CONTRACT))
    before = Registry((replace(STREAM, types=(replace(GATES, versions=GATES.versions[:2]),)),))
    refused = decode("test.gates", *record, registry=before)
    assert isinstance(refused, Refusal)
    assert refused.reason == "unknown_version"
    assert refused.reason.replayable
    assert isinstance(decode("test.gates", *record, registry=CONTRACT), Received)


def test_a_contract_of_a_test_changes_nothing_in_the_real_one() -> None:
    assert "uk.test.gate-opened" not in REGISTRY.types
