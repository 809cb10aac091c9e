"""Accepted contents are read once for all services, and long ones are not kept."""

import json

from schemas.registry import REGISTRY, Registry, body_of
from services.platform.storage.bodies import LONGEST_REMEMBERED, bodies_of
from tests.support import builders as b

TYPE = "uk.police.incident-reported.v1"
CONTENT = b.incident().model_dump_json(exclude_defaults=True)


def test_services_of_one_contract_share_what_was_read() -> None:
    first, second = bodies_of(REGISTRY), bodies_of(REGISTRY)
    assert first(TYPE, CONTENT) == body_of(TYPE, CONTENT)
    assert second(TYPE, CONTENT) is first(TYPE, CONTENT)


def test_another_contract_reads_for_itself() -> None:
    other = bodies_of(Registry(REGISTRY.streams[:1]))
    assert other(TYPE, CONTENT) is not bodies_of(REGISTRY)(TYPE, CONTENT)


def test_a_long_content_is_read_and_not_kept() -> None:
    long = json.dumps(json.loads(CONTENT) | {"of_a_later_release": "x" * LONGEST_REMEMBERED})
    read = bodies_of(REGISTRY)
    assert read(TYPE, long) == body_of(TYPE, CONTENT)
    assert read(TYPE, long) is not read(TYPE, long)
