"""How far the consumers of this process have come: how old what they handle is, what waits, and whether one is stuck."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.clock import Clock
from shared.telemetry.logs import log
from shared.telemetry.metrics import CONSUMED, HANDLE_SECONDS, LAG, MESSAGE_AGE


@dataclass(slots=True)
class Progress:
    """Of one process. Topics are named as on the broker."""

    clock: Clock
    positions: dict[tuple[str, int], int] = field(default_factory=dict)
    """By topic and partition: the offset behind the last message that was handled."""
    lag: dict[tuple[str, int], int] = field(default_factory=dict)
    """By topic and partition: the messages that waited when it was last measured."""
    waiting_since: dict[str, float] = field(default_factory=dict)
    """By topic: the loop's time when messages were first seen to wait; none was handled since."""

    def forget(self, assigned: Iterable[TopicPartition]) -> None:
        """Others may have handled these since we had them last: how far we came says nothing any more."""
        for tp in assigned:
            self.positions.pop(tp, None)
        self.lag.clear()

    def handled(self, name: str, records: Sequence[ConsumerRecord[bytes, bytes]], consumed: int) -> None:
        """Records of the topic `name` (without a prefix) were handled; `consumed` of them are for the handler."""
        self.positions.update({(r.topic, r.partition): r.offset + 1 for r in records})
        self.waiting_since.pop(records[0].topic, None)
        oldest = min(record.timestamp for record in records) / 1000
        CONSUMED.labels(topic=name).inc(consumed)
        MESSAGE_AGE.labels(topic=name).set(max(0.0, self.clock.now().timestamp() - oldest))

    def polled(self, subscriber: str, count: int, started: float) -> None:
        """A poll of so many records, begun at this time of the loop, is over."""
        took = asyncio.get_running_loop().time() - started
        HANDLE_SECONDS.labels(subscriber=subscriber).observe(took)
        log.info("consume.batch", topic=subscriber, count=count, duration_ms=round(took * 1000, 1))

    async def measure_lag(self, consumers: Iterable[AIOKafkaConsumer]) -> None:
        """Set the lag of every assigned partition, from what the consumers know without asking the broker."""
        lagging = set()
        for consumer, tp in ((c, tp) for c in consumers for tp in c.assignment()):
            high, at = consumer.highwater(tp), self.positions.get(tp)
            if high is None:
                continue
            if at is None:
                with suppress(Exception):
                    async with asyncio.timeout(0.5):
                        at = await consumer.position(tp)
            lag = max(0, high - (at or 0))
            LAG.labels(topic=tp.topic, partition=str(tp.partition)).set(lag)
            self.lag[tp.topic, tp.partition] = lag
            if lag:
                lagging.add(tp.topic)
        now = asyncio.get_running_loop().time()
        self.waiting_since = {topic: self.waiting_since.get(topic, now) for topic in lagging}

    def stuck_seconds(self, paused: Collection[str]) -> float:
        """How long the messages of one topic have waited without one being handled; not of those that are paused."""
        now = asyncio.get_running_loop().time()
        waits = [now - since for topic, since in self.waiting_since.items() if topic not in paused]
        return max(waits, default=0.0)
