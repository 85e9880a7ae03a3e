"""Webhooks in: what is kept, what is refused, and what is answered, at the real gateway on a real database."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from httpx import Response
from pydantic import SecretStr

from services.gateway.store import companies, webhooks
from services.gateway.webhooks import receiving
from shared.connectors.linarc.webhooks import sample
from shared.settings import ApplicationSettings
from tests.integration.gateway.conftest import World

VERIFIER = "verifier-1"


@pytest.fixture
def application() -> ApplicationSettings:
    """Two verifier tokens, while Intuit's is replaced."""
    return ApplicationSettings(verifier_tokens=SecretStr(f"new, {VERIFIER}"))


async def _accounts(world: World, path: str, *, connected: bool = True) -> dict[str, str]:
    """The accounts of a company as they are once connected, by system."""
    company = UUID(path.rsplit("/", 1)[-1])
    async with world.database.transaction([company]) as tx:
        (settings,) = await companies.load_companies(tx, [company])
        for account in settings.accounts:
            await webhooks.put_account(tx, company, account.model_copy(update={"connected": connected}))
    await world.refresh_webhooks()
    return {a.system: str(a.account_id) for a in settings.accounts}


def _event(remote_id: str = "7", realm: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"e{remote_id}", "source": "intuit.x", "type": "qbo.employee.updated.v1",
        "time": datetime.now(UTC).isoformat(), "intuitentityid": remote_id, "intuitaccountid": realm,
    } | more  # fmt: skip


async def _intuit(world: World, body: bytes, secret: str = VERIFIER, **headers: str) -> Response:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    signature = {"intuit-signature": base64.b64encode(digest).decode()}
    return await world.http.post("/webhooks/quickbooks", content=body, headers=signature | headers)


async def _receipts(world: World, path: str) -> list[tuple[str, str | None]]:
    async with world.database.transaction([UUID(path.rsplit("/", 1)[-1])]) as tx:
        return [
            tuple(r) for r in await tx.fetch("SELECT event_id, remote_id FROM webhook_receipts ORDER BY 1")
        ]


async def _hints(world: World, path: str) -> list[tuple[str, str]]:
    found = await world.published(path, "source.changed")
    bodies = [f["body"] for f in found]
    return [(b["account_id"], i) for b in bodies for i in (b["remote_id"], *b["others"])]


async def test_an_authentic_delivery_is_kept_with_its_hints_whatever_json_it_is_called(admin: World) -> None:
    path = await admin.company(route=False)
    accounts = await _accounts(admin, path)
    types = ("application/json", "application/cloudevents-batch+json; charset=utf-8", "text/plain")
    for n, kind in enumerate(types):
        answer = await _intuit(admin, orjson.dumps([_event(str(n))]), **{"Content-Type": kind})
        assert (answer.status_code, answer.json()) == (200, {"outcome": "accepted"})
    assert await _receipts(admin, path) == [("e0", "0"), ("e1", "1"), ("e2", "2")]
    assert await _hints(admin, path) == [(accounts["quickbooks"], str(n)) for n in range(3)]
    assert {f["lane"] for f in await admin.published(path, "source.changed")} == {"real_time"}


async def test_a_hint_says_when_and_to_which_version_a_record_moved(admin: World) -> None:
    """So that importer knows what it has staged already; QuickBooks names no version. A repeat says nothing again."""
    path = await admin.company(route=False)
    await _accounts(admin, path)
    at = datetime.now(UTC)
    body = orjson.dumps([_event("1", time=at.isoformat())])
    for _ in range(2):
        await _intuit(admin, body)
    (hint,) = await admin.published(path, "source.changed")
    (reported,) = hint["body"]["reported"]
    assert (reported["remote_id"], reported["version"]) == ("1", None)
    assert datetime.fromisoformat(reported["at"]) == at


async def test_one_delivery_holds_events_of_several_companies_and_one_realm_may_be_of_two(
    admin: World,
) -> None:
    first, second = await admin.company(route=False), await admin.company(route=False)
    for path in (first, second):
        await _accounts(admin, path)
    body = orjson.dumps([_event("1"), _event("2", realm="nobody"), _event("3")])
    assert (await _intuit(admin, body)).json() == {"outcome": "accepted"}
    for path in (first, second):
        assert await _receipts(admin, path) == [("e1", "1"), ("e3", "3")]


async def test_the_same_event_twice_is_one_row_and_one_hint(admin: World) -> None:
    path = await admin.company(route=False)
    await _accounts(admin, path)
    body = orjson.dumps([_event("1"), _event("2")])
    answers = await asyncio.gather(*(_intuit(admin, body) for _ in range(20)))
    assert {a.status_code for a in answers} == {200}
    assert (await _intuit(admin, body, secret="new")).status_code == 200
    assert await _receipts(admin, path) == [("e1", "1"), ("e2", "2")]
    assert len(await _hints(admin, path)) == 2


async def test_what_nobody_signed_is_401_without_a_question_to_the_database(
    admin: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await admin.company(route=False)
    accounts = await _accounts(admin, path)
    body = orjson.dumps([_event("1")])
    assert (await _intuit(admin, orjson.dumps([_event("0")]))).status_code == 200

    def touched(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(admin.database, "_open", touched)
    for secret in ("forged", ""):
        answer = await _intuit(admin, body, secret=secret)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:muster:problem:unauthenticated")
    assert (await admin.http.post("/webhooks/quickbooks", content=body)).status_code == 401
    headers, signed = sample("1", "whsec_" + base64.b64encode(b"x" * 24).decode(), datetime.now(UTC))
    for account in (accounts["linarc"], accounts["quickbooks"], str(UUID(int=7))):
        answer = await admin.http.post(f"/webhooks/linarc/{account}", content=signed, headers=headers)
        assert answer.status_code == 401
    monkeypatch.undo()
    assert await _receipts(admin, path) == [("e0", "0")]


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("POST", "/webhooks/quickbooks/", 401), ("POST", f"/webhooks/quickbooks/{UUID(int=1)}", 404),
        ("POST", "/webhooks/linarc", 404), ("POST", "/webhooks/linarc/x", 404), ("POST", "/webhooks/else", 404),
        ("GET", "/webhooks/quickbooks", 405),
    ],
)  # fmt: skip
async def test_other_addresses_and_methods(world: World, method: str, address: str, status: int) -> None:
    assert (await world.http.request(method, address, content=b"{}")).status_code == status


async def test_too_large_a_body_is_refused(world: World) -> None:
    assert (await _intuit(world, b" " * 1_048_577)).status_code == 413


async def test_what_comes_to_an_unknown_account_is_refused_before_it_is_read(world: World) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def send(message: Any) -> None:
        sent.append(message)

    path = f"/webhooks/linarc/{UUID(int=1)}"
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": [],
        "client": ("192.0.2.1", 1), "scheme": "http", "server": ("gateway.example", 80), "http_version": "1.1",
    }  # fmt: skip
    await world.app(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_events_of_nobody_and_of_a_disconnected_account_are_answered_200_and_not_kept(
    admin: World,
) -> None:
    path = await admin.company(route=False)
    body = orjson.dumps([_event("1")])
    assert (await _intuit(admin, body)).json() == {"outcome": "unknown"}
    await _accounts(admin, path)
    assert (await _intuit(admin, body)).json() == {"outcome": "accepted"}
    await _accounts(admin, path, connected=False)
    assert (await _intuit(admin, orjson.dumps([_event("2")]))).json() == {"outcome": "unknown"}
    assert await _receipts(admin, path) == [("e1", "1")]


async def test_an_authentic_delivery_that_cannot_be_read_is_kept_and_hides_no_readable_event(
    admin: World,
) -> None:
    path = await admin.company(route=False)
    await _accounts(admin, path)
    garbage, half = b'{"surprise": true}', orjson.dumps([_event("1"), {"id": 7}])
    for body in (garbage, half, garbage):
        answer = await _intuit(admin, body)
        assert (answer.status_code, answer.json()) == (200, {"outcome": "unreadable"})
    assert await _receipts(admin, path) == [("e1", "1")]
    async with admin.database.system() as tx:
        rows = await tx.fetch("SELECT topic, reason, sealed FROM dead_letter")
    assert [(r["topic"], r["reason"]) for r in rows] == [("webhooks.quickbooks", "unreadable")] * 2
    assert all(b"surprise" not in r["sealed"] for r in rows)
    assert (await _intuit(admin, orjson.dumps([_event("2")]))).json() == {"outcome": "accepted"}


async def test_linarc_has_a_secret_for_each_account_and_takes_two_while_one_replaces_the_other(
    admin: World,
) -> None:
    path = await admin.company(route=False)
    account = (await _accounts(admin, path))["linarc"]
    about = f"{path}/accounts/{account}/webhook"
    shown = await admin.call("GET", about)
    assert (shown["has_secret"], shown["secret_from"], shown["last_received_at"]) == (False, "account", None)
    assert shown["address"].endswith(f"/webhooks/linarc/{account}")
    first = await admin.call("POST", f"{about}/secret")
    assert first["previous_until"] is None and first["secret"].startswith("whsec_")
    second = await admin.call("POST", f"{about}/secret")
    assert second["previous_until"] > (datetime.now(UTC) + timedelta(hours=23)).isoformat()

    async def deliver(secret: str) -> int:
        headers, body = sample("1", secret, datetime.now(UTC))
        answer = await admin.http.post(f"/webhooks/linarc/{account}", content=body, headers=headers)
        return answer.status_code

    assert [await deliver(s["secret"]) for s in (first, second)] == [200, 200]
    third = await admin.call("POST", f"{about}/secret")
    assert [await deliver(s["secret"]) for s in (first, second, third)] == [401, 200, 200]
    shown = await admin.call("GET", about)
    assert shown["has_secret"] and shown["last_received_at"] is not None and "secret" not in shown
    assert await _hints(admin, path) == []  # a test names nobody
    entries = (await admin.call("GET", f"{path}/audit", params={"action": "webhook.secret"}))["items"]
    assert [e["subject"] for e in entries] == [f"account:{account}"] * 3
    async with admin.database.system() as tx:
        stored = await tx.fetch("SELECT sealed FROM webhooks")
    assert all(third["secret"].encode() not in row["sealed"] for row in stored)


async def test_a_linarc_event_of_another_tenant_is_nobodys(admin: World) -> None:
    path = await admin.company(route=False)
    account = (await _accounts(admin, path))["linarc"]
    secret = (await admin.call("POST", f"{path}/accounts/{account}/webhook/secret"))["secret"]
    headers, body = sample("2", secret, datetime.now(UTC))
    answer = await admin.http.post(f"/webhooks/linarc/{account}", content=body, headers=headers)
    assert answer.json() == {"outcome": "unknown"}


async def test_quickbooks_secret_is_the_installations(admin: World) -> None:
    path = await admin.company(route=False)
    about = f"{path}/accounts/{(await _accounts(admin, path))['quickbooks']}/webhook"
    shown = await admin.call("GET", about)
    assert (shown["has_secret"], shown["secret_from"]) == (True, "installation")
    await admin.call("POST", f"{about}/secret", expected=409)


async def test_a_secret_is_an_administrators_and_of_its_own_company(admin: World, nobody: str) -> None:
    path = await admin.company(route=False)
    account = (await _accounts(admin, path))["linarc"]
    for role, expected in (("viewer", 403), ("operator", 403), ("admin", 200)):
        key = await admin.call("POST", f"{path}/api-keys", json={"name": "k", "role": role}, expected=201)
        bearer = {"Authorization": f"Bearer {key['key']}", "Cookie": ""}
        answer = await admin.http.post(f"{path}/accounts/{account}/webhook/secret", headers=bearer)
        assert answer.status_code == expected
    other = await admin.company(route=False)
    await admin.call("POST", f"{other}/accounts/{account}/webhook/secret", expected=404)
    await admin.call("GET", f"{nobody}/accounts/{account}/webhook", expected=404)


async def test_while_the_database_is_away_deliveries_are_told_to_come_again(admin: World) -> None:
    path = await admin.company(route=False)
    await _accounts(admin, path)
    assert (await _intuit(admin, orjson.dumps([_event("0")]))).status_code == 200
    await admin.age("ALTER TABLE gateway.webhook_receipts RENAME TO elsewhere")
    answer = await _intuit(admin, orjson.dumps([_event("1")]))
    assert answer.status_code in (500, 503)
    await admin.age("ALTER TABLE gateway.elsewhere RENAME TO webhook_receipts")
    assert (await _intuit(admin, orjson.dumps([_event("1")]))).status_code == 200
    assert await _receipts(admin, path) == [("e0", "0"), ("e1", "1")]


async def test_a_flood_is_shed_and_none_of_those_accepted_is_lost(
    admin: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await admin.company(route=False)
    await _accounts(admin, path)
    monkeypatch.setattr(receiving, "AT_ONCE", 40)
    answers = await asyncio.gather(
        *(_intuit(admin, orjson.dumps([_event(str(n))])) for n in range(1, 301)), return_exceptions=False
    )
    accepted = {f"e{n}" for n, a in enumerate(answers, 1) if a.status_code == 200}
    shed = [a for a in answers if a.status_code == 503]
    assert len(accepted) + len(shed) == 300 and accepted and shed
    assert all(a.headers["retry-after"] == "5" for a in shed)
    assert {event_id for event_id, _ in await _receipts(admin, path)} == accepted
    assert len(await _hints(admin, path)) == len(accepted)


async def test_receipts_go_with_their_days(admin: World) -> None:
    path = await admin.company(route=False)
    await _accounts(admin, path)
    long_ago = datetime.now(UTC) - timedelta(days=30)
    body = orjson.dumps([_event("1"), _event("2", time=long_ago.isoformat())])
    assert (await _intuit(admin, body)).status_code == 200
    assert len(await _receipts(admin, path)) == 2
    async with admin.database.system() as tx:
        await webhooks.keep_receipts(tx, 7)
    assert await _receipts(admin, path) == [("e1", "1")]
