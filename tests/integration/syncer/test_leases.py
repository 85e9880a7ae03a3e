"""Leases of pushes and calls: what a slow system keeps waiting stays with its sender."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from shared.db import leases
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


async def until_renewed(world: World, table: str, on_its_way: asyncio.Event) -> None:
    """Somebody works on it, and its lease has been renewed."""
    await on_its_way.wait()
    sql = f"SELECT max(lease_until) AS until FROM {table} WHERE lease_until IS NOT NULL"
    (first,) = await world.rows(sql)

    async def is_renewed() -> bool:
        (row,) = await world.rows(sql)
        return bool(row["until"] > first["until"])

    await eventually(is_renewed, every=0.01)


async def test_leases_are_renewed_while_records_are_read_and_calls_are_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the system takes, nobody else reads or writes the same."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    await world.echo("1")
    await world.linked("a", "1")
    await world.staged("a", rev=2, first_name="Anne")
    await world.linked("a", "1", rev=2, link_rev=3)
    await world.sync("a", name="again")
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    reading, sending, reads_on, sends_on = (asyncio.Event() for _ in range(4))
    read_many = world.destination.read_many

    async def reads_slowly(remote_ids: Sequence[str]) -> Mapping[str, Any]:
        reading.set()
        await reads_on.wait()
        return await read_many(remote_ids)

    async def sends_slowly() -> None:
        sending.set()
        await sends_on.wait()

    monkeypatch.setattr(world.destination, "read_many", reads_slowly)
    world.destination.before_send = sends_slowly
    calls = len(world.destination.calls)
    step = asyncio.create_task(world.sender.step())

    await until_renewed(world, "pushes", reading)
    reads_on.set()
    await until_renewed(world, "calls", sending)
    assert not await world.sender.step()
    sends_on.set()
    assert await step

    assert 1 == len(world.destination.calls) - calls
    assert {world.id("a"): ("synced", "")} == await world.statuses()
