"""The log's SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.history.core.chain import GENESIS, Entry, Head
from shared.db.tx import Record, Tx

_LOCK = """
INSERT INTO chain_heads AS h (company_id, n, hash) SELECT c, 0, $2 FROM unnest($1::uuid[]) AS t (c) ORDER BY c
ON CONFLICT (company_id) DO UPDATE SET n = h.n
RETURNING company_id, n, hash, source_account_id
"""


async def lock_heads(tx: Tx, companies: Sequence[UUID]) -> dict[UUID, Head]:
    """The ends of these companies' chains, locked in key order: until this ends nobody else writes of these companies."""
    return {r["company_id"]: Head(*r) for r in await tx.fetch(_LOCK, companies, GENESIS)}


_LOGGED = """
SELECT l.event_id FROM unnest($1::uuid[], $2::uuid[]) AS t (company_id, event_id)
JOIN log l ON l.company_id = t.company_id AND l.event_id = t.event_id
"""


async def logged(tx: Tx, events: Sequence[tuple[UUID, UUID]]) -> list[UUID]:
    """Those of these (company, event) that the log holds already."""
    rows = await tx.fetch(_LOGGED, [c for c, _ in events], [e for _, e in events])
    return [row["event_id"] for row in rows]


_APPEND = """
WITH ended AS (
    UPDATE chain_heads h SET n = t.n, hash = t.hash
    FROM unnest($1::uuid[], $2::bigint[], $3::bytea[]) AS t (company_id, n, hash) WHERE h.company_id = t.company_id
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


_HEAD = "SELECT company_id, n, hash, source_account_id FROM chain_heads WHERE company_id = $1"


async def head(tx: Tx, company: UUID) -> Head:
    """Where the company's chain ends."""
    row = await tx.fetchrow(_HEAD, company)
    return Head(*row) if row else Head(company, 0, GENESIS)


_READ = """
SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
FROM log WHERE company_id = $1 AND n > $2 AND n > 0 ORDER BY n LIMIT $3
"""


async def read(tx: Tx, company: UUID, after_n: int, limit: int) -> list[Entry]:
    """The log from a number on, in its order."""
    return [_entry(row) for row in await tx.fetch(_READ, company, after_n, limit)]


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
