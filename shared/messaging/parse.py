"""A broker's record as a message. Total: whatever bytes come, it is one or it is poison."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import orjson
from aiokafka import ConsumerRecord
from asyncpg.pgproto.pgproto import UUID
from pydantic import ValidationError

from shared.contracts.events import Body, Message
from shared.domain.values import Lane
from shared.messaging.inbox import Received

_ENVELOPE = frozenset({"ce_id", "ce_type", "ce_time", "ce_companyid"})
_LANES = {lane.value.encode(): lane for lane in Lane}
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The escape of NUL, which PostgreSQL cannot keep; behind one more backslash it is six characters."""


class PoisonError(Exception):
    """A message that can never be handled as it is. `reason` is a code, the text says where it is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def type_of(record: ConsumerRecord[bytes, bytes]) -> bytes | None:
    """The message's type, without reading anything else of it."""
    return next((value for name, value in record.headers if name == "ce_type"), None)


def parse(record: ConsumerRecord[bytes, bytes], types: Mapping[bytes, type[Body]]) -> Received[Body]:
    """The record as a message of one of `types`, or `PoisonError`.

    Ids are made as asyncpg's UUID: one of the standard library's, made in an eighth of the time.
    """
    headers = dict(record.headers)
    try:
        b"".join(headers.values()).decode()
    except (UnicodeDecodeError, TypeError):
        raise PoisonError("bad_header", "a header is not text") from None
    if not headers.keys() >= _ENVELOPE:
        raise PoisonError("missing_header", f"without {', '.join(sorted(_ENVELOPE - headers.keys()))}")
    cls = types.get(headers["ce_type"])
    if cls is None:
        raise PoisonError("unknown_type", "a type that this topic does not have")
    get, value = headers.get, record.value or b""
    cause = get("ce_causationid")
    try:
        event_id = UUID(headers["ce_id"].decode())
        causation = UUID(cause.decode()) if cause is not None else None
        time, company, lane, run, actor, context = _shared(
            headers["ce_time"],
            headers["ce_companyid"],
            get("ce_lane", b"real_time"),
            get("ce_runid"),
            get("ce_actor"),
            get("traceparent"),
        )
    except (ValueError, KeyError):
        raise PoisonError("bad_header", "an id, a time or a lane is malformed") from None
    body = _body(cls, value)
    return Received(
        Message(event_id, time, company, lane, body, run, causation, actor, context, value), record
    )


@lru_cache(maxsize=1024)
def _shared(
    time: bytes, company: bytes, lane: bytes, run: bytes | None, actor: bytes | None, context: bytes | None
) -> tuple[datetime, UUID, Lane, UUID | None, str | None, str | None]:
    """The headers that messages published together share, read once."""
    shared = (
        datetime.fromisoformat(time.decode()),
        UUID(company.decode()),
        _LANES[lane],
        UUID(run.decode()) if run is not None else None,
        actor.decode() if actor is not None else None,
        context.decode() if context is not None else None,
    )
    if shared[0].tzinfo is None:
        raise PoisonError("bad_header", "a time without its zone")
    return shared


def _body(cls: type[Body], value: bytes) -> Body:
    """Pydantic takes NaN and Infinity where no field wants them, but they are no JSON, and the log is read as JSON."""
    if b"\\u0000" in value and _NUL.search(value):
        raise PoisonError("nul_character", "text with a NUL character")
    try:
        if b"NaN" in value or b"Infinity" in value:
            orjson.loads(value)
        body: Body = cls.__pydantic_validator__.validate_json(value)
    except ValidationError as error:
        found = error.errors(include_input=False)[:5]
        where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in found)
        raise PoisonError("bad_body", where) from None
    except (ValueError, RecursionError) as error:
        raise PoisonError("bad_body", type(error).__name__) from None
    return body
