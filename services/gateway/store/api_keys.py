"""API keys of companies.

A key is good until it expires, its maker is no longer an administrator, or the key that made it is deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.db.tx import Record, Tx
from shared.domain.visibility import Role


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key to store. `made_by` is the person behind it, also where another key, `made_by_key`, made it."""

    key_id: str
    name: str
    role: Role
    secret_hash: bytes
    days: int
    made_by: UUID
    made_by_key: str | None


_KEY = """
SELECT k.company_id, k.name, k.role, k.secret_hash, k.made_by, k.expires_at > now() AND m.user_id IS NOT NULL AS good,
       k.used_at IS NULL OR k.used_at < now() - interval '1 minute' AS unnoted
FROM api_keys k
LEFT JOIN memberships m ON m.company_id = k.company_id AND m.user_id = k.made_by AND m.role = 'admin'
WHERE k.key_id = $1
"""


async def find_key(tx: Tx, key_id: str) -> Record | None:
    """An API key by its public part, and whether it is still good."""
    return await tx.fetchrow(_KEY, key_id)


_USED = """
UPDATE api_keys SET used_at = now() WHERE key_id = $1 AND (used_at IS NULL OR used_at < now() - interval '1 minute')
"""


async def note_use(tx: Tx, key_id: str) -> None:
    """A good key was used; noted once a minute."""
    await tx.execute(_USED, key_id)


_ADD_KEY = """
INSERT INTO api_keys (company_id, key_id, name, role, secret_hash, made_by, made_by_key, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $7, least(now() + make_interval(days => $8), parent.expires_at)
FROM (VALUES (1)) AS one LEFT JOIN api_keys parent ON parent.company_id = $1 AND parent.key_id = $7
RETURNING expires_at
"""


async def add_key(tx: Tx, company: UUID, key: NewApiKey) -> datetime:
    """Store a new API key; when it expires: at the latest with the key that made it."""
    expires_at: datetime = await tx.fetchval(
        _ADD_KEY, company, key.key_id, key.name, key.role.name.lower(), key.secret_hash, key.made_by,
        key.made_by_key, key.days,
    )  # fmt: skip
    return expires_at


_KEYS = """
SELECT k.key_id, k.name, k.role, k.created_at, k.expires_at, k.used_at, k.made_by, k.made_by_key,
       k.expires_at > now() AND m.user_id IS NOT NULL AS good
FROM api_keys k
LEFT JOIN memberships m ON m.company_id = k.company_id AND m.user_id = k.made_by AND m.role = 'admin'
WHERE k.company_id = $1 ORDER BY k.created_at
"""


async def list_keys(tx: Tx, company: UUID) -> list[Record]:
    """The company's API keys, without their secrets."""
    return await tx.fetch(_KEYS, company)


_DROP_KEY = """
WITH RECURSIVE gone (key_id) AS (
    SELECT key_id FROM api_keys WHERE company_id = $1 AND key_id = $2
    UNION
    SELECT k.key_id FROM api_keys k JOIN gone g ON k.made_by_key = g.key_id WHERE k.company_id = $1
)
DELETE FROM api_keys k USING gone g WHERE k.company_id = $1 AND k.key_id = g.key_id RETURNING k.key_id
"""


async def drop_key(tx: Tx, company: UUID, key_id: str) -> list[str]:
    """Take a key back, with all that it made; their public parts, none when there is no such key."""
    return [row["key_id"] for row in await tx.fetch(_DROP_KEY, company, key_id)]
