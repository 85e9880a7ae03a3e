"""End a read: its directory is complete and those that wait are notified; or it failed, and is tried again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.importer import core
from services.importer.settings import Settings
from services.importer.store import directories, snapshots, tasks
from services.importer.store.tasks import Task
from shared.backoff import backoff_seconds
from shared.connectors.vault import warn
from shared.contracts.events import DirectoryComplete, ImportCompleted, ImportFailed, ImportProgressed
from shared.db.leases import LeaseLostError
from shared.db.tx import Database, Tx
from shared.domain.values import Lane
from shared.errors import MusterError, RateLimited, Rejected, Unauthorized, Unexpected
from shared.messaging.outbox import Outbox, Outgoing
from shared.telemetry.logs import log


class Judged(NamedTuple):
    """Why a complete read was not believed, and how many of the people who were known it did not meet; by default it was."""

    reason: str | None = None
    missing: int = 0
    known: int = 0


class Finisher:
    """Ends reads, well or badly."""

    def __init__(self, database: Database, outbox: Outbox, settings: Settings) -> None:
        self._database = database
        self._outbox = outbox
        self._settings = settings

    async def finish(self, tx: Tx, task: Task) -> None:
        """In the transaction of what was read last: who was not met is removed, the directory is complete, its run ends."""
        if task.run_id is not None or task.kind in ("full", "delta"):
            await snapshots.lock_accounts(tx, [task.account_id])
        if not await tasks.end_task(tx, task):
            raise LeaseLostError
        removed, verdict = await self._remove(tx, task) if task.kind == "full" else ([], Judged())
        outgoing = list(removed)
        if task.kind in ("full", "delta"):
            judged = task.kind == "full" and verdict.reason is None
            outgoing += self._markers(
                task,
                *await directories.complete_directory(
                    tx, task, self._settings.generation_hours, judged=judged
                ),
            )
        task = replace(task, counts={**task.counts, "removed": len(removed)})
        outgoing += await self._run_end(tx, task, verdict)
        await self._outbox.append(tx, outgoing)

    async def _remove(self, tx: Tx, task: Task) -> tuple[list[Outgoing], Judged]:
        """Those whom a complete read did not meet are gone; nobody is when it met less than half of who was there before.

        Then how few it met, which stands at the account too until a complete read is well, or a person confirms the number.
        """
        held, unmet = await snapshots.count_unmet(tx, task)
        known = held - task.counts.get("staged", 0)
        if core.is_short(known, unmet, task.gone_at_most):
            await warn(tx, task.company_id, task.account_id, "directory_short", unmet, known)
            log.warning("read.short", count=unmet, run_id=task.run_id, account_id=task.account_id)
            return [], Judged("directory_short", unmet, known)
        await warn(tx, task.company_id, task.account_id, "", 0, 0)
        gone = await snapshots.remove_unmet(tx, task, await snapshots.milliseconds(tx))
        events = core.removals(task.account_id, task.cause, gone)
        return [Outgoing(e, task.company_id, lane=task.lane, run_id=task.run_id) for e in events], Judged()

    async def _lock_run(self, tx: Tx, task: Task) -> None:
        """One part of a run ends at a time, so that one is the last."""
        if task.run_id is not None:
            await snapshots.lock_accounts(tx, [task.account_id])

    def _markers(self, task: Task, generation: int, base: datetime) -> list[Outgoing]:
        """One behind the records in every partition of both lanes; a single one where nothing was published since `base`."""
        assert task.as_of is not None
        parts = self._settings.kafka.partitions
        marker = DirectoryComplete(
            account_id=task.account_id, generation=generation, as_of=task.as_of, base=base, part=0, parts=0
        )
        if base < task.as_of:
            return [Outgoing(marker, task.company_id, lane=Lane.REAL_TIME)]
        return [
            Outgoing(
                marker.model_copy(update={"part": part, "parts": parts}),
                task.company_id,
                lane=lane,
                partition=part,
            )
            for lane in Lane
            for part in range(parts)
        ]

    async def _run_end(self, tx: Tx, task: Task, verdict: Judged) -> list[Outgoing]:
        if task.run_id is None:
            return []
        others = await tasks.other_parts(tx, task)
        if others.given_up:
            return []
        counts = {n: sum(c.get(n, 0) for c in (task.counts, *others.counts)) for n in tasks.COUNTS}
        body = (
            ImportProgressed(run_id=task.run_id, **shown(counts, "removed"))
            if others.waiting
            else ImportCompleted(
                run_id=task.run_id,
                reason=verdict.reason,
                missing=verdict.missing,
                known=verdict.known,
                **shown(counts),
            )
        )
        return [Outgoing(body, task.company_id, run_id=task.run_id, actor=task.actor)]

    async def failed(self, task: Task, error: MusterError) -> None:
        """Later again; a person who waits is notified after the last try."""
        log.warning(
            "read.failed", outcome=type(error).__name__, reason=str(error), account_id=task.account_id
        )
        async with self._database.transaction([task.company_id]) as tx:
            await self._lock_run(tx, task)
            attempts = await tasks.attempts(tx, task)
            if attempts is None:
                return
            hopeless = isinstance(error, Unauthorized | Rejected)
            if isinstance(error, RateLimited) and error.ours:
                await tasks.retry_task(tx, task, error.retry_after, attempt=False)
                return
            last = hopeless or attempts + 1 >= self._settings.import_attempts
            if task.run_id is None and last and isinstance(error, Unexpected) and task.kind == "records":
                await tasks.end_task(tx, task)  # the next complete read meets these records again
                return
            if task.run_id is None or not last:
                most = 30.0 if task.kind == "delta" else 300.0  # what was missed is looked for at once
                delay = backoff_seconds(attempts + 1, first=1.0, most=most)
                if isinstance(error, RateLimited):
                    delay = error.retry_after
                await tasks.retry_task(tx, task, delay)
                return
            known = hopeless or isinstance(error, Unexpected)
            failed = ImportFailed(run_id=task.run_id, reason=error.reason if known else "unavailable")
            await self._give_up(tx, task, failed)

    async def _give_up(self, tx: Tx, task: Task, failed: ImportFailed) -> None:
        """The run ends with this part, whatever the others do; this is published once."""
        others = await tasks.other_parts(tx, task)
        await tasks.give_up(tx, task.company_id, failed.run_id)
        if not others.given_up:
            outgoing = Outgoing(failed, task.company_id, run_id=task.run_id, actor=task.actor)
            await self._outbox.append(tx, [outgoing])


def shown(counts: Mapping[str, int], *without: str) -> dict[str, int]:
    """An import's counts as its events tell them."""
    return {name: counts.get(name, 0) for name in tasks.COUNTS if name not in without}
