"""The log's chain: each entry's hash covers the one before, so that an entry changed, left out or put between is found.

Anyone who may write all rows of the database can compute the hashes of a changed chain again: SECURITY.md says what that means.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from uuid import UUID

from shared.contracts.events import Body, Message
from shared.domain.values import Lane

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


class Fault(NamedTuple):
    """What is wrong with a chain, from the entry `n` on."""

    kind: Literal["changed", "unchained", "missing", "beyond_head", "wrong_head", "no_head", "emptied"]
    n: int
    entries: int = 1


_TEXTS: Mapping[str, str] = {
    "changed": "entry {n} was changed after it was written",
    "unchained": "entry {n} does not continue the entry before it: one of the two was replaced",
    "missing": "{entries} entries are missing, from {n} on",
    "beyond_head": "{entries} entries stand beyond the head of the chain, from {n} on",
    "wrong_head": "the head of the chain is not the hash of entry {n}",
    "no_head": "the head of the chain is missing; the last entry is {n}",
    "emptied": "the history is empty, although the company's settings or records came through it",
}


def describe(fault: Fault) -> str:
    """The fault in words."""
    return _TEXTS[fault.kind].format(n=fault.n, entries=fault.entries)


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a chain should end and where it does, read in one statement; None where there is no head or no entry."""

    head_n: int | None
    head_hash: bytes | None
    last_n: int | None
    known: bool
    """Whether history holds settings or records of the company, which come only with entries."""


def verify(rows: Iterable[Entry], before: bytes = GENESIS, after_n: int = 0) -> Iterator[Fault]:
    """Every fault of entries that should continue `before`, the hash of the entry `after_n`."""
    for row in rows:
        if row.n != after_n + 1:
            yield Fault("missing", after_n + 1, row.n - after_n - 1)
        elif row.prev_hash != before:
            yield Fault("unchained", row.n)
        if row.hash != digest(*row[:12]):
            yield Fault("changed", row.n)
        before, after_n = row.hash, row.n


def verify_ends(ends: Ends, n: int, last_hash: bytes) -> Iterator[Fault]:
    """The faults of a chain whose entries were read up to the head, and end there with the entry `n` and its hash."""
    if not ends.head_n and ends.last_n is None:
        if ends.known:
            yield Fault("emptied", 0, 0)
        return
    if ends.head_n is None:
        yield Fault("no_head", ends.last_n or 0)
        return
    if n < ends.head_n:
        yield Fault("missing", n + 1, ends.head_n - n)
    elif last_hash != ends.head_hash:
        yield Fault("wrong_head", n)
    if (beyond := (ends.last_n or 0) - ends.head_n) > 0:
        yield Fault("beyond_head", ends.head_n + 1, beyond)
