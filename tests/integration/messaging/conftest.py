"""A small real service: it hears source.changed as mapper's role would, and writes each effect down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from faststream.kafka import KafkaRouter
from pydantic import SecretStr

from shared.clock import SystemClock
from shared.contracts import topics
from shared.contracts.events import Message, SourceChanged
from shared.db.pool import open_database
from shared.db.tx import Database, Tx
from shared.messaging.broker import make_broker
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox
from shared.messaging.relay import Relay
from shared.settings import DatabaseSettings, KafkaSettings, ServiceSettings
from tests.support.eventually import eventually

COMPANY = UUID(int=1)
Fault = Callable[[Sequence[Message[Any]]], Awaitable[None]]


@dataclass
class Probe:
    """The service, and hands on its topic and its tables."""

    settings: ServiceSettings
    database: Database
    owner: asyncpg.Connection[Any]
    producer: AIOKafkaProducer
    fault: Fault | None = None
    parked: list[UUID] = field(default_factory=list)
    attempts: int = 0
    running: list[tuple[Any, Consume]] = field(default_factory=list)

    async def start(self) -> Consume:
        """One more copy of the service."""
        consume = Consume(self.settings, self.database, SystemClock())
        router = KafkaRouter()

        async def on_parked(message: Message[Any], _: Tx) -> None:
            self.parked.append(message.id)

        @consume.subscribe(router, topics.NOTIFICATIONS, on_parked=on_parked)
        async def on_notifications(events: Sequence[Message[Any]], tx: Tx) -> None:
            self.attempts += 1
            for event in events:
                await tx.execute("INSERT INTO effects VALUES ($1, $2)", event.company_id, event.id)
            if self.fault is not None:
                await self.fault(events)

        broker = make_broker(self.settings.kafka, "mapper", router)
        await broker.start()
        self.running.append((broker, consume))
        return consume

    async def stop(self) -> None:
        """End all copies."""
        for broker, consume in self.running:
            consume.stop()
            await broker.stop()
        self.running.clear()

    def event(self, name: str = "r") -> SourceChanged:
        """A hint about the record `name`."""
        return SourceChanged(record_id=uuid4(), account_id=UUID(int=2), remote_id=name)

    async def send(
        self, body: bytes | None = None, *, event_id: UUID | None = None, **headers: str | bytes | None
    ) -> UUID:
        """Put a message on the topic; headers given as None are left out."""
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
            self.settings.kafka.prefix + "notifications.v1", value, headers=raw, partition=0
        )
        return event_id

    async def effects(self) -> list[UUID]:
        """The events that had their effect."""
        return [r["event_id"] for r in await self.owner.fetch("SELECT event_id FROM mapper.effects")]

    async def has(self, *events: UUID, within: float = 20) -> None:
        """Wait until exactly these had their effect, each once."""

        async def ask() -> bool:
            return sorted(await self.effects()) == sorted(events)

        await eventually(ask, within=within)

    async def letters(self) -> list[dict[str, Any]]:
        """What was parked."""
        rows = await self.owner.fetch('SELECT * FROM mapper.dead_letter ORDER BY "offset"')
        return [{**row, "headers": orjson.loads(row["headers"])} for row in rows]


@pytest_asyncio.fixture
async def probe(addresses: Callable[[str], str], kafka: KafkaSettings) -> AsyncIterator[Probe]:
    """Not started yet."""
    owner = await asyncpg.connect(addresses("owner"))
    await owner.execute(
        "CREATE TABLE mapper.effects (company_id uuid, event_id uuid); SELECT muster.protect('mapper.effects')"
    )
    settings = ServiceSettings(
        database=DatabaseSettings(dsn=SecretStr(addresses("mapper"))),
        kafka=kafka,
        internal_token=SecretStr("x"),
        max_parked_in_row=15,
    )
    database = await open_database(settings.database, "mapper")
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
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
async def relay(probe: Probe) -> AsyncIterator[tuple[Relay, Outbox]]:
    """The probe's relay, running."""
    relay = Relay(probe.settings, probe.database)
    task = asyncio.ensure_future(relay.run())
    try:
        yield relay, Outbox(SystemClock())
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
