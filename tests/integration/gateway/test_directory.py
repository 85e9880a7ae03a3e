"""The live source directory over the public API: a real Linarc sandbox behind the real importer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import pytest

from services.importer.handlers import on_settings
from shared.contracts.events import SettingsChanged
from shared.domain.settings import CompanySettings
from shared.domain.visibility import PRIVATE
from tests.integration.gateway.conftest import World
from tests.integration.gateway.test_companies import _account


async def connected(admin: World, linarc: str) -> str:
    """A company whose source is the sandbox; importer knows its settings."""
    path = await admin.company()
    made = await admin.call("POST", f"{path}/accounts", json=_account(linarc), expected=201)
    document = await admin.call("GET", path)
    route = {"source": made["account_id"], "destination": document["route"]["destination"], "rules": {}}
    await admin.call("PUT", f"{path}/route", json=route)
    company = UUID(path.rsplit("/", 1)[-1])
    settings = CompanySettings.model_validate(await admin.call("GET", path))
    async with admin.importer.transaction([company]) as tx:
        message = admin.message(company, SettingsChanged(company_id=company, settings=settings))
        await on_settings([message], tx)
    return path


async def hire(linarc: str, *people: dict[str, Any]) -> None:
    async with httpx.AsyncClient() as client:
        body = {"employees": list(people)}
        answer = await client.post(f"{linarc}/admin/seed", params={"scope": "t1"}, json=body)
        assert answer.is_success, answer.text


async def key(admin: World, path: str, role: str) -> dict[str, dict[str, str]]:
    made = await admin.call("POST", f"{path}/api-keys", json={"name": role, "role": role}, expected=201)
    return {"headers": {"Authorization": f"Bearer {made['key']}", "Cookie": ""}}


async def test_an_operator_browses_and_searches_the_source_and_a_viewer_does_not(
    admin: World, linarc: str
) -> None:
    path = await connected(admin, linarc)
    await hire(
        linarc, {"first_name": "Quill", "last_name": "Farrow", "pay_type": "salary"}, {"last_name": "Oxley"}
    )
    found = await admin.call("GET", f"{path}/source-directory", **await key(admin, path, "operator"))
    assert [(row["name"], row["mark"]) for row in found["items"]] == [
        ("Quill Farrow", "new"),
        ("Oxley", "new"),
    ]
    assert (found["total"], found["next"], found["hidden"]) == (2, None, [])
    found = await admin.call("GET", f"{path}/source-directory?q=FARR")
    assert [row["values"]["pay_type"] for row in found["items"]] == ["salary"]
    viewer = await key(admin, path, "viewer")
    await admin.call("GET", f"{path}/source-directory", expected=403, **viewer)


async def test_pages_continue_and_a_strange_place_is_refused(admin: World, linarc: str) -> None:
    path = await connected(admin, linarc)
    await hire(linarc, *({"last_name": f"P{n}"} for n in range(5)))
    directory = f"{path}/source-directory"
    first = await admin.call("GET", f"{directory}?limit=3")
    rest = await admin.call("GET", f"{directory}?limit=3&after={first['next']}")
    assert [r["name"] for r in first["items"] + rest["items"]] == [f"P{n}" for n in range(5)]
    await admin.call("GET", f"{directory}?after=nowhere", expected=422)


@pytest.mark.parametrize("hide_from_operators", [True])
async def test_what_a_role_does_not_see_is_named_as_hidden_and_is_not_there(
    admin: World, linarc: str
) -> None:
    path = await connected(admin, linarc)
    await hire(linarc, {"last_name": "Farrow", "pay_type": "salary", "birth_date": "1961-07-29"})
    operator = await key(admin, path, "operator")
    answer = await admin.http.get(f"{path}/source-directory", **operator)
    assert "1961-07-29" not in answer.text and "salary" not in answer.text
    assert answer.json()["hidden"] == sorted(PRIVATE)
    (row,) = (await admin.call("GET", f"{path}/source-directory"))["items"]
    assert (row["values"]["birth_date"], row["values"]["pay_type"]) == ("1961-07-29", "salary")
