"""The second factor of a password: its sealed secret, and recovery codes."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from shared.db.seal import Sealer
from shared.db.tx import Record, Tx


def _place(user: UUID) -> str:
    return f"second_factors|sealed|{user}"


_BEGIN = """
INSERT INTO second_factors (user_id, key_id, sealed) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed, last_period = 0, created_at = now()
WHERE NOT second_factors.confirmed RETURNING user_id
"""


async def begin_factor(tx: Tx, sealer: Sealer, user: UUID, secret: bytes) -> bool:
    """A new secret, which counts once a code of it was given; False where the person has a factor."""
    key_id, sealed = sealer.close(secret, _place(user))
    return await tx.fetchval(_BEGIN, user, key_id, sealed) is not None


_FACTOR = "SELECT key_id, sealed, confirmed, last_period FROM second_factors WHERE user_id = $1 FOR UPDATE"


async def find_factor(tx: Tx, user: UUID) -> Record | None:
    """A person's factor, which nobody else uses until `tx` ends."""
    return await tx.fetchrow(_FACTOR, user)


def secret_of(sealer: Sealer, user: UUID, row: Record) -> bytes:
    """Raises `SealError` when the key is gone, or the bytes are another person's."""
    return sealer.open(row["key_id"], bytes(row["sealed"]), _place(user))


_USE = "UPDATE second_factors SET last_period = $2, confirmed = true WHERE user_id = $1"


async def use_period(tx: Tx, user: UUID, period: int) -> None:
    """A code of this period was used; no code of it or of an earlier one is good any more."""
    await tx.execute(_USE, user, period)


_STATE = """
SELECT EXISTS (SELECT FROM second_factors WHERE user_id = $1 AND confirmed) AS enabled,
       (SELECT count(*) FROM recovery_codes WHERE user_id = $1) AS recovery_codes
"""


async def factor_state(tx: Tx, user: UUID) -> Record:
    """Whether the person has a factor, and how many recovery codes are left."""
    row = await tx.fetchrow(_STATE, user)
    assert row is not None
    return row


_DROP_CODES = "DELETE FROM recovery_codes WHERE user_id = $1"
_ADD_CODES = "INSERT INTO recovery_codes (user_id, code_hash) SELECT $1, unnest($2::bytea[])"


async def set_recovery_codes(tx: Tx, user: UUID, hashes: Sequence[bytes]) -> None:
    """These, and none of those before."""
    await tx.execute(_DROP_CODES, user)
    await tx.execute(_ADD_CODES, user, list(hashes))


_TAKE_CODE = "DELETE FROM recovery_codes WHERE user_id = $1 AND code_hash = $2 RETURNING user_id"


async def take_recovery_code(tx: Tx, user: UUID, code_hash: bytes) -> bool:
    """Whether it was one; for once."""
    return await tx.fetchval(_TAKE_CODE, user, code_hash) is not None


_DROP = "DELETE FROM second_factors WHERE user_id = $1 RETURNING confirmed"


async def drop_factor(tx: Tx, user: UUID) -> bool:
    """Take the factor and its recovery codes away; whether there was one."""
    await tx.execute(_DROP_CODES, user)
    return bool(await tx.fetchval(_DROP, user))
