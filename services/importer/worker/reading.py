"""Claim a due read and fetch what it names: page after page, the next one while the last is staged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from services.importer.settings import Settings
from services.importer.store import asking, directories, tasks
from services.importer.store.tasks import Claimed, Task
from services.importer.worker.finishing import Finisher
from services.importer.worker.staging import Found, Stager
from shared.clock import Clock
from shared.connectors.opening import Connectors
from shared.connectors.ports import Connector, Page
from shared.db.companies import load_settings
from shared.db.handover import Handover
from shared.db.leases import LEASE_SECONDS, LeaseLostError, renewing
from shared.db.tx import Database
from shared.db.work import IDLE_SECONDS, keep_running, keep_working
from shared.domain.employee import Remote, Unread
from shared.domain.settings import CompanySettings
from shared.domain.values import Cause, Lane
from shared.errors import MusterError, Unauthorized, Unavailable, Unexpected
from shared.messaging.outbox import Outbox
from shared.telemetry import traces
from shared.telemetry.metrics import WORK

OVERLAP = timedelta(minutes=5)
"""A delta reads again what changed just before its watermark: a system may show a change later than it dates it."""
RECORDS_AT_ONCE = 100
"""People asked for by name at once, and staged together: a read that is interrupted goes on behind them."""

T = TypeVar("T")


class Reader:
    """Reads both systems for all companies; `run` ends only when cancelled."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        connectors: Connectors,
        clock: Clock,
        settings: Settings,
        handover: Handover[Claimed],
    ) -> None:
        self._database = database
        self._connectors = connectors
        self._clock = clock
        self._settings = settings
        self._handover = handover
        self._finisher = Finisher(database, outbox, settings)
        self._stager = Stager(database, outbox, self._finisher)
        self._wakeup = database.wakeups[tasks.READS]

    async def run(self) -> None:
        """Read what is due, several accounts side by side."""
        async with asyncio.TaskGroup() as group:
            readers = self._settings.readers
            for n in range(readers):
                group.create_task(
                    keep_working(
                        "read",
                        self.step,
                        self._wakeup,
                        after=n * IDLE_SECONDS / readers,
                        notified_of_more=True,
                    )
                )
            group.create_task(keep_running("read.daily", self._daily))

    async def _daily(self) -> None:
        while True:
            with suppress(Unavailable):
                await self.begin_generations()
                await self.forget_old_tasks()
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
                await asking.add_task(
                    tx,
                    company,
                    account,
                    "full",
                    self._clock.new_id(),
                    Cause.SWEEP,
                    Lane.BULK,
                    unless_waiting=True,
                )

    async def forget_old_tasks(self) -> None:
        """Delete the reads that have been over for long."""
        more = True
        while more:
            async with self._database.system() as tx:
                more = await tasks.forget_old(tx, self._settings.read_task_days)

    async def step(self) -> bool:
        """Carry one read through, handed over or claimed; False when nothing is due."""
        given = self._handover.take()
        notified = self._wakeup.count
        claimed = given or await self._claim()
        if claimed is None:
            return False
        task, settings = claimed
        try:
            with traces.span(f"read {task.kind}", parent=task.traceparent):
                await self._read(task, settings)
            WORK.labels(kind=f"read.{task.kind}", outcome="ok").inc()
        except LeaseLostError:
            WORK.labels(kind=f"read.{task.kind}", outcome="lease_lost").inc()
        except Exception as error:  # noqa: BLE001  (a bug ends this read, not the process of all companies)
            WORK.labels(kind=f"read.{task.kind}", outcome=type(error).__name__).inc()
            await self._finisher.failed(task, error if isinstance(error, MusterError) else Unexpected(error))
        if self._wakeup.count != notified:
            self._wakeup.notify()  # what came meanwhile may have waited for this read to end
        return True

    async def _claim(self) -> Claimed | None:
        async with self._database.system() as tx:
            task = await tasks.claim_task(tx, LEASE_SECONDS)
            settings = (await load_settings(tx, [task.company_id])).get(task.company_id) if task else None
        if tasks.READS not in tx.due:
            self._handover.found_nothing()
        return Claimed(task, settings) if task else None

    async def _read(self, task: Task, settings: CompanySettings | None) -> None:
        if task.run_id is not None and task.attempts >= self._settings.import_attempts:
            raise Unavailable("each of its readers lost the lease")
        watermark = None
        if task.kind in ("full", "delta"):
            async with self._database.transaction([task.company_id]) as tx:
                began_at, watermark = await directories.begin_directory(tx, task)
            task = replace(task, as_of=task.as_of or began_at)
        account = settings.account(task.account_id) if settings else None
        if settings is None or account is None:
            raise Unavailable("the account is not known yet")
        if not account.connected:
            raise Unauthorized(account.system, "the account is not connected", state="disconnected")
        connector = await self._connectors.get(account, task.company_id)
        if task.kind == "records":
            await self._read_records(task, settings, connector)
            return
        if task.kind == "delta" and task.phase == "pages":
            task = replace(task, phase="delta", since=watermark - OVERLAP if watermark else None)
        await self._read_pages(task, settings, connector)

    async def _read_pages(self, task: Task, settings: CompanySettings, connector: Connector) -> None:
        ahead = asyncio.ensure_future(connector.read_page(task.cursor, since=task.since))
        try:
            while True:
                page = await self._renewing(task, ahead)
                task, more = _next(task, page)
                if more:
                    ahead = asyncio.ensure_future(connector.read_page(task.cursor, since=task.since))
                page, found = await self._ask_again(task, connector, page)
                task = await self._stager.stage_page(task, settings, connector, page, found, last=not more)
                if not more:
                    return
        finally:
            ahead.cancel()

    async def _renewing(self, task: Task, call: Awaitable[T]) -> T:
        """What a system answers, while the task stays ours."""

        async def renew() -> bool:
            async with self._database.transaction([task.company_id]) as tx:
                return await tasks.renew(tx, task, LEASE_SECONDS)

        return await renewing(call, renew)

    async def _ask_again(self, task: Task, connector: Connector, page: Page) -> tuple[Page, Found]:
        """Nobody is gone by one word: who is said to be gone is asked for by name, and one who answers is read instead."""
        if not page.gone:
            return page, Found({}, page.requested_at, page.answered_at)
        found = await self._renewing(task, self._named(connector, page.gone))
        return replace(page, gone=[i for i in page.gone if i not in found.records]), found

    async def _named(self, connector: Connector, remote_ids: Sequence[str]) -> Found:
        requested_at = self._clock.now()
        found: dict[str, Remote | Unread] = {}
        for start in range(0, len(remote_ids), RECORDS_AT_ONCE):
            found |= await connector.read_many(remote_ids[start : start + RECORDS_AT_ONCE])
        return Found(found, requested_at, self._clock.now())

    async def _read_records(self, task: Task, settings: CompanySettings, connector: Connector) -> None:
        """The named records, fresh. Whether one that is not there is gone, the next complete read judges."""
        for start in range(task.page * RECORDS_AT_ONCE, len(task.remote_ids), RECORDS_AT_ONCE):
            named = task.remote_ids[start : start + RECORDS_AT_ONCE]
            found = await self._renewing(task, self._named(connector, named))
            last = start + RECORDS_AT_ONCE >= len(task.remote_ids)
            task = await self._stager.stage_records(task, settings, named, found, last=last)


def _next(task: Task, page: Page) -> tuple[Task, bool]:
    """The task after this page, and whether more pages follow."""
    if task.began_at is None:
        task = replace(task, began_at=page.requested_at)
    if task.watermark is None or (task.phase == "delta" and task.cursor is None):
        task = replace(task, watermark=page.as_of)
    if page.cursor is not None:
        return replace(task, cursor=page.cursor), True
    if task.kind == "full" and task.phase == "pages":
        assert task.watermark is not None
        return replace(task, phase="delta", cursor=None, since=task.watermark - OVERLAP), True
    return task, False
