"""Staging: the snapshots of both accounts' records, and what the switches keep out of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.importer.core import Fresh, Held, Snapshot
from services.importer.store.tasks import Task
from shared.db.tx import Record, Tx
from shared.domain.employee import Employee
from shared.domain.versions import Reading

_LOCK_ACCOUNTS = """
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM (
    SELECT count(*) FILTER (WHERE pg_advisory_xact_lock(2, hashtext(k)) IS NOT NULL) AS taken
    FROM (SELECT unnest($1::text[]) AS k ORDER BY k) AS t
) AS locks WHERE taken >= 0
"""


async def lock_accounts(tx: Tx, accounts: Sequence[UUID]) -> int:
    """One writer of an account's snapshots at a time, so that what is compared is what is replaced.

    The database's clock once the locks are taken, as `milliseconds`.
    """
    return int(await tx.fetchval(_LOCK_ACCOUNTS, [str(a) for a in set(accounts)]))


_HASHES = """
SELECT record_id, raw_hash FROM snapshots WHERE company_id = $1 AND record_id = ANY ($2::uuid[]) AND state <> 'removed'
"""


async def load_hashes(tx: Tx, company: UUID, records: Sequence[UUID]) -> dict[UUID, bytes | None]:
    """The raw hash of each of these records that staging holds."""
    return {r["record_id"]: r["raw_hash"] for r in await tx.fetch(_HASHES, company, records)}


_SNAPSHOTS = """
SELECT record_id, account_id, remote_id, rev, state, remote_version, remote_updated_at, requested_at, answered_at,
       raw_hash, content_hash, employee, payload, written
FROM snapshots WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_snapshots(tx: Tx, records: Sequence[UUID]) -> dict[UUID, Snapshot]:
    """These records as staged."""
    rows = await tx.fetch(_SNAPSHOTS, list(tx.companies), records)
    return {row["record_id"]: _snapshot(row) for row in rows}


def _snapshot(row: Record) -> Snapshot:
    return Snapshot(
        **{**row, "employee": Employee.model_validate_json(row["employee"])}, text=row["employee"]
    )


_HELD = """
SELECT record_id, state, remote_version, remote_updated_at, requested_at, answered_at, written
FROM snapshots WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_held(tx: Tx, records: Sequence[UUID]) -> dict[UUID, Held]:
    """Which version of these records staging holds."""
    rows = await tx.fetch(_HELD, list(tx.companies), records) if records else []
    return {record: Held(state, Reading(*reading)) for record, state, *reading in rows}


_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


async def milliseconds(tx: Tx) -> int:
    """The database's clock, in milliseconds: the least rev of anything staged now."""
    return int(await tx.fetchval(_NOW))


_SAVE = """
WITH moved AS (
    UPDATE directories SET moved = true
    WHERE company_id = $1 AND account_id IN (SELECT account_id FROM unnest($2::snapshot_row[])) AND NOT moved
), taken AS (
    DELETE FROM seen s USING unnest($2::snapshot_row[]) r
    WHERE s.company_id = $1 AND s.account_id = r.account_id AND s.remote_id = r.remote_id
)
INSERT INTO snapshots (company_id, record_id, account_id, remote_id, rev, state, remote_version, remote_updated_at,
                       requested_at, answered_at, raw_hash, content_hash, employee, payload, written)
SELECT $1, r.* FROM unnest($2::snapshot_row[]) r
ON CONFLICT (company_id, record_id) DO UPDATE SET
    rev = excluded.rev, state = excluded.state, remote_version = excluded.remote_version,
    remote_updated_at = excluded.remote_updated_at, requested_at = excluded.requested_at,
    answered_at = excluded.answered_at, raw_hash = excluded.raw_hash, content_hash = excluded.content_hash,
    employee = excluded.employee, payload = excluded.payload, written = excluded.written
"""


async def save_snapshots(tx: Tx, company: UUID, saved: Sequence[Snapshot]) -> None:
    """Put these in place of what staging held. The account's next marker extends none."""
    if saved:
        await tx.execute(_SAVE, company, [_row(s) for s in saved])


def _row(s: Snapshot) -> tuple[object, ...]:
    return (
        s.record_id,
        s.account_id,
        s.remote_id,
        s.rev,
        s.state,
        s.remote_version,
        s.remote_updated_at,
        s.requested_at,
        s.answered_at,
        s.raw_hash,
        s.content_hash,
        s.text,
        s.payload,
        s.written,
    )


_SEEN = """
INSERT INTO seen (company_id, account_id, remote_id, remote_version)
SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::text[])
ON CONFLICT (company_id, account_id, remote_id) DO UPDATE SET seen_at = now(), remote_version = excluded.remote_version
WHERE seen.remote_version IS DISTINCT FROM excluded.remote_version OR excluded.remote_version IS NULL
RETURNING remote_id
"""


async def mark_seen(tx: Tx, company: UUID, seen: Sequence[Fresh]) -> set[str]:
    """Note changes that the switches keep out of staging until somebody imports; whose are new."""
    if not seen:
        return set()
    columns = (
        [f.account_id for f in seen],
        [f.remote_id for f in seen],
        [f.remote_version for f in seen],
    )
    return {row["remote_id"] for row in await tx.fetch(_SEEN, company, *columns)}


_COUNT_UNMET = """
SELECT count(*), count(*) FILTER (WHERE s.answered_at < $4 AND s.record_id NOT IN (
    SELECT unnest(record_ids) FROM read_pages WHERE company_id = $1 AND task_id = $3))
FROM snapshots s WHERE s.company_id = $1 AND s.account_id = $2 AND s.state <> 'removed'
"""


async def count_unmet(tx: Tx, task: Task) -> tuple[int, int]:
    """How many people of the account are staged, and how many of them `remove_unmet` would mark."""
    row = await tx.fetchrow(_COUNT_UNMET, task.company_id, task.account_id, task.task_id, task.began_at)
    assert row is not None
    return row[0], row[1]


_REMOVE = """
UPDATE snapshots s SET state = 'removed', rev = greatest(s.rev + 1, $4), raw_hash = NULL
WHERE s.company_id = $1 AND s.account_id = $2 AND s.state <> 'removed' AND s.answered_at < $5
  AND s.record_id NOT IN (SELECT unnest(record_ids) FROM read_pages WHERE company_id = $1 AND task_id = $3)
RETURNING s.record_id, s.remote_id, s.rev
"""


async def remove_unmet(tx: Tx, task: Task, now_ms: int) -> list[Record]:
    """Mark removed what a complete read did not meet and nothing else has read since it began."""
    return await tx.fetch(_REMOVE, task.company_id, task.account_id, task.task_id, now_ms, task.began_at)


_REMOVE_GONE = """
WITH gone AS (
    UPDATE snapshots s SET state = 'removed', rev = greatest(s.rev + 1, $4), raw_hash = NULL
    WHERE s.company_id = $1 AND s.account_id = $2 AND s.record_id = ANY ($3::uuid[]) AND s.state <> 'removed'
      AND s.answered_at < $5
    RETURNING s.record_id, s.remote_id, s.rev
), moved AS (
    UPDATE directories SET moved = true
    WHERE company_id = $1 AND account_id = $2 AND NOT moved AND EXISTS (SELECT FROM gone)
)
SELECT record_id, remote_id, rev FROM gone
"""


async def remove_gone(
    tx: Tx, task: Task, records: Sequence[UUID], now_ms: int, asked_at: datetime
) -> list[Record]:
    """Mark removed what the system reported it does not have any more, unless it has been read since."""
    return await tx.fetch(_REMOVE_GONE, task.company_id, task.account_id, records, now_ms, asked_at)


_UNREADABLE = """
UPDATE snapshots SET state = 'unreadable', rev = greatest(rev + 1, $3), raw_hash = NULL
WHERE company_id = $1 AND record_id = ANY ($2) AND state = 'present'
RETURNING record_id, account_id, remote_id, rev
"""


async def mark_unreadable(tx: Tx, company: UUID, records: Sequence[UUID], now_ms: int) -> list[Record]:
    """Records whose newest version could not be taken; their next read stages them again. Unknown ones are left out."""
    return await tx.fetch(_UNREADABLE, company, records, now_ms)


_PAYLOAD = """
SELECT account_id, remote_id, state, rev, remote_version, answered_at, employee, payload
FROM snapshots WHERE company_id = $1 AND record_id = $2
"""


async def payload(tx: Tx, company: UUID, record: UUID) -> Record | None:
    """One record's raw JSON and what was understood of it."""
    return await tx.fetchrow(_PAYLOAD, company, record)
