"""Webhooks of both sandboxes, received by a real server."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest_asyncio

from sandbox.linarc.app import make_app as make_linarc
from sandbox.quickbooks.app import make_app
from sandbox.quickbooks.tokens import Client, Tokens
from sandbox.store import Store
from tests.support.eventually import eventually

SECRET = "the-verifier"


class Receiver:
    """Takes what comes; answers by `status`, called with the number of bodies so far."""

    def __init__(self) -> None:
        self.bodies: list[tuple[dict[str, str], bytes]] = []
        self.status: Callable[[int], int] = lambda _: 200
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.bodies.append((headers, body))
        writer.write(f"HTTP/1.1 {self.status(len(self.bodies))} X\r\nContent-Length: 0\r\n".encode())
        writer.write(b"Connection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def events(self, count: int) -> list[dict[str, Any]]:
        async def ask() -> list[dict[str, Any]] | None:
            found = [event for _, body in self.bodies for event in orjson.loads(body)]
            return found if len(found) >= count else None

        found = await eventually(ask)
        assert found is not None
        return found


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks"
    async with server:
        yield receiver


class Hooked:
    """A sandbox of QuickBooks whose webhooks go to a receiver."""

    def __init__(self, http: httpx.AsyncClient, receiver: Receiver) -> None:
        self.http, self.receiver = http, receiver

    async def create(self, name: str, realm: str = "77", **fields: Any) -> str:
        body = {"GivenName": name, **fields}
        answer = await self.http.post(f"/v3/company/{realm}/employee", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["Employee"]["Id"])

    async def faults(self, **rule: Any) -> None:
        rules = [{**rule, "match": {"operation": "webhook", **rule.get("match", {})}}]
        assert (await self.http.put("/admin/faults", json={"rules": rules})).status_code == 200

    async def set(self, **switches: Any) -> None:
        assert (await self.http.put("/admin/switches", json=switches)).status_code == 200

    async def shown(self) -> dict[str, Any]:
        return dict((await self.http.get("/admin/webhooks")).json())


@pytest_asyncio.fixture
async def hooked(tmp_path: Path) -> AsyncIterator[Hooked]:
    store = Store(tmp_path / "q.db")
    app, sandbox = make_app(store, ["77", "88"], Client("app", "hush"))
    Tokens(sandbox).keep("live", "access", "*", 3600)
    headers = {"Authorization": "Bearer live", "Accept": "application/json"}
    transport = httpx.ASGITransport(app)
    async with (
        receiving() as receiver,
        httpx.AsyncClient(transport=transport, base_url="http://qbo", headers=headers) as http,
    ):
        hook = {"url": receiver.url, "secret": SECRET}
        assert (await http.put("/admin/webhooks", json=hook)).json() == hook
        yield Hooked(http, receiver)
        await sandbox.hooks.close()
    store.close()


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["intuitentityid"] for event in events]


async def test_cloud_events_are_signed_and_name_no_values(hooked: Hooked) -> None:
    await hooked.create("Ana")
    (event,) = await hooked.receiver.events(1)
    assert event["type"] == "qbo.employee.created.v1"
    assert (event["intuitaccountid"], event["intuitentityid"], event["data"]) == ("77", "1", {})
    headers, body = hooked.receiver.bodies[0]
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    assert headers["intuit-signature"] == base64.b64encode(digest).decode()
    assert headers["content-type"].startswith("application/cloudevents-batch+json")


async def test_every_kind_of_change_is_reported(hooked: Hooked) -> None:
    for name in ("Ana", "Bea", "Cyd"):
        await hooked.create(name)
    update = {"Id": "1", "SyncToken": "0", "GivenName": "Ann"}
    await hooked.http.post("/v3/company/77/employee", json=update)
    await hooked.http.post("/v3/company/77/employee", json={**update, "SyncToken": "1", "Active": False})
    await hooked.http.patch("/admin/employees/2", json={"Gender": "Female"})
    await hooked.http.delete("/admin/employees/3", params={"into": "2"})
    await hooked.set(deactivation_event="updated")
    await hooked.http.patch("/admin/employees/2", json={"Active": False})
    found = [(e["type"].split(".")[2], e["intuitentityid"]) for e in await hooked.receiver.events(8)]
    assert found[3:] == [
        ("updated", "1"),
        ("deleted", "1"),
        ("updated", "2"),
        ("merged", "2"),
        ("updated", "2"),
    ]
    merged = next(e for e in await hooked.receiver.events(8) if "merged" in e["type"])
    assert merged["data"] == {"deletedid": "3"}


async def test_one_body_holds_events_of_several_companies_and_comes_whole_again(hooked: Hooked) -> None:
    hooked.receiver.status = lambda n: 500 if n == 1 else 200
    await hooked.set(time_scale=200, webhook_gather_seconds=60)
    await hooked.create("Ana")
    await hooked.create("Bea", "88")
    found = await hooked.receiver.events(4)
    first, second = (body for _, body in hooked.receiver.bodies)
    assert first == second
    assert {e["intuitaccountid"] for e in found} == {"77", "88"}
    assert (await hooked.shown())["refused"] == 1


async def test_a_body_that_is_refused_holds_back_the_next_unless_switched(hooked: Hooked) -> None:
    hooked.receiver.status = lambda n: 500 if n == 1 else 200
    await hooked.set(time_scale=50)
    await hooked.create("Ana")
    await hooked.receiver.events(1)
    await hooked.create("Bea")
    assert ids(await hooked.receiver.events(3)) == ["1", "1", "2"]
    hooked.receiver.bodies.clear()
    await hooked.set(hold_back=False)
    await hooked.create("Cyd")
    await hooked.receiver.events(1)
    await hooked.create("Dov")
    assert ids(await hooked.receiver.events(3)) == ["3", "4", "3"]


async def test_events_are_lost_doubled_and_overtaken_by_rule(hooked: Hooked) -> None:
    await hooked.faults(action="lose", match={"nth": 1})
    await hooked.create("Ana")
    await hooked.create("Bea")
    assert ids(await hooked.receiver.events(1)) == ["2"]
    assert (await hooked.shown())["lost"] == 1
    hooked.receiver.bodies.clear()
    await hooked.faults(action="duplicate", count=1)
    await hooked.create("Cyd")
    first, second = await hooked.receiver.events(2)
    assert first == second
    hooked.receiver.bodies.clear()
    await hooked.faults(action="reorder", count=1, seconds=0.2)
    await hooked.create("Dov")
    await hooked.create("Eli")
    assert ids(await hooked.receiver.events(2)) == ["5", "4"]


async def test_the_older_form_and_payrolls_own_ids(hooked: Hooked) -> None:
    await hooked.http.put("/admin/company", json={"payroll": True})
    home = {"City": "A", "CountrySubDivisionCode": "CA", "PostalCode": "1"}
    remote_id = await hooked.create("Ana", PrimaryAddr=home)
    (event,) = await hooked.receiver.events(1)
    assert "-PayrollEmployee-" in event["id"]
    assert event["data"]["alternative_ids"][0]["id"] == "77:400000001"
    path = f"/v3/company/77/employee/{event['intuitentityid']}"
    assert (await hooked.http.get(path)).status_code == 400
    hooked.receiver.bodies.clear()
    await hooked.set(webhook_format="legacy")
    await hooked.http.delete(f"/admin/employees/{remote_id}")

    async def ask() -> bool:
        return bool(hooked.receiver.bodies)

    await eventually(ask)
    headers, body = hooked.receiver.bodies[0]
    (reported,) = orjson.loads(body)["eventNotifications"]
    (entity,) = reported["dataChangeEvent"]["entities"]
    assert (reported["realmId"], entity["id"], entity["operation"]) == ("77", "1", "Delete")
    assert headers["content-type"] == "application/json"


async def test_nothing_is_kept_for_nobody_and_what_waits_survives_a_restart(tmp_path: Path) -> None:
    async def started() -> tuple[Store, Any, httpx.AsyncClient]:
        store = Store(tmp_path / "l.db")
        app, sandbox = make_linarc(store, {"acme": "k", "zeta": "z"})
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://linarc",
            headers={"Authorization": "Bearer k"},
        )
        return store, sandbox, http

    store, sandbox, http = await started()
    await http.post("/api/v1/employees", json={"first_name": "Ana"})
    assert (await http.get("/admin/webhooks")).json()["waiting"] == 0
    async with receiving() as receiver:
        receiver.status = lambda n: 503 if n == 1 else 204
        given = (await http.put("/admin/webhooks", json={"url": receiver.url})).json()
        await http.post("/api/v1/employees", json={"first_name": "Bea"})

        async def ask() -> bool:
            return bool(receiver.bodies)

        await eventually(ask)
        await sandbox.hooks.close()
        await http.aclose()
        store.close()
        store, sandbox, http = await started()
        await http.put("/admin/switches", json={"time_scale": 1000})
        store.db.execute("UPDATE hook_deliveries SET due = 0")
        sandbox.hooks.wake()

        async def again() -> bool:
            return len(receiver.bodies) == 2

        await eventually(again)
        (one, body), (two, same) = receiver.bodies
        assert (body, one["webhook-id"]) == (same, two["webhook-id"])
        key = base64.b64decode(given["secret"].removeprefix("whsec_"))
        signed = f"{two['webhook-id']}.{two['webhook-timestamp']}.".encode() + body
        digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert two["webhook-signature"] == f"v1,{digest}"
        assert abs(time.time() - int(two["webhook-timestamp"])) < 60
        event = orjson.loads(body)
        assert (event["type"], event["data"]["employee_id"]) == ("employee.created", "lin_000002")
        await http.delete("/admin/webhooks")
        assert (await http.get("/admin/webhooks")).json()["url"] is None
    await sandbox.hooks.close()
    await http.aclose()
    store.close()


async def test_a_hook_that_cannot_be_is_refused(hooked: Hooked) -> None:
    for body in ({}, {"url": "ftp://x"}, {"url": "http://x", "secret": ""}, {"url": "http://x", "secret": 5}):
        assert (await hooked.http.put("/admin/webhooks", json=body)).status_code == 422, body
