"""The SQL that keeps the views. Called under the companies' locks, so nothing else writes meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import orjson

from services.history.core.fold import Linking, Snapshot, SyncStatus
from services.history.core.run_rows import PushResult, Run, RunRecord
from shared.db.tx import Record, Tx

_SAVE_SNAPSHOTS = """
WITH saved AS (
    INSERT INTO snapshots AS f (company_id, record_id, account_id, remote_id, rev, employee_rev, removed, number, name,
                            first_name, last_name, email, search, employee, updated_at)
    SELECT * FROM unnest($1::snapshot_row[])
    ON CONFLICT (company_id, record_id) DO UPDATE SET
        rev = greatest(f.rev, excluded.rev),
        removed = CASE WHEN excluded.rev > f.rev THEN excluded.removed ELSE f.removed END,
        employee_rev = greatest(f.employee_rev, excluded.employee_rev),
        number = CASE WHEN excluded.employee_rev > f.employee_rev THEN excluded.number ELSE f.number END,
        name = CASE WHEN excluded.employee_rev > f.employee_rev THEN excluded.name ELSE f.name END,
        first_name = CASE WHEN excluded.employee_rev > f.employee_rev THEN excluded.first_name ELSE f.first_name END,
        last_name = CASE WHEN excluded.employee_rev > f.employee_rev THEN excluded.last_name ELSE f.last_name END,
        email = CASE WHEN excluded.employee_rev > f.employee_rev THEN excluded.email ELSE f.email END,
        search = CASE WHEN excluded.employee_rev > f.employee_rev THEN excluded.search ELSE f.search END,
        employee = CASE WHEN excluded.employee_rev > f.employee_rev THEN excluded.employee ELSE f.employee END,
        updated_at = greatest(f.updated_at, excluded.updated_at)
    WHERE excluded.rev > f.rev OR excluded.employee_rev > f.employee_rev
    RETURNING *
), shown AS (
    INSERT INTO record_view AS v (company_id, record_id, account_id, remote_id, source_rev, removed, number, name,
                                  first_name, last_name, email, search, updated_at)
    SELECT s.company_id, s.record_id, s.account_id, s.remote_id, s.rev, s.removed, s.number, s.name,
           s.first_name, s.last_name, s.email, s.search, s.updated_at
    FROM saved s JOIN chain_heads h ON h.company_id = s.company_id AND h.source_account_id = s.account_id
    WHERE h.company_id = ANY ($2::uuid[])
    ON CONFLICT (company_id, record_id) DO UPDATE SET
        counted = CASE WHEN v.account_id IS NOT NULL THEN v.status END,
        account_id = excluded.account_id, remote_id = excluded.remote_id, source_rev = excluded.source_rev,
        removed = excluded.removed, number = excluded.number, name = excluded.name, first_name = excluded.first_name,
        last_name = excluded.last_name, email = excluded.email, search = excluded.search,
        updated_at = greatest(v.updated_at, excluded.updated_at)
    RETURNING company_id, account_id, status, counted
)
INSERT INTO counters AS c (company_id, account_id, status, count)
SELECT company_id, account_id, status, count(*) FROM shown WHERE counted IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (company_id, account_id, status) DO UPDATE SET count = c.count + excluded.count
"""


async def save_snapshots(tx: Tx, snapshots: Sequence[Snapshot]) -> None:
    """Keep what is newer; what is of its company's source is shown. One statement, counters included."""
    if snapshots:
        await tx.execute(_SAVE_SNAPSHOTS, snapshots, tx.companies)


_SET_SOURCES = """
UPDATE chain_heads h SET source_account_id = t.account_id
FROM unnest($1::uuid[], $2::uuid[]) AS t (company_id, account_id)
WHERE h.company_id = t.company_id AND h.source_account_id IS DISTINCT FROM t.account_id
RETURNING h.company_id, h.source_account_id
"""
_SHOW = """
WITH shown AS (
    INSERT INTO record_view AS v (company_id, record_id, account_id, remote_id, source_rev, removed, number, name,
                                  first_name, last_name, email, search, updated_at)
    SELECT f.company_id, f.record_id, f.account_id, f.remote_id, f.rev, f.removed, f.number, f.name,
           f.first_name, f.last_name, f.email, f.search, f.updated_at
    FROM snapshots f JOIN unnest($1::uuid[], $2::uuid[]) AS t (company_id, account_id)
      ON f.company_id = t.company_id AND f.account_id = t.account_id
    ON CONFLICT (company_id, record_id) DO UPDATE SET
        counted = CASE WHEN v.account_id IS NOT NULL THEN v.status END,
        account_id = excluded.account_id, remote_id = excluded.remote_id, source_rev = excluded.source_rev,
        removed = excluded.removed, number = excluded.number, name = excluded.name, first_name = excluded.first_name,
        last_name = excluded.last_name, email = excluded.email, search = excluded.search,
        updated_at = greatest(v.updated_at, excluded.updated_at)
    WHERE v.account_id IS NULL OR v.source_rev < excluded.source_rev
    RETURNING company_id, account_id, status, counted
)
INSERT INTO counters AS c (company_id, account_id, status, count)
SELECT company_id, account_id, status, count(*) FROM shown WHERE counted IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (company_id, account_id, status) DO UPDATE SET count = c.count + excluded.count
"""


async def set_sources(tx: Tx, sources: Sequence[tuple[UUID, UUID | None]]) -> None:
    """Say whose records each company's list shows; where that moved, bring the list up from the snapshots."""
    moved = await tx.fetch(_SET_SOURCES, [c for c, _ in sources], [a for _, a in sources])
    shown = [r for r in moved if r["source_account_id"] is not None]
    if shown:
        await tx.execute(_SHOW, [r["company_id"] for r in shown], [r["source_account_id"] for r in shown])


_SAVE_LINKINGS = """
INSERT INTO record_view AS v (company_id, record_id, link_rev, situation, destination_record_id,
                              destination_remote_id, updated_at)
SELECT * FROM unnest($1::linking_row[])
ON CONFLICT (company_id, record_id) DO UPDATE SET
    link_rev = excluded.link_rev, situation = excluded.situation,
    destination_record_id = excluded.destination_record_id, destination_remote_id = excluded.destination_remote_id,
    updated_at = greatest(v.updated_at, excluded.updated_at)
WHERE v.link_rev < excluded.link_rev
"""


async def save_linkings(tx: Tx, linkings: Sequence[Linking]) -> None:
    """Keep what is newer. A record not known yet gets a hidden row."""
    if linkings:
        await tx.execute(_SAVE_LINKINGS, linkings)


_SAVE_STATUSES = """
WITH saved AS (
    INSERT INTO record_view AS v (company_id, record_id, status_rev, status, reason, field, retry_at, holder, answer,
                                    synced_at, updated_at)
    SELECT * FROM unnest($1::status_row[])
    ON CONFLICT (company_id, record_id) DO UPDATE SET
        counted = CASE WHEN v.account_id IS NOT NULL THEN v.status END,
        status_rev = excluded.status_rev, status = excluded.status, reason = excluded.reason, field = excluded.field,
        retry_at = excluded.retry_at, holder = excluded.holder, answer = excluded.answer, synced_at = excluded.synced_at,
        updated_at = greatest(v.updated_at, excluded.updated_at)
    WHERE v.status_rev < excluded.status_rev
    RETURNING company_id, account_id, status, counted
), moved AS (
    SELECT company_id, account_id, status, sum(by) AS by FROM (
        SELECT company_id, account_id, status, 1 AS by FROM saved WHERE account_id IS NOT NULL
        UNION ALL SELECT company_id, account_id, counted, -1 FROM saved WHERE counted IS NOT NULL
    ) AS each GROUP BY 1, 2, 3 HAVING sum(by) <> 0 ORDER BY 1, 2, 3
)
MERGE INTO counters c USING moved m
ON c.company_id = m.company_id AND c.account_id = m.account_id AND c.status = m.status
WHEN MATCHED THEN UPDATE SET count = c.count + m.by
WHEN NOT MATCHED THEN INSERT VALUES (m.company_id, m.account_id, m.status, m.by)
"""


async def save_statuses(tx: Tx, statuses: Sequence[SyncStatus]) -> None:
    """Keep what is newer, and the counters equal to it. A record not known yet gets a hidden row."""
    if statuses:
        await tx.execute(_SAVE_STATUSES, statuses)


_RUNS = """
SELECT company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped
FROM run_view WHERE company_id = ANY ($1::uuid[]) AND run_id = ANY ($2::uuid[])
"""


async def load_runs(tx: Tx, runs: Sequence[UUID]) -> dict[tuple[UUID, UUID], Run]:
    """These runs, by company and id."""
    return {(r["company_id"], r["run_id"]): run_of(r) for r in await tx.fetch(_RUNS, tx.companies, runs)}


def run_of(row: Record) -> Run:
    """A row of `run_view`."""
    return Run(**dict(row) | {"counts": orjson.loads(row["counts"]), "skipped": orjson.loads(row["skipped"])})


_SAVE_RUNS = """
INSERT INTO run_view (company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[], $10::json[], $11::json[])
ON CONFLICT (company_id, run_id) DO UPDATE SET
    mode = excluded.mode, state = excluded.state, reason = excluded.reason, actor = excluded.actor,
    started_at = excluded.started_at, ended_at = excluded.ended_at, counts = excluded.counts, skipped = excluded.skipped
"""


async def save_runs(tx: Tx, runs: Sequence[Run]) -> None:
    """Put these in place of what was known of them."""
    rows = [
        (
            r.company_id, r.run_id, r.kind, r.mode, r.state, r.reason, r.actor, r.started_at, r.ended_at,
            orjson.dumps(dict(r.counts)).decode(), orjson.dumps(dict(r.skipped)).decode(),
        ) for r in runs
    ]  # fmt: skip
    if rows:
        await tx.execute(_SAVE_RUNS, *zip(*rows, strict=True))


_SAVE_RUN_RECORDS = """
INSERT INTO run_records AS r (company_id, run_id, record_id, outcome, reason, field, at)
SELECT * FROM unnest($1::run_record_row[])
ON CONFLICT (run_id, record_id, company_id) DO UPDATE SET
    outcome = excluded.outcome, reason = excluded.reason, field = excluded.field, at = excluded.at,
    attempts = r.attempts + 1
WHERE r.at <= excluded.at
"""


async def save_run_records(tx: Tx, records: Sequence[RunRecord]) -> None:
    """Keep what became of these records in their runs; what is later stands."""
    if records:
        await tx.execute(_SAVE_RUN_RECORDS, records)


_COUNT_RESULTS = """
INSERT INTO minutes AS m (company_id, event_time, outcome, reason, pace, count)
SELECT p.company_id, date_trunc('minute', p.at), p.outcome, p.reason, p.pace, count(*) FROM (
    SELECT e.company_id, e.at, e.outcome, e.reason, CASE
        WHEN e.staged_at IS NULL OR (e.run_id IS NOT NULL AND r.run_id IS NULL) THEN -1
        ELSE floor(ln(least(greatest(extract(epoch FROM e.at - greatest(e.staged_at, r.started_at)), 0.1), 1e6) / 0.1) / ln(1.2))
    END AS pace
    FROM unnest($1::result_row[]) e
    LEFT JOIN run_view r ON r.company_id = e.company_id AND r.run_id = e.run_id
) p GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
ON CONFLICT (company_id, event_time, outcome, reason, pace) DO UPDATE SET count = m.count + excluded.count
"""


async def count_results(tx: Tx, results: Sequence[PushResult]) -> None:
    """Add these to their minutes. A push takes from its staging, or where it was asked for later, from its run's begin."""
    if results:
        await tx.execute(_COUNT_RESULTS, results)
