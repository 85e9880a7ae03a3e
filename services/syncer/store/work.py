"""Pushes, the calls that carry them, creations and runs.

Rows to change name their company each, so that the planner looks each up by its whole key: beside a constant company, or
a condition that a partial index repeats, it reads that company's part of an index instead (decision 0005).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from services.syncer.core import Item
from services.syncer.store.facts import as_json, item_of
from shared.contracts.records import CHANGES
from shared.db.tx import Record, Tx

_ADD = """
INSERT INTO items (company_id, item_id, record_id, account_id, run_id, actor, lane, automatic, state, action, fields, basis)
SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::boolean[],
                         $9::text[], $10::text[], $11::json[], $12::json[])
ON CONFLICT (company_id, item_id) DO UPDATE SET
    state = excluded.state, action = excluded.action, fields = excluded.fields, basis = excluded.basis
"""


async def save_items(tx: Tx, company: UUID, items: Sequence[Item]) -> None:
    """Store new pushes, or a newer plan of the same ones."""
    if items:
        await tx.execute(
            _ADD,
            company,
            [i.item_id for i in items],
            [i.record_id for i in items],
            [i.account_id for i in items],
            [i.run_id for i in items],
            [i.actor for i in items],
            [i.lane for i in items],
            [i.automatic for i in items],
            [i.state for i in items],
            [i.action for i in items],
            [CHANGES.dump_json(dict(i.fields)).decode() for i in items],
            [i.basis.model_dump_json() if i.basis else None for i in items],
        )


_END = """
UPDATE items SET state = 'done', outcome = n.outcome, ended_at = now(), lease_until = NULL
FROM unnest($2::uuid[], $3::text[]) AS n (id, outcome)
WHERE company_id = $1 AND item_id = n.id AND state <> 'done'
RETURNING item_id, run_id, n.outcome
"""
_RUN_COUNTS = """
UPDATE runs r SET succeeded = r.succeeded + n.succeeded, failed = r.failed + n.failed
FROM unnest($2::uuid[], $3::int[], $4::int[]) AS n (run_id, succeeded, failed)
WHERE r.company_id = $1 AND r.run_id = n.run_id
"""


async def end_items(tx: Tx, company: UUID, outcomes: Sequence[tuple[UUID, str]]) -> list[Record]:
    """These pushes are over (`succeeded`, `failed`, `held`, `needs_action`); counts their runs. The runs that moved."""
    if not outcomes:
        return []
    rows = await tx.fetch(_END, company, [o[0] for o in outcomes], [o[1] for o in outcomes])
    good = Counter(r["run_id"] for r in rows if r["run_id"] and r["outcome"] == "succeeded")
    bad = Counter(r["run_id"] for r in rows if r["run_id"] and r["outcome"] != "succeeded")
    runs = sorted(set(good) | set(bad))
    if not runs:
        return []
    await tx.execute(_RUN_COUNTS, company, runs, [good[r] for r in runs], [bad[r] for r in runs])
    return await end_runs(tx, company, runs)


_RUNS_OVER = """
UPDATE runs SET ended = ended OR (parts_seen = parts AND succeeded + failed >= planned)
WHERE company_id = $1 AND run_id = ANY ($2::uuid[]) AND NOT ended
RETURNING run_id, actor, total, succeeded, failed, skipped, ended
"""


async def end_runs(tx: Tx, company: UUID, runs: Sequence[UUID]) -> list[Record]:
    """How far these runs are; `ended` is true exactly once."""
    return await tx.fetch(_RUNS_OVER, company, runs)


_RUN_PART = """
INSERT INTO runs (company_id, run_id, actor, total, parts, parts_seen, planned, skipped)
VALUES ($1, $2, $3, $4, $5, 1, $6, $7)
ON CONFLICT (company_id, run_id) DO UPDATE SET
    parts_seen = runs.parts_seen + 1, planned = runs.planned + excluded.planned, skipped = $7
RETURNING parts_seen
"""
_SKIPPED = "SELECT skipped FROM runs WHERE company_id = $1 AND run_id = $2 FOR UPDATE"


async def add_run_part(
    tx: Tx,
    company: UUID,
    run: UUID,
    actor: str | None,
    total: int,
    parts: int,
    planned: int,
    skipped: Mapping[str, int],
) -> tuple[int, dict[str, int]]:
    """One part of a run has been taken in: the parts seen so far, and what has been skipped in all."""
    known = await tx.fetchval(_SKIPPED, company, run)
    together = dict(Counter(orjson.loads(known) if known else {}) + Counter(skipped))
    seen = await tx.fetchval(_RUN_PART, company, run, actor, total, parts, planned, as_json(together))
    return int(seen), together


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
    return [row["record_id"] for row in await tx.fetch(_CLAIM, company, account, limit, lease_seconds)]


_POSTPONE = """
UPDATE items i SET state = 'planned', lease_until = NULL, due_at = now() + make_interval(secs => $4),
       attempts = i.attempts + $5, call_id = NULL
FROM unnest($2::uuid[], $3::bigint[]) AS n (id, token)
WHERE i.company_id = $1 AND i.item_id = n.id AND i.lease_token = n.token AND i.state <> 'done'
"""


async def postpone(tx: Tx, company: UUID, items: Sequence[Item], seconds: float, *, attempt: bool) -> None:
    """Give the leases back; the pushes are due again after `seconds`."""
    if items:
        await tx.execute(
            _POSTPONE,
            company,
            [i.item_id for i in items],
            [i.lease_token for i in items],
            seconds,
            int(attempt),
        )


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call as stored before it was sent, with its members (item ids) in order. Its id is its key."""

    company_id: UUID
    call_id: UUID
    account_id: UUID
    action: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: str
    members: Sequence[UUID]
    attempts: int = 1
    lease_token: int = 1


_SEND_ITEMS = """
UPDATE items i SET state = 'sending', call_id = n.call_id, before = n.before
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::json[]) AS n (company_id, id, token, call_id, before)
WHERE i.company_id = n.company_id AND i.item_id = n.id AND i.lease_token = n.token AND i.lease_until IS NOT NULL
RETURNING i.item_id
"""
_ADD_CALLS = """
INSERT INTO calls (company_id, call_id, account_id, action, method, path, headers, body, members, state, lease_until)
SELECT $1, c, a, n, m, p, h, b, i::uuid[], 'sending', now() + make_interval(secs => $10)
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::json[], $8::text[], $9::text[])
     AS t (c, a, n, m, p, h, b, i)
"""
_ADD_CREATIONS = """
INSERT INTO creations (company_id, record_id, account_id, call_id, ordinal)
SELECT $1, n.*, CASE
    WHEN last.remote_id IS NOT NULL AND last.finished_at < (
        SELECT s.create_asked_at FROM subjects s WHERE s.company_id = $1 AND s.record_id = n.record_id)
    THEN last.ordinal + 1
    ELSE coalesce(last.ordinal, 1) END
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[]) AS n (record_id, account_id, call_id)
LEFT JOIN LATERAL (
    SELECT c.ordinal, c.remote_id, c.finished_at FROM creations c
    WHERE c.company_id = $1 AND c.record_id = n.record_id AND c.account_id = n.account_id
    ORDER BY c.ordinal DESC LIMIT 1
) AS last ON true
ON CONFLICT (record_id, company_id, account_id, ordinal) DO UPDATE SET call_id = excluded.call_id
WHERE creations.remote_id IS NULL
RETURNING record_id
"""


async def add_calls(
    tx: Tx,
    calls: Sequence[tuple[Call, Sequence[Item]]],
    before: Mapping[UUID, str | None],
    lease_seconds: float,
) -> bool:
    """Store calls before they are sent, with the before-images by item. False when a lease was lost or a creation is done."""
    company = calls[0][0].company_id
    pairs = [(call, item) for call, items in calls for item in items]
    taken = await tx.fetch(
        _SEND_ITEMS,
        [company] * len(pairs),
        [i.item_id for _, i in pairs],
        [i.lease_token for _, i in pairs],
        [c.call_id for c, _ in pairs],
        [before.get(i.item_id) for _, i in pairs],
    )
    if len(taken) != len(pairs):
        return False
    await tx.execute(
        _ADD_CALLS,
        company,
        [c.call_id for c, _ in calls],
        [c.account_id for c, _ in calls],
        [c.action for c, _ in calls],
        [c.method for c, _ in calls],
        [c.path for c, _ in calls],
        [as_json(dict(c.headers)) for c, _ in calls],
        [c.body for c, _ in calls],
        ["{" + ",".join(map(str, c.members)) + "}" for c, _ in calls],
        lease_seconds,
    )
    new = [(c, i) for c, i in pairs if c.action == "create"]
    if not new:
        return True
    made = await tx.fetch(
        _ADD_CREATIONS,
        company,
        [i.record_id for _, i in new],
        [c.account_id for c, _ in new],
        [c.call_id for c, _ in new],
    )
    return len(made) == len(new)


_CLAIM_CALL = """
UPDATE calls SET lease_token = lease_token + 1, attempts = attempts + 1, lease_until = now() + make_interval(secs => $1),
       state = 'sending'
WHERE (company_id, call_id) = (
    SELECT company_id, call_id FROM calls
    WHERE (state = 'sending' AND lease_until < now()) OR (state = 'unknown' AND due_at <= now())
    ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *
"""


async def claim_call(tx: Tx, lease_seconds: float) -> Call | None:
    """A call whose outcome is not known: its worker died, or the answer never came. It is sent again to the letter."""
    row = await tx.fetchrow(_CLAIM_CALL, lease_seconds)
    if row is None:
        return None
    names = (name for name in Call.__slots__ if name != "headers")
    return Call(**{name: row[name] for name in names}, headers=orjson.loads(row["headers"]))


_CLOSE = """
UPDATE calls c SET state = n.state, lease_until = NULL, due_at = now() + make_interval(secs => $5)
FROM unnest($2::uuid[], $3::bigint[], $4::text[]) AS n (id, token, state)
WHERE c.company_id = $1 AND c.call_id = n.id AND c.lease_token = n.token AND c.state = 'sending'
RETURNING c.call_id
"""


async def close_calls(
    tx: Tx, company: UUID, ended: Sequence[tuple[Call, str]], *, again_seconds: float = 0
) -> set[UUID]:
    """Record how these calls ended; the ids of those whose lease we still hold."""
    rows = await tx.fetch(
        _CLOSE,
        company,
        [call.call_id for call, _ in ended],
        [call.lease_token for call, _ in ended],
        [state for _, state in ended],
        again_seconds,
    )
    return {row["call_id"] for row in rows}


_MEMBERS = "SELECT * FROM items WHERE company_id = $1 AND item_id = ANY ($2::uuid[])"


async def members(tx: Tx, company: UUID, calls: Sequence[Call]) -> list[Item]:
    """The pushes that these calls carry, those that ended meanwhile included."""
    wanted = [member for call in calls for member in call.members]
    return [item_of(row) for row in await tx.fetch(_MEMBERS, company, wanted)]


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


_CREATED = """
UPDATE creations c SET remote_id = coalesce(c.remote_id, n.remote_id), finished_at = coalesce(c.finished_at, now())
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS n (company_id, record_id, account_id, remote_id)
WHERE c.company_id = n.company_id AND c.record_id = n.record_id AND c.account_id = n.account_id
"""


async def close_creations(tx: Tx, company: UUID, account: UUID, made: Sequence[tuple[UUID, str]]) -> None:
    """These (record, remote id) exist now; nothing is created for them again."""
    if made:
        records, remote_ids = zip(*made, strict=True)
        await tx.execute(_CREATED, [company] * len(made), records, [account] * len(made), remote_ids)


_RESUME = """
UPDATE calls SET state = 'unknown', due_at = now(), attempts = 0
WHERE company_id = $1 AND call_id = ANY ($2::uuid[]) AND state = 'given_up'
"""
_HOLD_FOR_CALL = """
UPDATE items SET state = 'sending', call_id = n.call_id, lease_until = NULL
FROM unnest($2::uuid[], $3::uuid[]) AS n (id, call_id)
WHERE company_id = $1 AND item_id = n.id AND state IN ('planned', 'claimed')
"""


async def resume_calls(tx: Tx, company: UUID, waits: Sequence[tuple[UUID, UUID]]) -> None:
    """These (push, call): the record's creation has an unknown outcome, so that call is sent again, and the push waits for it."""
    if waits:
        await tx.execute(_RESUME, company, [w[1] for w in waits])
        await tx.execute(_HOLD_FOR_CALL, company, [w[0] for w in waits], [w[1] for w in waits])


_WAITING = """
SELECT * FROM items
WHERE company_id = $1 AND call_id = ANY ($2::uuid[]) AND state = 'sending' AND item_id <> ALL ($3::uuid[])
"""


async def waiting_for(tx: Tx, company: UUID, calls: Sequence[Call]) -> list[Item]:
    """Later pushes that wait for the outcome of one of these calls."""
    own = [member for call in calls for member in call.members]
    return [item_of(row) for row in await tx.fetch(_WAITING, company, [c.call_id for c in calls], own)]


def loads(text: str) -> dict[str, int]:
    """The counts in a `json` column."""
    counts: dict[str, int] = orjson.loads(text)
    return counts


_PLANS = """
SELECT i.item_id, i.run_id, i.state, i.action, i.fields, i.attempts, i.outcome, i.ended_at, c.call_id, c.method, c.path,
       c.state AS call_state
FROM items i LEFT JOIN calls c ON c.company_id = i.company_id AND c.call_id = i.call_id
WHERE i.company_id = $1 AND i.record_id = $2 ORDER BY i.due_at DESC LIMIT 50
"""


async def plans_of(tx: Tx, company: UUID, record: UUID) -> list[dict[str, Any]]:
    """One record's pushes, newest first."""
    return [{**row, "fields": orjson.loads(row["fields"])} for row in await tx.fetch(_PLANS, company, record)]
