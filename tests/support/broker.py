"""One Apache Kafka for the whole run, and a cluster of three where failover is the subject.

Each test has its own topics and groups, by prefix.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from muster.kafka import Broker, new_cluster_id
from muster.ports import free_port
from shared.messaging.broker import create_topics
from shared.settings import KafkaSettings
from tests.support.eventually import eventually
from tests.support.scratch import scratch

PARTITIONS = 2


@pytest_asyncio.fixture(scope="session")
async def broker() -> AsyncIterator[Broker]:
    """A running broker."""
    with scratch() as folder:
        node = Broker(folder / "kafka")
        await node.start()
        try:
            await node.ready()
            yield node
        finally:
            assert node.child is not None
            await node.child.stop()


@pytest_asyncio.fixture(scope="package")
async def cluster() -> AsyncIterator[list[Broker]]:
    """Three running brokers that have found one another."""
    with scratch() as folder:
        ports, cluster_id = [(free_port(), free_port()) for _ in range(3)], new_cluster_id()
        nodes = [Broker(folder / str(n), node=n, ports=ports, cluster_id=cluster_id) for n in (1, 2, 3)]
        await asyncio.gather(*(node.start() for node in nodes))
        try:
            await asyncio.gather(*(node.ready() for node in nodes))
            await eventually(lambda: _registered(nodes))
            yield nodes
        finally:
            await asyncio.gather(*(node.child.stop() for node in nodes if node.child))


async def _registered(nodes: Sequence[Broker]) -> bool:
    """Topics of three copies can be made only when all are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=nodes[0].address)
    await admin.start()
    try:
        return len((await admin.describe_cluster())["brokers"]) == len(nodes)
    finally:
        await admin.close()


@asynccontextmanager
async def topics_on(nodes: Sequence[Broker]) -> AsyncIterator[KafkaSettings]:
    """Topics of one's own, on as many brokers as there are; deleted afterwards, as some hundred tests' fill a broker's memory."""
    prefix, addresses = f"t{uuid4().hex[:8]}.", ",".join(node.address for node in nodes)
    settings = KafkaSettings(
        bootstrap=addresses,
        partitions=PARTITIONS,
        session_timeout_ms=6000,
        heartbeat_ms=1000,
        static_members=False,
        prefix=prefix,
    )
    made = await create_topics(settings, len(nodes))
    try:
        yield settings
    finally:
        admin = AIOKafkaAdminClient(bootstrap_servers=addresses)
        await admin.start()
        try:
            await admin.delete_topics(made)
        finally:
            await admin.close()


@pytest_asyncio.fixture
async def kafka(broker: Broker) -> AsyncIterator[KafkaSettings]:
    """Settings whose topics are this test's own."""
    async with topics_on([broker]) as settings:
        yield settings
