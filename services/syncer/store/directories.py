"""Which destination directories have been matched completely, and when: nothing is created without (decision 9)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.syncer.core import Push
from services.syncer.store.push_queue import PUSHES
from shared.contracts.events import DirectoryMatched, Message
from shared.db.tx import Tx

_MARK = """
INSERT INTO completion_markers (company_id, account_id, as_of, base, lane, part, parts)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::int[], $7::int[])
ON CONFLICT DO NOTHING
"""
_COMPLETE = """
WITH whole AS (
    SELECT DISTINCT ON (company_id, account_id) company_id, account_id, as_of, base FROM (
        SELECT company_id, account_id, as_of, base FROM completion_markers WHERE company_id = ANY ($1::uuid[])
        GROUP BY company_id, account_id, as_of, base HAVING count(*) = 2 * max(parts)) m
    ORDER BY company_id, account_id, as_of DESC
), gone AS (
    DELETE FROM completion_markers m USING whole w
    WHERE m.company_id = w.company_id AND m.account_id = w.account_id AND m.as_of < w.as_of
)
INSERT INTO directories (company_id, account_id, matched_as_of, base_as_of, matched_at) SELECT *, now() FROM whole
ON CONFLICT (company_id, account_id) DO UPDATE
SET matched_as_of = excluded.matched_as_of, base_as_of = excluded.base_as_of, matched_at = now()
WHERE directories.matched_as_of IS NULL OR directories.matched_as_of < excluded.matched_as_of
RETURNING company_id
"""


async def save_completion_markers(tx: Tx, events: Sequence[Message[DirectoryMatched]]) -> set[UUID]:
    """Keep the completion markers; the companies for which one became whole (all parts of both lanes)."""
    if not events:
        return set()
    await tx.execute(
        _MARK,
        [e.company_id for e in events],
        [e.body.account_id for e in events],
        [e.body.as_of for e in events],
        [e.body.base for e in events],
        [e.lane.value for e in events],
        [e.body.part for e in events],
        [e.body.parts for e in events],
    )
    return {row["company_id"] for row in await tx.fetch(_COMPLETE, list(tx.companies))}


_EXTEND = """
UPDATE directories d SET matched_as_of = n.as_of, matched_at = now()
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) AS n (company_id, account_id, base, as_of)
WHERE d.company_id = n.company_id AND d.account_id = n.account_id AND d.base_as_of = n.base AND d.matched_as_of < n.as_of
RETURNING d.company_id
"""


async def extend_marks(tx: Tx, events: Sequence[Message[DirectoryMatched]]) -> set[UUID]:
    """Extend the markers that have come whole; their companies. One that comes before its marker is asked for again."""
    newest = {(e.company_id, e.body.account_id): e.body for e in sorted(events, key=lambda e: e.body.as_of)}
    if not newest:
        return set()
    companies, accounts = zip(*newest, strict=True)
    bodies = newest.values()
    rows = await tx.fetch(_EXTEND, companies, accounts, [b.base for b in bodies], [b.as_of for b in bodies])
    return {row["company_id"] for row in rows}


_PASSING = """
SELECT i.push_id FROM unnest($1::uuid[], $2::uuid[]) AS n (company_id, id)
JOIN pushes i ON i.company_id = n.company_id AND i.push_id = n.id
JOIN directories d ON d.company_id = i.company_id AND d.account_id = i.account_id
WHERE i.gate_at <= d.matched_as_of AND d.matched_at > now() - make_interval(secs => $3)
"""
MARKER_SECONDS = 10
"""How long a marker serves the creations that waited for it: those that are sent later ask again."""


async def passing(tx: Tx, company: UUID, pushes: Sequence[Push]) -> set[UUID]:
    """Those of these creations for which the directory has been read and matched since they began to wait."""
    ids = [i.push_id for i in pushes]
    return {row["push_id"] for row in await tx.fetch(_PASSING, [company] * len(ids), ids, MARKER_SECONDS)}


_WAIT = """
UPDATE pushes i SET state = 'planned', lease_until = NULL, due_at = now() + make_interval(secs => $4),
       gate_at = CASE WHEN i.gate_at > coalesce(d.matched_as_of, '-infinity') THEN i.gate_at ELSE now() END
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS n (company_id, id, token)
LEFT JOIN directories d ON d.company_id = n.company_id AND d.account_id = $5
WHERE i.company_id = n.company_id AND i.push_id = n.id AND i.lease_token = n.token AND i.state <> 'done'
"""


async def wait_for_directory(tx: Tx, company: UUID, account: UUID, pushes: Sequence[Push]) -> None:
    """Give back the leases of these creations until a newer marker comes; after `ASK_SECONDS` they ask again."""
    tokens = [i.lease_token for i in pushes]
    await tx.execute(
        _WAIT, [company] * len(pushes), [i.push_id for i in pushes], tokens, ASK_SECONDS, account
    )


_WAKE = """
UPDATE pushes SET due_at = now()
WHERE company_id = ANY ($1::uuid[]) AND state = 'planned' AND gate_at IS NOT NULL AND due_at > now()
"""


async def wake_creations(tx: Tx, companies: Iterable[UUID]) -> None:
    """A newer marker has come for creations of these companies: those that wait look again."""
    if await tx.execute(_WAKE, list(companies)) != "UPDATE 0":
        tx.made_due(PUSHES)


_FORGET = """
UPDATE directories SET matched_as_of = NULL, base_as_of = NULL
WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[])
"""
_FORGET_MARKERS = (
    "DELETE FROM completion_markers WHERE company_id = ANY ($1::uuid[]) AND account_id = ANY ($2::uuid[])"
)


async def forget_directories(tx: Tx, accounts: Sequence[UUID]) -> None:
    """What was matched of these accounts counts no more."""
    if accounts:
        await tx.execute(_FORGET, list(tx.companies), accounts)
        await tx.execute(_FORGET_MARKERS, list(tx.companies), accounts)


_WANT = """
INSERT INTO directories AS d (company_id, account_id, wanted_at) VALUES ($1, $2, now())
ON CONFLICT (company_id, account_id) DO UPDATE SET wanted_at = excluded.wanted_at
WHERE d.wanted_at IS NULL OR d.wanted_at <= d.matched_as_of
   OR d.wanted_at < excluded.wanted_at - make_interval(secs => $3)
RETURNING wanted_at
"""
ASK_SECONDS = 10
"""After which a directory that was wanted and has not come is asked for again."""


async def want_directory(tx: Tx, company: UUID, account: UUID) -> datetime | None:
    """Note that a directory read from now on is wanted, and since when; None while an earlier wish is being answered."""
    wanted: datetime | None = await tx.fetchval(_WANT, company, account, ASK_SECONDS)
    return wanted
