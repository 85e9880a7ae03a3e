"""Opening a service's pool with the time limits of `reliability.md` §5.6."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from shared.db.tx import Database, Record
from shared.errors import Unavailable
from shared.settings import DatabaseSettings
from shared.telemetry.metrics import DATABASE_CONNECTIONS

_SETTINGS = {
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "random_page_cost": "0.1",
    "cpu_tuple_cost": "1",
}
"""Every join is one index look-up a row: tables are filled faster than statistics come, and a plan that reads a whole
company for each batch is ruinous when the company is large. No better plan can come with other values, so plans are
generic; `Database.reading` asks for others (decision 0005).
"""


class RefusedError(Exception):
    """PostgreSQL answers and does not take us; the text is its own, which holds no password."""


@contextmanager
def connecting() -> Iterator[None]:
    """While a connection is made. Raises `Unavailable` when nobody answers, `RefusedError` when we are not let in."""
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise Unavailable(f"database: {type(error).__name__}") from error
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
    ) as error:
        raise RefusedError(str(error)) from error
    except (asyncpg.ClientConfigurationError, ValueError):
        raise RefusedError("this is no address of a database") from None


async def _nothing_to_reset(connection: object) -> None:
    """Whatever a transaction of ours sets ends with it, so a connection comes back as it was, without a round trip."""


async def open_database(settings: DatabaseSettings, service: str) -> Database:
    """The pool of `service`, logged in as its own role. Raises `Unavailable` when PostgreSQL does not answer."""
    with connecting():
        pool = await asyncpg.create_pool(
            settings.dsn.get_secret_value(),
            min_size=1,
            max_size=settings.pool_size,
            timeout=5,
            command_timeout=settings.command_timeout_seconds,
            max_inactive_connection_lifetime=300,
            reset=_nothing_to_reset,
            server_settings={"application_name": service, "search_path": f"{service}, pg_temp", **_SETTINGS},
        )
    DATABASE_CONNECTIONS.labels(state="open").set_function(pool.get_size)
    DATABASE_CONNECTIONS.labels(state="idle").set_function(pool.get_idle_size)
    return Database(pool, service, acquire_timeout=settings.acquire_timeout_seconds)


async def open_relay_connection(settings: DatabaseSettings, service: str) -> asyncpg.Connection[Record]:
    """One connection as `<service>_system`, each statement a transaction. Raises what asyncpg does."""
    return await asyncpg.connect(
        settings.dsn.get_secret_value(),
        timeout=5,
        command_timeout=settings.command_timeout_seconds,
        server_settings={
            "application_name": f"{service}-relay",
            "search_path": f"{service}, pg_temp",
            "role": f"{service}_system",
            **_SETTINGS,
        },
    )


async def knock(dsn: str) -> None:
    """Whether this address lets us in. Raises as `connecting` does."""
    with connecting():
        connection = await asyncpg.connect(dsn, timeout=5)
    await connection.close()


async def ensure_database(dsn: str, name: str) -> None:
    """Make the database `name` if it is not there, over an owner's address. Raises `Unavailable` while nobody answers."""
    with connecting():
        connection = await asyncpg.connect(dsn, timeout=5)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            quoted = await connection.fetchval("SELECT quote_ident($1)", name)
            await connection.execute(f"CREATE DATABASE {quoted}")
    finally:
        await connection.close()
