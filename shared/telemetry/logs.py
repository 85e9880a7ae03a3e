"""One structured line per batch, request and push: `action outcome count run_id duration_ms …`.

Only the fields of `ALLOWED` are written, so a value that nobody thought of cannot slip out.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

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
