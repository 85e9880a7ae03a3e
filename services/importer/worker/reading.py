"""Claim a due read and fetch what it names: page after page, the next one while the last is staged."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from services.importer.settings import Settings
from services.importer.store import directories, tasks
from services.importer.store.tasks import Task
from services.importer.worker.finishing import Finisher
from services.importer.worker.staging import Stager
from shared.clock import Clock
from shared.connectors.client import Connectors
from shared.connectors.ports import Connector, Page, Unread
from shared.contracts.records import Cause, CompanySettings, Lane, Remote
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS, LeaseLostError
from shared.db.tx import Database
from shared.db.work import IDLE_SECONDS, keep_working
from shared.errors import MusterError, Unavailable
from shared.messaging.outbox import Outbox
from shared.telemetry.metrics import WORK

OVERLAP = timedelta(seconds=5)
"""A delta reads again what moved just before its watermark: remote clocks tell whole seconds."""
RECORDS_AT_ONCE = 100


class Reader:
    """Reads both systems for all companies; `run` ends only when cancelled."""

    def __init__(
        self, database: Database, outbox: Outbox, connectors: Connectors, clock: Clock, settings: Settings
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._clock = clock
        self._settings = settings
        self._finisher = Finisher(database, outbox, settings)
        self._stager = Stager(database, outbox, self._finisher)
        self._bell = database.bells[tasks.READS]

    async def run(self) -> None:
        """Read what is due, several accounts side by side."""
        async with asyncio.TaskGroup() as group:
            readers = self._settings.readers
            for n in range(readers):
                group.create_task(
                    keep_working("read", self.step, self._bell, after=n * IDLE_SECONDS / readers)
                )
            group.create_task(self._daily())

    async def _daily(self) -> None:
        while True:
            with suppress(Unavailable):
                await self.begin_generations()
            await asyncio.sleep(60)

    async def begin_generations(self) -> None:
        """Make the complete reads due whose day is over, of accounts that are still followed."""
        async with self._database.system() as tx:
            due = await directories.due_generations(tx)
        for company, account in due:
            async with self._database.transaction([company]) as tx:
                settings = (await load_settings(tx, [company])).get(company)
                if settings is None or account not in {a.account_id for a in settings.followed()}:
                    continue
                await tasks.add_task(
                    tx,
                    company,
                    account,
                    "full",
                    self._clock.new_id(),
                    Cause.SWEEP,
                    Lane.BULK,
                    unless_waiting=True,
                )

    async def step(self) -> bool:
        """Claim one read and carry it through; False when nothing is due."""
        async with self._database.system() as tx:
            task = await tasks.claim_task(tx, LEASE_SECONDS)
        if task is None:
            return False
        self._bell.ring()
        try:
            await self._read(task)
            WORK.labels(kind=f"read.{task.kind}", outcome="ok").inc()
        except LeaseLostError:
            WORK.labels(kind=f"read.{task.kind}", outcome="lease_lost").inc()
        except MusterError as error:
            WORK.labels(kind=f"read.{task.kind}", outcome=type(error).__name__).inc()
            await self._finisher.failed(task, error)
        return True

    async def _read(self, task: Task) -> None:
        async with self._database.transaction([task.company_id]) as tx:
            settings = (await load_settings(tx, [task.company_id])).get(task.company_id)
            known = await directories.directory(tx, task.company_id, task.account_id)
        account = settings.account(task.account_id) if settings else None
        if settings is None or account is None or not account.connected:
            raise Unavailable("the account is not connected")
        connector = await self._connectors.get(account, task.company_id)
        if task.kind == "records":
            await self._read_records(task, settings, connector)
            return
        if task.kind == "delta" and task.phase == "pages":
            since = known["watermark"]
            task = replace(task, phase="delta", since=since - OVERLAP if since else None)
        await self._read_pages(task, settings, connector)

    async def _read_pages(self, task: Task, settings: CompanySettings, connector: Connector) -> None:
        ahead = asyncio.ensure_future(connector.read_page(task.cursor, since=task.since))
        try:
            while True:
                page = await ahead
                task, more = _next(task, page)
                if more:
                    ahead = asyncio.ensure_future(connector.read_page(task.cursor, since=task.since))
                task = await self._stager.stage_page(task, settings, connector, page, last=not more)
                if not more:
                    return
        finally:
            ahead.cancel()

    async def _read_records(self, task: Task, settings: CompanySettings, connector: Connector) -> None:
        """The named records, fresh. Whether one that is not there is gone, the next complete read judges."""
        requested_at = self._clock.now()
        found: dict[str, Remote | Unread] = {}
        for start in range(0, len(task.remote_ids), RECORDS_AT_ONCE):
            found |= await connector.read_many(task.remote_ids[start : start + RECORDS_AT_ONCE])
        answered_at = self._clock.now()
        await self._stager.stage_records(task, settings, found, requested_at, answered_at)


def _next(task: Task, page: Page) -> tuple[Task, bool]:
    """The task after this page, and whether more pages follow."""
    if task.began_at is None:
        task = replace(task, began_at=page.requested_at)
    if task.watermark is None or (task.phase == "delta" and task.as_of is None):
        task = replace(task, watermark=page.as_of)
    if task.phase == "delta" and task.as_of is None:
        task = replace(task, as_of=page.requested_at)
    if page.cursor is not None:
        return replace(task, cursor=page.cursor), True
    if task.kind == "full" and task.phase == "pages":
        assert task.watermark is not None
        return replace(task, phase="delta", cursor=None, since=task.watermark - OVERLAP), True
    return task, False
