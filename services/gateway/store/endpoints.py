"""Addresses that receive a company's events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from services.gateway.core import Secret, rotated
from shared.db.seal import Sealer
from shared.db.tx import Record, Tx

MOST_WAITING = 1_000
"""Deliveries that wait for one address; while there are more, no further ones are noted, and none is lost."""


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
