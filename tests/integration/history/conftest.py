"""A small world whose events can be told in any order, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from services.history import handlers
from services.history.api import make_routes
from services.history.settings import Settings
from shared.clock import SystemClock
from shared.contracts.events import Body, Message, SettingsChanged
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.ids import account_id, record_id
from shared.domain.settings import Account, CompanySettings, Route
from shared.domain.values import Lane
from shared.http import problems
from shared.messaging.outbox import Outbox
from shared.settings import DatabaseSettings, KafkaSettings

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
NAMESPACE = UUID("00000000-0000-0000-0000-00000000cafe")


@pytest.fixture
def owner(addresses: Callable[[str], str]) -> str:
    """The test's database, as its owner."""
    return addresses("owner")


@pytest_asyncio.fixture
async def database(addresses: Callable[[str], str]) -> AsyncIterator[Database]:
    """history's own pool."""
    database = await open_database(DatabaseSettings(dsn=SecretStr(addresses("history"))), "history")
    yield database
    await database.close()


@dataclass
class World:
    """Tells events to the real handlers, and asks the real internal API."""

    database: Database
    client: AsyncClient
    number: int = 0
    company: UUID = UUID(int=1)

    def account(self, side: str, company: UUID | None = None) -> UUID:
        return account_id(company or self.company, side, "test", "1")

    def id(self, side: str, remote: str, company: UUID | None = None) -> UUID:
        return record_id(self.account(side, company), remote)

    def message(self, body: Body, company: UUID | None = None, **more: Any) -> Message[Any]:
        self.number += 1
        return Message(
            uuid5(NAMESPACE, str(self.number)),
            more.pop("time", START + timedelta(seconds=self.number)),
            company or self.company,
            more.pop("lane", Lane.REAL_TIME),
            body,
            raw=body.model_dump_json(exclude_unset=True).encode(),
            **more,
        )

    def settings(
        self, version: int = 1, *, flipped: bool = False, company: UUID | None = None
    ) -> Message[Any]:
        company = company or self.company
        accounts = [
            Account(
                account_id=self.account(side, company),
                system=system,
                environment="test",
                tenant_id="1",
                base_url="http://x",
            )
            for side, system in (("source", "linarc"), ("destination", "quickbooks"))
        ]
        source, destination = reversed(accounts) if flipped else accounts
        document = CompanySettings(
            company_id=company, version=version, name="x", accounts=tuple(accounts),
            route=Route(source=source.account_id, destination=destination.account_id),
        )  # fmt: skip
        return self.message(SettingsChanged(company_id=company, settings=document), company)

    async def tell(self, *messages: Message[Any]) -> None:
        """Each run of messages of one topic is one batch."""
        outbox = Outbox(SystemClock())
        batch: list[Message[Any]] = []
        for message, following in zip(messages, (*messages[1:], None), strict=True):
            batch.append(message)
            if following is None or following.body.topic is not message.body.topic:
                async with self.database.handling(m.company_id for m in batch) as tx:
                    await handlers.make_handler(outbox)(batch, tx)
                batch = []

    async def get(self, path: str, expected: int = 200, company: UUID | None = None, **params: Any) -> Any:
        response = await self.client.get(f"/internal/{company or self.company}{path}", params=params)
        assert response.status_code == expected, response.text
        return response.json()

    async def post(self, path: str, body: Any, expected: int = 200) -> Any:
        response = await self.client.post(f"/internal/{self.company}{path}", json=body)
        assert response.status_code == expected, response.text
        return response.json()

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.database.transaction([self.company]) as tx:
            return [tuple(row) for row in await tx.fetch(sql)]


@pytest_asyncio.fixture
async def world(database: Database) -> AsyncIterator[World]:
    """One company's events and views."""
    settings = Settings(
        database=DatabaseSettings(dsn=SecretStr("unused")),
        kafka=KafkaSettings(bootstrap="none"),
        internal_token=SecretStr("t"),
    )
    app = FastAPI()
    problems.install(app)
    app.include_router(make_routes(database, settings))
    transport = ASGITransport(app)
    async with AsyncClient(
        transport=transport, base_url="http://h", headers={"Authorization": "Bearer t"}
    ) as client:
        yield World(database, client)
