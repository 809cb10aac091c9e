"""What is refused although it can be read: what would stand for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from schemas import registry
from schemas.envelope import VersionBasis, version_of
from schemas.refusals import RefusalReason
from services.platform.storage.changes import Accepted
from services.platform.storage.records import Record
from services.platform.streaming.admit import believed
from services.platform.streaming.decode import read
from tests.support import builders as b

AHEAD = timedelta(hours=1, seconds=1)


@pytest.mark.parametrize(
    ("basis", "ahead", "refused"),
    [
        ("written", AHEAD, True),
        ("receipt", AHEAD, True),
        ("written", timedelta(), False),
        ("source", AHEAD, False),  # its own numbers may be of any size
    ],
)
def test_a_version_that_is_a_time_and_lies_ahead_would_stand_before_all_corrections(
    basis: VersionBasis, ahead: timedelta, *, refused: bool
) -> None:
    body, type_ = b.incident(), "uk.police.incident-reported"
    envelope, said = registry.event(body, type_, "police", b.NOON, version_of(b.NOON + ahead))
    sent = registry.encode(replace(envelope, version_basis=basis), said)
    event = read(Record("police.incidents", 0, 0, b.NOON, sent.key, sent.value, sent.headers))
    assert isinstance(event, Accepted)
    refusal = believed(event, b.policy(), b.NOON)
    assert (refusal is not None and refusal.reason is RefusalReason.SOURCE_TIME_AHEAD) is refused
