"""gateway's real app on a database of its own, with the real history behind it and a Linarc sandbox beside it."""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import orjson
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr
from starlette.types import ASGIApp

from sandbox.linarc.app import make_app
from sandbox.store import Store
from services.gateway.app import make_parts
from services.gateway.settings import Settings
from services.gateway.store import companies, users
from services.history import handlers
from services.history.api import make_routes
from services.history.settings import Settings as HistorySettings
from shared.clock import SystemClock
from shared.contracts.events import Body, EmployeeStaged, Message, SettingsChanged
from shared.contracts.records import (
    Account,
    Cause,
    CompanySettings,
    Employee,
    Lane,
    System,
    account_id,
    record_id,
)
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.http import problems
from shared.http.app import Base, make_http
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox
from shared.settings import (
    ApplicationSettings,
    DatabaseSettings,
    KafkaSettings,
    LimitSettings,
    UrlSettings,
    VaultSettings,
)
from tests.support.eventually import eventually

TOKEN = SecretStr("t")
EMAIL, PASSWORD = "ann@muster.example", "correct horse"
KEY = b64encode(b"k" * 32).decode()
NAMESPACE = UUID("00000000-0000-0000-0000-00000000cafe")


async def _started(server: uvicorn.Server) -> bool:
    return server.started


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """`app` on a free loopback port; its address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        task = asyncio.create_task(server.serve([listening]))
        await eventually(lambda: _started(server), every=0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@dataclass
class World:
    """The public API, and hands behind it."""

    http: AsyncClient
    database: Database
    history: Database
    addresses: Callable[[str], str]
    number: int = 0
    cookies: dict[str, str] = field(default_factory=dict)

    async def call(
        self,
        method: str,
        path: str,
        *,
        expected: int = 200,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Any:
        """As the administrator."""
        answer = await self.http.request(method, path, headers={"X-Muster": "1", **(headers or {})}, **more)
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    async def sign_in(self, password: str = PASSWORD, email: str = EMAIL) -> Response:
        return await self.http.post("/v1/session", json={"email": email, "password": password})

    async def administrator(self) -> None:
        await users.create_administrator(self.database, EMAIL, "Ann", PASSWORD, SystemClock())
        assert (await self.sign_in()).status_code == 201

    async def company(self, *, route: bool = True) -> str:
        """A company with two accounts whose systems nobody asks, and a route between them; its path."""
        company = UUID(
            (await self.call("POST", "/v1/companies", json={"name": "C"}, expected=201))["company_id"]
        )
        accounts = tuple(
            Account(
                account_id=account_id(company, system, "sandbox", "1"),
                system=system,
                environment="sandbox",
                tenant_id="1",
                base_url="https://x.example",
            )
            for system in System
        )
        async with self.database.transaction([company]) as tx:
            settings = await companies.lock_company(tx, company)
            await companies.save_company(tx, settings.model_copy(update={"accounts": accounts}))
        path = f"/v1/companies/{company}"
        if route:
            await self.call("PUT", f"{path}/route", json=self.route(company))
        return path

    def route(self, company: UUID | str, **rules: Any) -> dict[str, Any]:
        ends = [str(account_id(UUID(str(company)), system, "sandbox", "1")) for system in System]
        return {"source": ends[0], "destination": ends[1], "rules": rules}

    async def staged(self, path: str, *people: str) -> list[UUID]:
        """These people stand in history's list, as if importer had staged them."""
        document = await self.call("GET", path)
        company = UUID(document["company_id"])
        source = UUID(document["route"]["source"])
        settings = CompanySettings.model_validate(document)
        await self.tell(company, SettingsChanged(company_id=company, settings=settings))
        ids = [record_id(source, name) for name in people]
        now = datetime.now(UTC)
        for record, name in zip(ids, people, strict=True):
            body = EmployeeStaged(
                record_id=record, account_id=source, remote_id=name, rev=1, employee=Employee(last_name=name),
                read_at=now, cause=Cause.READ,
            )  # fmt: skip
            await self.tell(company, body)
        return ids

    async def tell(self, company: UUID, body: Body) -> None:
        self.number += 1
        message = Message(
            uuid5(NAMESPACE, str(self.number)), datetime.now(UTC) + timedelta(milliseconds=self.number), company,
            Lane.REAL_TIME, body, raw=body.model_dump_json(exclude_unset=True).encode(),
        )  # fmt: skip
        outbox = Outbox(SystemClock())
        async with self.history.transaction([company]) as tx:
            await handlers.make_handler(outbox, handlers.FOLDS[body.topic])([message], tx)

    async def said(self, path: str, kind: str = "") -> list[dict[str, Any]]:
        """What gateway's outbox holds of this company: topic, type, lane, actor, and the body."""
        async with self.database.transaction([UUID(path.rsplit("/", 1)[-1])]) as tx:
            rows = await tx.fetch("SELECT topic, lane, headers, body FROM outbox ORDER BY id")
        found = []
        for row in rows:
            headers = orjson.loads(row["headers"])
            found.append(
                {"topic": row["topic"], "type": headers["ce_type"], "lane": headers["ce_lane"]}
                | {"actor": headers.get("ce_actor"), "body": orjson.loads(row["body"])}
            )
        return [f for f in found if f["type"].startswith(kind)]

    async def age(self, statement: str) -> None:
        """Time passes: the tables are moved into the past by their owner."""
        import asyncpg  # noqa: PLC0415

        owner = await asyncpg.connect(self.addresses("owner"))
        await owner.execute(statement)
        await owner.close()


@pytest.fixture
def application() -> ApplicationSettings:
    """Our application at Intuit: none."""
    return ApplicationSettings()


@pytest_asyncio.fixture
async def world(addresses: Callable[[str], str], application: ApplicationSettings) -> AsyncIterator[World]:
    """A fresh installation; nobody is there yet."""
    database = await open_database(DatabaseSettings(dsn=SecretStr(addresses("gateway"))), "gateway")
    history = await open_database(DatabaseSettings(dsn=SecretStr(addresses("history"))), "history")
    theirs = FastAPI()
    problems.install(theirs)
    kafka = KafkaSettings(bootstrap="none")
    unused = DatabaseSettings(dsn=SecretStr("unused"))
    theirs.include_router(
        make_routes(history, HistorySettings(database=unused, kafka=kafka, internal_token=TOKEN))
    )
    try:
        async with served(theirs) as address:
            settings = Settings(
                database=unused,
                kafka=kafka,
                internal_token=TOKEN,
                application=application,
                limits=LimitSettings(enforced=False),
                vault=VaultSettings(key=SecretStr(KEY)),
                urls=UrlSettings(history=address, mapper="http://127.0.0.1:9", importer="http://127.0.0.1:9"),
            )
            clock = SystemClock()
            base = Base(database, Outbox(clock), Consume(settings, database, clock), clock)
            parts = make_parts(base, settings)
            app = make_http("gateway", parts, None)
            transport = ASGITransport(app, raise_app_exceptions=False)
            async with AsyncClient(transport=transport, base_url="http://gateway.example") as http:
                yield World(http, database, history, addresses)
            for close in parts.on_close:
                await close()
    finally:
        await history.close()
        await database.close()


@pytest_asyncio.fixture
async def admin(world: World) -> World:
    """The same, with the administrator signed in."""
    await world.administrator()
    return world


@pytest.fixture
def nobody() -> str:
    """The path of a company that is not there."""
    return f"/v1/companies/{uuid4()}"


@pytest_asyncio.fixture
async def linarc(tmp_path: Path) -> AsyncIterator[str]:
    """A Linarc that knows the tenants `t1` and `t2`, with the keys `key-1` and `key-2`."""
    people = Store(tmp_path / "linarc.db")
    app, _ = make_app(people, {"t1": "key-1", "t2": "key-2"})
    async with served(app) as address:
        yield address
    people.close()
