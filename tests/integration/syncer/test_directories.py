"""Nobody is created whom the destination may have got meanwhile: its directory is read again first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.syncer.store.directories import MARKER_SECONDS

if TYPE_CHECKING:
    from tests.integration.syncer.conftest import World

pytestmark = pytest.mark.asyncio


async def _steps(world: World) -> None:
    """Until nothing is due; nobody answers what is wanted."""
    while await world.sender.step():
        pass


async def _wanted(world: World, *remotes: str) -> None:
    await world.staged(*remotes)
    await world.unmatched(*remotes)
    await world.sync(*remotes, name=remotes[0])
    await _steps(world)


async def test_a_creation_waits_for_changes_however_young_the_marker_is(world: World) -> None:
    """One wish serves all that wait; the marker that answers it lets them pass at once, without another call of the clock."""
    people = [str(n) for n in range(200)]
    await _wanted(world, *people)

    assert [] == world.destination.calls
    assert 1 == len(await world.published("directory.wanted"))

    await world.matched()
    await _steps(world)

    assert set((await world.statuses()).values()) == {("synced", "")}
    assert 1 == len(await world.published("directory.wanted"))


async def test_a_marker_serves_only_who_was_claimed_before_it_began(world: World) -> None:
    """Those who came later look again when it comes, and want the next one."""
    await _wanted(world, "a")
    as_of = datetime.now(UTC)
    await _wanted(world, "b")
    assert 1 == len(await world.published("directory.wanted"))

    await world.matched(as_of)
    await _steps(world)

    assert [("1", "a")] == [(i, "a") for i in world.destination.people]
    first, second = await world.published("directory.wanted")
    assert first["not_before"] < as_of.isoformat() < second["not_before"]


async def test_a_marker_is_extended_by_one_message(world: World) -> None:
    """One that extends another marker than the one that is whole counts for nothing."""
    base = await world.matched()
    await _wanted(world, "a")

    await world.matched(base=base - timedelta(seconds=1))
    await _steps(world)
    assert [] == world.destination.calls

    await world.matched(base=base)
    await _steps(world)
    assert 1 == len(world.destination.people)


async def test_a_creation_that_is_sent_long_after_its_marker_asks_again(world: World) -> None:
    """It came to a limit of the system, or the queue was long."""
    await _wanted(world, "a")
    await world.matched()
    await world.rows(
        f"UPDATE directories SET matched_at = now() - interval '{MARKER_SECONDS} s', "
        f"wanted_at = wanted_at - interval '{MARKER_SECONDS} s', matched_as_of = now() - interval '{MARKER_SECONDS} s'"
    )
    await world.rows(f"UPDATE pushes SET gate_at = gate_at - interval '{MARKER_SECONDS + 1} s'")

    await _steps(world)
    assert [] == world.destination.calls
    assert 2 == len(await world.published("directory.wanted"))

    await world.matched()
    await _steps(world)
    assert 1 == len(world.destination.people)


async def test_a_wish_that_is_not_answered_is_repeated(world: World) -> None:
    """After ten seconds, not before."""
    await _wanted(world, "a")
    await world.due()
    await _steps(world)
    assert 1 == len(await world.published("directory.wanted"))

    await world.rows("UPDATE directories SET wanted_at = wanted_at - interval '10 s'")
    await world.due()
    await _steps(world)

    assert 2 == len(await world.published("directory.wanted"))
