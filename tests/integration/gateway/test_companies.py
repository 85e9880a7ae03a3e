"""Companies, roles, keys, accounts, routes and rules, and what is said of them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.integration.gateway.conftest import World


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Cookie": ""}


async def _key(world: World, path: str, role: str) -> dict[str, str]:
    made = await world.call("POST", f"{path}/api-keys", json={"name": "k", "role": role}, expected=201)
    return _bearer(made["key"])


async def test_every_change_of_settings_says_the_whole_document_once(admin: World) -> None:
    path = await admin.company()
    await admin.call("PATCH", f"{path}/route/rules", json={"auto_sync": True})
    await admin.call("PATCH", f"{path}/route/rules", json={"auto_sync": True})

    said = await admin.said(path, "settings.changed")
    assert [s["body"]["settings"]["version"] for s in said] == [1, 2, 3]
    last = said[-1]["body"]["settings"]
    shown = await admin.call("GET", path)
    assert {k: shown[k] for k in last} == last
    assert last["route"]["rules"]["auto_sync"] is True
    assert said[-1]["actor"].startswith("user:")


async def test_changes_at_the_same_moment_are_one_after_the_other(admin: World) -> None:
    path = await admin.company()
    switches = ["auto_create", "auto_update", "auto_sync", "confirm_matches"]
    await asyncio.gather(*(admin.call("PATCH", f"{path}/route/rules", json={s: True}) for s in switches))

    assert [s["body"]["settings"]["version"] for s in await admin.said(path, "settings.changed")] == [
        1, 2, 3, 4, 5, 6,
    ]  # fmt: skip
    rules = (await admin.call("GET", path))["route"]["rules"]
    assert all(rules[s] for s in switches)


async def test_a_company_asked_for_twice_with_one_key_is_made_once(admin: World) -> None:
    ask: dict[str, Any] = {"json": {"name": "C"}, "headers": {"Idempotency-Key": "k"}, "expected": 201}
    first, again = await asyncio.gather(*(admin.call("POST", "/v1/companies", **ask) for _ in range(2)))

    assert first == again
    assert len(await admin.call("GET", "/v1/companies")) == 1
    await admin.age("UPDATE gateway.idempotency_keys SET created_at = created_at - interval '25 hours'")
    await admin.call("POST", "/v1/companies", **{**ask, "expected": 422})


async def test_a_stranger_and_an_absent_company_are_answered_alike(admin: World, nobody: str) -> None:
    path = await admin.company()
    stranger = await _key(admin, await admin.company(), "admin")

    answers = [
        (await admin.http.get(f"{place}{below}", headers=stranger)).json()
        for place in (path, nobody)
        for below in ("", "/accounts", "/api-keys", "/records", f"/runs/{uuid4()}")
    ]
    assert {(a["status"], a["detail"]) for a in answers} == {(404, "There is no such thing here.")}


LEAST: dict[str, list[tuple[Any, ...]]] = {
    "viewer": [("GET", ""), ("GET", "/accounts"), ("GET", "/records"), ("GET", "/runs")],
    "operator": [
        ("POST", "/imports", {"mode": "new"}),
        ("POST", "/selections", {"filter": {}}),
        ("PUT", "/records/{id}/link", {"destination_record_id": str(uuid4())}),
        ("DELETE", "/records/{id}/link"),
        ("POST", "/records/{id}/create"),
        ("POST", "/accounts/{source}/notifications", {"remote_ids": ["1"]}),
    ],
    "admin": [
        ("GET", "/api-keys"),
        ("POST", "/api-keys", {"name": "k", "role": "viewer"}),
        ("PATCH", "/route/rules", {"auto_sync": True}),
    ],
}
ROLES = ["viewer", "operator", "admin"]


async def test_each_role_may_do_its_own_and_what_lesser_roles_may(admin: World) -> None:
    path = await admin.company()
    source = (await admin.call("GET", path))["route"]["source"]
    keys = {role: await _key(admin, path, role) for role in ROLES}
    wrong = []
    for least, actions in LEAST.items():
        for method, below, *body in actions:
            address = path + below.replace("{id}", str(uuid4())).replace("{source}", source)
            for role, key in keys.items():
                answer = await admin.http.request(
                    method, address, headers=key, json=body[0] if body else None
                )
                may = ROLES.index(role) >= ROLES.index(least)
                if (answer.status_code < 300) is not may or (not may and answer.status_code != 403):
                    wrong.append((role, method, below, answer.status_code, answer.text))
    assert wrong == []


async def test_a_key_makes_no_companies_and_ends_when_taken_back(admin: World) -> None:
    path = await admin.company()
    made = await admin.call("POST", f"{path}/api-keys", json={"name": "k", "role": "admin"}, expected=201)
    key = _bearer(made["key"])
    assert (await admin.http.post("/v1/companies", json={"name": "D"}, headers=key)).status_code == 403
    assert [k["key_id"] for k in await admin.call("GET", f"{path}/api-keys")] == [made["key_id"]]
    assert "secret" not in str(await admin.call("GET", f"{path}/api-keys"))

    await admin.call("DELETE", f"{path}/api-keys/{made['key_id']}", expected=204)
    assert (await admin.http.get(path, headers=key)).status_code == 401
    await admin.call("DELETE", f"{path}/api-keys/{made['key_id']}", expected=404)


async def test_what_is_no_key_opens_nothing(admin: World) -> None:
    path = await admin.company()
    real = (await _key(admin, path, "admin"))["Authorization"].removeprefix("Bearer ")
    unknown = "mk_" + "0" * 12 + "_" + "a" * 43
    for key in (
        "mk_",
        "mk_x",
        "mk__x",
        "mk_\x7f_x",
        unknown,
        real[:-1] + "~",
        real + "a",
        real.upper(),
        "other",
    ):
        assert (await admin.http.get(path, headers=_bearer(key))).status_code == 401, key

    assert (await admin.http.get(path, headers=_bearer(real))).status_code == 200


async def test_the_ends_of_a_route_are_two_accounts_of_the_company_in_two_systems(admin: World) -> None:
    path = await admin.company(route=False)
    good = admin.route(path.rsplit("/", 1)[-1])
    for bad in (
        {**good, "destination": good["source"]},
        {**good, "destination": str(uuid4())},
        {**good, "rules": {"auto_magic": True}},
        {**good, "rules": {"directory_max_age_seconds": 10**12}},
    ):
        await admin.call("PUT", f"{path}/route", json=bad, expected=422)
    await admin.call("PATCH", f"{path}/route/rules", json={"auto_sync": True}, expected=409)
    await admin.call("PUT", f"{path}/route", json=good)

    assert len(await admin.said(path, "settings.changed")) == 2


RULES: list[dict[str, Any]] = [
    {"auto_sync": 7},
    {"auto_sync": "yes"},
    {"auto_sync": None},
    {"directory_max_age_seconds": True},
    {"directory_max_age_seconds": -1},
    {"directory_max_age_seconds": 10**30},
    {"auto_magic": True},
]


async def test_a_rule_takes_only_what_it_means(admin: World) -> None:
    path = await admin.company()
    for rules in RULES:
        await admin.call("PATCH", f"{path}/route/rules", json=rules, expected=422)

    assert len(await admin.said(path, "settings.changed")) == 2


def _account(address: str, **more: Any) -> dict[str, Any]:
    return {
        "system": "linarc", "environment": "sandbox", "tenant_id": "t1", "name": "Linarc", "base_url": address,
        "credential": {"api_key": "key-1"}, **more,
    }  # fmt: skip


async def test_an_account_is_connected_once_its_system_has_said_who_it_is(admin: World, linarc: str) -> None:
    path = await admin.company(route=False)
    made = await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)
    again = await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)

    assert made | {"budget": None} == again | {"budget": None}
    assert (made["tenant_id"], made["state"]) == ("t1", "connected")
    assert len(await admin.said(path, "settings.changed")) == 2
    assert "key-1" not in str([await admin.said(path), await admin.call("GET", f"{path}/accounts")])


@pytest.mark.parametrize("more", [{"credential": {"api_key": "wrong"}}, {"credential": {"api_key": "key-2"}}])
async def test_a_credential_that_does_not_fit_leaves_the_working_one(
    admin: World, linarc: str, more: dict[str, Any]
) -> None:
    path = await admin.company(route=False)
    await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)
    await admin.call("POST", f"{path}/accounts", json=_account(linarc, **more), expected=409)

    known = {a["tenant_id"]: a for a in await admin.call("GET", f"{path}/accounts")}
    assert known["t1"]["state"] == "connected"
    await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)


async def test_a_system_that_does_not_answer_leaves_the_working_credential(admin: World, linarc: str) -> None:
    path = await admin.company(route=False)
    await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)
    away = _account("http://127.0.0.1:9", credential={"api_key": "key-3"})
    answer = await admin.http.post(f"{path}/accounts", json=away, headers={"X-Muster": "1"})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    document = await admin.call("GET", path)
    assert [a["base_url"] for a in document["accounts"] if a["tenant_id"] == "t1"] == [linarc]


IMPOSSIBLE: list[dict[str, Any]] = [
    {"base_url": "http://169.254.169.254/"},
    {"base_url": "https://"},
    {"base_url": "https://a:99999"},
    {"base_url": "https://u:p@a.example"},
    {"base_url": "https://a b.example"},
    {"base_url": "https://[x"},
    {"base_url": "https://a.example/?x=1"},
    {"tenant_id": "../t"},
    {"tenant_id": ""},
    {"credential": {}},
    {"credential": {"api_key": "é"}},
    {"credential": {"api_key": "a\nb"}},
    {"credential": {"api_key": "key-1", "more": 1}},
    {
        "system": "quickbooks",
        "credential": {"refresh_token": "x", "client_id": "x", "client_secret": "x"},
    },
    {"system": "quickbooks", "credential": {"api_key": "x"}},
    {"system": "procore"},
]


async def test_an_account_that_cannot_be_is_refused_before_anything_is_called(admin: World) -> None:
    path = await admin.company(route=False)
    for more in IMPOSSIBLE:
        account = _account("https://a.invalid", **more)
        answer = await admin.http.post(f"{path}/accounts", json=account, headers={"X-Muster": "1"})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:muster:problem:invalid"), more

    async with admin.database.transaction([UUID(path.rsplit("/", 1)[-1])]) as tx:
        assert await tx.fetchval("SELECT count(*) FROM vault.credentials") == 0


async def test_a_hint_becomes_one_message_for_each_record_in_the_real_time_lane(admin: World) -> None:
    path = await admin.company()
    source = (await admin.call("GET", path))["route"]["source"]
    hints = {"remote_ids": ["1", "2", "1"]}

    answer = await admin.call("POST", f"{path}/accounts/{source}/notifications", json=hints, expected=202)
    assert answer == {"accepted": 2}
    said = await admin.said(path, "source.changed")
    assert [(s["topic"], s["lane"], s["body"]["remote_id"]) for s in said] == [
        ("notifications.v1", "real_time", "1"),
        ("notifications.v1", "real_time", "2"),
    ]
    await admin.call("POST", f"{path}/accounts/{uuid4()}/notifications", json=hints, expected=404)


async def test_no_company_sees_another_ones_rows_even_by_mistake(admin: World) -> None:
    paths = await admin.company(), await admin.company()
    one, two = (UUID(path.rsplit("/", 1)[-1]) for path in paths)
    for path in paths:
        await _key(admin, path, "viewer")
        await admin.call("POST", f"{path}/selections", json={"filter": {}}, expected=201)
        key = {"Idempotency-Key": "k"}
        await admin.call("POST", f"{path}/imports", json={"mode": "new"}, headers=key, expected=202)
    for table in ("companies", "memberships", "api_keys", "selections", "commands", "idempotency_keys"):
        for named in ({one}, {two}, {one, two}):
            async with admin.database.transaction(named) as tx:
                assert {
                    r["company_id"] for r in await tx.fetch(f"SELECT company_id FROM {table}")
                } == named, table
