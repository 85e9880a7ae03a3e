"""Directories: how far each account has been read, and when its next complete read is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
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


_BEGIN = """
INSERT INTO directories (company_id, account_id, began_at) VALUES ($1, $2, now())
ON CONFLICT (company_id, account_id) DO UPDATE SET began_at = excluded.began_at
RETURNING began_at, watermark
"""


async def begin_directory(tx: Tx, task: Task) -> tuple[datetime, datetime | None]:
    """A full read or a delta begins: when, by the database's clock, and the watermark of the last one."""
    row = await tx.fetchrow(_BEGIN, task.company_id, task.account_id)
    assert row is not None
    return row["began_at"], row["watermark"]


_COMPLETE = """
WITH gone AS (DELETE FROM read_pages WHERE company_id = $1 AND task_id = $3)
UPDATE directories SET watermark = $4, complete_as_of = $5, generation = generation + $8,
       base_as_of = CASE WHEN moved OR base_as_of IS NULL OR $6 THEN $5 ELSE base_as_of END, moved = false,
       next_full_at = CASE WHEN $6 THEN now() + make_interval(hours => $7) ELSE next_full_at END
WHERE company_id = $1 AND account_id = $2
RETURNING generation, base_as_of
"""


async def complete_directory(tx: Tx, task: Task, hours: int, *, judged: bool) -> tuple[int, datetime]:
    """Note that the account is known up to the task's `as_of`; its generation, and the marker that this one extends.

    `judged`: removals were judged, so a generation is over and the next is due in so many hours; else in one.

    A marker that extends none is its own base. The account's lock must be held.
    """
    await directory(tx, task.company_id, task.account_id)
    row = await tx.fetchrow(
        _COMPLETE,
        task.company_id,
        task.account_id,
        task.task_id,
        task.watermark,
        task.as_of,
        task.kind == "full",
        hours if judged else 1,
        int(judged),
    )
    assert row is not None
    return row["generation"], row["base_as_of"]


_DUE_GENERATIONS = """
UPDATE directories SET next_full_at = now() + interval '1 hour'
WHERE next_full_at < now() RETURNING company_id, account_id
"""


async def due_generations(tx: Tx) -> list[Record]:
    """Accounts whose daily complete read is due; each is answered once an hour until it is done."""
    return await tx.fetch(_DUE_GENERATIONS)


_FOLLOW = """
UPDATE directories SET followed = account_id = ANY ($2::uuid[]), next_sweep_at = now()
WHERE company_id = $1 AND followed <> (account_id = ANY ($2::uuid[]))
"""


async def follow(tx: Tx, company: UUID, accounts: Sequence[UUID]) -> None:
    """These accounts of the company are swept from now on, and no others."""
    await tx.execute(_FOLLOW, company, accounts)


_DUE_SWEEPS = """
UPDATE directories SET next_sweep_at = now() + interval '1 minute'
WHERE followed AND complete_as_of IS NOT NULL AND next_sweep_at <= now()
RETURNING company_id, account_id, complete_as_of, hinted_at, found_at
"""


async def due_sweeps(tx: Tx) -> list[Record]:
    """Directories to look after: each is answered to one process, and again in a minute unless `plan_sweep` says when."""
    return await tx.fetch(_DUE_SWEEPS)


_PLAN_SWEEP = """
UPDATE directories SET sweep_seconds = $3::int, next_sweep_at = greatest(complete_as_of, $4) + make_interval(secs => $3::int)
WHERE company_id = $1 AND account_id = $2
"""


async def plan_sweep(tx: Tx, company: UUID, account: UUID, seconds: int, begun_at: datetime | None) -> None:
    """The next sweep is due so long after the directory was last known, or after one that begins now."""
    await tx.execute(_PLAN_SWEEP, company, account, seconds, begun_at)


_NOTE_FOUND = """
UPDATE directories SET found = found + $3, found_at = now() WHERE company_id = $1 AND account_id = $2
"""


async def note_found(tx: Tx, task: Task, found: int) -> None:
    """A sweep found changes that no hook had announced."""
    await tx.execute(_NOTE_FOUND, task.company_id, task.account_id, found)


_OLDEST = """
SELECT coalesce(max(extract(epoch FROM now() - complete_as_of)), 0)::float8 FROM directories WHERE followed
"""


async def oldest_look(tx: Tx) -> float:
    """Seconds since the followed directory that has not been looked at for longest was known completely."""
    return float(await tx.fetchval(_OLDEST))


_FRESHNESS = """
SELECT d.account_id, d.complete_as_of, d.sweep_seconds, d.hinted_at, d.found, d.found_at,
       (SELECT count(*) FROM seen s WHERE s.company_id = d.company_id AND s.account_id = d.account_id) AS seen
FROM directories d WHERE d.company_id = $1 AND d.followed
"""


async def freshness(tx: Tx, company: UUID) -> list[Record]:
    """How far each followed account is known, how it is kept so, and how many changes wait for an import."""
    return await tx.fetch(_FRESHNESS, company)


_LOOKS = """
SELECT company_id, account_id, complete_as_of, sweep_seconds FROM directories
WHERE company_id = ANY ($1::uuid[]) AND followed
"""


async def last_looks(tx: Tx, companies: Sequence[UUID]) -> list[Record]:
    """Until when each followed account of these companies is known, and how often it is looked at."""
    return await tx.fetch(_LOOKS, companies)
