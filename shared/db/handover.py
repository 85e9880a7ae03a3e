"""Work that a handler claims for an idle worker of its own process, in the transaction that makes it due.

It saves the worker's claim, a transaction of its own. What is handed over is under a lease like everything that was claimed: a
process that dies with it lets the lease run out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar

from shared.db.tx import Tx
from shared.db.work import IDLE_SECONDS, Wakeup

T = TypeVar("T")


@dataclass(slots=True)
class Place(Generic[T]):
    """One idle worker that waits for what a transaction may hand it."""

    work: T | None = None


class Handover(Generic[T]):
    """Between the handlers and the loops that wait for `wakeup`.

    Nobody is passed over: there are places only while loops are idle, and a look of the last second found nothing due.
    """

    def __init__(self, wakeup: Wakeup) -> None:
        self._wakeup = wakeup
        self._promised = 0
        """Places that no loop has come for yet."""
        self._given: asyncio.Queue[T | None] = asyncio.Queue()
        self._nothing_at = float("-inf")

    def found_nothing(self) -> None:
        """A loop has looked for work, and no more is due than what it may have found."""
        self._nothing_at = asyncio.get_running_loop().time()

    def place(self, tx: Tx) -> Place[T] | None:
        """The place of an idle loop, which begins with the `work` in it once `tx` is committed; None when there is none."""
        looked = asyncio.get_running_loop().time() - self._nothing_at < IDLE_SECONDS
        if not looked or self._wakeup.waiting <= self._promised:
            return None
        self._promised += 1
        place: Place[T] = Place()
        tx.at_end(lambda committed: self._end(place.work if committed else None))
        return place

    def _end(self, work: T | None) -> None:
        if work is None and self._promised:
            self._promised -= 1  # nobody has come for it
            return
        self._given.put_nowait(work)
        self._wakeup.notify()

    async def take(self) -> T | None:
        """What a loop was given; None: it looks for work itself. Waits for the end of a transaction that may give some."""
        if not self._promised:
            return None
        self._promised -= 1
        if self._promised:
            self._wakeup.notify()
        return await self._given.get()
