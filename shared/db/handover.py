"""Work that a handler claims for an idle loop of its own process, in the transaction that makes it due.

It saves the loop's claim, a transaction of its own. What is handed over is under a lease like everything that was claimed: a
process that dies with it lets the lease run out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Generic, TypeVar

from shared.db.tx import Tx
from shared.db.work import IDLE_SECONDS, Wakeup

T = TypeVar("T")


class Handover(Generic[T]):
    """Between the handlers and the loops that wait for `wakeup`."""

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup = wakeup
        self._given: deque[T] = deque()
        self._nothing_at = float("-inf")

    def found_nothing(self) -> None:
        """A loop has looked for work, and no more is due than what it may have found."""
        self._nothing_at = asyncio.get_running_loop().time()

    def has_room(self, besides: int = 0) -> bool:
        """Whether a loop is idle that nothing was given to, nor any of so many others that will be.

        Nobody is passed over: not where the last look that found nothing due is a second ago.
        """
        looked = asyncio.get_running_loop().time() - self._nothing_at < IDLE_SECONDS
        return looked and self._wakeup.waiting > len(self._given) + besides

    def give(self, tx: Tx, work: T) -> None:
        """Once `tx` is committed an idle loop begins with it."""
        tx.once_committed(partial(self._give, work))

    def _give(self, work: T) -> None:
        self._given.append(work)
        self._wakeup.notify()

    def take(self) -> T | None:
        """What a loop was given; None: it looks for work itself."""
        work = self._given.popleft() if self._given else None
        if self._given:
            self._wakeup.notify()
        return work
