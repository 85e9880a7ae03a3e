"""Runs: how far what a person asked for has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

import orjson

from shared.db.tx import Record, Tx

_COUNT = """
UPDATE runs r SET succeeded = r.succeeded + n.succeeded, failed = r.failed + n.failed
FROM unnest($2::uuid[], $3::int[], $4::int[]) AS n (run_id, succeeded, failed)
WHERE r.company_id = $1 AND r.run_id = n.run_id
"""


async def count(tx: Tx, company: UUID, good: Counter[UUID], bad: Counter[UUID]) -> list[Record]:
    """Add so many pushes, by run, that succeeded or ended otherwise; how far those runs are now."""
    moved = sorted(good.keys() | bad.keys())
    if not moved:
        return []
    await tx.execute(_COUNT, company, moved, [good[r] for r in moved], [bad[r] for r in moved])
    return await end_runs(tx, company, moved)


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
    seen = await tx.fetchval(
        _RUN_PART, company, run, actor, total, parts, planned, orjson.dumps(together).decode()
    )
    return int(seen), together
