"""Facts: what is known of the records of both accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.syncer.core import Fact, Stored
from shared.contracts.records import Employee
from shared.db.tx import Tx

_EMPLOYEE = Fact._fields.index("employee")
_FACTS = """
SELECT record_id, rev, state, employee, remote_version, read_at FROM facts
WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_facts(tx: Tx, records: Sequence[UUID]) -> dict[UUID, Stored]:
    """What is known of these records, by record id."""
    rows = await tx.fetch(_FACTS, list(tx.companies), records)
    return {row[0]: Stored(*row[1:]) for row in map(tuple, rows)}


_WHOLE = """
SELECT record_id, account_id, remote_id, rev, state, employee, remote_version, read_at, reason FROM facts
WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_whole(tx: Tx, records: Sequence[UUID]) -> dict[UUID, Fact]:
    """These records as they are known, by record id."""
    if not records:
        return {}
    rows = await tx.fetch(_WHOLE, list(tx.companies), records)
    return {row[0]: fact_at(tuple(row)) for row in rows}


def fact_at(columns: Sequence[Any]) -> Fact:
    """The fact in these columns, which stand in its order."""
    return Fact._make(
        (*columns[:_EMPLOYEE], Employee.model_validate_json(columns[_EMPLOYEE]), *columns[_EMPLOYEE + 1 :])
    )


_SAVE = """
INSERT INTO facts (company_id, record_id, account_id, remote_id, rev, state, employee, remote_version, read_at, reason)
SELECT r.* FROM unnest($1::fact_row[]) r
ON CONFLICT (company_id, record_id) DO UPDATE SET
    rev = excluded.rev, state = excluded.state, remote_version = excluded.remote_version, read_at = excluded.read_at,
    reason = excluded.reason,
    employee = CASE WHEN excluded.state = 'present' THEN excluded.employee ELSE facts.employee END
"""


async def save_facts(tx: Tx, facts: Sequence[tuple[UUID, Fact, str]]) -> None:
    """Put these (company, fact, its employee as JSON) in place of what was known. Who is gone or unreadable keeps its values."""
    if facts:
        rows = [(company, *fact[:_EMPLOYEE], text, *fact[_EMPLOYEE + 1 :]) for company, fact, text in facts]
        await tx.execute(_SAVE, rows)
