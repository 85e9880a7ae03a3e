"""Workers' loops: do what is due, rest when nothing is, and wake at once when more was committed here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Never
from uuid import UUID

from shared.backoff import backoff_seconds
from shared.db.leases import LeaseLostError
from shared.errors import ProcessMustEndError, Unavailable, where
from shared.telemetry.logs import log
from shared.telemetry.metrics import WORK

IDLE_SECONDS = 1.0
"""How often an idle loop looks for work without being woken: what another process made due, and what comes due by time."""
PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 60.0


class Wakeup:
    """Wakes one idle loop of a worker when something due was committed in this process."""

    def __init__(self) -> None:
        self._notified: asyncio.Queue[None] = asyncio.Queue(maxsize=1)
        self.count = 0
        """How often it was notified."""
        self.waiting = 0
        """How many loops wait for it."""

    def notify(self) -> None:
        """Wake one; one that finds work notifies again, for there may be more."""
        self.count += 1
        with suppress(asyncio.QueueFull):
            self._notified.put_nowait(None)

    async def wait(self, seconds: float) -> bool:
        """Wait for a notification, at most so long; whether one came."""
        self.waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._notified.get()
                    return True
            return False
        finally:
            self.waiting -= 1


async def keep_working(
    name: str,
    step: Callable[[], Awaitable[bool]],
    wakeup: Wakeup,
    *,
    after: float = 0.0,
    notified_of_more: bool = False,
) -> Never:
    """Take one step after the other, from `after` seconds on; rest when a step found nothing to do.

    `notified_of_more`: also after a step that worked, for the store notifies whenever more is due.

    Ends when cancelled. A step that meets a bug is logged and followed by a growing pause, for the others' sake.
    Several loops of one worker look in turn when each begins a little after the other.
    """
    await asyncio.sleep(after)
    failures = 0
    while True:
        worked = False
        try:
            worked = await step()
        except LeaseLostError:
            WORK.labels(kind=name, outcome="lease_lost").inc()
        except ProcessMustEndError:
            raise
        except Unavailable as error:
            log.warning("work.pause", operation=name, outcome=str(error), delay_s=PAUSE_SECONDS)
            await asyncio.sleep(PAUSE_SECONDS)
            continue
        except Exception as error:  # noqa: BLE001  (whatever it is, it ends one step, not the process)
            failures += 1
            await _pause(name, error, failures)
            continue
        failures = 0
        if notified_of_more or not worked:
            await wakeup.wait(IDLE_SECONDS)


async def for_each_company(
    name: str, companies: Iterable[UUID], work: Callable[[UUID], Awaitable[bool]]
) -> bool:
    """Work for one company after the other; whether any of it did something.

    What fails for one company does not stop the others; it is raised when there was nothing else to do, so that the loop
    pauses.
    """
    worked = False
    failed: Exception | None = None
    for company in companies:
        try:
            worked = await work(company) or worked
        except ProcessMustEndError:
            raise
        except Unavailable as error:
            failed = failed or error
        except Exception as error:  # noqa: BLE001  (a bug that one company met)
            log.error("work.failed", operation=name, outcome=type(error).__name__, where=where(error))
            WORK.labels(kind=name, outcome="error").inc()
            failed = error
    if failed is not None and not worked:
        raise failed
    return worked


async def keep_running(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run until it returns; after a bug start it again, with growing pauses. Only `ProcessMustEndError` goes further."""
    failures = 0
    while True:
        began = asyncio.get_running_loop().time()
        try:
            await run()
        except ProcessMustEndError:
            raise
        except Exception as error:  # noqa: BLE001  (one loop of many: the others go on)
            lasted = asyncio.get_running_loop().time() - began > MAX_PAUSE_SECONDS
            failures = 1 if lasted else failures + 1
            await _pause(name, error, failures)
        else:
            return


async def _pause(name: str, error: Exception, failures: int) -> None:
    """Log a bug and wait, longer after each of them in a row."""
    seconds = backoff_seconds(failures, first=PAUSE_SECONDS, most=MAX_PAUSE_SECONDS)
    log.error(
        "work.failed", operation=name, outcome=type(error).__name__, where=where(error), delay_s=seconds
    )
    WORK.labels(kind=name, outcome="error").inc()
    await asyncio.sleep(seconds)
