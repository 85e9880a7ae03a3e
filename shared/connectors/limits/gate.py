"""One process's share of a directory's budget."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

from shared.connectors.vault import not_open
from shared.db.tx import Database
from shared.domain.capabilities import Rates
from shared.errors import RateLimited, Unavailable
from shared.settings import LimitSettings

PATIENCE_SECONDS = 12.0
"""The longest wait for a moment: with the call itself still shorter than a worker's lease."""
_AGED_SECONDS = 4.0
"""A bulk read that has waited this long is served as others are."""
_BLOCK_SECONDS = 1.0
"""How far ahead one process may take moments; what it does not use is lost to all."""
_SHORT_WINDOW = 1.2
"""A second's worth of calls is spread over a little more: on their way they move closer together."""
_EARLY_SECONDS = 0.002
"""A timer of the event loop may go off this much too soon."""
_IDLE_SECONDS = 1.0
_PAUSE_SECONDS = 60.0
_BULK_SHARE, _SHARE = 0.4, 0.8
"""Of the calls on their way at once, that one process may hold."""
_PLENTY = 1_000_000

# A crash of the database may give some moments out twice or forget some counts: no reason to wait for the disk.
_TAKE = """
SELECT t.granted, t.wait, t.slots, t.paused, set_config('synchronous_commit', 'off', true),
       coalesce((SELECT state FROM vault.credentials WHERE company_id = $12 AND account_id = $13), 'disconnected') AS state
FROM vault.take_calls($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS t
"""
_COUNT = """
INSERT INTO vault.calls (company_id, account_id, month, unmetered, metered, in_minute)
VALUES ($1, $2, date_trunc('month', now() AT TIME ZONE 'UTC')::date, $3, $4, $3::bigint + $4::bigint)
ON CONFLICT (company_id, account_id, month) DO UPDATE SET
    unmetered = calls.unmetered + excluded.unmetered, metered = calls.metered + excluded.metered,
    in_minute = excluded.in_minute
        + CASE WHEN date_trunc('minute', calls.last_at) = date_trunc('minute', now()) THEN calls.in_minute ELSE 0 END,
    last_at = now()
"""
_GIVE_BACK = """
DELETE FROM vault.callers WHERE directory = $1 AND caller = $2 RETURNING set_config('synchronous_commit', 'off', true)
"""
_PAUSE = """
INSERT INTO vault.rates AS r (directory, paused_until) VALUES ($1, clock_timestamp() + make_interval(secs => $2))
ON CONFLICT (directory) DO UPDATE SET
    strikes = CASE WHEN r.paused_until > now() THEN r.strikes
        WHEN r.paused_until > now() - make_interval(secs => $3) THEN least(r.strikes + 1, 6) ELSE 0 END,
    paused_until = greatest(r.paused_until, clock_timestamp() + make_interval(secs => $2 * CASE
        WHEN r.paused_until <= now() AND r.paused_until > now() - make_interval(secs => $3)
        THEN 2 ^ least(r.strikes + 1, 6) ELSE 1 END))
"""


@dataclass(slots=True)
class _Lane:
    """Calls of one kind, first come, first served: batches, single calls that somebody waits for, bulk reads."""

    batch: bool
    urgent: bool
    gap: float
    ahead: float
    """How far ahead moments may be taken, in seconds."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    moments: deque[float] = field(default_factory=deque)
    free_until: float = 0.0
    size: int = 1
    used: int = 0
    waiting: int = 0

    def next(self, now: float) -> float | None:
        """The next moment that is not over; with no rate to keep, any moment while the last answer is fresh."""
        if not self.gap:
            return now if now < self.free_until else None
        while self.moments and self.moments[0] + min(self.gap / 3, 0.5) < now:
            self.moments.popleft()
        return self.moments[0] if self.moments else None

    def take(self, now: float) -> bool:
        """Use the next moment, if it has come."""
        moment = self.next(now)
        if moment is None or moment > now + _EARLY_SECONDS:
            return False
        if self.gap:
            self.moments.popleft()
        self.used += 1
        return True

    def block(self) -> int:
        """How many moments to ask for: twice as many as the last block saw used, within a second's worth."""
        most = max(1, int(self.ahead / self.gap)) if self.gap else 1
        self.size = max(1, min(2 * self.used, most if self.urgent else most // 2, most))
        self.used = 0
        return self.size


@dataclass(frozen=True, slots=True)
class Directory:
    """What is called, and for whom. `name` is the same for every company of ours that is connected to one tenant."""

    name: str
    system: str
    company: UUID
    account: UUID


class Gate:
    """One process's calls to one directory."""

    def __init__(
        self,
        database: Database,
        settings: LimitSettings,
        rates: Rates,
        caller: UUID,
        directory: Directory,
    ) -> None:
        faster = settings.share * settings.speed
        per_second = [
            n for n in (rates.requests_per_minute / 60, rates.requests_per_second / _SHORT_WINDOW) if n
        ]
        self._gap = 1 / (min(per_second) * faster) if per_second else 0.0
        self._batch_gap = 60 / (rates.batches_per_minute * faster) if rates.batches_per_minute else self._gap
        self._most = rates.concurrent
        self._speed = settings.speed
        self._database = database
        self._directory = directory.name
        self._caller = caller
        self._place = (directory.company, directory.account)
        self._system = directory.system
        ahead = _BLOCK_SECONDS / settings.speed
        self._batches = _Lane(batch=True, urgent=True, gap=self._batch_gap, ahead=ahead)
        self._urgent = _Lane(batch=False, urgent=True, gap=self._gap, ahead=ahead)
        self._bulk = _Lane(batch=False, urgent=False, gap=self._gap, ahead=ahead)
        self._slots = 0
        self._in_flight = 0
        self._left = asyncio.Event()
        self._counts = [0, 0]
        self._idle: asyncio.TimerHandle | None = None
        self._resting: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def call(
        self, *, batch: bool = False, bulk: bool = False, metered: bool = False
    ) -> AsyncIterator[None]:
        """Around each call. Raises `RateLimited` when the wait would be too long, `Unauthorized` when not connected.

        A 429 that is raised inside makes every service wait.
        """
        lane = self._batches if batch else self._bulk if bulk else self._urgent
        await self._enter(lane)
        try:
            yield
        except RateLimited as error:
            if not error.ours:
                await self._pause(error.retry_after)
            raise
        finally:
            self._leave(metered=metered)

    async def _enter(self, lane: _Lane) -> None:
        loop = asyncio.get_running_loop()
        if not lane.gap and self._in_flight < self._slots and loop.time() < lane.free_until:
            self._in_flight += 1
            return
        lane.waiting += 1
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), lane.lock:
                await self._moment(lane, loop)
        except TimeoutError:
            wait = max(lane.gap * lane.waiting, 1.0)
            raise RateLimited(f"{self._system}: many calls wait", retry_after=wait, ours=True) from None
        finally:
            lane.waiting -= 1

    async def _moment(self, lane: _Lane, loop: asyncio.AbstractEventLoop) -> None:
        """Wait for this lane's next moment and a free slot, and take both."""
        since = loop.time()
        while True:
            moment = lane.next(loop.time()) if self._in_flight < self._slots else None
            if moment is None:
                await self._take(lane, urgent=lane.urgent or loop.time() - since > _AGED_SECONDS)
                continue
            await asyncio.sleep(moment - loop.time())
            if self._in_flight < self._slots and lane.take(loop.time()):
                self._in_flight += 1
                return

    async def _take(self, lane: _Lane, *, urgent: bool) -> None:
        """Ask the vault for the next block; sleep a little when there is none."""
        waiting = sum(bool(one.waiting) for one in (self._batches, self._urgent, self._bulk))
        share = _SHARE if self._batches.waiting or self._urgent.waiting else _BULK_SHARE
        wanted = min(self._in_flight + waiting + lane.waiting, max(1, int(self._most * share)))
        if self._most and self._in_flight >= wanted:
            await self._somebody_leaves(1.0)
            return
        if self._resting is not None:
            await asyncio.wait([self._resting])
        size = lane.block()
        counts, self._counts = self._counts, [0, 0]
        try:
            async with self._database.transaction([self._place[0]]) as tx:
                if any(counts):
                    await tx.execute(_COUNT, *self._place, *counts)
                row = await tx.fetchrow(
                    _TAKE,
                    self._directory,
                    self._caller,
                    size,
                    lane.batch,
                    urgent,
                    PATIENCE_SECONDS,
                    self._gap,
                    self._batch_gap if lane.batch else 0.0,
                    self._in_flight,
                    wanted if self._most else _PLENTY,
                    self._most,
                    *self._place,
                )
        except BaseException:
            self._counts = [a + b for a, b in zip(self._counts, counts, strict=True)]
            raise
        assert row is not None
        if row["state"] != "connected":
            raise not_open(row["state"])
        if row["paused"]:
            raise RateLimited(f"{self._system} asked us to wait", retry_after=row["paused"], ours=True)
        self._slots = row["slots"]
        start = asyncio.get_running_loop().time()
        if row["granted"]:
            first = start + row["wait"]
            lane.free_until = start + _BLOCK_SECONDS
            lane.moments.extend(first + n * lane.gap for n in range(row["granted"]))
        elif row["wait"] > PATIENCE_SECONDS:
            raise RateLimited(f"{self._system}: many calls wait", retry_after=row["wait"], ours=True)
        else:
            await self._somebody_leaves(max(row["wait"], 0.05))

    async def _somebody_leaves(self, seconds: float) -> None:
        self._left.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._left.wait()

    def _leave(self, *, metered: bool) -> None:
        self._in_flight -= 1
        self._counts[metered] += 1
        self._left.set()
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._rest)

    def _rest(self) -> None:
        if not self._in_flight:
            self._resting = asyncio.create_task(self._give_back())

    async def _give_back(self) -> None:
        """The slots, for others to use; and count what was called."""
        counts, self._counts = self._counts, [0, 0]
        if not self._in_flight:
            self._slots = 0
        try:
            async with self._database.transaction([self._place[0]]) as tx:
                if any(counts):
                    await tx.execute(_COUNT, *self._place, *counts)
                if self._most and not self._in_flight:
                    await tx.execute(_GIVE_BACK, self._directory, self._caller)
        except Unavailable:
            self._counts = [a + b for a, b in zip(self._counts, counts, strict=True)]

    async def _pause(self, seconds: float) -> None:
        """Everybody waits; longer when the last pause did not help: then it is no spike but a spent allowance."""
        seconds = max(seconds, _PAUSE_SECONDS / self._speed)
        with suppress(Unavailable):
            async with self._database.transaction([self._place[0]]) as tx:
                await tx.execute(_PAUSE, self._directory, seconds, 5 * _PAUSE_SECONDS / self._speed)
        self._batches.moments.clear()
        self._urgent.moments.clear()
        self._bulk.moments.clear()
        self._batches.free_until = self._urgent.free_until = self._bulk.free_until = 0.0

    async def close(self) -> None:
        """Count what is not counted yet, and give the slots back."""
        if self._idle is not None:
            self._idle.cancel()
        if self._resting is not None:
            await asyncio.wait([self._resting])
        if self._idle is not None:
            await self._give_back()
