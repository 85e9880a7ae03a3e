"""QuickBooks' limits for each company, on a clock that may run faster, and the most that was seen in any window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.box import Sandbox

REAL = {
    "requests_per_second": 10,
    "requests_per_minute": 500,
    "batches_per_minute": 40,
    "concurrent_requests": 10,
}
OFF = dict.fromkeys(REAL, 0)


@dataclass
class _Window:
    """Times of the calls within the last `seconds`, and the most there ever were at once."""

    seconds: float
    times: deque[float] = field(default_factory=deque)
    most: int = 0

    def count(self, now: float) -> int:
        times, oldest = self.times, now - self.seconds
        while times and times[0] <= oldest:
            times.popleft()
        return len(times)

    def add(self, now: float) -> None:
        self.times.append(now)
        self.most = max(self.most, len(self.times))


@dataclass
class Meter:
    """The calls of one company; those refused count as well, so hammering does not help."""

    windows: dict[str, _Window] = field(
        default_factory=lambda: {
            "requests_per_second": _Window(1.0),
            "requests_per_minute": _Window(60.0),
            "batches_per_minute": _Window(60.0),
        }
    )
    running: int = 0
    most_running: int = 0
    refused: int = 0

    def admit(self, now: float, limits: dict[str, float], *, batch: bool) -> bool:
        """Count a call at `now`; False when a limit is reached. A limit of 0 is none."""
        over = 0 < limits["concurrent_requests"] <= self.running
        for name, window in self.windows.items():
            if name == "batches_per_minute" and not batch:
                continue
            over |= 0 < limits[name] <= window.count(now)
            window.add(now)
        self.refused += over
        return not over

    def show(self) -> dict[str, Any]:
        most = {name: window.most for name, window in self.windows.items()}
        return {"highest": {**most, "concurrent_requests": self.most_running}, "refused": self.refused}


class Throttle:
    """The meters of all companies. The switch `time_scale` makes a minute pass in 60 / scale seconds."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        self._scale = box.number("time_scale")
        self._meters = {realm: Meter() for realm in box.scopes}

    def admit(self, realm: str, *, batch: bool) -> bool:
        limits = {name: self._box.number(name) for name in REAL}
        scale = self._box.number("time_scale")
        if scale != self._scale:
            self._scale = scale
            self.reset()
        now = self._box.store.clock() * scale
        return self._meters[realm].admit(now, limits, batch=batch)

    @contextmanager
    def running(self, realm: str) -> Iterator[None]:
        """Around the work of a call that was admitted."""
        meter = self._meters[realm]
        meter.running += 1
        meter.most_running = max(meter.most_running, meter.running)
        try:
            yield
        finally:
            meter.running -= 1

    def show(self) -> dict[str, Any]:
        """The most calls in any window since the last reset, of every company."""
        return {realm: meter.show() for realm, meter in self._meters.items()}

    def reset(self) -> None:
        self._meters = {realm: Meter(running=meter.running) for realm, meter in self._meters.items()}
