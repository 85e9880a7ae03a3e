"""The SQL of runs: the list, one of them, and what became of its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.history.core.run_rows import Run
from services.history.core.show import Cursor
from services.history.store.fold import run_of
from shared.db.tx import Record, Tx


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are asked for; None and False are all. `problems`: those in which something did not go through."""

    kind: str | None = None
    state: str | None = None
    actor: str | None = None
    since: datetime | None = None
    problems: bool = False


_PAGE = """
SELECT company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped
FROM run_view
WHERE company_id = $1 AND ($3::uuid IS NULL OR (started_at, run_id) < ($2, $3))
  AND ($5::text IS NULL OR kind = $5) AND ($6::text IS NULL OR state = $6)
  AND ($7::text IS NULL OR actor = $7 OR ($7 = '' AND actor IS NULL)) AND ($8::timestamptz IS NULL OR started_at >= $8)
  AND (NOT $9 OR state = 'failed' OR reason IS NOT NULL OR coalesce((counts->>'failed')::int, 0) > 0
       OR coalesce((counts->>'retrying')::int, 0) > 0
       OR coalesce((counts->>'unreadable')::int, 0) > 0)
ORDER BY started_at DESC, run_id DESC LIMIT $4
"""


async def runs(tx: Tx, company: UUID, wanted: RunFilter, after: Cursor | None, limit: int) -> list[Run]:
    """Imports and pushes, newest first; one more than `limit` if there are more."""
    time, run_id = (after.time, after.id) if after else (None, None)
    rows = await tx.fetch(
        _PAGE,
        company,
        time,
        run_id,
        limit + 1,
        wanted.kind,
        wanted.state,
        wanted.actor,
        wanted.since,
        wanted.problems,
    )
    return [run_of(row) for row in rows]


_RUN = """
SELECT company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped
FROM run_view WHERE company_id = $1 AND run_id = $2
"""


async def run(tx: Tx, company: UUID, run_id: UUID) -> Run | None:
    """One import or push."""
    row = await tx.fetchrow(_RUN, company, run_id)
    return run_of(row) if row else None


_REASONS = """
SELECT outcome, reason, field, count(*) AS count FROM run_records
WHERE run_id = $2 AND company_id = $1 AND outcome <> 'succeeded'
GROUP BY outcome, reason, field ORDER BY count(*) DESC, reason, field
"""


async def reasons(tx: Tx, company: UUID, run_id: UUID) -> list[Record]:
    """Why records of the run did not go through, the most frequent first."""
    return await tx.fetch(_REASONS, company, run_id)


_RECORDS = """
SELECT * FROM (
    SELECT r.record_id, r.outcome, r.reason, r.field, r.at, r.attempts, s.number, s.name, s.remote_id, v.status,
           CASE r.outcome WHEN 'succeeded' THEN '1' ELSE '0' END || coalesce(s.name_key, '') AS sort_text
    FROM run_records r
    LEFT JOIN snapshots s ON s.company_id = r.company_id AND s.record_id = r.record_id
    LEFT JOIN record_view v ON v.company_id = r.company_id AND v.record_id = r.record_id
    WHERE r.run_id = $2 AND r.company_id = $1 AND ($3::text IS NULL OR r.outcome = $3)
      AND ($4::text IS NULL OR r.reason = $4)
) AS keyed
WHERE $6::uuid IS NULL OR ROW(sort_text, record_id) > ROW($5 COLLATE "C", $6)
ORDER BY sort_text COLLATE "C", record_id LIMIT $7
"""


async def records(
    tx: Tx,
    company: UUID,
    run_id: UUID,
    outcome: str | None,
    reason: str | None,
    after: Cursor | None,
    limit: int,
) -> list[Record]:
    """The run's records, by name, those that did not go through first; one more than `limit` if there are more."""
    text, record = (after.text, after.id) if after else (None, None)
    return await tx.fetch(_RECORDS, company, run_id, outcome, reason, text, record, limit + 1)
