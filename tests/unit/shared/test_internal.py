"""Reads from another service."""

from __future__ import annotations

import asyncio
from uuid import UUID

from pydantic import SecretStr

from shared.http import app, internal
from shared.http.internal import Internal


async def test_a_connection_that_its_owner_may_be_closing_is_not_used() -> None:
    """Both sides gave up idle connections after five seconds: what was asked just then got no answer, and gateway said 503."""
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            asked.append(id(writer))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    owner = Internal(f"http://127.0.0.1:{port}", SecretStr("t"), "importer")
    for _ in range(2):
        assert await owner.get("/freshness", company=UUID(int=1)) == {}
    assert len(set(asked)) == 1  # it is used again

    pool = owner._client._transport._pool  # type: ignore[attr-defined]
    assert pool._keepalive_expiry == internal._LIMITS.keepalive_expiry
    assert 2 * pool._keepalive_expiry < app.KEEP_ALIVE_SECONDS
    await owner.close()
    server.close()
