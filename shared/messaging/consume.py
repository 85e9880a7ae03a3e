"""The one way to consume. `subscriber` says what becomes of a poll, `subscription` of one topic's messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaRouter
from faststream.message import AckStatus

from shared.clock import Clock
from shared.contracts import commands  # noqa: F401  (registers the command types)
from shared.contracts.events import bodies
from shared.db.tx import Database
from shared.domain.values import Lane
from shared.messaging.dead_lettering import DeadLettering
from shared.messaging.holds import Holds
from shared.messaging.limit import DeadLetterLimit
from shared.messaging.offsets import Offsets
from shared.messaging.progress import Progress
from shared.messaging.subscriber import Subscriber
from shared.messaging.subscription import Reads, Subscription
from shared.settings import ServiceSettings

MAX_RECORDS = 500
LISTEN_SECONDS = 1.0
"""So often an idle subscriber looks whether its group is well; what comes meanwhile is taken at once."""
LINGERS = 4
FILL_SECONDS = 0.2
"""So long a bulk subscriber is deaf after an empty poll; batches fill meanwhile."""


class Consume:
    """Registers a service's handlers with the broker, and reports how they are doing."""

    def __init__(self, settings: ServiceSettings, database: Database, clock: Clock) -> None:
        """One a process."""
        self._settings = settings
        self._database = database
        self._progress = Progress(clock)
        self._stopping = asyncio.Event()
        self.subscribers: list[Subscriber] = []

    async def stop(self) -> None:
        """The process is ending: cut waits short, commit what was handled; a batch that still runs commits at its end."""
        self._stopping.set()
        await asyncio.gather(*(s.offsets.commit() for s in self.subscribers))

    def subscriptions(self) -> list[Subscription]:
        """One a topic and lane."""
        return [s for subscriber in self.subscribers for s in subscriber.subscriptions.values()]

    def paused(self) -> dict[str, str]:
        """The topics of which partitions are paused, and why: the process is not ready."""
        return {topic: why for s in self.subscribers for topic, why in s.holds.paused().items()}

    async def measure_lag(self, router: Any) -> None:
        """Set the lag of every partition that `router`'s consumers have."""
        await self._progress.measure_lag(s.consumer for s in router.subscribers if s.consumer is not None)

    def waiting(self) -> dict[str, int]:
        """By topic that this service consumes: the messages that wait in the partitions of this process."""
        prefix = self._settings.kafka.prefix
        return {
            s.topic: sum(n for (topic, _), n in self._progress.lag.items() if topic == prefix + s.topic)
            for s in self.subscriptions()
        }

    def subscription(self, topic: str) -> Subscription | None:
        """The subscription of a topic as it is named on the broker."""
        prefix = self._settings.kafka.prefix
        return next((s for s in self.subscriptions() if prefix + s.topic == topic), None)

    def stuck_seconds(self) -> float:
        """How long the messages of one topic have waited without one being handled; a pause is no such wait."""
        return self._progress.stuck_seconds({self._settings.kafka.prefix + t for t in self.paused()})

    def subscribe(
        self,
        router: KafkaRouter,
        *reads: Reads,
        inbox: bool = True,
        most: int = MAX_RECORDS,
        linger_seconds: float = 0.0,
    ) -> None:
        """Consume these topics together, a consumer a lane, `most` messages of all at once: one poll is one transaction.

        Topics of two lanes are one group a lane; a topic of one lane is a group of its own. Without `inbox` the handlers
        refuse repeats themselves. In real time a poll that brought something waits until nothing has followed for
        `linger_seconds`, at most `LINGERS` times as long.
        """
        lanes = reads[0].topic.lanes
        if len(reads) > 1 and any(len(one.topic.lanes) == 1 for one in reads):
            raise ValueError("only topics of two lanes are read together")
        for lane in lanes:
            subscriber = self._subscriber(lane, reads, inbox=inbox)
            self.subscribers.append(subscriber)
            poll = Poll(subscriber, most, linger_seconds, fills=lane is Lane.BULK)
            self._register(router, subscriber, poll)

    def _subscriber(self, lane: Lane, reads: Sequence[Reads], *, inbox: bool) -> Subscriber:
        prefix, offsets = self._settings.kafka.prefix, Offsets()
        topics = {prefix + one.topic.on(lane): one.topic.on(lane) for one in reads}
        subscriptions = {
            prefix + one.topic.on(lane): self._subscription(one, lane, offsets, inbox=inbox) for one in reads
        }
        name = lane.value if len(reads[0].topic.lanes) > 1 else reads[0].topic.name
        return Subscriber(
            name=name,
            database=self._database,
            progress=self._progress,
            offsets=offsets,
            holds=Holds(topics),
            subscriptions=subscriptions,
        )

    def _subscription(self, reads: Reads, lane: Lane, offsets: Offsets, *, inbox: bool) -> Subscription:
        name = reads.topic.on(lane)
        types = {wire.encode(): cls for wire, cls in bodies().items() if cls.topic is reads.topic}
        return Subscription(
            topic=name,
            types=types,
            passed_over=frozenset(t for t, cls in types.items() if reads.only and cls not in reads.only),
            concerns=reads.concerns,
            handler=reads.handler,
            inbox=inbox,
            database=self._database,
            dead_lettering=DeadLettering(self._settings, self._database, name, reads.on_dead_letter),
            limit=DeadLetterLimit(self._settings.max_dead_letters),
            offsets=offsets,
            stopping=self._stopping,
        )

    def _register(self, router: KafkaRouter, subscriber: Subscriber, poll: Poll) -> None:
        kafka, service = self._settings.kafka, self._database.service

        registered = router.subscriber(
            *subscriber.subscriptions,
            group_id=f"{kafka.prefix}{service}.{subscriber.name}",
            group_instance_id=f"{service}-{self._settings.instance}" if kafka.static_members else None,
            batch=True,
            max_records=poll.most,
            fetch_max_wait_ms=1000,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
            no_reply=True,
            parser=_total_parser,
            decoder=_whole,
            listener=subscriber,
            session_timeout_ms=kafka.session_timeout_ms,
            heartbeat_interval_ms=kafka.heartbeat_ms,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=300_000,
            isolation_level="read_committed",
        )
        registered.get_msg = poll  # type: ignore[method-assign]

        @registered
        async def consume(message: Any) -> None:
            records = message.raw_message
            await subscriber.take(records)
            message.committed = (
                AckStatus.ACKED
            )  # FastStream's own commit is of positions, and after every batch
            if self._stopping.is_set():
                await subscriber.offsets.commit()
            else:
                await subscriber.offsets.commit_when_due()
            # FastStream keeps the message in a context variable, and every timer made meanwhile keeps the context
            # (asyncpg's run for five minutes): what has been handled goes, or ten and more batches stay in memory.
            message.raw_message = records[:1]


@dataclass(frozen=True, slots=True)
class Poll:
    """The next batch as soon as it comes; one that `fills` may wait for more of it.

    FastStream's own poll is deaf after each one that brought nothing.
    """

    subscriber: Subscriber
    most: int
    linger_seconds: float
    fills: bool

    async def __call__(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[bytes, bytes], ...]:
        """What has come, from the partitions that are not held; commits when nothing comes."""
        self.subscriber.attach(consumer)
        again = self.subscriber.holds.read_again(asyncio.get_running_loop().time())
        wait = FILL_SECONDS if self.fills else LISTEN_SECONDS
        found = await self._fetched(consumer, self.most, wait if again is None else min(wait, again))
        if not found:
            await self.subscriber.offsets.commit_when_due()
            if self.fills:
                await asyncio.sleep(FILL_SECONDS)
        elif self.linger_seconds and not self.fills:
            await self._linger(consumer, found)
        return tuple(found)

    async def _linger(self, consumer: AIOKafkaConsumer, found: list[ConsumerRecord[bytes, bytes]]) -> None:
        """Add what follows, until nothing does for `linger_seconds`."""
        with suppress(KafkaError):  # what was fetched must be handled; the error comes again
            for _ in range(LINGERS):
                if len(found) >= self.most:
                    return
                await asyncio.sleep(self.linger_seconds)
                more = await self._fetched(consumer, self.most - len(found), 0.0)
                if not more:
                    return
                found += more

    async def _fetched(
        self, consumer: AIOKafkaConsumer, most: int, seconds: float
    ) -> list[ConsumerRecord[bytes, bytes]]:
        fetched = await consumer.getmany(timeout_ms=seconds * 1000, max_records=most)
        return [record for records in fetched.values() for record in records]


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
