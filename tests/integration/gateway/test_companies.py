"""Companies, roles, keys, accounts, routes and rules, and what is published about them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from shared.settings import EgressSettings
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

    published = await admin.published(path, "settings.changed")
    assert [s["body"]["settings"]["version"] for s in published] == [1, 2, 3]
    last = published[-1]["body"]["settings"]
    shown = await admin.call("GET", path)
    assert {k: shown[k] for k in last} == last
    assert last["route"]["rules"]["auto_sync"] is True
    assert published[-1]["actor"].startswith("user:")


async def test_a_route_that_another_company_follows_back_is_warned_of(admin: World) -> None:
    """Over the same two accounts, in the opposite direction, and only while that other route is active."""
    first, second = await admin.company(), await admin.company(route=False)
    route = admin.route(second.rpartition("/")[2])
    back = {**route, "source": route["destination"], "destination": route["source"]}

    assert [] == (await admin.call("PUT", f"{second}/route", json=route))["warnings"]
    (warning,) = (await admin.call("PUT", f"{second}/route", json=back))["warnings"]
    assert "opposite direction" in warning
    theirs = admin.route(first.rpartition("/")[2]) | {"active": False}
    assert [] == (await admin.call("PUT", f"{first}/route", json=theirs))["warnings"]
    assert (
        []
        == (await admin.call("PUT", f"{second}/route", json={**back, "rules": {"auto_sync": True}}))[
            "warnings"
        ]
    )


async def test_changes_at_the_same_moment_are_one_after_the_other(admin: World) -> None:
    path = await admin.company()
    switches = ["auto_create", "auto_update", "auto_sync", "confirm_matches"]
    await asyncio.gather(*(admin.call("PATCH", f"{path}/route/rules", json={s: True}) for s in switches))

    assert [s["body"]["settings"]["version"] for s in await admin.published(path, "settings.changed")] == [
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
    "viewer": [
        ("GET", ""),
        ("GET", "/accounts"),
        ("GET", "/records"),
        ("GET", "/runs"),
        ("GET", "/cases"),
        ("GET", "/links"),
        ("GET", "/orphans"),
        ("GET", "/excluded"),
        ("GET", "/duplicates"),
        ("GET", "/directory"),
        ("GET", "/records/{free}/candidates"),
    ],
    "operator": [
        ("POST", "/imports", {"mode": "new"}),
        ("POST", "/selections", {"filter": {}}),
        ("POST", "/records/{free}/decision", {"decision": "link", "destination_record_id": "{there}"}),
        ("POST", "/records/{linked}/decision", {"decision": "unlink"}),
        ("POST", "/cases/decide", {"decision": "later", "pairs": [{"record_id": "{free}"}]}),
        ("POST", "/accounts/{source}/notifications", {"remote_ids": ["1"]}),
    ],
    "admin": [
        ("GET", "/api-keys"),
        ("GET", "/audit"),
        ("POST", "/api-keys", {"name": "k", "role": "viewer"}),
        ("PATCH", "/route/rules", {"auto_sync": True}),
    ],
}
ROLES = ["viewer", "operator", "admin"]


async def test_each_role_may_do_its_own_and_what_lesser_roles_may(admin: World) -> None:
    path = await admin.company()
    source = (await admin.call("GET", path))["route"]["source"]
    (free, linked), (there, _) = await admin.matched(path, ["A", "B"], ["X", "Y"], B="Y")
    named = {"{free}": free, "{linked}": linked, "{source}": source, "{there}": there}
    keys = {role: await _key(admin, path, role) for role in ROLES}
    wrong = []
    for least, actions in LEAST.items():
        for method, below, *body in actions:
            asked = orjson.dumps([path + below, body[0] if body else None]).decode()
            for name, value in named.items():
                asked = asked.replace(name, str(value))
            address, content = orjson.loads(asked)
            for role, key in keys.items():
                answer = await admin.http.request(method, address, headers=key, json=content)
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
    ):
        await admin.call("PUT", f"{path}/route", json=bad, expected=422)
    await admin.call("PATCH", f"{path}/route/rules", json={"auto_sync": True}, expected=409)
    await admin.call("PUT", f"{path}/route", json=good)

    assert len(await admin.published(path, "settings.changed")) == 2


RULES: list[dict[str, Any]] = [
    {"auto_sync": 7},
    {"auto_sync": "yes"},
    {"auto_sync": None},
    {"auto_magic": True},
]


async def test_a_rule_takes_only_what_it_means(admin: World) -> None:
    path = await admin.company()
    for rules in RULES:
        await admin.call("PATCH", f"{path}/route/rules", json=rules, expected=422)

    assert len(await admin.published(path, "settings.changed")) == 2


BAD_MAPPINGS: list[list[dict[str, Any]]] = [
    [{"destination": "suffix"}],
    [{"destination": "suffix", "source": "title", "constant": "x"}],
    [{"destination": "suffix", "source": "title", "mode": "sometimes"}],
    [{"destination": "suffix", "source": "title", "colour": "red"}],
    [{"destination": "shoe_size", "source": "title"}],
    [{"destination": "suffix", "source": "title"}, {"destination": "suffix", "source": "number"}],
    [{"destination": "bill_rate", "constant": "much"}],
]


async def test_a_mapping_is_part_of_the_settings_and_one_that_the_route_cannot_have_is_refused(
    admin: World,
) -> None:
    """By both requests that set rules, with the field concerned; a change of another rule leaves it."""
    path = await admin.company()
    company = path.rsplit("/", 1)[-1]
    for entries in BAD_MAPPINGS:
        answer = await admin.call("PATCH", f"{path}/route/rules", json={"mapping": entries}, expected=422)
        assert "mapping" in str(answer)
        await admin.call("PUT", f"{path}/route", json=admin.route(company, mapping=entries), expected=422)

    entry = {"destination": "suffix", "template": "{title} ({number})", "mode": "on_create"}
    await admin.call("PATCH", f"{path}/route/rules", json={"mapping": [entry]})
    await admin.call("PATCH", f"{path}/route/rules", json={"auto_sync": True})

    published = await admin.published(path, "settings.changed")
    rules = published[-1]["body"]["settings"]["route"]["rules"]
    assert rules["auto_sync"] is True
    assert [entry] == [{name: one[name] for name in entry} for one in rules["mapping"]]
    shown = (await admin.call("GET", path))["route"]["rules"]["mapping"]
    assert entry.items() <= shown[0].items()


def _account(address: str, **more: Any) -> dict[str, Any]:
    return {
        "system": "linarc", "environment": "sandbox", "tenant_id": "t1", "name": "Linarc", "base_url": address,
        "credential": {"api_key": "key-1"}, **more,
    }  # fmt: skip


@pytest.mark.reason("connection.connected")
async def test_an_account_is_connected_once_its_system_has_said_who_it_is(admin: World, linarc: str) -> None:
    path = await admin.company(route=False)
    made = await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)
    again = await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)

    assert made | {"budget": None} == again | {"budget": None}
    assert (made["tenant_id"], made["state"]) == ("t1", "connected")
    assert len(await admin.published(path, "settings.changed")) == 2
    assert "key-1" not in str([await admin.published(path), await admin.call("GET", f"{path}/accounts")])


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
    {"base_url": "https://evil.example"},
    {"base_url": "https://quickbooks.api.intuit.com"},
    {"base_url": "http://[::ffff:127.0.0.1]:9"},
    {"base_url": "http://2130706433:9"},
    {"base_url": "https://api.linarc.com.evil.example"},
    {
        "system": "quickbooks",
        "base_url": "https://quickbooks.api.intuit.com",
        "credential": {
            "refresh_token": "x",
            "client_id": "x",
            "client_secret": "x",
            "token_url": "https://evil.example/token",
        },
    },
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


@pytest.mark.parametrize("egress", [EgressSettings()])
async def test_this_machine_is_called_only_where_the_installation_allows_it(
    admin: World, linarc: str, egress: EgressSettings
) -> None:
    path = await admin.company(route=False)
    answer = await admin.http.post(f"{path}/accounts", json=_account(linarc), headers={"X-Muster": "1"})
    assert answer.status_code == 422
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{linarc}/admin/counts", params={"scope": "t1"})).json()["calls"] == {}


@pytest.mark.parametrize("egress", [EgressSettings(hosts="linarc=0x7f.1")])
async def test_a_name_that_leads_to_a_private_address_is_a_conflict_and_nothing_is_sent(
    admin: World, egress: EgressSettings
) -> None:
    path = await admin.company(route=False)
    await admin.call("POST", f"{path}/accounts", json=_account("https://0x7f.1"), expected=409)


async def test_a_hint_becomes_one_message_of_all_its_records_in_the_real_time_lane(admin: World) -> None:
    path = await admin.company()
    source = (await admin.call("GET", path))["route"]["source"]
    hints = {"remote_ids": ["1", "2", "1"]}

    answer = await admin.call("POST", f"{path}/accounts/{source}/notifications", json=hints, expected=202)
    assert answer == {"accepted": 2}
    (hint,) = await admin.published(path, "source.changed")
    assert (hint["topic"], hint["lane"]) == ("notifications.v1", "real_time")
    assert (hint["body"]["remote_id"], hint["body"]["others"]) == ("1", ["2"])
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
