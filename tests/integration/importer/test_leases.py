"""Leases of reads: a slow system's read stays with its reader, an interrupted one goes on, and none is read for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from services.importer.store import asking, tasks
from services.importer.worker import reading
from shared.db import leases
from shared.errors import Unavailable
from tests.integration.importer.conftest import people
from tests.support.companies import COMPANY, SOURCE
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from tests.integration.importer.conftest import World

pytestmark = pytest.mark.asyncio
MANY = [f"p{n:03}" for n in range(250)]


async def lease(world: World) -> tuple[int, Any]:
    """The token of the one task that is read, and until when it is kept."""
    ((token, until),) = await world.rows(
        "SELECT lease_token, lease_until FROM read_tasks WHERE done_at IS NULL AND lease_until IS NOT NULL"
    )
    return token, until


@pytest.mark.parametrize("mode", ["selected", "all"])
async def test_a_read_whose_answer_is_slow_stays_with_its_reader(
    world: World, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Its lease is renewed while the system is waited for; nobody else reads it meanwhile."""
    await world.start("a", "b")
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    on_its_way, goes_on = asyncio.Event(), asyncio.Event()

    async def hang(*_: object) -> None:
        on_its_way.set()
        await goes_on.wait()

    world.source.before_named = world.source.before_answer = hang
    await world.ask(mode, *("ab" if mode == "selected" else ""))
    asked = len(world.source.pages)
    reads = asyncio.create_task(world.reader.step())
    await on_its_way.wait()
    token, until = await lease(world)

    async def is_renewed() -> bool:
        return bool((await lease(world))[1] > until)

    await eventually(is_renewed, every=0.01)
    assert not await world.another_reader().step()
    assert token == (await lease(world))[0]
    goes_on.set()
    assert await reads

    assert [] == await world.open()
    assert (1, [["a", "b"]]) == (token, world.source.named) or mode == "all"
    assert [None, None] == [cursor for cursor, _ in world.source.pages[asked:]] or mode == "selected"
    assert 1 == len(await world.news("import.completed"))


async def test_a_reader_whose_lease_is_lost_stops_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start("a")
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    on_its_way = asyncio.Event()

    async def hang() -> None:
        on_its_way.set()
        await asyncio.Event().wait()

    world.source.before_named = hang
    await world.ask("selected", "a")
    late = asyncio.create_task(world.reader.step())
    await on_its_way.wait()
    world.source.before_named = None
    await world.rows("UPDATE read_tasks SET lease_token = lease_token + 1 WHERE done_at IS NULL")

    assert await asyncio.wait_for(late, 30)
    assert 1 == len(await world.open())


async def test_many_named_people_are_read_in_slices_and_each_once(world: World) -> None:
    """A slice that fails is asked for again, not those before it."""
    world.source.put(*MANY)
    await world.start()
    await world.news()
    fails = [False, True, False, False]

    async def before_named() -> None:
        if fails.pop(0):
            raise Unavailable("linarc: 502")

    world.source.before_named = before_named
    for person in MANY:
        world.source.put(person, first_name="Bo")
    await world.ask("selected", *MANY)
    await world.read()
    await world.due()
    await world.read()

    size = reading.RECORDS_AT_ONCE
    slices = [MANY[start : start + size] for start in range(0, len(MANY), size)]
    assert [slices[0], slices[1], slices[1], slices[2]] == world.source.named
    published = await world.news()
    assert sorted(MANY) == sorted(people(published, "employee.changed"))
    assert ("import.completed", 250) == (published[-1].kind, published[-1].body["read"])
    assert [] == await world.open()


async def test_an_import_whose_readers_die_again_and_again_fails(world: World) -> None:
    """A lease that ran out is a try; the one that nobody comes to the end of is not read for ever."""
    await world.start("a")
    run = await world.ask("selected", "a")
    for _ in range(world.settings.import_attempts + 1):
        async with world.database.system() as tx:
            assert await tasks.claim_task(tx, 45.0)
        await world.expire()
    await world.read()

    (failed,) = await world.news("import.failed", "import.completed")
    assert ("import.failed", str(run), "unavailable") == (
        failed.kind,
        failed.body["run_id"],
        failed.body["reason"],
    )
    assert ([], []) == (world.source.named, await world.open())


async def test_a_read_of_hints_never_names_more_than_are_staged_at_once(world: World) -> None:
    """Hints join the read that waits only while all of them fit; those that it names already always do."""
    await world.start()
    most = asking.HINTS_AT_ONCE
    named = [f"p{n:04}" for n in range(most + 1)]
    for some in (named[: most - 1], named[: most - 1], named[most - 1 : most], named[most:]):
        await world.hook(*some)

    rows = await world.rows(
        "SELECT cardinality(remote_ids) FROM read_tasks WHERE done_at IS NULL ORDER BY due_at"
    )
    assert [most, 1] == [row[0] for row in rows]


async def test_a_hint_that_names_more_than_one_read_takes_is_several_reads(world: World) -> None:
    await world.start()
    await world.hook(*(f"p{n:04}" for n in range(asking.HINTS_AT_ONCE + 1)))

    rows = await world.rows("SELECT cardinality(remote_ids) AS n FROM read_tasks WHERE done_at IS NULL")
    assert [1, asking.HINTS_AT_ONCE] == sorted(row["n"] for row in rows)


async def test_hints_do_not_join_a_read_that_has_begun(world: World) -> None:
    """One that waits for our own limiter between two slices: what it names may not move under it."""
    await world.start()
    await world.hook(*MANY)
    await world.rows("UPDATE read_tasks SET page = 1 WHERE done_at IS NULL")

    await world.hook("a")

    assert 2 * [(SOURCE, "records", "hook")] == await world.open()


async def test_reads_that_were_over_long_ago_are_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In chunks, with the pages of those that were given up; open ones and fresh ones stay."""
    await world.start("a")
    await world.ask("all", name="old")
    await world.hook("a")
    await world.rows(
        "UPDATE read_tasks SET done_at = now() - make_interval(days => $1) WHERE run_id IS NULL OR kind = 'full'",
        world.settings.read_task_days + 1,
    )
    old = await world.rows("SELECT task_id FROM read_tasks")
    await world.rows(
        "INSERT INTO read_pages SELECT company_id, task_id, 9, '{}' FROM read_tasks WHERE company_id = $1",
        COMPANY,
    )
    await world.ask("selected", "a", name="fresh")
    await world.read()
    await world.ask("selected", "a", name="open")
    monkeypatch.setattr(tasks, "FORGET_AT_ONCE", 2)
    assert len(old) > 2

    await world.reader.forget_old_tasks()

    left = await world.rows("SELECT run_id IS NOT NULL, done_at IS NULL FROM read_tasks ORDER BY 2")
    assert [(True, False), (True, True)] == [tuple(row) for row in left]
    assert [] == await world.rows("SELECT FROM read_pages")
