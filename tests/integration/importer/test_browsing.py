"""The live source directory beside staging: what an import would do, and that an import of some does nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.importer.api import make_routes
from shared.errors import MusterError, RateLimited, Unauthorized, Unavailable
from shared.http import problems
from tests.integration.importer.conftest import World
from tests.support.companies import COMPANY


@pytest_asyncio.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    problems.install(app)
    app.include_router(make_routes(world.database, world.settings, world.connectors))
    transport = ASGITransport(app)
    headers = {"Authorization": "Bearer t"}
    async with AsyncClient(
        transport=transport, base_url=f"http://i/internal/{COMPANY}", headers=headers
    ) as client:
        yield client


async def browse(http: AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await http.get("/source-directory", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def marks(http: AsyncClient, **query: Any) -> dict[str, str]:
    return {row["remote_id"]: row["mark"] for row in (await browse(http, **query))["items"]}


async def test_each_person_is_marked_with_what_an_import_would_do(world: World, http: AsyncClient) -> None:
    await world.start("a", "b", "c", "d")
    world.source.put("b", first_name="Bea")
    world.source.put("c", broken=True)
    world.source.put("e")
    assert await marks(http) == {"a": "staged", "b": "changed", "c": "unreadable", "d": "staged", "e": "new"}
    rows = {row["remote_id"]: row for row in (await browse(http))["items"]}
    assert rows["b"]["changes"] == {"first_name": {"before": "Ana", "after": "Bea"}}
    assert (rows["b"]["name"], rows["b"]["values"]["last_name"]) == ("Bea Lib", "Lib")
    assert "cannot read" in rows["c"]["reason_text"]
    assert await world.news() == []


async def test_who_left_staging_is_new_and_who_can_be_read_again_is_changed(
    world: World, http: AsyncClient
) -> None:
    world.source.put("b", broken=True)
    await world.start("a")
    await world.rows("UPDATE snapshots SET state = 'removed' WHERE remote_id = 'a'")
    world.source.put("b", broken=False)
    assert await marks(http) == {"a": "new", "b": "changed"}


async def test_it_is_searched_and_read_page_by_page(world: World, http: AsyncClient) -> None:
    await world.start(*"abcde")
    world.source.put("c", first_name="Zoe")
    first = await browse(http, limit=2)
    rest = await browse(http, limit=3, after=first["next"])
    assert ([r["remote_id"] for r in first["items"]], first["total"]) == (["a", "b"], 5)
    assert ([r["remote_id"] for r in rest["items"]], rest["next"]) == (["c", "d", "e"], None)
    found = await browse(http, q="Zoe")
    assert ([r["remote_id"] for r in found["items"]], found["total"]) == (["c"], 1)


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (Unavailable("linarc: gone"), 503, "Linarc does not answer"),
        (RateLimited("linarc: 429", retry_after=7), 503, "wait 7 seconds"),
        (Unauthorized("linarc", state="reconnect"), 409, "connects it again"),
        (ValueError("a cursor"), 422, "not a place in this list"),
    ],
)
async def test_a_source_that_does_not_answer_says_why(
    world: World, http: AsyncClient, error: MusterError | ValueError, status: int, says: str
) -> None:
    await world.start("a")

    async def refuse(_: str | None, __: datetime | None) -> None:
        raise error

    world.source.before_answer = refuse
    answer = await http.get("/source-directory")
    assert (answer.status_code, says in answer.json()["detail"]) == (status, True), answer.text


async def test_without_an_active_route_there_is_no_source(world: World, http: AsyncClient) -> None:
    await world.configure(active=False)
    assert (await http.get("/source-directory")).status_code == 409


@pytest.mark.behaviour("S38", "S39")
async def test_an_import_of_some_fetches_those_and_touches_nobody_else(
    world: World, http: AsyncClient
) -> None:
    await world.start("a", "b", "c")
    for one in "abc":
        world.source.put(one, first_name="New")
    world.source.put("d", "e")
    before = await world.rows(
        "SELECT remote_id, rev, answered_at FROM snapshots WHERE remote_id IN ('a', 'c')"
    )
    await world.ask("selected", "b", "d")
    await world.read()
    assert world.source.named[-1] == ["b", "d"]
    assert await world.staged() == {
        "a": ("present", "Ana"), "b": ("present", "New"), "c": ("present", "Ana"), "d": ("present", "Ana"),
    }  # fmt: skip
    after = await world.rows(
        "SELECT remote_id, rev, answered_at FROM snapshots WHERE remote_id IN ('a', 'c')"
    )
    assert before == after
    assert await marks(http) == {"a": "changed", "b": "staged", "c": "changed", "d": "staged", "e": "new"}
