"""The second factor of a password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from services.gateway.api.second_factor import CODE_TRIES
from tests.integration.gateway.conftest import EMAIL, PASSWORD

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import World

pytestmark = pytest.mark.asyncio
PATH = "/v1/me/second-factor"


def code(secret: str, ahead: int = 0) -> str:
    """What an authenticator shows, `ahead` periods from now: RFC 6238, written from the text."""
    counter = struct.pack(">Q", int(time()) // 30 + ahead)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


async def enrolled(world: World) -> tuple[str, list[str]]:
    """The secret and the recovery codes."""
    begun = await world.call("POST", PATH, json={"password": PASSWORD}, expected=201)
    made = await world.call("PUT", PATH, json={"code": code(begun["secret"])})
    return begun["secret"], made["codes"]


async def sign_in(world: World, code: str | None = None) -> tuple[int, Any]:
    body = {"email": EMAIL, "password": PASSWORD} | ({"code": code} if code else {})
    answer = await world.http.post("/v1/session", json=body)
    return answer.status_code, answer.json().get("second_factor")


async def test_a_password_alone_opens_nothing_any_more(admin: World) -> None:
    """A code is good once; a recovery code too."""
    assert (await admin.call("GET", PATH)) == {"enabled": False, "required": False, "recovery_codes": 0}
    begun = await admin.call("POST", PATH, json={"password": PASSWORD}, expected=201)
    assert begun["uri"].startswith("otpauth://totp/Muster:ann%40muster.example?secret=" + begun["secret"])
    assert await sign_in(admin) == (201, None)  # not confirmed yet
    secret, recovery = await enrolled(admin)
    assert len(set(recovery)) == 10

    assert await sign_in(admin) == (401, True)
    assert await sign_in(admin, "000000" if code(secret, 1) != "000000" else "000001") == (401, True)
    now = code(secret, 1)
    assert await sign_in(admin, now) == (201, None)
    assert await sign_in(admin, now) == (401, True)
    assert await sign_in(admin, recovery[0].upper().replace("-", " ")) == (201, None)
    assert await sign_in(admin, recovery[0]) == (401, True)
    assert (await admin.call("GET", PATH))["recovery_codes"] == 9
    async with admin.database.system() as tx:
        noted = await tx.fetch("SELECT action, detail FROM audit_entries ORDER BY entry_id")
    refused = [r["detail"] for r in noted if r["action"] == "session.refused"]
    assert refused == ["second factor"] * 3
    assert "second_factor.added" in [r["action"] for r in noted]
    await admin.call("POST", PATH, json={"password": PASSWORD}, expected=409)

    await admin.call(
        "POST", f"{PATH}/off", json={"password": "another one", "code": recovery[1]}, expected=403
    )
    await admin.call("POST", f"{PATH}/off", json={"password": PASSWORD, "code": recovery[1]}, expected=204)
    assert await sign_in(admin) == (201, None)


async def test_who_guesses_codes_must_wait_from_wherever(admin: World) -> None:
    secret, _ = await enrolled(admin)
    wrong = next(
        str(n) for n in range(100_000, 100_009) if str(n) not in {code(secret, k) for k in range(-2, 4)}
    )
    seen = []
    for n in range(CODE_TRIES + 1):
        async with admin.elsewhere(f"192.0.2.{n}") as other:
            answer = await other.post(
                "/v1/session", json={"email": EMAIL, "password": PASSWORD, "code": wrong}
            )
            seen.append(answer.status_code)
    assert seen == [401] * CODE_TRIES + [429]


async def test_an_administrator_of_the_installation_takes_a_lost_one_off(admin: World) -> None:
    await enrolled(admin)
    await admin.call("POST", "/v1/second-factor-resets", json={"email": "nobody@x.example"}, expected=404)
    await admin.call("POST", "/v1/second-factor-resets", json={"email": EMAIL}, expected=204)
    assert await sign_in(admin) == (201, None)


class TestRequired:
    """Where the installation asks everyone for one."""

    @pytest.fixture
    def second_factor(self) -> bool:
        return True

    async def test_nothing_else_opens_before_it_is_set_up(self, admin: World) -> None:
        assert (await admin.call("GET", "/v1/session"))["must_enrol"] is True
        refused = await admin.call("POST", "/v1/companies", json={"name": "C"}, expected=403)
        assert refused["must_enrol"] is True
        assert (await admin.call("GET", PATH))["required"] is True
        await enrolled(admin)
        assert (await admin.call("GET", "/v1/session"))["must_enrol"] is False
        await admin.call("POST", "/v1/companies", json={"name": "C"}, expected=201)
