"""The facts of both accounts' records, and everything stored about a source record.

`OFFSET 0` keeps the planner to one index look-up a row.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.mapper.core import Answer, Facts, Link
from shared.db.tx import Record, Tx

COLUMNS = len(Facts._fields)


def facts_at(row: Record, start: int) -> Facts:
    """The facts in this row's columns from `start`."""
    return Facts(*row[start : start + COLUMNS])


_FACTS = """
SELECT r.* FROM unnest($1::uuid[], $2::uuid[]) AS w (company_id, record_id)
CROSS JOIN LATERAL (SELECT * FROM records r WHERE r.company_id = w.company_id AND r.record_id = w.record_id OFFSET 0) r
"""


async def load_facts(tx: Tx, records: Mapping[UUID, UUID]) -> dict[UUID, Facts]:
    """The stored facts of these records (id → company)."""
    rows = await tx.fetch(_FACTS, list(records.values()), list(records))
    return {row["record_id"]: facts_at(row, 0) for row in rows}


_SAVE = """
INSERT INTO records SELECT * FROM unnest($1::records[])
ON CONFLICT (company_id, record_id) DO UPDATE SET
    rev = excluded.rev, state = excluded.state, active = excluded.active, number = excluded.number,
    email = excluded.email, first_name = excluded.first_name, last_name = excluded.last_name,
    birth_date = excluded.birth_date, number_key = excluded.number_key, email_key = excluded.email_key,
    phone_key = excluded.phone_key, first_key = excluded.first_key, last_key = excluded.last_key,
    block_a = excluded.block_a, block_b = excluded.block_b, block_c = excluded.block_c, block_d = excluded.block_d,
    born_key = excluded.born_key
"""


async def save_facts(tx: Tx, facts: Sequence[Facts]) -> None:
    """Put these in place of what is stored."""
    if facts:
        await tx.execute(_SAVE, facts)


class Kept(NamedTuple):
    """What was said and decided about a source record."""

    answer: Answer | None = None
    link: Link | None = None
    create: datetime | None = None
    refused: frozenset[UUID] = frozenset()


_KEPT = """
SELECT w.record_id, l.destination_record_id, l.destination_remote_id, l.origin, d.created, d.refused, a.*, t.*
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (company_id, record_id, destination_account_id)
LEFT JOIN LATERAL (
    SELECT * FROM answers a WHERE a.company_id = w.company_id AND a.record_id = w.record_id OFFSET 0
) a ON true
LEFT JOIN LATERAL (
    SELECT * FROM links l WHERE l.company_id = w.company_id AND l.source_record_id = w.record_id
    AND l.destination_account_id = w.destination_account_id OFFSET 0
) l ON true
LEFT JOIN LATERAL (
    SELECT * FROM records t WHERE t.company_id = l.company_id AND t.record_id = l.destination_record_id OFFSET 0
) t ON true
LEFT JOIN LATERAL (
    SELECT max(decided_at) FILTER (WHERE kind = 'create') AS created,
           array_agg(destination_record_id) FILTER (WHERE kind = 'unlink') AS refused
    FROM decisions d WHERE d.company_id = w.company_id AND d.source_record_id = w.record_id
) d ON true
WHERE a.record_id IS NOT NULL OR l.source_record_id IS NOT NULL OR d.created IS NOT NULL OR d.refused IS NOT NULL
"""
_HEAD = 6
_ANSWER = len(Answer._fields)


async def load_kept(tx: Tx, sources: Sequence[Facts], destinations: Mapping[UUID, UUID]) -> dict[UUID, Kept]:
    """What is kept about these source records, by id; one with nothing is left out. `destinations` is company → account."""
    if not sources:
        return {}
    rows = await tx.fetch(
        _KEPT,
        [s.company_id for s in sources],
        [s.record_id for s in sources],
        [destinations[s.company_id] for s in sources],
    )
    return {row[0]: _kept(row) for row in rows}


def _kept(row: Record) -> Kept:
    _, destination, remote_id, origin, created, refused = row[:_HEAD]
    there = facts_at(row, _HEAD + _ANSWER) if row[_HEAD + _ANSWER] is not None else None
    return Kept(
        Answer(*row[_HEAD : _HEAD + _ANSWER]) if row[_HEAD] is not None else None,
        Link(destination, remote_id, origin, there) if destination is not None else None,
        created,
        frozenset(refused or ()),
    )


_SEARCH = """
SELECT l.source_record_id, r.* FROM records r
LEFT JOIN links l ON l.company_id = r.company_id AND l.destination_record_id = r.record_id AND l.source_account_id = $3
WHERE r.company_id = $1 AND r.account_id = $2 AND r.state = 'present'
  AND ((r.first_key || ' ' || r.last_key || ' ' || r.first_key) LIKE '%' || $4 || '%'
       OR r.number_key = $5 OR r.email_key LIKE $6 || '%')
ORDER BY r.last_key, r.first_key, r.record_id LIMIT 50
"""


async def search(
    tx: Tx, company: UUID, destination: UUID, source: UUID, name: str, number: str | None, email: str
) -> list[tuple[Facts, UUID | None]]:
    """At most 50 records of the destination by name, number or the beginning of the address, and whom each is linked to."""
    rows = await tx.fetch(_SEARCH, company, destination, source, name, number, email)
    return [(facts_at(row, 1), row["source_record_id"]) for row in rows]
