"""The log's SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.history.core.chain import GENESIS, Ends, Entry, Head
from shared.db.tx import Record, Tx

_HEADS = "SELECT company_id, n, hash, source_account_id FROM chain_heads WHERE company_id = ANY ($1::uuid[])"


async def heads(tx: Tx, companies: Sequence[UUID]) -> dict[UUID, Head]:
    """Where these companies' chains end. They stay so until `tx` ends if it holds the companies' locks."""
    begun = {r["company_id"]: Head(*r) for r in await tx.fetch(_HEADS, companies)}
    return {c: begun.get(c) or Head(c, 0, GENESIS) for c in companies}


_HEADS_AND_LOGGED = """
SELECT h.company_id, h.n, h.hash, h.source_account_id,
       ARRAY(SELECT l.event_id FROM unnest($2::uuid[], $3::uuid[]) AS t (company_id, event_id)
             JOIN log l ON l.company_id = t.company_id AND l.event_id = t.event_id
             WHERE t.company_id = h.company_id) AS logged
FROM chain_heads h WHERE h.company_id = ANY ($1::uuid[])
"""


async def heads_and_logged(tx: Tx, events: Sequence[tuple[UUID, UUID]]) -> tuple[dict[UUID, Head], set[UUID]]:
    """The `heads` of the transaction's companies, and those of these (company, event) that the log holds already."""
    rows = await tx.fetch(_HEADS_AND_LOGGED, tx.companies, [c for c, _ in events], [e for _, e in events])
    begun = {company: Head(company, *head) for company, *head, _ in rows}
    logged = {event for row in rows for event in row["logged"]}
    return {c: begun.get(c) or Head(c, 0, GENESIS) for c in tx.companies}, logged


_APPEND = """
WITH ended AS (
    INSERT INTO chain_heads (company_id, n, hash) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bytea[])
    ON CONFLICT (company_id) DO UPDATE SET n = excluded.n, hash = excluded.hash
)
INSERT INTO log SELECT * FROM unnest($4::log_row[])
"""


async def append(tx: Tx, entries: Sequence[Entry], heads: Mapping[UUID, Head]) -> None:
    """Put these at the ends of their chains, which are `heads` then."""
    ends = list(heads.values())
    await tx.execute(
        _APPEND,
        [h.company_id for h in ends],
        [h.n for h in ends],
        [h.hash for h in ends],
        entries,
    )


_ENDS = """
SELECT h.n, h.hash, (SELECT max(l.n) FROM log l WHERE l.company_id = c.id AND l.n > 0),
       EXISTS (SELECT FROM company_settings s WHERE s.company_id = c.id)
           OR EXISTS (SELECT FROM snapshots f WHERE f.company_id = c.id)
FROM (SELECT $1::uuid AS id) c LEFT JOIN chain_heads h ON h.company_id = c.id
"""


async def ends(tx: Tx, company: UUID) -> Ends:
    """Where the company's chain should end, and where it does."""
    row = await tx.fetchrow(_ENDS, company)
    assert row is not None
    return Ends(*row)


_COMPANIES = """
WITH RECURSIVE logged AS (
    (SELECT company_id FROM log WHERE n > 0 ORDER BY company_id LIMIT 1)
    UNION ALL
    SELECT (SELECT l.company_id FROM log l WHERE l.company_id > g.company_id AND l.n > 0 ORDER BY l.company_id LIMIT 1)
    FROM logged g WHERE g.company_id IS NOT NULL
)
SELECT company_id FROM logged WHERE company_id IS NOT NULL
UNION SELECT company_id FROM chain_heads UNION SELECT company_id FROM company_settings ORDER BY 1
"""


async def companies(tx: Tx) -> list[UUID]:
    """All companies that have entries, a head or settings, as `history_system`, which reads nothing else of the log."""
    return [row["company_id"] for row in await tx.fetch(_COMPANIES)]


_READ = """
SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
FROM log WHERE company_id = $1 AND n > $2 AND n > 0 ORDER BY n LIMIT $3
"""


async def read(tx: Tx, company: UUID, after_n: int, limit: int) -> list[Entry]:
    """The log from a number on, in its order."""
    return [_entry(row) for row in await tx.fetch(_READ, company, after_n, limit)]


_FEED = """
SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
FROM log WHERE company_id = $1 AND n > $2 AND n <= $3 AND n > 0 AND type <> ALL ($4::text[])
  AND ($5::text[] IS NULL OR type = ANY ($5)) ORDER BY n LIMIT $6
"""


async def feed(
    tx: Tx,
    company: UUID,
    after_n: int,
    to_n: int,
    without: Sequence[str],
    types: Sequence[str] | None,
    limit: int,
) -> list[Entry]:
    """The entries after one number up to another, of these types, or of all but those `without`."""
    rows = await tx.fetch(_FEED, company, after_n, to_n, without, types, limit)
    return [_entry(row) for row in rows]


_OF_RECORDS = """
SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
FROM log WHERE company_id = $1 AND record_id = ANY ($2::uuid[]) AND ($3::bigint IS NULL OR n < $3)
ORDER BY n DESC LIMIT $4
"""


async def of_records(
    tx: Tx, company: UUID, records: Sequence[UUID], before_n: int | None, limit: int
) -> list[Entry]:
    """What happened to these records, newest first."""
    return [_entry(row) for row in await tx.fetch(_OF_RECORDS, company, records, before_n, limit)]


_PLANNED = """
SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
FROM log WHERE company_id = $1 AND record_id = $2 AND type = 'push.planned' AND n > $3 ORDER BY n DESC LIMIT 1000
"""


async def planned(tx: Tx, company: UUID, record: UUID, after_n: int) -> list[Entry]:
    """The record's planned pushes, newest first."""
    return [_entry(row) for row in await tx.fetch(_PLANNED, company, record, after_n)]


def _entry(row: Record) -> Entry:
    return Entry(*row)
