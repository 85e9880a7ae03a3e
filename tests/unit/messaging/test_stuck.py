"""When a consumer counts as stuck: the process ends and is started again, so it must neither be missed nor be wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from faststream.kafka import KafkaRouter
from pydantic import SecretStr

from shared.clock import SystemClock
from shared.contracts import topics
from shared.errors import Unavailable
from shared.messaging.consume import Consume
from shared.messaging.holds import TRIES
from shared.messaging.progress import Progress
from shared.messaging.subscription import Reads
from shared.settings import DatabaseSettings, KafkaSettings, ServiceSettings
from shared.telemetry.metrics import REGISTRY

QUIET = TopicPartition("quiet.v1", 0)


class Consumer:
    """What aiokafka's knows: the end of the partition, and where it reads."""

    def __init__(self, high: int, position: int, at: TopicPartition = QUIET) -> None:
        self.high, self.reads, self.at = high, position, at

    def assignment(self) -> set[TopicPartition]:
        return {self.at}

    def highwater(self, _: TopicPartition) -> int:
        return self.high

    async def position(self, _: TopicPartition) -> int:
        return self.reads


def handled(progress: Progress, offset: int, topic: str = "quiet.v1") -> None:
    """One message was."""
    record: Any = SimpleNamespace(topic=topic, partition=0, offset=offset, timestamp=0)
    progress.handled(topic, [record], 1)


def an_hour_passes(progress: Progress) -> None:
    for topic in progress.waiting_since:
        progress.waiting_since[topic] -= 3600


async def test_one_message_after_a_long_silence_is_not_stuck() -> None:
    """Seen just as it arrives: the wait begins now, not with the last message."""
    progress = Progress(SystemClock())
    handled(progress, 6)
    await progress.measure_lag([Consumer(high=7, position=7)])
    an_hour_passes(progress)

    await progress.measure_lag([Consumer(high=8, position=7)])

    assert progress.stuck_seconds(()) < 1


async def test_a_topic_that_waits_is_stuck_though_another_one_moves() -> None:
    progress = Progress(SystemClock())
    consumers = [Consumer(high=8, position=7), Consumer(8, 7, TopicPartition("busy.v1", 0))]
    await progress.measure_lag(consumers)
    an_hour_passes(progress)
    handled(progress, 6, "busy.v1")
    await progress.measure_lag(consumers)

    assert progress.stuck_seconds(()) > 60
    assert progress.stuck_seconds({"quiet.v1"}) < 1


async def test_a_consumer_that_never_handled_anything_is_seen() -> None:
    """Its lag counts from where it reads, and is reported as a metric."""
    progress = Progress(SystemClock())
    await progress.measure_lag([Consumer(high=8, position=3)])
    an_hour_passes(progress)

    assert progress.stuck_seconds(()) > 60
    lag = REGISTRY.get_sample_value("muster_consumer_lag_messages", {"topic": "quiet.v1", "partition": "0"})
    assert lag == 5


async def test_a_partition_that_comes_back_is_not_stuck_for_what_others_handled() -> None:
    progress = Progress(SystemClock())
    handled(progress, 6)
    back = Consumer(high=20, position=20)
    await progress.measure_lag([back])
    assert progress.waiting_since, "the negative control"

    progress.forget([QUIET])
    await progress.measure_lag([back])

    assert progress.waiting_since == {}


async def test_what_was_handled_and_an_empty_topic_are_not_stuck() -> None:
    progress = Progress(SystemClock())
    await progress.measure_lag([Consumer(high=8, position=7)])
    an_hour_passes(progress)
    handled(progress, 6)
    assert progress.stuck_seconds(()) == 0
    await progress.measure_lag([Consumer(high=8, position=7)])
    an_hour_passes(progress)
    await progress.measure_lag([Consumer(high=7, position=7)])
    assert progress.stuck_seconds(()) == 0


async def test_a_hold_is_not_stuck() -> None:
    """Also where topics have a prefix on the broker."""
    settings = ServiceSettings(
        database=DatabaseSettings(dsn=SecretStr("")),
        kafka=KafkaSettings(bootstrap="", prefix="t."),
    )
    database: Any = SimpleNamespace(service="mapper")
    consume = Consume(settings, database, SystemClock())
    handler: Any = None
    consume.subscribe(KafkaRouter(), Reads(topics.SETTINGS, handler))
    consumer = Consumer(8, 7, TopicPartition("t.settings.v1", 0))
    await consume.measure_lag(SimpleNamespace(subscribers=[SimpleNamespace(consumer=consumer)]))
    an_hour_passes(consume._progress)
    assert consume.stuck_seconds() > 60

    record: Any = SimpleNamespace(topic="t.settings.v1", partition=0, offset=7)
    holds = consume.subscribers[0].holds
    for _ in range(TRIES):
        holds.hold([record], Unavailable("a neighbour is away"), "a neighbour is away", 0.0)

    assert consume.stuck_seconds() == 0
