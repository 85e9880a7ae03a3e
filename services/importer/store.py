"""importer's SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from services.importer.core import Fresh, Snapshot, Staging
from shared.contracts.records import Cause, Employee, Lane
from shared.db.tx import Record, Tx

COUNTS = ("read", "staged", "changed", "unchanged", "unreadable", "removed")


@dataclass(frozen=True, slots=True)
class Task:
    """One claimed read: what, why, how far."""

    company_id: UUID
    task_id: UUID
    account_id: UUID
    kind: str
    phase: str
    cause: Cause
    lane: Lane
    run_id: UUID | None
    actor: str | None
    remote_ids: Sequence[str]
    cursor: str | None
    page: int
    since: datetime | None
    watermark: datetime | None
    began_at: datetime | None
    as_of: datetime | None
    counts: Mapping[str, int]
    attempts: int
    lease_token: int


_LOCK_ACCOUNTS = (
    "SELECT pg_advisory_xact_lock(2, hashtext(k)) FROM (SELECT unnest($1::text[]) AS k ORDER BY k) AS t"
)


async def lock_accounts(tx: Tx, accounts: Sequence[UUID]) -> None:
    """One writer of an account's snapshots at a time, so that what is compared is what is replaced."""
    await tx.execute(_LOCK_ACCOUNTS, [str(a) for a in set(accounts)])


_HASHES = """
SELECT record_id, raw_hash FROM snapshots WHERE company_id = $1 AND record_id = ANY ($2::uuid[]) AND state <> 'removed'
"""


async def load_hashes(tx: Tx, company: UUID, records: Sequence[UUID]) -> dict[UUID, bytes | None]:
    """The raw hash of each of these records that staging holds."""
    return {r["record_id"]: r["raw_hash"] for r in await tx.fetch(_HASHES, company, records)}


_SNAPSHOTS = """
SELECT record_id, account_id, remote_id, rev, state, remote_version, remote_updated_at, requested_at, answered_at,
       raw_hash, content_hash, employee, payload
FROM snapshots WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_snapshots(tx: Tx, records: Sequence[UUID]) -> dict[UUID, Snapshot]:
    """These records as staged."""
    rows = await tx.fetch(_SNAPSHOTS, list(tx.companies), records)
    return {row["record_id"]: _snapshot(row) for row in rows}


def _snapshot(row: Record) -> Snapshot:
    *head, text, payload = row
    return Snapshot._make((*head, Employee.model_validate_json(text), text, payload))


_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


async def milliseconds(tx: Tx) -> int:
    """The database's clock, in milliseconds: the least rev of anything staged now."""
    return int(await tx.fetchval(_NOW))


_SAVE = """
INSERT INTO snapshots (company_id, record_id, account_id, remote_id, rev, state, remote_version, remote_updated_at,
                       requested_at, answered_at, raw_hash, content_hash, employee, payload)
SELECT $1, r.* FROM unnest($2::snapshot_row[]) r
ON CONFLICT (company_id, record_id) DO UPDATE SET
    rev = excluded.rev, state = excluded.state, remote_version = excluded.remote_version,
    remote_updated_at = excluded.remote_updated_at, requested_at = excluded.requested_at,
    answered_at = excluded.answered_at, raw_hash = excluded.raw_hash, content_hash = excluded.content_hash,
    employee = excluded.employee, payload = excluded.payload
"""


_EMPLOYEE = Snapshot._fields.index("employee")


async def save_snapshots(tx: Tx, company: UUID, saved: Sequence[Snapshot]) -> None:
    """Put these in place of what staging held."""
    if saved:
        await tx.execute(_SAVE, company, [(*s[:_EMPLOYEE], s.text, s.payload) for s in saved])


_SEEN = """
INSERT INTO seen (company_id, account_id, remote_id) SELECT $1, * FROM unnest($2::uuid[], $3::text[])
ON CONFLICT (company_id, account_id, remote_id) DO UPDATE SET seen_at = now()
"""


async def mark_seen(tx: Tx, company: UUID, seen: Sequence[Fresh]) -> None:
    """Note changes that the switches keep out of staging until somebody imports."""
    if seen:
        await tx.execute(_SEEN, company, [f.account_id for f in seen], [f.remote_id for f in seen])


_ADD_TASK = """
INSERT INTO read_tasks (company_id, task_id, account_id, kind, cause, lane, run_id, actor, remote_ids)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9
WHERE NOT ($10 AND EXISTS (
    SELECT FROM read_tasks WHERE company_id = $1 AND account_id = $3 AND kind IN ($4, 'full') AND done_at IS NULL
      AND run_id IS NULL))
ON CONFLICT DO NOTHING
"""


async def add_task(
    tx: Tx,
    company: UUID,
    account: UUID,
    kind: str,
    task_id: UUID,
    cause: Cause,
    lane: Lane,
    *,
    run_id: UUID | None = None,
    actor: str | None = None,
    remote_ids: Sequence[str] = (),
    unless_waiting: bool = False,
) -> None:
    """Ask for a read. `unless_waiting`: not when the system has already asked for one that brings the same."""
    await tx.execute(
        _ADD_TASK,
        company,
        task_id,
        account,
        kind,
        cause,
        lane,
        run_id,
        actor,
        list(remote_ids),
        unless_waiting,
    )


_DIRECTORY = """
INSERT INTO directories (company_id, account_id) VALUES ($1, $2)
ON CONFLICT (company_id, account_id) DO UPDATE SET company_id = excluded.company_id
RETURNING complete_as_of, generation, watermark
"""


async def directory(tx: Tx, company: UUID, account: UUID) -> Record:
    """How far this account has been read; made on first sight."""
    row = await tx.fetchrow(_DIRECTORY, company, account)
    assert row is not None
    return row


_CLAIM = """
UPDATE read_tasks t SET lease_token = lease_token + 1, lease_until = now() + make_interval(secs => $1)
WHERE (company_id, task_id) = (
    SELECT company_id, task_id FROM read_tasks c
    WHERE done_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
      AND (kind = 'records' OR NOT EXISTS (
          SELECT FROM read_tasks o WHERE o.company_id = c.company_id AND o.account_id = c.account_id
            AND o.task_id <> c.task_id AND o.kind <> 'records' AND o.done_at IS NULL
            AND (o.lease_until >= now() OR (o.due_at, o.task_id) < (c.due_at, c.task_id))))
    ORDER BY lane = 'bulk', due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING company_id, task_id, account_id, kind, phase, cause, lane, run_id, actor, remote_ids, cursor, page, since,
          watermark, began_at, as_of, counts, attempts, lease_token
"""


async def claim_task(tx: Tx, lease_seconds: float) -> Task | None:
    """The next read that is due, under a lease; one full read of an account at a time."""
    row = await tx.fetchrow(_CLAIM, lease_seconds)
    return _task(row) if row else None


def _task(row: Record) -> Task:
    values = dict(row.items())
    values["cause"], values["lane"] = Cause(row["cause"]), Lane(row["lane"])
    values["counts"] = orjson.loads(row["counts"])
    return Task(**values)


_ADVANCE = """
UPDATE read_tasks SET cursor = $4, page = page + 1, phase = $5, since = $6, watermark = $7, began_at = $8, as_of = $9,
       counts = $10, attempts = 0, lease_until = now() + make_interval(secs => $11)
WHERE company_id = $1 AND task_id = $2 AND lease_token = $3 AND done_at IS NULL
"""


async def advance(tx: Tx, task: Task, lease_seconds: float) -> bool:
    """Record how far `task` has come; False when the lease is lost."""
    tag = await tx.execute(
        _ADVANCE,
        task.company_id,
        task.task_id,
        task.lease_token,
        task.cursor,
        task.phase,
        task.since,
        task.watermark,
        task.began_at,
        task.as_of,
        orjson.dumps(dict(task.counts)).decode(),
        lease_seconds,
    )
    return tag == "UPDATE 1"


_PAGE = "INSERT INTO read_pages (company_id, task_id, page, record_ids) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


async def save_page(tx: Tx, task: Task, records: Sequence[UUID]) -> None:
    """Note which records this page of a full read met."""
    await tx.execute(_PAGE, task.company_id, task.task_id, task.page, records)


_REMOVE = """
UPDATE snapshots s SET state = 'removed', rev = greatest(s.rev + 1, $4), raw_hash = NULL
WHERE s.company_id = $1 AND s.account_id = $2 AND s.state <> 'removed' AND s.answered_at < $5
  AND s.record_id NOT IN (SELECT unnest(record_ids) FROM read_pages WHERE company_id = $1 AND task_id = $3)
RETURNING s.record_id, s.remote_id, s.rev
"""


async def remove_unmet(tx: Tx, task: Task, now_ms: int) -> list[Record]:
    """Mark removed what a complete read did not meet and nothing else has read since it began."""
    return await tx.fetch(_REMOVE, task.company_id, task.account_id, task.task_id, now_ms, task.began_at)


_REMOVE_GONE = """
UPDATE snapshots s SET state = 'removed', rev = greatest(s.rev + 1, $4), raw_hash = NULL
WHERE s.company_id = $1 AND s.account_id = $2 AND s.record_id = ANY ($3::uuid[]) AND s.state <> 'removed'
  AND s.answered_at < $5
RETURNING s.record_id, s.remote_id, s.rev
"""


async def remove_gone(
    tx: Tx, task: Task, records: Sequence[UUID], now_ms: int, told_at: datetime
) -> list[Record]:
    """Mark removed what the system said it does not have any more, unless it has been read since."""
    return await tx.fetch(_REMOVE_GONE, task.company_id, task.account_id, records, now_ms, told_at)


_COMPLETE = """
WITH gone AS (DELETE FROM read_pages WHERE company_id = $1 AND task_id = $3)
UPDATE directories SET watermark = $4, complete_as_of = $5, generation = generation + $6,
       next_full_at = CASE WHEN $6 = 1 THEN now() + make_interval(hours => $7) ELSE next_full_at END
WHERE company_id = $1 AND account_id = $2
RETURNING generation
"""


async def complete_directory(tx: Tx, task: Task, hours: int) -> int:
    """Note that the account is known up to the task's `as_of`; its generation."""
    full = 1 if task.kind == "full" else 0
    await directory(tx, task.company_id, task.account_id)
    return int(
        await tx.fetchval(
            _COMPLETE, task.company_id, task.account_id, task.task_id, task.watermark, task.as_of, full, hours
        )
    )


_END = """
UPDATE read_tasks SET done_at = now(), lease_until = NULL
WHERE company_id = $1 AND task_id = $2 AND lease_token = $3 AND done_at IS NULL
"""


async def end_task(tx: Tx, task: Task) -> bool:
    """The task is over; False when the lease is lost."""
    return await tx.execute(_END, task.company_id, task.task_id, task.lease_token) == "UPDATE 1"


_OTHERS = """
SELECT count(*) FILTER (WHERE done_at IS NULL), coalesce(json_agg(counts), '[]')
FROM read_tasks WHERE company_id = $1 AND run_id = $2 AND task_id <> $3
"""


async def other_parts(tx: Tx, task: Task) -> tuple[int, list[Mapping[str, int]]]:
    """The run's other tasks: how many are open, and the counts of all."""
    row = await tx.fetchrow(_OTHERS, task.company_id, task.run_id, task.task_id)
    assert row is not None
    return row[0], orjson.loads(row[1])


_RETRY = """
UPDATE read_tasks SET attempts = attempts + 1, lease_until = NULL, due_at = now() + make_interval(secs => $4)
WHERE company_id = $1 AND task_id = $2 AND lease_token = $3
"""


async def retry_task(tx: Tx, task: Task, delay_seconds: float) -> None:
    """Give the lease back and try again later."""
    await tx.execute(_RETRY, task.company_id, task.task_id, task.lease_token, delay_seconds)


_DUE_GENERATIONS = """
UPDATE directories SET next_full_at = now() + interval '1 hour'
WHERE next_full_at < now() RETURNING company_id, account_id
"""


async def due_generations(tx: Tx) -> list[Record]:
    """Accounts whose daily complete read is due; each is answered once an hour until it is done."""
    return await tx.fetch(_DUE_GENERATIONS)


_PAYLOAD = """
SELECT account_id, remote_id, state, rev, remote_version, answered_at, employee, payload
FROM snapshots WHERE company_id = $1 AND record_id = $2
"""


async def payload(tx: Tx, company: UUID, record: UUID) -> Record | None:
    """One record's raw JSON and what was understood of it."""
    return await tx.fetchrow(_PAYLOAD, company, record)


def counted(counts: Mapping[str, int], staging: Staging, read: int) -> dict[str, int]:
    """The task's counts with one more page."""
    return {
        **{name: counts.get(name, 0) for name in COUNTS},
        "read": counts.get("read", 0) + read,
        "staged": counts.get("staged", 0) + staging.staged,
        "changed": counts.get("changed", 0) + staging.changed,
        "unchanged": counts.get("unchanged", 0) + staging.unchanged,
        "unreadable": counts.get("unreadable", 0) + staging.unreadable,
    }
