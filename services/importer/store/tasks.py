"""Read tasks: what is to be read and why, how far it has come, under whose lease, and with which counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import orjson

from services.importer.core import Staging
from shared.db.tx import Record, Tx
from shared.domain.settings import CompanySettings
from shared.domain.values import Cause, Lane

READS = "reads"
"""The kind of work: tasks to read."""

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
    parts: int
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
    traceparent: str | None = None
    """The trace of what asked for it."""
    gone_at_most: int = 0
    """So many people a person has confirmed as gone."""


class Claimed(NamedTuple):
    """A read that was claimed, and the settings of its company, where they are known."""

    task: Task
    settings: CompanySettings | None


_CLAIM = """
UPDATE read_tasks t SET lease_token = lease_token + 1, lease_until = now() + make_interval(secs => $1),
       attempts = attempts + (lease_until IS NOT NULL)::int
WHERE (company_id, task_id) = (
    SELECT company_id, task_id FROM read_tasks c
    WHERE done_at IS NULL AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
      AND (kind = 'records' OR NOT EXISTS (
          SELECT FROM read_tasks o WHERE o.company_id = c.company_id AND o.account_id = c.account_id
            AND o.task_id <> c.task_id AND o.kind <> 'records' AND o.done_at IS NULL
            AND (o.lease_until >= now() OR (o.due_at, o.task_id) < (c.due_at, c.task_id))))
      AND NOT (kind = 'records' AND cause = 'hook' AND EXISTS (
          SELECT FROM read_tasks o WHERE o.company_id = c.company_id AND o.account_id = c.account_id AND o.cause = 'hook'
            AND o.done_at IS NULL AND o.lease_until >= now()))
    ORDER BY lane = 'bulk', due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING company_id, task_id, account_id, kind, phase, cause, lane, run_id, actor, parts, remote_ids, cursor, page,
          since, watermark, began_at, as_of, counts, attempts, lease_token, traceparent, gone_at_most,
          -- Records that are read twice after a crash of the database are staged once: their claim waits for no disk.
          set_config('synchronous_commit', CASE kind WHEN 'records' THEN 'off' ELSE current_setting('synchronous_commit') END,
                     true) AS commits,
          EXISTS (SELECT FROM read_tasks o WHERE o.done_at IS NULL AND o.due_at <= now() AND o.task_id <> t.task_id
                  AND (o.lease_until IS NULL OR o.lease_until < now())) AS more
"""


async def claim_task(tx: Tx, lease_seconds: float) -> Task | None:
    """The next read that is due, under a lease.

    One complete read of an account at a time, and one of hints: those that come meanwhile are gathered for the next.
    A read whose last worker let its lease run out has been tried once more.
    """
    row = await tx.fetchrow(_CLAIM, lease_seconds)
    if row is None:
        return None
    if row["more"]:
        tx.made_due(READS)
    return task_of(row)


def task_of(row: Record) -> Task:
    """A row of `read_tasks` that was claimed."""
    values = {name: value for name, value in row.items() if name in Task.__dataclass_fields__}
    values["cause"], values["lane"] = Cause(row["cause"]), Lane(row["lane"])
    values["counts"] = orjson.loads(row["counts"])
    return Task(**values)


_RENEW = """
UPDATE read_tasks SET lease_until = now() + make_interval(secs => $4)
WHERE company_id = $1 AND task_id = $2 AND lease_token = $3 AND done_at IS NULL
"""


async def renew(tx: Tx, task: Task, lease_seconds: float) -> bool:
    """Keep the lease while a system is waited for; False when it is lost."""
    tag = await tx.execute(_RENEW, task.company_id, task.task_id, task.lease_token, lease_seconds)
    return tag == "UPDATE 1"


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


_END = """
WITH ended AS (
    UPDATE read_tasks SET done_at = now(), lease_until = NULL, counts = $4
    WHERE company_id = $1 AND task_id = $2 AND lease_token = $3 AND done_at IS NULL
    RETURNING account_id
)
SELECT EXISTS (SELECT FROM read_tasks o WHERE o.company_id = $1 AND o.account_id = ended.account_id AND o.task_id <> $2
               AND o.done_at IS NULL AND o.due_at <= now() AND (o.lease_until IS NULL OR o.lease_until < now())) AS more
FROM ended
"""


async def end_task(tx: Tx, task: Task) -> bool:
    """The task is over, with its counts; False when the lease is lost."""
    counts = orjson.dumps(dict(task.counts)).decode()
    row = await tx.fetchrow(_END, task.company_id, task.task_id, task.lease_token, counts)
    if row is not None and row["more"]:
        tx.made_due(READS)  # it may have waited for this one to end
    return row is not None


_GIVE_UP = """
UPDATE read_tasks SET done_at = coalesce(done_at, now()), lease_until = NULL, given_up = true
WHERE company_id = $1 AND run_id = $2
"""


async def give_up(tx: Tx, company: UUID, run: UUID) -> None:
    """The run has failed: no part of it is read any more."""
    await tx.execute(_GIVE_UP, company, run)


_CANCEL = """
WITH ended AS (
    UPDATE read_tasks SET done_at = coalesce(done_at, now()), lease_until = NULL, given_up = true
    WHERE company_id = $1 AND run_id = $2 AND NOT given_up
      AND EXISTS (SELECT FROM read_tasks WHERE company_id = $1 AND run_id = $2 AND done_at IS NULL)
    RETURNING counts
)
SELECT json_agg(counts) FROM ended
"""


async def cancel(tx: Tx, company: UUID, run: UUID) -> dict[str, int] | None:
    """End a run whose parts are not all over: nothing more of it is read. Its counts so far; None for one that is over."""
    found = await tx.fetchval(_CANCEL, company, run)
    if found is None:
        return None
    counts = orjson.loads(found)
    return {name: sum(one.get(name, 0) for one in counts) for name in COUNTS if name != "removed"}


_OTHERS = """
SELECT count(*) FILTER (WHERE done_at IS NOT NULL), coalesce(bool_or(given_up), false), coalesce(json_agg(counts), '[]')
FROM read_tasks WHERE company_id = $1 AND run_id = $2 AND task_id <> $3
"""


@dataclass(frozen=True, slots=True)
class Others:
    """The other parts of a task's run: how many have not ended (they may not have arrived), and the counts of all."""

    waiting: int
    given_up: bool
    counts: Sequence[Mapping[str, int]]


async def other_parts(tx: Tx, task: Task) -> Others:
    """How far the run has come beside `task`."""
    row = await tx.fetchrow(_OTHERS, task.company_id, task.run_id, task.task_id)
    assert row is not None
    return Others(max(0, task.parts - 1 - row[0]), row[1], orjson.loads(row[2]))


_ATTEMPTS = """
SELECT attempts FROM read_tasks WHERE company_id = $1 AND task_id = $2 AND lease_token = $3 AND done_at IS NULL FOR UPDATE
"""


async def attempts(tx: Tx, task: Task) -> int | None:
    """How often the page that the task stands at was tried without success; None when the lease is lost."""
    found: int | None = await tx.fetchval(_ATTEMPTS, task.company_id, task.task_id, task.lease_token)
    return found


_RETRY = """
UPDATE read_tasks SET attempts = attempts + $5::int, lease_until = NULL, due_at = now() + make_interval(secs => $4)
WHERE company_id = $1 AND task_id = $2 AND lease_token = $3
"""


async def retry_task(tx: Tx, task: Task, delay_seconds: float, *, attempt: bool = True) -> None:
    """Give the lease back and try again later; whether that was an `attempt`."""
    await tx.execute(_RETRY, task.company_id, task.task_id, task.lease_token, delay_seconds, int(attempt))


_FORGET_OLD = """
WITH old AS (
    SELECT company_id, task_id FROM read_tasks WHERE done_at < now() - make_interval(days => $1) ORDER BY done_at LIMIT $2
), pages AS (
    DELETE FROM read_pages p USING old WHERE p.company_id = old.company_id AND p.task_id = old.task_id
)
DELETE FROM read_tasks t USING old WHERE t.company_id = old.company_id AND t.task_id = old.task_id
"""
FORGET_AT_ONCE = 1000


async def forget_old(tx: Tx, days: int) -> bool:
    """Delete reads that were over so many days ago, and what given-up ones had met; whether there may be more."""
    return await tx.execute(_FORGET_OLD, days, FORGET_AT_ONCE) == f"DELETE {FORGET_AT_ONCE}"


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
