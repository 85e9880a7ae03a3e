"""Plans that grow while they are written, and those that a limit stops: held, let go, or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.syncer.core.planning import Counted
from services.syncer.store.plans import as_json
from shared.db.tx import Tx
from shared.domain.plans import PlanState, Tripped


class Braked(NamedTuple):
    """What a batch adds to a plan that grows while it is written."""

    company_id: UUID
    plan_id: UUID
    account_id: UUID
    total: int
    counted: Counted


class Grown(NamedTuple):
    """A growing plan after a batch: its state, its counts, whether the batch began it, and whether it is the first."""

    company_id: UUID
    plan_id: UUID
    state: PlanState
    total: int
    counted: Counted
    new: bool
    first: bool


_GROW_RULES = """
INSERT INTO plans AS p (company_id, plan_id, account_id, kind, state, total, changed, deactivated, pay)
SELECT r.company_id, r.plan_id, r.account_id, 'rules', 'approved', r.total, r.changed, r.deactivated, r.pay
FROM unnest($1::braked_row[]) r
ON CONFLICT (plan_id, company_id) DO UPDATE SET
    state = CASE WHEN p.state IN ('held', 'approved') THEN p.state ELSE 'approved' END, ended_at = NULL,
    total = p.total + excluded.total, changed = p.changed + excluded.changed,
    deactivated = p.deactivated + excluded.deactivated, pay = p.pay + excluded.pay
RETURNING company_id, plan_id, state, total, changed, deactivated, pay, xmax = 0 AS new,
    NOT EXISTS (SELECT FROM plans o WHERE o.company_id = p.company_id AND o.account_id = p.account_id
                AND o.plan_id <> p.plan_id AND o.state IN ('approved', 'applying', 'done')) AS first
"""
_GROW_DIRECT = """
UPDATE plans p SET changed = p.changed + r.changed, deactivated = p.deactivated + r.deactivated, pay = p.pay + r.pay
FROM unnest($1::braked_row[]) r WHERE p.company_id = r.company_id AND p.plan_id = r.plan_id AND p.kind = 'direct'
RETURNING p.company_id, p.plan_id, p.state, p.total, p.changed, p.deactivated, p.pay, false AS new, false AS first
"""


async def grow(tx: Tx, added: Sequence[Braked], *, rules: bool) -> list[Grown]:
    """Add these to their plans; a plan of the rules begins with its first push. What is no plan is left out."""
    if not added:
        return []
    rows = [(b.company_id, b.plan_id, b.account_id, b.total, *b.counted) for b in added]
    return [
        Grown(
            r["company_id"], r["plan_id"], PlanState(r["state"]), r["total"],
            Counted(r["changed"], r["deactivated"], r["pay"]), r["new"], r["first"],
        ) for r in await tx.fetch(_GROW_RULES if rules else _GROW_DIRECT, rows)
    ]  # fmt: skip


_HOLD = """
UPDATE plans SET state = 'held', tripped = $3 WHERE company_id = $1 AND plan_id = $2 AND state <> 'held'
"""
_HOLD_PUSHES = """
WITH held AS (
    UPDATE pushes SET state = 'held'
    WHERE company_id = $1 AND run_id = $2 AND state = 'planned' AND step = '' RETURNING company_id, record_id
)
UPDATE records r SET due = true FROM held h WHERE r.company_id = h.company_id AND r.record_id = h.record_id
"""


async def hold(tx: Tx, company: UUID, plan: UUID, tripped: Sequence[Tripped]) -> None:
    """Stop a plan, and those of its pushes that are not on their way; their records show it when they are decided again.

    A push that has written a temporary value finishes.
    """
    await tx.execute(_HOLD, company, plan, as_json([one.model_dump(mode="json") for one in tripped]))
    await tx.execute(_HOLD_PUSHES, company, plan)
    tx.made_due("records")


_RELEASE_PUSHES = """
WITH let_go AS (
    UPDATE pushes SET state = 'planned', due_at = now()
    WHERE company_id = $1 AND run_id = $2 AND state = 'held' AND ($3::uuid[] IS NULL OR record_id = ANY ($3))
    RETURNING company_id, record_id
), shown AS (
    UPDATE records r SET due = true FROM let_go h WHERE r.company_id = h.company_id AND r.record_id = h.record_id
)
SELECT count(*) AS released,
       EXISTS (SELECT FROM pushes i WHERE i.company_id = $1 AND i.run_id = $2 AND i.state = 'held'
               AND i.record_id NOT IN (SELECT record_id FROM let_go)) AS more
FROM let_go
"""


async def release_pushes(
    tx: Tx, company: UUID, plan: UUID, records: Sequence[UUID] | None
) -> tuple[int, bool]:
    """Let the held pushes of these records go, or all of them: how many, and whether others stay held."""
    row = await tx.fetchrow(_RELEASE_PUSHES, company, plan, records)
    assert row is not None
    if row["released"]:
        tx.made_due("records")
        tx.made_due("pushes")
    return row["released"], row["more"]


_CANCEL_PUSHES = """
WITH ended AS (
    UPDATE pushes SET state = 'done', outcome = 'cancelled', ended_at = now(), waits_for = NULL
    WHERE company_id = $1 AND run_id = $2 AND state IN ('waiting', 'planned', 'held') AND step = ''
    RETURNING company_id, push_id, record_id, automatic, retry_at
), forgotten AS (
    DELETE FROM moved_values m USING ended e WHERE m.company_id = e.company_id AND m.push_id = e.push_id
), woken AS (
    UPDATE pushes w SET due_at = now() FROM ended e
    WHERE w.company_id = e.company_id AND w.waits_for = e.record_id AND w.push_id <> e.push_id AND w.state = 'planned'
), shown AS (
    UPDATE records r SET due = true, automatic_rev = CASE WHEN e.automatic THEN NULL ELSE r.automatic_rev END
    FROM ended e WHERE r.company_id = e.company_id AND r.record_id = e.record_id
)
SELECT count(*) FILTER (WHERE retry_at IS NULL) FROM ended
"""


async def cancel_pushes(tx: Tx, company: UUID, plan: UUID) -> int:
    """End the pushes of a plan that are not on their way: how many."""
    tx.made_due("records")
    return int(await tx.fetchval(_CANCEL_PUSHES, company, plan))
