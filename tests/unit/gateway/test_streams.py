"""Streams: one session or key, and one company, have only so many."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.gateway.stream import live
from services.gateway.stream.live import Client, Live
from services.gateway.stream.sse import EventStream
from shared.http.problems import ProblemError
from shared.settings import KafkaSettings

COMPANY = uuid4()


async def _good(_: Collection[str]) -> set[tuple[str, UUID]]:
    return set()


@pytest.fixture
def listeners() -> Live:
    return Live(KafkaSettings(bootstrap="none"), 15.0, 1.0, _good)


async def test_a_session_has_so_many_streams_in_all_companies_together(listeners: Live) -> None:
    mine = [listeners.join(uuid4(), None, "session:a") for _ in range(live.CREDENTIAL_MOST)]
    with pytest.raises(ProblemError) as refused:
        listeners.join(COMPANY, None, "session:a")
    assert refused.value.kind == "too-many"
    listeners.join(COMPANY, None, "session:b")
    listeners.leave(mine[0])
    listeners.join(COMPANY, None, "session:a")


async def test_a_company_has_so_many_streams(listeners: Live) -> None:
    theirs = [listeners.join(COMPANY, None, f"key:{n}") for n in range(live.COMPANY_MOST)]
    with pytest.raises(ProblemError) as refused:
        listeners.join(COMPANY, None, "key:more")
    assert refused.value.kind == "too-many"
    listeners.join(uuid4(), None, "key:more")
    listeners.leave(theirs[0])
    listeners.join(COMPANY, None, "key:more")


async def test_one_more_is_answered_with_a_problem_and_one_that_ends_makes_room(listeners: Live) -> None:
    async def answered() -> int:
        sent: list[Any] = []
        begun = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)
            begun.set()

        async def write(client: Client, send: Any) -> None:
            await client.over.wait()

        stream = EventStream(listeners, COMPANY, None, "session:a", write)
        await stream({"type": "http", "asgi": {"spec_version": "2.0"}}, receive, send)
        return int(sent[0]["status"])

    for _ in range(live.CREDENTIAL_MOST + 1):
        assert await answered() == 200
    for _ in range(live.CREDENTIAL_MOST):
        listeners.join(uuid4(), None, "session:a")
    assert await answered() == 429
