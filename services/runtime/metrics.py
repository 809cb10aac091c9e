"""Every metric of the relay, in one list; a label never varies with a case."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

RECORDS = Counter(
    "relay_records_total",
    "Records that came to their end in a service: accepted, repeated, superseded, not_ours, refused or faulted.",
    ["service", "end"],
    registry=REGISTRY,
)
REFUSALS = Counter(
    "relay_refusals_total", "Records refused, by reason of the closed list.", ["service", "reason"], registry=REGISTRY
)
NOTICES = Counter(
    "relay_notices_total",
    "Notices issued: notify, update, remind, close or correct.",
    ["service", "kind"],
    registry=REGISTRY,
)
LOOKS = Counter(
    "relay_looks_total", "Looks recorded: by event, clock or release.", ["service", "cause"], registry=REGISTRY
)
LOOK_SECONDS = Histogram(
    "relay_look_seconds",
    "Time that one look took on the event loop.",
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
OUTBOX_WAITING = Gauge(
    "relay_outbox_waiting", "Notices committed and not yet published.", ["service"], registry=REGISTRY
)
ASKS_OVERDUE = Gauge("relay_asks_overdue", "Asks whose time has passed unanswered.", ["service"], registry=REGISTRY)
OLDEST_WAITING = Gauge(
    "relay_oldest_waiting_seconds",
    "Age of the oldest fact that waits for a link.",
    ["service"],
    registry=REGISTRY,
)
UNEXPLAINED = Gauge(
    "relay_unexplained", "Duties told, owed no longer, with no fact that says why.", ["service"], registry=REGISTRY
)
FAULTED_FILES = Gauge("relay_faulted_files", "Files in which a rule raises.", ["service"], registry=REGISTRY)
PARKED = Gauge("relay_parked", "Notices that the broker refused for their own sake.", ["service"], registry=REGISTRY)
LAG = Gauge(
    "kafka_consumergroup_lag",
    "Records behind the end of the stream, by the offset that the database holds.",
    ["consumergroup", "topic", "partition"],
    registry=REGISTRY,
)
LAG_SECONDS = Gauge(
    "kafka_consumergroup_group_lag_seconds",
    "Age of the oldest record not yet committed.",
    ["consumergroup", "topic", "partition"],
    registry=REGISTRY,
)
UNOWNED = Gauge(
    "relay_partitions_unowned",
    "Partitions of a group's streams that none of its members reads.",
    ["consumergroup"],
    registry=REGISTRY,
)
