"""Pushes (rows of `items`): planned, claimed under a lease, ended.

Rows to change name their company each, so that the planner looks each up by its whole key: beside a constant company, or
a condition that a partial index repeats, it reads that company's part of an index instead (decision 0005).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from services.syncer.core import Item
from services.syncer.store import runs
from shared.contracts.events import Basis
from shared.db.tx import Record, Tx

PUSHES = "pushes"
"""The kind of work: pushes and calls to send."""


def item_of(row: Sequence[Any]) -> Item:
    """A push from its columns in the order of `Item`."""
    basis = Basis.model_validate_json(row[6]) if row[6] else None
    return Item._make((*row[:5], orjson.loads(row[5]), basis, *row[7:]))


_ADD = """
INSERT INTO items (company_id, item_id, record_id, account_id, state, action, fields, basis, automatic, run_id, actor, lane,
                   alone)
SELECT $1, r.* FROM unnest($2::item_row[]) r
ON CONFLICT (company_id, item_id) DO UPDATE SET
    state = excluded.state, action = excluded.action, fields = excluded.fields, basis = excluded.basis,
    alone = excluded.alone
"""


async def save_items(tx: Tx, company: UUID, items: Sequence[Item]) -> None:
    """Store new pushes, or a newer plan of the same ones."""
    if items:
        await tx.execute(_ADD, company, [_row(item) for item in items])
    if any(item.state == "planned" for item in items):
        tx.made_due(PUSHES)


def _row(item: Item) -> tuple[object, ...]:
    basis = item.basis.model_dump_json() if item.basis else None
    return (*item[:5], orjson.dumps(dict(item.fields)).decode(), basis, *item[7:11], item.alone)


_END = """
UPDATE items i SET state = 'done', outcome = n.outcome, ended_at = now(), lease_until = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (company_id, id, outcome)
WHERE i.company_id = n.company_id AND i.item_id = n.id AND i.state <> 'done'
RETURNING i.item_id, i.run_id, n.outcome
"""


async def end_items(tx: Tx, company: UUID, outcomes: Sequence[tuple[UUID, str]]) -> list[Record]:
    """These pushes are over (`succeeded`, `failed`, `held`, `needs_action`); counts their runs. The runs that moved."""
    if not outcomes:
        return []
    ids, names = zip(*outcomes, strict=True)
    rows = await tx.fetch(_END, [company] * len(outcomes), ids, names)
    good = Counter(r["run_id"] for r in rows if r["run_id"] and r["outcome"] == "succeeded")
    bad = Counter(r["run_id"] for r in rows if r["run_id"] and r["outcome"] != "succeeded")
    return await runs.count(tx, company, good, bad)


_QUEUES = """
WITH RECURSIVE q AS (
    (SELECT company_id, account_id FROM items WHERE state IN ('planned', 'claimed') ORDER BY 1, 2 LIMIT 1)
    UNION ALL
    SELECT n.company_id, n.account_id FROM q CROSS JOIN LATERAL (
        SELECT company_id, account_id FROM items
        WHERE state IN ('planned', 'claimed') AND (company_id, account_id) > (q.company_id, q.account_id)
        ORDER BY 1, 2 LIMIT 1) n
)
SELECT company_id, account_id FROM q WHERE EXISTS (
    SELECT FROM items i WHERE i.company_id = q.company_id AND i.account_id = q.account_id
      AND i.state IN ('planned', 'claimed') AND i.due_at <= now() AND (i.lease_until IS NULL OR i.lease_until < now()))
"""


async def queues(tx: Tx) -> list[tuple[UUID, UUID]]:
    """The (company, account) pairs with pushes that are due."""
    return [(row["company_id"], row["account_id"]) for row in await tx.fetch(_QUEUES)]


_CLAIM = """
UPDATE items i SET state = 'claimed', lease_token = lease_token + 1, lease_until = now() + make_interval(secs => $4)
WHERE (company_id, item_id) IN (
    SELECT company_id, item_id FROM items
    WHERE company_id = $1 AND account_id = $2 AND state IN ('planned', 'claimed') AND due_at <= now()
      AND (lease_until IS NULL OR lease_until < now())
    ORDER BY lane DESC, due_at, item_id LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING record_id
"""


async def claim_items(tx: Tx, company: UUID, account: UUID, limit: int, lease_seconds: float) -> list[UUID]:
    """The records whose pushes are next for this account, now under a lease; real time first."""
    rows = await tx.fetch(_CLAIM, company, account, limit, lease_seconds)
    if rows:
        tx.made_due(PUSHES)  # there may be more
    return [row["record_id"] for row in rows]


_POSTPONE = """
UPDATE items i SET state = 'planned', lease_until = NULL, due_at = now() + make_interval(secs => $4),
       attempts = i.attempts + $5, call_id = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (company_id, id, token)
WHERE i.company_id = n.company_id AND i.item_id = n.id AND i.lease_token = n.token AND i.state <> 'done'
"""


async def postpone(tx: Tx, company: UUID, items: Sequence[Item], seconds: float, *, attempt: bool) -> None:
    """Give the leases back; the pushes are due again after `seconds`."""
    if items:
        await tx.execute(
            _POSTPONE,
            [company] * len(items),
            [i.item_id for i in items],
            [i.lease_token for i in items],
            seconds,
            int(attempt),
        )
        if seconds == 0:
            tx.made_due(PUSHES)


_HELD = """
SELECT i.item_id FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (company_id, id, token)
JOIN items i ON i.company_id = n.company_id AND i.item_id = n.id AND i.lease_token = n.token AND i.lease_until IS NOT NULL
"""


async def still_held(tx: Tx, company: UUID, items: Sequence[Item]) -> list[Item]:
    """Those of these claimed pushes whose lease is still ours."""
    owners = [company] * len(items)
    rows = await tx.fetch(_HELD, owners, [i.item_id for i in items], [i.lease_token for i in items])
    held = {row["item_id"] for row in rows}
    return [i for i in items if i.item_id in held]


_PLANS = """
SELECT i.item_id, i.run_id, i.state, i.action, i.fields, i.attempts, i.outcome, i.ended_at, c.call_id, c.method, c.path,
       c.state AS call_state
FROM items i LEFT JOIN calls c ON c.company_id = i.company_id AND c.call_id = i.call_id
WHERE i.company_id = $1 AND i.record_id = $2 ORDER BY i.due_at DESC LIMIT 50
"""


async def plans_of(tx: Tx, company: UUID, record: UUID) -> list[dict[str, Any]]:
    """One record's pushes, newest first."""
    return [{**row, "fields": orjson.loads(row["fields"])} for row in await tx.fetch(_PLANS, company, record)]
