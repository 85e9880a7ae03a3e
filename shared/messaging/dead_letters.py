"""What could not be handled: kept with its raw bytes and the reason, shown to people, sent again on request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from shared.db.tx import Record, Tx

_PARK = """
INSERT INTO dead_letter (topic, partition, "offset", company_id, event_id, type, key, headers, body, reason, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING
"""
_LIST = """
SELECT topic, partition, "offset", company_id, event_id, type, reason, detail, parked_at, replayed_at
FROM dead_letter
WHERE $1 OR replayed_at IS NULL
ORDER BY parked_at DESC LIMIT $2
"""
_SHOW = 'SELECT * FROM dead_letter WHERE topic = $1 AND partition = $2 AND "offset" = $3'
_REPLAYED = """
UPDATE dead_letter SET replayed_at = now() WHERE topic = $1 AND partition = $2 AND "offset" = $3
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One parked message. `reason` is a code, `detail` says where it failed and never holds a value of it."""

    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    headers: Mapping[str, str]
    key: bytes | None = None
    body: bytes | None = None
    company_id: UUID | None = None
    event_id: UUID | None = None
    type: str | None = None
    parked_at: datetime | None = None
    replayed_at: datetime | None = None


async def park(tx: Tx, letter: DeadLetter) -> None:
    """Keep it. Parking the same message again changes nothing."""
    await tx.execute(
        _PARK,
        letter.topic,
        letter.partition,
        letter.offset,
        letter.company_id,
        letter.event_id,
        letter.type,
        letter.key,
        orjson.dumps(dict(letter.headers)).decode(),
        letter.body,
        letter.reason,
        letter.detail,
    )


def _letter(row: Record) -> DeadLetter:
    values: dict[str, Any] = dict(row.items())
    values["headers"] = orjson.loads(values["headers"]) if "headers" in values else {}
    return DeadLetter(**values)


async def list_parked(tx: Tx, *, replayed: bool = False, limit: int = 100) -> Sequence[DeadLetter]:
    """The newest parked messages, without their bytes; those sent again only on request."""
    return [_letter(row) for row in await tx.fetch(_LIST, replayed, limit)]


async def show(tx: Tx, topic: str, partition: int, offset: int) -> DeadLetter | None:
    """One parked message with its bytes."""
    row = await tx.fetchrow(_SHOW, topic, partition, offset)
    return _letter(row) if row else None


async def mark_replayed(tx: Tx, topic: str, partition: int, offset: int) -> None:
    """Note that it was sent again."""
    await tx.execute(_REPLAYED, topic, partition, offset)
