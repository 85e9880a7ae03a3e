"""Leases: who may work on what, until when, by the database's clock. A late result without the current token is refused."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

LEASE_SECONDS = 45.0


class LeaseLostError(Exception):
    """The work was given to another worker meanwhile; nothing was recorded."""


class Bell:
    """Wakes one idle loop of a worker when something due was committed here.

    What another process made due, or what comes due by time, nobody rings for: loops look by themselves now and then.
    """

    def __init__(self) -> None:
        self._rung: asyncio.Queue[None] = asyncio.Queue(maxsize=1)

    def ring(self) -> None:
        """Wake one; who finds work rings again, for there may be more."""
        with suppress(asyncio.QueueFull):
            self._rung.put_nowait(None)

    async def wait(self, seconds: float) -> None:
        """Until it rings, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.get()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to record the outcome of one piece of work. Tokens of one item rise strictly."""

    item_id: UUID
    token: int
