"""A cache with a bound, as a dictionary."""

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")
MOST_KEPT = 16_384


class Cache(dict[K, V]):
    """What was found out about values, or pairs of them. Full, it forgets all: cheaper to read than one that keeps an order."""

    def keep(self, key: K, value: V) -> V:
        """Remember `value`, and return it."""
        if len(self) >= MOST_KEPT:
            self.clear()
        self[key] = value
        return value
