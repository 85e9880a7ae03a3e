"""Publishing: a row in the outbox, in the transaction that made it true. The relay carries it."""

import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple
from uuid import UUID

import orjson
from asyncpg.pgproto import pgproto

from shared.clock import Clock
from shared.contracts.events import Body, Message
from shared.db.tx import Tx
from shared.domain.values import Lane
from shared.telemetry.traces import traceparent

LANES: dict[Lane, int] = {Lane.REAL_TIME: 0, Lane.BULK: 1}

_APPEND = """
WITH appended AS (
    INSERT INTO outbox (event_time, event_id, company_id, lane, topic, partition, key, headers, body)
    SELECT $1, r.* FROM unnest($2::outbox_row[]) r
)
SELECT pg_notify($3, '') WHERE $3 IS NOT NULL
"""
OUTBOX = "outbox"
"""The kind of work that a row in the outbox is to the relay."""


class Outgoing(NamedTuple):
    """One message to publish. What it answers (`cause`) gives it its id, run, actor and lane, so a repeat publishes the same."""

    body: Body
    company_id: UUID
    cause: Message[Body] | None = None
    lane: Lane | None = None
    run_id: UUID | None = None
    actor: str | None = None
    partition: int | None = None


def channel_of(service: str) -> str:
    """Where NOTIFY wakes the leading relay of `service`."""
    return f"outbox_{service}"


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, the same for every producer of ours. Keys are ids, so any even hash will do; this one is C."""
    return zlib.crc32(key) % partitions


class Outbox:
    """Appends to the outbox of the service whose transaction it is given."""

    def __init__(self, clock: Clock) -> None:
        """`clock` gives the time of the first writing, and ids to what answers nothing."""
        self._clock = clock

    def now(self) -> datetime:
        """The time of what is published now."""
        return self._clock.now()

    async def append(self, tx: Tx, outgoing: Sequence[Outgoing]) -> None:
        """Publish all of it when `tx` commits, in this order per key. One statement, one wake-up.

        NOTIFY only reaches out to the relay of another copy: its lock, held through the commit, is the whole database's.
        """
        if not outgoing:
            return
        now = self._clock.now()
        at = now.isoformat()
        seen: Counter[tuple[UUID, str, str, int | None]] = Counter()
        rows = [self._row(tx.service, one, at, seen) for one in outgoing]
        await tx.execute(_APPEND, now, rows, None if tx.relay_leads else channel_of(tx.service))
        tx.made_due(OUTBOX)

    def _row(
        self, service: str, one: Outgoing, at: str, seen: Counter[tuple[UUID, str, str, int | None]]
    ) -> tuple[object, ...]:
        body, company, cause, lane, run_id, actor, partition = one
        kind, key = body.wire_type(), str(body.key())
        if cause is None:
            lane, context = lane or Lane.REAL_TIME, traceparent()
            event_id = self._clock.new_id()
            own = f'"ce_id":"{event_id}","ce_subject":"{key}"'
        else:
            lane, run_id, actor = lane or cause.lane, run_id or cause.run_id, actor or cause.actor
            context = traceparent(cause.traceparent)
            same = (cause.id, kind, key, partition)
            seen[same] += 1
            name = f"{service}/{kind}/{key}/{lane.value}/{partition}/{seen[same]}"
            event_id = derived(cause.id, f"{name}/dead_lettered" if cause.dead_lettered else name)
            own = f'"ce_id":"{event_id}","ce_subject":"{key}","ce_causationid":"{cause.id}"'
        shared = _shared_headers(service, kind, at, company, lane, run_id, actor, context)
        return (
            event_id,
            company,
            LANES[lane],
            body.topic.on(lane),
            partition,
            key.encode(),
            f"{shared},{own}}}".encode(),
            body.raw(),
        )


@lru_cache(maxsize=256)
def _shared_headers(
    service: str,
    kind: str,
    at: str,
    company: UUID,
    lane: Lane,
    run_id: UUID | None,
    actor: str | None,
    context: str | None,
) -> str:
    """The headers that everything of one kind in a batch shares, as JSON that is still open."""
    headers = {
        "ce_specversion": "1.0",
        "ce_type": kind,
        "ce_source": f"/muster/{service}",
        "ce_time": at,
        "ce_companyid": str(company),
        "ce_lane": lane.value,
        "content-type": "application/json",
    }
    if run_id is not None:
        headers["ce_runid"] = str(run_id)
    if actor is not None:
        headers["ce_actor"] = actor
    if context is not None:
        headers["traceparent"] = context
    return orjson.dumps(headers)[:-1].decode()


def derived(cause: UUID, name: str) -> UUID:
    """`uuid.uuid5`, in a seventh of its time: the id of what answers `cause`, the same whenever it is published."""
    digest = bytearray(sha1(cause.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return pgproto.UUID(bytes(digest))


_REWIND = """
UPDATE relay_cursor c SET (xid, id) = (
    SELECT xid, id FROM (
        (SELECT o.xid, o.id - 1 AS id FROM outbox o WHERE o.lane = c.lane AND o.event_time >= $1 ORDER BY o.xid, o.id LIMIT 1)
        UNION ALL SELECT c.xid, c.id
    ) AS first ORDER BY xid, id LIMIT 1
)
"""


async def rewind(tx: Tx, since: datetime) -> None:
    """Let the relay publish again everything published since then. Consumers refuse repeats."""
    await tx.execute(_REWIND, since)
