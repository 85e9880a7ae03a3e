"""history's SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from services.history.core import GENESIS, Entry, folded, situation
from shared.contracts.events import (
    EmployeeStaged,
    ImportCompleted,
    ImportFailed,
    ImportProgressed,
    ImportStarted,
    Message,
    RecordLinked,
    StatusChanged,
    SyncCompleted,
    SyncProgressed,
    SyncStarted,
)
from shared.db.tx import Record, Tx

_HEADS = "SELECT company_id, n, hash FROM chain_heads WHERE company_id = ANY ($1::uuid[]) ORDER BY company_id FOR UPDATE"
_ADD_HEADS = """
INSERT INTO chain_heads (company_id, n, hash) SELECT unnest($1::uuid[]), 0, $2 ON CONFLICT DO NOTHING
"""


async def lock_heads(tx: Tx) -> dict[UUID, tuple[int, bytes]]:
    """The last number and hash of each company's chain, locked in key order until the end."""
    rows = await tx.fetch(_HEADS, list(tx.companies))
    if len(rows) < len(tx.companies):
        await tx.execute(_ADD_HEADS, list(tx.companies), GENESIS)
        rows = await tx.fetch(_HEADS, list(tx.companies))
    return {row["company_id"]: (row["n"], row["hash"]) for row in rows}


_APPEND = """
WITH moved AS (
    UPDATE chain_heads h SET n = m.n, hash = m.hash FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS m (company_id, n, hash)
    WHERE h.company_id = m.company_id
)
INSERT INTO log (company_id, n, event_id, event_time, type, record_id, run_id, actor, body, hash)
SELECT * FROM unnest($4::uuid[], $5::bigint[], $6::uuid[], $7::timestamptz[], $8::text[], $9::uuid[], $10::uuid[],
                     $11::text[], $12::bytea[], $13::bytea[])
"""


async def append(tx: Tx, heads: Mapping[UUID, tuple[int, bytes]], entries: Sequence[tuple[UUID, Entry]]) -> None:
    """Append these (company, entry) to the log and move the heads."""
    await tx.execute(
        _APPEND,
        list(heads),
        [n for n, _ in heads.values()],
        [digest for _, digest in heads.values()],
        [c for c, _ in entries],
        [e.n for _, e in entries],
        [e.event_id for _, e in entries],
        [e.event_time for _, e in entries],
        [e.type for _, e in entries],
        [e.record_id for _, e in entries],
        [e.run_id for _, e in entries],
        [e.actor for _, e in entries],
        [e.body for _, e in entries],
        [e.hash for _, e in entries],
    )


_EMPLOYEES = """
INSERT INTO records (company_id, record_id, account_id, remote_id, rev, number, first_name, last_name, name, email, search,
                     employee, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[],
                     $9::text[], $10::text[], $11::text[], $12::json[], $13::timestamptz[])
ON CONFLICT (company_id, record_id) DO UPDATE SET
    account_id = excluded.account_id, remote_id = excluded.remote_id, rev = excluded.rev, removed = false,
    number = excluded.number, first_name = excluded.first_name, last_name = excluded.last_name, name = excluded.name,
    email = excluded.email, search = excluded.search, employee = excluded.employee, updated_at = excluded.updated_at
WHERE records.rev < excluded.rev
"""


async def save_employees(tx: Tx, messages: Sequence[Message[EmployeeStaged]]) -> None:
    """The newest values of each record; an older rev changes nothing."""
    if messages:
        people = [m.body.employee for m in messages]
        await tx.execute(
            _EMPLOYEES,
            [m.company_id for m in messages],
            [m.body.record_id for m in messages],
            [m.body.account_id for m in messages],
            [m.body.remote_id for m in messages],
            [m.body.rev for m in messages],
            [e.number for e in people],
            [e.first_name for e in people],
            [e.last_name for e in people],
            names := [e.full_name() for e in people],
            [e.email for e in people],
            [folded(name, e.number, e.email) for name, e in zip(names, people, strict=True)],
            [e.model_dump_json(exclude_unset=True) for e in people],
            [m.time for m in messages],
        )


_GONE = """
INSERT INTO records (company_id, record_id, account_id, remote_id, rev, removed, name, updated_at)
SELECT c, r, a, i, v, x, i, t
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::boolean[], $7::timestamptz[])
     AS n (c, r, a, i, v, x, t)
ON CONFLICT (company_id, record_id) DO UPDATE SET
    rev = excluded.rev, removed = excluded.removed, updated_at = excluded.updated_at,
    account_id = excluded.account_id, remote_id = excluded.remote_id
WHERE records.rev < excluded.rev
"""


async def save_gone(tx: Tx, messages: Sequence[Message[Any]], *, removed: bool) -> None:
    """Records that are removed, or that came in a form that cannot be read; what was known of them stays."""
    if messages:
        await tx.execute(
            _GONE,
            [m.company_id for m in messages],
            [m.body.record_id for m in messages],
            [m.body.account_id for m in messages],
            [m.body.remote_id for m in messages],
            [m.body.rev for m in messages],
            [removed for _ in messages],
            [m.time for m in messages],
        )


_LINKS = """
INSERT INTO records (company_id, record_id, situation, link_rev, destination_record_id, destination_remote_id)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::uuid[], $6::text[])
ON CONFLICT (company_id, record_id) DO UPDATE SET
    situation = excluded.situation, link_rev = excluded.link_rev,
    destination_record_id = excluded.destination_record_id, destination_remote_id = excluded.destination_remote_id
WHERE records.link_rev < excluded.link_rev
"""


async def save_links(tx: Tx, messages: Sequence[Message[Any]]) -> None:
    """mapper's newest answers."""
    if messages:
        linked = [m.body if isinstance(m.body, RecordLinked) else None for m in messages]
        await tx.execute(
            _LINKS,
            [m.company_id for m in messages],
            [m.body.record_id for m in messages],
            [situation(m.body).value for m in messages],
            [m.body.link_rev for m in messages],
            [b.destination_record_id if b else None for b in linked],
            [b.destination_remote_id if b else None for b in linked],
        )


_STATUSES = """
INSERT INTO records (company_id, record_id, status, reason, field, status_rev, synced_at, updated_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::timestamptz[],
                     $8::timestamptz[])
ON CONFLICT (company_id, record_id) DO UPDATE SET
    status = excluded.status, reason = excluded.reason, field = excluded.field, status_rev = excluded.status_rev,
    synced_at = excluded.synced_at, updated_at = excluded.updated_at
WHERE records.status_rev < excluded.status_rev
"""


async def save_statuses(tx: Tx, messages: Sequence[Message[StatusChanged]]) -> None:
    """syncer's newest statuses."""
    if messages:
        await tx.execute(
            _STATUSES,
            [m.company_id for m in messages],
            [m.body.record_id for m in messages],
            [m.body.status.value for m in messages],
            [m.body.reason for m in messages],
            [m.body.field for m in messages],
            [m.body.status_rev for m in messages],
            [m.body.synced_at for m in messages],
            [m.time for m in messages],
        )


_RUN = """
INSERT INTO runs (company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped, progress)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (company_id, run_id) DO UPDATE SET
    mode = coalesce(runs.mode, excluded.mode), actor = coalesce(runs.actor, excluded.actor),
    started_at = least(runs.started_at, excluded.started_at),
    state = CASE WHEN runs.ended_at IS NULL THEN excluded.state ELSE runs.state END,
    reason = coalesce(runs.reason, excluded.reason),
    ended_at = coalesce(runs.ended_at, excluded.ended_at),
    counts = CASE WHEN excluded.progress >= runs.progress THEN excluded.counts ELSE runs.counts END,
    skipped = CASE WHEN excluded.progress >= runs.progress THEN excluded.skipped ELSE runs.skipped END,
    progress = greatest(runs.progress, excluded.progress)
"""
Run = ImportStarted | ImportProgressed | ImportFailed | SyncStarted | SyncProgressed


async def save_run(tx: Tx, message: Message[Run]) -> None:
    """One step of a run. Whatever the order they come in, the furthest stands and an end stays."""
    body = message.body
    kind = "sync" if isinstance(body, SyncStarted | SyncProgressed) else "import"
    ended = isinstance(body, ImportCompleted | ImportFailed | SyncCompleted)
    state = "failed" if isinstance(body, ImportFailed) else "completed" if ended else "running"
    counts = {n: v for n, v in body.model_dump().items() if isinstance(v, int)}
    done = counts.get("read", 0) + counts.get("succeeded", 0) + counts.get("failed", 0)
    progress = 0 if isinstance(body, ImportStarted | SyncStarted) else 1 + done + (10**12 if ended else 0)
    await tx.execute(
        _RUN,
        message.company_id,
        body.run_id,
        kind,
        getattr(body, "mode", None),
        state,
        getattr(body, "reason", None),
        message.actor,
        message.time,
        message.time if ended else None,
        orjson.dumps(counts).decode(),
        orjson.dumps(getattr(body, "skipped", {})).decode(),
        progress,
    )


_ASCENDING = """
WITH wanted AS (
    SELECT *, CASE $6 WHEN 'number' THEN coalesce(number, '') WHEN 'name' THEN search WHEN 'status' THEN status
        WHEN 'synced_at' THEN coalesce(to_char(synced_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '')
        ELSE to_char(updated_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') END AS sort_key
    FROM records
    WHERE company_id = $1 AND account_id = $2 AND (NOT removed OR situation = 'linked')
      AND ($3::text[] IS NULL OR status = ANY ($3)) AND ($4::text IS NULL OR search LIKE $4)
)
SELECT * FROM wanted WHERE $7::text IS NULL OR (sort_key, record_id) > ($7, $8::uuid)
ORDER BY sort_key, record_id LIMIT $5
"""
_DESCENDING = """
WITH wanted AS (
    SELECT *, CASE $6 WHEN 'number' THEN coalesce(number, '') WHEN 'name' THEN search WHEN 'status' THEN status
        WHEN 'synced_at' THEN coalesce(to_char(synced_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS'), '')
        ELSE to_char(updated_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISSUS') END AS sort_key
    FROM records
    WHERE company_id = $1 AND account_id = $2 AND (NOT removed OR situation = 'linked')
      AND ($3::text[] IS NULL OR status = ANY ($3)) AND ($4::text IS NULL OR search LIKE $4)
)
SELECT * FROM wanted WHERE $7::text IS NULL OR (sort_key, record_id) < ($7, $8::uuid)
ORDER BY sort_key DESC, record_id DESC LIMIT $5
"""


async def list_records(
    tx: Tx,
    company: UUID,
    account: UUID,
    *,
    statuses: Sequence[str] | None,
    like: str | None,
    limit: int,
    sort: str,
    descending: bool,
    after: tuple[str, UUID] | None,
) -> list[Record]:
    """One page of the source's records in the order of `sort`, behind `after`."""
    sql = _DESCENDING if descending else _ASCENDING
    key, record = after or (None, None)
    return await tx.fetch(sql, company, account, statuses, like, limit, sort, key, record)


_COUNTS = """
SELECT status, count(*) AS n FROM records
WHERE company_id = $1 AND account_id = $2 AND (NOT removed OR situation = 'linked')
  AND ($3::text IS NULL OR search LIKE $3)
GROUP BY status
"""


async def count_records(tx: Tx, company: UUID, account: UUID, like: str | None) -> dict[str, int]:
    """How many of the source's records have each status."""
    return {row["status"]: row["n"] for row in await tx.fetch(_COUNTS, company, account, like)}


_RESOLVE = """
SELECT record_id, rev, status FROM records
WHERE company_id = $1 AND account_id = $2 AND (NOT removed OR situation = 'linked')
  AND ($3::uuid[] IS NULL OR record_id = ANY ($3)) AND ($4::text[] IS NULL OR status = ANY ($4))
  AND ($5::text IS NULL OR search LIKE $5)
ORDER BY record_id
"""


async def resolve(
    tx: Tx, company: UUID, account: UUID, ids: Sequence[UUID] | None, statuses: Sequence[str] | None, like: str | None
) -> list[Record]:
    """What is selected by ids or by a filter, as it stands in this one snapshot."""
    return await tx.fetch(_RESOLVE, company, account, ids, statuses, like)


_RECORD = """
SELECT r.*, d.employee AS destination_employee FROM records r
LEFT JOIN records d ON d.company_id = r.company_id AND d.record_id = r.destination_record_id
WHERE r.company_id = $1 AND r.record_id = $2 AND r.account_id IS NOT NULL
"""


async def one_record(tx: Tx, company: UUID, record: UUID) -> Record | None:
    """One record with its own values and its destination record's."""
    return await tx.fetchrow(_RECORD, company, record)


_TIMELINE = """
SELECT n, event_time, type, actor, run_id, body FROM log
WHERE company_id = $1 AND record_id = ANY ($2::uuid[]) AND n < $3 ORDER BY n DESC LIMIT $4
"""


async def timeline(tx: Tx, company: UUID, records: Sequence[UUID], before: int, limit: int) -> list[Record]:
    """What happened to these records, newest first."""
    return await tx.fetch(_TIMELINE, company, records, before, limit)


_RUNS = """
SELECT * FROM runs WHERE company_id = $1 AND ($2::uuid IS NULL OR run_id = $2) ORDER BY started_at DESC, run_id LIMIT $3
"""


async def list_runs(tx: Tx, company: UUID, run: UUID | None, limit: int) -> list[Record]:
    """The newest runs, or the one named."""
    return await tx.fetch(_RUNS, company, run, limit)


_LOG = """
SELECT n, event_id, event_time, type, record_id, run_id, actor, body, hash FROM log
WHERE company_id = $1 AND n > $2 ORDER BY n LIMIT $3
"""


async def read_log(tx: Tx, company: UUID, after: int, limit: int) -> list[Entry]:
    """A stretch of the log in its order."""
    return [Entry(**row) for row in await tx.fetch(_LOG, company, after, limit)]
