"""What people decided, and how it was before the last decision."""

from uuid import UUID

from services.mapper.core import Facts
from shared.db.tx import Tx

_NOBODY = UUID(int=0)
_ADD = """
INSERT INTO decisions (company_id, source_record_id, kind, destination_record_id, actor, note) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (source_record_id, company_id, kind, destination_record_id) DO UPDATE SET
    actor = excluded.actor, decided_at = excluded.decided_at, note = excluded.note
"""


async def add_decision(
    tx: Tx, source: Facts, kind: str, destination: UUID | None, actor: str | None, note: str = ""
) -> None:
    """Keep what a person decided."""
    await tx.execute(_ADD, source.company_id, source.record_id, kind, destination or _NOBODY, actor, note)


_DROP = """
DELETE FROM decisions WHERE company_id = $1 AND source_record_id = $2
AND (kind = ANY ($3::text[]) OR (kind IN ('unlink', 'refuse') AND destination_record_id = $4))
"""
_PASSING = ("later", "link_taken", "link_gone")


async def drop_decisions(tx: Tx, source: Facts, destination: UUID | None) -> None:
    """A newer decision: older wishes end, carried out or not, and the pair with `destination` is not refused any more."""
    await tx.execute(_DROP, source.company_id, source.record_id, ["create", *_PASSING], destination)


async def drop_passing(tx: Tx, source: Facts, *kinds: str) -> None:
    """What only stands until the next decision ends, and the decisions of these kinds."""
    await tx.execute(_DROP, source.company_id, source.record_id, [*_PASSING, *kinds], None)


_REMEMBER = """
INSERT INTO undoable_decisions (company_id, source_record_id, decision, link, decisions)
SELECT $1, $2, $3,
    (SELECT row_to_json(l) FROM links l WHERE l.company_id = $1 AND l.source_record_id = $2 AND l.destination_account_id = $4),
    (SELECT coalesce(json_agg(d), '[]') FROM decisions d WHERE d.company_id = $1 AND d.source_record_id = $2)
ON CONFLICT (source_record_id, company_id) DO UPDATE SET
    decision = excluded.decision, link = excluded.link, decisions = excluded.decisions
"""


async def remember(tx: Tx, source: Facts, destination_account: UUID, decision: str) -> None:
    """Keep how this source record stands before `decision` is carried out."""
    await tx.execute(_REMEMBER, source.company_id, source.record_id, decision, destination_account)


_TAKEN = """
SELECT l.source_record_id FROM undoable_decisions u
JOIN links l ON l.company_id = u.company_id AND l.destination_record_id = (u.link ->> 'destination_record_id')::uuid
WHERE u.company_id = $1 AND u.source_record_id = $2 AND l.source_record_id <> $2
"""
_CLEAR_DECISIONS = "DELETE FROM decisions WHERE company_id = $1 AND source_record_id = $2"
_CLEAR_LINK = """
DELETE FROM links WHERE company_id = $1 AND source_record_id = $2 AND destination_account_id = $3 RETURNING destination_record_id
"""
_RESTORE_DECISIONS = """
INSERT INTO decisions SELECT d.* FROM undoable_decisions u, json_populate_recordset(NULL::decisions, u.decisions) d
WHERE u.company_id = $1 AND u.source_record_id = $2
"""
_RESTORE_LINK = """
WITH gone AS (
    DELETE FROM undoable_decisions WHERE company_id = $1 AND source_record_id = $2 RETURNING link
)
INSERT INTO links SELECT l.* FROM gone u, json_populate_record(NULL::links, u.link) l WHERE u.link IS NOT NULL
RETURNING destination_record_id
"""


async def restore(tx: Tx, source: Facts, destination_account: UUID) -> list[UUID] | None:
    """Take the last decision back: the destination records that were or are linked; None where theirs is taken by now."""
    place = source.company_id, source.record_id
    if await tx.fetchval(_TAKEN, *place) is not None:
        return None
    freed = await tx.fetchval(_CLEAR_LINK, *place, destination_account)
    await tx.execute(_CLEAR_DECISIONS, *place)
    await tx.execute(_RESTORE_DECISIONS, *place)
    linked = await tx.fetchval(_RESTORE_LINK, *place)
    return [d for d in (freed, linked) if d is not None]
