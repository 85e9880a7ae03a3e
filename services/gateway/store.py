"""gateway's SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import argon2
import orjson

from services.gateway.core import Role
from shared.clock import Clock
from shared.contracts.commands import SELECTED, Selected
from shared.contracts.records import Account, CompanySettings, Route
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


_ADD_COMPANY = "INSERT INTO companies (company_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_ADD_MEMBER = "INSERT INTO memberships (company_id, user_id, role) VALUES ($1, $2, 'admin')"


async def add_company(tx: Tx, company: UUID, name: str, owner: UUID) -> bool:
    """A new company, whose first administrator is `owner`; False when there is one with this id."""
    if await tx.execute(_ADD_COMPANY, company, name) != "INSERT 0 1":
        return False
    await tx.execute(_ADD_MEMBER, company, owner)
    return True


_COMPANIES = """
SELECT company_id, version, name, accounts, route FROM companies WHERE company_id = ANY ($1::uuid[]) ORDER BY name
"""


async def load_companies(tx: Tx, companies: Sequence[UUID]) -> list[CompanySettings]:
    """The settings of these companies."""
    return [_settings(row) for row in await tx.fetch(_COMPANIES, companies)]


_LOCK_COMPANY = (
    "SELECT company_id, version, name, accounts, route FROM companies WHERE company_id = $1 FOR UPDATE"
)


async def lock_company(tx: Tx, company: UUID) -> CompanySettings:
    """The company's settings, to be changed in this transaction."""
    row = await tx.fetchrow(_LOCK_COMPANY, company)
    assert row is not None
    return _settings(row)


def _settings(row: Record) -> CompanySettings:
    return CompanySettings(
        company_id=row["company_id"],
        version=row["version"],
        name=row["name"],
        accounts=tuple(Account.model_validate(a) for a in orjson.loads(row["accounts"])),
        route=Route.model_validate_json(row["route"]) if row["route"] else None,
    )


_SAVE_COMPANY = (
    "UPDATE companies SET version = $2, name = $3, accounts = $4, route = $5 WHERE company_id = $1"
)


async def save_company(tx: Tx, settings: CompanySettings) -> None:
    """Keep changed settings."""
    await tx.execute(
        _SAVE_COMPANY,
        settings.company_id,
        settings.version,
        settings.name,
        orjson.dumps([a.model_dump(mode="json") for a in settings.accounts]).decode(),
        settings.route.model_dump_json() if settings.route else None,
    )


_FORGET = "DELETE FROM idempotency_keys WHERE company_id = $1 AND created_at < now() - interval '24 hours'"
_ANSWER = "SELECT request_hash, answer FROM idempotency_keys WHERE company_id = $1 AND key = $2"
_LOCK_KEY = "SELECT pg_advisory_xact_lock(5, hashtext($1))"


async def saved_answer(tx: Tx, company: UUID, key: str) -> Record | None:
    """What this key was answered within a day. Whoever comes second with a key waits for the first."""
    await tx.execute(_LOCK_KEY, f"{company}/{key}")
    await tx.execute(_FORGET, company)
    return await tx.fetchrow(_ANSWER, company, key)


_SAVE_ANSWER = "INSERT INTO idempotency_keys (company_id, key, request_hash, answer) VALUES ($1, $2, $3, $4)"


async def save_answer(tx: Tx, company: UUID, key: str, request: bytes, answer: object) -> None:
    """Remember the answer for a day."""
    await tx.execute(_SAVE_ANSWER, company, key, request, orjson.dumps(answer).decode())


_ADD_COMMAND = """
INSERT INTO commands (company_id, run_id, kind, mode, actor, total) VALUES ($1, $2, $3, $4, $5, $6)
"""


async def add_command(
    tx: Tx, company: UUID, run: UUID, kind: str, mode: str | None, actor: str, total: int
) -> None:
    """Note what was asked, so that it can be shown before its owner has begun."""
    await tx.execute(_ADD_COMMAND, company, run, kind, mode, actor, total)


_COMMAND = "SELECT kind, mode, actor, total, created_at FROM commands WHERE company_id = $1 AND run_id = $2"


async def find_command(tx: Tx, company: UUID, run: UUID) -> Record | None:
    """What was asked with this run."""
    return await tx.fetchrow(_COMMAND, company, run)


_ADD_SELECTION = """
WITH old AS (DELETE FROM selections WHERE company_id = $1 AND created_at < now() - interval '1 hour')
INSERT INTO selections (company_id, selection_id, records, count) VALUES ($1, $2, $3, $4)
"""


async def add_selection(tx: Tx, company: UUID, selection: UUID, records: list[Selected]) -> None:
    """Keep a selection as it stood when it was made, for an hour."""
    rows = SELECTED.dump_json(records).decode()
    await tx.execute(_ADD_SELECTION, company, selection, rows, len(records))


_SELECTION = """
SELECT records FROM selections
WHERE company_id = $1 AND selection_id = $2 AND created_at > now() - interval '1 hour'
"""


async def find_selection(tx: Tx, company: UUID, selection: UUID) -> list[Selected] | None:
    """A selection, if it has not expired."""
    text = await tx.fetchval(_SELECTION, company, selection)
    return SELECTED.validate_json(text) if text is not None else None


@dataclass(frozen=True, slots=True)
class Authorisation:
    """An attempt to connect an account; `account_id` where it is one that the company has."""

    company_id: UUID
    account_id: UUID | None
    environment: str
    redirect_uri: str


_BEGIN_AUTHORISATION = """
WITH old AS (DELETE FROM authorisations WHERE created_at < now() - interval '1 hour')
INSERT INTO authorisations (state_hash, session_hash, company_id, account_id, environment, redirect_uri)
VALUES ($1, $2, $3, $4, $5, $6)
"""


async def begin_authorisation(tx: Tx, state: bytes, session: bytes, begun: Authorisation) -> None:
    """Remember an attempt by the hashes of its state and of the session that makes it."""
    values = (begun.company_id, begun.account_id, begun.environment, begun.redirect_uri)
    await tx.execute(_BEGIN_AUTHORISATION, state, session, *values)


_TAKE_AUTHORISATION = """
DELETE FROM authorisations WHERE state_hash = $1 AND session_hash = $2
RETURNING company_id, account_id, environment, redirect_uri, created_at > now() - interval '10 minutes' AS fresh
"""


async def take_authorisation(tx: Tx, state: bytes, session: bytes) -> Authorisation | None:
    """The attempt, for once; None when there is none of this session, or it is over ten minutes old."""
    row = await tx.fetchrow(_TAKE_AUTHORISATION, state, session)
    if row is None or not row["fresh"]:
        return None
    return Authorisation(row["company_id"], row["account_id"], row["environment"], row["redirect_uri"])
