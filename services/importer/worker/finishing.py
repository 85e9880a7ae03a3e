"""End a read: its directory is complete and whoever waits is told; or it failed, and is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.importer import core
from services.importer.settings import Settings
from services.importer.store import directories, snapshots, tasks
from services.importer.store.tasks import Task
from shared.contracts.events import DirectoryComplete, ImportCompleted, ImportFailed, ImportProgressed
from shared.contracts.records import Lane
from shared.db.leases import LeaseLostError
from shared.db.tx import Database, Tx
from shared.errors import MusterError, RateLimited, Rejected, Unauthorized
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log


class Finisher:
    """Ends reads, well or badly."""

    def __init__(self, database: Database, outbox: Outbox, settings: Settings) -> None:
        self._database = database
        self._outbox = outbox
        self._settings = settings

    async def finish(self, tx: Tx, task: Task) -> None:
        """In the transaction of what was read last: who was not met is removed, the directory is complete, its run is told."""
        await self._lock_run(tx, task)
        if not await tasks.end_task(tx, task):
            raise LeaseLostError
        said: list[Outgoing] = []
        removed = 0
        if task.kind == "full":
            gone = await snapshots.remove_unmet(tx, task, await snapshots.milliseconds(tx))
            removed = len(gone)
            said += [
                Outgoing(e, task.company_id, lane=task.lane, run_id=task.run_id)
                for e in core.removals(task.account_id, task.cause, gone)
            ]
        if task.kind in ("full", "delta"):
            generation = await directories.complete_directory(tx, task, self._settings.generation_hours)
            said += self._marks(task, generation)
        task = replace(task, counts={**task.counts, "removed": removed})
        said += await self._run_end(tx, task)
        await self._outbox.append(tx, said)

    async def _lock_run(self, tx: Tx, task: Task) -> None:
        """One part of a run ends at a time, so that one is the last."""
        if task.run_id is not None:
            await snapshots.lock_accounts(tx, [task.account_id])

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
        others = await tasks.other_parts(tx, task)
        if others.given_up:
            return []
        counts = {n: sum(c.get(n, 0) for c in (task.counts, *others.counts)) for n in tasks.COUNTS}
        kind = ImportProgressed if others.waiting else ImportCompleted
        body = kind(run_id=task.run_id, **shown(counts, *(("removed",) if others.waiting else ())))
        return [Outgoing(body, task.company_id, run_id=task.run_id, actor=task.actor)]

    async def failed(self, task: Task, error: MusterError) -> None:
        """Later again; a person who waits is told after the last try."""
        log.warning(
            "read.failed", outcome=type(error).__name__, reason=str(error), account_id=task.account_id
        )
        async with self._database.transaction([task.company_id]) as tx:
            await self._lock_run(tx, task)
            attempts = await tasks.attempts(tx, task)
            if attempts is None:
                return
            hopeless = isinstance(error, Unauthorized | Rejected)
            if task.run_id is None or not (hopeless or attempts + 1 >= self._settings.import_attempts):
                delay = (
                    error.retry_after if isinstance(error, RateLimited) else core.backoff_seconds(attempts)
                )
                await tasks.retry_task(tx, task, delay)
                return
            reason = error.reason if isinstance(error, Rejected) else "unauthorized"
            failed = ImportFailed(run_id=task.run_id, reason=reason if hopeless else "unavailable")
            await self._give_up(tx, task, failed)

    async def _give_up(self, tx: Tx, task: Task, failed: ImportFailed) -> None:
        """The run ends with this part, whatever the others do; it is told once."""
        others = await tasks.other_parts(tx, task)
        await tasks.give_up(tx, task)
        if not others.given_up:
            said = Outgoing(failed, task.company_id, run_id=task.run_id, actor=task.actor)
            await self._outbox.append(tx, [said])


def shown(counts: Mapping[str, int], *without: str) -> dict[str, int]:
    """An import's counts as its events tell them."""
    return {name: counts.get(name, 0) for name in tasks.COUNTS if name not in without}
