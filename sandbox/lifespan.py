"""What a sandbox does beside answering: webhooks go on after a restart, and end with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from sandbox.state import Sandbox


def lifespan_of(sandbox: Sandbox) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The lifespan of the application of `sandbox`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        sandbox.hooks.wake()
        yield
        await sandbox.hooks.close()

    return lifespan
