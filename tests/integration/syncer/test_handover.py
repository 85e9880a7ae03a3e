"""What a rule pushes in real time is claimed in the transaction that plans it, and handed to an idle sender in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from services.syncer.deciding.handover import MOST, Claimed
from services.syncer.store.push_queue import PUSHES
from services.syncer.worker import Sender
from shared.contracts.events import Message
from shared.db.handover import Handover
from shared.db.leases import LeaseLostError
from shared.db.tx import Tx
from shared.domain.employee import Employee
from shared.domain.plans import NO_LIMITS
from shared.domain.values import Cause, Lane
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


async def prepared(world: World, *people: str, idle: int = 1) -> None:
    """They are in both systems, the rules push by themselves, and so many senders have nothing to do."""
    await world.staged(*people)
    await world.unmatched(*people)
    await world.sync(*people)
    await world.send()
    for there in list(world.destination.people):
        name = world.destination.people[there].employee.last_name
        await world.echo(there, rev=2)
        await world.linked(str(name).removeprefix("Li"), there)
    await world.limits(2, NO_LIMITS, auto_sync=True)
    await world.send()
    world.destination.calls.clear()
    world.be_idle(idle)


async def changed(
    world: World, *people: str, rev: int = 8, lane: Lane = Lane.REAL_TIME, cause: Cause = Cause.HOOK
) -> None:
    await world.staged(*people, rev=rev, cause=cause, lane=lane, middle_name=f"Lee{rev}")


async def pushes(world: World) -> list[tuple[str, int]]:
    """State and token of what is open, in order of its records."""
    rows = await world.rows("SELECT state, lease_token FROM pushes WHERE state <> 'done' ORDER BY record_id")
    return [(row["state"], row["lease_token"]) for row in rows]


def another_copy(world: World) -> Sender:
    """A process of its own, to which nothing was handed over."""
    old, handlers = world.sender, world.handlers
    nothing = Handover[Claimed](world.database.wakeups[PUSHES])
    return Sender(
        world.database, handlers.outbox, old._connectors, handlers.clock, handlers.settings, nothing
    )


async def lease_over(world: World) -> None:
    await world.rows("UPDATE pushes SET lease_until = now() - interval '1 second' WHERE state = 'claimed'")


async def test_what_was_planned_and_claimed_is_sent_without_a_look_into_the_queue(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows as being written from the beginning, and mapper's answer moves nothing."""
    await prepared(world, "a")
    before = len(await world.published_statuses())
    await changed(world, "a")
    assert [("claimed", 1)] == await pushes(world)
    assert {world.id("a"): ("syncing", "writing")} == await world.statuses()
    await world.linked("a", "1", rev=8, link_rev=9)

    monkeypatch.setattr(Sender, "_next", None)
    assert await world.sender.step()

    assert "Lee8" == world.destination.people["1"].employee.middle_name
    assert {world.id("a"): ("synced", "")} == await world.statuses()
    assert 2 == len(await world.published_statuses()) - before
    assert 1 == len(world.destination.calls)


async def test_senders_take_what_is_planned_for_as_long_as_they_run(world: World) -> None:
    await prepared(world, "a", idle=0)
    running = asyncio.create_task(world.sender.run())
    senders, most = world.handlers.senders, world.handlers.settings.senders

    async def all_idle() -> bool:
        return senders.has_room(most - 1)

    async def synced() -> bool:
        return await world.statuses() == {world.id("a"): ("synced", "")}

    await eventually(all_idle, every=0.01)
    await changed(world, "a")
    await eventually(synced, every=0.01)
    (push,) = await world.rows("SELECT lease_token FROM pushes ORDER BY ended_at DESC LIMIT 1")
    assert 1 == push["lease_token"]
    await eventually(all_idle, every=0.01)

    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert not senders.has_room()


async def test_what_a_process_took_with_it_is_sent_once_its_lease_is_over(world: World) -> None:
    await prepared(world, "a")
    await changed(world, "a")

    copy = another_copy(world)
    assert not await copy.step()
    await lease_over(world)
    assert await copy.step()

    assert 1 == len(world.destination.calls)
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_two_copies_do_not_send_the_same(world: World) -> None:
    """The sender that it was handed to comes to it too late: somebody else has the lease."""
    await prepared(world, "a")
    await changed(world, "a")
    await lease_over(world)

    async def late() -> None:
        world.destination.before_send = None
        with pytest.raises(LeaseLostError):
            await world.sender.step()

    world.destination.before_send = late
    assert await another_copy(world).step()

    assert 1 == len(world.destination.calls)
    assert {world.id("a"): ("synced", "")} == await world.statuses()


async def test_what_was_not_committed_is_handed_to_nobody(world: World) -> None:
    await prepared(world, "a")
    changes = [
        world.message(b, lane=Lane.REAL_TIME)
        for b in world.staging("a", rev=8, cause=Cause.HOOK, middle_name="Lee")
    ]
    claimed: list[int] = []

    async def breaks(messages: Sequence[Message[Any]], tx: Tx) -> None:
        await world.handlers.on_facts(messages, tx)
        claimed.append(await tx.fetchval("SELECT count(*) FROM pushes WHERE state = 'claimed'"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await world.batch(breaks, changes)

    assert [1] == claimed
    assert not await world.sender.step()
    assert [] == world.destination.calls


@pytest.mark.parametrize("why", ["bulk", "nobody is idle", "one waits", "too many"])
async def test_the_queue_shares_out_what_is_not_for_an_idle_sender(world: World, why: str) -> None:
    people = [f"p{n}" for n in range(MOST + 1)] if why == "too many" else ["a", "b"]
    await prepared(world, *people, idle=0 if why in ("nobody is idle", "one waits") else 1)
    if why == "one waits":
        await changed(world, "b")
        world.be_idle()
    await changed(
        world, *(people if why == "too many" else ["a"]), lane=Lane.BULK if why == "bulk" else Lane.REAL_TIME
    )

    assert {("planned", 0)} == set(await pushes(world))
    await world.send()
    assert {("synced", "")} == set((await world.statuses()).values())


async def test_as_many_are_handed_over_as_senders_are_idle(world: World) -> None:
    await prepared(world, "a", "b", "c", idle=2)
    for person in ("a", "b", "c"):
        await changed(world, person)

    assert sorted(await pushes(world)) == [("claimed", 1), ("claimed", 1), ("planned", 0)]
    await world.send()
    assert {("synced", "")} == set((await world.statuses()).values())
    assert 3 == len(world.destination.calls)


async def test_a_creation_waits_for_its_directory_in_the_queue(world: World) -> None:
    await prepared(world, "a")
    await world.staged("new", cause=Cause.HOOK, lane=Lane.REAL_TIME)
    await world.unmatched("new", lane=Lane.REAL_TIME)

    assert [("planned", 0)] == await pushes(world)
    await changed(world, "a")
    assert {("planned", 0)} == set(await pushes(world))
    await world.send()
    assert {("synced", "")} == set((await world.statuses()).values())


@pytest.mark.parametrize("together", [True, False])
async def test_who_takes_a_value_waits_for_who_frees_it(world: World, *, together: bool) -> None:
    """Each is to have the other's name: their display names may not be the same at any moment."""
    await prepared(world, "a", "b", idle=4)
    for there, remote in world.destination.people.items():
        name = Employee(display_name=f"Ana {remote.employee.last_name}")
        world.destination.people[there] = remote.model_copy(
            update={"employee": remote.employee.overlaid(name)}
        )
        await world.echo(there, rev=3)
    bodies = [
        body
        for person, name in (("a", "Lib"), ("b", "Lia"))
        for body in world.staging(person, rev=8, cause=Cause.HOOK, last_name=name)
    ]
    for some in [bodies] if together else [[body] for body in bodies]:
        await world.tell(world.handlers.on_facts, *some, lane=Lane.REAL_TIME)

    expected = ["planned", "planned"] if together else ["claimed", "planned"]
    assert expected == sorted(state for state, _ in await pushes(world))
