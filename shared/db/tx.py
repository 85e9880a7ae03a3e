"""Transactions that name their companies before anything else, so that row security can hold (architecture decision 11)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from shared.db.work import Wakeup
from shared.errors import StatementTimeout, Unavailable
from shared.telemetry.metrics import DATABASE_ERRORS, TRANSACTION_SECONDS

Record = asyncpg.Record

_LOCKS = {"mapper": 3, "syncer": 4, "history": 5}
"""The services of which one transaction at a time works on a company, and the numbers of their locks."""

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


def _locking(number: int, companies: tuple[UUID, ...]) -> str:
    """What `_seeing` does, and the locks, in one statement."""
    keys = ",".join(map(str, companies))
    return f"{_seeing(companies)}, pg_advisory_xact_lock({number}, hashtext(k)) FROM unnest('{{{keys}}}'::text[]) AS t (k)"


@dataclass(frozen=True, slots=True)
class Tx:
    """One open transaction of `service`, allowed to see `companies` and nothing else."""

    connection: asyncpg.Connection[Record]
    service: str
    companies: tuple[UUID, ...]
    relay_leads: bool = False
    """Whether this process's relay leads its service's: the commit wakes it, nobody else need be told."""
    due: set[str] = field(default_factory=set)
    """The kinds of work that this transaction made due."""
    effects: list[Callable[[], None]] = field(default_factory=list)
    """What this process does once it is committed."""

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

    def made_due(self, work: str) -> None:
        """Wake this process's worker of this kind of `work` once this is committed."""
        self.due.add(work)

    def once_committed(self, effect: Callable[[], None]) -> None:
        """Do this in this process's memory once this is committed, before any worker is woken; never if it is not."""
        self.effects.append(effect)


class Database:
    """A service's pool. `transaction` is for one or more companies, `system` for relay, claims and clean-up."""

    def __init__(self, pool: asyncpg.Pool[Record], service: str, *, acquire_timeout: float = 5.0) -> None:
        """Takes over `pool`, which was opened as the role `service`."""
        self._pool = pool
        self._timeout = acquire_timeout
        self.service = service
        self.wakeups: defaultdict[str, Wakeup] = defaultdict(Wakeup)
        """By kind of work; each rings when a transaction that made such work due is committed."""
        self.relay_leads = False
        """Set by the relay of this process."""

    @asynccontextmanager
    async def transaction(self, companies: Iterable[UUID]) -> AsyncIterator[Tx]:
        """One transaction that sees these companies. Raises `Unavailable` for what a repetition may cure."""
        named = tuple(sorted(set(companies)))
        async with self._work(f"BEGIN; {_seeing(named)}", named) as tx:
            yield tx

    @asynccontextmanager
    async def locked(self, companies: Iterable[UUID]) -> AsyncIterator[Tx]:
        """A `transaction` that has this service's lock of each company, taken in key order and held until the end.

        They are taken before anything assigns a transaction id: one that waited for a lock with an id would hold back
        every relay of the database, which reads only below the oldest open id.
        """
        named = tuple(sorted(set(companies)))
        async with self._work(f"BEGIN; {_locking(_LOCKS[self.service], named)}", named) as tx:
            yield tx

    def handling(self, companies: Iterable[UUID]) -> AbstractAsyncContextManager[Tx]:
        """The transaction of a handler: `locked` in a service that has such locks."""
        return self.locked(companies) if self.service in _LOCKS else self.transaction(companies)

    @asynccontextmanager
    async def reading(self, company: UUID) -> AsyncIterator[Tx]:
        """One transaction that only reads, its plans made for the very values: a page's optional filters cost nothing unused."""
        begin = f"BEGIN READ ONLY; {_seeing((company,))}; SET LOCAL plan_cache_mode = force_custom_plan"
        async with self._open(begin) as connection:
            yield Tx(connection, self.service, (company,))

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Tx]:
        """One transaction as `<service>_system`, which sees the work tables of every company and nothing else."""
        async with self._work(f"BEGIN; SET LOCAL ROLE {self.service}_system", ()) as tx:
            yield tx

    @asynccontextmanager
    async def _work(self, begin: str, companies: tuple[UUID, ...]) -> AsyncIterator[Tx]:
        """Once it is committed: its effects in memory, and the workers woken that it made something due for."""
        async with self._open(begin) as connection:
            tx = Tx(connection, self.service, companies, self.relay_leads)
            yield tx
        for effect in tx.effects:
            effect()
        for work in tx.due:
            self.wakeups[work].notify()

    @asynccontextmanager
    async def _open(self, begin: str) -> AsyncIterator[asyncpg.Connection[Record]]:
        try:
            async with self._pool.acquire(timeout=self._timeout) as connection:
                with TRANSACTION_SECONDS.time():
                    try:
                        await connection.execute(begin)
                        yield connection  # type: ignore[misc]
                    except BaseException:
                        if not connection.is_closed():
                            await connection.execute("ROLLBACK")
                        raise
                    await connection.execute("COMMIT")
        except _RETRYABLE as error:
            if isinstance(error, asyncpg.InterfaceError) and _is_mistake(error):
                raise
            DATABASE_ERRORS.labels(error=type(error).__name__).inc()
            failed = StatementTimeout if isinstance(error, asyncpg.QueryCanceledError) else Unavailable
            raise failed(f"database: {type(error).__name__}") from error

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
