"""The SQL behind what people see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.history.core.fold import Run
from services.history.core.show import Cursor
from services.history.store.fold import run_of
from shared.db.tx import Record, Tx


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of the list's records. `pattern` is a LIKE pattern over the searchable text; no statuses means all."""

    statuses: Sequence[str] = ()
    pattern: str | None = None


_PAGE_UP = """
SELECT v.*, f.remote_id AS found_remote_id FROM (
    SELECT record_id, remote_id, number, name, first_name, last_name, email, status, reason, field, situation, source_rev,
           synced_at, destination_record_id, destination_remote_id, updated_at, sort_text, sort_time
    FROM (
        SELECT *,
            CASE $4 WHEN 'name' THEN search WHEN 'number' THEN lpad(coalesce(number, ''), 100)
                    WHEN 'status' THEN status ELSE '' END COLLATE "C" AS sort_text,
            CASE $4 WHEN 'synced_at' THEN coalesce(synced_at, 'epoch') WHEN 'updated_at' THEN updated_at
                    ELSE 'epoch' END AS sort_time
        FROM record_view WHERE company_id = $1
          AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
          AND ($2::text[] = '{}' OR status = ANY ($2)) AND ($3::text IS NULL OR search LIKE $3)
    ) AS keyed
    WHERE $7::uuid IS NULL OR (sort_text, sort_time, record_id) > ($5 COLLATE "C", $6, $7)
    ORDER BY sort_text, sort_time, record_id LIMIT $8
) AS v LEFT JOIN facts f ON f.company_id = $1 AND f.record_id = v.destination_record_id
ORDER BY sort_text, sort_time, v.record_id
"""
_PAGE_DOWN = """
SELECT v.*, f.remote_id AS found_remote_id FROM (
    SELECT record_id, remote_id, number, name, first_name, last_name, email, status, reason, field, situation, source_rev,
           synced_at, destination_record_id, destination_remote_id, updated_at, sort_text, sort_time
    FROM (
        SELECT *,
            CASE $4 WHEN 'name' THEN search WHEN 'number' THEN lpad(coalesce(number, ''), 100)
                    WHEN 'status' THEN status ELSE '' END COLLATE "C" AS sort_text,
            CASE $4 WHEN 'synced_at' THEN coalesce(synced_at, 'epoch') WHEN 'updated_at' THEN updated_at
                    ELSE 'epoch' END AS sort_time
        FROM record_view WHERE company_id = $1
          AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
          AND ($2::text[] = '{}' OR status = ANY ($2)) AND ($3::text IS NULL OR search LIKE $3)
    ) AS keyed
    WHERE $7::uuid IS NULL OR (sort_text, sort_time, record_id) < ($5 COLLATE "C", $6, $7)
    ORDER BY sort_text DESC, sort_time DESC, record_id DESC LIMIT $8
) AS v LEFT JOIN facts f ON f.company_id = $1 AND f.record_id = v.destination_record_id
ORDER BY sort_text DESC, sort_time DESC, v.record_id DESC
"""


async def page(
    tx: Tx, company: UUID, wanted: Filter, sort: str, after: Cursor | None, limit: int, *, down: bool
) -> list[Record]:
    """Rows of the list in the order of `sort`, after the cursor; one more than `limit` if there are more."""
    text, time, record = (after.text, after.time, after.id) if after else (None, None, None)
    sql = _PAGE_DOWN if down else _PAGE_UP
    return await tx.fetch(sql, company, wanted.statuses, wanted.pattern, sort, text, time, record, limit + 1)


_BY_IDS = """
SELECT v.record_id, v.remote_id, v.number, v.name, v.first_name, v.last_name, v.email, v.status, v.reason, v.field,
       v.situation, v.source_rev, v.synced_at, v.destination_record_id, v.destination_remote_id, v.updated_at,
       f.remote_id AS found_remote_id
FROM record_view v LEFT JOIN facts f ON f.company_id = v.company_id AND f.record_id = v.destination_record_id
WHERE v.company_id = $1 AND v.record_id = ANY ($2::uuid[])
  AND v.account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
"""


async def by_ids(tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Record]:
    """These records of the list, in any order. Ids that it does not hold are left out."""
    return await tx.fetch(_BY_IDS, company, records)


_COUNTED = """
SELECT status, count FROM counters
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1) AND count > 0
"""
_COUNT = """
SELECT status, count(*) FROM record_view
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND search LIKE $2 GROUP BY 1
"""


async def counts(tx: Tx, company: UUID, pattern: str | None) -> dict[str, int]:
    """How many records of the list have each status; without a search, from the counters."""
    rows = await (tx.fetch(_COUNTED, company) if pattern is None else tx.fetch(_COUNT, company, pattern))
    return {r["status"]: r["count"] for r in rows}


_RESOLVE = """
SELECT record_id, source_rev, status FROM record_view
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND ($2::text[] = '{}' OR status = ANY ($2)) AND ($3::text IS NULL OR search LIKE $3)
ORDER BY search, record_id
"""
_RESOLVE_IDS = """
SELECT record_id, source_rev, status FROM record_view
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND record_id = ANY ($2::uuid[])
"""


async def resolve(tx: Tx, company: UUID, wanted: Filter | Sequence[UUID]) -> list[Record]:
    """Which records these are, at which rev and status, in one snapshot. Ids that the list does not hold are left out."""
    if isinstance(wanted, Filter):
        return await tx.fetch(_RESOLVE, company, wanted.statuses, wanted.pattern)
    return await tx.fetch(_RESOLVE_IDS, company, wanted)


_RECORD = """
SELECT v.record_id, v.remote_id, v.number, v.name, v.first_name, v.last_name, v.email, v.status, v.reason, v.field,
       v.situation, v.source_rev, v.synced_at, v.destination_record_id, v.destination_remote_id, v.updated_at,
       d.remote_id AS found_remote_id, s.employee, d.employee AS destination_employee
FROM record_view v JOIN facts s ON s.company_id = v.company_id AND s.record_id = v.record_id
LEFT JOIN facts d ON d.company_id = v.company_id AND d.record_id = v.destination_record_id
WHERE v.company_id = $1 AND v.record_id = $2
  AND v.account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
"""


async def record(tx: Tx, company: UUID, record_id: UUID) -> Record | None:
    """One record of the list, with the employee as staged and as the destination holds it."""
    return await tx.fetchrow(_RECORD, company, record_id)


_RUN_PAGE = """
SELECT company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped
FROM run_view WHERE company_id = $1 AND ($3::uuid IS NULL OR (started_at, run_id) < ($2, $3))
ORDER BY started_at DESC, run_id DESC LIMIT $4
"""


async def runs(tx: Tx, company: UUID, after: Cursor | None, limit: int) -> list[Run]:
    """Imports and pushes, newest first; one more than `limit` if there are more."""
    time, run_id = (after.time, after.id) if after else (None, None)
    return [run_of(r) for r in await tx.fetch(_RUN_PAGE, company, time, run_id, limit + 1)]


_RUN = """
SELECT company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped
FROM run_view WHERE company_id = $1 AND run_id = $2
"""


async def run(tx: Tx, company: UUID, run_id: UUID) -> Run | None:
    """One import or push."""
    row = await tx.fetchrow(_RUN, company, run_id)
    return run_of(row) if row else None
