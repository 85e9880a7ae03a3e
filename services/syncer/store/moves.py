"""Unique values that move between records: what open pushes free and take, and who waits for whom (decision 0016)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from uuid import UUID

from services.syncer import core
from services.syncer.core import Move, Push
from services.syncer.store import runs
from services.syncer.store.push_queue import PUSHES
from shared.db.tx import Record, Tx
from shared.domain.capabilities import System


def rows_of(company: UUID, system: System, push: Push) -> list[tuple[object, ...]]:
    """The `moved_row`s of a push to this system; none for one that frees nothing, for nobody waits for that."""
    frees, takes = (sorted(values) for values in core.moving(system, push))
    pairs = zip_longest(frees, takes) if frees else ()
    return [(company, push.account_id, push.push_id, *pair) for pair in pairs]


_REPLACE = """
WITH old AS (DELETE FROM moved_values WHERE company_id = $1 AND push_id = ANY ($2::uuid[]))
INSERT INTO moved_values (company_id, account_id, push_id, frees, takes) SELECT r.* FROM unnest($3::moved_row[]) r
"""


async def replace_moves(tx: Tx, company: UUID, system: System, pushes: Sequence[Push]) -> None:
    """Keep what these pushes, planned again, free and take in place of what their earlier plans did."""
    if pushes:
        rows = [row for push in pushes for row in rows_of(company, system, push)]
        await tx.execute(_REPLACE, company, [i.push_id for i in pushes], rows)


_MOVES = """
WITH RECURSIVE reached AS (
    SELECT push_id FROM moved_values WHERE company_id = $1 AND account_id = $2 AND frees = ANY ($3::text[])
    UNION
    SELECT h.push_id FROM reached r
    JOIN moved_values t ON t.company_id = $1 AND t.push_id = r.push_id
    JOIN moved_values h ON h.company_id = $1 AND h.account_id = $2 AND h.frees = t.takes
)
SELECT i.push_id, i.record_id, array_agg(m.frees) AS frees, array_agg(m.takes) AS takes, i.step,
       CASE WHEN i.state = 'planned' AND i.waits_for IS NULL THEN i.retry_at END AS retry_at
FROM reached r JOIN pushes i ON i.company_id = $1 AND i.push_id = r.push_id
JOIN moved_values m ON m.company_id = $1 AND m.push_id = r.push_id
WHERE i.state IN ('planned', 'claimed', 'sending')
GROUP BY i.company_id, i.push_id
"""


async def moves_towards(tx: Tx, company: UUID, account: UUID, values: Iterable[str]) -> list[Move]:
    """The open pushes that free one of these values, those that they wait for themselves, and so on."""
    rows = await tx.fetch(_MOVES, company, account, sorted(values))
    return [
        Move(
            row["push_id"],
            row["record_id"],
            frozenset(filter(None, row["frees"])),
            frozenset(filter(None, row["takes"])),
            row["step"],
            row["retry_at"],
        )
        for row in rows
    ]


_WAIT_FOR = """
UPDATE pushes i SET state = 'planned', lease_until = NULL, waits_for = n.holder, due_at = now() + make_interval(secs => $6),
       retry_at = coalesce(n.until, i.retry_at)
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[]) AS n (company_id, id, token, holder, until)
WHERE i.company_id = n.company_id AND i.push_id = n.id AND i.lease_token = n.token AND i.state <> 'done'
"""
HOLDER_SECONDS = 30
"""After which a push looks again whether the one it waits for is over; the end of that wakes it at once."""


async def wait_for_holders(
    tx: Tx, company: UUID, pushes: Sequence[tuple[Push, datetime | None]]
) -> list[Record]:
    """Give back the leases of these pushes until the push of the record that each `waits_for` is over. The runs that moved.

    One that waits `until` another is retried counts in its run as that one does.
    """
    if not pushes:
        return []
    await tx.execute(
        _WAIT_FOR,
        [company] * len(pushes),
        [i.push_id for i, _ in pushes],
        [i.lease_token for i, _ in pushes],
        [i.waits_for for i, _ in pushes],
        [until for _, until in pushes],
        HOLDER_SECONDS,
    )
    later = [i.run_id for i, until in pushes if until and i.run_id and i.retry_at is None]
    return await runs.count(tx, company, Counter(), Counter(), Counter(later))


_WAKE_WAITING = """
UPDATE pushes SET due_at = now() WHERE company_id = $1 AND waits_for = ANY ($2::uuid[]) AND state = 'planned'
"""


async def wake_waiting(tx: Tx, company: UUID, records: Sequence[UUID]) -> None:
    """What waits for the pushes of these records looks again."""
    if records and await tx.execute(_WAKE_WAITING, company, records) != "UPDATE 0":
        tx.made_due(PUSHES)
