"""Who works for the whole installation: as an operator, who sees counts, or as an administrator, who runs it."""

from __future__ import annotations

from uuid import UUID

from shared.db.tx import Record, Tx
from shared.domain.visibility import Role

_PEOPLE = """
SELECT user_id, email, name, installation AS role FROM users WHERE installation IS NOT NULL ORDER BY email
"""


async def list_people(tx: Tx) -> list[Record]:
    """Everyone with a role in the installation."""
    return await tx.fetch(_PEOPLE)


_SET = """
UPDATE users SET installation = $2 WHERE user_id = $1 AND (installation IS NOT NULL OR $2::text IS NOT NULL)
RETURNING user_id, email, name, installation AS role
"""


async def set_role(tx: Tx, user: UUID, role: Role | None) -> Record | None:
    """Give a person this role, or take theirs; None where there is no such person, or nothing to take."""
    return await tx.fetchrow(_SET, user, role.name.lower() if role else None)


_ADMINS = "SELECT user_id FROM users WHERE installation = 'admin' ORDER BY user_id FOR UPDATE"


async def lock_admins(tx: Tx) -> set[UUID]:
    """The administrators, of whom one must stay."""
    return {row["user_id"] for row in await tx.fetch(_ADMINS)}
