"""After a write the answer counts: what the destination did not take needs a person, and is not sent again by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("flipped", [False, True], ids=["to quickbooks", "to linarc"])
async def test_a_value_that_is_not_in_the_answer_needs_a_person_until_it_moves(
    world: World, *, flipped: bool
) -> None:
    if flipped:
        await world.flip()
    there = world.origin if flipped else world.destination
    there.drops = {"bill_rate"}
    await world.staged("a", bill_rate="80")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()

    assert ("needs_action", "not_taken") == (await world.statuses())[world.id("a")]
    assert "bill_rate" == (await world.published_statuses())[-1]["field"]
    assert 1 == len(there.calls)
    await world.sync("a", name="again")
    await world.send()
    assert 1 == len(there.calls), "it is not sent again"

    there.drops = set()
    await world.staged("a", rev=2, bill_rate="81")
    assert ("needs_sync", "changed") == (await world.statuses())[world.id("a")]
    await world.sync("a", name="moved")
    await world.send()
    assert ("synced", "") == (await world.statuses())[world.id("a")]
    assert ["81"] == [str(p.employee.bill_rate) for p in there.people.values()]
