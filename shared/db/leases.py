"""Leases: who may work on what, until when, by the database's clock. A late result without the current token is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from shared.errors import Unavailable

LEASE_SECONDS = 45.0
RENEW_SECONDS = LEASE_SECONDS / 3
"""So often a lease is renewed while a remote system keeps its holder waiting."""

T = TypeVar("T")


class LeaseLostError(Exception):
    """The work was given to another worker meanwhile; nothing was recorded."""


async def renewing(call: Awaitable[T], renew: Callable[[], Awaitable[bool]]) -> T:
    """What `call` brings, however long it takes: the lease is renewed meanwhile. Raises `LeaseLostError` once `renew` is False.

    A database that does not answer is asked again next time; whether the lease held, what records the result finds out.
    """
    running = asyncio.ensure_future(call)
    try:
        while not (await asyncio.wait((running,), timeout=RENEW_SECONDS))[0]:
            with suppress(Unavailable):
                if not await renew():
                    raise LeaseLostError
        return running.result()
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait((running,))
