"""Which destination directories have been matched completely, and when: nothing is created without (decision 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from shared.contracts.events import DirectoryMatched, Message
from shared.db.tx import Tx

_MARK = """
INSERT INTO marks (company_id, account_id, as_of, lane, part, parts)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::int[], $6::int[]) ON CONFLICT DO NOTHING
"""
_COMPLETE = """
WITH whole AS (
    SELECT company_id, account_id, max(as_of) AS as_of FROM (
        SELECT company_id, account_id, as_of FROM marks WHERE company_id = ANY ($1::uuid[])
        GROUP BY company_id, account_id, as_of HAVING count(*) = 2 * max(parts)) m
    GROUP BY company_id, account_id
), gone AS (
    DELETE FROM marks m USING whole w
    WHERE m.company_id = w.company_id AND m.account_id = w.account_id AND m.as_of < w.as_of
)
INSERT INTO directories (company_id, account_id, matched_as_of) SELECT * FROM whole
ON CONFLICT (company_id, account_id) DO UPDATE SET matched_as_of = excluded.matched_as_of
WHERE directories.matched_as_of IS NULL OR directories.matched_as_of < excluded.matched_as_of
RETURNING company_id
"""


async def save_marks(tx: Tx, events: Sequence[Message[DirectoryMatched]]) -> set[UUID]:
    """Keep the marks; the companies for which one became whole (all parts of both lanes)."""
    if not events:
        return set()
    await tx.execute(
        _MARK,
        [e.company_id for e in events],
        [e.body.account_id for e in events],
        [e.body.as_of for e in events],
        [e.lane.value for e in events],
        [e.body.part for e in events],
        [e.body.parts for e in events],
    )
    return {row["company_id"] for row in await tx.fetch(_COMPLETE, list(tx.companies))}


_READ = """
SELECT company_id, account_id FROM directories WHERE company_id = ANY ($1::uuid[]) AND matched_as_of IS NOT NULL
"""


async def directories_read(tx: Tx) -> set[tuple[UUID, UUID]]:
    """The (company, account) pairs whose directory has been read and matched completely once."""
    return {(r["company_id"], r["account_id"]) for r in await tx.fetch(_READ, list(tx.companies))}


_FRESH = "SELECT matched_as_of FROM directories WHERE company_id = $1 AND account_id = $2"


async def directory_is_fresh(tx: Tx, company: UUID, account: UUID, now: datetime, max_age: timedelta) -> bool:
    """Whether this account's directory has been read and matched completely, recently enough to create there."""
    as_of = await tx.fetchval(_FRESH, company, account)
    return as_of is not None and as_of >= now - max_age


_FORGET = """
UPDATE directories SET matched_as_of = NULL WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[])
"""
_FORGET_MARKS = "DELETE FROM marks WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[])"


async def forget_directories(tx: Tx, accounts: Sequence[UUID]) -> None:
    """What was matched of these accounts counts no more."""
    if accounts:
        await tx.execute(_FORGET, list(tx.companies), accounts)
        await tx.execute(_FORGET_MARKS, list(tx.companies), accounts)


_WANT = """
INSERT INTO directories (company_id, account_id, wanted_at) VALUES ($1, $2, $3)
ON CONFLICT (company_id, account_id) DO UPDATE SET wanted_at = excluded.wanted_at
WHERE directories.wanted_at IS NULL OR directories.wanted_at < excluded.wanted_at - interval '10 seconds'
RETURNING account_id
"""


async def want_directory(tx: Tx, company: UUID, account: UUID, now: datetime) -> bool:
    """Note that a newer directory is wanted; False when it was asked for a moment ago."""
    return await tx.fetchval(_WANT, company, account, now) is not None
