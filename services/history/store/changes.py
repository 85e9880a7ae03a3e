"""The SQL behind the change history: what is looked at, and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.history.core.chain import Entry
from services.history.core.entries import KINDS, EntryFilter
from shared.db.tx import Tx

EACH = 300
"""A record's events that are looked through for what belongs together, newest first."""
_TYPES = list(KINDS)

_CANDIDATES = """
SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
FROM log WHERE company_id = $1 AND n > $8 AND n < $2 AND n > 0 AND type = ANY ($3::text[])
  AND ($4::text IS NULL OR coalesce(actor, '') = $4)
  AND ($5::timestamptz IS NULL OR event_time >= $5) AND ($6::timestamptz IS NULL OR event_time < $6)
ORDER BY n DESC LIMIT $7
"""
_CANDIDATES_OF = """
SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
FROM log WHERE company_id = $1 AND record_id = ANY ($8::uuid[]) AND n < $2 AND type = ANY ($3::text[])
  AND ($4::text IS NULL OR coalesce(actor, '') = $4)
  AND ($5::timestamptz IS NULL OR event_time >= $5) AND ($6::timestamptz IS NULL OR event_time < $6)
ORDER BY n DESC LIMIT $7
"""


async def candidates(
    tx: Tx,
    company: UUID,
    records: Sequence[UUID] | None,
    wanted: EntryFilter,
    between: tuple[int, int],
    limit: int,
) -> list[Entry]:
    """The next events that may end an entry that is asked for, newest first.

    Of these records, below the second number of `between`; or of the whole company, above the first one too, so that a
    filter that takes nothing reads no further.
    """
    above_n, before_n = between
    asked = (company, before_n, wanted.types(), wanted.actor, wanted.since, wanted.until, limit)
    rows = await (
        tx.fetch(_CANDIDATES, *asked, above_n)
        if records is None
        else tx.fetch(_CANDIDATES_OF, *asked, list(records))
    )
    return [Entry(*row) for row in rows]


_CONTEXT = """
SELECT l.* FROM unnest($2::uuid[]) AS r (id) CROSS JOIN LATERAL (
    SELECT company_id, n, event_id, event_time, type, topic, record_id, run_id, actor, cause, body, prev_hash, hash
    FROM log WHERE company_id = $1 AND record_id = r.id AND type = ANY ($3::text[]) ORDER BY n DESC LIMIT $4
) l ORDER BY l.n
"""


async def context(tx: Tx, company: UUID, records: Sequence[UUID]) -> list[Entry]:
    """The events of these records, in their order: what is asked for may have begun earlier, or gone on."""
    return [Entry(*row) for row in await tx.fetch(_CONTEXT, company, list(records), _TYPES, EACH)]


_PEOPLE = """
SELECT record_id, account_id, name FROM snapshots WHERE company_id = $1 AND record_id = ANY ($2::uuid[])
"""


async def people(tx: Tx, company: UUID, records: Sequence[UUID]) -> dict[UUID, tuple[UUID, str]]:
    """The account and the name of these records of either account."""
    rows = await tx.fetch(_PEOPLE, company, list(records))
    return {row["record_id"]: (row["account_id"], row["name"]) for row in rows}
