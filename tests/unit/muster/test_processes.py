"""The watcher of a child process survives every failure of its own."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from muster.processes import Child
from tests.support.eventually import eventually


@asynccontextmanager
async def watched(child: Child, changed: Callable[[], None] = lambda: None) -> AsyncIterator[Child]:
    """A child that runs and is watched; ended afterwards."""
    await child.start()
    watcher = asyncio.ensure_future(child.watch(changed))
    try:
        yield child
        assert not watcher.done()
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
        await child.stop()


def sleeper(log: Path) -> Child:
    return Child("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], log)


async def restarted(child: Child, before: int | None) -> None:
    async def ask() -> bool:
        return child.pid not in (None, before)

    await eventually(ask, within=20)


async def test_a_child_is_restarted_although_what_follows_its_end_cannot_be_written(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    child = sleeper(tmp_path / "log")
    async with watched(child, full):
        for _ in range(2):
            before = child.pid
            child.kill()
            await restarted(child, before)


async def test_a_child_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """As when its log cannot be opened on a full disk."""
    folder = tmp_path / "logs"
    child = sleeper(folder / "log")
    async with watched(child):
        folder.rename(tmp_path / "away")
        folder.touch()
        before = child.pid
        child.kill()

        async def refused() -> bool:
            return child.failed is not None and "could not be started" in child.failed

        await eventually(refused)
        folder.unlink()
        await restarted(child, before)


async def test_a_child_that_is_stopped_while_it_is_restarted_does_not_stay(tmp_path: Path) -> None:
    child = sleeper(tmp_path / "log")
    await child.start()
    child.kill()
    assert child.process is not None
    await child.process.wait()
    restarting = asyncio.ensure_future(child.restart())
    await asyncio.sleep(0)
    await child.stop()
    await restarting
    assert child.pid is None
