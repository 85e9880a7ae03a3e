"""`python -m tests.support.dashboards`: write deploy/grafana/dashboards from what is said here; a test compares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef

FOLDER = Path(__file__).parents[2] / "deploy/grafana/dashboards"
_SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
_CONNECTIONS = 'sum by (service) (muster_database_connections{{state="{}"}})'
_IN_USE = f"{_CONNECTIONS.format('open')} - {_CONNECTIONS.format('idle')}"
_QUANTILES = (0.5, 0.95, 0.99)


class Panel(NamedTuple):
    """One diagram: its title, what its lines mean, their unit, and a query with a legend for each kind of line."""

    title: str
    description: str
    unit: str
    queries: Sequence[tuple[str, str]]


def _quantiles(metric: str, by: str = "", label: str = "") -> list[tuple[str, str]]:
    """The median, the 95th and the 99th percentile of a histogram, apart by the label `by`."""
    labels = f"{by}, le" if by else "le"
    legend = f" {{{{{by}}}}}" if by else label
    return [
        (
            f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))",
            f"p{round(q * 100)}{legend}",
        )
        for q in (_QUANTILES if not by else (0.95,))
    ]


def _rate(metric: str, by: str, matching: str = "") -> list[tuple[str, str]]:
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return [(f"sum by ({by}) (rate({metric}{matching}[$__rate_interval]))", legend)]


DASHBOARDS: Mapping[str, Sequence[Panel]] = {
    "overview": [
        Panel(
            "Services",
            "1 while a service answers.",
            "none",
            [('min by (service) (up{job="muster"})', "{{service}}")],
        ),
        Panel(
            "Pushes", "How pushes ended.", "ops", _rate("muster_work_items_total", "outcome", '{kind="push"}')
        ),
        Panel(
            "A change's way",
            "From reading a change at the source to its write at the destination, of pushes that rules started.",
            "s",
            _quantiles("muster_change_seconds"),
        ),
        Panel(
            "Freshness",
            "Age of what is known of the directory that has not been looked at for longest.",
            "s",
            [("max(muster_freshness_seconds)", "oldest")],
        ),
        Panel(
            "Calls last for",
            "Until a month's calls run out at the present pace, of the account whose calls end first; nothing while all last.",
            "s",
            [("min(muster_calls_last_seconds) < +Inf", "first")],
        ),
        Panel(
            "Dead letters",
            "Messages that could not be handled, in the last hour.",
            "short",
            [("sum(increase(muster_dead_lettered_messages_total[1h])) or vector(0)", "dead letters")],
        ),
        Panel(
            "Requests",
            "HTTP requests by status.",
            "reqps",
            _rate("muster_http_requests_total", "service, status"),
        ),
    ],
    "pipeline": [
        Panel(
            "Messages handled", "By topic.", "ops", _rate("muster_consumed_messages_total", "service, topic")
        ),
        Panel(
            "Age of messages",
            "The oldest message of the last batch: how late each hop is.",
            "s",
            [("max by (service, topic) (muster_message_age_seconds)", "{{service}} {{topic}}")],
        ),
        Panel(
            "Time of a batch",
            "95 of 100 batches take at most this.",
            "s",
            _quantiles("muster_handle_seconds", "topic"),
        ),
        Panel(
            "Work",
            "Reads, matches and pushes that workers ended.",
            "ops",
            _rate("muster_work_items_total", "kind, outcome"),
        ),
        Panel(
            "Relay",
            "Age of the oldest message that is not on the broker yet.",
            "s",
            [("max by (service) (muster_relay_oldest_seconds)", "{{service}}")],
        ),
        Panel("Messages relayed", "By lane.", "ops", _rate("muster_relayed_messages_total", "service, lane")),
    ],
    "connectors": [
        Panel(
            "Calls",
            "By system and operation.",
            "reqps",
            _rate("muster_remote_calls_total", "system, operation"),
        ),
        Panel(
            "Outcomes",
            "HTTP status, or error where none came; 429 is a limit.",
            "reqps",
            _rate("muster_remote_calls_total", "system, outcome"),
        ),
        Panel(
            "Time of a call",
            "95 of 100 calls take at most this.",
            "s",
            _quantiles("muster_remote_seconds", "system"),
        ),
        Panel(
            "Webhooks",
            "Deliveries by what became of them.",
            "ops",
            _rate("muster_webhook_deliveries_total", "system, outcome"),
        ),
        Panel(
            "Missed by webhooks",
            "Changes that only a sweep found, in the last hour.",
            "short",
            [("sum(increase(muster_sweep_found_total[1h])) or vector(0)", "found by sweep")],
        ),
        Panel(
            "Events for other programs",
            "Tries to deliver them.",
            "ops",
            [
                (
                    "sum by (outcome) (rate(muster_deliveries_total[$__rate_interval])) or vector(0)",
                    "{{outcome}}",
                )
            ],
        ),
    ],
    "database": [
        Panel(
            "Transactions",
            "By service.",
            "ops",
            [("sum by (service) (rate(muster_transaction_seconds_count[$__rate_interval]))", "{{service}}")],
        ),
        Panel(
            "Time of a transaction",
            "95 of 100 take at most this.",
            "s",
            _quantiles("muster_transaction_seconds", "service"),
        ),
        Panel(
            "Connections in use",
            "Of the pool of each service.",
            "short",
            [
                (
                    _IN_USE,
                    "{{service}}",
                )
            ],
        ),
        Panel(
            "Errors",
            "Transactions that failed of what a repetition may cure.",
            "ops",
            [
                (
                    "sum by (service, error) (rate(muster_database_errors_total[$__rate_interval])) or vector(0)",
                    "{{service}} {{error}}",
                )
            ],
        ),
    ],
    "kafka": [
        Panel(
            "Lag",
            "Messages on the broker that are not handled yet.",
            "short",
            [("sum by (service, topic) (muster_consumer_lag_messages)", "{{service}} {{topic}}")],
        ),
        Panel(
            "Lag by partition",
            "One that stays behind while others do not.",
            "short",
            [("max by (topic, partition) (muster_consumer_lag_messages)", "{{topic}} {{partition}}")],
        ),
        Panel(
            "Produced",
            "Messages that the broker acknowledged.",
            "ops",
            _rate("muster_relayed_messages_total", "service"),
        ),
        Panel("Consumed", "Messages handled.", "ops", _rate("muster_consumed_messages_total", "service")),
        Panel(
            "Paused topics",
            "1 while too many messages of a topic could not be handled.",
            "none",
            [("max by (service, topic) (muster_paused_topics) or vector(0)", "{{service}} {{topic}}")],
        ),
    ],
}


def files() -> dict[Path, str]:
    """Each dashboard's file, and its content."""
    return {FOLDER / f"{name}.json": _render(name, panels) for name, panels in DASHBOARDS.items()}


def _render(name: str, panels: Sequence[Panel]) -> str:
    board = (
        dashboard.Dashboard(f"Muster: {name}")
        .uid(f"muster-{name}")
        .tags(["muster"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .readonly()
    )
    for panel in panels:
        made = (
            timeseries.Panel()
            .title(panel.title)
            .description(panel.description)
            .unit(panel.unit)
            .datasource(_SOURCE)
            .span(12)
            .height(8)
            .fill_opacity(8)
        )
        for expression, legend in panel.queries:
            made = made.with_target(
                prometheus.Dataquery().expr(expression).legend_format(legend).datasource(_SOURCE)
            )
        board = board.with_panel(made)
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, text in files().items():
        file.write_text(text)
