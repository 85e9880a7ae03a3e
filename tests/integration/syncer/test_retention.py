"""What is over is deleted after its time, and nothing that is still needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.contracts.commands import ApplyPlan

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


async def aged(world: World) -> None:
    """As if everything had happened a year ago."""
    await world.rows(
        "UPDATE plans SET ended_at = ended_at - interval '1 year', created_at = created_at - interval '1 year'"
    )
    await world.rows("UPDATE pushes SET ended_at = ended_at - interval '1 year'")


async def pushed(world: World, name: str, *people: str) -> None:
    """One plan of these people, made, approved and written."""
    plan = await world.plan(*people, name=name)
    await world.command(ApplyPlan(run_id=plan))
    await world.send()


async def test_old_plans_pushes_and_calls_go_but_each_records_last_request_stays(world: World) -> None:
    await world.staged("1", "2")
    await world.unmatched("1", "2")
    await pushed(world, "first", "1", "2")
    for there, remote in list(world.destination.people.items()):
        (source,) = [p for p in ("1", "2") if f"Li{p}" == remote.employee.last_name]
        await world.echo(there)
        await world.linked(source, there)
    await aged(world)
    await world.staged("1", rev=8, middle_name="Kim")
    await pushed(world, "second", "1")

    await world.sender.forget_old()

    plans = await world.rows("SELECT plan_id FROM plans")
    assert len(plans) == 1, "the first is over for a year; the newest of an account stays"
    assert {row["plan_id"] for row in await world.rows("SELECT plan_id FROM plan_records")} == {
        plans[0]["plan_id"]
    }
    sent = await world.rows("SELECT record_id FROM pushes WHERE call_id IS NOT NULL ORDER BY ended_at")
    assert [row["record_id"] for row in sent] == [world.id("2"), world.id("1")]
    calls = await world.rows("SELECT members FROM calls")
    assert len(calls) == 2, "the first call still carries the last request of one of its two records"

    await aged(world)
    await world.staged("2", rev=9, middle_name="Lee")
    await pushed(world, "third", "2")
    await world.sender.forget_old()
    assert len(await world.rows("SELECT FROM calls")) == 2, "its other record has been written since"
    assert len(await world.rows("SELECT FROM pushes")) == 2
    assert {("synced", "")} == set((await world.statuses()).values())


async def test_what_is_open_or_not_old_stays(world: World) -> None:
    await world.staged("1", "2")
    await world.unmatched("1", "2")
    await pushed(world, "first", "1")
    draft = await world.plan("2", name="draft")

    await world.sender.forget_old()

    assert len(await world.rows("SELECT FROM plans")) == 2
    assert await world.state_of(draft) == "draft"
    assert len(await world.rows("SELECT FROM pushes")) == 1
