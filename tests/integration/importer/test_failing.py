"""A page that does not come: again, later, and at last a reason that a person sees."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid5

import pytest

from services.importer.handlers import make_on_dead_letter
from shared.contracts.commands import ImportEmployees
from shared.contracts.events import Message, SourceChanged
from shared.domain.reasons import REASONS
from shared.domain.values import Lane
from shared.errors import MusterError, RateLimited, Rejected, Unauthorized, Unavailable
from tests.integration.importer.conftest import people, pushed
from tests.support.companies import COMPANY, DESTINATION, SOURCE

if TYPE_CHECKING:
    from tests.integration.importer.conftest import World

pytestmark = pytest.mark.asyncio
EVERYONE = ["a", "b", "c", "d", "e"]


def fails(world: World, error: MusterError, *cursors: str | None, times: int = 1000) -> None:
    """The pages behind these cursors do not come, so many times."""
    left = [times]

    async def before_answer(cursor: str | None, since: datetime | None) -> None:
        if cursor in cursors and left[0]:
            left[0] -= 1
            raise error

    world.source.before_answer = before_answer


async def waits(world: World) -> list[tuple[int, int]]:
    """The open tasks: how often they were tried, and for how many seconds they rest."""
    rows = await world.rows(
        """SELECT attempts, ceil(extract(epoch FROM due_at - now()))::int FROM read_tasks
           WHERE done_at IS NULL AND lease_until IS NULL"""
    )
    return [tuple(row) for row in rows]


async def test_a_page_that_fails_is_asked_for_again_later_each_time(world: World) -> None:
    """What was staged before it stays, and is not read again."""
    world.source.put(*EVERYONE)
    fails(world, Unavailable("linarc: 502"), "d", times=2)
    await world.configure()
    await world.read()

    assert {"a", "b", "c", "d"} == set(await world.staged())
    assert [(1, 1)] == await waits(world)
    await world.due()
    await world.read()
    assert [(2, 2)] == await waits(world)

    await world.due()
    await world.read()

    assert [None, "b", "d", "d", "d", None] == [cursor for cursor, _ in world.source.pages][:6]
    assert set(EVERYONE) == set(await world.staged())
    assert EVERYONE == people(await world.news(), "employee.staged")


async def test_a_system_that_asks_to_wait_is_asked_again_then(world: World) -> None:
    """Not by our own back-off."""
    world.source.put(*EVERYONE)
    fails(world, RateLimited("linarc: 429", retry_after=90.0), "b")
    await world.configure()
    await world.read()

    assert [(1, 90)] == await waits(world)


ENDS: dict[str, tuple[MusterError, int, str]] = {
    "it does not answer": (Unavailable("linarc: 502"), 3, "unavailable"),
    "it asks to wait, again and again": (RateLimited("linarc: 429", retry_after=1.0), 3, "unavailable"),
    "the connection has ended": (Unauthorized("linarc"), 1, "unauthorized"),
    "it refuses": (Rejected("not_permitted"), 1, "not_permitted"),
}


@pytest.mark.parametrize(("error", "tries", "reason"), ENDS.values(), ids=ENDS)
async def test_an_import_ends_with_a_reason_that_people_can_read(
    world: World, error: MusterError, tries: int, reason: str
) -> None:
    """After the last try, or at once where another would end alike."""
    await world.start(*EVERYONE)
    fails(world, error, None)
    run = await world.ask("all")

    for tried in range(1, tries + 1):
        assert [] == await world.news("import.failed")
        await world.due()
        await world.read()
        assert tried == len([p for p in world.source.pages if p == (None, None)]) - 1

    (failed,) = await world.news("import.failed", "import.completed")
    assert (str(run), reason) == (failed.body["run_id"], failed.body["reason"])
    assert failed.headers["ce_actor"] == "ann"
    assert reason in REASONS
    assert [] == await world.open()


async def test_what_nobody_waits_for_is_tried_until_it_comes(world: World) -> None:
    """A complete read that the system asked for has no last try."""
    world.source.put(*EVERYONE)
    fails(world, Unauthorized("linarc"), None, times=7)
    await world.configure()
    for _ in range(8):
        await world.due()
        await world.read()

    assert set(EVERYONE) == set(await world.staged())
    assert [] == await world.open()


async def test_tries_are_counted_for_each_page(world: World) -> None:
    """One that came begins a new count, in the same go too."""
    await world.start(*EVERYONE)
    fails(world, Unavailable("linarc: 502"), "b", times=world.settings.import_attempts - 1)
    await world.ask("all")
    for _ in range(world.settings.import_attempts - 1):
        await world.due()
        await world.read()
    fails(world, Unavailable("linarc: 502"), "d", times=1)

    await world.due()
    await world.read()

    assert [] == await world.news("import.failed")
    assert [(1, 1)] == await waits(world)
    await world.due()
    await world.read()
    assert 1 == len(await world.news("import.completed"))


async def test_an_import_of_which_a_part_fails_ends_once(world: World) -> None:
    """Its other parts are not read any more."""
    await world.start(*EVERYONE)
    for part in (1, 2, 3):
        await world.ask("selected", EVERYONE[part], part=part, parts=3)
    world.source.refuses = {EVERYONE[2]}

    await world.read()

    ends = await world.news("import.failed", "import.completed")
    assert ["import.failed"] == [s.kind for s in ends]
    assert [] == await world.open()


async def test_a_part_that_arrives_after_its_import_has_failed_says_nothing_more(world: World) -> None:
    """Neither that it went on nor, where it fails as well, that the import failed."""
    await world.start(*EVERYONE)
    await world.ask("selected", EVERYONE[1], part=1, parts=3)
    world.source.refuses = set(EVERYONE[1:3])
    await world.read()

    for part in (2, 3):
        await world.ask("selected", EVERYONE[part], part=part, parts=3)
    await world.read()

    ends = await world.news("import.failed", "import.progressed", "import.completed")
    assert ["import.failed"] == [s.kind for s in ends]
    assert [] == await world.open()


async def test_an_account_that_is_not_connected_is_not_read(world: World) -> None:
    """An import ends at once with the reason; the rest waits for the connection."""
    await world.start(*EVERYONE)
    await world.hook("a")
    await world.ask("all")
    await world.configure(connected=False)
    asked = len(world.source.pages)
    await world.due()
    await world.read()

    (failed,) = await world.news("import.failed")
    assert "unauthorized" == failed.body["reason"]
    assert (asked, []) == (len(world.source.pages), world.source.named)
    assert [(SOURCE, "records", "hook")] == await world.open()


async def test_a_bug_in_one_read_ends_that_import_and_nothing_else(world: World) -> None:
    """It is tried as often as a page that does not come; then the run fails, and the worker goes on."""
    await world.start("a")

    async def bug(*_: object) -> None:
        raise ZeroDivisionError

    world.source.before_answer = bug
    run = await world.ask("all")
    for _ in range(world.settings.import_attempts):
        await world.due()
        assert await world.reader.step()
    (failed,) = await world.news("import.failed")
    assert (str(run), "internal") == (failed.body["run_id"], failed.body["reason"])

    world.source.before_answer = None
    world.source.put("b")
    await world.ask("all", name="again")
    await world.read()
    assert "present" == (await world.staged())["b"][0]


async def test_a_record_that_a_connector_fails_on_is_unreadable_and_its_page_goes_on(world: World) -> None:
    """Whatever the connector raises."""
    await world.start("a")
    world.source.put("b", first_name="x" * 6_000)
    world.source.put("c")
    await world.ask("all")
    await world.read()

    (unreadable,) = await world.news("employee.unreadable")
    assert ("b", "internal") == (unreadable.body["remote_id"], unreadable.body["reason"])
    staged = await world.staged()
    assert ("unreadable", "present") == (staged["b"][0], staged["c"][0])


async def dead_lettered(world: World, body: Any) -> None:
    """What importer shows of a message that it could not handle."""
    async with world.database.transaction([COMPANY]) as tx:
        message = Message(uuid5(COMPANY, "lost"), datetime.now(UTC), COMPANY, Lane.REAL_TIME, body)
        await make_on_dead_letter(world.outbox)(message, tx)


async def test_an_import_that_cannot_be_taken_in_has_failed(world: World) -> None:
    await world.start("a")
    run = uuid5(COMPANY, "run")
    await dead_lettered(world, ImportEmployees(run_id=run, account_id=SOURCE, mode="all"))

    (failed,) = await world.news("import.failed")
    assert (str(run), "internal") == (failed.body["run_id"], failed.body["reason"])


@pytest.mark.parametrize("kind", ["source.changed", "push.succeeded"])
async def test_a_record_whose_newest_version_is_lost_is_unreadable_until_it_is_read(
    world: World, kind: str
) -> None:
    """A hint of the source, or our own write of the destination."""
    await world.start("a", auto_update=True)
    await world.destination_holds("a")
    await world.news()
    pushes = kind == "push.succeeded"
    account = DESTINATION if pushes else SOURCE
    hint = SourceChanged.of(SOURCE, ["a"])
    await dead_lettered(world, pushed("a", "2") if pushes else hint)

    (lost,) = await world.news("employee.unreadable")
    assert (str(account), "internal") == (lost.body["account_id"], lost.body["reason"])
    assert "unreadable" == (await world.staged(account))["a"][0]

    await world.hook("a", account=account)
    await world.due()
    await world.read()
    (again,) = await world.news("employee.staged")
    assert again.body["rev"] > lost.body["rev"]
    assert "present" == (await world.staged(account))["a"][0]
