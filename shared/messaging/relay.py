"""Carrying the outbox to Kafka: one active relay a service.

It is woken by the commits of its own process, by NOTIFY from other copies of the service, and by polling.

The cursor `(xid, id)` reads only below the snapshot's xmin, so a transaction that commits late is never skipped. It moves
after the broker acknowledged; a relay that dies in between publishes again, and the inboxes refuse repeats. So its commit
need not wait for the disk, as every other one must: a crash of the database sets it back by moments. Producer
idempotence is off: an idempotent aiokafka producer never gives up on a dead broker (reliability.md §5.3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.backoff import backoff_seconds
from shared.db.pool import open_relay_connection
from shared.db.tx import Database, Record
from shared.errors import Unavailable
from shared.messaging.outbox import LANES, OUTBOX, channel_of, partition_of
from shared.messaging.security import client_options
from shared.settings import ServiceSettings
from shared.telemetry.logs import log
from shared.telemetry.metrics import RELAY_AGE, RELAYED

BATCH = 2000
POLL_SECONDS = 1.0
SOON_SECONDS = (0.003, 0.1)
"""The first and the longest pause before what an older transaction holds back is asked for again."""
PARTITIONS_EVERY_SECONDS = 3600.0
PARTITIONS_AGAIN_SECONDS = 60.0
"""After somebody who reads the tables for long, as a dump does, was in the way."""
STUCK_SECONDS = 30.0
_MAX_BATCH_BYTES = 900_000

_LEAD = "SELECT pg_try_advisory_lock(8702, hashtext($1))"
_NEXT = """
SELECT c.lane, c.xid::text AS from_xid, c.id AS from_id, o.settled, o.xid::text AS xid, o.id, o.topic, o.partition, o.key,
       o.headers, o.body
FROM relay_cursor c CROSS JOIN LATERAL (
    (SELECT true AS settled, xid, id, topic, partition, key, headers, body FROM outbox
     WHERE lane = c.lane AND (xid, id) > (c.xid, c.id) AND xid < pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY xid, id LIMIT $1)
    UNION ALL
    (SELECT false, xid, id, topic, NULL, NULL, NULL, NULL FROM outbox
     WHERE lane = c.lane AND (xid, id) > (c.xid, c.id) AND xid >= pg_snapshot_xmin(pg_current_snapshot())
     ORDER BY xid, id LIMIT 1)
) o
ORDER BY c.lane, o.settled DESC, o.xid, o.id
"""
_MOVE = """
UPDATE relay_cursor SET xid = $4::text::xid8, id = $5, moved_at = now()
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS this_commit
WHERE lane = $1 AND (xid, id) = ($2::text::xid8, $3::bigint)
"""
_OLDEST = """
SELECT extract(epoch FROM now() - min(o.event_time))::float8
FROM relay_cursor c CROSS JOIN LATERAL (
    SELECT event_time FROM outbox o WHERE o.lane = c.lane AND (o.xid, o.id) > (c.xid, c.id) ORDER BY o.xid, o.id LIMIT 1
) o
"""
_BLOCKER = "SELECT muster.oldest_writer()"
_KEEP = "SELECT muster.keep_partitions('outbox', $1), muster.keep_partitions('inbox', $2)"

_LANE_NAMES = {number: lane.value for lane, number in LANES.items()}


class Relay:
    """Runs beside the service; `run` ends only when cancelled."""

    def __init__(self, settings: ServiceSettings, database: Database) -> None:
        """Has a connection of its own, which holds the leader's lock, listens, reads the outbox and moves the cursor."""
        self._settings = settings
        self._database = database
        self._wakeup = database.wakeups[OUTBOX]
        self._connection: asyncpg.Connection[Record] | None = None
        self._producer: AIOKafkaProducer | None = None
        self.leading = False

    async def run(self) -> None:
        """Lead when nobody else does; relay while leading. Any failure: let go, wait, start again."""
        failures = 0
        while True:
            try:
                await self._lead()
            except (
                Unavailable,
                KafkaError,
                OSError,
                TimeoutError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
            ) as error:
                log.warning("relay.pause", outcome=type(error).__name__)
            finally:
                failures = 1 if self.leading else failures + 1
                self._lead_is(taken=False)
                await self.close()
            await asyncio.sleep(backoff_seconds(failures, first=0.2, most=5.0))

    async def _lead(self) -> None:
        connection, service = await self._connected(), self._database.service
        while not await connection.fetchval(_LEAD, service):  # noqa: ASYNC110  (another process holds it)
            await asyncio.sleep(POLL_SECONDS)
        await connection.add_listener(channel_of(service), lambda *_: self._wakeup.notify())
        self._lead_is(taken=True)
        await self._relay()

    def _lead_is(self, *, taken: bool) -> None:
        self.leading = self._database.relay_leads = taken

    async def _connected(self) -> asyncpg.Connection[Record]:
        if self._connection is None:
            self._connection = await open_relay_connection(self._settings.database, self._database.service)
        return self._connection

    async def _relay(self) -> None:
        loop = asyncio.get_running_loop()
        tidy_at = watch_at = 0.0
        waits = 0
        while True:
            if loop.time() >= tidy_at:
                kept = await self._keep_partitions()
                tidy_at = loop.time() + (PARTITIONS_EVERY_SECONDS if kept else PARTITIONS_AGAIN_SECONDS)
            if loop.time() >= watch_at:
                await self._watch()
                watch_at = loop.time() + 5.0
            moved, held_back = await self.step()
            waits = 0 if moved or not held_back else waits + 1
            if moved < BATCH:  # nobody tells when the transaction ends that holds something back
                soon = backoff_seconds(waits, first=SOON_SECONDS[0], most=SOON_SECONDS[1])
                await self._wakeup.wait(soon if held_back else POLL_SECONDS)

    async def step(self) -> tuple[int, bool]:
        """Relay the next messages of both lanes, real time first: how many, and whether more is held back.

        What an older transaction, still open, could come before is held back. All on the leader's own connection.
        """
        connection = await self._connected()
        rows = await connection.fetch(_NEXT, BATCH)
        moved = 0
        for lane, name in _LANE_NAMES.items():
            mine = [row for row in rows if row["lane"] == lane and row["settled"]]
            if not mine:
                continue
            await self._send(mine)
            first, last = mine[0], mine[-1]
            await connection.execute(
                _MOVE, lane, first["from_xid"], first["from_id"], last["xid"], last["id"]
            )
            RELAYED.labels(lane=name).inc(len(mine))
            moved += len(mine)
        return moved, any(not row["settled"] for row in rows)

    async def _send(self, rows: Sequence[Record]) -> None:
        producer = await self._ready_producer()
        prefix, partitions = self._settings.kafka.prefix, self._settings.kafka.partitions
        batches: dict[tuple[str, int], Any] = {}
        full: list[tuple[Any, str, int]] = []
        for row in rows:
            key, partition = row["key"], row["partition"]
            at = (row["topic"], partition if partition is not None else partition_of(key, partitions))
            headers = [(name, value.encode()) for name, value in orjson.loads(row["headers"]).items()]
            batch = batches.get(at)
            if batch is None:
                batch = batches[at] = producer.create_batch()
            if batch.append(key=key, value=row["body"], timestamp=None, headers=headers) is None:
                full.append((batch, *at))
                batch = batches[at] = producer.create_batch()
                batch.append(key=key, value=row["body"], timestamp=None, headers=headers)
        full.extend((batch, *at) for at, batch in batches.items())
        async with asyncio.timeout(20):
            futures = [
                await producer.send_batch(b, prefix + topic, partition=partition)
                for b, topic, partition in full
            ]
            await asyncio.gather(*futures)  # all of them: none may fail unseen

    async def _ready_producer(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **client_options(self._settings.kafka),
                client_id=f"{self._database.service}-relay",
                acks="all",
                enable_idempotence=False,
                request_timeout_ms=15_000,
                retry_backoff_ms=200,
                max_batch_size=_MAX_BATCH_BYTES,
                max_request_size=_MAX_BATCH_BYTES,
                linger_ms=0,
            )
            self._producer = producer
            try:
                async with asyncio.timeout(20):
                    await producer.start()
            except BaseException:
                await self.close()
                raise
        return self._producer

    async def close(self) -> None:
        """Let go of the database, so that another may lead, and of the broker."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close(timeout=2)
            connection.terminate()
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                async with asyncio.timeout(5):
                    await producer.stop()

    async def _keep_partitions(self) -> bool:
        """Make and drop day partitions; False when somebody else's lock is in the way.

        One that holds something not yet relayed is never dropped, however old.
        """
        connection = await self._connected()
        waiting = int((await connection.fetchval(_OLDEST) or 0) // 86_400) + 1
        try:
            await connection.execute(
                _KEEP, max(self._settings.outbox_days, waiting), self._settings.inbox_days
            )
        except asyncpg.LockNotAvailableError:
            log.warning("relay.partitions", outcome="locked")
            return False
        return True

    async def _watch(self) -> None:
        connection = await self._connected()
        age = float(await connection.fetchval(_OLDEST) or 0)
        RELAY_AGE.set(age)
        if age > STUCK_SECONDS:
            blocker = await connection.fetchval(_BLOCKER)
            log.error("relay.stuck", outcome="old", delay_s=age, blocked_by=blocker)
