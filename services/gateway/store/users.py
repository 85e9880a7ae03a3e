"""Users: their passwords, their sessions, and the companies they belong to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import argon2

from services.gateway.store.audit import INSTALLATION, Entry, Source, add_entry
from shared.clock import Clock
from shared.db.tx import Database, Record, Tx
from shared.domain.visibility import Role

Method = Literal["password", "sso"]


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asking: a signed-in user, or an API key."""

    actor: str
    user_id: UUID | None
    name: str
    email: str
    credential: str
    """What they came with, `session:<hash>` or `key:<id>`; a stream ends with it."""
    made_by: UUID
    """The person behind it: of a key, its maker."""
    installation: Role | None = None
    """What they may do for all companies: an operator sees counts, an administrator runs the installation."""
    time_zone: str = ""
    language: str = ""
    method: Method | None = None
    """How they signed in; None for a key."""
    must_enrol: bool = False
    """They signed in with a password, and have no second factor."""


HASHER = argon2.PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)
"""argon2id as OWASP advises where memory is short: 19 MiB for each password that is looked at."""

_ADMINISTRATOR = """
INSERT INTO users (user_id, email, name, password_hash, installation) VALUES ($1, lower($2), $3, $4, 'admin')
ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash, installation = 'admin'
RETURNING user_id
"""
_END_ALL = "DELETE FROM sessions s USING users u WHERE u.user_id = s.user_id AND u.email = lower($1)"


async def create_administrator(
    database: Database, email: str, name: str, password: str, clock: Clock
) -> None:
    """The first person, who may make companies. Asked again, the password is set again; another one ends the sessions."""
    async with database.system() as tx:
        known = await find_user(tx, email)
    if (
        known is not None
        and known["installation"] == "admin"
        and is_password(known["password_hash"], password)
    ):
        return
    hashed = HASHER.hash(password)
    async with database.system() as tx:
        user = await tx.fetchval(_ADMINISTRATOR, clock.new_id(), email, name, hashed)
        await tx.execute(_END_ALL, email)
        entry = Entry("role.changed", "installation", Source("", "muster"), f"user:{user}", "admin")
        await add_entry(tx, [INSTALLATION], entry)


def is_password(hashed: str, password: str) -> bool:
    """Whether it is the one that was hashed; slow on purpose."""
    try:
        return HASHER.verify(hashed, password)
    except argon2.exceptions.VerificationError:
        return False


_USER = "SELECT user_id, email, name, password_hash, installation FROM users WHERE email = lower($1)"


async def find_user(tx: Tx, email: str) -> Record | None:
    """The user with this address."""
    return await tx.fetchrow(_USER, email)


_START = "INSERT INTO sessions (session_hash, user_id, method, address, agent) VALUES ($1, $2, $3, $4, $5)"


async def start_session(tx: Tx, session_hash: bytes, user: UUID, method: Method, source: Source) -> None:
    """Sign a person in."""
    await tx.execute(_START, session_hash, user, method, source.address, source.agent)


_WORKS = "SELECT installation IS NOT NULL FROM users WHERE user_id = $1"


async def works_for_installation(tx: Tx, user: UUID) -> bool:
    """Whether the person has a role in the installation."""
    return bool(await tx.fetchval(_WORKS, user))


_SESSIONS = """
SELECT session_id, started_at, seen_at, address, agent, session_hash = $2 AS current FROM sessions
WHERE user_id = $1 AND seen_at > now() - make_interval(mins => $3) AND started_at > now() - make_interval(hours => $4)
  AND ($5 OR method <> 'password')
ORDER BY seen_at DESC
"""


async def list_sessions(
    tx: Tx, user: UUID, session_hash: bytes, idle_minutes: int, hours: int, *, passwords: bool
) -> list[Record]:
    """Where a person is signed in, and with which of them that is by a password, if `passwords` count."""
    return await tx.fetch(_SESSIONS, user, session_hash, idle_minutes, hours, passwords)


_END_ONE = "DELETE FROM sessions WHERE user_id = $1 AND session_id = $2 RETURNING session_hash"


async def end_one_session(tx: Tx, user: UUID, session: UUID) -> bytes | None:
    """End one of a person's sessions; its hash, if there is such a session."""
    ended: bytes | None = await tx.fetchval(_END_ONE, user, session)
    return ended


_END_REST = "DELETE FROM sessions WHERE user_id = $1 AND session_hash <> $2 RETURNING session_hash"


async def end_other_sessions(tx: Tx, user: UUID, keep: bytes) -> list[bytes]:
    """End a person's sessions, but for the one to `keep`; their hashes."""
    return [row["session_hash"] for row in await tx.fetch(_END_REST, user, keep)]


_FORMATS = "UPDATE users SET time_zone = $2, language = $3 WHERE user_id = $1"


async def save_formats(tx: Tx, user: UUID, time_zone: str, language: str) -> None:
    """How a person wants times and numbers shown; empty: as the browser has it."""
    await tx.execute(_FORMATS, user, time_zone, language)


_SAVE_HASH = "UPDATE users SET password_hash = $2 WHERE user_id = $1"


async def set_password(tx: Tx, user: UUID, password_hash: str, keep: bytes = b"") -> list[bytes]:
    """A new password ends the person's sessions, but for the one to `keep`; their hashes."""
    await tx.execute(_SAVE_HASH, user, password_hash)
    return await end_other_sessions(tx, user, keep)


_HASH = "SELECT password_hash FROM users WHERE user_id = $1 FOR SHARE"


async def password_of(tx: Tx, user: UUID) -> str:
    """The hash of a person's password, which stays until `tx` ends."""
    hashed: str = await tx.fetchval(_HASH, user)
    return hashed


_ADD_USER = """
INSERT INTO users (user_id, email, name, password_hash) VALUES ($1, lower($2), $3, $4)
ON CONFLICT (email) DO NOTHING RETURNING user_id
"""


async def add_user(tx: Tx, user: UUID, email: str, name: str, password_hash: str) -> bool:
    """A new person; False when somebody has this address."""
    return await tx.fetchval(_ADD_USER, user, email, name, password_hash) is not None


_SESSION = """
WITH found AS (
    SELECT s.session_hash, s.seen_at, s.method, u.user_id, u.email, u.name, u.installation, u.time_zone, u.language
    FROM sessions s JOIN users u ON u.user_id = s.user_id
    WHERE s.session_hash = $1
      AND s.seen_at > now() - make_interval(mins => $2) AND s.started_at > now() - make_interval(hours => $3)
), seen AS (
    UPDATE sessions SET seen_at = now()
    WHERE $4 AND session_hash = (SELECT session_hash FROM found WHERE seen_at < now() - interval '1 minute')
)
SELECT user_id, email, name, installation, time_zone, language, method, method = 'password' AND NOT EXISTS (
    SELECT FROM second_factors f WHERE f.user_id = found.user_id AND f.confirmed) AS must_enrol
FROM found
"""


async def session_user(
    tx: Tx, session_hash: bytes, idle_minutes: int, hours: int, *, active: bool
) -> Person | None:
    """Whose session this is, if it has not ended. Where its person is active it goes on; noted once a minute."""
    row = await tx.fetchrow(_SESSION, session_hash, idle_minutes, hours, active)
    if row is None:
        return None
    user = row["user_id"]
    credential = session_credential(session_hash)
    return Person(
        f"user:{user}",
        user,
        row["name"],
        row["email"],
        credential,
        user,
        Role.named(row["installation"]) if row["installation"] else None,
        method=row["method"],
        must_enrol=row["must_enrol"],
        time_zone=row["time_zone"],
        language=row["language"],
    )


def session_credential(session_hash: bytes) -> str:
    """A session's name where streams are told that it has ended."""
    return f"session:{session_hash.hex()}"


_END = "DELETE FROM sessions WHERE session_hash = $1 OR started_at < now() - interval '2 days'"


async def end_session(tx: Tx, session_hash: bytes) -> None:
    """Sign out."""
    await tx.execute(_END, session_hash)


_MEMBERSHIPS = "SELECT company_id, role FROM memberships WHERE user_id = $1 ORDER BY company_id"


async def memberships(tx: Tx, user: UUID) -> dict[UUID, Role]:
    """The companies a person may see, and as what."""
    return {row["company_id"]: Role.named(row["role"]) for row in await tx.fetch(_MEMBERSHIPS, user)}


_WITH_MEMBERS = "SELECT DISTINCT company_id FROM memberships ORDER BY company_id"


async def companies_with_members(tx: Tx) -> list[UUID]:
    """Every company that somebody may see."""
    return [row["company_id"] for row in await tx.fetch(_WITH_MEMBERS)]


_GOOD = """
SELECT 'session:' || encode(s.session_hash, 'hex') AS credential, m.company_id
FROM sessions s JOIN memberships m ON m.user_id = s.user_id
WHERE s.session_hash = ANY ($1::bytea[])
  AND s.seen_at > now() - make_interval(mins => $3) AND s.started_at > now() - make_interval(hours => $4)
UNION ALL
SELECT 'key:' || k.key_id, k.company_id
FROM api_keys k JOIN memberships m ON m.company_id = k.company_id AND m.user_id = k.made_by AND m.role = 'admin'
WHERE k.key_id = ANY ($2::text[]) AND k.expires_at > now()
"""


async def good_credentials(
    tx: Tx, credentials: Collection[str], idle_minutes: int, hours: int
) -> set[tuple[str, UUID]]:
    """Which of these sessions and keys may still look, each with the companies that it may look at."""
    named = [c.partition(":") for c in credentials]
    sessions = [bytes.fromhex(value) for kind, _, value in named if kind == "session"]
    keys = [value for kind, _, value in named if kind == "key"]
    rows = await tx.fetch(_GOOD, sessions, keys, idle_minutes, hours)
    return {(row["credential"], row["company_id"]) for row in rows}


_COLLEAGUES = """
SELECT 'user:' || u.user_id AS actor, u.name, m.role, CASE m.role WHEN 'admin' THEN u.email END AS email, false AS key
FROM memberships m JOIN users u ON u.user_id = m.user_id WHERE m.company_id = $1
UNION ALL
SELECT 'key:' || key_id, name, role, NULL, true FROM api_keys WHERE company_id = $1
ORDER BY key, name, actor
"""


async def colleagues(tx: Tx, company: UUID) -> list[Record]:
    """The people who may see the company, and its API keys: how histories name them, their names and roles."""
    return await tx.fetch(_COLLEAGUES, company)
