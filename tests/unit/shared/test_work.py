"""The loop of every worker, and the wake-up that wakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from shared.db import work
from shared.db.leases import LeaseLostError
from shared.db.work import Wakeup, for_each_company, keep_running, keep_working
from shared.errors import ProcessMustEndError, Unavailable

LONG = 60.0


class Steps:
    """What the steps come to, one after the other; the last ends the process."""

    def __init__(self, *results: bool | Exception) -> None:
        self.results = [*results, ProcessMustEndError()]
        self.times: list[float] = []

    async def __call__(self) -> bool:
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0)
        result = self.results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., asyncio.Future[list[float]]]:
    """Runs the loop to its end; the pauses between the steps, in tenths of a second."""
    monkeypatch.setattr(work, "IDLE_SECONDS", 0.4)
    monkeypatch.setattr(work, "PAUSE_SECONDS", 0.2)

    async def go(steps: Steps, wakeup: Wakeup | None = None, **more: float) -> list[float]:
        with pytest.raises(ProcessMustEndError):
            await keep_working("push", steps, wakeup or Wakeup(), **more)
        return [round(10 * (b - a)) for a, b in zip(steps.times, steps.times[1:], strict=False)]

    return lambda *args, **more: asyncio.ensure_future(go(*args, **more))


async def test_as_long_as_there_is_work_it_does_not_rest(
    run: Callable[..., asyncio.Future[list[float]]],
) -> None:
    assert await run(Steps(True, True)) == [0, 0]


async def test_with_nothing_to_do_it_rests_and_looks_again(
    run: Callable[..., asyncio.Future[list[float]]],
) -> None:
    assert await run(Steps(False)) == [4]


async def test_a_ring_ends_the_rest(run: Callable[..., asyncio.Future[list[float]]]) -> None:
    wakeup = Wakeup()
    ended = run(Steps(False), wakeup)
    await asyncio.sleep(0.1)
    wakeup.notify()
    assert await ended == [1]


async def test_what_a_repetition_may_cure_is_tried_again_after_one_pause(
    run: Callable[..., asyncio.Future[list[float]]],
) -> None:
    assert await run(Steps(Unavailable("database"))) == [2]


async def test_a_bug_ends_one_step_and_the_pauses_grow_until_one_goes_well(
    run: Callable[..., asyncio.Future[list[float]]],
) -> None:
    bug = ZeroDivisionError()
    assert await run(Steps(bug, bug, bug, True, bug)) == [2, 4, 8, 0, 2]


async def test_a_loop_that_a_bug_ends_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it returns, or says that the process must end."""
    monkeypatch.setattr(work, "PAUSE_SECONDS", 0.01)
    steps = Steps(ZeroDivisionError(), ExceptionGroup("tasks", [KeyError("x")]))

    async def loop() -> None:
        while await steps():
            pass

    with pytest.raises(ProcessMustEndError):
        await keep_running("worker", loop)
    assert len(steps.times) == 3

    await keep_running("worker", Steps(False))


async def test_a_lost_lease_is_somebody_elses_work(run: Callable[..., asyncio.Future[list[float]]]) -> None:
    assert await run(Steps(LeaseLostError())) == [4]


async def test_a_ring_wakes_one_and_one_that_comes_early_is_not_lost() -> None:
    """Who was working when it rang looks once more before it waits."""
    wakeup = Wakeup()
    wakeup.notify()
    wakeup.notify()
    await asyncio.wait_for(wakeup.wait(LONG), 1)

    waiting = [asyncio.ensure_future(wakeup.wait(LONG)) for _ in range(2)]
    await asyncio.sleep(0)
    wakeup.notify()
    done, idle = await asyncio.wait(waiting, timeout=0.2)

    assert (len(done), len(idle)) == (1, 1)
    for one in idle:
        one.cancel()


async def test_without_a_ring_the_wait_ends_by_itself() -> None:
    """What nobody rings for is found all the same."""
    await asyncio.wait_for(Wakeup().wait(0.01), 1)


async def test_what_fails_for_one_company_does_not_stop_the_others() -> None:
    """It is raised only when there was nothing else to do."""
    first, second = UUID(int=1), UUID(int=2)
    done = []

    def failing(fault: Exception) -> Callable[[UUID], Awaitable[bool]]:
        async def one(company: UUID) -> bool:
            if company == first:
                raise fault
            done.append(company)
            return True

        return one

    for fault in (KeyError("x"), Unavailable("y")):
        assert await for_each_company("plan", [first, second], failing(fault))
        with pytest.raises(type(fault)):
            await for_each_company("plan", [first], failing(fault))
    assert done == [second, second]
