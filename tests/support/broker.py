"""One Apache Kafka for the whole run; each test has its own topics and groups by prefix."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest_asyncio

from muster.kafka import Broker
from shared.messaging.broker import create_topics
from shared.settings import KafkaSettings

PARTITIONS = 2


@pytest_asyncio.fixture(scope="session")
async def broker() -> AsyncIterator[Broker]:
    """A running broker."""
    with tempfile.TemporaryDirectory(prefix="muster-test-") as folder:
        node = Broker(Path(folder) / "kafka")
        child = await node.start()
        try:
            await node.ready()
            yield node
        finally:
            await child.stop()


@pytest_asyncio.fixture
async def kafka(broker: Broker) -> KafkaSettings:
    """Settings whose topics are this test's own."""
    prefix = f"t{uuid4().hex[:8]}."
    await create_topics(broker.address, partitions=PARTITIONS, prefix=prefix)
    return KafkaSettings(
        bootstrap=broker.address,
        partitions=PARTITIONS,
        session_timeout_ms=6000,
        heartbeat_ms=1000,
        static_members=False,
        prefix=prefix,
    )
