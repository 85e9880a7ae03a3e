"""Records for trying settings out: read page by page, and nothing is locked or written."""

from __future__ import annotations

from uuid import UUID

from services.syncer.core import Snapshot
from services.syncer.store.snapshots import snapshot_of
from shared.db.tx import Tx

_NEXT = """
SELECT record_id FROM records WHERE company_id = $1 AND ($2::uuid IS NULL OR record_id > $2) ORDER BY record_id LIMIT $3
"""


async def next_records(tx: Tx, company: UUID, after: UUID | None, limit: int) -> list[UUID]:
    """The company's source records behind `after`, in the order of their ids."""
    return [row["record_id"] for row in await tx.fetch(_NEXT, company, after, limit)]


_ALONE = """
SELECT record_id, account_id, remote_id, rev, state, employee, remote_version, remote_updated_at, requested_at, answered_at,
       written, reason
FROM snapshots s
WHERE company_id = $1 AND account_id = $2 AND state = 'present' AND ($3::uuid IS NULL OR record_id > $3)
  AND NOT EXISTS (SELECT FROM records r WHERE r.company_id = $1 AND r.destination_record_id = s.record_id
                  AND r.situation = 'linked')
ORDER BY record_id LIMIT $4
"""


async def next_alone(tx: Tx, company: UUID, account: UUID, after: UUID | None, limit: int) -> list[Snapshot]:
    """The account's people whom no source record is linked to, behind `after`."""
    return [snapshot_of(row) for row in await tx.fetch(_ALONE, company, account, after, limit)]
