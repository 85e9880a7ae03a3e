"""Forward-only migrations: plain SQL files, each run once, in its schema, under one lock, with a checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources

import asyncpg

from shared.db.pool import connecting

SERVICES = ("gateway", "importer", "mapper", "syncer", "history")
_STEPS: tuple[tuple[str, str], ...] = (
    ("muster", "shared.db"),
    *((service, package) for service in SERVICES for package in ("shared.messaging", f"services.{service}")),
    ("vault", "shared.connectors"),
)
_LOCK = "SELECT pg_advisory_lock(8701)"
_TABLE = """
CREATE SCHEMA IF NOT EXISTS muster;
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


class ChangedMigrationError(Exception):
    """A migration that has already run is not the same text any more."""


def _files(package: str) -> list[tuple[str, str]]:
    folder = resources.files(package) / "migrations"
    if not folder.is_dir():
        return []
    return sorted((f.name, f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql"))


async def migrate(dsn: str, passwords: Mapping[str, str] | None = None) -> list[str]:
    """Bring the database at `dsn` (an owner's address) up to date; returns the names of what ran.

    Makes one schema and two roles a service; `passwords` by service name are set each time. Safe to run side by side.
    """
    with connecting():
        connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(_LOCK)
        await connection.execute(_TABLE)
        await _roles(connection, passwords or {})
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
                    await connection.execute(f"SET LOCAL search_path = {schema}, public")
                    await connection.execute(text)
                    await connection.execute(_RECORD, schema, package, name, checksum)
                ran.append(f"{schema}/{name}")
        return ran
    finally:
        await connection.close()


async def _roles(connection: asyncpg.Connection[asyncpg.Record], passwords: Mapping[str, str]) -> None:
    """Two roles a service: the one it logs in as, and the one its relay and claims switch to. Neither owns anything."""
    for service in SERVICES:
        system = f"{service}_system"
        options = "NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"
        await connection.execute(_ROLE.format(role=service, options=f"LOGIN {options}"))
        await connection.execute(_ROLE.format(role=system, options=f"NOLOGIN {options}"))
        if password := passwords.get(service):
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
            await connection.execute(f"ALTER ROLE {service} PASSWORD {quoted}")
        await connection.execute(
            f"GRANT {system} TO {service} WITH INHERIT FALSE, SET TRUE;"
            f"CREATE SCHEMA IF NOT EXISTS {service};"
            f"GRANT USAGE ON SCHEMA {service}, muster TO {service}, {system};"
            f"ALTER ROLE {service} SET search_path = {service}"
        )
    await connection.execute(
        "CREATE SCHEMA IF NOT EXISTS vault; GRANT USAGE ON SCHEMA vault TO gateway, importer, syncer"
    )
