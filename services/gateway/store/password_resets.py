"""Links by which people who have lost their password set a new one."""

from __future__ import annotations

from uuid import UUID

from shared.db.tx import Tx

_ADD = """
INSERT INTO password_resets (token_hash, user_id, expires_at) VALUES ($1, $2, now() + make_interval(hours => $3))
ON CONFLICT (user_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at
"""


async def add_reset(tx: Tx, token_hash: bytes, user: UUID, hours: int) -> None:
    """A link for a new password; the one before is good no more."""
    await tx.execute(_ADD, token_hash, user, hours)


_HAS = "SELECT EXISTS (SELECT FROM password_resets WHERE token_hash = $1 AND expires_at > now())"


async def has_reset(tx: Tx, token_hash: bytes) -> bool:
    """Whether there is such a link."""
    return bool(await tx.fetchval(_HAS, token_hash))


_TAKE = "DELETE FROM password_resets WHERE token_hash = $1 RETURNING user_id, expires_at > now() AS fresh"


async def take_reset(tx: Tx, token_hash: bytes) -> UUID | None:
    """Whose link this is, for once."""
    row = await tx.fetchrow(_TAKE, token_hash)
    return row["user_id"] if row is not None and row["fresh"] else None
