"""The broker or the database is away for a while; `make test-long` makes it longer (`OUTAGE_SECONDS=30`).

Longer than the group's session time-out, so that members are thrown out; shorter than anybody's patience.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from muster.kafka import Broker
from muster.postgres import Postgres
from shared.clock import SystemClock
from shared.db.migrate import SERVICES, migrate
from shared.messaging import relay
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox, Outgoing
from shared.messaging.relay import Relay
from shared.messaging.subscriber import Subscriber
from shared.settings import KafkaSettings
from tests.integration.messaging.conftest import Probe, open_probe
from tests.support.broker import topics_on
from tests.support.eventually import eventually
from tests.support.postgres import PASSWORD
from tests.support.probe import COMPANY
from tests.support.scratch import scratch

BROKER_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "8"))
DATABASE_SECONDS = BROKER_SECONDS / 2
ONE_OF_THREE_SECONDS = 8.0


@asynccontextmanager
async def relaying(probe: Probe) -> AsyncIterator[Outbox]:
    """The probe's relay at work."""
    task = asyncio.ensure_future(Relay(probe.settings, probe.database).run())
    try:
        yield Outbox(SystemClock())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def publish(probe: Probe, outbox: Outbox, count: int = 1) -> None:
    """Say so many things, as a request would: it is accepted whatever the broker does."""
    async with probe.database.transaction([COMPANY]) as tx:
        await outbox.append(tx, [Outgoing(probe.event(), COMPANY) for _ in range(count)])


async def say_for(probe: Probe, outbox: Outbox, seconds: float) -> None:
    """Keep saying things."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        await publish(probe, outbox, 5)
        await asyncio.sleep(0.1)


def pid_of(node: Broker) -> int:
    """The broker's process."""
    assert node.child is not None
    assert node.child.pid is not None
    return node.child.pid


async def freeze(node: Broker, seconds: float) -> None:
    """Alive and silent: connections stay open and nothing answers."""
    os.kill(pid_of(node), signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(pid_of(node), signal.SIGCONT)


async def kill(node: Broker, seconds: float) -> None:
    """SIGKILL, and after a while a new start on the same folder."""
    os.kill(pid_of(node), signal.SIGKILL)
    assert node.child is not None
    assert node.child.process is not None
    await node.child.process.wait()
    try:
        await asyncio.sleep(max(0.0, seconds - 4))
    finally:
        await node.start()
        await node.ready()


@pytest.mark.parametrize("away", [freeze, kill])
async def test_while_the_broker_is_away_everything_is_accepted_and_arrives_later(
    probe: Probe, broker: Broker, away: Callable[[Broker, float], Awaitable[None]]
) -> None:
    """Each thing published before, during and after has its effect once."""
    async with relaying(probe) as outbox:
        await probe.start()
        await publish(probe, outbox, 20)
        await probe.has(*await probe.published())

        gone = asyncio.ensure_future(away(broker, BROKER_SECONDS))
        started = asyncio.get_running_loop().time()
        await say_for(probe, outbox, BROKER_SECONDS - 1)
        assert asyncio.get_running_loop().time() - started < BROKER_SECONDS + 1
        await gone
        await publish(probe, outbox, 20)

        await probe.has(*await probe.published(), within=60)
        assert await probe.dead_letters() == []


async def test_without_the_outbox_what_is_said_meanwhile_is_lost(
    kafka: KafkaSettings, broker: Broker
) -> None:
    """The negative control: a producer asked directly gives up, and then only its caller knows what was to be said."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", request_timeout_ms=1000)
    await producer.start()
    gone = asyncio.ensure_future(freeze(broker, 3))
    try:
        with pytest.raises((KafkaError, TimeoutError)):
            async with asyncio.timeout(2.5):
                await producer.send_and_wait(f"{kafka.prefix}notifications.v1", b"{}", partition=0)
    finally:
        await gone
        await producer.stop()


@pytest_asyncio.fixture
async def own_postgres() -> AsyncIterator[Postgres]:
    """A server of this test's own, to be stopped."""
    with scratch() as folder:
        server = Postgres(folder / "postgres")
        await server.start()
        try:
            await server.ready()
            await migrate(server.dsn(), dict.fromkeys(SERVICES, PASSWORD))
            yield server
        finally:
            assert server.child is not None
            await server.child.stop()


async def test_while_the_database_is_away_the_broker_keeps_everything(
    own_postgres: Postgres, kafka: KafkaSettings
) -> None:
    """The partition is paused, unready, without a hot loop; afterwards everything has its effect once."""

    def address(role: str) -> str:
        return own_postgres.dsn() if role == "owner" else own_postgres.dsn(role, PASSWORD)

    async for probe in open_probe(address, kafka):
        consume = await probe.start()
        async with relaying(probe) as outbox:
            sent = [await probe.send() for _ in range(10)]
            await publish(probe, outbox, 5)
            published = await probe.published()
            await probe.has(*sent, *published)

            assert own_postgres.child is not None
            own_postgres.child.kill()
            sent += [await probe.send() for _ in range(10)]
            await eventually(functools.partial(_paused, consume))
            await asyncio.sleep(DATABASE_SECONDS)
            sent += [await probe.send() for _ in range(10)]
            assert consume.subscribers[0].holds.failures() < 3 + DATABASE_SECONDS * 2
            await own_postgres.start()
            await own_postgres.ready()
            probe.owner = await asyncpg.connect(address("owner"))

            await probe.has(*sent, *published, within=40)
            await publish(probe, outbox, 5)
            await probe.has(*sent, *await probe.published(), within=40)
            assert await probe.dead_letters() == []


async def test_without_holding_what_comes_meanwhile_is_lost(
    own_postgres: Postgres, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a consumer that gives a batch up when the database is away moves its offset on."""

    def give_up(self: Subscriber, batch: Any, _: Exception) -> None:
        self.offsets.note(batch.records)

    monkeypatch.setattr(Subscriber, "_hold", give_up)

    def address(role: str) -> str:
        return own_postgres.dsn() if role == "owner" else own_postgres.dsn(role, PASSWORD)

    async for probe in open_probe(address, kafka):
        await probe.start()
        before = await probe.send()
        await probe.has(before)
        assert own_postgres.child is not None
        own_postgres.child.kill()
        lost = [await probe.send() for _ in range(3)]
        await eventually(functools.partial(_committed, probe, 1 + len(lost)), within=40)
        await own_postgres.start()
        await own_postgres.ready()
        probe.owner = await asyncpg.connect(address("owner"))

        last = await probe.send()
        await probe.has(before, last, within=40)


async def _committed(probe: Probe, offset: int) -> bool:
    return await probe.committed() == offset


async def _paused(consume: Consume) -> bool:
    return bool(consume.paused())


async def _leader(probe: Probe, nodes: list[Broker]) -> Broker:
    """The broker that leads the topic's first partition."""
    await probe.producer.client.force_metadata_update()
    node: int = probe.producer.client.cluster.leader_for_partition(TopicPartition(probe.topic, 0))
    return nodes[node - 1]


async def _one_of_three_dies(probe: Probe, nodes: list[Broker]) -> tuple[list[UUID], set[UUID]]:
    """Frozen under load and then killed, so that what only it had is gone; what was said, and what arrived."""
    async with relaying(probe) as outbox:
        await probe.start()

        async def consumed() -> bool:
            await publish(probe, outbox)
            return bool(await probe.effects())

        await eventually(consumed, within=40)
        leader = await _leader(probe, nodes)

        saying = asyncio.ensure_future(say_for(probe, outbox, ONE_OF_THREE_SECONDS))
        await asyncio.sleep(0.5)
        os.kill(pid_of(leader), signal.SIGSTOP)
        await asyncio.sleep(1)
        await kill(leader, ONE_OF_THREE_SECONDS)
        await saying
        await publish(probe, outbox, 20)
        published = await probe.published()

        async def arrived() -> bool:
            return set(await probe.effects()) >= set(published[-20:])

        await eventually(arrived, within=60)
        return published, set(await probe.effects())


@pytest_asyncio.fixture
async def on_three(addresses: Callable[[str], str], cluster: list[Broker]) -> AsyncIterator[Probe]:
    """A probe whose topics stand on three brokers, two of which must have a message before it counts."""
    async with topics_on(cluster) as kafka:
        async for made in open_probe(addresses, kafka):
            yield made


async def test_one_of_three_brokers_dies_under_load_and_nothing_is_lost(
    on_three: Probe, cluster: list[Broker]
) -> None:
    """The two others go on; everything has its effect once."""
    published, _ = await _one_of_three_dies(on_three, cluster)
    await on_three.has(*published, within=40)
    assert await on_three.dead_letters() == []


async def test_without_waiting_for_acknowledgement_some_would_be(
    on_three: Probe, cluster: list[Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: a relay that marks as soon as it has written to the connection."""

    def hasty(**settings: object) -> AIOKafkaProducer:
        return AIOKafkaProducer(**{**settings, "acks": 0})

    monkeypatch.setattr(relay, "AIOKafkaProducer", hasty)
    published, arrived = await _one_of_three_dies(on_three, cluster)
    assert set(published) - arrived
