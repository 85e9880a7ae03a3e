"""Runs: how far what a person asked for has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from shared.db.tx import Record, Tx

_COUNT = """
UPDATE runs r SET succeeded = r.succeeded + n.succeeded, failed = r.failed + n.failed,
       retrying = r.retrying + n.retrying
FROM unnest($2::uuid[], $3::int[], $4::int[], $5::int[]) AS n (run_id, succeeded, failed, retrying)
WHERE r.company_id = $1 AND r.run_id = n.run_id
"""


async def count(
    tx: Tx, company: UUID, good: Counter[UUID], bad: Counter[UUID], later: Counter[UUID] | None = None
) -> list[Record]:
    """Add so many pushes, by run, that succeeded, ended otherwise, or are retried later; how far those runs are now."""
    later = later or Counter()
    moved = sorted(good.keys() | bad.keys() | later.keys())
    if not moved:
        return []
    counts = [[n[r] for r in moved] for n in (good, bad, later)]
    await tx.execute(_COUNT, company, moved, *counts)
    return await end_runs(tx, company, moved)


_RUNS_OVER = """
WITH moved AS (
    UPDATE runs SET ended = ended OR (parts_seen = parts AND succeeded + failed + retrying >= planned)
    WHERE company_id = $1 AND run_id = ANY ($2::uuid[]) AND NOT ended
    RETURNING run_id, actor, total, succeeded, failed, retrying, skipped, ended
), done AS (
    UPDATE plans p SET state = 'done', ended_at = now() FROM moved m
    WHERE p.company_id = $1 AND p.plan_id = m.run_id AND m.ended AND p.state IN ('applying', 'held')
)
SELECT run_id, actor, total, succeeded, failed, retrying, skipped, ended FROM moved
"""


async def end_runs(tx: Tx, company: UUID, runs: Sequence[UUID]) -> list[Record]:
    """How far these runs are; `ended` is true exactly once."""
    return await tx.fetch(_RUNS_OVER, company, runs)


_IS_KNOWN = "SELECT EXISTS (SELECT FROM runs WHERE company_id = $1 AND run_id = $2)"


async def is_known(tx: Tx, company: UUID, run: UUID) -> bool:
    """Whether this run has begun."""
    return bool(await tx.fetchval(_IS_KNOWN, company, run))


_SKIP = """
UPDATE runs SET planned = planned - $3, skipped = $4
WHERE company_id = $1 AND run_id = $2
"""


async def skip(tx: Tx, company: UUID, run: UUID, skipped: Mapping[str, int]) -> None:
    """So many of the records that a run had planned are skipped after all, by reason."""
    if skipped:
        known = await tx.fetchval(_SKIPPED, company, run)
        together = dict(Counter(orjson.loads(known) if known else {}) + Counter(skipped))
        await tx.execute(_SKIP, company, run, sum(skipped.values()), orjson.dumps(together).decode())


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
    seen = await tx.fetchval(
        _RUN_PART, company, run, actor, total, parts, planned, orjson.dumps(together).decode()
    )
    return int(seen), together
