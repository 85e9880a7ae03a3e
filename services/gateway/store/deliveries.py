"""What is on its way to addresses that receive a company's events, and how it went."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from shared.db.tx import Record, Tx

COMPANY_MOST, ENDPOINT_MOST = 10, 5
"""Deliveries of one company, and to one of its addresses, that are tried at the same time."""

_NOTE = """
WITH moved AS (
    UPDATE endpoints SET place = $4 WHERE company_id = $1 AND endpoint_id = $2 AND place = $3 RETURNING endpoint_id
)
INSERT INTO deliveries (company_id, endpoint_id, event_id, type, body)
SELECT $1, endpoint_id, t.event_id, t.type, t.body
FROM moved, unnest($5::uuid[], $6::text[], $7::json[]) WITH ORDINALITY AS t (event_id, type, body, at) ORDER BY t.at
ON CONFLICT (company_id, endpoint_id, event_id) DO NOTHING
"""


async def note_deliveries(
    tx: Tx, company: UUID, endpoint: UUID, place: int, to: int, events: Sequence[Mapping[str, Any]]
) -> None:
    """Note these events for delivery and move on from `place`; nothing happens where another copy was first."""
    bodies = [orjson.dumps(event).decode() for event in events]
    ids, types = [UUID(event["event_id"]) for event in events], [event["type"] for event in events]
    await tx.execute(_NOTE, company, endpoint, place, to, ids, types, bodies)


_SEND_ONE = """
INSERT INTO deliveries (company_id, endpoint_id, event_id, type, body) VALUES ($1, $2, $3, $4, $5::json)
RETURNING delivery_id
"""


async def add_delivery(tx: Tx, company: UUID, endpoint: UUID, event: Mapping[str, Any]) -> int:
    """Note one event for delivery; its number."""
    body = orjson.dumps(event).decode()
    number: int = await tx.fetchval(
        _SEND_ONE, company, endpoint, UUID(event["event_id"]), event["type"], body
    )
    return number


@dataclass(frozen=True, slots=True)
class Due:
    """One delivery to try now, under a lease."""

    company_id: UUID
    endpoint_id: UUID
    delivery_id: int
    lease_token: int
    event_id: UUID
    body: str
    tries: int
    created_at: datetime
    url: str
    key_id: str
    sealed: bytes


_CLAIM = """
WITH chosen AS (
    SELECT r.company_id, r.endpoint_id, r.delivery_id FROM (
        SELECT w.company_id, w.endpoint_id, w.delivery_id, e.claimed_at,
               row_number() OVER (PARTITION BY w.company_id ORDER BY e.claimed_at, w.delivery_id) AS place
        FROM endpoints e CROSS JOIN LATERAL (
            SELECT o.company_id, o.endpoint_id, o.delivery_id FROM deliveries o
            WHERE o.company_id = e.company_id AND o.endpoint_id = e.endpoint_id
              AND o.state = 'waiting' AND o.next_try_at <= now()
            ORDER BY o.delivery_id
            LIMIT greatest(0, $5 - (SELECT count(*) FROM unnest($3::uuid[]) AS f (id) WHERE f.id = e.endpoint_id))
        ) w WHERE e.state = 'active'
    ) r
    WHERE r.place <= $4 - (SELECT count(*) FROM unnest($2::uuid[]) AS f (id) WHERE f.id = r.company_id)
    ORDER BY r.claimed_at, r.place LIMIT $1
), taken AS (
    SELECT d.company_id, d.endpoint_id, d.delivery_id FROM deliveries d
    JOIN chosen USING (company_id, endpoint_id, delivery_id)
    WHERE d.state = 'waiting' AND d.next_try_at <= now() FOR UPDATE OF d SKIP LOCKED
), noted AS (
    UPDATE endpoints e SET claimed_at = now() FROM (
        SELECT company_id, endpoint_id FROM endpoints
        WHERE (company_id, endpoint_id) IN (SELECT company_id, endpoint_id FROM taken) FOR NO KEY UPDATE SKIP LOCKED
    ) f WHERE e.company_id = f.company_id AND e.endpoint_id = f.endpoint_id
)
UPDATE deliveries d SET lease_token = lease_token + 1, next_try_at = now() + interval '45 seconds'
FROM taken t JOIN endpoints e ON e.company_id = t.company_id AND e.endpoint_id = t.endpoint_id
WHERE d.company_id = t.company_id AND d.endpoint_id = t.endpoint_id AND d.delivery_id = t.delivery_id
RETURNING d.company_id, d.endpoint_id, d.delivery_id, d.lease_token, d.event_id, d.body, d.tries, d.created_at,
    e.url, e.key_id, e.sealed
"""


async def claim_deliveries(tx: Tx, room: int, under_way: Collection[Due]) -> list[Due]:
    """Deliveries that are due, for the addresses that have waited longest: as many as there is room for.

    With those that are `under_way` in this process they are at most `COMPANY_MOST` of a company and `ENDPOINT_MOST` of an
    address, so that what answers slowly, or never, delays nobody else.
    """
    ends = [d.company_id for d in under_way], [d.endpoint_id for d in under_way]
    rows = await tx.fetch(_CLAIM, room, *ends, COMPANY_MOST, ENDPOINT_MOST)
    return [Due(**dict(row.items())) for row in rows]


_RECORD = """
WITH done AS (
    UPDATE deliveries SET tries = tries + 1, answer = $5, state = $6,
        next_try_at = CASE WHEN $6 = 'waiting' THEN now() + make_interval(secs => $7) ELSE next_try_at END,
        ended_at = CASE WHEN $6 <> 'waiting' THEN now() END
    WHERE company_id = $1 AND endpoint_id = $2 AND delivery_id = $3 AND lease_token = $4 AND state = 'waiting'
    RETURNING endpoint_id
)
UPDATE endpoints e SET
    delivered_at = CASE WHEN $6 = 'delivered' THEN now() ELSE delivered_at END,
    failing_since = CASE WHEN $6 = 'delivered' THEN NULL ELSE coalesce(failing_since, now()) END,
    state = CASE WHEN $6 <> 'delivered' AND state = 'active' AND ($8 OR failing_since < now() - interval '1 day')
                 THEN 'disabled' ELSE state END
FROM done WHERE e.company_id = $1 AND e.endpoint_id = done.endpoint_id RETURNING e.state
"""


async def record_try(
    tx: Tx, due: Due, answer: str, state: str, wait_seconds: float, *, gone: bool
) -> str | None:
    """What became of one try. The address's state afterwards: `disabled` where it is `gone` or failed for a day."""
    values = (due.company_id, due.endpoint_id, due.delivery_id, due.lease_token)
    after: str | None = await tx.fetchval(_RECORD, *values, answer, state, wait_seconds, gone)
    return after


_DELIVERIES = """
SELECT delivery_id, event_id, type, state, tries, created_at, answer, ended_at, body AS event,
       CASE WHEN state = 'waiting' THEN next_try_at END AS next_try_at
FROM deliveries
WHERE company_id = $1 AND endpoint_id = $2 AND ($3::text IS NULL OR state = $3) AND ($4::bigint IS NULL OR delivery_id < $4)
ORDER BY delivery_id DESC LIMIT $5
"""


async def list_deliveries(
    tx: Tx, company: UUID, endpoint: UUID, state: str | None, before: int | None, limit: int
) -> list[Record]:
    """A page of an address's deliveries, newest first."""
    return await tx.fetch(_DELIVERIES, company, endpoint, state, before, limit)


_AGAIN = """
UPDATE deliveries SET state = 'waiting', next_try_at = now(), created_at = now(), ended_at = NULL
WHERE company_id = $1 AND endpoint_id = $2 AND delivery_id = $3 RETURNING delivery_id
"""


async def deliver_again(tx: Tx, company: UUID, endpoint: UUID, delivery: int) -> bool:
    """Try it again from now on, for another day; whether there is such a delivery."""
    return await tx.fetchval(_AGAIN, company, endpoint, delivery) is not None


_PRUNE = """
DELETE FROM deliveries d USING (
    SELECT company_id, endpoint_id, delivery_id FROM deliveries
    WHERE state <> 'waiting' AND ended_at < now() - make_interval(days => $1) ORDER BY ended_at LIMIT 1000
) t WHERE d.company_id = t.company_id AND d.endpoint_id = t.endpoint_id AND d.delivery_id = t.delivery_id
"""


async def prune_deliveries(tx: Tx, days: int) -> None:
    """Forget some of what ended so many days ago."""
    await tx.execute(_PRUNE, days)
