"""Connecting, refreshing, revoking: the QuickBooks stand-in's OAuth 2."""

import re
from html import unescape
from typing import Any

import httpx
import pytest

from tests.unit.sandbox.conftest import BASE, BASIC, REALM, QuickBooks

ASKED = {
    "client_id": "app",
    "redirect_uri": "http://app/back?x=1",
    "state": "s/1",
    "response_type": "code",
    "scope": "com.intuit.quickbooks.accounting",
}
YEAR = 365 * 24 * 3600


async def grant(qbo: QuickBooks, **form: str) -> httpx.Response:
    headers = {"x-include-refresh-token-hard-expires-in": "true"}
    return await qbo.http.post("/oauth2/v1/tokens/bearer", data=form, auth=BASIC, headers=headers)


async def refresh(qbo: QuickBooks, token: str) -> httpx.Response:
    return await grant(qbo, grant_type="refresh_token", refresh_token=token)


async def connect(qbo: QuickBooks, realm: str = "77") -> dict[str, Any]:
    sent = await qbo.http.post("/connect/oauth2", data={**ASKED, "realm": realm, "decision": "approve"})
    code = httpx.URL(sent.headers["location"]).params["code"]
    first = await grant(qbo, grant_type="authorization_code", code=code, redirect_uri=ASKED["redirect_uri"])
    assert first.status_code == 200, first.text
    return dict(first.json())


async def test_a_person_approves_one_company_on_a_page(qbo: QuickBooks) -> None:
    shown = await qbo.http.get("/connect/oauth2", params={**ASKED, "state": 's"<1>'})
    assert shown.status_code == 200
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.text))
    form = {name: unescape(value) for name, value in fields.items()}
    assert form["state"] == 's"<1>'
    assert {"77", REALM} == set(re.findall(r'name="realm" value="(\w+)"', shown.text))
    sent = await qbo.http.post("/connect/oauth2", data={**form, "realm": "77", "decision": "approve"})
    assert sent.status_code == 303
    back = httpx.URL(sent.headers["location"])
    assert (back.host, back.params["x"], back.params["state"]) == ("app", "1", 's"<1>')
    assert back.params["realmId"] == "77"
    refused = await qbo.http.post("/connect/oauth2", data={**form, "realm": "77", "decision": "refuse"})
    assert httpx.URL(refused.headers["location"]).params["error"] == "access_denied"


async def test_the_page_approves_by_itself_when_switched(qbo: QuickBooks) -> None:
    await qbo.set(auto_approve=True)
    sent = await qbo.http.get("/connect/oauth2", params={**ASKED, "realm": "77"})
    assert httpx.URL(sent.headers["location"]).params["realmId"] == "77"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_id", "other"),
        ("redirect_uri", "javascript:alert(1)"),
        ("response_type", "token"),
        ("scope", "openid"),
        ("state", ""),
        ("realm", "78"),
    ],
)
async def test_a_wrong_request_sends_nobody_anywhere(qbo: QuickBooks, name: str, value: str) -> None:
    await qbo.set(auto_approve=True)
    shown = await qbo.http.get("/connect/oauth2", params={**ASKED, name: value})
    assert shown.status_code == 400
    assert "location" not in shown.headers


async def test_a_form_of_another_site_approves_nothing(qbo: QuickBooks) -> None:
    form = {**ASKED, "realm": "77", "decision": "approve"}
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        sent = await qbo.http.post("/connect/oauth2", data=form, headers=headers)
        assert sent.status_code == 403


async def test_a_code_is_good_once_and_for_its_own_address(qbo: QuickBooks) -> None:
    sent = await qbo.http.post("/connect/oauth2", data={**ASKED, "realm": "77", "decision": "approve"})
    form = {"grant_type": "authorization_code", "code": httpx.URL(sent.headers["location"]).params["code"]}
    assert (await grant(qbo, **form, redirect_uri="http://other/")).json()["error"] == "invalid_grant"
    form["redirect_uri"] = ASKED["redirect_uri"]
    first = (await grant(qbo, **form)).json()
    assert (first["expires_in"], first["x_refresh_token_expires_in"]) == (3600, 8_726_400)
    assert (await grant(qbo, **form)).status_code == 400


async def test_a_refresh_rotates_and_the_old_value_dies_at_once(qbo: QuickBooks) -> None:
    first = await connect(qbo)
    second = (await refresh(qbo, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    dead = await refresh(qbo, first["refresh_token"])
    assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {second['access_token']}"}
    assert (await qbo.http.get("/v3/company/77/companyinfo/77", headers=bearer)).status_code == 200


async def test_rotation_has_switches(qbo: QuickBooks) -> None:
    first = await connect(qbo)
    await qbo.set(rotate_refresh=False)
    same = (await refresh(qbo, first["refresh_token"])).json()
    assert same["refresh_token"] == first["refresh_token"]
    await qbo.set(rotate_refresh=True, old_refresh_dies=False, old_access_dies=True)
    other = (await refresh(qbo, first["refresh_token"])).json()
    assert other["refresh_token"] != first["refresh_token"]
    bearer = {"Authorization": f"Bearer {same['access_token']}"}
    assert (await qbo.http.get("/v3/company/77/companyinfo/77", headers=bearer)).status_code == 401
    assert (await refresh(qbo, first["refresh_token"])).status_code == 200
    qbo.clock.now += 25 * 3600
    assert (await refresh(qbo, first["refresh_token"])).status_code == 400


async def test_five_years_end_every_refresh(qbo: QuickBooks) -> None:
    token = await connect(qbo)
    assert token["x_refresh_token_hard_expires_in"] == 5 * YEAR
    for _ in range(5 * 365 // 100):
        qbo.clock.now += 100 * 24 * 3600
        token = (await refresh(qbo, token["refresh_token"])).json()
    left = 5 * YEAR - 18 * 100 * 24 * 3600
    assert token["x_refresh_token_hard_expires_in"] == token["x_refresh_token_expires_in"] == left
    qbo.clock.now += left
    assert (await refresh(qbo, token["refresh_token"])).json()["error"] == "invalid_grant"


async def test_revoking_or_connecting_again_ends_both_tokens(qbo: QuickBooks) -> None:
    first = await connect(qbo)
    second = await connect(qbo)
    assert (await refresh(qbo, first["refresh_token"])).status_code == 400
    body = {"token": second["refresh_token"]}
    assert (await qbo.http.post("/v2/oauth2/tokens/revoke", json=body, auth=BASIC)).status_code == 200
    bearer = {"Authorization": f"Bearer {second['access_token']}"}
    assert (await qbo.http.get("/v3/company/77/companyinfo/77", headers=bearer)).status_code == 401
    assert (await qbo.http.post("/v2/oauth2/tokens/revoke", json=body, auth=BASIC)).status_code == 400


async def test_a_wrong_secret_or_grant_is_distinguished(qbo: QuickBooks) -> None:
    path = "/oauth2/v1/tokens/bearer"
    wrong = await qbo.http.post(path, data={"grant_type": "refresh_token"}, auth=("app", "no"))
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    other = await grant(qbo, grant_type="password")
    assert other.json()["error"] == "unsupported_grant_type"
    broken = await qbo.http.post(path, content=b"[1", headers={"Content-Type": "application/json"})
    assert broken.status_code == 401


async def test_an_admin_ends_tokens_of_a_kind(qbo: QuickBooks) -> None:
    token = await connect(qbo)
    await qbo.http.post("/admin/tokens/expire", params={"scope": "77"})
    bearer = {"Authorization": f"Bearer {token['access_token']}"}
    assert (await qbo.http.get("/v3/company/77/companyinfo/77", headers=bearer)).status_code == 401
    assert (await qbo.http.get(f"{BASE}/companyinfo/{REALM}")).status_code == 200
    token = (await refresh(qbo, token["refresh_token"])).json()
    await qbo.http.post("/admin/tokens/expire", params={"kind": "refresh"})
    assert (await refresh(qbo, token["refresh_token"])).status_code == 400
    assert (await qbo.http.post("/admin/tokens/expire", params={"kind": "some"})).status_code == 422


async def test_discovery_names_addresses_of_this_server(qbo: QuickBooks) -> None:
    for name in ("openid_configuration", "openid_sandbox_configuration/"):
        found = (await qbo.http.get(f"/.well-known/{name}")).json()
        assert found["authorization_endpoint"] == "http://qbo/connect/oauth2"
        assert found["token_endpoint"] == "http://qbo/oauth2/v1/tokens/bearer"


async def test_refreshing_fails_by_rule(qbo: QuickBooks) -> None:
    token = await connect(qbo)
    for rule, status, error in (
        ({"action": "fault"}, 400, "invalid_grant"),
        ({"action": "fault", "status": 401, "code": "invalid_client"}, 401, "invalid_client"),
    ):
        rules = [{**rule, "match": {"operation": "token"}, "count": 1}]
        await qbo.http.put("/admin/faults", json={"rules": rules})
        answer = await refresh(qbo, token["refresh_token"])
        assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert (await refresh(qbo, token["refresh_token"])).status_code == 200
