"""From counts by minute to what a chart shows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from shared.contracts.operations import ResultPoint, Span

SPANS: Mapping[Span, tuple[int, int]] = MappingProxyType(
    {"15m": (15, 1), "1h": (60, 1), "24h": (1440, 15), "7d": (10_080, 120)}
)
"""What a chart may show: its minutes, and the minutes of one step."""
_FIRST, _FACTOR = 0.1, 1.2
"""The scale of `minutes.pace`: step n begins at 0.1 · 1.2ⁿ seconds."""


class Counted(NamedTuple):
    """So many pushes ended so in one step of time; `pace` is -1 where the time they took is not known."""

    at: datetime
    outcome: str
    pace: int
    pushes: int


def points(rows: Iterable[Counted], begin: datetime, minutes: int, step: int) -> tuple[ResultPoint, ...]:
    """Every step from `begin` on, those without a push too."""
    outcomes: defaultdict[datetime, Counter[str]] = defaultdict(Counter)
    paces: defaultdict[datetime, Counter[int]] = defaultdict(Counter)
    for row in rows:
        outcomes[row.at][row.outcome] += row.pushes
        paces[row.at][row.pace] += row.pushes
    times = [begin + timedelta(minutes=n * step) for n in range(minutes // step + 1)]
    return tuple(
        ResultPoint(
            at=at,
            succeeded=outcomes[at]["succeeded"],
            failed=outcomes[at]["failed"],
            needs_action=outcomes[at]["needs_action"],
            held=outcomes[at]["held"],
            median=within(paces[at], 0.5),
            p95=within(paces[at], 0.95),
        )
        for at in times
    )


def within(paces: Mapping[int, int], share: float) -> float | None:
    """The seconds within which this share was done, at the middle of its step; None where no time is known."""
    known = sorted((pace, count) for pace, count in paces.items() if pace >= 0)
    left = share * sum(count for _, count in known)
    for pace, count in known:
        left -= count
        if left <= 0:
            seconds: float = _FIRST * _FACTOR ** (pace + 0.5)
            return round(seconds, 2)
    return None
