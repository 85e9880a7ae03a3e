"""When the broker learns how far a consumer has come: at most once a second, and always before partitions go.

Only what was handled is committed, by its offset: a position may be past records that were read and not handled yet. What a
process that dies had not committed comes again, and the inbox refuses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.telemetry.logs import log

COMMIT_SECONDS = 1.0
COMMIT_TIMEOUT_SECONDS = 10.0
"""aiokafka itself tries without end while the group's coordinator is away."""


@dataclass(slots=True)
class Offsets:
    """Of one consumer."""

    consumer: AIOKafkaConsumer | None = None
    handled: dict[TopicPartition, int] = field(default_factory=dict)
    """By partition: the offset behind the last record that was handled and is not committed yet."""
    _due_at: float = 0.0
    """By the loop's time."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def note(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        """These were handled, or are dead letters."""
        self.handled.update({TopicPartition(r.topic, r.partition): r.offset + 1 for r in records})

    def hurry(self) -> None:
        """Commit after this poll: what it did must not be done again."""
        self._due_at = 0.0

    def forget(self) -> None:
        """Others may have handled these partitions since."""
        self.handled.clear()

    async def commit_when_due(self) -> None:
        """Commit unless that was done within the last second."""
        if asyncio.get_running_loop().time() >= self._due_at:
            await self.commit()

    async def commit(self) -> None:
        """Commit what was handled; returns when the broker knows. A failure is logged, and tried again with the next."""
        async with self._turn:
            consumer, assigned = self.consumer, self.consumer.assignment() if self.consumer else set()
            offsets = {tp: offset for tp, offset in self.handled.items() if tp in assigned}
            if consumer is None or not offsets:
                return
            self._due_at = asyncio.get_running_loop().time() + COMMIT_SECONDS
            try:
                async with asyncio.timeout(COMMIT_TIMEOUT_SECONDS):
                    await consumer.commit(offsets)
            except (KafkaError, TimeoutError) as error:
                log.warning("consume.commit", outcome=type(error).__name__)
                return
            for tp, offset in offsets.items():
                if self.handled.get(tp) == offset:
                    del self.handled[tp]
