"""How many messages may become dead letters before that looks like a bad deploy rather than bad messages."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from shared.errors import Unavailable

WINDOW_SECONDS = 300.0


class TooManyDeadLettersError(Unavailable):
    """That many are a bad deploy, not bad messages: the topic pauses, until some time has passed or a person resumes it."""

    def __init__(self) -> None:
        super().__init__("too many messages could not be handled; go on with: muster topics resume")


@dataclass(slots=True)
class _Recent:
    """A count of what happened within the last five minutes, kept by the second."""

    _seconds: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, count: int, now: float) -> None:
        second = now // 1
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))
        self.total(now)

    def total(self, now: float) -> int:
        while self._seconds and self._seconds[0][0] < now - WINDOW_SECONDS:
            self._seconds.popleft()
        return sum(count for _, count in self._seconds)


@dataclass(slots=True)
class DeadLetterLimit:
    """Of one topic: within five minutes at most so many, unless at least as many messages were handled.

    Times are the caller's, in seconds, and never fall.
    """

    most: int
    _dead: _Recent = field(default_factory=_Recent)
    _handled: _Recent = field(default_factory=_Recent)

    def room(self, count: int, handled: int, now: float) -> int:
        """How many of `count` messages may become dead letters, when `handled` others come with them."""
        before = self._dead.total(now)
        if before + count <= max(self.most, handled + self._handled.total(now)):
            return count
        return min(count, max(0, self.most - before))

    def dead_lettered(self, count: int, now: float) -> None:
        """So many became dead letters."""
        self._dead.add(count, now)

    def handled(self, count: int, now: float) -> None:
        """So many had their effect."""
        self._handled.add(count, now)
