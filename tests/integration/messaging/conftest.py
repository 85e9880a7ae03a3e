"""The probe of `tests/support/probe.py` on this test's own topics and tables, within this process or as one of its own."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from faststream.kafka import KafkaRouter
from pydantic import SecretStr

from shared.clock import SystemClock
from shared.contracts.events import Message, SourceChanged
from shared.db.pool import open_database
from shared.db.seal import Sealer
from shared.db.tx import Database
from shared.messaging import dead_letters
from shared.messaging.broker import make_broker
from shared.messaging.consume import Consume
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.outbox import Outbox
from shared.messaging.relay import Relay
from shared.settings import DatabaseSettings, KafkaSettings, ServiceSettings
from tests.support.broker import cluster
from tests.support.eventually import eventually
from tests.support.probe import COMPANY, TABLES, Fault, make_router

__all__ = ["cluster"]
ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Probe:
    """The service, and hands on its topic and its tables."""

    settings: ServiceSettings
    database: Database
    owner: asyncpg.Connection[Any]
    producer: AIOKafkaProducer
    fault: Fault | None = None
    dead_lettered: list[UUID] = field(default_factory=list)
    attempts: int = 0
    running: list[tuple[Any, Consume]] = field(default_factory=list)

    async def start(self, make: Callable[..., KafkaRouter] = make_router) -> Consume:
        """One more copy of the service, in this process; `make` subscribes it."""
        consume = Consume(self.settings, self.database, SystemClock())

        async def fault(events: Sequence[Message[Any]]) -> None:
            self.attempts += 1
            if self.fault is not None:
                await self.fault(events)

        router = make(consume, fault, lambda message: self.dead_lettered.append(message.id))
        broker = make_broker(self.settings.kafka, "mapper", router)
        await broker.start()
        self.running.append((broker, consume))
        return consume

    async def stop(self) -> None:
        """End all copies."""
        for broker, consume in self.running:
            await consume.stop()
            await broker.stop()
        self.running.clear()

    async def process(self, point: str = "none", **more: str) -> asyncio.subprocess.Process:
        """A copy in a process of its own."""
        kafka, key = self.settings.kafka, self.settings.dead_letter_key
        assert key is not None
        variables = {
            "MUSTER_DATABASE__DSN": self.settings.database.dsn.get_secret_value(),
            "MUSTER_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "MUSTER_KAFKA__PARTITIONS": str(kafka.partitions),
            "MUSTER_KAFKA__SESSION_TIMEOUT_MS": "6000",
            "MUSTER_KAFKA__HEARTBEAT_MS": "1000",
            "MUSTER_KAFKA__PREFIX": kafka.prefix,
            "MUSTER_KAFKA__STATIC_MEMBERS": "false",
            "MUSTER_HTTP__PORT": "0",
            "MUSTER_OPERATIONS__PORT": "0",
            "MUSTER_DEAD_LETTER_KEY": key.get_secret_value(),
            **more,
        }
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.probe",
            point,
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=sys.stderr,
        )

    def event(self, name: str = "r") -> SourceChanged:
        """A hint about the record `name`."""
        return SourceChanged(record_id=uuid4(), account_id=UUID(int=2), remote_id=name)

    async def send(
        self,
        body: bytes | None = None,
        *,
        event_id: UUID | None = None,
        topic: str = "notifications.v1",
        partition: int = 0,
        **headers: str | bytes | None,
    ) -> UUID:
        """Put a message on a topic; headers given as None are left out, those given as b"null" have no value."""
        event_id = event_id or uuid4()
        sent: dict[str, str | bytes | None] = {
            "ce_id": str(event_id),
            "ce_type": "source.changed",
            "ce_time": SystemClock().now().isoformat(),
            "ce_companyid": str(COMPANY),
            "ce_lane": "real_time",
            **headers,
        }
        raw = [(k, v if isinstance(v, bytes) else v.encode()) for k, v in sent.items() if v is not None]
        value = body if body is not None else self.event().model_dump_json().encode()
        await self.producer.send_and_wait(
            self.settings.kafka.prefix + topic,
            value,
            headers=[(k, None if v == b"null" else v) for k, v in raw],
            partition=partition,
        )
        return event_id

    @property
    def topic(self) -> str:
        """The topic's name on the broker."""
        return self.settings.kafka.prefix + "notifications.v1"

    async def effects(self) -> list[UUID]:
        """The events that had their effect."""
        return [r["event_id"] for r in await self.owner.fetch("SELECT event_id FROM mapper.effects")]

    async def has(self, *events: UUID, within: float = 20) -> None:
        """Wait until exactly these had their effect, each once."""

        async def ask() -> bool:
            return sorted(await self.effects()) == sorted(events)

        await eventually(ask, within=within)

    async def published(self) -> list[UUID]:
        """The ids in the outbox."""
        return [r["event_id"] for r in await self.owner.fetch("SELECT event_id FROM mapper.outbox")]

    async def committed(
        self, topic: str = "notifications.v1", partition: int = 0, group: str = "notifications.v1"
    ) -> int:
        """The offset that the group has committed on this partition; 0 when it has none."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka.bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(f"{self.settings.kafka.prefix}mapper.{group}")
        finally:
            await admin.close()
        at = found.get(TopicPartition(self.settings.kafka.prefix + topic, partition))
        return max(0, at.offset) if at else 0

    async def dead_letters(self) -> list[DeadLetter]:
        """What was dead-lettered."""
        sealer = Sealer(self.settings.dead_letter_keys())
        found = []
        for row in await self.owner.fetch(
            'SELECT topic, partition, "offset" FROM mapper.dead_letter ORDER BY 1, 2, 3'
        ):
            async with self.database.system() as tx:
                dead_letter = await dead_letters.show(tx, sealer, *row)
                assert dead_letter is not None
                found.append(dead_letter)
        return found

    def set(self, **values: Any) -> None:
        """Other settings for the copies started from now on."""
        self.settings = self.settings.model_copy(update=values)


async def open_probe(
    address: Callable[[str], str], kafka: KafkaSettings, *, timeout_ms: int = 40_000
) -> AsyncIterator[Probe]:
    """A probe, not started yet; everything of it is ended afterwards."""
    owner = await asyncpg.connect(address("owner"))
    await owner.execute(TABLES)
    settings = ServiceSettings(
        database=DatabaseSettings(dsn=SecretStr(address("mapper"))),
        kafka=kafka,
        dead_letter_key=SecretStr(base64.b64encode(bytes(32)).decode()),
        max_dead_letters=15,
    )
    database = await open_database(settings.database, "mapper")
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", request_timeout_ms=timeout_ms)
    await producer.start()
    made = Probe(settings, database, owner, producer)
    try:
        yield made
    finally:
        await made.stop()
        await producer.stop()
        await database.close()
        await owner.close()


@pytest_asyncio.fixture
async def probe(addresses: Callable[[str], str], kafka: KafkaSettings) -> AsyncIterator[Probe]:
    """On the shared servers."""
    async for made in open_probe(addresses, kafka):
        yield made


@pytest_asyncio.fixture
async def relay(probe: Probe) -> AsyncIterator[tuple[Relay, Outbox]]:
    """The probe's relay, running."""
    relay = Relay(probe.settings, probe.database)
    task = asyncio.ensure_future(relay.run())
    try:
        yield relay, Outbox(SystemClock())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
