"""Snapshots: what is known of the records of both accounts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from services.syncer.core import Snapshot, StoredSnapshot, name_form
from shared.db.tx import Record, Tx
from shared.domain.display_names import PARTS, default_name
from shared.domain.employee import Employee
from shared.domain.versions import Reading

_SNAPSHOTS = """
SELECT record_id, rev, state, employee, remote_version, remote_updated_at, requested_at, answered_at, written FROM snapshots
WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_snapshots(tx: Tx, records: Sequence[UUID]) -> dict[UUID, StoredSnapshot]:
    """What is known of these records, by record id."""
    rows = await tx.fetch(_SNAPSHOTS, list(tx.companies), records)
    return {
        row["record_id"]: StoredSnapshot(row["rev"], row["state"], row["employee"], _reading(row))
        for row in rows
    }


_WHOLE = """
SELECT record_id, account_id, remote_id, rev, state, employee, remote_version, remote_updated_at, requested_at, answered_at,
       written, reason
FROM snapshots
WHERE company_id = ANY ($1::uuid[]) AND record_id = ANY ($2::uuid[])
"""


async def load_whole(tx: Tx, records: Sequence[UUID]) -> dict[UUID, Snapshot]:
    """These records as they are known, by record id."""
    if not records:
        return {}
    rows = await tx.fetch(_WHOLE, list(tx.companies), records)
    return {row["record_id"]: snapshot_of(row) for row in rows}


def snapshot_of(row: Record, prefix: str = "") -> Snapshot:
    """The snapshot in the columns of these names, each behind `prefix`."""
    return Snapshot(
        row[f"{prefix}record_id"],
        row[f"{prefix}account_id"],
        row[f"{prefix}remote_id"],
        row[f"{prefix}rev"],
        row[f"{prefix}state"],
        Employee.model_validate_json(row[f"{prefix}employee"]),
        _reading(row, prefix),
        row[f"{prefix}reason"],
    )


def _reading(row: Record, prefix: str = "") -> Reading | None:
    """None for a record that was removed or could not be read."""
    if row[f"{prefix}answered_at"] is None:
        return None
    return Reading(
        row[f"{prefix}remote_version"],
        row[f"{prefix}remote_updated_at"],
        row[f"{prefix}requested_at"],
        row[f"{prefix}answered_at"],
        row[f"{prefix}written"],
    )


_SAVE = """
WITH saved AS (
    INSERT INTO snapshots (company_id, record_id, account_id, remote_id, rev, state, employee, remote_version,
                           remote_updated_at, requested_at, answered_at, written, reason, name_form)
    SELECT r.* FROM unnest($1::snapshot_row[]) r
    ON CONFLICT (company_id, record_id) DO UPDATE SET
        rev = excluded.rev, state = excluded.state, remote_version = excluded.remote_version,
        remote_updated_at = excluded.remote_updated_at, requested_at = excluded.requested_at,
        answered_at = excluded.answered_at, written = excluded.written, reason = excluded.reason,
        name_form = excluded.name_form,
        employee = CASE WHEN excluded.state = 'present' THEN excluded.employee ELSE snapshots.employee END
)
INSERT INTO records (company_id, record_id, automatic_rev) SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[])
ON CONFLICT (company_id, record_id) DO UPDATE SET automatic_rev = excluded.automatic_rev
WHERE excluded.automatic_rev IS NOT NULL
RETURNING record_id, xmax = 0 AS new
"""


async def save_snapshots(
    tx: Tx,
    snapshots: Sequence[tuple[UUID, Snapshot, str]],
    sources: Sequence[tuple[UUID, UUID, int | None]] = (),
) -> set[UUID]:
    """Put these (company, snapshot, its employee as JSON) in place of what was known.

    Removed and unreadable records keep their last values. The `sources` among them (company, record, rev staged
    automatically or None) have a sync status from now on; those that are new.
    """
    if not snapshots and not sources:
        return set()
    columns = [[one[n] for one in sources] for n in range(3)]
    rows = await tx.fetch(_SAVE, [_row(*one) for one in snapshots], *columns)
    return {row["record_id"] for row in rows if row["new"]}


def _row(company: UUID, one: Snapshot, text: str) -> tuple[object, ...]:
    reading = one.reading or (None, None, None, None, False)
    return (
        company,
        one.record_id,
        one.account_id,
        one.remote_id,
        one.rev,
        one.state,
        text,
        *reading,
        one.reason,
        _name_form(one),
    )


def _name_form(one: Snapshot) -> str | None:
    """The display name as it is compared, or the one that QuickBooks would make; none of one who is not there."""
    name = one.employee.display_name or default_name({part: getattr(one.employee, part) for part in PARTS})
    return name_form(name) if name and one.state == "present" else None


_NAMED = """
SELECT record_id FROM snapshots WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[]) AND name_form = ANY ($3)
"""


async def sources_named(tx: Tx, accounts: Sequence[UUID], forms: Collection[str]) -> list[UUID]:
    """The records of these accounts that have one of these names (`name_form`)."""
    if not accounts or not forms:
        return []
    return [row["record_id"] for row in await tx.fetch(_NAMED, list(tx.companies), accounts, list(forms))]


_HOLDER = """
SELECT remote_id, employee FROM snapshots
WHERE company_id = $1 AND account_id = $2 AND state = 'present' AND lower(employee ->> $3) = ANY ($4::text[])
ORDER BY remote_id LIMIT 1
"""


async def find_holder(
    tx: Tx, company: UUID, account: UUID, field: str, values: Sequence[str]
) -> tuple[str, Employee] | None:
    """The account's record that has one of these values, whatever their case; its remote id first."""
    row = await tx.fetchrow(_HOLDER, company, account, field, [value.lower() for value in values])
    return (row["remote_id"], Employee.model_validate_json(row["employee"])) if row else None
