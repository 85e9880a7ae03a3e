"""Failed attempts to get in, counted by bucket: an address from one client, a client, a client's keys.

A bucket of one client never stops the same person at another one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from services.gateway.core import Bucket
from shared.db.tx import Tx

_FORGET = "DELETE FROM attempts WHERE failed_at < now() - interval '1 day'"
_COUNT = """
INSERT INTO attempts AS a (bucket, failures, free_at) VALUES ($1, 1, now())
ON CONFLICT (bucket) DO UPDATE SET
    failures = CASE WHEN a.failed_at < now() - interval '1 hour' THEN 1 ELSE a.failures + 1 END,
    failed_at = now(),
    free_at = now() + CASE
        WHEN a.failed_at < now() - interval '1 hour' OR a.failures < $2 - 1 THEN interval '0'
        ELSE make_interval(secs => least(900, 30 * 2 ^ least(a.failures + 1 - $2, 10)))
    END
WHERE a.free_at <= now()
RETURNING failures
"""
_WAIT = "SELECT extract(epoch FROM free_at - now())::float8 FROM attempts WHERE bucket = $1"


async def begin_attempt(tx: Tx, buckets: Sequence[Bucket]) -> int:
    """Count an attempt as failed before it is judged, so that attempts side by side count too.

    Returns 0, or the seconds to wait: after the bucket's free failures 30, doubled with each more, at most 900. Nothing
    is counted while one waits; an hour without failures ends the count. Roll back what was counted when it is not 0.
    """
    await tx.execute(_FORGET)
    for bucket in sorted(buckets, key=lambda b: b.key):
        if await tx.fetchval(_COUNT, bucket.key, bucket.free) is None:
            return max(1, math.ceil(await tx.fetchval(_WAIT, bucket.key) or 0))
    return 0


_FORGIVE = "DELETE FROM attempts WHERE bucket = $1"
_UNCOUNT = "UPDATE attempts SET failures = failures - 1, free_at = now() WHERE bucket = ANY ($1::bytea[])"


async def forgive_attempts(tx: Tx, mine: Bucket, shared: Sequence[Bucket]) -> None:
    """The attempt was good: the count of `mine` ends, and in buckets shared with others this one does not count."""
    await tx.execute(_FORGIVE, mine.key)
    await discount_attempts(tx, shared)


async def discount_attempts(tx: Tx, buckets: Sequence[Bucket]) -> None:
    """The attempt does not count as failed here."""
    await tx.execute(_UNCOUNT, [b.key for b in buckets])
