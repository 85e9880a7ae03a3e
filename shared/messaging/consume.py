"""Hearing something: the one way to consume. What becomes of a batch says `subscription`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaRouter
from faststream.message import AckStatus

from shared.clock import Clock
from shared.contracts import commands  # noqa: F401  (registers the command types)
from shared.contracts.events import Body, bodies
from shared.contracts.records import Lane
from shared.contracts.topics import Topic
from shared.db.tx import Database
from shared.messaging.parking import ParkedHook, Parking
from shared.messaging.progress import Progress
from shared.messaging.subscription import Handler, Subscription
from shared.settings import ServiceSettings

MAX_RECORDS = 500
LISTEN_MS = 1000
"""So often an idle subscriber looks whether its group is well; what comes meanwhile it hears at once."""
PASSED_OVER_SECONDS = 5.0
"""So long the offsets of batches without anything for the handler may go uncommitted: read again, they do as little."""


class Consume:
    """Registers a service's handlers with the broker, and tells how they are doing."""

    def __init__(self, settings: ServiceSettings, database: Database, clock: Clock) -> None:
        """One a process."""
        self._settings = settings
        self._database = database
        self._progress = Progress(clock)
        self._stopping = asyncio.Event()
        self.subscriptions: list[Subscription] = []

    def stop(self) -> None:
        """Cut waits short: the process is ending."""
        self._stopping.set()

    def holding(self) -> dict[str, str]:
        """The topics whose partitions are held, and why: the process is not ready."""
        return {s.topic: s.holding for s in self.subscriptions if s.holding}

    async def measure_lag(self, router: Any) -> None:
        """Set the lag of every partition that `router`'s consumers have."""
        await self._progress.measure_lag(s.consumer for s in router.subscribers if s.consumer is not None)

    def stuck_seconds(self) -> float:
        """How long the messages of one topic have waited without one being handled; holds are no such wait."""
        return self._progress.stuck_seconds({self._settings.kafka.prefix + t for t in self.holding()})

    def subscribe(
        self,
        router: KafkaRouter,
        topic: Topic,
        handler: Handler,
        *,
        only: Collection[type[Body]] = (),
        on_parked: ParkedHook | None = None,
        inbox: bool = True,
        most: int = MAX_RECORDS,
    ) -> None:
        """Hear `topic` (`only` these of its types), every lane of it in a group of its own, `most` messages at once.

        The handler never calls a remote system, never commits. Without `inbox` it refuses repeats itself.
        """
        types = {name.encode(): cls for name, cls in bodies().items() if cls.topic is topic}
        for lane in topic.lanes:
            name = topic.on(lane)
            subscription = Subscription(
                topic=name,
                types=types,
                passed_over=frozenset(t for t, cls in types.items() if only and cls not in only),
                handler=handler,
                inbox=inbox,
                database=self._database,
                parking=Parking(self._settings, self._database, name, on_parked),
                max_in_row=self._settings.max_parked_in_row,
                progress=self._progress,
                stopping=self._stopping,
            )
            self.subscriptions.append(subscription)
            self._register(router, subscription, lane, most)

    def _register(self, router: KafkaRouter, subscription: Subscription, lane: Lane, most: int) -> None:
        kafka, service, topic = self._settings.kafka, self._database.service, subscription.topic

        subscriber = router.subscriber(
            kafka.prefix + topic,
            group_id=f"{kafka.prefix}{service}.{topic}",
            group_instance_id=f"{service}-{self._settings.instance}" if kafka.static_members else None,
            batch=True,
            max_records=most,
            batch_timeout_ms=200,  # as long it is deaf after an empty poll; in bulk, batches fill meanwhile
            fetch_max_wait_ms=1000,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
            no_reply=True,
            parser=_total_parser,
            decoder=_whole,
            listener=subscription,
            session_timeout_ms=kafka.session_timeout_ms,
            heartbeat_interval_ms=kafka.heartbeat_ms,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            isolation_level="read_committed",
        )
        if lane is Lane.REAL_TIME:
            subscriber.get_msg = partial(_listen, most=most)  # type: ignore[method-assign]

        @subscriber
        async def consume(message: Any) -> None:
            records, started = message.raw_message, asyncio.get_running_loop().time()
            heard = await subscription.take(records)
            self._progress.handled(topic, records, heard, started)
            if heard or started - subscription.committed_at > PASSED_OVER_SECONDS:
                subscription.committed_at = started
            else:
                message.committed = AckStatus.ACKED
            # FastStream keeps the message in a context variable, and every timer made meanwhile keeps the context
            # (asyncpg's run for five minutes): what has been handled goes, or ten and more batches stay in memory.
            message.raw_message = records[:1]


async def _listen(consumer: AIOKafkaConsumer, *, most: int) -> tuple[ConsumerRecord[bytes, bytes], ...]:
    """The next batch as soon as it comes. FastStream's own poll is deaf after it has listened in vain, for as long."""
    found = await consumer.getmany(timeout_ms=LISTEN_MS, max_records=most)
    return tuple(record for records in found.values() for record in records)


async def _total_parser(
    records: tuple[ConsumerRecord[bytes, bytes], ...], original: Callable[..., Awaitable[Any]]
) -> Any:
    """FastStream's own parser fails on a header that is not text, and the message would be lost."""
    message = await original((_bare(records[0]),))
    message.raw_message = records
    return message


def _bare(record: ConsumerRecord[bytes, bytes]) -> ConsumerRecord[bytes, bytes]:
    return replace(record, key=None, value=b"", headers=())


async def _whole(message: Any) -> Any:
    return message
