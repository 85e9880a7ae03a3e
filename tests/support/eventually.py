"""Patience: retry until it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(ask: Callable[[], Awaitable[T]], *, within: float = 30.0, every: float = 0.1) -> T:
    """The first true answer of `ask`. Raises AssertionError with the last one when there is none in time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while True:
        found = await ask()
        if found:
            return found
        if loop.time() > until:
            msg = f"not within {within} s; the last answer was {found!r}"
            raise AssertionError(msg)
        await asyncio.sleep(every)
