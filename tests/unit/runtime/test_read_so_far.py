"""What a process has seen of a database is held against what is there, and not against what others commit meanwhile."""

from services.runtime.read_so_far import ReadSoFar, WentBack

PLACE, OTHER = ("police.incidents", 0), ("police.incidents", 1)


def test_less_than_was_seen_is_told_with_both_offsets() -> None:
    so_far = ReadSoFar()
    assert so_far.went_back({PLACE: 7, OTHER: 2}, so_far.seen()) is None
    assert so_far.went_back({PLACE: 6, OTHER: 2}, so_far.seen()) == WentBack(PLACE, 7, 6)
    assert so_far.went_back({PLACE: 8}, so_far.seen()) == WentBack(OTHER, 2, 0)


def test_an_answer_from_before_another_commit_is_not_taken_for_a_step_back() -> None:
    so_far = ReadSoFar()
    asked = so_far.seen()
    so_far.learn([(PLACE, 10)])
    assert so_far.went_back({PLACE: 9}, asked) is None
    assert so_far.seen() == {PLACE: 10}
    assert so_far.went_back({PLACE: 9}, so_far.seen()) == WentBack(PLACE, 10, 9)
