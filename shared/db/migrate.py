"""Forward-only migrations: plain SQL files, each run once, in its schema, under one lock, with a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources

import asyncpg

from shared.db.pool import connecting

SERVICES = ("gateway", "importer", "mapper", "syncer", "history")
OWNER = "muster_owner"
"""The role that everything of ours belongs to. Nobody logs in as it, and it has no right beyond its own objects, except to
see the other roles' sessions (`muster.oldest_writer`): what runs with its owner's rights can do no more.
"""
_STEPS: tuple[tuple[str, str], ...] = (
    ("muster", "shared.db"),
    *((service, package) for service in SERVICES for package in ("shared.messaging", f"services.{service}")),
    ("vault", "shared.connectors"),
)
_LOCK = "SELECT pg_advisory_lock(8701)"
_TABLE = """
CREATE TABLE IF NOT EXISTS muster.migrations (
    schema_name text NOT NULL,
    package text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (schema_name, package, name)
);
ALTER TABLE muster.migrations ENABLE ROW LEVEL SECURITY
"""
_DONE = "SELECT schema_name, package, name, checksum FROM muster.migrations"
_RECORD = "INSERT INTO muster.migrations (schema_name, package, name, checksum) VALUES ($1, $2, $3, $4)"
_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} {options}; END IF;
END $$
"""
_OPTIONS = "NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
_MIGRATOR = f"""
DO $$ BEGIN
    IF NOT pg_has_role('{OWNER}', 'pg_read_all_stats', 'USAGE') THEN GRANT pg_read_all_stats TO {OWNER}; END IF;
    IF NOT pg_has_role('{OWNER}', 'SET') THEN GRANT {OWNER} TO CURRENT_USER; END IF;
END $$
"""
_TOO_STRONG = """
SELECT rolname FROM pg_roles
WHERE rolname = ANY ($1)
  AND (rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication OR rolname = $2 AND rolcanlogin)
ORDER BY 1
"""
_RESTRICT = """
DO $$ BEGIN
    EXECUTE format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    IF to_regnamespace('public') IS NOT NULL THEN REVOKE CREATE ON SCHEMA public FROM PUBLIC; END IF;
END $$
"""
_EXTENSIONS = """
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA muster;
CREATE EXTENSION IF NOT EXISTS btree_gin SCHEMA muster
"""
_AS_OWNER = f"SET ROLE {OWNER}; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"


class TooStrongError(Exception):
    """A role of ours has a right that none of them may have."""


class ChangedMigrationError(Exception):
    """A migration that has already run is not the same text any more."""


def _files(package: str) -> list[tuple[str, str]]:
    folder = resources.files(package) / "migrations"
    if not folder.is_dir():
        return []
    return sorted((f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))


async def migrate(dsn: str, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Bring the database at `dsn` (an administrator's address) up to date; returns the names of what ran.

    Makes `OWNER`, and one schema and two roles a service; `passwords` by service name are set each time. Everything is
    made as `OWNER`. Safe to run side by side.
    """
    with connecting():
        connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(_LOCK)
        await _prepare(connection, passwords or {})
        await connection.execute(_AS_OWNER)
        await connection.execute(_TABLE)
        done = {
            (r["schema_name"], r["package"], r["name"]): r["checksum"] for r in await connection.fetch(_DONE)
        }
        ran = []
        for schema, package in _STEPS:
            for name, text in _files(package):
                checksum = hashlib.sha256(text.encode()).hexdigest()
                known = done.get((schema, package, name))
                if known == checksum:
                    continue
                if known is not None:
                    msg = f"{package}/migrations/{name} changed after it ran in {schema}."
                    msg += " Restore it, and put the change in a new file."
                    raise ChangedMigrationError(msg)
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL search_path = {schema}, pg_temp")
                    await connection.execute(text)
                    await connection.execute(_RECORD, schema, package, name, checksum)
                ran.append(f"{schema}/{name}")
        return ran
    finally:
        await connection.close()


async def restrict(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Take from everybody what PostgreSQL gives to everybody in a database: a copy of a database has not inherited it."""
    await connection.execute(_RESTRICT)


async def _prepare(connection: asyncpg.Connection[asyncpg.Record], passwords: Mapping[str, str]) -> None:
    """Make what only an administrator can make: roles, schemas, extensions. Raises `TooStrongError`."""
    await _role(connection, OWNER, "NOLOGIN")
    await connection.execute(_MIGRATOR)
    await restrict(connection)
    await connection.execute(
        f"CREATE SCHEMA IF NOT EXISTS muster AUTHORIZATION {OWNER};"
        f"CREATE SCHEMA IF NOT EXISTS vault AUTHORIZATION {OWNER}; {_EXTENSIONS}"
    )
    for service in SERVICES:
        await _service(connection, service)
        if password := passwords.get(service):
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
            await connection.execute(f"ALTER ROLE {service} PASSWORD {quoted}")
    await connection.execute("GRANT USAGE ON SCHEMA vault TO gateway, importer, syncer")
    roles = [OWNER, *SERVICES, *(f"{service}_system" for service in SERVICES)]
    if strong := await connection.fetch(_TOO_STRONG, roles, OWNER):
        names = ", ".join(row["rolname"] for row in strong)
        msg = f"These roles may do more than Muster allows them: {names}. Take the attributes away with ALTER ROLE."
        raise TooStrongError(msg)


async def _role(connection: asyncpg.Connection[asyncpg.Record], role: str, login: str) -> None:
    await connection.execute(_ROLE.format(role=role, options=f"{login} {_OPTIONS}"))


async def _service(connection: asyncpg.Connection[asyncpg.Record], service: str) -> None:
    """Two roles: the one it logs in as, and the one its relay and claims switch to. Neither owns anything."""
    system = f"{service}_system"
    await _role(connection, service, "LOGIN")
    await _role(connection, system, "NOLOGIN")
    await connection.execute(
        f"GRANT {system} TO {service} WITH INHERIT FALSE, SET TRUE;"
        f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {OWNER};"
        f"GRANT USAGE ON SCHEMA {service}, muster TO {service}, {system};"
        f"ALTER ROLE {service} SET search_path = {service}, pg_temp"
    )
