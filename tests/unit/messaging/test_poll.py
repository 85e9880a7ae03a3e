"""How long a consumer that lingers waits for what follows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.messaging.consume import LINGERS, Poll


class Consumer:
    """Brings so many records a fetch, then none."""

    def __init__(self, *fetches: int) -> None:
        self.fetches = list(fetches)
        self.asked = 0

    async def getmany(self, *, timeout_ms: float, max_records: int) -> dict[str, list[object]]:
        self.asked += 1
        count = min(max_records, self.fetches.pop(0)) if self.fetches else 0
        return {"topic": [object()] * count}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("fetches", "most", "took", "asked"),
    [
        ((1, 0), 500, 1, 2),
        ((1, 2, 1, 0), 500, 4, 4),
        ((1, 0, 7), 500, 1, 2),
        ((1,) * 20, 500, 1 + LINGERS, 1 + LINGERS),
        ((3, 3, 3), 5, 5, 2),
        ((5, 3), 5, 5, 1),
        ((0, 3), 500, 0, 1),
    ],
)
async def test_it_waits_until_nothing_follows_and_not_for_ever(
    fetches: tuple[int, ...], most: int, took: int, asked: int
) -> None:
    consumer = Consumer(*fetches)
    holds = SimpleNamespace(read_again=lambda _: None)
    offsets = SimpleNamespace(commit_when_due=_nothing)
    subscriber = SimpleNamespace(attach=lambda _: None, holds=holds, offsets=offsets)
    poll = Poll(cast("Any", subscriber), most, 0.001, fills=False)
    found = await poll(cast("Any", consumer))
    assert (len(found), consumer.asked) == (took, asked)


async def _nothing() -> None:
    return None
