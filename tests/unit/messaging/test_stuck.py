"""When a consumer counts as stuck: the process ends and is started again, so it must neither be missed nor be wrong."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from pydantic import SecretStr

from shared.clock import SystemClock
from shared.messaging.consume import Consume, Subscription
from shared.settings import DatabaseSettings, KafkaSettings, ServiceSettings
from shared.telemetry.metrics import REGISTRY

AT = TopicPartition("quiet.v1", 0)


class Consumer:
    """What aiokafka's knows: the end of the partition, and where it reads."""

    def __init__(self, high: int, position: int) -> None:
        self.high, self.at = high, position

    def assignment(self) -> set[TopicPartition]:
        return {AT}

    def highwater(self, _: TopicPartition) -> int:
        return self.high

    async def position(self, _: TopicPartition) -> int:
        return self.at


def consume_of(*topics: str) -> Consume:
    settings = ServiceSettings(
        database=DatabaseSettings(dsn=SecretStr("")),
        kafka=KafkaSettings(bootstrap=""),
        internal_token=SecretStr(""),
    )
    database: Any = SimpleNamespace(service="mapper")
    consume = Consume(settings, database, SystemClock())
    for topic in topics:
        handler: Any = None
        consume.subscriptions.append(Subscription(topic, handler, {}, frozenset(), None, inbox=True))
    return consume


def router(consumer: Consumer) -> Any:
    return SimpleNamespace(subscribers=[SimpleNamespace(consumer=consumer)])


async def test_one_message_after_a_long_silence_is_not_stuck() -> None:
    """Seen just as it arrives: the wait begins now, not with the last message an hour ago."""
    consume = consume_of("quiet.v1")
    consume.subscriptions[0].progress_at = asyncio.get_running_loop().time() - 3600

    await consume.measure_lag(router(Consumer(high=8, position=7)))

    assert consume.stuck_seconds() < 1


async def test_a_topic_that_waits_is_stuck_though_another_one_moves() -> None:
    consume = consume_of("quiet.v1", "busy.v1")
    now = asyncio.get_running_loop().time()
    await consume.measure_lag(router(Consumer(high=8, position=7)))
    consume.subscriptions[0].waiting_since = now - 90
    consume.subscriptions[1].progress_at = now

    assert consume.stuck_seconds() > 60


async def test_a_consumer_that_never_handled_anything_is_seen() -> None:
    """Its lag counts from where it reads, and is told as a metric."""
    consume = consume_of("quiet.v1")
    await consume.measure_lag(router(Consumer(high=8, position=3)))

    assert consume.subscriptions[0].waiting_since is not None
    lag = REGISTRY.get_sample_value("muster_consumer_lag_messages", {"topic": "quiet.v1", "partition": "0"})
    assert lag == 5


async def test_a_hold_and_an_empty_topic_are_not_stuck() -> None:
    consume = consume_of("quiet.v1")
    await consume.measure_lag(router(Consumer(high=8, position=7)))
    consume.subscriptions[0].waiting_since = 0.0
    consume.subscriptions[0].holding = "a neighbour is away"
    assert consume.stuck_seconds() == 0
    consume.subscriptions[0].holding = None
    await consume.measure_lag(router(Consumer(high=8, position=8)))
    assert consume.stuck_seconds() == 0
