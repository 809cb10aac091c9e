"""Every metric of the relay, in one list; a label never varies with a case."""

import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

REGISTRY = CollectorRegistry()
# What was not measured for so long shows no number: a server that is away would leave its last one there for ever.
FRESH_SECONDS = 12.0


class Gauge(Collector):
    """A number for each value of its labels, which is shown while it is fresh; and beside it when it was measured last,
    as `NAME_measured_timestamp_seconds`, which is shown from then on."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        registry: CollectorRegistry = REGISTRY,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now`: seconds that no change of the clock moves; how old a number is."""
        self._name, self._documentation, self._labels, self._now = name, documentation, labels, now
        self._measured: dict[tuple[str, ...], tuple[float, float, float]] = {}
        registry.register(self)

    def measured(self, number: float, *labels: str) -> None:
        """Keeps what was measured just now, for these values of the labels."""
        self._measured[labels] = number, time.time(), self._now()

    def collect(self) -> Iterable[Metric]:
        """What is shown now: two families."""
        shown = GaugeMetricFamily(self._name, self._documentation, labels=self._labels)
        times = GaugeMetricFamily(
            f"{self._name}_measured_timestamp_seconds", f"When {self._name} was measured last.", labels=self._labels
        )
        for labels, (number, when, since) in self._measured.items():
            if self._now() - since < FRESH_SECONDS:
                shown.add_metric(labels, number)
            times.add_metric(labels, when)
        return shown, times


RECORDS = Counter(
    "relay_records_total",
    "Records that came to their end in a service: accepted, repeated, superseded, not_ours, refused or faulted.",
    ["service", "end"],
    registry=REGISTRY,
)
REFUSALS = Counter(
    "relay_refusals_total", "Records refused, by reason of the closed list.", ["service", "reason"], registry=REGISTRY
)
NOTIFICATIONS_SENT = Counter(
    "relay_notifications_total",
    "Notifications issued: notify, update, remind, close or correct.",
    ["service", "kind"],
    registry=REGISTRY,
)
EVALUATIONS = Counter(
    "relay_evaluations_total",
    "Evaluations recorded: by event, clock or release.",
    ["service", "cause"],
    registry=REGISTRY,
)
EVALUATION_SECONDS = Histogram(
    "relay_evaluation_seconds",
    "Time that one evaluation took on the event loop.",
    ["service"],
    buckets=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
    registry=REGISTRY,
)
BATCH_SECONDS = Histogram(
    "relay_batch_seconds",
    "Time from taking a batch to the end of its transaction.",
    ["service"],
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    registry=REGISTRY,
)
OUTBOX_UNPUBLISHED = Gauge("relay_outbox_unpublished", "Notifications committed and not yet published.", ["service"])
ASKS_OVERDUE = Gauge("relay_asks_overdue", "Asks whose time has passed unanswered.", ["service"])
OLDEST_PENDING = Gauge(
    "relay_oldest_pending_seconds",
    "Age of the oldest fact that is pending: accepted, and linked to nobody yet.",
    ["service"],
)
UNEXPLAINED = Gauge("relay_unexplained", "Duties delivered and owed no longer, where no fact says why.", ["service"])
FAULTED_FILES = Gauge("relay_faulted_files", "Files in which a rule raises.", ["service"])
PARKED = Gauge("relay_parked", "Notifications that the broker refused for their own sake.", ["service"])
LAG = Gauge(
    "kafka_consumergroup_lag",
    "Records behind the end of the stream, by the offset that the database holds.",
    ["consumergroup", "topic", "partition"],
)
LAG_SECONDS = Gauge(
    "kafka_consumergroup_group_lag_seconds",
    "Age of the oldest record not yet committed.",
    ["consumergroup", "topic", "partition"],
)
UNOWNED = Gauge(
    "relay_partitions_unowned",
    "Partitions of a group's streams that none of its members reads.",
    ["consumergroup"],
)
