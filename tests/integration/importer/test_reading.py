"""Complete reads: page after page, marks behind the records, who is gone; and readers that die on the way."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from services.importer.worker.reading import OVERLAP
from shared.domain.values import Lane
from shared.errors import Unavailable
from tests.integration.importer.conftest import PARTITIONS, people
from tests.support.companies import DESTINATION, SOURCE
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.integration.importer.conftest import Published, World

pytestmark = pytest.mark.asyncio
EVERYONE = ["a", "b", "c", "d", "e"]


def markers(published: Sequence[Published]) -> list[Published]:
    return [one for one in published if one.kind == "directory.complete"]


def on_the_page_after(cursor: str, act: Callable[[], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Do it each time when this page is on its way."""

    async def before_answer(asked: str | None, since: datetime | None) -> None:
        if asked == cursor:
            await act()

    return before_answer


async def test_a_full_read_is_all_pages_then_what_moved_meanwhile(world: World) -> None:
    """The watermark is taken before the first page, and the delta reads on from a little before it."""
    world.source.put(*EVERYONE)

    async def moves() -> None:
        world.source.put("a", first_name="Anna")
        world.source.put("0", first_name="New")

    world.source.before_answer = on_the_page_after("d", moves)
    await world.configure()
    await world.read()

    cursors, sinces = zip(*world.source.pages, strict=True)
    assert (None, "b", "d", None) == cursors[:4]
    (row,) = await world.rows(
        "SELECT began_at, as_of, watermark, counts->>'read' AS read FROM read_tasks WHERE account_id = $1",
        SOURCE,
    )
    assert [None] * 3 == list(sinces[:3])
    assert row["began_at"] - OVERLAP == sinces[3]
    assert row["watermark"] >= row["began_at"]
    assert (
        dict.fromkeys(EVERYONE, ("present", "Ana"))
        | {
            "0": ("present", "New"),
            "a": ("present", "Anna"),
        }
        == await world.staged()
    )
    published = await world.news()
    assert sorted([*EVERYONE, "0"]) == sorted(people(published, "employee.staged"))
    assert ["a"] == people(published, "employee.changed")


async def test_every_partition_of_both_lanes_has_a_marker_behind_the_records(world: World) -> None:
    """In the order in which they are relayed; each names its partition and how many there are."""
    world.source.put(*EVERYONE)
    await world.configure()
    await world.read()

    published = [s for s in await world.published() if s.body["account_id"] == str(SOURCE)]
    records, complete = published[: len(EVERYONE)], published[len(EVERYONE) :]
    assert [(None, Lane.BULK)] * len(EVERYONE) == [(s.partition, s.lane) for s in records]
    assert complete == markers(published)
    assert {(lane, part, part, PARTITIONS) for lane in Lane for part in range(PARTITIONS)} == {
        (m.lane, m.partition, m.body["part"], m.body["parts"]) for m in complete
    }
    assert len(Lane) * PARTITIONS == len(complete)
    assert {"employees.v1", "employees.bulk.v1"} == {m.topic for m in complete}
    (known,) = await world.rows("SELECT * FROM directories WHERE account_id = $1", SOURCE)
    assert {(known["generation"], known["complete_as_of"])} == {
        (m.body["generation"], datetime.fromisoformat(m.body["as_of"])) for m in complete
    }


async def test_a_read_that_finds_nothing_new_writes_and_says_nothing(world: World) -> None:
    """But the completion markers, and how the run went."""
    await world.start(*EVERYONE)
    rows = "SELECT remote_id, xmin::text, rev FROM snapshots ORDER BY 1"
    before = await world.rows(rows)

    run = await world.ask("all")
    await world.read()

    assert before == await world.rows(rows)
    published = await world.news()
    assert {"import.started", "import.progressed", "import.completed", "directory.complete"} == {
        one.kind for one in published
    }
    assert "import.started" == published[0].kind
    assert "import.completed" == published[-1].kind
    assert {2} == {m.body["generation"] for m in markers(published)}
    assert {str(run)} == {s.headers["ce_runid"] for s in published if s.kind.startswith("import")}
    end = published[-1].body
    assert (0, 0, 0, 0) == (end["staged"], end["changed"], end["unreadable"], end["removed"])
    assert end["read"] == end["unchanged"] >= len(EVERYONE)


@pytest.mark.behaviour("S34")
async def test_an_import_of_what_is_new_leaves_the_rest_as_it_is(world: World) -> None:
    """It ends with no completion markers: nobody is judged by it."""
    await world.start("a", "b")
    world.source.put("a", first_name="Anna")
    world.source.put("c", "d")

    await world.ask("new")
    await world.read()

    published = await world.news()
    assert ["c", "d"] == people(published, "employee.staged")
    assert ("present", "Ana") == (await world.staged())["a"]
    assert not people(published, "employee.changed")
    assert not markers(published)
    assert 2 == published[-1].body["staged"]


async def test_a_read_goes_on_where_a_dead_reader_left_it(world: World) -> None:
    """When its lease is over, from the page that was not staged; nobody is staged twice and it ends once."""
    world.source.put(*EVERYONE)
    hangs = asyncio.Event()

    async def hang() -> None:
        await hangs.wait()

    world.source.before_answer = on_the_page_after("d", hang)
    await world.configure()
    await world.destination_first()
    dying = asyncio.create_task(world.reader.step())
    await eventually(lambda: _staged(world, 4), every=0.01)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    world.source.before_answer = None
    asked = len(world.source.pages)

    assert not await world.reader.step()  # the lease still holds
    await world.expire()
    await world.read()

    assert ("d", None) == world.source.pages[asked]
    assert set(EVERYONE) == set(await world.staged())
    published = [s for s in await world.published() if s.body["account_id"] == str(SOURCE)]
    assert EVERYONE == people(published, "employee.staged")
    assert len(Lane) * PARTITIONS == len(markers(published))
    assert not people(published, "employee.removed")
    assert [] == await world.open()


async def _staged(world: World, count: int) -> bool:
    return len(await world.staged()) == count


@pytest.mark.parametrize("cursor", ["b", "d"])
async def test_a_late_reader_without_its_lease_changes_nothing(world: World, cursor: str) -> None:
    """Another took over and ended; what the first then brings is refused, and it goes on to other work."""
    world.source.put(*EVERYONE)
    goes_on = asyncio.Event()
    on_its_way = asyncio.Event()

    async def hang() -> None:
        world.source.before_answer = None
        on_its_way.set()
        await goes_on.wait()

    world.source.before_answer = on_the_page_after(cursor, hang)
    await world.configure()
    await world.destination_first()
    late = asyncio.create_task(world.reader.step())
    await on_its_way.wait()
    await eventually(lambda: _staged(world, 2 if cursor == "b" else 4), every=0.01)
    await world.expire()
    world.source.put("e", first_name="Eva")
    while await world.another_reader().step():
        pass
    before = await world.rows("SELECT * FROM snapshots ORDER BY remote_id"), await world.published()
    tasks = await world.rows("SELECT * FROM read_tasks ORDER BY task_id")

    goes_on.set()

    assert await late
    assert before == (await world.rows("SELECT * FROM snapshots ORDER BY remote_id"), await world.published())
    assert tasks == await world.rows("SELECT * FROM read_tasks ORDER BY task_id")
    assert ("present", "Eva") == (await world.staged())["e"]


async def test_a_late_reader_that_fails_does_not_put_its_task_back(world: World) -> None:
    """The one who has the lease is not disturbed."""
    world.source.put(*EVERYONE)
    goes_on, on_its_way = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        world.source.before_answer = None
        on_its_way.set()
        await goes_on.wait()
        raise Unavailable("linarc: 502")

    world.source.before_answer = on_the_page_after("d", hang)
    await world.configure()
    await world.destination_first()
    late = asyncio.create_task(world.reader.step())
    await on_its_way.wait()
    await world.expire()
    assert await world.another_reader().step()

    goes_on.set()

    assert await late
    (row,) = await world.rows(
        "SELECT attempts, done_at IS NULL AS open FROM read_tasks WHERE account_id = $1", SOURCE
    )
    assert (0, False) == tuple(row)


async def test_who_a_complete_read_does_not_meet_is_removed(world: World) -> None:
    """And said to be, once; who comes back is staged again."""
    await world.start(*EVERYONE)
    del world.source.people["b"]

    await world.ask("all")
    await world.read()

    published = await world.news()
    assert ["b"] == people(published, "employee.removed")
    assert ("removed", "Ana") == (await world.staged())["b"]
    assert 1 == next(s for s in published if s.kind == "import.completed").body["removed"]
    kinds = [s.kind for s in published if s.kind in ("employee.removed", "directory.complete")]
    assert "employee.removed" == kinds[0]
    (removed,) = [s.body["rev"] for s in published if s.kind == "employee.removed"]

    await world.ask("all", name="again")
    await world.read()
    assert not people(await world.news(), "employee.removed")

    world.source.put("b")
    await world.ask("all", name="and again")
    await world.read()
    (back,) = await world.news("employee.staged")
    assert back.body["remote_id"] == "b"
    assert back.body["rev"] > removed


async def test_nobody_is_removed_by_a_read_that_did_not_end_well(world: World) -> None:
    """Nor by a delta, a look at named people, or an import of what is new."""
    await world.start(*EVERYONE)
    del world.source.people["b"]

    async def fail() -> None:
        raise Unavailable("linarc: 502")

    world.source.before_answer = on_the_page_after("c", fail)
    await world.ask("all", name="fails")
    for _ in range(world.settings.import_attempts):
        await world.read()
        await world.due()
    assert ["import.failed"] == [s.kind for s in await world.news("import.failed", "import.completed")]
    world.source.before_answer = None

    await world.ask("new", name="new")
    await world.ask("selected", "b", "c", name="selected")
    await world.hook("b")
    await world.wanted(SOURCE)
    await world.read()

    published = await world.news()
    assert 2 == len([s for s in published if s.kind == "import.completed"])
    assert not people(published, "employee.removed")
    assert ("present", "Ana") == (await world.staged())["b"]

    await world.ask("all", name="ends well")
    await world.read()
    assert ["b"] == people(await world.news(), "employee.removed")


async def test_who_came_while_a_complete_read_went_by_is_not_removed_by_it(world: World) -> None:
    """A hook brought somebody whom its pages had passed already and whom the delta does not tell."""
    await world.start(*EVERYONE, auto_create=True)

    async def comes() -> None:
        world.source.before_answer = None
        world.source.put("aa")
        await world.hook("aa")
        await world.another_reader().step()
        del world.source.people["aa"]

    world.source.before_answer = on_the_page_after("d", comes)
    await world.ask("all")
    await world.read()

    published = await world.news()
    assert ["aa"] == people(published, "employee.staged")
    assert not people(published, "employee.removed")


async def test_whom_the_system_calls_gone_is_removed_at_once(world: World) -> None:
    """A delta is enough then."""
    await world.start(*EVERYONE)
    await world.destination_holds("1", "2")
    await world.news()
    world.destination.gone = ["1", "nobody"]
    del world.destination.people["1"]

    await world.wanted(DESTINATION)
    await world.read()

    assert ["1"] == people(await world.news(), "employee.removed")
    assert {"1": "removed", "2": "present"} == {
        i: state for i, (state, _) in (await world.staged(DESTINATION)).items()
    }


async def test_a_delta_reads_on_from_the_last_watermark(world: World) -> None:
    """Its mark is newer, its generation the same; what moved long before is not read again."""
    await world.start("a", "b", auto_update=True)
    world.source.people["a"].moved_at -= 2 * OVERLAP
    (known,) = await world.rows("SELECT * FROM directories WHERE account_id = $1", SOURCE)
    world.source.put("b", first_name="Bo")

    await world.wanted(SOURCE)
    await world.read()

    assert (None, known["watermark"] - OVERLAP) == world.source.pages[-1]
    published = await world.news()
    assert ["b"] == people(published, "employee.changed")
    assert {(1, True)} == {
        (m.body["generation"], datetime.fromisoformat(m.body["as_of"]) > known["complete_as_of"])
        for m in markers(published)
    }
    assert len(Lane) * PARTITIONS == len(markers(published))


async def test_one_complete_read_of_an_account_at_a_time(world: World) -> None:
    """The other waits; named people do not."""
    await world.start(*EVERYONE)
    met: list[list[bool]] = []

    async def look() -> None:
        world.source.before_answer = None
        await world.ask("all", name="second")
        met.append([await world.another_reader().step()])
        await world.hook("a")
        met.append([await world.another_reader().step()])

    world.source.before_answer = on_the_page_after("b", look)
    await world.ask("all", name="first")
    await world.read()

    assert [[False], [True]] == met
    assert [["a"]] == world.source.named
    assert 2 == len(await world.news("import.completed"))
