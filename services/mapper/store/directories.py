"""Completion markers of complete directories, and what must be decided again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from shared.contracts.events import DirectoryComplete, Message
from shared.db.tx import Tx

MATCHES = "matches"
"""The kind of work: source records to decide again, and completion markers that may be matched."""

_DIRECTORIES = """
SELECT w.company_id, d.account_id IS NOT NULL, r.account_id IS NOT NULL
FROM unnest($1::uuid[], $2::uuid[]) AS w (company_id, account_id)
LEFT JOIN directories d ON d.company_id = w.company_id AND d.account_id = w.account_id
LEFT JOIN LATERAL (SELECT account_id FROM records r WHERE r.account_id = w.account_id LIMIT 1) r ON true
"""


async def load_directories(tx: Tx, accounts: Mapping[UUID, UUID]) -> dict[UUID, tuple[bool, bool]]:
    """By company, of its account: whether it has been read completely at least once, and whether any record is known."""
    rows = await tx.fetch(_DIRECTORIES, list(accounts), list(accounts.values()))
    return {company: (complete, has_records) for company, complete, has_records in rows}


_ADD_MARKERS = """
INSERT INTO completion_markers (company_id, account_id, as_of, lane, part, parts)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::int[], $6::int[])
ON CONFLICT DO NOTHING
"""
_COMPLETE_MARKERS = """
WITH whole AS (
    SELECT m.company_id, m.account_id, max(m.as_of) AS as_of FROM (
        SELECT company_id, account_id, as_of FROM completion_markers
        WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[])
        GROUP BY company_id, account_id, as_of HAVING count(*) >= 2 * max(parts)
    ) AS m GROUP BY 1, 2
), gone AS (
    DELETE FROM completion_markers m USING whole w
    WHERE m.company_id = w.company_id AND m.account_id = w.account_id AND m.as_of <= w.as_of
)
INSERT INTO directories AS d (company_id, account_id, base_as_of, complete_as_of)
SELECT company_id, account_id, as_of, as_of FROM whole
ON CONFLICT (company_id, account_id) DO UPDATE
SET base_as_of = excluded.base_as_of, complete_as_of = greatest(d.complete_as_of, excluded.complete_as_of)
WHERE d.base_as_of < excluded.base_as_of
RETURNING company_id, account_id
"""


async def add_completion_markers(
    tx: Tx, events: Sequence[Message[DirectoryComplete]]
) -> list[tuple[UUID, UUID]]:
    """Keep the parts of markers; the (company, account) whose newest marker has become whole. It settles the older ones."""
    await tx.execute(
        _ADD_MARKERS,
        [e.company_id for e in events],
        [e.body.account_id for e in events],
        [e.body.as_of for e in events],
        [e.lane.value for e in events],
        [e.body.part for e in events],
        [e.body.parts for e in events],
    )
    rows = await tx.fetch(
        _COMPLETE_MARKERS, list({e.company_id for e in events}), list({e.body.account_id for e in events})
    )
    if rows:
        tx.made_due(MATCHES)
    return [(row["company_id"], row["account_id"]) for row in rows]


_EXTEND = """
UPDATE directories d SET complete_as_of = n.as_of
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS n (company_id, account_id, base, as_of)
WHERE d.company_id = n.company_id AND d.account_id = n.account_id AND d.base_as_of = n.base AND d.complete_as_of < n.as_of
"""


async def extend_marks(tx: Tx, events: Sequence[Message[DirectoryComplete]]) -> None:
    """Extend the markers that have come whole; syncer asks again for what comes before its marker."""
    newest = {(e.company_id, e.body.account_id): e.body for e in sorted(events, key=lambda e: e.body.as_of)}
    if newest:
        companies, accounts = zip(*newest, strict=True)
        bodies = newest.values()
        await tx.execute(_EXTEND, companies, accounts, [b.base for b in bodies], [b.as_of for b in bodies])


_FINISH = """
UPDATE directories d SET matched_as_of = d.complete_as_of, matched_base = d.base_as_of
FROM directories o
WHERE o.company_id = d.company_id AND o.account_id = d.account_id
  AND d.company_id = ANY ($1::uuid[]) AND (d.matched_as_of IS NULL OR d.matched_as_of < d.complete_as_of)
  AND NOT EXISTS (SELECT FROM due w WHERE w.company_id = d.company_id)
  AND NOT EXISTS (SELECT FROM dead_letter p WHERE p.company_id = d.company_id AND p.replayed_at IS NULL AND p.discarded_at IS NULL
                  AND p.topic LIKE '%employees.%')
RETURNING d.company_id, d.account_id, d.complete_as_of, d.base_as_of,
          o.matched_base IS NOT DISTINCT FROM d.base_as_of AS extends
"""


class Matched(NamedTuple):
    """A directory that is matched now, and whether it was before up to its marker `base`."""

    company_id: UUID
    account_id: UUID
    as_of: datetime
    base: datetime
    extends: bool


async def finish_directories(tx: Tx, companies: Sequence[UUID]) -> list[Matched]:
    """The directories of these companies that are matched now: nothing is due, nothing dead-lettered."""
    return [Matched(*row) for row in await tx.fetch(_FINISH, companies)]


_DUE_COMPANIES = """
WITH RECURSIVE waiting AS (
    (SELECT company_id FROM due ORDER BY company_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.company_id FROM due d WHERE d.company_id > w.company_id ORDER BY d.company_id LIMIT 1)
    FROM waiting w WHERE w.company_id IS NOT NULL
)
SELECT company_id FROM waiting WHERE company_id IS NOT NULL
UNION
SELECT company_id FROM directories WHERE matched_as_of IS NULL OR matched_as_of < complete_as_of
"""


async def due_companies(tx: Tx) -> list[UUID]:
    """The companies with due records or a completion marker that is not matched yet. For `Database.system()`."""
    return [row["company_id"] for row in await tx.fetch(_DUE_COMPANIES)]


_TAKE = """
DELETE FROM due WHERE company_id = $1 AND record_id <= coalesce(
    (SELECT record_id FROM due WHERE company_id = $1 ORDER BY record_id OFFSET $2::int - 1 LIMIT 1),
    'ffffffff-ffff-ffff-ffff-ffffffffffff'
)
RETURNING record_id
"""


async def take_due(tx: Tx, company: UUID, limit: int) -> list[UUID]:
    """The next due records, not due any more when `tx` commits."""
    return [row["record_id"] for row in await tx.fetch(_TAKE, company, limit)]


_MARK = "INSERT INTO due SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING"


async def mark_due(tx: Tx, records: Mapping[UUID, UUID]) -> None:
    """These source records (id → company) must be decided again."""
    await tx.execute(_MARK, list(records.values()), list(records))
    tx.made_due(MATCHES)


_MARK_ALL = """
INSERT INTO due SELECT company_id, record_id FROM records
WHERE company_id = $1 AND account_id = $2 AND state <> 'unreadable'
ON CONFLICT DO NOTHING
"""


async def mark_all_due(tx: Tx, company: UUID, source: UUID) -> None:
    """Every record of the source must be decided again."""
    await tx.execute(_MARK_ALL, company, source)
    tx.made_due(MATCHES)


_MARK_UNLINKED = """
INSERT INTO due
SELECT s.company_id, s.record_id FROM records s
WHERE s.company_id = $1 AND s.account_id = $2 AND s.state = 'present'
  AND EXISTS (SELECT FROM records d WHERE d.account_id = $3)
  AND NOT EXISTS (SELECT FROM links l WHERE l.company_id = $1 AND l.source_record_id = s.record_id
                  AND l.destination_account_id = $3)
ON CONFLICT DO NOTHING
"""


async def mark_unlinked_due(tx: Tx, company: UUID, source: UUID, destination: UUID) -> None:
    """The source records that are not linked, for a new generation of counts may decide them otherwise."""
    await tx.execute(_MARK_UNLINKED, company, source, destination)
    tx.made_due(MATCHES)
