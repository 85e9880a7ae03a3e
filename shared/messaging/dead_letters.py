"""What could not be handled: kept sealed as it came, with the reason in the open, shown to people, replayed on request."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from aiokafka import ConsumerRecord

from shared.db.seal import Sealer
from shared.db.tx import Record, Tx

_ADD = """
INSERT INTO dead_letter (topic, partition, "offset", company_id, event_id, type, key_id, sealed, reason, detail)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::bytea[],
                     $9::text[], $10::text[])
ON CONFLICT DO NOTHING
RETURNING reason
"""
_LIST = """
SELECT topic, partition, "offset", company_id, event_id, type, reason, detail, dead_lettered_at, replayed_at
FROM dead_letter
WHERE $1 OR (replayed_at IS NULL AND discarded_at IS NULL)
ORDER BY dead_lettered_at DESC LIMIT $2
"""
_SHOW = 'SELECT * FROM dead_letter WHERE topic = $1 AND partition = $2 AND "offset" = $3'
_KNOWN = """
SELECT partition, "offset" FROM dead_letter
WHERE topic = $1 AND (partition, "offset") IN (SELECT * FROM unnest($2::int[], $3::bigint[]))
"""
_OPEN_COUNTS = """
SELECT company_id, count(*)::int AS count FROM dead_letter
WHERE replayed_at IS NULL AND discarded_at IS NULL GROUP BY company_id
"""
_DISCARD = """
UPDATE dead_letter SET discarded_at = now(), discarded_by = $4, discard_reason = $5
WHERE topic = $1 AND partition = $2 AND "offset" = $3 AND replayed_at IS NULL AND discarded_at IS NULL RETURNING topic
"""
_REPLAYED = """
UPDATE dead_letter SET replayed_at = now() WHERE topic = $1 AND partition = $2 AND "offset" = $3
"""


@dataclass(frozen=True, slots=True)
class Raw:
    """A message to the byte, as the broker gave it."""

    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    body: bytes | None

    @classmethod
    def of(cls, record: ConsumerRecord[bytes, bytes]) -> Raw:
        """What `record` holds."""
        return cls(record.key, tuple(record.headers), record.value)

    def dump(self) -> bytes:
        """As JSON, bytes in base64."""
        headers = [(name, _text(value)) for name, value in self.headers]
        return orjson.dumps([_text(self.key), headers, _text(self.body)])

    @classmethod
    def load(cls, dumped: bytes) -> Raw:
        """What `dump` gave."""
        key, headers, body = orjson.loads(dumped)
        return cls(_bytes(key), tuple((name, _bytes(value)) for name, value in headers), _bytes(body))


def _text(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else base64.b64decode(value)


def _id(text: str | None) -> UUID | None:
    with suppress(ValueError):
        return UUID(text or "")
    return None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. `reason` is a code, `detail` says where it failed and never holds a value of it."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    raw: Raw | None = None
    company_id: UUID | None = None
    event_id: UUID | None = None
    type: str | None = None
    dead_lettered_at: datetime | None = None
    replayed_at: datetime | None = None
    discarded_at: datetime | None = None

    @classmethod
    def of(cls, record: ConsumerRecord[bytes, bytes], reason: str, detail: str) -> DeadLetter:
        """Of a record that may hold anything: what its headers say is kept in the open as far as it can be read."""
        headers = {
            name: (value or b"").decode("utf-8", "backslashreplace").replace("\x00", "\\0")
            for name, value in record.headers
        }
        return cls(
            record.topic,
            record.partition,
            record.offset,
            reason,
            detail,
            Raw.of(record),
            _id(headers.get("ce_companyid")),
            _id(headers.get("ce_id")),
            headers.get("ce_type"),
        )

    def record(self) -> ConsumerRecord[bytes, bytes]:
        """The record that it was, without what only the broker knew of it."""
        assert self.raw is not None
        raw = self.raw
        return ConsumerRecord(
            topic=self.topic, partition=self.partition, offset=self.offset, timestamp=0, timestamp_type=0, key=raw.key,
            value=raw.body, checksum=None, serialized_key_size=0, serialized_value_size=0, headers=raw.headers,
        )  # fmt: skip

    def associated_data(self, service: str) -> str:
        """What its seal is bound to."""
        return f"{service}.dead_letter|{self.topic}|{self.partition}|{self.offset}"


async def add(tx: Tx, sealer: Sealer, entries: Sequence[DeadLetter]) -> list[str]:
    """Keep them; the reasons of those that are new. Adding the same message again changes nothing."""
    sealed = []
    for dead_letter in entries:
        assert dead_letter.raw is not None
        sealed.append(sealer.close(dead_letter.raw.dump(), dead_letter.associated_data(tx.service)))
    rows = await tx.fetch(
        _ADD,
        [x.topic for x in entries],
        [x.partition for x in entries],
        [x.offset for x in entries],
        [x.company_id for x in entries],
        [x.event_id for x in entries],
        [x.type for x in entries],
        [key_id for key_id, _ in sealed],
        [text for _, text in sealed],
        [x.reason for x in entries],
        [x.detail for x in entries],
    )
    return [row["reason"] for row in rows]


async def known_among(tx: Tx, topic: str, places: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Which of these (partition, offset) are dead-lettered already."""
    rows = await tx.fetch(_KNOWN, topic, [p for p, _ in places], [o for _, o in places])
    return {(row["partition"], row["offset"]) for row in rows}


def _dead_letter(row: Record, raw: Raw | None = None) -> DeadLetter:
    values = {name: value for name, value in row.items() if name in DeadLetter.__dataclass_fields__}
    return DeadLetter(**values, raw=raw)


async def list_dead_letters(tx: Tx, *, replayed: bool = False, limit: int = 100) -> Sequence[DeadLetter]:
    """The newest dead letters, without what they say; those that were settled only on request."""
    return [_dead_letter(row) for row in await tx.fetch(_LIST, replayed, limit)]


async def show(tx: Tx, sealer: Sealer, topic: str, partition: int, offset: int) -> DeadLetter | None:
    """One dead letter as it came. Raises `SealError` when its key is not listed any more."""
    row = await tx.fetchrow(_SHOW, topic, partition, offset)
    if row is None:
        return None
    opened = sealer.open(row["key_id"], row["sealed"], _dead_letter(row).associated_data(tx.service))
    return _dead_letter(row, Raw.load(opened))


async def mark_replayed(tx: Tx, topic: str, partition: int, offset: int) -> None:
    """Note that it was replayed."""
    await tx.execute(_REPLAYED, topic, partition, offset)


async def discard(tx: Tx, topic: str, partition: int, offset: int, actor: str, reason: str) -> bool:
    """Note that a person gave it up, and why; False when it is not there, or settled already."""
    return await tx.fetchval(_DISCARD, topic, partition, offset, actor, reason) is not None


async def open_counts(tx: Tx) -> dict[UUID | None, int]:
    """How many wait for somebody, by company; None: those that name no company that could be read."""
    return {row["company_id"]: row["count"] for row in await tx.fetch(_OPEN_COUNTS)}
