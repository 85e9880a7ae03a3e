"""API keys and how they end, and the audit log of who came in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from services.gateway.store.audit import INSTALLATION
from tests.integration.gateway.conftest import EMAIL, World


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Cookie": "", "User-Agent": "payroll/1"}


async def _key(world: World, path: str, role: str = "admin", expected: int = 201, **more: Any) -> Any:
    body = {"name": "k", "role": role, **more.pop("body", {})}
    return await world.call("POST", f"{path}/api-keys", json=body, expected=expected, **more)


async def _works(world: World, path: str, key: dict[str, Any]) -> bool:
    answer = await world.http.get(path, headers=_bearer(key["key"]))
    return answer.status_code == 200


async def test_a_key_expires_after_ninety_days_or_as_its_maker_says_a_year_at_most(admin: World) -> None:
    path = await admin.company(route=False)
    short, usual = await _key(admin, path, body={"days": 1}), await _key(admin, path)
    await _key(admin, path, body={"days": 366}, expected=422)
    await _key(admin, path, body={"days": 0}, expected=422)
    for days, good in ((0, (True, True)), (1, (False, True)), (89, (False, False))):
        await admin.age(f"UPDATE gateway.api_keys SET expires_at = expires_at - interval '{days} days'")
        assert (await _works(admin, path, short), await _works(admin, path, usual)) == good
    assert [k["good"] for k in await admin.call("GET", f"{path}/api-keys")] == [False, False]


async def test_a_key_ends_with_the_key_that_made_it_and_not_after_it(admin: World) -> None:
    path = await admin.company(route=False)
    first = await _key(admin, path, body={"days": 2})
    second = await _key(admin, path, headers=_bearer(first["key"]))
    third = await _key(admin, path, "viewer", headers=_bearer(second["key"]))
    other = await _key(admin, path)
    assert first["expires_at"] == second["expires_at"] == third["expires_at"] < other["expires_at"]

    await admin.call("DELETE", f"{path}/api-keys/{first['key_id']}", expected=204)
    assert [await _works(admin, path, key) for key in (first, second, third, other)] == [False] * 3 + [True]
    entries = (await admin.call("GET", f"{path}/audit", params={"action": "key.deleted"}))["items"]
    assert {e["subject"] for e in entries} == {f"key:{k['key_id']}" for k in (first, second, third)}


async def test_a_key_ends_when_the_person_behind_it_is_no_longer_an_administrator(admin: World) -> None:
    path = await admin.company(route=False)
    first = await _key(admin, path)
    second = await _key(admin, path, "viewer", headers=_bearer(first["key"]))
    for change in ("UPDATE gateway.memberships SET role = 'operator'", "DELETE FROM gateway.memberships"):
        assert await _works(admin, path, second)
        await admin.age(change)
        assert not await _works(admin, path, first) and not await _works(admin, path, second)
        company = path.rsplit("/", 1)[-1]
        await admin.age(
            f"INSERT INTO gateway.memberships SELECT '{company}', user_id, 'admin' FROM gateway.users "
            "ON CONFLICT (company_id, user_id) DO UPDATE SET role = 'admin'"
        )


async def test_keys_that_do_not_exist_must_wait_and_a_good_one_never_does(admin: World) -> None:
    path = await admin.company(route=False)
    good = await _key(admin, path)
    wrong = _bearer(f"mk_{'0' * 12}_{'x' * 43}")
    answers = [await admin.http.get(path, headers=wrong) for _ in range(51)]
    assert [a.status_code for a in answers] == [401] * 50 + [429]
    assert answers[-1].headers["retry-after"] == "30"
    assert await _works(admin, path, good)


async def test_the_audit_log_says_who_came_in_from_where_and_what_became_of_keys(admin: World) -> None:
    path = await admin.company(route=False)
    made = await _key(admin, path, "viewer")
    await admin.http.get(path, headers=_bearer(made["key"][:-43] + "x" * 43))
    await admin.sign_in("wrong")
    await admin.sign_in("wrong", "stranger@muster.example")
    await admin.call("DELETE", f"{path}/api-keys/{made['key_id']}", expected=204)
    await admin.call("DELETE", "/v1/session", expected=204)
    await admin.sign_in()

    entries = (await admin.call("GET", f"{path}/audit"))["items"]
    me, key = (await admin.call("GET", "/v1/session"))["actor"], f"key:{made['key_id']}"
    assert [(e["action"], e["actor"], e["subject"], e["detail"]) for e in entries] == [
        ("session.started", me, "", "password"),
        ("session.ended", me, "", ""),
        ("key.deleted", me, key, ""),
        ("session.refused", "unknown", me, ""),
        ("key.refused", "unknown", key, ""),
        ("key.created", me, key, "viewer"),
        ("company.created", me, me, ""),
    ]
    assert {e["address"] for e in entries} == {"127.0.0.1"}
    assert {e["agent"] for e in entries if e["action"] == "key.refused"} == {"payroll/1"}
    everything = (await admin.call("GET", "/v1/audit"))["items"]
    assert [e["action"] for e in everything if e["subject"] == "unknown"] == ["session.refused"]
    assert "stranger" not in str(everything) and EMAIL not in str(everything)


async def test_the_audit_log_is_filtered_and_read_page_by_page_by_administrators_only(
    admin: World, nobody: str
) -> None:
    path = await admin.company(route=False)
    keys = [await _key(admin, path, role) for role in ("operator", "viewer", "admin")]
    page = await admin.call("GET", f"{path}/audit", params={"limit": 2})
    rest = await admin.call("GET", f"{path}/audit", params={"after": page["next"]})
    whole = (await admin.call("GET", f"{path}/audit"))["items"]
    assert page["items"] + rest["items"] == whole and rest["next"] is None
    mine = {"who": f"key:{keys[0]['key_id']}"}
    assert len((await admin.call("GET", f"{path}/audit", params=mine))["items"]) == 1
    times = {"since": whole[1]["at"], "until": whole[0]["at"]}
    assert (await admin.call("GET", f"{path}/audit", params=times))["items"] == [whole[1]]
    await admin.call("GET", f"{path}/audit", params={"since": "2026-01-01T00:00:00"}, expected=422)
    await admin.call("GET", f"{path}/audit", params={"action": "x"}, expected=422)

    for key, status in zip(keys, (403, 403, 200), strict=True):
        await admin.call("GET", f"{path}/audit", headers=_bearer(key["key"]), expected=status)
        await admin.call("GET", "/v1/audit", headers=_bearer(key["key"]), expected=403)
    await admin.call("GET", f"{nobody}/audit", expected=404)
    other = await admin.company(route=False)
    assert [e["action"] for e in (await admin.call("GET", f"{other}/audit"))["items"]] == ["company.created"]


@pytest.mark.parametrize("statement", ["UPDATE audit_entries SET actor = ''", "DELETE FROM audit_entries"])
async def test_entries_of_the_audit_log_are_only_added(admin: World, statement: str) -> None:
    for transaction in (admin.database.transaction([INSTALLATION]), admin.database.system()):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with transaction as tx:
                await tx.execute(statement)
    async with admin.database.transaction([UUID(int=0)]) as tx:
        assert await tx.fetchval("SELECT count(*) FROM audit_entries") == 2
