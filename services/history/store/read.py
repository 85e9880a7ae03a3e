"""The SQL behind what people see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.history.core.fold import Run
from services.history.core.show import Cursor
from services.history.store.fold import run_of
from shared.db.tx import Record, Tx

FEW = 2_000
"""Records that are sorted within a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of the list's records. `pattern` is a LIKE pattern over the searchable text; no statuses means all."""

    statuses: Sequence[str] = ()
    pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a list before a page of it is read."""

    account: UUID | None
    """Whose records it shows."""
    counts: Mapping[str, int]
    """How many records with the text have each status."""
    found: Sequence[UUID] | None
    """The records with the text, where they are few; else None."""

    def total(self, wanted: Filter) -> int:
        """How many records the filter lets through."""
        return sum(n for status, n in self.counts.items() if not wanted.statuses or status in wanted.statuses)


_SOURCE = "SELECT source_account_id FROM chain_heads WHERE company_id = $1"
_FOUND = "SELECT found($1, $2, $3, $4)"
_COUNTED = "SELECT status, count FROM counters WHERE company_id = $1 AND account_id = $2 AND count > 0"
_COUNT = """
SELECT status, count(*) FROM record_view
WHERE company_id = $1 AND account_id = $2 AND ($3::uuid[] IS NULL OR record_id = ANY ($3)) AND search LIKE $4 GROUP BY 1
"""


async def survey(tx: Tx, company: UUID, pattern: str | None) -> Survey:
    """How many records the list holds by status: from the counters, or counted where a text is searched for."""
    account = await tx.fetchval(_SOURCE, company)
    if account is None:
        return Survey(None, {}, [])
    found = None
    if pattern is None:
        rows = await tx.fetch(_COUNTED, company, account)
    else:
        ids = await tx.fetchval(_FOUND, company, account, pattern, FEW + 1)
        found = ids if len(ids) <= FEW else None
        rows = await tx.fetch(_COUNT, company, account, found, pattern)
    return Survey(account, {r["status"]: r["count"] for r in rows}, found)


_FEW_UP = """
SELECT v.*, d.remote_id AS found_remote_id FROM (
    SELECT * FROM (
        SELECT *,
            CASE $3 WHEN 'name' THEN left(search, 100) WHEN 'number' THEN lpad(coalesce(number, ''), 32)
                    WHEN 'status' THEN status ELSE '' END COLLATE "C" AS sort_text,
            CASE WHEN $3 IN ('status', 'synced_at') THEN synced_key ELSE 'epoch' END AS sort_time
        FROM record_view WHERE company_id = $1 AND account_id = $2
          AND ($7::text[] = '{}' OR status = ANY ($7)) AND ($8::text IS NULL OR search LIKE $8)
          AND ($10::uuid[] IS NULL OR record_id = ANY ($10))
    ) AS keyed
    WHERE $6::uuid IS NULL OR ROW(sort_text, sort_time, record_id) > ROW($4 COLLATE "C", $5::timestamptz, $6)
    ORDER BY sort_text ASC, sort_time ASC, record_id ASC LIMIT $9
) AS v LEFT JOIN facts d ON d.company_id = $1 AND d.record_id = v.destination_record_id
ORDER BY sort_text ASC, sort_time ASC, v.record_id ASC
"""
_WALK_UP = """
SELECT v.*, d.remote_id AS found_remote_id, sort_text, sort_time FROM (
    (SELECT f.record_id, f.number_key AS sort_text, 'epoch'::timestamptz AS sort_time
     FROM facts f JOIN record_view v ON v.company_id = f.company_id AND v.record_id = f.record_id
     WHERE $3 = 'number' AND f.company_id = $1 AND f.account_id = $2
       AND ($7::text[] = '{}' OR v.status = ANY ($7)) AND ($8::text IS NULL OR f.search LIKE $8)
       AND ($6::uuid IS NULL OR ROW(f.number_key, f.record_id) > ROW($4, $6))
     ORDER BY f.number_key ASC, f.record_id ASC LIMIT $9)
    UNION ALL
    (SELECT f.record_id, f.name_key, 'epoch'
     FROM facts f JOIN record_view v ON v.company_id = f.company_id AND v.record_id = f.record_id
     WHERE $3 = 'name' AND f.company_id = $1 AND f.account_id = $2
       AND ($7::text[] = '{}' OR v.status = ANY ($7)) AND ($8::text IS NULL OR f.search LIKE $8)
       AND ($6::uuid IS NULL OR ROW(f.name_key, f.record_id) > ROW($4, $6))
     ORDER BY f.name_key ASC, f.record_id ASC LIMIT $9)
    UNION ALL
    (SELECT record_id, status, synced_key
     FROM record_view
     WHERE $3 = 'status' AND company_id = $1 AND account_id = $2
       AND ($7::text[] = '{}' OR status = ANY ($7)) AND ($8::text IS NULL OR search LIKE $8)
       AND ($6::uuid IS NULL OR ROW(status, synced_key, record_id) > ROW($4, $5::timestamptz, $6))
     ORDER BY status ASC, synced_key ASC, record_id ASC LIMIT $9)
    UNION ALL
    (SELECT each.record_id, '', each.at
     FROM counters c CROSS JOIN LATERAL (
         SELECT record_id, synced_key AS at FROM record_view
         WHERE company_id = $1 AND account_id = $2 AND status = c.status AND ($8::text IS NULL OR search LIKE $8)
           AND ($6::uuid IS NULL OR ROW(synced_key, record_id) > ROW($5::timestamptz, $6))
         ORDER BY synced_key ASC, record_id ASC LIMIT $9
     ) AS each
     WHERE $3 = 'synced_at' AND c.company_id = $1 AND c.account_id = $2 AND ($7::text[] = '{}' OR c.status = ANY ($7))
     ORDER BY each.at ASC, each.record_id ASC LIMIT $9)
) AS k JOIN record_view v ON v.company_id = $1 AND v.record_id = k.record_id
LEFT JOIN facts d ON d.company_id = $1 AND d.record_id = v.destination_record_id
ORDER BY sort_text ASC, sort_time ASC, v.record_id ASC
"""


def _down(sql: str) -> str:
    return sql.replace(" ASC", " DESC").replace(" > ROW", " < ROW")


_FEW_DOWN, _WALK_DOWN = _down(_FEW_UP), _down(_WALK_UP)


async def page(
    tx: Tx,
    company: UUID,
    wanted: Filter,
    known: Survey,
    sort: str,
    after: Cursor | None,
    limit: int,
    *,
    down: bool,
) -> list[Record]:
    """Rows of the list in the order of `sort`, after the cursor; one more than `limit` if there are more.

    Few records are sorted where they are found; many are walked in the order of an index, until the page is full.
    """
    text, time, record = (after.text, after.time, after.id) if after else (None, None, None)
    place = (company, known.account, sort, text, time, record, wanted.statuses, wanted.pattern, limit + 1)
    if known.found is not None or known.total(wanted) <= FEW:
        return await tx.fetch(_FEW_DOWN if down else _FEW_UP, *place, known.found)
    return await tx.fetch(_WALK_DOWN if down else _WALK_UP, *place)


_BY_IDS = """
SELECT v.record_id, v.remote_id, v.number, v.name, v.first_name, v.last_name, v.email, v.status, v.reason, v.field,
       v.situation, v.source_rev, v.synced_at, v.destination_record_id, v.destination_remote_id, v.updated_at,
       f.remote_id AS found_remote_id
FROM record_view v LEFT JOIN facts f ON f.company_id = v.company_id AND f.record_id = v.destination_record_id
WHERE v.company_id = $1 AND v.record_id = ANY ($2::uuid[])
  AND v.account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
"""


async def by_ids(tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Record]:
    """These records of the list, in any order. Ids that it does not hold are left out."""
    return await tx.fetch(_BY_IDS, company, records)


_RESOLVE = """
SELECT json_agg(json_build_object('record_id', record_id, 'source_rev', source_rev, 'status', status)
                ORDER BY search, record_id)
FROM record_view
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND ($2::text[] = '{}' OR status = ANY ($2)) AND ($3::text IS NULL OR search LIKE $3)
"""
_RESOLVE_IDS = """
SELECT json_agg(json_build_object('record_id', record_id, 'source_rev', source_rev, 'status', status))
FROM record_view
WHERE company_id = $1 AND account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
  AND record_id = ANY ($2::uuid[])
"""


async def resolve(tx: Tx, company: UUID, wanted: Filter | Sequence[UUID]) -> str:
    """Which records these are, at which rev and status, in one snapshot: a JSON list, because it may be long.

    Ids that the list does not hold are left out.
    """
    if isinstance(wanted, Filter):
        found = await tx.fetchval(_RESOLVE, company, wanted.statuses, wanted.pattern)
    else:
        found = await tx.fetchval(_RESOLVE_IDS, company, wanted)
    return found or "[]"


_RECORD = """
SELECT v.record_id, v.remote_id, v.number, v.name, v.first_name, v.last_name, v.email, v.status, v.reason, v.field,
       v.situation, v.source_rev, v.synced_at, v.destination_record_id, v.destination_remote_id, v.updated_at,
       d.remote_id AS found_remote_id, s.employee, d.employee AS destination_employee
FROM record_view v JOIN facts s ON s.company_id = v.company_id AND s.record_id = v.record_id
LEFT JOIN facts d ON d.company_id = v.company_id AND d.record_id = v.destination_record_id
WHERE v.company_id = $1 AND v.record_id = $2
  AND v.account_id = (SELECT source_account_id FROM chain_heads WHERE company_id = $1)
"""


async def record(tx: Tx, company: UUID, record_id: UUID) -> Record | None:
    """One record of the list, with the employee as staged and as the destination holds it."""
    return await tx.fetchrow(_RECORD, company, record_id)


_RUN_PAGE = """
SELECT company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped
FROM run_view WHERE company_id = $1 AND ($3::uuid IS NULL OR (started_at, run_id) < ($2, $3))
ORDER BY started_at DESC, run_id DESC LIMIT $4
"""


async def runs(tx: Tx, company: UUID, after: Cursor | None, limit: int) -> list[Run]:
    """Imports and pushes, newest first; one more than `limit` if there are more."""
    time, run_id = (after.time, after.id) if after else (None, None)
    return [run_of(r) for r in await tx.fetch(_RUN_PAGE, company, time, run_id, limit + 1)]


_RUN = """
SELECT company_id, run_id, kind, mode, state, reason, actor, started_at, ended_at, counts, skipped
FROM run_view WHERE company_id = $1 AND run_id = $2
"""


async def run(tx: Tx, company: UUID, run_id: UUID) -> Run | None:
    """One import or push."""
    row = await tx.fetchrow(_RUN, company, run_id)
    return run_of(row) if row else None
