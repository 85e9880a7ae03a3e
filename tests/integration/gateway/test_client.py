"""The client for other programs, in both forms, against two real copies of gateway; and what its page shows."""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from muster.client import ApiError, AsyncClient, Client
from shared.standard_webhooks import new_secret, signed_headers
from tests.integration.gateway.test_stream import Copies, copies, idle
from tests.support.client_twin import CLIENT, make

__all__ = ["copies", "idle"]
PAGE = Path(__file__).parents[3] / "docs" / "programs.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


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
    outputs = [await asyncio.to_thread(_run, example, given) for example in EXAMPLES]

    assert "employee.staged" in outputs[1]
    body, secret = b'{"id":1}', new_secret()
    authentic: Any = {}
    exec(EXAMPLES[2], authentic)  # noqa: S102  (our own page)
    headers = signed_headers([new_secret(), secret], "e1", datetime.now(UTC), body)
    assert authentic["is_authentic"](headers, body, secret)
    assert not authentic["is_authentic"](headers, body, new_secret())


def _run(example: str, given: dict[str, str]) -> str:
    for word, value in given.items():
        example = example.replace(word, value)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(example, {"__name__": "example"})  # noqa: S102  (our own page)
    return output.getvalue()


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
