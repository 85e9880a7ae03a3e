"""gateway's real app on a database of its own, with the real history behind it and a Linarc sandbox beside it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4, uuid5

import orjson
import pytest
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from httpx import ASGITransport, AsyncClient, Response
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.linarc.app import make_app
from sandbox.store import Store
from services.gateway.app import make_parts
from services.gateway.settings import Settings
from services.gateway.store import companies, users
from services.history import handlers
from services.history.api import make_routes
from services.history.settings import Settings as HistorySettings
from services.importer.api import make_routes as make_importer_routes
from services.importer.settings import Settings as ImporterSettings
from services.mapper.api import make_routes as make_mapper_routes
from services.mapper.deciding import Deciding
from services.mapper.handlers.commands import make_on_commands
from services.mapper.handlers.employees import make_on_employees
from services.mapper.handlers.settings import on_settings
from services.mapper.settings import Settings as MapperSettings
from services.syncer.api import make_routes as make_syncer_routes
from services.syncer.settings import Settings as SyncerSettings
from shared.clock import SystemClock
from shared.connectors.limits import Limits
from shared.connectors.opening import Connectors
from shared.connectors.vault import Vault
from shared.contracts.commands import LinkRecord
from shared.contracts.events import Body, EmployeeStaged, Message, SettingsChanged
from shared.db.pool import open_database
from shared.db.tx import Database
from shared.domain.employee import Employee
from shared.domain.ids import account_id, record_id
from shared.domain.settings import Account, CompanySettings
from shared.domain.values import Cause, Lane
from shared.http import problems, upkeep
from shared.http.app import Base, make_http
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox
from shared.messaging.upkeep import Upkeep
from shared.settings import (
    RATES,
    ApplicationSettings,
    DatabaseSettings,
    EgressSettings,
    KafkaSettings,
    LimitSettings,
    SsoSettings,
    TokenSettings,
    UrlSettings,
    VaultSettings,
)
from shared.systems import SYSTEMS
from tests.support.http import all_served, served

TOKENS = TokenSettings(
    history=SecretStr("h"), mapper=SecretStr("m"), importer=SecretStr("i"), syncer=SecretStr("s")
)
EMAIL, PASSWORD = "ann@muster.example", "correct horse"
KEY = b64encode(b"k" * 32).decode()
NAMESPACE = UUID("00000000-0000-0000-0000-00000000cafe")


class Switched:
    """An app behind a proxy; once it is off, the proxy says that it does not answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._on = app, True

    def off(self) -> None:
        self._on = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._on:
            await self._app(scope, receive, send)
        else:
            await PlainTextResponse("away", 502)(scope, receive, send)


@dataclass
class World:
    """The public API, and hands behind it."""

    http: AsyncClient
    database: Database
    history: Database
    addresses: Callable[[str], str]
    app: FastAPI
    mapper: Database
    importer: Database
    syncer: Database
    away: Callable[[], None]
    """mapper's HTTP goes away."""
    workers: Sequence[Any]
    """What gateway runs beside its HTTP."""
    urls: UrlSettings
    """Where the internal APIs are."""
    refresh_webhooks: Callable[[], Awaitable[None]]
    """gateway learns of changed webhooks, as it does every two seconds."""
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

    @asynccontextmanager
    async def elsewhere(self, address: str) -> AsyncIterator[AsyncClient]:
        """Another client, at this address."""
        transport = ASGITransport(self.app, raise_app_exceptions=False, client=(address, 1))
        async with AsyncClient(transport=transport, base_url="http://gateway.example") as http:
            yield http

    async def sign_in(self, password: str = PASSWORD, email: str = EMAIL) -> Response:
        return await self.http.post("/v1/session", json={"email": email, "password": password})

    async def administrator(self) -> None:
        await users.create_administrator(self.database, EMAIL, "Ann", PASSWORD, SystemClock())
        assert (await self.sign_in()).status_code == 201

    async def company(self, *, route: bool = True, direct_sync: int = 0) -> str:
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
            for system in SYSTEMS
        )
        async with self.database.transaction([company]) as tx:
            settings = await companies.lock_company(tx, company)
            await companies.save_company(tx, settings.model_copy(update={"accounts": accounts}))
        path = f"/v1/companies/{company}"
        if route:
            await self.call("PUT", f"{path}/route", json=self.route(company, direct_sync=direct_sync))
        return path

    def route(self, company: UUID | str, **rules: Any) -> dict[str, Any]:
        ends = [str(account_id(UUID(str(company)), system, "sandbox", "1")) for system in SYSTEMS]
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
                requested_at=now, answered_at=now, cause=Cause.READ,
            )  # fmt: skip
            await self.tell(company, body)
        return ids

    async def matched(
        self,
        path: str,
        people: Collection[str],
        others: Collection[str],
        employee: Employee | None = None,
        **more: str,
    ) -> tuple[list[UUID], list[UUID]]:
        """mapper knows these people at the source and these at the destination; `more` is who of them is whom.

        Each is `employee`, or has a name and no more.
        """
        document = await self.call("GET", path)
        company, ends = UUID(document["company_id"]), document["route"]
        settings = CompanySettings.model_validate(document)
        async with self.mapper.handling([company]) as tx:
            await on_settings(
                [self.message(company, SettingsChanged(company_id=company, settings=settings))], tx
            )
        found: list[list[UUID]] = []
        for side, named in (("source", people), ("destination", others)):
            account = UUID(ends[side])
            bodies = [
                EmployeeStaged(
                    record_id=record_id(account, name), account_id=account, remote_id=name, rev=1,
                    requested_at=datetime.now(UTC), answered_at=datetime.now(UTC),
                    employee=employee or Employee(last_name=name), cause=Cause.READ,
                )
                for name in named
            ]  # fmt: skip
            found.append([b.record_id for b in bodies])
            await self.compared(company, *bodies)
        for name, other in more.items():
            pair = (record_id(UUID(ends["source"]), name), record_id(UUID(ends["destination"]), other))
            command = LinkRecord(record_id=pair[0], destination_record_id=pair[1])
            async with self.mapper.handling([company]) as tx:
                handler = make_on_commands(
                    Deciding(Outbox(SystemClock()), 1),
                    SystemClock(),
                    MapperSettings.model_construct(inbox_days=21),
                )
                await handler([self.message(company, command)], tx)
        return found[0], found[1]

    async def compared(self, company: UUID, *bodies: Body) -> None:
        """mapper compares these records."""
        messages = [self.message(company, body) for body in bodies]
        async with self.mapper.handling([company]) as tx:
            await make_on_employees(Deciding(Outbox(SystemClock()), 1))(messages, tx)

    async def tell(self, company: UUID, body: Body) -> None:
        message = self.message(company, body)
        outbox = Outbox(SystemClock())
        async with self.history.handling([company]) as tx:
            await handlers.make_handler(outbox)([message], tx)

    def message(self, company: UUID, body: Body) -> Message[Any]:
        self.number += 1
        return Message(
            uuid5(NAMESPACE, str(self.number)), datetime.now(UTC) + timedelta(milliseconds=self.number), company,
            Lane.REAL_TIME, body, raw=body.model_dump_json(exclude_unset=True).encode(),
        )  # fmt: skip

    async def published(self, path: str, kind: str = "") -> list[dict[str, Any]]:
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


def kept(database: Database, settings: HistorySettings, token: SecretStr) -> APIRouter:
    """The routes about a service's messages; history's own handlers are there to handle them again."""
    consume = Consume(settings, database, SystemClock())
    if database.service == "history":
        handlers.make_router(consume, Outbox(SystemClock()))
    return upkeep.make_routes(token, Upkeep(database, consume, settings))


@pytest.fixture
def application() -> ApplicationSettings:
    """Our application at Intuit: none."""
    return ApplicationSettings()


@pytest.fixture
def egress() -> EgressSettings:
    """The sandboxes are on this machine."""
    return EgressSettings(loopback=True)


@pytest.fixture
def public_url() -> str:
    """Where browsers reach gateway: not said."""
    return ""


@pytest.fixture
def hide_from_operators() -> bool:
    """Whether operators see as little as viewers: the usual choice."""
    return False


@pytest.fixture
def sso() -> SsoSettings:
    """Single sign-on: there is none."""
    return SsoSettings()


@pytest.fixture
def second_factor() -> bool:
    """Whether everyone must have one."""
    return False


@pytest.fixture
def pool_size() -> int:
    """gateway's connections: the usual number."""
    return 8


@pytest_asyncio.fixture
async def world(
    addresses: Callable[[str], str],
    application: ApplicationSettings,
    egress: EgressSettings,
    public_url: str,
    hide_from_operators: bool,
    sso: SsoSettings,
    second_factor: bool,
    pool_size: int,
) -> AsyncIterator[World]:
    """A fresh installation; nobody is there yet."""
    mine = DatabaseSettings(dsn=SecretStr(addresses("gateway")), pool_size=pool_size)
    database = await open_database(mine, "gateway")
    history = await open_database(DatabaseSettings(dsn=SecretStr(addresses("history"))), "history")
    mapper = await open_database(DatabaseSettings(dsn=SecretStr(addresses("mapper"))), "mapper")
    importer = await open_database(DatabaseSettings(dsn=SecretStr(addresses("importer"))), "importer")
    syncer = await open_database(DatabaseSettings(dsn=SecretStr(addresses("syncer"))), "syncer")
    theirs = FastAPI()
    problems.install(theirs)
    kafka = KafkaSettings(bootstrap="none")
    unused = DatabaseSettings(dsn=SecretStr("unused"))
    their_settings = HistorySettings(
        database=unused, kafka=kafka, internal_token=TOKENS.history, dead_letter_key=SecretStr(KEY)
    )
    theirs.include_router(make_routes(history, their_settings))
    theirs.include_router(kept(history, their_settings, TOKENS.history))
    matching = FastAPI()
    problems.install(matching)
    matching.include_router(
        make_mapper_routes(mapper, MapperSettings(database=unused, kafka=kafka, internal_token=TOKENS.mapper))
    )
    matching.include_router(kept(mapper, their_settings, TOKENS.mapper))
    switched = Switched(matching)
    vault = VaultSettings(key=SecretStr(KEY))
    none = (f"{system}.{rate}=0" for system in SYSTEMS for rate in RATES if rate != "metered_per_month")
    limits = LimitSettings(rates=",".join(none))
    clock = SystemClock()
    connectors = Connectors(Vault(importer, vault), Limits(importer, limits, clock), clock, egress)
    reading = FastAPI()
    problems.install(reading)
    reading.include_router(
        make_importer_routes(
            importer, ImporterSettings.model_construct(internal_token=TOKENS.importer), connectors
        )
    )
    reading.include_router(kept(importer, their_settings, TOKENS.importer))
    planning = FastAPI()
    problems.install(planning)
    planning.include_router(
        make_syncer_routes(syncer, SyncerSettings.model_construct(internal_token=TOKENS.syncer))
    )
    planning.include_router(kept(syncer, their_settings, TOKENS.syncer))
    try:
        async with all_served(theirs, switched, reading, planning) as their_addresses:
            settings = Settings(
                database=unused,
                kafka=kafka,
                internal_tokens=TOKENS,
                application=application,
                egress=egress,
                public_url=public_url,
                sso=sso,
                second_factor=second_factor,
                limits=limits,
                hide_from_operators=hide_from_operators,
                vault=vault,
                dead_letter_key=SecretStr(KEY),
                urls=UrlSettings(
                    **dict(zip(("history", "mapper", "importer", "syncer"), their_addresses, strict=True))
                ),
            )
            base = Base(database, Outbox(clock), Consume(settings, database, clock), clock)
            parts = make_parts(base, settings)
            app = make_http("gateway", parts)
            transport = ASGITransport(app, raise_app_exceptions=False)
            async with AsyncClient(transport=transport, base_url="http://gateway.example") as http:
                yield World(
                    http,
                    database,
                    history,
                    addresses,
                    app,
                    mapper,
                    importer,
                    syncer,
                    switched.off,
                    parts.workers,
                    settings.urls,
                    cast("Any", parts.workers[2]).__self__.known.refresh,
                )
            for close in parts.on_close:
                await close()
    finally:
        await connectors.close()
        await importer.close()
        await syncer.close()
        await mapper.close()
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
