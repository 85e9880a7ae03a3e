"""Single sign-on: attempts, who a person is at the provider, and the roles that groups give."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from shared.db.tx import Tx
from shared.domain.visibility import Role

_BEGIN = """
WITH old AS (DELETE FROM sign_ins WHERE created_at < now() - interval '1 hour')
INSERT INTO sign_ins (state_hash, browser_hash, next) VALUES ($1, $2, $3)
"""


async def begin_sign_in(tx: Tx, state: bytes, browser: bytes, next_page: str) -> None:
    """Remember an attempt by the hashes of its state and of the secret of the browser that makes it."""
    await tx.execute(_BEGIN, state, browser, next_page)


_TAKE = """
DELETE FROM sign_ins WHERE state_hash = $1 AND browser_hash = $2
RETURNING next, created_at > now() - interval '10 minutes' AS fresh
"""


async def take_sign_in(tx: Tx, state: bytes, browser: bytes) -> str | None:
    """The page that the attempt is for, for once; None when there is none of this browser, or it is over ten minutes old."""
    row = await tx.fetchrow(_TAKE, state, browser)
    return row["next"] if row is not None and row["fresh"] else None


_IDENTITY = "SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2"


async def find_identity(tx: Tx, issuer: str, subject: str) -> UUID | None:
    """Who has this name at the provider."""
    found: UUID | None = await tx.fetchval(_IDENTITY, issuer, subject)
    return found


_LINK = "INSERT INTO identities (issuer, subject, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING user_id"


async def add_identity(tx: Tx, issuer: str, subject: str, user: UUID) -> bool:
    """From now on this name at the provider is this person; False where it is somebody already."""
    return await tx.fetchval(_LINK, issuer, subject, user) is not None


_TAKE_OVER = """
WITH changed AS (UPDATE users SET password_hash = $2 WHERE user_id = $1),
     factor AS (DELETE FROM second_factors WHERE user_id = $1),
     codes AS (DELETE FROM recovery_codes WHERE user_id = $1),
     links AS (DELETE FROM password_resets WHERE user_id = $1),
     ended AS (DELETE FROM sessions WHERE user_id = $1 RETURNING session_hash),
     keys AS (DELETE FROM api_keys WHERE made_by = $1 RETURNING company_id, key_id)
SELECT 'session:' || encode(session_hash, 'hex') AS credential, NULL::uuid AS company_id FROM ended
UNION ALL SELECT 'key:' || key_id, company_id FROM keys
"""


async def take_over(tx: Tx, user: UUID, password_hash: str) -> dict[str, UUID | None]:
    """Nothing that opened this account opens it any more. The sessions and API keys that ended, keys with their company."""
    rows = await tx.fetch(_TAKE_OVER, user, password_hash)
    return {row["credential"]: row["company_id"] for row in rows}


_DROP = """
DELETE FROM memberships WHERE user_id = $1 AND by_group AND company_id <> ALL ($2::uuid[]) RETURNING company_id
"""
_GIVE = """
INSERT INTO memberships AS m (company_id, user_id, role, by_group)
SELECT g.company_id, $1, g.role, true FROM unnest($2::uuid[], $3::text[]) AS g (company_id, role)
ON CONFLICT (company_id, user_id) DO UPDATE SET role = excluded.role WHERE m.by_group AND m.role <> excluded.role
RETURNING company_id
"""


async def set_group_roles(tx: Tx, user: UUID, roles: Mapping[UUID, Role]) -> dict[UUID, str]:
    """Give the person the roles of their groups, and take those that none of them gives any more.

    What an administrator gave stays. Returns the companies where something changed, each with the new role or "none".
    """
    gone = await tx.fetch(_DROP, user, list(roles))
    names = [role.name.lower() for role in roles.values()]
    given = await tx.fetch(_GIVE, user, list(roles), names)
    changed = {row["company_id"]: "none" for row in gone}
    return changed | {row["company_id"]: roles[row["company_id"]].name.lower() for row in given}
