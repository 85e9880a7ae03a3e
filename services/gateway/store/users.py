"""Users: their passwords and tries, their sessions, and the companies they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import argon2

from services.gateway.core import Role
from shared.clock import Clock
from shared.db.tx import Database, Record, Tx


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking: a signed-in user, or an API key."""

    actor: str
    user_id: UUID | None
    name: str
    email: str
    superuser: bool = False


HASHER = argon2.PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
"""argon2id as OWASP advises where memory is short: 19 MiB for each password that is looked at."""

_ADMINISTRATOR = """
INSERT INTO users (user_id, email, name, password_hash, superuser) VALUES ($1, lower($2), $3, $4, true)
ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash, superuser = true
"""
_END_ALL = "DELETE FROM sessions s USING users u WHERE u.user_id = s.user_id AND u.email = lower($1)"


async def create_administrator(
    database: Database, email: str, name: str, password: str, clock: Clock
) -> None:
    """The first person, who may make companies. Asked again, the password is set anew; another one ends the sessions."""
    async with database.system() as tx:
        known = await find_user(tx, email)
    if known is not None and known["superuser"] and is_password(known["password_hash"], password):
        return
    hashed = HASHER.hash(password)
    async with database.system() as tx:
        await tx.execute(_ADMINISTRATOR, clock.new_id(), email, name, hashed)
        await tx.execute(_END_ALL, email)


def is_password(hashed: str, password: str) -> bool:
    """Whether it is the one that was hashed; slow on purpose."""
    try:
        return HASHER.verify(hashed, password)
    except argon2.exceptions.VerificationError:
        return False


_USER = "SELECT user_id, email, name, password_hash, superuser FROM users WHERE email = lower($1)"


async def find_user(tx: Tx, email: str) -> Record | None:
    """The user with this address."""
    return await tx.fetchrow(_USER, email)


_LOCK_TRIES = "SELECT pg_advisory_xact_lock(6, hashtext(lower($1)))"
_TRIES = "SELECT count(*) FROM sign_in_failures WHERE email = lower($1) AND at > now() - interval '1 minute'"
_TRY = """
WITH old AS (DELETE FROM sign_in_failures WHERE at < now() - interval '1 hour')
INSERT INTO sign_in_failures (email) VALUES (lower($1))
"""


async def begin_try(tx: Tx, email: str, most: int) -> bool:
    """Count a password as wrong before it is looked at, so that guesses side by side count too; False: too many."""
    await tx.execute(_LOCK_TRIES, email)
    if await tx.fetchval(_TRIES, email) >= most:
        return False
    await tx.execute(_TRY, email)
    return True


_FORGIVE = "DELETE FROM sign_in_failures WHERE email = lower($1)"


async def forgive_tries(tx: Tx, email: str) -> None:
    """The password was right."""
    await tx.execute(_FORGIVE, email)


_START = "INSERT INTO sessions (session_hash, user_id) VALUES ($1, $2)"


async def start_session(tx: Tx, session_hash: bytes, user: UUID) -> None:
    """Sign a person in."""
    await tx.execute(_START, session_hash, user)


_SESSION = """
WITH found AS (
    SELECT s.session_hash, s.seen_at, u.user_id, u.email, u.name, u.superuser
    FROM sessions s JOIN users u ON u.user_id = s.user_id
    WHERE s.session_hash = $1
      AND s.seen_at > now() - make_interval(mins => $2) AND s.started_at > now() - make_interval(hours => $3)
), seen AS (
    UPDATE sessions SET seen_at = now()
    WHERE $4 AND session_hash = (SELECT session_hash FROM found WHERE seen_at < now() - interval '1 minute')
)
SELECT user_id, email, name, superuser FROM found
"""


async def session_user(
    tx: Tx, session_hash: bytes, idle_minutes: int, hours: int, *, active: bool
) -> Person | None:
    """Whose session this is, if it has not ended. Where its person is active it goes on; noted once a minute."""
    row = await tx.fetchrow(_SESSION, session_hash, idle_minutes, hours, active)
    return (
        Person(f"user:{row['user_id']}", row["user_id"], row["name"], row["email"], row["superuser"])
        if row
        else None
    )


_END = "DELETE FROM sessions WHERE session_hash = $1 OR started_at < now() - interval '2 days'"


async def end_session(tx: Tx, session_hash: bytes) -> None:
    """Sign out."""
    await tx.execute(_END, session_hash)


_MEMBERSHIPS = "SELECT company_id, role FROM memberships WHERE user_id = $1 ORDER BY company_id"


async def memberships(tx: Tx, user: UUID) -> dict[UUID, Role]:
    """The companies a person may see, and as what."""
    return {row["company_id"]: Role.named(row["role"]) for row in await tx.fetch(_MEMBERSHIPS, user)}
