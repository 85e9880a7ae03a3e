"""The SQL behind records that are asked for by id, and selections of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.history.store.read import Filter
from shared.db.tx import Record, Tx

_BY_IDS = """
SELECT v.record_id, v.remote_id, v.number, v.name, v.first_name, v.last_name, v.email, v.status, v.reason, v.field,
       v.situation, v.source_rev, v.retry_at, v.holder, v.answer, v.synced_at, v.destination_record_id, v.destination_remote_id,
       v.updated_at,
       f.remote_id AS found_remote_id
FROM record_view v LEFT JOIN snapshots f ON f.company_id = v.company_id AND f.record_id = v.destination_record_id
WHERE v.company_id = $1 AND v.record_id = ANY ($2::uuid[])
  AND v.account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
"""


async def by_ids(tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Record]:
    """These records of the list, in any order. Ids that it does not hold are left out."""
    return await tx.fetch(_BY_IDS, company, records)


_RESOLVE = """
SELECT json_agg(json_build_object('record_id', record_id, 'source_rev', source_rev, 'status', status)
                ORDER BY search, record_id)
FROM record_view
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND ($2::text[] = '{}' OR status = ANY ($2)) AND ($3::text IS NULL OR search LIKE $3)
"""
_RESOLVE_IDS = """
SELECT json_agg(json_build_object('record_id', record_id, 'source_rev', source_rev, 'status', status))
FROM record_view
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND record_id = ANY ($2::uuid[])
"""


async def resolve(tx: Tx, company: UUID, wanted: Filter | Sequence[UUID]) -> str:
    """Which records these are, at which rev and status, in one snapshot: a JSON list, because it may be long.

    Ids that the list does not hold are left out.
    """
    if isinstance(wanted, Filter):
        found = await tx.fetchval(_RESOLVE, company, wanted.statuses, wanted.pattern)
    else:
        found = await tx.fetchval(_RESOLVE_IDS, company, wanted)
    return found or "[]"


_RECORD = """
SELECT v.record_id, v.remote_id, v.number, v.name, v.first_name, v.last_name, v.email, v.status, v.reason, v.field,
       v.situation, v.source_rev, v.retry_at, v.holder, v.answer, v.synced_at, v.destination_record_id, v.destination_remote_id,
       v.updated_at,
       d.remote_id AS found_remote_id, s.employee, d.employee AS destination_employee
FROM record_view v JOIN snapshots s ON s.company_id = v.company_id AND s.record_id = v.record_id
LEFT JOIN snapshots d ON d.company_id = v.company_id AND d.record_id = v.destination_record_id
WHERE v.company_id = $1 AND v.record_id = $2
  AND v.account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
"""


async def record(tx: Tx, company: UUID, record_id: UUID) -> Record | None:
    """One record of the list, with the employee as staged and as the destination holds it."""
    return await tx.fetchrow(_RECORD, company, record_id)


_EMPLOYEES = """
SELECT record_id, employee FROM snapshots WHERE company_id = $1 AND record_id = ANY ($2::uuid[]) AND employee IS NOT NULL
"""


async def employees(tx: Tx, company: UUID, records: Sequence[UUID]) -> dict[str, str]:
    """The last known values of these records of either account, as JSON, by id."""
    rows = await tx.fetch(_EMPLOYEES, company, list(records))
    return {str(row["record_id"]): row["employee"] for row in rows}
