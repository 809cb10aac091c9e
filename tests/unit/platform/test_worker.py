"""A worker does not start on settings that cannot be used, nor on a release that would accept what no rule sees."""

import os
import subprocess
import sys
from dataclasses import replace
from typing import Annotated

import pytest

from schemas.classes import REFERENCE
from schemas.streams import REGISTRY, FactType, Registry, Version
from schemas.values import Body
from services.platform.domain.linking.links import unled
from services.platform.problems import EXIT_NOT_BEGUN
from services.platform.streaming.worker import UnledTypesError, Worker
from tests.broker.relay import shipped_policy


class CurfewMissed(Body):
    """A kind of fact with a schema and a stream, and nothing else."""

    curfew: Annotated[str, REFERENCE]


def with_a_type_alone() -> Registry:
    first, *others = REGISTRY.streams
    alone = FactType("uk.police.curfew-missed", (Version(CurfewMissed),))
    return Registry((replace(first, types=(*first.types, alone)), *others))


def test_every_type_that_is_shipped_is_led_to_somebody() -> None:
    assert unled(REGISTRY.facts) == []


def test_a_type_that_leads_nowhere_is_an_error_at_the_start_that_names_it() -> None:
    with pytest.raises(UnledTypesError, match="facts of the type CurfewMissed"):
        Worker((), "127.0.0.1:1", "postgresql://127.0.0.1:1/x", shipped_policy(), contract=with_a_type_alone())


def test_a_service_that_cannot_begin_says_why_in_one_line_and_ends_as_commands_do() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.incidents"],
        env=os.environ | {"RELAY_KAFKA": "no broker", "RELAY_DATABASE": "postgresql://127.0.0.1:1/x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == EXIT_NOT_BEGUN
    (sentence,) = ended.stderr.splitlines()
    assert "RELAY_KAFKA" in sentence
