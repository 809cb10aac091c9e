"""A clock that was moved is told from one that runs on, however long a reading of it had to wait."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.platform.recovery.clock_guard import TOLERANCE, ClockWatch, moved_by
from services.platform.storage.clock import Reading

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
seconds = st.floats(0, 10_000)


def reading(at: float, *, set_by: float = 0.0, waited: float = 0.0, evaluated_after: float = 0.0) -> Reading:
    """Asked at `at`; the server looks at its clock, which was set by so much, before the answer comes."""
    return Reading(NOON + timedelta(seconds=at + evaluated_after + set_by), at, at + waited)


@given(st.lists(st.tuples(seconds, seconds, st.floats(0, 1)), min_size=1, max_size=8))
def test_a_clock_that_runs_on_never_jumps_however_long_its_readings_wait(
    asked: list[tuple[float, float, float]],
) -> None:
    watch, at = ClockWatch(), 0.0
    for pause, waited, share in asked:
        at += pause
        assert watch.jump(reading(at, waited=waited, evaluated_after=waited * share)) is None
        at += waited


@given(st.floats(61, 10**6) | st.floats(-(10**6), -61), seconds)
def test_a_clock_that_was_set_by_more_than_a_minute_jumps(by: float, pause: float) -> None:
    watch = ClockWatch()
    assert watch.jump(reading(0)) is None
    jump = watch.jump(reading(pause, set_by=by))
    assert jump is not None
    assert jump.total_seconds() == pytest.approx(by, abs=0.001)


def test_a_clock_that_is_slewed_by_less_than_a_minute_at_a_time_is_followed() -> None:
    watch = ClockWatch()
    for hour in range(100):
        assert watch.jump(reading(hour * 3600, set_by=hour * 50)) is None


def test_a_reading_that_waited_long_hides_no_jump_from_the_next() -> None:
    watch = ClockWatch()
    assert watch.jump(reading(0)) is None
    assert watch.jump(reading(10, waited=3600, evaluated_after=1)) is None
    assert watch.jump(reading(3700, set_by=TOLERANCE.total_seconds() + 1)) is not None


def test_how_far_a_clock_was_moved_is_what_its_readings_cannot_explain() -> None:
    assert moved_by(reading(0), reading(10, set_by=30)) == timedelta(seconds=30)
    assert moved_by(reading(0), reading(10, set_by=-30)) == timedelta(seconds=-30)
    assert moved_by(reading(0), reading(10, set_by=30, waited=20)) == timedelta(seconds=10)
