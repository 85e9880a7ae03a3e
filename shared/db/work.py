"""Workers' loops: do what is due, rest when nothing is, and wake at once when more was committed here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Never

from shared.db.leases import LeaseLostError
from shared.errors import Unavailable
from shared.telemetry.logs import log
from shared.telemetry.metrics import WORK

IDLE_SECONDS = 1.0
"""How often an idle loop looks for what nobody rang for: what another process made due, and what comes due by time."""
PAUSE_SECONDS = 1.0


class Bell:
    """Wakes one idle loop of a worker when something due was committed in this process."""

    def __init__(self) -> None:
        self._rung: asyncio.Queue[None] = asyncio.Queue(maxsize=1)

    def ring(self) -> None:
        """Wake one; who finds work rings again, for there may be more."""
        with suppress(asyncio.QueueFull):
            self._rung.put_nowait(None)

    async def wait(self, seconds: float) -> bool:
        """Until it rings, at most so long; whether it rang."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.get()
                return True
        return False


async def keep_working(
    name: str, step: Callable[[], Awaitable[bool]], bell: Bell, *, after: float = 0.0
) -> Never:
    """Take one step after the other, from `after` seconds on; rest when a step found nothing to do.

    Ends when cancelled, or by a bug. Several loops of one worker look in turn when each begins a little after the other.
    """
    await asyncio.sleep(after)
    while True:
        worked = False
        try:
            worked = await step()
        except LeaseLostError:
            WORK.labels(kind=name, outcome="lease_lost").inc()
        except Unavailable as error:
            log.warning("work.pause", operation=name, outcome=str(error), delay_s=PAUSE_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        if not worked:
            await bell.wait(IDLE_SECONDS)
