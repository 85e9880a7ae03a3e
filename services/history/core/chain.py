"""The log's chain: each entry's hash covers the one before, so that nothing can be changed, left out or put between."""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from shared.contracts.events import Body, Message
from shared.contracts.records import Lane

GENESIS = bytes(32)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NONE = bytes(16)
_HEADER = struct.Struct(">32s16sQ16sqB16s16sI")


class Entry(NamedTuple):
    """One row of the log; the columns in the table's order."""

    company_id: UUID
    n: int
    event_id: UUID
    event_time: datetime
    type: str
    topic: str
    record_id: UUID | None
    run_id: UUID | None
    actor: str | None
    cause: str | None
    body: bytes
    prev_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where a company's chain ends, and whose records its list shows."""

    company_id: UUID
    n: int
    hash: bytes
    source_account_id: UUID | None = None


def digest(
    company_id: UUID,
    n: int,
    event_id: UUID,
    event_time: datetime,
    kind: str,
    topic: str,
    record_id: UUID | None,
    run_id: UUID | None,
    actor: str | None,
    cause: str | None,
    body: bytes,
    prev_hash: bytes,
) -> bytes:
    """SHA-256 over the hash before, a header of fixed lengths, the texts parted by NUL (which none holds), and the body."""
    texts = f"{kind}\0{topic}\0{actor or ''}\0{cause or ''}".encode()
    absent = (record_id is None) | (run_id is None) << 1 | (actor is None) << 2 | (cause is None) << 3
    header = _HEADER.pack(
        prev_hash,
        company_id.bytes,
        n,
        event_id.bytes,
        (event_time - _EPOCH) // _MICROSECOND,
        absent,
        record_id.bytes if record_id is not None else _NONE,
        run_id.bytes if run_id is not None else _NONE,
        len(texts),
    )
    return hashlib.sha256(b"".join((header, texts, body))).digest()


@lru_cache(maxsize=256)
def _shape(cls: type[Body], lane: Lane) -> tuple[str, str, bool, bool, bool]:
    """Type, topic, and whether such a body has a record, a run, a cause: asking a model for what it lacks is slow."""
    fields = cls.model_fields
    return cls.wire_type(), cls.topic.on(lane), "record_id" in fields, "run_id" in fields, "cause" in fields


def chain(heads: Mapping[UUID, Head], events: Sequence[Message[Any]]) -> tuple[list[Entry], dict[UUID, Head]]:
    """The entries that continue each company's chain in the order the events came, and where the chains end then."""
    ends = {company: (head.n, head.hash) for company, head in heads.items()}
    entries = []
    for event in events:
        body, company = event.body, event.company_id
        n, before = ends[company]
        n += 1
        cls: type[Body] = type(body)
        kind, topic, has_record, has_run, has_cause = _shape(cls, event.lane)
        record = body.record_id if has_record else None
        run = event.run_id or (body.run_id if has_run else None)
        cause = body.cause if has_cause else None
        after = digest(
            company, n, event.id, event.time, kind, topic, record, run, event.actor, cause, event.raw, before
        )
        entries.append(
            Entry(
                company,
                n,
                event.id,
                event.time,
                kind,
                topic,
                record,
                run,
                event.actor,
                cause,
                event.raw,
                before,
                after,
            )
        )
        ends[company] = n, after
    return entries, {c: Head(c, *ends[c], head.source_account_id) for c, head in heads.items()}


def verify(rows: Iterable[Entry], before: bytes = GENESIS, after_n: int = 0) -> int | None:
    """The first number whose entry is missing, changed or out of place; None when all rows continue `before`."""
    for n, row in enumerate(rows, after_n + 1):
        if row.n != n or row.prev_hash != before or row.hash != digest(*row[:12]):
            return n
        before = row.hash
    return None
