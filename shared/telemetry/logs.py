"""One structured line per batch, request and push: `action outcome count run_id duration_ms …`.

Only the fields of `ALLOWED` are written, so a value that nobody thought of cannot slip out.
"""

import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, BinaryIO, cast

import orjson
import structlog

from shared.errors import where
from shared.telemetry.traces import trace_id

ACTIONS = {
    "consume.batch": "one poll, of one topic or of all of a lane, was handled",
    "consume.commit": "offsets could not be committed; what was handled may come again",
    "consume.drain": "partitions are taken away; the running batch did not end in time",
    "consume.retry": "a topic's batch waits for what a repetition may cure; its partitions are held meanwhile, the others go on",
    "consume.dead_lettered": "messages that cannot be handled were dead-lettered",
    "consume.dead_lettered.show": "a message was dead-lettered, and its record could not show it",
    "consume.paused": "so many messages could not be handled that their topic is paused",
    "consume.split": "a batch failed, and is handled topic by topic or one by one",
    "consume.stuck": "messages wait and none is handled; the process ends",
    "delivery.tried": "an event was sent to another program",
    "http.failed": "a request ended in a bug",
    "http.request": "a request was answered",
    "http.unavailable": "a request met something that does not answer now",
    "match.sweep": "due records were decided again",
    "notice.tried": "a notice was sent to a person or to a company's channel",
    "push.failed": "a call to the destination failed as a whole",
    "read.failed": "a read of a directory failed",
    "read.page": "a page of a directory was staged",
    "read.short": "a complete read showed less than half of a directory, and nobody was marked as gone",
    "read.unreadable": "a connector failed on one record, which counts as unreadable",
    "relay.pause": "the relay let go after an error, and starts again",
    "relay.partitions": "day partitions are made and dropped later: somebody reads the tables for long",
    "relay.stuck": "something published long ago is not on the broker yet",
    "service.start": "the process serves",
    "service.stop": "the process ended what it had begun",
    "service.wait": "the process waits for a server to come up",
    "stream.check": "the pages' sessions were looked at again",
    "stream.slow": "a page takes its hints too slowly",
    "stream.wait": "the stream to pages waits for the broker",
    "sso.failed": "single sign-on let somebody not in, or its provider did not answer; `outcome` says why",
    "webhook.forged": "deliveries came that no secret of ours had signed, counted for a minute",
    "webhook.secrets": "an account's webhook secrets cannot be opened",
    "webhook.unreadable": "a delivery was authentic and could not be read; it is kept as a dead letter",
    "work.failed": "a worker met a bug in one task, and goes on with the others after a pause",
    "work.pause": "a worker waits after an error",
}
"""Every action that is ever logged, and what it says."""

ALLOWED = frozenset({
    "action", "service", "level", "timestamp", "outcome", "count", "run_id", "duration_ms", "topic", "event_id", "where",
    "failures", "delay_s", "account_id", "company_id", "page", "lane", "state", "port", "method", "route", "status",
    "request_id", "system", "operation", "tid", "attempt", "record_id", "push_id", "pid", "reason", "blocked_by", "code",
    "trace_id",
})  # fmt: skip


def _allow(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["action"] = event.pop("event")
    return {name: value for name, value in event.items() if name in ALLOWED}


def _name_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if (found := trace_id()) is not None:
        event["trace_id"] = found
    return event


def _write(event: Any, **_: Any) -> bytes:
    return orjson.dumps(event, default=str)


class _Output:
    """Standard output; a line that cannot be written, as to a file on a full disk, is lost and nothing else."""

    def write(self, line: bytes) -> int:
        with suppress(OSError):
            return sys.stdout.buffer.write(line)
        return 0

    def flush(self) -> None:
        with suppress(OSError):
            sys.stdout.buffer.flush()


class _Valueless(logging.Formatter):
    """Of a library's error the type and the place: its text, and the lines of a traceback, may hold a value."""

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have written it out
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802  (logging's own name)
        error = ei[1]
        return f"{type(error).__name__} @ {where(error)}" if error is not None else ""

    def formatStack(self, stack_info: str) -> str:  # noqa: ARG002, N802
        return ""


def set_up(service: str) -> None:
    """Lines of JSON on standard output, of our own and of the libraries (warnings and worse, without their arguments)."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_trace,
            _allow,
            structlog.processors.JSONRenderer(serializer=_write),
        ],
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", _Output())),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Valueless("%(levelname)s %(name)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.raiseExceptions = False  # a line that cannot be written would be printed with its arguments


log: structlog.stdlib.BoundLogger = structlog.get_logger()
