"""One structured line per batch, request and push: `action outcome count run_id duration_ms …`.

Only the fields of `ALLOWED` are written, so a value that nobody thought of cannot slip out.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

ACTIONS = {
    "consume.batch": "one poll of one topic was handled",
    "consume.drain": "partitions are taken away; the running batch did not end in time",
    "consume.hold": "a batch waits for what a repetition may cure; nothing of its topic goes on meanwhile",
    "consume.parked": "messages that cannot be handled were set aside",
    "consume.parked.show": "a message was set aside, and its record could not show it",
    "consume.split": "a batch failed for good, and is handled one by one",
    "consume.stuck": "messages wait and none is handled; the process ends",
    "http.failed": "a request ended in a bug",
    "http.request": "a request was answered",
    "http.unavailable": "a request met something that does not answer now",
    "match.sweep": "due records were decided again",
    "push.failed": "a call to the destination failed as a whole",
    "read.failed": "a read of a directory failed",
    "read.page": "a page of a directory was staged",
    "relay.pause": "the relay let go after an error, and starts anew",
    "relay.stuck": "something said long ago is not on the broker yet",
    "service.start": "the process serves",
    "service.stop": "the process ended what it had begun",
    "service.wait": "the process waits for a server to come up",
    "stream.check": "the pages' sessions were looked at again",
    "stream.slow": "a page takes its hints too slowly",
    "stream.wait": "the stream to pages waits for the broker",
    "work.pause": "a worker waits after an error",
}
"""Every action that is ever logged, and what it says."""

ALLOWED = frozenset({
    "action", "service", "level", "timestamp", "outcome", "count", "run_id", "duration_ms", "topic", "event_id", "where",
    "failures", "delay_s", "account_id", "company_id", "page", "lane", "state", "port", "method", "route", "status",
    "request_id", "system", "operation", "tid", "attempt", "record_id", "item_id", "pid", "reason", "blocked_by", "code",
})  # fmt: skip


def _allow(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["action"] = event.pop("event")
    return {name: value for name, value in event.items() if name in ALLOWED}


def _write(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


def set_up(service: str) -> None:
    """Lines of JSON on standard output, of our own and of the libraries (warnings and worse, without their arguments)."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _allow,
            structlog.processors.JSONRenderer(serializer=_write),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(levelname)s %(name)s", force=True)


log: structlog.stdlib.BoundLogger = structlog.get_logger()
