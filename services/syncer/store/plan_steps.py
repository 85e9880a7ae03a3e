"""Approved plans become pushes, chunk by chunk; plans whose time is over are closed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from services.syncer.core.planning import Applied, PlanRecord
from services.syncer.store.plans import Plan, as_json, plan_of
from shared.db.tx import Record, Tx
from shared.domain.plans import PlanAction

_TAKE = """
SELECT record_id, action, push_id, source_rev, reason, field, fields, marks FROM plan_records
WHERE company_id = $1 AND plan_id = $2 AND outcome IS NULL AND NOT excluded
  AND ((action <> 'blocked' AND reason = '') OR 'waits' = ANY (marks))
ORDER BY place, record_id LIMIT $3
"""


async def take_records(tx: Tx, company: UUID, plan: UUID, limit: int) -> list[PlanRecord]:
    """The next records of an approved plan that have not become pushes yet."""
    return [
        PlanRecord(
            **dict(row)
            | {
                "action": PlanAction(row["action"]),
                "fields": orjson.loads(row["fields"]),
                "marks": tuple(row["marks"]),
            }
        )
        for row in await tx.fetch(_TAKE, company, plan, limit)
    ]


_APPLIED = """
UPDATE plan_records r SET outcome = n.outcome, outcome_reason = n.reason, moved = n.moved
FROM unnest($3::smallint[], $4::uuid[], $5::text[], $6::text[], $7::json[]) AS n (place, record_id, outcome, reason, moved)
WHERE r.company_id = $1 AND r.plan_id = $2 AND r.place = n.place AND r.record_id = n.record_id
"""


async def save_applied(tx: Tx, company: UUID, plan: UUID, applied: Sequence[Applied]) -> None:
    """What became of these records."""
    rows = [(a.record.place, a.record.record_id, *_outcome(a)) for a in applied]
    if rows:
        await tx.execute(_APPLIED, company, plan, *zip(*rows, strict=True))


def _outcome(applied: Applied) -> tuple[str, str | None, str | None]:
    if applied.held is not None:
        return "held", "moved", as_json(dict(applied.moved))
    return ("skipped", applied.skipped, None) if applied.skipped else ("pushed", None, None)


_COMPANIES = """
SELECT DISTINCT company_id FROM plans WHERE unapplied
UNION SELECT company_id FROM plans p WHERE state IN ('draft', 'held', 'approved') AND (expires_at < now()
    OR (kind = 'rules' AND state = 'approved' AND created_at < date_trunc('hour', now()) AND NOT EXISTS (
        SELECT FROM pushes i WHERE i.company_id = p.company_id AND i.run_id = p.plan_id AND i.state <> 'done')))
"""


async def companies_due(tx: Tx) -> list[UUID]:
    """The companies that have plans to apply or to close."""
    return [row["company_id"] for row in await tx.fetch(_COMPANIES)]


_UNAPPLIED = """
SELECT plan_id, account_id, kind, state, owner, decided_by, total, parts_seen = parts AS ready, tripped, created_at,
       expires_at, ended_at, traceparent
FROM plans WHERE company_id = $1 AND unapplied ORDER BY created_at LIMIT 1
"""
_ALL_APPLIED = "UPDATE plans SET unapplied = false WHERE company_id = $1 AND plan_id = $2"


async def unapplied(tx: Tx, company: UUID) -> Plan | None:
    """The oldest approved plan with records that have not become pushes yet."""
    row = await tx.fetchrow(_UNAPPLIED, company)
    return plan_of(row) if row else None


async def all_applied(tx: Tx, company: UUID, plan: UUID) -> None:
    """Every record of the plan is a push, held or skipped."""
    await tx.execute(_ALL_APPLIED, company, plan)


_EXPIRE = """
UPDATE plans SET state = 'expired', ended_at = now()
WHERE company_id = $1 AND state IN ('draft', 'held') AND kind <> 'rules' AND expires_at < now() RETURNING plan_id
"""


async def expire(tx: Tx, company: UUID) -> list[UUID]:
    """The plans that nobody approved in time: they are over."""
    return [row["plan_id"] for row in await tx.fetch(_EXPIRE, company)]


_CLOSE_RULES = """
WITH closed AS (
    UPDATE plans p SET state = 'done', ended_at = now()
    WHERE p.company_id = $1 AND p.kind = 'rules' AND p.state = 'approved' AND p.created_at < date_trunc('hour', now())
      AND NOT EXISTS (SELECT FROM pushes i WHERE i.company_id = $1 AND i.run_id = p.plan_id AND i.state <> 'done')
    RETURNING p.plan_id
)
SELECT c.plan_id AS run_id, count(i.push_id) AS total, count(*) FILTER (WHERE i.outcome = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE i.outcome <> 'succeeded') AS failed
FROM closed c LEFT JOIN pushes i ON i.company_id = $1 AND i.run_id = c.plan_id GROUP BY c.plan_id
"""


async def close_rules(tx: Tx, company: UUID) -> list[Record]:
    """The plans of rules whose hour is over and whose pushes have ended: they are done, with these counts."""
    return await tx.fetch(_CLOSE_RULES, company)


_RULES_TOTALS = """
SELECT $2::uuid AS run_id, count(*) AS total, count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE outcome <> 'succeeded') AS failed
FROM pushes WHERE company_id = $1 AND run_id = $2
"""


async def rules_totals(tx: Tx, company: UUID, plan: UUID) -> Record:
    """How many pushes of a plan of the rules there are, and how they ended."""
    row = await tx.fetchrow(_RULES_TOTALS, company, plan)
    assert row is not None
    return row
