"""What becomes of a poll.

One poll is one batch of every topic that the consumer reads, and one transaction. A poll that fails is split by topic, and
a topic that fails for good by message (`subscription`). What a repetition may cure holds only the partitions of that topic
that were read: they are sought back and paused, with back-off, while the others go on. So an offset is committed only when
everything before it has had its effect or is dead-lettered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from opentelemetry.trace import SpanKind

from shared.contracts.events import Body
from shared.db.tx import Database
from shared.errors import Unavailable
from shared.messaging.holds import Holds
from shared.messaging.inbox import Received
from shared.messaging.limit import TooManyDeadLettersError
from shared.messaging.offsets import Offsets
from shared.messaging.progress import Progress
from shared.messaging.subscription import Subscription, have_effect
from shared.telemetry import traces
from shared.telemetry.logs import log

Records = Sequence[ConsumerRecord[bytes, bytes]]
DRAIN_SECONDS = 8.0


@dataclass(slots=True)
class _Batch:
    """What one poll brought of one topic."""

    subscription: Subscription
    records: list[ConsumerRecord[bytes, bytes]] = field(default_factory=list)
    received: list[Received[Body]] = field(default_factory=list)


@dataclass(slots=True)
class Subscriber(ConsumerRebalanceListener):  # type: ignore[misc]
    """One consumer of one group: its topics, in the order in which their handlers are called."""

    name: str
    """A topic, or a lane."""
    database: Database
    progress: Progress
    offsets: Offsets
    holds: Holds
    subscriptions: Mapping[str, Subscription]
    """By the topic's name on the broker."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def attach(self, consumer: AIOKafkaConsumer) -> None:
        """From now on this is the consumer."""
        self.offsets.consumer = self.holds.consumer = consumer

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:  # noqa: ARG002  (aiokafka's)
        """Let the running batch end and its offsets be committed before the partitions go: it need not be done again."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async with self.busy:
                    pass
                await self.offsets.commit()
        except TimeoutError:
            log.warning("consume.drain", outcome="timeout", topic=self.name)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Nothing to prepare, the inbox knows what was done; only that lag and commits go on from where they are read."""
        self.progress.forget(assigned)
        self.offsets.forget()
        self.holds.assigned(assigned)

    async def take(self, records: Records) -> None:
        """Give a poll its effect. What could not have it is sought back, and comes again."""
        async with self.busy:
            started = asyncio.get_running_loop().time()
            try:
                await self._take(self._by_topic(records))
            finally:
                self.progress.polled(self.name, len(records), started)

    def _by_topic(self, records: Records) -> list[_Batch]:
        batches = {topic: _Batch(subscription) for topic, subscription in self.subscriptions.items()}
        for record in records:
            batches[record.topic].records.append(record)
        return [batch for batch in batches.values() if batch.records]

    async def _take(self, batches: Sequence[_Batch]) -> None:
        read = [batch for batch in batches if await self._read(batch)]
        links = (one.message.traceparent for batch in read for one in batch.received)
        count = sum(len(batch.records) for batch in read)
        with traces.span(f"{self.name} process", SpanKind.CONSUMER, links=links, count=count):
            if not await self._together(read):
                for batch in read:
                    await self._alone(batch)

    async def _read(self, batch: _Batch) -> bool:
        try:
            batch.received = await batch.subscription.read(batch.records)
        except Exception as error:  # noqa: BLE001  (held, whatever it is)
            self._hold(batch, error)
            return False
        return True

    async def _together(self, batches: Sequence[_Batch]) -> bool:
        """Whether all had their effect in one transaction; one topic alone knows itself what to do when it fails."""
        full = [batch for batch in batches if batch.received]
        if len(full) <= 1:
            return False
        try:
            await have_effect(self.database, [(batch.subscription, batch.received) for batch in full])
        except Exception as error:  # noqa: BLE001  (each topic meets it again by itself, or does not)
            count = sum(len(batch.received) for batch in full)
            log.warning("consume.split", outcome=type(error).__name__, topic=self.name, count=count)
            return False
        for batch in batches:
            batch.subscription.handled(len(batch.received))
            self._done(batch)
        return True

    async def _alone(self, batch: _Batch) -> None:
        try:
            await batch.subscription.handle(batch.received)
        except Exception as error:  # noqa: BLE001  (held, whatever it is)
            self._hold(batch, error)
        else:
            self._done(batch)

    def _done(self, batch: _Batch) -> None:
        self.holds.end(batch.records)
        self.offsets.note(batch.records)
        self.progress.handled(batch.subscription.topic, batch.records, len(batch.received))

    def _hold(self, batch: _Batch, error: Exception) -> None:
        """Read these partitions again after a pause. Whatever stopped the batch, it must not become a hot loop."""
        topic = batch.subscription.topic
        expected = isinstance(error, Unavailable)
        why = (
            str(error) if expected else f"{type(error).__name__} while dead-lettering or taking a batch apart"
        )
        if isinstance(error, TooManyDeadLettersError) and not self.holds.too_many(topic):
            log.error("consume.paused", outcome=why, topic=topic)
        delay = self.holds.hold(batch.records, error, why, asyncio.get_running_loop().time())
        failures = self.holds.failures(topic)
        log.warning("consume.retry", outcome=why, topic=topic, failures=failures, delay_s=delay)
