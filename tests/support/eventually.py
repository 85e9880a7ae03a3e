"""Patience: retry until it holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    ask: Callable[[], Awaitable[T]], *, equal: T | None = None, within: float = 30.0, every: float = 0.1
) -> T:
    """The first answer of `ask` that is true, or is `equal`. Raises AssertionError with the last one otherwise."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    while True:
        found = await ask()
        if found if equal is None else found == equal:
            return found
        if loop.time() > until:
            msg = f"not within {within} s; the last answer was {found!r}"
            raise AssertionError(msg)
        await asyncio.sleep(every)
