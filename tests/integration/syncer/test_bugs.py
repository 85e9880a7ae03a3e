"""A bug that one record or one call meets: the others go on, it is tried a bounded number of times, and it shows."""

from __future__ import annotations

from typing import Any

from .conftest import World


async def test_a_bug_while_a_call_is_sent_ends_that_call_and_not_the_worker(world: World) -> None:
    """Nobody knows whether it was carried out: the same call again, and at last Failed."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")

    async def bug() -> None:
        raise ZeroDivisionError

    world.destination.before_send = bug
    for _ in range(20):
        await world.send()
        await world.due()
    assert {("failed", "outcome_unknown")} == set((await world.statuses()).values())
    assert 1 < len(world.destination.calls) <= 10
    assert 1 == len({call.key for call in world.destination.calls})
    assert await world.published("sync.completed")


async def test_a_bug_before_anything_is_sent_fails_its_pushes_after_some_tries(world: World) -> None:
    """The reason says that it is ours."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    await world.linked("a", "1")
    await world.echo("1")
    await world.staged("a", rev=2, first_name="Bo")
    await world.linked("a", "1", rev=2, link_rev=3)
    await world.sync("a", name="again")
    nobody: Any = "nobody"
    world.destination.people = {"1": nobody}
    for _ in range(20):
        await world.send()
        await world.due()
    assert {("failed", "internal")} == set((await world.statuses()).values())
    assert 2 == len(await world.published("sync.completed"))


async def test_a_due_record_that_cannot_be_decided_keeps_no_other_from_it(world: World) -> None:
    """Every due record is taken once, whatever one of them holds."""
    await world.staged("a", "b", "c")
    await world.unmatched("a", "b", "c")
    await world.rows(f"UPDATE records SET failure = '{{\"x\": 1}}' WHERE record_id = '{world.id('b')}'")
    await world.rows("UPDATE records SET due = true, status = 'synced'")
    while await world.sender.decide_due():
        pass

    statuses = await world.statuses()
    assert ("needs_sync", "not_pushed") == statuses[world.id("a")] == statuses[world.id("c")]
    assert not await world.rows("SELECT FROM records WHERE due")
