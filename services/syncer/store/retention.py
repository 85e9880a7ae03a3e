"""What is over is deleted in the end: plans with their records, pushes, and calls. The history keeps what happened."""

from __future__ import annotations

from uuid import UUID

from shared.db.tx import Tx

AT_ONCE = 500

_OLD_PLANS = """
DELETE FROM plans WHERE (plan_id, company_id) IN (
    SELECT p.plan_id, p.company_id FROM plans p
    WHERE p.ended_at < now() - make_interval(days => $1)
      AND EXISTS (SELECT FROM plans n WHERE n.company_id = p.company_id AND n.account_id = p.account_id
                  AND n.state IN ('approved', 'applying', 'done') AND n.created_at > p.created_at)
    ORDER BY p.ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING company_id, plan_id
"""
_PLAN_RECORDS = """
DELETE FROM plan_records r USING unnest($1::uuid[], $2::uuid[]) AS n (company_id, plan_id)
WHERE r.company_id = n.company_id AND r.plan_id = n.plan_id
"""


async def forget_plans(tx: Tx, days: int) -> bool:
    """Delete plans that ended so many days ago, but an account's newest; whether there may be more."""
    plans = await tx.fetch(_OLD_PLANS, days, AT_ONCE)
    if plans:
        await tx.execute(_PLAN_RECORDS, *zip(*plans, strict=True))
    return len(plans) == AT_ONCE


_OLD_PUSHES = """
DELETE FROM pushes WHERE (push_id, company_id) IN (
    SELECT p.push_id, p.company_id FROM pushes p
    WHERE p.state = 'done' AND p.ended_at < now() - make_interval(days => $1)
      AND NOT EXISTS (SELECT FROM plans n WHERE n.plan_id = p.run_id AND n.company_id = p.company_id)
      AND (p.call_id IS NULL OR EXISTS (
          SELECT FROM pushes n WHERE n.record_id = p.record_id AND n.company_id = p.company_id
            AND n.call_id IS NOT NULL AND n.ended_at > p.ended_at))
    ORDER BY p.ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING company_id, call_id
"""
_CALLS = """
DELETE FROM calls c USING unnest($1::uuid[], $2::uuid[]) AS n (company_id, call_id)
WHERE c.company_id = n.company_id AND c.call_id = n.call_id AND c.state IN ('answered', 'refused')
  AND NOT EXISTS (SELECT FROM pushes p WHERE p.push_id = ANY (c.members) AND p.company_id = c.company_id)
"""


async def forget_pushes(tx: Tx, days: int) -> bool:
    """Delete pushes that ended so many days ago and whose plan is gone, with the calls that carried no others.

    The last push of each record that was sent stays, with its request and answer. Whether there may be more.
    """
    pushes: list[tuple[UUID, UUID | None]] = [
        tuple(row) for row in await tx.fetch(_OLD_PUSHES, days, AT_ONCE)
    ]
    if sent := {(company, call) for company, call in pushes if call is not None}:
        await tx.execute(_CALLS, *zip(*sent, strict=True))
    return len(pushes) == AT_ONCE
