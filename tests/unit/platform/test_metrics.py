"""A gauge shows what was measured lately, and when; never a number that nobody can vouch for any more."""

import time

from prometheus_client import CollectorRegistry

from services.platform import metrics
from services.platform.metrics import FRESH_SECONDS, Gauge

INCIDENTS = {"service": "incidents"}


class Shown:
    """A gauge on a clock that the test moves."""

    def __init__(self) -> None:
        self.registry, self.now = CollectorRegistry(), 0.0
        self.gauge = Gauge("waiting", "Who waits.", ["service"], registry=self.registry, now=lambda: self.now)

    @property
    def number(self) -> float | None:
        return self.registry.get_sample_value("waiting", INCIDENTS)

    @property
    def measured_at(self) -> float | None:
        return self.registry.get_sample_value("waiting_measured_timestamp_seconds", INCIDENTS)


def test_what_was_never_measured_shows_neither_a_number_nor_a_time() -> None:
    shown = Shown()
    assert (shown.number, shown.measured_at) == (None, None)


def test_what_was_just_measured_shows_its_number_and_the_time_of_it() -> None:
    shown, before = Shown(), time.time()
    shown.gauge.measured(0, "incidents")
    assert shown.number == 0
    assert shown.measured_at is not None
    assert before <= shown.measured_at <= time.time()


def test_what_is_measured_no_longer_shows_when_it_was_and_no_number() -> None:
    shown = Shown()
    shown.gauge.measured(3, "incidents")
    measured_at = shown.measured_at
    shown.now = FRESH_SECONDS - 0.1
    assert shown.number == 3
    shown.now = FRESH_SECONDS
    assert shown.number is None
    assert shown.measured_at == measured_at


def test_one_value_of_a_label_grows_old_while_another_is_fresh() -> None:
    shown = Shown()
    shown.gauge.measured(3, "incidents")
    shown.now = FRESH_SECONDS
    shown.gauge.measured(4, "convictions")
    assert shown.number is None
    assert shown.registry.get_sample_value("waiting", {"service": "convictions"}) == 4


def test_every_gauge_of_the_relay_has_its_time_beside_it() -> None:
    families = {family.name: family for family in metrics.REGISTRY.collect()}
    gauges = {name for name, family in families.items() if family.type == "gauge"}
    numbers = {name for name in gauges if not name.endswith("_measured_timestamp_seconds")}
    assert gauges == numbers | {f"{name}_measured_timestamp_seconds" for name in numbers}
    assert len(numbers) == 9
