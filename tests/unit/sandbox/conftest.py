"""The QuickBooks stand-in in process, with a clock of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from sandbox.quickbooks.app import make_app
from sandbox.quickbooks.tokens import Client, Tokens
from sandbox.state import Sandbox
from sandbox.store import Store

REALM = "9130350000000417"
BASE = f"/v3/company/{REALM}"
BASIC = ("app", "hush")


class Clock:
    """Stands still until the test moves it."""

    now = 1_795_432_051.75

    def __call__(self) -> float:
        return self.now


class QuickBooks:
    """A connected client of the sandbox."""

    def __init__(self, http: httpx.AsyncClient, sandbox: Sandbox, clock: Clock) -> None:
        self.http, self.sandbox, self.clock = http, sandbox, clock

    async def post(self, path: str, body: dict[str, Any], **params: str) -> httpx.Response:
        return await self.http.post(BASE + path, json=body, params=params)

    async def create(self, **fields: Any) -> dict[str, Any]:
        answer = await self.post("/employee", fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["Employee"])

    async def query(self, text: str) -> dict[str, Any]:
        answer = await self.http.get(f"{BASE}/query", params={"query": text})
        return dict(answer.json())

    async def set(self, **switches: bool | float | str) -> None:
        answer = await self.http.put("/admin/switches", json=switches)
        assert answer.status_code == 200, answer.text


@pytest_asyncio.fixture
async def qbo(tmp_path: Path) -> AsyncIterator[QuickBooks]:
    clock = Clock()
    store = Store(tmp_path / "quickbooks.db", clock)
    app, sandbox = make_app(store, [REALM, "77"], Client(*BASIC), "admin")
    Tokens(sandbox).keep("the-access", "access", REALM, 3600)
    headers = {"Authorization": "Bearer the-access", "X-Sandbox-Admin": "admin", "Accept": "application/json"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://qbo", headers=headers) as http:
        yield QuickBooks(http, sandbox, clock)
    store.close()


def code(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["Fault"]["Error"][0]["code"])
