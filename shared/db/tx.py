"""Transactions that name their companies before anything else, so that row security can hold (architecture decision 11)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from shared.db.work import Bell
from shared.errors import Unavailable

Record = asyncpg.Record

_LOCK = "SELECT pg_advisory_xact_lock($1, hashtext(k)) FROM unnest($2::text[]) AS t (k)"
_LOCK_NUMBERS = {"mapper": 3, "syncer": 4}

_RETRYABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.OperatorInterventionError,  # cancelled, shutting down, starting up
    asyncpg.InsufficientResourcesError,  # disk or memory full, too many connections
    asyncpg.ReadOnlySQLTransactionError,  # a standby that is becoming the primary
    asyncpg.InvalidCachedStatementError,  # a migration ran meanwhile
    asyncpg.PostgresIOError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)


def _is_mistake(error: asyncpg.InterfaceError) -> bool:
    """asyncpg has one class for a connection that is gone and for arguments that do not fit; no repetition cures those."""
    return isinstance(error, ValueError) or "argument" in str(error)


def _seeing(companies: tuple[UUID, ...]) -> str:
    return f"SELECT set_config('muster.companies', '{{{','.join(map(str, companies))}}}', true)"


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction of `service`, allowed to see `companies` and nothing else."""

    connection: asyncpg.Connection[Record]
    service: str
    companies: tuple[UUID, ...]
    due: set[str] = field(default_factory=set)
    """The kinds of work that this transaction made due."""

    async def fetch(self, sql: str, *args: object) -> list[Record]:
        """All rows."""
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: object) -> Record | None:
        """The first row."""
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: object) -> Any:
        """The first value of the first row."""
        return await self.connection.fetchval(sql, *args)

    async def execute(self, sql: str, *args: object) -> str:
        """The command tag, as `UPDATE 3`."""
        return await self.connection.execute(sql, *args)

    async def lock_companies(self) -> None:
        """Take this service's lock of each company, in key order; held until the end (architecture decision 4)."""
        await self.connection.execute(_LOCK, _LOCK_NUMBERS[self.service], [str(c) for c in self.companies])

    def made_due(self, work: str) -> None:
        """Wake this process's worker of this kind of `work` once this is committed (in `Database.transaction` only)."""
        self.due.add(work)


class Database:
    """A service's pool. `transaction` is for one or more companies, `system` for relay, claims and clean-up."""

    def __init__(self, pool: asyncpg.Pool[Record], service: str, *, acquire_timeout: float = 5.0) -> None:
        """Takes over `pool`, which was opened as the role `service`."""
        self._pool = pool
        self._timeout = acquire_timeout
        self.service = service
        self.bells: defaultdict[str, Bell] = defaultdict(Bell)
        """By kind of work; each rings when a transaction that made such work due is committed."""

    @asynccontextmanager
    async def transaction(self, companies: Iterable[UUID]) -> AsyncIterator[Tx]:
        """One transaction that sees these companies. Raises `Unavailable` for what a repetition may cure."""
        named = tuple(sorted(set(companies)))
        async with self._open(f"BEGIN; {_seeing(named)}") as connection:
            tx = Tx(connection, self.service, named)
            yield tx
        for work in tx.due:
            self.bells[work].ring()

    @asynccontextmanager
    async def reading(self, company: UUID) -> AsyncIterator[Tx]:
        """One transaction that only reads, its plans made for the very values: a page's optional filters cost nothing unused."""
        begin = f"BEGIN READ ONLY; {_seeing((company,))}; SET LOCAL plan_cache_mode = force_custom_plan"
        async with self._open(begin) as connection:
            yield Tx(connection, self.service, (company,))

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Tx]:
        """One transaction as `<service>_system`, which sees the work tables of every company and nothing else."""
        async with self._open(f"BEGIN; SET LOCAL ROLE {self.service}_system") as connection:
            yield Tx(connection, self.service, ())

    @asynccontextmanager
    async def _open(self, begin: str) -> AsyncIterator[asyncpg.Connection[Record]]:
        try:
            async with self._pool.acquire(timeout=self._timeout) as connection:
                await connection.execute(begin)
                try:
                    yield connection  # type: ignore[misc]
                except BaseException:
                    if not connection.is_closed():
                        await connection.execute("ROLLBACK")
                    raise
                await connection.execute("COMMIT")
        except _RETRYABLE as error:
            if isinstance(error, asyncpg.InterfaceError) and _is_mistake(error):
                raise
            raise Unavailable(f"database: {type(error).__name__}") from error

    async def ping(self) -> bool:
        """Whether the database answers."""
        try:
            await self._pool.fetchval("SELECT 1", timeout=2)
        except _RETRYABLE:
            return False
        return True

    async def close(self) -> None:
        """Give the connections back; cut those that do not come home in five seconds."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()
