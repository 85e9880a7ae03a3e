"""Reading a topic live: no group, no inbox, no commit, from the recent past on.

Only for hints to pages that are open now. What must have its effect goes through `consume`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.contracts.topics import Topic
from shared.messaging.security import client_options
from shared.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Tail:
    """Every partition of one topic, read by this process alone."""

    consumer: AIOKafkaConsumer
    starts: Mapping[int, int]
    """By partition: the first offset that will be read."""
    ends: Mapping[int, int]
    """By partition: the offset that the next message had when the tail was opened; before it lies the past."""

    async def poll(self) -> Sequence[ConsumerRecord[bytes, bytes]]:
        """What has come, in order within a partition; waits until there is something."""
        while not (received := await self.consumer.getmany(timeout_ms=60_000)):
            pass
        return [record for records in received.values() for record in records]


@asynccontextmanager
async def open_tail(kafka: KafkaSettings, topic: Topic, client: str, recent: int) -> AsyncIterator[Tail]:
    """The topic's tail, begun `recent` messages before each partition's end.

    Raises aiokafka's errors; among them `OffsetOutOfRangeError` from `poll` where messages were lost or dropped unheard.
    """
    consumer = AIOKafkaConsumer(
        **client_options(kafka),
        client_id=client,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=15_000,
        retry_backoff_ms=200,
    )
    try:
        await consumer.start()
        places = [TopicPartition(kafka.prefix + topic.name, n) for n in range(kafka.partitions)]
        consumer.assign(places)
        first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        starts = {place: max(first[place], ends[place] - recent) for place in places}
        for place, start in starts.items():
            consumer.seek(place, start)
        yield Tail(
            consumer, {p.partition: n for p, n in starts.items()}, {p.partition: n for p, n in ends.items()}
        )
    finally:
        await consumer.stop()
