"""Who is gone, from both sandboxes: a stub is not believed alone, and a directory that shows too few removes nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import orjson
import pytest
import pytest_asyncio

from shared.connectors.vault import Credential
from shared.settings import LimitSettings
from tests.integration.importer.conftest import people
from tests.support.companies import COMPANY, SOURCE
from tests.support.systems import Side, sandbox

if TYPE_CHECKING:
    from tests.integration.importer.conftest import World

pytestmark = pytest.mark.asyncio
MOMENT = "2026-11-28T12:00:00Z"
NOBODY = {
    "linarc": {"employees": [], "next_cursor": None, "as_of": MOMENT, "total": 0},
    "quickbooks": {"QueryResponse": {"totalCount": 0}, "time": MOMENT},
}
"""A directory's page, and QuickBooks' count, that say that nobody is there."""


def answers(operation: str, body: Any) -> dict[str, Any]:
    """The rule that this operation answers so."""
    return {
        "match": {"operation": operation},
        "action": "status",
        "status": 200,
        "body": orjson.dumps(body).decode(),
        "content_type": "application/json",
    }


NO_CHANGES = answers("cdc", {"CDCResponse": [{"QueryResponse": [{}]}], "time": MOMENT})


@pytest_asyncio.fixture(params=list(NOBODY))
async def side(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> AsyncIterator[Side]:
    """Five people in a sandbox, all read."""
    async with sandbox(request.param, "over HTTP", tmp_path) as place:
        side = Side(request.param, place, world.database, LimitSettings(enforced=False))
        await side.connect()
        await side.vault.save(COMPANY, SOURCE, Credential(system=side.system, api_key="k"))
        await side.seed([side.person(f"P{n}", "Li") for n in range(5)])
        cast("dict[UUID, object]", world.connectors.directories)[SOURCE] = side.connector()
        await world.configure()
        await world.read()
        await world.news()
        yield side
        await side.close()


async def warned(side: Side) -> str:
    """What the source's account shows of its last complete read."""
    return next(h.warning for h in await side.vault.health(COMPANY) if h.account_id == SOURCE)


async def warning(side: Side) -> tuple[int, int]:
    """How many people were missing in it, and of how many."""
    (health,) = [h for h in await side.vault.health(COMPANY) if h.account_id == SOURCE]
    return health.warning_count, health.warning_total


async def present(world: World) -> int:
    return sum(state == "present" for state, _ in (await world.staged()).values())


@pytest.mark.parametrize("side", ["quickbooks"], indirect=True)
async def test_a_stub_is_believed_only_when_the_record_does_not_answer_by_name(
    world: World, side: Side
) -> None:
    """One of two who are said to be gone is there, and has even changed."""
    there, gone, *_ = await side.rows()
    await side.merge_away(gone)
    await side.edit(there, GivenName="Paula")
    stubs = [{"domain": "QBO", "status": "Deleted", "Id": i} for i in (there, gone)]
    await side.faults(
        answers("cdc", {"CDCResponse": [{"QueryResponse": [{"Employee": stubs}]}], "time": MOMENT})
    )

    await world.wanted(SOURCE)
    await world.read()

    news = await world.news()
    assert [gone] == people(news, "employee.removed")
    assert [there] == people(news, "employee.changed")
    assert ("present", "Paula") == (await world.staged())[there]


@pytest.mark.parametrize("import_all", [False, True])
async def test_a_directory_that_shows_nobody_removes_nobody(
    world: World, side: Side, *, import_all: bool
) -> None:
    """It stands at the account and in the run until a complete read is well."""
    await side.faults(answers("query", NOBODY[side.system]), NO_CHANGES)
    await (world.ask("all") if import_all else world.next_day())
    await world.reader.begin_generations()
    await world.read()

    news = await world.news()
    assert not people(news, "employee.removed")
    assert 5 == await present(world)
    assert "directory_short" == await warned(side)
    ends = [(s.body["removed"], s.body["reason"]) for s in news if s.kind == "import.completed"]
    assert [(0, "directory_short")] * import_all == ends

    await side.faults()
    await world.ask("all", name="again")
    await world.read()

    assert "" == await warned(side)
    (end,) = [s for s in await world.news() if s.kind == "import.completed"]
    assert end.body["reason"] is None


@pytest.mark.reason("directory.directory_short")
@pytest.mark.parametrize(("leave", "removed"), [(2, 2), (3, 0)])
async def test_a_directory_that_shows_less_than_half_removes_nobody(
    world: World, side: Side, leave: int, removed: int
) -> None:
    """Two of five may leave at once; of three it is not believed."""
    for one in list(await side.rows())[:leave]:
        await side.merge_away(one)
    await side.faults(NO_CHANGES)
    await world.ask("all")
    await world.read()

    news = await world.news()
    (end,) = [s.body for s in news if s.kind == "import.completed"]
    said = "" if removed else "directory_short"
    assert (removed, said) == (len(people(news, "employee.removed")), end["reason"] or "")
    assert (5 - removed, said) == (await present(world), await warned(side))


async def test_who_has_really_left_is_gone_once_a_person_has_confirmed_how_many(
    world: World, side: Side
) -> None:
    """Four of five: less than that confirmed marks nobody, and says the number again; then the next is judged as ever."""
    for one in list(await side.rows())[:4]:
        await side.merge_away(one)
    await side.faults(NO_CHANGES)
    for confirmed, gone in ((0, 0), (3, 0), (4, 4)):
        await world.ask("directory", name=f"of {confirmed}", gone_at_most=confirmed)
        await world.read()
        news = await world.news()
        (end,) = [s.body for s in news if s.kind == "import.completed"]
        assert gone == len(people(news, "employee.removed")) == end["removed"]
        missing = (0, 0) if gone else (4, 5)
        assert missing == (end["missing"], end["known"]) == await warning(side)
        assert (await warned(side) == "") == bool(gone)
    assert 1 == await present(world)

    await side.merge_away(next(iter(await side.rows())))
    await world.ask("all", name="the last one")
    await world.read()
    assert (1, 1) == await warning(side), "what was confirmed held for one read"
