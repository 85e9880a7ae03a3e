"""Drafts, invitations and log-ins (S8, S9, S10), and Linarc's limits."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from sandbox.linarc.accounts import Accounts, Refusal
from sandbox.linarc.app import REAL, make_app
from sandbox.state import Sandbox
from sandbox.store import Store

EMPLOYEES = "/api/v1/employees"
PASSWORD = "correct horse"


class Linarc:
    """The sandbox, with the key of one company."""

    def __init__(self, http: httpx.AsyncClient, sandbox: Sandbox) -> None:
        self.http, self.sandbox, self.accounts = http, sandbox, Accounts(sandbox)

    async def create(self, **fields: str) -> str:
        answer = await self.http.post(EMPLOYEES, json={"first_name": "Ana", **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def state(self, employee_id: str) -> str:
        return str((await self.http.get(f"{EMPLOYEES}/{employee_id}")).json()["state"])

    async def invite(self, employee_id: str) -> str:
        answer = await self.http.post(f"/admin/employees/{employee_id}/invite")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["link"]).partition("token=")[2]

    def refused(self, email: str, password: str = PASSWORD) -> str:
        with pytest.raises(Refusal) as why:
            self.accounts.log_in("acme", email, password)
        return str(why.value)


@pytest_asyncio.fixture
async def linarc(tmp_path: Path) -> AsyncIterator[Linarc]:
    store = Store(tmp_path / "linarc.db")
    app, sandbox = make_app(store, {"acme": "key-a"})
    headers = {"Authorization": "Bearer key-a"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://linarc", headers=headers) as http:
        yield Linarc(http, sandbox)
    store.close()


@pytest.mark.behaviour("S8", "S9", "S10")
async def test_only_an_invitation_that_is_accepted_lets_a_draft_in(linarc: Linarc) -> None:
    ana = await linarc.create(email="ana@example.com")
    assert await linarc.state(ana) == "draft"
    assert "Draft" in linarc.refused("ana@example.com")
    token = await linarc.invite(ana)
    assert await linarc.state(ana) == "invited"
    assert "invited" in linarc.refused("ana@example.com")
    linarc.accounts.accept(token, PASSWORD)
    assert await linarc.state(ana) == "active"
    assert linarc.accounts.log_in("acme", "ANA@example.com ", PASSWORD).num == 1
    assert "wrong" in linarc.refused("ana@example.com", "other horse")
    with pytest.raises(Refusal, match="not valid any more"):
        linarc.accounts.accept(token, "somebody else's")


@pytest.mark.behaviour("S10")
async def test_an_api_key_invites_nobody_and_sets_no_state(linarc: Linarc) -> None:
    ana = await linarc.create(email="ana@example.com")
    refused = await linarc.http.post(f"{EMPLOYEES}/{ana}/invite")
    assert (refused.status_code, refused.json()["code"]) == (403, "administrators_only")
    patch = await linarc.http.patch(f"{EMPLOYEES}/{ana}", json={"state": "active"}, headers={"If-Match": "*"})
    assert patch.json()["code"] == "read_only_field"
    assert await linarc.state(ana) == "draft"


async def test_deactivating_and_reactivating_lets_no_draft_in(linarc: Linarc) -> None:
    ana = await linarc.create(email="ana@example.com")
    for _ in range(2):
        await linarc.http.post(f"{EMPLOYEES}/{ana}/deactivate")
    assert "closed" in linarc.refused("ana@example.com")
    assert (await linarc.http.post(f"/admin/employees/{ana}/invite")).status_code == 409
    etag = (await linarc.http.get(f"{EMPLOYEES}/{ana}")).json()["etag"]
    await linarc.http.patch(f"{EMPLOYEES}/{ana}", json={"title": "Mason"}, headers={"If-Match": etag})
    await linarc.http.post(f"{EMPLOYEES}/{ana}/reactivate")
    assert await linarc.state(ana) == "draft"


async def test_an_active_person_comes_back_active_and_logs_in_again(linarc: Linarc) -> None:
    ana = await linarc.create(email="ana@example.com")
    linarc.accounts.accept(await linarc.invite(ana), PASSWORD)
    await linarc.http.patch(f"/admin/employees/{ana}", json={"state": "suspended"})
    assert "suspended" in linarc.refused("ana@example.com")
    await linarc.http.post(f"{EMPLOYEES}/{ana}/deactivate")
    await linarc.http.post(f"{EMPLOYEES}/{ana}/reactivate")
    assert await linarc.state(ana) == "active"
    assert linarc.accounts.log_in("acme", "ana@example.com", PASSWORD)


async def test_an_invitation_needs_an_address_and_a_password_some_length(linarc: Linarc) -> None:
    ana = await linarc.create()
    assert (await linarc.http.post(f"/admin/employees/{ana}/invite")).status_code == 409
    bea = await linarc.create(email="bea@example.com")
    token = await linarc.invite(bea)
    with pytest.raises(Refusal, match="8 characters"):
        linarc.accounts.accept(token, "short")
    newer = await linarc.invite(bea)
    with pytest.raises(Refusal):
        linarc.accounts.accept(token, PASSWORD)
    linarc.accounts.accept(newer, PASSWORD)
    assert (await linarc.http.post("/admin/employees/lin_9/invite")).status_code == 404


async def test_too_many_calls_say_when_to_come_again(linarc: Linarc) -> None:
    linarc.sandbox.set(REAL)
    statuses = []
    for _ in range(21):
        answer = await linarc.http.get("/api/v1/company")
        statuses.append(answer.status_code)
    assert statuses == [200] * 20 + [429]
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["code"] == "rate_limited"
    linarc.sandbox.set({"requests_per_second": 0, "requests_per_minute": 21})
    answer = await linarc.http.get("/api/v1/company")
    assert (answer.status_code, 55 <= int(answer.headers["retry-after"]) <= 60) == (429, True)


async def test_pages_can_be_empty_or_end_too_early(linarc: Linarc) -> None:
    for _ in range(5):
        await linarc.create()

    async def page(action: str) -> tuple[int, bool]:
        rules = [{"match": {"operation": "query"}, "action": action}]
        await linarc.http.put("/admin/faults", json={"rules": rules})
        found = (await linarc.http.get(EMPLOYEES, params={"limit": "4"})).json()
        return len(found["employees"]), found["next_cursor"] is not None

    assert await page("latency") == (4, True)
    assert await page("empty") == (0, True)
    assert await page("truncate") == (2, False)


async def test_bad_values_are_problems(linarc: Linarc) -> None:
    for params in ({"limit": "²"}, {"limit": "1" * 5000}, {"updated_since": "9999-12-31T23:59:59-23:59"}):
        assert (await linarc.http.get(EMPLOYEES, params=params)).status_code in (200, 422)
    ana = await linarc.create()
    for body in ({"end_date": "soon"}, {"end_date": 5}, {"other": 1}):
        answer = await linarc.http.post(f"{EMPLOYEES}/{ana}/deactivate", json=body)
        assert answer.status_code == 422, body
