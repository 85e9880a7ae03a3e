"""Imports and syncs that start by themselves: once, whoever looks, and once for all the times that were missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import pytest

from services.gateway.worker import Scheduler
from tests.integration.gateway.conftest import World

EVERY = {"every_minutes": 60}


def scheduler(world: World) -> Scheduler:
    """As one copy of gateway has it."""
    return cast("Scheduler", cast("Any", world.workers[3]).__self__)


async def _put(world: World, path: str, action: str = "import_new", **more: Any) -> dict[str, Any]:
    body = {"action": action, "timing": EVERY, **more}
    found: dict[str, Any] = await world.call("PUT", f"{path}/schedules/{uuid4()}", json=body)
    return found


async def _due(world: World, hours: float = 0.1) -> None:
    await world.age(f"UPDATE gateway.schedules SET next_at = now() - interval '{hours} hours'")


async def _runs(world: World, path: str) -> list[tuple[str, str | None]]:
    return [
        (p["type"], p["actor"])
        for p in await world.published(path)
        if "import" in p["type"] or "sync" in p["type"]
    ]


@pytest.mark.parametrize(("action", "mode"), [("import_new", "new"), ("import_all", "all")])
async def test_an_import_starts_when_it_is_due_and_is_its_schedules(
    admin: World, action: str, mode: str
) -> None:
    path = await admin.company()
    made = await _put(admin, path, action)
    assert made["next_at"] > datetime.now(UTC).isoformat() and made["last_at"] is None
    await scheduler(admin).step()
    assert await _runs(admin, path) == []
    await _due(admin)
    await scheduler(admin).step()
    (command,) = [p for p in await admin.published(path) if p["type"] == "import.employees"]
    assert (command["body"]["mode"], command["actor"]) == (mode, f"schedule:{made['schedule_id']}")
    (shown,) = await admin.call("GET", f"{path}/schedules")
    assert (shown["last_run_id"], shown["last_problem"]) == (command["body"]["run_id"], "")
    assert (await admin.call("GET", f"{path}/runs/{shown['last_run_id']}"))["state"] == "queued"
    assert shown["next_at"] > datetime.now(UTC).isoformat()


async def test_who_makes_changes_and_removes_a_schedule_is_in_the_audit_log(admin: World) -> None:
    path = await admin.company()
    made = await _put(admin, path)
    at = f"{path}/schedules/{made['schedule_id']}"
    await admin.call("PUT", at, json={"action": "sync", "timing": EVERY, "active": False})
    await admin.call("DELETE", at, expected=204)
    entries = (await admin.call("GET", f"{path}/audit", params={"who": f"schedule:{made['schedule_id']}"}))[
        "items"
    ]
    assert [(e["action"], e["detail"]) for e in entries] == [
        ("schedule.deleted", ""),
        ("schedule.changed", "sync paused"),
        ("schedule.changed", "import_new active"),
    ]


async def test_many_copies_start_it_once_and_missed_times_are_caught_up_once(admin: World) -> None:
    path = await admin.company()
    await _put(admin, path)
    await _due(admin, hours=50)
    await asyncio.gather(*(scheduler(admin).step() for _ in range(8)))
    await scheduler(admin).step()
    assert len(await _runs(admin, path)) == 1


async def test_a_sync_pushes_what_needs_it(admin: World) -> None:
    path = await admin.company()
    (record,) = await admin.staged(path, "a")
    made = await _put(admin, path, "sync")
    await _due(admin)
    await scheduler(admin).step()
    (shown,) = await admin.call("GET", f"{path}/schedules")
    commands = [p for p in await admin.published(path) if p["actor"] == f"schedule:{made['schedule_id']}"]
    assert commands[0]["body"]["run_id"] == shown["last_run_id"] and str(record) in str(commands[0]["body"])


async def test_what_is_not_possible_now_is_said_and_tried_next_time(admin: World) -> None:
    path = await admin.company(route=False)
    await _put(admin, path)
    await _due(admin)
    await scheduler(admin).step()
    (shown,) = await admin.call("GET", f"{path}/schedules")
    assert "no active route" in shown["last_problem"] and shown["last_run_id"] is None
    assert shown["next_at"] > datetime.now(UTC).isoformat() and await _runs(admin, path) == []


async def test_one_that_is_paused_changed_or_deleted_does_not_start(admin: World) -> None:
    path = await admin.company()
    paused = await _put(admin, path, active=False)
    await _due(admin)
    await scheduler(admin).step()
    assert await _runs(admin, path) == []
    about = f"{path}/schedules/{paused['schedule_id']}"
    again = await admin.call(
        "PUT",
        about,
        json={
            "action": "import_all",
            "timing": {"at": "06:00", "days": ["mon"], "time_zone": "Europe/Berlin"},
        },
    )
    assert (again["active"], again["timing"]["time_zone"]) == (True, "Europe/Berlin")
    await admin.call("DELETE", about, expected=204)
    await admin.call("DELETE", about, expected=404)
    assert await admin.call("GET", f"{path}/schedules") == []


async def test_schedules_are_an_administrators_and_their_companys(admin: World, nobody: str) -> None:
    path, other = await admin.company(), await admin.company()
    made = await _put(admin, path)
    key = await admin.call("POST", f"{path}/api-keys", json={"name": "k", "role": "operator"}, expected=201)
    bearer = {"Authorization": f"Bearer {key['key']}", "Cookie": ""}
    body = {"action": "sync", "timing": EVERY}
    answer = await admin.http.put(f"{path}/schedules/{uuid4()}", json=body, headers=bearer)
    assert answer.status_code == 403
    assert len((await admin.http.get(f"{path}/schedules", headers=bearer)).json()) == 1
    await admin.call("DELETE", f"{other}/schedules/{made['schedule_id']}", expected=404)
    await admin.call("GET", f"{nobody}/schedules", expected=404)
    for wrong in ({"every_minutes": 1}, {"at": "06:00", "time_zone": "x"}, {}):
        await admin.call(
            "PUT", f"{path}/schedules/{uuid4()}", json={"action": "sync", "timing": wrong}, expected=422
        )
    for _ in range(19):
        await _put(admin, path)
    await admin.call("PUT", f"{path}/schedules/{uuid4()}", json=body, expected=409)
