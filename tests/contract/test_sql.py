"""Every SQL constant of every store is right on the migrated schema, and its service's role may run it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from types import ModuleType

import asyncpg
import pytest

from shared.db.migrate import SERVICES

SHARED = ("shared.db.companies", "shared.db.tx", "shared.messaging.inbox", "shared.messaging.outbox",
          "shared.messaging.relay", "shared.messaging.dead_letters")  # fmt: skip
VAULT = ("shared.connectors.vault", "shared.connectors.limits")
KEYED = ("gateway", "importer", "syncer")
_SQL = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")


def modules(service: str) -> Iterator[ModuleType]:
    """What holds the service's SQL."""
    store = importlib.import_module(f"services.{service}.store")
    yield store
    if hasattr(store, "__path__"):
        for found in pkgutil.iter_modules(store.__path__):
            yield importlib.import_module(f"{store.__name__}.{found.name}")
    for name in SHARED + (VAULT if service in KEYED else ()):
        yield importlib.import_module(name)


def constants(service: str) -> dict[str, str]:
    """SQL by module and name."""
    return {
        f"{module.__name__}.{name}": value
        for module in modules(service)
        for name, value in vars(module).items()
        if isinstance(value, str) and name.isupper() and _SQL.match(value)
    }


async def planned(connection: asyncpg.Connection[asyncpg.Record], sql: str) -> str:
    """Empty, or what PostgreSQL says against it. Planning asks for the tables' rights as well, which preparing does not."""
    try:
        async with connection.transaction():
            await connection.execute(f"EXPLAIN (GENERIC_PLAN) {sql}")
    except asyncpg.PostgresError as error:
        return f"{type(error).__name__}: {error}"
    return ""


async def refused(address: Callable[[str], str], service: str, sqls: dict[str, str]) -> dict[str, str]:
    """Those that neither the service's role nor its system role may run, and why."""
    connection = await asyncpg.connect(address(service))
    try:
        found = {}
        for name, sql in sqls.items():
            why = await planned(connection, sql)
            if why.startswith("InsufficientPrivilege"):
                await connection.execute(f"SET ROLE {service}_system")
                why = await planned(connection, sql)
                await connection.execute("RESET ROLE")
            if why:
                found[name] = why
        return found
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_statement_is_right_and_allowed(addresses: Callable[[str], str], service: str) -> None:
    sqls = constants(service)
    assert len(sqls) > 20
    assert await refused(addresses, service, sqls) == {}


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT no_such_column FROM links", "UndefinedColumn"),
        ("SELECT $1::uuid[] FROM match_results WHERE record_id = 7", "UndefinedFunction"),
        ("SELECT secret_hash FROM gateway.api_keys", "InsufficientPrivilege"),
        ("SELECT sealed FROM vault.credentials", "InsufficientPrivilege"),
        ("UPDATE muster.migrations SET checksum = ''", "InsufficientPrivilege"),
    ],
)
async def test_a_wrong_one_is_found(addresses: Callable[[str], str], sql: str, why: str) -> None:
    """The negative control, as mapper."""
    assert why in (await refused(addresses, "mapper", {"wrong": sql}))["wrong"]
