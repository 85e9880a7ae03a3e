"""Sweeps: each followed account is asked what has changed, so that what no hook announced is found all the same."""

from __future__ import annotations

import asyncio
from calendar import monthrange
from contextlib import suppress
from datetime import datetime, timedelta
from math import inf
from uuid import UUID

from services.importer import core
from services.importer.settings import Settings
from services.importer.store import asking, directories
from shared.clock import Clock
from shared.connectors.limits import Limits
from shared.db.companies import load_settings
from shared.db.tx import Database, Record, Tx
from shared.db.work import keep_running
from shared.domain.settings import Account, CompanySettings
from shared.domain.values import Cause, Lane
from shared.errors import Unavailable
from shared.telemetry.metrics import CALLS_LAST, FRESHNESS

LOOK_SECONDS = 5.0
REMEMBERED = timedelta(hours=2)
"""Longer than any pause between two looks at an account; then another copy looks after it."""


class Sweeper:
    """Makes sweeps due; readers carry them out. Any number of copies may run."""

    def __init__(self, database: Database, limits: Limits, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._limits = limits
        self._clock = clock
        self._settings = settings
        self._ending: dict[UUID, tuple[datetime, datetime]] = {}
        """By account: when its calls run out, where that is before the end of the month, and when that was seen."""

    async def run(self) -> None:
        """Until cancelled."""
        await keep_running("sweep", self._run)

    async def _run(self) -> None:
        while True:
            with suppress(Unavailable):
                await self.step()
            await asyncio.sleep(min(LOOK_SECONDS, self._settings.sweep_seconds / 4))

    async def step(self) -> None:
        """Look after every directory whose time has come."""
        async with self._database.system() as tx:
            FRESHNESS.set(await directories.oldest_look(tx))
            due = await directories.due_sweeps(tx)
        for row in due:
            await self._look(row)
        now = self._clock.now()
        fresh = [end for end, seen in self._ending.values() if seen > now - REMEMBERED]
        CALLS_LAST.set(min(((end - now).total_seconds() for end in fresh), default=inf))

    async def _look(self, row: Record) -> None:
        company, account_id = row["company_id"], row["account_id"]
        async with self._database.transaction([company]) as tx:
            settings = (await load_settings(tx, [company])).get(company)
        account = settings.account(account_id) if settings else None
        if settings is None or account is None:
            return
        seconds = await self._seconds(settings, account, row)
        now = self._clock.now()
        is_due = row["complete_as_of"] + timedelta(seconds=seconds) <= now
        async with self._database.transaction([company]) as tx:
            if is_due:
                await self._sweep(tx, company, account_id)
            await directories.plan_sweep(tx, company, account_id, seconds, now if is_due else None)

    async def _sweep(self, tx: Tx, company: UUID, account: UUID) -> None:
        await asking.add_task(
            tx,
            company,
            account,
            "delta",
            self._clock.new_id(),
            Cause.SWEEP,
            Lane.REAL_TIME,
            unless_waiting=True,
        )

    async def _seconds(self, settings: CompanySettings, account: Account, row: Record) -> int:
        minutes = settings.route.rules.sweep_minutes if settings.route else None
        budget = await self._limits.budget(settings.company_id, account)
        if budget.lasts_until is None:
            self._ending.pop(account.account_id, None)
        else:
            self._ending[account.account_id] = budget.lasts_until, self._clock.now()
        return core.sweep_seconds(
            minutes * 60 if minutes else self._settings.sweep_seconds,
            silent=core.is_silent(row["hinted_at"], row["found_at"]),
            metered=budget.metered,
            allowed=budget.metered_per_month,
            of_month=_of_month(self._clock.now()),
        )


def _of_month(now: datetime) -> float:
    """How much of the month is over, from 0 to 1."""
    days = monthrange(now.year, now.month)[1]
    return (now.day - 1 + now.hour / 24) / days
