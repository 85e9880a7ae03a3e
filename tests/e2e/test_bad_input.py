"""Bad input gets a documented problem, never a 500."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from shared.http.problems import TYPES
from tests.support.fleet import Fleet

COMPANY = "{company}"
CASES: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "unknown route": ("GET", "/v1/nothing", {}, 404),
    "another method": ("PUT", "/v1/session", {"json": {}}, 405),
    "a company that is not a UUID": ("GET", "/v1/companies/x/records", {}, 422),
    "a company of nobody": ("GET", f"/v1/companies/{uuid4()}/records", {}, 404),
    "a record of nobody": ("GET", f"/v1/companies/{COMPANY}/records/{uuid4()}", {}, 404),
    "a run of nobody": ("GET", f"/v1/companies/{COMPANY}/runs/{uuid4()}", {}, 404),
    "malformed JSON": ("POST", f"/v1/companies/{COMPANY}/imports", {"content": b'{"mode": '}, 400),
    "not JSON": ("POST", f"/v1/companies/{COMPANY}/imports", {"content": b"\xff\xfe"}, 400),
    "NaN": ("POST", f"/v1/companies/{COMPANY}/imports", {"content": b'{"mode": NaN}'}, 400),
    "a NUL character": (
        "POST",
        f"/v1/companies/{COMPANY}/imports",
        {"content": b'{"mode": "a\\u0000"}'},
        422,
    ),
    "a lone surrogate": (
        "POST",
        f"/v1/companies/{COMPANY}/imports",
        {"content": b'{"mode": "\\ud800"}'},
        400,
    ),
    "nested too deeply": (
        "POST",
        f"/v1/companies/{COMPANY}/imports",
        {"content": b"[" * 40 + b"]" * 40},
        422,
    ),
    "nested far too deeply": ("POST", f"/v1/companies/{COMPANY}/imports", {"content": b"[" * 9000}, 400),
    "an unknown field": ("POST", f"/v1/companies/{COMPANY}/imports", {"json": {"mode": "all", "x": 1}}, 422),
    "an unknown mode": ("POST", f"/v1/companies/{COMPANY}/imports", {"json": {"mode": "some"}}, 422),
    "ids without selected": (
        "POST",
        f"/v1/companies/{COMPANY}/imports",
        {"json": {"mode": "all", "remote_ids": ["1"]}},
        422,
    ),
    "too large a body": ("POST", f"/v1/companies/{COMPANY}/imports", {"content": b" " * 1_100_000}, 413),
    "too large a page": ("GET", f"/v1/companies/{COMPANY}/records?limit=501", {}, 422),
    "a page of nothing": ("GET", f"/v1/companies/{COMPANY}/records?limit=0", {}, 422),
    "a bad cursor": ("GET", f"/v1/companies/{COMPANY}/records?after=%21%21", {}, 422),
    "a bad order": ("GET", f"/v1/companies/{COMPANY}/records?sort=ssn", {}, 422),
    "a NUL in the address": ("GET", f"/v1/companies/{COMPANY}/records?q=%00", {}, 422),
    "a status that is none": ("GET", f"/v1/companies/{COMPANY}/records?status=great", {}, 422),
    "nothing selected": ("POST", f"/v1/companies/{COMPANY}/syncs", {"json": {}}, 422),
    "two selections": (
        "POST",
        f"/v1/companies/{COMPANY}/syncs",
        {"json": {"record_ids": [str(uuid4())], "filter": {}}},
        422,
    ),
    "an expired selection": (
        "POST",
        f"/v1/companies/{COMPANY}/syncs",
        {"json": {"selection_id": str(uuid4())}},
        410,
    ),
    "a foreign address of an account": (
        "POST",
        f"/v1/companies/{COMPANY}/accounts",
        {
            "json": {
                "system": "linarc",
                "environment": "sandbox",
                "tenant_id": "x",
                "name": "x",
                "base_url": "http://169.254.169.254/",
                "credential": {"api_key": "x"},
            }
        },
        422,
    ),
    "a rule that is none": (
        "PATCH",
        f"/v1/companies/{COMPANY}/route/rules",
        {"json": {"auto_magic": True}},
        422,
    ),
}


@pytest.mark.parametrize(("method", "path", "more", "status"), CASES.values(), ids=CASES)
async def test_a_bad_request_is_answered_by_a_documented_problem(
    fleet: Fleet, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    """The status that fits, a documented type, and nothing of the request in the answer."""
    answer = await fleet.http.request(
        method,
        fleet.access.url + path.replace(COMPANY, fleet.company.company_id),
        headers={"X-Muster": "1", "Content-Type": "application/json", **fleet.client.session()},
        **more,
    )

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"].removeprefix("urn:muster:problem:") in TYPES
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_stranger_is_not_let_in(fleet: Fleet) -> None:
    """Without a session 401; without our header a change is refused; a wrong password says nothing more."""
    records = f"{fleet.access.url}{fleet.path}/records"
    assert (await fleet.http.get(records)).status_code == 401
    changed = await fleet.http.post(
        f"{fleet.access.url}{fleet.path}/imports", json={"mode": "new"}, headers=fleet.client.session()
    )
    assert changed.status_code == 403
    wrong = {"email": "nobody@muster.example", "password": "wrong"}
    assert (await fleet.http.post(f"{fleet.access.url}/v1/session", json=wrong)).status_code == 401


async def test_a_viewers_key_may_look_and_no_more(fleet: Fleet) -> None:
    """An API key has a role in one company; of another company it sees nothing."""
    made = await fleet.client.call(
        "POST", f"{fleet.path}/api-keys", json={"name": "reports", "role": "viewer"}
    )
    bearer = {"Authorization": f"Bearer {made['key']}"}
    other = f"/v1/companies/{fleet.access.companies[1].company_id}"

    assert (
        await fleet.http.get(f"{fleet.access.url}{fleet.path}/records", headers=bearer)
    ).status_code == 200
    pushed = await fleet.http.post(
        f"{fleet.access.url}{fleet.path}/imports", json={"mode": "new"}, headers=bearer
    )
    assert pushed.status_code == 403
    assert (await fleet.http.get(f"{fleet.access.url}{other}/records", headers=bearer)).status_code == 404

    await fleet.client.call("DELETE", f"{fleet.path}/api-keys/{made['key_id']}")
    assert (
        await fleet.http.get(f"{fleet.access.url}{fleet.path}/records", headers=bearer)
    ).status_code == 401


def test_every_problem_is_documented() -> None:
    """docs/problems.md has a line for each type."""
    text = Path("docs/problems.md").read_text()

    assert [kind for kind in TYPES if f"`{kind}`" not in text] == []
