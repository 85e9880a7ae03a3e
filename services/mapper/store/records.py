"""The facts of both accounts' records, and everything stored about a source record.

`OFFSET 0` keeps the planner to one index look-up a row. `Facts` has the order of the table's columns and of `record_row`.
"""

from collections.abc import Iterable, Mapping, Sequence
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


_ADD = "INSERT INTO records SELECT * FROM unnest($1::record_row[])"
_CHANGE = """
UPDATE records r SET
    rev = n.rev, state = n.state, active = n.active, number = n.number, email = n.email, first_name = n.first_name,
    last_name = n.last_name, birth_date = n.birth_date, number_key = n.number_key, email_key = n.email_key,
    phone_key = n.phone_key, first_key = n.first_key, last_key = n.last_key, block_a = n.block_a, block_b = n.block_b,
    block_c = n.block_c, block_d = n.block_d, born_key = n.born_key
FROM unnest($1::record_row[]) n WHERE r.company_id = n.company_id AND r.record_id = n.record_id
"""


async def save_facts(tx: Tx, changes: Iterable[tuple[Facts | None, Facts]]) -> None:
    """Put the second of each in place of the first; those without a first are new (the lock makes that sure)."""
    added: list[Facts] = []
    changed: list[Facts] = []
    for old, new in changes:
        (added if old is None else changed).append(new)
    if added:
        await tx.execute(_ADD, added)
    if changed:
        await tx.execute(_CHANGE, changed)


class Kept(NamedTuple):
    """What was said and decided about a source record."""

    answer: Answer | None = None
    link: Link | None = None
    create: datetime | None = None
    refused: frozenset[UUID] = frozenset()


_KEPT = """
SELECT w.record_id, l.destination_record_id, l.destination_remote_id, l.origin, d.created, d.refused, a.*, t.*
FROM unnest($1::uuid[], $2::uuid[]) AS w (company_id, record_id)
LEFT JOIN LATERAL (
    SELECT * FROM answers a WHERE a.company_id = w.company_id AND a.record_id = w.record_id OFFSET 0
) a ON true
LEFT JOIN LATERAL (
    SELECT * FROM links l WHERE l.company_id = w.company_id AND l.source_record_id = w.record_id
    AND l.destination_account_id = ANY ($3::uuid[]) OFFSET 0
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


async def load_kept(tx: Tx, sources: Sequence[Facts], destinations: Sequence[UUID]) -> dict[UUID, Kept]:
    """What is kept about these source records, by id; one with nothing is left out. `destinations`: the companies' accounts."""
    if not sources:
        return {}
    rows = await tx.fetch(
        _KEPT, [s.company_id for s in sources], [s.record_id for s in sources], destinations
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
