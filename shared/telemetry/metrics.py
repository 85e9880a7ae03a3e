"""Every metric, with its unit and meaning."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

CONSUMED = Counter(
    "muster_consumed_messages", "Messages handled, repeats included", ["topic"], registry=REGISTRY
)
DEAD_LETTERED = Counter(
    "muster_dead_lettered_messages",
    "Messages that were dead-lettered",
    ["topic", "reason"],
    registry=REGISTRY,
)
PAUSED = Gauge(
    "muster_paused_topics",
    "1 while a topic is paused because too many of its messages could not be handled",
    ["topic"],
    registry=REGISTRY,
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
    "muster_handle_seconds", "Time to handle one poll, by topic or lane", ["subscriber"], registry=REGISTRY,
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15),
)  # fmt: skip
RELAYED = Counter("muster_relayed_messages", "Messages the broker acknowledged", ["lane"], registry=REGISTRY)
RELAY_AGE = Gauge(
    "muster_relay_oldest_seconds", "Age of the oldest message not yet relayed", registry=REGISTRY
)
TRANSACTION_SECONDS = Histogram(
    "muster_transaction_seconds", "Time of one transaction, from BEGIN to COMMIT", registry=REGISTRY,
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
)  # fmt: skip
DATABASE_ERRORS = Counter(
    "muster_database_errors",
    "Transactions that failed of what a repetition may cure",
    ["error"],
    registry=REGISTRY,
)
DATABASE_CONNECTIONS = Gauge(
    "muster_database_connections", "Connections to the database: open, and idle of those", ["state"],
    registry=REGISTRY,
)  # fmt: skip
CHANGE_SECONDS = Histogram(
    "muster_change_seconds",
    "From reading a change at the source to its write at the destination, of pushes that rules started",
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600),
)
REMOTE_CALLS = Counter(
    "muster_remote_calls", "Calls to the two systems", ["system", "operation", "outcome"], registry=REGISTRY
)
REMOTE_SECONDS = Histogram(
    "muster_remote_seconds", "Time of one call to the two systems", ["system", "operation"], registry=REGISTRY
)
WORK = Counter("muster_work_items", "Work items ended by a worker", ["kind", "outcome"], registry=REGISTRY)
SWEEP_FOUND = Counter(
    "muster_sweep_found", "Changes that a sweep found and no webhook had announced", registry=REGISTRY
)
FRESHNESS = Gauge(
    "muster_freshness_seconds",
    "Age of what is known of the directory that has not been looked at for longest",
    registry=REGISTRY,
)
CALLS_LAST = Gauge(
    "muster_calls_last_seconds",
    "Time until a month's calls run out at the present pace, of the account whose calls end first; infinite while all last",
    registry=REGISTRY,
)
WEBHOOKS = Counter(
    "muster_webhook_deliveries",
    "Webhook deliveries answered: accepted, unknown (of nobody's account), unreadable, forged or unavailable",
    ["system", "outcome"],
    registry=REGISTRY,
)
REQUESTS = Counter(
    "muster_http_requests", "HTTP requests answered", ["route", "method", "status"], registry=REGISTRY
)
UNDELIVERED = Gauge(
    "muster_undelivered_notices",
    "Messages with notices that three tries or more did not deliver, and that are tried again",
    ["channel"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "muster_deliveries", "Tries to deliver an event to another program", ["outcome"], registry=REGISTRY
)
