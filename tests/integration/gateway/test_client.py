"""The client for other programs, in both forms, against two real copies of gateway; and what its page shows."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient as AsyncHttp

from muster.client import ApiError, AsyncClient, Client
from shared.standard_webhooks import new_secret, signed_headers
from tests.integration.gateway.test_endpoints import _endpoint
from tests.integration.gateway.test_stream import Copies, copies, idle
from tests.support.client_twin import CLIENT, make
from tests.support.eventually import eventually
from tests.support.examples import examples, filled, output_of

__all__ = ["copies", "idle"]
EXAMPLES = examples("programs.md")
"""Of records, of events, of a plan (`test_stories.py` runs it: it needs syncer), of a signature, of a receiver."""


async def _key(copies: Copies, path: str, role: str = "operator") -> str:
    made = await copies.world.call(
        "POST", f"{path}/api-keys", json={"name": "program", "role": role}, expected=201
    )
    return str(made["key"])


def _company(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def test_the_two_forms_are_the_same() -> None:
    assert make() == (CLIENT / "synchronous.py").read_text(), "python -m tests.support.client_twin"


async def test_records_events_and_problems(copies: Copies) -> None:
    path = await copies.world.company()
    ids = await copies.world.staged(path, "Lindqvist", "Okafor")
    async with AsyncClient(copies.urls[0], key=await _key(copies, path)) as muster:
        company = muster.company(_company(path))
        assert {r.record_id async for r in company.records()} == set(ids)
        assert [r.name async for r in company.records(q="okafor")] == ["Okafor"]
        assert (await company.record(ids[0])).employee.last_name == "Lindqvist"
        assert [e.record_id async for e in company.past_events()] == ids
        with pytest.raises(ApiError, match="no such record") as refused:
            await company.record(UUID(int=1))
        assert (refused.value.status, refused.value.kind) == (404, "not-found")


async def test_events_go_on_after_a_break(copies: Copies) -> None:
    """The copy that it listens to ends its streams; the client comes back and has missed nothing."""
    path = await copies.world.company()
    before = await copies.world.staged(path, "Before")
    async with AsyncClient(copies.urls[0], key=await _key(copies, path)) as muster:
        events = muster.company(_company(path)).events(after=0)
        first = await anext(events)
        for live in copies.lives:
            for audience in live._audiences.values():
                for client in audience.clients:
                    client.over.set()
        after = await copies.world.staged(path, "After")
        second = await asyncio.wait_for(anext(events), 20)
        assert [first.record_id, second.record_id] == [*before, *after]
        await events.aclose()  # type: ignore[attr-defined]


async def test_what_a_key_may_not_is_a_problem(copies: Copies) -> None:
    path = await copies.world.company()
    async with AsyncClient(copies.urls[0], key=await _key(copies, path, "viewer")) as muster:
        with pytest.raises(ApiError, match="role operator"):
            await muster.company(_company(path)).start_import()
    async with AsyncClient(copies.urls[0], key="mk_000000000000_" + "a" * 43) as muster:
        with pytest.raises(ApiError) as refused:
            await muster.me()
        assert refused.value.status == 401


async def test_the_page_shows_what_runs(copies: Copies) -> None:
    """Each example of docs/programs.md, with an address, a key and a company put in."""
    path = await copies.world.company()
    await copies.world.staged(path, "Lindqvist")
    given = {
        "https://muster.example.com": copies.urls[0],
        "mk_…": await _key(copies, path),
        "0192f0c4-…": _company(path),
    }
    outputs = [await asyncio.to_thread(output_of, filled(example, given)) for example in EXAMPLES[:2]]

    assert "employee.staged" in outputs[1]
    body, secret = b'{"id":1}', new_secret()
    authentic: Any = {}
    exec(EXAMPLES[3], authentic)  # noqa: S102  (our own page)
    headers = signed_headers([new_secret(), secret], "e1", datetime.now(UTC), body)
    assert authentic["is_authentic"](headers, body, secret)
    assert not authentic["is_authentic"](headers, body, new_secret())
    assert not authentic["is_authentic"]({}, body, secret)


async def test_a_receiver_written_from_the_page_verifies_and_resumes(copies: Copies, tmp_path: Path) -> None:
    """It takes signed events alone, each once; what happened before it, and while it was away, it takes from the log."""
    world = copies.world
    path = await world.company()
    given = {
        "https://muster.example.com": copies.urls[0],
        "mk_…": await _key(copies, path),
        "0192f0c4-…": _company(path),
        "events.db": str(tmp_path / "events.db"),
        "8080": "0",
    }
    (before,) = await world.staged(path, "Before")
    async with _receiving(given) as program:
        await eventually(lambda: _has(tmp_path, before))
        made = await _endpoint(world, path, program["url"])
        program["SECRET"] = made["secret"]
        (delivered,) = await world.staged(path, "Delivered")
        await eventually(lambda: _has(tmp_path, before, delivered))
        async with AsyncHttp() as http:
            body = b'{"id": 99, "type": "forged", "record_id": null}'
            forged = signed_headers([new_secret()], "e", datetime.now(UTC), body)
            for headers in (forged, {}):
                answer = await http.post(program["url"], content=body, headers=headers)
                assert answer.status_code == 401
    (missed,) = await world.staged(path, "Missed")
    async with _receiving(given):
        await eventually(lambda: _has(tmp_path, before, delivered, missed))


@asynccontextmanager
async def _receiving(given: dict[str, str]) -> AsyncIterator[dict[str, Any]]:
    """The page's receiver in a thread, once it listens."""
    program: dict[str, Any] = {"__name__": "example"}
    source = filled(EXAMPLES[3] + EXAMPLES[4], given)
    running = asyncio.create_task(asyncio.to_thread(exec, source, program))

    async def listens() -> bool:
        assert not running.done(), running.exception()
        return "server" in program

    await eventually(listens)
    program["url"] = f"http://127.0.0.1:{program['server'].server_address[1]}/"
    program["Receiver"].log_message = lambda *_: None
    try:
        yield program
    finally:
        await asyncio.to_thread(program["server"].shutdown)
        await running
        program["server"].server_close()


async def _has(folder: Path, *records: UUID) -> bool:
    nothing_yet = contextlib.suppress(sqlite3.OperationalError)
    with nothing_yet, contextlib.closing(sqlite3.connect(folder / "events.db")) as db:
        found = db.execute("SELECT record_id FROM events ORDER BY id").fetchall()
        return found == [(str(record),) for record in records]
    return False


async def test_without_asyncio(copies: Copies) -> None:
    path = await copies.world.company()
    ids = await copies.world.staged(path, "Lindqvist", "Okafor")
    key = await _key(copies, path)

    def program() -> list[UUID | None]:
        with Client(copies.urls[1], key=key) as muster:
            company = muster.company(_company(path))
            assert len(list(company.records())) == 2
            events = company.events(after=0)
            return [next(events).record_id for _ in ids]

    assert await asyncio.to_thread(program) == list(ids)
