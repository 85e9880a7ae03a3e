"""People: invited, joined, given another role, let out; their passwords and sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import argon2
import pytest
from httpx import AsyncClient

from services.gateway.store import users
from tests.integration.gateway.conftest import EMAIL, PASSWORD, World

NEW = "a password that nobody has"
SAME = {"X-Muster": "1"}


@asynccontextmanager
async def _browser(world: World, address: str = "192.0.2.7") -> AsyncIterator[AsyncClient]:
    async with world.elsewhere(address) as http:
        http.headers.update(SAME)
        yield http


async def _invite(world: World, path: str, email: str, role: str) -> str:
    made = await world.call("POST", f"{path}/invitations", json={"email": email, "role": role}, expected=201)
    link: str = made["link"]
    return link.rpartition("/join/")[2]


async def _join(http: AsyncClient, token: str, **body: str) -> Any:
    return await http.post(f"/v1/invitations/{token}", json=body)


async def _sign_in(http: AsyncClient, email: str, password: str) -> int:
    return (await http.post("/v1/session", json={"email": email, "password": password})).status_code


async def _member(world: World, path: str, http: AsyncClient, email: str, role: str) -> str:
    token = await _invite(world, path, email, role)
    assert (await _join(http, token, name="Bo", password=NEW)).status_code == 201
    assert await _sign_in(http, email, NEW) == 201
    found = (await world.call("GET", f"{path}/members"))["items"]
    return str(next(m["user_id"] for m in found if m["email"] == email))


async def test_an_invited_colleague_joins_and_may_what_the_role_says(admin: World) -> None:
    path = await admin.company()
    token = await _invite(admin, path, "Bo@Muster.example", "operator")
    async with _browser(admin) as bo:
        shown = (await bo.get(f"/v1/invitations/{token}")).json()
        assert shown == {
            "company": "C",
            "email": "bo@muster.example",
            "role": "operator",
            "has_account": False,
            "yours": False,
        }
        assert (await _join(bo, token, name="Bo", password="short")).status_code == 422
        assert (await _join(bo, token, name="Bo", password=NEW)).status_code == 201
        assert await _sign_in(bo, "bo@muster.example", NEW) == 201
        assert (await bo.get(path)).json()["role"] == "operator"
        assert (await bo.get(f"{path}/members")).status_code == 403
        again = await _join(bo, token, name="Bo", password=NEW)
        assert (again.status_code, again.json()["type"]) == (410, "urn:muster:problem:gone")
    assert (await admin.call("GET", f"{path}/invitations"))["items"] == []
    entries = (await admin.call("GET", f"{path}/audit"))["items"]
    assert {"member.invited", "member.joined"} <= {e["action"] for e in entries}


async def test_one_who_has_an_account_joins_with_its_password(admin: World) -> None:
    first, second = await admin.company(), await admin.company()
    async with _browser(admin) as bo:
        await _member(admin, first, bo, "bo@muster.example", "viewer")
        token = await _invite(admin, second, "bo@muster.example", "admin")
        assert (await bo.get(f"/v1/invitations/{token}")).json()["has_account"]
        assert (await _join(bo, token, password="another one entirely")).status_code == 401
        assert (await _join(bo, token, password=NEW)).status_code == 201
        assert (await bo.get(second)).json()["role"] == "admin"


async def test_an_invitation_takes_no_higher_role_away(admin: World) -> None:
    """Neither do last administrators lose theirs in this way."""
    path = await admin.company()
    me = (await admin.call("GET", "/v1/session"))["actor"].removeprefix("user:")
    async with _browser(admin) as bo:
        await _member(admin, path, bo, "bo@muster.example", "admin")
        token = await _invite(admin, path, "bo@muster.example", "viewer")
        higher = await bo.post(f"{path}/invitations", json={"email": EMAIL, "role": "admin"})
        await admin.call("PUT", f"{path}/members/{me}", json={"role": "viewer"}, expected=204)
        assert (await _join(bo, token, password=NEW)).status_code == 410, (
            "who invited is no administrator now"
        )
        mine = await bo.post(f"{path}/invitations", json={"email": "bo@muster.example", "role": "viewer"})
        assert (await _join(bo, mine.json()["link"].rpartition("/")[2])).status_code == 201
        assert (await bo.get(path)).json()["role"] == "admin"
        entries = (await bo.get(f"{path}/audit", params={"action": "member.joined"})).json()["items"]
        assert entries[0]["detail"] == "admin"
    token = higher.json()["link"].rpartition("/")[2]
    await admin.call("POST", f"/v1/invitations/{token}", json={}, expected=201)
    assert (await admin.call("GET", path))["role"] == "admin", "the control: a higher one is given"


async def test_an_invitation_is_good_as_long_as_who_made_it_might_make_it(admin: World) -> None:
    path = await admin.company()
    body = {"name": "k", "role": "admin"}
    made = await admin.call("POST", f"{path}/api-keys", json=body, expected=201)
    async with admin.elsewhere("192.0.2.8") as program:
        program.headers["Authorization"] = f"Bearer {made['key']}"
        asked = {"email": "bo@muster.example", "role": "admin"}
        link = (await program.post(f"{path}/invitations", json=asked)).json()["link"]
    token = link.rpartition("/")[2]
    async with _browser(admin) as bo:
        assert (await bo.get(f"/v1/invitations/{token}")).status_code == 200
        await admin.call("DELETE", f"{path}/api-keys/{made['key_id']}", expected=204)
        assert (await bo.get(f"/v1/invitations/{token}")).status_code == 410
        assert (await _join(bo, token, name="Bo", password=NEW)).status_code == 410


async def test_the_last_administrator_stays(admin: World) -> None:
    path = await admin.company()
    me = (await admin.call("GET", "/v1/session"))["actor"].removeprefix("user:")
    await admin.call("PUT", f"{path}/members/{me}", json={"role": "viewer"}, expected=409)
    await admin.call("DELETE", f"{path}/members/{me}", expected=409)
    async with _browser(admin) as bo:
        await _member(admin, path, bo, "bo@muster.example", "admin")
        await admin.call("PUT", f"{path}/members/{me}", json={"role": "viewer"}, expected=204)
        await admin.call("GET", f"{path}/members", expected=403)
        assert (await bo.delete(f"{path}/members/{me}")).status_code == 204
    await admin.call("GET", path, expected=404)


async def test_a_person_leaves_and_nobody_else_is_removed_by_an_operator(admin: World) -> None:
    path = await admin.company()
    me = (await admin.call("GET", "/v1/session"))["actor"].removeprefix("user:")
    async with _browser(admin) as bo:
        user = await _member(admin, path, bo, "bo@muster.example", "operator")
        assert (await bo.delete(f"{path}/members/{me}")).status_code == 403
        assert (await bo.delete(f"{path}/members/{user}")).status_code == 204
        assert (await bo.get(path)).status_code == 404


async def test_an_invitation_that_was_taken_back_or_is_old_is_gone(admin: World) -> None:
    path = await admin.company()
    token = await _invite(admin, path, "bo@muster.example", "viewer")
    second = await _invite(admin, path, "cy@muster.example", "viewer")
    (found,) = [i for i in (await admin.call("GET", f"{path}/invitations"))["items"] if i["email"][0] == "b"]
    assert token not in str(found)
    await admin.call("DELETE", f"{path}/invitations/{found['invitation_id']}", expected=204)
    await admin.age("UPDATE gateway.invitations SET expires_at = now() - interval '1 second'")
    async with _browser(admin) as somebody:
        for gone in (token, second, "x" * 43):
            assert (await somebody.get(f"/v1/invitations/{gone}")).status_code == 410
            assert (await _join(somebody, gone, name="B", password=NEW)).status_code == 410
    await admin.call("DELETE", f"{path}/invitations/{uuid4()}", expected=404)


async def test_a_new_password_ends_the_other_sessions(admin: World) -> None:
    async with _browser(admin) as other:
        assert await _sign_in(other, EMAIL, PASSWORD) == 201
        sessions = (await admin.call("GET", "/v1/me/sessions"))["items"]
        assert [s["current"] for s in sessions].count(True) == 1
        assert {s["address"] for s in sessions} >= {"192.0.2.7"}
        wrong = {"current": "not that", "new": NEW}
        await admin.call("PUT", "/v1/me/password", json=wrong, expected=403)
        await admin.call("PUT", "/v1/me/password", json={"current": PASSWORD, "new": NEW}, expected=204)
        assert (await other.get("/v1/session")).status_code == 401
        await admin.call("GET", "/v1/session")
        assert await _sign_in(other, EMAIL, PASSWORD) == 401
        assert await _sign_in(other, EMAIL, NEW) == 201


async def test_a_session_elsewhere_is_ended_and_nobody_elses(admin: World) -> None:
    path = await admin.company()
    async with _browser(admin) as bo, _browser(admin) as third:
        await _member(admin, path, bo, "bo@muster.example", "viewer")
        assert await _sign_in(third, EMAIL, PASSWORD) == 201
        (elsewhere,) = [s for s in (await admin.call("GET", "/v1/me/sessions"))["items"] if not s["current"]]
        assert (await bo.delete(f"/v1/me/sessions/{elsewhere['session_id']}")).status_code == 404
        await admin.call("DELETE", f"/v1/me/sessions/{elsewhere['session_id']}", expected=204)
        assert (await third.get("/v1/session")).status_code == 401


async def test_a_lost_password_is_set_by_a_link_of_an_administrator_of_this_muster(admin: World) -> None:
    path = await admin.company()
    async with _browser(admin) as bo:
        await _member(admin, path, bo, "bo@muster.example", "admin")
        assert (await bo.post("/v1/password-resets", json={"email": EMAIL})).status_code == 403
        made = await admin.call(
            "POST", "/v1/password-resets", json={"email": "bo@muster.example"}, expected=201
        )
        token = made["link"].rpartition("/reset/")[2]
        changed = "another good password"
        async with _browser(admin) as lost:
            assert (
                await lost.post(f"/v1/password-resets/{token}", json={"password": "short"})
            ).status_code == 422
            assert (
                await lost.post(f"/v1/password-resets/{token}", json={"password": changed})
            ).status_code == 204
            assert (
                await lost.post(f"/v1/password-resets/{token}", json={"password": changed})
            ).status_code == 410
            assert await _sign_in(lost, "bo@muster.example", changed) == 201
        assert (await bo.get("/v1/session")).status_code == 401


@pytest.mark.parametrize("path", ["/v1/invitations/", "/v1/password-resets/"])
async def test_a_link_that_does_not_exist_costs_no_hash(
    admin: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []

    class Counting(argon2.PasswordHasher):
        def hash(self, password: Any, **more: Any) -> str:
            hashed.append(password)
            return super().hash(password, **more)

    monkeypatch.setattr(users, "HASHER", Counting(time_cost=1, memory_cost=8, parallelism=1))
    answer = await admin.http.post(f"{path}{'x' * 43}", json={"password": "long enough, this"})
    assert (answer.status_code, hashed) == (410, [])
    body = {"email": EMAIL}
    made = await admin.call("POST", "/v1/password-resets", json=body, expected=201)
    good = f"/v1/password-resets/{made['link'].rpartition('/')[2]}"
    assert (await admin.http.post(good, json={"password": "long enough, this"})).status_code == 204
    assert len(hashed) == 1, "the control: a link that exists does"


@pytest.mark.parametrize("path", ["/v1/invitations/", "/v1/password-resets/"])
async def test_one_who_guesses_links_must_wait(admin: World, path: str) -> None:
    async with _browser(admin, "192.0.2.99") as guesser:
        answers = [
            (
                await guesser.post(
                    f"{path}{n:043d}", json={"password": NEW, **({"name": "x"} if "inv" in path else {})}
                )
            )
            for n in range(60)
        ]
    assert answers[0].status_code == 410
    assert answers[-1].status_code == 429
    assert "Retry-After" in answers[-1].headers
