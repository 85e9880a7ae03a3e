"""API keys of companies."""

from __future__ import annotations

from uuid import UUID

from services.gateway.core import Role
from shared.db.tx import Record, Tx

_KEY = "SELECT company_id, name, role, secret_hash FROM api_keys WHERE key_id = $1"


async def find_key(tx: Tx, key_id: str) -> Record | None:
    """An API key by its public part."""
    return await tx.fetchrow(_KEY, key_id)


_ADD_KEY = "INSERT INTO api_keys (company_id, key_id, name, role, secret_hash) VALUES ($1, $2, $3, $4, $5)"


async def add_key(tx: Tx, company: UUID, key_id: str, name: str, role: Role, secret: bytes) -> None:
    """Store a new API key."""
    await tx.execute(_ADD_KEY, company, key_id, name, role.name.lower(), secret)


_KEYS = "SELECT key_id, name, role, created_at FROM api_keys WHERE company_id = $1 ORDER BY created_at"


async def list_keys(tx: Tx, company: UUID) -> list[Record]:
    """The company's API keys, without their secrets."""
    return await tx.fetch(_KEYS, company)


_DROP_KEY = "DELETE FROM api_keys WHERE company_id = $1 AND key_id = $2"


async def drop_key(tx: Tx, company: UUID, key_id: str) -> bool:
    """Take a key back; False when there is none."""
    return await tx.execute(_DROP_KEY, company, key_id) == "DELETE 1"
