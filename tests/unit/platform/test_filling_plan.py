"""What must come from an archive, and what nobody has any more."""

from collections.abc import Mapping

from services.platform.recovery.filling import Known, Plan, Stretch, plan
from services.platform.streaming.service import Service

POLICE, COURT = "police.incidents", "court.convictions"
OWNERS = {POLICE: "incidents", COURT: "convictions"}
CONVICTIONS = Service("convictions", COURT, (COURT, POLICE), ())


def planned(
    *,
    mine: Mapping[str, int] | None = None,
    owner: int = 0,
    first: Mapping[str, int],
    owners_gaps: tuple[Stretch, ...] = (),
) -> Plan:
    """For convictions, of one partition each; `owner`: how far incidents has read its own stream."""
    read = {"convictions": {(topic, 0): offset for topic, offset in (mine or {}).items()}}
    read["incidents"] = {(POLICE, 0): owner}
    firsts = {(topic, 0): offset for topic, offset in first.items()}
    return plan(CONVICTIONS, OWNERS, Known(read, {"incidents": owners_gaps}, firsts))


def test_nothing_is_filled_that_kafka_still_has() -> None:
    assert planned(first={POLICE: 0, COURT: 0}, owner=9) == Plan((), (), ())
    assert planned(first={POLICE: 7, COURT: 0}, mine={POLICE: 7}, owner=9) == Plan((), (), ())


def test_what_kafka_forgot_is_read_from_the_archive_as_far_as_its_owner_has_read() -> None:
    found = planned(first={POLICE: 7, COURT: 0}, mine={POLICE: 3}, owner=9)
    assert found == Plan((Stretch(POLICE, 0, 3, 9),), (), ())


def test_a_new_service_is_filled_from_the_first_record_on() -> None:
    assert planned(first={POLICE: 7}, owner=7).archived == (Stretch(POLICE, 0, 0, 7),)


def test_what_the_owner_has_not_read_either_is_lost_and_the_owner_is_filled_first() -> None:
    found = planned(first={POLICE: 7}, mine={POLICE: 3}, owner=5)
    assert found == Plan((Stretch(POLICE, 0, 3, 5),), (Stretch(POLICE, 0, 5, 7),), ("incidents",))


def test_an_owner_has_no_other_archive_than_its_own() -> None:
    assert planned(first={COURT: 7}, mine={COURT: 3}) == Plan((), (Stretch(COURT, 0, 3, 7),), ())


def test_what_the_owner_gave_up_is_lost_for_its_readers_too() -> None:
    gap = Stretch(POLICE, 0, 2, 6)
    found = planned(first={POLICE: 7}, mine={POLICE: 4}, owner=9, owners_gaps=(gap, Stretch(POLICE, 0, 0, 1)))
    assert found == Plan((Stretch(POLICE, 0, 4, 9),), (Stretch(POLICE, 0, 4, 6),), ())
