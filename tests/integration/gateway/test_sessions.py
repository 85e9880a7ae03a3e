"""Who comes in, how, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.store import users
from shared.clock import SystemClock
from tests.integration.gateway.conftest import EMAIL, PASSWORD, World


async def test_the_right_password_opens_a_session_and_its_cookie_is_kept_from_scripts_and_other_sites(
    world: World,
) -> None:
    await users.create_administrator(world.database, "Ann@Muster.Example", "Ann", PASSWORD, SystemClock())
    answer = await world.sign_in()

    cookie = answer.headers["set-cookie"].lower()
    assert answer.status_code == 201
    assert cookie.startswith("muster_session=")
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie and "secure" not in cookie
    who = await world.call("GET", "/v1/session")
    assert (who["email"], who["installation"], who["companies"]) == (EMAIL, "admin", [])


@pytest.mark.parametrize("public_url", ["https://muster.example"])
async def test_behind_an_https_address_the_cookie_is_secure_and_bound_to_its_host(
    world: World, public_url: str
) -> None:
    await users.create_administrator(world.database, EMAIL, "Ann", PASSWORD, SystemClock())
    cookie = (await world.sign_in()).headers["set-cookie"]
    assert cookie.startswith("__Host-muster_session=")
    assert "; secure" in cookie.lower() and "path=/" in cookie.lower() and "domain" not in cookie.lower()
    mine = {"Cookie": cookie.partition(";")[0]}
    await world.call("GET", "/v1/session", headers=mine)
    plain = {"Cookie": mine["Cookie"].removeprefix("__Host-")}
    await world.call("GET", "/v1/session", headers=plain, expected=401)


async def test_no_header_decides_about_the_cookie(admin: World) -> None:
    answer = await admin.http.post(
        "/v1/session",
        json={"email": EMAIL, "password": PASSWORD},
        headers={"X-Forwarded-Proto": "https", "Forwarded": "proto=https"},
    )
    assert answer.headers["set-cookie"].startswith("muster_session=")


async def test_the_stored_session_is_not_the_cookie(admin: World) -> None:
    async with admin.database.system() as tx:
        stored = await tx.fetchval("SELECT session_hash FROM sessions")

    assert len(stored) == 32
    assert admin.http.cookies["muster_session"].encode() not in bytes(stored)


@pytest.mark.parametrize(("email", "password"), [(EMAIL, "wrong"), ("nobody@muster.example", PASSWORD)])
async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(
    admin: World, email: str, password: str
) -> None:
    answer = await admin.sign_in(password, email)

    assert answer.status_code == 401
    assert answer.json()["detail"] == "The address or the password is wrong."


async def _pass(world: World, seconds: int) -> None:
    await world.age(
        f"UPDATE gateway.attempts SET free_at = free_at - interval '{seconds} s', "
        f"failed_at = failed_at - interval '{seconds} s'"
    )


async def test_after_five_wrong_passwords_one_waits_longer_and_longer(admin: World) -> None:
    assert [(await admin.sign_in("wrong")).status_code for _ in range(5)] == [401] * 5
    for waits in (30, 60, 120, 240, 480, 900, 900):
        answer = await admin.sign_in(email=EMAIL.upper())
        assert (answer.status_code, answer.json()["retry_after"]) == (429, waits)
        assert answer.headers["retry-after"] == str(waits)
        assert (await admin.sign_in(email="other@muster.example")).status_code == 401
        await _pass(admin, waits)
        assert (await admin.sign_in("wrong")).status_code == 401
    await _pass(admin, 900)
    assert (await admin.sign_in()).status_code == 201


async def test_nobody_is_locked_out_by_guesses_from_elsewhere(admin: World) -> None:
    for _ in range(8):
        await admin.sign_in("wrong")
    assert (await admin.sign_in()).status_code == 429
    async with admin.elsewhere("203.0.113.9") as there:
        answer = await there.post("/v1/session", json={"email": EMAIL, "password": PASSWORD})
        assert answer.status_code == 201


async def test_a_client_that_tries_many_addresses_waits_too(admin: World) -> None:
    async with admin.elsewhere("2001:db8::1") as one, admin.elsewhere("2001:db8::2") as two:
        for n in range(50):
            body = {"email": f"p{n}@muster.example", "password": "x"}
            assert (await (one, two)[n % 2].post("/v1/session", json=body)).status_code == 401
        body = {"email": EMAIL, "password": PASSWORD}
        assert [(await http.post("/v1/session", json=body)).status_code for http in (one, two)] == [429] * 2
    assert (await admin.sign_in()).status_code == 201


async def test_guesses_made_at_the_same_moment_are_counted_too(admin: World) -> None:
    answers = await asyncio.gather(*(admin.sign_in("wrong") for _ in range(12)))

    assert sorted(a.status_code for a in answers) == [401] * 5 + [429] * 7


async def test_the_right_password_ends_the_count(admin: World) -> None:
    for _ in range(3):
        assert [(await admin.sign_in("wrong")).status_code for _ in range(4)] == [401] * 4
        assert (await admin.sign_in()).status_code == 201


async def test_a_new_sign_in_ends_the_session_that_the_browser_had_and_no_other(admin: World) -> None:
    old = admin.http.cookies["muster_session"]
    async with admin.elsewhere("203.0.113.9") as there:
        await there.post("/v1/session", json={"email": EMAIL, "password": PASSWORD})
        assert (await admin.sign_in()).status_code == 201
        await admin.call("GET", "/v1/session", expected=401, headers={"Cookie": f"muster_session={old}"})
        await admin.call("GET", "/v1/session")
        assert (await there.get("/v1/session")).status_code == 200


@pytest.mark.parametrize(
    "lapse", ["seen_at = seen_at - interval '31 minutes'", "started_at = started_at - interval '13 hours'"]
)
async def test_a_session_ends_when_idle_and_in_any_case_after_half_a_day(admin: World, lapse: str) -> None:
    await admin.call("GET", "/v1/session")

    await admin.age(f"UPDATE gateway.sessions SET {lapse}")
    await admin.call("GET", "/v1/session", expected=401)


async def test_a_session_in_use_goes_on(admin: World) -> None:
    for _ in range(3):
        await admin.age("UPDATE gateway.sessions SET seen_at = seen_at - interval '20 minutes'")
        await admin.call("GET", "/v1/session")


async def test_signing_out_ends_the_session_wherever_its_cookie_is(admin: World) -> None:
    cookie = admin.http.cookies["muster_session"]
    await admin.call("DELETE", "/v1/session", expected=204)

    await admin.call("GET", "/v1/session", expected=401, headers={"Cookie": f"muster_session={cookie}"})


async def test_a_new_password_ends_the_old_sessions_and_the_same_one_does_not(admin: World) -> None:
    await admin.administrator()
    await admin.call("GET", "/v1/session")

    await users.create_administrator(admin.database, EMAIL, "Ann", "another one", SystemClock())
    await admin.call("GET", "/v1/session", expected=401)
    assert (await admin.sign_in("another one")).status_code == 201


async def test_a_change_that_another_site_may_have_sent_is_refused(admin: World) -> None:
    for headers in (
        {},
        {"X-Muster": "1", "Origin": "http://evil.example"},
        {"X-Muster": "1", "Origin": "null"},
        {"X-Muster": "1", "Sec-Fetch-Site": "cross-site"},
        {"X-Muster": "1", "Sec-Fetch-Site": "same-site"},
    ):
        answer = await admin.http.post("/v1/companies", json={"name": "C"}, headers=headers)
        assert answer.status_code == 403, headers

    assert await admin.call("GET", "/v1/companies") == []


async def test_another_site_cannot_sign_anybody_in(admin: World) -> None:
    answer = await admin.http.post(
        "/v1/session", json={"email": EMAIL, "password": PASSWORD}, headers={"Origin": "http://evil.example"}
    )

    assert answer.status_code == 403


async def test_our_own_page_may_change_things(admin: World) -> None:
    headers = {"Origin": "http://gateway.example", "Sec-Fetch-Site": "same-origin"}

    await admin.call("POST", "/v1/companies", json={"name": "C"}, headers=headers, expected=201)
