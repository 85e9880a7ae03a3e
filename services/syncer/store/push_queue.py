"""Pushes: claimed under a lease, postponed, ended.

Rows to change name their company each, so that the planner looks each up by its whole key: beside a constant company, or
a condition that a partial index repeats, it reads that company's part of an index instead (decision 0005).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import orjson

from services.syncer.core import Push, PushOutcome, PushState
from services.syncer.store import runs
from shared.contracts.events import Basis
from shared.db.tx import Record, Tx
from shared.domain.values import Action, Lane

PUSHES = "pushes"
"""The kind of work: pushes and calls to send."""


def push_of(row: Record, prefix: str = "") -> Push:
    """The push in the columns of these names, each behind `prefix`."""
    basis = row[f"{prefix}basis"]
    return Push(
        push_id=row[f"{prefix}push_id"],
        record_id=row[f"{prefix}record_id"],
        account_id=row[f"{prefix}account_id"],
        state=PushState(row[f"{prefix}state"]),
        action=Action(action) if (action := row[f"{prefix}action"]) else None,
        fields=orjson.loads(row[f"{prefix}fields"]),
        basis=Basis.model_validate_json(basis) if basis else None,
        automatic=row[f"{prefix}automatic"],
        run_id=row[f"{prefix}run_id"],
        actor=row[f"{prefix}actor"],
        lane=Lane(row[f"{prefix}lane"]),
        attempts=row[f"{prefix}attempts"],
        lease_token=row[f"{prefix}lease_token"],
        call_id=row[f"{prefix}call_id"],
        outcome=PushOutcome(outcome) if (outcome := row[f"{prefix}outcome"]) else None,
        isolated=row[f"{prefix}isolated"],
        step=row[f"{prefix}step"],
        waits_for=row[f"{prefix}waits_for"],
        retry_at=row[f"{prefix}retry_at"],
        then_push=row[f"{prefix}then_push"],
        traceparent=row[f"{prefix}traceparent"],
    )


_END = """
WITH ended AS (
    UPDATE pushes i SET state = 'done', outcome = n.outcome, ended_at = now(), lease_until = NULL, waits_for = NULL
    FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (company_id, id, outcome)
    WHERE i.company_id = n.company_id AND i.push_id = n.id AND i.state <> 'done'
    RETURNING i.company_id, i.push_id, i.record_id, n.outcome,
              CASE WHEN i.retry_at IS NULL AND NOT i.automatic THEN i.run_id END AS run_id
), forgotten AS (
    DELETE FROM moved_values m USING ended e WHERE m.company_id = e.company_id AND m.push_id = e.push_id
), woken AS (
    UPDATE pushes w SET due_at = now() FROM ended e
    WHERE w.company_id = e.company_id AND w.waits_for = e.record_id AND w.state = 'planned' AND w.push_id <> ALL ($2)
    RETURNING w.push_id
)
SELECT push_id, run_id, outcome, EXISTS (SELECT FROM woken) AS woke FROM ended
"""


async def end_pushes(tx: Tx, company: UUID, outcomes: Sequence[tuple[UUID, PushOutcome]]) -> list[Record]:
    """These pushes are over. The runs that moved.

    Each push counts once in its run: one that has been retried was counted when it first failed.
    """
    if not outcomes:
        return []
    ids, names = zip(*outcomes, strict=True)
    rows = await tx.fetch(_END, [company] * len(outcomes), ids, names)
    if any(row["woke"] for row in rows):
        tx.made_due(PUSHES)
    good = Counter(r["run_id"] for r in rows if r["run_id"] and r["outcome"] == PushOutcome.SUCCEEDED)
    bad = Counter(r["run_id"] for r in rows if r["run_id"] and r["outcome"] != PushOutcome.SUCCEEDED)
    return await runs.count(tx, company, good, bad)


_RETRY_LATER = """
UPDATE pushes i SET state = 'planned', lease_until = NULL, due_at = now() + make_interval(secs => n.seconds),
       retry_at = now() + make_interval(secs => n.seconds), attempts = i.attempts + 1, gate_at = NULL,
       waits_for = NULL, isolated = i.isolated OR n.isolated
FROM unnest($1::uuid[], $2::uuid[], $3::float8[], $4::boolean[]) AS n (company_id, id, seconds, isolated)
WHERE i.company_id = n.company_id AND i.push_id = n.id AND i.state <> 'done'
RETURNING i.push_id, i.retry_at
"""


async def retry_later(
    tx: Tx, company: UUID, pushes: Sequence[tuple[Push, float, bool]]
) -> tuple[dict[UUID, datetime], list[Record]]:
    """These failed, and are due again after so many seconds, `isolated` or not. When, by push; and the runs that moved."""
    if not pushes:
        return {}, []
    rows = await tx.fetch(
        _RETRY_LATER,
        [company] * len(pushes),
        [push.push_id for push, _, _ in pushes],
        [seconds for _, seconds, _ in pushes],
        [isolated for _, _, isolated in pushes],
    )
    at = {row["push_id"]: row["retry_at"] for row in rows}
    first = [p.run_id for p, _, _ in pushes if p.push_id in at and p.run_id and p.retry_at is None]
    return at, await runs.count(tx, company, Counter(), Counter(), Counter(first))


_LAST_TRY = """
UPDATE pushes SET attempts = greatest(attempts, $3)
WHERE company_id = $1 AND record_id = $2 AND state <> 'done' AND retry_at IS NOT NULL
"""


async def last_try(tx: Tx, company: UUID, record: UUID, attempts: int) -> None:
    """The try of a failed push that is under way is its last: it counts `attempts` now."""
    await tx.execute(_LAST_TRY, company, record, attempts)


_QUEUES = """
WITH RECURSIVE q AS (
    (SELECT company_id, account_id FROM pushes WHERE state IN ('planned', 'claimed') ORDER BY 1, 2 LIMIT 1)
    UNION ALL
    SELECT n.company_id, n.account_id FROM q CROSS JOIN LATERAL (
        SELECT company_id, account_id FROM pushes
        WHERE state IN ('planned', 'claimed') AND (company_id, account_id) > (q.company_id, q.account_id)
        ORDER BY 1, 2 LIMIT 1) n
)
SELECT company_id, account_id FROM q WHERE EXISTS (
    SELECT FROM pushes i WHERE i.company_id = q.company_id AND i.account_id = q.account_id
      AND i.state IN ('planned', 'claimed') AND i.due_at <= now() AND (i.lease_until IS NULL OR i.lease_until < now()))
"""


async def queues(tx: Tx) -> list[tuple[UUID, UUID]]:
    """The (company, account) pairs with pushes that are due."""
    return [(row["company_id"], row["account_id"]) for row in await tx.fetch(_QUEUES)]


_IS_FREE = """
SELECT NOT EXISTS (
    SELECT FROM pushes WHERE company_id = $1 AND account_id = $2 AND state IN ('planned', 'claimed')
       AND (lane = 'bulk') = ANY ('{true,false}') AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
) AND NOT EXISTS (SELECT FROM moved_values WHERE company_id = $1 AND account_id = $2 AND frees = ANY ($3::text[]))
"""


async def is_free(tx: Tx, company: UUID, account: UUID, values: Iterable[str]) -> bool:
    """Whether nothing is due for this account, and no open push frees one of these values: there is nobody to wait for."""
    return bool(await tx.fetchval(_IS_FREE, company, account, sorted(values)))


_CLAIM = """
UPDATE pushes i SET state = 'claimed', lease_token = lease_token + 1, lease_until = now() + make_interval(secs => $4),
       attempts = attempts + (state = 'claimed')::int, waits_for = NULL
WHERE (company_id, push_id) IN (
    SELECT company_id, push_id FROM pushes
    WHERE company_id = $1 AND account_id = $2 AND state IN ('planned', 'claimed') AND due_at <= now()
      AND (lease_until IS NULL OR lease_until < now())
    ORDER BY lane = 'bulk', due_at, push_id LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING record_id
"""


async def claim_pushes(tx: Tx, company: UUID, account: UUID, limit: int, lease_seconds: float) -> list[UUID]:
    """The records whose pushes are next for this account, now under a lease; real time first.

    A push whose last worker let its lease run out has been tried once more.
    """
    rows = await tx.fetch(_CLAIM, company, account, limit, lease_seconds)
    if len(rows) == limit:
        tx.made_due(PUSHES)  # there may be more
    return [row["record_id"] for row in rows]


_RENEW = """
UPDATE pushes i SET lease_until = now() + make_interval(secs => $4)
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (company_id, id, token)
WHERE i.company_id = n.company_id AND i.push_id = n.id AND i.lease_token = n.token AND i.state = 'claimed'
  AND i.lease_until IS NOT NULL
"""


async def renew(tx: Tx, company: UUID, pushes: Sequence[Push], lease_seconds: float) -> bool:
    """Keep the leases of these claimed pushes while their system is waited for; False when all are lost."""
    companies, tokens = [company] * len(pushes), [i.lease_token for i in pushes]
    tag = await tx.execute(_RENEW, companies, [i.push_id for i in pushes], tokens, lease_seconds)
    return tag != "UPDATE 0"


_POSTPONE = """
UPDATE pushes i SET state = 'planned', lease_until = NULL, due_at = now() + make_interval(secs => $4),
       attempts = i.attempts + $5, gate_at = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (company_id, id, token)
WHERE i.company_id = n.company_id AND i.push_id = n.id AND i.lease_token = n.token AND i.state <> 'done'
"""


async def postpone(tx: Tx, company: UUID, pushes: Sequence[Push], seconds: float, *, attempt: bool) -> None:
    """Give the leases back; the pushes are due again after `seconds`."""
    if pushes:
        await tx.execute(
            _POSTPONE,
            [company] * len(pushes),
            [i.push_id for i in pushes],
            [i.lease_token for i in pushes],
            seconds,
            int(attempt),
        )
        if seconds == 0:
            tx.made_due(PUSHES)


_STILL_LEASED = """
SELECT i.push_id FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (company_id, id, token)
JOIN pushes i ON i.company_id = n.company_id AND i.push_id = n.id AND i.lease_token = n.token AND i.lease_until IS NOT NULL
"""


async def still_leased(tx: Tx, company: UUID, pushes: Sequence[Push]) -> list[Push]:
    """Those of these claimed pushes whose lease is still ours."""
    companies = [company] * len(pushes)
    rows = await tx.fetch(
        _STILL_LEASED, companies, [i.push_id for i in pushes], [i.lease_token for i in pushes]
    )
    held = {row["push_id"] for row in rows}
    return [i for i in pushes if i.push_id in held]
