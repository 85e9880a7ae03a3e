"""The SQL of how the synchronisation is doing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.history.core.operations import Counted
from shared.db.tx import Record, Tx

_COUNTS = """
SELECT c.company_id, c.status, c.count FROM counters c
JOIN chain_heads h ON h.company_id = c.company_id AND h.source_account_id = c.account_id
WHERE c.company_id = ANY ($1::uuid[]) AND c.count > 0
"""


async def counts(tx: Tx, companies: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """How many records of each company's source have each status."""
    found: dict[UUID, dict[str, int]] = {company: {} for company in companies}
    for row in await tx.fetch(_COUNTS, companies):
        found[row["company_id"]][row["status"]] = row["count"]
    return found


_BEGIN = """
SELECT date_trunc('day', now()) + make_interval(mins => $2) * floor(
    extract(epoch FROM now() - date_trunc('day', now())) / 60 / $2) - make_interval(mins => $1)
"""


async def begin(tx: Tx, minutes: int, step: int) -> datetime:
    """The begin of the first of the steps that end now."""
    found: datetime = await tx.fetchval(_BEGIN, minutes, step)
    return found


_RESULTS = """
SELECT date_bin(make_interval(mins => $3), event_time, $2) AS at, outcome, pace::int, sum(count)::int AS count
FROM minutes WHERE company_id = $1 AND event_time >= $2 GROUP BY 1, 2, 3
"""


async def results(tx: Tx, company: UUID, begin: datetime, step: int) -> list[Counted]:
    """What became of pushes since `begin`, in steps of so many minutes."""
    return [Counted(*row) for row in await tx.fetch(_RESULTS, company, begin, step)]


_REASONS = """
SELECT outcome, reason, sum(count)::int AS count FROM minutes
WHERE company_id = $1 AND event_time >= now() - interval '1 day' AND outcome <> 'succeeded'
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 20
"""


async def reasons(tx: Tx, company: UUID) -> list[Record]:
    """Why pushes of the last day did not succeed, the most frequent reason first."""
    return await tx.fetch(_REASONS, company)


_FAILED = """
SELECT company_id, reason, sum(count)::int AS count FROM minutes
WHERE company_id = ANY ($1::uuid[]) AND event_time >= now() - interval '1 day' AND outcome = 'failed'
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""


async def failures(tx: Tx, companies: Sequence[UUID]) -> list[Record]:
    """Why pushes of these companies failed within the last day, the most frequent reason of each first."""
    return await tx.fetch(_FAILED, companies)


_OLDEST = """
SELECT record_id, number, status, updated_at AS since FROM record_view
WHERE company_id = $1 AND account_id IS NOT NULL AND NOT removed
  AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND status_key IN ('a', 'b', 'c', 'e')
ORDER BY updated_at LIMIT 1
"""


async def oldest(tx: Tx, company: UUID) -> Record | None:
    """The record that has waited longest for a push, a retry or a person."""
    return await tx.fetchrow(_OLDEST, company)


_RUNNING = """
SELECT company_id, count(*)::int AS running FROM run_view
WHERE company_id = ANY ($1::uuid[]) AND state = 'running' AND started_at > now() - interval '1 day' GROUP BY 1
"""


async def running(tx: Tx, companies: Sequence[UUID]) -> dict[UUID, int]:
    """How many runs of each company are under way."""
    return {row["company_id"]: row["running"] for row in await tx.fetch(_RUNNING, companies)}


_KEEP = "SELECT muster.keep_partitions('minutes', $1)"


async def keep_minutes(tx: Tx, days: int) -> None:
    """Make the partitions of the next days, and drop those that are older than so many."""
    await tx.execute(_KEEP, days)
