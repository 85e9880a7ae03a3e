"""Stage what was read: compare it with what staging holds, store it and publish it, each page in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from services.importer import core
from services.importer.core import Fresh, Staging
from services.importer.store import asking, directories, snapshots, tasks
from services.importer.store.tasks import Task
from services.importer.worker.finishing import Finisher, shown
from shared.connectors.ports import Connector, Page
from shared.connectors.reading import parsed
from shared.contracts.events import ImportProgressed
from shared.db.leases import LEASE_SECONDS, LeaseLostError
from shared.db.tx import Database, Tx
from shared.domain.employee import Remote, Unread
from shared.domain.ids import record_id
from shared.domain.settings import CompanySettings, Rules
from shared.domain.values import Cause
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log
from shared.telemetry.metrics import SWEEP_FOUND


@dataclass(frozen=True, slots=True)
class Found:
    """Records that were asked for by name, by their remote ids, and when."""

    records: Mapping[str, Remote | Unread]
    requested_at: datetime
    answered_at: datetime

    def fresh(self, account: UUID) -> list[Fresh]:
        """For staging."""
        return [
            core.fresh_of(record_id(account, i), account, one, self.requested_at, self.answered_at, None)
            for i, one in self.records.items()
        ]


class Stager:
    """Stages pages and records of a read; with the last of them the read ends."""

    def __init__(self, database: Database, outbox: Outbox, finisher: Finisher) -> None:
        self._database = database
        self._outbox = outbox
        self._finisher = finisher

    async def stage_page(
        self,
        task: Task,
        settings: CompanySettings,
        connector: Connector,
        page: Page,
        found: Found,
        *,
        last: bool,
    ) -> Task:
        """One page, and those `found` who it said were gone; the task with the page counted.

        With the last page the task ends.
        """
        raws = {record_id(task.account_id, raw.remote_id): raw for raw in page.records}
        ids = list(raws)
        async with self._database.transaction([task.company_id]) as tx:
            hashes = await snapshots.load_hashes(tx, task.company_id, ids)
            moved = [(i, raw) for i, raw in raws.items() if hashes.get(i) != raw.raw_hash]
            fresh = [
                core.fresh_of(
                    i,
                    task.account_id,
                    parsed(connector, raw),
                    page.requested_at,
                    page.answered_at,
                    raw.raw_hash,
                )
                for i, raw in moved
            ]
            others = [f for f in found.fresh(task.account_id) if f.record_id not in raws]
            ids += [f.record_id for f in others]
            staging = await self._stage(tx, task, settings, fresh + others, as_of=page.as_of)
            staging.unchanged += len(raws) - len(moved)
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
        self, task: Task, settings: CompanySettings, named: Sequence[str], found: Found, *, last: bool
    ) -> Task:
        """Those `found` of the people that were `named`; the task with them counted. With the last of them it ends."""
        fresh = found.fresh(task.account_id)
        async with self._database.transaction([task.company_id]) as tx:
            staging = await self._stage(tx, task, settings, fresh)
            if task.cause is Cause.HOOK and len(fresh) < len(named):
                await self._look_for_missing(tx, task, named, found)
            task = replace(task, counts=tasks.counted(task.counts, staging, len(fresh)))
            if last:
                await self._finisher.finish(tx, task)
            elif not await tasks.advance(tx, task, LEASE_SECONDS):
                raise LeaseLostError
        return replace(task, page=task.page + 1)

    async def _remove(self, tx: Tx, task: Task, page: Page) -> None:
        """Those of whom the system itself says that they are gone."""
        if not page.gone:
            return
        now = await snapshots.lock_accounts(tx, [task.account_id])
        ids = [record_id(task.account_id, remote_id) for remote_id in page.gone]
        gone = await snapshots.remove_gone(tx, task, ids, now, page.requested_at)
        outgoing = [
            Outgoing(event, task.company_id, lane=task.lane, run_id=task.run_id)
            for event in core.removals(task.account_id, task.cause, gone)
        ]
        await self._outbox.append(tx, outgoing)

    async def _look_for_missing(self, tx: Tx, task: Task, named: Sequence[str], found: Found) -> None:
        """What has changed says who it was: a hook may name another id than the record's own (QuickBooks Payroll).

        Of somebody whom staging holds it says whether they are gone (a merge), however fresh the directory is.
        """
        missing = [record_id(task.account_id, i) for i in named if i not in found.records]
        known = await snapshots.load_snapshots(tx, missing)
        held = any(one.state != "removed" for one in known.values())
        not_before = found.requested_at if held else found.requested_at - timedelta(minutes=1)
        wanted = uuid5(task.task_id, f"missing/{task.page}")
        await asking.want_directory(tx, task.company_id, task.account_id, wanted, not_before, Cause.SWEEP)

    async def _stage(
        self,
        tx: Tx,
        task: Task,
        settings: CompanySettings,
        fresh: Sequence[Fresh],
        as_of: datetime | None = None,
    ) -> Staging:
        if not fresh:
            return Staging()
        now = await snapshots.lock_accounts(tx, [task.account_id])
        known = await snapshots.load_snapshots(tx, [f.record_id for f in fresh])
        staging = core.stage(
            known,
            fresh,
            rules=settings.route.rules if settings.route else Rules(),
            cause=task.cause,
            is_source=settings.route is not None and settings.route.source == task.account_id,
            only_new=task.kind == "new",
            milliseconds=now,
        )
        await snapshots.save_snapshots(tx, task.company_id, staging.saved)
        newly_seen = await snapshots.mark_seen(tx, task.company_id, staging.seen)
        is_sweep = task.kind == "delta" and task.cause is Cause.SWEEP
        if is_sweep and as_of is not None and (found := core.missed(staging, newly_seen, as_of)):
            await directories.note_found(tx, task, found)
            SWEEP_FOUND.inc(found)
        await self._outbox.append(
            tx,
            [
                Outgoing(event, task.company_id, lane=task.lane, run_id=task.run_id, actor=task.actor)
                for event in staging.events
            ],
        )
        return staging
