"""Floods of webhooks at the real stack, for seconds: none that was accepted is lost, none that was forged comes in.

For a minute, and faster: `python -m benchmarks webhooks`, and tests/long.
"""

from __future__ import annotations

from benchmarks.webhooks import Door, wrong_with
from tests.support.fleet import Fleet


async def test_a_flood_about_the_same_people_loses_none_and_is_worked_off(fleet: Fleet) -> None:
    door = await Door.of(fleet, 20)
    figures = await door.authentic(50, 4)
    assert wrong_with(figures) == []
    assert figures.answers == {200: 200} and figures.kept == 200
    assert figures.reads <= figures.sent  # many hooks for one person are one read, where reading falls behind
    assert figures.caught_up_s < 60


async def test_forged_ones_are_refused_and_authentic_ones_served_meanwhile(fleet: Fleet) -> None:
    door = await Door.of(fleet, 20)
    forged, beside = await door.forged(150, 4)
    assert forged.answers == {401: 600}
    assert wrong_with(forged) == [] and wrong_with(beside) == []
    assert beside.answers == {200: 20} and beside.kept == 20
