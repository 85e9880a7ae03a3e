"""Schedules of imports and syncs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from shared.db.tx import Record, Tx

_LIST = """
SELECT schedule_id, action, timing, active, made_by, next_at, last_at, last_run_id, last_problem FROM schedules
WHERE company_id = $1 ORDER BY schedule_id
"""


async def list_schedules(tx: Tx, company: UUID) -> list[Record]:
    """The company's schedules, the oldest first."""
    return await tx.fetch(_LIST, company)


_PUT = """
INSERT INTO schedules (company_id, schedule_id, action, timing, active, made_by, next_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (company_id, schedule_id) DO UPDATE SET
    action = excluded.action, timing = excluded.timing, active = excluded.active, made_by = excluded.made_by,
    next_at = excluded.next_at, last_problem = ''
"""


async def put_schedule(
    tx: Tx,
    company: UUID,
    schedule: UUID,
    action: str,
    timing: str,
    made_by: str,
    next_at: datetime,
    *,
    active: bool,
) -> None:
    """A new schedule, or another in its place; `timing` is JSON."""
    await tx.execute(_PUT, company, schedule, action, timing, active, made_by, next_at)


_DROP = "DELETE FROM schedules WHERE company_id = $1 AND schedule_id = $2"


async def drop_schedule(tx: Tx, company: UUID, schedule: UUID) -> bool:
    """Whether there was one to delete."""
    return await tx.execute(_DROP, company, schedule) == "DELETE 1"


_DUE = """
SELECT company_id, schedule_id, action, timing, next_at FROM schedules WHERE active AND next_at <= $1
ORDER BY next_at LIMIT 100
"""


async def due_schedules(tx: Tx, now: datetime) -> list[Record]:
    """What is due, of every company."""
    return await tx.fetch(_DUE, now)


_TAKE = """
UPDATE schedules SET next_at = $4, last_at = now(), last_run_id = $5, last_problem = $6
WHERE company_id = $1 AND schedule_id = $2 AND next_at = $3 AND active
"""


async def take_schedule(
    tx: Tx,
    company: UUID,
    schedule: UUID,
    due_at: datetime,
    next_at: datetime,
    run: UUID | None,
    problem: str,
) -> bool:
    """Note the run that was due then, or why there is none; False when another process was first, or it has changed."""
    return await tx.execute(_TAKE, company, schedule, due_at, next_at, run, problem) == "UPDATE 1"
