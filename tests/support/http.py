"""Applications on ports of this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.support.eventually import eventually


async def _started(servers: Sequence[uvicorn.Server]) -> bool:
    return all(server.started for server in servers)


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """`app` on a free loopback port; its address."""
    async with all_served(app) as (address,):
        yield address


@asynccontextmanager
async def all_served(*apps: ASGIApp) -> AsyncIterator[list[str]]:
    """Each on a port of its own; their addresses. They end together, since each takes its time."""
    with ExitStack() as sockets:
        listening = [sockets.enter_context(socket.socket()) for _ in apps]
        for one in listening:
            one.bind(("127.0.0.1", 0))
        servers = [
            uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
            for app in apps
        ]
        tasks = [
            asyncio.create_task(server.serve([one])) for server, one in zip(servers, listening, strict=True)
        ]
        await eventually(lambda: _started(servers), every=0.01)
        try:
            yield [f"http://127.0.0.1:{one.getsockname()[1]}" for one in listening]
        finally:
            for server in servers:
                server.should_exit = True
            await asyncio.gather(*tasks)
