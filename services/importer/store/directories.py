"""Directories: how far each account has been read, and when its next complete read is due."""

from __future__ import annotations

from uuid import UUID

from services.importer.store.tasks import Task
from shared.db.tx import Record, Tx

_DIRECTORY = """
INSERT INTO directories (company_id, account_id) VALUES ($1, $2)
ON CONFLICT (company_id, account_id) DO UPDATE SET company_id = excluded.company_id
RETURNING complete_as_of, generation, watermark
"""


async def directory(tx: Tx, company: UUID, account: UUID) -> Record:
    """How far this account has been read; made on first sight."""
    row = await tx.fetchrow(_DIRECTORY, company, account)
    assert row is not None
    return row


_COMPLETE = """
WITH gone AS (DELETE FROM read_pages WHERE company_id = $1 AND task_id = $3)
UPDATE directories SET watermark = $4, complete_as_of = $5, generation = generation + $6,
       next_full_at = CASE WHEN $6 = 1 THEN now() + make_interval(hours => $7) ELSE next_full_at END
WHERE company_id = $1 AND account_id = $2
RETURNING generation
"""


async def complete_directory(tx: Tx, task: Task, hours: int) -> int:
    """Note that the account is known up to the task's `as_of`; its generation."""
    full = 1 if task.kind == "full" else 0
    await directory(tx, task.company_id, task.account_id)
    return int(
        await tx.fetchval(
            _COMPLETE, task.company_id, task.account_id, task.task_id, task.watermark, task.as_of, full, hours
        )
    )


_DUE_GENERATIONS = """
UPDATE directories SET next_full_at = now() + interval '1 hour'
WHERE next_full_at < now() RETURNING company_id, account_id
"""


async def due_generations(tx: Tx) -> list[Record]:
    """Accounts whose daily complete read is due; each is answered once an hour until it is done."""
    return await tx.fetch(_DUE_GENERATIONS)
