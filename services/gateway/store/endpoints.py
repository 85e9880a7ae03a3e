"""Addresses that receive a company's events, and what is on its way to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.gateway.core import Secret, rotated
from shared.db.seal import Sealer
from shared.db.tx import Record, Tx

MOST_WAITING = 1_000
"""Deliveries that wait for one address; while there are more, no further ones are noted, and none is lost."""
COMPANY_MOST, ENDPOINT_MOST = 10, 5
"""Deliveries of one company, and to one of its addresses, that are tried at the same time."""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An address to store, with its secret. `place` is the log's end: it receives what comes after."""

    endpoint_id: UUID
    url: str
    types: Sequence[str]
    description: str
    secrets: Sequence[Secret]
    place: int
    created_by: str


_ADD = """
INSERT INTO endpoints (company_id, endpoint_id, url, types, description, key_id, sealed, place, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def add_endpoint(tx: Tx, sealer: Sealer, company: UUID, new: NewEndpoint) -> None:
    """Store it; it receives from now on."""
    sealed = _seal(sealer, company, new.endpoint_id, new.secrets)
    await tx.execute(
        _ADD,
        company,
        new.endpoint_id,
        new.url,
        list(new.types),
        new.description,
        *sealed,
        new.place,
        new.created_by,
    )


def _seal(sealer: Sealer, company: UUID, endpoint: UUID, secrets: Sequence[Secret]) -> tuple[str, bytes]:
    return sealer.close(orjson.dumps([tuple(one) for one in secrets]), _bound_to(company, endpoint))


def _bound_to(company: UUID, endpoint: UUID) -> str:
    return f"{company}|gateway.endpoints|sealed|{endpoint}"


def open_secrets(sealer: Sealer, company: UUID, endpoint: UUID, key_id: str, sealed: bytes) -> list[Secret]:
    """The secrets that deliveries are signed with. Raises `SealError`."""
    text = sealer.open(key_id, sealed, _bound_to(company, endpoint))
    return [
        Secret(secret, datetime.fromisoformat(until) if until else None)
        for secret, until in orjson.loads(text)
    ]


_LIST = """
SELECT e.endpoint_id, e.url, e.types, e.description, e.state, e.created_at, e.created_by, e.delivered_at, e.failing_since,
       (SELECT count(*) FROM deliveries d
        WHERE d.company_id = e.company_id AND d.endpoint_id = e.endpoint_id AND d.state = 'waiting') AS waiting
FROM endpoints e WHERE e.company_id = $1 AND ($2::uuid IS NULL OR e.endpoint_id = $2) ORDER BY e.created_at, e.endpoint_id
"""


async def list_endpoints(tx: Tx, company: UUID, endpoint: UUID | None = None) -> list[Record]:
    """The company's addresses, or one of them."""
    return await tx.fetch(_LIST, company, endpoint)


_CHANGE = """
UPDATE endpoints SET url = coalesce($3, url), types = coalesce($4::text[], types), description = coalesce($5, description),
    state = coalesce($6, state), failing_since = CASE WHEN $6 = 'active' THEN NULL ELSE failing_since END, look_at = now()
WHERE company_id = $1 AND endpoint_id = $2 RETURNING endpoint_id
"""


async def change_endpoint(
    tx: Tx,
    company: UUID,
    endpoint: UUID,
    url: str | None,
    types: Sequence[str] | None,
    description: str | None,
    state: str | None,
) -> bool:
    """Change what is given; whether there is such an address. One that becomes active starts with a clean slate."""
    chosen = list(types) if types is not None else None
    return await tx.fetchval(_CHANGE, company, endpoint, url, chosen, description, state) is not None


_DROP = "DELETE FROM endpoints WHERE company_id = $1 AND endpoint_id = $2 RETURNING url"


async def drop_endpoint(tx: Tx, company: UUID, endpoint: UUID) -> bool:
    """Remove it with its deliveries; whether it was there."""
    return await tx.fetchval(_DROP, company, endpoint) is not None


_LOCK = "SELECT key_id, sealed FROM endpoints WHERE company_id = $1 AND endpoint_id = $2 FOR UPDATE"
_SAVE = "UPDATE endpoints SET key_id = $3, sealed = $4 WHERE company_id = $1 AND endpoint_id = $2"


async def rotate_secret(
    tx: Tx, sealer: Sealer, company: UUID, endpoint: UUID, secret: str, now: datetime
) -> bool:
    """Give it a new secret; for a day deliveries are signed with both. Whether there is such an address."""
    row = await tx.fetchrow(_LOCK, company, endpoint)
    if row is None:
        return False
    secrets = rotated(open_secrets(sealer, company, endpoint, row["key_id"], row["sealed"]), secret, now)
    await tx.execute(_SAVE, company, endpoint, *_seal(sealer, company, endpoint, secrets))
    return True


_TAKE_ENDPOINTS = """
UPDATE endpoints e SET look_at = now() + interval '5 seconds'
FROM (
    SELECT company_id, endpoint_id FROM endpoints o
    WHERE state = 'active' AND (look_at <= now() OR company_id = ANY ($1::uuid[]))
      AND NOT EXISTS (
        SELECT FROM deliveries d
        WHERE d.company_id = o.company_id AND d.endpoint_id = o.endpoint_id AND d.state = 'waiting' OFFSET $2
      )
    ORDER BY look_at LIMIT 20 FOR UPDATE SKIP LOCKED
) t WHERE e.company_id = t.company_id AND e.endpoint_id = t.endpoint_id
RETURNING e.company_id, e.endpoint_id, e.place, e.types
"""


async def take_endpoints(tx: Tx, companies: Collection[UUID]) -> list[Record]:
    """Active addresses to look for events for: those of `companies`, and those not looked at for 5 seconds."""
    return await tx.fetch(_TAKE_ENDPOINTS, list(companies), MOST_WAITING)


_ACTIVE = "SELECT DISTINCT company_id FROM endpoints WHERE state = 'active'"


async def active_companies(tx: Tx) -> frozenset[UUID]:
    """The companies that have active addresses."""
    return frozenset(row["company_id"] for row in await tx.fetch(_ACTIVE))


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
            LIMIT greatest(0, $5 - (SELECT count(*) FROM unnest($3::uuid[]) AS f (endpoint_id) WHERE f.endpoint_id = e.endpoint_id))
        ) w WHERE e.state = 'active'
    ) r
    WHERE r.place <= $4 - (SELECT count(*) FROM unnest($2::uuid[]) AS f (company_id) WHERE f.company_id = r.company_id)
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
