"""What a sandbox does beside answering: webhooks go on after a restart, and end with the process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from sandbox.box import Sandbox


def lifespan_of(box: Sandbox) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The lifespan of the application of `box`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        box.hooks.wake()
        yield
        await box.hooks.close()

    return lifespan
