"""Limits for each company, on a clock that may run faster, and the most that was seen in any window."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.state import Sandbox


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

    def admit(self, now: float, limits: dict[str, float], *, batch: bool) -> float:
        """Count a call at `now`. A limit of 0 is none; when one is reached, the seconds until a call would pass."""
        wait = 1.0 if 0 < limits.get("concurrent_requests", 0) <= self.running else 0.0
        for name, window in self.windows.items():
            if name == "batches_per_minute" and not batch:
                continue
            limit = int(limits.get(name, 0))
            if 0 < limit <= window.count(now):
                wait = max(wait, window.times[-limit] + window.seconds - now)
            window.add(now)
        self.refused += wait > 0
        return wait

    def show(self) -> dict[str, Any]:
        most = {name: window.most for name, window in self.windows.items()}
        return {"highest": {**most, "concurrent_requests": self.most_running}, "refused": self.refused}


class Throttle:
    """The meters of all companies. The switch `time_scale` makes a minute pass in 60 / scale seconds."""

    def __init__(self, sandbox: Sandbox, names: Iterable[str]) -> None:
        self._sandbox = sandbox
        self._names = tuple(names)
        self._scale = sandbox.number("time_scale")
        self._meters = {realm: Meter() for realm in sandbox.scopes}

    def admit(self, realm: str, *, batch: bool = False) -> float:
        """0 when the call may pass, else the seconds to wait, in real time."""
        limits = {name: self._sandbox.number(name) for name in self._names}
        scale = self._sandbox.number("time_scale")
        if scale != self._scale:
            self._scale = scale
            self.reset()
        now = self._sandbox.store.clock() * scale
        return self._meters[realm].admit(now, limits, batch=batch) / max(scale, 1e-6)

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
