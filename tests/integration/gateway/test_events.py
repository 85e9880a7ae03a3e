"""A company's events for other programs: complete, in order, resumable from any copy, and without values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.integration.gateway.conftest import World
from tests.integration.gateway.test_stream import Copies, Page, copies, idle
from tests.support.eventually import eventually

__all__ = ["copies", "idle"]
EVENTS = {"Accept": "text/event-stream"}


@asynccontextmanager
async def _listening(
    copies: Copies, path: str, query: str = "", last: str | None = None, at: int = 0
) -> AsyncIterator[Page]:
    cookie = "; ".join(f"{k}={v}" for k, v in copies.world.http.cookies.items())
    async with copies.page(path, last, at=at, stream=f"/events{query}", Cookie=cookie, **EVENTS) as page:
        yield page


async def test_a_page_of_events_has_no_values_and_says_where_to_go_on(admin: World) -> None:
    path = await admin.company()
    ids = await admin.staged(path, "Lindqvist", "Okafor", "Marsh")

    first = await admin.call("GET", f"{path}/events", params={"limit": 2})
    rest = await admin.call("GET", f"{path}/events", params={"after": first["next"]})

    items = first["items"] + rest["items"]
    assert [e["record_id"] for e in items] == [str(i) for i in ids]
    assert {e["type"] for e in items} == {"employee.staged"}
    assert "Lindqvist" not in str(items)
    assert rest["next"] == rest["head"] == items[-1]["id"]
    again = await admin.call("GET", f"{path}/events", params={"after": rest["next"]})
    assert again["items"] == []
    assert again["next"] == rest["head"]


async def test_only_the_types_that_were_asked_for_come(admin: World) -> None:
    path = await admin.company()
    await admin.staged(path, "Lindqvist")

    none = await admin.call("GET", f"{path}/events", params={"type": ["push.succeeded", "push.failed"]})
    some = await admin.call("GET", f"{path}/events", params={"type": "employee.staged"})

    assert none["items"] == []
    assert none["next"] == none["head"], "what was passed over is not looked through again"
    assert len(some["items"]) == 1


async def test_a_stream_resumes_on_another_copy_and_leaves_nothing_out(copies: Copies) -> None:
    path = await copies.world.company()
    await copies.world.staged(path, "Before")
    async with _listening(copies, path) as page:
        await page.begun()
        first = await copies.world.staged(path, "One")
        last, kind, event = await page.event()
        assert (kind, event["record_id"]) == ("employee.staged", str(first[0]))
    missed = await copies.world.staged(path, "Two", "Three")

    async with _listening(copies, path, last=last, at=1) as page:
        events = [await page.event() for _ in missed]
        assert [e["record_id"] for _, _, e in events] == [str(i) for i in missed]
        more = await copies.world.staged(path, "Four")
        assert (await page.event())[2]["record_id"] == str(more[0])


async def test_a_stream_from_the_beginning_has_everything_once(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.stream.feed.PAGE", 5)
    path = await copies.world.company()
    ids = await copies.world.staged(path, *(f"P{n}" for n in range(12)))

    async with _listening(copies, path, "?after=0") as page:
        events = [await page.event() for _ in ids]

    assert [e["record_id"] for _, _, e in events] == [str(i) for i in ids]


async def test_a_stream_waits_for_history_instead_of_ending(
    copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = await copies.world.company()
    async with _listening(copies, path) as page:
        await page.begun()
        away = True
        from shared.http.internal import Internal  # noqa: PLC0415
        from shared.http.problems import ProblemError  # noqa: PLC0415

        get = Internal.get

        async def failing(self: Internal, path: str, **more: Any) -> Any:
            if away and path == "/feed":
                raise ProblemError("unavailable", "The history service does not answer.")
            return await get(self, path, **more)

        monkeypatch.setattr(Internal, "get", failing)
        ids = await copies.world.staged(path, "One")
        await page.beaten()
        away = False
        assert (await page.event())[2]["record_id"] == str(ids[0])


async def test_a_stream_ends_with_the_session(copies: Copies) -> None:
    path = await copies.world.company()
    async with _listening(copies, path) as page:
        await page.begun()
        await copies.world.call("DELETE", "/v1/session", expected=204)
        await page.ended()

    async def nobody_listens() -> bool:
        return not any(live._audiences for live in copies.lives)

    await eventually(nobody_listens)
