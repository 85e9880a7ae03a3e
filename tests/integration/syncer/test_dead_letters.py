"""A message that syncer cannot handle ends in a status, or in the end of its run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from shared.contracts.commands import SyncRecords
from shared.contracts.events import (
    SITUATIONS,
    EmployeeChanged,
    EmployeeRemoved,
    EmployeeStaged,
    EmployeeUnreadable,
    MatchFailed,
)
from shared.domain.employee import Employee
from shared.domain.ids import record_id
from shared.domain.values import Cause
from tests.support.companies import DESTINATION, NAMESPACE, SOURCE

from .conftest import World

ABOUT_RECORDS = [
    EmployeeStaged, EmployeeChanged, EmployeeRemoved, EmployeeUnreadable, MatchFailed, *SITUATIONS,
]  # fmt: skip


def body_of(cls: type[Any], record: UUID, account: UUID = SOURCE) -> Any:
    """As far as the hook looks at it."""
    return cls.model_construct(
        record_id=record, account_id=account, remote_id="a", rev=2, source_rev=2, link_rev=9,
        employee=Employee(first_name="Bo"), requested_at=datetime.now(UTC),
        answered_at=datetime.now(UTC), cause=Cause.SWEEP, changes={}, reason="internal",
    )  # fmt: skip


async def dead_lettered(world: World, body: Any) -> None:
    async with world.database.locked([world.message(body).company_id]) as tx:
        await world.handlers.on_dead_letter(world.message(body), tx)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("cls", ABOUT_RECORDS, ids=lambda c: c.wire_type())
async def test_a_source_record_fails(world: World, cls: type[Any], *, known: bool) -> None:
    """Whether or not syncer has heard of it; the push that waits for it ends, and its run."""
    if known:
        await world.staged("a")
        await world.sync("a")
        assert ("syncing", "waiting") == (await world.statuses())[world.id("a")]
    await dead_lettered(world, body_of(cls, world.id("a")))

    assert ("failed", "internal") == (await world.statuses())[world.id("a")]
    assert known == bool(await world.published("sync.completed"))
    assert ["failed"] == [s["status"] for s in await world.published_statuses()][-1:]


async def test_a_match_that_failed_before_its_record_is_known_is_not_forgotten(world: World) -> None:
    """The record stood as being checked for ever."""
    await world.tell(world.handlers.on_links, body_of(MatchFailed, world.id("a")))
    await world.staged("a", rev=2)
    assert ("failed", "internal") == (await world.statuses())[world.id("a")]

    await world.staged("a", rev=3)
    assert ("needs_sync", "checking") == (await world.statuses())[world.id("a")]


async def test_of_a_destination_record_the_linked_one_fails(world: World) -> None:
    """It is no source record itself."""
    await world.staged("a")
    await world.unmatched("a")
    await world.sync("a")
    await world.send()
    await world.linked("a", "1")
    await dead_lettered(world, body_of(EmployeeChanged, record_id(DESTINATION, "1"), DESTINATION))

    assert {world.id("a"): ("failed", "internal")} == await world.statuses()


async def test_a_part_of_a_run_counts_as_failed_and_the_run_ends(world: World) -> None:
    """With all its parts, whichever could be handled."""
    await world.staged("a", "b")
    await world.unmatched("a", "b")
    run = uuid5(NAMESPACE, "run")
    parts = [
        SyncRecords.model_validate({
            "run_id": run, "part": n, "parts": 2, "total": 2,
            "records": [{"record_id": world.id(r), "source_rev": 1, "status": "needs_sync"}],
        })
        for n, r in ((1, "a"), (2, "b"))
    ]  # fmt: skip
    await dead_lettered(world, parts[0])
    assert not await world.published("sync.completed")
    await world.tell(world.handlers.on_commands, parts[1])
    await world.send()

    (end,) = await world.published("sync.completed")
    assert (str(run), 1, 1) == (end["run_id"], end["succeeded"], end["failed"])
    assert ("synced", "") == (await world.statuses())[world.id("b")]
