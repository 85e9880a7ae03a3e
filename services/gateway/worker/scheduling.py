"""Starts what is scheduled. Any number of copies may run: the one that moves a schedule on has started its run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from services.gateway.store import schedules
from shared.clock import Clock
from shared.db.tx import Database, Record, Tx
from shared.domain.schedules import Timing, next_run
from shared.errors import Unavailable
from shared.http.problems import ProblemError
from shared.telemetry.metrics import WORK

LOOK_SECONDS = 5.0
Start = Callable[[Tx], Awaitable[UUID]]
"""Asks for the run, in the transaction that notes it; its id. Raises `ProblemError` where it is not possible now."""
Prepare = Callable[[UUID, str, str], Awaitable[Start]]
"""For a company, an action and an actor; asks others what it needs to know, so no transaction may be open."""


class Scheduler:
    """Looks every few seconds for what is due."""

    def __init__(self, database: Database, clock: Clock, prepare: Prepare) -> None:
        self._database = database
        self._clock = clock
        self._prepare = prepare

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(Unavailable):
                await self.step()
            await asyncio.sleep(LOOK_SECONDS)

    async def step(self) -> None:
        """Start what is due. What was missed while nobody looked is started once. Raises `Unavailable`."""
        async with self._database.system() as tx:
            due = await schedules.due_schedules(tx, self._clock.now())
        for row in due:
            await self._start(row)

    async def _start(self, row: Record) -> None:
        company, schedule, action = row["company_id"], row["schedule_id"], row["action"]
        outcome = "ok"
        try:
            start = await self._prepare(company, action, f"schedule:{schedule}")
            async with self._database.transaction([company]) as tx:
                await self._take(tx, row, await start(tx))
        except ProblemError as problem:
            outcome = problem.kind
            with suppress(_TakenError):
                async with self._database.transaction([company]) as tx:
                    await self._take(tx, row, None, problem.detail)
        except _TakenError:
            outcome = "taken"
        WORK.labels(kind=f"schedule.{action}", outcome=outcome).inc()

    async def _take(self, tx: Tx, row: Record, run: UUID | None, problem: str = "") -> None:
        """Note what came of it, with the time of the next one. Raises `_TakenError`."""
        following = next_run(Timing.model_validate_json(row["timing"]), self._clock.now())
        place = (row["company_id"], row["schedule_id"], row["next_at"])
        if not await schedules.take_schedule(tx, *place, following, run, problem):
            raise _TakenError


class _TakenError(Exception):
    """Another copy was first; what this transaction asked for is undone."""
