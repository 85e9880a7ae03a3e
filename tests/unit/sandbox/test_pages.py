"""People by hand in a browser: both sandboxes' pages, without a browser."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from sandbox.linarc.app import make_app as make_linarc
from sandbox.quickbooks.app import make_app
from sandbox.quickbooks.tokens import Client
from sandbox.store import Store

AUTH = ("anybody", "admin")


@pytest_asyncio.fixture(params=["quickbooks", "linarc"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = Store(tmp_path / "site.db")
    if request.param == "quickbooks":
        app, _ = make_app(store, ["77", "88"], Client("app", "hush"), "admin")
    else:
        app, _ = make_linarc(store, {"77": "k", "88": "z"}, "admin")
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://site", auth=AUTH) as http:
        http.headers["X-Sandbox-Admin"] = "admin"
        yield http
    store.close()


def form_of(text: str) -> dict[str, str]:
    """What a browser would send for the first form that posts."""
    found = {
        unescape(name): unescape(value)
        for name, value in re.findall(r'<input [^>]*name="([^"]+)" value="([^"]*)"', text)
    }
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        found[name] = chosen[1] if chosen else ""
    return found


def names(site_path: str) -> tuple[str, str]:
    return ("GivenName", "FamilyName") if "QuickBooks" in site_path else ("first_name", "last_name")


async def add(site: httpx.AsyncClient, first: str, last: str, **more: str) -> str:
    blank = await site.get("/people/new", params={"scope": "88"})
    keys = names(blank.text)
    form = {**form_of(blank.text), keys[0]: first, keys[1]: last, **more}
    sent = await site.post("/people/new", params={"scope": "88"}, data=form)
    assert sent.status_code == 303, sent.text
    return str(sent.headers["location"])


async def test_a_person_is_added_found_and_edited(site: httpx.AsyncClient) -> None:
    assert (await site.get("/")).headers["location"] == "/people"
    assert "Nobody is here yet." in (await site.get("/people", params={"scope": "88"})).text
    address = await add(site, 'Zoë <b>"&', "O'Brien")
    shown = await site.get(address)
    assert "Added." in shown.text and "<b>" not in shown.text
    form = form_of(shown.text)
    keys = names(shown.text)
    assert (form[keys[0]], form[keys[1]]) == ('Zoë <b>"&', "O'Brien")
    saved = await site.post(address, data={**form, keys[1]: "Pike"})
    assert saved.status_code == 303, saved.text
    assert form_of((await site.get(saved.headers["location"])).text)[keys[1]] == "Pike"
    stale = await site.post(address, data={**form, keys[1]: "Lost"})
    assert stale.status_code == 422 and "meanwhile" in stale.text
    found = await site.get("/people", params={"scope": "88", "q": "zoë"})
    assert "1 in all" in found.text and "Zoë &lt;b&gt;" in found.text
    assert "Nobody here holds" in (await site.get("/people", params={"scope": "88", "q": "DisplayName"})).text
    assert "Zoë" not in (await site.get("/people", params={"scope": "77"})).text


async def test_what_the_system_refuses_is_reported_beside_the_form(site: httpx.AsyncClient) -> None:
    address = await add(site, "Ana", "Silva")
    form = form_of((await site.get(address)).text)
    keys = names((await site.get(address)).text)
    rate = "CostRate" if keys[0] == "GivenName" else "cost_rate"
    wrong = await site.post(address, data={**form, rate: "much"})
    assert wrong.status_code == 422
    assert re.search(rf'name="{rate}" value="much"[^>]*aria-invalid="true"', wrong.text)
    nameless = await site.post("/people/new", data={})
    assert nameless.status_code == 422 and 'role="alert"' in nameless.text


async def test_pages_ask_for_the_token_and_refuse_other_sites(site: httpx.AsyncClient) -> None:
    for auth in (("a", "wrong"), ("a", "")):
        assert (await site.get("/people", auth=auth)).status_code == 401
    cross = await site.post("/people/new", data={"GivenName": "X"}, headers={"Origin": "http://evil"})
    assert cross.status_code == 403
    policy = (await site.get("/people")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert (await site.get("/people", params={"scope": "99"})).status_code == 404
    assert (await site.get("/people/999")).status_code == 404


async def test_a_long_list_has_pages(site: httpx.AsyncClient) -> None:
    people = [{"GivenName": f"P{n}", "first_name": f"P{n}"} for n in range(120)]
    if "QuickBooks" in (await site.get("/people")).text:
        people = [{"GivenName": p["GivenName"]} for p in people]
    await site.post("/admin/seed", json={"employees": people})
    address: str | None = "/people?scope=77"
    seen = []
    while address:
        text = (await site.get(address)).text
        seen += re.findall(r"<a href=\"/people/([^?]+)\?", text)
        following = re.search(r'href="([^"]+)">Next page', text)
        address = unescape(following[1]) if following else None
    assert len([one for one in seen if one != "new"]) == len(set(seen) - {"new"}) == 120


async def test_an_administrator_invites_and_a_draft_stays_outside(tmp_path: Path) -> None:
    store = Store(tmp_path / "l.db")
    app, _ = make_linarc(store, {"acme": "k"})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://linarc") as http:
        body = {"first_name": "Ana", "email": "ana@example.com"}
        await http.post("/api/v1/employees", json=body, headers={"Authorization": "Bearer k"})
        door = {"scope": "acme", "email": "ana@example.com", "password": "correct horse"}
        refused = await http.post("/login", data=door)
        assert refused.status_code == 403 and "You are a Draft" in refused.text
        page = await http.get("/people/lin_000001")
        assert "Send invitation" in page.text and 'class="state">draft<' in page.text
        sent = await http.post("/people/lin_000001/invite")
        reported = unescape((await http.get(sent.headers["location"])).text)
        link = re.search(r"/accept\?token=([\w-]+)", reported)
        assert link
        assert (await http.post("/login", data=door)).status_code == 403
        assert "Welcome, Ana" in (await http.get(link[0])).text
        short = await http.post("/accept", data={"token": link[1], "password": "short"})
        assert short.status_code == 403
        done = await http.post("/accept", data={"token": link[1], "password": "correct horse"})
        assert done.status_code == 200 and "log in" in done.text
        inside = await http.post("/login", data=door)
        assert inside.status_code == 200 and "Hello, Ana" in inside.text
        assert (await http.get(link[0])).status_code == 403
        for action, state in (
            ("suspend", "suspended"),
            ("reactivate", "active"),
            ("deactivate", "terminated"),
        ):
            assert (await http.post(f"/people/lin_000001/{action}")).status_code == 303
            assert f'class="state">{state}<' in (await http.get("/people/lin_000001")).text
        assert (await http.post("/login", data=door)).status_code == 403
        assert (await http.post("/people/lin_000001/invite")).status_code == 409
    store.close()
