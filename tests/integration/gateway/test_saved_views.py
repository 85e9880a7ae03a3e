"""Saved views: each person has their own."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.integration.gateway.conftest import World
from tests.integration.gateway.test_people import _browser, _member

LOOK = {"status": ["failed"], "q": "ann", "sort": "-name", "density": "compact", "hidden": ["number"]}


async def test_a_view_is_kept_changed_and_dropped_and_nobody_else_sees_it(admin: World) -> None:
    path = await admin.company()
    views, view = f"{path}/saved-views", uuid4()
    made = await admin.call("PUT", f"{views}/{view}", json={"name": "Mondays", **LOOK})
    assert made == {"view_id": str(view), "name": "Mondays", **LOOK}
    assert await admin.call("GET", views) == [made]

    async with _browser(admin) as bo:
        await _member(admin, path, bo, "bo@muster.example", "viewer")
        assert (await bo.get(views)).json() == []
        assert (await bo.delete(f"{views}/{view}", headers={"X-Muster": "1"})).status_code == 404
        other = await bo.put(f"{views}/{view}", json={"name": "Mine"}, headers={"X-Muster": "1"})
        assert other.json()["sort"] == "number"

    plain: dict[str, Any] = await admin.call("PUT", f"{views}/{view}", json={"name": "All"})
    assert await admin.call("GET", views) == [plain]
    await admin.call("DELETE", f"{views}/{view}", expected=204)
    assert await admin.call("GET", views) == []


async def test_what_the_list_does_not_have_is_no_view(admin: World) -> None:
    views = f"{await admin.company()}/saved-views"
    for wrong in ({"name": ""}, {"name": "x", "sort": "pay"}, {"name": "x", "hidden": ["name"]}):
        answer = await admin.call("PUT", f"{views}/{uuid4()}", json=wrong, expected=422)
        assert answer["type"].endswith(":invalid")
    for number in range(50):
        await admin.call("PUT", f"{views}/{uuid4()}", json={"name": f"View {number}"})
    full = await admin.call("PUT", f"{views}/{uuid4()}", json={"name": "One more"}, expected=409)
    assert full["type"].endswith(":conflict")
