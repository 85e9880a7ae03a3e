"""Single sign-on against a certified provider: who gets in, as what, and who does not."""

from __future__ import annotations

from collections.abc import Iterator
from time import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr

from services.gateway.settings import Settings
from services.gateway.store import members
from shared.http import oidc
from shared.settings import SsoSettings
from tests.integration.gateway.conftest import EMAIL, PASSWORD
from tests.support.oidc import SECRET, Idp, follow, provider

if TYPE_CHECKING:
    from tests.integration.gateway.conftest import World

pytestmark = pytest.mark.asyncio
CLIENT_TRIES = int(Settings.model_fields["client_tries"].default)
CALLBACK = "http://gateway.example/v1/sign-in/sso/callback"


@pytest.fixture(scope="module")
def idp() -> Iterator[Idp]:
    with provider(CALLBACK) as running:
        yield running


@pytest.fixture
def sso(idp: Idp) -> SsoSettings:
    """Rules are added once there are companies."""
    return SsoSettings(
        issuer=idp.issuer,
        client_id="muster",
        client_secret=SecretStr(SECRET),
        name="Site ID",
        break_glass=EMAIL,
    )


async def begun(world: World, idp: Idp, page: str = "/") -> str:
    """The address at which the browser comes back from the provider."""
    sent = await world.http.get("/v1/sign-in/sso", params={"next": page})
    assert sent.status_code == 303
    return await follow(idp.issuer, sent.headers["location"])


async def signed_in(world: World, idp: Idp, page: str = "/") -> str:
    """The page that the whole way ends at."""
    world.http.cookies.delete("muster_session")
    return await back(world, await begun(world, idp, page))


async def back(world: World, url: str) -> str:
    answer = await world.http.get(url)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def refused(world: World) -> None:
    """Nobody is signed in."""
    assert (await world.http.get("/v1/session")).status_code == 401


async def company(world: World, sso: SsoSettings, *rules: str) -> str:
    """A company, and what groups give in it."""
    await world.administrator()
    path = await world.company(route=False)
    sso.roles = ",".join(f"{rule}@{path.rsplit('/', 1)[-1]}" for rule in rules)
    return path


async def test_a_group_lets_a_person_in_with_its_role(world: World, idp: Idp, sso: SsoSettings) -> None:
    path = await company(world, sso, "Payroll=viewer", "Payroll Leads=operator")
    await idp.person("mara", "Payroll", "Payroll Leads", "Others")

    assert await signed_in(world, idp, f"{path}/x") == f"{path}/x"
    me = await world.call("GET", "/v1/session")
    assert (me["email"], me["name"]) == ("mara@site.example", "Mara")
    assert [(c["company_id"], c["role"]) for c in me["companies"]] == [(path.rsplit("/", 1)[-1], "operator")]
    offered = await world.call("GET", "/v1/sign-in/options")
    assert offered == {"sso": "Site ID", "password": True}
    await world.sign_in()
    entries = (await world.call("GET", f"{path}/audit"))["items"]
    assert [(e["action"], e["detail"]) for e in entries if e["actor"] == me["actor"]] == [
        ("session.started", "sso")
    ]
    assert ("role.changed", "operator") in [(e["action"], e["detail"]) for e in entries]


async def test_groups_may_stand_in_the_user_information_only(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.tell(in_userinfo=True)
    await idp.person("ines", "Payroll")
    assert await signed_in(world, idp) == "/"
    assert len((await world.call("GET", "/v1/session"))["companies"]) == 1
    await idp.tell(in_userinfo=False)


NOW = int(time())


WRONG: dict[str, dict[str, Any]] = {
    "audience": {"claims": {"aud": "somebody-else"}},
    "party": {"claims": {"aud": ["muster", "somebody-else"], "azp": "somebody-else"}},
    "expired": {"claims": {"exp": NOW - 3_600, "iat": NOW - 7_200}},
    "issuer": {"claims": {"iss": "https://elsewhere.example"}},
    "nonce": {"claims": {"nonce": "of another attempt"}},
    "no algorithm": {"header": {"alg": "none"}},
    "a symmetric one": {"header": {"alg": "HS256"}},
    "forged": {"header": {"forged": True}},
    "another key": {"header": {"kid": "no key of it"}},
}


async def test_an_id_token_that_is_not_right_lets_nobody_in(world: World, idp: Idp, sso: SsoSettings) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.person("mara", "Payroll")
    for what, over in WRONG.items():
        await idp.tell(**over)
        assert await signed_in(world, idp) == "/sign-in?problem=not_valid", what
        await refused(world)
        assert await signed_in(world, idp) == "/", (
            what
        )  # the control: the next one is as the provider makes it


async def test_rotated_keys_are_read_again_and_old_ones_open_nothing(
    world: World, idp: Idp, sso: SsoSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0.0)
    await company(world, sso, "Payroll=viewer")
    await idp.person("mara", "Payroll")
    assert await signed_in(world, idp) == "/"
    await idp.tell(rotate=True)
    assert await signed_in(world, idp) == "/"


async def test_a_code_opens_once(world: World, idp: Idp, sso: SsoSettings) -> None:
    """Neither in the attempt that it came with, nor in a new one."""
    await company(world, sso, "Payroll=viewer")
    await idp.person("mara", "Payroll")
    world.http.cookies.delete("muster_session")
    url = httpx.URL(await begun(world, idp))
    assert await back(world, str(url)) == "/"
    world.http.cookies.delete("muster_session")
    assert await back(world, str(url)) == "/sign-in?problem=mixed_up"
    again = httpx.URL(await begun(world, idp)).copy_set_param("code", url.params["code"])
    assert await back(world, str(again)) == "/sign-in?problem=not_valid"
    await refused(world)


async def test_an_answer_to_another_browsers_attempt_is_mixed_up(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.person("mara", "Payroll")
    url = await begun(world, idp)
    async with world.elsewhere("192.0.2.9") as other:
        assert (await other.get(url)).headers["location"] == "/sign-in?problem=mixed_up"
    world.http.cookies.delete("muster_session")
    theirs = str(httpx.URL(url).copy_set_param("iss", "https://elsewhere.example"))
    assert await back(world, theirs) == "/sign-in?problem=mixed_up"
    await refused(world)
    old = await begun(world, idp)
    await world.age("UPDATE gateway.sign_ins SET created_at = created_at - interval '11 minutes'")
    assert await back(world, old) == "/sign-in?problem=mixed_up"


async def test_a_role_goes_with_its_group(world: World, idp: Idp, sso: SsoSettings) -> None:
    """At the next sign-in, for every session of the person; what an administrator gave stays."""
    path = await company(world, sso, "Payroll=operator")
    given = await world.company(route=False)
    await idp.person("otto", "Payroll")
    assert await signed_in(world, idp) == "/"
    me = await world.call("GET", "/v1/session")
    cookie = world.http.cookies["muster_session"]
    async with world.database.system() as tx:
        user, there = UUID(me["actor"].partition(":")[2]), UUID(given.rsplit("/", 1)[-1])
        await members.add_member(tx, there, user, "viewer")

    await idp.person("otto", "Others")
    assert await signed_in(world, idp) == "/"
    async with world.elsewhere("192.0.2.9") as other:
        other.cookies["muster_session"] = cookie
        assert (await other.get(path)).status_code == 404
        assert (await other.get(given)).status_code == 200
    async with world.database.system() as tx:
        await members.drop_member(tx, there, user)
    assert await signed_in(world, idp) == "/sign-in?problem=no_role"
    await refused(world)


async def test_an_account_is_not_taken_over_by_an_address_that_nobody_verified(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.person("eve", "Payroll", email=EMAIL, email_verified=False)
    assert await signed_in(world, idp) == "/sign-in?problem=address_not_verified"
    await idp.person("ann", email=EMAIL)
    assert await signed_in(world, idp) == "/"
    assert (await world.call("GET", "/v1/session"))["installation"] == "admin"


async def test_who_made_the_account_of_an_address_loses_it_to_the_one_whom_the_provider_knows_by_it(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    """Eve invites the head of another company, opens the link herself, and waits for them to sign in."""
    theirs = await company(world, sso, "Board=admin")
    evil = await world.company(route=False)
    ceo, password = "ceo@site.example", "a password of eve"
    asked = {"email": ceo, "role": "admin"}
    link = (await world.call("POST", f"{evil}/invitations", json=asked, expected=201))["link"]
    joining = {"name": "Ceo", "password": password}
    await world.call("POST", f"/v1/invitations/{link.rsplit('/', 1)[-1]}", json=joining, expected=201)
    async with world.elsewhere("192.0.2.66") as eve:
        eve.headers["X-Muster"] = "1"
        await _opens(eve, ceo, password, 201)
        factor = await eve.post("/v1/me/second-factor", json={"password": password})
        assert factor.status_code == 201
        made = await eve.post(f"{evil}/api-keys", json={"name": "k", "role": "admin"})
        key = {"Authorization": f"Bearer {made.json()['key']}"}
        reset = await world.call("POST", "/v1/password-resets", json={"email": ceo}, expected=201)
        assert (await eve.get(evil, headers=key)).status_code == 200

        await idp.person("ceo", "Board")
        assert await signed_in(world, idp) == "/"
        assert (await world.call("GET", theirs))["role"] == "admin"
        assert (await world.call("GET", "/v1/me/second-factor"))["recovery_codes"] == 0

        assert (await eve.get(theirs)).status_code == 401
        assert (await eve.get("/v1/session")).status_code == 401
        eve.cookies.clear()
        assert (await eve.get(evil, headers=key)).status_code == 401
        again = {"password": "another one of eve"}
        token = reset["link"].rsplit("/", 1)[-1]
        assert (await eve.post(f"/v1/password-resets/{token}", json=again)).status_code == 410
        await _opens(eve, ceo, password, 401)
    mine = world.http.cookies["muster_session"]
    assert await signed_in(world, idp) == "/", "the second time nothing is taken"
    async with world.elsewhere("192.0.2.9") as other:
        other.cookies["muster_session"] = mine
        assert (await other.get("/v1/session")).status_code == 200
    await world.sign_in()
    entries = (await world.call("GET", f"{evil}/audit"))["items"]
    assert [e["action"] for e in entries if e["actor"] == "sso"] == ["key.deleted", "account.linked"]


async def _opens(client: httpx.AsyncClient, email: str, password: str, expected: int) -> None:
    answer = await client.post("/v1/session", json={"email": email, "password": password})
    assert answer.status_code == expected, answer.text


async def test_the_password_that_breaks_the_glass_goes_on_opening(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.person("ann", email=EMAIL)
    assert await signed_in(world, idp) == "/"
    sso.enforced = True
    assert (await world.sign_in()).status_code == 201


async def test_a_role_given_by_hand_stays_whatever_the_groups_say(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    path = await company(world, sso, "Payroll=operator")
    await idp.person("otto", "Payroll")
    assert await signed_in(world, idp) == "/"
    user = (await world.call("GET", "/v1/session"))["actor"].removeprefix("user:")
    await world.sign_in()
    await world.call("PUT", f"{path}/members/{user}", json={"role": "viewer"}, expected=204)
    for groups in (["Payroll"], []):
        await idp.person("otto", *groups)
        assert await signed_in(world, idp) == "/"
        assert (await world.call("GET", path))["role"] == "viewer", groups


async def test_one_made_by_single_sign_on_joins_another_company_without_a_password(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    await company(world, sso, "Payroll=viewer")
    other = await world.company(route=False)
    asked = {"email": "mara@site.example", "role": "operator"}
    link = (await world.call("POST", f"{other}/invitations", json=asked, expected=201))["link"]
    join = f"/v1/invitations/{link.rsplit('/', 1)[-1]}"
    assert (await world.call("GET", join))["yours"] is False, "somebody else is signed in"
    await idp.person("mara", "Payroll")
    assert await signed_in(world, idp) == "/"
    cookie = world.http.cookies["muster_session"]
    async with world.elsewhere(
        "192.0.2.9"
    ) as page:  # another site's page sends the cookie and no header of ours
        page.cookies["muster_session"] = cookie
        assert (await page.post(join, json={})).status_code == 401
    shown = await world.call("GET", join)
    assert (shown["has_account"], shown["yours"]) == (True, True)
    await world.call("POST", join, json={}, expected=201)
    assert (await world.call("GET", other))["role"] == "operator"


async def test_who_begins_many_sign_ins_must_wait_and_nobody_else(
    world: World, idp: Idp, sso: SsoSettings
) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.person("mara", "Payroll")
    assert await signed_in(world, idp, "/" + "x" * 500) == "/", "a longer page is not kept"
    begun = 0
    while begun <= CLIENT_TRIES:
        answer = await world.http.get("/v1/sign-in/sso")
        if answer.headers["location"] == "/sign-in?problem=too_many":
            break
        begun += 1
    assert begun == CLIENT_TRIES, "the one that was finished does not count"
    async with world.database.system() as tx:
        assert await tx.fetchval("SELECT count(*) FROM sign_ins") == CLIENT_TRIES
    async with world.elsewhere("192.0.2.9") as other:
        sent = await other.get("/v1/sign-in/sso")
        assert sent.headers["location"].startswith(idp.issuer)


async def test_who_refuses_at_the_provider_is_not_signed_in(world: World, idp: Idp, sso: SsoSettings) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.tell(person=None)
    assert await signed_in(world, idp) == "/sign-in?problem=refused"


async def test_enforced_passwords_open_nothing_but_the_glass(world: World, sso: SsoSettings) -> None:
    path = await company(world, sso, "Payroll=viewer")
    link = (
        await world.call(
            "POST", f"{path}/invitations", json={"email": "p@x.example", "role": "viewer"}, expected=201
        )
    )["link"]
    joining = {"name": "P", "password": "long enough, this"}
    await world.call("POST", f"/v1/invitations/{link.rsplit('/', 1)[-1]}", json=joining, expected=201)
    async with world.elsewhere("192.0.2.9") as other:
        password = {"email": "p@x.example", "password": "long enough, this"}
        assert (await other.post("/v1/session", json=password)).status_code == 201
        assert (await other.get(path)).status_code == 200
        sso.enforced = True
        # sessions that a password began end with it, but for the glass's
        assert (await other.get(path)).status_code == 401
    assert len((await world.call("GET", "/v1/me/sessions"))["items"]) == 1
    assert (await world.sign_in("long enough, this", "p@x.example")).status_code == 403
    assert (await world.sign_in("wrong password", "p@x.example")).status_code == 401
    assert (await world.sign_in(PASSWORD)).status_code == 201
    assert (await world.call("GET", "/v1/sign-in/options"))["password"] is False


async def test_while_the_provider_is_away_the_page_says_so(world: World, sso: SsoSettings) -> None:
    await world.administrator()
    sso.issuer = "http://127.0.0.1:9"
    answer = await world.http.get("/v1/sign-in/sso")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?problem=unavailable")


async def test_nobody_is_sent_elsewhere_afterwards(world: World, idp: Idp, sso: SsoSettings) -> None:
    await company(world, sso, "Payroll=viewer")
    await idp.person("mara", "Payroll")
    for page in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert await signed_in(world, idp, page) == "/"
