"""The bell that wakes a worker's idle loops."""

from __future__ import annotations

import asyncio

from shared.db.work import Bell

LONG = 60.0


async def test_a_ring_wakes_one_and_one_that_comes_early_is_not_lost() -> None:
    """Who was working when it rang looks once more before it waits."""
    bell = Bell()
    bell.ring()
    bell.ring()
    await asyncio.wait_for(bell.wait(LONG), 1)

    waiting = [asyncio.ensure_future(bell.wait(LONG)) for _ in range(2)]
    await asyncio.sleep(0)
    bell.ring()
    done, idle = await asyncio.wait(waiting, timeout=0.2)

    assert (len(done), len(idle)) == (1, 1)
    for one in idle:
        one.cancel()


async def test_without_a_ring_the_wait_ends_by_itself() -> None:
    """What nobody rings for is found all the same."""
    await asyncio.wait_for(Bell().wait(0.01), 1)
