"""Whom the company's scope leaves out is nobody's case, claims nobody and keeps their link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.mapper.api import make_routes
from shared.contracts.commands import ExcludeRecord, LinkRecord
from shared.domain.scope import Condition
from shared.http import problems

pytestmark = pytest.mark.asyncio
CREW = (Condition(field="department", values=("Crew",)),)
JOHN = {"number": "7", "first_name": "John", "last_name": "Miller", "email": "j@x.org"}
JON = {"first_name": "Jon", "last_name": "Miller"}
OFFICE = {"department": "Office"}


@pytest_asyncio.fixture
async def http(world: Any) -> AsyncIterator[AsyncClient]:
    """mapper's internal API."""
    app = FastAPI()
    problems.install(app)
    app.include_router(make_routes(world.database, world.settings))
    base, headers = f"http://m/internal/{world.company}", {"Authorization": "Bearer t"}
    async with AsyncClient(transport=ASGITransport(app), base_url=base, headers=headers) as client:
        yield client


async def _answer(world: Any, remote: str = "s1") -> tuple[str, str]:
    received = await world.last(remote)
    return received["type"], received.get("reason", "")


async def test_nobody_out_of_scope_is_a_case(world: Any, http: AsyncClient) -> None:
    await world.set(world.document(scope=CREW))
    await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JON))
    await world.tell(world.staged("source", "s1", **JOHN, **OFFICE))
    assert await _answer(world) == ("record.excluded", "out_of_scope")
    assert (await http.get("/cases")).json()["total"] == 0
    asked = (await http.get(f"/records/{world.id('source', 's1')}/candidates")).json()
    assert (asked["situation"], asked["reason"], asked["excluded_for"]) == ("excluded", "out_of_scope", None)
    assert asked["reason_text"] and asked["fix"]

    await world.tell(world.staged("source", "s1", **JOHN, department="crew "))
    assert (await _answer(world))[0] == "record.disputed"
    assert (await http.get("/cases")).json()["total"] == 1


async def test_a_scope_that_moves_closes_and_opens_cases_and_ends_no_link(
    world: Any, http: AsyncClient
) -> None:
    await world.set(world.document())
    await world.tell(
        *world.markers("destination"),
        world.staged("destination", "d1", **JON),
        world.staged("destination", "d2", number="9", first_name="Ana", last_name="Quist"),
    )
    await world.tell(
        world.staged("source", "s1", **JOHN, **OFFICE),
        world.staged("source", "s2", number="9", first_name="Ana", last_name="Quist", **OFFICE),
    )
    links = {(world.id("source", "s2"), world.id("destination", "d2"))}
    assert ((await _answer(world))[0], await world.links()) == ("record.disputed", links)

    await world.set(world.document(version=2, scope=CREW))
    await world.sweep()
    assert [await _answer(world, s) for s in ("s1", "s2")] == [("record.excluded", "out_of_scope")] * 2
    assert (await world.last("s2"))["destination_record_id"] == str(world.id("destination", "d2"))
    assert await world.links() == links
    assert (await http.get("/cases")).json()["total"] == 0
    assert (await http.get("/excluded")).json()["total"] == 0, "nobody decided that"

    await world.set(world.document(version=3))
    await world.sweep()
    answers = [(await _answer(world, s))[0] for s in ("s1", "s2")]
    assert (answers, await world.links()) == (["record.disputed", "record.linked"], links)


async def test_who_is_out_of_scope_claims_nobody(world: Any) -> None:
    """With the control: in scope, the two claim one record and both are cases."""
    for scope, expected in ((CREW, "record.linked"), ((), "record.disputed")):
        world.company = type(world.company)(int=2 + len(scope))
        await world.set(world.document(scope=scope))
        await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JOHN))
        await world.tell(
            world.staged("source", "s1", **JOHN, **OFFICE),
            world.staged("source", "s2", **JOHN, department="Crew"),
        )
        assert (await _answer(world, "s2"))[0] == expected


@pytest.mark.parametrize("why", ["in scope", "out of scope", "excluded"])
async def test_a_twin_of_somebody_who_takes_no_part_is_no_case(world: Any, why: str) -> None:
    await world.set(world.document())
    await world.tell(*world.markers("destination"), world.staged("destination", "d1", **JON))
    await world.tell(world.staged("source", "s1", **JOHN, **OFFICE))
    s1, d1 = world.id("source", "s1"), world.id("destination", "d1")
    await world.command(LinkRecord(record_id=s1, destination_record_id=d1))
    if why == "excluded":
        await world.command(ExcludeRecord(record_id=s1, reason="A vendor"))
    if why == "out of scope":
        await world.set(world.document(version=2, scope=CREW))
        await world.sweep()
    await world.tell(world.staged("destination", "d2", **JOHN))
    assert bool(await world.rows("SELECT FROM match_cases")) is (why == "in scope")
    assert await world.links() == {(s1, d1)}
