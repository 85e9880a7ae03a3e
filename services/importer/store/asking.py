"""Asking for reads: what is to be read is noted, or joins what waits already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.importer.store.tasks import READS, Task, task_of
from shared.db.tx import Tx
from shared.domain.values import Cause, Lane
from shared.telemetry.traces import traceparent

DELTA_SECONDS = 2.0
"""Between the starts of two deltas of an account."""

_ADD_TASK = """
INSERT INTO read_tasks (company_id, task_id, account_id, kind, cause, lane, run_id, actor, parts, remote_ids, traceparent,
                        gone_at_most)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $12, $13
WHERE NOT ($11 AND EXISTS (
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
    parts: int = 1,
    remote_ids: Sequence[str] = (),
    unless_waiting: bool = False,
    gone_at_most: int = 0,
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
        parts,
        list(remote_ids),
        unless_waiting,
        traceparent(),
        gone_at_most,
    )
    tx.made_due(READS)


_ADD_HINTS = """
WITH free AS (
    SELECT $9::float8 IS NOT NULL AND $10::float8 = 0 AND NOT EXISTS (
        SELECT FROM read_tasks WHERE company_id = $1 AND account_id = $3 AND cause = $4 AND done_at IS NULL
          AND lease_until >= now()) AS claimed
), waiting AS (
    SELECT company_id, task_id FROM read_tasks
    WHERE company_id = $1 AND account_id = $3 AND kind = 'records' AND cause = $4 AND run_id IS NULL AND done_at IS NULL
      AND lease_until IS NULL AND attempts = 0 AND page = 0 AND cardinality($6::text[]) > 0
      AND cardinality(ARRAY(SELECT DISTINCT unnest(remote_ids || $6::text[]))) <= $7
      AND due_at <= now() + make_interval(secs => $10)
    ORDER BY due_at DESC LIMIT 1 FOR UPDATE SKIP LOCKED
), merged AS (
    UPDATE read_tasks t SET remote_ids = ARRAY(SELECT DISTINCT unnest(t.remote_ids || $6::text[])),
           lease_token = t.lease_token + f.claimed::int,
           lease_until = CASE WHEN f.claimed THEN now() + make_interval(secs => $9) END
    FROM waiting w, free f WHERE t.company_id = w.company_id AND t.task_id = w.task_id RETURNING t.*
), hinted AS (
    UPDATE directories SET hinted_at = now() WHERE company_id = $1 AND account_id = $3
      AND (hinted_at IS NULL OR hinted_at < now() - interval '10 seconds')
), again AS (
    -- The system answers: a read of changes that has failed need not wait.
    UPDATE read_tasks SET due_at = now() WHERE company_id = $1 AND account_id = $3 AND kind = 'delta' AND done_at IS NULL
      AND attempts > 1 AND lease_until IS NULL AND due_at > now()
), added AS (
    INSERT INTO read_tasks (company_id, task_id, account_id, kind, cause, lane, remote_ids, traceparent, due_at, lease_token,
                            lease_until)
    SELECT $1, $2, $3, 'records', $4, $5, $6, $8, now() + make_interval(secs => $10), f.claimed::int,
           CASE WHEN f.claimed THEN now() + make_interval(secs => $9) END
    FROM free f WHERE cardinality($6::text[]) > 0 AND NOT EXISTS (SELECT FROM merged)
    ON CONFLICT DO NOTHING RETURNING *
)
SELECT * FROM (SELECT * FROM merged UNION ALL SELECT * FROM added) AS task WHERE lease_until IS NOT NULL
"""
HINTS_AT_ONCE = 500
"""People whom one read of hints names, so that one transaction can stage them."""
ANSWER_SECONDS = 1.0
"""What an account reports that we write to waits so long: it may be our own write, whose answer is on its way."""
ECHO_SECONDS = 10.0
"""What is most likely an echo of our own write waits so long: one read for all that come meanwhile."""


async def add_hints(
    tx: Tx,
    company: UUID,
    account: UUID,
    task_id: UUID,
    remote_ids: Sequence[str],
    *,
    lease_seconds: float | None = None,
    delay_seconds: float = 0.0,
) -> Task | None:
    """The system has told of changes: ask for a read of these people, if any, in so many seconds.

    A read of hints that begins by then takes them along. With `lease_seconds` the read is claimed for the caller, unless
    it begins later or another read of hints of the account is under way.
    """
    values = (Cause.HOOK, Lane.REAL_TIME, list(remote_ids), HINTS_AT_ONCE, traceparent())
    row = await tx.fetchrow(_ADD_HINTS, company, task_id, account, *values, lease_seconds, delay_seconds)
    if row is None and remote_ids and not delay_seconds:
        tx.made_due(READS)
    return task_of(row) if row else None


_PUT_OFF_ECHOES = """
WITH waiting AS (
    SELECT company_id, task_id, remote_ids, due_at > now() + make_interval(secs => $6) AS later FROM read_tasks
    WHERE company_id = $1 AND account_id = $2 AND kind = 'records' AND cause = $3 AND run_id IS NULL AND done_at IS NULL
      AND lease_until IS NULL AND attempts = 0 AND page = 0
    FOR UPDATE SKIP LOCKED
), echoes AS (
    SELECT company_id, task_id, ARRAY(SELECT unnest(remote_ids) EXCEPT SELECT unnest($5::text[])) AS others
    FROM waiting WHERE NOT later AND remote_ids && $5::text[]
), freed AS (
    UPDATE read_tasks t SET remote_ids = others, done_at = CASE WHEN others = '{}' THEN now() END
    FROM echoes e WHERE t.company_id = e.company_id AND t.task_id = e.task_id
), names AS (
    SELECT ARRAY(SELECT unnest(remote_ids) FROM waiting WHERE NOT later INTERSECT SELECT unnest($5::text[])) AS echoed
), joined AS (
    UPDATE read_tasks t SET remote_ids = ARRAY(SELECT DISTINCT unnest(t.remote_ids || n.echoed)) FROM names n
    WHERE (t.company_id, t.task_id) = (
        SELECT company_id, task_id FROM waiting WHERE later AND cardinality(remote_ids || n.echoed) <= $8 LIMIT 1)
    RETURNING 1
)
INSERT INTO read_tasks (company_id, task_id, account_id, kind, cause, lane, remote_ids, due_at)
SELECT $1, $4, $2, 'records', $3, $9, echoed, now() + make_interval(secs => $7)
FROM names WHERE echoed <> '{}' AND NOT EXISTS (SELECT FROM joined)
ON CONFLICT DO NOTHING
"""


async def put_off_echoes(tx: Tx, company: UUID, account: UUID, task_id: UUID, written: Sequence[str]) -> None:
    """We have just learnt that we wrote these: the hints of them that wait are most likely echoes, and are read with others."""
    values = (list(written), ANSWER_SECONDS, ECHO_SECONDS, HINTS_AT_ONCE, Lane.REAL_TIME)
    await tx.execute(_PUT_OFF_ECHOES, company, account, Cause.HOOK, task_id, *values)


_WANT_DIRECTORY = """
INSERT INTO read_tasks (company_id, task_id, account_id, kind, cause, lane, traceparent, due_at)
SELECT $1, $2, $3, CASE WHEN d.complete_as_of IS NULL THEN 'full' ELSE 'delta' END, $5, $6, $8,
       greatest(now(), d.began_at + make_interval(secs => $7))
FROM directories d CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'delta') AS deltas,
           count(*) FILTER (WHERE d.complete_as_of IS NULL OR (as_of IS NULL AND coalesce(lease_until < now(), true))) AS serving
    FROM read_tasks WHERE company_id = $1 AND account_id = $3 AND kind IN ('full', 'delta') AND done_at IS NULL AND run_id IS NULL
) t
WHERE d.company_id = $1 AND d.account_id = $3 AND (d.complete_as_of IS NULL OR d.complete_as_of < $4)
  AND t.serving = 0 AND t.deltas < 2
ON CONFLICT DO NOTHING
"""


async def want_directory(
    tx: Tx, company: UUID, account: UUID, task_id: UUID, not_before: datetime, cause: Cause = Cause.READ
) -> None:
    """Ask for a delta that begins after `not_before`; one that has not begun yet, or begins again, serves all who ask.

    An account that was never read is read completely. Deltas of an account begin `DELTA_SECONDS` apart, and no third one is
    open beside two that have begun: who asked asks again.
    """
    await tx.execute(
        _WANT_DIRECTORY,
        company,
        task_id,
        account,
        not_before,
        cause,
        Lane.REAL_TIME,
        DELTA_SECONDS,
        traceparent(),
    )
    tx.made_due(READS)
