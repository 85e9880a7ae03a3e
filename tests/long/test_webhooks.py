"""Webhooks for longer than each run has time: two thousand edits with a third of the hooks lost, and floods of a minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import cycle
from typing import Any

import pytest_asyncio

from benchmarks.webhooks import Door, wrong_with
from tests.e2e.conftest import running
from tests.e2e.test_realtime import all_synced, spoil, sweep
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.hands import FIELDS, Hands

RULES = {"auto_create": True, "auto_update": True, "auto_sync": True}


@pytest_asyncio.fixture(scope="module")
async def pushing() -> AsyncIterator[Fleet]:
    """Two of each service that decides, and no sweep but by hand."""
    async with running(250, RULES, {"MUSTER_SWEEP_SECONDS": "86400"}, syncer=2, importer=2) as fleet:
        yield fleet


async def test_two_thousand_edits_on_both_sides_with_lost_hooks_and_killed_services(pushing: Fleet) -> None:
    """After one sweep the two systems agree wherever the source was edited, and nothing more is written."""
    hands = Hands(pushing, pushing.access.companies[0])
    records = [r for r in (await all_synced(hands)).values() if r["status"] == "synced"]
    for system in (hands.source, hands.destination):
        await spoil(hands, system)
    wanted: dict[str, str] = {}
    services = cycle(("gateway", "importer", "mapper", "syncer", "history"))
    half = len(records) // 2
    for number in range(1_900):
        record = records[number % half]
        wanted[record["remote_id"]] = f"R{number}"
        await hands.edit(hands.source, record["remote_id"], middle=f"R{number}")
        if number % 400 == 399:
            pushing.stack.kill(next(services))
    for number, record in enumerate(records[half : half + 100]):
        await hands.edit(hands.destination, record["destination_remote_id"], middle=f"D{number}")
    for system in (hands.source, hands.destination):
        await hands.faults(system)
    await pushing.stack.wait_ready()
    await sweep(hands)

    by_id = {r["remote_id"]: r["destination_remote_id"] for r in records}
    field = FIELDS[hands.destination]["middle"]

    async def agree() -> bool:
        there = await hands.people(hands.destination)
        return all(there[by_id[i]].get(field) == middle for i, middle in wanted.items())

    assert await eventually(agree, within=300, every=2.0)
    await asyncio.sleep(5)
    before: Any = await hands.people(hands.destination)
    await sweep(hands)
    await asyncio.sleep(20)
    assert await hands.people(hands.destination) == before  # no loop, no write of its own


async def test_floods_of_a_minute(fleet: Fleet) -> None:
    door = await Door.of(fleet, 60)
    assert wrong_with(await door.authentic(150, 60)) == []
    for figures in await door.forged(1_000, 20):
        assert wrong_with(figures) == []
