"""What webhooks miss, sweeps find; and many hooks for one person are one read."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from services.importer.worker import Sweeper
from shared.clock import SystemClock
from shared.connectors.limits import Limits
from shared.settings import LimitSettings
from tests.integration.importer.conftest import people
from tests.support.companies import DESTINATION, SOURCE

if TYPE_CHECKING:
    from tests.integration.importer.conftest import World

pytestmark = pytest.mark.asyncio


def sweeper(world: World, **limits: Any) -> Sweeper:
    limits_ = Limits(world.database, LimitSettings(**{"enforced": False, **limits}), SystemClock())
    return Sweeper(world.database, limits_, SystemClock(), world.settings)


async def later(world: World, minutes: float = 6) -> None:
    """Time passes: every directory was known, and every sweep planned, so much earlier."""
    await world.rows(
        "UPDATE directories SET complete_as_of = complete_as_of - $1::interval, began_at = began_at - $1::interval, "
        "next_sweep_at = next_sweep_at - $1::interval",
        timedelta(minutes=minutes),
    )


async def planned(world: World, account: object = SOURCE) -> int:
    (row,) = await world.rows("SELECT sweep_seconds FROM directories WHERE account_id = $1", account)
    return int(row["sweep_seconds"])


async def test_a_sweep_finds_in_five_minutes_what_no_hook_announced_and_counts_it(world: World) -> None:
    await world.start("a", "b", auto_create=True, auto_update=True)
    world.source.put("a", first_name="Anna")
    world.source.put("c")
    await sweeper(world).step()
    assert await world.open() == []  # it has just been read
    await later(world, 4)
    await sweeper(world).step()
    assert await world.open() == []

    await later(world, 2)
    await sweeper(world).step()
    assert sorted(await world.open()) == sorted([(SOURCE, "delta", "sweep"), (DESTINATION, "delta", "sweep")])
    await sweeper(world).step()
    assert len(await world.open()) == 2
    await world.read()
    published = await world.news()
    assert (people(published, "employee.changed"), people(published, "employee.staged")) == (["a"], ["c"])
    assert {p.body["cause"] for p in published if p.kind.startswith("employee")} == {"sweep"}


async def test_only_what_is_older_than_a_minute_was_missed_by_hooks(world: World) -> None:
    await world.start("a", "b", auto_create=True, auto_update=True)
    world.source.put("a", first_name="Anna")
    await later(world)
    await sweeper(world).step()
    await world.read()
    assert [r["found"] for r in await world.rows("SELECT found FROM directories")] == [0, 0]

    world.source.put("b", first_name="Berta")
    world.source.put("n")
    world.source.age("b", "n", minutes=2)
    await later(world)
    await sweeper(world).step()
    await world.read()
    rows = await world.rows("SELECT found, found_at FROM directories WHERE account_id = $1", SOURCE)
    assert (rows[0]["found"], rows[0]["found_at"] is not None) == (2, True)


SWITCHES = [
    ({}, [], []),
    ({"auto_create": True}, ["new"], []),
    ({"auto_update": True}, [], ["known"]),
    ({"auto_create": True, "auto_update": True}, ["new"], ["known"]),
]


@pytest.mark.parametrize(("rules", "created", "updated"), SWITCHES)
@pytest.mark.parametrize("turned", [False, True], ids=["from Linarc", "from QuickBooks"])
@pytest.mark.behaviour("S6", "S14", "S15", "S16")
async def test_a_sweep_brings_only_what_its_switch_lets_in(
    world: World, rules: dict[str, bool], created: list[str], updated: list[str], turned: bool
) -> None:
    """In both directions; what is kept out is marked as seen, once for each version, and an import takes it."""
    source, destination = (DESTINATION, SOURCE) if turned else (SOURCE, DESTINATION)
    there = world.connectors.directories[source]
    there.put("known")
    await world.configure(flipped=turned, **rules)
    await world.read()
    await world.news()
    there.put("known", first_name="Anna")
    there.put("new")
    there.age("known", "new", minutes=2)
    world.connectors.directories[destination].put("theirs")
    for _ in range(2):
        await later(world)
        await sweeper(world).step()
        await world.read()

    published = [p for p in await world.news() if p.body.get("account_id") == str(source)]
    assert (people(published, "employee.staged"), people(published, "employee.changed")) == (created, updated)
    assert "theirs" in await world.staged(destination)
    kept_out = sorted({"known", "new"} - {*created, *updated})
    assert kept_out == [r[0] for r in await world.rows("SELECT remote_id FROM seen ORDER BY 1")]
    (row,) = await world.rows("SELECT found FROM directories WHERE account_id = $1", source)
    assert row["found"] == 2  # once each, however often they are met

    await world.rows("UPDATE directories SET next_full_at = now()")
    await world.ask("all", account=source)
    await world.read()
    assert await world.staged(source) == {"known": ("present", "Anna"), "new": ("present", "Ana")}
    assert await world.rows("SELECT 1 FROM seen") == []


async def test_sweeps_come_more_often_while_hooks_are_silent_and_as_a_company_wants(world: World) -> None:
    await world.start("a", auto_update=True)
    await later(world)
    await sweeper(world).step()
    await world.read()
    assert await planned(world) == 300
    world.source.put("a", first_name="Anna")
    world.source.age("a", minutes=2)
    await later(world)
    await sweeper(world).step()
    await world.read()
    await later(world)
    await sweeper(world).step()
    assert (await planned(world), await planned(world, DESTINATION)) == (60, 300)
    await world.hook("a")
    await world.read()
    await later(world)
    await sweeper(world).step()
    assert await planned(world) == 300
    await world.read()
    await world.configure(auto_update=True, sweep_minutes=30)
    await later(world)
    await sweeper(world).step()
    assert (await planned(world), await world.open()) == (1800, [])


async def test_accounts_that_no_route_follows_are_not_swept(world: World) -> None:
    await world.start("a", auto_update=True)
    await world.configure(connected=False)
    await later(world, 60)
    await sweeper(world).step()
    assert await world.open() == [(DESTINATION, "delta", "sweep")]


async def test_after_an_outage_the_sweep_goes_on_from_the_last_good_moment(world: World) -> None:
    """It is tried again within half a minute, and at once when the system is heard again."""
    await world.start("a", auto_update=True)
    (before,) = await world.rows("SELECT watermark FROM directories WHERE account_id = $1", SOURCE)
    world.source.down = True
    world.source.put("a", first_name="Anna")
    await later(world)
    await sweeper(world).step()
    for _ in range(8):
        await world.read()
        waits = await world.rows(
            "SELECT extract(epoch FROM due_at - now()) AS s FROM read_tasks WHERE done_at IS NULL"
        )
        assert len(waits) == 1 and waits[0]["s"] <= 36
        await world.due()
    await world.read()
    world.source.down = False
    await world.hook("b")
    await world.read()
    assert (await world.staged())["a"] == ("present", "Anna")
    since = world.source.pages[-1][1]
    assert since is not None and since <= before["watermark"]


async def test_many_hooks_for_one_person_are_one_read(world: World) -> None:
    """Those that come before a read begins join it; those that come meanwhile are gathered for the next."""
    await world.start("a", "b", auto_update=True)
    world.source.named.clear()
    for _ in range(20):
        await world.hook("a")
    await world.hook("b", "a")
    await world.read()
    assert [sorted(ids) for ids in world.source.named] == [["a", "b"]]

    began, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        began.set()
        await go.wait()

    world.source.named.clear()
    world.source.before_named = slow
    await world.hook("a")
    first = asyncio.create_task(world.reader.step())
    await began.wait()
    for _ in range(10):
        await world.hook("a")
        assert not await world.another_reader().step()
    go.set()
    await first
    await world.read()
    assert [sorted(ids) for ids in world.source.named] == [["a"], ["a"]]


async def test_a_read_of_hints_that_failed_holds_nobody_else_back(world: World) -> None:
    await world.start("a", "b", auto_update=True)
    world.source.put("b", first_name="Berta")
    world.source.refuses = {"a"}
    await world.hook("a")
    await world.read()
    await world.hook("b")
    await world.read()
    assert (await world.staged())["b"] == ("present", "Berta")


async def test_a_hook_that_names_nobody_asks_what_has_changed(world: World) -> None:
    """QuickBooks Payroll announces another id than the record has; asked once a minute at most, and by the switches."""
    await world.start("a", auto_update=True)
    world.source.put("a", first_name="Anna")
    await later(world, 2)
    await world.hook("000000011")
    await world.reader.step()
    assert await world.open() == [(SOURCE, "delta", "sweep")]
    await world.read()
    assert (await world.staged())["a"] == ("present", "Anna")
    await world.hook("000000012")
    await world.read()
    assert await world.open() == []
