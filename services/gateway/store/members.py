"""A company's people: their roles, and those who are invited."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from shared.db.tx import Record, Tx
from shared.domain.visibility import Role

_MEMBERS = """
SELECT u.user_id, u.email, u.name, m.role,
       (SELECT max(s.seen_at) FROM sessions s WHERE s.user_id = u.user_id) AS seen_at
FROM memberships m JOIN users u ON u.user_id = m.user_id WHERE m.company_id = $1 ORDER BY u.name, u.email
"""


async def list_members(tx: Tx, company: UUID) -> list[Record]:
    """The company's people; `tx` is the system's, which alone sees who they are."""
    return await tx.fetch(_MEMBERS, company)


_LOCK_ADMINS = (
    "SELECT user_id FROM memberships WHERE company_id = $1 AND role = 'admin' ORDER BY user_id FOR UPDATE"
)


async def lock_admins(tx: Tx, company: UUID) -> set[UUID]:
    """The company's administrators, who stay so until `tx` ends."""
    return {row["user_id"] for row in await tx.fetch(_LOCK_ADMINS, company)}


_SET_ROLE = """
UPDATE memberships SET role = $3, by_group = false WHERE company_id = $1 AND user_id = $2 RETURNING user_id
"""


async def set_role(tx: Tx, company: UUID, user: UUID, role: Role) -> bool:
    """Give a member another role, which no group takes or changes any more; whether there is such a member."""
    return await tx.fetchval(_SET_ROLE, company, user, role.name.lower()) is not None


_ADD = """
WITH added AS (
    INSERT INTO memberships AS m (company_id, user_id, role) VALUES ($1, $2, $3)
    ON CONFLICT (company_id, user_id) DO UPDATE SET role = excluded.role, by_group = false
    WHERE array_position($4::text[], excluded.role) >= array_position($4::text[], m.role)
    RETURNING role
)
SELECT coalesce((SELECT role FROM added), (SELECT role FROM memberships WHERE company_id = $1 AND user_id = $2))
"""
_ROLES = [role.name.lower() for role in sorted(Role)]


async def add_member(tx: Tx, company: UUID, user: UUID, role: str) -> str:
    """Let a person in with this role; one who is in already keeps a higher one. The role that they have now."""
    has: str = await tx.fetchval(_ADD, company, user, role, _ROLES)
    return has


_DROP = "DELETE FROM memberships WHERE company_id = $1 AND user_id = $2 RETURNING user_id"


async def drop_member(tx: Tx, company: UUID, user: UUID) -> bool:
    """Let a person out; whether they were in."""
    return await tx.fetchval(_DROP, company, user) is not None


@dataclass(frozen=True, slots=True)
class Invitation:
    """A person who may join a company in a role."""

    company_id: UUID
    invitation_id: UUID
    email: str
    role: str


_INVITE = """
INSERT INTO invitations (company_id, invitation_id, token_hash, email, role, invited_by, expires_at)
VALUES ($1, $2, $3, lower($4), $5, $6, now() + make_interval(days => $7))
ON CONFLICT (company_id, email) DO UPDATE SET invitation_id = excluded.invitation_id, token_hash = excluded.token_hash,
    role = excluded.role, invited_by = excluded.invited_by, created_at = now(), expires_at = excluded.expires_at
RETURNING invitation_id, email, role, invited_by, created_at, expires_at
"""


async def add_invitation(tx: Tx, new: Invitation, token_hash: bytes, invited_by: str, days: int) -> Record:
    """Invite an address. An invitation that it had before is good no more."""
    row = await tx.fetchrow(
        _INVITE, new.company_id, new.invitation_id, token_hash, new.email, new.role, invited_by, days
    )
    assert row is not None
    return row


_INVITATIONS = """
SELECT invitation_id, email, role, invited_by, created_at, expires_at FROM invitations
WHERE company_id = $1 ORDER BY created_at DESC
"""


async def list_invitations(tx: Tx, company: UUID) -> list[Record]:
    """Who is invited and has not come yet."""
    return await tx.fetch(_INVITATIONS, company)


_DROP_INVITATION = "DELETE FROM invitations WHERE company_id = $1 AND invitation_id = $2 RETURNING email"


async def drop_invitation(tx: Tx, company: UUID, invitation: UUID) -> bool:
    """Take an invitation back; whether there was one."""
    return await tx.fetchval(_DROP_INVITATION, company, invitation) is not None


_FIND = """
SELECT i.company_id, i.invitation_id, i.email, i.role FROM invitations i
WHERE i.token_hash = $1 AND i.expires_at > now() AND EXISTS (
    SELECT FROM memberships m WHERE m.company_id = i.company_id AND m.role = 'admin' AND (
        i.invited_by = 'user:' || m.user_id OR EXISTS (
            SELECT FROM api_keys k WHERE k.company_id = m.company_id AND k.made_by = m.user_id
              AND k.role = 'admin' AND k.expires_at > now() AND i.invited_by = 'key:' || k.key_id
        )
    )
) FOR UPDATE OF i
"""


async def find_invitation(tx: Tx, token_hash: bytes) -> Invitation | None:
    """The invitation with this token, if it is still good, and who made it might make it now."""
    row = await tx.fetchrow(_FIND, token_hash)
    return Invitation(**dict(row.items())) if row is not None else None
