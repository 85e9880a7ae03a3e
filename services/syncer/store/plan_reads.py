"""The records of a plan, as people look at them."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from services.syncer.store.plans import Plan
from shared.db.tx import Record, Tx
from shared.domain.plans import PlanKind


class RecordFilter(NamedTuple):
    """Which of a plan's records; None means all."""

    action: str | None = None
    reason: str | None = None
    field: str | None = None
    text: str | None = None
    outcome: str | None = None
    mark: str | None = None
    record: UUID | None = None


_RECORDS = """
SELECT r.record_id, r.record_id AS push_id, r.place, r.action, r.reason, r.field, r.fields, r.marks, r.excluded, r.moved,
       CASE r.outcome WHEN 'pushed' THEN CASE i.state WHEN 'done' THEN i.outcome ELSE 'waiting' END ELSE r.outcome END
       AS outcome, r.outcome_reason, s.remote_id, s.employee, s.answered_at AS source_read_at,
       d.employee AS there, d.answered_at AS destination_read_at
FROM plan_records r
LEFT JOIN snapshots s ON s.company_id = r.company_id AND s.record_id = r.record_id
LEFT JOIN records k ON k.company_id = r.company_id AND k.record_id = r.record_id
LEFT JOIN snapshots d ON d.company_id = r.company_id AND d.record_id = k.destination_record_id
LEFT JOIN pushes i ON i.company_id = r.company_id AND i.push_id = r.push_id
WHERE r.company_id = $1 AND r.plan_id = $2
  AND ($4::uuid IS NULL OR (r.place, r.record_id) > ($3::smallint, $4))
  AND ($6::text IS NULL OR r.action = $6) AND ($7::text IS NULL OR r.reason = $7)
  AND ($8::text IS NULL OR $8 = ANY (r.changed))
  AND ($9::text IS NULL OR muster.searchable(concat_ws(' ', s.employee ->> 'number', s.employee ->> 'first_name',
       s.employee ->> 'middle_name', s.employee ->> 'last_name', s.employee ->> 'email')) LIKE $9)
  AND ($10::text IS NULL OR $10 = CASE r.outcome WHEN 'pushed' THEN CASE i.state WHEN 'done' THEN i.outcome ELSE 'waiting' END
                                  ELSE r.outcome END)
  AND ($11::text IS NULL OR $11 = ANY (r.marks)) AND ($12::uuid IS NULL OR r.record_id = $12)
ORDER BY r.place, r.record_id LIMIT $5
"""
_PUSHED = """
SELECT i.record_id, i.push_id, 0 AS place, coalesce(i.action, 'blocked') AS action,
       '' AS reason, NULL::text AS field, i.fields, '{}'::text[] AS marks,
       false AS excluded, NULL::json AS moved,
       CASE i.state WHEN 'done' THEN i.outcome WHEN 'held' THEN 'held' ELSE 'waiting' END AS outcome,
       CASE i.state WHEN 'held' THEN 'brake' END AS outcome_reason, s.remote_id, s.employee, s.answered_at AS source_read_at,
       d.employee AS there, d.answered_at AS destination_read_at
FROM pushes i
LEFT JOIN snapshots s ON s.company_id = i.company_id AND s.record_id = i.record_id
LEFT JOIN records k ON k.company_id = i.company_id AND k.record_id = i.record_id
LEFT JOIN snapshots d ON d.company_id = i.company_id AND d.record_id = k.destination_record_id
WHERE i.company_id = $1 AND i.run_id = $2 AND ($4::uuid IS NULL OR i.push_id > $4)
  AND ($6::text IS NULL OR i.action = $6) AND $7::text IS NULL AND $3::smallint IS NOT DISTINCT FROM $3
  AND ($8::text IS NULL OR i.fields -> $8 IS NOT NULL)
  AND ($9::text IS NULL OR muster.searchable(concat_ws(' ', s.employee ->> 'number', s.employee ->> 'first_name',
       s.employee ->> 'middle_name', s.employee ->> 'last_name', s.employee ->> 'email')) LIKE $9)
  AND ($10::text IS NULL OR $10 = CASE i.state WHEN 'done' THEN i.outcome WHEN 'held' THEN 'held' ELSE 'waiting' END)
  AND $11::text IS NULL AND ($12::uuid IS NULL OR i.record_id = $12)
ORDER BY i.push_id LIMIT $5
"""


async def plan_records(
    tx: Tx, company: UUID, plan: Plan, wanted: RecordFilter, after: tuple[int, UUID] | None, limit: int
) -> list[Record]:
    """A plan's records behind `after`, in the order of their actions; of the rules' plans, their pushes."""
    place, record = after or (None, None)
    sql = _PUSHED if plan.kind is PlanKind.RULES else _RECORDS
    return await tx.fetch(
        sql, company, plan.plan_id, place, record, limit, wanted.action, wanted.reason, wanted.field,
        wanted.text, wanted.outcome, wanted.mark, wanted.record,
    )  # fmt: skip
