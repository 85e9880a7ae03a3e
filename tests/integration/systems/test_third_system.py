"""A third system takes part in everything as soon as it is registered: one file, one package, one entry.

The five services run as their own `app` builds them, on PostgreSQL and Kafka, in this process: the entry is made here.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
import pytest_asyncio
from httpx import ASGITransport, AsyncClient

from muster.demo import NO_LIMITS
from sandbox.linarc.app import make_app as make_linarc
from sandbox.store import Store
from services.gateway.store.users import create_administrator
from shared.clock import SystemClock
from shared.db.pool import open_database
from shared.http.app import Base, Build, make_http
from shared.messaging.broker import make_broker
from shared.messaging.consume import Consume
from shared.messaging.outbox import Outbox
from shared.messaging.relay import Relay
from shared.settings import KafkaSettings, ServiceSettings
from shared.systems import SYSTEMS
from tests.support import roster
from tests.support.eventually import eventually
from tests.support.http import served

EMAIL, PASSWORD, ADMIN = "ann@muster.example", "correct horse", "admin"
KEY = b64encode(b"k" * 32).decode()
Direction = Literal["from the third system", "to the third system"]


class Services:
    """The five services in one process; `http` is gateway, signed in."""

    def __init__(
        self, addresses: Callable[[str], str], kafka: KafkaSettings, patch: pytest.MonkeyPatch
    ) -> None:
        self._addresses, self._kafka, self._patch = addresses, kafka, patch
        self._urls: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.stack = AsyncExitStack()
        self.http = AsyncClient()

    async def start(self) -> None:
        for service in ("importer", "mapper", "syncer", "history", "gateway"):
            app = import_module(f"services.{service}.app")
            self._environment(service)
            self._patch.setattr(app, "serve", self._serve)
            await app.main()

    def _environment(self, service: str) -> None:
        kafka = self._kafka
        values = {
            "DATABASE__DSN": self._addresses(service),
            "KAFKA__BOOTSTRAP": kafka.bootstrap,
            "KAFKA__PARTITIONS": str(kafka.partitions),
            "KAFKA__PREFIX": kafka.prefix,
            "KAFKA__STATIC_MEMBERS": "false",
            "KAFKA__SESSION_TIMEOUT_MS": "6000",
            "KAFKA__HEARTBEAT_MS": "1000",
            "DEAD_LETTER_KEY": KEY,
        }
        reaches = {"VAULT__KEY": KEY, "EGRESS__LOOPBACK": "true"}
        if service in ("importer", "syncer", "gateway"):
            values |= reaches
        else:
            for name in reaches:
                self._patch.delenv(f"MUSTER_{name}", raising=False)
        if service == "gateway":
            values |= {f"URLS__{name.upper()}": url for name, url in self._urls.items()}
            values |= {
                f"INTERNAL_TOKENS__{name.upper()}": "t"
                for name in ("importer", "mapper", "syncer", "history")
            }
            self._patch.delenv("MUSTER_INTERNAL_TOKEN", raising=False)
        else:
            values["INTERNAL_TOKEN"] = "t"
        for name, value in values.items():
            self._patch.setenv(f"MUSTER_{name}", value)

    async def _serve(self, service: str, settings: ServiceSettings, build: Build) -> None:
        """In place of `shared.http.app.serve`, which owns its process."""
        clock = SystemClock()
        database = await open_database(settings.database, service)
        self.stack.push_async_callback(database.close)
        base = Base(database, Outbox(clock), Consume(settings, database, clock), clock)
        parts = build(base)
        for close in parts.on_close:
            self.stack.push_async_callback(close)
        app = make_http(service, parts)
        self._run(Relay(settings, database).run)
        if service == "gateway":
            await create_administrator(database, EMAIL, "Ann", PASSWORD, clock)
            transport = ASGITransport(app, raise_app_exceptions=False)
            self.http = AsyncClient(transport=transport, base_url="http://gateway.example")
            return
        self._urls[service] = await self.stack.enter_async_context(served(app))
        broker = make_broker(settings.kafka, service, parts.router)
        await broker.start()
        self.stack.push_async_callback(broker.stop)
        self.stack.push_async_callback(base.consume.stop)
        for worker in parts.workers:
            self._run(worker)

    def _run(self, loop: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await loop()

        self._tasks.append(asyncio.create_task(run()))

    async def stop(self) -> None:
        await self.http.aclose()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.stack.aclose()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.http.request(method, path, json=body, headers={"X-Muster": "1"})
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@pytest_asyncio.fixture
async def services(
    addresses: Callable[[str], str], kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Services]:
    """All five, with the third system registered."""
    monkeypatch.setitem(SYSTEMS, roster.SYSTEM.id, roster.SYSTEM)
    services = Services(addresses, kafka, monkeypatch)
    try:
        await services.start()
        await services.call("POST", "/v1/session", {"email": EMAIL, "password": PASSWORD})
        yield services
    finally:
        await services.stop()


@pytest_asyncio.fixture
async def linarc(tmp_path: Path) -> AsyncIterator[str]:
    """A Linarc with the tenant `t1` and nobody in it."""
    people = Store(tmp_path / "linarc.db")
    app, _ = make_linarc(people, {"t1": "key-1"}, ADMIN)
    async with served(app) as address:
        yield address
    people.close()


class Company:
    """A company with an account of Linarc's and one of the third system's."""

    def __init__(self, services: Services, linarc: str) -> None:
        self.services, self.linarc, self.tenant = services, linarc, uuid4().hex
        self.path = ""

    async def connect(self, direction: Direction) -> None:
        made = await self.services.call("POST", "/v1/companies", {"name": "C"})
        self.path = f"/v1/companies/{made['company_id']}"
        third = await self._account("roster", self.tenant, "https://roster.example", roster.KEY)
        linarc = await self._account("linarc", "t1", self.linarc, "key-1")
        source, destination = (third, linarc) if direction == "from the third system" else (linarc, third)
        rules = {
            "create_missing": True,
            "auto_create": True,
            "auto_update": True,
            "auto_sync": False,
            "direct_sync": 10,
            **NO_LIMITS,
        }
        route = {"source": source, "destination": destination, "rules": rules}
        await self.services.call("PUT", f"{self.path}/route", route)

    async def _account(self, system: str, tenant: str, url: str, key: str) -> str:
        body = {
            "system": system, "environment": "sandbox", "tenant_id": tenant, "name": system, "base_url": url,
            "credential": {"api_key": key},
        }  # fmt: skip
        return str((await self.services.call("POST", f"{self.path}/accounts", body))["account_id"])

    async def in_linarc(self) -> list[dict[str, Any]]:
        async with AsyncClient(base_url=self.linarc, headers={"Authorization": "Bearer key-1"}) as http:
            people: list[dict[str, Any]] = (await http.get("/api/v1/employees")).json()["employees"]
            return people

    async def hire_in_linarc(self, **values: Any) -> None:
        async with AsyncClient(base_url=self.linarc, headers={"Authorization": "Bearer key-1"}) as http:
            (await http.post("/api/v1/employees", json=values)).raise_for_status()

    async def becomes(self, name: str, *statuses: str) -> dict[str, Any]:
        """The record of this last name, once it has one of these statuses and is checked."""

        async def ask() -> dict[str, Any] | None:
            for record in (await self.services.call("GET", f"{self.path}/records"))["items"]:
                checked = record["reason"] not in ("checking", "directory_being_read")
                if record["last_name"] == name and record["status"] in statuses and checked:
                    found: dict[str, Any] = record
                    return found
            return None

        found = await eventually(ask, within=60)
        assert found is not None
        return found

    async def push(self, *records: dict[str, Any]) -> None:
        await self.services.call(
            "POST", f"{self.path}/syncs", {"record_ids": [one["record_id"] for one in records]}
        )

    async def timeline(self, record: dict[str, Any]) -> list[str]:
        page = await self.services.call("GET", f"{self.path}/records/{record['record_id']}/timeline")
        return [entry["type"] for entry in page["items"]]


async def test_a_third_system_is_a_source(services: Services, linarc: str) -> None:
    """Its people are imported, matched with Linarc's or created there, and their history is shown."""
    company = Company(services, linarc)
    roster.hire(company.tenant, "r1", first_name="Ana", last_name="Li", number="A-1", bill_rate=31.5)
    roster.hire(company.tenant, "r2", first_name="Bo", last_name="Ek", number="A-2")
    await company.hire_in_linarc(first_name="Bo", last_name="Eck", employee_number="A-2")
    await company.connect("from the third system")
    created, matched = [await company.becomes(name, "needs_sync") for name in ("Li", "Ek")]

    await company.push(created, matched)
    await company.becomes("Li", "synced")
    await company.becomes("Ek", "synced")

    people = {one["employee_number"]: one for one in await company.in_linarc()}
    assert (people["A-1"]["last_name"], people["A-1"]["hourly_rate"]) == ("Li", 31.5)
    assert people["A-2"]["last_name"] == "Ek"
    assert len(people) == 2
    assert {"employee.staged", "record.linked", "push.succeeded"} <= set(await company.timeline(created))


async def test_a_third_system_is_a_destination(services: Services, linarc: str) -> None:
    """What Linarc holds is written to it at its own scale; what it cannot hold is left out with a note."""
    company = Company(services, linarc)
    await company.hire_in_linarc(
        first_name="Ana",
        last_name="Li",
        employee_number="A-1",
        hourly_rate=31.26,
        email=f"{'a' * 100}@x.example",
    )
    await company.connect("to the third system")
    record = await company.becomes("Li", "needs_sync")
    await company.push(record)
    await company.becomes("Li", "synced")

    (person,) = roster.DIRECTORIES[company.tenant].values()
    assert (person["first_name"], person["last_name"], person["number"]) == ("Ana", "Li", "A-1")
    assert "email" not in person
    shown = await services.call("GET", f"{company.path}/records/{record['record_id']}")
    assert ["Roster Cloud" in note["text"] for note in shown["notes"]] == [True]
    assert "push.succeeded" in await company.timeline(record)


async def test_a_system_that_is_not_registered_is_refused(
    services: Services, linarc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its entry nobody can connect it."""
    company = Company(services, linarc)
    monkeypatch.delitem(SYSTEMS, "roster")
    with pytest.raises(AssertionError, match="urn:muster:problem:invalid"):
        await company.connect("to the third system")
