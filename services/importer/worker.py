"""The two systems: claim a due read, fetch page after page, stage each in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from services.importer import core, store
from services.importer.core import Fresh, Staging
from services.importer.settings import Settings
from services.importer.store import Task
from shared.clock import Clock
from shared.connectors.client import Connectors
from shared.connectors.ports import Connector, Page, Unread
from shared.contracts.events import DirectoryComplete, ImportCompleted, ImportFailed, ImportProgressed
from shared.contracts.records import Account, Cause, CompanySettings, Lane, Remote, Rules, record_id
from shared.db.companies import load_settings
from shared.db.leases import LEASE_SECONDS, LeaseLostError
from shared.db.tx import Database, Tx
from shared.errors import MusterError, RateLimited, Rejected, Unauthorized, Unavailable
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log
from shared.telemetry.metrics import WORK

IDLE_SECONDS = 0.2
OVERLAP = timedelta(seconds=5)
"""A delta reads again what moved just before its watermark: remote clocks tell whole seconds."""
RECORDS_AT_ONCE = 100


class Reader:
    """Reads both systems for all companies; `run` ends only when cancelled."""

    def __init__(
        self, database: Database, outbox: Outbox, connectors: Connectors, clock: Clock, settings: Settings
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._connectors = connectors
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        """Read what is due, several accounts side by side."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.readers):
                group.create_task(self._loop())
            group.create_task(self._daily())

    async def _loop(self) -> None:
        while True:
            try:
                worked = await self.step()
            except Unavailable as error:
                log.warning("read.pause", outcome=str(error))
                worked = False
                await asyncio.sleep(1)
            if not worked:
                await asyncio.sleep(IDLE_SECONDS)

    async def _daily(self) -> None:
        while True:
            with suppress(Unavailable):
                async with self._database.system() as tx:
                    due = await store.due_generations(tx)
                for row in due:
                    async with self._database.transaction([row["company_id"]]) as tx:
                        await store.add_task(
                            tx,
                            row["company_id"],
                            row["account_id"],
                            "full",
                            self._clock.new_id(),
                            Cause.SWEEP,
                            Lane.BULK,
                            unless_waiting=True,
                        )
            await asyncio.sleep(60)

    async def step(self) -> bool:
        """Claim one read and carry it through; False when nothing is due."""
        async with self._database.system() as tx:
            task = await store.claim_task(tx, LEASE_SECONDS)
        if task is None:
            return False
        try:
            await self._read(task)
            WORK.labels(kind=f"read.{task.kind}", outcome="ok").inc()
        except LeaseLostError:
            WORK.labels(kind=f"read.{task.kind}", outcome="lease_lost").inc()
        except MusterError as error:
            WORK.labels(kind=f"read.{task.kind}", outcome=type(error).__name__).inc()
            await self._failed(task, error)
        return True

    async def _read(self, task: Task) -> None:
        async with self._database.transaction([task.company_id]) as tx:
            settings = (await load_settings(tx, [task.company_id])).get(task.company_id)
            known = await store.directory(tx, task.company_id, task.account_id)
        account = settings.account(task.account_id) if settings else None
        if settings is None or account is None or not account.connected:
            raise Unavailable("the account is not connected")
        connector = await self._connectors.get(account, task.company_id)
        if task.kind == "records":
            await self._read_records(task, settings, account, connector)
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
                task = await self._stage_page(task, settings, connector, page, last=not more)
                if not more:
                    return
        finally:
            ahead.cancel()

    async def _stage_page(
        self, task: Task, settings: CompanySettings, connector: Connector, page: Page, *, last: bool
    ) -> Task:
        ids = [record_id(task.account_id, raw.remote_id) for raw in page.records]
        async with self._database.transaction([task.company_id]) as tx:
            hashes = await store.load_hashes(tx, task.company_id, ids)
            moved = [
                (i, raw) for i, raw in zip(ids, page.records, strict=True) if hashes.get(i) != raw.raw_hash
            ]
            fresh = [
                _fresh(
                    i,
                    task.account_id,
                    connector.parse(raw),
                    page.requested_at,
                    page.answered_at,
                    raw.raw_hash,
                )
                for i, raw in moved
            ]
            staging = await self._stage(tx, task, settings, fresh)
            staging.unchanged += len(ids) - len(moved)
            task = replace(task, counts=store.counted(task.counts, staging, len(ids)))
            if task.kind == "full":
                await store.save_page(tx, task, ids)
            await self._remove(tx, task, page)
            if last:
                await self._finish(tx, task)
            elif not await store.advance(tx, task, LEASE_SECONDS):
                raise LeaseLostError
            elif task.run_id is not None:
                progress = ImportProgressed(run_id=task.run_id, **_shown(task.counts, "removed"))
                await self._outbox.append(
                    tx, [Outgoing(progress, task.company_id, run_id=task.run_id, actor=task.actor)]
                )
        log.info(
            "read.page",
            outcome="ok",
            count=len(ids),
            run_id=task.run_id,
            account_id=task.account_id,
            page=task.page,
            lane=task.lane,
        )
        return replace(task, page=task.page + 1)

    async def _remove(self, tx: Tx, task: Task, page: Page) -> None:
        """Those of whom the system itself says that they are gone."""
        if not page.gone:
            return
        await store.lock_accounts(tx, [task.account_id])
        ids = [record_id(task.account_id, remote_id) for remote_id in page.gone]
        gone = await store.remove_gone(tx, task, ids, await store.milliseconds(tx), page.requested_at)
        said = [
            Outgoing(event, task.company_id, lane=task.lane, run_id=task.run_id)
            for event in core.removals(task.account_id, task.cause, gone)
        ]
        await self._outbox.append(tx, said)

    async def _stage(self, tx: Tx, task: Task, settings: CompanySettings, fresh: Sequence[Fresh]) -> Staging:
        if not fresh:
            return Staging()
        await store.lock_accounts(tx, [task.account_id])
        known = await store.load_snapshots(tx, [f.record_id for f in fresh])
        staging = core.stage(
            known,
            fresh,
            rules=settings.route.rules if settings.route else Rules(),
            cause=task.cause,
            is_source=settings.route is not None and settings.route.source == task.account_id,
            only_new=task.kind == "new",
            milliseconds=await store.milliseconds(tx),
        )
        await store.save_snapshots(tx, task.company_id, staging.saved)
        await store.mark_seen(tx, task.company_id, staging.seen)
        await self._outbox.append(
            tx,
            [
                Outgoing(event, task.company_id, lane=task.lane, run_id=task.run_id, actor=task.actor)
                for event in staging.events
            ],
        )
        return staging

    async def _finish(self, tx: Tx, task: Task) -> None:
        if not await store.end_task(tx, task):
            raise LeaseLostError
        said: list[Outgoing] = []
        removed = 0
        if task.kind == "full":
            gone = await store.remove_unmet(tx, task, await store.milliseconds(tx))
            removed = len(gone)
            said += [
                Outgoing(e, task.company_id, lane=task.lane, run_id=task.run_id)
                for e in core.removals(task.account_id, task.cause, gone)
            ]
        if task.kind in ("full", "delta"):
            generation = await store.complete_directory(tx, task, self._settings.generation_hours)
            said += self._marks(task, generation)
        task = replace(task, counts={**task.counts, "removed": removed})
        said += await self._run_end(tx, task)
        await self._outbox.append(tx, said)

    def _marks(self, task: Task, generation: int) -> list[Outgoing]:
        """One mark behind the records in every partition of both lanes."""
        assert task.as_of is not None
        parts = self._settings.kafka.partitions
        return [
            Outgoing(
                DirectoryComplete(
                    account_id=task.account_id,
                    generation=generation,
                    as_of=task.as_of,
                    part=part,
                    parts=parts,
                ),
                task.company_id,
                lane=lane,
                partition=part,
            )
            for lane in Lane
            for part in range(parts)
        ]

    async def _run_end(self, tx: Tx, task: Task) -> list[Outgoing]:
        if task.run_id is None:
            return []
        waiting, others = await store.other_parts(tx, task)
        counts = {n: sum(c.get(n, 0) for c in (task.counts, *others)) for n in store.COUNTS}
        kind = ImportProgressed if waiting else ImportCompleted
        body = kind(run_id=task.run_id, **_shown(counts, *(("removed",) if waiting else ())))
        return [Outgoing(body, task.company_id, run_id=task.run_id, actor=task.actor)]

    async def _read_records(
        self, task: Task, settings: CompanySettings, account: Account, connector: Connector
    ) -> None:
        """The named records, fresh. One that the system does not know any more is removed."""
        requested_at = self._clock.now()
        found: dict[str, Remote | Unread] = {}
        for start in range(0, len(task.remote_ids), RECORDS_AT_ONCE):
            found |= await connector.read_many(task.remote_ids[start : start + RECORDS_AT_ONCE])
        answered_at = self._clock.now()
        fresh = [
            _fresh(record_id(account.account_id, i), account.account_id, one, requested_at, answered_at, None)
            for i, one in found.items()
        ]
        async with self._database.transaction([task.company_id]) as tx:
            staging = await self._stage(tx, task, settings, fresh)
            task = replace(task, counts=store.counted(task.counts, staging, len(fresh)))
            await self._finish(tx, task)

    async def _failed(self, task: Task, error: MusterError) -> None:
        """Later again; a person who waits is told after the last try."""
        log.warning(
            "read.failed", outcome=type(error).__name__, reason=str(error), account_id=task.account_id
        )
        delay = error.retry_after if isinstance(error, RateLimited) else core.backoff_seconds(task.attempts)
        final = (
            isinstance(error, Unauthorized | Rejected) or task.attempts + 1 >= self._settings.import_attempts
        )
        async with self._database.transaction([task.company_id]) as tx:
            if task.run_id is None or not final:
                await store.retry_task(tx, task, delay)
            elif await store.end_task(tx, task):
                reason = error.reason if isinstance(error, Rejected) else "unauthorized"
                reason = reason if isinstance(error, Unauthorized | Rejected) else "unavailable"
                failed = ImportFailed(run_id=task.run_id, reason=reason)
                await self._outbox.append(
                    tx, [Outgoing(failed, task.company_id, run_id=task.run_id, actor=task.actor)]
                )


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


def _fresh(
    record: UUID,
    account: UUID,
    parsed: Remote | Unread,
    requested_at: datetime,
    answered_at: datetime,
    raw_hash: bytes | None,
) -> Fresh:
    if isinstance(parsed, Unread):
        return Fresh(
            record,
            account,
            parsed.remote_id,
            None,
            None,
            None,
            requested_at,
            answered_at,
            raw_hash,
            None,
            parsed.reason,
            parsed.field,
        )
    return Fresh(
        record,
        account,
        parsed.remote_id,
        parsed.employee,
        parsed.version,
        parsed.updated_at,
        requested_at,
        answered_at,
        raw_hash,
        parsed.payload,
    )


def _shown(counts: Mapping[str, int], *without: str) -> dict[str, int]:
    return {name: counts.get(name, 0) for name in store.COUNTS if name not in without}
