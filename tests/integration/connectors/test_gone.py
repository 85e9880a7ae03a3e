"""Somebody who was merged away in QuickBooks is removed by the next delta, and by nothing less."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.importer.store import snapshots, tasks
from services.importer.store.tasks import Task
from shared.db.tx import Database
from shared.domain.ids import record_id
from shared.domain.values import Cause, Lane

COMPANY, ACCOUNT = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SNAPSHOT = """
INSERT INTO snapshots (company_id, record_id, account_id, remote_id, rev, state, requested_at, answered_at, content_hash,
                       employee)
VALUES ($1, $2, $3, $4, 1, 'present', $5, $5, '', '{}')
"""
TASK = "INSERT INTO read_tasks (company_id, task_id, account_id, kind, cause, lane) VALUES ($1, $2, $3, 'delta', $4, $5)"


async def test_only_who_is_said_to_be_gone_and_was_not_read_since_is_removed(
    other_database: Database,
) -> None:
    async with other_database.transaction([COMPANY]) as tx:
        for remote_id, read_at in (("1", NOW), ("2", NOW), ("3", NOW + timedelta(minutes=5))):
            await tx.execute(SNAPSHOT, COMPANY, record_id(ACCOUNT, remote_id), ACCOUNT, remote_id, read_at)
        await tx.execute(TASK, COMPANY, uuid4(), ACCOUNT, Cause.SWEEP.value, Lane.BULK.value)
    async with other_database.system() as tx:
        task = await tasks.claim_task(tx, 45)
    assert isinstance(task, Task)
    async with other_database.transaction([COMPANY]) as tx:
        ids = [record_id(ACCOUNT, i) for i in ("1", "3", "9")]
        asked_at = NOW + timedelta(minutes=1)
        gone = await snapshots.remove_gone(tx, replace(task), ids, 1000, asked_at)
        again = await snapshots.remove_gone(tx, task, ids, 1000, asked_at)
    assert [(row["remote_id"], row["rev"]) for row in gone] == [("1", 1000)]
    assert again == []
