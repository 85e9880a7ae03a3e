"""Slow and idle connections are ended, and anyone who asks properly is served meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse

from shared.http import problems
from shared.http.app import _Server
from shared.http.guard import guarded
from shared.settings import HttpSettings

LIMITS = HttpSettings(connections=300, header_seconds=1.0, body_seconds=1.0)


def application() -> FastAPI:
    app, routes = FastAPI(), APIRouter(prefix="/things")

    @routes.get("/{name}")
    async def read(name: str) -> str:
        return name

    @routes.put("/{name}")
    async def write(name: str, request: Request) -> int:
        return len(await request.body()) + len(name)

    @routes.get("/{name}/stream")
    async def stream(name: str) -> StreamingResponse:
        async def beats() -> AsyncIterator[str]:
            for _ in range(4):
                await asyncio.sleep(0.6)
                yield name

        return StreamingResponse(beats())

    app.include_router(routes)
    problems.install(app)
    return app


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    """The port of a server with these limits."""
    config = uvicorn.Config(application(), http=guarded(LIMITS), log_config=None, lifespan="off")
    with socket.create_server(("127.0.0.1", 0), backlog=2000) as listening:
        server = _Server(config)
        task = asyncio.create_task(server.serve([listening]))
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What came until the server closed the connection, which it does in a few seconds."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""


async def good(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/things/a")).text == '"a"'


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /things/a HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"PUT /things/a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
    ],
    ids=["idle", "slow head", "slow body"],
)
async def test_fifty_requests_that_do_not_end_are_ended_and_others_are_served(begun: bytes) -> None:
    async with served() as port:
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(50)]
        for _, writer in slow:
            writer.write(begun)
        assert await good(port)
        assert await asyncio.gather(*(ended(reader) for reader, _ in slow)) == [b""] * 50
        for _, writer in slow:
            writer.close()


async def test_a_second_request_on_a_connection_has_no_more_time_than_the_first() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /things/a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await reader.readuntil(b'"a"')
        writer.write(b"GET /things/a HTTP/1.1\r\nHos")
        assert await ended(reader) == b""
        writer.close()


async def test_a_thousand_idle_connections_are_at_most_so_many_and_not_for_long() -> None:
    async with served() as port:
        idle = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(1000)))
        assert await asyncio.gather(*(ended(reader) for reader, _ in idle)) == [b""] * 1000
        for _, writer in idle:
            writer.close()
        assert await good(port)


async def test_an_answer_may_take_as_long_as_it_likes() -> None:
    async with served() as port, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/things/ab/stream")
        assert answer.text == "ab" * 4


async def test_a_refused_method_is_answered_with_those_that_the_address_takes() -> None:
    async with served() as port, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.delete(f"http://127.0.0.1:{port}/things/a")
        other = await client.post(f"http://127.0.0.1:{port}/things/a/stream")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PUT")
    assert (other.status_code, other.headers["allow"]) == (405, "GET")
