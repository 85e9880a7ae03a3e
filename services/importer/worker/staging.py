"""Stage what was read: compare it with what staging holds, store it and say it, each page in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.importer import core
from services.importer.core import Fresh, Staging
from services.importer.store import snapshots, tasks
from services.importer.store.tasks import Task
from services.importer.worker.finishing import Finisher, shown
from shared.connectors.ports import Connector, Page, Unread
from shared.contracts.events import ImportProgressed
from shared.contracts.records import CompanySettings, Remote, Rules, record_id
from shared.db.leases import LEASE_SECONDS, LeaseLostError
from shared.db.tx import Database, Tx
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log


class Stager:
    """Stages pages and records of a read; with the last of them the read ends."""

    def __init__(self, database: Database, outbox: Outbox, finisher: Finisher) -> None:
        self._database = database
        self._outbox = outbox
        self._finisher = finisher

    async def stage_page(
        self, task: Task, settings: CompanySettings, connector: Connector, page: Page, *, last: bool
    ) -> Task:
        """One page and how far the task has come with it, or its end with the last one; the task with the page counted."""
        raws = {record_id(task.account_id, raw.remote_id): raw for raw in page.records}
        ids = list(raws)
        async with self._database.transaction([task.company_id]) as tx:
            hashes = await snapshots.load_hashes(tx, task.company_id, ids)
            moved = [(i, raw) for i, raw in raws.items() if hashes.get(i) != raw.raw_hash]
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
            task = replace(task, counts=tasks.counted(task.counts, staging, len(ids)))
            if task.kind == "full":
                await tasks.save_page(tx, task, ids)
            await self._remove(tx, task, page)
            if last:
                await self._finisher.finish(tx, task)
            elif not await tasks.advance(tx, task, LEASE_SECONDS):
                raise LeaseLostError
            elif task.run_id is not None:
                progress = ImportProgressed(run_id=task.run_id, **shown(task.counts, "removed"))
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

    async def stage_records(
        self,
        task: Task,
        settings: CompanySettings,
        found: Mapping[str, Remote | Unread],
        requested_at: datetime,
        answered_at: datetime,
    ) -> None:
        """Records read by name, by their remote ids; the task ends with them."""
        fresh = [
            _fresh(record_id(task.account_id, i), task.account_id, one, requested_at, answered_at, None)
            for i, one in found.items()
        ]
        async with self._database.transaction([task.company_id]) as tx:
            staging = await self._stage(tx, task, settings, fresh)
            task = replace(task, counts=tasks.counted(task.counts, staging, len(fresh)))
            await self._finisher.finish(tx, task)

    async def _remove(self, tx: Tx, task: Task, page: Page) -> None:
        """Those of whom the system itself says that they are gone."""
        if not page.gone:
            return
        await snapshots.lock_accounts(tx, [task.account_id])
        ids = [record_id(task.account_id, remote_id) for remote_id in page.gone]
        gone = await snapshots.remove_gone(tx, task, ids, await snapshots.milliseconds(tx), page.requested_at)
        said = [
            Outgoing(event, task.company_id, lane=task.lane, run_id=task.run_id)
            for event in core.removals(task.account_id, task.cause, gone)
        ]
        await self._outbox.append(tx, said)

    async def _stage(self, tx: Tx, task: Task, settings: CompanySettings, fresh: Sequence[Fresh]) -> Staging:
        if not fresh:
            return Staging()
        await snapshots.lock_accounts(tx, [task.account_id])
        known = await snapshots.load_snapshots(tx, [f.record_id for f in fresh])
        staging = core.stage(
            known,
            fresh,
            rules=settings.route.rules if settings.route else Rules(),
            cause=task.cause,
            is_source=settings.route is not None and settings.route.source == task.account_id,
            only_new=task.kind == "new",
            milliseconds=await snapshots.milliseconds(tx),
        )
        await snapshots.save_snapshots(tx, task.company_id, staging.saved)
        await snapshots.mark_seen(tx, task.company_id, staging.seen)
        await self._outbox.append(
            tx,
            [
                Outgoing(event, task.company_id, lane=task.lane, run_id=task.run_id, actor=task.actor)
                for event in staging.events
            ],
        )
        return staging


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
