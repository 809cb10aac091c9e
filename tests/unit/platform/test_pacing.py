"""Portions: what is read in one and not judged is read again, so they must fit; they grow back by themselves."""

from hypothesis import given
from hypothesis import strategies as st

from services.platform.streaming.pacing import FIRST, Portion

MOST = 500


def worked_off(records: int, fitting: int) -> int:
    """How many records were read in all until each had its end; so many fit a portion's time."""
    portion, read, done = Portion(MOST), 0, 0
    while done < records:
        offered = min(portion.size, records - done)
        finished = min(offered, fitting)
        portion.took(offered, finished)
        read, done = read + offered, done + finished
    return read


@given(st.integers(1, 5_000), st.integers(1, 2 * MOST))
def test_a_backlog_is_read_at_most_twice_however_little_fits(records: int, fitting: int) -> None:
    assert worked_off(records, fitting) <= 2 * records + FIRST


def test_portions_grow_while_they_are_finished_and_never_beyond_the_most() -> None:
    portion = Portion(MOST)
    sizes = []
    for _ in range(6):
        portion.took(portion.size, portion.size)
        sizes.append(portion.size)
    assert sizes == [64, 128, 256, 500, 500, 500]


def test_a_trickle_leaves_the_size_as_it_is() -> None:
    portion = Portion(MOST)
    portion.took(1, 1)
    portion.took(0, 0)
    assert portion.size == FIRST


def test_even_a_portion_of_which_nothing_fitted_is_followed_by_one() -> None:
    portion = Portion(MOST)
    portion.took(10, 0)
    assert portion.size == 1
