"""Every metric, with its unit and meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

CONSUMED = Counter(
    "muster_consumed_messages", "Messages handled, repeats included", ["topic"], registry=REGISTRY
)
PARKED = Counter(
    "muster_parked_messages", "Messages parked as dead letters", ["topic", "reason"], registry=REGISTRY
)
LAG = Gauge(
    "muster_consumer_lag_messages",
    "Messages on the broker not yet handled",
    ["topic", "partition"],
    registry=REGISTRY,
)
MESSAGE_AGE = Gauge(
    "muster_message_age_seconds", "Age of the oldest message of the last batch", ["topic"], registry=REGISTRY
)
HANDLE_SECONDS = Histogram(
    "muster_handle_seconds", "Time to handle one batch", ["topic"], registry=REGISTRY,
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15),
)  # fmt: skip
RELAYED = Counter("muster_relayed_messages", "Messages the broker acknowledged", ["lane"], registry=REGISTRY)
RELAY_AGE = Gauge(
    "muster_relay_oldest_seconds", "Age of the oldest message not yet relayed", registry=REGISTRY
)
REMOTE_CALLS = Counter(
    "muster_remote_calls", "Calls to the two systems", ["system", "operation", "outcome"], registry=REGISTRY
)
REMOTE_SECONDS = Histogram(
    "muster_remote_seconds", "Time of one call to the two systems", ["system", "operation"], registry=REGISTRY
)
WORK = Counter("muster_work_items", "Work items ended by a worker", ["kind", "outcome"], registry=REGISTRY)
REQUESTS = Counter(
    "muster_http_requests", "HTTP requests answered", ["route", "method", "status"], registry=REGISTRY
)
