"""The facts of both accounts' records, and everything stored about a source record.

`OFFSET 0` keeps the planner to one index look-up a row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from services.mapper.core import Answer, Facts, Link
from shared.db.tx import Record, Tx

COLUMNS = len(fields(Facts))
_VALUES = attrgetter(*(f.name for f in fields(Facts)))


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
INSERT INTO records
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::boolean[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::date[], $13::text[], $14::text[], $15::text[], $16::text[],
    $17::text[], $18::text[], $19::text[], $20::text[], $21::text[], $22::text[])
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
        await tx.execute(_SAVE, *map(list, zip(*map(_VALUES, facts), strict=True)))


@dataclass(frozen=True, slots=True)
class Row:
    """A source record with all that is stored about it."""

    facts: Facts
    situation: str | None
    answer: Answer | None
    link: Link | None
    create: datetime | None
    refused: frozenset[UUID]


_SUBJECTS = """
SELECT a.situation, a.link_rev, a.source_rev, a.hash, l.destination_record_id, l.destination_remote_id, l.origin,
       d.created, d.refused, r.*, t.*
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS w (company_id, record_id, destination_account_id)
CROSS JOIN LATERAL (SELECT * FROM records r WHERE r.company_id = w.company_id AND r.record_id = w.record_id OFFSET 0) r
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
"""
_HEAD = 9


async def load_subjects(tx: Tx, wanted: Iterable[tuple[UUID, UUID, UUID]]) -> list[Row]:
    """What is stored about these source records: (company, record, destination account) each."""
    columns = list(zip(*wanted, strict=True))
    if not columns:
        return []
    return [_subject(row) for row in await tx.fetch(_SUBJECTS, *columns)]


def _subject(row: Record) -> Row:
    situation, link_rev, source_rev, digest, destination, remote_id, origin, created, refused = row[:_HEAD]
    link = None
    if destination is not None:
        known = row[_HEAD + COLUMNS] is not None
        link = Link(destination, remote_id, origin, facts_at(row, _HEAD + COLUMNS) if known else None)
    return Row(
        facts_at(row, _HEAD),
        situation,
        Answer(link_rev, source_rev, digest) if situation is not None else None,
        link,
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
