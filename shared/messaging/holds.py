"""Partitions that wait: what stopped them may be cured by a repetition, and the rest of what the consumer reads goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.backoff import backoff_seconds
from shared.errors import RateLimited
from shared.messaging.limit import TooManyDeadLettersError
from shared.telemetry.metrics import PAUSED

TRIES = 3
"""After so many failures in a row the topic counts as paused."""
MAX_BACKOFF_SECONDS = 5.0


@dataclass(slots=True)
class Hold:
    """Of one partition, until a batch of it has had its effect."""

    failures: int = 0
    until: float | None = None
    """By the loop's time; None while it is read again."""
    why: str = ""
    too_many: bool = False
    """Too many of its messages became dead letters."""


@dataclass(slots=True)
class Holds:
    """Of one consumer. Times are the caller's, in seconds, and never fall."""

    topics: Mapping[str, str]
    """By the topic's name on the broker: its own name."""
    consumer: AIOKafkaConsumer | None = None
    _held: defaultdict[TopicPartition, Hold] = field(default_factory=lambda: defaultdict(Hold))

    def hold(
        self, records: Iterable[ConsumerRecord[bytes, bytes]], error: Exception, why: str, now: float
    ) -> float:
        """Go back to before these records of one topic, and read their partitions no further for a while: so many seconds."""
        first: dict[TopicPartition, int] = {}
        for record in records:
            at = TopicPartition(record.topic, record.partition)
            first[at] = min(record.offset, first.get(at, record.offset))
        failures = 1 + max(self._held[at].failures for at in first)
        delay = backoff_seconds(failures, first=0.2, most=MAX_BACKOFF_SECONDS)
        if isinstance(error, RateLimited):
            delay = min(MAX_BACKOFF_SECONDS, error.retry_after)
        assigned = self.consumer.assignment() if self.consumer else frozenset()
        for at, offset in first.items():
            self._held[at] = Hold(failures, now + delay, why, isinstance(error, TooManyDeadLettersError))
            if self.consumer is not None and at in assigned:
                self.consumer.seek(at, offset)
                self.consumer.pause(at)
        self._show(first)
        return delay

    def read_again(self, now: float) -> float | None:
        """Read what has waited long enough; in how many seconds the next has, None when nothing waits."""
        waiting = {at: hold.until for at, hold in self._held.items() if hold.until is not None}
        for at in [at for at, until in waiting.items() if until <= now]:
            del waiting[at]
            self._held[at].until = None
            if self.consumer is not None and at in self.consumer.assignment():
                self.consumer.resume(at)
        return min(waiting.values()) - now if waiting else None

    def end(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        """These had their effect."""
        if self._held:
            self._drop({TopicPartition(r.topic, r.partition) for r in records})

    def assigned(self, partitions: Collection[TopicPartition]) -> None:
        """The consumer reads each of these now, from where the group has come; how often they failed stays known."""
        self._drop(self._held.keys() - set(partitions))
        for hold in self._held.values():
            hold.until = None

    def failures(self, topic: str | None = None) -> int:
        """How often in a row a partition failed, at most; of one topic by its own name."""
        held = (h for at, h in self._held.items() if topic in (None, self.topics[at.topic]))
        return max((h.failures for h in held), default=0)

    def paused(self) -> dict[str, str]:
        """The topics that do not get on by themselves soon, by their own names, and why."""
        return {
            self.topics[at.topic]: hold.why
            for at, hold in self._held.items()
            if hold.too_many or hold.failures >= TRIES
        }

    def too_many(self, topic: str) -> bool:
        """Whether a partition of the topic waits because too many of its messages became dead letters."""
        return any(h.too_many for at, h in self._held.items() if self.topics[at.topic] == topic)

    def _drop(self, partitions: Iterable[TopicPartition]) -> None:
        dropped = [at for at in partitions if self._held.pop(at, None) is not None]
        self._show(dropped)

    def _show(self, partitions: Iterable[TopicPartition]) -> None:
        for topic in {self.topics[at.topic] for at in partitions}:
            PAUSED.labels(topic=topic).set(self.too_many(topic))
