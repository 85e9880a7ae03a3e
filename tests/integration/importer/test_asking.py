"""What makes a read due: settings, hints, commands, syncer's wish, and the day."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from services.importer.store import asking, tasks
from services.importer.worker.finishing import Finisher
from shared.contracts.commands import CancelImport
from shared.contracts.events import DirectoryWanted
from shared.db import work
from shared.domain.values import Lane
from shared.errors import Unavailable
from tests.integration.importer.conftest import PARTITIONS, people, pushed
from tests.support.companies import COMPANY, DESTINATION, SOURCE
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from shared.db.work import Wakeup
    from tests.integration.importer.conftest import World

pytestmark = pytest.mark.asyncio
FIRST = [(SOURCE, "full", "read"), (DESTINATION, "full", "read")]


async def test_both_accounts_of_a_new_route_are_read(world: World) -> None:
    """Once, however often the settings move before."""
    await world.configure(active=False)
    assert [] == await world.open()

    await world.configure()
    await world.configure(auto_create=True)
    assert sorted(FIRST) == sorted(await world.open())

    await world.read()
    await world.configure(auto_update=True)
    assert [] == await world.open()


@pytest.mark.parametrize("stopped", ["disconnected", "route inactive", "no route"])
async def test_an_account_that_comes_back_is_read_completely(world: World, stopped: str) -> None:
    """After it was connected again, and after its route was made active again."""
    await world.start("a")
    await world.configure(
        connected=stopped != "disconnected", active=stopped != "route inactive", routed=stopped != "no route"
    )
    assert [] == await world.open()

    await world.configure()

    assert (FIRST[:1] if stopped == "disconnected" else sorted(FIRST)) == sorted(await world.open())


async def test_older_settings_start_nothing(world: World) -> None:
    """They are reported again, or late."""
    await world.start("a")
    await world.configure(active=False)
    world.version = 0

    await world.configure(connected=False)
    await world.configure()

    assert [] == await world.open()


async def test_many_hints_are_one_read_of_each_account(world: World) -> None:
    """In real time; one who is named twice is read once."""
    await world.start("a", "b", auto_update=True)
    world.source.put("a", first_name="Anna")

    await world.hook("a", "b", "a", "c")
    await world.hook("z", account=DESTINATION)
    await world.due()
    await world.read()

    assert [["a", "b", "c"]] == world.source.named
    assert [["z"]] == world.destination.named
    (published,) = await world.news()
    assert ("employee.changed", Lane.REAL_TIME, "hook") == (
        published.kind,
        published.lane,
        published.body["cause"],
    )


@pytest.mark.parametrize(("named", "asked"), [("a", [(SOURCE, "delta", "sweep")]), ("zz", [])])
async def test_a_hint_of_somebody_who_is_not_there_any_more_asks_for_changes(
    world: World, named: str, asked: list[tuple[object, str, str]]
) -> None:
    """However fresh the directory is, where staging holds them; a stranger's id is looked for where it is a minute old."""
    await world.start("a", "b")
    del world.source.people["a"]

    await world.hook(named)
    await world.read()

    assert asked == await world.open()


async def test_a_wish_for_a_newer_directory_is_answered_by_a_delta(world: World) -> None:
    """In the background; not when it has been read since."""
    await world.start("a")
    await world.tell(
        DirectoryWanted(account_id=DESTINATION, not_before=datetime.now(UTC) - timedelta(hours=1))
    )
    assert [] == await world.open()

    await world.wanted(DESTINATION)
    assert [(DESTINATION, "delta", "read")] == await world.open()
    asked = len(world.destination.pages)
    await world.read()

    ((_, since),) = world.destination.pages[asked:]
    assert since is not None
    assert {"directory.complete"} == {s.kind for s in await world.news()}


async def test_a_delta_that_brings_nothing_extends_the_marker_by_one_message(world: World) -> None:
    """Whatever is published of the account in between, by whichever read or write, makes the next marker a whole one."""
    await world.start("a")
    base = (await world.rows("SELECT base_as_of FROM directories WHERE account_id = $1", DESTINATION))[0][0]

    for _ in range(2):
        await world.wanted(DESTINATION)
        await world.read()
        (marker,) = await world.news()
        assert (0, None, base) == (
            marker.body["parts"],
            marker.partition,
            datetime.fromisoformat(marker.body["base"]),
        )
        assert base < datetime.fromisoformat(marker.body["as_of"])

    async def loses() -> None:
        del world.destination.people["x"]
        world.destination.gone = ["x"]

    for change in (world.destination_holds("x"), world.tell(pushed("1")), loses()):
        await change
        await world.wanted(DESTINATION)
        await world.read()
        markers = await world.news("directory.complete")
        assert 2 * PARTITIONS == len(markers)
        assert {m.body["as_of"] for m in markers} == {m.body["base"] for m in markers}


async def test_a_delta_serves_only_those_who_asked_before_it_began(world: World) -> None:
    """Many wishes are one delta; a wish that comes while one is read is another, two seconds after the first began."""
    await world.start("a")
    for _ in range(3):
        await world.wanted(DESTINATION)
    begun = await world.rows(
        """UPDATE read_tasks SET lease_token = 1, lease_until = now() + interval '1 hour'
           WHERE done_at IS NULL RETURNING task_id"""
    )
    assert len(begun) == 1
    await world.rows("UPDATE directories SET began_at = now()")

    for _ in range(3):
        await world.tell(DirectoryWanted(account_id=DESTINATION, not_before=datetime.now(UTC)))

    waits = await world.rows(
        "SELECT extract(epoch FROM due_at - now()) FROM read_tasks WHERE done_at IS NULL ORDER BY due_at"
    )
    assert 2 == len(waits)
    assert 1 < waits[1][0] <= 2


async def test_wishes_while_an_account_cannot_be_read_are_one_delta(world: World) -> None:
    """It begins again after each failure, so it serves those who asked meanwhile too."""
    await world.start("a")
    world.destination.down = True
    for _ in range(5):
        await world.wanted(DESTINATION)
        await world.due()
        await world.read()
        assert [(DESTINATION, "delta", "read")] == await world.open()

    world.destination.down = False
    await world.due()
    await world.read()

    assert [] == await world.open()
    assert ["directory.complete"] == [one.kind for one in await world.news()]


async def test_a_delta_that_goes_on_with_its_second_page_does_not_serve_who_asks_now(world: World) -> None:
    """What has changed since it began may not be in it: one more delta is read, and not a third."""
    await world.start("a")
    world.destination.put("a", "b", "c")
    await world.wanted(DESTINATION)
    world.destination.before_answer = _no_second_page

    for _ in range(3):
        await world.due()
        await world.read()
        await world.wanted(DESTINATION)
        assert 2 * [(DESTINATION, "delta", "read")] == await world.open()


async def _no_second_page(cursor: str | None, _: datetime | None) -> None:
    if cursor is not None:
        raise Unavailable("quickbooks: 502")


async def test_a_wish_is_not_answered_twice_while_a_read_waits_that_brings_the_same(world: World) -> None:
    """A delta or a complete read of this account; no other account's, and no person's import, which may be given up."""
    await world.start("a")

    await world.ask("all")
    await world.wanted(SOURCE)
    await world.wanted(SOURCE)
    await world.wanted(DESTINATION)

    asked = sorted((account, kind, cause) for account, kind, cause in await world.open())
    wanted = [(account, "delta", "read") for account in (SOURCE, DESTINATION)]
    assert sorted([(SOURCE, "full", "import"), *wanted]) == asked


async def test_a_wish_before_the_first_complete_read_waits_for_it(world: World) -> None:
    """Without one, a delta would have nothing to go on from."""
    await world.configure()
    await world.wanted(SOURCE)

    assert sorted(FIRST) == sorted(await world.open())


async def test_a_wish_while_nothing_was_ever_read_is_a_complete_read(world: World) -> None:
    """The settings came late."""
    await world.wanted(SOURCE)

    assert FIRST[:1] == await world.open()


async def test_the_daily_read_is_for_connected_accounts_of_an_active_route(world: World) -> None:
    """And once, until it is done."""
    await world.start("a")
    await world.reader.begin_generations()
    assert [] == await world.open()

    await world.next_day()
    await world.reader.begin_generations()
    await world.reader.begin_generations()
    assert sorted((a, "full", "sweep") for a in (SOURCE, DESTINATION)) == sorted(await world.open())
    await world.read()
    assert [] == await world.open()

    await world.configure(connected=False)
    await world.next_day()
    await world.reader.begin_generations()
    assert [(DESTINATION, "full", "sweep")] == await world.open()
    await world.read()

    await world.configure(active=False)
    await world.next_day()
    await world.reader.begin_generations()
    assert [] == await world.open()


async def test_the_daily_read_removes_whom_it_does_not_meet_and_heeds_the_switches(world: World) -> None:
    """It is a sweep: nobody asked for it."""
    await world.start("a", "b")
    del world.source.people["a"]
    world.source.put("b", first_name="Bo")
    world.source.put("c")

    await world.next_day()
    await world.reader.begin_generations()
    await world.read()

    published = await world.news()
    assert ["a"] == people(published, "employee.removed")
    assert {"a": ("removed", "Ana"), "b": ("present", "Ana")} == await world.staged()
    assert [] == [s for s in published if s.kind.startswith("import")]


async def test_an_import_in_parts_ends_once_with_the_counts_of_all(world: World) -> None:
    """It began once; its parts may end in any order."""
    world.source.put("a", "b", "c", "d", "e")
    await world.start()
    world.source.put("b", first_name="Bo")

    for part, named in enumerate((["a", "b"], ["c", "x"], ["y"]), start=1):
        await world.ask("selected", *named, part=part, parts=3)
    await world.read()

    published = await world.news("import.started", "import.progressed", "import.completed")
    assert ["import.started", "import.progressed", "import.progressed", "import.completed"] == [
        s.kind for s in published
    ]
    assert [(2, 1), (3, 1), (3, 1)] == sorted((s.body["read"], s.body["changed"]) for s in published[1:])
    end = published[-1].body
    assert (3, 0, 1, 2, 0) == tuple(end[n] for n in ("read", "staged", "changed", "unchanged", "unreadable"))


async def test_a_part_that_arrives_after_the_others_were_read_is_waited_for(world: World) -> None:
    """The run ends with it, and not before."""
    world.source.put("a", "b", "c")
    await world.start()

    for part, named in ((1, "a"), (2, "b")):
        await world.ask("selected", named, part=part, parts=3)
    await world.read()
    assert [] == await world.news("import.completed")
    await world.ask("selected", "c", part=3, parts=3)
    await world.read()

    (end,) = await world.news("import.completed")
    assert 3 == end.body["read"]


async def test_another_reader_is_woken_only_where_more_is_due(world: World) -> None:
    """A wake-up for nothing is a transaction for nothing, with each change."""
    await world.start("a")
    for part in (1, 2):
        await world.ask("selected", "x", part=part, parts=2)
    woken = []
    for _ in range(3):
        async with world.database.system() as tx:
            claimed = await tasks.claim_task(tx, 45.0)
            woken.append((claimed is not None, tasks.READS in tx.due))
    assert woken == [(True, True), (True, False), (False, False)]


async def test_parts_that_end_at_the_same_moment_end_their_run_once(world: World) -> None:
    """The later one waits for the earlier, even where it found nobody to stage."""
    await world.start("a")
    for part in (1, 2):
        await world.ask("selected", "x", part=part, parts=2)
    async with world.database.system() as tx:
        one, other = [await tasks.claim_task(tx, 45.0) for _ in range(2)]
    assert one
    assert other
    finisher = Finisher(world.database, world.outbox, world.settings)

    async def end_other() -> None:
        async with world.database.transaction([COMPANY]) as tx:
            await finisher.finish(tx, other)

    async def it_waits_or_is_over() -> bool:
        waiting = await world.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return bool(waiting) or second.done()

    async with world.database.transaction([COMPANY]) as tx:
        await finisher.finish(tx, one)
        second = asyncio.create_task(end_other())
        await eventually(it_waits_or_is_over, every=0.01)
    await second

    assert 1 == len(await world.news("import.completed"))


async def test_a_selection_of_one_part_goes_in_real_time(world: World) -> None:
    """A person waits for it; more are bulk."""
    await world.start("a", "b")
    world.source.put("a", "b", first_name="New")

    await world.ask("selected", "a", name="one")
    await world.read()
    await world.ask("selected", "b", name="two", parts=2)
    await world.read()

    assert [("a", Lane.REAL_TIME), ("b", Lane.BULK)] == [
        (s.body["remote_id"], s.lane) for s in await world.news("employee.changed")
    ]


@pytest.mark.reason("expired")
async def test_an_import_that_was_asked_for_long_ago_is_answered_and_not_obeyed(world: World) -> None:
    """It may have been carried out: what the inbox forgets is never done again."""
    await world.start("a")

    await world.ask("all", ago=timedelta(days=world.settings.inbox_days))

    (published,) = await world.news()
    assert ("import.failed", "expired") == (published.kind, published.body["reason"])
    assert [] == await world.open()


async def test_what_is_asked_for_wakes_a_reader_and_a_mere_fact_does_not(world: World) -> None:
    """The worker need not look after every message."""
    wakeup = world.database.wakeups[tasks.READS]
    await world.configure()
    assert await _wakes(wakeup)
    await world.read()
    assert await _wakes(wakeup)  # another reader, for there may be more
    assert not await _wakes(wakeup)

    await world.tell(pushed("1"))
    await world.configure(auto_update=True)
    assert not await _wakes(wakeup)

    await world.hook("a")
    assert await _wakes(wakeup)
    await world.ask("all")
    assert await _wakes(wakeup)
    await world.wanted(DESTINATION)
    assert await _wakes(wakeup)
    await world.next_day()
    await world.reader.begin_generations()
    assert await _wakes(wakeup)


async def _wakes(wakeup: Wakeup) -> bool:
    started = asyncio.get_running_loop().time()
    await wakeup.wait(0.2)
    return asyncio.get_running_loop().time() - started < 0.1


async def test_an_idle_reader_works_as_soon_as_something_is_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait until it would look by itself."""
    await world.start("a", auto_update=True)
    monkeypatch.setattr(work, "IDLE_SECONDS", 3600.0)
    world.database.wakeups.clear()
    running = asyncio.create_task(world.another_reader().run())
    await asyncio.sleep(0.2)
    world.source.put("a", first_name="Anna")

    await world.hook("a")

    await eventually(lambda: _is_named(world, "Anna"), within=5, every=0.02)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def _is_named(world: World, name: str) -> bool:
    return (await world.staged())["a"][1] == name


async def test_an_import_that_is_cancelled_reads_nothing_more_and_keeps_what_it_staged(world: World) -> None:
    await world.start(*"abcde")
    world.source.put(*"abcde", first_name="New")
    run = await world.ask("all")
    reading = world.another_reader()

    async def first_page_is_staged() -> bool:
        return [name for _, name in (await world.staged()).values()].count("New") == 2

    async def cancel_at_the_second_page(cursor: str | None, _: datetime | None) -> None:
        if cursor is not None:
            await eventually(first_page_is_staged)
            await world.tell(CancelImport(run_id=run))

    world.source.before_answer = cancel_at_the_second_page
    await reading.step()
    world.source.before_answer = None
    await world.due()
    await world.read()
    assert [name for _, name in (await world.staged()).values()] == ["New", "New", "Ana", "Ana", "Ana"]
    published = await world.news("import.progressed", "import.cancelled", "import.completed", "import.failed")
    assert [(one.kind, one.body["read"]) for one in published] == [
        ("import.progressed", 2),
        ("import.cancelled", 2),
    ]
    await world.tell(CancelImport(run_id=run))
    assert await world.news("import.cancelled") == []


async def test_an_import_that_is_over_is_not_cancelled(world: World) -> None:
    await world.start("a")
    run = await world.ask("selected", "a")
    await world.read()
    await world.news()
    await world.tell(CancelImport(run_id=run))
    assert await world.news() == []


@pytest.mark.parametrize(("mode", "named", "commits"), [("selected", ("x",), "off"), ("all", (), "on")])
async def test_only_the_claim_of_named_records_waits_for_no_disk(
    world: World, mode: str, named: tuple[str, ...], commits: str
) -> None:
    """They may be read twice after a crash of the database; a complete read keeps its place."""
    await world.start("a")
    await world.ask(mode, *named)
    async with world.database.system() as tx:
        assert await tasks.claim_task(tx, 45.0)
        assert await tx.fetchval("SHOW synchronous_commit") == commits


async def test_the_end_of_a_read_wakes_what_waited_for_it(world: World) -> None:
    """Hints that came while one of their account was read; without any, nobody is woken."""
    await world.start("a")
    woken: list[bool] = []
    for hints in (("a",), ()):
        await world.ask("selected", "a", name=f"run {len(woken)}")
        async with world.database.system() as tx:
            claimed = await tasks.claim_task(tx, 45.0)
        assert claimed
        async with world.database.transaction([COMPANY]) as tx:
            if hints:
                await asking.add_hints(tx, COMPANY, claimed.account_id, uuid4(), hints)
            tx.due.clear()
            assert await tasks.end_task(tx, claimed)
            woken.append(tasks.READS in tx.due)
        async with world.database.system() as tx:
            while await tasks.claim_task(tx, 45.0):
                pass
    assert woken == [True, False]
