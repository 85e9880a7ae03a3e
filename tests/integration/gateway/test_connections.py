"""Connecting QuickBooks Online: the real gateway, a real sandbox process with its authorise page, and a browser between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.gateway.core import secret_hash
from services.gateway.store import users
from shared.clock import SystemClock
from shared.settings import ApplicationSettings
from tests.integration.gateway.conftest import EMAIL, World
from tests.support.systems import ADMIN, OTHER_SCOPE, SCOPES, process

REALM = SCOPES["quickbooks"]


@pytest_asyncio.fixture
async def quickbooks(tmp_path: Path) -> AsyncIterator[str]:
    """The sandbox's address."""
    async with process("quickbooks", tmp_path) as url:
        yield url


@pytest_asyncio.fixture(autouse=True)
async def _nothing_is_connected_with_this_sandbox(admin: World) -> None:
    """Each test has a sandbox of its own, with the same companies."""
    await admin.age("UPDATE gateway.webhooks SET connected = false")


@pytest.fixture
def application(quickbooks: str) -> ApplicationSettings:
    """Our application at the sandbox."""
    return ApplicationSettings(
        client_id="app",
        client_secret=SecretStr("hush"),
        authorise_url=f"{quickbooks}/connect/oauth2",
        token_url=f"{quickbooks}/oauth2/v1/tokens/bearer",
        revoke_url=f"{quickbooks}/v2/oauth2/tokens/revoke",
        production_url=quickbooks,
        sandbox_url=quickbooks,
    )


async def begin(world: World, path: str, **more: Any) -> str:
    """The address of Intuit's page."""
    ask = {"environment": "sandbox", **more}
    begun = await world.call("POST", f"{path}/accounts/authorise", json=ask, expected=201)
    return str(begun["url"])


async def allow(url: str, realm: str = REALM, decision: str = "approve") -> str:
    """What a person does there; the address that the browser is sent to."""
    page, _, asked = url.partition("?")
    async with httpx.AsyncClient() as browser:
        assert (await browser.get(url)).status_code == 200
        form = {**dict(parse_qsl(asked)), "realm": realm, "decision": decision}
        answer = await browser.post(page, data=form)
        assert answer.status_code == 303, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


async def connected(world: World, path: str, realm: str = REALM, **more: Any) -> dict[str, Any]:
    account: dict[str, Any] = await world.call("GET", await allow(await begin(world, path, **more), realm))
    return account


async def fault(quickbooks: str, *rules: dict[str, Any]) -> None:
    await sandbox(quickbooks, "PUT", "/faults", {"rules": list(rules)})


async def sandbox(quickbooks: str, method: str, path: str, body: dict[str, Any], **query: str) -> None:
    async with httpx.AsyncClient(headers={"X-Sandbox-Admin": ADMIN}) as client:
        answer = await client.request(
            method, f"{quickbooks}/admin{path}", params={"scope": REALM, **query}, json=body
        )
        assert answer.is_success, answer.text


async def test_a_company_is_connected_and_its_call_budget_is_seen(admin: World) -> None:
    path = await admin.company(route=False)
    made = await connected(admin, path)

    assert (made["tenant_id"], made["state"], made["connected"]) == (REALM, "connected", True)
    assert made["name"]
    known = {a["tenant_id"]: a for a in await admin.call("GET", f"{path}/accounts")}
    assert known[REALM]["reconnect_by"]
    assert known[REALM]["budget"]["metered"] + known[REALM]["budget"]["unmetered"] >= 1
    assert (await admin.call("POST", f"{path}/accounts/{made['account_id']}/test"))["state"] == "connected"
    published = await admin.published(path, "settings.changed")
    assert REALM in str(published[-1]["body"])
    assert "refresh_token" not in str(published)


async def test_a_browser_goes_on_to_the_connections_or_gets_a_page_that_says_why_not(admin: World) -> None:
    path = await admin.company(route=False)
    html = {"Accept": "text/html,*/*"}
    back = await allow(await begin(admin, path))
    good, again = [await admin.http.get(back, headers=html) for _ in range(2)]
    (account,) = [a for a in await admin.call("GET", f"{path}/accounts") if a["tenant_id"] == REALM]
    console = path.replace("/v1/companies/", "/c/")
    denied = await admin.http.get(await allow(await begin(admin, path), decision="deny"), headers=html)

    assert (good.status_code, good.headers["location"]) == (
        303,
        f"{console}/connections?connected={account['account_id']}",
    )
    assert (again.status_code, "Begin again" in again.text) == (410, True)
    assert (denied.status_code, "nothing has changed" in denied.text) == (409, True)
    assert all(a.headers["content-type"].startswith("text/html") for a in (again, denied))


async def test_an_attempt_belongs_to_its_session_and_is_used_once_within_ten_minutes(admin: World) -> None:
    path = await admin.company(route=False)
    mine = dict(admin.http.cookies)
    back = await allow(await begin(admin, path))
    admin.http.cookies.clear()
    await admin.sign_in()
    await admin.call("GET", back, expected=410)
    admin.http.cookies.clear()
    await admin.call("GET", back, expected=401)
    admin.http.cookies.update(mine)
    assert (await admin.call("GET", back))["state"] == "connected", "another session has not used it up"
    await admin.call("GET", back, expected=410)

    back = await allow(await begin(admin, path))
    await admin.age("UPDATE gateway.authorisations SET created_at = created_at - interval '11 minutes'")
    await admin.call("GET", back, expected=410)
    query = dict(parse_qsl(urlsplit(await allow(await begin(admin, path))).query))
    for wrong in ({"realmId": "x"}, {"code": ""}, {"code": "spent"}, {"state": "x"}, {"state": ""}):
        fresh = dict(parse_qsl(urlsplit(await allow(await begin(admin, path))).query))
        asked = urlencode({**query, **fresh, **wrong})
        answer = await admin.http.get(f"/v1/oauth/quickbooks/callback?{asked}")
        assert answer.status_code in (409, 410, 422), wrong


async def test_a_second_connection_never_ends_the_first(admin: World) -> None:
    """Intuit gives a company new tokens and ends the old ones; so another company is refused before that."""
    first, second = await admin.company(route=False), await admin.company(route=False)
    made = await connected(admin, first)
    refused = await admin.call("GET", await allow(await begin(admin, second)), expected=409)
    assert "Another company in Muster" in refused["detail"]
    assert REALM not in {a["tenant_id"] for a in await admin.call("GET", f"{second}/accounts")}
    place = f"{first}/accounts/{made['account_id']}"
    assert (await admin.call("POST", f"{place}/test"))["state"] == "connected"

    assert (await connected(admin, first))["state"] == "connected", "the same company may connect again"
    await admin.call("POST", f"{place}/disconnect")
    assert (await connected(admin, second))["state"] == "connected"


async def test_only_an_administrator_in_a_browser_begins(admin: World) -> None:
    path = await admin.company(route=False)
    key = await admin.call("POST", f"{path}/api-keys", json={"name": "k", "role": "admin"}, expected=201)
    ask = {"json": {"environment": "sandbox"}, "headers": {"Authorization": f"Bearer {key['key']}"}}
    answer = await admin.http.post(f"{path}/accounts/authorise", **ask)
    assert (answer.status_code, "Sign in with a browser" in answer.json()["detail"]) == (403, True)

    back = await allow(await begin(admin, path))
    await admin.age("UPDATE gateway.memberships SET role = 'operator'")
    await admin.call("GET", back, expected=403)
    await admin.call("POST", f"{path}/accounts/authorise", json=ask["json"], expected=403)


async def test_an_account_that_is_connected_again_keeps_its_id_and_is_no_other_company(admin: World) -> None:
    path = await admin.company(route=False)
    first = await connected(admin, path)
    gone = await admin.call("POST", f"{path}/accounts/{first['account_id']}/disconnect")
    assert (gone["state"], gone["connected"], gone["revoked"]) == ("disconnected", False, True)
    assert (await admin.call("POST", f"{path}/accounts/{first['account_id']}/test"))[
        "state"
    ] == "disconnected"

    other = await begin(admin, path, account_id=first["account_id"])
    answer = await admin.http.get(await allow(other, OTHER_SCOPE))
    assert (answer.status_code, answer.json()["state"]) == (409, "wrong_company")
    again = await connected(admin, path, account_id=first["account_id"])
    assert (again["account_id"], again["state"], again["connected"]) == (
        first["account_id"],
        "connected",
        True,
    )
    assert (await connected(admin, path, OTHER_SCOPE))["account_id"] != first["account_id"]


async def test_what_went_wrong_is_a_state_with_what_to_do(admin: World, quickbooks: str) -> None:
    path = await admin.company(route=False)
    account = f"{path}/accounts/{(await connected(admin, path))['account_id']}"
    match = {"operation": "companyinfo"}
    for code, status, state in (("120", 400, "no_rights"), ("3100", 403, "wrong_company")):
        await fault(
            quickbooks, {"match": match, "action": "fault", "code": code, "status": status, "count": 1}
        )
        found = await admin.call("POST", f"{account}/test")
        assert (found["state"], bool(found["state_text"]), bool(found["fix"])) == (state, True, True)
        assert "QuickBooks Online" in found["state_text"]
        back = await allow(await begin(admin, path))
        await fault(
            quickbooks, {"match": match, "action": "fault", "code": code, "status": status, "count": 1}
        )
        answer = await admin.http.get(back)
        assert (answer.status_code, answer.json()["state"]) == (409, state)
        await connected(admin, path)

    await sandbox(quickbooks, "POST", "/tokens/expire", {}, kind="all")
    assert (await admin.call("POST", f"{account}/test"))["state"] == "reconnect"
    (known,) = [a for a in await admin.call("GET", f"{path}/accounts") if a["tenant_id"] == REALM]
    assert known["state"] == "reconnect"
    assert (await connected(admin, path))["state"] == "connected"


async def test_a_company_that_could_not_be_connected_is_not_there(admin: World, quickbooks: str) -> None:
    path = await admin.company(route=False)
    back = await allow(await begin(admin, path))
    refused = {
        "match": {"operation": "companyinfo"},
        "action": "fault",
        "code": "3100",
        "status": 403,
        "count": 1,
    }
    await fault(quickbooks, refused)
    await admin.call("GET", back, expected=409)
    assert REALM not in {a["tenant_id"] for a in await admin.call("GET", f"{path}/accounts")}


async def test_without_an_answer_it_is_closed_here_and_says_so(admin: World, quickbooks: str) -> None:
    path = await admin.company(route=False)
    account = f"{path}/accounts/{(await connected(admin, path))['account_id']}"
    back = await allow(await begin(admin, path))
    await fault(quickbooks, {"match": {"operation": "token"}, "action": "status", "status": 503})
    assert (await admin.http.get(back)).status_code == 503
    await fault(quickbooks)

    for revoked in (True, True):
        assert (await admin.call("POST", f"{account}/disconnect"))["revoked"] is revoked
    nobody = f"{path}/accounts/{SystemClock().new_id()}"
    for what in ("test", "disconnect"):
        await admin.call("POST", f"{nobody}/{what}", expected=404)


async def test_a_state_is_stored_only_as_a_hash(admin: World) -> None:
    path = await admin.company(route=False)
    state = dict(parse_qsl(urlsplit(await begin(admin, path)).query))["state"]
    async with admin.database.system() as tx:
        (row,) = await tx.fetch("SELECT * FROM authorisations")
        assert bytes(row["state_hash"]) == secret_hash(state)
        assert state not in str(row)
        assert await users.find_user(tx, EMAIL) is not None
