"""What a process has seen of a database is held against what is there, and not against what others commit meanwhile."""

from datetime import timedelta

from services.platform.recovery.read_so_far import ReadSoFar, WentBack
from services.platform.storage.reader import Position
from tests.support import builders as b

PLACE, OTHER = ("police.incidents", 0), ("police.incidents", 1)
LATER = b.NOON + timedelta(seconds=1)


def test_less_than_was_seen_is_told_with_both_offsets() -> None:
    so_far = ReadSoFar()
    assert so_far.went_back({PLACE: Position(7), OTHER: Position(2)}, so_far.seen()) is None
    assert so_far.went_back({PLACE: Position(6), OTHER: Position(2)}, so_far.seen()) == WentBack(PLACE, 7, 6)
    assert so_far.went_back({PLACE: Position(8)}, so_far.seen()) == WentBack(OTHER, 2, 0)


def test_a_loss_that_moved_no_offset_is_told_by_the_time_up_to_which_all_was_read() -> None:
    so_far = ReadSoFar()
    assert so_far.went_back({PLACE: Position(7, LATER)}, so_far.seen()) is None
    assert so_far.went_back({PLACE: Position(7, b.NOON)}, so_far.seen()) == WentBack(PLACE, str(LATER), str(b.NOON))
    assert so_far.went_back({PLACE: Position(7)}, so_far.seen()) == WentBack(PLACE, str(LATER), "None")
    assert so_far.went_back({PLACE: Position(8, LATER)}, so_far.seen()) is None


def test_an_answer_from_before_another_commit_is_not_taken_for_a_step_back() -> None:
    so_far = ReadSoFar()
    asked = so_far.seen()
    so_far.learn([(PLACE, 10)])
    assert so_far.went_back({PLACE: Position(9)}, asked) is None
    assert so_far.seen() == {PLACE: Position(10)}
    assert so_far.went_back({PLACE: Position(9)}, so_far.seen()) == WentBack(PLACE, 10, 9)
